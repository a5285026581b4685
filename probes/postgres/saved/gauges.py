"""Which numbers of saved queries everybody may use; a limit written beside a query is a rule of that one target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from probes.base import WRITTEN, GaugeKey, Gauges, GaugeSpec, Handling, Missing, Rule, Severity, Unit
from probes.postgres.saved.facts import SqlFacts
from probes.postgres.saved.settings import QuerySettings

BLIND: Final = 300.0
"""Seconds without a number after which a query with a limit raises an alert of its own: it guards nothing."""
_NAMED: Final = 50
"""Rows of one query that become gauges."""

SPECS: Final[tuple[GaugeSpec, ...]] = (
    GaugeSpec("value", "The number of a saved query, in its base unit."),
    GaugeSpec("rows", "Rows a saved query answered with."),
    GaugeSpec("took_seconds", "Time the server needed for a saved query.", Unit.SECONDS, better="low"),
    GaugeSpec("no_data_seconds", "How long a query that has a limit has had no number.", Unit.SECONDS, better="low"),
    GaugeSpec("failed", "1 for a query that was not answered, labelled with the fault.", better="low"),
    GaugeSpec("slowed_seconds", "Time between two askings of a query that is asked more rarely.", Unit.SECONDS),
    GaugeSpec("power", "1 for each thing our role may do that no saved query needs.", better="low"),
)

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        name="no-data", gauge="no_data_seconds", op=">", threshold=BLIND, severity=Severity.WARNING,
        missing=Missing.CLEAR,
        say="{query} has had no number for {value}: its limit sees nothing",
    ),
    Rule(
        name="failed", gauge="failed", op=">", threshold=0, severity=Severity.NOTICE, missing=Missing.CLEAR,
        say="{query} was not answered: {fault}",
    ),
    Rule(
        name="power", gauge="power", op=">", threshold=0, severity=Severity.NOTICE, missing=Missing.CLEAR,
        say="our role may do more than a saved query needs: {power}; see contrib/postgres/saved.sql",
    ),
)  # fmt: skip


def gauge_of(name: str) -> str:
    """The gauge that a query's limits look at."""
    return f"query_{name}"


def limit_specs(queries: Mapping[str, QuerySettings]) -> tuple[GaugeSpec, ...]:
    """The gauges that the limits of these queries look at, and of every query in which unit its number is."""
    found = []
    for name, query in queries.items():
        number = str(GaugeKey("value", (("query", name),)))
        found.append(GaugeSpec(number, f"{query.label(name)}: the number of a saved query.", query.base))
        if query.limits:
            better: Literal["low", "high"] = "low" if query.when == "above" else "high"
            words = f"{query.label(name)}: the number of a saved query."
            found.append(GaugeSpec(gauge_of(name), words, query.base, better=better))
    return tuple(found)


def limit_rules(queries: Mapping[str, QuerySettings]) -> tuple[Rule, ...]:
    """The rules that the limits of these queries are."""
    rules = []
    for name, query in queries.items():
        title = query.label(name).replace("{", "{{").replace("}", "}}")
        for severity, limit in query.limits:
            rules.append(
                Rule(
                    name=f"{name}-{severity.name.lower()}",
                    gauge=gauge_of(name),
                    op=">" if query.when == "above" else "<",
                    threshold=limit,
                    severity=severity,
                    say=f"{title} of {{of}} is {{value}}, limit {{limit}}"
                    if query.by
                    else f"{title} is {{value}}, limit {{limit}}",
                    hold=query.lasts,
                    handling=Handling(origin=WRITTEN),
                )
            )
    return tuple(rules)


def measured(facts: SqlFacts) -> Gauges:
    """The gauges of a reading."""
    gauges = Gauges()
    for query in facts.queries:
        limited = query.warn is not None or query.critical is not None
        for row in query.rows[:_NAMED]:
            of = {"of": row.of}
            gauges.put("value", row.value, query=query.name, **of)
            if limited:
                gauges.put(gauge_of(query.name), row.value, **of)
        if not query.by:
            gauges.put("value", query.value, query=query.name)
            if limited:
                gauges.put(gauge_of(query.name), query.value)
        gauges.put("rows", query.count, query=query.name)
        gauges.put("took_seconds", query.took, query=query.name)
        if limited:
            gauges.put("no_data_seconds", query.blind, query=query.title)
        if query.fault:
            gauges.put("failed", 1, query=query.title, fault=query.fault)
        if query.slowed:
            gauges.put("slowed_seconds", query.every, query=query.name)
    for power in facts.powers:
        gauges.put("power", 1, power=power)
    return gauges
