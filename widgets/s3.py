"""Draws stored backups: how old and how big the newest is, beside those before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from desk.words import count, plural, ratio, size, span
from probes.aws.s3.facts import S3Facts, Stored
from widgets.aws import seat_line
from widgets.draw.marks import bar, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.panel import Column, Panel, Table, View

_GONE: Final = "–"


def _or_gone(value: float | None, words: Callable[[float], str]) -> str:
    return _GONE if value is None else words(value)


def _place(facts: S3Facts) -> str:
    return f"{facts.bucket}/{facts.prefix}"


def _nothing(facts: S3Facts) -> str:
    return "the newest can't be told" if facts.cut else "there is no backup here"


def _missing(facts: S3Facts) -> str:
    """The days without one."""
    shown = ", ".join(f"{day:%m-%d}" for day in facts.missing[-5:])
    return f"{plural(len(facts.missing), 'day')} without: {shown}" if facts.missing else ""


def _told(facts: S3Facts) -> str:
    """How many there are, and whether that is all."""
    total = f"{_or_gone(facts.count, count)} backups, {_or_gone(facts.total, size)}"
    return f"{total} among the first keys only" if facts.cut else total


_LAST: Final[Table[S3Facts, Stored]] = Table(
    name="backups",
    title="backups",
    rows=lambda facts: facts.last,
    key=lambda one: one.key,
    columns=(
        Column("written, utc", lambda one: f"{one.at:%Y-%m-%d %H:%M}", 16, lambda one: one.at, descending=True),
        Column("size", lambda one: size(one.size), 10, lambda one: one.size, True, descending=True),
        Column("class", lambda one: one.sort or _GONE, 16, least=90),
        Column("key", lambda one: one.name),
    ),
    empty="there is no backup under this prefix",
    tone=lambda one: Tone.CRITICAL if not one.size else Tone.DIM if one.frozen else Tone.PLAIN,
    looks=("object",),
)


class S3Panel(Panel[S3Facts]):
    """One prefix of one bucket."""

    title = "BACKUPS"
    help = (
        "newest: the object under the prefix, and of the pattern, that was written last; by its time, not its name.\n"
        "of usual: its size against the median of the seven before it. days without: of the last 14 whole days, in\n"
        "UTC, where one comes every day. Keys that end with a slash are folders and don't count. A backup that is\n"
        "there is not proven to be one that can be restored. The listing is some minutes old, because it costs;\n"
        "in between only the bucket is asked whether it answers."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_LAST,)

    def headline(self, view: View[S3Facts]) -> Sequence[Part]:
        """Age and size of the newest."""
        facts = view.facts
        if facts.newest is None:
            return (toned(_nothing(facts), view.severity("empty")),)
        age = toned(f"{_or_gone(facts.age, lambda seconds: span(int(seconds)))} old", view.severity())
        return (age, size(facts.newest.size))

    def brief(self, view: View[S3Facts], width: int) -> Sequence[Line]:
        """The newest, and what is odd about it."""
        facts, worst = view.facts, view.severity()
        newest = facts.newest
        if newest is None:
            words = f" {_nothing(facts)}: {_place(facts)}"
            return (line(sign(worst), Span(fit(words, width - 2).text.rstrip()), severity=worst),)
        age = f"{_or_gone(facts.age, lambda seconds: span(int(seconds)))} old"
        parts: list[Part] = [sign(worst), " ", toned(fit(age, 12).text, worst), fit(size(newest.size), 10), " "]
        usual = f"{_or_gone(facts.size_ratio, ratio)} of usual"
        spare = width - 25
        for text, cells in ((usual, 16), (_missing(facts), 34)):
            if text and spare > cells + 14:
                parts += [fit(text, cells), " "]
                spare -= cells + 1
        parts.append(Span(fit(newest.name, max(1, spare)).text.rstrip()))
        return (line(*parts, key=newest.key, severity=worst),)

    def head(self, view: View[S3Facts], width: int) -> Sequence[Line]:
        """The newest beside those before it, then the bucket itself."""
        facts = view.facts

        def row(name: str, *parts: Part) -> Line:
            return line(fit(dim(name), 13), *parts)

        newest = facts.newest
        sizes = [one.size for one in reversed(facts.last[:20])]
        lines = [row("bucket", strong(fit(_place(facts), max(1, width - 13)).text.rstrip()))]
        if newest is None:
            lines.append(row("newest", toned(_nothing(facts), view.severity("empty"))))
        else:
            age = _or_gone(facts.age, lambda seconds: span(int(seconds)))
            words = f"{age} old, {newest.at:%Y-%m-%d %H:%M} UTC, {newest.sort}"
            lines.append(row("newest", toned(words, view.severity("newest_late_seconds"))))
            usual = f"  {size(newest.size)}, {_or_gone(facts.size_ratio, ratio)} of {_or_gone(facts.median, size)}"
            lines.append(
                row(
                    "size",
                    Span(bar(None if facts.size_ratio is None else facts.size_ratio / 2, 10), Tone.CHART),
                    toned(usual, view.severity("size_ratio")),
                    "  ",
                    Span(spark(sizes, min(20, max(1, width - 60))), Tone.CHART),
                )
            )
        lines.append(row("all of them", _told(facts)))
        rhythm = f"one every {_or_gone(facts.cadence, lambda seconds: span(int(seconds)))}"
        lines.append(row("rhythm", ", ".join(one for one in (rhythm, _missing(facts)) if one)))
        guard = facts.guarding
        words = f"versions {guard.versions or _GONE}, encryption {guard.encryption or _GONE}, public access "
        lines.append(row("guarded", words, toned(guard.public or _GONE, view.severity("unguarded"))))
        lines.append(row("login", facts.login))
        lines.append(row("listed", f"{_or_gone(facts.listed_ago, lambda seconds: span(int(seconds)))} ago"))
        return [*lines, seat_line(facts.seat)]
