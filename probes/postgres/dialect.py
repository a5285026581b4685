"""What the command lines of databases mean: bare SQL, psql and the programs around PostgreSQL, and its relatives.

https://www.postgresql.org/docs/current/reference-client.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within, quoted
from probes.base.command import exchanged, filled, instead
from probes.base.dialect import honest, joined
from probes.postgres import bulk, statements
from probes.postgres.address import place_in
from probes.postgres.care import commands as care
from probes.postgres.commands import Place, recognise, render
from probes.postgres.dialect_clients import elsewhere
from probes.postgres.dialect_programs import program
from probes.postgres.dialect_sql import Judged, as_one, judge

SYSTEM: Final = "postgresql"
_PSQL: Final = frozenset({"psql", "gitlab-psql", "pgcli", "gpsql"})
_VALUED: Final = {
    "-h": "host", "--host": "host", "-p": "port", "--port": "port", "-U": "user", "--username": "user",
    "-d": "dbname", "--dbname": "dbname", "-c": "sql", "--command": "sql", "-f": "file", "--file": "file",
    "-v": "set", "--set": "set", "--variable": "set", "-P": "", "--pset": "", "-F": "", "--field-separator": "",
    "-R": "", "--record-separator": "", "-o": "output", "--output": "output", "-L": "output", "--log-file": "output",
    "-T": "", "--table-attr": "",
}  # fmt: skip
_PLACES: Final = frozenset({"PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD"})
_SHOWS: Final = frozenset({"-l", "--list", "-V", "--version", "-?", "--help"})
_MIGRATION: Final = re.compile(r"migrat|schema|(?:^|/)V\d+__|(?:^|/)\d{3,}_", re.IGNORECASE)
_DUMP: Final = re.compile(r"dump|backup|bak|restore|snapshot|\.sql\.gz|\.dump|export", re.IGNORECASE)
_ECHO: Final = frozenset({"echo", "printf"})
OVER: Final = (
    "into a database that has its tables it fails half-way or doubles rows, with exit code 0: here it goes into a new "
    "database, in one transaction that ends at the first error"
)
FILE: Final = "what the file holds is not seen before it runs: psql goes on after an error in it and says 0"


@dataclass(slots=True)
class _Given:
    """What a line of psql says."""

    place: dict[str, str] = field(default_factory=dict)
    sql: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    output: str = ""
    shows: bool = False


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a statement, or a line of a database's client, means; None when it is neither."""
    if line.sql:
        found = _meaning(judge(line.sql), [line.sql], "")
        return _honest(found, CommandLine(sql=line.sql), Place())
    name = line.program.lower()
    if not name:
        return None
    if name in _PSQL:
        return _psql(line)
    if name in ("vacuum", "reindex", "analyze") and len(line.words) == 1 and not line.through:
        return _honest(_meaning(judge(name), [name], ""), line, Place())
    known = program(line)
    return _honest(known, line, _place(_read(line.words[1:], {}))) if known is not None else elsewhere(line)


def _honest(found: Meaning, line: CommandLine, place: Place) -> Meaning:
    """The meaning without what no server of a profile would do, its place granted and its placeholders filled in."""
    if found.kind != "postgres" or found.sort is not Sort.ACTION:
        return honest(found, taken=True)
    environment = {name: value for name, value in line.environment.items() if name not in _PLACES}
    words, (sql, stdin) = filled(line.words), filled([line.sql, line.stdin])
    told = CommandLine(words, sql=sql, stdin=stdin, environment=environment, piped=line.piped)
    return honest(found, recognise(told, [place]) is not None)


def _place(given: _Given) -> Place:
    """The place that a line names, as a profile would name it."""
    names = ("host", "port", "user", "dbname")
    said = {name: filled([given.place[name]])[0] for name in names if name in given.place}
    if re.search(r"=|://", said.get("dbname", "")):
        said |= {"dbname": ""} | dict(place_in(said["dbname"]) or {})
    return Place(**said)


def _read(words: Sequence[str], environment: dict[str, str]) -> _Given:
    given = _Given({"dbname": environment["PGDATABASE"]} if "PGDATABASE" in environment else {})
    free: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in _SHOWS or re.fullmatch(r"-[XAtqxwW]*l[XAtqxwW]*", word):
            given.shows = True
            continue
        if not word.startswith("-") or word == "-":
            free.append(word)
            continue
        name, value = _option(word, rest)
        if name == "sql":
            given.sql.append(value)
        elif name == "file":
            given.files.append(value)
        elif name == "output":
            given.output = value
        elif name:
            given.place[name] = value
    for place, value in zip(("dbname", "user"), free, strict=False):
        given.place.setdefault(place, value)
    return given


def _option(word: str, rest: list[str]) -> tuple[str, str]:
    """(what it says, its value), the value taken from `rest` where it stands apart."""
    if word.startswith("--"):
        name, mark, value = word.partition("=")
        if name in _VALUED:
            return _VALUED[name], value if mark else rest.pop(0) if rest else ""
        return "", ""
    letters = word[1:]
    while letters and f"-{letters[0]}" not in _VALUED:
        letters = letters[1:]
    if not letters:
        return "", ""
    return _VALUED[f"-{letters[0]}"], letters[1:] or (rest.pop(0) if rest else "")


def _database(given: _Given) -> str:
    """The database it speaks of, as far as its name is written and no secret stands with it."""
    name = given.place.get("dbname", "")
    if "://" in name:
        return name.rpartition("/")[2].partition("?")[0] if name.count("/") > 2 else ""
    found = re.search(r"(?:^|\s)dbname=(\S+)", name)
    return found[1] if found else "" if "=" in name else name


