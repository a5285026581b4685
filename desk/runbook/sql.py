"""Bare SQL among command lines: what is SQL, and where its statements end."""

from __future__ import annotations

import re
from typing import Final

_STARTS: Final = re.compile(
    r"""\s*(?:
        select\b(?!\s+\w+\s+in\s)(?=\s*[\w"'*(@<$.{\[-]) |
        with\s+(?:recursive\s+)?[\w"]+(?:\s*\([^)]*\))?\s+as\s+(?:not\s+|materialized\s+)*\( |
        insert\s+into\s |
        update\s+(?:only\s+)?[\w"<.$\[{`>}\]-]+(?:\s+(?:as\s+)?\w+)?\s+set\s |
        delete\s+from\s |
        truncate\s+(?:table\s+)?(?:only\s+)?["A-Za-z_<\[{$][\w".,\s<>\[\]{}$-]*(?:;|$|\n) |
        merge\s+into\s |
        (?:create|alter|drop)\s+(?:or\s+replace\s+|unique\s+|global\s+|local\s+|temp(?:orary)?\s+|unlogged\s+|
            foreign\s+|materialized\s+|if\s+(?:not\s+)?exists\s+)*
            (?:table|index|database|schema|view|function|procedure|trigger|sequence|role|user|extension|type|domain|
               policy|publication|subscription|server|tablespace|aggregate|rule|owned|system|default|event|
               statistics|collation|operator|keyspace|group|login)\b |
        vacuum(?:\s*\([^)]*\)(?:\s*["\w.,<>\[\]{}$]+)*|
            \s+(?:full|freeze|verbose|analyze|["a-z_<\[][\w".]*)\b.*)?\s*(?:;|$|\n) |
        analy[sz]e(?:\s+verbose)?(?:\s+(?!-)["\w.,<>\[\]()\s]+)?\s*(?:;|$|\n) |
        reindex\s+(?:\([^)]*\)\s*)?(?:table|index|database|schema|system)\s |
        cluster\s+\w+\s+using\s | refresh\s+materialized\s |
        explain\s+(?:\([^)]*\)\s*|analy[sz]e\s+|verbose\s+|buffers\s+)*(?:select|insert|update|delete|with|merge)\b |
        show\s+(?:all|tables|databases|processlist|full\s+processlist|grants|(?:global\s+|session\s+)?(?:status|variables)
            |index(?:es)?|columns|engine|create|slave|replica|master|binary|warnings|clusters|pools|stats|clients|servers
            )\b[^|&>]*(?:;|$) | show\s+[a-z_]+(?:\.[a-z_]+)?\s*(?:;|$) |
        set\s+(?:session\s+|local\s+|global\s+)?[a-z_][\w.@]*\s*(?:=|\bto\b)\s* [^;]*(?:;|$) |
        set\s+(?:role|transaction|session|time\s+zone|constraints)\s |
        reset\s+(?:all|role|[a-z_]+)\s*; |
        (?:begin|commit|rollback|abort)(?:\s+(?:work|transaction))?(?:\s+(?:isolation|read)\s[^;]*)?\s*(?:;|$) |
        start\s+transaction | savepoint\s+\w+\s*; | rollback\s+to\s | prepare\s+transaction\s | commit\s+prepared\s |
        lock\s+tables?\s | unlock\s+tables | (?:grant|revoke)\s+[\w\s,()"*]+?\s+(?:on|to|from)\s |
    system\s+(?:stop|start|reload|flush|drop|sync|restart)\s+\w+ |
        comment\s+on\s+(?:table|column|index|database)\s | copy\s+[\w".(]+.*\s(?:from|to)\s+(?:'|stdin|stdout|program) |
        do\s+(?:language\s+\w+\s+)?\$\w*\$ | call\s+[\w.]+\s*\( | checkpoint\s*; | discard\s+\w+\s*; |
        kill\s+(?:query\s+|connection\s+)?\d+\s*;\s*$ | optimize\s+table\s |
        flush\s+(?:privileges|tables|logs|hosts)\b |
        use\s+\w+\s*; | listen\s+\w+\s*; | notify\s+\w+\s*; | pragma\s+\w+ | values\s*\( | declare\s+\w+\s+cursor |
        stop\s+(?:slave|replica)\b | start\s+(?:slave|replica)\b | reassign\s+owned | security\s+label |
        (?:attach|detach)\s+database | table\s+\w+\s*; | describe\s+\w+\s*; | import\s+foreign | execute\s+\w+\s*\(
    )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_LEADING: Final = re.compile(r"(?:\s*(?:--[^\n]*(?:\n|$)|/\*.*?\*/))*\s*", re.DOTALL)
_TOKENS: Final = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$ | --[^\n]* | /\*.*?\*/ | (?P<end>;)""",
    re.VERBOSE | re.DOTALL,
)


def is_sql(text: str) -> bool:
    """Whether a text is SQL and no command for a shell.

    >>> is_sql("SELECT 1;"), is_sql("truncate -s 0 app.log"), is_sql("show me the logs")
    (True, False, False)
    """
    text = text[:4000]
    found = _LEADING.match(text)
    return _STARTS.match(text, found.end() if found else 0) is not None


def cuts(text: str) -> list[int]:
    """Where statements end: the offset directly after each semicolon that ends one.

    >>> cuts("select ';'; select 2;")
    [11, 21]
    """
    return [found.end() for found in _TOKENS.finditer(text) if found["end"]]


def statements(text: str) -> list[str]:
    """The statements of a text without their comments and semicolons.

    >>> statements("-- all\\nselect ';' from x; select 2")
    ["select ';' from x", 'select 2']
    """
    found = []
    start = 0
    for cut in (*cuts(text), len(text)):
        statement = _TOKENS.sub(_bare, text[start:cut]).strip()
        if statement:
            found.append(statement)
        start = cut
    return found


def _bare(found: re.Match[str]) -> str:
    return " " if found[0].startswith(("--", "/*", ";")) else found[0]
