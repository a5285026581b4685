"""What a person types to search a log: a text, or an expression between slashes, with grep's options before it.

token refused             the text; without capital letters case does not matter
/token \\w+ refused/      a regular expression
-C 2 --since 2h refused   two lines around each find, of the last two hours
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from probes.base import Cause, ProbeError
from probes.base.log import sound

_OPTION: Final = re.compile(
    r"\s*(-i|-F|-E|--ignore-case|-C ?\d{1,3}|--context[= ]\d{1,3}|--since[= ]\d{1,5} ?[smhd])(?:\s+|$)"
)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
CONTEXT: Final = 20
"""Lines around a find at most."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for."""

    text: str
    regex: bool = False
    ignore_case: bool = False
    context: int = 0
    since: float | None = None
    """Seconds back; None: as far as there are lines."""

    @property
    def words(self) -> str:
        """As it is said."""
        back = f", last {round(self.since)} s" if self.since is not None and self.since < 60 else ""
        if self.since is not None and self.since >= 60:
            back = f", last {round(self.since / 60)} min"
        return (f"/{self.text}/" if self.regex else f"“{self.text}”") + back

    def pattern(self) -> re.Pattern[str]:
        """For lines that are at hand."""
        flags = re.IGNORECASE if self.ignore_case else 0
        return re.compile(self.text if self.regex else re.escape(self.text), flags)

    def asked(self) -> dict[str, Any]:
        """For the program that searches."""
        what: dict[str, Any] = {"regex": self.text} if self.regex else {"texts": [self.text]}
        return {**what, "ignore_case": self.ignore_case, "context": self.context}


def parse(typed: str) -> Query:
    """What a person means. Raises `ProbeError` for nothing, and for an expression that is none.

    >>> parse("-C 2 --since 2h refused")
    Query(text='refused', regex=False, ignore_case=True, context=2, since=7200.0)
    >>> parse("/a+ B/").regex, parse("Refused").ignore_case, parse("-i Refused").ignore_case
    (True, False, True)
    """
    ignore: bool | None = None
    regex = False
    context, since, at = 0, None, 0
    while (found := _OPTION.match(typed, at)) is not None:
        option, at = found[1], found.end()
        if option in ("-i", "--ignore-case"):
            ignore = True
        elif option == "-E":
            regex = True
        elif option.startswith(("-C", "--context")):
            context = min(CONTEXT, int(re.sub(r"\D", "", option)))
        elif option.startswith("--since"):
            number, unit = re.sub(r"\D", "", option), option[-1]
            since = float(int(number) * _SECONDS[unit])
    text = typed[at:] if at else typed
    if len(text) > 2 and text[0] == text[-1] == "/":
        text, regex = text[1:-1], True
    if not text.strip():
        raise ProbeError(Cause.MISSING, "nothing to search for")
    if regex:
        try:
            sound(text)
        except ValueError as error:
            raise ProbeError(Cause.MISSING, f"what is searched for {error}") from None
    bare = re.sub(r"\\.", "", text) if regex else text
    return Query(text, regex, bare == bare.lower() if ignore is None else ignore, context, since)
