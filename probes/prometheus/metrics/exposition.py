"""Reads what an application exposes: the Prometheus text format
(https://prometheus.io/docs/instrumenting/exposition_formats/) and OpenMetrics
(https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md).

Only the metrics that somebody asked for are read sample by sample; of the others one line each is, the rest is counted.
A line that can't be read is counted and said, and never stops the others.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from probes.base import SafeText, finite

MOST_NAMES: Final = 20_000
"""Different metrics of one answer."""
LONGEST: Final = 64 << 10
"""Characters of a line; a longer one counts as one that can't be read."""

_NAME: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*", re.ASCII)
_QUOTED: Final = r'"(?:[^"\\]|\\.)*+"'
_SAMPLE: Final = re.compile(
    rf"(?P<name>[A-Za-z_:][A-Za-z0-9_:]*+)?(?:[ \t]*+\{{(?P<labels>(?:[^\"{{}}]|{_QUOTED})*+)\}})?[ \t]*+"
    r"(?P<value>[^\s{}\"#]++)(?:[ \t]++(?P<at>[^\s#]++))?[ \t]*+(?:#.*)?",
    re.ASCII | re.DOTALL,
)
_LABEL: Final = re.compile(
    rf"[ \t]*+(?:(?P<key>[A-Za-z_][A-Za-z0-9_]*+|{_QUOTED})[ \t]*+=[ \t]*+)?(?P<value>{_QUOTED})[ \t]*+(?:,|$)",
    re.ASCII | re.DOTALL,
)
_NUMBER: Final = re.compile(
    r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?|nan)", re.ASCII | re.IGNORECASE
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_TYPES: Final = frozenset(
    ("counter", "gauge", "histogram", "summary", "untyped", "unknown", "info", "stateset", "gaugehistogram")
)

Labels = tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """One sample as it was written."""

    name: str
    labels: Labels
    """Sorted by key; as they came: not safe to show."""
    value: float
    """May be NaN or infinite."""
    at: float | None = None
    """Seconds since 1970, where the sample says when it was taken."""

    def label(self, key: str) -> str | None:
        """The value of a label; None when it has none of that name."""
        return next((value for name, value in self.labels if name == key), None)


@dataclass(slots=True)
class Metric:
    """One metric of an answer, by the name its samples have."""

    name: SafeText
    type: str = ""
    """counter, gauge, histogram, summary ...; empty: not told."""
    help: SafeText = SafeText()
    series: int = 0
    value: float | None = None
    """Of its first series."""


@dataclass(slots=True)
class Exposition:
    """What was read."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    """By name; those that were asked for."""
    metrics: dict[str, Metric] = field(default_factory=dict)
    lines: int = 0
    """Samples there are."""
    bad: int = 0
    """Lines that can't be read."""
    first_bad: SafeText = SafeText()
    twice: int = 0
    """Samples of a series that came before; the first counts."""
    declared: set[str] = field(default_factory=set)
    """Metrics that are spoken of, with samples or without."""
    ended: bool = False
    """True when the end mark of OpenMetrics was seen."""
    uncounted: int = 0
    """Lines of metrics beyond `MOST_NAMES`."""


def parse(body: bytes, wanted: Collection[str]) -> Exposition:
    """Read an answer; `wanted` are the names of the samples that matter. Never raises."""
    found = Exposition()
    told: dict[str, tuple[str, SafeText]] = {}
    seen: set[tuple[str, Labels]] = set()
    metrics = found.metrics
    match = _NAME.match
    for line in body.decode("utf-8", "replace").split("\n"):
        name_match = match(line)
        if name_match is not None and (name := name_match[0]) not in wanted:
            metric = metrics.get(name)
            if metric is not None:
                metric.series += 1
                continue
        _line(line.rstrip("\r"), wanted, found, told, seen)
    found.lines = sum(metric.series for metric in metrics.values())
    found.declared = told.keys() | metrics.keys()
    for name, metric in metrics.items():
        kind, words = told.get(name) or told.get(_family(name)) or ("", SafeText())
        metric.type, metric.help = kind, words
    return found


