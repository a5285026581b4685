"""The command line. Each verb loads what it needs; the screen is loaded only by verbs that open it.

Exit codes: 0 ok, 1 the checked thing is bad, 2 usage or configuration, 3 nothing could be reached, 130 interrupt.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import click

from desk.profile import Profile, ProfileError, load, schema
from desk.words import plural
from probes.base import SECRETIVE, hide_password
from tui import capabilities, terminal, wiring
from tui.kinds import Kinds
from tui.places import Places
from tui.secrets import Secrets

if TYPE_CHECKING:
    from tui.room import FaultSwitch


_UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What a write says to an output that takes nothing."""

LONGEST_CHECK: Final = 600.0
"""Seconds `check` may be told to wait."""


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow to load; only `info` asks

    try:
        return version("opsroom")
    except PackageNotFoundError:
        return "unknown"


def _places() -> Places:
    return Places.of(os.environ)


def _say(text: str, end: str = "\n", code: int = terminal.EXIT_USAGE) -> None:
    """Write it to standard output; leaves with `code` where that can't be written."""
    try:
        _write(text + end, sys.stdout)
    except OSError as error:
        _speechless(error, code)


def _complain(text: str) -> None:
    """Write it to standard error, if anybody listens there."""
    with contextlib.suppress(OSError):
        _write(text + "\n", sys.stderr)


def _write(text: str, stream: TextIO | None) -> None:
    """In ASCII where the locale has nothing else (click would write UTF-8 all the same). None: it was closed."""
    if stream is None:
        raise OSError(errno.EBADF, "it is closed")
    stream.flush()
    stream.buffer.write(capabilities.screen_bytes(text, plain=stream.encoding.lower() != "utf-8"))
    stream.flush()


def _speechless(error: OSError, code: int) -> NoReturn:
    """Leave because the output can't be written; without a word when its reader had enough, as `head` has."""
    if error.errno == errno.EPIPE:
        raise error
    _complain(f"opsroom: the output cannot be written: {(error.strerror or type(error).__name__).lower()}")
    terminal.leave(code)


def _seconds(_context: click.Context, _option: click.Parameter, value: float) -> float:
    if not value <= LONGEST_CHECK:
        raise click.BadParameter(f"must be at most {LONGEST_CHECK:g}.")
    return value


def _refuse(message: str) -> NoReturn:
    _complain(message)
    sys.exit(2)


def _given(profile: str | None) -> str | None:
    """The profile named after the verb, or else before it."""
    return profile or click.get_current_context().find_root().params.get("profile")


def _profile(given: str | None) -> Profile:
    try:
        return wiring.open_profile(_given(given), Kinds(), os.environ, _places())
    except ProfileError as error:
        _refuse(str(error))
    except wiring.Choose as error:
        _refuse(f"opsroom: {error}")


_PROFILE = click.option("-c", "--profile", "-P", metavar="NAME|FILE", help="A profile's name or file.")


