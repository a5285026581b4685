"""The one place where everything is put together: profile, probes, rules, engine."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from desk.board import GRACE
from desk.clock import Clock, SystemClock
from desk.engine import Engine, Watched
from desk.profile import Profile, ProfileError, load
from desk.rules import rules_for
from desk.theirs import instructed
from probes.base import Context, Found, Target
from probes.base import references as references_of
from tui.kinds import Kinds
from tui.places import Places
from tui.secrets import Secrets
from tui.terminal import write_private

if TYPE_CHECKING:
    from desk.audit import Record, Trail
    from desk.audit.sinks import LastResort
    from desk.hands import Hands
    from desk.history import Historian
    from desk.inbox.case import Silence
    from desk.inbox.journal import InboxJournal
    from desk.second.agreements import Agreements
    from desk.second.colleagues import Colleagues
    from desk.second.meeting import Meeting
    from desk.second.onlooker import Onlooker
    from desk.tape.scribe import Scribe
    from tui.checklists import ChecklistDesk
    from tui.console import ConsoleActuator
    from tui.handover import Terminal
    from tui.incidents import IncidentDesk
    from tui.procedures import Procedures
    from tui.room import Room
    from tui.sharing import Sharing
    from tui.steps import Runnable


class Choose(Exception):
    """Several profiles are there and none was chosen."""


def find_profile(given: str | None, environ: Mapping[str, str], places: Places) -> Path | None:
    """The profile file: named on the command line, by `OPSROOM_PROFILE`, or the only one there is.

    A name without a slash is looked up in the folders. None: there is no profile at all.
    """
    wanted = given or environ.get("OPSROOM_PROFILE")
    known = places.profiles()
    if wanted:
        if "/" in wanted or wanted.endswith(".toml"):
            return Path(os.path.expanduser(wanted))
        by_name = {path.stem: path for path in known}
        if wanted in by_name:
            return by_name[wanted]
        names = ", ".join(sorted(by_name)) or "none"
        raise Choose(f"there is no profile named {wanted}; known: {names}")
    if len(known) > 1:
        names = ", ".join(path.stem for path in known)
        raise Choose(f"several profiles are there, choose one with --profile: {names}")
    return known[0] if known else None


def discover(kinds: Kinds, environ: Mapping[str, str]) -> list[tuple[str, Found]]:
    """Everything this machine seems to have, as (kind, what was found)."""
    taken: set[str] = set()
    found: list[tuple[str, Found]] = []
    for kind in kinds.names():
        for one in kinds.facts(kind).discover(environ):
            wish = _fit(one.name) or kind
            names = chain((wish, f"{kind}-{wish}"), (f"{kind}-{number}" for number in count(2)))
            name = next(name for name in names if name not in taken)
            taken.add(name)
            found.append((kind, Found(name, one.settings, one.why)))
    return found


def _fit(name: str) -> str:
    """A name from the machine as a profile takes it, short enough for the kind to go before it."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:28]


def discovered_profile(kinds: Kinds, environ: Mapping[str, str]) -> Profile:
    """A profile of what was discovered, for a first look without any configuration."""
    targets = [
        Target(one.name, kind, kinds.facts(kind).settings_type.model_validate(dict(one.settings)))
        for kind, one in discover(kinds, environ)
    ]
    return Profile(os.uname().nodename.split(".")[0], "", False, "what was found on this machine", tuple(targets))


def open_profile(given: str | None, kinds: Kinds, environ: Mapping[str, str], places: Places) -> Profile:
    """The chosen profile, or the discovered one. Raises `ProfileError` or `Choose`."""
    path = find_profile(given, environ, places)
    return discovered_profile(kinds, environ) if path is None else load(path, kinds)


def build(
    profile: Profile,
    kinds: Kinds,
    secrets: Secrets,
    places: Places,
    clock: Clock | None = None,
    at_once: bool = False,
) -> Engine:
    """The engine for a profile. Nothing is connected yet.

    `at_once`: rules speak without waiting to see whether it lasts, for who looks only once.
    """
    clock = clock or SystemClock()
    context = Context(secrets, clock.monotonic, clock.now, _operator(), places.state)
    watched = [_watched(target, profile, kinds, context, at_once) for target in profile.targets]
    grace = 0.0 if at_once else GRACE
    standing = [rule.at_once() for rule in profile.standing] if at_once else profile.standing
    engine = Engine(watched, clock, lambda target, error: note_bug(places, secrets, target, error), grace, standing)
    engine.instructed = lambda alert: instructed(alert, profile.theirs)
    return engine


def _watched(target: Target, profile: Profile, kinds: Kinds, context: Context, at_once: bool) -> Watched:
    probe = kinds.facts(target.kind)(target, context)
    rules = rules_for(target.kind, target.name, probe.rules, profile.changes)
    if at_once:
        rules = tuple(replace(rule, hold=0.0, consecutive=min(rule.consecutive, 2)) for rule in rules)
    return Watched(probe, rules)


