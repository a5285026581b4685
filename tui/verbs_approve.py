"""`opsroom approve`: what others ask a second person for, read and answered without a screen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import termios
from typing import TYPE_CHECKING, Final

import click

from desk.clock import SystemClock
from tui import terminal, wiring
from tui.secrets import Secrets
from tui.verb import PROFILE, complain, profile_of, refuse, say, whereabouts

if TYPE_CHECKING:
    from desk.profile import Profile
    from desk.second import Proposal
    from desk.second.agreements import Agreements
    from tui.places import Places
    from tui.sharing import Sharing

_FIRST_WORD: Final = 20.0
"""Seconds that the store gets to say what is asked."""


@click.command()
@PROFILE
@click.argument("request", required=False, metavar="[ID]")
def approve(profile: str | None, request: str | None) -> None:
    """List what waits for a second person, or read one request and approve or refuse it.

    You must be logged in as somebody else than who asks. ID is what the list shows. An answer is typed by a person:
    nothing answers by itself. (The shell steps of a runbook: opsroom runbook approve.)

    Exit code 1 when the answer does not count or nothing of that ID waits, 3 when nobody can be reached.
    """
    found = profile_of(profile)
    if request and not (sys.stdin is not None and sys.stdin.isatty()):
        refuse("opsroom: an answer is typed by a person: standard input is no terminal")
    if why := wiring.undecided_because(False, whereabouts()):
        refuse(f"opsroom: {why}")
    terminal.leave(asyncio.run(_approve(found, request)))


async def _approve(profile: Profile, wanted: str | None) -> int:
    from desk.actor import who
    from desk.audit import Trail
    from widgets.second import short

    secrets, places, clock = Secrets(os.environ), whereabouts(), SystemClock()
    trail = Trail(places.audit, who(os.environ), clock, wiring.about(profile), secrets.redact)
    second = wiring.agreements(profile, trail, clock, secrets, places)
    sharing = await _store(profile, second, secrets, places)
    try:
        second.begin()
        away = await unheard(sharing) if sharing is not None else ""
        await second.refresh()
        if second.alone:
            complain(f"opsroom: it is not known what waits: {second.alone}")
            return terminal.EXIT_RETRY
        if away:
            complain(f"opsroom: what is asked through the store is not seen: {away}")
        waiting = second.pending()
        if wanted is None:
            _list(waiting)
            for one, why in second.barred():
                say(f"{short(one)}  {one.by.name} wants to {one.what}: not for you to answer: {why}")
            return terminal.EXIT_RETRY if away else terminal.EXIT_OK
        there = [one for one in waiting if one.id.endswith(wanted.lower())]
        mine = [why for one, why in second.barred() if one.id.endswith(wanted.lower())]
        if mine and not there:
            complain(f"opsroom: your answer would not count: {mine[0]}")
            return terminal.EXIT_BAD
        if len(there) != 1:
            complain(f"opsroom: {'several requests end' if there else 'no request ends'} in {ascii(wanted)[1:-1]}")
            return terminal.EXIT_RETRY if away else terminal.EXIT_BAD
        return await _answer(second, there[0])
    finally:
        await second.close()
        await trail.close()
        if sharing is not None:
            sharing.close()


async def _store(profile: Profile, second: Agreements, secrets: Secrets, places: Places) -> Sharing | None:
    """The way through the shared store, where the profile names one."""
    if not profile.store:
        return None
    from desk.actor import who
    from tui.sharing import Sharing

    await secrets.prepare(wiring.references(profile))
    sharing = Sharing(profile, SystemClock(), secrets, places, os.environ, who(os.environ).called)
    sharing.start()
    second.join(sharing.colleagues)
    return sharing


async def unheard(sharing: Sharing) -> str:
    """Wait for the first word of the store; why it says nothing, empty: it has said what is asked."""
    from desk.second import Unreachable

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_FIRST_WORD):
            while sharing.standing.lost is None:
                with contextlib.suppress(Unreachable):
                    await sharing.colleagues.refresh()
                    return ""
    return sharing.colleagues.trouble or f"no answer within {_FIRST_WORD:g} s"


def _list(waiting: list[Proposal]) -> None:
    from widgets.second import left, short

    now = SystemClock().now()
    for one in waiting:
        say(f"{short(one)}  {left(one, now):>6} left  {one.by.name} wants to {one.what}: {one.reason}")
    say("opsroom approve ID reads one and answers it" if waiting else "nothing waits for you")


async def _answer(second: Agreements, one: Proposal) -> int:
    """Show the whole request, and take the person's word for it."""
    from desk.audit import Unrecorded
    from desk.second import Unfit, Unreachable
    from widgets.second import whole

    width = max(40, shutil.get_terminal_size().columns)
    say("\n".join(part.text.rstrip() for part in whole(one, SystemClock().now(), width)))
    wanted = one.typed or "y"
    typed = await _typed(f"\ntype {wanted} to approve it, no to refuse it; Enter alone leaves it: ")
    granted = typed == wanted
    words = await _typed("why is it refused? ") if typed == "no" and not granted else ""
    if not granted and not words:
        say("nothing was answered: it waits on")
        return terminal.EXIT_OK
    try:
        await second.answer(one, granted, words)
    except Unreachable as error:
        complain(f"opsroom: {error}; while it waits it can be answered again")
        return terminal.EXIT_RETRY
    except (Unfit, Unrecorded) as error:
        complain(f"opsroom: your answer does not count: {error}")
        return terminal.EXIT_BAD
    say("approved" if granted else "refused")
    return terminal.EXIT_OK


async def _typed(question: str) -> str:
    """A line of the person; what waits goes on to be looked at meanwhile. Nothing at the end of the input."""
    with contextlib.suppress(termios.error):  # what was typed before it was asked answers nothing
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
    say(question, end="")
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        if not line.done():
            line.set_result(sys.stdin.readline())

    loop.add_reader(sys.stdin, read)
    try:
        return (await line).strip()
    finally:
        loop.remove_reader(sys.stdin)


__all__ = ["approve"]
