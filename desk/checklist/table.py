"""`[[checklist]]` of a profile and its `[[checklist.box]]`: their keys, and the checklists that they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from desk import ruletable
from desk.checklist.box import Against, Asked, Box, Checklist, Test
from desk.checklist.schedule import ScheduleError, parse, zone_of
from desk.condition import (
    Condition,
    ConditionError,
    Expression,
    Limit,
    gauges,
    parse_expression,
    parse_limit,
)
from desk.condition import parse as parse_condition
from desk.evaluate import COMPARE
from desk.kindtable import KindTable
from desk.profile_faults import Findings, guess
from desk.toml_lines import Path
from probes.base import SafeText, Shape, Target

MOST: Final = 100
"""Boxes of a checklist."""

_HOURS: Final = 24.0 * 92


class BoxTable(BaseModel):
    """`[[checklist.box]]`: one thing to look at, answered by what is read or by a person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    say: str = Field(
        min_length=1, max_length=200, description="What is to be so; words of a runbook's box add to that one."
    )
    check: str | None = Field(
        None,
        description='What must be so: "host.disk_used_ratio < 80%", in the language of rules. The number alone '
        "goes with warn and critical, or with manual: then it is shown to who signs.",
    )
    warn: str | None = Field(None, description='It is not good from here on: "> 80%". In place of a limit in check.')
    critical: str | None = Field(None, description='It is bad from here on: "> 95%"; what lies between is amber.')
    reading: str = Field("", max_length=200, description="A target, or target/row, that must answer and have no alert.")
    manual: bool = Field(False, description="true: a person looks and signs.")
    value: Literal["number", "text"] | None = Field(None, description="What is entered then; only with manual.")
    unit: str = Field("", max_length=20, description="Unit of the number that is entered, as it is shown.")
    against: Literal["last", "weekday"] = Field(
        "last", description="Which run its value is put beside: the last, or the last on the same day of the week."
    )
    procedure: str = Field("", max_length=200, description="The procedure to follow, or where it is written.")
    action: str = Field("", max_length=200, description="The target, or target/row, at which something is to be done.")
    see: str = Field("", max_length=200, description="The target, or target/row, to look at.")
    link: str = Field("", max_length=300, description="An address to look at: https://grafana.example/d/orders.")

    @field_validator("link")
    @classmethod
    def _an_address(cls, text: str) -> str:
        if text and not text.startswith(("https://", "http://")):
            raise ValueError("must be an address that begins with https://")
        return text


