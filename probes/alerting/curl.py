"""A line of curl, taken apart: which request it would send. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from probes.alerting.parse import table
from probes.base import CommandLine

_VALUED: Final = frozenset(
    {"-X", "--request", "-H", "--header", "-u", "--user", "-d", "--data", "--data-raw", "--data-binary", "--json",
     "--url", "-m", "--max-time", "--connect-timeout", "-A", "--user-agent", "--cacert", "-o", "--output", "-w"}
)  # fmt: skip
_BODY: Final = ("-d", "--data", "--data-raw", "--data-binary", "--json")
_PLAIN: Final = re.compile(r"-[sSfLikgv]+|--silent|--show-error|--fail|--location|--insecure|--include|--verbose")


@dataclass(frozen=True, slots=True)
class Curl:
    """The request that a line would send."""

    method: str
    url: str
    body: str
    """Empty: none, or one that can't be told."""
    has_body: bool

    @property
    def json(self) -> Mapping[str, Any]:
        """The body as a JSON object; empty when it is none."""
        try:
            return table(json.loads(self.body))
        except (ValueError, RecursionError):
            return {}


def _is_readable(url: str) -> bool:
    try:
        return bool(urlsplit(url))
    except ValueError:
        return False


def curl_of(line: CommandLine) -> Curl | None:
    """What a line of curl asks for; None when it is no such line, or one that can't be read for certain."""
    found = options(line.words[1:], _VALUED, frozenset(), _PLAIN) if line.program == "curl" else None
    if found is None:
        return None
    urls = [*found.plain, *found.all("--url")]
    bodies = [text for name in _BODY for text in found.all(name)]
    if len(urls) != 1 or len(bodies) > 1 or not _is_readable(urls[0]):
        return None
    method = (found.last("-X", "--request") or ("POST" if bodies else "GET")).upper()
    body = line.stdin if bodies == ["@-"] else bodies[0] if bodies else ""
    return Curl(method, urls[0], body, bool(bodies))


# options


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a line, and its other words."""

    given: tuple[tuple[str, str], ...]
    plain: list[str]

    @property
    def names(self) -> set[str]:
        """Names of the options that are given."""
        return {name for name, _ in self.given}

    def all(self, *names: str) -> list[str]:
        """Every value of these options."""
        return [value for name, value in self.given if name in names]

    def last(self, *names: str) -> str | None:
        """The last value of these options, which counts; None when there is none."""
        found = self.all(*names)
        return found[-1] if found else None


def options(
    words: Sequence[str], valued: frozenset[str], flags: frozenset[str], flag: re.Pattern[str] | None = None
) -> Options | None:
    """A line's options, wherever they stand; None when one of them is not known."""
    given: list[tuple[str, str]] = []
    plain: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, sign, value = word.partition("=")
        if word == "--":
            plain += rest
            break
        if not word.startswith("-") or word == "-":
            plain.append(word)
        elif word in flags or (flag is not None and flag.fullmatch(word)):
            given.append((word, ""))
        elif name in valued and sign and word.startswith("--"):
            given.append((name, value))
        elif word in valued and rest:
            given.append((word, rest.pop(0)))
        elif word[:2] in valued and len(word) > 2 and not word.startswith("--"):
            given.append((word[:2], word[2:]))
        elif flag is not None and flag.fullmatch(word[:-1]) and f"-{word[-1]}" in valued and rest:  # -sX POST
            given.append((f"-{word[-1]}", rest.pop(0)))
        else:
            return None
    return Options(tuple(given), plain)
