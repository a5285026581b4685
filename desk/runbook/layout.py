"""Where the code of a Markdown file begins and ends, as its author meant it, and the file laid out for a grammar.

A strict reading of broken fences swaps code and prose for the rest of a file. Here every fence is found first, line by
line; then the lines are written anew so that a CommonMark parser can see it in no other way. No line of the file is
changed: `origins` tells for each laid out line which line it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from desk.runbook.book import Repair
from desk.runbook.programs import names_program

_OPEN: Final = re.compile(
    r"(?P<lead>(?:[ \t]*>)*[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?){0,8})"
    r"(?P<ticks>`{3,}|~{3,})(?P<info>[^`]*)$"
)
_INFO: Final = re.compile(r"(`{3,})([\w+-]*)[ \t]*$")
_MARKER: Final = re.compile(r"(?P<lead>[ \t]*(?:(?P<number>\d{1,9})[.)]|[-*+])[ \t]+)\S")
_HEADING: Final = re.compile(r" {0,3}#{2,6}[ \t]+\S")
_STUCK: Final = re.compile(r" {0,3}(#{2,6})([^\W\d_].*)")
_EVIDENCE: Final = re.compile(
    r" {0,3}#{2,6}[ \t]+\S|[ \t]*\*\*[^*`]+\*\*:?[ \t]*$|[ \t]*\*\*[^*`]+:\*\*|[ \t]*-{3,}[ \t]*$|["
    r" \t]*[-*+] \[[ xX]\] "
    r"|[ \t]*\|[ \t]*:?-{3,}|[ \t]*\[[^\]]+\]\([^)]+\)[ \t]*$|[ \t]*>[ \t]+\w"
)
_SENTENCE: Final = re.compile(r"[A-ZÀ-Þ][\w',()-]*(?: [\w`'\",()/:-]+){4,}[.:]\s*$")
REGION: Final = "\x01"
"""Stands before a region's number behind its ticks: a sign that is in no text that was decoded."""
_TEMPLATES: Final = frozenset({"markdown", "md", "mdx", "mdown"})
_ADMONITION: Final = re.compile(r"(?:!!!|\?\?\?\+?)[ \t]+(?P<kind>[\w-]+)[^\"]*(?:\"(?P<title>[^\"]*)\")?[ \t]*$")
_COLONS: Final = re.compile(r"[ \t]*:{3,}[ \t]*\{?\.?(?P<kind>[A-Za-z][\w-]*)?\}?(?P<title>[^:]*)$")
_TAGS: Final = re.compile(
    r"[ \t]*(?:</?(?:details|summary|div|p|br|hr|center|section|[A-Z]\w*)(?:[ \t][^<>]*)?/?>[ \t]*)+$|.*</?summary>"
)
_SUMMARY: Final = re.compile(r"<summary[^>]*>(.*?)(?:</summary>|$)")
_TAG: Final = re.compile(r"<[^<>]*>")
_CODE: Final = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_WIDE: Final = 4
_NEAR: Final = 80
"""How many lines after ticks at the end of a text their closing ticks are looked for."""
_LONG: Final = 4000
_MANY: Final = 80
_TRIES: Final = 64
"""How often the rest of a file is read in two ways to see which is the consistent one."""


@dataclass(frozen=True, slots=True)
class Region:
    """One fence, as it is meant; lines count from 0 here."""

    first: int
    last: int
    begins: int
    lead: str
    """What stands before its ticks: indentation, marks of quotes, the marker of the item it opens."""
    tag: str
    code: tuple[str, ...]


@dataclass(slots=True)
class Layout:
    """A file laid out anew."""

    regions: list[Region] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)

    def put(self, line: str, origin: int) -> None:
        """One more line, and which one it was."""
        self.lines.append(line)
        self.origins.append(origin)


