"""Statements and programs of care, both ways: VACUUM, ANALYZE, REINDEX, CREATE INDEX, ALTER SYSTEM, vacuumdb ...

What is recognised names relations as the server would write them; what a line does that people do not expect is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from probes.base import Recognised, Request, quoted
from probes.postgres.care import definition, names
from probes.postgres.care.catalogue import BY_NAME
from probes.postgres.care.retention import KEEP, Retention, spelled

THRESHOLD: Final = "log_min_duration_statement"
_UNITS: Final = {"": 1, "ms": 1, "s": 1000, "min": 60000}
_WORD: Final = re.compile(r"(?i)(default|off|(\d{1,10}) ?(ms|s|min)?)(?: for (\d{1,4}) ?min)?")
_MOST: Final = 2**31 - 1
"""Milliseconds the setting can hold."""
_I: Final = re.IGNORECASE | re.DOTALL
_N: Final = names.NAME
_OPTIONS: Final = frozenset(
    {"", "analyse", "analyze", "full", "freeze", "verbose", "concurrently", "skip_locked", "parallel", "index_cleanup",
     "truncate", "process_toast", "process_main", "buffer_usage_limit"}
)  # fmt: skip
"""Options of VACUUM, ANALYZE and REINDEX that are known here."""
_VACUUM: Final = re.compile(
    rf"vacuum(?:\s*\((?P<options>[^()]*)\)|(?P<words>(?:\s+(?:full|freeze|verbose|analyze|analyse))*))"
    rf"(?P<tables>(?:\s+|(?<=\))\s*){_N}(?:\s*,\s*{_N})*)?", _I)  # fmt: skip
_ANALYZE: Final = re.compile(
    rf"analy[sz]e(?:\s*\((?P<options>[^()]*)\)|(?P<words>(?:\s+verbose)?))"
    rf"(?P<tables>(?:\s+|(?<=\))\s*){_N}(?:\s*,\s*{_N})*)?", _I)  # fmt: skip
_REINDEX: Final = re.compile(
    rf"reindex\s*(?:\((?P<options>[^()]*)\)\s*)?(?P<what>index|table|schema|database|system)\b"
    rf"(?P<concurrently>\s+concurrently)?(?:\s+(?P<name>{_N}))?", _I)  # fmt: skip
_CREATE: Final = re.compile(
    rf"create\s+(?P<unique>unique\s+)?index\s+(?P<concurrently>concurrently\s+)?(?P<exists>if\s+not\s+exists\s+)?"
    rf"(?:(?!on\s)(?P<name>{_N})\s+)?on\s+(?:only\s+)?(?P<table>{_N})\s*(?P<body>(?:using\b|\().*)", _I)  # fmt: skip
_DROP: Final = re.compile(
    rf"drop\s+index\s+(?P<concurrently>concurrently\s+)?(?P<exists>if\s+exists\s+)?(?P<names>{_N}(?:\s*,\s*{_N})*)"
    r"(?:\s+(?:restrict))?", _I)  # fmt: skip
_SET: Final = re.compile(
    rf"(?P<how>alter\s+system\s+(?:re)?set|alter\s+(?:database|role|user)\s+(?:all|{_N})\s+(?:re)?set"
    r"|set(?:\s+session|\s+local)?)"
    r"\s+(?P<name>[a-z_][\w.]*)(?:\s*(?:=|\bto\b)\s*(?P<value>'[^']*'|[\w.\-+]+))?", _I)  # fmt: skip
_DELETE: Final = re.compile(
    rf"delete\s+from\s+(?P<table>{_N})\s+where\s+(?P<column>{names.PART})\s*<=?\s*"
    rf"(?:now\s*\(\s*\)|current_timestamp|current_date)\s*-\s*(?:interval\s*)?'(?P<keep>{KEEP})'(?:\s*::\s*interval)?",
    _I)  # fmt: skip
_RESET: Final = re.compile(rf"select\s+(?:{names.PART}\.)?pg_stat_statements_reset\s*\(\s*\)", _I)
_RELOAD: Final = re.compile(r"select\s+(?:pg_catalog\.)?pg_reload_conf\s*\(\s*\)", _I)

_WRITES_STOP: Final = (
    "Without CONCURRENTLY nobody can write to the table until it is done; here it is done concurrently."
)
_SESSION: Final = (
    "SET holds for that one session, which ends at once, and for nobody else; here it is set so that it lasts."
)
_NEXT: Final = "It takes effect for new sessions only once the server has reloaded; here that follows, and is checked."
_FULL: Final = "VACUUM FULL locks the table whole and needs room for a second copy of it: read what is said below."
_ALSO: Final = "Here VACUUM renews the statistics of the table with it."
_ONE: Final = (
    "One big DELETE is one long transaction; here it is done in small batches, and only as the retention says."
)
_EXISTS: Final = (
    "IF NOT EXISTS keeps an invalid index of that name and says nothing; here a name that is taken is refused."
)


def threshold(word: str) -> tuple[int | None, int | None] | None:
    """(milliseconds, minutes it is to last or None) of a threshold; -1: off; None for milliseconds: the file's own.

    >>> threshold("250 ms for 30 min"), threshold("off"), threshold("default"), threshold("2s"), threshold("x")
    ((250, 30), (-1, None), (None, None), (2000, None), None)
    """
    found = _WORD.fullmatch(" ".join(word.split()))
    if found is None:
        return None
    minutes = int(found[4]) if found[4] else None
    if found[1].lower() == "default":
        return None, minutes
    milliseconds = -1 if found[1].lower() == "off" else int(found[2]) * _UNITS[(found[3] or "").lower()]
    return (milliseconds, minutes) if milliseconds <= _MOST and minutes != 0 else None


def as_word(milliseconds: int | None, minutes: int | None = None) -> str:
    """A threshold as it is asked for.

    >>> as_word(250), as_word(-1, 30), as_word(None)
    ('250 ms', 'off for 30 min', 'default')
    """
    value = "default" if milliseconds is None else "off" if milliseconds < 0 else f"{milliseconds} ms"
    return value + (f" for {minutes} min" if minutes is not None else "")


# there


def render(request: Request, retentions: Mapping[str, Retention]) -> str:
    """The statements a person would type, one a line."""
    if request.action == "slow-log":
        return quoted(["psql", *(word for one in _lines(request, retentions) for word in ("-c", one))])
    return "\n".join(f"{one};" for one in _lines(request, retentions))


def _lines(request: Request, retentions: Mapping[str, Retention]) -> Iterable[str]:
    subjects = request.subjects
    if request.action in ("analyze", "vacuum"):
        verb = "ANALYZE" if request.action == "analyze" else "VACUUM (ANALYZE)"
        yield from [f"{verb} {one}" for one in subjects] or [verb]
    elif request.action == "vacuum-full":
        yield from (f"VACUUM (FULL, ANALYZE) {one}" for one in subjects)
    elif request.action == "reindex":
        yield from (f"REINDEX {_sort(one)} CONCURRENTLY {_name(one)}" for one in subjects)
    elif request.action == "drop-index":
        yield from (f"DROP INDEX CONCURRENTLY {_name(one)}" for one in subjects)
    elif request.action == "create-index":
        yield from (created(request.word, one) for one in subjects)
    elif request.action == "delete-old" and request.word in retentions:
        one = retentions[request.word]
        yield f"DELETE FROM {one.table} WHERE {one.column} < now() - interval '{one.keep}'"
    elif request.action == "slow-log" and (found := threshold(request.word)):
        value, minutes = found
        if value is None:
            yield f"ALTER SYSTEM RESET {THRESHOLD}"
        else:
            yield f"ALTER SYSTEM SET {THRESHOLD} = '{as_word(value) if value >= 0 else -1}'"
        yield "SELECT pg_reload_conf()"
        if minutes is not None:
            yield f"SELECT pg_sleep({minutes * 60})"
    elif request.action == "reset-statements":
        yield "SELECT pg_stat_statements_reset()"


def index(key: str) -> str:
    """The subject that means an index, where a table could be meant as well."""
    return names.INDEX + key


def _sort(subject: str) -> str:
    return "INDEX" if subject.startswith(names.INDEX) else "TABLE"


def _name(subject: str) -> str:
    return subject.removeprefix(names.INDEX)


def created(word: str, table: str) -> str:
    """The statement for a new index; its name is left to the server when it is not given."""
    try:
        made = definition.read(word)
    except definition.Unreadable:
        return f"CREATE INDEX CONCURRENTLY ON {table} {word}"
    name = f"{names.quoted(made.name)} " if made.name else ""
    return f"CREATE {'UNIQUE ' if made.unique else ''}INDEX CONCURRENTLY {name}ON {table} {made.body}"


# and back


def meant(statement: str, retentions: Mapping[str, Retention]) -> Recognised | None:
    """The request that one statement means; None when it means none of ours."""
    text = statement.strip().rstrip(";").strip()
    for read in (_vacuum, _analyze, _reindex, _create, _drop, _setting, _reset):
        if (found := read(text)) is not None:
            return found
    return _delete(text, retentions)


def meaning(statements: Sequence[str], retentions: Mapping[str, Retention]) -> Recognised | None:
    """The one request that several statements mean; None when they mean none, or different ones."""
    known = [meant(one, retentions) for one in statements]
    first = known[0].request if known and known[0] is not None else None
    if first is None:
        return None
    if first.action == "slow-log" and len(statements) > 1:
        return _lasting(known[0], [one.strip().rstrip(";").strip() for one in statements[1:]])
    found = [one for one in known if one is not None]
    if len(found) < len(known):
        return None
    if any((one.request.action, one.request.word) != (first.action, first.word) for one in found):
        return None
    if len(found) > 1 and not all(one.request.subjects for one in found):
        return None
    subjects = tuple(dict.fromkeys(subject for one in found for subject in one.request.subjects))
    if first.action in BY_NAME and not BY_NAME[first.action].many and len(subjects) > 1:
        return None
    return Recognised(Request(first.action, subjects, None, first.word), found[0].warning)


def _lasting(first: Recognised | None, rest: Sequence[str]) -> Recognised | None:
    """A threshold that is reloaded, and perhaps for some minutes only."""
    if first is None or not _RELOAD.fullmatch(rest[0]):
        return None
    if len(rest) == 1:
        return Recognised(first.request, first.warning if first.warning != _NEXT else "")
    found = re.fullmatch(r"(?i)select\s+pg_sleep\s*\(\s*(\d{2,6})\s*\)", rest[1])
    if len(rest) != 2 or found is None or int(found[1]) % 60:
        return None
    word = f"{first.request.word} for {int(found[1]) // 60} min"
    return Recognised(Request("slow-log", (), None, word), "") if threshold(word) else None


def _named(text: str | None) -> list[str] | None:
    """Names in a list, as the server writes them; None when one is none."""
    found = [names.written(one) for one in re.findall(_N, text or "")]
    return None if None in found else [one for one in found if one is not None]


def _options(text: str | None) -> set[str] | None:
    """The options that are switched on; None when one is not known here."""
    on: set[str] = set()
    for one in (text or "").lower().split(","):
        name, _, value = one.strip().partition(" ")
        if name in _OPTIONS:
            if value.strip() not in ("false", "off", "0"):
                on.add(name)
        else:
            return None
    return on


def _vacuum(text: str) -> Recognised | None:
    found = _VACUUM.fullmatch(text)
    if found is None:
        return None
    on = _options(found["options"]) if found["options"] is not None else set((found["words"] or "").lower().split())
    tables = _named(found["tables"])
    if on is None or tables is None:
        return None
    if "full" in on:
        return Recognised(Request("vacuum-full", tuple(tables)) if tables else Request("vacuum-full-all"), _FULL)
    also = "" if on & {"analyze", "analyse"} else _ALSO
    return Recognised(Request("vacuum", tuple(tables)), also)


def _analyze(text: str) -> Recognised | None:
    found = _ANALYZE.fullmatch(text)
    if found is None:
        return None
    tables = _named(found["tables"])
    if tables is None or _options(found["options"]) is None:
        return None
    return Recognised(Request("analyze", tuple(tables)))


def _reindex(text: str) -> Recognised | None:
    found = _REINDEX.fullmatch(text)
    if found is None:
        return None
    on = _options(found["options"])
    if on is None:
        return None
    warning = "" if found["concurrently"] or "concurrently" in on else _WRITES_STOP
    if found["what"].lower() not in ("index", "table"):
        return Recognised(Request("reindex-all"), warning)
    name = names.written(found["name"] or "")
    if name is None:
        return None
    return Recognised(Request("reindex", (index(name) if found["what"].lower() == "index" else name,)), warning)


def _create(text: str) -> Recognised | None:
    found = _CREATE.fullmatch(text)
    if found is None:
        return None
    table = names.written(found["table"])
    named = names.split(found["name"]) if found["name"] else (None, "")
    if table is None or named is None or named[0] is not None:
        return None
    try:
        made = definition.read(f"{'unique ' if found['unique'] else ''}{found['name'] or ''} {found['body']}")
    except definition.Unreadable:
        return None
    warning = _EXISTS if found["exists"] else "" if found["concurrently"] else _WRITES_STOP
    return Recognised(Request("create-index", (table,), None, str(made)), warning)


def _drop(text: str) -> Recognised | None:
    found = _DROP.fullmatch(text)
    if found is None:
        return None
    named = _named(found["names"])
    if not named:
        return None
    warning = "" if found["concurrently"] else _WRITES_STOP.replace("write to", "use")
    return Recognised(Request("drop-index", tuple(index(one) for one in named)), warning)


def _setting(text: str) -> Recognised | None:
    found = _SET.fullmatch(text)
    if found is None:
        return None
    how, name = " ".join(found["how"].lower().split()), found["name"].lower()
    value = (found["value"] or "").strip("'").lower()
    if name != THRESHOLD:
        lasting = how.startswith("alter system") and not how.endswith("reset")
        return Recognised(Request("setting", (), None, name)) if lasting else None
    if how.endswith("reset"):
        word: str | None = "default" if not value else None
    else:
        word = "off" if value == "-1" else value
    known = threshold(word) if word else None
    if known is None or (word != "default" and known[0] is None):
        return None
    warning = _NEXT if how.startswith("alter system") else _SESSION if how.startswith("set") else ""
    return Recognised(Request("slow-log", (), None, as_word(known[0])), warning)


def _reset(text: str) -> Recognised | None:
    return Recognised(Request("reset-statements")) if _RESET.fullmatch(text) else None


def _delete(text: str, retentions: Mapping[str, Retention]) -> Recognised | None:
    found = _DELETE.fullmatch(text)
    if found is None:
        return None
    table, column = names.written(found["table"]), names.written(found["column"])
    keep = spelled(found["keep"])
    for word, one in retentions.items():
        if one.table in (table, f"public.{table}") and one.column == column and one.keep == keep:
            return Recognised(Request("delete-old", (), None, word), _ONE)
    return Recognised(Request("delete"), _ONE)


# programs

_TAKES: Final = {"-t": "table", "--table": "table", "-i": "index", "--index": "index", "-d": "dbname",
                 "--dbname": "dbname", "-h": "host", "--host": "host", "-p": "port", "--port": "port",
                 "-U": "user", "--username": "user", "-j": "", "--jobs": "", "-P": "", "--parallel": ""}  # fmt: skip
_SWITCHES: Final = {"-z": "analyze", "--analyze": "analyze", "-Z": "only", "--analyze-only": "only", "-f": "full",
                    "--full": "full", "--concurrently": "concurrently", "-v": "", "--verbose": "", "-q": "",
                    "--quiet": "", "-e": "", "--echo": "", "-w": "", "--no-password": "", "-F": "", "--freeze": "",
                    "--skip-locked": ""}  # fmt: skip


def program(name: str, words: Sequence[str]) -> tuple[Recognised, dict[str, str]] | None:
    """What `vacuumdb` or `reindexdb` with these words means, and at which place; None when that can't be told."""
    place: dict[str, str] = {}
    on: set[str] = set()
    given: dict[str, list[str]] = {"table": [], "index": []}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        head, mark, value = word.partition("=") if word.startswith("--") else (word[:2], "", "")
        if head in _SWITCHES and not mark and (word.startswith("--") or len(word) == 2):
            on.add(_SWITCHES[head])
        elif head in _TAKES and word.startswith("-"):
            value = value if mark else word[2:] if len(word) > 2 and not word.startswith("--") else ""
            if not mark and not value:
                if not rest:
                    return None
                value = rest.pop(0)
            if _TAKES[head] in given:
                written = names.written(value)
                if written is None:
                    return None
                given[_TAKES[head]].append(written)
            elif _TAKES[head]:
                place[_TAKES[head]] = value
        elif not word.startswith("-") and "dbname" not in place:
            place["dbname"] = word
        else:
            return None
    tables, indexes = given["table"], given["index"]
    if name == "vacuumdb":
        return (_vacuumed(on, tables), place) if not indexes and "concurrently" not in on else None
    if not tables and not indexes:
        return Recognised(Request("reindex-all")), place
    subjects = tuple(tables + [index(one) for one in indexes])
    return Recognised(Request("reindex", subjects), "" if "concurrently" in on else _WRITES_STOP), place


def _vacuumed(on: set[str], tables: list[str]) -> Recognised:
    if "only" in on:
        return Recognised(Request("analyze", tuple(tables)))
    if "full" in on:
        return Recognised(Request("vacuum-full", tuple(tables)) if tables else Request("vacuum-full-all"), _FULL)
    return Recognised(Request("vacuum", tuple(tables)), "" if "analyze" in on else _ALSO)
