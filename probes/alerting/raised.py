"""What an Alertmanager or a Grafana raises, as alerts for the inbox. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from probes.alerting.facts import Alert, AlertsFacts
from probes.base import Raised, SafeText, Severity, by_our_clock, fingerprint_of, finite, runbook_told, secure_link

_VALUES: Final = ("value", "current_value", "current")
_LIMITS: Final = ("threshold", "limit")
"""Annotations or labels in which teams put the number and its limit; there is no rule for it."""


def raised_of(facts: AlertsFacts, added: Sequence[str]) -> Iterator[Raised]:
    """Every alert that wants somebody, silent ones too. `added`: labels that a Prometheus adds on the way."""
    marks = Counter(fingerprint_of(_labels(one), added) for one in facts.alerts) if added else Counter[str]()
    for one in facts.alerts:
        if one.severity is not None:
            mark = fingerprint_of(_labels(one), added)
            if marks[mark] > 1:  # these labels tell alerts apart here: they are no mere addition
                mark = fingerprint_of(_labels(one))
            yield _raised(one, one.severity, facts.skew, mark)


def _labels(one: Alert) -> list[tuple[str, str]]:
    return [(str(name), str(text)) for name, text in one.labels]


def _raised(one: Alert, severity: Severity, skew: float | None, fingerprint: str) -> Raised:
    labels = _labels(one)
    notes = dict(labels) | {str(name): str(text) for name, text in one.annotations}
    told = f"{one.name}: {one.summary}" if one.summary else f"{one.name} fires {one.where}".strip()
    return Raised(
        key=one.key,
        name=one.name,
        severity=severity,
        words=SafeText(told, 600),
        since=by_our_clock(one.since, skew),
        labels=tuple((name, text) for name, text in labels if not name.startswith(("alertname", "severity", "__"))),
        value=_number(notes, _VALUES),
        limit=_number(notes, _LIMITS),
        row=one.key,
        fingerprint=fingerprint,
        link=secure_link(one.source),
        procedure=runbook_told(notes),
        silenced=not one.active,
    )


def _number(notes: Mapping[str, str], names: Sequence[str]) -> float | None:
    """A plain number among the notes; None when there is none."""
    for name in names:
        try:
            return finite(float(notes[name]))
        except (KeyError, ValueError):
            continue
    return None
