"""Network traffic of the nodes, as each kubelet counts it (`/stats/summary`, the field `.node.network`).

Rates come from two answers of the same kubelet: it counts by itself every ten seconds or so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.base import Cause, ProbeError, SafeText
from probes.kubernetes.api import KubeApi
from probes.kubernetes.complaints import Asked
from probes.kubernetes.discovery import CORE
from probes.kubernetes.parse import finite_or, moment, raw, rows, table

MOST: Final = 50
"""Nodes asked at most."""
_AGAIN: Final = 3.0
"""Seconds between two questions while a kubelet has not counted anew."""
_LIMIT: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes through one node's interface since it started, at one moment."""

    at: datetime
    received: float
    sent: float
    interface: SafeText
    errors: float


async def traffic(api: KubeApi, node: str) -> Traffic | None:
    """What one kubelet counts; None when it does not count network. Raises `ProbeError`."""
    path = CORE["nodes"].path(name=node, part="proxy/stats/summary")
    found = table(await api.get(path, Asked("get", "nodes/proxy", name=node), limit=_LIMIT))
    network = table(table(found.get("node")).get("network"))
    at = moment(network.get("time"))
    nics = [network, *rows(network.get("interfaces"))]
    one = next((nic for nic in nics if "rxBytes" in nic), None)
    if at is None or one is None:
        return None
    errors = finite_or(one.get("rxErrors"), 0.0) + finite_or(one.get("txErrors"), 0.0)
    name = SafeText(raw(one.get("name"), 60))
    return Traffic(at, finite_or(one.get("rxBytes"), 0.0), finite_or(one.get("txBytes"), 0.0), name, errors)


async def traffic_lines(api: KubeApi, nodes: Sequence[str], within: float) -> list[SafeText]:
    """Each node's traffic in both directions, waiting up to `within` seconds for every kubelet to count anew."""
    asked = nodes[:MOST]
    lines = await asyncio.gather(*(_line(api, node, within) for node in asked))
    more = len(nodes) - len(asked)
    left = [SafeText(f"{more} of {len(nodes)} nodes were not asked")] if more else []
    return [SafeText(f"{'node':<32} {'received':>14} {'sent':>14}  interface"), *lines, *left]


async def _line(api: KubeApi, node: str, within: float) -> SafeText:
    try:
        first = await traffic(api, node)
        second = first
        waited = 0.0
        while first is not None and second is not None and second.at <= first.at and waited < within:
            await asyncio.sleep(_AGAIN)
            waited += _AGAIN
            second = await traffic(api, node)
    except ProbeError as error:
        hint = f"; {error.hint}" if error.cause is Cause.DENIED else ""
        return SafeText(f"{node:<32} {error.message}{hint}")
    if first is None or second is None:
        return SafeText(f"{node:<32} its kubelet does not count network")
    seconds = (second.at - first.at).total_seconds()
    if seconds <= 0:
        return SafeText(f"{node:<32} its kubelet has not counted anew in {within:g} s")
    received, sent = ((after - before) / seconds for before, after in
                      ((first.received, second.received), (first.sent, second.sent)))  # fmt: skip
    errors = f"  {second.errors:.0f} errors" if second.errors else ""
    return SafeText(f"{node:<32} {_rate(received):>14} {_rate(sent):>14}  {second.interface}{errors}")


def _rate(value: float) -> str:
    if value < 0:
        return "restarted"
    for unit in ("B/s", "KiB/s", "MiB/s"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B/s" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB/s"
