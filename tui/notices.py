"""The bell and the notices of the person's own terminal, for changes that come while the session is open.

OSC 9 shows a text (https://iterm2.com/documentation-escape-codes.html), OSC 777 a title and a text; a terminal that
knows neither ignores them. Text is armoured, so none of it can end the sequence or begin another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from desk.inbox.case import Change, What
from desk.notices.channel import Channel, DesktopSettings
from desk.notices.wording import System, notice
from desk.words import plural
from probes.base import armour
from tui.capabilities import screen_bytes

OPENING: Final = 15.0
"""Seconds after the session began in which what is found wrong was so before."""

_TITLE: Final = 60
_TEXT: Final = 200
"""Characters of a notice."""

_SCREEN_PIECE: Final = 60
"""Characters in one wrapped string for GNU screen, which takes some 250 bytes."""


def sequence(title: str, text: str, env: Mapping[str, str], settings: DesktopSettings, plain: bool = False) -> str:
    """What the terminal is sent. `plain`: in ASCII.

    tmux hands a wrapped sequence on where `allow-passthrough` is on, and drops it elsewhere; the bell it rings itself.
    """
    title, text = (screen_bytes(armour(one), plain).decode() for one in (title[:_TITLE], text[:_TEXT]))
    bell = "\a" if settings.bell else ""
    term = env.get("TERM", "")
    if term == "linux":  # its console may print what it does not know
        return bell
    screen = bool(env.get("STY")) or (term.startswith("screen") and not env.get("TMUX"))
    end = "\a" if screen else "\x1b\\"
    made = []
    if settings.osc9:
        made.append(f"\x1b]9;opsroom: {text}{end}")
    if settings.osc777:
        made.append(f"\x1b]777;notify;{title.replace(';', ',')};{text.replace(';', ',')}{end}")
    if screen:
        pieces = (one[at : at + _SCREEN_PIECE] for one in made for at in range(0, len(one), _SCREEN_PIECE))
        return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces) + bell
    if env.get("TMUX") or term.startswith("tmux"):
        inner = "".join(made).replace("\x1b", "\x1b\x1b")
        return (f"\x1bPtmux;{inner}\x1b\\" if inner else "") + bell
    return "".join(made) + bell


class TerminalNotices:
    """Tells the person in front of the terminal. `take` each change, `tick` once a second."""

    def __init__(
        self,
        channels: Sequence[Channel],
        system: System,
        write: Callable[[str], bool],
        env: Mapping[str, str],
        monotonic: Callable[[], float],
        redact: Callable[[str], str] = str,
        plain: bool = False,
    ) -> None:
        """`write` says whether the terminal took it: it does not while another program has it.

        Without any channel of kind desktop in the profile, that of the defaults serves.
        """
        ours = [one for one in channels if isinstance(one.settings, DesktopSettings)]
        self._channels = ours or [Channel("desktop", DesktopSettings())]
        self._system = system
        self._write = write
        self._env = env
        self._monotonic = monotonic
        self._redact = redact
        self._plain = plain
        self._began = monotonic()
        self._waiting: dict[str, list[str]] = {}
        """Headlines that wait, by channel."""
        self._rang: dict[str, float] = {}

    def take(self, change: Change) -> None:
        """Tell of it, now or when a moment has passed since the last."""
        if change.what is not What.ESCALATED and self._monotonic() - self._began < OPENING:
            return
        for channel in self._channels:
            if channel.wants(change, self._system.environment, told=False):
                said = notice(self._system, change, self._redact).headline
                self._waiting.setdefault(channel.name, []).append(said)
        self.tick()

    def tick(self) -> None:
        """Say what waits, if its time has come: one notice for all of it."""
        now = self._monotonic()
        for channel in self._channels:
            said, settings = self._waiting.get(channel.name), channel.settings
            if not said or not isinstance(settings, DesktopSettings):
                continue
            if now - self._rang.get(channel.name, -settings.every) < settings.every:
                continue
            text = said[0] if len(said) == 1 else f"{plural(len(said), 'alert')}, the last: {said[-1]}"
            title = f"opsroom: {self._system.name} {self._system.environment}".strip()
            if self._write(sequence(title, text, self._env, settings, self._plain)):
                self._rang[channel.name] = now
                del self._waiting[channel.name]
