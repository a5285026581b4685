"""SQL as pieces: words, names, strings, comments left out. It reads no grammar, and any text.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_PIECE: Final = re.compile(
    r"""
      (?P<space>   \s+ | --[^\n]* )
    | (?P<comment> /\*(?!!) )
    | (?P<marked>  /\*!\d* )
    | (?P<escaped> [eE]'(?:[^'\\]|\\.|'')*' )
    | (?P<string>  (?:[uU]&|[bBxXnN])?'(?:[^']|'')*' )
    | (?P<dollar>  (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$(?P<body>.*?)\$(?P=tag)\$ )
    | (?P<name>    "(?:[^"]|"")*" | `[^`]*` )
    | (?P<blank>   <[A-Za-z_][\w-]*> | \$\{?\w+\}? | \{\w+\} )
    | (?P<meta>    \\[A-Za-z!?+]*[^\n\\]* )
    | (?P<word>    [^\W\d][\w$]* )
    | (?P<number>  \d[\w.]* )
    | (?P<mark>    . )
    """,
    re.VERBOSE | re.DOTALL,
)
_BACKSLASHED: Final = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_TORN: Final = 20
"""Comments that never end after which none is looked for any more."""
_EITHER_END: Final = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a statement."""

    sort: str
    """word, name, string, number, blank, meta, dollar or mark."""
    text: str


def tokens(text: str, backslashes: bool = False) -> list[Token]:
    """The pieces of a text without comments; what never closes is read on as if it were not quoted."""
    found: list[Token] = []
    at = torn = 0
    while at < len(text):
        if backslashes and (quoted := _BACKSLASHED.match(text, at)):
            found.append(Token("string", quoted[0]))
            at = quoted.end()
            continue
        if backslashes and text[at] == "#":
            end = text.find("\n", at)
            at = end if end >= 0 else len(text)
            continue
        piece = _PIECE.match(text, at)
        if piece is None or piece.lastgroup is None:
            at += 1
            continue
        at = piece.end()
        sort = "dollar" if piece["dollar"] else next(name for name, value in piece.groupdict().items() if value)
        if sort == "comment" and torn < _TORN:
            end = _comment_end(text, at, nested=not backslashes)
            torn += end == at
            at = end
        elif sort == "comment":
            continue
        elif sort not in ("space", "marked"):
            found.append(Token(sort, piece["body"] if sort == "dollar" else piece[0]))
    return found


def _comment_end(text: str, at: int, nested: bool) -> int:
    """Where a comment ends that began before `at`; one that never ends is none."""
    depth, start = 1, at
    while depth and (found := _EITHER_END.search(text, at)):
        depth += -1 if found[0] == "*/" else int(nested)
        at = found.end()
    return at if not depth else start


def statements(text: str, backslashes: bool = False) -> Iterator[list[Token]]:
    """The tokens of each statement; a meta-command of psql is one of its own."""
    current: list[Token] = []
    for token in tokens(text, backslashes):
        if token.sort == "meta" or (token.sort == "mark" and token.text == ";"):
            if current:
                yield current
            current = []
            if token.sort == "meta":
                yield [token]
        else:
            current.append(token)
    if current:
        yield current
