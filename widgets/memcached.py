"""What a memcached server looks like: one line on the overview, bars and history on its own screen."""

from __future__ import annotations

from collections.abc import Sequence

from desk import words
from probes.base import Unit
from probes.memcached import MemcachedFacts
from widgets.draw.marks import bar, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, toned
from widgets.panel import Panel, View


def _said(value: float | None, unit: Unit = Unit.COUNT) -> str:
    return "–" if value is None else words.amount(value, unit)


class MemcachedPanel(Panel[MemcachedFacts]):
    """Draws a memcached server."""

    title = "MEMCACHED"
    help = (
        "hit: share of the lookups since the last reading that found something, from the differences of get_hits and\n"
        "get_misses; with no lookups it says so. evict: items thrown out a minute to make room for others.\n"
        "mem: stored bytes against limit_maxbytes. Everything comes from the server's own `stats`."
    )

    def headline(self, view: View[MemcachedFacts]) -> Sequence[Part]:
        """Hit rate, evictions, memory."""
        facts = view.facts
        hit = "no traffic" if facts.lookups == 0 else f"hit {_said(facts.hit_ratio, Unit.RATIO)}"
        used = view.snapshot.gauge("memory_used_ratio")
        parts: list[Part] = [toned(hit, view.severity("hit_ratio")), f"evict {_said(facts.evictions, Unit.PER_MINUTE)}"]
        return (*parts, f"mem {_said(used, Unit.RATIO)}")

    def brief(self, view: View[MemcachedFacts], width: int) -> Sequence[Line]:
        """One line beside the headline."""
        facts = view.facts
        severity = view.severity("connections_used_ratio")
        users = toned(f"{_said(facts.connections)} of {_said(facts.connections_limit)} connections", severity)
        lookups = f"{_said(facts.lookups, Unit.PER_SECOND)} lookups"
        return (line("  ", lookups, "  ", f"{_said(facts.items)} items", "  ", users, severity=severity),)

    def head(self, view: View[MemcachedFacts], width: int) -> Sequence[Line]:
        """Bars and the history of each."""
        facts = view.facts
        room = max(8, min(60, width - 44))

        def row(name: str, gauge: str, text: str, share: float | None = None) -> Line:
            history = Span(spark(view.history(gauge), room), Tone.CHART)
            return line(fit(dim(name), 13), Span(bar(share, 10), Tone.CHART), "  ", fit(text, 16), "  ", history)

        memory, users = view.snapshot.gauge("memory_used_ratio"), view.snapshot.gauge("connections_used_ratio")
        used = f"{_said(facts.used, Unit.BYTES)} of {_said(facts.limit, Unit.BYTES)}"
        return (
            row("hit rate", "hit_ratio", _said(facts.hit_ratio, Unit.RATIO), facts.hit_ratio),
            row("memory", "memory_used_ratio", used, memory),
            row("connections", "connections_used_ratio", _said(facts.connections), users),
            row("lookups", "lookups_per_second", _said(facts.lookups, Unit.PER_SECOND)),
            row("evictions", "evictions_per_minute", _said(facts.evictions, Unit.PER_MINUTE)),
            line(fit(dim("server"), 13), f"memcached {facts.version}  up {_said(facts.uptime, Unit.SECONDS)}"),
        )
