"""What the lines mean that take, list, copy and restore backups when they stand in somebody's notes."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from desk.commandline import parse
from probes.backups import dialect as module
from probes.base import CommandLine, Danger, Dialect, Meaning, Request, Sort, Within
from tests.probes.spoken import line, meant, said, words
from tests.probes.test_backups_commands import acts, actuator, databases, names
from tui.dialects import dialects

DIALECT = cast(Dialect, module)

LINES = [
    ("velero backup get", "shell backup read", ""),
    ("velero schedule pause nightly", "shell backup disruptive", ""),
    ("mc admin info shop", "shell status read", ""),
    ("mc ilm rule rm --id a shop/files", "shell maintenance destructive", ""),
    ("s3cmd del --recursive s3://files/old", "shell maintenance destructive", ""),
    ("restic repair snapshots --forget", "shell maintenance destructive", ""),
    ("pg_dump -U shop shop", "action backup reversible", "shop"),
    ("pg_dump -Fc -f /backups/a.dump -d shop", "action backup reversible", "shop"),
    ("pg_dump $DATABASE_URL", "action backup reversible", "$DATABASE_URL"),
    ("pg_dump postgresql://me:hunter2@db/shop", "action backup reversible", "shop"),
    ("pg_dump -t orders shop | gzip", "action backup reversible", "shop"),
    ("pg_dump shop | psql shop2", "action restore destructive", "shop"),
    ("pg_dumpall --globals-only", "shell backup reversible", ""),
    ("pg_basebackup -D /var/lib/replica -P", "shell backup reversible", "/var/lib/replica"),
    ("pg_restore -l a.dump", "reading backup read", "a.dump"),
    ("pg_restore --list a.dump | head -20", "reading backup read", "a.dump"),
    ("pg_restore -d shop a.dump", "action restore destructive", "shop"),
    ("pg_restore --clean --if-exists --dbname=shop -j 4 a.dump", "action restore destructive", "shop"),
    ("pg_restore -C a.dump | psql", "action restore destructive", ""),
    ("pg_restore -f /dev/null a.dump", "reading backup read", "a.dump"),
    ("pg_restore -f a.sql a.dump", "shell backup reversible", "a.dump"),
    ("gunzip -c a.sql.gz | psql shop", "action restore destructive", "a.sql.gz"),
    ("zcat a.sql.gz | mysql shop", "shell restore destructive", "a.sql.gz"),
    ("zstd -dc a.zst | pg_restore -d shop", "action restore destructive", "a.zst"),
    ("pgbackrest info", "shell backup read", ""),
    ("pgbackrest --stanza=shop --type=full backup", "shell backup reversible", ""),
    ("pgbackrest --stanza=shop --delta restore", "shell restore destructive", ""),
    ("pgbackrest --stanza=shop expire", "shell maintenance destructive", ""),
    ("barman list-backup shop", "shell backup read", ""),
    ("barman backup shop", "shell backup reversible", ""),
    ("barman recover shop latest /data", "shell restore destructive", ""),
    ("barman delete shop oldest", "shell maintenance destructive", ""),
    ("wal-g backup-list", "shell backup read", ""),
    ("wal-g backup-fetch /data LATEST", "shell restore destructive", ""),
    ("restic -r s3:x snapshots", "shell backup read", ""),
    ("restic forget --keep-daily 7 --prune", "shell maintenance destructive", ""),
    ("restic forget --keep-daily 7 --dry-run", "shell maintenance read", ""),
    ("restic restore latest --target /srv", "shell restore destructive", ""),
    ("borg list /repo", "shell backup read", ""),
    ("borg create /repo::now /srv", "shell backup reversible", ""),
    ("borg prune --keep-weekly 4 /repo", "shell maintenance destructive", ""),
    ("mc ls store/backups", "shell backup read", ""),
    ("mc rm --recursive store/backups", "shell maintenance destructive", ""),
    ("mc mirror --remove /srv store/srv", "shell backup destructive", ""),
    ("rclone lsl away:backups", "shell backup read", ""),
    ("rclone copy /srv away:srv", "shell backup reversible", ""),
    ("rclone sync /srv away:srv", "shell backup destructive", ""),
    ("rclone delete away:srv", "shell maintenance destructive", ""),
    ("velero backup create nightly", "shell backup reversible", ""),
    ("velero restore create --from-backup nightly", "shell restore destructive", ""),
]


@pytest.mark.parametrize(("text", "expected", "target"), LINES)
def test_a_line_means_what_its_writer_meant(text: str, expected: str, target: str) -> None:
    assert said(DIALECT, text) == (expected, target)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("pg_dump shop | gzip", "pipe hides"),
        ("pg_dump -t orders shop", "one table"),
        ("pg_restore -l a.dump", "cut-off archive"),
        ("pg_restore -d shop a.dump", "doubles rows"),
        ("gunzip -c a.gz | psql shop", "doubles rows"),
        ("pg_dump -f a shop", ""),
    ],
)
def test_what_a_line_gets_wrong_is_said(text: str, part: str) -> None:
    found = meant(DIALECT, text)
    assert part in found.warning
    assert bool(part) == bool(found.warning)


def test_a_redirected_dump_is_warned_of_as_well() -> None:
    assert "even when pg_dump fails" in meant(DIALECT, "pg_dump shop", writes=("a.sql",)).warning


@pytest.mark.parametrize("text", ["gunzip a.gz", "psql shop", "aws s3 ls", "cat a.sql", "mysqldump shop", "rm a.dump"])
def test_other_programs_are_none_of_this_world(text: str) -> None:
    assert module.understand(line(text)) is None


PROGRAMS = [
    "pg_dump",
    "pg_restore",
    "pg_dumpall",
    "restic",
    "rclone",
    "mc",
    "barman",
    "pgbackrest",
    "gunzip",
    "wal-g",
    "borg",
]


@given(some.sampled_from(PROGRAMS), words, some.booleans())
def test_no_words_are_too_strange(program: str, rest: list[str], into: bool) -> None:
    piped = (("psql", *rest),) if into else ()
    assert program == "gunzip" or module.understand(CommandLine((program, *rest), piped=piped)) is not None


def judged(one: CommandLine) -> Meaning | Within:
    """What the dialects make of a line, in their order."""
    return next(found for dialect in dialects() if (found := dialect.understand(one)) is not None)


REQUESTS = some.one_of(
    some.sampled_from([Request("dump"), Request("prune-old")]),
    some.builds(Request, some.sampled_from(["copy", "prune", "verify"]), names.map(lambda one: (one,))),
    some.builds(Request, some.just("fetch"), some.just(()), some.none(), names),
    some.builds(Request, some.just("restore"), names.map(lambda one: (one,)), some.none(), databases),
    some.builds(Request, some.sampled_from(["switch", "switch-terminate"]), some.just(()), some.none(), databases),
    some.builds(Request, some.sampled_from(["stop", "clean"]), acts.map(lambda one: (one,))),
)


@given(REQUESTS)
def test_every_act_of_ours_is_no_less_dangerous_as_a_line(request: Request) -> None:
    ours = actuator()
    least = next(action.danger for action in ours.actions if action.name == request.action)
    found = [judged(one) for one in parse(ours.render(request))]
    assert found
    assert max(one.danger if isinstance(one, Meaning) else one.least for one in found) >= least
    if request.action in ("dump", "restore", "verify"):
        assert all(isinstance(one, Meaning) and one.sort is Sort.ACTION and one.danger > Danger.READ for one in found)
