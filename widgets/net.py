"""Draws endpoints as one table: whether each can be reached from here, and where the time goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from desk.words import age, clock, count, plural, span
from probes.base import Severity
from probes.net.facts import NetFacts, Reached
from widgets.draw.marks import spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View

_GONE: Final = "–"
_FEW: Final = 6
"""Endpoints that get a line each on the overview when all is well."""


def _span(value: float | None) -> str:
    return _GONE if value is None else span(value)


def _connect(one: Reached) -> float | None:
    """Time of the TCP handshake, of one that then failed at TLS too."""
    tried = [two.connect for two in one.attempts if two.connect is not None]
    return one.connect if one.connect is not None else min(tried, default=None)


def _state(one: Reached) -> str:
    if not one.ok:
        return f"{one.words or 'not reached'}{f', for {age(one.down_for)}' if one.down_for is not None else ''}"
    lost = one.lost
    if lost:
        return f"reached, but {lost[0].address} fails: {lost[0].words}"
    if one.ends_soon:
        return f"reached; its certificate ends in {_span(one.certificate_left)}"
    if one.connect is not None and one.slow and one.connect > one.slow:
        return f"reached slowly: more than {_span(one.slow)} to connect"
    return "reached" + (f" from {one.source}" if one.source else "")


def _severity(view: View[NetFacts], one: Reached) -> Severity | None:
    said = view.severity(endpoint=one.key)
    return Severity.NOTICE if said is None and (not one.ok or one.lost) else said


def _row(view: View[NetFacts], one: Reached, width: int) -> Line:
    name = max(10, min(34, width // 3))
    severity = _severity(view, one)
    parts: list[Part] = [sign(severity), " ", fit(strong(one.key), name), " ", fit(_span(_connect(one)), 7, right=True)]
    spare = width - name - 10
    if width >= 90:
        parts += ["  ", Span(spark(view.history("connect_seconds", endpoint=one.key), 12), Tone.CHART)]
        spare -= 14
    if spare > 10:
        parts += ["  ", toned(fit(_state(one), spare - 2).text.rstrip(), severity if not one.ok else None)]
    return line(*parts, key=one.key, severity=severity)


def _detail(one: Reached) -> Sequence[Line]:
    lines = [
        line(dim(f"{'endpoint':<13}"), one.key, "  with TLS" if one.tls else ""),
        line(dim(f"{'state':<13}"), _state(one)),
        line(dim(f"{'name found':<13}"), _span(one.resolve) if one.resolve is not None else "it is an address"
             if one.attempts else _GONE),
    ]  # fmt: skip
    for tried in one.attempts:
        took = f"  tcp {_span(tried.connect)}" if tried.connect is not None else ""
        took += f"  tls {_span(tried.tls)}" if tried.tls is not None else ""
        came = f"  from {tried.source}" if tried.source else ""
        lines.append(line(dim(f"{'address':<13}"), tried.address, "  ", tried.words, took, came))
    if one.more:
        lines.append(line(dim(f"{'address':<13}"), f"{count(one.more)} more are not tried"))
    if one.changed is not None:
        lines.append(line(dim(f"{'before':<13}"), f"{', '.join(one.before)}, until {clock(one.changed)} UTC"))
    if one.certificate is not None:
        names = ", ".join(map(str, one.certificate.names[:5])) or str(one.certificate.subject)
        lines.append(line(dim(f"{'certificate':<13}"), f"for {names}, signed by {one.certificate.issuer or _GONE}"))
        ends = one.certificate.not_after
        if ends is not None:
            lines.append(line(dim(f"{'it ends':<13}"), f"{ends:%Y-%m-%d}"))
    return lines


_ENDPOINTS: Final[Table[NetFacts, Reached]] = Table(
    name="endpoints",
    title="endpoints",
    rows=lambda facts: (*facts.down, *(one for one in facts.endpoints if one.ok)),
    key=lambda one: one.key,
    columns=(
        Column("endpoint", lambda one: one.key, 32),
        Column("name", lambda one: _span(one.resolve), 7, lambda one: one.resolve, True, 90, True),
        Column("tcp", lambda one: _span(_connect(one)), 7, _connect, True, 0, True),
        Column("tls", lambda one: _span(one.handshake), 7, lambda one: one.handshake, True, 70, True),
        Column("addresses", lambda one: count(len(one.attempts) + one.more) if one.attempts else _GONE, 9,
               lambda one: len(one.attempts), True, 100, True),
        Column("certificate", lambda one: _span(one.certificate_left), 11, lambda one: one.certificate_left, True, 110),
        Column("state", _state),
    ),
    empty="no endpoint is named",
    tone=lambda one: Tone.CRITICAL if not one.ok else Tone.WARNING if one.lost else Tone.PLAIN,
    detail=_detail,
)  # fmt: skip


class NetPanel(Panel[NetFacts]):
    """Several endpoints."""

    title = "NETWORK"
    help = (
        "refused: its host answers that nobody listens. no answer: dropped by a filter, or nobody is there.\n"
        "no route: this machine has no way to it. reset: something cut it. Each address is tried by itself.\n"
        "name: looking it up, all of IPv4 and IPv6. tcp, tls: each handshake, of the quickest address.\n"
        "Nothing is sent: a server sees connections that end at once. An IPv6 address that this machine has no route\n"
        "to is no fault while an IPv4 one answers. certificate: time until the one shown there ends."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_ENDPOINTS,)

    def headline(self, view: View[NetFacts]) -> Sequence[Part]:
        """How many are reached."""
        facts = view.facts
        down = len(facts.down)
        said = f"{count(len(facts.endpoints) - down)} of {plural(len(facts.endpoints), 'endpoint')} reached"
        return (toned(said, (view.severity("down_seconds") or Severity.NOTICE) if down else None),)

    def brief(self, view: View[NetFacts], width: int) -> Sequence[Line]:
        """Endpoints in trouble first."""
        ordered = sorted(view.facts.endpoints, key=lambda one: -(_severity(view, one) or 0))
        troubled = sum(_severity(view, one) is not None for one in ordered)
        shown = ordered[: max(_FEW, troubled)]
        lines = [_row(view, one, width) for one in shown]
        if len(ordered) > len(shown):
            lines.append(
                line(dim(fit(f"  and {plural(len(ordered) - len(shown), 'more endpoint')}", width).text.rstrip()))
            )
        return lines

    def head(self, view: View[NetFacts], width: int) -> Sequence[Line]:
        """How many are reached, from where, and the slowest."""
        facts = view.facts
        slowest = max((one for one in facts.endpoints if one.connect), key=lambda one: one.connect or 0.0, default=None)
        lines = [line(*self.headline(view))]
        if slowest is not None:
            lines.append(line(fit(f"slowest: {slowest.key} in {_span(slowest.connect)}", width).text.rstrip()))
        sources = sorted({one.source for one in facts.endpoints if one.source})
        if sources:
            lines.append(line(dim(fit(f"from {', '.join(sources)}", width).text.rstrip())))
        return lines
