"""The plan of a statement: EXPLAIN without ANALYZE, so it is estimated and never run.

The text is not ours. It is given to PREPARE by the extended protocol, which takes one statement and no second one
behind it, and PREPARE takes only what has a plan. What is explained then is that prepared statement, for any values of
its parameters, in a read-only transaction of which nothing stays.
https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
https://www.postgresql.org/docs/current/sql-prepare.html
https://www.postgresql.org/docs/current/sql-explain.html

To plan, the server may call functions marked immutable or stable, with the rights of who asks. So a statement is
planned as the role it belongs to, which our login must be allowed to become, and a superuser plans statements of
superusers only: a function could RESET ROLE to the login it was called by.
https://www.postgresql.org/docs/current/sql-set-role.html
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Final

from probes.base import Cause, ProbeError, SafeText, Sheet
from probes.postgres import parse
from probes.postgres.address import SESSION
from probes.postgres.care import names
from probes.postgres.complaints import translated
from probes.postgres.link import Link, opened
from probes.postgres.literals import one_line, without_literals
from probes.postgres.meters import OURS
from probes.postgres.questions import question

if TYPE_CHECKING:
    import psycopg

_MOST: Final = 400
"""Lines of a plan shown at most."""
_LONGEST: Final = 600
"""Characters of one of its lines."""
_NAME: Final = "opsroom_plan"
"""Always the same: with another name each time pg_stat_statements would count as many statements."""
_PLANNED: Final = frozenset({"select", "with", "insert", "update", "delete", "merge", "values", "table"})
"""What a statement begins with that has a plan. https://www.postgresql.org/docs/current/sql-prepare.html"""
_CLIPPED: Final = 4
"""Bytes less than track_activity_query_size that a cut text may have: the end mark, and part of a character."""
_LIMITS: Final = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_PATH: Final = '"$user", public'
"""The server's default of search_path."""

_NOT_FOUND: Final = frozenset({"42P01", "42703", "42883", "42704", "3F000"})
_UNTYPED: Final = frozenset({"42P18", "42P08", "42725", "42804"})


async def explained(link: Link, subject: str, literals: bool) -> Sheet:
    """The plan of a counted statement ("queryid/role/database") or of what a session ("pid start") runs or ran last.

    The link must leave the planner's settings as they are. Where there can be no plan the sheet says why. Raises
    `ProbeError`.
    """
    us = parse.part(await link.ask(question("identity", 120000)))
    document = await _found(link, us, subject)
    text = str(document.get("query") or "")
    head = [SafeText(one_line(text) if literals else without_literals(text), 2000), SafeText()]
    if document.get("state") not in (None, "active"):
        head.insert(0, SafeText("the session runs nothing now: this was its last query"))
    title = f"plan of {SafeText(subject, 80)}"
    if why := _why_not(document, us, text):
        return Sheet(title, (*head, SafeText(f"no plan: {why}", _LONGEST)))
    path = str(document.get("path") or _PATH).replace('"$user"', names.quoted(str(document.get("user"))))
    role = str(document.get("user"))
    try:
        values, plan = await _plan(link, text, path, role)
    except _NoPlan as error:
        return Sheet(title, (*head, SafeText(f"no plan: {error}", _LONGEST)))
    shown = plan if literals else _masked(plan)
    said = [SafeText(one, _LONGEST) for one in shown[:_MOST]]
    below = [SafeText(), SafeText(f"planned as {role} with its rights, search_path {path}", 300)]
    if values:
        below.append(SafeText("a plan for any values: for some values the server may choose another one"))
    how = SafeText("estimated, not run: EXPLAIN without ANALYZE")
    return Sheet(title, (how, *head, *said, *below), max(len(shown) - _MOST, 0))


class _NoPlan(Exception):
    """Why the server can't tell a plan, in words."""