class ChecklistTable(BaseModel):
    """`[[checklist]]`: boxes to go through, and when."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Shape(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$", "one word: letters, digits, - and _")] = Field(
        description="One word, as in `opsroom check NAME`: letters, digits, - and _.",
    )
    title: str = Field("", max_length=80, description="How it is called on screen; absent: its name.")
    schedule: str | None = Field(
        None,
        description='When it is due: "daily 09:00", "weekdays 18:00", "sunday 02:00", "first sunday 03:00", '
        '"monthly 1 08:00", "quarterly 08:00". Absent: when somebody does it.',
    )
    zone: str = Field("UTC", max_length=60, description='Whose clock that is: "Europe/Berlin", an IANA name.')
    within: float = Field(
        4.0, gt=0, le=_HOURS, allow_inf_nan=False, description="Hours after which it counts as missed."
    )
    source: str | None = Field(
        None,
        alias="from",
        min_length=1,
        max_length=200,
        description="Heading of a checklist in the runbook: its boxes come first.",
    )
    box: tuple[BoxTable, ...] = Field((), max_length=MOST, description="What is looked at, one [[checklist.box]] each.")


class Checklists:
    """What the tables of a profile say, one after the other."""

    def __init__(self, kinds: KindTable, findings: Findings) -> None:
        self._kinds = kinds
        self._findings = findings
        self._targets: Mapping[str, str] = {}
        self.found: list[Checklist] = []

    def read(self, tables: object, targets: Iterable[Target], runbooks: bool) -> None:
        """Take in every `[[checklist]]`; `tables` is what stands there. `runbooks`: the profile names one."""
        self._targets = {target.name: target.kind for target in targets}
        if not isinstance(tables, list):
            self._findings.wrong(("checklist",), "must be written as [[checklist]]")
            return
        taken: set[str] = set()
        for number, table in enumerate(tables):
            entry, tables_of = self._tables(table, number)
            boxes = self._boxes(tables_of, isinstance(table, dict) and "from" in table)
            if entry is None:
                continue
            if entry.name in taken:
                self._wrong(("checklist", number, "name"), "is already the name of a checklist")
            taken.add(entry.name)
            if not boxes and entry.source is None and not tables_of:
                self._wrong(("checklist", number), "has no box: add [[checklist.box]], or from with a heading")
            if entry.source is not None and not runbooks:
                self._wrong(("checklist", number, "from"), 'needs a runbook: write runbook = "RUNBOOK.md" at the top')
            self._add(entry, boxes, number)

    def _tables(self, table: object, number: int) -> tuple[ChecklistTable | None, list[tuple[Path, BoxTable | None]]]:
        """A checklist and its boxes, each by itself, so that a wrong key is told beside the keys of its own table."""
        boxes = table.get("box", ()) if isinstance(table, dict) else ()
        if not isinstance(boxes, list) or len(boxes) > MOST:
            return self._findings.check(ChecklistTable, table, ("checklist", number)), []
        paths: list[Path] = [("checklist", number, "box", place) for place in range(len(boxes))]
        found = [(path, self._findings.check(BoxTable, box, path)) for path, box in zip(paths, boxes, strict=True)]
        head = {key: value for key, value in table.items() if key != "box"} if isinstance(table, dict) else table
        return self._findings.check(ChecklistTable, head, ("checklist", number)), found

    def _wrong(self, path: Path, message: str) -> None:
        self._findings.wrong(path, message)

    def _boxes(self, tables: list[tuple[Path, BoxTable | None]], from_runbook: bool) -> list[Box]:
        boxes: list[Box] = []
        for at, table in tables:
            if table is None:
                continue
            if str(SafeText(table.say)) in {one.key for one in boxes}:
                self._wrong((*at, "say"), "is already a box of this checklist")
            boxes.append(self._box(table, at, from_runbook))
        return boxes

    def _add(self, entry: ChecklistTable, boxes: list[Box], number: int) -> None:
        here: Path = ("checklist", number)
        schedule, zone = None, entry.zone
        try:
            zone_of(zone)
        except ScheduleError as error:
            self._wrong((*here, "zone"), str(error) + guess(zone, _zones()))
            zone = "UTC"
        if entry.schedule is not None:
            try:
                schedule = parse(entry.schedule, zone)
            except ScheduleError as error:
                self._wrong((*here, "schedule"), str(error))
        self.found.append(
            Checklist(
                name=entry.name,
                title=str(SafeText(entry.title)) or entry.name,
                boxes=tuple(boxes),
                schedule=schedule,
                zone=zone,
                within=timedelta(hours=entry.within),
                source=entry.source or "",
                unread=entry.source is not None,
                origin=self._origin(here),
            )
        )

    def _origin(self, path: Path) -> str:
        line = self._findings.line(path)
        return self._findings.file.rpartition("/")[2] + (f":{line}" if line is not None else "")

    def _box(self, table: BoxTable, at: Path, from_runbook: bool) -> Box:
        answers = [key for key in ("check", "reading") if getattr(table, key)]
        answers += ["manual"] * (table.manual and not self._shows(table))
        linked = any((table.procedure, table.action, table.see, table.link))
        if len(answers) > 1:
            self._wrong((*at, answers[1]), f"goes without {answers[0]}: one thing answers a box")
        if not answers and not linked and not from_runbook:
            said = "says nothing of what answers it: write check, reading, or manual = true"
            self._wrong(at, said)
        for key in ("warn", "critical"):
            if getattr(table, key) is not None and table.check is None:
                self._wrong((*at, key), "goes with check only")
        if table.value is not None and (table.check is not None or table.reading):
            said = (
                "goes without check: the number that is read is what is kept"
                if table.manual
                else "goes with manual only"
            )
            self._wrong((*at, "value"), said)
        if table.unit and table.value != "number":
            self._wrong((*at, "unit"), 'goes with value = "number" only')
        for key in ("reading", "action", "see"):
            self._place((*at, key), getattr(table, key))
        return Box(
            key=str(SafeText(table.say)),
            say=str(SafeText(table.say)),
            test=self._test(table, at),
            reading=table.reading,
            by_hand=table.manual,
            asked=Asked(table.value or ""),
            unit=table.unit,
            against=Against(table.against),
            procedure=table.procedure,
            action=table.action,
            see=table.see,
            link=table.link,
            origin=self._origin(at),
        )

    @staticmethod
    def _shows(table: BoxTable) -> bool:
        """True when the number is shown to the person who signs, and decides nothing."""
        if table.check is None or table.warn is not None or table.critical is not None:
            return False
        try:
            parse_expression(table.check)
        except ConditionError:
            return False
        return True

    def _place(self, path: Path, said: str) -> None:
        name = said.partition("/")[0]
        if said and name not in self._targets:
            self._wrong(path, "is not a target of this profile" + guess(name, self._targets))

    def _test(self, table: BoxTable, at: Path) -> Test | None:
        if table.check is None:
            return None
        warn, critical = self._limit(table.warn, (*at, "warn")), self._limit(table.critical, (*at, "critical"))
        of: Expression
        try:
            of, good = parse_expression(table.check), None
        except ConditionError:
            try:
                condition: Condition = parse_condition(table.check)
            except ConditionError as error:
                self._wrong((*at, "check"), str(error))
                return None
            of, good = condition.of, condition.limit
        self._gauges(of, (*at, "check"))
        if good is None and table.warn is None and table.critical is None and not table.manual:
            said = f"has no limit: write {table.check} < 100, warn and critical beside it, or manual = true"
            self._wrong((*at, "check"), said)
        if good is not None and good.hold:
            self._wrong((*at, "check"), 'goes without "for": it looks once; write max(…, 10m) for what lasts')
        if good is not None and table.warn is not None:
            self._wrong((*at, "warn"), "goes without a limit in check: one of the two says what is good")
        self._apart(good, warn, critical, (*at, "critical"))
        return Test(of, good, warn, critical)

    def _limit(self, text: str | None, path: Path) -> Limit | None:
        if text is None:
            return None
        try:
            found = parse_limit(text)
        except ConditionError as error:
            self._wrong(path, str(error))
            return None
        if found.hold:
            self._wrong(path, 'goes without "for": it looks once')
        return found

    def _apart(self, good: Limit | None, warn: Limit | None, critical: Limit | None, path: Path) -> None:
        """What is bad must not be good."""
        if critical is None:
            return
        if good is not None and COMPARE[good.op](critical.value, good.value) and critical.value != good.value:
            self._wrong(path, f"must lie outside of what is good, {good}")
        if good is not None and {good.op[0], critical.op[0]} <= {"<", ">"} and good.op[0] == critical.op[0]:
            self._wrong(path, f"must point the other way: good is {good}")
        if warn is not None and (
            warn.op[0] != critical.op[0] or (warn.op[0] in "<>" and not COMPARE[warn.op](critical.value, warn.value))
        ):
            self._wrong(path, f"must be further than the first limit, {warn}")

    def _gauges(self, of: Expression, path: Path) -> None:
        reader = ruletable.RuleReader(
            self._targets, lambda kind: [one.name for one in self._kinds.facts(kind).gauges], guess
        )
        if not any(gauges(of)):
            self._wrong(path, "names no gauge: write target.gauge, for example host.disk_used_ratio")
        reader.known("check", of)
        for _, message in reader.problems:
            self._wrong(path, message)


def _zones() -> Iterable[str]:
    from zoneinfo import available_timezones  # walks through a folder: only for who got it wrong

    return available_timezones()
