"""`opsroom config rules`: which rules are in force, and who set each limit: Opsroom, or which line of the profile."""

from __future__ import annotations

import difflib
import json
from typing import Final

import click

from desk.inforce import InForce, Own, in_force
from desk.profile import Profile
from probes.base import OURS, Context
from tui import verb
from tui.kinds import Kinds

_WIDEST: Final = 70
"""Columns that a condition may have before what follows it moves."""


class _NoSecrets:
    """Nothing is opened, so no secret is needed."""

    def resolve(self, reference: str) -> str:
        """Never."""
        raise LookupError(reference)


def listed(profile: Profile, kinds: Kinds) -> list[InForce]:
    """Every rule of a profile. No target is opened."""
    context = Context(_NoSecrets())
    made = {target.name: kinds.facts(target.kind)(target, context) for target in profile.targets}
    return list(in_force(profile, {name: Own(probe.rules, probe.gauges) for name, probe in made.items()}))


@click.command()
@verb.PROFILE
@click.argument("target", required=False)
@click.option("--ours", is_flag=True, help="Only limits that nobody has set: Opsroom's defaults.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def rules(profile: str | None, target: str | None, ours: bool, as_json: bool) -> None:
    """The rules in force, of all targets or of one, and where each limit comes from."""
    found = verb.profile_of(profile)
    names = [one.name for one in found.targets]
    if target is not None and target not in names:
        near = difflib.get_close_matches(target, names, 1)
        guess = f"; did you mean {near[0]}?" if near else ""
        verb.refuse(f"opsroom: {target} is not a target of this profile{guess}")
    told = [
        one
        for one in listed(found, Kinds())
        if target in (None, one.target) and (not ours or one.handling.origin.startswith(OURS))
    ]
    verb.say(json.dumps([one.record for one in told], indent=2, ensure_ascii=False) if as_json else table(told))


def table(told: list[InForce]) -> str:
    """One line for each, in columns."""
    if not told:
        return "no rule is in force"
    rows = [
        (
            one.target,
            one.rule,
            one.severity.name.lower(),
            one.when,
            one.handling.origin if one.enabled else f"switched off ({one.handling.origin})",
        )
        for one in told
    ]
    widths = [min(_WIDEST, max(len(row[place]) for row in rows)) for place in range(4)]
    return "\n".join(
        "  ".join([*(text.ljust(width) for text, width in zip(row[:4], widths, strict=True)), row[4]]) for row in rows
    )