def _psql(line: CommandLine) -> Meaning:
    given = _read(line.words[1:], dict(line.environment))
    database = _database(given)
    if given.shows and not given.sql and not given.files:
        return Meaning(Sort.READING, Verb.STATUS, SYSTEM, database, kind="postgres")
    texts = list(given.sql)
    if not texts and not given.files:
        if line.stdin:
            texts = [line.stdin]
        elif line.fed and line.fed[0].rpartition("/")[2] in _ECHO:
            texts = [" ".join(word for word in line.fed[1:] if not re.fullmatch(r"-[neE]+", word))]
        elif line.fed or line.reads:
            return _filled(line, given, line.reads)
        else:
            return Meaning(
                Sort.SHELL, Verb.OTHER, SYSTEM, database, Danger.DISRUPTIVE, "postgres", interactive=True
            )  # fmt: skip
    files = [one for one in given.files if one not in ("-", "/dev/stdin")]
    if given.files and not files and (line.stdin or line.reads or line.fed):
        if not line.stdin:
            return _filled(line, given, line.reads)
        texts.append(line.stdin)
    found = _meaning(as_one([judge(text) for text in texts]), texts, database)
    found = _honest(replace(found, becomes=_there(line, given, texts, found.becomes)), line, _place(given))
    if database == "pgbouncer" and any(re.match(r"\s*set\b", text, re.IGNORECASE) for text in texts):
        found = replace(found, danger=max(found.danger, Danger.DISRUPTIVE), verb=Verb.MAINTENANCE, system="pgbouncer")
    if files:
        return _from_file(line, given, files[0], found if texts else None)
    if given.output.startswith("|"):
        runs = judge(f"\\o {given.output}")
        return replace(found, sort=Sort.SHELL, danger=max(found.danger, runs.danger), warning="", becomes="")
    if given.output and found.danger is Danger.READ:
        return replace(found, danger=Danger.REVERSIBLE)
    return found


def _there(line: CommandLine, given: _Given, texts: Sequence[str], becomes: str) -> str:
    """What is done instead, at the place that the line names; nothing where that can't be kept."""
    if not becomes or (becomes.startswith("psql ") and not given.place):
        return "" if line.writes else becomes
    if becomes.startswith("psql ") or len(texts) > 1 or list(line.words).count(texts[0]) != 1:
        return ""
    return instead(line, exchanged(line.words, texts[0], becomes))


def _filled(line: CommandLine, given: _Given, path: str) -> Meaning:
    """A database filled from a file or another program."""
    database = _database(given)
    if line.reads and _MIGRATION.search(path) and not _DUMP.search(path):
        return Meaning(Sort.SHELL, Verb.DEPLOY, SYSTEM, database, Danger.DESTRUCTIVE, "postgres", FILE)
    becomes = ""
    if path and not re.search(r"[=$<{]|://", given.place.get("dbname", "")):
        words = ["psql", *_at(given), "-X", "-v", "ON_ERROR_STOP=1", "--single-transaction"]
        new = f"{database}_restored" if re.fullmatch(r"\w+", database) else "NEW_DATABASE"
        becomes = quoted([*words, "-d", new, "-f"]) + f" {path}"
    found = Meaning(Sort.ACTION, Verb.RESTORE, SYSTEM, database, Danger.DESTRUCTIVE, "backups", OVER, becomes)
    return honest(found, bool(becomes))


def _at(given: _Given) -> list[str]:
    flags = (("host", "-h"), ("port", "-p"), ("user", "-U"))
    return [word for name, flag in flags if given.place.get(name) for word in (flag, given.place[name])]


def _from_file(line: CommandLine, given: _Given, path: str, beside: Meaning | None) -> Meaning:
    """psql -f: a file whose contents are not seen."""
    if _DUMP.search(path) and not _MIGRATION.search(path):
        return _filled(line, given, path)
    verb = Verb.DEPLOY if _MIGRATION.search(path) else Verb.OTHER
    if verb is Verb.DEPLOY and re.search(r"down|rollback|revert|undo", path, re.IGNORECASE):
        verb = Verb.ROLLBACK
    reveals = beside.reveals if beside is not None else False
    return Meaning(
        Sort.SHELL, verb, SYSTEM, _database(given), Danger.DESTRUCTIVE, "postgres", FILE, reveals=reveals
    )  # fmt: skip


def _meaning(found: Judged, texts: Sequence[str], database: str) -> Meaning:
    if found.shell:
        return Meaning(
            Sort.SHELL, Verb.OTHER, SYSTEM, found.target or database, found.danger, "postgres", reveals=found.reveals
        )  # fmt: skip
    warning, becomes = found.warning, ""
    if found.sort is Sort.ACTION and found.kind == "postgres":
        known, becomes = _ours(texts)
        warning = joined([known]) or warning
    return Meaning(
        found.sort, found.verb, SYSTEM, found.target or database, found.danger, found.kind,
        warning, becomes, found.reveals, found.endless,
    )  # fmt: skip


def _ours(texts: Sequence[str]) -> tuple[str, str]:
    """(what the actuator says of it, its own line) where the strict reader is certain; nothing where it is not."""
    single = [one for text in texts for one in statements.split(text)]
    if any(statements.meant(one) is not None or bulk.meant(one) is not None for one in single):
        return "", ""
    found = care.meaning(single, {})
    if found is None or not found.warning or found.request.action not in ("create-index", "reindex", "drop-index",
                                                                          "slow-log"):  # fmt: skip
        return (found.warning if found is not None else ""), ""
    return found.warning, render(found.request)
