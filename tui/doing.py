"""What Enter does at each kind of step. Nothing here acts by itself: acts go through their dialog, commands are copied
or handed to what runs them, and what a person says came of it is their word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from desk import words
from desk.inbox.until import end as moment
from desk.runbook.book import StepKind
from desk.runs.record import End, Judgement
from desk.runs.ways import Fork
from probes.base import Recognised, Request, SafeText
from tui.acting import meant, once_armed, open_meant
from tui.concerned import Looked
from tui.parameters import ask_all
from tui.standin import acts

if TYPE_CHECKING:
    from desk.deed import Deed
    from tui.procedures import ShellEnd
    from tui.screens.procedure_run import RunScreen

FROZEN: Final = "the picture stands still, and what it shows is no evidence: f lets it go"
"""Why a value is not kept."""

STEERING: Final = "it holds control characters, which a terminal would obey: it is not copied"
"""Why a line is not copied."""

_NONE: Final = "none of them"

_OWN: Final = frozenset({"commands", "jobs", "sql"})
"""Kinds whose acts are the profile's own: a line means one of them only where it is that very command or request."""


def do(screen: RunScreen) -> None:
    """Do the step under the cursor."""
    number, step = screen.number, screen.step
    if _swapped(screen) or step is None or (step.kind is StepKind.LOG and _log(screen)):
        return
    if why := screen.barred:
        screen.say(why)
        return
    fork = screen.fork
    if fork is not None and fork.at not in screen.choices:
        choose(screen, fork)
        return
    match step.kind:
        case StepKind.READING if screen.live and screen.room.still is not None:
            screen.say(FROZEN)
        case StepKind.READING if screen.live:
            _keep_reading(screen, screen.live)
        case StepKind.ACTION | StepKind.SHELL | StepKind.READING | StepKind.LOG if step.command is not None:
            _command(screen)
        case StepKind.TIMER:
            _timer(screen)
        case StepKind.DECISION if fork is not None:
            choose(screen, fork)
        case StepKind.DECISION:
            done = partial(_tick, screen, number)
            screen.ask("which way is taken, and why? Esc leaves it", "", _unheard, done, _nothing)
        case StepKind.SIGN_OFF:
            _once(screen, number, "signed")
        case _:
            _once(screen, number, "done")


def _swapped(screen: RunScreen) -> bool:
    """True, and said, when the file has put another step under the cursor since the person last looked."""
    swapped, screen.swapped = screen.swapped, False
    if swapped:
        screen.say("the file has changed under the cursor, and nothing was done: look, then press again", 8.0)
    return swapped


def _once(screen: RunScreen, number: int, said: str) -> None:
    last = screen.done.last
    if last is not None:
        screen.say(f"{said} already by {last.by}: n writes a note to it")
    else:
        screen.record(number, said)


def _tick(screen: RunScreen, number: int, text: str) -> None:
    screen.record(number, text.strip() or "done")


def _keep_reading(screen: RunScreen, seen: list[Looked]) -> None:
    """Keep what is read now as evidence."""
    worst = max((one.judgement for one in seen), key=_grave)
    screen.record(screen.number, "; ".join(one.told for one in seen), judgement=worst)


def _grave(judged: Judgement) -> int:
    return (Judgement.NONE, Judgement.GOOD, Judgement.UNKNOWN, Judgement.BAD).index(judged)


def _log(screen: RunScreen) -> bool:
    """Follow the log; False where nothing here has it, so that the line stays one to be run elsewhere."""
    from tui.screens.log import open_log

    for target, row in screen.places:
        if _followed(screen, target):
            if not screen.barred:
                called = screen.room.named(target, (row,) if row else ())
                screen.record(screen.number, f"looked at the log of {called}")
            open_log(screen, screen.room, target, row)
            return True
    return False


def _followed(screen: RunScreen, target: str) -> bool:
    return any(look.follow for look in screen.room.engine.probe(target).looks())


def logged(screen: RunScreen) -> bool:
    """True when a target here has the log that the step under the cursor asks for."""
    return any(_followed(screen, target) for target, _ in screen.places)


def _command(screen: RunScreen) -> None:
    """An action or a line for a shell: what it needs first, then its dialog or the way out of here."""
    step, filled = screen.step, screen.filled
    if step is None or filled is None:
        return
    open_ones = [name for name in filled.missing if name not in screen.secrets]
    if open_ones:
        ask_all(screen, open_ones, lambda: do(screen))
        return
    if filled.missing:  # on a command line it would stand in the list of processes and in the audit
        _copy(screen, f"{SafeText(', '.join(filled.missing), 60)} is a secret, typed where the line is run: ")
        return
    native = step.kind is StepKind.ACTION and screen.number not in screen.strange
    if native and filled.refused:
        screen.say(str(SafeText(filled.refused, 200)))
    elif guarded(screen):
        once_armed(screen, partial(_act, screen, screen.number, filled.text))
    else:
        shell(screen)


