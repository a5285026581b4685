"""`opsroom doctor`: what is missing for looking and for acting, and what is too much. It only looks."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from desk import words
from desk.actions import Runner
from desk.audit import chronicle
from desk.audit.sinks import SYSTEM_LOG
from desk.private import open_folder
from desk.profile import Profile
from desk.tape.tape import TapeError
from probes.base import Grant, Probe, ProbeError
from tui import delivery, doctor_people, tapes, wiring
from tui.kinds import Kinds
from tui.places import Places
from tui.secrets import Secrets

_WORDS: Final = {
    Grant.HELD: "ok",
    Grant.MISSING: "MISSING",
    Grant.EXCESS: "TOO MUCH",
    Grant.UNKNOWN: "?",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    where: str
    """A target's name, or "this machine"."""
    what: str
    grant: Grant
    remedy: str = ""

    @property
    def wrong(self) -> bool:
        """True when something can't be done because of it."""
        return self.grant is Grant.MISSING


async def examine(
    profile: Profile, kinds: Kinds, secrets: Secrets, places: Places, environ: Mapping[str, str]
) -> list[Finding]:
    """Look at this machine and at every target, all at once."""
    engine = wiring.build(profile, kinds, secrets, places)
    hands = wiring.hands(profile, engine, kinds, secrets, places, environ)
    runner = hands.prober()
    try:
        names = [target.name for target in profile.targets]
        acting = [] if wiring.read_only_because(profile, False, places) else names
        reads = asyncio.gather(*(_read(engine.probe(name)) for name in names))
        rights = asyncio.gather(*(_rights(runner, name) for name in acting if runner.actuator(name) is not None))
        looked, allowed = await reads, await rights
    finally:
        await hands.done_looking(runner)
        await engine.close()
        await hands.close()
    findings = [*_machine(places), *_recording(profile, places), *_acting(profile, places)]
    together = await doctor_people.examine(profile, kinds, secrets, environ)
    told = await delivery.examine(profile, secrets, places)
    for name in names:
        findings += [one for one in looked if one.where == name]
        findings += [one for group in allowed for one in group if one.where == name]
    return [*findings, *(Finding(*one) for one in (*together, *told))]


async def _read(probe: Probe[Any]) -> Finding:
    name = probe.target.name
    try:
        async with asyncio.timeout(probe.target.settings.timeout):
            snapshot = await probe.read()
    except ProbeError as error:
        hint = f": {error.hint}" if error.hint else ""
        return Finding(name, "can be read", Grant.MISSING, f"{error.cause.value}, {error.message}{hint}")
    except TimeoutError:
        probe.abort()
        return Finding(name, "can be read", Grant.MISSING, "no answer in time")
    if snapshot.gaps:
        gaps = "; ".join(f"{gap.part} ({gap.hint or gap.cause.value})" for gap in snapshot.gaps)
        return Finding(name, "can be read", Grant.HELD, f"but not all of it: {gaps}")
    return Finding(name, "can be read", Grant.HELD)


async def _rights(runner: Runner, name: str) -> list[Finding]:
    try:
        return [Finding(name, one.name, one.grant, str(one.remedy)) for one in await runner.rights(name)]
    except ProbeError as error:
        return [Finding(name, "can be acted on", Grant.MISSING, f"{error.cause.value}, {error.message}")]


def _machine(places: Places) -> list[Finding]:
    here = "this machine"
    found = [_folder(here, places.audit)]
    log = os.path.exists(SYSTEM_LOG)
    remedy = "" if log else f"there is no {SYSTEM_LOG}: what is recorded can't be held against a second place"
    found.append(
        Finding(here, "the system's log takes a copy of every record", Grant.HELD if log else Grant.UNKNOWN, remedy)
    )
    try:
        audit = chronicle.read(places.audit)
    except OSError as error:
        found.append(Finding(here, "the audit can be read", Grant.MISSING, (error.strerror or "").lower()))
    else:
        count = words.plural(len(audit.records()), "record")
        whole = not audit.problems
        remedy = "" if whole else "see: opsroom audit verify"
        found.append(
            Finding(here, f"the audit is as it was written ({count})", Grant.HELD if whole else Grant.MISSING, remedy)
        )
    return found


def _folder(here: str, folder: Path) -> Finding:
    try:
        os.close(open_folder(folder))
    except OSError as error:
        return Finding(here, f"{folder} takes records", Grant.MISSING, str(error.strerror or error).lower())
    return Finding(here, f"{folder} takes records", Grant.HELD)


def _recording(profile: Profile, places: Places) -> list[Finding]:
    """The black box: whether it can be kept, and what is in it."""
    here, path = "this machine", wiring.tape_file(profile, places)
    if not profile.record_mib:
        return [Finding(here, "sessions are recorded", Grant.UNKNOWN, "the profile says record_mib = 0")]
    taken = _folder(here, path.parent)
    if taken.wrong or not path.exists():
        return [taken]
    try:
        said = tapes.described(path)
    except TapeError as error:
        return [Finding(here, "the black box can be read", Grant.MISSING, str(error))]
    most = f"{profile.record_mib} MiB and {profile.record_days:g} days at most"
    return [Finding(here, f"{path} records: {said}; {most}", Grant.HELD)]


def _acting(profile: Profile, places: Places) -> list[Finding]:
    why_not = wiring.read_only_because(profile, False, places)
    if why_not:
        return [Finding("this machine", "acting is allowed at all", Grant.UNKNOWN, why_not)]
    return [Finding("this machine", "acting is allowed, once a session is armed", Grant.HELD)]


def as_text(findings: list[Finding]) -> str:
    """For a person: one line each, what is wrong in capitals, then a count."""
    wide = max((len(one.where) for one in findings), default=0)
    lines = [
        f"{one.where:<{wide}}  {_WORDS[one.grant]:<8}  {one.what}" + (f": {one.remedy}" if one.remedy else "")
        for one in findings
    ]
    missing = sum(one.grant is Grant.MISSING for one in findings)
    excess = sum(one.grant is Grant.EXCESS for one in findings)
    lines.append(f"{missing} missing, {excess} too much, {len(findings)} looked at")
    return "\n".join(lines)


def as_json(findings: list[Finding]) -> str:
    """For a program."""
    told = [{"where": one.where, "what": one.what, "grant": one.grant.value, "remedy": one.remedy} for one in findings]
    return json.dumps(told, indent=2, ensure_ascii=False)
