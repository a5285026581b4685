"""What the command lines mean that take, list, copy and restore backups.

https://www.postgresql.org/docs/current/backup.html, https://pgbackrest.org/command.html, https://docs.pgbarman.org/,
https://restic.readthedocs.io/, https://borgbackup.readthedocs.io/, https://rclone.org/commands/,
https://min.io/docs/minio/linux/reference/minio-mc.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from probes.backups.commands import recognise
from probes.backups.settings import BackupsSettings
from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within
from probes.base.command import filled, named
from probes.base.dialect import honest
from probes.base.options import plain_words, value_of

_DUMP_VALUED: Final = named(
    """
    -h --host -p --port -U --username -d --dbname -f --file -F --format -t --table -n --schema -N --exclude-schema
    -T --exclude-table -j --jobs -Z --compress -E --encoding -D --pgdata -S --superuser -L --use-list
    --exclude-table-data --role --lock-wait-timeout -I --index -P --function --section -X --wal-method
    """
)
_CLIENTS: Final = frozenset({"psql", "pg_restore", "mysql", "mariadb", "mongorestore", "redis-cli", "sqlite3"})
_UNPACKS: Final = named(
    """
    gunzip zcat gzcat gzip bzcat bunzip2 xzcat xz unxz zstd zstdcat unzstd pigz unpigz lz4 lz4cat openssl gpg age pv
    """
)
REDIRECT: Final = (
    "a redirect makes the file even when pg_dump fails: here it gets its own name only after it was read back whole"
)
PIPE: Final = (
    "a pipe hides that pg_dump has failed and leaves a small file that looks like a backup: here it is read back whole"
)
TABLE: Final = "it takes one table of that name, whoever's rows are in it, and is no backup of the database"
LIST: Final = (
    "a list of contents is read from the beginning, so a cut-off archive passes it: here it is read to its end and "
    "restored into a scratch database"
)
OVER: Final = (
    "into a database that has its tables it fails half-way or doubles rows: here it goes into a new database, and a "
    "switch is an act of its own"
)
_READS: Final = {
    "pgbackrest": {"info", "check", "version", "help", "repo-ls", "repo-get", "server-ping", "verify"},
    "barman": {"list-server", "list-servers", "list-backup", "list-backups", "show-backup", "show-server", "check",
               "status", "list-files", "diagnose", "check-backup", "verify-backup", "replication-status"},
    "wal-g": {"backup-list", "wal-show", "wal-verify", "backup-show", "st"},
    "restic": {"snapshots", "ls", "stats", "check", "diff", "find", "cat", "list", "version", "key"},
    "borg": {"list", "info", "diff", "check"}, "borgmatic": {"list", "rlist", "info", "check"},
    "mc": {"ls", "stat", "du", "tree", "find", "cat", "head", "diff", "version", "ping", "ready"},
    "rclone": {"ls", "lsl", "lsd", "lsf", "lsjson", "size", "check", "about", "cat", "ncdu", "tree", "version",
               "listremotes", "md5sum", "sha1sum", "hashsum", "cryptcheck"},
    "velero": {"get", "describe", "version", "logs"},
    "duplicity": {"collection-status", "list-current-files", "verify"},
    "kopia": {"list", "status"}, "s3cmd": {"ls", "du", "info", "la"}, "gsutil": {"ls", "du", "stat", "cat", "hash"},
}  # fmt: skip
"""What only looks, by program."""
_TAKES: Final = {
    "pgbackrest": {"backup", "archive-push"}, "barman": {"backup", "cron", "switch-wal", "switch-xlog"},
    "wal-g": {"backup-push", "wal-push"}, "restic": {"backup", "init"}, "borg": {"create", "init"},
    "borgmatic": {"create"}, "velero": {"backup", "schedule"}, "duplicity": {"full", "incremental", "incr"},
    "kopia": {"create"}, "mc": {"mb", "cp"}, "rclone": {"copy", "copyto", "mkdir", "touch"},
    "s3cmd": {"put", "get", "mb"}, "gsutil": {"mb"},
}  # fmt: skip
_RESTORES: Final = {
    "pgbackrest": {"restore"}, "barman": {"recover", "restore"}, "wal-g": {"backup-fetch", "wal-fetch"},
    "restic": {"restore", "mount"}, "borg": {"extract", "mount"}, "borgmatic": {"extract", "restore"},
    "velero": {"restore"}, "duplicity": {"restore"}, "kopia": {"restore"},
}  # fmt: skip


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line about backups means; None when it is about none."""
    found = _understood(line)
    if found is None or not found.warning:
        return found
    return honest(found, found.sort is Sort.ACTION and _is_taken(line))


