"""What Secrets Manager answers, as facts: ListSecrets and DescribeSecret tell nearly the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from probes.aws.secrets.facts import CURRENT, PENDING, OneSecret, Version
from probes.base import SafeText

_VERSIONS: Final = 20
"""Versions of one secret that are kept."""


def moment(value: object) -> datetime | None:
    """A date as aware UTC; None for what is none."""
    if not isinstance(value, datetime):
        return None
    return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)


def secret(entry: Mapping[str, Any]) -> OneSecret:
    """One secret of a list, or a described one."""
    stages = entry.get("VersionIdsToStages") or entry.get("SecretVersionsToStages") or {}
    return OneSecret(
        name=SafeText(str(entry.get("Name", "")), 512),
        arn=str(entry.get("ARN", ""))[:2048],
        description=SafeText(str(entry.get("Description") or ""), 200),
        created=moment(entry.get("CreatedDate")),
        changed=moment(entry.get("LastChangedDate")),
        rotated=moment(entry.get("LastRotatedDate")),
        accessed=moment(entry.get("LastAccessedDate")),
        rotates=entry.get("RotationEnabled") is True,
        next_rotation=moment(entry.get("NextRotationDate")),
        deleted=moment(entry.get("DeletedDate")),
        versions=tuple(
            sorted((_version(id, those) for id, those in list(stages.items())[:_VERSIONS]), key=lambda one: one.stages)
        ),
        tags=len(entry.get("Tags") or ()),
        owner=SafeText(str(entry.get("OwningService") or ""), 60),
    )


def _version(id: object, stages: object) -> Version:
    told = stages if isinstance(stages, list | tuple) else ()
    return Version(str(id)[:64], tuple(str(SafeText(str(stage), 60)) for stage in told[:_VERSIONS]))


def aged(one: OneSecret, now: datetime) -> OneSecret:
    """The secret with how late its rotation is, and for how long a version has hung."""
    version = hanging(one)
    late = one.rotates and one.next_rotation is not None and now > one.next_rotation
    if not late and version is None:
        return one
    overdue = (now - one.next_rotation).total_seconds() if late and one.next_rotation is not None else None
    hung = (now - version.created).total_seconds() if version is not None and version.created is not None else None
    return replace(one, overdue=overdue, pending=None if hung is None else max(0.0, hung))


def hanging(one: OneSecret) -> Version | None:
    """The version that a rotation has left pending: one that is not the current one as well."""
    found = one.at(PENDING)
    return None if found is None or CURRENT in found.stages else found


def short(version: str) -> str:
    """A version's id as a person tells it from another.

    >>> short("16b9e9f2-f80d-4e1b-8bbd-2be8cc944578")
    '16b9e9f2…4578'
    """
    return version if len(version) < 16 else f"{version[:8]}…{version[-4:]}"
