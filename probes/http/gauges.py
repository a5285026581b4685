"""The numbers an HTTP endpoint gives and the rules that stand on them by default."""

from __future__ import annotations

from typing import Final

from probes.base import Gauges, GaugeSpec, Missing, Rule, Severity, Unit, expiry
from probes.http.facts import HttpFacts

_DAY: Final = 86400.0

SPECS: Final = (
    GaugeSpec("up", "1 when every expectation was met, 0 when the endpoint answered otherwise.", better="high"),
    GaugeSpec("latency_seconds", "Time from sending the request to the last byte of the answer.", Unit.SECONDS,
              better="low"),
    GaugeSpec("first_byte_seconds", "Time from the request sent to the header of the answer.", Unit.SECONDS,
              better="low"),
    GaugeSpec("connect_seconds", "Time to connect, TLS included, when a new connection was made.", Unit.SECONDS,
              better="low"),
    GaugeSpec("slow_seconds", "The configured limit for slow.", Unit.SECONDS),
    GaugeSpec("slow_ratio", "Latency as a share of the limit for slow.", Unit.RATIO, better="low"),
    GaugeSpec("status_code", "Status of the answer."),
    GaugeSpec("body_bytes", "Size of the body read, after decompression.", Unit.BYTES),
    GaugeSpec("certificate_seconds_left", "Time until the server's certificate ends; absent once it has.",
              Unit.SECONDS, better="high"),
    GaugeSpec("certificate_left_ratio", "Share of its time that a certificate made for few weeks has left.",
              Unit.RATIO, better="high"),
    GaugeSpec("certificate_expired_seconds", "Time since the server's certificate has ended; else absent.",
              Unit.SECONDS, better="low"),
    GaugeSpec("consecutive_failures", "Readings in a row that were not well.", better="low"),
    GaugeSpec("down_seconds", "How long it has not been well, with reason and check to blame; absent when well.",
              Unit.SECONDS, better="low"),
    GaugeSpec("up_ratio", "Share of the recent readings that were well.", Unit.RATIO, better="high"),
    GaugeSpec("readings", "Recent readings that up_ratio is taken of."),
    GaugeSpec("check_up", "1 when the body says this dependency is well, 0 when it says ill.", better="high"),
    GaugeSpec("check_degraded", "1 when the body says this dependency is degraded; absent otherwise.", better="low"),
    GaugeSpec("check_latency_seconds", "Time the body says this dependency took.", Unit.SECONDS, better="low"),
    GaugeSpec("answer_age_seconds", "Age of the answer, by its Age header or its own time stamp.", Unit.SECONDS,
              better="low"),
    GaugeSpec("rate_limit_remaining", "Calls left of a quota, by the answer's headers.", better="high"),
    GaugeSpec("rate_limit_used_ratio", "Share of a quota that is used, by the answer's headers.", Unit.RATIO,
              better="low"),
    GaugeSpec("rate_limit_reset_seconds", "Time until a quota is renewed, by the answer's headers.", Unit.SECONDS),
    GaugeSpec("throttled_total", "Answers that asked for less since we watch, 429 above all.", counter=True,
              better="low"),
    GaugeSpec("retry_seconds", "Time until it may be asked again; absent when it has not asked for less.",
              Unit.SECONDS, better="low"),
    GaugeSpec("credential_ok", "1 when what we log in with is accepted, 0 when not; absent when it can't be told.",
              better="high"),
    GaugeSpec("expires_seconds_left", "Time until what the profile names ends (a token); absent once it has.",
              Unit.SECONDS, better="high"),
    GaugeSpec("expired_seconds", "Time since what the profile names has ended; else absent.",
              Unit.SECONDS, better="low"),
    GaugeSpec("clock_skew_seconds", "How far the server's clock is from ours, either way.", Unit.SECONDS, better="low"),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="down",
        gauge="down_seconds",
        op=">",
        threshold=0.0,
        severity=Severity.CRITICAL,
        say="{endpoint} {reason}, for {value}",
    ),
    Rule(
        name="check-down",
        gauge="check_up",
        op="==",
        threshold=0.0,
        severity=Severity.WARNING,
        consecutive=2,
        say="{endpoint} says {check} is {status}",
    ),
    Rule(
        name="check-degraded",
        gauge="check_degraded",
        op=">",
        threshold=0.0,
        severity=Severity.NOTICE,
        consecutive=2,
        say="{endpoint} says {check} is {status}",
    ),
    Rule(
        name="slow",
        gauge="slow_ratio",
        op=">",
        threshold=1.0,
        clear=0.8,
        severity=Severity.WARNING,
        consecutive=2,
        say="{endpoint} is slow: {latency_seconds}, limit {slow_seconds}",
    ),
    *expiry.rules(
        "the certificate of {endpoint}",
        "certificate_seconds_left",
        "certificate_left_ratio",
        "certificate_expired_seconds",
    ),
    Rule(
        name="old-answer",
        gauge="answer_age_seconds",
        op=">",
        threshold=120.0,
        severity=Severity.WARNING,
        consecutive=2,
        say="{endpoint} gives an old answer, {value} old: it may be cached",
    ),
    Rule(
        name="quota",
        gauge="rate_limit_used_ratio",
        op=">=",
        threshold=0.9,
        clear=0.8,
        severity=Severity.WARNING,
        say="{endpoint} has {value} of its quota of {quota} used",
    ),
    Rule(
        name="throttled",
        gauge="retry_seconds",
        op=">",
        threshold=0.0,
        severity=Severity.WARNING,
        missing=Missing.CLEAR,
        say="{endpoint} asks for less: not to be asked for {value}",
    ),
    Rule(
        name="credential",
        gauge="credential_ok",
        op="==",
        threshold=0.0,
        severity=Severity.CRITICAL,
        consecutive=2,
        say="{endpoint} does not accept what we log in with",
    ),
    Rule(
        name="expired",
        gauge="expired_seconds",
        op=">=",
        threshold=0.0,
        severity=Severity.CRITICAL,
        say="{what} of {endpoint} expired {value} ago",
    ),
    Rule(
        name="expires-soon",
        gauge="expires_seconds_left",
        op="<",
        threshold=7 * _DAY,
        severity=Severity.WARNING,
        say="{what} of {endpoint} ends in {value}",
    ),
    Rule(
        name="expires-now",
        gauge="expires_seconds_left",
        op="<",
        threshold=_DAY,
        severity=Severity.CRITICAL,
        say="{what} of {endpoint} ends in {value}",
    ),
    Rule(
        name="clock",
        gauge="clock_skew_seconds",
        op=">",
        threshold=30.0,
        severity=Severity.NOTICE,
        consecutive=3,
        say="the clock of {endpoint} differs from ours by {value}",
    ),
)