def _is_taken(line: CommandLine) -> bool:
    """Whether a profile takes a line whose backups are where its files are, and whose server may be any."""
    words = filled(line.words)
    path = next((word for one in (words, *line.piped) for word in one if word.startswith("/")), "")
    told = replace(line, words=words, piped=tuple(map(filled, line.piped)))
    return recognise(told, _settings(path.rpartition("/")[0] or "/")) is not None


@lru_cache(maxsize=64)
def _settings(folder: str) -> BackupsSettings:
    return BackupsSettings.model_validate({"folder": folder, "database": {"url": "env:ANY"}})


def _understood(line: CommandLine) -> Meaning | None:
    name, words = line.program.lower(), line.words[1:]
    if not name:
        return None
    if name in ("pg_dump", "pg_dumpall"):
        return _dump(name, line)
    if name == "pg_basebackup":
        target = value_of(words, "-D", "--pgdata")
        return Meaning(Sort.SHELL, Verb.BACKUP, "postgresql", target, Danger.REVERSIBLE)
    if name == "pg_restore":
        return _restore(line)
    if name == "pg_verifybackup":
        return Meaning(Sort.SHELL, Verb.BACKUP, "postgresql", _first(words))
    if name in _UNPACKS and (piped := _into(line)):
        return _unpacked(line, piped)
    if name in _READS:
        return _tool(name, words)
    return None


def _into(line: CommandLine) -> str:
    """The client of a database that what goes through this line ends in."""
    return next((one[0].rpartition("/")[2] for one in line.piped if one and one[0].rpartition("/")[2] in _CLIENTS), "")


def _first(words: Sequence[str]) -> str:
    return next(iter(plain_words(words, _DUMP_VALUED)), "")


def _database(words: Sequence[str]) -> str:
    """The database that is dumped, as far as its name is written and no secret stands with it."""
    name = value_of(words, "-d", "--dbname") or _first(words)
    if "://" in name:
        return name.rpartition("/")[2].partition("?")[0] if name.count("/") > 2 else ""
    return "" if "=" in name else name


def _dump(name: str, line: CommandLine) -> Meaning:
    words = line.words[1:]
    database = _database(words)
    sort = Sort.ACTION if name == "pg_dump" else Sort.SHELL
    kind = "backups" if name == "pg_dump" else ""
    if {"--version", "-V", "--help", "-?"} & set(words):
        return Meaning(Sort.SHELL, Verb.OTHER, "postgresql")
    if into := _into(line):
        warning = OVER if into in ("psql", "pg_restore") else ""
        return Meaning(sort, Verb.RESTORE, "postgresql", database, Danger.DESTRUCTIVE, kind, warning)
    table = value_of(words, "-t", "--table")
    warning = TABLE if table else PIPE if line.piped else REDIRECT if line.writes else ""
    reveals = name == "pg_dumpall"
    return Meaning(sort, Verb.BACKUP, "postgresql", database, Danger.REVERSIBLE, kind, warning, reveals=reveals)


