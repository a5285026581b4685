"""Reads an application's own metrics: one GET, read in a thread; each tile is made of it and the readings before."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from pydantic import Field, field_validator

from probes.base import (
    Cause,
    Context,
    Gap,
    Gauges,
    GaugeSpec,
    Look,
    Probe,
    ProbeError,
    Rule,
    SafeText,
    Severity,
    Sheet,
    Snapshot,
    Target,
    Unit,
    finite,
)
from probes.prometheus import tiles
from probes.prometheus.api import bad_status
from probes.prometheus.metrics.exposition import Exposition, Metric, parse
from probes.prometheus.metrics.facts import MetricsFacts
from probes.prometheus.metrics.meters import START, Meter, MetricTile, Reading
from probes.prometheus.metrics.selector import MOST_LEAVES, Document, leaves, read_document
from probes.prometheus.place import WebSettings, place_of
from probes.prometheus.tiles import MOST_TILES, Sight, Tile, limit_rules, limit_specs, new_tile, put_tiles, unique
from probes.prometheus.wire import Reply, Wire

BODY: Final = 16 << 20
"""Bytes of an answer, unpacked."""
MOST_METRICS: Final = 2000
"""Metrics listed."""
_ACCEPT: Final = "text/plain;version=0.0.4, application/openmetrics-text;q=0.8, application/json;q=0.7, */*;q=0.1"

SPECS: Final[tuple[GaugeSpec, ...]] = (
    *tiles.SPECS,
    GaugeSpec("samples", "Samples exposed, or numbers in a JSON document."),
    GaugeSpec("body_bytes", "Size of the answer, unpacked.", Unit.BYTES),
    GaugeSpec("latency_seconds", "Time from asking to the last byte of the answer.", Unit.SECONDS, better="low"),
    GaugeSpec("bad_lines", "Lines of the answer that can't be read.", better="low"),
    GaugeSpec("process_up_seconds", "Time since the process began, where it tells.", Unit.SECONDS),
)

RULES: Final[tuple[Rule, ...]] = (
    *tiles.RULES,
    Rule(
        name="bad-lines",
        gauge="bad_lines",
        op=">",
        threshold=0.0,
        severity=Severity.NOTICE,
        consecutive=2,
        say="{value:line} of its answer can't be read",
    ),
)


class MetricsSettings(WebSettings):
    """An endpoint where an application exposes its own numbers."""

    tile: tuple[MetricTile, ...] = Field((), description="Numbers to show: [[metrics.NAME.tile]].")

    @field_validator("tile")
    @classmethod
    def _few_and_unique(cls, found: tuple[MetricTile, ...]) -> tuple[MetricTile, ...]:
        if len(found) > MOST_TILES:
            raise ValueError(f"has more than {MOST_TILES} tiles")
        return tuple(unique(found))


@dataclass(frozen=True, slots=True)
class _Read:
    """An answer that was understood."""

    form: str
    exposition: Exposition
    document: Document | None = None


class MetricsProbe(Probe[MetricsFacts]):
    """One endpoint."""

    kind = "metrics"
    settings_type = MetricsSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, MetricsSettings)
        self.settings = target.settings
        least = {tile.name: tile.needed for tile in self.settings.tile}
        # limits written in tiles are this target's own rules, beside those of its kind
        self.gauges = (*SPECS, *limit_specs(self.settings.tile))  # type: ignore[misc]
        self.rules = (*RULES, *limit_rules(self.settings.tile, least=least))  # type: ignore[misc]
        self._wire = Wire(target.name, self.settings.timeout, context.monotonic)
        self._wanted = frozenset({START}).union(*(tile.names for tile in self.settings.tile))
        self._meters = {tile.name: Meter(tile) for tile in self.settings.tile}
        self._sight = Sight()
        self._process: float | None = None
        self._last: _Read | None = None

    async def read(self) -> Snapshot[MetricsFacts]:
        """Ask once."""
        began = self.context.monotonic()
        self._wire.begin()
        self.doing = "connecting"
        where = "it"
        try:
            async with asyncio.timeout(max(0.1, self.settings.timeout * 0.96)):
                place = place_of(self.settings, self.context)
                where = place.where
                reply = await self._wire.get(place, "", {}, _ACCEPT, BODY)
                came = self.context.monotonic()
                self.doing = "reading"
                read = await self._wire.work(understood, reply, where, self._wanted)
        except TimeoutError:
            self._wire.cut()
            raise self._wire.too_late(where) from None
        except ProbeError:
            self._wire.cut()
            raise
        self._last = read
        shown = SafeText(place.url.partition("?")[0], 200)
        facts = await self._wire.work(self._facts, read, shown, len(reply.body), came, began)
        return self.snapshot(facts, _measured(facts), began, _gaps(facts))

    def looks(self) -> tuple[Look, ...]:
        """The series behind a tile."""
        return (Look("series", "every series behind the tile"),) if self.settings.tile else ()

    async def look(self, name: str, subject: str) -> Sheet:
        """The samples of the last answer that a tile may be made from."""
        if name != "series":
            return await super().look(name, subject)
        tile = next((one for one in self.settings.tile if one.name == subject), None)
        if tile is None or self._last is None:
            raise ProbeError(Cause.GONE, "there is no tile of that name, or there was no answer yet")
        samples = [one for known in sorted(tile.names) for one in self._last.exposition.samples.get(known, ())]
        lines = [
            SafeText(
                f"{one.value:>16g}  {one.name}{{{', '.join(f'{key}={value}' for key, value in one.labels)}}}", 1000
            )
            for one in samples[:1000]
        ]
        head = (SafeText(f"from {tile.source}"), SafeText())
        return Sheet(tile.label, (*head, *(lines or [SafeText("no series")])), max(0, len(samples) - 1000))

    def abort(self) -> None:
        """Cut the connection."""
        self._wire.cut()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._wire.close()

    # tiles

    def _facts(self, read: _Read, where: SafeText, size: int, came: float, began: float) -> MetricsFacts:
        exposition = read.exposition
        started = _started(exposition)
        reading = Reading(
            came,
            exposition.samples,
            read.document,
            self.context.now().timestamp(),
            exposition.declared,
            same_process=started is not None and started == self._process,
            new_process=started is not None and self._process is not None and started != self._process,
        )
        self._process = started
        made = [self._tile(tile, reading) for tile in self.settings.tile]
        listed = list(exposition.metrics.values())
        if read.document is not None:
            listed = []
            for leaf in leaves(read.document.value):
                listed.append(leaf)
                if len(listed) > MOST_LEAVES:
                    break
        return MetricsFacts(
            where=where,
            form=read.form,
            tiles=tuple(made),
            metrics=tuple(listed[:MOST_METRICS]),
            more_metrics=max(0, len(listed) - MOST_METRICS),
            samples=exposition.lines if read.document is None else len(listed),
            size=size,
            took=came - began,
            bad_lines=exposition.bad,
            first_bad=exposition.first_bad,
            up=max(0.0, reading.now - started) if started is not None else None,
            notes=tuple(_notes(read, reading)),
        )

    def _tile(self, settings: MetricTile, reading: Reading) -> Tile:
        source = settings.source if settings.of is None else f"{settings.source} / {settings.of}"
        tile = self._meters[settings.name].measure(new_tile(settings, source), reading)
        return self._sight.note(tile, reading.at)


def understood(reply: Reply, where: str, wanted: frozenset[str]) -> _Read:
    """What an answer is, and what it says. Raises `ProbeError`."""
    wrong = bad_status(reply, where)
    if wrong is not None:
        raise wrong
    start = reply.body[:512].lstrip()
    if reply.content_type.startswith("application/vnd.google.protobuf"):
        raise ProbeError(Cause.GARBAGE, f"{where} answers in protobuf", "it must offer the text format too")
    if start.startswith(b"<"):
        raise ProbeError(Cause.GARBAGE, f"{where} gives a web page, not metrics", "is a login in the way?")
    if (start.startswith((b"{", b"[")) and not start.startswith(b'{"')) or "json" in reply.content_type:
        return _as_json(reply.body, where)
    if start.startswith(b'{"') and (document := read_document(reply.body)) is not None:
        return _Read("JSON", Exposition(), document)  # in OpenMetrics a quoted name may stand there
    found = parse(reply.body, wanted)
    if not found.lines:
        what = "no metrics" if start else "nothing"
        said = f": {found.first_bad}" if found.first_bad else ""
        raise ProbeError(Cause.GARBAGE, f"{where} gives {what}{said}", "is this the path of its metrics?")
    openmetrics = reply.content_type.startswith("application/openmetrics-text")
    if openmetrics and not found.ended:
        raise ProbeError(Cause.CLOSED_EARLY, f"the answer of {where} ends before its end mark (# EOF)")
    return _Read("OpenMetrics" if openmetrics else "text", found)


def _as_json(body: bytes, where: str) -> _Read:
    document = read_document(body)
    if document is None:
        raise ProbeError(Cause.GARBAGE, f"{where} gives what looks like JSON and is none")
    return _Read("JSON", Exposition(), document)


def _started(exposition: Exposition) -> float | None:
    """When the process began; unknown where several processes answer as one."""
    found = exposition.samples.get(START, ())
    return finite(found[0].value) if len(found) == 1 else None


def _notes(read: _Read, reading: Reading) -> list[SafeText]:
    found = []
    if reading.new_process:
        found.append(SafeText("its process began anew since the reading before"))
    if read.exposition.twice:
        found.append(SafeText(f"{read.exposition.twice} samples are of a series that came before; the first counts"))
    if read.exposition.uncounted:
        found.append(SafeText(f"{read.exposition.uncounted} samples are of more metrics than are read"))
    if read.document is not None and read.document.odd_numbers:
        found.append(SafeText("it holds NaN or Infinity, which is not JSON; such values count as missing"))
    return found


def _gaps(facts: MetricsFacts) -> list[Gap]:
    gaps = []
    if facts.bad_lines:
        gaps.append(Gap("some lines", Cause.GARBAGE, SafeText(f"{facts.bad_lines} can't be read: {facts.first_bad}")))
    if facts.more_metrics:
        gaps.append(Gap("some metrics", Cause.TOO_BIG, SafeText(f"{facts.more_metrics} are not listed")))
    return gaps


def _measured(facts: MetricsFacts) -> Gauges:
    gauges = Gauges()
    put_tiles(gauges, facts.tiles)
    gauges.put("samples", facts.samples)
    gauges.put("body_bytes", facts.size)
    gauges.put("latency_seconds", facts.took)
    gauges.put("bad_lines", facts.bad_lines if facts.form != "JSON" else None)
    gauges.put("process_up_seconds", facts.up)
    return gauges


__all__ = ["Metric", "MetricsProbe", "MetricsSettings", "understood"]
