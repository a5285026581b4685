"""The text of a paragraph, an item or a cell: marks of emphasis taken off, code kept in its backticks, line by line."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from desk.runbook.block import Span

_LONG: Final = 6000
_BRACKETS: Final = 120
"""Text beyond these is taken as it stands: the grammar's time grows with the square of both."""

_MARKS: Final = re.compile(
    r"</?(?:b|strong|em|i|u|kbd|span|a|sub|sup|mark|small|ins|del|font|tt|img)(?:\s[^<>]*)?/?>", re.I
)
_BREAK: Final = re.compile(r"</?(?:br|p)\s*/?>", re.I)
_CODE_TAG: Final = re.compile(r"</?code(?:\s[^<>]*)?>", re.I)
_PLAIN_CODE: Final = re.compile(r"`([^`\n]{1,400})`")


@dataclass(slots=True)
class Piece:
    """Text of one line in one weight."""

    text: str
    strong: bool = False
    slanted: bool = False
    code: bool = False


@dataclass(slots=True)
class Rich:
    """Text, line by line."""

    lines: list[list[Piece]] = field(default_factory=lambda: [[]])
    spans: list[Span] = field(default_factory=list)
    across: set[int] = field(default_factory=set)
    """Lines that begin within emphasis of the line before."""

    @property
    def text(self) -> str:
        """All of it; lines as in the file."""
        return "\n".join("".join(piece.text for piece in line).strip() for line in self.lines).strip()


def rich(grammar: MarkdownIt, content: str, line: int, known: MutableMapping[str, Any]) -> Rich:
    """Text whose first line stands at `line`; `known` is what the grammar knows of the file: where its links lead."""
    if len(content) > _LONG or content.count("[") > _BRACKETS:
        return _plain(content, line)
    tokens: list[Token] = []
    grammar.inline.parse(content, grammar, known, tokens)
    out, strong, slanted, flat, at = Rich(), 0, 0, content.replace("\n", " "), 0
    for token in tokens:
        if token.type in ("strong_open", "strong_close"):
            strong += token.nesting
        elif token.type in ("em_open", "em_close"):
            slanted += token.nesting
        elif token.type in ("softbreak", "hardbreak"):
            if token.type == "hardbreak" and _backslash(content, len(out.lines)):
                out.lines[-1].append(Piece(" \\"))
            out.lines.append([])
            if strong or slanted:
                out.across.add(len(out.lines) - 1)
        elif token.type == "code_inline":
            at = max(flat.find(token.markup + token.content, at), flat.find(token.content, at), at)
            breaks = content.count("\n", 0, at)
            out.spans.append(Span(line + breaks, token.content))
            out.lines[-1].append(Piece(f"`{token.content}`", strong > 0, slanted > 0, code=True))
            inside = content.count("\n", at, at + len(token.content))
            out.lines.extend([] for _ in range(inside))
            at += len(token.content)
        elif token.type == "html_inline":
            _html(out, token.content, strong > 0)
        elif token.content:
            out.lines[-1].append(Piece(token.content, strong > 0, slanted > 0))
    return out


def _html(out: Rich, tag: str, strong: bool) -> None:
    if _BREAK.fullmatch(tag):
        out.lines[-1].append(Piece("; "))
    elif _CODE_TAG.fullmatch(tag):
        out.lines[-1].append(Piece("`", strong))
    elif not _MARKS.fullmatch(tag) and not tag.startswith("<!--"):
        out.lines[-1].append(Piece(tag, strong))


def _backslash(content: str, breaks: int) -> bool:
    return content.split("\n")[breaks - 1].endswith("\\")


def _plain(content: str, line: int) -> Rich:
    out = Rich([[Piece(text)] for text in content.split("\n")])
    for number, text in enumerate(content.split("\n")):
        out.spans.extend(Span(line + number, found[1]) for found in _PLAIN_CODE.finditer(text))
    return out
