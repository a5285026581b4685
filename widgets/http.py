"""Draws an endpoint: whether it is well, since when not, and which of its dependencies it blames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from desk.words import age, clock, count, plural, ratio, size, span
from probes.base import SafeText, Severity
from probes.base.x509 import Certificate
from probes.http.facts import Check, Expiry, HttpFacts, Limit, Verdict
from widgets.draw.marks import spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned, width_of
from widgets.panel import Column, Panel, Table, View, name_column

_GONE: Final = "–"
_WORD: Final = 13
_SICK: Final = 5
"""Dependencies in trouble that get a line each on the overview."""
_LABEL: Final = 13
"""Cells of a row's word in the head."""


@dataclass(frozen=True, slots=True)
class _BodyLine:
    """A line of the body with its number."""

    number: int
    text: SafeText


def _span(value: float | None) -> str:
    return _GONE if value is None else span(value)


def _severity(view: View[HttpFacts]) -> Severity | None:
    """What the rules say; an answer that is not well is never drawn as well."""
    said = view.severity()
    return Severity.NOTICE if said is None and not view.facts.ok else said


def _word(facts: HttpFacts) -> str:
    status = _GONE if facts.status is None else str(facts.status)
    return status if facts.down_for is None else f"{status} for {age(facts.down_for)}"


def _check_severity(view: View[HttpFacts], check: Check) -> Severity | None:
    said = view.severity("check_up", check=check.name) or view.severity("check_degraded", check=check.name)
    return Severity.NOTICE if said is None and (check.ok is False or check.degraded) else said


def _check_words(check: Check) -> str:
    return f"{check.name}: {check.message or check.status}"


def _is_slow(facts: HttpFacts) -> bool:
    return facts.timing.total is not None and facts.slow is not None and facts.timing.total > facts.slow


def _extra(facts: HttpFacts) -> str:
    """What a person should know beside the status, in words."""
    sick = facts.sick
    words = [_check_words(sick[0])] if sick else []
    if len(sick) > 1:
        words[0] += f" (+{len(sick) - 1} more)"
    failed = [one for one in facts.verdicts if not one.ok and one.name not in ("status", "body")]
    words += [str(failed[0].words)] if failed else []
    if not facts.ok and not words:
        words.append(str(facts.reason) or str(facts.why))
    words += [f"slow, limit {_span(facts.slow)}"] if _is_slow(facts) else []
    words += [f"{one.name} {_ends(one)}" for one in facts.expiries if one.left is not None and one.left < 7 * 86400]
    left = facts.certificate_left
    words += [_ending(left)] if left is not None and left < 21 * 86400 else []
    telling = [one.ok for one in facts.checks if one.ok is not None]
    if not words and telling:
        words.append(f"{count(sum(telling))} of {plural(len(telling), 'check')} well")
    return ", ".join(words)


def _ends(one: Expiry) -> str:
    """When something ends, in words."""
    if one.left is None:
        return str(one.words) or _GONE
    return f"ends in {span(one.left)}" if one.left >= 0 else f"ended {span(-one.left)} ago"


def _quota(one: Limit) -> str:
    parts = [f"{ratio(one.used)} used"] if one.used is not None else []
    if one.remaining is not None:
        parts.append(f"{count(one.remaining)}{f' of {count(one.most)}' if one.most is not None else ''} left")
    parts += [f"renewed in {span(one.resets)}"] if one.resets is not None else []
    return f"{one.name}: {', '.join(parts) or _GONE}"


def _end_severity(view: View[HttpFacts], *gauges: str) -> Severity | None:
    """The worst alert of gauges that begin so."""
    return max((one.severity for one in view.worries if one.gauge.startswith(gauges)), default=None)


def _ending(left: float) -> str:
    return f"certificate ends in {span(left)}" if left >= 0 else f"certificate ended {span(-left)} ago"


def _row(view: View[HttpFacts], width: int) -> Line:
    """Sign, name, status, latency, and what else there is to say."""
    facts = view.facts
    severity = _severity(view)
    name = name_column(width)
    latency = fit(toned(_span(facts.timing.total), view.severity("slow_ratio")), 6, right=True)
    parts: list[Part] = [
        sign(severity), " ", fit(strong(view.name), name), " ", toned(fit(_word(facts), _WORD).text, severity), " ",
        latency,
    ]  # fmt: skip
    spare = width - name - 23
    if width >= 90:
        parts += ["  ", Span(spark(view.history("latency_seconds"), 16), Tone.CHART)]
        spare -= 18
    extra = _extra(facts)
    if extra and spare > 8:
        parts += [
            "  ",
            Span(fit(extra, spare - 2).text.rstrip(), toned("", severity).tone if not facts.ok else Tone.PLAIN),
        ]
    return line(*parts, key=_key(facts), severity=severity)


