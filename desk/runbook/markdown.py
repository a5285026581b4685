"""A Markdown file as blocks, in order, with the lines they stand on in the file itself.

The grammar is CommonMark with tables (markdown-it-py); where it and the author disagree, the author is followed and a
Repair says so (`desk/runbook/layout.py` for fences). Nothing raises, and nothing takes more than a few times as long as
ordinary text of the same length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from desk.runbook.block import Block, Form, Row, Span
from desk.runbook.book import Repair
from desk.runbook.inline import Piece, Rich, rich
from desk.runbook.layout import REGION, Layout, Region, laid_out
from desk.runbook.phases import is_phase, is_shown
from desk.runbook.text import front_matter

LARGE: Final = 256 * 1024
"""Characters from which a file is read section by section (`section`); its outline is always whole."""

_NESTING: Final = 40
_BOX: Final = re.compile(r"\[(?P<sign>[ xX✓✔-]?)\](?=\s|$)\s*|(?P<open>[☐□⬜])\s*|(?P<ticked>☑)\s*")
_NUMBERED: Final = re.compile(r"(?P<number>\d{1,2})(?:、|．|）|\.\s*|\)\s*)$")
_CJK_NUMBER: Final = re.compile(r"(?P<number>\d{1,2})[、．）]\s*(?P<rest>\S.*)$")
_KEYCAP: Final = re.compile(r"(?P<number>\d)\ufe0f?\u20e3\s*(?P<rest>\S.*)$")
_ANCHOR: Final = re.compile(r"\s*\{[#.][^}]*\}\s*$")
_SHORTCODE: Final = re.compile(r"<%.*%>|\{%.*%\}|\{\{[<%].*[>%]\}\}", re.DOTALL)
_PRE: Final = re.compile(r"\s*<pre[\s>]", re.IGNORECASE)
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]*>")
_EMOJI: Final = re.compile("[\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")
_SENTENCES: Final = re.compile(r"[.!?;。！？](?:\s|$)")
_ATX: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
_NAMED: Final = re.compile(r"[^\W\d_][\w /-]{1,30}[:：]\s")
_TEMPLATES: Final = frozenset({"markdown", "md", "mdx"})
_TAGGED: Final = re.compile(r"[A-Za-z][\w+-]*[ \t]*$")
_BROKEN: Final = 100
"""Fences without an end that an outline looks behind."""
_LABEL_LENGTH: Final = 120
_LABEL_WORDS: Final = 8
"""What is in bold and longer is a sentence, unless it ends with a colon."""
_TITLE_LENGTH: Final = 90
_COLONS: Final = (":", "：")
_DASHES: Final = ("- ", "– ", "— ", "→ ")


@cache
def _grammar() -> MarkdownIt:
    grammar = MarkdownIt("commonmark", {"maxNesting": _NESTING}).enable(["table", "strikethrough"])
    grammar.core.ruler.enableOnly(["block"])
    return grammar


@dataclass(slots=True)
class _Item:
    number: int | None
    line: int
    fresh: bool = True


@dataclass(slots=True)
class _Reader:
    layout: Layout
    blocks: list[Block] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    items: list[_Item] = field(default_factory=list)
    quotes: int = 0
    seen: set[int] = field(default_factory=set)
    known: dict[str, Any] = field(default_factory=dict)
    """Where the links of the file lead."""

    def lines(self, token: Token) -> tuple[int, int]:
        """First and last line of a token in the file, from 1."""
        first, end = token.map or [0, 1]
        while end > first + 1 and not self.layout.lines[end - 1].strip():
            end -= 1
        return self.layout.origins[first] + 1, self.layout.origins[max(first, end - 1)] + 1

    def put(self, block: Block) -> None:
        self.blocks.append(replace(block, depth=len(self.items)))

    def read(self, tokens: list[Token]) -> None:
        at = 0
        while at < len(tokens):
            token = tokens[at]
            if token.level == _NESTING - 1 and token.map:
                self.repairs.append(Repair(self.lines(token)[0], "nested too deep; what is deeper is not read"))
            match token.type:
                case "list_item_open":
                    number = int(token.info) if token.info.isascii() and token.info.isdigit() else None
                    self.items.append(_Item(number, self.lines(token)[0]))
                case "list_item_close":
                    self.items.pop()
                case "blockquote_open":
                    self.quotes += 1
                case "blockquote_close":
                    self.quotes -= 1
                case "heading_open":
                    self.heading(token, tokens[at + 1])
                case "paragraph_open":
                    self.paragraph(tokens[at + 1])
                case "fence" | "code_block":
                    self.fence(token)
                case "table_open":
                    at = self.table(tokens, at)
                case "html_block":
                    self.html(token)
            at += 1

    def heading(self, token: Token, inline: Token) -> None:
        if self.items or self.quotes:
            self.paragraph(inline)
            return
        first, last = self.lines(token)
        text = rich(_grammar(), inline.content, first, self.known)
        title = _ANCHOR.sub("", " ".join(text.text.split()))
        if token.markup == "-" and ("\n" in inline.content or len(title) > _TITLE_LENGTH or _not_title(inline.content)):
            self.repairs.append(
                Repair(last, "a rule directly under a text; the text is read as text, not as a heading")
            )
            self.paragraph(inline)
            return
        self.put(Block(Form.HEADING, first, last, title, level=int(token.tag[1]), spans=tuple(text.spans)))

    def paragraph(self, inline: Token) -> None:
        first, last = self.lines(inline)
        text = rich(_grammar(), inline.content, first, self.known)
        if self.quotes:
            self.put(Block(Form.QUOTE, first, last, text.text, spans=tuple(text.spans), raw=inline.content))
        elif self.items and self.items[-1].fresh:
            self.item(first, last, text, inline.content)
        elif _SHORTCODE.fullmatch(inline.content.strip()):
            self.put(Block(Form.HTML, first, last, inline.content))
        else:
            for block in _split(first, text, inline.content):
                self.put(block)

    def item(self, first: int, last: int, text: Rich, raw: str) -> None:
        self.items[-1].fresh = False
        said, checked = text.text, None
        if (box := _BOX.match(said)) is not None:
            said = said[box.end() :]
            checked = bool(box["ticked"]) or bool(box["sign"] and box["sign"] in "xX✓✔")
        self.put(
            Block(
                Form.ITEM,
                first,
                last,
                said,
                level=len(self.items),
                number=self.items[-1].number,
                checked=checked,
                spans=tuple(text.spans),
                raw=raw,
            )
        )

    def bare_item(self) -> None:
        """An item that begins with code: it has a number, and no text."""
        if self.items and self.items[-1].fresh:
            item = self.items[-1]
            item.fresh = False
            if item.number is not None:
                self.put(Block(Form.ITEM, item.line, item.line, level=len(self.items), number=item.number))

    def fence(self, token: Token) -> None:
        self.bare_item()
        if token.type == "fence" and (region := re.fullmatch(f"{REGION}([0-9]+)", token.info.strip())) is not None:
            number = int(region[1])
            if number < len(self.layout.regions) and number not in self.seen:
                self.seen.add(number)
                self.put(_fence(self.layout.regions[number]))
            return
        first, last = self.lines(token)
        code = token.content.rstrip("\n")
        self.put(Block(Form.FENCE, first, last, code, first=first, tag=token.info.strip().lower()))

    def html(self, token: Token) -> None:
        self.bare_item()
        first, last = self.lines(token)
        if _PRE.match(token.content):
            code = (
                _TAG.sub("", token.content).strip("\n").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
            )
            skipped = token.content[: token.content.find(code.split("\n")[0])].count("\n") if code else 0
            self.put(Block(Form.FENCE, first, last, code, first=first + max(0, skipped)))
        else:
            self.put(Block(Form.HTML, first, last, token.content.strip()))

    def table(self, tokens: list[Token], at: int) -> int:
        self.bare_item()
        first, last = self.lines(tokens[at])
        rows: list[Row] = []
        spans: list[Span] = []
        cells: list[str] = []
        line = first
        while tokens[at].type != "table_close":
            token = tokens[at]
            if token.type == "tr_open":
                line, cells = self.lines(token)[0], []
            elif token.type == "inline":
                text = rich(_grammar(), token.content, line, self.known)
                cells.append(" ".join(text.text.split()))
                spans.extend(text.spans)
            elif token.type == "tr_close":
                rows.append(Row(line, tuple(cells)))
            at += 1
        if rows:
            self.put(Block(Form.TABLE, first, last, spans=tuple(spans), header=rows[0], rows=tuple(rows[1:])))
        return at


def blocks(text: str, first: int = 1) -> tuple[list[Block], list[Repair]]:
    """The blocks of a file and what was read otherwise than it stands. `first` is the number of the text's first line.

    >>> [(one.form.name, one.line, one.text) for one in blocks("# Queue\\n\\n**Fix:**\\n```\\nls\\n```\\n")[0]]
    [('HEADING', 1, 'Queue'), ('LABEL', 3, 'Fix'), ('FENCE', 4, 'ls')]
    """
    lines = text.split("\n")
    start = front_matter(lines) if first == 1 else 0
    reader = _read(laid_out(lines, start))
    missing = frozenset(range(len(reader.layout.regions))) - reader.seen
    if missing:
        reader = _read(laid_out(lines, start, missing))
    found = reader.blocks
    if start:
        found.insert(0, Block(Form.FRONT, 1, start, "\n".join(lines[1 : start - 1])))
    found = _titled(found)
    repairs = sorted({*reader.layout.repairs, *reader.repairs}, key=lambda repair: repair.line)
    if first != 1:
        found = [_moved(block, first - 1) for block in found]
        repairs = [replace(repair, line=repair.line + first - 1) for repair in repairs]
    return found, repairs


def _read(layout: Layout) -> _Reader:
    reader = _Reader(layout)
    reader.read(_grammar().parse("\n".join(layout.lines), reader.known))
    return reader


def _fence(region: Region) -> Block:
    return Block(
        Form.FENCE,
        region.first + 1,
        region.last + 1,
        "\n".join(region.code),
        tag=region.tag,
        first=region.begins + 1,
    )


def _not_title(content: str) -> bool:
    said = content.strip()
    return said.startswith(("**", "__", "|", "- ")) or said.endswith((".", ":", ",", ";", "`", "。", "："))


def _split(first: int, text: Rich, raw: str) -> list[Block]:
    """The labels, numbered lines and plain text of a paragraph."""
    spans: dict[int, list[Span]] = {}
    for span in text.spans:
        spans.setdefault(span.line, []).append(span)
    raws = raw.split("\n")
    runs: list[tuple[Block | None, list[str], list[int]]] = []
    for number, pieces in enumerate(text.lines):
        said = "".join(piece.text for piece in pieces).strip()
        special = _numbered(pieces, said)
        if special is None and not text.across & {number, number + 1}:
            special = _label(pieces)
        if special is None and len(text.lines) == 1 and _names_phase(said):
            special = Block(Form.LABEL, 0, 0, said.rstrip("：: "))
        if special is not None:
            runs.append((special, [special.rest] if special.rest else [], [number]))
        elif runs and (runs[-1][0] is None or (runs[-1][0].rest and said and not _NAMED.match(said))):
            runs[-1][1].append(said)
            runs[-1][2].append(number)
        elif said:
            runs.append((None, [said], [number]))
    found = []
    for head, words, numbers in runs:
        block = head or Block(Form.PARAGRAPH, 0, 0, "\n".join(words))
        found.append(
            replace(
                block,
                line=first + numbers[0],
                end_line=first + numbers[-1],
                rest=" ".join(words) if head is not None else "",
                spans=tuple(span for number in numbers for span in spans.get(first + number, ())),
                raw="\n".join(raws[number] for number in numbers if number < len(raws)),
            )
        )
    return found


def _names_phase(said: str) -> bool:
    """Whether a line is a label without being bold: "Symptoms:"."""
    return (
        said.endswith(_COLONS)
        and "`" not in said
        and len(said.split()) <= 4
        and is_phase(said.rstrip("：: "))
        and not is_shown(said)
    )


def _label(pieces: list[Piece]) -> Block | None:
    """The label of a line that begins in bold, when it is one."""
    rest = list(pieces)
    while rest and not rest[0].strong and not rest[0].slanted and not any(sign.isalnum() for sign in rest[0].text):
        rest.pop(0)
    bold = ""
    slanted = False
    while rest and (rest[0].strong or rest[0].slanted):
        slanted = slanted or not rest[0].strong
        bold += rest.pop(0).text
    said, after = bold.strip(), "".join(piece.text for piece in rest).strip()
    if not said or len(said) > _LABEL_LENGTH or not any(sign.isalpha() for sign in said):
        return None
    if after.startswith(_COLONS):
        after = after[1:].strip()
    elif said.endswith(_COLONS):
        pass
    elif slanted:
        return None
    elif after.startswith(_DASHES):
        after = after[2:].strip()
    elif after or _SENTENCES.search(said) or len(said.split()) > _LABEL_WORDS or said.startswith("©"):
        return None
    return Block(Form.LABEL, 0, 0, said.rstrip("：: ").strip(), rest=after)


def _numbered(pieces: list[Piece], said: str) -> Block | None:
    """A line with a number that Markdown knows nothing of: `**1.** text`, `1、text`, a keycap."""
    head = next((piece for piece in pieces if piece.text.strip()), None)
    if head is not None and head.strong and (found := _NUMBERED.match(head.text.strip())) is not None:
        text = said[len(head.text.strip()) :].strip()
        return Block(Form.ITEM, 0, 0, text, level=1, number=int(found["number"])) if text else None
    found = _CJK_NUMBER.match(said) or _KEYCAP.match(said)
    return Block(Form.ITEM, 0, 0, found["rest"], level=1, number=int(found["number"])) if found else None


def _titled(found: list[Block]) -> list[Block]:
    """In a file with hardly a heading, lines that begin with a picture are its headings."""
    if sum(block.form is Form.HEADING for block in found) > 1:
        return found
    pictures = [
        number
        for number, block in enumerate(found)
        if block.form in (Form.PARAGRAPH, Form.LABEL)
        and block.line == block.end_line
        and _EMOJI.match(block.raw.lstrip("*_ "))
        and len(block.text) <= _TITLE_LENGTH
        and not block.depth
        and not block.rest
        and not _SENTENCES.search(block.text)
    ]
    if len(pictures) < 2:
        return found
    return [
        replace(block, form=Form.HEADING, level=2) if number in set(pictures) else block
        for number, block in enumerate(found)
    ]


def _moved(block: Block, by: int) -> Block:
    return replace(
        block,
        line=block.line + by,
        end_line=block.end_line + by,
        first=block.first + by if block.first else 0,
        spans=tuple(replace(span, line=span.line + by) for span in block.spans),
        header=replace(block.header, line=block.header.line + by) if block.header else None,
        rows=tuple(replace(row, line=row.line + by) for row in block.rows),
    )


def outline(text: str) -> list[tuple[int, int, str]]:
    """Line, level and title of each heading: a quick look at a file of any size, aware of its fences.

    >>> outline("# Queue\\n```\\n# no heading\\n```\\n## Fix it\\n")
    [(1, 1, 'Queue'), (5, 2, 'Fix it')]
    """
    lines = text.split("\n")
    found: list[tuple[int, int, str]] = []
    at, ticks, opened, kept, template, broken = front_matter(lines), "", 0, 0, False, 0
    again = -1
    while at < len(lines) or ticks:
        if at >= len(lines) or (ticks and not template and _opens(lines[at], ticks)):
            if broken < _BROKEN:
                broken += 1
                at, again = opened, opened
                del found[kept:]
            ticks = ""
            if broken >= _BROKEN and at >= len(lines):
                break
        line = lines[at]
        at += 1
        if ticks:
            if ticks in line and not line.strip(" \t>").strip(ticks[0]):
                ticks = ""
            continue
        head = line.lstrip(" \t>")
        if head.startswith("#"):
            if (heading := _ATX.match(line)) is not None and (again < 0 or len(heading[1]) > 1):
                again = -1
                title = _ANCHOR.sub("", heading[2].replace("**", "").strip())
                found.append((at, len(heading[1]), title))
        elif ("```" in head or "~~~" in head) and at - 1 != again:
            start = head.lstrip("-*+0123456789.) ")
            run = start[: len(start) - len(start.lstrip(start[:1]))] if start[:3] in ("```", "~~~") else ""
            ticks = run if "`" not in start[len(run) :] else ""
            opened, kept, template, again = at - 1, len(found), start[len(run) :].strip().lower() in _TEMPLATES, -1
    return found


def _opens(line: str, ticks: str) -> bool:
    """Whether a line within a fence opens another one, so that the first was never closed."""
    head = line.lstrip(" \t>")
    return head.startswith(ticks) and bool(_TAGGED.match(head.lstrip(ticks[0])))


def section(text: str, line: int) -> tuple[list[Block], list[Repair]]:
    """The blocks from the heading at `line` to the next one that is no deeper, `LARGE` characters at most."""
    headings = outline(text)
    level = next((level for number, level, _ in headings if number == line), 0)
    lines = text.split("\n")
    end = next((number for number, other, _ in headings if number > line and other <= level), len(lines) + 1)
    part, size = line - 1, 0
    while part < end - 1 and size <= LARGE:
        size += len(lines[part]) + 1
        part += 1
    found, repairs = blocks("\n".join(lines[line - 1 : part]), line)
    if part < end - 1:
        repairs.append(Repair(part + 1, f"the section is longer than {LARGE // 1024} KiB; the rest is not read"))
    return found, repairs
