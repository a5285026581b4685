"""What was done and what came of it: acts of this session, and those of earlier ones whose end nobody knows."""

from __future__ import annotations

from functools import partial
from typing import Final

from desk import words
from desk.audit import Chronicle, Unrecorded
from desk.guard import Mode
from desk.hands import Hands
from desk.measures import Measure, close
from desk.unfinished import Case, case, settle
from probes.base import ProbeError, Request, Result, Truth
from tui.room import Room
from tui.screens.act import Act
from tui.screens.sheet import Menu, Sheet
from widgets.act import told
from widgets.folding import folded, wrapped
from widgets.lines import Line, Span, Tone, dim, line, strong

_TONES: Final[dict[Result | Truth, Tone]] = {
    Truth.CONFIRMED: Tone.GOOD,
    Truth.REFUTED: Tone.CRITICAL,
    Truth.UNKNOWN: Tone.WARNING,
    Result.PARTIAL: Tone.WARNING,
}


def acts_sheet(room: Room) -> Sheet:
    """Measures in force, then what was done in this session, newest first; Enter shows one again."""

    def lines(width: int) -> list[Line]:
        made = [*_recorded(room, width), *_told(room, width), *_in_force(room, width)]
        if not room.deeds:
            return [*made, line(dim("nothing was done in this session"))]
        now = room.engine.clock.monotonic()
        for deed in reversed(room.deeds):
            result = deed.result
            face = "under way" if result is None else result.value
            word = Span(f"{face:<10}", Tone.NOTICE if result is None else _TONES.get(result, Tone.NOTICE))
            age = dim(f"{words.age(max(0.0, now - deed.began)):>8} ago  ")
            made += folded(line(age, word, "  ", told(deed), key=deed.id), width, 14)
        return made

    def choose(key: str) -> None:
        deed = next((one for one in room.deeds if one.id == key), None)
        measure = next((one for one in room.measures() if f"measure {one.deed}" == key), None)
        if measure is not None:
            _end(sheet, measure)
        elif deed is not None:
            sheet.app.push_screen(Act(room, deed.plan.target, deed.plan.request, deed=deed))

    sheet = Sheet(room, "Measures in force and acts of this session", lines, choose)
    return sheet


def _recorded(room: Room, width: int) -> list[Line]:
    """Why the session is not recorded, when it is to be."""
    standing = room.scribe.recorder.standing if room.scribe is not None else None
    if standing is None or not (standing.ill or standing.lost):
        return []
    lost = f"; {words.plural(standing.lost, 'reading')} lost" if standing.lost else ""
    return [*folded(line(Span(f"the black box: {standing.words}{lost}", Tone.WARNING)), width), line()]


def _told(room: Room, width: int) -> list[Line]:
    """What is not shared and what people were not told of, all of it: the top line may have no room for the reason."""
    shared = room.sharing.standing.words(room.engine.clock.monotonic()) if room.sharing is not None else ""
    notices = room.dispatch.words if room.dispatch is not None else ""
    said = [f"the shared store: {shared}"] if shared else []
    said += [f"telling people: {notices}"] if notices else []
    return [part for one in said for part in (*folded(line(Span(one, Tone.WARNING)), width), line())]


def _in_force(room: Room, width: int) -> list[Line]:
    """What is in force until somebody takes it back, the first to end first."""
    made: list[Line] = []
    now = room.engine.clock.now()
    for one in room.measures():
        seconds = (one.due - now).total_seconds()
        late = one.overdue(now)
        until = f"OVERDUE {words.age(-seconds)}" if late else f"{words.age(seconds)} left"
        head = Span(f"{until:<14}", Tone.CRITICAL if late else Tone.WARNING)
        ends = "ends by itself" if one.reverse is None else "Enter takes it back"
        by = dim(
            f"  {', '.join(part for part in (one.by, one.reason) if part)}; until {words.clock(one.due)} UTC, {ends}"
        )
        made += folded(line(head, "  ", strong(f"{one.target}: {one.words}"), by, key=f"measure {one.deed}"), width, 16)
    return [*made, line()] if made else []


