"""Draws a Prometheus server: the numbers asked of it, the hosts it watches, and what it says is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import amount, count, plural, ratio, span
from probes.base import Severity, Unit
from probes.prometheus.facts import Host, PrometheusFacts, RuleTrouble, ScrapeTarget, ServerAlert
from widgets.draw.marks import bar
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Member, Panel, Table, View
from widgets.tiles import GONE, ROWS, TILES, charts, strip

_EACH: Final = 4
"""Alerts, hosts and targets in trouble that get a line each on the overview."""
_LABEL: Final = 9
_SOON: Final = 10.0
"""Seconds within which a part of a reading is as new as the reading."""


def _share(value: float | None) -> str:
    return GONE if value is None else ratio(round(value, 3))


def _span(value: float | None) -> str:
    return GONE if value is None else span(value)


def _speed(value: float | None) -> str:
    return GONE if value is None else amount(value, Unit.BYTES_PER_SECOND)


def _load(value: float | None) -> str:
    return GONE if value is None else f"{value:.2f}"


def _cut(words: str, width: int) -> str:
    return fit(words, max(0, width)).text.rstrip()


def _worries(view: View[PrometheusFacts]) -> dict[tuple[str, str], Severity]:
    """The worst that is said of each host, by job and instance."""
    said: dict[tuple[str, str], Severity] = {}
    for worry in view.worries:
        labels = dict(worry.labels)
        key = labels.get("job", ""), labels.get("instance", "")
        said[key] = max(worry.severity, said.get(key, worry.severity))
    return said


def _sick(view: View[PrometheusFacts]) -> list[tuple[Host, Severity]]:
    """The hosts that something is wrong with, in the order of the facts: the worst first."""
    said = _worries(view)
    found = []
    for host in view.facts.hosts:
        severity = said.get((str(host.job), str(host.instance)))
        if severity is not None or host.up is False:
            found.append((host, severity or Severity.NOTICE))
    return found


def _host_words(host: Host) -> str:
    if not host.up:
        return f"{'down' if host.up is False else 'silent'}, {_heard(host)}"
    soon = f", {host.full_mount} full in {span(host.full_in)}" if host.full_in is not None else ""
    return (
        f"cpu {_share(host.cpu)}  load {_load(host.load)}  mem {_share(host.memory)}  "
        f"{host.mount or 'disk'} {_share(host.disk)}{soon}"
    )


def _heard(host: Host) -> str:
    return "not heard for an hour" if host.heard is None else f"last heard {span(host.heard)} ago"


def _host_line(host: Host, severity: Severity, width: int) -> Line:
    name = 24 if width >= 80 else 18
    words = _cut(_host_words(host), width - name - 3)
    return line(
        sign(severity), " ", fit(strong(host.instance), name), " ", toned(words, severity), key=host.key,
        severity=severity,
    )  # fmt: skip


def _member(host: Host, severity: Severity | None, port: str) -> Member:
    """A host as the wall shows it, without the port that all of them have."""
    name = str(host.instance).removesuffix(port)
    if host.up is False:
        return Member(name, severity or Severity.NOTICE, "DOWN", host.heard, trouble=host.trouble)
    if host.silent:
        return Member(name, severity, "SILENT", host.heard, trouble=host.trouble)
    soon = f"  full in {span(host.full_in)}" if host.full_in is not None else ""
    said = f"cpu {_share(host.cpu)}  mem {_share(host.memory)}  {host.mount or 'disk'} {_share(host.disk)}{soon}"
    return Member(name, severity, age=host.heard, said=said, trouble=host.trouble)


def _alert_line(alert: ServerAlert, width: int) -> Line:
    words = f"fires for {_span(alert.active_for)}" + (
        f"  {alert.summary or alert.on}" if alert.summary or alert.on else ""
    )
    return line(
        sign(alert.severity), " ", fit(strong(alert.name), 24), " ", _cut(words, width - 27), key=alert.key,
        severity=alert.severity,
    )  # fmt: skip


def _target_line(view: View[PrometheusFacts], one: ScrapeTarget, width: int) -> Line:
    severity = view.severity("target_down", instance=str(one.instance), job=str(one.job)) or Severity.NOTICE
    words = f"{one.health}: {one.error}" if one.error else str(one.health)
    return line(
        sign(severity), " ", fit(strong(f"{one.job} {one.instance}"), 24), " ", _cut(words, width - 27), key=one.key,
        severity=severity,
    )  # fmt: skip


def _firing(facts: PrometheusFacts) -> list[ServerAlert]:
    return [alert for alert in facts.alerts if alert.firing and alert.severity is not None]


def _lost(facts: PrometheusFacts) -> list[ScrapeTarget]:
    """Scrape targets that are down and no host of the fleet, which has a line of its own."""
    hosts = {(host.job, host.instance) for host in facts.hosts}
    return [one for one in facts.troubled if str(one.health) == "down" and (one.job, one.instance) not in hosts]


def _some(lines: Sequence[Line], many: int, what: str) -> list[Line]:
    left = many - len(lines)
    return [*lines, line(dim(f"  and {plural(left, f'more {what}')}"))] if left > 0 else list(lines)


def _host_tone(host: Host) -> Tone:
    if not host.up:
        return Tone.CRITICAL
    full = max(host.disk or 0.0, host.memory or 0.0)
    return Tone.WARNING if full > 0.9 else Tone.PLAIN


def _about_host(host: Host) -> Sequence[Line]:
    full = "not filling" if host.full_in is None else f"{host.full_mount} in {span(host.full_in)} if it goes on so"
    pairs = [
        ("instance", str(host.instance)),
        ("job", str(host.job)),
        (
            "up",
            {True: "yes", False: "no", None: "silent: it was scraped within the last hour, and is no longer"}[host.up],
        ),
        ("heard", f"{_span(host.heard)} ago"),
        ("cpu", f"{_share(host.cpu)} of all cores in use, waiting for disks included"),
        ("load", f"{_load(host.load)} for each core"),
        ("memory", f"{_share(host.memory)} not available"),
        ("disk", f"{_share(host.disk)} in use of {host.mount or GONE}, the fullest"),
        ("full", full),
        ("network", f"{_speed(host.received)} in, {_speed(host.sent)} out"),
        ("booted", f"{_span(host.booted)} ago"),
    ]
    return [line(dim(f"{name:<10}"), words) for name, words in pairs]


_HOSTS: Final[Table[PrometheusFacts, Host]] = Table(
    name="hosts",
    title="hosts",
    rows=lambda facts: facts.hosts,
    beyond=lambda facts: facts.more_hosts,
    key=lambda host: host.key,
    columns=(
        Column("instance", lambda host: host.instance, 26),
        Column("up", lambda host: {True: "up", False: "DOWN", None: "silent"}[host.up], 6, lambda host: host.up),
        Column("age", lambda host: _span(host.heard), 6, lambda host: host.heard, True, 74, True),
        Column("cpu", lambda host: _share(host.cpu), 6, lambda host: host.cpu, True, descending=True),
        Column("load", lambda host: _load(host.load), 6, lambda host: host.load, True, 78, True),
        Column("mem", lambda host: _share(host.memory), 6, lambda host: host.memory, True, descending=True),
        Column("disk", lambda host: _share(host.disk), 6, lambda host: host.disk, True, descending=True),
        Column("in", lambda host: _speed(host.received), 11, lambda host: host.received, True, 110, True),
        Column("out", lambda host: _speed(host.sent), 11, lambda host: host.sent, True, 110, True),
        Column("booted", lambda host: _span(host.booted), 7, lambda host: host.booted, True, 96),
        Column("full in", lambda host: _span(host.full_in), 7, lambda host: host.full_in, True, 88),
        Column("job", lambda host: host.job, 14, least=130),
        Column("fullest", lambda host: host.mount or GONE),
    ),
    empty="no hosts are asked for; set fleet = true to see those of the node exporters",
    tone=_host_tone,
    detail=_about_host,
)

_TARGETS: Final[Table[PrometheusFacts, ScrapeTarget]] = Table(
    name="targets",
    title="targets",
    rows=lambda facts: facts.troubled,
    key=lambda one: one.key,
    columns=(
        Column("job", lambda one: one.job, 16),
        Column("instance", lambda one: one.instance, 26),
        Column("state", lambda one: one.health, 8),
        Column("tried", lambda one: _span(one.scraped_ago), 8, lambda one: one.scraped_ago, True, 80),
        Column("what went wrong", lambda one: one.error or GONE),
    ),
    empty="every scrape target is up, as far as the server tells",
    tone=lambda one: Tone.CRITICAL if str(one.health) == "down" else Tone.DIM,
    detail=lambda one: [
        line(dim(f"{'job':<10}"), one.job),
        line(dim(f"{'instance':<10}"), one.instance),
        line(dim(f"{'address':<10}"), one.url),
        line(dim(f"{'state':<10}"), one.health, f", last tried {_span(one.scraped_ago)} ago"),
        line(dim(f"{'error':<10}"), one.error or GONE),
    ],
)

_ALERTS: Final[Table[PrometheusFacts, ServerAlert]] = Table(
    name="alerts",
    title="alerts",
    rows=lambda facts: facts.alerts,
    beyond=lambda facts: facts.more_alerts,
    key=lambda alert: alert.key,
    columns=(
        Column("alert", lambda alert: alert.name, 26),
        Column("state", lambda alert: alert.state, 8),
        Column("severity", lambda alert: alert.word or GONE, 10, lambda alert: -(alert.severity or 0)),
        Column("active", lambda alert: _span(alert.active_for), 8, lambda alert: alert.active_for, True),
        Column("what", lambda alert: alert.summary or alert.on or GONE),
    ),
    empty="the server's own rules raise no alert",
    tone=lambda alert: toned("", alert.severity).tone if alert.firing else Tone.DIM,
    detail=lambda alert: [
        line(dim(f"{'alert':<10}"), alert.name),
        line(dim(f"{'state':<10}"), alert.state, f", active for {_span(alert.active_for)}"),
        line(dim(f"{'severity':<10}"), alert.word or GONE),
        line(dim(f"{'value':<10}"), GONE if alert.value is None else f"{alert.value:g}"),
        line(dim(f"{'labels':<10}"), alert.on or GONE),
        line(dim(f"{'summary':<10}"), alert.summary or GONE),
    ],
)

_RULES: Final[Table[PrometheusFacts, RuleTrouble]] = Table(
    name="rules",
    title="failing rules",
    rows=lambda facts: facts.rule_troubles,
    key=lambda rule: rule.key,
    columns=(
        Column("group", lambda rule: rule.group, 20),
        Column("rule", lambda rule: rule.name, 26),
        Column("what went wrong", lambda rule: rule.error or GONE),
    ),
    empty="every rule of the server is evaluated, as far as it tells",
    tone=lambda rule: Tone.WARNING,
)


class PrometheusPanel(Panel[PrometheusFacts]):
    """One Prometheus server."""

    title = "METRICS"
    help = (
        "tiles: the expressions of [[prometheus.NAME.tile]], worked out by the server. Charts come from its memory.\n"
        "no data: the expression gives no series. NaN is no number either, often a share of nothing. Neither is zero.\n"
        "old: seconds since the sample was taken, for a plain selector; the server gives samples for five minutes.\n"
        "a limit with for: how long it has been beyond is read from the server's memory, so nobody waits again.\n"
        "hosts: all node exporters, by eight questions. cpu is what is not idle; disk is the fullest file system;\n"
        "full in: at the pace of the last six hours, where less than 40 % is left.\n"
        "alerts are those of the server's own rules; its label severity says how much they matter here."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (TILES, _HOSTS, _ALERTS, _TARGETS, _RULES, ROWS)

    def headline(self, view: View[PrometheusFacts]) -> Sequence[Part]:
        """Targets, hosts, alerts."""
        facts = view.facts
        parts: list[Part] = []
        if facts.up is not None and facts.down is not None:
            whole = f"{count(facts.up)} of {plural(facts.up + facts.down, 'target')} up"
            parts.append(toned(whole, view.severity("target_down") if facts.down else None))
        if facts.fleet:
            parts.append(toned(_up(facts), view.severity("host_up")))
        firing = _firing(facts)
        worst = max((alert.severity for alert in firing if alert.severity is not None), default=None)
        parts += [toned(f"{plural(len(firing), 'alert')} firing", worst)] if firing else []
        return parts

    def members(self, view: View[PrometheusFacts]) -> Sequence[Member]:
        """The hosts of the fleet."""
        said, hosts = _worries(view), view.facts.hosts
        ports = {str(host.instance).rpartition(":")[2] for host in hosts}
        same = f":{ports.pop()}" if len(ports) == 1 else ""
        return [_member(host, said.get((str(host.job), str(host.instance))), same) for host in hosts]

    def brief(self, view: View[PrometheusFacts], width: int) -> Sequence[Line]:
        """Tiles, then alerts, hosts and targets in trouble."""
        facts = view.facts
        firing, lost = _firing(facts), _lost(facts)
        sick = _sick(view)
        lines = strip(view, facts.tiles, width)
        lines += _some([_alert_line(alert, width) for alert in firing[:_EACH]], len(firing), "alert")
        lines += _some([_host_line(host, severity, width) for host, severity in sick[:_EACH]], len(sick), "host")
        lines += _some([_target_line(view, one, width) for one in lost[:_EACH]], len(lost), "target")
        if not lines:
            lines.append(line(dim(_cut(f"{view.name}: no tile is asked for, nothing is wrong", width))))
        return lines

    def head(self, view: View[PrometheusFacts], width: int) -> Sequence[Line]:
        """Charts of the tiles, the fleet in one line, the server itself."""
        return [*charts(view, view.facts.tiles, width), *self.more(view, width)]

    def more(self, view: View[PrometheusFacts], width: int) -> Sequence[Line]:
        """The fleet and the server: the tiles have been shown."""
        facts = view.facts
        lines = [self._fleet(facts, width)] if facts.fleet else []
        lines.append(line(dim(fit("server", _LABEL).text), _cut(_server(facts), width - _LABEL)))
        if facts.server.config_ok is False:
            words = "its last configuration could not be loaded: it goes on with an older one"
            lines.append(line(dim(fit("config", _LABEL).text), Span(_cut(words, width - _LABEL), Tone.WARNING)))
        if facts.server.top_metrics:
            most = ", ".join(f"{name} {count(many)}" for name, many in facts.server.top_metrics[:4])
            lines.append(line(dim(fit("most", _LABEL).text), _cut(f"series: {most}", width - _LABEL)))
        return lines

    def _fleet(self, facts: PrometheusFacts, width: int) -> Line:
        many = len(facts.hosts) + facts.more_hosts
        up = many - facts.hosts_down - facts.hosts_silent
        words = _up(facts)
        words += _median("cpu", [host.cpu for host in facts.hosts])
        words += _median("memory", [host.memory for host in facts.hosts])
        words += _median("disk", [host.disk for host in facts.hosts])
        filled = Span(bar(up / many if many else None, 10), Tone.CHART)
        return line(dim(fit("hosts", _LABEL).text), filled, "  ", _cut(words, width - _LABEL - 12))


def _up(facts: PrometheusFacts) -> str:
    """How many hosts are up, and how many are silent."""
    if not facts.hosts_known:
        return "hosts not known"
    many = len(facts.hosts) + facts.more_hosts
    silent = f", {count(facts.hosts_silent)} silent" if facts.hosts_silent else ""
    return f"{count(many - facts.hosts_down - facts.hosts_silent)} of {plural(many, 'host')} up{silent}"


def _median(name: str, values: Sequence[float | None]) -> str:
    known = sorted(value for value in values if value is not None)
    return f"   {name} half under {_share(known[len(known) // 2])}, most {_share(known[-1])}" if known else ""


def _server(facts: PrometheusFacts) -> str:
    server = facts.server
    parts = [
        f"Prometheus {server.version}" if server.version else "a server that tells no version",
        f"at {facts.where}",
    ]
    parts += [f"up {span(server.uptime)}"] if server.uptime is not None else []
    parts += [f"keeps {server.retention}"] if server.retention else []
    parts += [f"{count(server.series)} series"] if server.series is not None else []
    if facts.rules is not None:
        ago = (facts.read_ago or {}).get("rules", 0.0)
        parts.append(plural(facts.rules, "rule") + (f", read {span(ago)} ago" if ago >= _SOON else ""))
    skew = facts.skew
    if skew is not None and abs(skew) > 2:
        parts.append(f"its clock is {span(abs(skew))} {'ahead' if skew > 0 else 'behind'}")
    return "  ".join(parts)
