"""What alerts did: during a shift, and one alert over the weeks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from desk import words
from desk.report.acts import Act
from desk.report.paper import Cell, Report, Section, Span, Table
from probes.base import Severity

_OFTEN: Final = 3
"""Episodes of one alert in a shift that make it worth a line of its own."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert from when it was raised to when it was over."""

    target: str
    name: str
    """The rule's, or what another system calls it."""
    severity: Severity
    """The worst it was."""
    words: str
    """As it was last."""
    raised: datetime
    source: str = ""
    """Who said it; empty: a rule of ours."""
    labels: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    procedure: str = ""
    acknowledged: datetime | None = None
    by: str = ""
    """Who had it in hand first."""
    held: str = ""
    """Who has it in hand at the end, here or there; empty: nobody."""
    quiet: bool = False
    """True when it is kept quiet at the end."""
    cleared: datetime | None = None
    """None: it is still so."""

    def lasted(self, now: datetime) -> float:
        """Seconds until it was over, or until now."""
        return max(0.0, ((self.cleared or now) - self.raised).total_seconds())

    @property
    def answered(self) -> float | None:
        """Seconds until somebody had it in hand; None: nobody ever had."""
        return None if self.acknowledged is None else max(0.0, (self.acknowledged - self.raised).total_seconds())


def shift(
    system: str, episodes: Iterable[Episode], acts: Sequence[Act],
    unwatched: Sequence[tuple[datetime, datetime]] | None, since: datetime, until: datetime, made: datetime,
) -> Report:  # fmt: skip
    """What a shift saw: what was raised, what is still open, what was done, and when nobody watched.

    `unwatched` is None where no history is kept that could tell.
    """
    blind = "it was watched all the time" if unwatched is not None else "not known: no history is kept"
    found = [one for one in episodes if one.raised <= until and (one.cleared is None or one.cleared >= since)]
    found.sort(key=lambda one: (one.raised, one.target, one.name))
    open_now = [one for one in found if one.cleared is None or one.cleared > until]
    sections = (
        Section("In short", _shift_in_short(found, open_now, acts, until)),
        Section("Open at the end", table=_episodes("open", open_now, until), empty="nothing was left open"),
        Section("Alerts", table=_episodes("alerts", found, until), empty="no alert was raised"),
        Section("Acts", table=_acts(acts), empty="nothing was done from here"),
        Section("Not watched", table=_gaps(unwatched or ()), empty=blind),
    )
    return Report("shift", "Shift", system, made, since, until, sections)


def history(
    system: str, name: str, episodes: Iterable[Episode], acts: Sequence[Act],
    since: datetime, until: datetime, made: datetime,
) -> Report:  # fmt: skip
    """An alert over the weeks: how often, how long, how soon somebody had it in hand, and what was done meanwhile."""
    found = sorted((one for one in episodes if is_called(one, name)), key=lambda one: one.raised)
    done = [(one, act) for one in found for act in acts if _during(one, act)]
    sections = (
        Section("In short", _history_in_short(found, since, until)),
        Section("Episodes", table=_episodes("episodes", found, until), empty="it was not raised in this time"),
        Section("Done while it was open", table=_done(done), empty="nothing was done from here on its target"),
    )
    return Report("alert", f"Alert: {name}", system, made, since, until, sections)


