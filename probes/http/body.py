"""Understands the body of a health endpoint: is it what was expected, and which dependency does it blame.

There is no one format; the usual ones are read (checks, components, entries, details), and what is not understood is
left out rather than guessed. Words that mean neither well nor ill give no verdict.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from probes.base import SafeText, at_path, finite, parse_path
from probes.http.facts import Check, Expiry, Verdict

Json = Any

MOST_CHECKS: Final = 50
"""Checks of one body that are kept."""
_DEEPEST: Final = 3
_WORD: Final = 40

_WELL: Final = frozenset(
    (
        "ok", "okay", "up", "pass", "passed", "passing", "healthy", "green", "true", "connected", "alive", "running",
        "ready", "available", "operational", "online", "success", "reachable", "good",
    )
)  # fmt: skip
_ILL: Final = frozenset(
    (
        "fail", "failed", "failing", "failure", "down", "unhealthy", "error", "errored", "critical", "red", "false",
        "disconnected", "unavailable", "unreachable", "offline", "timeout", "refused", "broken", "dead",
        "out of service", "not ok", "not ready", "not connected", "timed out",
    )
)  # fmt: skip
_BETWEEN: Final = frozenset({"warn", "warning", "degraded", "yellow", "partial", "slow", "unstable"})

_STATES: Final = (
    "status", "state", "health", "healthy", "ok", "up", "connected", "available", "alive", "ready", "reachable",
    "success",
)  # fmt: skip
_HOLDERS: Final = (
    "checks", "components", "dependencies", "details", "services", "entries", "results", "subsystems", "info", "error",
)  # fmt: skip
_DEPENDENCIES: Final = frozenset(
    (
        "database", "db", "postgres", "postgresql", "mysql", "mongo", "mongodb", "redis", "cache", "queue", "queues",
        "broker", "rabbitmq", "kafka", "storage", "s3", "disk", "smtp", "mail", "email", "search", "elasticsearch",
        "worker", "workers", "scheduler",
    )
)  # fmt: skip
_NAMES: Final = ("name", "component", "service", "id", "key")
_MESSAGES: Final = ("error", "message", "reason", "detail", "description", "output", "exception", "details")
_VERSIONS: Final = ("version", "release", "build", "commit", "revision", "git_sha", "sha", "releaseId")
_STAMPS: Final = ("timestamp", "time", "checked_at", "checkedAt", "generated_at", "generatedAt", "now", "date")
_LATENCIES: Final[Mapping[str, float]] = {
    "latency_ms": 0.001, "latencyMs": 0.001, "response_time_ms": 0.001, "responseTimeMs": 0.001, "duration_ms": 0.001,
    "durationMs": 0.001, "elapsed_ms": 0.001, "took_ms": 0.001, "ping_ms": 0.001, "time_ms": 0.001,
    "latency_seconds": 1.0, "duration_seconds": 1.0, "latency_s": 1.0, "duration_s": 1.0, "elapsed_seconds": 1.0,
}  # fmt: skip
_UNITS: Final = {"ms": 0.001, "s": 1.0, "us": 1e-6, "µs": 1e-6}
_LENGTH: Final = re.compile(r"(\d{1,9}(?:\.\d+)?)\s*(ms|s|us|µs)")
_TITLE: Final = re.compile(rb"<title[^>]{0,200}>([^<]{1,200})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A body read as JSON, or why it could not be."""

    value: Json = None
    is_json: bool = False
    odd_number: bool = False
    """True when it holds NaN or Infinity, which JSON has not; they count as missing."""


def parse_json(body: bytes) -> Parsed:
    """Read a body as JSON.

    >>> parse_json(b'{"depth": NaN}')
    Parsed(value={'depth': None}, is_json=True, odd_number=True)
    >>> parse_json(b"<html>").is_json
    False
    """
    odd: list[str] = []
    try:
        value = json.loads(body, parse_constant=lambda word: odd.append(word))
    except (ValueError, RecursionError):
        return Parsed()
    return Parsed(value, True, bool(odd))


