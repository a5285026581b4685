"""Puts together what tells people of alerts: the channels of a profile, their adapters, and the courier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from desk import words
from desk.clock import Clock, SystemClock
from desk.ids import new_id
from desk.locks import FileLocks
from desk.notices.channel import Channel, EmailSettings, PagerDutySettings, SlackSettings, WebhookSettings
from desk.notices.courier import Courier, Standing
from desk.notices.file import SpoolError
from desk.notices.row import Way
from desk.notices.spool import Spool
from desk.notices.told import ToldFile
from desk.notices.wording import System, trial
from desk.profile import Profile
from probes.base import Grant
from probes.base.notice import Delivery, Fate, Notice
from tui.places import Places
from tui.secrets import Secrets
from tui.wiring import note_bug

if TYPE_CHECKING:
    from desk.alert import Alert
    from desk.engine import Engine
    from desk.inbox.inbox import Inbox
    from probes.base.notice import Teller
    from tui.notices import TerminalNotices
    from tui.sharing import Sharing

SPOOL: Final = "notices.db"
"""Name of the spool in a system's folder."""

_CATCH_UP: Final = timedelta(days=1)
"""What happened in this time and was not put into the spool, because the session was killed, is put when one begins."""

Bug = Callable[[str, Exception], None]


def system_of(profile: Profile) -> System:
    """What is told of."""
    return System(profile.system, profile.environment, profile.production)


def spool_file(profile: Profile, places: Places) -> Path:
    """Where a system's notices wait; a demonstration's with all else that is forgotten with it."""
    return (places.acts or places.system(profile.system, profile.environment)) / SPOOL


def teller(channel: Channel, secrets: Secrets, clock: Clock) -> Teller:
    """What tells through a channel. Its driver is loaded with the first notice."""
    settings = channel.settings
    if isinstance(settings, WebhookSettings):
        from probes.notify.webhook import Webhook

        return Webhook(
            channel.name,
            settings.url,
            secrets,
            lambda: clock.now().timestamp(),
            secret=settings.secret,
            headers=settings.headers,
            timeout=settings.timeout,
            ca=settings.ca,
            proxy=settings.proxy or "",
        )
    if isinstance(settings, SlackSettings):
        from probes.notify.slack import Slack

        return Slack(channel.name, settings.url, secrets, settings.timeout, settings.proxy or "")
    if isinstance(settings, EmailSettings):
        from probes.notify.mail import Mail

        return Mail(
            channel.name,
            settings.host,
            secrets,
            port=settings.port,
            tls=settings.tls,
            sender=settings.sender,
            to=settings.to,
            user=settings.user,
            password=settings.password or "",
            timeout=settings.timeout,
            ca=settings.ca,
        )
    if isinstance(settings, PagerDutySettings):
        from probes.notify.pagerduty import PagerDuty

        return PagerDuty(
            channel.name,
            settings.url,
            settings.routing_key,
            secrets,
            severities=dict(settings.severities.items()),
            timeout=settings.timeout,
            proxy=settings.proxy or "",
        )
    raise TypeError(f"{channel.name} leads nowhere")


def courier(
    profile: Profile,
    clock: Clock,
    secrets: Secrets,
    places: Places,
    bug: Bug = lambda channel, error: None,
    sharing: Sharing | None = None,
) -> Courier | None:
    """What tells people of this system's alerts; None where the profile names nobody to tell."""
    if not any(one.settings.outside and one.settings.enabled for one in profile.channels):
        return None
    return Courier(
        spool_file(profile, places),
        profile.channels,
        partial(teller, secrets=secrets, clock=clock),
        system_of(profile),
        clock,
        FileLocks(places.locks) if sharing is None else sharing.locks,
        secrets.redact,
        bug=bug,
        shared=ToldFile(sharing.file) if sharing is not None else None,
        place=sharing.system if sharing is not None else "",
    )


