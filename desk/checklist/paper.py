"""A checklist as it was looked at once: for people, for programs, for monitoring and for a build server."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from xml.etree import ElementTree

from desk import words
from desk.checklist.book import Mark, Run
from desk.checklist.box import Box, Checklist
from desk.checklist.judge import RANK, Judged, Verdict
from desk.checklist.record import Evidence, What, evidence
from desk.checklist.schedule import zone_of
from probes.base import SafeText

VERSION: Final = 1
"""Of the JSON form; grows when it changes."""

NAGIOS: Final[Mapping[Verdict, int]] = {
    Verdict.GOOD: 0, Verdict.TO_DO: 0, Verdict.AMBER: 1, Verdict.BAD: 2, Verdict.UNKNOWN: 3,
}  # fmt: skip
"""Exit codes of the monitoring plug-in convention (https://nagios-plugins.org/doc/guidelines.html)."""

_WORDS: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")

_SPOKEN: Final = 5
"""Boxes that the line for monitoring has words for."""

_LONGEST: Final = 4000
"""Characters of a piece of text."""

_MARKUP: Final = re.compile(r"([\\`*_\[\]<>|~])")

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold: https://www.w3.org/TR/xml/#charsets."""


@dataclass(frozen=True, slots=True)
class Item:
    """One box as it stands, beside how it stood."""

    box: Box
    judged: Judged
    mark: Mark | None = None
    """What a person said of it in this run."""
    before: Evidence | None = None
    """In the run that it is put beside."""
    before_at: datetime | None = None
    """When that run was due."""

    @property
    def verdict(self) -> Verdict:
        """How it stands; one that a person signed by hand is as they found it."""
        if not self.box.by_itself and self.mark is not None:
            return Verdict.GOOD
        return self.judged.verdict

    @property
    def word(self) -> str:
        """The word for it."""
        if not self.box.by_itself and self.mark is not None:
            return "skipped" if self.mark.what is What.SKIPPED else "done"
        return "not done" if self.judged.verdict is Verdict.TO_DO else self.judged.verdict.value

    @property
    def said(self) -> str:
        """The value, or why there is none."""
        if self.mark is None or self.box.by_itself:
            return self.judged.words
        signed = self.mark.evidence.words if self.mark.evidence is not None else ""
        return signed or self.mark.note or self.judged.words

    @property
    def change(self) -> str:
        """How it differs from before, in few words; empty: nothing is known of before."""
        shown = self.shown
        return "" if shown.verdict is Verdict.TO_DO and shown.value is None else difference(shown, self.before)

    @property
    def shown(self) -> Evidence:
        """What is shown: as it stood when a person signed it, else as it stands."""
        if (signed := self._signed) is not None:
            return signed.evidence or Evidence(self.box.key, self.judged.verdict)
        return evidence(self.box.key, self.judged)

    def age(self, at: datetime) -> float | None:
        """Seconds, at a moment, since what is shown was so; None: nothing was read."""
        if (signed := self._signed) is not None:
            return max(0.0, (at - signed.at).total_seconds())
        return self.judged.age

    @property
    def _signed(self) -> Mark | None:
        """What a person said of it, where that is what answers it."""
        return self.mark if not self.box.by_itself else None


def difference(now: Evidence, before: Evidence | None) -> str:
    """How a value differs from an earlier one; of what has no number, whether it was otherwise.

    >>> from probes.base import Unit
    >>> old = Evidence("", Verdict.GOOD, "", 10.0, Unit.COUNT)
    >>> difference(Evidence("", Verdict.GOOD, "", 25.0, Unit.COUNT), old), difference(old, old), difference(old, None)
    ('+15', 'same', '')
    >>> difference(Evidence("", Verdict.BAD), Evidence("", Verdict.GOOD))
    'was good'
    """
    if before is None:
        return ""
    if now.value is not None and before.value is not None and now.unit is before.unit:
        grown = now.value - before.value
        unit = now.unit
        said = words.amount(abs(grown), unit) if unit is not None else words.count(abs(grown))
        if words.amount(now.value, unit) == words.amount(before.value, unit) if unit is not None else not grown:
            return "same"
        return f"{'+' if grown > 0 else '-'}{said}"
    if now.verdict is not before.verdict:
        return f"was {before.verdict.value}"
    return ""


@dataclass(frozen=True, slots=True)
class Looked:
    """A whole checklist, looked at once."""

    system: str
    environment: str
    checklist: Checklist
    at: datetime
    due: datetime
    items: tuple[Item, ...]
    next: datetime | None = None
    reached: bool = True
    """False when no target that it needs gave an answer."""

    @property
    def verdict(self) -> Verdict:
        """The worst of its boxes; one that nobody has signed makes it no worse, those that are not here do."""
        found = [one.verdict for one in self.items if one.verdict is not Verdict.TO_DO]
        found += [Verdict.UNKNOWN] if self.checklist.unread else []
        return max(found, key=lambda one: RANK[one], default=Verdict.GOOD)

    @property
    def code(self) -> int:
        """0: everything that could be looked at is good. 1: something is not. 3: nothing could be reached."""
        if not self.reached:
            return 3
        return 0 if self.verdict is Verdict.GOOD else 1

    @property
    def nagios(self) -> int:
        """0 OK, 1 WARNING for amber, 2 CRITICAL for bad, 3 UNKNOWN."""
        return NAGIOS[self.verdict] if self.reached else 3

    def count(self, word: str) -> int:
        """How many boxes have that word."""
        return sum(one.word == word for one in self.items)


def items_of(
    checklist: Checklist, judged: Mapping[str, Judged], run: Run | None, before: Mapping[str, Run | None]
) -> tuple[Item, ...]:
    """Each box as it stands. `before`: the run that each is put beside, by the box's key."""
    found = []
    for box in checklist.boxes:
        earlier = before.get(box.key)
        mark = run.marks.get(box.key) if run is not None else None
        found.append(
            Item(
                box,
                judged[box.key],
                mark,
                earlier.evidence.get(box.key) if earlier is not None else None,
                earlier.due if earlier is not None else None,
            )
        )
    return tuple(found)


def local(at: datetime, zone: str) -> str:
    """A moment by a zone's clock, with the zone's short name."""
    return f"{at.astimezone(zone_of(zone)):%a %d %b %H:%M %Z}"


def summary(looked: Looked) -> str:
    """How many boxes have which word."""
    order = ("bad", "unknown", "amber", "good", "done", "skipped", "not done")
    told = [f"{number} {word}" for word in order if (number := looked.count(word))]
    return ", ".join([*told, *_unread(looked)]) or "no box"


def _unread(looked: Looked) -> list[str]:
    """That boxes are not here, as its only words; none where all are."""
    source = looked.checklist.source
    return [f"the boxes under “{source}” could not be read from a runbook"] if looked.checklist.unread else []


def as_text(looked: Looked) -> str:
    """A line for each box."""
    named = "  ".join(one for one in (looked.system, looked.environment) if one)
    head = f"{named}  {looked.checklist.title}  {local(looked.at, looked.checklist.zone)}"
    width = max((len(one.box.say) for one in looked.items), default=0)
    lines = [head]
    for one in looked.items:
        parts = [f"{one.word.upper() if one.word == 'bad' else one.word:<9}", f"{one.box.say:<{width}}", one.said]
        if one.change:
            parts.append(f"[{one.change}]")
        lines.append("  ".join(_safe_line(part) for part in parts if part.strip()).rstrip())
    return "\n".join([*lines, _safe_line(summary(looked))])


def as_nagios(looked: Looked) -> str:
    """One line: the state, what is not good, and performance data."""
    wrong = sorted(
        (one for one in looked.items if one.verdict in (Verdict.AMBER, Verdict.BAD, Verdict.UNKNOWN)),
        key=lambda one: -RANK[one.verdict],
    )
    said = "; ".join([*_unread(looked), *(f"{one.box.say}: {one.said or one.word}" for one in wrong[:_SPOKEN])])
    said += f"; +{len(wrong) - _SPOKEN} more" if len(wrong) > _SPOKEN else ""
    counts = " ".join(
        f"{name}={looked.count(word)};;;0;{len(looked.items)}"
        for name, word in (("good", "good"), ("amber", "amber"), ("bad", "bad"), ("unknown", "unknown"))
    )
    line = f"{looked.checklist.title}: {said or summary(looked)}".replace("|", "/")
    return f"{_WORDS[looked.nagios]} - {_safe_line(line)} | {counts}"


def _safe_line(text: str) -> str:
    """A piece of text that can't steer the terminal it is printed on."""
    return text if text.isascii() and text.isprintable() else str(SafeText(text, _LONGEST))


def as_json(looked: Looked) -> str:
    """Everything, for scripts, in ASCII; `version` grows when the form changes."""
    body: dict[str, Any] = {
        "version": VERSION,
        "system": looked.system,
        "environment": looked.environment,
        "checklist": looked.checklist.name,
        "title": looked.checklist.title,
        "at": looked.at.isoformat(timespec="seconds"),
        "due": looked.due.isoformat() if looked.checklist.schedule is not None else None,
        "next": looked.next.isoformat() if looked.next is not None else None,
        "zone": looked.checklist.zone,
        "verdict": looked.verdict.value,
        "boxes": [_plain(one, looked.at) for one in looked.items],
    }
    return json.dumps(body, indent=2, allow_nan=False)


def _plain(one: Item, at: datetime) -> dict[str, Any]:
    shown = one.shown
    found: dict[str, Any] = {
        "say": one.box.say,
        "verdict": one.word,
        "words": one.said,
        "value": shown.value,
        "unit": shown.unit.value if shown.unit is not None else None,
        "about": shown.about or None,
        "age_seconds": round(age, 3) if (age := one.age(at)) is not None else None,
        "by_itself": one.box.by_itself,
        "signed": None,
        "before": None,
    }
    if one.mark is not None:
        found["signed"] = {
            "what": one.mark.what.value, "by": one.mark.by, "at": one.mark.at.isoformat(timespec="seconds"),
            "note": one.mark.note,
        }  # fmt: skip
    if one.before is not None and one.before_at is not None:
        found["before"] = {
            "due": one.before_at.isoformat(), "verdict": one.before.verdict.value, "words": one.before.words,
            "value": one.before.value, "change": one.change,
        }  # fmt: skip
    return found


def as_junit(looked: Looked) -> str:
    """For a build server: a test case each; what a person has to look at is skipped, what is unknown an error.

    There is no standard; this is the form that Jenkins reads: https://github.com/testmoapp/junitxml.
    """
    bad = [one for one in looked.items if one.verdict in (Verdict.BAD, Verdict.AMBER)]
    unknown = [one for one in looked.items if one.verdict is Verdict.UNKNOWN]
    skipped = [one for one in looked.items if one.word in ("not done", "skipped")]
    suite = ElementTree.Element(
        "testsuite",
        name=_xml(f"{looked.system} {looked.checklist.name}"),
        tests=str(len(looked.items) + len(_unread(looked))),
        failures=str(len(bad)),
        errors=str(len(unknown) + len(_unread(looked))),
        skipped=str(len(skipped)),
        timestamp=looked.at.isoformat(timespec="seconds"),
    )
    for one in looked.items:
        case = ElementTree.SubElement(suite, "testcase", classname=_xml(looked.checklist.name), name=_xml(one.box.say))
        told = _xml(one.said or one.word)
        if one in bad:
            ElementTree.SubElement(case, "failure", type=one.word, message=told)
        elif one in unknown:
            ElementTree.SubElement(case, "error", type=one.word, message=told)
        elif one in skipped:
            ElementTree.SubElement(case, "skipped", message=told)
        elif one.said:
            ElementTree.SubElement(case, "system-out").text = told
    for said in _unread(looked):
        case = ElementTree.SubElement(suite, "testcase", classname=_xml(looked.checklist.name), name="its runbook")
        ElementTree.SubElement(case, "error", type="unknown", message=_xml(said))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _xml(text: str) -> str:
    return _NOT_XML.sub("?", _safe_line(text))


def as_markdown(looked: Looked) -> str:
    """A table, as it is put into a ticket or a chat."""
    named = " ".join(one for one in (looked.system, looked.environment) if one)
    lines = [
        f"## {_safe(looked.checklist.title)}",
        "",
        f"{_safe(named)}, {local(looked.at, looked.checklist.zone)}: {summary(looked)}",
        "",
        "| | box | value | before | change | signed |",
        "|---|---|---|---|---|---|",
    ]
    for one in looked.items:
        tick = "x" if one.word in ("good", "done") else " "
        cells = [
            f"[{tick}] {one.word}",
            one.box.say,
            one.said,
            one.before.words if one.before is not None else "",
            one.change,
            one.mark.by if one.mark is not None else "",
        ]
        first, *rest = cells
        lines.append(f"| {first} | " + " | ".join(_safe(cell) for cell in rest) + " |")
    return "\n".join(lines)


def _safe(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(_safe_line(text).split()))


def as_list(found: Sequence[tuple[Checklist, str, str]]) -> str:
    """A line for each checklist: (it, how it stands, when it is due next)."""
    if not found:
        return "there is no checklist: add [[checklist]] to the profile"
    rows = [(one.name, state, following, one.title) for one, state, following in found]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    return "\n".join(
        "  ".join([*(text.ljust(width) for text, width in zip(row[:3], widths, strict=True)), row[3]]) for row in rows
    )


def told(checklist: Checklist) -> dict[str, Any]:
    """A checklist as it is configured, as JSON values."""
    return {
        "title": checklist.title,
        "schedule": checklist.schedule.text if checklist.schedule is not None else None,
        "zone": checklist.zone,
        "within_hours": checklist.within.total_seconds() / 3600,
        "from": checklist.source or None,
        "boxes": [
            {"say": box.say, "answered by": str(box.test) if box.test is not None else box.reading or "a person"}
            for box in checklist.boxes
        ],
    }
