"""One fence of a runbook: its logical commands, with the lines they stand on and what names them.

A fence is no step; its commands are. What a line is depends on the fence: in one for a shell a line is a command unless
it looks like output, configuration or SQL; in one without a tag it is none unless it begins with a known program.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from desk.runbook import lines
from desk.runbook.block import Block
from desk.runbook.inside import Inside, inside
from desk.runbook.lines import Line, Remark
from desk.runbook.scan import Scanner
from desk.runbook.sql import cuts, is_sql
from desk.runbook.words import names

ENOUGH: Final = 20_000
"""Lines read again for what is never closed; from there on it is only looked for close by."""
LONGEST: Final = 300
"""Lines of one command, here-documents and scripts aside."""

_SHELLS: Final = names("""
    bash sh shell zsh ksh fish console terminal shell-session shellsession sh-session bash-session cmd bat batch dos
    command commandline cli session term posix ash csh tcsh
""")
_POWERSHELL: Final = frozenset(("powershell", "ps1", "pwsh", "posh", "ps"))
_SQL: Final = frozenset(
    ("sql", "postgresql", "postgres", "psql", "pgsql", "plpgsql", "mysql", "mariadb", "sqlite", "tsql", "plsql")
)
_LOOSE: Final = frozenset(("", "python", "py", "python3", "ruby", "code", "default", "none", "nohighlight"))
"""Tags of fences where only what begins with a known program counts."""
_INTERPRETER: Final = re.compile(r"#!.*\b(?:ba|z|k|da)?sh\b")
_WHOLE: Final = re.compile(
    r"""^\s*(?:function\s|[\w-]+\s*\(\)|(?:exit|return|exec|trap|read|shift|local|select|getopts|source|\.)\b|[A-Za-z_]\w*=\()
    | (?:[;&|{]|\bthen|\belse|\bdo)\s*(?:exit|return|exec)\b | \$(?:[1-9@*\#?!]|\{[1-9@*\#?!]) | (?<![&>])&\s*$""",
    re.VERBOSE | re.MULTILINE,
)
"""What binds the lines of a script together: functions, arguments, leaving it half-way, lists, asking a person."""


class Language(Enum):
    """What a logical command is written in."""

    SHELL = "shell"
    SQL = "sql"
    REDIS = "redis"


@dataclass(frozen=True, slots=True)
class Logical:
    """One logical command of a fence, not yet understood; or a region of a shell fence that is none."""

    line: int
    end_line: int
    text: str
    is_command: bool = True
    comment: str = ""
    expected: str = ""
    choice: str = ""
    place: str = ""
    """Where a session that an earlier line of the fence opens runs it: "host db1", "container api"."""
    language: Language = Language.SHELL


def logical(block: Block, read: Iterable[str] = ()) -> list[Logical]:
    """The logical commands of a fence, in order; pure, never raises.

    `read`: variables that the document reads anywhere, by which a bare assignment is told from configuration.

    >>> from desk.runbook.block import Form
    >>> fence = Block(Form.FENCE, 1, 5, "# Restart it\\ndocker compose \\\\\\n  restart api", tag="bash", first=2)
    >>> [(one.line, one.end_line, one.comment) for one in logical(fence)]
    [(3, 4, 'Restart it')]
    """
    rows = block.text.split("\n")
    first = block.first or block.line + 1
    tag = block.tag.strip("{}. ").lower().partition(",")[0]
    if tag in _SQL:
        return _Reader(rows, first, tag="sql").statements()
    if tag == "redis":
        return _Reader(rows, first, tag="redis").redis()
    shell = tag in _SHELLS or tag in _POWERSHELL
    if not shell and tag not in _LOOSE:
        return []
    head = next((n for n, row in enumerate(rows) if row.strip() and not re.match(r"\s*#(?!!)", row)), 0)
    if rows[head].startswith("#!"):
        spoken = _INTERPRETER.match(rows[head]) is not None
        if not spoken or _bound(rows[head + 1 :]):
            return _script(rows[head:], first + head) if shell or spoken else []
        rows = [*rows[:head], "", *rows[head + 1 :]]
        tag, shell = tag or "bash", True
    names = frozenset(read) | frozenset(lines.variables(block.text))
    return _Reader(rows, first, tag="powershell" if tag in _POWERSHELL else tag, sure=shell, read=names).commands()


def _bound(rows: list[str]) -> bool:
    """Whether the lines of a script can't be taken one by one, as a person would type them."""
    code = "\n".join(row for row in rows if not row.lstrip().startswith("#"))
    return _WHOLE.search(re.sub(r"'[^']*'", "''", code)) is not None


def _script(rows: list[str], first: int) -> list[Logical]:
    """A script whose lines do not stand for themselves: one command."""
    last = max(number for number, row in enumerate(rows) if row.strip())
    head = []
    for row in rows[1:]:
        if not row.startswith("#"):
            break
        head.append(row.lstrip("# "))
    text = "\n".join(rows[: last + 1])
    return [Logical(first, first + last, text, comment=" ".join(filter(None, head)))]


@dataclass(slots=True)
class _Reader:
    """Goes through the lines of one fence."""

    rows: list[str]
    first: int
    tag: str = ""
    sure: bool = True
    read: frozenset[str] = frozenset()
    found: list[Logical] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """Comments since the last command."""
    choice: str = ""
    inside: Inside | None = None
    apart: bool = False
    """True when an empty line is between the last comment and the line that is read."""
    spent: int = 0
    """Lines that were read again."""
    run: tuple[int, bool] = (0, False)
    """Where the comments that are being read end, and whether they stand above nothing."""
    expecting: bool = False
    """True after "Expected:": what follows is its text."""

    def commands(self) -> list[Logical]:
        """Of a fence for a shell, or of one without a tag."""
        prompts = lines.prompted(self.rows, session=self.tag in ("console", "terminal", "session", "shell-session"))
        number = 0
        gap = False
        while number < len(self.rows):
            row = self.rows[number]
            if not row.strip():
                gap = True
                self.expecting = False
                self._leave(blank=True)
                number += 1
                continue
            prompt = prompts.get(number)
            early = number < min(prompts, default=0) and self.sure and lines.kind(row, sure=False) is Line.COMMAND
            if prompts and prompt is None and not early and not row.lstrip().startswith("#"):
                number = self._other(number, number + 1, told=False)  # output
                continue
            start = lines.skipped(row) if prompt is None else prompt
            if prompt is None and (remark := lines.remark(row, powershell=self.tag == "powershell")) is not None:
                self._remark(remark, gap=gap, last=self._alone(number))
                gap = False
                number += 1
                continue
            self.apart = gap
            number = self._one(number, start, prompts)
            gap = False
        return self.found

    def _one(self, number: int, start: int, prompts: dict[int, int]) -> int:
        """One command or region from a line on; the line after it."""
        row = self.rows[number][start:]
        said = lines.repl(self.rows[number])
        kind = said if said is not None else self._kind(row, number, typed=number in prompts)
        if kind is Line.SQL and not is_sql(row) and not row.startswith("\\"):
            kind = Line.OTHER
        if kind is Line.OTHER:
            return self._other(number, self._region(number))
        if kind is Line.SQL:
            return self._sql(number, start)
        if kind is Line.REDIS:
            self._add(number, number + 1, row.strip(), language=Language.REDIS)
            return number + 1
        end, parts = self._joined(number, start, prompts)
        self._add(number, end, "\n".join(parts), trail=len(parts) == 1)
        return end

    def _kind(self, row: str, number: int, *, typed: bool = False) -> Line:
        if self.inside is not None and self.inside.left_by(row):
            self.inside = None
        if self.inside is not None:
            kind = self.inside.kind(row)
            if kind is not None:
                return kind
            if self.inside.shell:
                return lines.kind(row, sure=True, read=self.read, rest=self.rows[number + 1 : number + 4])
            self.inside = None
        return lines.kind(
            row,
            sure=self.sure or typed,
            powershell=self.tag == "powershell",
            read=self.read,
            rest=self.rows[number + 1 : number + 4],
            remark=" ".join(self.remarks),
        )

    def _joined(self, number: int, start: int, prompts: dict[int, int]) -> tuple[int, list[str]]:
        """(line after a command, its lines)."""
        scanner = Scanner(powershell=self.tag == "powershell")
        parts: list[str] = []
        end = number
        while end < len(self.rows):
            row = self.rows[end]
            if end == number:
                row = row[start:]
            elif (cut := lines.continued(row, prompts)) and end not in prompts:
                row = row[cut:]
            elif end in prompts and not scanner.quoted:
                break
            parts.append(row)
            scanner.feed(row)
            end += 1
            if not scanner.open:
                if self._goes_on(parts, end):
                    continue
                ahead = end
                while ahead < len(self.rows) and not self.rows[ahead].strip():
                    ahead += 1
                if ahead == end and end < len(self.rows) and re.match(r"\s*(?:\|(?!\s*\w+\s*\|)|&&)", self.rows[end]):
                    continue
                break
            if self.spent >= ENOUGH and end - number >= 4:
                break
            if end - number >= LONGEST and not scanner.here:
                break
        if scanner.quoted and len(parts) > 1:
            self.spent += end - number
            return number + 1, parts[:1]  # what opens there is never closed
        while len(parts) > 1 and not parts[-1].strip():
            parts.pop()
            end -= 1
        return end, parts

    def _goes_on(self, parts: list[str], end: int) -> bool:
        """Whether a comment stands among the continued lines of a command: a shell stops there, its author did not."""
        below = self.rows[end] if end < len(self.rows) else ""
        comment = len(parts) > 1 and parts[-1].lstrip().startswith("#") and parts[-2].rstrip().endswith("\\")
        return comment and re.match(r"\s+-", below) is not None

    def _region(self, number: int) -> int:
        """The line after what is no command and begins here."""
        most = 400 if self.spent < ENOUGH else 4
        count = lines.region(self.rows[number : number + most], most)
        self.spent += most if count == 1 else 0
        return number + count

    def _other(self, number: int, end: int, *, told: bool = True) -> int:
        """Lines that are no command. `told`: whether they are worth saying so."""
        end = max(end, number + 1)
        text = "\n".join(self.rows[number:end]).strip()
        if self.expecting and self.found:
            last = self.found[-1]
            self.found[-1] = replace(last, expected=f"{last.expected}\n{text}".strip())
        if self.sure and text and told:
            before = self.found[-1] if self.found else None
            if before is not None and not before.is_command and before.end_line == self.first + number - 1:
                self.found[-1] = replace(
                    before, end_line=self.first + end - 1, text=f"{before.text}\n{text}", is_command=False
                )
            else:
                self.found.append(Logical(self.first + number, self.first + end - 1, text, is_command=False))
        self.remarks = []
        self.choice = ""
        return end

    def _alone(self, number: int) -> bool:
        """Whether the comments from a line on stand above nothing."""
        if number >= self.run[0]:
            while number < len(self.rows) and lines.remark(self.rows[number]) is not None:
                number += 1
            self.run = (number, number >= len(self.rows) or not self.rows[number].strip())
        return self.run[1]

    def _remark(self, remark: Remark, *, gap: bool, last: bool = False) -> None:
        """A comment. `last`: no command follows it directly."""
        before = next((n for n in range(len(self.found) - 1, -1, -1) if self.found[n].is_command), None)
        if before is not None and not self.remarks:
            now = self.found[before]
            goes_on = self.expecting and not gap and (last or now.expected.endswith(":"))
            if goes_on or (remark.expected and (not gap or remark.arrow or remark.heads)):
                self.found[before] = replace(now, expected=f"{now.expected}\n{remark.text}".strip())
                self.expecting = last or remark.text.endswith(":") or remark.heads
                return
        self._leave(comment=remark.text)
        if gap:
            self.remarks = []
            self.choice = ""
        if remark.text:
            self.remarks.append(remark.text)
        if remark.choice:
            self.choice = remark.text

    def _leave(self, *, blank: bool = False, comment: str = "") -> None:
        if self.inside is not None and self.inside.ends(blank=blank, comment=comment):
            self.inside = None

    def _add(
        self, number: int, end: int, text: str, *, language: Language = Language.SHELL, trail: bool = False
    ) -> None:
        trailing = lines.trailing(text) if trail else None
        comment = " ".join(self.remarks)
        expected = ""
        if trailing is not None:
            if trailing.expected:
                expected = trailing.text
            elif not comment or self.apart:
                comment = trailing.text
        place = self.inside.place if self.inside is not None else ""
        choice = self.choice or (trailing.text if trailing is not None and trailing.choice else "")
        self.found.append(
            Logical(
                self.first + number,
                self.first + end - 1,
                text,
                comment=comment,
                expected=expected,
                choice=choice,
                place=place,
                language=language,
            )
        )
        self.remarks = []
        self.choice = ""
        self.expecting = False
        if language is Language.SHELL:
            opened = inside(text, self.inside)
            self.inside = opened if opened is not None else self.inside
            if self.inside is not None and self.inside.closed_by(text):
                self.inside = None

    def _sql(self, number: int, start: int) -> int:
        """One SQL statement among other lines: to its semicolon, an empty line or a comment for a shell."""
        parts = [self.rows[number][start:]]
        end = number + 1
        while not parts[0].startswith("\\") and not cuts("\n".join(parts)) and end < len(self.rows):
            row = self.rows[end]
            if not row.strip() or row.lstrip().startswith("#") or (lines.kind(row, sure=False) is Line.COMMAND):
                break
            parts.append(row)
            end += 1
            if end - number > LONGEST:
                break
        self._add(number, end, "\n".join(parts), language=Language.SQL)
        return end

    def redis(self) -> list[Logical]:
        """Of a fence for redis-cli."""
        for number, row in enumerate(self.rows):
            bare = lines.REPL_PROMPT.sub("", row).strip()
            if not bare:
                continue
            if (remark := lines.remark(row)) is not None:
                self._remark(remark, gap=False)
            elif lines.REDIS.match(bare):
                self._add(number, number + 1, bare, language=Language.REDIS)
            elif lines.kind(bare, sure=False) is Line.COMMAND:
                self._add(number, number + 1, bare)
            else:
                self._other(number, number + 1)
        return self.found

    def statements(self) -> list[Logical]:
        """Of a fence for SQL: one command a statement."""
        number = 0
        gap = False
        while number < len(self.rows):
            row = self.rows[number]
            bare = lines.REPL_PROMPT.sub("", row)
            if not row.strip():
                gap = True
                number += 1
                continue
            if (said := re.match(r"\s*(?:--+|#)\s?(.*)", row)) is not None:
                self._remark(lines.said(said[1]), gap=gap)
                gap = False
                number += 1
                continue
            gap = False
            if re.match(r"\s*\\[a-zA-Z]", bare):
                self._add(number, number + 1, bare.strip(), language=Language.SQL)
                number += 1
            elif is_sql(bare) or is_sql("\n".join(self.rows[number : number + 6])):
                number = self._statement(number, len(row) - len(bare))
            elif lines.kind(bare, sure=False) is Line.COMMAND:
                end, parts = self._joined(number, len(row) - len(bare), {})
                self._add(number, end, "\n".join(parts), trail=True)
                number = end
            else:
                number = self._other(number, number + 1)
        return self.found

    def _statement(self, number: int, start: int) -> int:
        """To the semicolon that ends it; without one to an empty line before the next statement, or the end."""
        parts: list[str] = []
        for end in range(number, min(len(self.rows), number + LONGEST)):
            row = self.rows[end][start if end == number else 0 :]
            if parts and not row.strip() and any(is_sql(one) for one in self.rows[end + 1 : end + 3]):
                break
            parts.append(row)
            text = "\n".join(parts)
            if ";" in row and (found := cuts(text)) and (not text[found[-1] :].strip() or "--" in text[found[-1] :]):
                break
        end = number + len(parts)
        while len(parts) > 1 and not parts[-1].strip():
            parts.pop()
        self._add(number, number + len(parts), "\n".join(parts).strip(), language=Language.SQL)
        return end