def _key(facts: HttpFacts) -> str:
    """The row that is to blame: a check, or an expectation."""
    blamed = any(check.name == facts.blame for check in facts.checks)
    return facts.blame if blamed or not facts.blame else _expectation(facts.blame)


def _expectation(name: str) -> str:
    return f"expected {name}"


def _check_row(view: View[HttpFacts], check: Check, width: int) -> Line:
    severity = _check_severity(view, check)
    name = name_column(width) - 2
    message = fit(str(check.message), max(0, width - name - 27)).text.rstrip()
    return line(
        "  ", sign(severity), " ", fit(check.name, name), " ", toned(fit(str(check.status), _WORD).text, severity), " ",
        fit(_span(check.latency), 6, right=True), "  ", message, key=check.name, severity=severity,
    )  # fmt: skip


def _labelled(label: str, width: int, *parts: Part) -> Line:
    """A row of the head, cut to the width."""
    left = width - _LABEL
    kept: list[Part] = []
    for part in line(*parts).spans:
        cells = width_of((part,))
        kept.append(part if cells <= left else fit(part, max(0, left)))
        left -= cells
        if left <= 0:
            break
    return line(dim(fit(label, _LABEL).text), *kept)


def _times(facts: HttpFacts) -> str:
    one = facts.timing
    connected = f"connected in {_span(one.established)}" if one.established is not None else "connection kept"
    if one.lookup is not None:
        connected = f"name found in {_span(one.lookup)}  {connected}"
    return f"{connected}  first byte {_span(one.first_byte)}  whole {_span(one.total)}"


def _certificate(one: Certificate, left: float | None) -> str:
    until = f"{one.not_after:%Y-%m-%d}" if one.not_after is not None else _GONE
    issuer = "itself" if one.self_signed else str(one.issuer) or _GONE
    when = f" ({_ending(left).removeprefix('certificate ')})" if left is not None else ""
    return f"{one.subject or ', '.join(map(str, one.names[:2])) or _GONE}, ends {until}{when}, signed by {issuer}"


def _past(facts: HttpFacts) -> str:
    parts = []
    if facts.down_for is not None and facts.down_since is not None:
        parts.append(
            f"not well for {age(facts.down_for)}, since {clock(facts.down_since)} UTC, "
            f"{plural(facts.failures, 'reading')} in a row"
        )
    if facts.up_ratio is not None:
        parts.append(f"well in {ratio(facts.up_ratio)} of {plural(facts.seen, 'reading')}")
    if facts.down_for is not None:
        parts.append(f"last well {clock(facts.last_good)} UTC" if facts.last_good else "not well since we watch")
    return "  ".join(parts)


def _about(facts: HttpFacts) -> str:
    skew = facts.skew
    parts = [f"version {facts.version}"] if facts.version else []
    parts += [f"{age(facts.answer_age)} old when it came"] if facts.answer_age is not None else []
    parts += [f"its clock is {span(abs(skew))} {'ahead' if skew > 0 else 'behind'}"] if skew and abs(skew) > 2 else []
    parts += [str(facts.content_type)] if facts.content_type else []
    parts += [size(facts.size) + (" (cut)" if facts.cut else "")] if facts.size is not None else []
    return "  ".join(parts)


def _check_tone(check: Check) -> Tone:
    if check.ok is False:
        return Tone.CRITICAL
    return Tone.WARNING if check.degraded else Tone.PLAIN


_CHECKS: Final[Table[HttpFacts, Check]] = Table(
    name="checks",
    title="checks",
    rows=lambda facts: (*facts.sick, *(one for one in facts.checks if one not in facts.sick)),
    beyond=lambda facts: facts.more_checks,
    key=lambda check: check.name,
    columns=(
        Column("check", lambda check: check.name, 24),
        Column("says", lambda check: check.status or _GONE, 14),
        Column("took", lambda check: _span(check.latency), 7, lambda check: check.latency, True, 50, True),
        Column("what went wrong", lambda check: check.message or _GONE),
    ),
    empty="the body names no dependency",
    tone=_check_tone,
    detail=lambda check: [
        line(dim(f"{'check':<10}"), check.name),
        line(dim(f"{'says':<10}"), check.status),
        line(dim(f"{'took':<10}"), _span(check.latency)),
        line(dim(f"{'message':<10}"), check.message or _GONE),
    ],
    looks=("body",),
)

