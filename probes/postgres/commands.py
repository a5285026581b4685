"""The command line of PostgreSQL's world, bare or through psql, both ways: signals here, care in its own dialect.

A subject is a session ("pid backend_start") or, when only a pid was typed, that pid. Of what selects sessions by
anything else only "in this state for so long" is recognised (`bulk`): the look finds whom it would hit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from probes.base import CommandLine, Recognised, Request
from probes.postgres import bulk
from probes.postgres.address import place_in
from probes.postgres.care import commands as dialect
from probes.postgres.care.retention import Retention
from probes.postgres.guard import moment
from probes.postgres.statements import GREATEST_PID, meant, split

ACTIONS: Final = ("cancel", "terminate")
_SUBJECT: Final = re.compile(r"(?:[A-Za-z]+(?: [A-Za-z]+)* )?([1-9][0-9]{0,9})(?: (holder|[0-9]{4}-.+))?")
_VALUED: Final = {
    "-h": "host", "--host": "host", "-p": "port", "--port": "port", "-U": "user", "--username": "user",
    "-d": "dbname", "--dbname": "dbname", "-c": "sql", "--command": "sql", "-f": "file", "--file": "file",
    "-v": "set", "--set": "set", "--variable": "set", "-P": "", "--pset": "", "-F": "", "--field-separator": "",
    "-R": "", "--record-separator": "",
}  # fmt: skip
"""Options of psql that take a value, and what it says; nothing for those that only shape its output."""
_BARE: Final = frozenset("XAtqxwWnbeEaH1") | {
    "--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--expanded", "--no-password", "--password",
    "--echo-queries", "--echo-errors", "--echo-all", "--no-readline", "--html", "--csv",
}  # fmt: skip
_VARIABLES: Final = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGDATABASE": "dbname"}
_HARMLESS: Final = frozenset({"PGPASSWORD", "PGPASSFILE", "PGCONNECT_TIMEOUT", "PGAPPNAME", "PGSSLMODE", "PGTZ"})
_READERS: Final = frozenset({"cat", "column", "grep", "head", "jq", "less", "more", "sort", "tail", "tee", "wc"})
_PROGRAMS: Final = frozenset({"vacuumdb", "reindexdb"})
_BARE_SQL: Final = frozenset({"analyze", "vacuum"})
"""Statements of one word, which read like programs."""
_PORT: Final = "5432"
_HERE: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})

_UNSEEN: Final = (
    "One statement signals whoever it finds by then, replication and dumps too, and stops at the first it may not: "
    "here they are listed first, and each is signalled by its identity."
)
_ALONE: Final = (
    "A pid alone may belong to another session by the time it runs: "
    "the one that has it now is shown, and it is that one or none."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a login leads: an empty part is not known, or left to the driver."""

    host: str = ""
    port: str = ""
    dbname: str = ""
    user: str = ""


def pid_of(subject: str) -> tuple[int, str] | None:
    """(pid, backend_start or nothing) of a session as a row, a person or a table of maintenance names it.

    >>> pid_of("18422 2026-03-01 03:00:02.5+00"), pid_of("18422"), pid_of("VACUUM 18422"), pid_of("a/b@c")
    ((18422, '2026-03-01 03:00:02.5+00'), (18422, ''), (18422, ''), None)
    """
    found = _SUBJECT.fullmatch(subject)
    if found is None or not subject.isascii() or int(found[1]) > GREATEST_PID:
        return None
    if found[2] in (None, "holder"):
        return int(found[1]), ""
    start = moment(found[2])
    return None if start is None else (int(found[1]), start)


def render(request: Request, retentions: Mapping[str, Retention] = MappingProxyType({})) -> str:
    """One statement for each session; it signals that session or none. A bare pid comes out as bare as it is.

    Acts of care are rendered by their own dialect.
    """
    if request.action not in ACTIONS:
        return dialect.render(request, retentions)
    if not request.subjects and (many := bulk.bulk_of(request.word)) is not None:
        return f"{bulk.render(request.action, many)};"
    known = [pid_of(subject) for subject in request.subjects]
    return "\n".join(f"{_statement(request.action, *one)};" for one in known if one is not None)


def _statement(action: str, pid: int, start: str) -> str:
    if not start:
        return f"SELECT pg_{action}_backend({pid})"
    return f"SELECT pg_{action}_backend(pid) FROM pg_stat_activity WHERE pid = {pid} AND backend_start = '{start}'"


