"""What an application's own metrics say: the tiles asked for, and what else there is to ask for."""

from __future__ import annotations

from dataclasses import dataclass

from probes.base import SafeText
from probes.prometheus.metrics.exposition import Metric
from probes.prometheus.tiles import Tile


@dataclass(frozen=True, slots=True)
class MetricsFacts:
    """One reading."""

    where: SafeText = SafeText()
    """The address, without its query."""
    form: str = ""
    """text, OpenMetrics or JSON."""
    tiles: tuple[Tile, ...] = ()
    metrics: tuple[Metric, ...] = ()
    """Every metric there is, or every number of a JSON document."""
    more_metrics: int = 0
    """Those left out."""
    samples: int = 0
    size: int = 0
    """Bytes, unpacked."""
    took: float | None = None
    """Seconds from asking to the last byte."""
    bad_lines: int = 0
    first_bad: SafeText = SafeText()
    up: float | None = None
    """Seconds since its process began."""
    notes: tuple[SafeText, ...] = ()
