"""The numbers of endpoints and the rules that stand on them by default."""

from __future__ import annotations

from typing import Final

from probes.base import Cause, Gauges, GaugeSpec, Rule, Severity, Unit, expiry
from probes.net.facts import NetFacts

SPECS: Final = (
    GaugeSpec("up", "1 when an address of the endpoint takes connections, with TLS where asked; else 0.",
              better="high"),
    GaugeSpec("connect_seconds", "Time of the TCP handshake, of the quickest address.", Unit.SECONDS, better="low"),
    GaugeSpec("tls_seconds", "Time of the TLS handshake, of the quickest address.", Unit.SECONDS, better="low"),
    GaugeSpec("resolve_seconds", "Time to look up the name.", Unit.SECONDS, better="low"),
    GaugeSpec("addresses", "Addresses the name has."),
    GaugeSpec("addresses_down", "Addresses that fail, though another one answers.", better="low"),
    GaugeSpec("down_seconds", "How long an endpoint can't be reached; absent when it can.", Unit.SECONDS, better="low"),
    GaugeSpec("certificate_seconds_left", "Time until the endpoint's certificate ends; absent once it has.",
              Unit.SECONDS, better="high"),
    GaugeSpec("certificate_left_ratio", "Share of its time that a certificate made for few weeks has left.",
              Unit.RATIO, better="high"),
    GaugeSpec("certificate_expired_seconds", "Time since the endpoint's certificate has ended; absent otherwise, and "
              "while that is why it fails.", Unit.SECONDS, better="low"),
    GaugeSpec("slow_ratio", "Time to connect as a share of the limit for slow.", Unit.RATIO, better="low"),
    GaugeSpec("slow_seconds", "The configured limit for slow.", Unit.SECONDS),
    GaugeSpec("endpoints_down", "Endpoints that can't be reached.", better="low"),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="down",
        gauge="down_seconds",
        op=">=",
        threshold=0.0,
        severity=Severity.CRITICAL,
        consecutive=2,
        say="{endpoint} fails from here for {value}: {reason}",
    ),
    Rule(
        name="address-down",
        gauge="addresses_down",
        op=">",
        threshold=0.0,
        severity=Severity.WARNING,
        consecutive=2,
        say="{value} of {addresses} addresses of {endpoint} fail",
    ),
    Rule(
        name="slow",
        gauge="slow_ratio",
        op=">",
        threshold=1.0,
        clear=0.8,
        severity=Severity.WARNING,
        consecutive=3,
        say="connecting to {endpoint} is slow: {connect_seconds}, limit {slow_seconds}",
    ),
    Rule(
        name="slow-name",
        gauge="resolve_seconds",
        op=">",
        threshold=1.0,
        clear=0.5,
        severity=Severity.WARNING,
        consecutive=3,
        say="looking up the name of {endpoint} takes {value}",
    ),
    *expiry.rules(
        "the certificate of {endpoint}",
        "certificate_seconds_left",
        "certificate_left_ratio",
        "certificate_expired_seconds",
    ),
)


def measured(facts: NetFacts) -> Gauges:
    """The gauges of one reading, each with the endpoint it is of."""
    gauges = Gauges()
    gauges.put("endpoints_down", len(facts.down))
    for one in facts.endpoints:
        gauges.put("up", 1.0 if one.ok else 0.0, endpoint=one.key)
        gauges.put("connect_seconds", one.connect, endpoint=one.key)
        gauges.put("tls_seconds", one.handshake, endpoint=one.key)
        gauges.put("resolve_seconds", one.resolve, endpoint=one.key)
        gauges.put("slow_seconds", one.slow)
        if one.connect is not None and one.slow:
            gauges.put("slow_ratio", one.connect / one.slow, endpoint=one.key)
        if one.attempts:
            gauges.put("addresses", len(one.attempts) + one.more, endpoint=one.key)
            gauges.put("addresses_down", len(one.lost) if one.ok else None, endpoint=one.key)
        gauges.put("down_seconds", one.down_for, endpoint=one.key, reason=one.words)
        if (left := one.certificate_left) is not None and one.certificate is not None:
            share = expiry.share_left(one.certificate.not_before, one.certificate.not_after, left)
            if share is not None:
                gauges.put("certificate_left_ratio", share, endpoint=one.key)
            elif left > 0:
                gauges.put("certificate_seconds_left", left, endpoint=one.key)
            elif one.cause is not Cause.TLS_EXPIRED:
                gauges.put("certificate_expired_seconds", -left, endpoint=one.key)
    return gauges
