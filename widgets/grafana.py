"""What a Grafana looks like: what fires, what fired last night, which rules guard nothing, whom it can ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import count, plural, span
from probes.alerting.facts import Dashboard, DataSource, Fired, GrafanaFacts, RuleState
from probes.base import Severity
from widgets.alerts import ALERTS, GONE, SILENCES, clock_line, counted, moment, rows, since
from widgets.lines import Line, Part, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View


def _until(one: Fired) -> str:
    return f"{one.until:%H:%M:%S}" if one.until else "still"


def _lasted(one: Fired) -> float | None:
    return (one.until - one.at).total_seconds() if one.until else None


def _of(one: Fired) -> Sequence[Line]:
    pairs: list[tuple[str, Part]] = [
        ("alert", strong(one.name)),
        ("state", one.state),
        ("from", moment(one.at)),
        ("until", moment(one.until) if one.until else "it has not been normal since"),
        ("said", one.text or GONE),
    ]
    return [line(dim(f"{name:<7}"), words) for name, words in pairs]


def _rule(one: RuleState) -> Sequence[Line]:
    pairs: list[tuple[str, Part]] = [
        ("rule", strong(one.name)),
        ("group", one.group),
        ("state", one.state or GONE),
        ("health", one.health or GONE),
        ("error", one.error or "none"),
        ("instances", count(one.alerts)),
        ("evaluated", f"{since(one.evaluated)} ago" if one.evaluated is not None else GONE),
    ]
    return [line(dim(f"{name:<10}"), words) for name, words in pairs]


def _health(one: DataSource) -> str:
    return {True: "answers", False: "FAILS", None: "not checked"}[one.well]


FIRED: Final[Table[GrafanaFacts, Fired]] = Table(
    name="fired",
    title="last night",
    rows=lambda facts: facts.fired,
    key=lambda one: one.key,
    columns=(
        Column("from", lambda one: f"{one.at:%m-%d %H:%M:%S}", 14, lambda one: one.at, descending=True),
        Column("until", _until, 8, lambda one: one.until),
        Column("lasted", lambda one: GONE if (long := _lasted(one)) is None else span(long), 6, _lasted, True),
        Column("state", lambda one: one.state, 9, least=70),
        Column("alert", lambda one: one.name, 28),
        Column("labels and values", lambda one: one.text or GONE),
    ),
    empty="nothing fired",
    tone=lambda one: Tone.PLAIN if one.until else Tone.WARNING,
    detail=_of,
    looks=("fired",),
)

RULES: Final[Table[GrafanaFacts, RuleState]] = Table(
    name="rules",
    title="rules",
    rows=lambda facts: facts.rules,
    key=lambda one: one.key,
    columns=(
        Column("rule", lambda one: one.name, 28),
        Column("state", lambda one: one.state or GONE, 8),
        Column("health", lambda one: one.health or GONE, 7),
        Column("alerts", lambda one: count(one.alerts), 6, lambda one: one.alerts, True, 70, True),
        Column("evaluated", lambda one: since(one.evaluated), 9, lambda one: one.evaluated, True, 90),
        Column("group", lambda one: one.group, 30, least=110),
        Column("error", lambda one: one.error or GONE),
    ),
    empty="no rule fires, pends or fails",
    tone=lambda one: Tone.CRITICAL if one.health == "error" else Tone.WARNING if one.health == "nodata" else Tone.PLAIN,
    detail=_rule,
)

SOURCES: Final[Table[GrafanaFacts, DataSource]] = Table(
    name="sources",
    title="data sources",
    rows=lambda facts: facts.sources,
    key=lambda one: one.uid,
    columns=(
        Column("data source", lambda one: one.name, 28),
        Column("type", lambda one: one.type, 16),
        Column("health", _health, 11),
        Column("said", lambda one: one.said or GONE),
    ),
    empty="no data source may be seen",
    tone=lambda one: Tone.CRITICAL if one.well is False else Tone.PLAIN,
)

DASHBOARDS: Final[Table[GrafanaFacts, Dashboard]] = Table(
    name="dashboards",
    title="dashboards",
    rows=lambda facts: facts.dashboards,
    key=lambda one: one.name,
    columns=(Column("dashboard", lambda one: one.name, 28), Column("address, to copy", lambda one: one.address)),
    empty="the profile names no dashboard",
    detail=lambda one: (line(dim("address "), one.address),),
)


class GrafanaPanel(Panel[GrafanaFacts]):
    """Draws a Grafana."""

    title = "ALERTS"
    help = (
        "Alerts and silences are those of Grafana's own Alertmanager (unified alerting).\n"
        "last night: changes of state that Grafana keeps as annotations, as many hours back as the\n"
        "profile's fired_hours; one without an end has not been normal since.\n"
        "rules: those that fire, pend or fail; a rule with error or no data guards nothing.\n"
        "data sources: whether they answer Grafana, by its own check, each asked every five minutes.\n"
        "Grafana has no acknowledge. What the service account may not read is said as missing."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (ALERTS, FIRED, SILENCES, RULES, SOURCES, DASHBOARDS)

    def headline(self, view: View[GrafanaFacts]) -> Sequence[Part]:
        """How many fire by severity, how many are silent, how many fired last night."""
        fired = view.snapshot.gauge("fired_recently")
        night = [dim(f"{count(fired)} fired in {view.facts.fired_hours:g} h")] if fired is not None else []
        return (*counted(view), *night)

    def brief(self, view: View[GrafanaFacts], width: int) -> Sequence[Line]:
        """What is wrong with Grafana itself, then the alerts that fire, the worst first."""
        return (*_troubles(view, width), *rows(view, width))

    def head(self, view: View[GrafanaFacts], width: int) -> Sequence[Line]:
        """The server, its rules and its data sources."""
        facts = view.facts
        rules = GONE if facts.rule_count is None else plural(facts.rule_count, "alert rule")
        asked = [one for one in facts.sources if one.well is not None]
        well = f"{sum(one.well is True for one in asked)} of {plural(len(asked), 'checked data source')} answer"
        said = f"Grafana {facts.version}  database {facts.database or GONE}  {rules}  {well}"
        return (line(fit(said, width).text.rstrip()), *_troubles(view, width), *clock_line(facts))


def _troubles(view: View[GrafanaFacts], width: int) -> list[Line]:
    facts = view.facts
    said: list[tuple[str, Severity, str]] = []
    if facts.database == "failing":
        said.append(("it does not reach its own database", Severity.CRITICAL, ""))
    for one in [one for one in facts.sources if one.well is False][:3]:
        said.append((f"data source {one.name} fails: {one.said}", Severity.WARNING, one.uid))
    for rule in [one for one in facts.rules if one.health in ("error", "nodata")][:3]:
        why = rule.error or "its query finds no data"
        said.append((f"rule {rule.name} guards nothing: {why}", Severity.WARNING, rule.key))
    return [
        line(
            sign(severity),
            " ",
            toned(fit(words, max(8, width - 2)).text.rstrip(), severity),
            key=key,
            severity=severity,
        )
        for words, severity, key in said
    ]
