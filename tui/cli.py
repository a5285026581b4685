"""The command line. Each verb loads what it needs; the screen is loaded only by verbs that open it.

Exit codes: 0 ok, 1 the checked thing is bad, 2 usage or configuration, 3 nothing could be reached, 130 interrupt.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from desk.profile import ProfileError, load, schema
from desk.words import plural
from probes.base import SECRETIVE, hide_password
from tui import tapes, terminal, wiring
from tui.kinds import Kinds
from tui.secrets import Secrets
from tui.verb import (
    PROFILE,
    THEME,
    UNWRITABLE,
    Verbs,
    chosen,
    complain,
    profile_of,
    refuse,
    say,
    speechless,
    version,
    whereabouts,
)  # fmt: skip
from tui.verbs_approve import approve
from tui.verbs_check import check
from tui.verbs_incident import incident
from tui.verbs_manual import manual
from tui.verbs_notify import notify
from tui.verbs_replay import replay
from tui.verbs_report import report
from tui.verbs_rules import rules
from tui.verbs_runbook import runbook
from tui.verbs_serve import serve
from tui.verbs_store import store
from tui.verbs_wall import wall

if TYPE_CHECKING:
    from desk.audit import Chronicle
    from tui.room import FaultSwitch


class _Verbs(Verbs):
    """Leaves on Ctrl-C with its own code, and in words when not even the help can be written."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno in UNWRITABLE and error.filename is None:
                speechless(error, terminal.EXIT_USAGE)
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            terminal.leave(terminal.EXIT_INTERRUPT)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        named = args[0]
        if named not in self.commands and (
            named.endswith(".toml") or named in [path.stem for path in whereabouts().profiles()]
        ):
            refuse(f"opsroom: {named} is no command; a profile is opened with -c: opsroom -c {named}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "-v", "--version", package_name="opsroom", prog_name="opsroom")
@PROFILE
@THEME
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--read-only", "--readonly", is_flag=True, help="Never offer an act, whatever the profile allows.")
@click.option(
    "--arm", metavar="REASON", default="", help="Allow acts from the start, for this reason, for some minutes."
)
@click.option(
    "--break-glass",
    metavar="REASON",
    default="",
    help="Act even where nothing takes the audit, say on a full disk: what no log takes goes to standard error.",
)
@click.pass_context
def main(
    context: click.Context,
    profile: str | None,
    theme: str | None,
    ascii_only: bool,
    read_only: bool,
    arm: str,
    break_glass: str,
) -> None:
    """One production system on one screen.

    Without a profile it discovers what this machine has and opens; `opsroom init` writes that down.
    """
    if context.invoked_subcommand is not None:
        return
    for name, given in (("--arm", arm), ("--break-glass", break_glass)):
        if read_only and given:
            refuse(f"opsroom: --read-only and {name} exclude each other")
    from tui.session import open_room

    code = open_room(
        profile_of(profile),
        Kinds(),
        whereabouts(),
        os.environ,
        theme=theme,
        ascii_only=ascii_only,
        read_only=read_only,
        arm=arm.strip(),
        break_glass=break_glass.strip(),
    )
    sys.exit(code)


def _systems_like(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    from systems.stage import known

    return [name for name in known() if name.startswith(begun)]


@main.command()
@click.argument("system", default="newsletter", shell_complete=_systems_like)
@click.option("--faults/--no-faults", default=True, show_default=True, help="Let faults come by themselves.")
@THEME
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option("--read-only", "--readonly", is_flag=True, help="Only look.")
def demo(system: str, faults: bool, theme: str | None, ascii_only: bool, read_only: bool) -> None:
    """A living example system out of real engines, with faults to find.

    SYSTEM is newsletter, insta_connect, social_live, social_analytics or whatsapp_notifications. It needs no root, no
    Docker and no network, and leaves nothing behind. Where an engine is played, its panel says SIMULATED.
    """
    from systems.stage import Stage
    from tui.session import open_room
    from tui.terminal import check_terminal

    reason = check_terminal()
    if reason:
        refuse(reason)
    try:
        opened = Stage.start(system, faults=faults)
    except LookupError as error:
        refuse(str(error))
    with opened as stage:
        environ = {**os.environ, **stage.environ}
        try:
            profile = wiring.open_profile(str(stage.profile_path), Kinds(), environ, whereabouts())
        except ProfileError as error:
            refuse(str(error))
        switch: FaultSwitch = stage
        places = replace(whereabouts(), acts=stage.folder / "acts")  # what is done on the stage is forgotten with it
        code = open_room(
            profile, Kinds(), places, environ, theme=theme, ascii_only=ascii_only, stage=switch, read_only=read_only
        )
    sys.exit(code)


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
        say(text, end="")
        return
    home = whereabouts().user
    path = file or home / f"{os.uname().nodename.split('.')[0]}.toml"
    if path.parent != home and not os.path.isdir(path.parent):
        refuse(f"{path} cannot be written: there is no folder {path.parent}")
    try:
        if path.parent == home:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        refuse(f"{path} is already there; it was not touched")
    except OSError as error:
        refuse(f"{path} cannot be written: {(error.strerror or '').lower()}")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    say(f"wrote {path}; look at it, then run: opsroom")


main.add_command(approve)
main.add_command(check)
main.add_command(incident)
main.add_command(manual)
main.add_command(notify)
main.add_command(replay)
main.add_command(report)
main.add_command(runbook)
main.add_command(store)
main.add_command(serve)
main.add_command(wall)


@main.group(cls=Verbs)
def config() -> None:
    """Look at and check profiles."""


@config.command()
@PROFILE
def show(profile: str | None) -> None:
    """The profile as it is understood, defaults included; secrets stay references."""
    from desk.checklist.paper import told

    found = profile_of(profile)
    body = {
        "system": found.system,
        "environment": found.environment,
        "production": found.production,
        "file": found.file or "discovered",
        "targets": {
            target.name: {"kind": target.kind, **_shown(target.settings.model_dump())} for target in found.targets
        },
        "notify": {one.name: _shown(one.settings.model_dump()) for one in found.channels},
        "runbooks": [str(path) for path in found.runbooks],
        "checklists": {one.name: told(one) for one in found.checklists},
        "incidents": asdict(found.incidents),
    }
    say(json.dumps(body, indent=2, ensure_ascii=False, default=str))


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
@PROFILE
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def validate(profile: str | None, files: tuple[Path, ...]) -> None:
    """Check profiles; every error at once, with file, line and key."""
    from tui.checklists import gathered
    from tui.doctor_people import misspelt

    wrong = False
    try:
        wanted: list[Path | None] = list(files) or [wiring.find_profile(chosen(profile), os.environ, whereabouts())]
    except wiring.Choose as error:
        refuse(f"opsroom: {error}")
    for path in wanted:
        if path is None:
            refuse("opsroom: there is no profile; `opsroom init` writes one")
        try:
            found = load(path, Kinds())
            lists, troubles = gathered(found, all_of=False)
            troubles += misspelt(found, Kinds())
            for trouble in troubles:
                complain(trouble)
            wrong = wrong or bool(troubles)
            also = f", {plural(len(lists), 'checklist')}" if lists else ""
            say(f"{path}: {'read' if troubles else 'ok'}, {plural(len(found.targets), 'target')}{also}")
        except ProfileError as error:
            complain(str(error))
            wrong = True
    sys.exit(2 if wrong else 0)


config.add_command(rules)


@config.command(name="schema")
def schema_() -> None:
    """The JSON Schema of a profile, for your editor."""
    say(json.dumps(schema(Kinds()), indent=2))


@main.group(cls=Verbs)
def audit() -> None:
    """What was done, by whom, and what came of it."""


def _chronicle() -> Chronicle:
    from desk.audit import chronicle

    folder = whereabouts().audit
    try:
        return chronicle.read(folder)
    except OSError as error:
        refuse(f"opsroom: the audit in {folder} cannot be read: {(error.strerror or str(error)).lower()}")


@audit.command(name="show")
@click.option("--last", type=click.IntRange(1), default=200, show_default=True, help="Records at most.")
@click.option("--json", "as_json", is_flag=True, help="As they stand in the files, a JSON object a line.")
def audit_show(last: int, as_json: bool) -> None:
    """The newest records, oldest first."""
    from tui import paper

    lines = (paper.as_json if as_json else paper.shown)(_chronicle(), last)
    say("\n".join(lines) if lines else "nothing was ever done from here")


@audit.command(name="verify")
@PROFILE
@click.option("--witness", type=click.File(), help="Hashes or records kept elsewhere, as a system log; - reads them.")
@click.option("--store", is_flag=True, help="Hold it against the shared store that the profile names.")
def audit_verify(profile: str | None, witness: TextIO | None, store: bool) -> None:
    """Is every record as it was written? Exit code 1 when not.

    With journald: journalctl -t opsroom -o cat | opsroom audit verify --witness -
    """
    from tui import paper

    if store:
        from tui.verbs_store import audit_seen

        hold = audit_seen(profile)  # before the files are read: what is written meanwhile is missing nowhere
        found = _chronicle()
        lines, whole = paper.verified(found, witness or (), hold(found))
    else:
        lines, whole = paper.verified(_chronicle(), witness or ())
    say("\n".join(lines))
    terminal.leave(terminal.EXIT_OK if whole else 1)


@main.command()
@PROFILE
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def doctor(profile: str | None, as_json: bool) -> None:
    """What is missing for looking and for acting, and what is too much. Changes nothing.

    Exit code 1 when something is missing.
    """
    from tui import doctor as examination

    found = profile_of(profile)
    secrets = Secrets(os.environ)

    async def run() -> list[examination.Finding]:
        await secrets.prepare(wiring.references(found))
        return await examination.examine(found, Kinds(), secrets, whereabouts(), os.environ)

    findings = asyncio.run(run())
    text = examination.as_json(findings) if as_json else examination.as_text(findings)
    say(secrets.redact(text))
    terminal.leave(1 if any(one.wrong for one in findings) else terminal.EXIT_OK)


@main.command()
def info() -> None:
    """Version and every path that is read or written."""
    places = whereabouts()
    rows = [
        ("version", f"{version()}, Python {sys.version.split()[0]}"),
        ("your profiles", f"{places.user}/*.toml"),
        ("the machine's profiles", f"{places.site}/*.toml"),
        ("your preferences", str(places.preferences)),
        ("crash and bug reports", str(places.state)),
        ("the audit", str(places.audit)),
        ("alerts, history, notices", f"{places.state}/systems/*/inbox.db, history.db, notices.db"),
        ("incidents", f"{places.state}/systems/*/incidents.db"),
        ("what you began to write", f"{places.state}/systems/*/unsaid/*.json"),
        *tapes.rows(places),
        ("forbids every act", f"{places.passive}, {'which is there' if places.passive.exists() else 'not there'}"),
        ("profiles found", ", ".join(str(path) for path in places.profiles()) or "none"),
        ("OPSROOM_PROFILE", os.environ.get("OPSROOM_PROFILE", "not set")),
    ]
    for name, value in rows:
        say(f"{name:<24} {value}")


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completions(shell: str) -> None:
    """Completions for your shell: eval "$(opsroom completions bash)"."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    assert made is not None
    say(made(main, {}, "opsroom", "_OPSROOM_COMPLETE").source())