def hands(
    profile: Profile,
    engine: Engine,
    kinds: Kinds,
    secrets: Secrets,
    places: Places,
    environ: Mapping[str, str],
    terminal: Terminal | None = None,
    sharing: Sharing | None = None,
    last: LastResort | None = None,
) -> Hands:
    """What may act on a profile's targets, once it is armed. Only for sessions that are not read-only for good.

    `terminal` can be handed over to other programs; None: there is none. `last` takes what no audit does.
    """
    from desk.actions import Runner  # all of it is loaded after the first picture
    from desk.actor import who
    from desk.audit import Trail
    from desk.guard import Setting
    from desk.hands import Hands
    from desk.locks import FileLocks
    from desk.requirements import Requirements
    from tui.doctor_people import misspelt

    clock = engine.clock
    context = Context(secrets, clock.monotonic, clock.now, _operator(), places.state)
    trail = Trail(places.audit, who(environ), clock, about(profile), secrets.redact, last=last)
    targets = {target.name: target for target in profile.targets}
    system = " ".join(one for one in (profile.system, profile.environment.upper()) if one)

    second = agreements(profile, trail, clock, secrets, places)
    second.unclear = partial(misspelt, profile, kinds)
    if sharing is not None:
        second.join(sharing.colleagues)
        second.witness = partial(_others_audits, sharing.file)
        trail.heard.append(lambda record: sharing.relay.wake())

    def setting(name: str) -> Setting:
        rule = second.hold.in_force  # what it was made for goes on to hold, whatever the profile says by now
        protected = targets[name].settings.protected or name in rule.protected
        return Setting(profile.system, profile.environment, profile.production or rule.production, protected, rule)

    units = {name: {spec.name: spec.unit for spec in engine.probe(name).gauges} for name in targets}

    def make(made: Hands) -> Runner:
        classes = {name: kinds.actuator(target.kind) for name, target in targets.items()}
        actuators = {name: known(targets[name], context) for name, known in classes.items() if known is not None}
        return Runner(
            actuators,
            setting,
            lambda: made.mode,
            trail,
            FileLocks(places.locks) if sharing is None else sharing.locks,
            clock,
            engine.read_now,
            lambda target, error: note_bug(places, secrets, target, error),
            over=made.over,
            find=Requirements(engine.board, clock.monotonic, units),
            consoles=_consoles(targets, engine, context, terminal, system) if terminal is not None else None,
            second=second,
            bars=lambda plan, digest, confirmed: made.bars(plan, digest, confirmed),
        )

    return Hands(make, trail, clock, profile.arm_minutes, places.passive, second)


def _others_audits(file: Path) -> list[Record]:
    """What the shared store has brought of the audits of others on a system. Raises `OSError`."""
    from desk.shared.audit import witnessed
    from desk.store import StoreError

    try:
        return [one.record for one in witnessed(file) if one.by]
    except StoreError as error:
        raise OSError(str(error)) from None


def about(profile: Profile) -> dict[str, str]:
    """What the audit says that a session is about."""
    return {"system": profile.system, "environment": profile.environment, "profile": profile.file}


def actions(kinds: Kinds) -> set[str]:
    """The names of every action of every kind. Loads what acts."""
    actuators = [found for name in kinds.names() if (found := kinds.actuator(name)) is not None]
    return {action.name for one in actuators for action in one.actions}


def agreements(profile: Profile, trail: Trail, clock: Clock, secrets: Secrets, places: Places) -> Agreements:
    """The ways to a second person, and what needs one."""
    from desk.second.agreements import Agreements
    from desk.second.hold import Hold

    kept = places.acts or places.system(profile.system, profile.environment)
    hold = Hold(profile.second, kept, trail.about, frozenset(target.name for target in profile.targets))
    return Agreements(hold, trail, clock, [_meeting(profile, clock)], secrets.redact)


def onlooker(profile: Profile, engine: Engine, sharing: Sharing | None) -> Onlooker:
    """Hears what others ask a second person for, where nothing can be answered."""
    from desk.second.onlooker import Onlooker

    ways: list[Colleagues] = [_meeting(profile, engine.clock)]
    return Onlooker(ways if sharing is None else [*ways, sharing.colleagues])


def _meeting(profile: Profile, clock: Clock) -> Meeting:
    """The way to other people on this machine."""
    from desk.second.meeting import Meeting

    return Meeting(Path(os.path.expanduser(profile.approval_folder)), profile.system, profile.environment, clock)


