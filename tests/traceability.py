"""What the runbooks ask for, row by row, and where it is served: `docs/traceability.tsv`, read and checked.

`python -m tests.traceability` writes `docs/ROWS.md` out of it.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

import click

from desk.checklist.table import BoxTable, ChecklistTable
from desk.incident.table import ContactTable, EscalationTable, IncidentTable, MessageTable, SeverityTable
from desk.notices.channel import DesktopSettings, PagerDutySettings, SlackSettings, WebhookSettings
from desk.profile import Head
from desk.ruletable import RuleTable
from probes.base import Probe
from tui.cli import main as opsroom
from tui.keys import KEYS, shown
from tui.kinds import KINDS, Kinds

ROOT: Final = Path(__file__).parent.parent
TABLE: Final = ROOT / "docs" / "traceability.tsv"
PAGE: Final = ROOT / "docs" / "ROWS.md"

COLUMNS: Final = ("id", "kind", "words", "where", "test", "state", "note")
STATES: Final = ("served", "part", "refused", "not yet")

RUNBOOKS: Final = {"A": 99, "B": 130, "C": 134, "D": 144, "E": 154}
"""How many rows each runbook has, A-01 and so on: 661 in all."""
HAZARDS: Final = 151
"""What the runbooks get wrong or leave out, H-01 and so on."""
SYSTEMS: Final = {
    "A": "insta_connect", "B": "whatsapp_notifications", "C": "social_analytics", "D": "social_live", "E": "newsletter",
}  # fmt: skip
"""The example system of each runbook."""
ASKS: Final = {
    "probe": 161, "threshold-alert": 50, "action": 108, "checklist-step": 89, "log-search": 42, "procedure": 68,
    "contact-escalation": 52, "backup": 15, "maintenance": 36, "config": 40, "hazard": HAZARDS,
}  # fmt: skip
"""What a row asks for -> how many rows do."""

TABLES: Final[Mapping[str, Any]] = {
    "": Head, "rule": RuleTable, "checklist": ChecklistTable, "checklist.box": BoxTable, "severity": SeverityTable,
    "incident": IncidentTable, "contacts": ContactTable, "escalation": EscalationTable, "message": MessageTable,
}  # fmt: skip
"""Tables of a profile that stand beside those of the kinds."""
CHANNELS: Final = frozenset(
    kind
    for one in (WebhookSettings, SlackSettings, PagerDutySettings, DesktopSettings)
    for kind in get_args(one.model_fields["kind"].annotation)
)
"""What a [notify.NAME] can be."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    id: str
    """The runbook's letter and a number: "A-01"; H for a hazard."""
    kind: str
    words: str
    """What is asked for, or what goes wrong."""
    where: str
    """References, with "; " between them, in the order in which a person would use them."""
    test: str
    """Names of the tests that show it."""
    state: str
    note: str
    """Why it is refused, what a part lacks, or what is good to know."""

    @property
    def references(self) -> list[str]:
        """Each place by itself."""
        return self.where.split("; ") if self.where else []

    @property
    def system(self) -> str:
        """The example system of its runbook; empty for a hazard, which is everybody's."""
        return SYSTEMS.get(self.id[0], "")


def rows() -> list[Row]:
    """The table as it is written. Raises `ValueError` for a line that is none."""
    head, *lines = TABLE.read_text("utf-8").splitlines()
    if tuple(head.split("\t")) != COLUMNS:
        raise ValueError(f"the columns are {head!r}")
    cells = [line.split("\t") for line in lines]
    if wrong := [number for number, one in enumerate(cells, 2) if len(one) != len(COLUMNS)]:
        raise ValueError(f"lines without {len(COLUMNS)} cells: {wrong}")
    return [Row(*(cell.strip() for cell in one)) for one in cells]


def ids() -> list[str]:
    """Every row that there must be, in order."""
    asked = [f"{letter}-{number:02}" for letter, most in RUNBOOKS.items() for number in range(1, most + 1)]
    return [*asked, *(f"H-{number:02}" for number in range(1, HAZARDS + 1))]


# What a reference means


@cache
def looks(kind: str) -> frozenset[str]:
    """Names of the looks that a kind's source speaks of."""
    (module,) = [one.probe.partition(":")[0] for one in KINDS if one.name == kind]
    base = (ROOT / module.replace(".", "/")).with_suffix(".py")
    made = [
        call.args[0].value
        for path in ([base] if base.parent == ROOT / "probes" else sorted(base.parent.rglob("*.py")))
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("Look", "Asking")
        if call.args and isinstance(call.args[0], ast.Constant)
    ]
    return frozenset(one for one in made if isinstance(one, str))


@cache
def acts(kind: str) -> frozenset[str]:
    """Names of what can be done to a kind."""
    actuator = Kinds().actuator(kind)
    return frozenset(action.name for action in actuator.actions) if actuator else frozenset()


@cache
def consoles() -> frozenset[str]:
    """Kinds that hand over the terminal."""
    return frozenset(one.name for one in KINDS if Kinds().facts(one.name).consoles is not Probe.consoles)


PARTS: Final[Mapping[str, Callable[[str], Container[str]]]] = {
    "act": acts,
    "look": looks,
    "table": lambda kind: {table.name for table in Kinds().panel(kind).tables},
    "rule": lambda kind: {rule.name for rule in Kinds().facts(kind).rules},
    "key": lambda kind: Kinds().facts(kind).settings_type.model_fields,
}
"""What a kind has, by the word before the name of it."""


