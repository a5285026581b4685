"""`opsroom store`: the shared store of a system, made and looked at."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

import click

from desk import words
from tui import terminal, verb, wiring
from tui.secrets import Secrets

if TYPE_CHECKING:
    from probes.base import ProbeError
    from probes.store.line import Line


@click.group()
def store() -> None:
    """Where several people on one system meet: `store` in the profile."""


@store.command()
@verb.PROFILE
@click.option("--print", "only_print", is_flag=True, help="Write the statements to standard output and do nothing.")
def init(profile: str | None, only_print: bool) -> None:
    """Make the store, or bring its rights up to date; safe to repeat.

    Whoever runs it owns the store. Everybody else needs the role opsroom_people: contrib/postgres/store.sql.
    """
    from probes.base import ProbeError
    from probes.store.making import make, schema

    if only_print:
        verb.say(schema(), end="")
        return
    line, secrets = _line(profile)
    try:
        made = make(line)
    except ProbeError as error:
        _refuse(error, secrets)
    verb.say(secrets.redact(f"{line.where}: {made}"))


@store.command()
@verb.PROFILE
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(profile: str | None, as_json: bool) -> None:
    """Is it there, what is in it, who is on this system now.

    Exit code 2 when it can't be used as the profile says, 3 when it can't be reached.
    """
    from desk.shared.presence import others
    from probes.base import ProbeError
    from probes.store.records import Records
    from tui.sharing import system_of

    found = verb.profile_of(profile)
    line, secrets = _line(profile)
    records = Records(line, system_of(found))
    try:
        records.open()
        streams = records.streams()
        there = others(records.seen(), "")
        records.cut()
    except ProbeError as error:
        _refuse(error, secrets)
    if as_json:
        body = {
            "where": line.where,
            "streams": {name: {"records": count, "last": at} for name, count, at in streams},
            "present": [{"by": one.by, "words": one.words} for one in there],
        }
        verb.say(json.dumps(body, indent=2, ensure_ascii=False, default=str))
        return
    lines = [f"{line.where}: it is there"]
    for name, number, at in streams:
        lines.append(f"  {name:<12} {words.plural(number, 'record')}, the last kept {at:%Y-%m-%d %H:%M:%S} UTC")
    lines += [f"  {one.words}" for one in there] or ["  nobody is on this system now"]
    verb.say(secrets.redact("\n".join(lines)))


def _line(profile: str | None) -> tuple[Line, Secrets]:
    from tui.sharing import line_to

    found = verb.profile_of(profile)
    if not found.store:
        verb.refuse('opsroom: the profile names no store: write store = "env:OPSROOM_STORE" at its top')
    secrets = Secrets(os.environ)
    asyncio.run(secrets.prepare(wiring.references(found)))
    return line_to(found.store, secrets, os.environ, f"opsroom/{os.getpid()}"), secrets


def _refuse(error: ProbeError, secrets: Secrets) -> None:
    from probes.base import Cause

    hopeless = {Cause.AUTH, Cause.DENIED, Cause.MISSING, Cause.VERSION}  # another try changes nothing
    hint = f" ({error.hint})" if error.hint else ""
    verb.complain(secrets.redact(f"opsroom: {error.message}{hint}"))
    terminal.leave(terminal.EXIT_USAGE if error.cause in hopeless else terminal.EXIT_RETRY)
