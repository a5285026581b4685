"""`opsroom report`: how full it is getting, what a shift saw, the history of an alert; for who was not there."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tui import verb

if TYPE_CHECKING:
    from desk.report.paper import Report
    from tui.reports import Reports

_FORMS: Final = ("markdown", "json", "csv")

_SHIFT: Final = "yesterday 00:00"


@click.group(cls=verb.Verbs)
def report() -> None:
    """What was kept of the system, on paper: Markdown, JSON or CSV. Reads only; no system is asked."""


def _written(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every report."""
    for option in (
        click.option("--to", type=click.Path(path_type=Path), help="A file to write; it must not be there."),
        click.option("--as", "form", type=click.Choice(_FORMS), default=_FORMS[0], show_default=True, help="The form."),
        verb.PROFILE,
    ):
        command = option(command)
    return command


def _days(most: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--days", type=click.IntRange(1, most), default=14, show_default=True, help="Days to look back."
    )


@report.command()
@_written
@_days(30)
def capacity(profile: str | None, form: str, to: Path | None, days: int) -> None:
    """How full it is getting, where that goes, and when the room is gone."""
    reports = _reports(profile)
    _give(lambda: reports.capacity(datetime.now(UTC), days), form, to)


@report.command()
@_written
@click.option("--since", default=_SHIFT, show_default=True, help='When it began: "06:00", "yesterday 06:00", "-8h".')
@click.option("--until", help="When it ended; absent: a day later, or now.")
def shift(profile: str | None, form: str, to: Path | None, since: str, until: str | None) -> None:
    """What a shift saw: alerts, what is still open, acts, and when nobody watched. Without times: yesterday's."""
    reports, now = _reports(profile), datetime.now(UTC)
    began = _moment("--since", since, now)
    ended = min(_moment("--until", until, now) if until else began + timedelta(days=1), now)
    if ended <= began:
        verb.refuse("opsroom: --until must be later than --since, and --since in the past")
    _give(lambda: reports.shift(began, ended, now), form, to)


@report.command()
@_written
@click.argument("name")
@_days(31)
def alert(profile: str | None, form: str, to: Path | None, name: str, days: int) -> None:
    """How often an alert came, how long it lasted, who had it in hand, and what was done meanwhile.

    NAME is its rule's, another name that the profile gives it, or its target's.
    """
    reports = _reports(profile)
    _give(lambda: _of_alert(reports, name, days), form, to)


def _of_alert(reports: Reports, name: str, days: int) -> Report:
    """A name that nothing was called by may be a mistake; that is said beside the empty report."""
    from desk.report.alerts import is_called

    every = reports.episodes()
    if not any(is_called(one, name) for one in every):
        known = sorted({one.name for one in every})
        near = difflib.get_close_matches(name, known, 1, 0.6)
        said = f"did you mean {near[0]}?" if near else f"there were: {', '.join(known[:20]) or 'none'}"
        verb.complain(f"opsroom: no alert was ever called {name}; {said}")
    return reports.alert(name, datetime.now(UTC), days)


def _reports(profile: str | None) -> Reports:
    from tui.kinds import Kinds
    from tui.reports import Reports

    return Reports(verb.profile_of(profile), Kinds(), verb.whereabouts())


def _moment(option: str, text: str, now: datetime) -> datetime:
    from desk.moment import moment

    try:
        return moment(text, now)
    except ValueError as error:
        verb.refuse(f"opsroom: {option}: {error}")


def _give(make: Callable[[], Report], form: str, to: Path | None) -> None:
    from desk.report import paper
    from tui.reports import NoReport

    try:
        text = {"markdown": paper.as_markdown, "json": paper.as_json, "csv": paper.as_csv}[form](make())
    except NoReport as error:
        verb.refuse(f"opsroom: {error}")
    if to is None:
        verb.say(text, end="")
        return
    try:
        with to.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        verb.refuse(f"opsroom: {to} is already there; it was not touched")
    except OSError as error:
        verb.refuse(f"opsroom: {to} cannot be written: {(error.strerror or '').lower()}")
    verb.say(f"wrote {to}")
