"""An alert that another system raises and a kind reads: a CloudWatch alarm, what an Alertmanager holds, an incident."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from probes.base.reading import Unit
from probes.base.rule import Severity
from probes.base.text import SafeText

_WORDS: Final = {
    Severity.CRITICAL: frozenset({"critical", "crit", "page", "pager", "emergency", "fatal", "disaster", "p1", "sev1"}),
    Severity.WARNING: frozenset({"warning", "warn", "error", "high", "major", "medium", "p2", "sev2"}),
}
_QUIET: Final = frozenset({"none", "info", "information", "informational", "debug", "ok", "p4", "p5", "sev4", "sev5"})
"""Severities that want nobody: a Watchdog fires for ever to show that alerts get through."""
_RUNBOOKS: Final = ("runbook_url", "runbook", "runbook_uri", "playbook_url", "playbook", "procedure")
_NAME: Final = re.compile(r"[^\s<>].{0,200}")
_STEP: Final = 5.0
_LONGEST: Final = 2000
"""Characters of an address that browsers and terminals take."""
_OFTEN_ADDED: Final = frozenset({"prometheus", "prometheus_replica", "replica", "monitor"})
"""Labels by which a Prometheus says which one it is: its Alertmanager sees them, its own alerts lack them.
https://prometheus.io/docs/prometheus/latest/configuration/configuration/ (external_labels)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """One alert of theirs, as they tell of it. What they have closed is not among them."""

    key: str
    """Which it is there; stays the same for as long as it lasts."""
    name: SafeText
    """What it is called there; runbooks know it by this name."""
    severity: Severity
    words: SafeText
    """One sentence, with the number that proves it where they tell one."""
    since: datetime | None = None
    """When it began, aware UTC: as they say, put right by what their clock is known to be off; None: not said."""
    labels: tuple[tuple[str, str], ...] = ()
    """What tells it from its likes, as shown: queue, instance, environment."""
    value: float | None = None
    limit: float | None = None
    """Value and limit in their unit; None: they do not say."""
    unit: Unit = Unit.COUNT
    row: str = ""
    """Key of its row in the tables of its target, to open it there."""
    fingerprint: str = ""
    """Equal for the same alert that another system tells of too, as Prometheus and its Alertmanager do."""
    link: str = ""
    """Where it stands in a browser: an https address."""
    procedure: str = ""
    """The procedure that they name for it: a name or an address."""
    acknowledged: str = ""
    """Who has it in hand there; empty: nobody."""
    silenced: bool = False
    """True when it is silenced there."""


def severity_told(word: str) -> Severity | None:
    """How much an alert matters, by the word that most people give it; None for one that wants nobody.

    A word that nobody knows, or none, counts a little.

    >>> severity_told("Critical"), severity_told("none"), severity_told("")
    (<Severity.CRITICAL: 3>, None, <Severity.NOTICE: 1>)
    """
    word = word.strip().lower()
    if word in _QUIET:
        return None
    return next((severity for severity, words in _WORDS.items() if word in words), Severity.NOTICE)


def by_our_clock(moment: datetime | None, skew: float | None) -> datetime | None:
    """A moment by a clock that is `skew` seconds ahead of ours, in steps of five seconds so that it never wavers.

    >>> from datetime import UTC
    >>> by_our_clock(datetime(2026, 3, 1, 3, 12, tzinfo=UTC), 61.3).isoformat()
    '2026-03-01T03:11:00+00:00'
    """
    step = round((skew or 0.0) / _STEP) * _STEP
    return moment - timedelta(seconds=step) if moment is not None and step else moment


def secure_link(address: object) -> str:
    """An https address without a login, as it was given; empty for anything else.

    >>> secure_link("https://a.example/x?y=1"), secure_link("http://a.example"), secure_link("https://u:p@a.example")
    ('https://a.example/x?y=1', '', '')
    """
    text = str(address or "")
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > _LONGEST:
        return ""
    try:
        parts = urlsplit(text)
        whole = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        return text if whole else ""
    except ValueError:
        return ""


def runbook_told(notes: Mapping[str, str]) -> str:
    """The procedure that annotations or labels name: an https address, or a name.

    >>> runbook_told({"runbook_url": "https://wiki.example/down"}), runbook_told({"runbook": "http://u:p@wiki"})
    ('https://wiki.example/down', '')
    """
    for key in _RUNBOOKS:
        text = str(SafeText(notes.get(key, ""), _LONGEST)).strip()
        if "://" in text:
            text = secure_link(text)
        if text and (text.startswith("https://") or _NAME.fullmatch(text)):
            return text
    return ""


def fingerprint_of(labels: Iterable[tuple[str, str]], added: Iterable[str] = ()) -> str:
    """One alert by all its labels, whoever tells of it. `added`: labels that were put on it on the way.

    >>> fingerprint_of([("alertname", "Down"), ("job", "web")]) == fingerprint_of(
    ...     [("job", "web"), ("alertname", "Down"), ("prometheus", "a"), ("zone", "x")], ["zone"])
    True
    """
    left = _OFTEN_ADDED | set(added)
    kept = sorted(f"{name}={text}" for name, text in labels if name not in left and not name.startswith("__"))
    return hashlib.sha256("\x1f".join(kept).encode()).hexdigest()[:32]
