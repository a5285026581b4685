"""When a certificate's end is worth attention: one answer for every kind that sees certificates."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from probes.base.rule import Missing, Rule, Severity

SOON: Final = 21 * 86400.0
"""Seconds left below which a certificate is a warning.

certbot and cert-manager renew a certificate of 90 days when 30 are left: 21 is nine days of failed renewals, and never
one that is in time (https://eff-certbot.readthedocs.io/en/stable/using.html#renewing-certificates,
https://cert-manager.io/docs/usage/certificate/#renewal).
"""
NOW: Final = 3 * 86400.0
"""Seconds left below which it wakes somebody: a weekend."""
SHORT: Final = 3 * SOON
"""A certificate made for less is judged by the share of its time: it is renewed with a third left, which is less than
`SOON`, so that days would warn of every renewal in time."""
SOON_SHARE: Final = 0.3
"""Share of its time left below which a certificate made for less than `SHORT` is a warning."""
NOW_SHARE: Final = 0.1
"""Share of its time left below which such a one wakes somebody."""


def share_left(made: datetime | None, ends: datetime | None, left: float) -> float | None:
    """The share of its time that a certificate made for less than `SHORT` has left; None for another, and past its end.

    >>> from datetime import UTC, timedelta
    >>> made = datetime(2026, 1, 1, tzinfo=UTC)
    >>> share_left(made, made + timedelta(days=6), 3 * 86400.0), share_left(made, made + timedelta(days=90), 60.0)
    (0.5, None)
    """
    if made is None or ends is None or left <= 0:
        return None
    whole = (ends - made).total_seconds()
    return left / whole if 0 < whole < SHORT else None


def rules(whose: str, left: str, share: str, ended: str) -> tuple[Rule, ...]:
    """The rules on the end of certificates: the same names and limits for every kind.

    `whose` begins each sentence: "the certificate of {endpoint}". The gauges `left`, `share` and `ended` hold the
    seconds left, the share of a short one's time that is left, and the seconds since the end; each may be absent.
    """

    def rule(name: str, gauge: str, op: Literal["<", ">="], threshold: float, severity: Severity, say: str) -> Rule:
        return Rule(
            name=f"certificate-{name}", gauge=gauge, op=op, threshold=threshold, severity=severity,
            say=f"{whose} {say}", missing=Missing.CLEAR,
        )  # fmt: skip

    return (
        rule("expired", ended, ">=", 0.0, Severity.CRITICAL, "expired {value} ago"),
        rule("soon", left, "<", SOON, Severity.WARNING, "ends in {value}"),
        rule("now", left, "<", NOW, Severity.CRITICAL, "ends in {value}"),
        rule("short-lived-soon", share, "<", SOON_SHARE, Severity.WARNING, "has {value} of its time left"),
        rule("short-lived-now", share, "<", NOW_SHARE, Severity.CRITICAL, "has {value} of its time left"),
    )