def _end(sheet: Sheet, one: Measure) -> None:
    """Take a measure back, or close it because it is over already."""
    from tui.acting import once_armed

    hands, reverse = sheet.room.hands, one.reverse
    if hands is None:
        sheet.say(sheet.room.read_only_because)
        return
    if reverse is None:
        sheet.say("it ends by itself")
        return

    def noted(note: str) -> None:
        if note.strip():
            sheet.room.later(_closed(sheet, hands, one, note.strip()))
        else:
            sheet.say("without a note it stays in force")

    def choose(key: str) -> None:
        menu.leave()
        if key == "close":
            sheet.call_after_refresh(sheet.ask, "how did it end? the note closes it", "", lambda text: None, noted)
        else:
            once_armed(sheet, partial(_show, sheet, one.target, reverse))

    items = [
        ("back", "take it back", f"look at it, then {reverse.action} {sheet.room.named(one.target, reverse.subjects)}"),
        ("close", "it is over already", "close it with a note; nothing is sent"),
    ]
    menu = Menu(sheet.room, f"{one.target}: {one.words}", items, choose)
    sheet.app.push_screen(menu)


def _show(sheet: Sheet, target: str, request: Request) -> None:
    sheet.app.push_screen(Act(sheet.room, target, request))


async def _closed(sheet: Sheet, hands: Hands, one: Measure, note: str) -> None:
    try:
        await close(hands.trail, hands.measures, one, note)
    except Unrecorded as error:
        sheet.say(f"not closed: {error}")
        return
    sheet.say("closed")
    sheet.draw()


async def unfinished_sheet(room: Room, hands: Hands) -> Sheet | None:
    """What earlier sessions left open, each looked at anew; None when there is nothing to say."""
    try:
        found = await hands.chronicle()
    except (OSError, ProbeError):
        return None
    hands.measures.remember(found, hands.trail.about)
    cases = [case(one) for one in found.unfinished()]
    if not cases and not found.problems:
        return None
    sheet = Unfinished(room, hands, cases, found)
    room.later(sheet.look())
    return sheet


class Unfinished(Sheet):
    """Acts without a known end. They are looked at, never repeated; a note closes one."""

    def __init__(self, room: Room, hands: Hands, cases: list[Case], found: Chronicle) -> None:
        super().__init__(room, "Before you begin: acts without a known end", self._all, self._close)
        self._hands = hands
        self._cases = cases
        self._problems = found.problems
        self._found: dict[str, str] = {}

    def _all(self, width: int) -> list[Line]:
        made: list[Line] = []
        if self._problems:
            count = words.plural(len(self._problems), "record")
            text = f"the audit is not as it was written: {count}. See: opsroom audit verify"
            made += folded(line(Span(text, Tone.CRITICAL)), width)
            made.append(line())
        if self._cases:
            made += wrapped("Each may or may not have been done. Enter closes one with a note; q goes on.", width)
            made.append(line())
        for one in self._cases:
            at = dim(f"{words.clock(one.intent.at)} UTC  ")
            made += folded(line(at, strong(one.words), dim(f"  {one.said}"), key=one.act), width, 14)
            made += folded(line("              now: ", self._found.get(one.act, "looking …")), width, 14)
        return made

    async def look(self) -> None:
        """Look at each, without changing anything."""
        prober = self._hands.prober()
        try:
            for one in list(self._cases):
                verdict = await prober.look_back(one)
                self._found[one.act] = one.found(verdict)
                if self.is_attached:
                    self.draw()
        finally:
            await self._hands.done_looking(prober)

    def _close(self, act: str) -> None:
        one = next((one for one in self._cases if one.act == act), None)
        if one is not None and self._hands.mode is not Mode.READ_ONLY:
            self.ask(
                "what was found out about it? the note closes it", "", lambda text: None, partial(self._noted, one)
            )

    def _noted(self, one: Case, note: str) -> None:
        if note.strip():
            self.room.later(self._settle(one, note.strip()))
        else:
            self.say("without a note it stays open")

    async def _settle(self, one: Case, note: str) -> None:
        try:
            await settle(self._hands.trail, one, note, self._found.get(one.act, "not looked at"))
        except Unrecorded as error:
            self.say(f"not closed: {error}")
            return
        self._cases.remove(one)
        self.say("closed")
        if not self._cases and not self._problems:
            self.leave()
        else:
            self.draw()