def _act(screen: RunScreen, number: int, text: str) -> None:
    """The guarded door, with what the line means here."""
    command = screen.steps[number].command
    found = meant(screen.room, text) or meant(screen.room, screen.instead(number))
    slots = {slot.target.name: slot.target.kind for slot in screen.room.board.slots()}
    found = [one for one in found if command is not None and slots.get(one[0]) == command.kind] or found
    there = acts(screen.room, command, text) if command is not None and not found else []
    if there and command is not None:
        _ask_where(screen, number, there, f"{command.system or 'Its system'} is not in this profile. The same here?")
    elif not found:
        screen.strange.add(number)
        screen.draw()
        screen.say("no target of this profile takes this line: it stays a shell step; Enter copies it", 8.0)
    elif len(found) == 1:
        _open(screen, number, *found[0])
    else:
        _ask_where(screen, number, found, "On which target?")


def _ask_where(screen: RunScreen, number: int, found: Sequence[tuple[str, Recognised]], title: str) -> None:
    """Several targets, or one of another sort: a person says which."""
    from tui.screens.sheet import Menu

    def pick(name: str) -> None:
        menu.leave()
        _open(screen, number, name, dict(found)[name])

    items = [(name, name, f"{_said(one.request)}  {one.warning}") for name, one in found]
    menu = Menu(screen.room, title, items, pick)
    screen.app.push_screen(menu)


def _said(request: Request) -> str:
    to = "" if request.number is None else f" to {request.number}"
    return f"{request.action} {', '.join(request.subjects)}{to}".strip()


def _open(screen: RunScreen, number: int, target: str, one: Recognised) -> None:
    there = screen.room.procedures
    if there is not None and not screen.procedure.menu:
        there.expect(screen.begun, number, target, one.request, partial(_standing, screen))
    open_meant(screen, target, one)


def _standing(screen: RunScreen) -> bool:
    """True while the dialog before a person's eyes is one that stands on the procedure itself."""
    return screen.app.screen_stack[-2:-1] == [screen]


def shell(screen: RunScreen) -> None:
    """A line for a shell: run where that is allowed, else copied."""
    there, work, why = screen.room.procedures, screen.work(), copied_because(screen)
    if why is None and there is not None and there.shell is not None and work is not None:
        if not screen.procedure.menu and there.under_way(screen.run_id, screen.number) is not None:
            screen.say("it is under way still: what comes of it will be kept here")
            return
        number = screen.number
        there.shell.open(screen, work, partial(_begun, screen, number), partial(_ended, screen, number))
    else:
        _copy(screen, f"{why}: " if why else "")


def copied_because(screen: RunScreen) -> str | None:
    """Why the line under the cursor is copied instead of run, empty where nothing runs lines; None: it is run."""
    there, work = screen.room.procedures, screen.work()
    if there is None or there.shell is None or work is None:
        return ""
    return screen.not_run(work) or None


def guarded(screen: RunScreen) -> bool:
    """True when the step under the cursor is an action that a target may take, so that Enter opens its dialog."""
    step, room = screen.step, screen.room
    native = step is not None and step.kind is StepKind.ACTION and screen.number not in screen.strange
    return (native and not (room.hands is None and room.read_only_because)) or _listed(screen)


def _listed(screen: RunScreen) -> bool:
    """True for a line for a shell that is a command or a request of the profile: it is done as that, guarded."""
    step, filled = screen.step, screen.filled
    if step is None or step.kind is not StepKind.SHELL or filled is None or not filled.ready:
        return False
    own = {slot.target.name for slot in screen.room.board.slots() if slot.target.kind in _OWN}
    return bool(own) and any(target in own for target, _ in meant(screen.room, filled.text))


def as_it_stands(screen: RunScreen) -> bool:
    """True where the line under the cursor runs, or is copied, as it is written: nothing is done instead of it."""
    step, filled = screen.step, screen.filled
    if step is None or filled is None:
        return False
    if screen.secrets.intersection(filled.missing):
        return True
    match step.kind:
        case StepKind.ACTION:
            return not guarded(screen)
        case StepKind.READING:
            return not screen.live
        case StepKind.LOG:
            return not logged(screen)
    return True


def plain(text: str) -> bool:
    """False for a text with control characters, which a terminal would obey."""
    return text.replace("\n", "").replace("\t", "").isprintable()


def _copy(screen: RunScreen, why: str) -> None:
    filled, number = screen.filled, screen.number
    if filled is None:
        return
    if filled.refused:
        screen.say(f"{why}{SafeText(filled.refused, 200)}")
        return
    text = screen.hidden_text(number)
    if not plain(text):
        screen.say(STEERING)
        return
    screen.app.copy_to_clipboard(text)
    if screen.procedure.menu:
        screen.say(f"{why}copied: run it yourself")
        return
    label = f"{why}copied: run it yourself. What came of it? Enter ticks it, Esc leaves it"
    screen.ask(label, "", _unheard, partial(_ran, screen, number), _nothing, 2000)


