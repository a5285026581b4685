"""Closer looks: columns, settings that last, roles, the plan of a statement. Never values of rows."""

from __future__ import annotations

from typing import Final

from probes.base import Look, SafeText, Sheet
from probes.postgres import parse
from probes.postgres.care import names
from probes.postgres.care.explain import explained
from probes.postgres.care.read import lasting_of
from probes.postgres.link import Link
from probes.postgres.questions import question

LOOKS: Final = (
    Look("columns", "column statistics"),
    Look("settings", "settings that last", evidence=True),
    Look("roles", "roles and what they may"),
    Look("explain", "plan of a statement, estimated, not run"),
)


async def taken(link: Link, name: str, subject: str, literals: bool) -> Sheet:
    """The sheet of a look; `literals`: values in a query may be seen. Raises `ProbeError`."""
    if name == "explain":
        return await explained(link, subject, literals)
    if name == "columns":
        document = await link.ask(question("columns", 120000, names=names.literal(subject)))
        return columns(subject, parse.rows(parse.part(document).get("columns")))
    if name == "roles":
        return roles(parse.rows(parse.part(await link.ask(question("roles", 120000))).get("roles")))
    return settings(parse.part(await link.ask(question("lasting", 120000))))


def columns(table: str, rows: list[parse.Document]) -> Sheet:
    """What the planner believes of each column. This says nothing of the use of indexes.

    https://www.postgresql.org/docs/current/view-pg-stats.html
    """
    lines = [SafeText(f"{'nulls':>7}  {'distinct values':>16}  {'in order':>8}  {'bytes':>6}  column")]
    for row in rows:
        nulls, order, width = parse.number(row.get("nulls")), row.get("correlation"), parse.number(row.get("width"))
        share = "–" if nulls is None else f"{nulls:.1%}"
        ordered = f"{order:+.2f}" if isinstance(order, int | float) else "–"
        wide = "–" if width is None else f"{width:.0f}"
        name = f"{row.get('name')}  {row.get('type')}"
        lines.append(SafeText(f"{share:>7}  {distinct(row.get('distinct')):>16}  {ordered:>8}  {wide:>6}  {name}", 300))
    if not rows:
        lines = [SafeText("there is no such table")]
    elif all(row.get("nulls") is None for row in rows):
        lines.append(SafeText("no statistics: never analysed, or our role may not read the table"))
    return Sheet(f"column statistics of {SafeText(table, 150)}", tuple(lines))


def distinct(value: object) -> str:
    """n_distinct in words: a negative one is a share of the rows.

    >>> distinct(12), distinct(-1), distinct(-0.25), distinct(None)
    ('12', 'all different', '25% of the rows', '–')
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "–"
    if value < 0:
        return "all different" if value == -1 else f"{-value:.0%} of the rows"
    return f"{value:,.0f}"


def settings(document: parse.Document) -> Sheet:
    """Settings that outlive a session, and where each comes from."""
    lines = [SafeText(f"{'from':<20}  setting")]
    for row in parse.rows(document.get("settings")):
        one = lasting_of(row)
        waits = "  CHANGED in the file, waits for a restart" if one.pending else ""
        restart = "  (restart)" if row.get("context") == "postmaster" else ""
        lines.append(SafeText(f"{one.source:<20}  {one.name} = {one.value}{restart}{waits}", 400))
    for row in parse.rows(document.get("overrides")):
        whose = " ".join(
            f"{what} {parse.name(row.get(what))}" for what in ("database", "role") if row.get(what)
        ) or "everybody"  # fmt: skip
        lines.append(SafeText(f"{'for ' + whose:<20}  {row.get('text')}, which wins over the file there", 400))
    return Sheet("settings that last", tuple(lines))


_POWERS: Final = {
    "superuser": "SUPERUSER", "makes_roles": "makes roles", "makes_databases": "makes databases",
    "replicates": "replicates", "sees_all_rows": "sees all rows",
}  # fmt: skip
"""What a role may besides what it was granted.

https://www.postgresql.org/docs/current/view-pg-roles.html
"""


def roles(rows: list[parse.Document]) -> Sheet:
    """Who may come in, and what else they may: the mighty first. What was granted on tables is not told here."""
    return Sheet("roles and what they may", tuple(map(_role, rows)) or (SafeText("no role can be seen"),))


def _role(row: parse.Document) -> SafeText:
    said = [words for power, words in _POWERS.items() if row.get(power) is True]
    if row.get("login") is not True:
        said.append("no login")
    if row.get("until"):
        said.append(f"{'EXPIRED' if row.get('expired') is True else 'until'} {row.get('until')} UTC")
    if isinstance(groups := row.get("groups"), list) and groups:
        said.append(f"in {', '.join(map(str, groups))}")
    counts = {word: int(parse.number(row.get(f"{word}s")) or 0) for word in ("table", "session")}
    words = [f"{number} {word}{'s' if number != 1 else ''}" if number else "" for word, number in counts.items()]
    said += [f"{owns}{text}" for owns, text in zip(("owns ", ""), words, strict=True) if text]
    return SafeText(f"{row.get('name')!s:<24}  {'; '.join(said) or 'may log in'}", 400)