def _restore(line: CommandLine) -> Meaning:
    words = line.words[1:]
    file = next((one for one in reversed(plain_words(words, _DUMP_VALUED))), "") or line.reads
    if {"-l", "--list"} & set(words):
        return Meaning(Sort.READING, Verb.BACKUP, "postgresql", file, kind="backups", warning=LIST)
    if {"--version", "-V", "--help", "-?"} & set(words):
        return Meaning(Sort.SHELL, Verb.OTHER, "postgresql")
    database = value_of(words, "-d", "--dbname")
    into = _into(line)
    if database or into:
        target = "" if "://" in database or "=" in database else database
        return Meaning(
            Sort.ACTION, Verb.RESTORE, "postgresql", target, Danger.DESTRUCTIVE, "backups", OVER
        )  # fmt: skip
    output = value_of(words, "-f", "--file")
    if output or line.piped or line.writes:
        writes = output not in ("", "-", "/dev/null", "/dev/stdout")
        danger = Danger.REVERSIBLE if writes or line.writes else Danger.READ
        return Meaning(Sort.READING if danger is Danger.READ else Sort.SHELL, Verb.BACKUP, "postgresql", file, danger,
                       "backups" if danger is Danger.READ else "")  # fmt: skip
    return Meaning(Sort.ACTION, Verb.RESTORE, "postgresql", file, Danger.DESTRUCTIVE, "backups", OVER)


def _unpacked(line: CommandLine, into: str) -> Meaning:
    """A compressed dump that is poured into a database."""
    path = next((one for one in reversed(line.words[1:]) if not one.startswith("-")), "") or line.reads
    ours = into in ("psql", "pg_restore")
    system = "postgresql" if ours else into.removesuffix("-cli").removesuffix("restore")
    sort, kind, warning = (Sort.ACTION, "backups", OVER) if ours else (Sort.SHELL, "", "")
    return Meaning(sort, Verb.RESTORE, system, path, Danger.DESTRUCTIVE, kind, warning)


def _tool(name: str, words: Sequence[str]) -> Meaning | None:
    """A program that keeps backups, or copies files to a store."""
    known = _READS[name] | _TAKES.get(name, set()) | _RESTORES.get(name, set())
    free = [word for word in words if not word.startswith("-")]
    what = next((word for word in free if word in known), free[0] if free else "")
    if name in ("velero", "mc") and free[1:2] and free[1] in _READS[name] | {"info", "list"}:
        return Meaning(Sort.SHELL, Verb.BACKUP if name == "velero" else Verb.STATUS, name)
    if name == "velero" and free[1:2] and free[1] in ("pause", "unpause"):
        return Meaning(Sort.SHELL, Verb.BACKUP, name, "", Danger.DISRUPTIVE)
    dry = bool({"--dry-run", "-n", "--fake"} & set(words))
    if what in _RESTORES.get(name, set()):
        reads = name == "velero" and {"get", "describe", "logs"} & set(words)
        safe = reads or (dry and name == "restic")
        return Meaning(Sort.SHELL, Verb.RESTORE, name, "", Danger.READ if safe else Danger.DESTRUCTIVE)
    said = free[: max(3 if name == "mc" else 2, free.index(what) + 2 if what in free else 0)]
    said = [word for word in said if "/" not in word and ":" not in word]
    if re.search(
        r"delete|remove|repair|rewrite|dedupe|recreate|uninstall|undo"
        r"|prune|forget|expire|purge|rm|rb|\bdel\b|stop|\bmv|move|sync|mirror|clean"
        r"|compact",
        " ".join(said),
    ):
        verb = Verb.BACKUP if what in ("sync", "mirror") else Verb.MAINTENANCE
        safe = dry and name in ("restic", "borg", "rclone")
        return Meaning(Sort.SHELL, verb, name, "", Danger.READ if safe else Danger.DESTRUCTIVE)
    if any(re.match(r"--(?:delete|remove|repair|prune|overwrite)", word) for word in words):
        return Meaning(Sort.SHELL, Verb.OTHER, name, "", Danger.DESTRUCTIVE)
    if what in _TAKES.get(name, set()):
        return Meaning(Sort.SHELL, Verb.BACKUP, name, "", Danger.REVERSIBLE)
    if what in _READS[name]:
        changes = name == "restic" and what == "key" and {"add", "remove", "passwd"} & set(words)
        return Meaning(Sort.SHELL, Verb.BACKUP, name, "", Danger.DESTRUCTIVE if changes else Danger.READ)
    if not free:
        return Meaning(Sort.SHELL, Verb.OTHER, name, interactive=name == "mc")
    return Meaning(Sort.SHELL, Verb.OTHER, name, "", Danger.DESTRUCTIVE if name == "gsutil" else Danger.DISRUPTIVE)
