"""Silences as command lines, both ways: amtool's, and the curl that people put into runbooks.

For Grafana it is curl: amtool reaches its Alertmanager too, yet takes the answer of a silence that was made (202) for
an error. https://github.com/prometheus/alertmanager#amtool
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from probes.alerting.address import Address, same_place
from probes.alerting.api import moment
from probes.alerting.curl import curl_of, options
from probes.alerting.facts import key_of, labels_of
from probes.alerting.parse import exact, matchers_of, matching, stamp
from probes.alerting.plans import LEAST, MOST, NO_ACKNOWLEDGE, SILENCE, UNSILENCE
from probes.base import CommandLine, Recognised, Request, SafeText, quoted

_BARE: Final = re.compile(r'[^\s{}=!~,\\"\'`]+')
"""A value that amtool takes without quotes, by the old syntax and the new."""
_NAMED: Final = re.compile(r'\s*([a-zA-Z_:][a-zA-Z0-9_:]*|"(?:[^"\\]|\\.)+")\s*(=~|!=|!~|=)\s*(.*?)\s*', re.DOTALL)
_DURATION: Final = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_UNITS: Final = (604800, 86400, 3600, 60, 1)
"""Seconds of a week, a day, an hour, a minute, a second."""
_ID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_ACKNOWLEDGE: Final = re.compile(r"(?P<base>.*)/api/alerts/(?P<id>[^/]{1,40})/ack(?:nowledge)?/?")

_GLOBAL_VALUED: Final = frozenset(
    {"--alertmanager.url", "--config.file", "--output", "-o", "--timeout", "--http.config.file", "--date.format"}
)
_GLOBAL_PLAIN: Final = frozenset({"-v", "--verbose", "--version-check", "--no-version-check"})
_ADD_VALUED: Final = frozenset({"--author", "-a", "--duration", "-d", "--comment", "-c"})
_ADD_PLAIN: Final = frozenset({"--require-comment", "--no-require-comment"})
_ELSEWHERE: Final = "The line does not say where: this is done at {}."
_DEFAULT: Final = "amtool silences for one hour when no length is given; so it is meant here."
_COMMENT: Final = "The comment is Opsroom's own, so that the silence is found again; the reason stands in the audit."
_AMTOOL: Final = "amtool makes a silence in Grafana and then reports an error (HTTP 202); here it is seen to be made."
_LENGTH: Final = f"Its length is not one of {LEAST} to {MOST} whole minutes: silence it from its row and say how long."


@dataclass(frozen=True, slots=True)
class Here:
    """Which server a dialect speaks of."""

    address: Address | None
    """None when the profile gives it by reference."""
    prefix: str = ""
    grafana: bool = False

    @property
    def url(self) -> str:
        """What amtool and curl are given; empty when it isn't known."""
        return self.address.url + self.prefix if self.address is not None else ""

    def is_meant(self, url: str) -> bool:
        """Whether a URL is this server's."""
        if self.address is None:
            return url == self.prefix != ""
        base = self.address
        whole = Address(base.scheme, base.host, base.port, base.path + self.prefix)
        return same_place(whole, url)


# written


def render(request: Request, here: Here, now: datetime) -> str:
    """A line for each silence; amtool ends all of them in one. `now` is when a silence begins that curl makes."""
    if here.grafana:
        return "\n".join(_curled(request, subject, here, now) for subject in request.subjects)
    where = [f"--alertmanager.url={here.url}"] if here.url else []
    if request.action == UNSILENCE.name:
        return quoted(["amtool", "silence", "expire", *where, *request.subjects])
    length = [f"--duration={request.number}m"] if request.number is not None else []
    words = ["amtool", "silence", "add", *where, *length, "--comment=opsroom"]
    return "\n".join(quoted([*words, *_matchers(subject)]) for subject in request.subjects)


