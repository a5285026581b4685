"""Query text carries secrets: passwords in ALTER USER, tokens, addresses. Literals go before anybody sees it.

Errs on the side of hiding: whatever can't be told apart for sure is replaced up to the end of the text.
"""

from __future__ import annotations

import re
from typing import Final

_PIECE: Final = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<escaped> [eE]'(?:[^'\\]|\\.|'')*(?:'|\\?\Z) )
    | (?P<string>  (?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z) )
    | (?P<dollar>  (?<![\w$])\$(?P<tag>[^\W\d]\w*)\$.*?(?:\$(?P=tag)\$|\Z) )
    | (?P<plain>   (?<![\w$])\$\$.*?(?:\$\$|\Z) )
    | (?P<name>    "(?:[^"]|"")*(?:"|\Z) )
    | (?P<number>  (?<![\w$])(?:0[xXoObB][0-9a-fA-F_]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\b )
    | (?P<space>   \s+ )
    """,
    re.VERBOSE | re.DOTALL,
)


def without_literals(query: str) -> str:
    r"""The query with every string and number replaced by `?`, comments dropped and white space folded.

    >>> without_literals("ALTER USER app PASSWORD 'it''s' VALID UNTIL '2030-01-01' -- old: 'x'")
    'ALTER USER app PASSWORD ? VALID UNTIL ?'
    >>> without_literals("SELECT $1, t1.a, 42, -1.5e3, $q$a'b$q$ FROM t1 WHERE s = E'a\\'b' LIMIT 10")
    'SELECT $1, t1.a, ?, -?, ? FROM t1 WHERE s = ? LIMIT ?'
    >>> without_literals("UPDATE t SET secret = 'cut of")
    'UPDATE t SET secret = ?'
    """
    out: list[str] = []
    at = 0
    for found in _PIECE.finditer(query):
        out.append(query[at : found.start()])
        at = found.end()
        kind = found.lastgroup if found.lastgroup != "tag" else "dollar"
        if kind == "string" and "\\'" in found[0]:  # with standard_conforming_strings off it may go on behind that
            return _folded("".join(out) + "?")
        out.append(found[0] if kind == "name" else " " if kind in ("space", "comment") else "?")
    return _folded("".join(out) + query[at:])


def _folded(query: str) -> str:
    return " ".join(query.split())


def one_line(query: str) -> str:
    """The query as it is, white space folded."""
    return _folded(query)
