"""A runbook from the bytes of a file. Nothing here changes a file, runs anything, or raises for what a file holds."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from desk.runbook.block import Block, Form
from desk.runbook.book import Procedure, Repair, Runbook
from desk.runbook.boxes import checklists
from desk.runbook.chapters import Chapters, tree
from desk.runbook.commands import commands
from desk.runbook.markdown import LARGE, blocks, outline, section
from desk.runbook.people import contacts, ladder, levels
from desk.runbook.phases import is_menu, is_quiet
from desk.runbook.placeholders import parameters
from desk.runbook.reviewed import reviewed
from desk.runbook.steps import Commands
from desk.runbook.text import decoded
from desk.runbook.thresholds import thresholds
from probes.base import Dialect

_REPAIRS: Final = 1000
"""Repairs that are told one by one."""


def read(path: str, data: bytes, dialects: Sequence[Dialect], *, whole: bool = False) -> Runbook:
    """The runbook a file holds. `path` names it and is not opened.

    Of a file of more than `LARGE` characters only the headings are read, and `partial` says so: `opened` reads one of
    its procedures. With `whole` it is read all the same, some two seconds a mebibyte.
    """
    text, repairs = decoded(data)
    digest = hashlib.sha256(data).hexdigest()
    if len(text) > LARGE and not whole:
        return _outlined(path, digest, text, repairs)
    parts, mended = blocks(text)
    title = _title(parts, path)
    known = commands(parts, dialects)
    return Runbook(
        path,
        digest,
        title,
        procedures=Chapters(Commands(known)).read(tree(parts, title)),
        commands=tuple(known),
        thresholds=tuple(thresholds(parts)),
        checklists=checklists(parts, known),
        contacts=contacts(parts),
        ladder=ladder(parts),
        levels=levels(parts),
        parameters=parameters(known),
        repairs=_told([*repairs, *mended]),
        reviewed=reviewed(text),
    )


def opened(data: bytes, line: int, dialects: Sequence[Dialect]) -> tuple[Procedure | None, tuple[Repair, ...]]:
    """The procedure under the heading at a line of a very large file; None when there is nothing to do under it."""
    text, _ = decoded(data)
    parts, repairs = section(text, line)
    found = Chapters(Commands(commands(parts, dialects))).read(tree(parts, ""))
    return next((one for one in found if one.line == line), found[0] if found else None), _told(repairs)


def _outlined(path: str, digest: str, text: str, repairs: list[Repair]) -> Runbook:
    heads = outline(text)
    last = text.count("\n") + 1
    found: list[Procedure] = []
    above: list[tuple[int, str]] = []
    for number, (line, level, title) in enumerate(heads):
        while above and above[-1][0] >= level:
            above.pop()
        following = heads[number + 1] if number + 1 < len(heads) else None
        if (following is None or following[1] <= level or level > 2) and not is_quiet(title):
            end = following[0] - 1 if following else last
            names = tuple(name for _, name in above)
            found.append(Procedure(line, end, title, level, menu=is_menu(title), path=names))
        above.append((level, title))
    title = next((title for _, level, title in heads if level == 1), PurePosixPath(path).name)
    said = Repair(1, f"the file is longer than {LARGE // 1024} KiB; its sections are read as they are opened")
    repaired = _told([said, *repairs])
    return Runbook(path, digest, title, tuple(found), repairs=repaired, reviewed=reviewed(text), partial=True)


def _title(parts: Sequence[Block], path: str) -> str:
    heads = [block for block in parts if block.form is Form.HEADING]
    first = next((block.text for block in heads if block.level == 1), "")
    if first:
        return first
    for block in parts[:1]:
        if block.form is Form.FRONT:
            for row in block.text.split("\n"):
                name, sign, value = row.partition("=" if "=" in row.split(":")[0] else ":")
                if sign and name.strip().lower() == "title" and value.strip(" \"'"):
                    return value.strip(" \"'")
    if (
        not heads
        and parts
        and parts[0].form is Form.PARAGRAPH
        and re.fullmatch(r"[^\n`]{3,80}[^\n.:;,`]", parts[0].text)
    ):
        return parts[0].text
    return heads[0].text if heads else PurePosixPath(path).name


def _told(repairs: Sequence[Repair]) -> tuple[Repair, ...]:
    found = sorted(repairs, key=lambda repair: repair.line)
    if len(found) <= _REPAIRS:
        return tuple(found)
    return (*found[:_REPAIRS], Repair(found[_REPAIRS].line, f"{len(found) - _REPAIRS} more places were repaired"))
