"""Every command of a runbook: those of its fences, and code spans that the reader is asked to run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from desk.runbook.asked import asks, spans
from desk.runbook.block import Block, Form
from desk.runbook.book import Command
from desk.runbook.fence import Language, Logical, logical
from desk.runbook.lines import comment_at, variables
from desk.runbook.meaning import understood
from desk.runbook.placeholders import placeholders, within
from desk.runbook.programs import prosaic
from probes.base import Dialect, Sort

_SAYS: Final = re.compile(
    r"(?:echo|printf)(?:\s+-[neE]+)*(?:\s+(?:\"(?:[^\"$`\\]|\\.|\$\(date[^()]*\))*\"|'[^']*'|[\w.,:!?=*#-]+))*"
    r"|set\s+[-+][\w -]+"
)
_SHAPE: Final = re.compile(
    r"(?:[a-z][a-z0-9_.-]+|(?:/[\w.-]+)+)(?: [\w./:=@%+,-]+)* --?[a-zA-Z][\w-]*(?:[ =][^\s,;()]+)*"
)
"""A line that looks like a command though its program is not known: lower case, with an option."""
_LONG: Final = 400
"""Letters of a line that is looked at for that."""
_CODE: Final = frozenset((Form.FENCE, Form.FRONT, Form.HTML))


def commands(blocks: Sequence[Block], dialects: Sequence[Dialect]) -> list[Command]:
    """Every command of a file, in order of its lines; equal ones are not made one. Never raises."""
    asked = tuple(dialects)
    read = {name for block in blocks if block.form is Form.FENCE for name in variables(block.text)}
    bare = not any(block.form is Form.FENCE for block in blocks)
    found: list[Command] = []
    known: set[str] = set()
    under = ""
    for block in blocks:
        if block.form in (Form.HEADING, Form.LABEL):
            under = block.text
        for one in _of(block, read, under, bare=bare):
            command = _understood(one[0], asked, known, inline=one[1])
            known.update(command.sets)
            found.append(command)
    return sorted(found, key=lambda one: one.line)


def announces(command: Command) -> bool:
    """Whether a line only says what its author had to say: a headline of a script, or how its shell shall behave.

    >>> announces(Command(1, 1, 'echo "== Disks =="')), announces(Command(1, 1, "echo $TOKEN"))
    (True, False)
    """
    return len(command.text) < _LONG and _SAYS.fullmatch(command.text.strip()) is not None


def _of(block: Block, read: set[str], under: str, *, bare: bool) -> Iterator[tuple[Logical, bool]]:
    if block.form is Form.FENCE:
        for one in logical(block, read):
            yield one, False
    elif block.form not in _CODE and block.form is not Form.HEADING:
        for span in spans(block, "" if block.form is Form.LABEL and not block.rest else under):
            if asks(span):
                yield Logical(span.line, span.line, span.text.strip(), comment=span.title), True
        if bare and block.form is Form.PARAGRAPH:
            yield from ((one, False) for one in _bare(block))


def _bare(block: Block) -> Iterator[Logical]:
    """Commands that stand as a paragraph of their own, in a file without fences."""
    rows = block.text.split("\n")
    if any("`" in row for row in rows) or block.end_line - block.line + 1 != len(rows):
        return
    fence = replace(block, form=Form.FENCE, tag="", first=block.line)
    found = logical(fence)
    covered = {line for one in found for line in range(one.line, one.end_line + 1)}
    shaped = [
        Logical(number, number, row.strip())
        for number, row in enumerate(rows, block.line)
        if number not in covered and len(row) < _LONG and _SHAPE.fullmatch(row.strip()) and not prosaic(row.split())
    ]
    covered |= {one.line for one in shaped}
    others = {number: row for number, row in enumerate(rows, block.line) if number not in covered and row.strip()}
    for one in sorted([*found, *shaped], key=lambda one: one.line):
        above = others.get(one.line - 1, "")
        whole = all(row.lstrip().startswith("#") for row in others.values())
        if whole or (" " in one.text and re.search(r"(?:^|[.:!?])$", above.strip())):
            yield one


def _understood(one: Logical, dialects: tuple[Dialect, ...], known: set[str], *, inline: bool) -> Command:
    if not one.is_command:
        return Command(one.line, one.end_line, one.text, is_command=False)
    told = understood(one.text, dialects, one.language.value)
    meant = told.meaning
    code = _code(one)
    open_ones = placeholders(code, known)
    asked = within(meant.asked, open_ones, code, plain=meant.plain)
    return Command(
        line=one.line,
        end_line=one.end_line,
        text=one.text,
        inline=inline,
        sort=Sort.SHELL if one.text.startswith("#!") else meant.sort,  # a script is one step, whatever is in it
        verb=meant.verb,
        system=meant.system,
        target=meant.target,
        kind=meant.kind,
        danger=meant.danger,
        placeholders=tuple(written for written in open_ones if written not in asked),
        asked=asked,
        warning=meant.warning.rstrip("."),
        becomes=meant.becomes,
        comment=one.comment,
        expected=one.expected,
        choice=one.choice,
        sets=told.sets,
        uses=tuple(name for name in dict.fromkeys(_reads(code)) if name in known),
        folder=told.folder,
        place=told.place or one.place,
        reveals=meant.reveals,
        endless=meant.endless,
        interactive=meant.interactive,
    )


def _code(one: Logical) -> str:
    """The command without the comment after it."""
    rows = one.text.split("\n")
    if one.language is Language.SHELL and len(rows) == 1:
        return one.text[: comment_at(one.text)]
    if one.language is Language.SHELL and "<<" not in one.text:
        return "\n".join(row for row in rows if not row.lstrip().startswith("#"))
    return one.text


def _reads(text: str) -> list[str]:
    return [one or other for one, other in re.findall(r"\$(?:\{[#!]?([A-Za-z_]\w*)|([A-Za-z_]\w*))", text)]