@dataclass(slots=True)
class _Scan:
    lines: list[str]
    repairs: list[Repair] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)
    """Lines that read otherwise than they stand, by their number."""
    regions: list[Region] = field(default_factory=list)
    offset: int = 0
    """How far the text of the list item stands in that the current line belongs to."""
    marker: tuple[int, int] = (-1, -1)
    """Indentation and number of that item."""
    tries: int = 0
    last_comment: int = -1
    """The last line on which a comment of HTML ends."""

    def repair(self, line: int, what: str) -> None:
        self.repairs.append(Repair(line + 1, what))

    def run(self, start: int) -> None:
        at, blank = start, True
        self.last_comment = max((n for n, line in enumerate(self.lines) if "-->" in line), default=-1)
        while at < len(self.lines):
            line = self.lines[at]
            fence = _OPEN.match(line) if "```" in line or "~~~" in line else None
            if fence is not None:
                at = self.fence(at, fence)
                blank = False
                continue
            if _comment(line, self.offset) and "-->" not in line and at < self.last_comment:
                at = next(n for n in range(at, len(self.lines)) if "-->" in self.lines[n]) + 1
                continue
            if "```" in line and (tail := self.tail(at)) is not None:
                at = tail
                continue
            self.plain(at, line, blank)
            blank = not line.strip()
            at += 1

    def plain(self, at: int, line: str, blank: bool) -> None:
        if (marker := _MARKER.match(line)) is not None:
            indent = len(line) - len(line.lstrip())
            self.offset, self.marker = len(marker["lead"].expandtabs(4)), (indent, int(marker["number"] or -1))
        elif line.strip() and _indent(line) < self.offset and blank:
            self.offset, self.marker = 0, (-1, -1)
        if (note := _ADMONITION.match(line)) is not None:
            self.notes[at] = f"> {note['kind'].capitalize()}: {note['title'] or ''}".rstrip(": ")
            for next_at in range(at + 1, len(self.lines)):
                text = self.lines[next_at]
                if text.strip() and not text.startswith(("    ", "\t")):
                    break
                self.lines[next_at] = text[1:] if text.startswith("\t") else text[4:]
        elif line.lstrip().startswith(":::") and (note := _COLONS.match(line)) is not None:
            kind, title = note["kind"], note["title"].strip(" []{}.")
            self.notes[at] = f"> {kind.capitalize()}: {title}".rstrip(": ") if kind else ""
        elif (stuck := _STUCK.match(line)) is not None:
            self.notes[at] = f"{stuck[1]} {stuck[2]}"
            self.repair(at, "a heading without a space after its marks; read as a heading")

    def fence(self, at: int, found: re.Match[str]) -> int:
        end, resume, closed = self.end(at, found)
        lead = found["lead"]
        quoted, width = ">" in lead, len(lead.expandtabs(_WIDE))
        code = [_bare(line, width, quoted) for line in self.lines[at + 1 : end]]
        if closed and end == resume:
            code.append(_bare(self.lines[end].rstrip().rstrip(found["ticks"][0]).rstrip(), width, quoted))
            resume += 1
        inside = self.offset and not quoted and width >= self.offset
        if inside and any(line.strip() and _indent(line) < self.offset for line in self.lines[at + 1 : end]):
            self.repair(at, "the code stands left of the list item it belongs to; read up to its closing ticks")
        info = found["info"].strip()
        tag = info.split()[0].lower() if info else ""
        if not tag.startswith("{") or tag.startswith("{."):
            tag = tag.strip("{}.,:").split("{")[0].split(",")[0]
        if marker := _MARKER.match(lead + "x"):
            self.offset, self.marker = width, (_indent(lead), int(marker["number"] or -1))
        self.regions.append(Region(at, resume - 1, at + 1, lead, tag, tuple(code)))
        return resume

    def end(self, at: int, found: re.Match[str]) -> tuple[int, int, bool]:
        """Where its code ends, where reading goes on, and whether ticks close it; one line when code is on it."""
        sign, length = found["ticks"][0], len(found["ticks"])
        tag = (found["info"].split() or [""])[0].lower().strip("{}.")
        quoted = ">" in found["lead"]
        template = tag in _TEMPLATES and self.tries <= _TRIES
        strict, inner, tail = self.walk(at, sign, length, quoted, template)
        if quoted and strict < 0:
            out = next((n for n in range(at + 1, len(self.lines)) if ">" not in self.lines[n][:8]), len(self.lines))
            return out, out, False
        if template and (inner or strict < 0):
            nested = self.nested(at, sign)
            self.tries += nested < 0
            if nested >= 0:
                self.repair(at, f"a template with fences of its own; read up to line {nested + 1}")
                return nested, nested + 1, True
        if tail and (not inner or tail < inner) and (strict < 0 or tail < strict):
            self.repair(tail, "the closing ticks stand on the last line of the code")
            return tail, tail, True
        if strict >= 0 and not inner and not tag and self.stray(at, strict):
            self.repair(at, "closing ticks that close nothing; left out")
            return at + 1, at + 1, False
        if strict >= 0 and not inner:
            early = self.swapped(at, strict)
            if early is None and self.glued(strict):
                early = strict
            if early is None:
                return strict, strict + 1, True
            return self.close(at, early)
        if template and strict >= 0:
            return strict, strict + 1, True
        limit = inner or len(self.lines)
        if inner and self.prose_after(inner):
            self.repair(inner, "text after the closing ticks; the code ends there")
            return inner, inner + 1, True
        return self.close(at, self.evidence(at, limit))

    def close(self, at: int, end: int) -> tuple[int, int, bool]:
        resume = end
        while end > at + 1 and not self.lines[end - 1].strip():
            end -= 1
        self.repair(at, f"the fence never closes; closed before line {resume + 1}")
        return end, max(resume, at + 1), False

    def walk(self, at: int, sign: str, length: int, quoted: bool, template: bool) -> tuple[int, int, int]:
        """Lines where it closes by the letter, where another one opens inside, where ticks end a line of code."""
        inner = tail = 0
        ticks = sign * length
        for number in range(at + 1, len(self.lines)):
            line = self.lines[number]
            if quoted and not line.lstrip().startswith(">"):
                return -1, inner, tail
            if ticks not in line:
                continue
            text = (line.lstrip(" \t>") if quoted else line).strip()
            if not text.strip(sign):
                return number, inner, tail
            if text.endswith(ticks):
                if not tail and text.count(ticks) == 1 and self.after(number).strip(sign):
                    tail = number
            elif not inner and text.startswith(ticks) and _OPEN.match(line):
                inner = number
                if not template:
                    break
        return -1, inner, tail

    def after(self, at: int) -> str:
        """The next line that is not blank."""
        for number in range(at + 1, min(len(self.lines), at + _NEAR)):
            if text := self.lines[number].strip():
                return text
        return "-"

    def nested(self, at: int, sign: str) -> int:
        deep = 0
        for number in range(at + 1, len(self.lines)):
            text = self.lines[number].strip()
            if text.startswith(sign * 3):
                if text.strip(sign):
                    deep += 1
                elif deep == 0:
                    return number
                else:
                    deep -= 1
        return -1

    def prose_after(self, inner: int) -> bool:
        words = self.lines[inner].strip().strip("`~").split()
        return len(words) > 2 and not any(set(word) & set("={}[]:") for word in words)

    def evidence(self, at: int, limit: int) -> int:
        """The first line after a fence that is no code, by the look of it."""
        lines = self.lines
        for number in range(at + 2, limit):
            line = lines[number]
            if not line.strip():
                continue
            if _EVIDENCE.match(line) or (not lines[number - 1].strip() and _SENTENCE.match(line)):
                return number
            if self.sibling(line):
                return number
        return limit

    def sibling(self, line: str) -> bool:
        found, (indent, number) = _MARKER.match(line), self.marker
        return (
            found is not None
            and found["number"] is not None
            and int(found["number"]) == number + 1
            and _indent(line) == indent
        )

    def stray(self, at: int, strict: int) -> bool:
        """Whether it opens no code: sentences alone up to the next ticks, and code right after those."""
        lines = self.lines
        if strict + 2 >= len(lines) or strict < at + 4 or lines[at + 1].strip() or lines[strict - 1].strip():
            return False
        said = [line for line in lines[at + 1 : strict] if line.strip()]
        below = lines[strict + 1]
        if not below.strip() or _SENTENCE.match(below) or _EVIDENCE.match(below):
            return False
        if not said or not all(_SENTENCE.match(line) for line in said):
            return False
        ticks = lines[strict].strip()
        return any(line.strip() == ticks for line in lines[strict + 2 : strict + _NEAR])

    def glued(self, strict: int) -> bool:
        """Whether what closes it opens the next one: a blank line above, a command right below, then ticks."""
        lines, at = self.lines, strict + 1
        if lines[strict - 1].strip() or at >= len(lines) or not names_program(lines[at].lstrip("$ ")):
            return False
        while at < len(lines) and lines[at].strip() and "```" not in lines[at] and "~~~" not in lines[at]:
            at += 1
        ends = at < len(lines) and lines[at].strip() == lines[strict].strip()
        return ends and (at + 1 >= len(lines) or not lines[at + 1].strip())

    def swapped(self, at: int, strict: int) -> int | None:
        """Where it ends when what closes it opens the next one; None when it doesn't."""
        inside = range(at + 1, strict)
        headed = any(
            _HEADING.match(self.lines[n]) and not (self.lines[n - 1].strip() and self.lines[n + 1].strip())
            for n in inside
        )
        if not (headed or any(self.sibling(self.lines[n]) for n in inside)) or self.tries > _TRIES:
            return None
        self.tries += 1
        early = self.evidence(at, strict)
        if early == strict:
            return None
        return early if _faults(self.lines, early) < _faults(self.lines, strict + 1) else None

    def tail(self, at: int) -> int | None:
        """Ticks that open a fence at the end of a text: where reading goes on after it."""
        line = self.lines[at]
        cut = line.index("```")
        found, text = _INFO.match(line, cut), line[:cut].rstrip()
        if found is None or not text or line.count("`") != len(found[1]):
            return None
        for number in range(at + 1, min(len(self.lines), at + _NEAR)):
            inner = self.lines[number].strip()
            if inner.startswith("```"):
                if inner.strip("`") or number == at + 1:
                    return None
                break
        else:
            return None
        self.repair(at, "the ticks stand at the end of a text; read as the beginning of code")
        self.notes[at] = text
        self.plain(at, text, False)
        lead = " " * self.offset
        code = tuple(_bare(line, self.offset, False) for line in self.lines[at + 1 : number])
        self.regions.append(Region(at, number, at + 1, lead, found[2].lower(), code))
        return number + 1


