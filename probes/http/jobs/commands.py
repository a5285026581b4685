"""The configured requests as lines of curl, both ways. Logins are dropped: none is ever written into a line.

How long a measure lasts stands in the User-Agent of a line that is written here: curl has no word for it.
https://curl.se/docs/manpage.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from probes.base import CommandLine, Recognised, Request, finite, quoted
from probes.http.jobs.facts import JOB, OWN
from probes.http.jobs.plans import DO, INTERVAL, MOST, PAUSE, is_time, read_back
from probes.http.jobs.settings import ON_JOBS, ActionSettings, JobsSettings
from probes.http.jobs.template import BadTemplate, filled_body, filled_path, read_body, read_path

_VALUED: Final = {
    "-X": "method", "--request": "method", "-H": "header", "--header": "header", "-d": "data", "--data": "data",
    "--data-raw": "raw", "--data-binary": "data", "--data-ascii": "data", "--json": "json", "--url": "url",
    "-A": "agent", "--user-agent": "agent", "-u": "", "--user": "", "-m": "", "--max-time": "",
    "--connect-timeout": "", "-o": "", "--output": "", "-w": "", "--write-out": "", "--cacert": "", "-b": "",
    "--cookie": "", "--oauth2-bearer": "", "-e": "", "--referer": "", "--retry": "retry", "--retry-delay": "",
    "--retry-max-time": "", "-D": "", "--dump-header": "", "--resolve": "resolve", "--connect-to": "resolve",
    "--netrc-file": "", "--aws-sigv4": "", "-E": "", "--cert": "", "--key": "", "--stderr": "",
}  # fmt: skip
"""Options that take a value, and what it means to us; empty: nothing."""
_FLAGS: Final = frozenset(
    (
        "--silent", "--show-error", "--fail", "--fail-with-body", "--insecure", "--include", "--verbose",
        "--compressed", "--http1.1", "--http2", "--ipv4", "--ipv6", "--no-progress-meter", "--progress-bar",
        "--no-buffer", "--netrc", "--globoff", "--tlsv1.2", "--retry-connrefused", "--basic", "--location",
        "--no-keepalive", "--path-as-is",
    )
)  # fmt: skip
_LETTERS: Final = frozenset("sSfkivgnN#46L0")
"""Letters of options without a value that change nothing of what is asked."""
_AGENT: Final = re.compile(r"opsroom (.+)", re.DOTALL)

_FORM: Final = "curl -d without a Content-Type sends a form, not JSON; here it is sent as JSON."
_REDIRECT: Final = "No redirect is followed with what changes something."
_ONCE: Final = "It is sent once, whatever --retry says."
_WHOLE: Final = "The whole job is read and sent back with this changed, so that no other field is lost."


@dataclass(frozen=True, slots=True)
class Here:
    """Which API a dialect speaks of."""

    base: str
    """Scheme, host, port and prefix; empty when the profile gives them by a reference that is not resolved yet."""
    settings: JobsSettings


# written


def render(request: Request, here: Here) -> str:
    """A line of curl for each subject."""
    return "\n".join(_line(request, subject, here) for subject in request.subjects)


def _line(request: Request, subject: str, here: Here) -> str:
    own = request.action == DO.name
    name = subject.removeprefix(OWN) if own else request.action
    one = here.settings.action.get(name)
    if one is None:
        return ""
    values: dict[str, str | int | float] = {} if own else {"id": subject.removeprefix(JOB)}
    if request.action == INTERVAL.name:
        old = read_back(request.word) or {}
        values["interval"] = plain(old.get(str(values["id"]), request.number or 0))
    try:
        path = filled_path(one.path, values)
    except BadTemplate:
        return ""
    words = ["curl", "-fsS", "-X", one.method]
    if request.word:
        words += ["-A", f"opsroom {request.word}"]
    if one.body is not None:
        body = json.dumps(filled_body(one.body, values), ensure_ascii=False)
        words += ["-H", "Content-Type: application/json", "-d", body]
    return quoted([*words, f"{here.base}{path}"])


def plain(number: float) -> int | float:
    """A whole number as such, so that JSON has no .0 at its end."""
    return int(number) if float(number).is_integer() else number


# read


def recognise(line: CommandLine, here: Here) -> Recognised | None:
    """The configured request that a line of curl means; None for any other, and for another host."""
    if line.program != "curl":
        return None
    asked = _asked(line)
    if asked is None:
        return None
    path = _behind(asked.url, here.base)
    if path is None:
        return None
    for name, one in here.settings.action.items():
        values = _meant(one, asked, path)
        if values is None:
            continue
        request = _request(name, one, values, asked.word)
        if request is not None:
            return Recognised(request, " ".join(_warnings(one, asked)))
    return None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a line of curl asks for."""

    method: str
    url: str
    body: Any
    """None: none."""
    is_json: bool
    """True when the line says that its body is JSON."""
    word: str
    follows: bool
    repeats: bool