_VERDICTS: Final[Table[HttpFacts, Verdict]] = Table(
    name="expectations",
    title="expectations",
    rows=lambda facts: facts.verdicts,
    key=lambda verdict: _expectation(verdict.name),
    columns=(
        Column("", lambda verdict: sign(None if verdict.ok else Severity.CRITICAL), 1),
        Column("expectation", lambda verdict: verdict.name, 24, least=60),
        Column("expected and got", lambda verdict: verdict.words),
    ),
    empty="there has been no answer to judge",
    tone=lambda verdict: Tone.PLAIN if verdict.ok else Tone.CRITICAL,
    looks=("body",),
)

_BODY: Final[Table[HttpFacts, _BodyLine]] = Table(
    name="body",
    title="body",
    rows=lambda facts: [_BodyLine(number, text) for number, text in enumerate(facts.body, 1)],
    key=lambda row: str(row.number),
    columns=(
        Column("line", lambda row: dim(str(row.number)), 5, lambda row: row.number, right=True),
        Column("text", lambda row: str(row.text) or " "),
    ),
    empty="the answer has no body",
    looks=("body",),
)


class HttpPanel(Panel[HttpFacts]):
    """One endpoint."""

    title = "SERVICES"
    help = (
        "503 for 41 s: the endpoint answers, but not as expected, since then. That nothing answers is shown as STALE.\n"
        "well: the status is expected, the body holds what the profile expects and does not say it is ill itself.\n"
        "checks: dependencies in a JSON body (checks, components, entries, details). A 503 names its culprit there.\n"
        "latency: from the request sent to the last byte, without connecting; connecting is measured every 30 s.\n"
        "… old when it came: by the Age header or the body's time stamp; an old answer is cached and proves nothing.\n"
        "quota: from X-RateLimit-…, RateLimit and Meta's usage headers; after a 429 nothing is sent until it may be.\n"
        "its clock: from the Date header, to a second. Checks and body come whole with the look “body”."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_CHECKS, _VERDICTS, _BODY)

    def headline(self, view: View[HttpFacts]) -> Sequence[Part]:
        """The status and how long it took."""
        return (
            toned(f"HTTP {_word(view.facts)}", _severity(view) if not view.facts.ok else None),
            toned(_span(view.facts.timing.total), view.severity("slow_ratio")),
        )

    def brief(self, view: View[HttpFacts], width: int) -> Sequence[Line]:
        """A line for the endpoint, and one for each dependency in trouble when there are several."""
        sick = view.facts.sick
        lines = [_row(view, width)]
        if len(sick) > 1:
            lines += [_check_row(view, check, width) for check in sick[:_SICK]]
        if len(sick) > _SICK:
            lines.append(line(dim(f"    and {plural(len(sick) - _SICK, 'more check')} in trouble")))
        return lines

    def head(self, view: View[HttpFacts], width: int) -> Sequence[Line]:
        """The answer, its time, its past, its certificate, and what else is odd."""
        facts = view.facts
        severity = _severity(view)
        answer = f"{_GONE if facts.status is None else facts.status} {facts.reason}".rstrip()
        lines = [
            _labelled("asked", width, f"{facts.method} ", facts.url),
            _labelled("answer", width, toned(answer, severity), f"  {facts.why}" if facts.why else ""),
            self._latency(view, width),
            _labelled("time", width, _times(facts)),
            _labelled("past", width, _past(facts)),
        ]
        lines += [_labelled("body", width, about)] if (about := _about(facts)) else []
        if facts.certificate is not None:
            words = _certificate(facts.certificate, facts.certificate_left)
            lines.append(_labelled("certificate", width, toned(words, _end_severity(view, "certificate_"))))
        if facts.limits or facts.retry is not None:
            lines.append(_labelled("quota", width, *self._quotas(view)))
        if facts.expiries:
            words = "  ".join(f"{one.name} {_ends(one)}" for one in facts.expiries)
            lines.append(_labelled("ends", width, toned(words, _end_severity(view, "expires_", "expired_"))))
        lines += [_labelled("note", width, note) for note in facts.notes[:3]]
        return lines

    def _quotas(self, view: View[HttpFacts]) -> Sequence[Part]:
        facts = view.facts
        said = [f"asked too often, again in {span(facts.retry)}"] if facts.retry is not None else []
        parts: list[Part] = [toned("  ".join(said), Severity.WARNING)] if said else []
        for one in facts.limits:
            parts.append(
                toned(("  " if parts else "") + _quota(one), view.severity("rate_limit_used_ratio", quota=one.name))
            )
        return parts

    def _latency(self, view: View[HttpFacts], width: int) -> Line:
        room = max(8, min(60, width - _LABEL - 30))
        course = spark(view.history("latency_seconds"), room)
        said = f"  {_span(view.facts.timing.total)}, limit {_span(view.facts.slow)}"
        return _labelled("latency", width, Span(course, Tone.CHART), toned(said, view.severity("slow_ratio")))