async def _found(link: Link, us: parse.Document, subject: str) -> parse.Document:
    if subject == OURS:
        raise ProbeError(Cause.MISSING, "these are what Opsroom itself asks, counted as one: there is no one plan")
    counted = re.fullmatch(r"-?[0-9]+/[0-9]+/[0-9]+", subject)
    if counted is None and not re.fullmatch(r"[0-9]+ [0-9][0-9:. +-]+", subject):
        raise ProbeError(Cause.MISSING, "a plan is told of a row of statements or of sessions")
    asked = "counted" if counted else "running"
    schema = str(us.get("statements_schema") or "")
    if counted and not schema:
        raise ProbeError(Cause.MISSING, "pg_stat_statements is no longer there")
    document = parse.part(await link.ask(question(asked, 120000, schema=schema, ids=names.literal(subject))))
    found = parse.part(document.get("statement"))
    if not found:
        gone = "that statement is no longer counted" if counted else "that session has ended"
        if us.get("superuser") is not True and us.get("reads_all") is not True:
            gone += ", or is hidden from our role, which lacks pg_monitor"
        raise ProbeError(Cause.MISSING, gone)
    return found


def _why_not(document: parse.Document, us: parse.Document, text: str) -> str:
    """What speaks against asking at all; empty when nothing does."""
    size, room = parse.whole(document.get("bytes")), parse.whole(document.get("room"))
    first = re.match(r"[(\s]*(\w*)", without_literals(text))
    word = first[1].lower() if first else ""
    if document.get("backend") != "client backend":
        return "this is a process of the server, not a client's session"
    if size > 0 and not text:
        return f"the text is too long, {size:,} bytes"
    if not text.strip():
        return "its text is not known"
    if room and size >= room - _CLIPPED:
        return f"the server keeps {room} bytes of a text (track_activity_query_size), and this one is cut off there"
    if word == "execute":
        return "it runs a statement that its session has prepared; look for that one among the statements"
    if word not in _PLANNED:
        return f"{word.upper() or 'this'} is no statement that has a plan"
    if document.get("database") != us.get("database"):
        return f"it belongs to database {document.get('database')}, and we log in to {us.get('database')}"
    if not document.get("user"):
        return "its role is not there any more"
    if (us.get("superuser") is True or document.get("powerful") is True) and document.get("superuser") is not True:
        return (
            "we log in as a superuser and this is another role's: to plan it the server might call functions of that "
            "role, which could take our rights. Log in as a role that has pg_monitor and may become that one"
        )
    if document.get("member") is not True and document.get("superuser") is True:
        return "it is planned as its own role, which is a superuser: our login should not be able to become one"
    if document.get("member") is not True:
        user, login = names.quoted(str(document.get("user"))), names.quoted(str(document.get("login")))
        only = " WITH INHERIT FALSE, SET TRUE" if parse.whole(us.get("number")) >= 160000 else ""
        return f"it is planned as its own role, and {login} may not become that: GRANT {user} TO {login}{only}"
    return ""


async def _plan(link: Link, text: str, path: str, role: str) -> tuple[int, list[str]]:
    """(number of parameters, lines of the plan). Raises `_NoPlan` and `ProbeError`."""
    import psycopg

    limits = {name: SESSION[name] for name in _LIMITS} | {"plan_cache_mode": "force_generic_plan"}
    gone = contextlib.suppress(psycopg.Error, ProbeError)
    try:
        await link.run(opened(limits))
        try:
            await link.lines(f"SELECT /* opsroom */ pg_catalog.set_config('role', {names.literal(role)}, true)")
            await link.lines(f"SELECT /* opsroom */ pg_catalog.set_config('search_path', {names.literal(path)}, true)")
            await link.lines(f"PREPARE /* opsroom */ {_NAME} AS {text}")
            try:
                return await _told(link)
            finally:
                with gone:
                    await link.run(f"ROLLBACK /* opsroom */ TO opsroom; DEALLOCATE /* opsroom */ {_NAME}")
        finally:
            with gone:
                await link.leave()
    except psycopg.Error as error:
        raise _meant(error, link.where) from None