def is_called(episode: Episode, name: str) -> bool:
    """True when people may mean this alert by a name: its own, an alias, its target; case and blanks don't matter."""
    wanted = _folded(name)
    known = (episode.name, episode.target, f"{episode.target}.{episode.name}", *episode.aliases)
    return any(_folded(one) == wanted for one in known)


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _shift_in_short(
    found: Sequence[Episode], open_now: Sequence[Episode], acts: Sequence[Act], until: datetime
) -> tuple[str, ...]:
    by_severity = Counter(one.severity for one in found)
    told = ", ".join(f"{number} {severity.name.lower()}" for severity, number in sorted(by_severity.items())[::-1])
    lines = [f"{words.plural(len(found), 'alert')}{f' ({told})' if told else ''}, {len(open_now)} still open"]
    lines += [
        f"{number} times: {target} {name}"
        for (target, name), number in Counter((one.target, one.name) for one in found).most_common(5)
        if number >= _OFTEN
    ]
    late = [one for one in open_now if not one.held and not one.quiet]
    lines += [f"nobody has it in hand: {one.target}: {one.words}" for one in late]
    unsure = [act for act in acts if not act.outcome.startswith("done") or act.verdict not in ("CONFIRMED", "")]
    lines.append(f"{words.plural(len(acts), 'act')}, {len(unsure)} of them not well" if acts else "no act")
    longest = max(found, key=lambda one: one.lasted(until), default=None)
    if longest is not None:
        lines.append(f"longest: {longest.target}: {longest.words}, {words.span(longest.lasted(until))}")
    return tuple(lines)


def _history_in_short(found: Sequence[Episode], since: datetime, until: datetime) -> tuple[str, ...]:
    if not found:
        return ("it was not raised in this time, or nobody watched",)
    weeks = max((until - since) / timedelta(weeks=1), 1e-9)
    lengths = sorted(one.lasted(until) for one in found)
    answers = [one.answered for one in found if one.answered is not None]
    lines = [
        f"{words.plural(len(found), 'time')}, {len(found) / weeks:.1f} a week",
        f"lasted {words.span(median(lengths))} in the middle, {words.span(lengths[-1])} at most",
    ]
    if answers:
        lines.append(f"in hand after {words.span(median(answers))} in the middle, {len(answers)} of {len(found)} times")
    else:
        lines.append("nobody ever had it in hand")
    hours = Counter(one.raised.hour for one in found)
    (hour, number), *_ = hours.most_common(1)
    if number >= _OFTEN and number * 2 > len(found):
        lines.append(f"mostly between {hour:02}:00 and {(hour + 1) % 24:02}:00 UTC: {number} of {len(found)}")
    if any(one.procedure for one in found):
        lines.append(f"procedure: {next(one.procedure for one in reversed(found) if one.procedure)}")
    return tuple(lines)


def _episodes(name: str, found: Iterable[Episode], until: datetime) -> Table:
    columns = ("raised", "severity", "target", "alert", "words", "lasted", "cleared", "in_hand_after", "by")
    rows = [
        (
            one.raised, one.severity.name.lower(), one.target, _named(one), one.words, Span(one.lasted(until)),
            one.cleared, None if one.answered is None else Span(one.answered), one.by or None,
        )
        for one in found
    ]  # fmt: skip
    return Table(name, columns, tuple(rows))


def _named(one: Episode) -> str:
    about = ", ".join(text for _, text in one.labels)
    told = f"{one.name} ({about})" if about else one.name
    return f"{told}, by {one.source}" if one.source else told


def _acts(acts: Iterable[Act]) -> Table:
    columns = ("at", "who", "what", "target", "reason", "outcome", "verdict")
    rows: list[tuple[Cell, ...]] = [
        (act.at, act.who, act.what, act.target, act.reason, act.outcome, act.verdict or None) for act in acts
    ]
    return Table("acts", columns, tuple(rows))


def _done(done: Iterable[tuple[Episode, Act]]) -> Table:
    columns = ("at", "after", "who", "what", "outcome", "verdict")
    rows: list[tuple[Cell, ...]] = [
        (act.at, Span((act.at - one.raised).total_seconds()), act.who, act.what, act.outcome, act.verdict or None)
        for one, act in done
    ]
    return Table("acts", columns, tuple(rows))


def _gaps(unwatched: Iterable[tuple[datetime, datetime]]) -> Table:
    rows: list[tuple[Cell, ...]] = [(since, until, Span((until - since).total_seconds())) for since, until in unwatched]
    return Table("unwatched", ("since", "until", "for"), tuple(rows))


def _during(one: Episode, act: Act) -> bool:
    return act.target == one.target and one.raised <= act.at and (one.cleared is None or act.at <= one.cleared)