def _line(
    line: str,
    wanted: Collection[str],
    found: Exposition,
    told: dict[str, tuple[str, SafeText]],
    seen: set[tuple[str, Labels]],
) -> None:
    """Anything but one more sample of a metric nobody asked for."""
    bare = line.strip(" \t")
    if not bare:
        return
    if bare.startswith("#"):
        _comment(bare, found, told)
        return
    sample = read_sample(bare) if len(bare) <= LONGEST else None
    if sample is None:
        found.bad += 1
        if not found.first_bad:
            found.first_bad = SafeText(bare, 120)
        return
    metric = found.metrics.get(sample.name)
    if metric is None:
        if len(found.metrics) >= MOST_NAMES:
            found.uncounted += 1
            return
        metric = found.metrics[sample.name] = Metric(SafeText(sample.name, 200), value=finite(sample.value))
    metric.series += 1
    if sample.name in wanted:
        key = sample.name, sample.labels
        if key in seen:
            found.twice += 1
            return
        seen.add(key)
        found.samples.setdefault(sample.name, []).append(sample)


def _comment(line: str, found: Exposition, told: dict[str, tuple[str, SafeText]]) -> None:
    words = line[1:].split(None, 2)
    if words[:1] == ["EOF"] and len(words) == 1:
        found.ended = True
    elif len(words) == 3 and words[0] in ("TYPE", "HELP") and len(told) < 2 * MOST_NAMES:
        kind, about = told.get(words[1], ("", SafeText()))
        if words[0] == "HELP":
            about = SafeText(words[2].replace("\\n", " ").replace("\\\\", "\\"), 300)
        elif words[2].strip() in _TYPES:
            kind = words[2].strip()
        told[words[1]] = kind, about


def _family(name: str) -> str:
    """The metric that a sample belongs to, by the endings that counters, summaries and histograms give."""
    for ending in ("_total", "_bucket", "_sum", "_count", "_created", "_info"):
        if name.endswith(ending):
            return name[: -len(ending)]
    return name


def read_sample(line: str) -> Sample | None:
    """One line as a sample; None when it is none.

    >>> read_sample('http_requests_total{code="200",path="/a\\\\"b"} 1027 1395066363000')
    Sample(name='http_requests_total', labels=(('code', '200'), ('path', '/a"b')), value=1027.0, at=1395066363.0)
    >>> read_sample('x 1_0'), read_sample("<html>"), read_sample("Please sign in")
    (None, None, None)
    """
    found = _SAMPLE.fullmatch(line)
    if found is None or not _NUMBER.fullmatch(found["value"]):
        return None
    labels = _labels(found["labels"] or "")
    if labels is None:
        return None
    name, pairs = labels
    name = found["name"] or name
    moment = found["at"]
    if not name or (moment is not None and not _NUMBER.fullmatch(moment)):
        return None
    at = finite(float(moment)) if moment is not None else None
    if at is not None and "." not in (moment or "") and abs(at) >= 1e11:
        at /= 1000  # the text format writes milliseconds, OpenMetrics seconds
    return Sample(name, pairs, float(found["value"]), at)


def _labels(text: str) -> tuple[str, Labels] | None:
    """(the name when it stands among the labels, the labels); None when they can't be read."""
    name, found, at = "", {}, 0
    text = text.rstrip(" \t")
    while at < len(text):
        one = _LABEL.match(text, at)
        if one is None:
            return None
        at = one.end()
        key, value = one["key"], _plain(one["value"][1:-1])
        if key is None:
            if name:
                return None
            name = value
            continue
        key = _plain(key[1:-1]) if key.startswith('"') else key
        if key in found:
            return None
        found[key] = value
    return name, tuple(sorted(found.items()))


def _plain(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: {"n": "\n", "\\": "\\", '"': '"'}.get(found[1], found[0]), text)
