"""The numbers a Prometheus server gives beside its tiles, and the rules that stand on them by default."""

from __future__ import annotations

from typing import Final

from probes.base import Capacity, Gauges, GaugeSpec, Rule, Severity, Unit
from probes.prometheus import tiles
from probes.prometheus.facts import Host, PrometheusFacts
from probes.prometheus.fleet import GAUGED

MOST_ALERTS: Final = 100
"""Firing alerts of the server that have a gauge each."""
MOST_TROUBLES: Final = 50
"""Scrape targets, and rules, that become alerts here."""
_DAY: Final = 86400.0

SPECS: Final[tuple[GaugeSpec, ...]] = (
    *tiles.SPECS,
    GaugeSpec("targets_up", "Scrape targets whose last scrape went well.", better="high"),
    GaugeSpec("targets_down", "Scrape targets whose last scrape failed.", better="low"),
    GaugeSpec("target_down", "1 for a scrape target that is down; hosts of the fleet are told apart.", better="low"),
    GaugeSpec("alert_critical_seconds", "How long an alert of the server whose severity is critical or page has been "
              "active, while it fires.", Unit.SECONDS, better="low"),
    GaugeSpec("alert_warning_seconds", "How long any other alert of the server has been active, while it fires.",
              Unit.SECONDS, better="low"),
    GaugeSpec("rule_failing", "1 for a rule of the server that can't be evaluated.", better="low"),
    GaugeSpec("config_ok", "0 when the last reload of the server's configuration failed.", better="high"),
    GaugeSpec("head_series", "Series in the server's head block."),
    GaugeSpec("clock_skew_seconds", "How far the server's clock is from ours, either way.", Unit.SECONDS, better="low"),
    GaugeSpec("hosts", "Hosts of the fleet."),
    GaugeSpec("hosts_down", "Hosts of the fleet that are down.", better="low"),
    GaugeSpec("hosts_silent", "Hosts scraped within the last hour and no longer: taken away, or nothing comes of them.",
              better="low"),
    GaugeSpec("host_up", "1 when the last scrape of a host went well, 0 when not.", better="high"),
    GaugeSpec("host_cpu_used_ratio", "Share of a host's cores in use.",
              Unit.RATIO, better="low", capacity=Capacity.LOAD),
    GaugeSpec("host_load_per_core", "Load of the last minute for each core of a host.", better="low"),
    GaugeSpec("host_memory_used_ratio", "Share of a host's memory that is not available.",
              Unit.RATIO, better="low", capacity=Capacity.USED),
    GaugeSpec("host_disk_used_ratio", "Share in use of a host's fullest file system.",
              Unit.RATIO, better="low", capacity=Capacity.USED),
    GaugeSpec("host_disk_full_in_seconds", "Until the first file system of a host is full, if it goes on as in the "
              "last six hours.", Unit.SECONDS, better="high"),
)  # fmt: skip

