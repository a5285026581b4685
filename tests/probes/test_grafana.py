"""Reading a Grafana, as its documents say it answers: Grafana itself can't be had from Debian or PyPI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from probes.alerting.facts import GrafanaFacts
from probes.alerting.grafana import GrafanaProbe, GrafanaSettings
from probes.alerting.history import fired
from probes.alerting.rulestates import rule_states
from probes.base import Cause, Context, ProbeError, Severity, Snapshot, Target
from tests.probes.fakegrafana import FakeGrafana, alert, changed, fake_grafana

TOKEN = "a-test-password"
HOUR = 3600.0


class Words:
    """Gives every reference the one token."""

    def resolve(self, reference: str) -> str:
        return TOKEN


@pytest.fixture
def server() -> Iterator[FakeGrafana]:
    with fake_grafana() as made:
        made.token = TOKEN
        yield made


@asynccontextmanager
async def probing(server: FakeGrafana, **settings: Any) -> AsyncIterator[tuple[GrafanaProbe, list[float]]]:
    clock = [1000.0]
    made = GrafanaSettings.model_validate({"url": server.url, "token": "env:T", "timeout": 3} | settings)
    context = replace(Context(Words()), monotonic=lambda: clock[0])
    probe = GrafanaProbe(Target("board", "grafana", made), context)
    try:
        yield probe, clock
    finally:
        await probe.close()
        await probe.close()


async def reading(server: FakeGrafana, **settings: Any) -> Snapshot[GrafanaFacts]:
    async with probing(server, **settings) as (probe, _):
        return await probe.read()


def now() -> float:
    return datetime.now(UTC).timestamp()


def rule(name: str, state: str = "inactive", health: str = "ok", **more: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "health": health, "type": "alerting", "query": "x", "labels": {}} | more


async def test_health_alerts_silences_rules_and_sources_are_read(server: FakeGrafana) -> None:
    server.alerts = [
        alert("High errors", severity="critical", pod="web-1"),
        alert("Slow", state="suppressed", severity="warning"),
    ]
    server.silences = [
        {
            "id": "5f8a2a7e-0000-4000-8000-000000000001",
            "status": {"state": "active"},
            "updatedAt": "2026-03-01T03:00:00.000Z",
            "comment": "opsroom act x",
            "createdBy": "anna",
            "startsAt": "2026-03-01T03:00:00.000Z",
            "endsAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
            "matchers": [{"isEqual": True, "isRegex": False, "name": "alertname", "value": "Slow"}],
        }
    ]
    server.groups = [
        {
            "name": "every minute",
            "file": "shop",
            "rules": [
                rule("High errors", "firing", alerts=[{"state": "Alerting"}, {"state": "Normal"}]),
                rule("Broken", health="error", lastError="no such \x1b[2J source"),
                rule("Empty", health="nodata"),
                rule("Fine"),
                rule("Record", type="recording"),
            ],
        }
    ]
    found = await reading(server, dashboards={"errors": "abc", "wall": "https://x.example/d/1"})
    facts = found.facts
    assert (str(facts.version), facts.database) == ("11.4.0", "ok")
    assert [str(one.name) for one in facts.alerts] == ["High errors", "Slow"]
    assert facts.alerts[0].severity is Severity.CRITICAL
    assert facts.alerts[0].where == "pod=web-1"
    assert facts.silences[0].silences == 1
    assert [(str(one.name), one.state, one.health) for one in facts.rules] == [
        ("High errors", "firing", "ok"),
        ("Broken", "inactive", "error"),
        ("Empty", "inactive", "nodata"),
    ]
    assert facts.rules[0].alerts == 1
    assert str(facts.rules[1].error) == "no such ^[[2J source"
    assert facts.rule_count == 4
    assert [(one.name, one.address) for one in facts.dashboards] == [
        ("errors", f"{server.url}/d/abc"),
        ("wall", "https://x.example/d/1"),
    ]
    gauges = {str(key): value for key, value in found.gauges.items()}
    assert gauges['critical_alerts{alert="High errors"}'] == 1
    assert gauges['rules{state="firing"}'] == 1
    assert gauges["rules_failing"] == 2
    assert gauges["database_ok"] == gauges["silences_active"] == 1
    assert gauges["fired_recently"] == 0
    assert found.gaps == ()
    assert {method for method, _ in server.asked} == {"GET"}


async def test_what_fired_last_night_is_told_with_its_end(server: FakeGrafana) -> None:
    at = now()
    server.annotations = [
        changed(9, at - 1 * HOUR, "Alerting", "Pending"),
        changed(6, at - 2 * HOUR, "Normal", "Alerting"),
        changed(4, at - 3 * HOUR, "Alerting (Error)", "Pending"),
        changed(3, at - 4 * HOUR, "Pending", "Normal"),
        changed(1, at - 30 * HOUR, "Alerting", "Normal"),
    ]
    found = await reading(server)
    first, second = found.facts.fired
    assert (first.until, str(first.name), str(first.state)) == (None, "High errors", "Alerting")
    assert second.until is not None
    assert abs(second.until.timestamp() - (at - 2 * HOUR)) < 0.01
    assert str(second.text) == "{alertname=High errors, pod=web-0} - B=4.000000"
    assert found.gauge("fired_recently") == 2
    wide = await reading(server, fired_hours=48)
    assert wide.gauge("fired_recently") == 3


async def test_the_checklist_can_take_a_closer_look(server: FakeGrafana) -> None:
    server.annotations = [changed(9, now() - HOUR, "Alerting", "Normal", name="Disk \x1b[2J full")]
    async with probing(server) as (probe, _):
        assert [look.name for look in probe.looks()] == ["fired"]
        sheet = await probe.look("fired", "")
        assert len(sheet.lines) == 1
        assert "still" in str(sheet.lines[0])
        assert "Disk ^[[2J full" in str(sheet.lines[0])
        server.annotations = []
        assert [str(one) for one in (await probe.look("fired", "")).lines] == ["nothing fired"]
        with pytest.raises(ProbeError):
            await probe.look("logs", "")


async def test_what_may_not_be_read_is_a_gap_with_the_right_that_is_missing(server: FakeGrafana) -> None:
    server.denied = {"/v2/silences", "/v1/rules", "/annotations", "/datasources"}
    found = await reading(server)
    gaps = {gap.part: (gap.cause, str(gap.hint)) for gap in found.gaps}
    assert gaps == {
        "silences": (Cause.DENIED, "the service account needs alert.silences:read"),
        "alert rules": (Cause.DENIED, "the service account needs alert.rules:read"),
        "alerts of last night": (Cause.DENIED, "the service account needs annotations:read"),
        "data sources": (Cause.DENIED, "the service account needs datasources:read"),
    }
    names = {key.name for key in found.gauges}
    assert not names & {"silences_active", "rules", "rules_failing", "fired_recently", "source_failing"}
    assert found.facts.rule_count is None
    assert found.gauge("alerts_held") == 1


@pytest.mark.parametrize("part", ["/v1/rules", "/annotations", "/datasources"])
async def test_a_part_that_breaks_or_hangs_costs_itself_only(server: FakeGrafana, part: str) -> None:
    server.broken = {part}
    found = await reading(server)
    assert [gap.cause for gap in found.gaps] == [Cause.OVERLOADED]
    server.broken, server.slow = set(), {part}
    found = await reading(server, timeout=1)
    assert [gap.cause for gap in found.gaps] == [Cause.TIMEOUT_READ]
    assert found.gauge("alerts_held") == 1


async def test_a_part_that_broke_is_asked_for_again_in_the_next_reading(server: FakeGrafana) -> None:
    server.broken = {"/v1/rules", "/annotations", "/datasources"}
    async with probing(server) as (probe, _):
        assert len((await probe.read()).gaps) == 3
        server.broken = set()
        assert (await probe.read()).gaps == ()


async def test_alerts_that_may_not_be_read_are_a_failure_that_names_the_right(server: FakeGrafana) -> None:
    server.denied = {"/v2/alerts"}
    with pytest.raises(ProbeError) as caught:
        await reading(server)
    assert caught.value.cause is Cause.DENIED
    assert "alert.instances:read" in str(caught.value.hint)


async def test_a_token_that_is_not_taken_is_a_failure_without_the_token(server: FakeGrafana) -> None:
    server.token = "another"
    with pytest.raises(ProbeError) as caught:
        await reading(server)
    assert caught.value.cause is Cause.AUTH
    assert "does not take our login" in str(caught.value.message)
    assert TOKEN not in f"{caught.value.message} {caught.value.hint}"


async def test_a_grafana_without_unified_alerting_is_unsupported(server: FakeGrafana) -> None:
    server.gone = {"/api/alertmanager"}
    with pytest.raises(ProbeError) as caught:
        await reading(server)
    assert caught.value.cause is Cause.MISSING
    assert "unified alerting (9 or newer)" in str(caught.value.message)


async def test_a_database_that_fails_is_critical_and_the_rest_is_read(server: FakeGrafana) -> None:
    server.database = "failing"
    found = await reading(server)
    assert found.facts.database == "failing"
    assert found.gauge("database_ok") == 0
    assert found.gauge("alerts_held") == 1


async def test_data_sources_are_checked_a_few_at_a_time_and_not_again_at_once(server: FakeGrafana) -> None:
    server.sources = [{"uid": f"s{n}", "name": f"source {n}", "type": "x"} for n in range(6)]
    server.health = {f"s{n}": (200, {"status": "OK", "message": "fine"}) for n in range(4)}
    server.health["s1"] = (400, {"status": "ERROR", "message": "dial tcp: refused \x1b[2J"})
    server.health["s2"] = (200, {"status": "ERROR", "message": "wrong password"})
    async with probing(server) as (probe, clock):
        first = await probe.read()
        assert [one.well for one in first.facts.sources] == [None] * 6
        second = await probe.read()
        assert [one.well for one in second.facts.sources] == [True, False, False, True, None, None]
        assert str(second.facts.sources[1].said) == "dial tcp: refused ^[[2J"
        assert second.gauge("source_failing", source="source 1") == 1
        assert second.gauge("source_failing", source="source 4") is None
        third = await probe.read()
        assert [str(one.said) for one in third.facts.sources[4:]] == ["it has no check"] * 2
        asked = server.count("/health")
        await probe.read()
        assert server.count("/health") == asked + 1
        clock[0] += 301
        await probe.read()
        assert server.count("/health") == asked + 1 + 1 + 4


async def test_a_data_source_that_hangs_is_told_and_holds_nothing_up(server: FakeGrafana) -> None:
    server.slow = {"/prom/health"}
    async with probing(server, timeout=1.5) as (probe, _):
        await probe.read()
        found = await probe.read()
    (source,) = found.facts.sources
    assert source.well is False
    assert "no answer within 0.5 s" in str(source.said)
    assert found.gauge("alerts_held") == 1


async def test_sources_are_left_in_peace_when_the_profile_says_so(server: FakeGrafana) -> None:
    async with probing(server, sources=False) as (probe, _):
        await probe.read()
        found = await probe.read()
    assert [one.well for one in found.facts.sources] == [None]
    assert server.count("/prom/health") == 0


async def test_the_slower_parts_are_asked_for_less_often(server: FakeGrafana) -> None:
    async with probing(server) as (probe, clock):
        for _ in range(3):
            await probe.read()
            clock[0] += 10
        assert server.count("/v2/alerts") == server.count("/v2/silences") == 3
        assert server.count("/v1/rules") == 2
        assert server.count("/annotations") == 1
        clock[0] += 60
        await probe.read()
        assert server.count("/annotations") == 2


async def test_a_thousand_alerts_and_changes_are_bounded(server: FakeGrafana) -> None:
    server.alerts = [alert(f"A{n % 60}", severity="warning", pod=f"p{n}") for n in range(1500)]
    server.annotations = [changed(n, now() - n, "Alerting", "Normal") for n in range(1, 1500)]
    server.groups = [{"name": "g", "file": "f", "rules": [rule(f"R{n}", "firing") for n in range(1100)]}]
    found = await reading(server)
    assert (len(found.facts.alerts), found.facts.held) == (1000, 1500)
    assert len(found.facts.fired) == len(found.facts.rules) == 1000
    assert found.gauge("rules", state="firing") == 1100
    assert [gap.part for gap in found.gaps] == [
        "500 of 1500 alerts as rows",
        "10 more names of firing alerts, one by one",
        "what fired before the newest 1000 changes of state",
        "100 of 1100 alert rules as rows",
    ]


def test_a_grafana_that_the_environment_speaks_of_is_found() -> None:
    (found,) = GrafanaProbe.discover({"GRAFANA_URL": "https://g.example", "GRAFANA_TOKEN": "glsa_x"})
    assert found.settings == {"url": "env:GRAFANA_URL", "token": "env:GRAFANA_TOKEN"}
    assert list(GrafanaProbe.discover({"GRAFANA_URL": "x"})) == []
    assert list(GrafanaProbe.discover({})) == []


@pytest.mark.parametrize("wrong", [{"dashboards": {"a": ""}}, {"dashboards": {"a": "\x1b"}}, {"fired_hours": 0}])
def test_settings_that_can_not_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GrafanaSettings.model_validate(wrong)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["data", "groups", "rules", "alerts", "time", "text", "newState", "id", "state", "name"]), inner
    ),
    max_leaves=20,
)  # fmt: skip


@given(json_values)
def test_no_document_breaks_the_reading_of_rules_and_history(value: Any) -> None:
    states, counts = rule_states(value, datetime.now(UTC))
    assert len(states) <= counts.total()
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        assert len(fired(value)) <= len(value)
