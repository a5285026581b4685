"""A small grammar of the statements that signal sessions: SELECT pg_terminate_backend(123) and its relatives.

It reads them whole or not at all. A subject is a session ("pid backend_start") or, where only a pid stands, that pid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from probes.postgres.guard import moment

GREATEST_PID: Final = 2**31 - 1

_SHOWN: Final = frozenset(
    {"pid", "usename", "datname", "application_name", "client_addr", "state", "query", "query_start", "backend_start"}
)
"""Columns that are often selected beside the call."""
_FUNCTION: Final = re.compile(r"pg_(cancel|terminate)_backend")
_TOKEN: Final = re.compile(
    r"""\s* (?: (?P<string>'(?:[^']|'')*') | (?P<number>[0-9]+)(?![\w.]) | (?P<word>[A-Za-z_]\w*)
      | (?P<quoted>"[^"]+") | (?P<mark><>|!=|=>|::|[(),.=*]) )""",
    re.VERBOSE,
)


def split(text: str) -> Iterator[str]:
    """Statements of a text, where quotes hold semicolons together; comments are left for the reader to choke on."""
    start = 0
    for found in re.finditer(r"""'(?:[^']|'')*'|"[^"]*"|(;)""", text):
        if found[1]:
            yield from filter(None, [text[start : found.start()].strip()])
            start = found.end()
    yield from filter(None, [text[start:].strip()])


def meant(statement: str) -> tuple[str, list[str]] | None:
    """(action, subjects) of one statement."""
    try:
        return _Reader(statement).select()
    except _Unknown:
        return None


class _Unknown(Exception):
    """Something we don't read."""


class _Reader:
    """Reads one statement, token by token; whatever it does not know ends it."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise _Unknown
            value = found[found.lastgroup]
            lowered = value.lower() if found.lastgroup == "word" else value
            self._tokens.append((found.lastgroup, lowered))
            at = found.end()
        self._at = 0
        self._qualifiers: set[str] = set()

    def select(self) -> tuple[str, list[str]]:
        """`SELECT pg_terminate_backend(123)` and its relatives."""
        self._expect("select")
        if self._took("*"):
            self._expect("from")
            calls = [self._call()]
        else:
            calls = self._list()
        actions = {action for action, _ in calls}
        if len(actions) != 1:
            raise _Unknown
        pids = [pid for _, pid in calls if pid is not None]
        if self._over and len(pids) == len(calls):
            return actions.pop(), [str(pid) for pid in pids]
        if len(calls) != 1:
            raise _Unknown
        rows = self._rows()
        if pids and [row.partition(" ")[0] for row in rows] != [str(pids[0])]:
            raise _Unknown
        return actions.pop(), rows

    def _list(self) -> list[tuple[str, int | None]]:
        """The calls among what is selected; plain columns beside them are only shown."""
        calls: list[tuple[str, int | None]] = []
        while True:
            if self._peek()[1] in _SHOWN:
                self._at += 1
            else:
                calls.append(self._call())
            if not self._took(","):
                return calls

    def _call(self) -> tuple[str, int | None]:
        """(action, the pid in it, or None where it is the column)."""
        name = self._name()
        found = _FUNCTION.fullmatch(name)
        if found is None:
            raise _Unknown
        self._expect("(")
        pid: int | None = None
        if self._peek()[0] == "word":
            self._column("pid")
        else:
            pid = self._pid()
        if self._took(","):
            if found[1] != "terminate":
                raise _Unknown
            if self._took("timeout"):
                self._expect("=>")
            self._next("number")
        self._expect(")")
        if self._took("as") or self._peek()[0] == "quoted" or (
            self._peek()[0] == "word" and self._peek()[1] != "from"
        ):  # fmt: skip
            self._label()
        return found[1], pid

    def _rows(self) -> list[str]:
        """The sessions that FROM and WHERE speak of: by pid, and perhaps by when they began."""
        self._expect("from")
        if self._name() != "pg_stat_activity":
            raise _Unknown
        alias = "pg_stat_activity"
        if self._took("as") or (self._peek()[0] == "word" and self._peek()[1] != "where"):
            alias = self._next("word")
        self._expect("where")
        pids: list[int] = []
        start = ""
        while True:
            column = self._column()
            if column == "pid" and self._took("="):
                if pids:
                    raise _Unknown
                pids = [self._pid()]
            elif column == "pid" and self._took("in"):
                if pids:
                    raise _Unknown
                self._expect("(")
                pids = [self._pid()]
                while self._took(","):
                    pids.append(self._pid())
                self._expect(")")
            elif column == "pid" and (self._took("<>") or self._took("!=")):
                if self._name() != "pg_backend_pid":
                    raise _Unknown
                self._expect("(")
                self._expect(")")
            elif column == "backend_start" and self._took("=") and not start:
                start = self._moment()
            elif column == "backend_type" and self._took("="):
                if self._next("string") != "'client backend'":
                    raise _Unknown
            else:
                raise _Unknown
            if self._over:
                break
            self._expect("and")
        if not pids or (start and len(pids) > 1) or not self._qualifiers <= {alias}:
            raise _Unknown
        return [f"{pid} {start}".strip() for pid in pids]

    def _moment(self) -> str:
        if not self._took("timestamptz") and self._took("timestamp"):
            for word in ("with", "time", "zone"):
                self._expect(word)
        found = moment(self._next("string")[1:-1])
        if self._took("::"):
            self._expect("timestamptz")
        if found is None:
            raise _Unknown
        return found

    def _pid(self) -> int:
        kind, value = self._peek()
        text = value[1:-1] if kind == "string" else value
        if kind not in ("number", "string") or not re.fullmatch(r"[1-9][0-9]{0,9}", text) or int(text) > GREATEST_PID:
            raise _Unknown
        self._at += 1
        if self._took("::") and self._next("word") not in ("int", "int4", "integer"):
            raise _Unknown
        return int(text)

    def _name(self) -> str:
        """A function or table, of the catalogue if it says of which schema."""
        name = self._next("word")
        if self._took("."):
            if name != "pg_catalog":
                raise _Unknown
            name = self._next("word")
        return name

    def _column(self, wanted: str = "") -> str:
        name = self._next("word")
        if self._took("."):
            self._qualifiers.add(name)
            name = self._next("word")
        if wanted and name != wanted:
            raise _Unknown
        return name

    def _label(self) -> None:
        if self._peek()[0] not in ("word", "quoted"):
            raise _Unknown
        self._at += 1

    @property
    def _over(self) -> bool:
        return self._at >= len(self._tokens)

    def _peek(self) -> tuple[str, str]:
        return ("", "") if self._over else self._tokens[self._at]

    def _took(self, value: str) -> bool:
        if self._peek()[1] == value and self._peek()[0] != "string":
            self._at += 1
            return True
        return False

    def _expect(self, value: str) -> None:
        if not self._took(value):
            raise _Unknown

    def _next(self, kind: str) -> str:
        found, value = self._peek()
        if found != kind:
            raise _Unknown
        self._at += 1
        return value
