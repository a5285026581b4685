"""The checklists of a runbook, and the routines that are written as one without boxes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from desk.runbook.block import Block, Form
from desk.runbook.book import Box, BoxList, Command
from desk.runbook.commands import announces
from desk.runbook.phases import cadence, is_checklist
from desk.runbook.steps import OPEN_BOX, Commands, answer, short
from probes.base import Danger

_NUMBERED: Final = re.compile(r"\s*#\s*\d{1,2}[.)]\s*(\S.*)$")
_PLAIN_FENCES: Final = frozenset({"", "text", "txt"})


@dataclass(slots=True)
class _Group:
    line: int
    title: str
    cadence: str
    boxes: list[Box] = field(default_factory=list)


def checklists(blocks: Sequence[Block], commands: Sequence[Command]) -> tuple[BoxList, ...]:
    """Every checklist, in order: items with a box, grouped by the label or heading above them; then routines.

    Boxes within code are templates and don't count, but for `[ ] item` in a fence without a language.
    """
    known = Commands(commands)
    found = [*_boxed(blocks, known), *_routines(blocks, known)]
    return tuple(sorted(found, key=lambda one: one.line))


def _boxed(blocks: Sequence[Block], known: Commands) -> list[BoxList]:
    groups: list[_Group] = []
    heads: list[Block] = []
    label: Block | None = None
    fresh = True
    for block in blocks:
        boxes: list[Box] = []
        if block.form is Form.HEADING:
            heads = [head for head in heads if head.level < block.level] + [block]
            label, fresh = None, True
        elif block.form is Form.LABEL and not block.depth and not block.rest:
            label, fresh = block, True
        elif block.form is Form.ITEM and block.checked is not None:
            boxes = [Box(block.line, block.text, block.checked, answer(known.of(block)))]
        elif block.form is Form.PARAGRAPH and (boxes := _rows(block.text, block.line)):
            pass
        elif block.form is Form.FENCE and block.tag in _PLAIN_FENCES:
            boxes = _rows(block.text, block.first)
        if boxes:
            if fresh or not groups:
                groups.append(_group(heads, label, block))
                fresh = False
            groups[-1].boxes.extend(boxes)
    return [BoxList(one.line, one.title, one.cadence, tuple(one.boxes)) for one in groups]


def _group(heads: Sequence[Block], label: Block | None, first: Block) -> _Group:
    names = [head.text for head in heads]
    title = names[-1] if names else ""
    if label is not None:
        title = f"{title}: {label.text}" if title else label.text
        names.append(label.text)
    line = label.line if label else heads[-1].line if heads else first.line
    often = next((often for name in reversed(names) if (often := cadence(name))), "")
    return _Group(line, title, often)


def _rows(text: str, first: int) -> list[Box]:
    if "[" not in text:
        return []
    return [
        Box(first + number, found["text"].strip(), found["sign"] != " ")
        for number, row in enumerate(text.split("\n"))
        if (found := OPEN_BOX.match(row)) is not None
    ]


def _name(command: Command) -> str:
    return short(command.comment) or short(command.text)


def _script(command: Command) -> list[Box]:
    """The numbered comments of a script: what it does, one after the other."""
    if command.line == command.end_line:
        return []
    rows = enumerate(command.text.split("\n"))
    found = [(number, match) for number, row in rows if (match := _NUMBERED.match(row)) is not None]
    return [Box(command.line + number, match[1].strip()) for number, match in found] if len(found) > 1 else []


def _numbered(block: Block, found: Sequence[Command]) -> list[Box]:
    """Of a script that is read line by line: its numbered comments, each with what stands below it."""
    rows = block.text.split("\n")
    if not any(row.startswith("#!") for row in rows) or len(found) < 2:
        return []
    heads = [(block.first + number, match[1]) for number, row in enumerate(rows) if (match := _NUMBERED.match(row))]
    ends = [line for line, _ in heads[1:]] + [block.end_line + 1]
    boxes: list[Box] = []
    for (line, text), end in zip(heads, ends, strict=True):
        below = [one for one in found if line < one.line < end and not announces(one)]
        if len(below) > 1 and all(one.danger is Danger.READ for one in below):
            boxes += [Box(one.line, f"{text.strip()}: {short(one.text)}", command=one) for one in below]
        else:
            boxes.append(Box(line, text.strip(), command=answer(below)))
    return boxes if len(heads) > 1 else []


def _routines(blocks: Sequence[Block], known: Commands) -> list[BoxList]:
    groups: list[_Group] = []
    heads: list[tuple[Block, str]] = []
    current: _Group | None = None
    boxed: set[int] = set()
    item: Block | None = None
    for block in blocks:
        if block.form is Form.HEADING:
            heads = [(head, often) for head, often in heads if head.level < block.level]
            above = any(is_checklist(head.text) for head, _ in heads)
            often = cadence(block.text) if above or is_checklist(block.text) else ""
            heads.append((block, often))
            item = None
            owner = next(((head, often) for head, often in reversed(heads) if often), None)
            if owner is None:
                current = None
            elif current is None or current.line != owner[0].line:
                current = next((one for one in groups if one.line == owner[0].line), None)
                if current is None:
                    current = _Group(owner[0].line, owner[0].text, owner[1])
                    groups.append(current)
        elif current is None:
            continue
        elif block.checked is not None:
            boxed.add(current.line)
        elif block.form is Form.LABEL and not block.depth:
            item = None
        elif block.form is Form.ITEM and block.level == 1 and block.number is not None and block.text:
            item = block
            current.boxes.append(Box(block.line, short(block.text), command=answer(known.of(block))))
        elif block.form is Form.FENCE and (found := known.of(block)):
            if item is not None and block.depth and current.boxes:
                last = current.boxes[-1]
                if last.line == item.line and last.command is None:
                    current.boxes[-1] = Box(last.line, last.text, command=answer(found))
            else:
                current.boxes.extend(numbered := _numbered(block, found))
                for one in found if not numbered else ():
                    current.boxes.extend(_script(one) or [Box(one.line, _name(one), command=answer([one]))])
    return [
        BoxList(one.line, one.title, one.cadence, tuple(one.boxes), boxed=False)
        for one in groups
        if one.boxes and one.line not in boxed
    ]
