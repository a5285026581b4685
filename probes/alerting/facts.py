"""What is known of alerts and silences, wherever they come from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.base import SafeText, Severity

_PLAIN: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def key_of(labels: Mapping[str, str]) -> str:
    r"""Labels as one printable text, the alert's name first: the row of an alert, and what a silence of it matches.

    >>> key_of({"job": "web", "alertname": "Down"}), key_of({"alertname": "\x1b"})
    ('alertname="Down",job="web"', 'alertname="\\u001b"')
    """
    names = sorted(labels, key=lambda name: (name != "alertname", name))
    shown = (name if _PLAIN.fullmatch(name) else json.dumps(name) for name in names)
    return ",".join(f"{name}={json.dumps(labels[own])}" for name, own in zip(shown, names, strict=True))


def labels_of(key: str) -> dict[str, str] | None:
    """The labels that `key_of` wrote down; None when it is no such text.

    >>> labels_of('alertname="Down",job="web"'), labels_of("Down")
    ({'alertname': 'Down', 'job': 'web'}, None)
    """
    decoder, labels, at = json.JSONDecoder(), dict[str, str](), 0
    try:
        while at < len(key):
            found = _PLAIN.match(key, at)
            name, at = (found[0], found.end()) if found else decoder.raw_decode(key, at)
            if key[at : at + 1] != "=" or not isinstance(name, str) or name in labels:
                return None
            value, at = decoder.raw_decode(key, at + 1)
            if not isinstance(value, str) or key[at : at + 1] not in ("", ","):
                return None
            labels[name] = value
            at += 1
    except (ValueError, RecursionError):
        return None
    return labels if labels and key_of(labels) == key else None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert that is held now."""

    key: str
    """Its labels, as `key_of` writes them: no two alerts have the same."""
    fingerprint: str
    """The server's own id of its labels."""
    name: SafeText
    severity: Severity | None
    """None for one that wants nobody."""
    word: SafeText
    """Its severity label as it stands; empty when it has none."""
    state: str
    """active, suppressed or unprocessed; empty: the server does not say."""
    since: datetime | None
    age: float | None
    """Seconds since it began."""
    summary: SafeText
    """Its summary annotation, else its description."""
    labels: tuple[tuple[SafeText, SafeText], ...]
    annotations: tuple[tuple[SafeText, SafeText], ...]
    receivers: tuple[SafeText, ...]
    silenced_by: tuple[str, ...]
    """Ids of silences."""
    inhibited_by: tuple[str, ...]
    """Fingerprints of alerts that hold this one back."""
    source: SafeText
    """Where its rule is seen."""

    @property
    def active(self) -> bool:
        """True when people are told of it."""
        return self.state != "suppressed"

    @property
    def where(self) -> str:
        """What tells it from others of its name, in a few words."""
        told = {str(name): str(value) for name, value in self.labels}
        skipped = ("alertname", "severity", "__", "grafana_folder")
        return " ".join(f"{name}={value}" for name, value in told.items() if not name.startswith(skipped))


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence; an expired one is kept by the server for some days."""

    id: str
    state: str
    """active, pending or expired."""
    matchers: tuple[SafeText, ...]
    author: SafeText
    comment: SafeText
    starts: datetime | None
    ends: datetime | None
    left: float | None
    """Seconds until it ends, below zero when it has; None: unknown."""
    silences: int
    """Alerts it holds back now, among those that were read."""

    @property
    def ours(self) -> bool:
        """True when Opsroom made it."""
        return str(self.comment).startswith("opsroom act ")


@dataclass(frozen=True, slots=True)
class AlertsFacts:
    """What both kinds know."""

    version: SafeText
    alerts: tuple[Alert, ...]
    """The worst first, then the oldest; bounded."""
    held: int
    """How many there are in all."""
    silences: tuple[Silence, ...]
    """Active and pending ones first, by their end; then those that ended lately."""
    skew: float | None
    """Seconds the server's clock is ahead of ours, when it is worth a word."""


@dataclass(frozen=True, slots=True)
class AlertmanagerFacts(AlertsFacts):
    """An Alertmanager."""

    cluster: str
    """ready, settling or disabled."""
    peers: tuple[SafeText, ...]
    uptime: float | None
    """Seconds since it started."""


@dataclass(frozen=True, slots=True)
class RuleState:
    """One alert rule of Grafana that is not inactive and well."""

    key: str
    name: SafeText
    group: SafeText
    """Folder and group."""
    state: str
    """firing, pending, inactive; empty: not told."""
    health: str
    """ok, error, nodata or unknown."""
    error: SafeText
    alerts: int
    """Instances that are not normal."""
    evaluated: float | None
    """Seconds since it was last evaluated."""


@dataclass(frozen=True, slots=True)
class DataSource:
    """A source that Grafana asks, and whether it answers Grafana."""

    uid: str
    name: SafeText
    type: SafeText
    well: bool | None
    """None: it has no check, or was not asked yet."""
    said: SafeText


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert that began to fire since last evening."""

    key: str
    at: datetime
    until: datetime | None
    """When it was normal again; None: not since."""
    name: SafeText
    state: SafeText
    """Alerting, Error or NoData."""
    text: SafeText
    """Its labels and values as Grafana wrote them down."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard the profile names."""

    name: str
    address: str
    """To be copied: nothing here opens it."""


@dataclass(frozen=True, slots=True)
class GrafanaFacts(AlertsFacts):
    """A Grafana and its own Alertmanager."""

    database: str
    """ok or failing; empty: not told."""
    rules: tuple[RuleState, ...]
    """Those that fire, pend or fail; bounded."""
    rule_count: int | None
    """All alert rules; None: they may not be read."""
    sources: tuple[DataSource, ...]
    fired: tuple[Fired, ...]
    """The newest first; bounded."""
    fired_hours: float
    """Hours back that `fired` reaches."""
    dashboards: tuple[Dashboard, ...]