def _consoles(
    targets: Mapping[str, Target], engine: Engine, context: Context, terminal: Terminal, system: str
) -> dict[str, ConsoleActuator]:
    """What hands the terminal over, for each target that has a console."""
    from tui.console import ConsoleActuator, has_consoles

    def facts(name: str) -> Any:
        snapshot = engine.board.slot(name).snapshot
        return snapshot.facts if snapshot is not None else None

    return {
        name: ConsoleActuator(target, context, engine.probe(name), partial(facts, name), terminal, system)
        for name, target in targets.items()
        if has_consoles(engine.probe(name))
    }


def read_only_because(profile: Profile, flag: bool, places: Places) -> str:
    """Why a session is read-only for good; empty when it isn't."""
    if places.passive.exists():
        return f"read-only: {places.passive} forbids every act from this machine"
    if flag:
        return "read-only: it was opened with --read-only"
    if profile.acts == "never":
        return 'read-only: the profile says acts = "never"'
    return ""


def undecided_because(flag: bool, places: Places) -> str:
    """Why nothing is acknowledged or silenced from a session; empty when it can be.

    Neither is an act on the system, so that a profile that forbids acts forbids neither.
    """
    if places.passive.exists():
        return f"looking only: {places.passive} forbids decisions from this machine too"
    return "looking only: it was opened with --read-only" if flag else ""


def sharing(
    profile: Profile,
    engine: Engine,
    secrets: Secrets,
    places: Places,
    environ: Mapping[str, str],
    who: str,
    wall: bool = False,
) -> Sharing | None:
    """A session's part in the shared store of its system; None where its profile names no store.

    `wall`: nobody sits there.
    """
    if not profile.store:
        return None
    from tui.sharing import Sharing

    return Sharing(profile, engine.clock, secrets, places, environ, who, wall)


def journal(
    profile: Profile, engine: Engine, secrets: Secrets, places: Places, sharing: Sharing | None = None
) -> InboxJournal:
    """What keeps the inbox of a system and shares it with other sessions on it."""
    from desk.inbox.journal import InboxJournal
    from desk.locks import FileLocks

    watched = [f"{target.kind}.{target.name}" for target in profile.targets]
    file = inbox_file(profile, places)
    if sharing is None:
        return InboxJournal(file, engine.clock, FileLocks(places.locks), secrets.redact, watched=watched)
    made = InboxJournal(file, engine.clock, sharing.locks, secrets.redact, watched=watched, place=sharing.system)
    sharing.join(made)
    return made


def with_steps(profile: Profile, places: Places) -> tuple[Profile, Runnable | None]:
    """The profile with what runs the shell steps of its approved runbooks, where anything was ever approved."""
    if not profile.runbooks or not (places.state / "approved").exists():
        return profile, None  # the first picture waits for this
    from tui import steps

    return steps.with_steps(profile, places)


def procedures(room: Room, secrets: Secrets, places: Places, runnable: Runnable | None = None) -> Procedures:
    """The runbooks of a room, what keeps the runs of their procedures, and what may be run of their shell steps."""
    from desk.runs.journal import RunJournal
    from desk.runs.runs import Runs
    from tui.procedures import Procedures
    from tui.shellsteps import ShellSteps
    from tui.steps import Runnable

    profile, clock = room.profile, room.engine.clock
    journal = RunJournal(runs_file(profile, places), clock, secrets.redact)
    if room.sharing is not None:
        room.sharing.join(journal)
    made = Procedures(profile.runbooks, Runs(clock, room.who, masking(secrets)), journal, beside=profile.file)
    again = "not approved: opsroom runbook approve {}, then open the room again"
    never = Runnable(doubts={str(path): again.format(path.name) for path in profile.runbooks})
    made.shell = ShellSteps(room, runnable or never)
    return made


def masking(secrets: Secrets) -> Callable[[str], str]:
    """What takes secrets out of what people and programs write: those we know, and what looks like one."""
    from probes.base.log import masked

    return lambda text: secrets.redact("\n".join(map(masked, text.split("\n"))))


def runs_file(profile: Profile, places: Places) -> Path:
    """Where the runs of a system are kept; a demonstration's with all else that is forgotten with it."""
    return (places.acts or places.system(profile.system, profile.environment)) / "runs.db"


def checklists(
    profile: Profile, engine: Engine, secrets: Secrets, places: Places, sharing: Sharing | None = None
) -> ChecklistDesk:
    """The checklists of a system, and what keeps their runs and shares them with other sessions on it."""
    from desk.checklist.journal import ChecklistJournal
    from tui.checklists import ChecklistDesk, file_of

    journal = ChecklistJournal(file_of(profile, places), engine.clock, secrets.redact)
    if sharing is not None:
        sharing.join(journal)
    return ChecklistDesk(profile, engine, journal)