async def _told(link: Link) -> tuple[int, list[str]]:
    [number] = await link.lines(
        "SELECT /* opsroom */ pg_catalog.cardinality(parameter_types)::pg_catalog.text "
        f"FROM pg_catalog.pg_prepared_statements WHERE name OPERATOR(pg_catalog.=) '{_NAME}'"
    )
    values = f"({', '.join(['NULL'] * int(number))})" if int(number) else ""
    return int(number), await link.lines(f"EXPLAIN /* opsroom */ (FORMAT TEXT) EXECUTE {_NAME}{values}")


def _meant(error: psycopg.Error, where: str) -> Exception:
    state = error.sqlstate or ""
    if state == "42501":
        return ProbeError(Cause.DENIED, "its role may not do any more what it does, and the server plans only what one "
                          "may do", "GRANT SELECT ON the tables it reads TO that role")  # fmt: skip
    if state in _NOT_FOUND:
        return _NoPlan(
            "the server does not find a table, column or function it names: dropped meanwhile, temporary, or found "
            "by a search_path that the session has set itself"
        )
    if state in _UNTYPED:
        return _NoPlan("the server can't tell the types of its parameters without their values")
    if state == "42601":
        return _NoPlan(
            "the server can't read it by itself: several statements in one, or a value was taken out where no "
            "parameter may stand, as in interval $1"
        )
    if state in ("55000", "25006"):
        return _NoPlan("a standby plans no statement that writes or locks rows")
    if state == "57014":
        return ProbeError(Cause.SLOW, "the server did not plan it within 2 s")
    if state == "55P03":
        return ProbeError(Cause.SLOW, "one of its tables is locked by somebody: not waited for")
    return translated(error, where)


_QUOTED: Final = re.compile(r"""'[^']*'|"[^"]*\"""")
_PROPERTY: Final = re.compile(r"(\s*([A-Z][A-Za-z /()-]*):)(.*)", re.DOTALL)
_PLAIN: Final = re.compile(
    r"\s*(?:.*\(cost=[\d.]+ rows=\d+ width=\d+\)|CTE \S+|(?:Init|Sub)Plan \w+(?: \(returns [$\d,]+\))?)"
)
_REFERRED: Final = re.compile(r"\b((?:Init|Sub)Plan) (?=\d)")
_COUNTS: Final = frozenset({"Workers Planned", "Planned Partitions", "Subplans Removed", "Functions", "Options"})
"""Properties that are numbers of the plan, not of the query."""


def _masked(plan: list[str]) -> list[str]:
    """The plan with strings and numbers of the query as `?`; a value that spans lines becomes one line.

    >>> _masked(["Seq Scan on t1  (cost=0.00..1.03 rows=3 width=4)", "  Filter: (name = 'x", "CTE y'::text)"])
    ['Seq Scan on t1  (cost=0.00..1.03 rows=3 width=4)', '  Filter: (name = ?::text)']
    >>> _masked(["  CTE recent", "  Workers Planned: 2", "something 42 new"])
    ['  CTE recent', '  Workers Planned: 2', 'something ? new']
    """
    out: list[str] = []
    at = 0
    while at < len(plan):
        one, at = plan[at], at + 1
        while at < len(plan) and re.search(r"""['"]""", _QUOTED.sub("", one)):
            one, at = f"{one}\n{plan[at]}", at + 1
        if found := _PROPERTY.fullmatch(one):
            kept = found[2] in _COUNTS and not _QUOTED.search(found[3])
            out.append(one if kept else f"{found[1]} {_value(found[3])}".rstrip())
        elif _PLAIN.fullmatch(one):
            out.append(one)
        else:
            indent = one[: len(one) - len(one.lstrip())]
            out.append(indent + without_literals(one))
    return out


def _value(text: str) -> str:
    """A property's value without literals; the number of a subplan is none where no string could pretend to be one.

    >>> _value("(x = (hashed SubPlan 2).col1)"), _value("(x = 'SubPlan 2' OR (hashed SubPlan 2))")
    ('(x = (hashed SubPlan 2).col1)', '(x = ? OR (hashed SubPlan ?))')
    """
    if "'" in text:
        return without_literals(text)
    return without_literals(_REFERRED.sub(r"\1$", text)).replace("Plan$", "Plan ")
