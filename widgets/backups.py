"""Draws backups in a folder: how old and how good the newest is, what was proven, what is under way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from rich.cells import cell_len

from desk.words import age, count, plural, ratio, size, span
from probes.backups.facts import Backup, BackupsFacts, Leftover, Work
from probes.base import Severity
from widgets.draw.marks import bar, spark
from widgets.lines import Line, Part, Span, Tone, dim, fit, line, sign, strong, toned
from widgets.overview import cut
from widgets.panel import Column, Panel, Table, View

_GONE: Final = "–"
_FORMS: Final = {
    "plain.gz": "plain, gzip",
    "unknown": _GONE,
    "empty": _GONE,
    "unread": _GONE,
    "unreadable": "unreadable",
}


_SOON: Final = 10.0
"""Seconds within which a part of a reading is as new as the reading."""


def _or_gone(value: float | None, words: Callable[[float], str]) -> str:
    return _GONE if value is None else words(value)


def _old(seconds: float | None) -> str:
    return "of unknown age" if seconds is None else f"{age(seconds)} old"


def _ago(then: datetime, now: datetime) -> str:
    return f"{age(max(0.0, (now - then).total_seconds()))} ago"


def _state(one: Backup) -> str:
    """What is known of one backup; in capitals what makes it useless."""
    if one.spoilt:
        return one.spoilt.upper()
    if one.proof is not None and one.proof.good and one.proof.restored:
        return "restored"
    return "whole" if one.whole else "not checked"


def _trust(one: Backup) -> str:
    """What one that nothing speaks against may be called."""
    return "unchecked" if _state(one) == "not checked" else "good"


def _why(one: Backup) -> str:
    """What its state does not say by itself."""
    return str(one.fault) if one.spoilt not in ("empty", "no dump") else ""


def _tone(one: Backup) -> Tone:
    return Tone.CRITICAL if one.spoilt else Tone.GOOD if _state(one) == "restored" else Tone.PLAIN


def _form(one: Backup) -> str:
    return _FORMS.get(one.head.format, one.head.format)


def _copied(one: Backup) -> str:
    return {True: "yes", False: "no", None: _GONE}[one.copied]


def _about(one: Backup) -> Sequence[Line]:
    """More about one backup."""

    def row(name: str, text: object) -> Line:
        return line(fit(dim(name), 13), str(text))

    versions = [
        f"PostgreSQL {one.head.server}" if one.head.server else "",
        f"by pg_dump {one.head.program}" if one.head.program else "",
    ]
    made = " by what is in it; its file is much younger" if one.touched else ""
    lines = [
        row("file", one.shown),
        row("size", f"{one.size:,.0f} bytes"),
        row("made", f"{one.at:%Y-%m-%d %H:%M:%S} UTC{made}"),
        row("state", _state(one)),
    ]
    if _why(one):
        lines.append(row("why", _why(one)))
    lines += [
        row("format", _form(one)),
        row("database", one.head.database or "the file does not tell"),
        row("taken from", ", ".join(filter(None, versions)) or "the file does not tell"),
        row("copy", {True: "off this host too", False: "none off this host", None: "not known"}[one.copied]),
    ]
    if one.proof is not None:
        lines.append(row("last proof", f"{one.proof.at:%Y-%m-%d %H:%M} UTC: {one.proof.words}"))
    return lines


def _about_job(one: Work) -> Sequence[Line]:
    """More about one job: all of its last words."""
    told = [("what", one.what), ("of", one.subject), ("begun", f"{one.began:%Y-%m-%d %H:%M:%S} UTC")]
    told += [("state", one.state), ("words", one.words)]
    if one.share is not None:
        told.append(("share", ratio(one.share)))
    told += [("left behind", one.left or "nothing"), ("job", one.act)]
    return [line(fit(dim(name), 13), str(words)) for name, words in told]


_LAST: Final[Table[BackupsFacts, Backup]] = Table(
    name="backups",
    title="backups",
    rows=lambda facts: facts.last,
    beyond=lambda facts: facts.count - len(facts.last),
    key=lambda one: one.name,
    columns=(
        Column("made, utc", lambda one: f"{one.at:%Y-%m-%d %H:%M}", 16, lambda one: one.at, descending=True),
        Column("size", lambda one: size(one.size), 9, lambda one: one.size, True, descending=True),
        Column("state", _state, 14),
        Column("format", _form, 12, least=80),
        Column("copy", _copied, 4, least=90),
        Column("of", lambda one: one.head.database or _GONE, 16, least=110),
        Column("file", lambda one: one.shown, tail=True),
    ),
    empty="there is no backup in this folder",
    tone=_tone,
    detail=_about,
    looks=("contents", "check"),
)
_WORK: Final[Table[BackupsFacts, Work]] = Table(
    name="jobs",
    title="jobs",
    rows=lambda facts: facts.work,
    key=lambda one: one.act,
    label=lambda one: f"{one.what} {one.subject}",
    columns=(
        Column("begun, utc", lambda one: f"{one.began:%m-%d %H:%M}", 11, lambda one: one.began, descending=True),
        Column("what", lambda one: one.what, 8),
        Column("state", lambda one: one.state, 10),
        Column("share", lambda one: _or_gone(one.share, ratio), 6, lambda one: one.share, True),
        Column("left behind", lambda one: one.left or _GONE, 30, least=110),
        Column("of", lambda one: one.subject, 24, least=100),
        Column("words", lambda one: one.words),
    ),
    empty="no job has worked on these backups from this machine",
    tone=lambda one: Tone.WARNING if one.left or one.state in ("failed", "lost") else Tone.PLAIN,
    detail=_about_job,
)
_UNFINISHED: Final[Table[BackupsFacts, Leftover]] = Table(
    name="unfinished",
    title="unfinished",
    rows=lambda facts: facts.unfinished,
    key=lambda one: str(one.name),
    columns=(
        Column("size", lambda one: size(one.size), 9, lambda one: one.size, True, descending=True),
        Column("written", lambda one: "now" if one.live else f"{span(int(one.age))} ago", 14, lambda one: one.age),
        Column("file", lambda one: one.name),
    ),
    empty="no file here is unfinished",
    tone=lambda one: Tone.PLAIN if one.live else Tone.WARNING,
)


class BackupsPanel(Panel[BackupsFacts]):
    """One folder."""

    title = "BACKUPS"
    help = (
        "newest good: the newest backup that nothing speaks against, by its file's time, or by what the archive\n"
        "says when its file is much younger. state: restored - into a scratch database; whole - read to its end;\n"
        "not checked - only its beginning is known. A list of contents proves nothing: what is cut off passes it.\n"
        "usual: the median size of the seven usable ones before the newest. gap: a time of the last 14 days in which\n"
        "one is missing. copy: one of the same name and size is off this host. jobs: what was begun from here; it\n"
        "goes on when the session ends. Roles are in no dump of a single database."
    )
    tables: ClassVar[tuple[Table[Any, Any], ...]] = (_LAST, _WORK, _UNFINISHED)

    def headline(self, view: View[BackupsFacts]) -> Sequence[Part]:
        """Age and size of the newest good one, its last proof, and what is under way."""
        facts = view.facts
        running = [one for one in facts.work if one.state == "under way"]
        more = [f"{one.what} {_or_gone(one.share, ratio) if one.share else 'under way'}" for one in running[:1]]
        if facts.newest is None:
            return (toned("no backup", view.severity("missing")), *more)
        if facts.good is None:
            return (toned("no good backup", Severity.CRITICAL), *more)
        proven = f"proven {_ago(facts.proven, view.snapshot.taken_at)}" if facts.proven else "never proven"
        late = view.severity("newest_late_seconds")
        return (
            toned(f"newest {_trust(facts.good)} {_old(facts.good_age)}", late), size(facts.good.size),
            toned(proven, view.severity("unproven")), *more,
        )  # fmt: skip

    def brief(self, view: View[BackupsFacts], width: int) -> Sequence[Line]:
        """Which one the newest good is; above it the newest, when that can't be used."""
        facts, worst = view.facts, view.severity()
        newest, good = facts.newest, facts.good
        if newest is None:
            others = f"; {plural(facts.others, 'file')} of other names than {facts.pattern}" if facts.others else ""
            words = f" there is no backup in {facts.folder}{others}"
            return (line(sign(worst), Span(fit(words, max(1, width - 2)).text.rstrip()), severity=worst),)

        def told(one: Backup, mark: Span, words: str, severity: Severity | None) -> Line:
            state = fit(Span(_state(one), _tone(one)), 14 if newest.spoilt else 11)
            spare = max(0, width - 3 - cell_len(state.text) - cell_len(words))
            name = fit(one.shown, spare, tail=True).text.rstrip()
            return line(mark, " ", state, " ", words, name, key=one.name, severity=severity)

        if not newest.spoilt:
            late = "too old: " if view.severity("newest_late_seconds") else ""
            return (told(newest, sign(worst), late, worst),)
        bad = told(newest, sign(Severity.CRITICAL), f"newest, {_old(facts.age)}: ", Severity.CRITICAL)
        return (
            (bad, told(good, sign(None), "newest good: " if _trust(good) == "good" else "before it: ", None))
            if good is not None
            else (bad,)
        )

    def head(self, view: View[BackupsFacts], width: int) -> Sequence[Line]:
        """The newest good one, the newest where that is spoilt, those before it, the proof, the copies, the room."""
        facts = view.facts

        def row(name: str, *parts: Part) -> Line:
            return Line(cut(line(fit(dim(name), 13), *parts).spans, width))

        def told(one: Backup, old: float | None) -> str:
            return f"{_old(old)}, {size(one.size)}, {_state(one)}: {one.shown}"

        lines = []
        newest, good = facts.newest, facts.good
        if good is not None:
            late = view.severity("newest_late_seconds")
            name = "newest good" if _trust(good) == "good" else "unchecked"
            lines.append(row(name, toned(told(good, facts.good_age), late)))
        else:
            words = "none: not one backup here can be used" if newest else "none: there is no backup here"
            lines.append(row("newest good", toned(words, Severity.CRITICAL)))
        if newest is not None and newest.spoilt:
            lines.append(row("newest", toned(told(newest, facts.age), Severity.CRITICAL)))
            if _why(newest):
                lines.append(row("", toned(_why(newest), Severity.CRITICAL)))
        if newest is not None:
            if newest is good or newest.spoilt == "too small":
                lines.append(row("size", *self._sizes(view, newest, width)))
            lines.append(row("in all", *self._all(view)))
            lines.append(row("proof", toned(self._proven(view), view.severity("unproven"))))
        lines.append(row("copies", *self._copies(view)))
        lines.append(row("disk", *self._disk(view)))
        of = f", of database {facts.database}" if facts.database else ""
        lines.append(row("folder", strong(f"{facts.folder}/{facts.pattern}{of}")))
        return lines

    def more(self, view: View[BackupsFacts], width: int) -> Sequence[Line]:
        """The head without the newest good one and the newest: those stand in the brief."""
        newest = view.facts.newest
        return self.head(view, width)[2 if newest is not None and newest.spoilt else 1 :]

    @staticmethod
    def _sizes(view: View[BackupsFacts], newest: Backup, width: int) -> Sequence[Part]:
        facts = view.facts
        if facts.size_ratio is None:
            return (toned(size(newest.size), view.severity("too_small")), "; too few before it to say what is usual")
        usual = f"  {size(newest.size)}, {ratio(facts.size_ratio)} of the usual {_or_gone(facts.median, size)}"
        room = width - 13 - 10 - cell_len(usual) - 2
        chart = spark([one.size for one in reversed(facts.last[:20])], min(20, room)) if room >= 8 else ""
        tone = view.severity("shrunk") or view.severity("too_small")
        share = Span(bar(facts.size_ratio / 2, 10), Tone.CHART)
        return (share, toned(usual, tone), "  ", Span(chart, Tone.CHART))

    @staticmethod
    def _all(view: View[BackupsFacts]) -> Sequence[Part]:
        facts = view.facts
        total = f"{plural(facts.count, 'backup')}, {size(facts.total)}; "
        if facts.cadence is None:
            return (total, "too few to say how often they come")
        every = f"every {span(int(facts.cadence))}, "
        if not facts.gaps:
            return (total, every, "no gap in 14 days")
        began, lasts = facts.gaps[-1]
        last = f"{plural(len(facts.gaps), 'gap')} in 14 days: {span(int(lasts))} from {began:%m-%d %H:%M}"
        return (total, every, toned(last, view.severity("gaps")))

    @staticmethod
    def _proven(view: View[BackupsFacts]) -> str:
        facts = view.facts
        if facts.proven is not None:
            return f"a backup that is here was restored {_ago(facts.proven, view.snapshot.taken_at)}"
        return "none on record" + ("" if facts.scratch else "; set scratch in the profile to prove one")

    @staticmethod
    def _copies(view: View[BackupsFacts]) -> Sequence[Part]:
        there = view.facts.offsite
        if there is None:
            return ("none known: the profile names no place for them (offhost)",)
        if there.count is None:
            return (f"not known: {there.place} can't be looked at",)
        worst = view.severity("copy_missing") or view.severity("copy_late_seconds")
        if not there.count:
            return (toned(f"none at {there.place} yet", worst),)
        newest = "of none of these backups" if there.newest is None else f"newest of a backup {_old(there.age)}"
        parts: list[Part] = [f"{count(there.count)} at {there.place}, ", toned(newest, worst)]
        if there.differing:
            parts.append(
                toned(f", {count(len(there.differing))} not of its backup's size", view.severity("copies_differing"))
            )
        if there.looked_ago >= _SOON:
            parts.append(dim(f", looked {age(there.looked_ago)} ago"))
        return parts

    @staticmethod
    def _disk(view: View[BackupsFacts]) -> Sequence[Part]:
        facts = view.facts
        parts: list[Part] = [toned(f"{_or_gone(facts.free, size)} free", view.severity("room_ratio"))]
        live = sum(one.live for one in facts.unfinished)
        left = len(facts.unfinished) - live
        if live:
            parts.append(f", {plural(live, 'file')} being written")
        if left:
            parts.append(toned(f", {plural(left, 'unfinished file')}", view.severity("unfinished")))
        return parts
