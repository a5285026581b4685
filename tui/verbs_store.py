"""`opsroom store`: the shared store of a system, made and looked at; and what it has seen of the audit."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click

from desk import words
from tui import terminal, verb, wiring
from tui.secrets import Secrets

if TYPE_CHECKING:
    from desk.audit import Chronicle
    from desk.shared.witness import Comparison
    from probes.base import ProbeError
    from probes.store.line import Line

_PAGE: Final = 500
"""Records of the store that are read at once."""


@click.group(cls=verb.Verbs)
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
        there, protection = others(records.seen(), ""), line.protection
        records.cut()
    except ProbeError as error:
        _refuse(error, secrets)
    if as_json:
        body = {
            "where": line.where,
            "protection": protection,
            "streams": {name: {"records": count, "last": at} for name, count, at in streams},
            "present": [{"by": one.by, "words": one.words} for one in there],
        }
        verb.say(json.dumps(body, indent=2, ensure_ascii=False, default=str))
        return
    lines = [f"{line.where}: it is there; {protection}"]
    for name, number, at in streams:
        lines.append(f"  {name:<12} {words.plural(number, 'record')}, the last kept {at:%Y-%m-%d %H:%M:%S} UTC")
    lines += [f"  {one.words}" for one in there] or ["  nobody is on this system now"]
    verb.say(secrets.redact("\n".join(lines)))


def audit_seen(profile: str | None) -> Callable[[Chronicle], Comparison]:
    """Read what the store has of everybody's audit on a system; gives what holds the files against it."""
    from desk.actor import who
    from desk.codec import CodecError
    from desk.shared import audit
    from desk.shared.witness import compared
    from probes.base import ProbeError
    from probes.store.records import Records, read_json
    from tui.sharing import system_of

    found = verb.profile_of(profile)
    line, secrets = _line(profile)
    records = Records(line, system_of(found))
    seen, after = [], 0
    try:
        records.open()
        while rows := records.read(audit.STREAM, after, _PAGE):
            after = rows[-1].seq
            for row in rows:
                body = read_json(row.body)
                with suppress(CodecError):
                    seen.append(audit.Witnessed(audit.parsed(body if isinstance(body, dict) else {}), row.by))
        records.cut()
    except ProbeError as error:
        _refuse(error, secrets)
    me = who(os.environ)
    about = {"system": found.system, "environment": found.environment}
    return lambda chronicle: compared(chronicle, seen, me.host, me.uid, about)


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
