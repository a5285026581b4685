"""What comes after an incident: action items until they are done, and the post-mortem."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from desk.inbox.until import end
from desk.incident.incident import Item
from probes.base import SafeText
from tui.screens.incidents import attempt, pick, refused, say, tried, unheard
from tui.screens.sheet import Sheet
from widgets import incident as drawn
from widgets.lines import Line, Span, Tone, line

if TYPE_CHECKING:
    from tui.screens.incident import IncidentScreen

_ADD = "add"


def items(screen: IncidentScreen) -> None:
    """What is to be done so that it does not happen again."""
    desk = screen.desk

    def lines(width: int) -> list[Line]:
        one = screen.incident
        made = drawn.items(one.items, desk.now, width) if one is not None else []
        return [*made, line(Span("+ ", Tone.KEY), "add one", key=_ADD)]

    def choose(key: str) -> None:
        one = screen.incident
        item = next((each for each in one.items if each.id == key), None) if one is not None else None
        if refused(sheet):
            return
        if item is not None:
            _change(sheet, screen, item)
        elif key == _ADD:
            say(sheet, "what is to be done? Esc adds nothing", lambda text: _owner(sheet, screen, text), longest=400)

    sheet = Sheet(screen.room, f"Action items of {SafeText(_title(screen), 80)}", lines, choose)
    screen.app.push_screen(sheet)


def _title(screen: IncidentScreen) -> str:
    one = screen.incident
    return one.title if one is not None else ""


def _owner(sheet: Sheet, screen: IncidentScreen, text: str) -> None:
    if not text.strip():
        sheet.say("nothing was added")
        return
    label = "who does it? a name, or just Enter"
    asked = partial(_day, sheet, screen, text)
    left = partial(_add, sheet, screen, text, "", None)  # what was said already is kept
    sheet.call_after_refresh(sheet.ask, label, "", unheard, asked, left, 100, False, True)


def _day(sheet: Sheet, screen: IncidentScreen, text: str, owner: str) -> None:
    def done(day: str) -> None:
        _add(sheet, screen, text, owner, day_of(day, screen.desk.now))

    label = "until when? 7d or 2026-03-31, or just Enter"
    left = partial(_add, sheet, screen, text, owner, None)
    sheet.call_after_refresh(sheet.ask, label, "", unheard, done, left, 100, False, True)


def _add(sheet: Sheet, screen: IncidentScreen, text: str, owner: str, due: datetime | None) -> None:
    said = "added" if due is not None else "added without a day (7d or 2026-03-31): choose it to set one"
    tried(sheet, partial(screen.desk.incidents.add_item, screen.id_, text, owner, due), said)


def _change(sheet: Sheet, screen: IncidentScreen, item: Item) -> None:
    book, name = screen.desk.incidents, screen.id_
    done = item.done is not None
    options = [("", "leave it", str(SafeText(item.text, 200)))]
    options.append(("again", "it is not done", "") if done else ("done", "it is done", ""))
    options += [("owner", "who does it", item.owner or "nobody yet"), ("due", "until when", "7d or 2026-03-31")]

    def due(text: str) -> None:
        found = day_of(text, screen.desk.now)
        if found is None:
            sheet.say(f"“{SafeText(text.strip(), 40)}” is no day: 7d or 2026-03-31")
        else:
            tried(sheet, partial(book.change_item, name, item.id, due=found), f"due {found:%Y-%m-%d}")

    def chosen(key: str) -> None:
        if key == "done":
            tried(sheet, partial(book.do_item, name, item.id), "done")
        elif key == "again":
            tried(sheet, partial(book.reopen_item, name, item.id), "not done")
        elif key == "owner":
            say(
                sheet,
                "who does it? Esc leaves it",
                lambda text: attempt(sheet, partial(book.change_item, name, item.id, owner=text), "noted"),
                item.owner,
            )
        else:
            say(sheet, "until when? 7d or 2026-03-31; Esc leaves it", due)

    pick(sheet, "Action item", options, chosen)


def day_of(text: str, now: datetime) -> datetime | None:
    """The end of the day that "7d" or "2026-03-31" means; None: it means none.

    >>> now = datetime(2026, 3, 1, 13, 30, tzinfo=UTC)
    >>> [f"{day_of(text, now):%d %H:%M}" for text in ("7d", "2026-03-31")], day_of("soon", now)
    (['08 23:59', '31 23:59'], None)
    """
    try:
        found: datetime | None = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        found = end(text, now)
    return found.astimezone(UTC).replace(hour=23, minute=59, second=59, microsecond=0) if found is not None else None


# post-mortem


def post_mortem(screen: IncidentScreen) -> None:
    """Write the draft, set the day people meet, say that it is finished."""
    one = screen.incident
    if one is None or refused(screen):
        return
    desk = screen.desk
    options = [("", "leave it", "nothing is written")]
    if desk.has_papers:
        options.append(("draft", "write the draft", "a Markdown file with timeline, times, charts and action items"))
    planned = f"{one.planned:%Y-%m-%d %H:%M} UTC" if one.planned is not None else "not set yet"
    options.append(("plan", "when people meet", planned))
    options.append(("written", "it is finished", one.written.text if one.written is not None else "asks where it lies"))
    pick(screen, "Post-mortem", options, partial(_post_mortem, screen))


def _post_mortem(screen: IncidentScreen, key: str) -> None:
    one, desk = screen.incident, screen.desk
    if one is None:
        return
    if key == "draft":
        offered = os.path.expanduser(f"~/post-mortem-{one.at:%Y-%m-%d}-{one.short}.md")
        say(screen, "write the draft to … ; Esc writes nothing", partial(_draft, screen), offered)
    elif key == "plan":
        label = "when do people meet? 2d, 2026-03-31 14:00 (UTC); Esc leaves it"
        say(screen, label, partial(_plan, screen))
    else:
        done = partial(desk.incidents.post_mortem_written, one.id)
        say(
            screen,
            "where does it lie? Esc leaves it",
            lambda text: attempt(screen, partial(done, text), "noted"),
        )


def _plan(screen: IncidentScreen, text: str) -> None:
    found = end(text, screen.desk.now)
    if found is None or found - screen.desk.now > timedelta(days=366):
        screen.say(f"“{SafeText(text.strip(), 40)}” is no day to meet: 2d or 2026-03-31 14:00")
        return
    said = f"people meet {found:%Y-%m-%d %H:%M} UTC"
    tried(screen, partial(screen.desk.incidents.plan_post_mortem, screen.id_, found), said)


def _draft(screen: IncidentScreen, text: str) -> None:
    if text.strip():
        screen.say("writing the draft …")
        screen.room.later(_write(screen, Path(os.path.expanduser(text.strip()))))


async def _write(screen: IncidentScreen, path: Path) -> None:
    from tui.incidents import NoPapers

    try:
        lines = await screen.desk.post_mortem(screen.id_, path)
    except NoPapers as error:
        screen.room.note(f"no draft was written: {error}")
    else:
        screen.room.note(f"written: {path}, {lines} lines; a person has to finish it")
