"""The command line of managed databases, both ways: `aws rds ...`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from probes.aws.line import AwsLine, flags_of, read_line, write_line
from probes.aws.rds.settings import RdsSettings
from probes.base import CommandLine, Recognised, Request

NAME: Final = re.compile(r"[a-z](?:[a-z0-9]|-(?!-)){0,62}(?<!-)")
"""An instance's identifier, in lower case as RDS keeps it."""
SNAPSHOT: Final = r"[A-Za-z][A-Za-z0-9:-]{0,254}"
"""A snapshot's identifier; those that AWS takes by itself begin with `rds:` or `awsbackup:`."""
OURS: Final = "opsroom-"
SOURCE: Final = "opsroom-source"
"""The tag that says of what a restored instance is a copy."""
_MOST: Final = 63
_VERBS: Final = {
    "snapshot": "create-db-snapshot",
    "restore": "restore-db-instance-from-db-snapshot",
    "grow": "modify-db-instance",
    "reboot": "reboot-db-instance",
}
_OWN_ID: Final = "Here it gets an id of its own, which names the act, so that it can't be taken twice."
_OWN_NAME: Final = "Here the new instance gets a name with the time in it."
_DEFAULTS: Final = (
    "As written it would get the default security group, default parameters and one zone; here it gets those of its "
    "source."
)
_AT_ONCE: Final = "As written it waits for the maintenance window; here it is done at once."


def stamp(at: datetime) -> str:
    """A moment in a name."""
    return f"{at:%Y%m%d-%H%M%S}"


def snapshot_id(name: str, at: datetime) -> str:
    """What a snapshot's id begins with.

    >>> from datetime import UTC
    >>> snapshot_id("orders", datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC))
    'opsroom-orders-20260301-031241'
    """
    return f"{OURS}{name}-{stamp(at)}"


def restored_name(name: str, at: datetime) -> str:
    """What a restored instance is called.

    >>> from datetime import UTC
    >>> restored_name("orders", datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC))
    'orders-restored-20260301-031241'
    """
    tail = f"-restored-{stamp(at)}"
    return name[: _MOST - len(tail)].rstrip("-") + tail


def line_of(action: str, parameters: Mapping[str, Any], settings: RdsSettings) -> str:
    """The line for a call."""
    return write_line("rds", _VERBS[action], flags_of(parameters), settings)


def render(request: Request, settings: RdsSettings, now: datetime) -> str:
    """The lines a person would type for it."""
    return "\n".join(
        line_of(request.action, _parameters(request, name, now), settings) for name in request.subjects or ("",)
    )


def _parameters(request: Request, name: str, now: datetime) -> dict[str, Any]:
    if request.action == "snapshot":
        return {"DBInstanceIdentifier": name, "DBSnapshotIdentifier": snapshot_id(name, now)}
    if request.action == "restore":
        found = {
            "DBInstanceIdentifier": restored_name(name or "db", now),
            "DBSnapshotIdentifier": request.word,
        }
        return found | ({"Tags": [{"Key": SOURCE, "Value": name}]} if name else {})
    if request.action == "grow":
        return {"DBInstanceIdentifier": name, "AllocatedStorage": request.number, "ApplyImmediately": True}
    return {"DBInstanceIdentifier": name}


def recognise(line: CommandLine, settings: RdsSettings) -> Recognised | None:
    """The request that a line means here."""
    read = read_line(line, settings)
    if read is None or read.service != "rds":
        return None
    name = (read.one("db-instance-identifier") or "").lower()
    if not NAME.fullmatch(name):
        return None
    match read.verb:
        case "create-db-snapshot":
            return _snapshot(read, name)
        case "restore-db-instance-from-db-snapshot":
            return _restore(read, name)
        case "modify-db-instance":
            return _grow(read, name)
        case "reboot-db-instance":
            known = read.only({"db-instance-identifier", "no-force-failover"})
            return Recognised(Request("reboot", (name,))) if known else None
    return None


def _snapshot(read: AwsLine, name: str) -> Recognised | None:
    if not read.only({"db-instance-identifier", "db-snapshot-identifier", "tags"}):
        return None
    given = read.one("db-snapshot-identifier")
    if given is None or not re.fullmatch(SNAPSHOT, given):
        return None
    return Recognised(Request("snapshot", (name,)), "" if given.startswith(f"{OURS}{name}-") else _OWN_ID)


_TAKEN: Final = frozenset(
    {
        "db-instance-identifier", "db-snapshot-identifier", "tags", "db-instance-class", "port", "db-subnet-group-name",
        "multi-az", "no-multi-az", "publicly-accessible", "no-publicly-accessible", "auto-minor-version-upgrade",
        "no-auto-minor-version-upgrade", "option-group-name", "storage-type", "iops", "storage-throughput",
        "vpc-security-group-ids", "db-parameter-group-name", "deletion-protection", "no-deletion-protection",
        "copy-tags-to-snapshot", "no-copy-tags-to-snapshot", "enable-iam-database-authentication",
        "no-enable-iam-database-authentication", "enable-cloudwatch-logs-exports", "license-model", "availability-zone",
        "network-type",
    }
)  # fmt: skip
"""Flags of a restore: all but the snapshot's name are taken from the source instead."""


def _restore(read: AwsLine, name: str) -> Recognised | None:
    given = read.one("db-snapshot-identifier")
    if given is None or not re.fullmatch(SNAPSHOT, given) or not read.only(_TAKEN):
        return None
    of = next(
        (tag.partition("Value=")[2] for tag in read.flags.get("tags", ()) if tag.startswith(f"Key={SOURCE},")), ""
    )
    if of and not NAME.fullmatch(of):
        return None
    warnings = [] if "vpc-security-group-ids" in read.flags or of else [_DEFAULTS]
    warnings += [] if "-restored-" in name else [_OWN_NAME]
    return Recognised(Request("restore", (of,) if of else (), word=given), " ".join(warnings))


def _grow(read: AwsLine, name: str) -> Recognised | None:
    known = {"db-instance-identifier", "allocated-storage", "apply-immediately", "no-apply-immediately", "iops"}
    given = read.one("allocated-storage")
    if given is None or not re.fullmatch(r"[1-9]\d{0,4}", given) or not read.only(known):
        return None
    return Recognised(Request("grow", (name,), int(given)), "" if "apply-immediately" in read.flags else _AT_ONCE)