class _Verbs(click.Group):
    """Leaves on Ctrl-C with its own code, and in words when not even the help can be written."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno in _UNWRITABLE and error.filename is None:
                _speechless(error, terminal.EXIT_USAGE)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            terminal.leave(terminal.EXIT_INTERRUPT)


@click.group(cls=_Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "-v", "--version", package_name="opsroom", prog_name="opsroom")
@_PROFILE
@click.option("--theme", metavar="NAME", help="night, day, safe or plain.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--read-only", "--readonly", is_flag=True, help="Never offer an act, whatever the profile allows.")
@click.pass_context
def main(context: click.Context, profile: str | None, theme: str | None, ascii_only: bool, read_only: bool) -> None:
    """One production system on one screen.

    Without a profile it discovers what this machine has and opens; `opsroom init` writes that down.
    """
    del read_only  # nothing can act yet: every session is read-only
    if context.invoked_subcommand is None:
        from tui.session import open_room

        sys.exit(open_room(_profile(profile), Kinds(), _places(), os.environ, theme=theme, ascii_only=ascii_only))


@main.command()
@click.argument("system", default="newsletter")
@click.option("--faults/--no-faults", default=True, help="Let faults come by themselves.")
@click.option("--theme", metavar="NAME", help="night, day, safe or plain.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
def demo(system: str, faults: bool, theme: str | None, ascii_only: bool) -> None:
    """A living example system out of real engines, with faults to find.

    It needs no root, no Docker and no network, and leaves nothing behind.
    """
    from systems.stage import Stage
    from tui.session import open_room
    from tui.terminal import check_terminal

    reason = check_terminal()
    if reason:
        _refuse(reason)
    try:
        opened = Stage.start(system, faults=faults)
    except LookupError as error:
        _refuse(str(error))
    with opened as stage:
        environ = {**os.environ, **stage.environ}
        try:
            profile = wiring.open_profile(str(stage.profile_path), Kinds(), environ, _places())
        except ProfileError as error:
            _refuse(str(error))
        switch: FaultSwitch = stage
        code = open_room(profile, Kinds(), _places(), environ, theme=theme, ascii_only=ascii_only, stage=switch)
    sys.exit(code)


@main.command()
@_PROFILE
@click.option("--json", "form", flag_value="json", help="Everything, as JSON.")
@click.option(
    "--nagios", "form", flag_value="nagios", help="One line and the exit codes 0/1/2/3 of monitoring plug-ins."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1),
    callback=_seconds,
    default=10.0,
    show_default=True,
    help="Longest time to wait for answers.",
)
def check(profile: str | None, form: str | None, seconds: float) -> None:
    """The board once, without a screen; the exit code tells."""
    from tui import check as once

    found = _profile(profile)
    secrets = Secrets(os.environ)

    async def run() -> once.Report:
        await secrets.prepare(wiring.references(found))
        return await once.take(wiring.build(found, Kinds(), secrets, _places(), at_once=True), found, seconds)

    report = asyncio.run(run())
    text = {"json": once.as_json, "nagios": once.as_nagios}.get(form or "", once.as_text)(report)
    _say(secrets.redact(text), code=terminal.EXIT_RETRY if form == "nagios" else terminal.EXIT_USAGE)
    terminal.leave(report.nagios if form == "nagios" else report.code)


@main.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def init(file: Path | None) -> None:
    """Write a commented profile of what this machine has.

    Into FILE, which must not exist yet and whose folder must, or to standard output with "-"; by default into your
    profiles' folder.
    """
    from tui.starter import starter

    kinds = Kinds()
    text = starter(wiring.discover(kinds, os.environ), kinds)
    if file == Path("-"):
        _say(text, end="")
        return
    home = _places().user
    path = file or home / f"{os.uname().nodename.split('.')[0]}.toml"
    if path.parent != home and not os.path.isdir(path.parent):
        _refuse(f"{path} cannot be written: there is no folder {path.parent}")
    try:
        if path.parent == home:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        _refuse(f"{path} is already there; it was not touched")
    except OSError as error:
        _refuse(f"{path} cannot be written: {(error.strerror or '').lower()}")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    _say(f"wrote {path}; look at it, then run: opsroom")


@main.group()
def config() -> None:
    """Look at and check profiles."""


@config.command()
@_PROFILE
def show(profile: str | None) -> None:
    """The profile as it is understood, defaults included; secrets stay references."""
    found = _profile(profile)
    body = {
        "system": found.system,
        "environment": found.environment,
        "production": found.production,
        "file": found.file or "discovered",
        "targets": {
            target.name: {"kind": target.kind, **_shown(target.settings.model_dump())} for target in found.targets
        },
    }
    _say(json.dumps(body, indent=2, ensure_ascii=False, default=str))


def _shown(value: Any) -> Any:
    """Addresses and headers may carry a password: it is left out."""
    if isinstance(value, str):
        return hide_password(value)
    if isinstance(value, dict):
        return {key: "***" if _private(str(key), one) else _shown(one) for key, one in value.items()}
    return [_shown(one) for one in value] if isinstance(value, list | tuple) else value


def _private(key: str, value: Any) -> bool:
    """True for a secret written out where a reference could stand."""
    known = ("env:", "file:", "command:")
    return isinstance(value, str) and SECRETIVE.search(key) is not None and not value.startswith(known)


@config.command()
@_PROFILE
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def validate(profile: str | None, files: tuple[Path, ...]) -> None:
    """Check profiles; every error at once, with file, line and key."""
    wrong = False
    try:
        chosen: list[Path | None] = list(files) or [wiring.find_profile(_given(profile), os.environ, _places())]
    except wiring.Choose as error:
        _refuse(f"opsroom: {error}")
    for path in chosen:
        if path is None:
            _refuse("opsroom: there is no profile; `opsroom init` writes one")
        try:
            found = load(path, Kinds())
            _say(f"{path}: ok, {plural(len(found.targets), 'target')}")
        except ProfileError as error:
            _complain(str(error))
            wrong = True
    sys.exit(2 if wrong else 0)


@config.command(name="schema")
def schema_() -> None:
    """The JSON Schema of a profile, for your editor."""
    _say(json.dumps(schema(Kinds()), indent=2))


@main.command()
def info() -> None:
    """Version and every path that is read or written."""
    places = _places()
    rows = [
        ("version", f"{_version()}, Python {sys.version.split()[0]}"),
        ("your profiles", f"{places.user}/*.toml"),
        ("the machine's profiles", f"{places.site}/*.toml"),
        ("your preferences", str(places.preferences)),
        ("crash and bug reports", str(places.state)),
        ("profiles found", ", ".join(str(path) for path in places.profiles()) or "none"),
        ("OPSROOM_PROFILE", os.environ.get("OPSROOM_PROFILE", "not set")),
    ]
    for name, value in rows:
        _say(f"{name:<24} {value}")


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completions(shell: str) -> None:
    """Completions for your shell: eval "$(opsroom completions bash)"."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    _say(made(main, {}, "opsroom", "_OPSROOM_COMPLETE").source())
