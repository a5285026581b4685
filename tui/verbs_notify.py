"""`opsroom notify`: what a person does about the ways in which people are told."""

from __future__ import annotations

import asyncio
import difflib
import os

import click

from probes.base.notice import Fate
from tui import terminal, wiring
from tui.secrets import Secrets
from tui.verb import PROFILE, Verbs, profile_of, refuse, say


@click.group(cls=Verbs)
def notify() -> None:
    """The channels through which people are told of alerts."""


@notify.command(name="test")
@PROFILE
@click.argument("name")
def notify_test(profile: str | None, name: str) -> None:
    """Send a test notice, marked as one, through [notify.NAME], and say what came back.

    Exit code 1 when it was refused, 3 when nobody answered.
    """
    from desk.actor import who
    from tui import delivery

    found = profile_of(profile)
    secrets = Secrets(os.environ)

    async def run() -> tuple[Fate, str]:
        await secrets.prepare(wiring.references(found))
        answer = await delivery.send_test(found, name, secrets, who(os.environ).name)
        return answer.fate, str(answer.words)

    try:
        fate, words = asyncio.run(run())
    except LookupError:
        names = [one.name for one in found.channels if one.settings.outside]
        near = difflib.get_close_matches(name, names, 1, 0.6)
        guess = f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(names) or 'none'}"
        refuse(f"opsroom: the profile has no [notify.{name}] that leads out of this machine{guess}")
    say(secrets.redact(f"{name}: {fate.value}: {words}"))
    codes = {Fate.TOLD: terminal.EXIT_OK, Fate.REFUSED: terminal.EXIT_BAD}
    terminal.leave(codes.get(fate, terminal.EXIT_RETRY))
