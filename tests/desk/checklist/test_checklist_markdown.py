"""Checklists of a runbook: boxes that a panel of ours answers do so, the rest is signed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desk.checklist.box import Checklist
from desk.checklist.markdown import boxes_of, filled, found_in
from desk.runbook.book import Box, BoxList, Command, Runbook
from probes.base import Sort, Verb
from tests.desk.checklist.lists import box, profile

KINDS = {"shelf": "toy", "front": "http", "back": "http"}


def command(kind: str, sort: Sort = Sort.READING, target: str = "", text: str = "toys list") -> Command:
    return Command(1, 1, text, sort=sort, verb=Verb.STATUS, kind=kind, target=target)


def book(*lists: BoxList) -> Runbook:
    return Runbook("docs/RUNBOOK.md", "0" * 64, checklists=lists)


DAILY = BoxList(
    10,
    "2. Every **day**:",
    "daily",
    (Box(11, "Toys are there", command=command("toy")), Box(12, "`Listen`"), Box(13, "Listen"), Box(14, "  ")),
)


def test_what_a_panel_of_ours_reads_answers_itself_and_the_rest_is_signed() -> None:
    toys, listen, again = boxes_of(DAILY, KINDS, "RUNBOOK.md")
    assert (toys.reading, toys.by_itself, toys.command) == ("shelf", True, "toys list")
    assert (listen.say, listen.by_itself, listen.origin) == ("Listen", False, "RUNBOOK.md:12")
    assert listen.key != again.key


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (command("http"), ""),
        (command("http", target="back"), "back"),
        (command("postgres"), ""),
        (command("toy", Sort.ACTION), "shelf"),
        (command("toy", Sort.LOG), "shelf"),
        (command("", Sort.SHELL), ""),
    ],
)
def test_a_command_leads_to_the_one_target_it_can_mean(given: Command, place: str) -> None:
    (made,) = boxes_of(BoxList(1, "x", boxes=(Box(2, "say", command=given),)), KINDS, "f.md")
    assert made.place == place
    assert made.by_itself is (bool(place) and given.sort is Sort.READING)


@pytest.mark.parametrize(
    ("kind", "text", "target"),
    [
        ("http", "curl -s https://elsewhere.example/health", "https://elsewhere.example/health"),
        ("http", "curl -s elsewhere.example/health", "elsewhere.example/health"),
        ("postgres", 'psql -h staging-db -c "SELECT 1"', ""),
        ("postgres", "psql -hstaging-db", ""),
        ("postgres", "pg_isready -U app --host=staging-db", ""),
        ("postgres", "PGHOST=staging-db psql", ""),
        ("postgres", 'psql "host=staging-db dbname=app"', "app"),
        ("postgres", "psql $STAGING_DATABASE_URL", "$STAGING_DATABASE_URL"),
        ("redis", "redis-cli -p 6380 info memory", ""),
        ("docker", "docker -H tcp://other:2375 ps", ""),
        ("docker", "docker --context staging ps", ""),
        ("docker", "docker compose -p other ps", ""),
        ("kubernetes", "kubectl get pods -n other", "pods"),
        ("kubernetes", "kubectl --context=staging get pods", "pods"),
        ("rds", "aws rds describe-db-instances --db-instance-identifier other", "other"),
        ("sqs", "aws sqs list-queues --profile staging", ""),
        ("ecs", "aws ecs describe-services --cluster other --services api", "api"),
        ("ecs", "aws ecs list-services --region eu-west-3", ""),
        ("net", "ping -c 3 db.elsewhere.example", "db.elsewhere.example"),
    ],
)
@pytest.mark.parametrize("sort", [Sort.READING, Sort.ACTION, Sort.LOG])
def test_a_command_that_says_where_it_looks_is_not_answered_by_the_only_target(
    kind: str, text: str, target: str, sort: Sort
) -> None:
    given = command(kind, sort, target, text)
    (made,) = boxes_of(BoxList(1, "x", boxes=(Box(2, "say", command=given),)), {"ours": kind}, "f.md")
    assert (made.by_itself, made.place) == (False, "")


def test_a_command_on_another_host_is_not_answered_by_ours() -> None:
    given = replace(command("host", text="ssh db1 df -h", target="db1"), place="host db1")
    (made,) = boxes_of(BoxList(1, "x", boxes=(Box(2, "say", command=given),)), {"local": "host"}, "f.md")
    assert (made.by_itself, made.place) == (False, "")


@pytest.mark.parametrize(
    ("kind", "text", "target"),
    [
        ("host", "df -h", ""),
        ("host", "df -h /var", "/var"),
        ("postgres", 'psql -U app -d shop -c "SELECT 1"', "shop"),
        ("postgres", 'docker compose exec db psql -U app -c "SELECT 1"', "db"),
        ("redis", "redis-cli -n 1 info memory", ""),
        ("docker", "docker compose logs --tail 50 worker", "worker"),
        ("kubernetes", "kubectl get pods", "pods"),
        ("rds", "aws rds describe-db-instances", ""),
    ],
)
def test_a_command_that_says_nothing_of_where_is_answered_by_the_only_target(kind: str, text: str, target: str) -> None:
    given = command(kind, target=target, text=text)
    (made,) = boxes_of(BoxList(1, "x", boxes=(Box(2, "say", command=given),)), {"ours": kind}, "f.md")
    assert made.reading == "ours"


def test_code_in_a_box_stays_letter_by_letter() -> None:
    text = "**Look** at `count(*)` of ``pg_stat_activity`` and _then_ at pg_stat_io"
    (made,) = boxes_of(BoxList(1, "x", boxes=(Box(2, text),)), KINDS, "f.md")
    assert made.say == "Look at count(*) of pg_stat_activity and then at pg_stat_io"


def test_every_list_of_a_runbook_is_there_under_a_name_of_its_own() -> None:
    made = found_in(book(DAILY, DAILY, BoxList(20, "Empty")), KINDS, ["2-every-day"])
    assert [one.name for one in made] == ["2-every-day-2", "2-every-day-3"]
    assert [(one.schedule, one.origin) for one in made] == [(None, "RUNBOOK.md:10")] * 2


def test_a_box_of_the_profile_says_what_answers_the_one_of_the_runbook() -> None:
    mine = box("check = 'shelf.things < 3'")
    own = Checklist("daily", "Daily", (mine,), source="every day")
    with_words = BoxList(1, "Every day", boxes=(Box(2, "It is so."), Box(3, "Look")))
    made = filled(own, [book(with_words)], KINDS)
    assert [(one.say, one.by_itself) for one in made.boxes] == [("It is so.", True), ("Look", False)]
    more = filled(own, [book(BoxList(1, "Every day", boxes=(Box(3, "Look"),)))], KINDS)
    assert [one.say for one in more.boxes] == ["Look", "It is so"]


def test_a_box_of_the_profile_changes_only_what_it_says() -> None:
    given = BoxList(1, "Every day", boxes=(Box(2, "It is so", command=command("toy")),))
    acted = BoxList(1, "Every day", boxes=(Box(2, "It is so", command=command("toy", Sort.ACTION)),))
    cases = [
        (given, "procedure = 'Tidy'", ("shelf", "", "Tidy")),
        (acted, "procedure = 'Tidy'", ("", "shelf", "Tidy")),
        (given, "reading = 'box'", ("box", "", "")),
        (given, "manual = true", ("", "", "")),
    ]
    for theirs, text, wanted in cases:
        mine = box(text) if "procedure" not in text else replace(box("manual = true"), by_hand=False, procedure="Tidy")
        (made,) = filled(Checklist("daily", "Daily", (mine,), source="every day"), [book(theirs)], KINDS).boxes
        assert (made.reading, made.action, made.procedure) == wanted, text


def test_a_checklist_is_whole_as_soon_as_its_heading_is_found() -> None:
    own = Checklist("daily", "Daily", (), source="2. every day", unread=True)
    assert not filled(own, [book(DAILY)], KINDS).unread
    (read,) = profile('[[checklist]]\nname = "day"\nfrom = "Every day"\n', 'runbook = "R.md"\n').checklists
    assert read.unread


def test_a_heading_that_is_not_there_is_told_with_those_that_are() -> None:
    own = Checklist("daily", "Daily", (), source="Every hour")
    with pytest.raises(LookupError, match=r"no runbook has a checklist “Every hour”; there are: “2. Every \*\*day"):
        filled(own, [book(DAILY)], KINDS)
