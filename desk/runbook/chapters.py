"""Which headings of a runbook are procedures, which are parts of one, and which are chapters that hold several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from desk.runbook.block import Block, Form
from desk.runbook.book import Part, Phase, Procedure, StepKind
from desk.runbook.phases import (
    is_aside,
    is_data,
    is_menu,
    is_other_way,
    is_phase,
    is_quiet,
    is_shown,
    names_step,
    phase,
    plain,
    step_number,
)
from desk.runbook.steps import Commands, Steps, decided, short, waits

_DOING: Final = frozenset(
    {Phase.RESOLUTION, Phase.ROLLBACK, Phase.VERIFICATION, Phase.INVESTIGATION, Phase.PREREQUISITES}
)
_MOST: Final = 0.6
_LINK: Final = re.compile(r"^\[[^\]]*\]\(#|\]\(#")
_MENU_WORD: Final = re.compile(
    r"^(?:commands?|cli|befehle|commandes|comandos|comandi|komutlar|命令|コマンド|명령어?|команды)$"
)


@dataclass(slots=True)
class Head:
    """A heading and what stands under it."""

    line: int
    end_line: int
    level: int
    title: str
    own: list[Block] = field(default_factory=list)
    """Its blocks up to the first heading below it."""
    below: list[Head] = field(default_factory=list)

    def everything(self) -> list[Block]:
        """All blocks under it, headings too."""
        found = list(self.own)
        for head in self.below:
            found.append(Block(Form.HEADING, head.line, head.line, head.title, level=head.level))
            found.extend(head.everything())
        return found


def tree(blocks: Sequence[Block], title: str) -> Head:
    """The headings of a file below one that stands for the file. Without any heading its labels are the headings."""
    root = Head(1, max((block.end_line for block in blocks), default=1), 0, title)
    if not any(block.form is Form.HEADING for block in blocks):
        blocks = [_promoted(block) for block in blocks]
    open_heads = [root]
    for block in blocks:
        if block.form is Form.HEADING:
            while open_heads[-1].level >= block.level:
                open_heads.pop().end_line = block.line - 1
            head = Head(block.line, root.end_line, block.level, block.text)
            open_heads[-1].below.append(head)
            open_heads.append(head)
        elif block.form is not Form.FRONT:
            open_heads[-1].own.append(block)
    return root


def _promoted(block: Block) -> Block:
    said = block.text
    if block.form is not Form.LABEL or block.rest or block.depth or phase(said) is not Phase.OTHER:
        return block
    return block if is_aside(said) or is_data(said) else replace(block, form=Form.HEADING, level=2)


def _is_whole(blocks: Sequence[Block]) -> bool:
    """Whether a heading has phases of its own, by labels."""
    wanted = (Phase.SYMPTOMS, Phase.IMPACT, Phase.INVESTIGATION, Phase.RESOLUTION)
    return any(
        block.form is Form.LABEL and not block.depth and phase(block.text) in wanted and is_phase(block.text)
        for block in blocks
    )


def _phased_items(blocks: Sequence[Block]) -> set[int]:
    """The items of those numbered lists whose items are phases: "1. Immediate actions", "2. Investigation"."""
    lists: list[list[int]] = []
    for at, block in enumerate(blocks):
        if block.form is Form.ITEM and block.level == 1 and block.number is not None and block.checked is None:
            last = blocks[lists[-1][-1]].number if lists else None
            if last is None or block.number != last + 1:
                lists.append([])
            lists[-1].append(at)
    found: set[int] = set()
    for items in lists:
        named = [at for at in items if is_phase(blocks[at].text)]
        full = [at for at in items if at + 1 < len(blocks) and blocks[at + 1].depth]
        if len(named) >= 2 and 2 * len(named) >= len(items) and len(full) >= 2:
            found |= {id(blocks[at]) for at in items}
    return found


@dataclass(slots=True)
class Chapters:
    """Reads procedures from the headings of a file."""

    commands: Commands
    found: list[Procedure] = field(default_factory=list)

    def read(self, root: Head) -> tuple[Procedure, ...]:
        """Every procedure below a heading, in order."""
        self.visit(root, ())
        return tuple(sorted(self.found, key=lambda procedure: procedure.line))

    def visit(self, head: Head, path: tuple[str, ...]) -> None:
        below = (*path, head.title) if head.level and head.title else path
        if head.level > 1 and self.is_idle(head):
            return
        if head.level > 1 and self.is_menu(head):
            self.add(head, path, self.whole(head, menu=True), whole=True, menu=True)
        elif head.below and self.is_one(head):
            self.add(head, path, self.whole(head), whole=True)
        else:
            if self.is_doing(head.own, head.title) and (head.level > 1 or not head.below or self.is_begun(head.own)):
                self.add(head, path, self.parts(head, head.own), whole=False)
            for one in head.below:
                self.visit(one, below)

    def add(self, head: Head, path: tuple[str, ...], parts: list[Part], *, whole: bool, menu: bool = False) -> None:
        """A procedure of a heading: with all that is below it, or of what stands before the next heading alone."""
        if any(part.steps for part in parts):
            end = head.end_line if whole or not head.below else head.below[0].line - 1
            self.found.append(Procedure(head.line, end, head.title, head.level, tuple(parts), menu, path))

    def is_menu(self, head: Head) -> bool:
        if not is_menu(head.title) and not (head.level <= 2 and _MENU_WORD.match(plain(head.title))):
            return False
        return any(self.commands.of(block) for block in head.everything())

    def is_one(self, head: Head) -> bool:
        """Whether a heading with headings below is one procedure, and those are its parts."""
        below = [one for one in head.below if not self.is_idle(one)]
        phases = sum(is_phase(one.title) for one in below)
        if head.level <= 1:
            worded = [one for one in below if names_step(one.title)]
            grand = any(len(one.below) > 1 and not self.is_one(one) for one in below if is_phase(one.title))
            return (phases >= 2 and phases >= _MOST * len(below) and not grand) or (
                len(worded) >= 2 and len(worded) + phases >= _MOST * len(below)
            )
        if phases >= 2 and 2 * phases >= len(below):
            return True
        if phases == 1 and len(below) <= 2 and (self.is_doing(head.own, head.title) or len(below) == 1):
            return True
        numbers = [number for one in below if (number := step_number(one.title)) is not None]
        stepwise = (
            len(numbers) >= 2
            and len(numbers) + phases >= _MOST * len(below)
            and numbers[0] in (0, 1)
            and all(later > earlier for earlier, later in pairwise(numbers))
        )
        whole = sum(_is_whole(one.own) for one in below)
        if stepwise and 2 * whole < len(below) and not any(self.is_one(one) for one in below if one.below):
            named = sum(names_step(one.title) for one in below)
            return head.level > 2 or named >= 2 or step_number(head.title) is None
        ways = sum(is_other_way(one.title) for one in below)
        return ways >= 2 and ways + phases >= _MOST * len(below)

    def is_begun(self, blocks: Sequence[Block]) -> bool:
        """Whether what stands under the title of a whole file is more than an introduction."""
        return any(
            block.checked is not None or (block.form is Form.FENCE and self.commands.of(block)) for block in blocks
        )

    def is_idle(self, head: Head) -> bool:
        """Whether a heading holds nothing to do."""
        return is_quiet(head.title) and not any(self.commands.of(block) for block in head.everything())

    def is_doing(self, blocks: Sequence[Block], title: str) -> bool:
        """Whether there is something to do in these blocks."""
        acting = phase(title) in _DOING
        quiet = is_quiet(title)
        for block in blocks:
            if self.commands.of(block):
                return True
            if block.form is Form.LABEL and not block.depth:
                acting = acting or (phase(block.text) in _DOING and not is_data(block.text))
            elif block.form is Form.ITEM and not quiet:
                if block.checked is not None or (waits(block.text) is not None and acting):
                    return True
                if (block.number is not None or acting) and block.text and not _LINK.search(block.raw):
                    return True
            elif block.form is Form.FENCE and block.tag in ("", "text") and "[ ] " in block.text and not quiet:
                return True
        return False

    def whole(self, head: Head, *, menu: bool = False) -> list[Part]:
        """The parts of a heading and of every heading below it."""
        parts = self.parts(head, head.own, menu=menu)
        ways = [one for one in head.below if is_other_way(one.title)]
        for one in head.below:
            if self.is_idle(one):
                continue
            inner = self.whole(one, menu=menu)
            if not inner and is_phase(one.title):
                inner = [Part(one.line, one.title, phase(one.title))]
            if one in ways and len(ways) > 1 and not menu:
                inner = [
                    replace(
                        part,
                        steps=tuple(
                            replace(step, choice=short(one.title))
                            for step in part.steps
                            if step.kind is not StepKind.DECISION
                        ),
                    )
                    for part in inner
                ]
                if one is ways[0] and inner and inner[0].steps:
                    first = decided([replace(inner[0].steps[0], choice=short(way.title)) for way in ways])[0]
                    inner[0] = replace(inner[0], steps=(first, *inner[0].steps))
            parts += inner
        return parts

    def parts(self, head: Head, blocks: Sequence[Block], *, menu: bool = False) -> list[Part]:
        """The parts of a stretch without headings: one before its first label, one for each label that begins one."""
        home = phase(head.title) if is_phase(head.title) else Phase.OTHER
        groups: list[tuple[int, str, Phase, list[Block]]] = [(head.line, head.title, home, [])]
        numbered = _phased_items(blocks)
        for block in blocks:
            if id(block) in numbered:
                groups.append((block.line, short(block.text), phase(block.text), []))
                if self.commands.of(block):
                    groups[-1][3].append(block)
                continue
            kind = phase(block.text) if block.form is Form.LABEL else Phase.OTHER
            begins = (
                block.form is Form.LABEL
                and not block.depth
                and not is_aside(block.text)
                and not is_shown(block.text)
                and (kind is not Phase.OTHER or not block.rest)
                and not (is_data(block.text) and block.rest)
                and not is_other_way(block.text)
                and not (block.rest and self.commands.of(block) and kind is Phase.OTHER)
            )
            if begins:
                groups.append((block.line, block.text, home if kind is Phase.OTHER else kind, []))
                if block.rest:
                    groups[-1][3].append(replace(block, form=Form.PARAGRAPH, text=block.rest))
            else:
                groups[-1][3].append(block)
        parts = []
        for line, title, kind, inside in groups:
            steps = Steps(self.commands, kind, title, menu).read(inside)
            if steps or (kind is not Phase.OTHER and line != head.line):
                parts.append(Part(line, title, kind, tuple(steps)))
        return parts