def _faults(lines: Sequence[str], start: int) -> int:
    """How many fences of the rest open within another one or never close, read by the letter."""
    faults, ticks, template = 0, "", False
    for number in range(start, len(lines)):
        line = lines[number]
        if "```" not in line and "~~~" not in line:
            continue
        text = line.strip().lstrip("> ")
        if ticks and text.startswith(ticks):
            if not text.strip(ticks[0]):
                ticks = ""
            elif not template:
                faults += 1
        elif not ticks and (found := _OPEN.match(line)) is not None:
            ticks, template = found["ticks"], found["info"].strip().lower() in _TEMPLATES
    return faults + bool(ticks)


def scanned(lines: Sequence[str], start: int = 0) -> tuple[list[Region], list[Repair], dict[int, str], list[str]]:
    """Every fence of a file, what was repaired, lines that read otherwise, and the lines to read."""
    scan = _Scan(list(lines))
    scan.run(start)
    return scan.regions, scan.repairs, scan.notes, scan.lines


def laid_out(lines: Sequence[str], start: int = 0, flat: frozenset[int] = frozenset()) -> Layout:
    """A file for a strict parser: each fence stands for itself, its info is the number of its region.

    `flat` are regions whose indentation would hide them; they are put at the margin.
    """
    regions, repairs, notes, lines = scanned(lines, start)
    layout = Layout(regions, repairs)
    for origin in range(start):
        layout.put("", origin)
    at = start
    for number, region in enumerate(regions):
        for origin in range(at, region.first + (region.first in notes)):
            _put_plain(layout, origin, lines[origin], notes.get(origin))
        lead = "" if number in flat else region.lead
        rest = re.sub(r"[^\s>]", " ", lead)
        if lead == rest:
            layout.put(rest.rstrip() if ">" in rest else "", region.first)
        layout.put(f"{lead}```{REGION}{number}", region.first)
        layout.put(f"{rest}x", max(region.first, region.last - 1))
        layout.put(f"{rest}```", region.last)
        if ">" not in rest:
            layout.put("", region.last)
        at = region.last + 1
    for origin in range(at, len(lines)):
        _put_plain(layout, origin, lines[origin], notes.get(origin))
    return layout