def measured(facts: HttpFacts, endpoint: str) -> Gauges:
    """The gauges of one reading; `endpoint` is the target's name, for sentences."""
    gauges = Gauges()
    timing = facts.timing
    gauges.put("up", 1.0 if facts.ok else 0.0)
    gauges.put("latency_seconds", timing.total)
    gauges.put("first_byte_seconds", timing.first_byte)
    gauges.put("connect_seconds", timing.established)
    gauges.put("slow_seconds", facts.slow)
    if timing.total is not None and facts.slow:
        gauges.put("slow_ratio", timing.total / facts.slow, endpoint=endpoint)
    gauges.put("status_code", facts.status)
    gauges.put("body_bytes", facts.size)
    if (left := facts.certificate_left) is not None and facts.certificate is not None:
        share = expiry.share_left(facts.certificate.not_before, facts.certificate.not_after, left)
        gauge = "certificate_seconds_left" if left > 0 else "certificate_expired_seconds"
        gauges.put(gauge if share is None else "certificate_left_ratio", abs(left) if share is None else share,
                   endpoint=endpoint)  # fmt: skip
    gauges.put("consecutive_failures", facts.failures)
    gauges.put("down_seconds", facts.down_for, check=facts.blame, endpoint=endpoint, reason=facts.why)
    gauges.put("up_ratio", facts.up_ratio)
    gauges.put("readings", facts.seen)
    gauges.put("answer_age_seconds", facts.answer_age, endpoint=endpoint)
    gauges.put("clock_skew_seconds", None if facts.skew is None else abs(facts.skew), endpoint=endpoint)
    _put_checks(gauges, facts, endpoint)
    _put_quotas(gauges, facts, endpoint)
    return gauges


def _put_checks(gauges: Gauges, facts: HttpFacts, endpoint: str) -> None:
    for one in facts.checks:
        well = None if one.ok is None else float(one.ok)
        gauges.put("check_up", well, check=one.name, endpoint=endpoint, status=one.status)
        gauges.put("check_latency_seconds", one.latency, check=one.name)
        if one.degraded:
            gauges.put("check_degraded", 1.0, check=one.name, endpoint=endpoint, status=one.status)


def _put_quotas(gauges: Gauges, facts: HttpFacts, endpoint: str) -> None:
    for one in facts.limits:
        gauges.put("rate_limit_remaining", one.remaining, quota=one.name)
        gauges.put("rate_limit_used_ratio", one.used, endpoint=endpoint, quota=one.name)
        gauges.put("rate_limit_reset_seconds", one.resets, quota=one.name)
    if facts.limits or facts.throttles:
        gauges.put("throttled_total", facts.throttles)
    gauges.put("retry_seconds", facts.retry, endpoint=endpoint)
    gauges.put("credential_ok", None if facts.credential is None else float(facts.credential), endpoint=endpoint)
    for end in facts.expiries:
        if (left := end.left) is not None:
            gauges.put("expires_seconds_left" if left > 0 else "expired_seconds", abs(left), endpoint=endpoint,
                       what=end.name)  # fmt: skip
