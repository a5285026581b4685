"""Whether what was asked of a job has come true, told from a fresh look, the plan and the outcome alone. Pure."""

from __future__ import annotations

from typing import Final

from probes.base import Outcome, Plan, Result, SafeText, Subject, Truth, Verdict
from probes.http.jobs.facts import Job
from probes.http.jobs.plans import identity

_FIRST: Final = 5.0
"""Seconds in which what was accepted may still become true, however soon it settles."""
_RUNNING: Final = ("running", "in progress", "in_progress")


def ran(plan: Plan, subject: Subject, job: Job, outcome: Outcome, after: float) -> Verdict:
    """Whether a job has run since it was looked at."""
    then = dict(subject.identity).get("last run", "not told")
    now = dict(identity(job))["last run"]
    if str(job.state).lower() in _RUNNING:
        return Verdict(Truth.CONFIRMED, SafeText("it runs now"))
    if now != then and now != "not told":
        ended = f", {job.last_status}" if job.last_status else ""
        return Verdict(Truth.CONFIRMED, SafeText(f"it ran at {now[11:19]} UTC{ended}"))
    if now == "not told":
        return Verdict(Truth.UNKNOWN, SafeText("nothing in the list tells when a job ran"))
    limit = plan.settles if outcome.result is not Result.UNKNOWN else plan.answers
    if after < limit:
        return Verdict(Truth.PENDING, SafeText(f"it has not run yet, {after:.0f} of {limit:.0f} s"))
    return Verdict(Truth.REFUTED, SafeText("it has not run since"))


def not_yet(plan: Plan, outcome: Outcome, after: float, words: str) -> Verdict:
    """Of what was accepted it may become so for a while; of what nobody knows too."""
    limit = plan.answers if outcome.result is Result.UNKNOWN else max(_FIRST, plan.settles / 2)
    if after < limit:
        return Verdict(Truth.PENDING, SafeText(f"{words}; it may still come, {after:.0f} of {limit:.0f} s"))
    return Verdict(Truth.REFUTED, SafeText(words))