@cache
def profile(system: str) -> dict[str, Any]:
    """An example profile, as TOML reads it."""
    return tomllib.loads((ROOT / "systems" / system / "opsroom.toml").read_text("utf-8"))


@cache
def headings(system: str) -> frozenset[str]:
    """Headings of the runbook beside an example profile."""
    path = ROOT / "systems" / system / "RUNBOOK.md"
    return frozenset(re.findall(r"^##+ (.+?)\s*$", path.read_text("utf-8"), re.M)) if path.exists() else frozenset()


def _example(word: str, system: str, rest: str) -> bool:
    if system not in SYSTEMS.values():
        return False
    if word == "runbook":
        return rest in headings(system)
    if word == "rule":
        return rest in {one["name"] for one in profile(system).get("rule", [])}
    boxes = {one["name"]: {box["say"] for box in one.get("box", [])} for one in profile(system).get("checklist", [])}
    name, _, say = rest.partition(" ")
    return rest in boxes if word == "checklist" else say in boxes.get(name, ())


def _profile_key(path: str) -> bool:
    table, _, key = path.rpartition(".")
    return table in TABLES and key in TABLES[table].model_fields


def _screen(screen: str, key: str) -> bool:
    faces = {
        face
        for one in KEYS
        if one.where in (screen, "everywhere")
        for face in (shown(one.keys), *(shown(name) for name in one.keys.split(",")))
    }
    return screen in {one.where for one in KEYS} and key in faces


def _verb(path: str) -> bool:
    verb: click.Command | None = opsroom
    for word in path.split():
        verb = verb.commands.get(word) if isinstance(verb, click.Group) else None
    return verb is not None


def there_is(reference: str) -> bool:
    """Whether a reference leads to something.

    KIND; KIND act, look, table, rule or key NAME; KIND console; `rule`, `checklist` or `runbook` SYSTEM NAME and `box`
    SYSTEM CHECKLIST WORDS of an example; `profile` TABLE.KEY; `notify` CHANNEL; `screen` NAME KEY; `verb` NAME.
    """
    first, _, rest = reference.partition(" ")
    second, _, name = rest.partition(" ")
    if first in {one.name for one in KINDS}:
        has = rest in ("", "console") or (second in PARTS and name in PARTS[second](first))
        return has and (rest != "console" or first in consoles())
    if first in ("rule", "checklist", "box", "runbook"):
        return _example(first, second, name)
    if first == "screen":
        return _screen(second, name)
    one_word = {"profile": _profile_key, "notify": CHANNELS.__contains__, "verb": _verb}
    return first in one_word and bool(rest) and one_word[first](rest)


# The page

_INTRODUCTION: Final = """\
# What the runbooks ask for, and where it is

The runbooks of five systems, row by row: A runs under systemd on hosts, B under Compose and in ECS, C in ECS, D in
Kubernetes, E under Compose; H are the hazards, what they get wrong or leave out. All of it stands in
[traceability.tsv](traceability.tsv), one line a row: what is asked for, where a person finds it, the tests that show
it, how far it is served, and what is good to know. This page is written out of that table by
`python -m tests.traceability`; `tests/test_traceability.py` fails when a row is missing, or points to a place or a test
that does not exist.

A place is `KIND`, a panel; `KIND act`, `look`, `table`, `rule` or `key NAME`, what that panel does, shows, warns of and
is told; `screen NAME KEY`, a key; `verb NAME`, a command of `opsroom`; `profile TABLE.KEY`, what a profile says;
`notify CHANNEL`, a way to tell people; `rule`, `checklist`, `box` and `runbook SYSTEM NAME`, those of an example in
`systems/`.

A refusal is an answer too, and says why.
"""


def page() -> str:
    """docs/ROWS.md, as the table has it."""
    all_rows = rows()
    counted = Counter((row.kind, row.state) for row in all_rows)
    lines = [_INTRODUCTION, "| asks for | " + " | ".join(STATES) + " | rows |", "|---|" + "---|" * (len(STATES) + 1)]
    lines += [
        f"| {kind} | " + " | ".join(str(counted[kind, state]) for state in STATES) + f" | {number} |"
        for kind, number in ASKS.items()
    ]
    for state, title in (("not yet", "Not yet"), ("part", "In part"), ("refused", "Refused")):
        lines += ["", f"## {title}", "", *_listed(row for row in all_rows if row.state == state)]
    lines += ["", "## By place", "", "| place | rows |", "|---|---|"]
    lines += [f"| `{place}` | {' '.join(found)} |" for place, found in _places(all_rows).items()]
    return "\n".join(lines) + "\n"


def _listed(some: Iterable[Row]) -> list[str]:
    found = [f"| {row.id} | {_cell(row.words)} | {_cell(row.where)} | {_cell(row.note)} |" for row in some]
    return ["| row | asked for | where | why |", "|---|---|---|---|", *found] if found else ["Nothing."]


def _places(all_rows: Iterable[Row]) -> dict[str, list[str]]:
    """Every place but those of examples -> the rows that it serves, in the order of the kinds."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in all_rows:
        for one in row.references:
            if one.partition(" ")[0] not in ("rule", "checklist", "box", "runbook"):
                found[one].append(row.id)
    order = [one.name for one in KINDS]

    def place(reference: str) -> tuple[int, str]:
        first = reference.partition(" ")[0]
        return order.index(first) if first in order else len(order), reference

    return {one: found[one] for one in sorted(found, key=place)}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"written: {PAGE.relative_to(ROOT)}\n")