def _curled(request: Request, subject: str, here: Here, now: datetime) -> str:
    base = f"{here.url or here.prefix}/api/v2"
    if request.action == UNSILENCE.name:
        return quoted(["curl", "-fsS", "-X", "DELETE", f"{base}/silence/{subject}"])
    now = now.replace(microsecond=0)
    body = {
        "matchers": matchers_of(labels_of(subject) or {}),
        "startsAt": stamp(now),
        "endsAt": stamp(now + timedelta(minutes=request.number or 0)),
        "createdBy": "opsroom",
        "comment": "opsroom",
    }
    words = ["curl", "-fsS", "-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return quoted([*words, f"{base}/silences"])


def _matchers(subject: str) -> Iterator[str]:
    for name, value in (labels_of(subject) or {}).items():
        written = matching(name, value)
        bare = _BARE.fullmatch(value) and value.isascii() and not written.startswith('"')
        yield f"{name}={value}" if bare else written


# read


def recognise(line: CommandLine, here: Here, now: datetime) -> Recognised | None:
    """The request that a line of amtool or curl means at this server; None when it means none, or another server."""
    if line.program == "amtool":
        return _amtool(line.words[1:], here)
    return _curl(line, here, now) if line.program == "curl" else None


def _amtool(words: Sequence[str], here: Here) -> Recognised | None:
    found = options(words, _GLOBAL_VALUED | _ADD_VALUED, _GLOBAL_PLAIN | _ADD_PLAIN)
    if found is None or found.plain[:1] != ["silence"] or len(found.plain) < 3:
        return None
    verb, rest = found.plain[1], found.plain[2:]
    given = found.last("--alertmanager.url")
    if given is not None and not here.is_meant(given):
        return None
    if given is None and here.grafana and here.url:
        return None  # amtool's own default is an Alertmanager
    warning = _ELSEWHERE.format(SafeText(here.url, 120) if here.url else "the address this profile refers to")
    warning = "" if given is not None else warning
    warning = _AMTOOL if here.grafana else warning
    if verb == "expire":
        ids = tuple(dict.fromkeys(rest))
        is_plain = all(map(_ID.fullmatch, ids)) and not found.names & (_ADD_VALUED | _ADD_PLAIN)
        return Recognised(Request(UNSILENCE.name, ids), warning) if is_plain else None
    labels = _labels(rest) if verb == "add" else None
    if labels is None:
        return None
    length = found.last("--duration", "-d")
    minutes = _minutes(length) if length is not None else 60
    notes = [warning, "" if length is not None else _DEFAULT, "" if minutes is not None else _LENGTH]
    comment = found.last("--comment", "-c")
    notes.append(_COMMENT if comment not in (None, "opsroom") else "")
    return Recognised(Request(SILENCE.name, (key_of(labels),), minutes), " ".join(filter(None, notes)))


def _labels(words: Sequence[str]) -> dict[str, str] | None:
    """What amtool's matchers ask for, when each asks for exactly one value; a first word alone is an alert's name."""
    labels: dict[str, str] = {}
    for number, word in enumerate(words):
        pair = _NAMED.fullmatch(word)
        if pair is None and number == 0 and _BARE.fullmatch(word):
            name, value = "alertname", word
        elif pair is not None and pair[2] == "=":
            plain_name, plain_value = _unquoted(pair[1]), _unquoted(pair[3])
            if plain_name is None or plain_value is None:
                return None
            name, value = plain_name, plain_value
        else:
            return None
        if not value or name in labels:
            return None
        labels[name] = value
    return labels or None


def _unquoted(text: str) -> str | None:
    r"""A value with its quotes off and \\, \" and \n resolved; None when it can't be read for certain."""
    if not text.startswith('"'):
        return text if _BARE.fullmatch(text) else None
    if len(text) < 2 or not text.endswith('"') or re.search(r'(?<!\\)(?:\\\\)*"', text[1:-1]):
        return None
    inner = text[1:-1]
    if re.search(r'\\[^\\"n]', re.sub(r"\\\\", "", inner)):
        return None
    return re.sub(r'\\([\\"n])', lambda found: "\n" if found[1] == "n" else found[1], inner)


def _minutes(text: str) -> int | None:
    """Whole minutes of a length as Prometheus writes them (1h30m, 2d); None when it is none we give."""
    found = _DURATION.fullmatch(text.strip()) if text.strip() else None
    if found is None:
        return None
    seconds = sum(int(number or 0) * unit for number, unit in zip(found.groups(), _UNITS, strict=True))
    return seconds // 60 if seconds % 60 == 0 and LEAST <= seconds // 60 <= MOST else None


# curl


def _curl(line: CommandLine, here: Here, now: datetime) -> Recognised | None:
    found = curl_of(line)
    if found is None:
        return None
    if here.grafana and found.method == "POST" and (refused := _acknowledge(found.url, here)):
        return refused
    parts = urlsplit(found.url)
    base, _, rest = found.url.partition("/api/v2/silence")
    if parts.query or parts.fragment or not here.is_meant(base):
        return None
    if found.method == "POST" and rest in ("s", "s/"):
        return _posted(found.json, now)
    is_end = found.method == "DELETE" and not found.has_body and rest[:1] == "/"
    if is_end and _ID.fullmatch(rest.removeprefix("/").rstrip("/")):
        return Recognised(Request(UNSILENCE.name, (rest.strip("/"),)))
    return None


def _acknowledge(url: str, here: Here) -> Recognised | None:
    """A line that no Grafana understands: a request that is only ever answered with why."""
    found = _ACKNOWLEDGE.fullmatch(url)
    if found is None or here.address is None or not same_place(here.address, found["base"]):
        return None
    return Recognised(Request("acknowledge", (found["id"],)), f"{NO_ACKNOWLEDGE}.")


def _posted(asked: Mapping[str, Any], now: datetime) -> Recognised | None:
    """What a body of POST /silences asks for; one that changes a silence (it has an id) is none of ours."""
    labels, ends = exact(asked.get("matchers")), moment(asked.get("endsAt"))
    if labels is None or ends is None or asked.get("id"):
        return None
    starts = moment(asked.get("startsAt")) or now
    seconds = (ends - starts).total_seconds()
    minutes = math.ceil(seconds / 60)
    fits = LEAST <= minutes <= MOST and abs(seconds - minutes * 60) < 1
    warning = f"The silence begins now and lasts {minutes} min. {_COMMENT}" if fits else _LENGTH
    warning = "" if fits and asked.get("comment") == "opsroom" else warning
    return Recognised(Request(SILENCE.name, (key_of(labels),), minutes if fits else None), warning)
