"""What a Prometheus server tells of itself: targets it can't scrape, alerts, rules it can't evaluate, its own state."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from probes.base import (
    Raised,
    SafeText,
    by_our_clock,
    fingerprint_of,
    finite,
    runbook_told,
    secure_link,
    severity_told,
)
from probes.prometheus.api import number
from probes.prometheus.facts import PrometheusFacts, RuleTrouble, ScrapeTarget, Server, ServerAlert

Json = Any

MOST_SHOWN: Final = 500
"""Targets, alerts and rules kept of each."""

_NAMED: Final = ("alertname", "severity")
_MOST_LABELS: Final = 60
_TEXT: Final = 500
_SUMMARIES: Final = ("summary", "message", "description", "title")
_WHO: Final = re.compile(r'^(?:Get|Post|Head) "[^"]*": ')
"""The scraped address at the start of a scrape's error; its query may hold a secret."""


def troubled_of(data: Json, now: float) -> list[ScrapeTarget]:
    """The active targets that are not up, the down ones first. `now` in seconds since 1970 by the server's clock."""
    found = []
    for one in _objects(data, "activeTargets"):
        health = str(one.get("health", ""))
        if health == "up":
            continue
        labels = _table(one.get("labels"))
        found.append(
            ScrapeTarget(
                job=SafeText(str(labels.get("job", one.get("scrapePool", ""))), 100),
                instance=SafeText(str(labels.get("instance", "")), 200),
                url=SafeText(str(one.get("scrapeUrl", "")).partition("?")[0], 300),
                health=SafeText(health or "unknown", 20),
                error=SafeText(_WHO.sub("", str(one.get("lastError") or "")), 300),
                scraped_ago=_ago(one.get("lastScrape"), now),
            )
        )
    return numbered(sorted(found, key=lambda one: (str(one.health) != "down", one.job, one.instance)))


def alerts_of(data: Json, now: float) -> list[ServerAlert]:
    """Pending and firing alerts, firing and worst first."""
    found = []
    for one in _objects(data, "alerts"):
        labels = _table(one.get("labels"))
        notes = _table(one.get("annotations"))
        word = str(labels.get("severity", ""))
        others = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()) if key not in _NAMED)
        found.append(
            ServerAlert(
                name=SafeText(str(labels.get("alertname", "")), 100),
                state=SafeText(str(one.get("state", "")), 20),
                severity=severity_told(word),
                word=SafeText(word, 20),
                on=SafeText(others, 200),
                summary=SafeText(next((str(notes[key]) for key in _SUMMARIES if notes.get(key)), ""), 300),
                active_for=_ago(one.get("activeAt"), now),
                value=number(one.get("value")),
                since=_since(one.get("activeAt")),
                labels=_pairs(labels),
                notes=_pairs(notes),
            )
        )
    found.sort(key=lambda one: (not one.firing, -(one.severity or 0), -(one.active_for or 0.0), one.key))
    return numbered(found)


def raised_of(facts: PrometheusFacts, url: str) -> Iterator[Raised]:
    """The alerts that fire and want somebody. `url`: where the server is, for a link to them."""
    for one in facts.alerts:
        if one.firing and one.severity is not None:
            labels = [(str(name), str(text)) for name, text in one.labels]
            fires = f"{one.name} fires on {one.on}" if one.on else f"{one.name} fires"
            at = f", at {one.value:g}" if one.value is not None else ""
            yield Raised(
                key=one.key,
                name=one.name,
                severity=one.severity,
                words=SafeText(f"{one.name}: {one.summary}" if one.summary else fires + at, 600),
                since=by_our_clock(one.since, facts.skew),
                labels=tuple((name, text) for name, text in labels if name not in _NAMED),
                value=one.value,
                row=one.key,
                fingerprint=fingerprint_of(labels),
                link=secure_link(f"{url.rstrip('/')}/alerts?search={quote(str(one.name), safe='')}"),
                procedure=runbook_told({str(name): str(text) for name, text in (*one.labels, *one.notes)}),
            )


def rules_of(data: Json) -> tuple[list[RuleTrouble], int]:
    """(the rules that can't be evaluated, how many rules there are)."""
    found, many = [], 0
    for group in _objects(data, "groups"):
        for rule in _objects(group, "rules"):
            many += 1
            if rule.get("health") == "err" or rule.get("lastError"):
                said = SafeText(str(rule.get("lastError") or ""), 300)
                name = SafeText(str(rule.get("name", "")), 100)
                found.append(RuleTrouble(SafeText(str(group.get("name", "")), 100), name, said))
    return numbered(found), many


def server_of(build: Json, runtime: Json, tsdb: Json, now: float) -> Server:
    """The server by its three status pages; each may be missing."""
    build, runtime, tsdb = _table(build), _table(runtime), _table(tsdb)
    head = _table(tsdb.get("headStats"))
    oldest = finite(head.get("minTime"))
    names = [
        (SafeText(str(one.get("name", "")), 100), float(value))
        for one in _objects(tsdb, "seriesCountByMetricName")[:10]
        if (value := finite(one.get("value"))) is not None
    ]
    config = runtime.get("reloadConfigSuccess")
    kept = runtime.get("storageRetention")
    return Server(
        version=SafeText(str(build.get("version", "")), 40),
        uptime=_ago(runtime.get("startTime"), now),
        config_ok=config if isinstance(config, bool) else None,
        retention=SafeText(kept if isinstance(kept, str) else "", 40),
        series=finite(head.get("numSeries")),
        top_metrics=tuple(names),
        oldest=now - oldest / 1000 if oldest is not None and 0 < oldest / 1000 <= now else None,
    )


T = TypeVar("T", ScrapeTarget, ServerAlert, RuleTrouble)


def numbered(found: Iterable[T]) -> list[T]:
    """The same, those that look alike told apart."""
    seen: Counter[str] = Counter()
    told: list[T] = []
    for one in found:
        told.append(replace(one, nth=seen[one.key]) if one.key in seen else one)
        seen[one.key] += 1
    return told


def _objects(value: Json, key: str) -> Sequence[Mapping[str, Json]]:
    inner = value.get(key) if isinstance(value, dict) else None
    return [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []


def _table(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _pairs(found: Mapping[str, Json]) -> tuple[tuple[SafeText, SafeText], ...]:
    ordered = sorted(found.items())[:_MOST_LABELS]
    return tuple((SafeText(name, 80), SafeText(text, _TEXT)) for name, text in ordered if isinstance(text, str))


def _ago(text: Json, now: float) -> float | None:
    """Seconds since a time in RFC 3339; None when it is none."""
    since = _since(text)
    return None if since is None else max(0.0, now - since.timestamp())


def _since(text: Json) -> datetime | None:
    """A time in RFC 3339, which Go writes with up to nine digits, aware UTC; its zero time is none.

    >>> _since("2026-03-01T03:12:41.123456789Z").isoformat(), _since("0001-01-01T00:00:00Z")
    ('2026-03-01T03:12:41.123456+00:00', None)
    """
    if not isinstance(text, str) or text.startswith("0001-"):
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text[:40]))
        if moment.tzinfo is None:
            return None
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
