"""Every threshold that the five runbooks give or leave open is a rule of an example profile, and is proven.

The ids are those of the runbooks' rows. A row without a rule, or a rule without its id beside it, fails here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.profile import Profile
from desk.rules import NO_ANSWER, rules_for
from probes.base import OURS, Handling, Rule
from tests.thresholds.room import KINDS, profile_of, text_of

SYSTEMS = {
    "A": "insta_connect", "B": "whatsapp_notifications", "C": "social_analytics", "D": "social_live", "E": "newsletter",
}  # fmt: skip

ROWS = {
    "A-03": "health/unhealthy",
    "A-04": "health/health-slow",
    "A-11": "app/token-refresh-failure",
    "A-12": "app/webhook-errors",
    "A-13": "app/api-latency",
    "A-14": "app/db-latency",
    "A-15": "app/error-rate",
    "A-17": "app/token-refresh-failure",
    "A-26": "app/webhook-errors",
    "A-34": "app/api-latency app/api-timeouts",
    "A-45": "app/db-latency",
    "B-04": "notifications/queue-depth",
    "B-06": "app/error-rate",
    "B-07": "errors/",
    "B-08": "app/failed-deliveries-rise",
    "B-23": "notifications/queue-depth",
    "B-24": "notifications/old-messages notifications/stuck",
    "C-03": "ready/service-unavailable balancer/no-healthy-target",
    "C-19": "balancer/slow",
    "C-35": "database/pool-exhausted",
    "C-41": "storage/storage-low",
    "C-48": "monitoring/late",
    "C-63": "cache/no-answer",
    "C-69": "cache/evictions",
    "C-75": "monitoring/rate-limited",
    "C-82": "alarms/",
    "C-83": "alarms/",
    "C-84": "alarms/",
    "D-33": "backend/high-error-rate",
    "D-34": "backend/high-error-rate",
    "D-43": "api/service-down",
    "D-44": "api/service-down",
    "D-53": "backend/high-response-time cluster-metrics/high-memory",
    "D-54": "backend/high-response-time",
    "D-63": "cluster-metrics/high-memory",
    "D-105": "backend/heap",
    "D-130": "cluster-metrics/scale-cpu",
    "D-131": "cluster-metrics/scale-memory",
    "D-132": "database/sessions",
    "D-133": "backend/scale-response",
    "E-02": "health/application-down",
    "E-14": "health/database-check",
    "E-20": "local/memory compose/memory",
    "E-28": "app/email-failures app/email-bounces resend/resend-errors",
    "E-35": "jobs/queue-size jobs/oldest-job",
    "E-42": "database/slow-queries app/slow-api",
    "E-49": "local/cpu",
    "E-50": "local/load",
    "E-56": "health/storage-check uploads/no-answer",
    "E-108": "app/rollback-decision",
}
"""Row -> target/rule; without a rule the alerts are another system's own."""

RESPOND = {"D-34": 300.0, "D-44": 120.0, "D-53": 1800.0}
"""In which time somebody has to acknowledge it, in seconds."""


def handling(profile: Profile, target: str, rule: str) -> Handling | None:
    """How a rule of a profile is to be handled; None where there is no such rule."""
    for one in (*profile.standing, *profile.off):
        if one.name == rule and one.targets[0] == target:
            return one.handling
    (kind,) = [one.kind for one in profile.targets if one.name == target]
    found = rules_for(kind, target, KINDS.facts(kind).rules, profile.changes)
    return next((one.handling for one in found if one.name == rule), None)


def commented(system: str) -> set[str]:
    """The ids that an example profile's comments name."""
    comments = [line.partition("#")[2] for line in text_of(system).splitlines()]
    return {one for line in comments for one in re.findall(r"\b[A-E]-\d{2,3}\b", line)}


def test_there_are_fifty() -> None:
    assert len(ROWS) == 50


@pytest.mark.parametrize("row", ROWS)
def test_each_row_has_its_rule_and_its_id_stands_beside_it(row: str) -> None:
    system = SYSTEMS[row[0]]
    profile = profile_of(system)
    for one in ROWS[row].split():
        target, _, rule = one.partition("/")
        assert target in [known.name for known in profile.targets]
        if rule:
            assert handling(profile, target, rule) is not None, one
    assert row in commented(system)


@pytest.mark.parametrize("row", ROWS)
def test_each_row_is_made_to_fire_and_to_clear(row: str) -> None:
    proofs = "".join(
        path.read_text() for path in Path(__file__).parent.glob("test_*.py") if path.name != "test_rows.py"
    )
    for one in ROWS[row].split():
        rule = one.partition("/")[2]
        assert f'"{rule}"' in proofs or (not rule and (row in proofs)), one


