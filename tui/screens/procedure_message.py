"""Messages from a run of a procedure: chosen, seen filled in, then copied or sent; what came of it is noted there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from desk.ids import new_id
from desk.incident.incidents import CLIPBOARD
from desk.incident.message import Draft
from desk.incident.places import KNOWN
from desk.incident.record import TEXT, Sent
from desk.incident.scheme import Template
from desk.runs import telling
from desk.runs.record import MESSAGE
from desk.runs.run import Run
from probes.base import SafeText
from tui.screens.incident_message import OWN, WHO
from tui.screens.incidents import pick, unheard
from tui.screens.sheet import Sheet
from widgets.folding import folded
from widgets.lines import Line, Span, Tone, dim, line, strong

if TYPE_CHECKING:
    from tui.incidents import IncidentDesk
    from tui.screens.procedure_run import RunScreen


def messages(screen: RunScreen) -> None:
    """Choose a message of the profile, or one in own words. That somebody is told begins the run, to look does not."""
    desk = screen.room.incidents
    if screen.barred or desk is None or screen.procedure.menu:
        screen.say(screen.barred or "a message is sent from a procedure that is run, in a session that may send one")
        return
    there = [*(one for one in desk.scheme.templates if not one.ours), *OWN]
    items = [
        (str(number), one.name, f"to {WHO[one.audience]}: {SafeText(' '.join(one.text.split()), 300)}")
        for number, one in enumerate(there)
    ]

    def chosen(key: str) -> None:
        run = screen.looked_at()
        if run is not None:
            screen.app.push_screen(RunMessage(screen, desk, there[int(key)], run))

    pick(screen, "Which message?", [("", "leave it", "nobody is told"), *items], chosen)


class RunMessage(Sheet):
    """One message, filled in; what can't be filled in is named, and it does not leave before it is."""

    def __init__(self, screen: RunScreen, desk: IncidentDesk, template: Template, run: Run) -> None:
        """`run`: the one it is from, or the one that begins once it leaves."""
        super().__init__(
            screen.room, f"Message {template.name}, to {WHO[template.audience]}", self._shown, self._chosen
        )
        self._of, self._desk, self._template, self._run = screen, desk, template, run
        self._given: dict[str, str] = {}
        self._draft = self._made()

    def _made(self) -> Draft:
        return telling.draft(self._template, self._of.run or self._run, self._desk.system, self._given, self._desk.mask)

    def _shown(self, width: int) -> list[Line]:
        made: list[Line] = []
        for text in self._draft.text.splitlines():
            made += folded(line(" ", SafeText.line(text)), width, 1)
        if why := telling.refused(self._draft):
            made += [
                line(),
                *folded(line(Span(f"✕ it does not leave: {why}", Tone.CRITICAL)), width, 2),
            ]
        choices = [line(strong("leave it"), dim("  nobody is told"), key="leave")]
        for name in self._draft.missing:
            choices.append(line(strong(f"fill in {{{name}}}"), dim(f"  {KNOWN.get(name, '')}"), key=f"fill {name}"))
        choices.append(line(strong("copy it"), dim("  through the terminal, to be pasted"), key="copy"))
        for name in self._desk.channels(self._template):
            choices.append(
                line(strong(f"send it to {SafeText(name, 60)}"), dim("  [notify] of the profile"), key=f"send {name}")
            )
        return [*made, line(), *(part for one in choices for part in folded(one, width, 4))]

    def _chosen(self, key: str) -> None:
        what, _, name = key.partition(" ")
        if what == "leave":
            self.leave()
        elif what == "fill":
            label = f"{{{name}}}: {KNOWN.get(name, name)}?"
            self.ask(label, "", unheard, partial(self._filled, name), self.draw, TEXT, written=True)
        elif why := telling.refused(self._draft):
            self.say(f"it does not leave: {why}", 8.0)
        elif what == "copy":
            self.leave()
            self._of.begun(self._run.id)
            if _noted(self._of, self._of.number, telling.told(self._draft, CLIPBOARD, Sent.COPIED)):
                self._of.app.copy_to_clipboard(self._draft.text)
                self._of.say("copied, and noted as told")
        elif what == "send":
            self.leave()
            self._of.begun(self._run.id)
            self._of.say(f"sending to {name} …")
            self.room.later(_send(self._of, self._desk, self._draft, name))

    def _filled(self, name: str, text: str) -> None:
        if text.strip():
            self._given[name] = text.strip()
        self._draft = self._made()
        self.draw()

    def line_under_cursor(self) -> str:
        """What `y` copies: nothing, for what leaves here is noted."""
        return ""


def _noted(screen: RunScreen, number: int, text: str) -> bool:
    return screen.write(lambda runs, run: runs.note(run, number, text, most=MESSAGE))


async def _send(screen: RunScreen, desk: IncidentDesk, made: Draft, channel: str) -> None:
    run, number = screen.run, screen.number
    assert run is not None
    told = telling.notice(run, new_id(), made.text, made.template.audience, desk.system, desk.now)
    if not _noted(screen, number, telling.told(made, channel, Sent.SENDING)):
        return
    sent, answer = Sent.UNANSWERED, "it was cut off before there was an answer"
    try:
        sent, answer = await desk.send_alone(channel, told)
    finally:
        _noted(screen, number, telling.answered(made, channel, sent, answer))
    said = f" ({SafeText(answer, 120)})" if answer else ""
    screen.room.note(f"{sent.value} to {channel}{said}" + ("" if sent is Sent.SENT else ": m tries again"))
