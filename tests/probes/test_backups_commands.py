"""The dialect of backups: which lines mean one of our acts, what is said about them, and which mean none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import recognised
from probes.backups.act import BackupsActuator
from probes.backups.plans import NEW_NAME
from probes.backups.settings import BackupsSettings
from probes.base import Context, Recognised, Request, Target
from tests.probes.acting import comes_back
from tests.probes.rigs import TestSecrets
from tests.toys import StillClock

FOLDER = "/backups/postgresql"
names = some.from_regex(r"[A-Za-z0-9_.][A-Za-z0-9_. -]{0,40}(\.dump|\.sql|\.sql\.gz|\.tar)", fullmatch=True)
databases = some.from_regex(NEW_NAME, fullmatch=True).filter(
    lambda name: name != "newsletter" and not name.startswith(("opsroom_verify_", "test_restore", "verify", "scratch"))
)
acts = some.uuids().map(str)


def actuator(**settings: Any) -> BackupsActuator:
    made: dict[str, Any] = {
        "folder": FOLDER,
        "pattern": "newsletter-*.dump",
        "database": {"url": "postgresql://app@db:5433/newsletter"},
        "admin": {"url": "postgresql://owner@db:5433/postgres"},
        "scratch": {"url": "postgresql://prover@scratch/postgres"},
        "offhost": {"bucket": "away", "prefix": "db/", "endpoint": "https://store.example"},
    }
    clock = StillClock()
    found = BackupsSettings.model_validate(made | settings)
    return BackupsActuator(Target("nightly", "backups", found), Context(TestSecrets(), clock.monotonic, clock.now))


def meaning(line: str, **settings: Any) -> Recognised | None:
    return recognised(line, actuator(**settings))


@pytest.mark.parametrize("pattern", ["newsletter-*.dump", "*", "n-*.sql.gz", "n-*.sql", "n-*.tar", "n?-*.dump"])
def test_every_dump_and_prune_by_rule_comes_back_from_its_line(pattern: str) -> None:
    for action in ("dump", "prune-old"):
        assert comes_back(actuator(pattern=pattern), Request(action))
        assert comes_back(actuator(pattern=pattern, database={"url": "env:DATABASE_URL"}), Request(action))


@given(some.lists(names, min_size=1, max_size=3, unique=True), some.sampled_from(["copy", "prune"]))
def test_every_copy_and_prune_comes_back_from_its_lines(subjects: list[str], action: str) -> None:
    assert comes_back(actuator(), Request(action, tuple(subjects)))
    assert comes_back(actuator(offhost={"folder": "/mnt/away"}), Request(action, tuple(subjects)))


@given(names)
def test_every_fetch_comes_back_from_its_line(name: str) -> None:
    assert comes_back(actuator(), Request("fetch", (), word=name))
    assert comes_back(actuator(offhost={"folder": "/mnt/away"}), Request("fetch", (), word=name))


@given(names)
def test_every_proof_comes_back_from_its_line(name: str) -> None:
    assert comes_back(actuator(), Request("verify", (name,)))


@given(names, databases)
def test_every_restore_comes_back_from_its_line(name: str, new: str) -> None:
    assert comes_back(actuator(), Request("restore", (name,), word=new))


@given(databases, some.sampled_from(["switch", "switch-terminate"]))
def test_every_switch_comes_back_from_its_line(name: str, action: str) -> None:
    assert comes_back(actuator(), Request(action, (), word=name))
    assert comes_back(actuator(admin=None), Request(action, (), word=name))


@given(acts, some.sampled_from(["stop", "clean"]))
def test_every_act_on_a_job_comes_back_from_its_line(act: str, action: str) -> None:
    assert comes_back(actuator(), Request(action, (act,)))


VERIFY = Request("verify", ("a.dump",))
OVER = Request("restore", ("a.dump",))


@pytest.mark.parametrize(
    ("line", "request_", "warned"),
    [
        ("pg_dump -U app newsletter > backup-20260301-031241.sql", Request("dump"), "A redirect makes the file"),
        ("pg_dump -h db -p 5433 -U app newsletter | gzip > /backups/x.sql.gz", Request("dump"), "A pipe hides"),
        ("docker-compose exec postgres pg_dump -U app newsletter > b.sql", Request("dump"), "docker exec"),
        ("docker compose exec -T postgres pg_dump -U app -d newsletter | gzip > b.gz", Request("dump"), "A pipe hides"),
        ("PGPASSWORD=x pg_dump -Fc --dbname=newsletter -f /backups/postgresql/n.dump", Request("dump"), ""),
        ("sudo -u postgres pg_dump --format=custom newsletter -f /tmp/x", Request("dump"), "A redirect makes the file"),
        ("pg_dump postgresql://app@db:5433/newsletter -Fc -f /backups/postgresql/n.dump", None, ""),
        ("pg_restore -l /backups/postgresql/a.dump | head -20", VERIFY, "is cut off passes it"),
        ("pg_restore -f /dev/null /backups/postgresql/a.dump", VERIFY, ""),
        ("gzip -t /backups/postgresql/a.dump", VERIFY, "proves the compression only"),
        ("head -5 /backups/postgresql/a.dump", VERIFY, "proves nothing"),
        ("cat /backups/postgresql/a.dump | head", VERIFY, "proves nothing"),
        ("zcat /backups/postgresql/a.dump | tail -3", VERIFY, "proves nothing"),
        ("pg_restore -h scratch -U prover -d test_restore_1709251200 /backups/postgresql/a.dump", VERIFY, ""),
        ("pg_restore -h db -p 5433 -d newsletter /backups/postgresql/a.dump", OVER, "doubles rows"),
        ("pg_restore --clean -d newsletter /backups/postgresql/a.dump", OVER, "doubles rows"),
        ("pg_restore -cC -d postgres /backups/postgresql/a.dump", OVER, "doubles rows"),
        ("psql newsletter -f /backups/postgresql/a.dump", OVER, "doubles rows"),
        ("gunzip -c /backups/postgresql/a.dump | psql newsletter", OVER, "doubles rows"),
        ("cat /backups/postgresql/a.dump | psql -d fresh", Request("restore", ("a.dump",), word="fresh"), "goes on"),
        ("pg_restore -d fresh /backups/postgresql/a.dump", Request("restore", ("a.dump",), word="fresh"), ""),
        ("aws s3 cp /backups/postgresql/a.dump s3://away/db/a.dump --endpoint-url https://store.example",
         Request("copy", ("a.dump",)), ""),
        ("aws s3 cp s3://away/db/a.dump /backups/postgresql/ --endpoint-url https://store.example",
         Request("fetch", (), word="a.dump"), "straight to the name"),
        ("aws s3 cp s3://away/db/a.dump /backups/postgresql/a.dump", Request("fetch", (), word="a.dump"),
         "straight to the name"),
        ("find /backups/postgresql -name '*.dump' -mtime +30 -delete", Request("prune-old"), "by age alone"),
        ("find /backups/postgresql -mtime +30 -exec rm {} +", Request("prune-old"), "by age alone"),
        ("rm -f /backups/postgresql/a.dump /backups/postgresql/b.dump", Request("prune", ("a.dump", "b.dump")),
         "never one of the newest three"),
        ("psql -d postgres -c 'ALTER DATABASE newsletter RENAME TO old; alter database fresh rename to newsletter'",
         Request("switch", (), word="fresh"), ""),
    ],
)  # fmt: skip
def test_a_line_means_what_it_says_done_rightly(line: str, request_: Request | None, warned: str) -> None:
    found = meaning(line)
    if request_ is None:
        assert found is None
        return
    assert found is not None
    assert found.request == request_
    assert (warned in found.warning) if warned else not found.warning


@pytest.mark.parametrize(
    "line",
    [
        "pg_dump -U app other > b.sql",
        "pg_dump -h elsewhere newsletter",
        "pg_dump -p 5432 -h db newsletter",
        "pg_dump -t tenants newsletter > tenants.sql",
        "pg_dump --schema-only newsletter",
        "pg_dump newsletter | psql copy",
        "pg_dumpall > all.sql",
        "pg_restore -t people -d fresh /backups/postgresql/a.dump",
        "pg_restore -d fresh /elsewhere/a.dump",
        "pg_restore -d fresh /backups/postgresql/../a.dump",
        "pg_restore -h elsewhere -d fresh /backups/postgresql/a.dump",
        "pg_restore -d fresh a b",
        "psql newsletter",
        "psql -c 'DROP DATABASE newsletter'",
        "psql -c 'ALTER DATABASE newsletter RENAME TO old'",
        "dropdb newsletter",
        "dropdb opsroom_verify_x",
        "rm -rf /backups/postgresql",
        "rm /etc/passwd",
        "gunzip /backups/postgresql/a.sql.gz",
        "gzip /backups/postgresql/a.sql",
        "find / -mtime +30 -delete",
        "find /backups/postgresql -delete",
        "find /backups/postgresql -mtime +30",
        "aws s3 cp /backups/postgresql/a.dump s3://elsewhere/a.dump",
        "aws s3 sync s3://a s3://b",
        "aws s3 cp s3://away/db/a.dump /backups/postgresql/b.dump",
        "aws s3 cp s3://away/db/a.dump .",
        "aws s3 cp s3://away/a.dump /backups/postgresql/a.dump",
        "aws s3 cp s3://away/db/deep/a.dump /backups/postgresql/",
        "aws s3 cp s3://elsewhere/db/a.dump /backups/postgresql/",
        "aws s3 cp s3://away/db/ /backups/postgresql/",
        "aws s3 cp s3://away/db/a.dump - | pg_restore -d fresh",
        "cp /backups/postgresql/a.dump /tmp/",
        "pkill -f postgres",
        "ls -la /backups/postgresql",
        "createdb fresh",
    ],
)
def test_a_line_that_means_something_else_or_speaks_of_another_place_means_nothing(line: str) -> None:
    assert meaning(line) is None


@given(some.text(max_size=80))
def test_no_text_breaks_the_dialect(text: str) -> None:
    for program in ("pg_dump", "pg_restore", "psql", "rm", "find /backups/postgresql", "aws s3 cp", "docker exec"):
        meaning(f"{program} {text}")
