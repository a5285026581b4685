"""The course of one gauge: ten minutes to thirty days, with what it was yesterday, its limits and what happened.

The picture is drawn from the room's clock and board, so it is right in a replay too. The file is read in a thread of
its own while the picture before stays; what is in memory is joined on at each drawing, at most once a second.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult

from desk.history.bucket import Bucket
from desk.history.course import joined, rates
from desk.history.export import as_csv, as_json
from desk.words import amount, plural
from probes.base import GaugeKey, Lane, ProbeError
from tui.room import Room
from tui.screens.base import RoomScreen
from tui.screens.chart_data import DAY, WEEK, Ask, Kept, fetch, gauge_of, limits_of, marks_of, nothing, spec_of, unit_of
from tui.screens.chart_words import LEGEND, Sight, figures_line, title_line, told_line
from widgets.chart import LINES, Chart, Course, Mark, across, draw, legend, small
from widgets.draw.canvas import Style
from widgets.drawn import Drawn
from widgets.lines import Tone, dim, fit, line
from widgets.lineview import LineView
from widgets.overview import cut

RANGES: Final = (600.0, 3600.0, 21600.0, DAY, WEEK, 30 * DAY)
"""Seconds of the windows that the digits open."""

_STEPS: Final = (60.0, 120.0, 300.0, *RANGES[:2], 7200.0, RANGES[2], 43200.0, DAY, 2 * DAY, *RANGES[4:])
"""Seconds of the windows that one comes through."""

_COMPARED: Final = ("", "yesterday", "last week", "yesterday and last week")
_TALL: Final = 20
"""Rows of a screen from which the gauge is explained."""
_MANY: Final = 40
"""Gauges of one name that are shown at most."""
_YOUNG: Final = 900.0
"""Seconds up to which what is remembered opens as ten minutes."""
_BEAT: Final = 0.95
"""Seconds between two pictures while nobody presses a key."""


class GaugeChart(RoomScreen):
    """Charts a gauge of a target."""

    where: ClassVar[str] = "chart"

    DEFAULT_CSS = """
    GaugeChart #title { background: $surface; }
    """

    def __init__(self, room: Room, target: str, key: GaugeKey) -> None:
        super().__init__(room)
        self._target, self._key = target, key
        self._title = LineView(id="title", classes="row")
        self._help = LineView(id="help", classes="row")
        self._view = LineView(id="picture")
        self._told = LineView(id="told", classes="row")
        self._figures = LineView(id="figures", classes="row")
        began = room.board.series(target).began
        self._span = RANGES[0] if began is not None and room.now - began < _YOUNG else RANGES[1]
        self._chosen = False
        """True once a person has said what to show."""
        self._end: float | None = None
        """Where the window ends; None: now, and it follows."""
        self._cursor: float | None = None
        self._compared = ""
        self._likes = False
        self._first = 0
        """Small pictures that are skipped."""
        self._style: Style | None = None
        self._kept = Kept()
        self._asked: Ask | None = None
        self._lane = Lane("chart", limit=1)
        self._reading: asyncio.Task[None] | None = None
        self._chart = Chart((), unit_of(spec_of(room, target, key.name)), 0.0, 1.0)
        self._painted = float("-inf")

    def body(self) -> ComposeResult:
        """Title, what it means, the picture, the cursor's words, the figures."""
        yield self._title
        yield self._help
        yield self._view
        yield self._told
        yield self._figures

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._lane.close()

    # what is shown

    @property
    def _wall(self) -> float:
        """The moment that is shown, seconds since 1970."""
        now = self.room.engine.clock
        return now.now().timestamp() - (now.monotonic() - self.room.now)

    @property
    def _window(self) -> tuple[float, float]:
        end = self._end if self._end is not None else self._wall
        return end - self._span, end

    @property
    def _keys(self) -> list[GaugeKey]:
        """The gauges that are drawn, the one that is looked at among them."""
        if not self._likes:
            return [self._key]
        return [one for one in self._gauges() if one.name == self._key.name][:_MANY] or [self._key]

    def _gauges(self) -> list[GaugeKey]:
        """Every gauge of the target that is known."""
        return sorted({*self.room.board.series(self._target).keys(), *self._kept.gauges, self._key})

    def draw(self) -> None:
        """Everything, at most once a second; the file is read beside."""
        if not self.is_mounted or self.size.height < 6:
            return
        if abs(self.room.engine.clock.monotonic() - self._painted) >= _BEAT or self.room.still is not None:
            self._paint()
        self.draw_frame()

    def _paint(self) -> None:
        self._painted = self.room.engine.clock.monotonic()
        self._ask()
        since, until = self._window
        spec = spec_of(self.room, self._target, self._key.name)
        courses, restarts = self._courses(since, until)
        shown = courses.get(self._key, [])
        unit = unit_of(spec)
        before = [
            Course(name, self._rated([one._replace(start=one.start + back) for one in kept]))
            for name, back, kept in self._earlier()
            if name in self._compared
        ]
        drawn = [Course(_label(key), buckets) for key, buckets in courses.items()]
        marks = marks_of(self.room, self._target, since, until, self._kept.marks)
        self._chart = Chart(
            drawn,
            unit,
            since,
            until,
            before=before if len(drawn) == 1 else (),
            limits=limits_of(self.room, self._target, self._key) if not spec.counter else (),
            marks=[*marks, *restarts],
            cursor=self._cursor if self._cursor is None or since <= self._cursor <= until else None,
            empty=nothing(self.room, self._kept, self._target, shown, since, until),
            style=self._style or (Style.ASCII if Drawn.ascii_only else Style.BRAILLE),
        )
        self._show(spec.help, spec.counter)

    def _earlier(self) -> list[tuple[str, float, list[Bucket]]]:
        """(name, seconds back, buckets) of what it is compared with."""
        return [("yesterday", DAY, self._kept.yesterday), ("last week", WEEK, self._kept.week)]

    def _courses(self, since: float, until: float) -> tuple[dict[GaugeKey, list[Bucket]], list[Mark]]:
        """The buckets of each gauge in the window, and where a counter began anew."""
        series, now, wall = self.room.board.series(self._target), self.room.now, self._wall
        found, restarts = dict[GaugeKey, list[Bucket]](), []
        for key in self._keys:
            first = now - (wall - since) - 120
            recent = [(wall - (now - at), value) for at, value in series.window(key, first, now - (wall - until))]
            kept = [one for one in self._kept.courses.get(key, ()) if one.end <= wall]  # a replay has no future
            buckets = joined(kept, recent, self._patience, min(until, wall))
            if spec_of(self.room, self._target, key.name).counter:
                grown = rates(buckets)
                buckets = list(grown.buckets)
                restarts += [Mark(one, "↺", Tone.NOTICE, "its source was restarted", 1) for one in grown.restarts]
            found[key] = [one for one in buckets if one.end >= since and one.start <= until]
        return found, restarts

    def _rated(self, buckets: list[Bucket]) -> Sequence[Bucket]:
        held = joined(buckets, (), self._patience, float("inf"))
        return rates(held).buckets if spec_of(self.room, self._target, self._key.name).counter else held

    @property
    def _patience(self) -> float:
        return self.room.board.slot(self._target).patience

    # reading the file

    def _ask(self) -> None:
        """Ask the file, when what is wanted is not what was asked last."""
        until = self._window[1]
        minute = until // 60 * 60
        keys = (self._key, *(key for key in self._keys if key != self._key))
        ask = Ask(self.room.history, self._target, keys, minute - self._span - 120, minute + 60)
        if ask == self._asked or (self._reading is not None and not self._reading.done()):
            return
        self._asked = ask
        self._reading = asyncio.create_task(self._read(ask))

    async def _read(self, ask: Ask) -> None:
        try:
            kept = await self._lane.run(fetch, ask)
        except ProbeError:
            kept = replace(self._kept, trouble="the disk does not answer")
        if ask.target != self._target or ask.keys[0] != self._key:
            self._asked = None
        else:
            self._kept = kept
            if not self._chosen and kept.began is not None and self._wall - kept.began > _YOUNG:
                self._span = RANGES[1]
        self._painted = float("-inf")
        self.call_later(self.draw)

    # drawing

    def _show(self, help_: str, counter: bool) -> None:
        width, chart = self.size.width, self._chart
        self._help.display = self.size.height >= _TALL
        since, until = self._window
        name = self._key.name if self._likes else str(self._key)
        reading = self._reading is not None and not self._reading.done()
        sight = Sight(self._target, name, since, until, self._end is None, self._compared, reading)
        self._title.show([title_line(chart, sight, width)])
        meaning = f" {help_}" + ("; a counter: how much it grows in a second" if counter else "")
        self._help.show([line(dim(fit(meaning, width).text))])
        height = self.size.height - 5 - self._help.display
        if len(chart.courses) > LINES:
            self._first = min(self._first, len(chart.courses) - 1)
            lines = small(chart, width, height, self._first)
        elif len(chart.courses) > 1:
            lines = [legend(chart, width), *draw(chart, width, height - 1)]
        else:
            lines = draw(chart, width, height)
        self._view.show(lines)
        earlier = [(name, back, self._rated(kept)) for name, back, kept in self._earlier()]
        cell = (until - since) / max(1, self._cells)
        told = told_line(chart, sight, earlier, cell)
        self._told.show([line(*cut(told.spans, width))])
        self._figures.show([figures_line(chart, sight, width)])

    # what a person does

    @property
    def pointed(self) -> tuple[str, str]:
        """The target; no row."""
        return self._target, ""

    @property
    def subjects(self) -> tuple[str, ...]:
        """Nothing is acted on from here."""
        return ()

    def _shown(self) -> list[tuple[GaugeKey, Sequence[Bucket]]]:
        return list(zip(self._keys, (course.buckets for course in self._chart.courses), strict=False))

    def line_under_cursor(self) -> str:
        """What `y` copies: the values that are shown, as CSV."""
        return as_csv(self._target, self._shown()).rstrip("\n")

    def about(self) -> Sequence[tuple[str, str]]:
        """How to read a chart."""
        return (("How to read a chart", LEGEND),)

    def clear(self) -> bool:
        """Take back the cursor, the comparison, the likes; False when there was none of them."""
        had = self._cursor is not None or bool(self._compared) or self._likes
        self._cursor, self._compared, self._likes, self._first = None, "", False, 0
        if had:
            self._paint()
        return had

    def _move(self, cells: int) -> None:
        since, until = self._window
        cell = self._span / max(1, self._cells)
        start = until if self._cursor is None else self._cursor
        moved = start + cells * cell
        if moved >= until and self._end is None:
            self._cursor = None
        else:
            self._cursor = min(until, max(since, moved))
        self._paint()

    @property
    def _cells(self) -> int:
        """Cells of the picture."""
        return across(self._chart, self.size.width, max(8, self.size.height - 6))

    def action_left(self) -> None:
        """The cursor one cell back."""
        self._move(-1)

    def action_right(self) -> None:
        """The cursor one cell on."""
        self._move(1)

    def action_further_left(self) -> None:
        """The cursor ten cells back."""
        self._move(-10)

    def action_further_right(self) -> None:
        """The cursor ten cells on."""
        self._move(10)

    def action_closer(self) -> None:
        """Less time."""
        self._zoom([one for one in reversed(_STEPS) if one < self._span])

    def action_wider(self) -> None:
        """More time."""
        self._zoom([one for one in _STEPS if one > self._span])

    def _zoom(self, spans: list[float]) -> None:
        if not spans:
            self.say("that is as far as it goes")
            return
        since, until = self._window
        if self._cursor is not None:
            share = (self._cursor - since) / self._span
            self._go(self._cursor + spans[0] * (1 - share), spans[0])
        else:
            self._go(until, spans[0])

    def _go(self, end: float, span: float) -> None:
        """Show a window that ends about there; one that would end in the future follows."""
        self._span, self._chosen = span, True
        wall = self._wall
        end = max(end, wall - 2 * 30 * DAY)
        self._end = None if end >= wall - span / 100 else end
        since, until = self._window
        if self._cursor is not None and not since <= self._cursor <= until:
            self._cursor = None
        self._paint()

    def action_earlier(self) -> None:
        """Back by half of what is shown."""
        self._go(self._window[1] - self._span / 2, self._span)

    def action_later(self) -> None:
        """On by half of what is shown."""
        self._go(self._window[1] + self._span / 2, self._span)

    def action_newest(self) -> None:
        """To now."""
        self._end = self._cursor = None
        self._paint()

    def action_range(self, digit: str) -> None:
        """One of the ranges."""
        self._go(self._window[1], RANGES[int(digit) - 1])

    def action_compare(self) -> None:
        """The next comparison."""
        self._compared = _COMPARED[(_COMPARED.index(self._compared) + 1) % len(_COMPARED)]
        self.say(f"with {self._compared}" if self._compared else "compared with nothing")
        self._paint()

    def action_likes(self) -> None:
        """Every gauge of this name, or this one alone."""
        self._likes, self._first = not self._likes, 0
        if self._likes and len(self._keys) == 1:
            self._likes = False
            self.say("there is only one gauge of this name")
        self._paint()

    def action_page_down(self) -> None:
        """More small pictures."""
        self._page(1)

    def action_page_up(self) -> None:
        """The small pictures before."""
        self._page(-1)

    def _page(self, pages: int) -> None:
        if len(self._chart.courses) > LINES:
            self._first = max(0, min(self._first + pages * 4, len(self._chart.courses) - 1))
            self._paint()

    def action_style(self) -> None:
        """Dots, blocks, plain letters."""
        styles = [Style.ASCII] if Drawn.ascii_only else list(Style)
        here = self._chart.style
        self._style = styles[(styles.index(here) + 1) % len(styles)] if here in styles else styles[0]
        self.say(f"drawn with {self._style.value}")
        self._paint()

    def action_next_gauge(self) -> None:
        """The next gauge of the target."""
        self._turn(1)

    def action_previous_gauge(self) -> None:
        """The gauge before."""
        self._turn(-1)

    def _turn(self, steps: int) -> None:
        known = self._gauges()
        self.look_at(known[(known.index(self._key) + steps) % len(known)])

    def look_at(self, key: GaugeKey) -> None:
        """Show another gauge of the target."""
        self._key, self._likes, self._first = key, False, 0
        self._kept = Kept(gauges=self._kept.gauges)
        self._asked = None
        self._paint()

    def action_pick(self) -> None:
        """Choose a gauge of the target by name."""
        from tui.screens.sheet import Menu

        known = {str(key): key for key in self._gauges()}
        series = self.room.board.series(self._target)
        items = []
        for name, key in known.items():
            spec, value = spec_of(self.room, self._target, key.name), series.latest(key)
            now = amount(value, spec.unit) if value is not None else "–"
            items.append(
                (name, name, f"{now:<10} {spec.help} ({spec.unit.value}{', counter' if spec.counter else ''})")
            )

        def choose(name: str) -> None:
            self.app.pop_screen()
            self.look_at(known[name])

        self.app.push_screen(Menu(self.room, f"{self._target}: gauges", items, choose))

    def action_export(self) -> None:
        """Write what is shown into a file."""
        since = datetime.fromtimestamp(self._window[0], UTC)
        name = "".join(char if char.isalnum() or char in "-_" else "-" for char in f"{self._target}-{self._key.name}")
        self.ask(
            "write to … .csv or .json",
            os.path.expanduser(f"~/{name}-{since:%Y%m%dT%H%M}.csv"),
            lambda text: None,
            self._export,
            lambda: None,
        )

    def _export(self, text: str) -> None:
        path = Path(os.path.expanduser(text.strip()))
        made = (as_json if path.suffix == ".json" else as_csv)(self._target, self._shown())
        self.room.later(self._write(path, made))

    async def _write(self, path: Path, text: str) -> None:
        try:
            await self._lane.run(_written, path, text)
        except FileExistsError:
            self.say(f"nothing was written: there is a {path.name} already")
        except ValueError:
            self.say("nothing was written: no file can have that name")
        except (OSError, ProbeError) as error:
            self.say(f"nothing was written: {getattr(error, 'strerror', '') or 'the disk does not answer'}")
        else:
            self.say(f"written: {path}, {plural(text.count(chr(10)), 'line')}")


def _written(path: Path, text: str) -> None:
    """A new file that only we may read. Raises `OSError`."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def _label(key: GaugeKey) -> str:
    return ", ".join(text for _, text in key.labels) or key.name


def open_chart(screen: RoomScreen) -> None:
    """Chart the gauge behind what the cursor is on."""
    room, (target, row) = screen.room, screen.pointed
    if not target:
        screen.say("no target is under the cursor")
        return
    key = gauge_of(room, target, row)
    if key is None:
        screen.say(f"{target} has given no number yet")
    else:
        screen.app.push_screen(GaugeChart(room, target, key))