class Dispatch:
    """One session's part in telling people: through the channels of the profile, and at its own terminal."""

    def __init__(self, inbox: Inbox, clock: Clock, courier: Courier | None, desktop: TerminalNotices | None) -> None:
        self._inbox = inbox
        self._clock = clock
        self._courier = courier
        self._desktop = desktop
        self._ill = False

    @property
    def words(self) -> str:
        """What the person in front of the room must know; empty: all is well."""
        return self._courier.standing.words if self._courier is not None else ""

    def start(self) -> None:
        """Begin; needs a running event loop."""
        if self._courier is not None:
            self._courier.start()
            self._inbox.heard.append(self._courier.take)
            if self._inbox.ready:
                self._catch_up()
            else:  # before anything new is told: what is told late must not be older than what was told last
                self._inbox.reopened.append(self._catch_up)
        if self._desktop is not None:
            self._inbox.heard.append(self._desktop.take)

    def tick(self, say: Callable[[str], None] = lambda words: None) -> None:
        """Once a second. `say` tells the person in passing that something begins not to get through."""
        if self.words and not self._ill:
            say(self.words)
        self._ill = bool(self.words)
        if self._desktop is not None:
            self._desktop.tick()

    def _catch_up(self, left: Sequence[Alert] = ()) -> None:
        """Tell what an earlier session may have been killed over; it is known as soon as the records are in."""
        assert self._courier is not None
        for change in self._inbox.changes(self._clock.now() - _CATCH_UP):
            self._courier.take(change, late=True)

    def stand_aside(self) -> None:
        """The process is stopped next: another session tells people, if there is one."""
        if self._courier is not None:
            self._courier.stand_aside()

    async def close(self) -> None:
        """Put what has come and let go, in a moment."""
        if self._courier is not None:
            await self._courier.close()


def dispatch(
    profile: Profile,
    engine: Engine,
    secrets: Secrets,
    places: Places,
    write: Callable[[str], bool] | None,
    environ: Mapping[str, str],
    sharing: Sharing | None = None,
) -> Dispatch:
    """What tells people of a session's alerts. `write` sends the terminal a sequence; None: the person wants none."""
    from tui.notices import TerminalNotices
    from widgets.drawn import Drawn

    desktop = None
    if write is not None:
        desktop = TerminalNotices(
            profile.channels,
            system_of(profile),
            write,
            environ,
            engine.clock.monotonic,
            secrets.redact,
            Drawn.ascii_only,
        )
    made = courier(profile, engine.clock, secrets, places, partial(note_bug, places, secrets), sharing)
    return Dispatch(engine.inbox, engine.clock, made, desktop)


async def send_test(profile: Profile, name: str, secrets: Secrets, by: str) -> Delivery:
    """Tell one channel that this is a test; what came back. LookupError when there is no such channel."""
    channel = next((one for one in profile.channels if one.name == name), None)
    if channel is None or not channel.settings.outside:
        raise LookupError(name)
    clock = SystemClock()
    return await told_once(channel, trial(system_of(profile), clock.now(), new_id(), by), secrets, clock)


async def told_once(channel: Channel, notice: Notice, secrets: Secrets, clock: Clock) -> Delivery:
    """Tell one channel, in one try; what came back."""
    made = teller(channel, secrets, clock)
    try:
        return await made.tell(notice)
    finally:
        await made.close()


Found = tuple[str, str, Grant, str]
"""Where, what, how it stands, and what to do: one line of `opsroom doctor`."""


async def examine(profile: Profile, secrets: Secrets, places: Places) -> list[Found]:
    """Look at every channel: is it configured well, does its server answer, does anything wait. Tells nobody."""
    channels = [one for one in profile.channels if one.settings.outside]
    found = list(await asyncio.gather(*(_reached(one, secrets) for one in channels)))
    path = spool_file(profile, places)
    now = SystemClock().now().timestamp()

    def look() -> list[Way]:
        spool = Spool.look(path)
        try:
            return [spool.way(one.name, now) for one in channels]
        finally:
            spool.close()

    try:
        ways = await asyncio.to_thread(look) if channels else []
    except FileNotFoundError:
        return found
    except SpoolError as error:
        return [*found, ("notices", "the spool can be read", Grant.MISSING, str(error))]
    for way in ways:
        said = Standing((way,), at=now).words
        more = f"{said}; {way.words}" if way.words and said else said
        told = f"last told {words.age(now - way.told)} ago" if way.told is not None else "nothing was told yet"
        found.append((way.name, f"notices get through, {told}", Grant.MISSING if said else Grant.HELD, more))
    return found


async def _reached(channel: Channel, secrets: Secrets) -> Found:
    what = f"[notify.{channel.name}] can be reached"
    if not channel.settings.enabled:
        return channel.name, what, Grant.UNKNOWN, "it is switched off"
    made = teller(channel, secrets, SystemClock())
    try:
        found = await made.reach()
    finally:
        await made.close()
    return channel.name, what, Grant.HELD if found.fate is Fate.TOLD else Grant.MISSING, str(found.words)
