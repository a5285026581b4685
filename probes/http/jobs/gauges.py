"""The numbers of a scheduler and the rules that stand on them by default."""

from __future__ import annotations

from typing import Final

from probes.base import Gauges, GaugeSpec, Rule, Severity, Unit
from probes.http.jobs.facts import JobsFacts

_GAUGED: Final = 300
"""Jobs that get gauges of their own, those in trouble first."""

SPECS: Final = (
    GaugeSpec("jobs", "Jobs that the scheduler has."),
    GaugeSpec("jobs_paused", "Jobs that are paused."),
    GaugeSpec("jobs_failed", "Jobs whose last run failed; without those paused after a vendor was asked too often.",
              better="low"),
    GaugeSpec("jobs_rate_limited", "Jobs that run, and whose last run says that a vendor was asked too often.",
              better="low"),
    GaugeSpec("jobs_late", "Jobs that have not run for twice their interval.", better="low"),
    GaugeSpec("job_late_ratio", "Time since a job ran last as a multiple of its interval; absent for paused ones.",
              Unit.COUNT, better="low"),
    GaugeSpec("job_age_seconds", "Time since a job ran last.", Unit.SECONDS, better="low"),
    GaugeSpec("job_interval_seconds", "A job's interval.", Unit.SECONDS),
    GaugeSpec("job_failed", "1 when a job's last run failed; absent otherwise, as for one that was paused since a "
              "vendor was asked too often.", better="low"),
    GaugeSpec("jobs_standing", "1 when every job that should run is late, of two at least.", better="low"),
    GaugeSpec("executions", "Executions among the latest with this status."),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="late",
        gauge="job_late_ratio",
        op=">",
        threshold=2.0,
        severity=Severity.WARNING,
        consecutive=2,
        say="{job} ran {job_age_seconds} ago, its interval is {job_interval_seconds}",
    ),
    Rule(
        name="failed",
        gauge="job_failed",
        op="==",
        threshold=1.0,
        severity=Severity.WARNING,
        say="the last run of {job} ended {status}",
    ),
    Rule(
        name="rate-limited",
        gauge="jobs_rate_limited",
        op=">",
        threshold=0.0,
        severity=Severity.WARNING,
        say="{value} of {jobs} jobs are rate limited: a longer interval or a pause helps",
    ),
    Rule(
        name="standstill",
        gauge="jobs_standing",
        op="==",
        threshold=1.0,
        severity=Severity.CRITICAL,
        consecutive=2,
        say="no job has run for twice its interval: does the scheduler run?",
    ),
)


def measured(facts: JobsFacts) -> Gauges:
    """The gauges of one reading."""
    gauges = Gauges()
    if not facts.lists:
        return gauges
    jobs = facts.jobs
    timed = [one for one in jobs if one.late is not None]
    late = [one for one in timed if (one.late or 0.0) > 2.0]
    gauges.put("jobs", len(jobs))
    if any(one.paused is not None for one in jobs):
        gauges.put("jobs_paused", sum(one.paused is True for one in jobs))
    gauges.put("jobs_failed", sum(one.failed and not one.rests for one in jobs))
    gauges.put("jobs_rate_limited", sum(one.limited and not one.rests for one in jobs))
    gauges.put("jobs_late", len(late))
    gauges.put("jobs_standing", 1.0 if len(timed) > 1 and len(late) == len(timed) else 0.0)
    for one in sorted(jobs, key=lambda one: (not one.failed, -(one.late or 0.0)))[:_GAUGED]:
        gauges.put("job_late_ratio", one.late, job=one.name)
        gauges.put("job_age_seconds", one.last_age, job=one.name)
        gauges.put("job_interval_seconds", one.every, job=one.name)
        if one.failed and not one.rests:
            gauges.put("job_failed", 1.0, job=one.name, status=one.last_status)
    for status, number in facts.counted:
        gauges.put("executions", number, status=status)
    return gauges