def incidents(room: Room, secrets: Secrets, places: Places) -> IncidentDesk:
    """The incidents of a room's system, and what keeps them and shares them with other sessions on it."""
    from desk.incident.incidents import Incidents
    from desk.incident.journal import IncidentJournal
    from desk.incident.unsaid import FOLDER, Unsaid
    from tui.incident_papers import Papers, file_of
    from tui.incidents import IncidentDesk
    from tui.messenger import Messenger

    profile, clock = room.profile, room.engine.clock
    journal = IncidentJournal(file_of(profile, places), clock, secrets.redact)
    if room.sharing is not None:
        room.sharing.join(journal)
    mask = masking(secrets)
    made = Incidents(clock, room.who, os.uname().nodename, profile.incidents, mask)
    papers, messenger = Papers(profile, places), Messenger(profile, secrets, clock)
    unsaid = Unsaid(file_of(profile, places).parent / FOLDER, room.who, secrets.redact)
    return IncidentDesk(room, made, journal, papers, messenger, mask, unsaid)


def silences(profile: Profile, places: Places) -> list[Silence]:
    """The silences in force in the inbox of a system, for who looks only once; none where it can't be read in time."""
    from desk.inbox.journal import standing_silences
    from desk.store import StoreError

    found: list[Silence] = []

    def read() -> None:
        with contextlib.suppress(StoreError, OSError):
            found.extend(standing_silences(inbox_file(profile, places), SystemClock().now()))

    reader = threading.Thread(target=read, name="silences", daemon=True)  # a disk that hangs must not hold it up
    reader.start()
    reader.join(_SILENCES_TIME)
    return list(found)


_SILENCES_TIME: Final = 3.0
"""Seconds that reading the silences may take."""


def inbox_file(profile: Profile, places: Places) -> Path:
    """Where the inbox of a system is kept; a demonstration's with all else that is forgotten with it."""
    return (places.acts or places.system(profile.system, profile.environment)) / "inbox.db"


def scribe(profile: Profile, engine: Engine, secrets: Secrets, places: Places) -> Scribe | None:
    """What keeps a session in the black box of its system; None where its profile says that nothing is recorded."""
    if not profile.record_mib:
        return None
    from desk.locks import FileLocks
    from desk.tape.recorder import Recorder
    from desk.tape.scribe import Scribe

    path, keep = tape_file(profile, places), timedelta(days=profile.record_days)
    locks = FileLocks(path.parent / "locks")  # of this file, wherever other things of the session are kept
    recorder = Recorder(path, engine.clock, locks, secrets.redact, profile.record_mib << 20, keep)
    return Scribe(engine, recorder, profile)


def tape_file(profile: Profile, places: Places) -> Path:
    """Where the black box of a system is; a demonstration's with all else that is forgotten with it."""
    return (places.acts or places.system(profile.system, profile.environment)) / "tape.db"


def historian(profile: Profile, engine: Engine, places: Places) -> Historian | None:
    """What keeps the history of a system's gauges; None where the profile wants none kept."""
    from desk.history import Historian
    from desk.locks import FileLocks

    if not profile.history_mib:
        return None
    counters = {(t.name, one.name) for t in profile.targets for one in engine.probe(t.name).gauges if one.counter}
    return Historian(
        history_file(profile, places),
        engine.clock,
        FileLocks(places.locks),
        profile.history_mib << 20,
        lambda target, gauge: (target, gauge) in counters,
    )


def history_file(profile: Profile, places: Places) -> Path:
    """Where the history of a system is kept; a demonstration's with all else that is forgotten with it."""
    return (places.acts or places.system(profile.system, profile.environment)) / "history.db"


def _operator() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def references(profile: Profile) -> Iterable[str]:
    """Every secret reference in a profile; text of a setting that takes none is never one."""
    tables = [*(target.settings for target in profile.targets), *(one.settings for one in profile.channels)]
    for settings in tables:
        yield from (reference for _, reference in references_of(settings))
    if profile.store.startswith(("env:", "file:", "command:")):
        yield profile.store


_noted: set[str] = set()


def note_bug(places: Places, secrets: Secrets, target: str, error: Exception) -> None:
    """Keep the traceback of a probe's bug in a private file, once for each place it comes from; without locals."""
    text = "".join(traceback.format_exception(error))
    place = "".join(traceback.format_tb(error.__traceback__)[-1:])
    if place in _noted or len(_noted) > 20:
        return
    _noted.add(place)
    try:
        write_private(places.state, f"bug-{target}", secrets.redact(text))
    except OSError:
        return


__all__ = [
    "Choose",
    "ProfileError",
    "about",
    "actions",
    "agreements",
    "build",
    "checklists",
    "discover",
    "discovered_profile",
    "find_profile",
    "hands",
    "inbox_file",
    "incidents",
    "journal",
    "note_bug",
    "onlooker",
    "open_profile",
    "procedures",
    "read_only_because",
    "references",
    "runs_file",
    "scribe",
    "sharing",
    "silences",
    "tape_file",
    "undecided_because",
    "with_steps",
]
