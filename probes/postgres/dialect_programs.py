"""What the programs around PostgreSQL mean: pg_isready, createdb, vacuumdb, pg_ctl, the managers of clusters.

https://www.postgresql.org/docs/current/reference.html, https://patroni.readthedocs.io/en/latest/patronictl.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb
from probes.base.command import named
from probes.base.options import plain_words, value_of

SYSTEM: Final = "postgresql"
_VALUED: Final = named(
    """
    -h --host -p --port -U --username -d --dbname -t --table --timeout -i --index -j --jobs -S --schema -E
    --encoding -T --template -O --owner -D --pgdata -l --log -o --options -m --mode -c --config-file -L -n -f
    --maintenance-db --candidate --leader --group --scheduled
    """
)
FULL: Final = "it locks each table and needs room for a second copy of it: on a full disk it makes things worse"
READY: Final = "pg_isready says that it listens, even while every login fails: here a real login and query are tried"
_LISTS: Final = named(
    """
    list topology version history query dsn show-config status ls show members check
    """
)
_TERMINAL: Final = frozenset({"pg_top", "pgtop", "pg_activity", "pgcenter", "pgbadger"})


def program(line: CommandLine) -> Meaning | None:
    """What a program around PostgreSQL means; None when it is none of them."""
    name, words = line.program.lower(), line.words[1:]
    free = plain_words(words, _VALUED)
    first = free[0] if free else ""
    match name:
        case "pg_isready":
            target = value_of(words, "-h", "--host")
            return Meaning(Sort.READING, Verb.HEALTH, SYSTEM, target, kind="postgres", warning=READY)
        case "createdb" | "createuser":
            return Meaning(Sort.SHELL, Verb.OTHER, SYSTEM, first, Danger.REVERSIBLE)
        case "dropdb" | "dropuser":
            return Meaning(Sort.SHELL, Verb.OTHER, SYSTEM, first, Danger.DESTRUCTIVE)
        case "vacuumdb":
            full = {"-f", "--full"} & set(words) or any(re.fullmatch(r"-[aqvwWzZF]*f[aqvwWzZF]*", one) for one in words)
            danger = Danger.DISRUPTIVE if full else Danger.REVERSIBLE
            target = value_of(words, "-d", "--dbname") or first
            return Meaning(
                Sort.ACTION, Verb.MAINTENANCE, SYSTEM, target, danger, "postgres", FULL if full else ""
            )  # fmt: skip
        case "reindexdb" | "clusterdb" | "pg_repack":
            target = value_of(words, "-d", "--dbname") or first
            sort = Sort.ACTION if name == "reindexdb" else Sort.SHELL
            return Meaning(sort, Verb.MAINTENANCE, SYSTEM, target, Danger.DISRUPTIVE, "postgres")
        case "pg_ctl":
            return _control(first, words)
        case "pg_ctlcluster":
            return _control(free[2] if len(free) > 2 else "", words, "-".join(free[:2]))
        case "pg_lsclusters" | "pg_controldata" | "pg_config" | "pg_waldump" | "pg_amcheck" | "pg_checksums":
            writes = name == "pg_checksums" and {"-e", "-d", "--enable", "--disable"} & set(words)
            return Meaning(
                Sort.SHELL, Verb.STATUS, SYSTEM, danger=Danger.DISRUPTIVE if writes else Danger.READ
            )  # fmt: skip
        case "pg_dropcluster" | "pg_resetwal" | "pg_rewind" | "pg_upgrade" | "pg_upgradecluster" | "initdb":
            return Meaning(Sort.SHELL, Verb.OTHER, SYSTEM, "", Danger.DESTRUCTIVE)
        case "pg_createcluster" | "pg_archivecleanup" | "pg_receivewal" | "pg_recvlogical" | "pgbench":
            worst = name in ("pg_archivecleanup", "pgbench")
            endless = name.startswith("pg_rec")
            danger = Danger.DESTRUCTIVE if worst else Danger.REVERSIBLE
            return Meaning(Sort.SHELL, Verb.OTHER, SYSTEM, "", danger, endless=endless)
        case "patronictl":
            return _patroni(free)
        case "repmgr":
            return _repmgr(free)
        case "show" | "pause" | "resume" | "reload" | "reconnect" | "suspend" | "shutdown":
            return _pooler(line, name)
    if name in _TERMINAL:
        endless = name != "pgbadger"
        return Meaning(Sort.SHELL, Verb.STATUS, SYSTEM, endless=endless, interactive=endless)
    return None


def _control(what: str, words: Sequence[str], target: str = "") -> Meaning:
    target = target or value_of(words, "-D", "--pgdata")
    verbs = {
        "start": (Verb.START, Danger.REVERSIBLE), "stop": (Verb.STOP, Danger.DISRUPTIVE),
        "restart": (Verb.RESTART, Danger.DISRUPTIVE), "reload": (Verb.MAINTENANCE, Danger.DISRUPTIVE),
        "status": (Verb.STATUS, Danger.READ), "promote": (Verb.OTHER, Danger.DISRUPTIVE),
        "kill": (Verb.TERMINATE, Danger.DISRUPTIVE), "logrotate": (Verb.MAINTENANCE, Danger.DISRUPTIVE),
    }  # fmt: skip
    verb, danger = verbs.get(what, (Verb.OTHER, Danger.DESTRUCTIVE))
    return Meaning(Sort.SHELL, verb, SYSTEM, target, danger)


def _patroni(free: Sequence[str]) -> Meaning:
    what, target = free[0] if free else "", free[1] if len(free) > 1 else ""
    if what in _LISTS or not what:
        return Meaning(Sort.SHELL, Verb.STATUS, "patroni", target, endless=False)
    verb = {"restart": Verb.RESTART, "pause": Verb.MAINTENANCE, "resume": Verb.MAINTENANCE, "reload": Verb.MAINTENANCE}
    worst = what in ("remove", "reinit")
    danger = Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE
    return Meaning(Sort.SHELL, verb.get(what, Verb.OTHER), "patroni", target, danger)


def _repmgr(free: Sequence[str]) -> Meaning:
    last = free[1] if len(free) > 1 else ""
    if last in _LISTS | {"event", "matrix", "crosscheck"}:
        return Meaning(Sort.SHELL, Verb.STATUS, "repmgr")
    worst = last in ("clone", "rejoin", "cleanup", "unregister")
    return Meaning(Sort.SHELL, Verb.OTHER, "repmgr", "", Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE)


def _pooler(line: CommandLine, name: str) -> Meaning | None:
    """A command of PgBouncer's console, written as a line of its own.

    https://www.pgbouncer.org/usage.html#admin-console
    """
    first = line.words[1].strip(";").lower() if len(line.words) > 1 else ""
    shown = named(
        """
    pools clients servers databases stats stats_totals stats_averages users config lists fds mem version sockets
    active_sockets dns_hosts totals peers state
    """
    )
    if name == "show" and first in shown:
        return Meaning(Sort.READING, Verb.STATUS, "pgbouncer", kind="postgres")
    if line.words[0] != line.words[0].upper() or line.through or len(line.words) > 2:
        return None
    if name == "show":
        return Meaning(Sort.READING, Verb.STATUS, SYSTEM, kind="postgres")
    verbs = {"pause": Verb.STOP, "suspend": Verb.STOP, "shutdown": Verb.STOP, "resume": Verb.START}
    danger = Danger.REVERSIBLE if name == "resume" else Danger.DISRUPTIVE
    return Meaning(Sort.SHELL, verbs.get(name, Verb.MAINTENANCE), "pgbouncer", first, danger)