def recognise(
    line: CommandLine, places: Sequence[Place], retentions: Mapping[str, Retention] = MappingProxyType({})
) -> Recognised | None:
    """The request that a statement, or psql with some, means at any of these logins to the same server."""
    if line.program in _PROGRAMS:
        return _program(line, places)
    texts = _statements(line, places)
    if not texts:
        return None
    found = [meant(text) for text in texts]
    actions = {one[0] for one in found if one is not None}
    if not actions and len(texts) == 1 and (many := bulk.meant(texts[0])) is not None:
        return Recognised(Request(many[0], (), None, str(many[1])), _UNSEEN)
    if not actions:
        return dialect.meaning(texts, retentions)
    if None in found or len(actions) != 1:
        return None
    subjects = tuple(dict.fromkeys(subject for one in found if one is not None for subject in one[1]))
    return Recognised(Request(actions.pop(), subjects), _ALONE if any(" " not in one for one in subjects) else "")


def _program(line: CommandLine, places: Sequence[Place]) -> Recognised | None:
    """What vacuumdb or reindexdb means here; None when it is for another place."""
    if line.stdin or any(one[0] not in _READERS for one in line.piped):
        return None
    found, given = dialect.program(line.program, line.words[1:]), _options((), line.environment)
    if found is None or given is None:
        return None
    given.place |= found[1]
    if (name := given.place.pop("dbname", "")) and not _take(given, "dbname", name):
        return None
    return found[0] if any(_fits(given, place) for place in places or (Place(),)) else None


def _statements(line: CommandLine, places: Sequence[Place]) -> list[str] | None:
    """The SQL of a line, statement by statement; None when it is none, or for another place."""
    if line.sql and not line.words:
        return [line.sql]
    words, stdin, piped = line.words, line.stdin, line.piped
    if len(words) == 1 and not stdin and not piped and words[0].lower() in _BARE_SQL:
        return [words[0]]
    if line.program == "echo" and len(words) == 2 and piped and not stdin:
        words, stdin, piped = piped[0], words[1], piped[1:]
    if not words or words[0].rpartition("/")[2] != "psql" or any(one[0] not in _READERS for one in piped):
        return None
    given = _options(words[1:], line.environment)
    if given is None or not any(_fits(given, place) for place in places or (Place(),)):
        return None
    if given.sql and stdin.strip():
        return None
    texts = given.sql or [stdin]
    return [one for text in texts for one in split(text)]


@dataclass(slots=True)
class _Given:
    """What a psql line says."""

    place: dict[str, str]
    sql: list[str]


def _options(words: Sequence[str], environment: Mapping[str, str]) -> _Given | None:
    if any(name.startswith("PG") and name not in _VARIABLES and name not in _HARMLESS for name in environment):
        return None
    place = {_VARIABLES[name]: value for name, value in environment.items() if name in _VARIABLES}
    given = _Given(place, [])
    free: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            free.append(word)
            continue
        taken = _option(word, rest)
        if taken is None or not _take(given, *taken):
            return None
    if len(free) > 2 or not all(_take(given, name, one) for name, one in zip(("dbname", "user"), free, strict=False)):
        return None
    return given


def _option(word: str, rest: list[str]) -> tuple[str, str] | None:
    """(what it says, its value) of one word, its value taken from `rest` where it stands apart."""
    if word.startswith("--"):
        name, mark, value = word.partition("=")
        if name in _BARE and not mark:
            return "", ""
        if name not in _VALUED or not (mark or rest):
            return None
        return _VALUED[name], value if mark else rest.pop(0)
    letters = word[1:]
    while letters and letters[0] in _BARE:
        letters = letters[1:]
    if not letters:
        return "", ""
    name, value = f"-{letters[0]}", letters[1:]
    if name not in _VALUED or not (value or rest):
        return None
    return _VALUED[name], value or rest.pop(0)


def _take(given: _Given, name: str, value: str) -> bool:
    """Note what an option says; False when we can't tell what it would do."""
    if name == "sql":
        given.sql.append(value)
        return True
    if name in ("", "set", "file"):
        return name == "" or (name == "file" and value == "-") or (name == "set" and value.startswith("ON_ERROR_STOP="))
    if name == "dbname" and ("=" in value or "://" in value):
        return _take_address(given, value)
    given.place[name] = value
    return True


def _take_address(given: _Given, text: str) -> bool:
    """Note the place in a connection string or address."""
    found = place_in(text)
    if found is None:
        return False
    given.place |= found
    return True


def _fits(given: _Given, place: Place) -> bool:
    """True when what a line says of a place is said of this one; what it leaves out it does not say."""
    said = {"port": _PORT} | given.place if "host" in given.place else given.place
    for name, value in said.items():
        ours = getattr(place, name) or (_PORT if name == "port" and place.host else "")
        if name == "host":
            if not ours or (value != ours and not {value, ours} <= _HERE):
                return False
        elif value != ours:
            return False
    return True
