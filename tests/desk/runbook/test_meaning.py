"""Meanings: the worst of all simple commands decides the danger, the one that matters the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.runbook.meaning import understood
from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within
from tui.dialects import dialects

READ, REVERSIBLE, DISRUPTIVE, DESTRUCTIVE = Danger


class Toy:
    """A little world of its own, so that these tests depend on no dialect."""

    @staticmethod
    def understand(line: CommandLine) -> Meaning | Within | None:
        return _understand(line)


def _understand(line: CommandLine) -> Meaning | Within | None:
    rest = line.words[1:]
    match line.program:
        case "look":
            return Meaning(
                Sort.READING, Verb.STATUS, "toy", rest[0] if rest else "", warning="it lies", becomes="look -v"
            )
        case "bounce":
            return Meaning(Sort.ACTION, Verb.RESTART, "toy", rest[0] if rest else "", DISRUPTIVE)
        case "burn":
            return Meaning(Sort.SHELL, Verb.OTHER, "toy", danger=DESTRUCTIVE)
        case "go":
            return Within("host " + rest[0], words=rest[1:], system="ssh", interactive=len(rest) == 1)
        case "sh":
            return Within("", script=rest[-1])
        case "boom":
            raise ValueError(line)
        case _:
            return None


TOY = (Toy,)


@pytest.mark.parametrize(
    ("text", "danger"),
    [
        ("look a", READ),
        ("look a && bounce b", DISRUPTIVE),
        ("look a; burn b; bounce c", DESTRUCTIVE),
        ("look $(burn x)", DESTRUCTIVE),
        ("X=$(burn x)", DESTRUCTIVE),
        ("export X=`burn x`", DESTRUCTIVE),
        ("go web burn", DESTRUCTIVE),
        ("go web sh -c 'look a && burn b'", DESTRUCTIVE),
        ("sh 'sh \"sh burn\"'", DESTRUCTIVE),
        ("if look a; then burn b; fi", DESTRUCTIVE),
        ("for i in 1 2; do burn $i; done", DESTRUCTIVE),
        ("look a | burn", DESTRUCTIVE),
        ("frobnicate", DISRUPTIVE),
        ("frobnicate --delete-all", DESTRUCTIVE),
        ("boom", DISRUPTIVE),
        ("echo don't && burn x", DESTRUCTIVE),
        ("look a > out.txt", REVERSIBLE),
        ("look a > /dev/null 2>&1", READ),
        ("> app.log", DESTRUCTIVE),
        (": > app.log", DESTRUCTIVE),
        ("cat /dev/null > app.log", DESTRUCTIVE),
        ("echo '' > app.log", DESTRUCTIVE),
        ("echo done >> app.log", REVERSIBLE),
        ("look a > /etc/app.conf", DISRUPTIVE),
        ("look a > /dev/sda", DESTRUCTIVE),
        ("echo hello | grep h", READ),
        ("NAME=web", READ),
        ("[ -f x ]", READ),
        ("psql shop < dump.sql", DESTRUCTIVE),
        ("zcat dump.gz | psql shop", DESTRUCTIVE),
        ('echo "$SQL" | psql shop', DESTRUCTIVE),
        ("curl http://h/i.sh | bash", DISRUPTIVE),
    ],
)
def test_the_worst_part_decides_the_danger(text: str, danger: Danger) -> None:
    assert understood(text, TOY).meaning.danger is danger


@pytest.mark.parametrize(
    ("text", "verb", "target"),
    [
        ("cd /srv && sleep 5 && look a | grep x | head -1", Verb.STATUS, "a"),
        ("look a; bounce b; look c", Verb.RESTART, "b"),
        ("frobnicate && bounce b", Verb.RESTART, "b"),
        ("X=$(look a)", Verb.STATUS, "a"),
        ("export X=$(look a | cut -c1)", Verb.STATUS, "a"),
        ("echo start; look a; echo end", Verb.STATUS, "a"),
        ("go web look a", Verb.STATUS, "a"),
        ("until look a; do sleep 2; done", Verb.STATUS, "a"),
    ],
)
def test_the_part_that_matters_names_class_verb_and_target(text: str, verb: Verb, target: str) -> None:
    found = understood(text, TOY).meaning
    assert (found.verb, found.target) == (verb, target)


def test_what_is_done_instead_is_told_for_one_command_only() -> None:
    assert understood("look a", TOY).meaning.becomes == "look -v"
    assert understood("look a | grep x", TOY).meaning.becomes == "look -v"
    assert understood("look a && bounce b", TOY).meaning.becomes == ""


def test_a_session_elsewhere_says_where_and_that_it_waits_for_a_person() -> None:
    found = understood("go web", TOY)
    assert (found.place, found.meaning.interactive, found.meaning.sort) == ("host web", True, Sort.SHELL)
    assert understood("go web bounce a", TOY).place == "host web"


def test_what_is_left_behind_is_told() -> None:
    found = understood("cd /srv/app && TOKEN=$(look a)", TOY)
    assert (found.folder, found.sets) == ("/srv/app", ("TOKEN",))


def test_a_secret_written_to_the_screen_is_marked() -> None:
    assert understood("echo $API_SECRET", TOY).meaning.reveals
    assert understood("printenv DB_PASSWORD", TOY).meaning.reveals
    assert not understood("echo $API_SECRET | wc -c", TOY).meaning.reveals
    assert not understood("echo $REGION", TOY).meaning.reveals


def test_an_address_cut_by_an_unquoted_ampersand_is_said() -> None:
    assert "&" in understood("bounce http://h/p?a=1&b=2", TOY).meaning.warning
    assert understood("bounce 'http://h/p?a=1&b=2'", TOY).meaning.warning == ""


@pytest.mark.parametrize(
    ("text", "language", "sort", "verb", "danger"),
    [
        ("docker compose restart api", "shell", Sort.ACTION, Verb.RESTART, DISRUPTIVE),
        ("ssh db1 'sudo systemctl restart postgresql && rm -rf /srv/x'", "shell", Sort.SHELL, Verb.OTHER, DESTRUCTIVE),
        ("kubectl exec -it $POD -- redis-cli FLUSHDB", "shell", Sort.ACTION, Verb.MAINTENANCE, DESTRUCTIVE),
        ("kubectl get pods -n <namespace> | grep web", "shell", Sort.READING, Verb.STATUS, READ),
        ("cat dump.sql | docker exec -i db psql shop", "shell", Sort.ACTION, Verb.RESTORE, DESTRUCTIVE),
        ("echo FLUSHALL | redis-cli", "shell", Sort.ACTION, Verb.MAINTENANCE, DESTRUCTIVE),
        ("watch -n5 'docker compose ps'", "shell", Sort.READING, Verb.STATUS, READ),
        ("FLUSHDB", "redis", Sort.ACTION, Verb.MAINTENANCE, DESTRUCTIVE),
        ("llen jobs", "redis", Sort.READING, Verb.QUEUE_DEPTH, READ),
        ("DELETE FROM t WHERE a = 1;", "sql", Sort.SHELL, Verb.OTHER, DESTRUCTIVE),
        ("SELECT pg_terminate_backend(<pid>);", "sql", Sort.ACTION, Verb.TERMINATE, DISRUPTIVE),
    ],
)
def test_with_the_dialects_of_this_program(text: str, language: str, sort: Sort, verb: Verb, danger: Danger) -> None:
    found = understood(text, dialects(), language).meaning
    assert found.danger is danger
    if found.sort is not Sort.SHELL or sort is not Sort.SHELL:
        assert (found.sort, found.verb) == (sort, verb)


def test_a_huge_text_is_the_worst_at_once() -> None:
    assert understood("look a\n" * 40_000, TOY).meaning.danger is DESTRUCTIVE


@given(st.text(max_size=200), st.sampled_from(["shell", "sql", "redis"]))
def test_any_text_has_a_meaning(text: str, language: str) -> None:
    assert isinstance(understood(text, dialects(), language).meaning, Meaning)


@given(
    st.lists(
        st.sampled_from(["look a", "&&", "|", ";", "(", ")", "'", '"', "$(", "if", "done", "\n", "<x>"]), max_size=8
    )
)
def test_nothing_around_a_dangerous_command_makes_it_harmless(pieces: list[str]) -> None:
    assert understood("burn x\n" + " ".join(pieces), TOY).meaning.danger is DESTRUCTIVE


def test_a_text_whose_end_mark_does_not_stand_alone_is_warned_of() -> None:
    found = understood("psql shop <<EOF\nSELECT 1;\nEOF | gzip > x.gz", dialects(), "shell").meaning
    assert "EOF does not end the text" in found.warning
    assert found.danger is Danger.DISRUPTIVE
    assert understood("psql shop <<EOF\nSELECT 1;\nEOF\n", dialects(), "shell").meaning.danger is Danger.READ
    assert understood("somectl reinit node-1", dialects(), "shell").meaning.danger is Danger.DESTRUCTIVE


@pytest.mark.parametrize("wrapped", ["{}", "sudo {}", "ssh web1 {}", "docker exec api {}", "cat a | {}"])
@pytest.mark.parametrize(
    "text", ["uniq a b", "uniq -f 1 a b", "uniq - b", "less +!reboot a", "more +!reboot a", "less ++v a"]
)
def test_a_program_that_only_shows_and_is_told_to_do_more_is_no_look(text: str, wrapped: str) -> None:
    assert understood(wrapped.format(text), dialects()).meaning.danger >= DISRUPTIVE


@pytest.mark.parametrize(
    "text", ["uniq a", "uniq -c -f 1 a", "cat a | uniq", "less +F a", "less +G a", "less +120 a", "less ++/error a"]
)
def test_a_program_that_shows_stays_a_look_however_it_begins(text: str) -> None:
    assert understood(text, dialects()).meaning.danger is READ


@pytest.mark.parametrize("text", ["alias ll='rm -rf /srv'", "echo a; alias k=kubectl", "alias -g x=y"])
def test_an_alias_that_is_given_a_meaning_is_no_look(text: str) -> None:
    assert understood(text, dialects()).meaning.danger >= DISRUPTIVE


@pytest.mark.parametrize("text", ["alias", "alias -p", "alias ll"])
def test_an_alias_that_is_asked_for_is_a_look(text: str) -> None:
    assert understood(text, dialects()).meaning.danger is READ


class Blind:
    """A world that takes every line for a look."""

    @staticmethod
    def understand(line: CommandLine) -> Meaning | Within | None:
        return Meaning(Sort.READING, Verb.STATUS, line.program)


@pytest.mark.parametrize("options", ["--some-mode", "-Wdefault", "-", "--experimental"])
def test_a_text_for_an_interpreter_is_run_whatever_its_options_are_spelled_like(options: str) -> None:
    assert understood(f"echo 'remove(x)' | python3 {options}", (Blind,)).meaning.danger is DESTRUCTIVE


@pytest.mark.parametrize("options", ["-mjson.tool", "-Imjson.tool"])
def test_an_interpreter_that_is_told_what_to_run_reads_its_input_as_data(options: str) -> None:
    assert understood(f"echo 'remove(x)' | python3 {options}", (Blind,)).meaning.danger is READ
