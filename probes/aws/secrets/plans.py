"""What a change of a secret would do, in words that hold no value. Key names are shown, values never."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from probes.aws.secrets.facts import CURRENT, PREVIOUS, OneSecret
from probes.aws.secrets.merge import Member, fingerprint, same
from probes.aws.secrets.parse import hanging, short
from probes.base import Action, Cause, Danger, Identity, ProbeError, SafeText, Subject, Word, lasted

SET: Final = Action(
    "set", "set keys", Danger.DISRUPTIVE,
    "Gives keys of a JSON secret new values; the other keys stay as they are, the old version can be had back.",
    word=Word("key", r"[^,\s][^\x00-\x1f]{0,999}"), hidden="new value", many=False, grave=True,
)  # fmt: skip
REPLACE: Final = Action(
    "replace", "replace the value", Danger.DISRUPTIVE,
    "Gives a secret that holds no keys a new value; the old version can be had back.",
    hidden="new value", many=False, grave=True,
)  # fmt: skip
UNDO: Final = Action(
    "undo", "go back a version", Danger.DISRUPTIVE,
    "Makes the version before the current one again; the newer one is kept as AWSPREVIOUS.",
    word=Word("version", r"[A-Za-z0-9-]{32,64}", listed=True), many=False, grave=True,
)  # fmt: skip
ACTIONS: Final = (SET, REPLACE, UNDO)

OFTEN: Final = 600.0
"""Seconds between two changes that are recommended at least
(https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html)."""
_NAMED: Final = 20
"""Keys that are named in one sentence."""


@dataclass(frozen=True, slots=True)
class Value:
    """The current value, while a plan or an act needs it. It shows itself nowhere."""

    version: str
    created: datetime | None
    _text: str | None

    def reveal(self) -> str:
        """The text. Raises `ProbeError` for a value that is no text."""
        if self._text is None:
            raise ProbeError(Cause.MISSING, "its value is binary: it can't be typed here")
        return self._text

    def __repr__(self) -> str:
        return f"Value({short(self.version)})"


def listed(keys: Sequence[str]) -> str:
    """Keys in a sentence."""
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return ", ".join(str(SafeText(key, 60)) for key in keys[:_NAMED]) + more


def put(
    one: OneSecret, value: Value, keys: Mapping[str, Member] | None, changes: Mapping[str, str], now: datetime
) -> Subject:
    """A new version. `keys` are those there are now; None: it holds none, and the whole value changes."""
    if keys is None:
        after, unchanged = "a new value", value.reveal() == next(iter(changes.values()))
        before = "a value without keys"
    else:
        new = [key for key in changes if key not in keys]
        alike = [key for key in changes if key in keys and same(value.reveal(), key, changes[key])]
        told = [
            f"{key} {'is new' if key in new else 'stays as it is' if key in alike else 'changes'}" for key in changes
        ]
        after, unchanged = listed(told), len(alike) == len(changes)
        before = f"keys {listed(list(keys))}"
    barred = _barred(one) or ("nothing would change: what was typed is its value already" if unchanged else "")
    since = f" since {lasted((now - value.created).total_seconds())}" if value.created is not None else ""
    kept = f"; {short(value.version)} becomes {PREVIOUS}"
    identity: Identity = (
        ("arn", one.arn), ("current", value.version),
        ("keys", fingerprint({*keys, *changes}) if keys is not None else ""),
    )  # fmt: skip
    return Subject(
        key=str(one.name),
        name=one.name,
        identity=identity,
        before=SafeText(f"{before}; {CURRENT} is {short(value.version)}{since}", 1000),
        after=SafeText(f"{after}{kept}", 1000),
        spared=SafeText(barred),
        barred=bool(barred),
    )


def undo(one: OneSecret, word: str) -> Subject:
    """The version before, again. Raises `ProbeError` when there is none."""
    current, previous = one.at(CURRENT), one.at(PREVIOUS)
    if current is None or previous is None or current.id == previous.id:
        raise ProbeError(Cause.MISSING, f"{one.name} has no version before the current one")
    if word not in ("", previous.id):
        raise ProbeError(Cause.GONE, f"version {short(word)} is not {PREVIOUS}: that is {short(previous.id)}")
    barred = _barred(one)
    return Subject(
        key=str(one.name),
        name=one.name,
        identity=(("arn", one.arn), ("current", current.id), ("previous", previous.id)),
        before=SafeText(f"{CURRENT} is {_made(current.id, current.created)}"),
        after=SafeText(f"{CURRENT} is {_made(previous.id, previous.created)}, {PREVIOUS} {short(current.id)}"),
        spared=SafeText(barred),
        barred=bool(barred),
    )


def _made(id: str, created: datetime | None) -> str:
    return short(id) if created is None else f"{short(id)} of {created:%Y-%m-%d %H:%M} UTC"


def _barred(one: OneSecret) -> str:
    if one.deleted is not None:
        return "it is marked for deletion: restore it first"
    return f"{one.owner} owns it and changes it itself" if one.owner else ""


def notes(one: OneSecret, keys: Mapping[str, Member] | None, changes: Sequence[str]) -> list[SafeText]:
    """What else a person should know of a new value."""
    said: list[str] = []
    if keys is not None:
        stay = [key for key in keys if key not in changes]
        said.append(f"{listed(stay)} stay{'s' if len(stay) == 1 else ''} letter for letter" if stay else "no other key")
        new = [key for key in changes if key not in keys]
        if new:
            said.append(f"{listed(new)}: no such key is there yet; is it spelt right?")
    if one.rotates:
        when = f", on {one.next_rotation:%Y-%m-%d}" if one.next_rotation is not None else ""
        said.append(f"it rotates: the next rotation sets a value of its own{when}")
    if hanging(one) is not None:
        said.append("a rotation is under way or has failed: its version is still AWSPENDING")
    return [SafeText(words, 1000) for words in said]


def often(created: datetime | None, now: datetime) -> list[SafeText]:
    """A remark when the last change was a moment ago."""
    age = (now - created).total_seconds() if created is not None else OFTEN
    if age >= OFTEN:
        return []
    words = f"its value was changed {lasted(max(0.0, age))} ago: oftener than every 10 min piles up versions to a limit"
    return [SafeText(words)]


def felt(used_by: Sequence[str], served_by: str | None) -> tuple[SafeText, ...]:
    """Who goes on with the old value."""
    services = [*used_by, *([served_by] if served_by else [])]
    who = ", ".join(services) if services else "what runs"
    return (SafeText(f"{who}: the old value stays in use until deployed or restarted anew", 500),)