@pytest.mark.parametrize("row", RESPOND)
def test_who_must_respond_in_time_is_given_that_time(row: str) -> None:
    profile = profile_of(SYSTEMS[row[0]])
    for one in ROWS[row].split():
        target, _, rule = one.partition("/")
        found = handling(profile, target, rule)
        assert found is not None
        assert found.respond == RESPOND[row]


def limits(profile: Profile) -> Iterator[tuple[str, Handling]]:
    """Every rule that an example profile itself says."""
    yield from ((one.name, one.handling) for one in (*profile.standing, *profile.off))
    for target in profile.targets:
        known = KINDS.facts(target.kind).rules
        for rule in rules_for(target.kind, target.name, known, profile.changes):
            if rule not in known and rule.hold != float("inf"):
                yield rule.name, rule.handling


@pytest.mark.parametrize("system", SYSTEMS.values())
def test_where_a_limit_comes_from_is_told_with_its_line(system: str) -> None:
    lines = text_of(system).splitlines()
    for name, told in limits(profile_of(system)):
        if told.origin == OURS:
            continue  # what to do about it was said, its limit was not
        file, _, number = told.origin.removeprefix(f"{OURS} in ").partition(":")
        assert file == "opsroom.toml"
        assert lines[int(number) - 1] == "[[rule]]"
        assert lines[int(number)] == f'name = "{name}"'
        entry = "\n".join(lines[int(number) :]).partition("[[")[0]
        assert told.origin.startswith(OURS) is ("ours = true" in entry), name


@pytest.mark.parametrize("system", SYSTEMS.values())
def test_each_alert_of_an_example_has_its_procedure_or_a_suggestion(system: str) -> None:
    for name, told in limits(profile_of(system)):
        assert told.procedure or told.suggest or name in ("heap", NO_ANSWER), name


def test_one_alert_has_both_of_its_names() -> None:
    profile = profile_of("insta_connect")
    found = {one.name: one.handling.aliases for one in profile.standing}
    assert found["token-refresh-failure"] == ("Token Refresh Failure", "Token Refresh Failures")
    assert found["webhook-errors"] == ("Webhook Errors", "Webhook Processing Errors")


def test_what_has_no_figure_is_shipped_switched_off() -> None:
    assert {one.name for one in profile_of("newsletter").off} == {"email-failures", "email-bounces", "resend-errors"}


# what nobody configures

DEFAULTS = {
    "disk": ("host/disk", "host/disk-full", "prometheus/host-disk", "rds/storage-low", "rotation/full-soon"),
    "inodes": ("host/inodes",),
    "certificate days": (
        "http/certificate-soon", "http/certificate-now", "net/certificate-soon", "certificates/certificate-soon",
        "kubernetes/certificate-soon",
    ),
    "backup age": ("backups/old", "s3/old", "rds/snapshot-old"),
    "idle in transaction": ("postgres/idle-in-transaction",),
    "replication lag": (
        "postgres/replica-behind", "postgres/standby-behind", "redis/replica-lag", "rds/replica-behind",
        "elasticache/replica-behind",
    ),
    "blocked session": ("postgres/blocked", "postgres/long-blocked"),
    "restart loops": (
        "docker/restart-loop", "systemd/restart-loop", "supervisor/restart-loop", "kubernetes/crash-loop",
        "ecs/task-loop",
    ),
    "hit-rate floor": (
        "redis/hit-rate", "postgres/cache-hit", "memcached/hit-rate-low", "elasticache/hit-rate-low",
    ),
}  # fmt: skip
"""What everybody needs and nobody sets -> kind/rule."""


def default(name: str) -> Rule:
    kind, _, rule = name.partition("/")
    return {one.name: one for one in KINDS.facts(kind).rules}[rule]


@pytest.mark.parametrize("need", DEFAULTS)
def test_what_nobody_configures_has_a_healthy_default_that_says_that_it_is_ours(need: str) -> None:
    for name in DEFAULTS[need]:
        assert default(name).handling.origin == OURS, name


@pytest.mark.parametrize("name", DEFAULTS["hit-rate floor"])
def test_a_hit_rate_needs_lookups_or_time_before_it_speaks(name: str) -> None:
    rule = default(name)
    assert rule.samples is not None or rule.hold >= 60
    assert rule.clear is None or rule.clear > rule.threshold


@pytest.mark.parametrize("name", [*DEFAULTS["disk"][:4], *DEFAULTS["replication lag"], *DEFAULTS["inodes"]])
def test_what_wobbles_at_its_limit_clears_only_beyond_it(name: str) -> None:
    rule = default(name)
    assert rule.clear is not None
    assert (rule.clear < rule.threshold) is (rule.op in (">", ">="))
