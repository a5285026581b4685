"""The steps of one part of a procedure: every command its own, what is done by hand one to tick, prose beside them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from desk.runbook import duration
from desk.runbook.block import Block, Form
from desk.runbook.book import Command, Phase, Step, StepKind
from desk.runbook.commands import announces
from desk.runbook.phases import is_aside, is_condition, is_expected, is_other_way, plain
from probes.base import Danger, Sort

_KINDS: Final = {
    Sort.READING: StepKind.READING,
    Sort.LOG: StepKind.LOG,
    Sort.ACTION: StepKind.ACTION,
    Sort.SHELL: StepKind.SHELL,
}
_DONE_BY_HAND: Final = frozenset(
    {
        Phase.PREREQUISITES,
        Phase.INVESTIGATION,
        Phase.RESOLUTION,
        Phase.VERIFICATION,
        Phase.ROLLBACK,
        Phase.ESCALATION,
    }
)
_SHELLS: Final = frozenset({"", "bash", "sh", "shell", "zsh", "console", "terminal", "shell-session", "fish"})
_COMMENT: Final = re.compile(r"\s*#(?!!)\s?(.*)$")
OPEN_BOX: Final = re.compile(r"\s*\[(?P<sign>[ xX✓✔])\]\s+(?P<text>\S.*)$")
"""A box without the mark of a list before it."""
_CODE_END: Final = re.compile(r"(?:[:：]|\s[-–—])?\s*`[^`]*`[.;]?\s*$")
_CODES: Final = re.compile(r"[\s,;:(（]*`[^`]*`[\s,;.)）]*")
_TICKS: Final = re.compile(r"`([^`]*)`")
_WAIT: Final = re.compile(
    r"^(?:then |now |and |please |let |keep )?(?:wait|monitor|observ|watch|allow|pause|sleep|give it"
    r"|let it|an eye|wart|beobacht"
    r"|uberwach|attend|surveill|patient|esper|monitor|observ|vigil|aguard|acompanh|osserv|bekle|izle"
    r"|подожд|ожида|наблюда)"
)
_WIDE_WAIT: Final = re.compile("等待|等候|监控|监视|観察|观察|監視|待つ|待機|待ち|대기|모니터링|기다")
_OR: Final = re.compile(r"(?:or|oder|ou|o bien|veya|ya da|или|oppure)\b|alternativ|または|或者|또는")
_BARE_OR: Final = re.compile(r"or|or else|oder|ou|o|o bien|veya|ya da|или|oppure|alternativ\w*|または|或者|또는")
_FILE: Final = re.compile(r"[\w./~-]+\.\w{1,5}$")
_GOES_ON: Final = re.compile(r"[a-zß-ÿа-я(\[/`*-]|\d+[.)]\s|→|=>|->")
_NAMED_WAY: Final = re.compile(r"^[^\W\d_]+\s*[#(]?(?:\d|[a-h]\b)")
_CAUSES: Final = re.compile(r"cause|causa|ursache|neden|原因|원인|причин|scenario|problem")
_RULED: Final = re.compile(r"[-=_*#\s]*$")
_TITLE: Final = 80
_TEXT: Final = 4000


def short(text: str) -> str:
    """A text as the title of a step: its first sentence or line, without the command it ends with."""
    rows = [one.strip() for one in text[:_TEXT].split("\n") if one.strip()]
    end = next((n for n, row in enumerate(rows) if n and (row[0] in "-*|" or rows[n - 1][-1] in ":：|")), len(rows))
    line = " ".join(rows[:end])
    bare = _CODE_END.sub("", line).strip(" :：-–—")
    said = _TICKS.sub(r"\1", bare or line).strip(" :：")
    stop = re.search(r"(?<=[^\d\s.].)[.。!?](?:\s|$)|(?<=\w)。", said)
    if stop is not None:
        said = said[: stop.start()]
    return said if len(said) <= _TITLE else said[: _TITLE - 1].rstrip() + "…"


def answer(commands: Sequence[Command]) -> Command | None:
    """The command that answers a box: the only one with it, when it only looks."""
    return commands[0] if len(commands) == 1 and commands[0].danger is Danger.READ else None


def waits(text: str) -> float | None:
    """Seconds a text tells to wait or to watch for; None when it does not begin with that."""
    said = plain(_TICKS.sub("", text[:200]))
    if _WAIT.match(said) is None and _WIDE_WAIT.search(text[:60]) is None:
        return None
    found = duration.find(text[:200])
    return found.seconds if found is not None and found.seconds >= 1 else None


@dataclass(slots=True)
class Commands:
    """The commands of a file, to be found by the block they stand in."""

    found: Sequence[Command]
    lines: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.found = sorted(self.found, key=lambda command: command.line)
        self.lines = [command.line for command in self.found]

    def of(self, block: Block) -> list[Command]:
        """Those of a block, without what is no command."""
        start, end = bisect_left(self.lines, block.line), bisect_left(self.lines, block.end_line + 1)
        fenced = block.form is Form.FENCE
        return [command for command in self.found[start:end] if command.is_command and not (fenced and command.inline)]


@dataclass(slots=True)
class Steps:
    """Makes the steps of a part from its blocks, one after the other."""

    commands: Commands
    phase: Phase
    title: str
    menu: bool = False
    steps: list[Step] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    pending_line: int = 0
    above: str = ""
    """What names the commands that come next."""
    choice: str = ""
    """The way the next blocks belong to."""
    item_choice: str = ""
    expecting: bool = False

    def read(self, blocks: Sequence[Block]) -> list[Step]:
        """The steps of these blocks."""
        for at, block in enumerate(blocks):
            match block.form:
                case Form.FENCE:
                    self.fence(block)
                case Form.ITEM:
                    self.item(block, list(_nested(blocks, at)))
                case Form.PARAGRAPH | Form.QUOTE:
                    self.paragraph(block)
                case Form.LABEL:
                    self.label(block)
                case Form.TABLE:
                    self.table(block)
                case Form.HEADING:
                    self.above = block.text
                case _:
                    pass
        self.flush()
        return self.steps if self.menu else decided(self.steps)

    def say(self, text: str, line: int) -> None:
        if text.strip():
            self.pending_line = self.pending_line or line
            self.pending.append(text.strip())

    def flush(self) -> None:
        """What was said and belongs to no command is a note of its own."""
        if self.pending:
            line = self.pending_line
            end = line + sum(text.count("\n") + 1 for text in self.pending) - 1
            several = len(self.pending) > 1 and self.title
            self.put(Step(line, end, StepKind.NOTE, self.title if several else short(self.pending[0])))

    def put(self, step: Step) -> None:
        text = "\n".join(part for part in (*self.pending, step.text) if part)[:_TEXT]
        self.pending, self.pending_line, self.expecting = [], 0, False
        self.steps.append(replace(step, text=text, choice=step.choice or self.item_choice or self.choice))

    def last(self, **changes: str) -> bool:
        """Changes the last step; False when there is none, or other words came in between."""
        if not self.steps:
            return False
        self.steps[-1] = replace(self.steps[-1], **changes)  # type: ignore[arg-type]
        return True

    def run(self, command: Command, title: str, text: str = "", way: str | None = None) -> None:
        """A step that is a command, in the way its author names unless another is told."""
        choice = short(command.choice) if way is None else way
        choice = "" if self.menu else choice
        if _BARE_OR.fullmatch(plain(choice)):
            title = short(command.text)
            choice = f"{choice}: {title}"
        if choice and is_or(choice) and self.steps and not self.steps[-1].choice:
            self.steps[-1] = replace(self.steps[-1], choice=self.steps[-1].title)
        kind = _KINDS.get(command.sort or Sort.SHELL, StepKind.SHELL)
        self.put(
            Step(
                command.line,
                command.end_line,
                kind,
                title or short(command.text),
                text,
                command,
                command.expected,
                choice,
            )
        )

    def fence(self, block: Block) -> None:
        found = self.commands.of(block)
        if not found:
            self.quiet_fence(block)
            return
        comments = _comments(block, found) if block.tag in _SHELLS else []
        names: list[tuple[list[tuple[int, str]], str, str]] = []
        title, way, last = "", "", None
        for command in found:
            follows = last is not None and command.line == last.end_line + 1 and not command.comment
            before, named = _named(block, command)
            if not follows:
                title = named or ("" if last else short(self.above or self.title))
            if command.choice:
                way = short(command.choice)
            elif not follows and not _NAMED_WAY.search(plain(way)):
                way = ""
            names.append((before, title or short(self.above or self.title), way))
            last = command
        seen: dict[str, int] = {}
        said = [announces(command) for command in found]
        said = said if not all(said) else [False for _ in said]
        titles = [title for (_, title, _), only in zip(names, said, strict=True) if not only]
        for command, (before, title, way), only in zip(found, names, said, strict=True):
            for line, text in [one for one in comments if one[0] < command.line] + before:
                self.remark(line, text)
            comments = [one for one in comments if one[0] > command.line]
            if only:
                if command.comment and title not in titles and not _FILE.match(command.comment.split("\n")[0]):
                    self.remark(command.line, command.comment)
                continue
            many = titles.count(title)
            seen[title] = seen.get(title, 0) + 1
            numbered = f"{title} ({seen[title]} of {many})" if many > 1 and title else title
            self.run(command, numbered, way=way)
        for line, text in comments:
            self.remark(line, text)
        self.above = ""

    def remark(self, line: int, text: str) -> None:
        """A comment that stands with no command: something to do by hand."""
        first = text.split("\n")[0]
        last = self.steps[-1] if self.steps and not self.pending else None
        if last is not None and last.command is not None and last.expected.endswith((":", "：")):
            self.last(expected=f"{last.expected}\n{text}")
            return
        if is_expected(first) and self.steps and self.steps[-1].command is not None and not self.steps[-1].expected:
            self.last(expected=text)
            return
        seconds = waits(first)
        kind = StepKind.NOTE if seconds is None else StepKind.TIMER
        choice = short(first) if is_condition(first) or is_other_way(first) else ""
        self.put(Step(line, line + text.count("\n"), kind, short(first), text, choice=choice, seconds=seconds))

    def quiet_fence(self, block: Block) -> None:
        """A fence without a command: boxes, instructions, what should be seen, or something to read."""
        rows = [row for row in block.text.split("\n") if row.strip()]
        boxes = [OPEN_BOX.match(row) for row in rows]
        if block.tag in ("", "text") and any(boxes):
            for number, row in enumerate(block.text.split("\n")):
                if (box := OPEN_BOX.match(row)) is not None:
                    line = block.first + number
                    ticked = box["sign"] != " "
                    self.put(Step(line, line, StepKind.SIGN_OFF, short(box["text"]), box["text"], checked=ticked))
        elif rows and block.tag in _SHELLS and block.tag and all(_COMMENT.match(row) for row in rows):
            for line, text in _comments(block, []):
                self.remark(line, text)
        elif self.expecting and self.last(expected=block.text[:_TEXT]):
            self.expecting = False
        elif rows:
            title = short(self.above) or self.title or short(rows[0])
            self.put(Step(block.line, block.end_line, StepKind.NOTE, title, block.text))
        self.above = ""

    def item(self, block: Block, nested: list[Block]) -> None:
        found = self.commands.of(block)
        outer = block.level <= 1
        if outer:
            conditional = is_condition(block.text) or is_other_way(block.text)
            self.item_choice = short(block.text) if conditional and not self.menu else ""
        inside = any(self.commands.of(one) for one in nested)
        if block.checked is not None:
            command = answer(found)
            if command is None:
                self.several(found, block.text)
            self.put(
                Step(
                    block.line,
                    block.end_line,
                    StepKind.SIGN_OFF,
                    short(block.text),
                    block.text,
                    command,
                    command.expected if command else "",
                    checked=block.checked,
                )
            )
        elif found:
            self.several(found, block.text)
        elif is_expected(block.text) and self.steps and self.steps[-1].command is not None:
            self.last(expected=_TICKS.sub(r"\1", block.text))
        elif inside:
            if self.pending and self.steps:
                self.flush()
            self.say(block.text, block.line)
            self.above = block.text
            if outer and not self.menu and _CAUSES.search(plain(self.title)):
                self.item_choice = short(block.text)
        elif (seconds := waits(block.text)) is not None:
            self.put(Step(block.line, block.end_line, StepKind.TIMER, short(block.text), block.text, seconds=seconds))
        elif outer and (block.number is not None or self.phase in _DONE_BY_HAND) and block.text:
            self.put(Step(block.line, block.end_line, StepKind.NOTE, short(block.text), block.text))
        elif not outer and self.steps and not self.pending and self.steps[-1].command is None:
            self.last(text=f"{self.steps[-1].text}\n- {block.text}"[:_TEXT])
        else:
            self.say(f"- {block.text}" if block.text else "", block.line)

    def several(self, found: list[Command], text: str) -> None:
        title = short(_CODES.sub(" ", text)) if len(found) > 1 else short(text)
        for number, command in enumerate(found, 1):
            name = f"{title} ({number} of {len(found)})" if len(found) > 1 and title else title
            self.run(command, name, text if number == 1 else "")

    def paragraph(self, block: Block) -> None:
        if not block.depth:
            self.item_choice = ""
        found = self.commands.of(block)
        if found:
            self.several(found, block.text if any(command.inline for command in found) else self.above)
            return
        if block.form is Form.PARAGRAPH and is_expected(block.text[:60]) and self.expect(block.text):
            return
        seconds = waits(block.text) if block.form is Form.PARAGRAPH else None
        if seconds is not None:
            self.put(Step(block.line, block.end_line, StepKind.TIMER, short(block.text), block.text, seconds=seconds))
            return
        last = block.text.split("\n")[-1].strip()
        if last.endswith((":", "：")):
            self.above = last
            conditional = is_condition(last) or is_other_way(last)
            self.choice = short(last) if conditional and not self.menu and not block.depth else ""
        elif not block.depth:
            way = "\n" not in block.text and len(block.text) <= _TITLE and is_other_way(block.text)
            self.choice = short(block.text) if way and not self.menu else ""
        self.say(block.text, block.line)

    def expect(self, text: str) -> bool:
        """What the last command should show, told in a text after it."""
        if not self.steps or self.steps[-1].command is None or self.pending:
            return False
        said = _TICKS.sub(r"\1", text).strip()
        if said.endswith((":", "：")) or len(said) < 12:
            self.expecting = True
            return True
        return self.last(expected=said) if not self.steps[-1].expected else False

    def label(self, block: Block) -> None:
        """A label that begins no part: a remark, a fact, or the name of what comes next."""
        found = self.commands.of(block)
        text = f"{block.text}: {block.rest}" if block.rest else block.text
        if found:
            self.several(found, text)
        elif is_expected(block.text) and self.expect(text if block.rest else block.text + ":"):
            pass
        elif block.rest or is_aside(block.text):
            self.say(text, block.line)
            self.above = block.text if not is_aside(block.text) else self.above
        else:
            self.above = block.text
            if not block.depth:
                conditional = is_condition(block.text) or is_other_way(block.text)
                self.choice = short(block.text) if conditional and not self.menu else ""

    def table(self, block: Block) -> None:
        found = self.commands.of(block)
        rows = [row for row in block.rows if any(cell.strip() for cell in row.cells)]
        if not found:
            lines = [" | ".join(row.cells) for row in ([block.header] if block.header else []) + rows]
            self.say("\n".join(lines), block.line)
            return
        doing = [row for row in rows if any(command.line == row.line for command in found)]
        for row in doing:
            said = next((cell for cell in row.cells if cell.strip() and not cell.strip().startswith("`")), "")
            choice = "" if self.menu or len(doing) < 2 or not said else short(said)
            for command in [command for command in found if command.line == row.line]:
                self.run(command, short(said), " | ".join(row.cells), short(command.choice) or choice)


def is_or(choice: str) -> bool:
    """Whether a choice is another way to the step before it: "Or restart", not "Option B" or "If it is full"."""
    named = _NAMED_WAY.search(plain(choice)) or re.match(r"\w+\s*[:：]", choice)
    return is_other_way(choice) and (bool(_OR.match(plain(choice))) or not named) and not is_condition(choice)


def decided(steps: list[Step]) -> list[Step]:
    """The steps with a DECISION before each group of ways."""
    done: list[Step] = []
    for number, step in enumerate(steps):
        if step.choice and not (done and done[-1].choice):
            ways: dict[str, None] = {}
            for one in steps[number:]:
                if not one.choice:
                    break
                ways[one.choice] = None
            title = f"{next(iter(ways)).rstrip('?')}?" if len(ways) == 1 else "Which way: " + " / ".join(ways)
            title = title if len(title) <= 2 * _TITLE else title[: 2 * _TITLE - 1] + "…"
            done.append(Step(step.line, step.line, StepKind.DECISION, title, "\n".join(ways)))
        done.append(step)
    return done


def _nested(blocks: Sequence[Block], at: int) -> Iterator[Block]:
    """What stands within an item."""
    for block in blocks[at + 1 :]:
        deeper = block.level > blocks[at].level if block.form is Form.ITEM else block.depth >= max(1, blocks[at].depth)
        if not deeper or (block.form is Form.ITEM and block.depth <= blocks[at].depth):
            return
        yield block


def _named(block: Block, command: Command) -> tuple[list[tuple[int, str]], str]:
    """What names a command, and the comments above it that are instructions of their own.

    Comment lines that each begin a sentence are one thing after another; the last of them names the command.
    """
    rows = block.text.split("\n")
    above: list[tuple[int, str]] = []
    for number in range(command.line - block.first - 1, -1, -1):
        comment = _COMMENT.match(rows[number]) if number < len(rows) else None
        if comment is None or not comment[1].strip() or _FILE.match(comment[1].strip()):
            break
        above.insert(0, (block.first + number, comment[1].strip()))
    told = [one for one in above if _bare(one[1]) in command.comment]
    separate = len(told) > 1 and not any(_GOES_ON.match(text) for _, text in told[1:])
    if separate and not any(text.endswith((",", ";", " -", "(")) for _, text in told[:-1]):
        choice = next((n for n, (_, text) in enumerate(told) if is_other_way(text) or is_condition(text)), None)
        if choice is not None:
            return told[:choice], short(told[choice][1])
        return (told[:-1], short(told[-1][1])) if not told[0][1].endswith(":") else ([], short(told[0][1]))
    return [], "" if _FILE.match(command.comment.split("\n")[0].strip()) else short(command.comment)


def _bare(comment: str) -> str:
    return comment.strip().lstrip("#→=> ").strip(" —–-:.*")


def _comments(block: Block, found: Sequence[Command]) -> list[tuple[int, str]]:
    """Comments of a fence that name no command, those on lines that follow each other as one."""
    inside = {line for command in found for line in range(command.line, command.end_line + 1)}
    told = {
        _bare(row)
        for command in found
        for row in f"{command.comment}\n{command.expected}\n{command.choice}".split("\n")
    }
    said = [f"{command.comment}\n{command.expected}\n{command.choice}" for command in found]
    groups: list[tuple[int, str]] = []
    last = -1
    for number, row in enumerate(block.text.split("\n")):
        line = block.first + number
        comment = _COMMENT.match(row)
        if comment is None or line in inside:
            continue
        text = comment[1].strip()
        bare = _bare(text)
        if not bare or _RULED.match(bare) or _FILE.match(bare) or bare in told or any(bare in one for one in said):
            continue
        if groups and last == line - 1:
            groups[-1] = (groups[-1][0], f"{groups[-1][1]}\n{text}")
        else:
            groups.append((line, text))
        last = line
    return groups
