"""The one place where everything is put together: profile, probes, rules, engine."""

from __future__ import annotations

import getpass
import os
import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

from desk.board import GRACE
from desk.clock import Clock, SystemClock
from desk.engine import Engine, Watched
from desk.profile import Profile, ProfileError, load
from desk.rules import rules_for
from probes.base import Context, Found, Target
from probes.base import references as references_of
from tui.kinds import Kinds
from tui.places import Places
from tui.secrets import Secrets
from tui.terminal import write_private


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
    context = Context(secrets, clock.monotonic, clock.now, _operator())
    watched = [_watched(target, profile, kinds, context, at_once) for target in profile.targets]
    grace = 0.0 if at_once else GRACE
    return Engine(watched, clock, lambda target, error: note_bug(places, secrets, target, error), grace)


def _watched(target: Target, profile: Profile, kinds: Kinds, context: Context, at_once: bool) -> Watched:
    probe = kinds.facts(target.kind)(target, context)
    rules = rules_for(target.kind, target.name, probe.rules, profile.changes)
    if at_once:
        rules = tuple(replace(rule, hold=0.0, consecutive=min(rule.consecutive, 2)) for rule in rules)
    return Watched(probe, rules)


def _operator() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def references(profile: Profile) -> Iterable[str]:
    """Every secret reference in a profile; text of a setting that takes none is never one."""
    for target in profile.targets:
        yield from (reference for _, reference in references_of(target.settings))


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
    "build",
    "discover",
    "discovered_profile",
    "find_profile",
    "note_bug",
    "open_profile",
    "references",
]
