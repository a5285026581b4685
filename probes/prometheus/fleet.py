"""Hundreds of hosts from the series of their node exporters: nine questions for all of them, however many they are.

Formulas as the exporter's own mixin has them (https://github.com/prometheus/node_exporter/tree/master/docs/node-mixin):
memory by MemAvailable, disks by what is available to others than root, cpu by what is not idle. Rates are
measured against the exporter's own clock: where a window is not yet full, `rate` is too small, and an idle host would
look busy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from probes.base import SafeText
from probes.prometheus.api import Answer, Series
from probes.prometheus.facts import Host

MOST_HOSTS: Final = 2000
"""Hosts kept, the worst first."""
GAUGED: Final = 150
"""Hosts with gauges of their own, the worst first: history has room for a thousand gauges of a target."""
TRENDING: Final = 6 * 3600
"""Seconds over which the filling of disks is measured."""

_FILES: Final = 'fstype!~"tmpfs|ramfs|devtmpfs|overlay|squashfs|iso9660|autofs|nsfs|tracefs|fuse.lxcfs"'
_DEVICES: Final = 'device!~"lo|veth.*|docker.*|br-.*|cni.*|cali.*|flannel.*|virbr.*|tap.*|bond.*"'

_MATCHER: Final = re.compile(r'\s*[A-Za-z_]\w*\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"\s*', re.ASCII)


def good_matchers(text: str) -> bool:
    """True for label matchers as they stand between the braces of a selector.

    >>> good_matchers('job="node", env=~"prod|stage"'), good_matchers('job=node'), good_matchers('a="b"} or up{c="d"')
    (True, False, False)
    """
    at = 0
    while found := _MATCHER.match(text, at):
        at = found.end()
        if at == len(text):
            return True
        if text[at] != ",":
            return False
        at += 1
    return False


def jobs_question(matchers: str) -> str:
    """The jobs that scrape node exporters, also those of which every host has been down for less than an hour."""
    return f"count by (job) (last_over_time(node_uname_info{_in(matchers)}[1h]))"


def questions(matchers: str, jobs: Iterable[str], window: float) -> dict[str, str]:
    """The expressions by name; `window` in seconds is what rates are taken over."""
    base = _base(matchers, jobs)

    def m(*more: str) -> str:
        return _in(",".join((*base, *more)))

    span, by = f"[{max(1, round(window))}s]", "by (job, instance)"
    idle, files = m('mode="idle"'), m(_FILES)
    spent = f"avg {by} (rate(node_cpu_seconds_total{idle}{span}))"
    came = f"sum {by} (rate(node_network_receive_bytes_total{m(_DEVICES)}{span}))"
    went = f"sum {by} (rate(node_network_transmit_bytes_total{m(_DEVICES)}{span}))"
    told = f"node_time_seconds{m()}"
    passed = f"max {by} (rate(node_time_seconds{m()}{span}))"
    return {
        "up": f"min {by} (up{m()})",
        "cpu": f"clamp_min(1 - ({spent} / {passed} or {spent}), 0)",
        "load": f"max {by} (node_load1{m()}) / count {by} (node_cpu_seconds_total{idle})",
        "memory": f"1 - max {by} (node_memory_MemAvailable_bytes{m()}) / max {by} (node_memory_MemTotal_bytes{m()})",
        "disk": f"topk {by} (1, 1 - node_filesystem_avail_bytes{files} / (node_filesystem_size_bytes{files} > 0))",
        "received": f"{came} / {passed} or {came}",
        "sent": f"{went} / {passed} or {went}",
        "booted": f"time() - max {by} (node_boot_time_seconds{m()})",
        # the time of the sample; where there is none now, the exporter's own time in the last one of this hour
        "heard": f"time() - (max {by} (timestamp({told})) or max {by} (last_over_time({told}[1h])))",
    }


def filling_question(matchers: str, jobs: Iterable[str]) -> str:
    """Seconds until the first file system of each host is full: what is left by how fast it shrinks.

    Only where less than 40 % is left, as the exporter's own mixin has it: on an empty disk some writing means nothing.
    """
    which = _in(",".join((*_base(matchers, jobs), _FILES)))
    left = f"node_filesystem_avail_bytes{which}"
    lasts = f"{left} / -(deriv({left}[{TRENDING}s]) < 0)"
    return f"bottomk by (job, instance) (1, {lasts} and {left} / node_filesystem_size_bytes{which} < 0.4)"


def _base(matchers: str, jobs: Iterable[str]) -> list[str]:
    named = json.dumps("|".join(re.escape(job) for job in sorted(jobs)), ensure_ascii=False)
    return [part for part in (matchers.strip().rstrip(","), f"job=~{named}") if part]


def _in(matchers: str) -> str:
    return "{" + matchers + "}" if matchers else ""


@dataclass
class Fleet:
    """The hosts as they come out of the answers."""

    hosts: dict[tuple[str, str], Host] = field(default_factory=dict)

    def take(self, part: str, answer: Answer) -> None:
        """Take the answer to one question."""
        for series in answer.series:
            key = series.labels.get("job", ""), series.labels.get("instance", "")
            if part in ("up", "heard") and key not in self.hosts:
                self.hosts[key] = Host(SafeText(key[1], 200), SafeText(key[0], 100))
            if key in self.hosts:
                self.hosts[key] = _with(self.hosts[key], part, series)

    def worst_first(self) -> list[Host]:
        """All of them, those that are down or fullest first."""
        known = (host if host.up else _unknown(host) for host in self.hosts.values())
        return sorted(known, key=lambda host: (-host.trouble, host.instance, host.job))


def _unknown(host: Host) -> Host:
    """One that does not answer now: what rates and trends still say of it is of the past."""
    return Host(host.instance, host.job, host.up, heard=host.heard)


def _with(host: Host, part: str, series: Series) -> Host:
    value = series.value
    if value is None:
        return host
    if part == "up":
        return replace(host, up=value == 1)
    mount = SafeText(series.labels.get("mountpoint", ""), 100)
    if part == "disk":
        return replace(host, disk=value, mount=mount)
    if part == "full_in":
        return replace(host, full_in=value, full_mount=mount)
    if part == "heard":
        return replace(host, heard=max(0.0, value))
    changed: Mapping[str, float] = {part: value}
    return replace(host, **changed)  # type: ignore[arg-type]