def _ran(screen: RunScreen, number: int, text: str) -> None:
    screen.record(number, text.strip() or "run elsewhere", command=screen.hidden_text(number))


def _begun(screen: RunScreen, number: int, deed: Deed) -> None:
    """A shell step is on its way."""
    there = screen.room.procedures
    if there is not None and not screen.procedure.menu:
        there.shell_begun(screen.begun(), number, deed)


def _ended(screen: RunScreen, number: int, end: ShellEnd) -> None:
    """A shell step has come to its end; also when nobody looks at the procedure any more."""
    there = screen.room.procedures
    if there is not None:
        there.shell_ended(screen.run_id, number)
    screen.record(number, end.value, end.output, end.judgement, screen.hidden_text(number), end.deed, move=False)
    if end.environment or end.folder:
        screen.carry(number, end.environment, end.folder)


def choose(screen: RunScreen, fork: Fork) -> None:
    """Pick one of several ways."""
    from tui.screens.sheet import Menu

    counts = {name: sum(way == name for way in fork.ways.values()) for name in fork.names}

    def pick(name: str) -> None:
        menu.leave()
        if screen.choose_way(fork, "" if name == _NONE else name):
            screen.say(f"taken: {SafeText(name, 80)}")

    items = [(name, str(SafeText(name, 80)), words.plural(count, "step")) for name, count in counts.items()]
    menu = Menu(screen.room, "Which way?", [*items, (_NONE, _NONE, "go on after them")], pick)
    screen.app.push_screen(menu)


def _timer(screen: RunScreen) -> None:
    timer, number, step = screen.done.timer, screen.number, screen.step
    now = screen.room.engine.clock.now()
    if screen.done.last is not None:
        _once(screen, number, "waited")
    elif timer is not None:
        left = timer.left(now)
        screen.record(number, "waited to the end" if left <= 0 else f"ended {words.span(int(left))} early")
    elif step is not None and step.seconds:
        screen.wait_until(number, now + timedelta(seconds=step.seconds))
    else:
        screen.ask("wait how long? 5m, 1h", "", _unheard, partial(_wait, screen, number), _nothing)


def _wait(screen: RunScreen, number: int, text: str) -> None:
    due = moment(text, screen.room.engine.clock.now())
    if due is None:
        screen.say(f"“{text[:20]}” is no time to wait")
    else:
        screen.wait_until(number, due)


def note(screen: RunScreen) -> None:
    """Write something to the step."""
    if _swapped(screen):
        return
    number = screen.number

    def said(text: str) -> None:
        screen.write(lambda runs, run: runs.note(run, number, text))

    _if_allowed(screen, "note to this step; Esc leaves it", said)


def skip(screen: RunScreen) -> None:
    """Leave the step out, for a reason."""
    if _swapped(screen):
        return
    number = screen.number

    def said(text: str) -> None:
        screen.write(lambda runs, run: runs.skip(run, number, text), move=True)

    _if_allowed(screen, "why is this step left out? Esc leaves it", said)


def hand_over(screen: RunScreen) -> None:
    """Say who goes on."""

    def said(text: str) -> None:
        screen.write(lambda runs, run: runs.hand_over(run, text))

    _if_allowed(screen, "who goes on with it? Enter alone: you; Esc leaves it", said)


def end(screen: RunScreen) -> None:
    """End the run: how, and in which words."""
    from tui.screens.sheet import Menu

    if why := screen.barred or ("it is not begun: there is no run to end" if screen.run is None else ""):
        screen.say(why)
        return

    def said(how: End, text: str) -> None:
        if screen.write(lambda runs, run: runs.end(run, how, text)):
            screen.say(f"the run has ended: {how.value}")

    def ask(how: End) -> None:
        label = f"{how.value}: in a few words, what was it? Enter ends the run, Esc goes on"
        screen.ask(label, "", _unheard, partial(said, how), _nothing, 2000)

    def pick(name: str) -> None:
        menu.leave()
        screen.call_after_refresh(ask, End[name])

    items = [
        (End.SOLVED.name, "solved", "what it was opened for is over"),
        (End.NOT_SOLVED.name, "not solved", "all was done, and it is not over"),
        (End.GIVEN_UP.name, "given up", "it was the wrong procedure, or nobody goes on"),
    ]
    menu = Menu(screen.room, "How does the run end?", items, pick)
    screen.app.push_screen(menu)


def _if_allowed(screen: RunScreen, label: str, done: Callable[[str], None]) -> None:
    if why := screen.barred or ("a menu keeps no record" if screen.procedure.menu else ""):
        screen.say(why)
    else:
        screen.ask(label, "", _unheard, done, _nothing, 2000)


def _unheard(text: str) -> None:
    del text


def _nothing() -> None:
    """Esc: all stays as it is."""