def lines_of(body: bytes, parsed: Parsed, most_bytes: int, most_lines: int = 500) -> tuple[SafeText, ...]:
    """The body for a person: JSON spread over lines, anything else as it came."""
    text = body[:most_bytes]
    if parsed.is_json and not parsed.odd_number and len(text) == len(body):
        try:
            text = json.dumps(parsed.value, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")
        except (RecursionError, ValueError):
            text = body
    rows = text[: 2 * most_bytes].splitlines()
    return tuple(SafeText.line(row) for row in rows[:most_lines])


def looks_like(body: bytes) -> str:
    """What a body that is no JSON seems to be, in words.

    >>> looks_like(b"<!doctype html><title>Log in</title>"), looks_like(b""), looks_like(b"OK")
    ('a web page titled “Log in”', 'nothing', 'text')
    """
    start = body[:4096].lstrip()
    if not start:
        return "nothing"
    if start[:1] != b"<":
        return "text"
    title = _TITLE.search(start)
    return f"a web page titled “{SafeText(title[1].strip(), 60)}”" if title else "a web page"


# expectations


def status_verdict(status: int, expected: Sequence[int]) -> Verdict:
    """Is the status one of those expected; none named: 200 to 399."""
    ok = status in expected if expected else 200 <= status < 400
    wanted = " or ".join(map(str, expected)) if expected else "200 to 399"
    return Verdict("status", ok, SafeText(f"status {status}, expected {wanted}"))


def path_verdict(path: str, wanted: Json, parsed: Parsed) -> Verdict:
    """Is that at this place in the JSON; true and 1 are different."""
    there, got = at_path(parsed.value, parse_path(path)) if parsed.is_json else (False, None)
    ok = there and got == wanted and isinstance(got, bool) == isinstance(wanted, bool)
    said = f"is {_quoted(got)}" if there else "is not there"
    return Verdict(path, ok, SafeText(f"{path} {said}, expected {_quoted(wanted)}", 300))


def text_verdict(wanted: str, body: bytes) -> Verdict:
    """Is this text in the body."""
    ok = wanted.encode() in body
    return Verdict("text", ok, SafeText(f"{'contains' if ok else 'does not contain'} “{wanted}”", 300))


def own_verdict(parsed: Parsed) -> Verdict | None:
    """What the body says about the whole; None when it doesn't say, or says nothing ill."""
    found = _state(parsed.value) if isinstance(parsed.value, dict) else None
    if found is None or found[0] is not False:
        return None
    return Verdict("body", False, SafeText(f"says it is {_ill_word(found[1])}", 100))


def _ill_word(word: str) -> str:
    """A word to follow "is": a body may say `false`, of being healthy."""
    return "not well" if word == "false" else word


def _quoted(value: Json) -> str:
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"


# what the body says


def checks_of(value: Json) -> tuple[Check, ...]:
    """The dependencies a body speaks about, in its order, each once; at most `MOST_CHECKS` + 1."""
    found: dict[str, Check] = {}
    if isinstance(value, dict):
        for check in (*_held(value, "", 0), *_loose(value)):
            found.setdefault(check.name, check)
            if len(found) > MOST_CHECKS:
                break
    return tuple(found.values())


def _held(value: Mapping[str, Json], prefix: str, depth: int) -> Iterator[Check]:
    """Checks under the names by which bodies hold them."""
    for holder in _HOLDERS:
        inner = value.get(holder)
        if depth >= _DEEPEST:
            return
        if isinstance(inner, dict):
            for name, one in list(inner.items())[: 2 * MOST_CHECKS]:
                yield from _checks(prefix + str(SafeText(name, 60)), one, depth)
        elif isinstance(inner, list):
            for one in inner[: 2 * MOST_CHECKS]:
                name = next((one[key] for key in _NAMES if isinstance(one.get(key), str)), "") if _is(one) else ""
                if name:
                    yield from _checks(prefix + str(SafeText(name, 60)), one, depth)


def _loose(value: Mapping[str, Json]) -> Iterator[Check]:
    """Checks that lie beside the overall status: objects with a state, or a dependency's plain word."""
    for name, one in list(value.items())[: 2 * MOST_CHECKS]:
        if name in _HOLDERS or name in _STATES:
            continue
        if _is(one) or (name.lower() in _DEPENDENCIES and isinstance(one, str | bool)):
            yield from _checks(str(SafeText(name, 60)), one, _DEEPEST)


def _is(value: Json) -> bool:
    return isinstance(value, dict)


def _checks(name: str, value: Json, depth: int) -> Iterator[Check]:
    """A check and those within it."""
    if isinstance(value, list):
        rows = [one for one in value if _is(one)][:5]
        for number, one in enumerate(rows):
            yield from _checks(name if len(rows) == 1 else f"{name}[{number}]", one, depth + 1)
        return
    found = _state(value)
    if found is not None:
        ok, word, between = found
        body = value if isinstance(value, dict) else {}
        yield Check(name, SafeText(word, _WORD), ok, between, _latency(body), _message(body))
    if isinstance(value, dict):
        yield from _held(value, f"{name}.", depth + 1)


def _state(value: Json) -> tuple[bool | None, str, bool] | None:
    """(well or ill, the word, between the two) of a check or a whole body; None when it names no state."""
    if isinstance(value, dict):
        for key in _STATES:
            found = value.get(key)
            if isinstance(found, str | bool) or (key in ("up", "ok", "status") and isinstance(found, int)):
                return _judged(found, key) if not isinstance(found, str) or len(found) <= 200 else None
        return None
    return _judged(value, "") if isinstance(value, str | bool) else None


def _judged(found: str | bool | int, key: str) -> tuple[bool | None, str, bool]:
    if isinstance(found, bool):
        return (
            found,
            f"not {key}" if not found and key in ("connected", "ready", "alive") else str(found).lower(),
            False,
        )
    if isinstance(found, int):
        well = found == 1 or 200 <= found < 400
        return (well if found in (0, 1) or 100 <= found < 600 else None), str(found), False
    word = found.strip().lower().replace("_", " ").replace("-", " ")
    ok = True if word in _WELL else False if word in _ILL else None
    return ok, found.strip(), word in _BETWEEN


def _latency(value: Mapping[str, Json]) -> float | None:
    """Seconds, only where the unit is named: by the key, beside it, or in the text."""
    for key, factor in _LATENCIES.items():
        number = finite(value.get(key))
        if number is not None and number >= 0:
            return number * factor
    number, unit = finite(value.get("observedValue")), value.get("observedUnit")
    if number is not None and number >= 0 and isinstance(unit, str) and unit in _UNITS:
        return number * _UNITS[unit]
    for key in ("latency", "duration", "responseTime", "response_time", "took", "elapsed"):
        text = value.get(key)
        if isinstance(text, str) and (found := _LENGTH.fullmatch(text.strip())):
            return float(found[1]) * _UNITS[found[2]]
    return None


def _message(value: Mapping[str, Json]) -> SafeText:
    for key in _MESSAGES:
        found = value.get(key)
        if isinstance(found, dict):
            found = next((found[one] for one in _MESSAGES if isinstance(found.get(one), str)), None)
        if isinstance(found, str) and found.strip():
            return SafeText(found.strip(), 200)
    return SafeText()


def version_of(value: Json) -> SafeText:
    """The version a body names, or empty."""
    if isinstance(value, dict):
        for key in _VERSIONS:
            found = value.get(key)
            if isinstance(found, str | int | float) and not isinstance(found, bool) and str(found):
                return SafeText(str(found)[:61], 60)
    return SafeText()


def stamp_of(value: Json) -> datetime | None:
    """When the body says it was made; a time without its zone is no answer.

    >>> stamp_of({"timestamp": "2026-03-01T03:12:41Z"}).isoformat(), stamp_of({"time": "2026-03-01 03:12"})
    ('2026-03-01T03:12:41+00:00', None)
    """
    if not isinstance(value, dict):
        return None
    for key in _STAMPS:
        found = value.get(key)
        moment = moment_of(found)
        if moment is not None:
            return moment
    return None


def expiry_of(name: str, path: str, parsed: Parsed, at: datetime) -> Expiry:
    """When something ends, by the time at `path`: a text with its zone, or seconds or milliseconds since 1970.

    0 means never: so Meta tells it of tokens without an end.
    https://developers.facebook.com/docs/graph-api/reference/debug_token/
    """
    there, found = at_path(parsed.value, parse_path(path)) if parsed.is_json else (False, None)
    if not there or found is None:
        return Expiry(name, words=SafeText("not told"))
    if found == 0 and not isinstance(found, bool):
        return Expiry(name, words=SafeText("never"))
    moment = moment_of(found)
    if moment is None:
        return Expiry(name, words=SafeText("no time that can be read"))
    return Expiry(name, moment, (moment - at).total_seconds())


def moment_of(value: Json) -> datetime | None:
    """A time in a body: a text with its zone, or seconds or milliseconds since 1970; None when it is none."""
    return _moment(value) if isinstance(value, str) else _epoch(finite(value))


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text[:40])
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _epoch(number: float | None) -> datetime | None:
    """Seconds or milliseconds since 1970, between 2001 and 2286."""
    if number is None:
        return None
    seconds = number / 1000 if number >= 1e11 else number
    return datetime.fromtimestamp(seconds, UTC) if 1e9 <= seconds < 1e10 else None
