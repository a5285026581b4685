"""What a saved query may be: one SELECT, its parameters by name, and no call that does harm in a read-only transaction.

The server enforces read-only. What it lets through there all the same, such as ending sessions, taking locks that last
or reading its files, is refused here by name, before anything is sent. A view or a function of the database's own can
still hide such a call: the role must not have the right (contrib/postgres/saved.sql).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 20_000
"""Characters of a query."""

_PIECE: Final = re.compile(
    r"""
      (?P<line>    --[^\n]* )
    | (?P<block>   /\* )
    | (?P<string>  (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*' | (?:(?<![\w$])(?:[bBxXnN]|[uU]&))?'(?:[^']|'')*' )
    | (?P<name>    (?:(?<![\w$])[uU]&)?"(?:[^"]|"")*" )
    | (?P<dollar>  (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$ )
    | (?P<opened>  (?<![\w$])\$\w*\$ )
    | (?P<param>   (?<![\w$])\$[A-Za-z_]\w* )
    | (?P<number>  (?<![\w$])\$\d+ )
    | (?P<open>    ['"] )
    """,
    re.VERBOSE | re.DOTALL,
)
_CALL: Final = re.compile(r'(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^\W\d][\w$]*))\s*\(')
_FIRST: Final = re.compile(r"[\s(]*(?:select|with|values|table)\b", re.IGNORECASE)

_SESSIONS: Final = "ends or stops other sessions"
_SERVER: Final = "changes how the server runs"
_FILES: Final = "reaches the server's files"
_LOCKS: Final = "takes locks that outlast the query"
_ELSEWHERE: Final = "runs statements that nobody sees here"
_HARMFUL: Final = (
    (re.compile(r"pg_(?:terminate|cancel)_backend"), _SESSIONS),
    (re.compile(r"pg_(?:reload_conf|rotate_logfile\w*|promote|switch_(?:wal|xlog)|create_restore_point"
                r"|wal_replay_(?:pause|resume)|(?:start|stop)_backup|backup_(?:start|stop)|log_backend_memory_contexts"
                r"|log_standby_snapshot|import_system_collations|export_snapshot|stat_reset\w*"
                r"|stat_statements_reset)"), _SERVER),
    (re.compile(r"pg_(?:create_(?:physical|logical)_replication_slot|copy_(?:physical|logical)_replication_slot"
                r"|drop_replication_slot|replication_slot_advance|logical_slot_get_\w+|logical_emit_message"
                r"|replication_origin_\w+|sync_replication_slots)"), "changes replication"),
    (re.compile(r"set_config|pg_set_\w+"), "changes the limits that hold here"),
    (re.compile(r"pg_(?:try_)?advisory_\w*lock\w*"), _LOCKS),
    (re.compile(r"pg_read_(?:binary_)?file\w*|pg_ls_\w+|pg_stat_file|pg_file_\w+|pg_logdir_ls"
                r"|lo_(?:im|ex)port"), _FILES),
    (re.compile(r"lo_\w+|lowrite|loread"), "changes large objects"),
    (re.compile(r"dblink\w*|query_to_xml\w*|cursor_to_xml\w*|ts_stat|ts_rewrite"
                r"|pg_background_\w+"), _ELSEWHERE),
    (re.compile(r"pg_notify"), "sends a notification"),
    (re.compile(r"pg_sleep\w*"), "only waits"),
    (re.compile(r"nextval|setval|txid_current|pg_current_xact_id"), "moves a counter of the server"),
    (re.compile(r"brin_\w+|gin_clean_pending_list|pg_prewarm|pg_truncate_visibility_map|autoprewarm_\w+"),
     "does work on tables"),
)  # fmt: skip
"""Functions, by their whole name, that do something a read-only transaction does not keep them from.
https://www.postgresql.org/docs/current/functions-admin.html"""


@dataclass(frozen=True, slots=True)
class Statement:
    """A query that may be sent, its parameters numbered as the server takes them."""

    text: str
    names: tuple[str, ...] = ()
    """Parameters in the order of their numbers."""
    marks: tuple[tuple[int, int], ...] = ((0, 0),)
    """(place in `text`, place in what was written), where the two begin to differ."""

    def written_at(self, place: int) -> int:
        """Where a character of `text` stands in what a person wrote."""
        here, there = max(mark for mark in self.marks if mark[0] <= place) if place >= 0 else (0, 0)
        return max(0, there + place - here)


def read(sql: str) -> Statement:
    """The query as it will be sent. Raises `ValueError` with the reason why it may not be."""
    if len(sql) > LONGEST:
        raise ValueError(f"is longer than {LONGEST:,} characters")
    text = sql.rstrip().rstrip(";").rstrip()
    bare, sent, names, marks = list[str](), list[str](), list[str](), [(0, 0)]
    length = 0
    for kind, piece, start in _pieces(text):
        out = piece
        if kind == "param":
            name = piece[1:]
            if name not in names:
                names.append(name)
            out = f"${names.index(name) + 1}"
        if kind == "name" and piece[0] in "uU":
            raise ValueError('writes a name as U&"...", which hides what it is: write it plainly')
        sent.append(out)
        length += len(out)
        if out != piece:
            marks.append((length, start + len(piece)))
        bare.append(
            {"comment": " ", "string": "''", "param": " 0 "}.get(
                kind, piece.replace(";", "_") if kind == "name" else piece
            )
        )
    _checked("".join(bare))
    return Statement("".join(sent), tuple(names), tuple(marks))


def narrowed(statement: Statement, columns: Sequence[str]) -> Statement:
    """The query for those rows alone whose columns, of plain names, have these values as the server writes them: the
    parameters `place(0)`, `place(1)` ... of them. What the query leaves out by a LIMIT of its own stays left out.
    """
    before = "SELECT opsroom.* FROM ("
    first = len(statement.names) + 1
    asked = (f"pg_catalog.format('%s', opsroom.\"{name}\") = ${first + at}" for at, name in enumerate(columns))
    return Statement(
        f"{before}{statement.text}\n) AS opsroom WHERE {' AND '.join(asked)}",
        (*statement.names, *map(place, range(len(columns)))),
        ((0, 0), *((at + len(before), there) for at, there in statement.marks)),
    )


def place(column: int) -> str:
    """The parameter that a column's value is given by; no query of a profile has one of that name."""
    return f"column {column}"


def _pieces(text: str) -> Iterator[tuple[str, str, int]]:
    """(what it is, the piece, where it begins): code, comment, string, name or param."""
    at = 0
    while found := _PIECE.search(text, at):
        if found.start() > at:
            yield "code", text[at : found.start()], at
        kind, end = _kind(found), found.end()
        if kind in ("open", "opened"):
            raise ValueError("has a quote that is never closed")
        if kind == "number":
            raise ValueError(f"has the parameter {found[0]}: give it a name, such as $days, and a value in params")
        if kind == "block":
            kind, end = "comment", _end_of_comment(text, found.end())
        yield kind, text[found.start() : end], found.start()
        at = end
    if at < len(text):
        yield "code", text[at:], at


def _kind(found: re.Match[str]) -> str:
    kind = "dollar" if found.lastgroup == "tag" else found.lastgroup or ""
    return {"line": "comment", "dollar": "string"}.get(kind, kind)


def _end_of_comment(text: str, at: int) -> int:
    """Comments nest."""
    depth = 1
    for found in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    raise ValueError("has a comment that is never closed")


def _checked(bare: str) -> None:
    if not bare.strip():
        raise ValueError("is empty")
    if ";" in bare:
        raise ValueError("holds several statements: give each a name of its own")
    if not _FIRST.match(bare):
        raise ValueError("is no SELECT: only SELECT, WITH, VALUES and TABLE are asked here")
    for found in _CALL.finditer(bare):
        name = found["quoted"].replace('""', '"') if found["quoted"] else found["plain"].lower()
        for pattern, why in _HARMFUL:
            if pattern.fullmatch(name):
                raise ValueError(f"calls {name}, which {why}: a saved query only looks")