def _put_plain(layout: Layout, origin: int, line: str, note: str | None) -> None:
    if note is not None:
        layout.put(note, origin)
        layout.put("", origin)
        return
    if "<" in line and _TAGS.match(line):
        summary = _SUMMARY.search(line)
        title = _TAG.sub("", summary[1]).strip() if summary else ""
        indent = line[: len(line) - len(line.lstrip())]
        layout.put("", origin)
        if title:
            layout.put(f"{indent}**{title}**", origin)
            layout.put("", origin)
    elif "|" in line and "`" in line and line.lstrip().startswith("|"):
        layout.put(_piped(line, origin, layout.repairs), origin)
    else:
        layout.put(line, origin)


def _piped(line: str, origin: int, repairs: list[Repair]) -> str:
    """A row of a table with the pipes of its code kept within their cells."""
    if len(line) > _LONG or line.count("`") > _MANY:
        return line
    mended = _CODE.sub(lambda found: re.sub(r"(?<!\\)\|", r"\\|", found[0]), line)
    if mended != line:
        repairs.append(Repair(origin + 1, "a | within code does not end the cell of the table"))
    return mended


def _comment(line: str, offset: int) -> bool:
    """Whether a comment of HTML opens in a line; one that is indented by more is code."""
    return line.lstrip().startswith("<!--") and _indent(line) - offset < _WIDE


def _indent(line: str) -> int:
    head = line[: len(line) - len(line.lstrip())]
    return len(head.expandtabs(_WIDE))


def _bare(line: str, width: int, quoted: bool) -> str:
    """A line of code without the indentation of its fence."""
    if quoted:
        return re.sub(r"^[ \t]*(?:>[ \t]?)+", "", line)
    at = taken = 0
    while at < len(line) and taken < width and line[at] in " \t":
        taken += _WIDE if line[at] == "\t" else 1
        at += 1
    return line[at:]
