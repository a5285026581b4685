"""The numbers logs give, and the rules that stand on them by default. The limits are ours: no runbook names them."""

from __future__ import annotations

from typing import Final

from probes.base import Gauges, GaugeSpec, Missing, Rule, Severity, Unit
from probes.logs.facts import LogsFacts

SPECS: Final = (
    GaugeSpec("sources", "Patterns of files and units that are read."),
    GaugeSpec("size_bytes", "Bytes of a source's files, without compressed ones.", Unit.BYTES),
    GaugeSpec("newest_age_seconds", "How long ago a source was last written to.", Unit.SECONDS, better="low"),
    GaugeSpec("lines_per_second", "Lines of a source since the last reading.", Unit.PER_SECOND),
    GaugeSpec("lines", "Lines of a source within the window."),
    GaugeSpec("errors", "Lines of a source within the window, of level error or worse.", better="low"),
    GaugeSpec("errors_per_minute", "The same for each minute.", Unit.PER_MINUTE, better="low"),
    GaugeSpec("error_ratio", "Share of the lines that tell a level which are errors.", Unit.RATIO, better="low"),
    GaugeSpec("levelled_lines", "Lines of a source within the window that tell a level."),
    GaugeSpec("skipped_bytes", "Bytes left out in the last reading: more is written than is read.", Unit.BYTES,
              better="low"),
    GaugeSpec("unreadable", "Files of a source that may not be read, or 1 when nothing of it can be.", better="low"),
    GaugeSpec("silent", "1 when a source wrote nothing for longer than the profile allows.", better="low"),
    GaugeSpec("silent_limit_seconds", "How long a source may be silent.", Unit.SECONDS),
    GaugeSpec("matches", "Finds of a pattern within the window. Absent while not all of it was read.", better="low"),
    GaugeSpec("matches_per_minute", "Finds of a pattern in the last whole minute.", Unit.PER_MINUTE, better="low"),
    GaugeSpec("matches_ratio", "Share of the window's lines in which a pattern is found.", Unit.RATIO, better="low"),
    GaugeSpec("matches_limit", "Finds from which a pattern is an alert.", better="low"),
    GaugeSpec("matches_over", "1 when there are more finds than the limit.", better="low"),
    GaugeSpec("window_seconds", "The window in which limits count.", Unit.SECONDS),
)  # fmt: skip

RULES: Final = (
    Rule(
        name="errors",
        gauge="errors_per_minute",
        op=">",
        threshold=10,
        clear=5,
        severity=Severity.WARNING,
        say="{errors:error} in {window_seconds} ({value}) in {source}",
    ),
    Rule(
        name="error-share",
        gauge="error_ratio",
        op=">",
        threshold=0.05,
        clear=0.03,
        severity=Severity.WARNING,
        samples="levelled_lines",
        min_samples=100,
        say="{value} of {levelled_lines} lines are errors, in {source}",
    ),
    Rule(
        name="pattern",
        gauge="matches_over",
        op="==",
        threshold=1,
        severity=Severity.WARNING,
        missing=Missing.KEEP,
        say="{pattern}: found {matches:time} in {window_seconds}, its limit is {matches_limit}",
    ),
    Rule(
        name="silent",
        gauge="silent",
        op="==",
        threshold=1,
        severity=Severity.WARNING,
        missing=Missing.KEEP,
        say="nothing written for {newest_age_seconds}: {source}",
    ),
    Rule(
        name="unreadable",
        gauge="unreadable",
        op=">",
        threshold=0,
        severity=Severity.WARNING,
        consecutive=2,
        say="can't be read, or is not there: {source}",
    ),
    Rule(
        name="left-out",
        gauge="skipped_bytes",
        op=">",
        threshold=0,
        severity=Severity.NOTICE,
        consecutive=3,
        say="more is written than is read, {value} left out: {source}",
    ),
)


def measured(facts: LogsFacts) -> Gauges:
    """The gauges of one reading."""
    gauges = Gauges()
    gauges.put("sources", len(facts.sources))
    gauges.put("window_seconds", facts.window * 60.0)
    for one in facts.sources:
        gauges.put("size_bytes", one.size, source=one.name)
        gauges.put("newest_age_seconds", one.age, source=one.name)
        gauges.put("lines_per_second", one.rate, source=one.name)
        if one.minutes:
            gauges.put("lines", one.lines, source=one.name)
            gauges.put("errors", one.errors, source=one.name)
            gauges.put("errors_per_minute", one.errors / facts.window, source=one.name)
            gauges.put("levelled_lines", one.levelled, source=one.name)
            gauges.put("error_ratio", one.errors / one.levelled if one.levelled else None, source=one.name)
        gauges.put("skipped_bytes", one.skipping, source=one.name)
        gauges.put("unreadable", one.unreadable + (1 if one.trouble else 0), source=one.name)
        if facts.silent is not None:
            limit = facts.silent * 60.0
            gauges.put("silent", None if one.age is None else float(one.age > limit), source=one.name)
            gauges.put("silent_limit_seconds", limit, source=one.name)
    for found in facts.patterns:
        gauges.put("matches", found.found if found.whole or found.over else None, pattern=found.name)
        gauges.put("matches_per_minute", found.minutes[-2] if len(found.minutes) > 1 else None, pattern=found.name)
        gauges.put("matches_ratio", found.ratio, pattern=found.name)
        gauges.put("matches_limit", found.limit, pattern=found.name)
        gauges.put("matches_over", None if found.over is None else float(found.over), pattern=found.name)
    return gauges