def _asked(line: CommandLine) -> _Asked | None:
    given: list[tuple[str, str]] = []
    urls, flags = list[str](), set[str]()
    for name, value in _options(line.words[1:]):
        if name == "?":
            return None
        if name == "":
            urls.append(value)
        elif name == "flag":
            flags.add(value)
        else:
            given.append((name, value))
    found = {name: [value for one, value in given if one == name] for name, _ in given}
    urls += found.get("url", [])
    bodies = found.get("data", []) + found.get("raw", []) + found.get("json", [])
    if len(urls) != 1 or len(bodies) > 1 or "resolve" in found:
        return None
    text = line.stdin if bodies == ["@-"] and "raw" not in found else bodies[0] if bodies else ""
    if text.startswith("@") and "raw" not in found:
        return None  # a file we don't know
    try:
        body = json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        return None
    method = found.get("method", ["POST" if bodies else "GET"])[-1].upper()
    headers = [header.partition(":") for header in found.get("header", [])]
    kinds = [value.strip().lower() for name, _, value in headers if name.strip().lower() == "content-type"]
    agent = _AGENT.fullmatch(found.get("agent", [""])[-1])
    return _Asked(
        method=method,
        url=urls[0],
        body=body,
        is_json="json" in found or any("json" in kind for kind in kinds),
        word=agent[1] if agent is not None else "",
        follows=bool({"L", "--location"} & flags),
        repeats="retry" in found,
    )


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(meaning, value) of each option; ("", word) for what is none, ("flag", name), ("?", word) for one not known."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, sign, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            yield "", word
        elif word in _VALUED:
            yield (_VALUED[word] or "ignored", rest.pop(0)) if rest else ("?", word)
        elif sign and name.startswith("--") and name in _VALUED:
            yield _VALUED[name] or "ignored", value
        elif word in _FLAGS:
            yield "flag", word
        elif not word.startswith("--"):
            yield from _letters(word[1:], rest)
        else:
            yield "?", word


def _letters(text: str, rest: list[str]) -> Iterator[tuple[str, str]]:
    """Short options written together: -sSXPOST, -fd {}."""
    for place, letter in enumerate(text):
        if letter in _LETTERS:
            yield "flag", letter
            continue
        meaning = _VALUED.get(f"-{letter}")
        value = text[place + 1 :] or (rest.pop(0) if rest else None)
        yield (meaning or "ignored", value) if meaning is not None and value is not None else ("?", letter)
        return


def _behind(url: str, base: str) -> str | None:
    """What stands behind our address in a URL; None when it is another one's. Host and default ports are normalised."""
    if not base:
        return url if url.startswith("/") else None
    try:
        ours, theirs = urlsplit(base), urlsplit(url if "://" in url else f"http://{url}")
        ports = [part.port or {"http": 80, "https": 443}.get(part.scheme) for part in (ours, theirs)]
    except ValueError:
        return None
    if ours.scheme != theirs.scheme or ours.hostname != theirs.hostname or ports[0] != ports[1] or theirs.fragment:
        return None
    whole = theirs.path + (f"?{theirs.query}" if theirs.query else "")
    prefix = ours.path.rstrip("/")
    return whole[len(prefix) :] if whole.startswith(f"{prefix}/") else None


def _meant(one: ActionSettings, asked: _Asked, path: str) -> dict[str, Any] | None:
    """The values with which a request is one of a configured action; None when it is another one."""
    if asked.method != one.method:
        return None
    values = read_path(one.path, path)
    if values is None:
        return None
    if one.body is None:
        return dict(values) if asked.body in (None, {}) else None
    told = read_body(one.body, asked.body)
    if told is None or any(name in values and str(told[name]) != values[name] for name in told):
        return None
    return {**told, **values}


def _request(name: str, one: ActionSettings, values: dict[str, Any], word: str) -> Request | None:
    if name not in ON_JOBS:
        return Request(DO.name, (OWN + name,)) if not word else None
    id = values.get("id")
    if isinstance(id, bool) or not isinstance(id, str | int) or not str(id):
        return None
    rows = (f"{JOB}{id}",)
    if name != INTERVAL.name:
        fits = not word or (name == PAUSE.name and is_time(word))
        return Request(name, rows, word=word) if fits else None
    number = finite(values.get("interval"))
    if number is None or not 0 < number <= MOST:
        return None
    if (old := read_back(word)) is not None:
        if old.get(str(id)) != number:
            return None
        return Request(name, rows, max(1, int(next(iter(old.values())))), word)
    if not number.is_integer() or not (not word or is_time(word)):
        return None
    return Request(name, rows, int(number), word)


def _warnings(one: ActionSettings, asked: _Asked) -> Iterator[str]:
    if asked.body is not None and not asked.is_json:
        yield _FORM
    if one.whole:
        yield _WHOLE
    if asked.follows:
        yield _REDIRECT
    if asked.repeats:
        yield _ONCE
