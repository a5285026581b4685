"""The gauges and rules of certificates."""

from __future__ import annotations

from typing import Final

from probes.base import Gauges, GaugeSpec, Missing, Rule, Severity, Unit, expiry
from probes.certificates.facts import CertificatesFacts

DAY: Final = 86400.0

GAUGES: Final = (
    GaugeSpec("expires_in_seconds", "Time until a certificate ends, or an issuer that came with it; absent once past.",
              Unit.SECONDS, better="high"),
    GaugeSpec("expired_seconds", "Time since a certificate, or an issuer that came with it, has ended; else absent.",
              Unit.SECONDS, better="low"),
    GaugeSpec("left_ratio", "Share of its time that a certificate made for few weeks has left.",
              Unit.RATIO, better="high"),
    GaugeSpec("refused", "1 for a server whose certificate a client here would refuse, labelled with why, else 0; "
              "one that has ended is told by `expired_seconds`.", better="low"),
    GaugeSpec("outdated", "1 for a server that shows an older certificate than the file holds, else 0.", better="low"),
    GaugeSpec("unread", "1 for a file or server that was asked for and gave no certificate, labelled with why.",
              better="low"),
    GaugeSpec("renewal_failed", "1 when certbot's last try to renew this certificate failed, else 0.", better="low"),
    GaugeSpec("renewal_late_seconds", "Time since certbot should have renewed it; only when that is past.",
              Unit.SECONDS, better="low"),
    GaugeSpec("renewal_timers", "Files of cron or systemd that run certbot by themselves.", better="high"),
    GaugeSpec("certificates", "Certificates seen.", better="neither"),
)  # fmt: skip

RULES: Final = (
    *expiry.rules("certificate {place}", "expires_in_seconds", "left_ratio", "expired_seconds"),
    Rule(
        name="refused",
        gauge="refused",
        op=">",
        threshold=0,
        severity=Severity.CRITICAL,
        say="clients refuse the certificate of {place}: {why}",
        consecutive=2,
        missing=Missing.CLEAR,
    ),
    Rule(
        name="not-reloaded",
        gauge="outdated",
        op=">",
        threshold=0,
        severity=Severity.WARNING,
        say="{place} still shows the certificate from before its renewal; its server has not read the new one",
        missing=Missing.CLEAR,
    ),
    Rule(
        name="unread",
        gauge="unread",
        op=">",
        threshold=0,
        severity=Severity.WARNING,
        say="no certificate from {place}: {why}",
        consecutive=2,
        missing=Missing.CLEAR,
    ),
    Rule(
        name="renewal-failed",
        gauge="renewal_failed",
        op=">",
        threshold=0,
        severity=Severity.WARNING,
        say="certbot could not renew {lineage}",
        missing=Missing.CLEAR,
    ),
    Rule(
        name="renewal-late",
        gauge="renewal_late_seconds",
        op=">",
        threshold=2 * DAY,
        severity=Severity.WARNING,
        say="certbot should have renewed {lineage} {value} ago",
        missing=Missing.CLEAR,
    ),
    Rule(
        name="no-timer",
        gauge="renewal_timers",
        op="==",
        threshold=0,
        severity=Severity.NOTICE,
        say="nothing on this machine runs certbot by itself",
        missing=Missing.CLEAR,
    ),
)


def gauges_of(facts: CertificatesFacts) -> Gauges:
    """The numbers of a reading."""
    gauges = Gauges()
    gauges.put("certificates", len(facts.seen))
    for one in facts.seen:
        made, ends, left = one.certificate.not_before, one.certificate.not_after, one.left
        share = expiry.share_left(made, ends, left) if left is not None else None
        ended = left is not None and left <= 0
        if left is not None and ended:
            gauges.put("expired_seconds", -left, place=one.key)
        elif share is not None:
            gauges.put("left_ratio", share, place=one.key)
        else:
            gauges.put("expires_in_seconds", left, place=one.key)
        if one.served:
            if one.verified is False and not ended:
                gauges.put("refused", 1.0, place=one.key, why=one.why)
            else:
                gauges.put("refused", 0.0, place=one.key)
            gauges.put("outdated", float(bool(one.outdated)), place=one.key)
    for missing in facts.unread:
        gauges.put("unread", 1.0, place=missing.where, why=missing.words)
    for lineage in facts.lineages:
        gauges.put("renewal_failed", float(bool(lineage.error)), lineage=lineage.name)
    if facts.certbot and facts.lineages:
        gauges.put("renewal_timers", len(facts.timers))
    return gauges
