"""From an alert to its procedure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from desk.alert import Alert
from desk.runbook.book import Part, Phase, Procedure, Runbook, Step, StepKind, Threshold
from desk.runbook.matching import How, procedures_for
from probes.base import Handling, Severity


def procedure(line: int, title: str, *symptoms: str, menu: bool = False) -> Procedure:
    steps = tuple(Step(line + 1, line + 1, StepKind.NOTE, one) for one in symptoms)
    return Procedure(line, line + 9, title, 2, (Part(line, "Symptoms", Phase.SYMPTOMS, steps),), menu)


BOOK = Runbook(
    "ops/RUNBOOK.md",
    "0" * 64,
    procedures=(
        procedure(10, "3. Critical: Queue Backup (5 min)", "Messages pile up"),
        procedure(20, "Database connection issues", "Clients are turned away"),
        procedure(30, "High memory usage"),
        procedure(40, "Slow answers"),
        procedure(50, "Useful queue commands", menu=True),
    ),
    thresholds=(Threshold(45, "p95 response time", ">", 2.0, "s"),),
)


def alert(rule: str, gauge: str = "", target: str = "x", said: str = "", **handling: object) -> Alert:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    return Alert(target, rule, Severity.WARNING, gauge, (), said, 0.0, now, handling=Handling(**handling))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "Queue Backup",
        "queue-backup",
        "3. Critical: Queue Backup (5 min)",
        "RUNBOOK.md#queue-backup",
        "ops/RUNBOOK.md:12",
    ],
)
def test_a_procedure_that_the_rule_names_is_found_however_it_is_written(name: str) -> None:
    (found,) = procedures_for(alert("deep", procedure=name), [BOOK])
    assert (found.procedure.line, found.how) == (10, How.LINK)


def test_a_name_of_another_file_and_an_address_elsewhere_are_not_guessed() -> None:
    assert procedures_for(alert("zzz", procedure="OTHER.md#queue-backup"), [BOOK]) == []
    assert procedures_for(alert("zzz", procedure="https://wiki.example/queue-backup"), [BOOK]) == []


def test_without_a_link_its_own_name_counts_and_then_its_aliases() -> None:
    assert procedures_for(alert("high-memory-usage"), [BOOK])[0].how is How.NAME
    (found,) = procedures_for(alert("deep", aliases=("Queue backup",)), [BOOK])
    assert (found.how, found.why) == (How.ALIAS, "the alert is also called Queue backup")


@pytest.mark.parametrize(
    ("rule", "gauge", "target", "line", "shared"),
    [
        ("backlog", "depth", "jobs", 10, "queue"),
        ("many-clients", "connections", "postgres", 20, "connection"),
        ("latency", "p95_seconds", "api", 40, "slow"),
        ("MemoryPressure", "memory_used_ratio", "host", 30, "memory"),
    ],
)
def test_what_is_alike_is_offered_with_the_reason(rule: str, gauge: str, target: str, line: int, shared: str) -> None:
    found = procedures_for(alert(rule, gauge, target), [BOOK])
    assert (found[0].procedure.line, found[0].how) == (line, How.ALIKE)
    assert shared in found[0].why


def test_nothing_is_offered_for_what_nothing_is_like_and_never_a_sheet_of_commands() -> None:
    assert procedures_for(alert("certificate-expires", "days_left", "web"), [BOOK]) == []
    assert all(not one.procedure.menu for one in procedures_for(alert("queue", "depth"), [BOOK]))
