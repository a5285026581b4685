"""Draws certificates: the soonest to end first, and what certbot knows of those it renews."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import count, plural, span
from probes.base import Severity
from probes.base.expiry import NOW, NOW_SHARE, SHORT, SOON, SOON_SHARE
from probes.certificates.facts import CertificatesFacts, Lineage, Seen, Unread
from widgets.lines import Line, Part, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_DAY: Final = 86400


def _left(seconds: float | None) -> str:
    """Days; hours and less for what is near; the word for what is past."""
    if seconds is None:
        return _GONE
    if seconds <= 0:
        return "expired"
    return span(int(seconds)) if seconds < 2 * _DAY else f"{int(seconds // _DAY)} d"


def _ending(seconds: float | None) -> str:
    """When it ends, in words."""
    if seconds is None:
        return "no end known"
    return f"ends in {_left(seconds)}" if seconds > 0 else f"expired {span(int(-seconds))} ago"


def _severity(view: View[CertificatesFacts], one: Seen) -> Severity | None:
    return view.severity(place=one.key)


def _how(one: Seen) -> str:
    """What is to be said of it in the place where it was seen."""
    newer = "/".join(one.outdated.split("/")[-2:])
    if one.why:
        return f"{one.why}; {newer} is newer: reload the server" if newer else str(one.why)
    if newer:
        return f"older than {newer}: reload the server"
    if one.verified:
        return "verified"
    return "self-signed" if one.certificate.self_signed else ""


def _key(one: Seen) -> str:
    kind, bits = one.certificate.key or "unknown", one.certificate.bits
    return f"{kind} {bits}" if bits else kind


def _row(view: View[CertificatesFacts], one: Seen, width: int) -> Line:
    severity = _severity(view, one)
    name = name_column(width)
    left = toned(fit(_left(one.left), 7, right=True).text, severity)
    parts: list[Part] = [sign(severity), " ", fit(strong(one.name), name), " ", left, "  "]
    spare = width - name - 12
    where = one.key if one.served else one.key.rpartition("/")[2]
    ended = one.left is not None and one.left <= 0
    how = _how(one)
    if ended and one.left is not None:  # "expired" stands beside it
        how = how.replace("it has expired", f"{span(int(-one.left))} ago", 1)
    said = f"{where}  {how}"
    if spare > 8:
        parts.append(toned(fit(said, spare).text.rstrip(), severity))
    return line(*parts, key=one.lineage or one.key, severity=severity)


def _lost(one: Unread, width: int) -> Line:
    severity = Severity.WARNING
    return line(sign(severity), " ", fit(f"{one.where}  {one.words}", max(4, width - 2)), severity=severity)


def _about(one: Seen) -> Sequence[Line]:
    """All that is known of a certificate."""
    made, ends = one.certificate.not_before, one.certificate.not_after
    pairs = [
        ("for", ", ".join(map(str, one.certificate.names)) or _GONE),
        ("subject", str(one.certificate.subject) or _GONE),
        ("issuer", str(one.certificate.issuer) or _GONE),
        ("serial", one.certificate.serial or _GONE),
        ("from", f"{made:%Y-%m-%d %H:%M} UTC" if made is not None else _GONE),
        ("until", f"{ends:%Y-%m-%d %H:%M} UTC" if ends is not None else _GONE),
        ("left", _ending(one.left)),
        ("key", _key(one)),
        ("chain", f"{plural(one.chain, 'issuer')} with it" + ("" if one.complete is not False else ", incomplete")),
        ("seen", f"{'shown by' if one.served else 'in'} {one.key}"),
        ("judged", _how(one) or "nothing wrong seen"),
        ("certbot", one.lineage or _GONE),
        ("sha-256", one.certificate.fingerprint or _GONE),
    ]
    return [line(dim(f"{name:<9}"), words) for name, words in pairs]


def _is_bad(one: Seen) -> bool:
    """Whether somebody must do something about it now."""
    return one.verified is False or bool(one.outdated) or (one.left is not None and one.left <= 0)


def _renewal(one: Lineage) -> str:
    if one.error:
        return f"failed: {one.error}"
    if not one.renews:
        return "its configuration says that it is not renewed"
    return "due now" if one.is_due else ""


def _of_lineage(one: Lineage) -> Sequence[Line]:
    at = f"{one.error_at:%Y-%m-%d %H:%M} UTC: " if one.error_at is not None else ""
    return [
        line(dim("due from     "), f"{one.due:%Y-%m-%d %H:%M} UTC" if one.due is not None else _GONE),
        line(dim("proved by    "), str(one.means) or _GONE),
        line(dim("last failure "), f"{at}{one.error}" if one.error else "none since it was renewed"),
    ]


_CERTIFICATES: Final[Table[CertificatesFacts, Seen]] = Table(
    name="certificates",
    title="certificates",
    rows=lambda facts: sorted(facts.seen, key=lambda one: not _is_bad(one)),
    key=lambda one: one.key,
    columns=(
        Column("for", lambda one: one.name, 26),
        Column("left", lambda one: _left(one.left), 8, lambda one: one.left, True),
        Column("where", lambda one: one.key, 32, tail=True),
        Column("issuer", lambda one: one.certificate.issuer or _GONE, 18, least=130),
        Column("key", _key, 9, least=110),
        Column("serial", lambda one: one.certificate.serial[:12] or _GONE, 12, least=150),
        Column("judged", _how),
    ),
    empty="no certificate is seen",
    tone=lambda one: Tone.WARNING if _is_bad(one) else Tone.PLAIN,
    detail=_about,
    subject=lambda one: one.lineage or one.key,
)
_LINEAGES: Final[Table[CertificatesFacts, Lineage]] = Table(
    name="renewals",
    title="renewals by certbot",
    rows=lambda facts: facts.lineages,
    key=lambda one: one.name,
    columns=(
        Column("certificate", lambda one: one.name, 28),
        Column("due from", lambda one: f"{one.due:%Y-%m-%d}" if one.due is not None else _GONE, 13),
        Column("proved by", lambda one: one.means or _GONE, 12, least=70),
        Column("last try", lambda one: _renewal(one) or "nothing wrong seen"),
    ),
    empty="certbot keeps no certificate here",
    tone=lambda one: Tone.WARNING if one.error else Tone.PLAIN,
    detail=_of_lineage,
)
_UNREAD: Final[Table[CertificatesFacts, Unread]] = Table(
    name="not read",
    title="not read",
    rows=lambda facts: facts.unread,
    key=lambda one: str(one.where),
    columns=(
        Column("where", lambda one: one.where, 40, tail=True),
        Column("why", lambda one: one.words),
    ),
    empty="everything that is named could be read",
    tone=lambda one: Tone.WARNING,
    detail=lambda one: [
        line(dim("where      "), str(one.where)),
        line(dim("why        "), str(one.words)),
        line(dim("what helps "), str(one.hint) or _GONE),
    ],
)


class CertificatesPanel(Panel[CertificatesFacts]):
    """Certificates of a system."""

    title = "CERTIFICATES"
    help = (
        "left: until the certificate ends, or an issuer that came with it does, whichever is first.\n"
        "host:port was asked by a handshake of our own, with the name that clients use; verified: a client here\n"
        "accepts it. Files are only read, PEM and DER; PKCS#12 and Java keystores need a password and are named.\n"
        "older than FILE: the file holds a newer certificate than the server shows; it must be reloaded.\n"
        "due from: by certbot's rule for the time left; an authority may ask for it sooner.\n"
        f"Warned at {SOON / _DAY:.0f} and {NOW / _DAY:.0f} days; those made for less than {SHORT / _DAY:.0f} days at "
        f"{SOON_SHARE:.0%} and {NOW_SHARE:.0%} of their time. A dry run renews nothing."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_CERTIFICATES, _LINEAGES, _UNREAD)

    def headline(self, view: View[CertificatesFacts]) -> Sequence[Part]:
        """How many, and the first to end."""
        facts = view.facts
        parts: list[Part] = [plural(len(facts.seen), "certificate")]
        if facts.seen:
            first = facts.seen[0]
            ended = sum(one.left is not None and one.left <= 0 for one in facts.seen)
            said = f"{count(ended)} expired" if ended else f"first {_ending(first.left)}"
            parts.append(toned(said, _severity(view, first)))
        refused = [one for one in facts.seen if one.verified is False and (one.left is None or one.left > 0)]
        if refused:
            parts.append(toned(f"{count(len(refused))} refused", _severity(view, refused[0]) or Severity.WARNING))
        if facts.unread:
            parts.append(toned(f"{count(len(facts.unread))} not read", Severity.WARNING))
        return parts

    def brief(self, view: View[CertificatesFacts], width: int) -> Sequence[Line]:
        """What is in trouble first: certificates, then what could not be read; then those that are well."""
        facts = view.facts
        ranked = sorted(facts.seen, key=lambda one: -(_severity(view, one) or 0))
        rows = [_row(view, one, width) for one in ranked[:20]] + [_lost(one, width) for one in facts.unread[:5]]
        return sorted(rows, key=lambda one: -(one.severity or 0))

    def head(self, view: View[CertificatesFacts], width: int) -> Sequence[Line]:
        """certbot, its timer and its failures."""
        facts = view.facts
        lines: list[Line] = []
        if facts.certbot:
            by = ", ".join(path.rpartition("/")[2] for path in map(str, facts.timers)) or "nothing on this machine"
            lines.append(line(fit(f"certbot keeps {plural(len(facts.lineages), 'certificate')}, run by {by}", width)))
        failed = [one for one in facts.lineages if one.error][:3]
        lines += [line(fit(f"{one.name}: {one.error}", width), severity=Severity.WARNING) for one in failed]
        if not lines:
            served = sum(one.served for one in facts.seen)
            lines.append(line(dim(fit(f"{served} shown by servers, {len(facts.seen) - served} in files", width).text)))
        return lines
