"""An Alertmanager: its cluster, its alerts, its silences. Three questions a reading, at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from probes.alerting import parse
from probes.alerting.address import ReachSettings
from probes.alerting.api import Api, moment
from probes.alerting.facts import AlertmanagerFacts
from probes.alerting.gauges import ALERTMANAGER_GAUGES, ALERTMANAGER_RULES, measure_alerts
from probes.alerting.raised import raised_of
from probes.base import (
    Cause,
    Context,
    Found,
    Gap,
    Gauges,
    Probe,
    ProbeError,
    Raised,
    Referring,
    SafeText,
    Settings,
    Snapshot,
    Target,
)


class AlertmanagerSettings(ReachSettings):
    """Where the Alertmanager is."""

    url: Referring = Field(
        default="http://127.0.0.1:9093", description="http:// or https:// address, with its path prefix if it has one."
    )


class AlertmanagerProbe(Probe[AlertmanagerFacts]):
    """Reads status, alerts and silences."""

    kind = "alertmanager"
    settings_type: ClassVar[type[Settings]] = AlertmanagerSettings
    gauges = ALERTMANAGER_GAUGES
    rules = ALERTMANAGER_RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, AlertmanagerSettings)
        self.settings = target.settings
        self._api = Api(target.name, self.settings, context, "Alertmanager")

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """One that Debian's package keeps on this machine."""
        if os.path.exists("/etc/prometheus/alertmanager.yml"):
            yield Found("alertmanager", {"url": "http://127.0.0.1:9093"}, "/etc/prometheus/alertmanager.yml is there")

    async def read(self) -> Snapshot[AlertmanagerFacts]:
        """Ask for all three at once."""
        began = self.context.monotonic()
        self.doing = "reading" if self._api.connected else "connecting"
        try:
            status = await self._api.get("/api/v2/status")
            self.doing = "reading"
            told, quiet = await asyncio.gather(
                self._api.get("/api/v2/alerts", [("filter", one) for one in self.settings.matchers]),
                self._api.get("/api/v2/silences"),
            )
            return self._snapshot(parse.table(status), told, quiet, began)
        except ProbeError as error:
            self._api.cut()
            if error.cause is Cause.GONE:
                words = f"{error.message}: no Alertmanager API v2 (0.16 or newer) answers there"
                raise ProbeError(Cause.MISSING, words, error.hint) from None
            raise

    def _snapshot(self, status: Mapping[str, Any], told: Any, quiet: Any, began: float) -> Snapshot[AlertmanagerFacts]:
        skew = parse.worth_saying(self._api.skew)
        now = self.context.now() + timedelta(seconds=skew or 0.0)
        held = parse.held(told, self.settings.severity, now)
        silences = parse.silences(quiet, held.by_silence, now)
        cluster, version = parse.table(status.get("cluster")), parse.table(status.get("versionInfo"))
        if not cluster and not version:
            raise ProbeError(Cause.GARBAGE, f"{self._api.where} does not answer like an Alertmanager")
        peers = [parse.table(one) for one in cluster.get("peers") or []]
        born = moment(status.get("uptime"))
        facts = AlertmanagerFacts(
            version=SafeText(str(version.get("version") or ""), 40),
            alerts=held.alerts,
            held=len(held.everything),
            silences=silences[: parse.MOST_SILENCES],
            skew=skew,
            cluster=str(SafeText(str(cluster.get("status") or ""), 20)),
            peers=tuple(SafeText(f"{one.get('name', '')} {one.get('address', '')}", 100) for one in peers[:50]),
            uptime=(now - born).total_seconds() if born else None,
        )
        measured = Gauges()
        unnamed = measure_alerts(measured, held.everything, silences, skew)
        if facts.cluster != "disabled":
            measured.put("cluster_peers", len(peers))
            measured.put("cluster_ready", float(facts.cluster == "ready"))
        gaps = [*cut_rows(facts.held, unnamed), *cut_silences(len(silences))]
        return self.snapshot(facts, measured, began, gaps)

    def raised(self, facts: AlertmanagerFacts) -> Sequence[Raised]:
        """Every alert it holds that wants somebody."""
        return tuple(raised_of(facts, self.settings.external_labels))

    def abort(self) -> None:
        """Cut the connection."""
        self._api.cut()

    async def close(self) -> None:
        """Let go of the connection."""
        await self._api.close()


def cut_rows(held: int, unnamed: int) -> Iterable[Gap]:
    """What was read and is not shown row by row."""
    if held > parse.MOST_ALERTS:
        hint = SafeText("all are counted; narrow them with matchers")
        yield Gap(f"{held - parse.MOST_ALERTS} of {held} alerts as rows", Cause.TOO_BIG, hint)
    if unnamed:
        hint = SafeText("they are in the counts by severity")
        yield Gap(f"{unnamed} more names of firing alerts, one by one", Cause.TOO_BIG, hint)


def cut_silences(there: int) -> Iterable[Gap]:
    """Silences that are not shown."""
    if there > parse.MOST_SILENCES:
        yield Gap(f"{there - parse.MOST_SILENCES} of {there} silences as rows", Cause.TOO_BIG)