RULES: Final[tuple[Rule, ...]] = (
    *tiles.RULES,
    Rule(
        name="host-down",
        gauge="host_up",
        op="==",
        threshold=0.0,
        severity=Severity.CRITICAL,
        consecutive=2,
        say="{instance} is down: its node exporter can't be scraped",
    ),
    Rule(
        name="host-disk-full",
        gauge="host_disk_used_ratio",
        op=">",
        threshold=0.97,
        clear=0.95,
        severity=Severity.CRITICAL,
        say="{instance} has {mount} {value} full",
    ),
    Rule(
        name="host-disk",
        gauge="host_disk_used_ratio",
        op=">",
        threshold=0.9,
        clear=0.88,
        severity=Severity.WARNING,
        say="{instance} has {mount} {value} full",
    ),
    Rule(
        name="host-disk-soon",
        gauge="host_disk_full_in_seconds",
        op="<",
        threshold=_DAY,
        severity=Severity.WARNING,
        consecutive=2,
        say="{instance} has {mount} full in {value} if it goes on so",
    ),
    Rule(
        name="host-memory",
        gauge="host_memory_used_ratio",
        op=">",
        threshold=0.95,
        clear=0.92,
        severity=Severity.WARNING,
        hold=30.0,
        say="{instance} uses {value} of its memory",
    ),
    Rule(
        name="host-load",
        gauge="host_load_per_core",
        op=">",
        threshold=4.0,
        clear=3.0,
        severity=Severity.NOTICE,
        hold=120.0,
        say="{instance} has a load of {value} for each core",
    ),
    Rule(
        name="target-down",
        gauge="target_down",
        op=">",
        threshold=0.0,
        severity=Severity.WARNING,
        consecutive=2,
        say="{instance} of job {job} can't be scraped: its numbers are missing",
    ),
    Rule(
        name="rule-failing",
        gauge="rule_failing",
        op=">",
        threshold=0.0,
        severity=Severity.WARNING,
        consecutive=2,
        say="rule {rule} of group {group} can't be evaluated: what it watches is not watched",
    ),
    Rule(
        name="config-not-loaded",
        gauge="config_ok",
        op="==",
        threshold=0.0,
        severity=Severity.WARNING,
        say="its last configuration could not be loaded: it goes on with an older one",
    ),
    Rule(
        name="clock",
        gauge="clock_skew_seconds",
        op=">",
        threshold=30.0,
        severity=Severity.NOTICE,
        consecutive=3,
        say="its clock differs from ours by {value}",
    ),
)


def measured(facts: PrometheusFacts) -> Gauges:
    """The gauges of one reading; those of the tiles first, since history has room for so many."""
    gauges = Gauges()
    tiles.put_tiles(gauges, facts.tiles)
    gauges.put("targets_up", facts.up)
    gauges.put("targets_down", facts.down)
    gauges.put("head_series", facts.server.series)
    gauges.put("config_ok", None if facts.server.config_ok is None else float(facts.server.config_ok))
    gauges.put("clock_skew_seconds", None if facts.skew is None else abs(facts.skew))
    _put_troubles(gauges, facts)
    if facts.fleet and facts.hosts_known:
        gauges.put("hosts", len(facts.hosts) + facts.more_hosts)
        gauges.put("hosts_down", facts.hosts_down)
        gauges.put("hosts_silent", facts.hosts_silent)
        for host in facts.hosts[:GAUGED]:
            _put_host(gauges, host)
    return gauges


def _put_troubles(gauges: Gauges, facts: PrometheusFacts) -> None:
    hosts = {(host.job, host.instance) for host in facts.hosts}
    down = [one for one in facts.troubled if str(one.health) == "down" and (one.job, one.instance) not in hosts]
    for one in down[:MOST_TROUBLES]:
        gauges.put("target_down", 1.0, instance=one.instance, job=one.job)
    for alert in [one for one in facts.alerts if one.firing and one.severity is not None][:MOST_ALERTS]:
        name = "alert_critical_seconds" if alert.severity is Severity.CRITICAL else "alert_warning_seconds"
        on = f" on {alert.on}" if alert.on else ""
        gauges.put(name, alert.active_for or 0.0, alert=alert.name, on=on)
    for rule in facts.rule_troubles[:MOST_TROUBLES]:
        gauges.put("rule_failing", 1.0, group=rule.group, rule=rule.name)


def _put_host(gauges: Gauges, host: Host) -> None:
    gauges.put("host_up", None if host.up is None else float(host.up), instance=host.instance, job=host.job)
    if not host.up:
        return
    gauges.put("host_cpu_used_ratio", host.cpu, instance=host.instance, job=host.job)
    gauges.put("host_load_per_core", host.load, instance=host.instance, job=host.job)
    gauges.put("host_memory_used_ratio", host.memory, instance=host.instance, job=host.job)
    gauges.put("host_disk_used_ratio", host.disk, instance=host.instance, job=host.job, mount=host.mount)
    gauges.put("host_disk_full_in_seconds", host.full_in, instance=host.instance, job=host.job, mount=host.full_mount)
