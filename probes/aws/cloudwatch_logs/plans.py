"""What another retention would do to a log group, before it is done: what is kept longer, what becomes deletable."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from probes.aws.cloudwatch_logs.facts import Group
from probes.base import Danger, Identity, SafeText, Subject

DELETES_WITHIN: Final = "deleted within 72 hours"
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def known(one: Group) -> Identity:
    """What tells this group from a later one of its name, and from itself under another retention."""
    created = one.created.isoformat() if one.created else "unknown"
    return (("group", one.arn or one.key), ("created", created), ("retention", kept(one.retention)))


def kept(days: int | None) -> str:
    """A retention in words.

    >>> kept(None), kept(1), kept(30)
    ('for ever', '1 day', '30 days')
    """
    if days is None:
        return "for ever"
    return "1 day" if days == 1 else f"{days} days"


def lowers(one: Group, days: int) -> bool:
    """True when something would become due for deletion earlier than now."""
    return one.retention is None or days < one.retention


def danger_of(one: Group, days: int) -> Danger:
    """What is deleted can't be had back."""
    return Danger.DESTRUCTIVE if lowers(one, days) else Danger.REVERSIBLE


def subject_of(one: Group, days: int, oldest: datetime | None, now: datetime) -> Subject:
    """One group as it would be acted on; `oldest` is the first event of its oldest stream."""
    same = one.retention == days
    return Subject(
        key=one.key,
        name=one.name,
        identity=known(one),
        before=SafeText(f"kept {kept(one.retention)}"),
        after=SafeText(f"kept {kept(days)}"),
        felt=tuple(SafeText(words, 300) for words in (_felt(one, days, oldest, now) if not same else ())),
        spared=SafeText("it is so already" if same else ""),
        barred=same,
    )


def _felt(one: Group, days: int, oldest: datetime | None, now: datetime) -> list[str]:
    stores = f"it stores {_size(one.stored)}" if one.stored is not None else "how much it stores is not known"
    if not lowers(one, days):
        return [f"{stores}; what is older than {kept(one.retention)} may be gone already and does not come back"]
    edge = now - timedelta(days=days)
    if oldest is None:
        return [f"{stores}; all before {edge:%Y-%m-%d %H:%M} UTC becomes due and is {DELETES_WITHIN}"]
    age = (now - oldest).total_seconds() / 86400
    if oldest >= edge:
        return [f"{stores}; its oldest stream begins {oldest:%Y-%m-%d}, so nothing seems due for deletion yet"]
    share = min(1.0, max(0.0, 1 - days / age))
    return [
        f"{stores}, since {oldest:%Y-%m-%d} ({age:.0f} days): all before {edge:%Y-%m-%d %H:%M} UTC becomes due and is"
        f" {DELETES_WITHIN}",
        f"if written evenly, {share:.0%} of it" + (f", {_size(one.stored * share)}" if one.stored else ""),
    ]


def _size(value: float) -> str:
    number = float(value)
    for unit in _UNITS:
        if number < 1024 or unit == _UNITS[-1]:
            break
        number /= 1024
    return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"


LOWERED: Final = "Evidence of an incident may be among what is deleted: export first what may be asked for."
RAISED: Final = "What passed its old retention within the last days may be deleted all the same."
