"""The `aws` command line as written down: service, verb and flags, and whether it speaks of a target's own account."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from probes.aws.settings import AwsSettings
from probes.base import CommandLine, quoted

_PLACES: Final = {"--profile": "profile", "--region": "region", "--endpoint-url": "endpoint"}
"""Flags that say where; one that contradicts the target's settings speaks of another place."""
_VALUED: Final = frozenset({"--output", "--query", "--color", "--cli-read-timeout", "--cli-connect-timeout"})
_SWITCHES: Final = frozenset({"--no-cli-pager", "--no-paginate", "--no-cli-auto-prompt"})
"""Flags that change nothing of what is done (https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html)."""
_HARMLESS: Final = frozenset({"AWS_PAGER", "AWS_DEFAULT_OUTPUT"})
_ENVIRONMENT: Final = {
    "AWS_PROFILE": "profile", "AWS_DEFAULT_PROFILE": "profile", "AWS_REGION": "region", "AWS_DEFAULT_REGION": "region",
    "AWS_ENDPOINT_URL": "endpoint",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AwsLine:
    """One line, taken apart."""

    service: str
    """rds."""
    verb: str
    """create-db-snapshot."""
    flags: Mapping[str, tuple[str, ...]]
    """Name without its dashes -> values; none for a switch. Those that say where, or how to print, are left out."""

    def one(self, name: str) -> str | None:
        """The value of a flag; None when it is not there, or has not just one."""
        values = self.flags.get(name, ())
        return values[0] if len(values) == 1 else None

    def only(self, known: Collection[str]) -> bool:
        """True when every flag is one of these."""
        return self.flags.keys() <= set(known)


def read_line(line: CommandLine, settings: AwsSettings) -> AwsLine | None:
    """Take a line apart; None when it is none of `aws`, can't be read for certain, or speaks of another place."""
    if line.program != "aws" or line.stdin:
        return None
    for name, value in line.environment.items():
        if name not in _HARMLESS and (name not in _ENVIRONMENT or not _ours(settings, _ENVIRONMENT[name], value)):
            return None
    plain: list[str] = []
    flags: dict[str, tuple[str, ...]] = {}
    words = list(line.words[1:])
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            plain.append(word)
            continue
        name, equals, value = word.partition("=")
        values = [value] if equals else []
        if name not in _SWITCHES and not equals:
            most = 1 if name in _PLACES or name in _VALUED else len(words)
            while words and len(values) < most and not words[0].startswith("--"):
                values.append(words.pop(0))
        if name in _PLACES:
            if len(values) != 1 or not _ours(settings, _PLACES[name], values[0]):
                return None
        elif name not in _VALUED and name not in _SWITCHES:
            if name[2:] in flags or len(name) < 3:
                return None
            flags[name[2:]] = tuple(values)
    return AwsLine(plain[0], plain[1], flags) if len(plain) == 2 else None


def _ours(settings: AwsSettings, what: str, value: str) -> bool:
    return bool(getattr(settings, what) == value)


def write_line(service: str, verb: str, flags: Sequence[tuple[str, Sequence[str]]], settings: AwsSettings) -> str:
    """The line a person would type: `aws rds reboot-db-instance --db-instance-identifier main --region eu-west-1`."""
    words = ["aws", service, verb]
    for name, values in flags:
        dashed = len(values) == 1 and values[0].startswith("-")  # else it would be taken for a flag
        words += [f"--{name}={values[0]}"] if dashed else [f"--{name}", *values]
    words += ["--profile", settings.profile] if settings.profile else []
    words += ["--region", settings.region] if settings.region else []
    return quoted(words)


_TAIL: Final = re.compile(r"(.)([A-Z][a-z]+)")
_INNER: Final = re.compile(r"([a-z0-9])([A-Z])")


def flags_of(parameters: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """A call's parameters as the command line has them.

    >>> flags_of({"DBInstanceIdentifier": "main", "MultiAZ": False, "Tags": [{"Key": "a", "Value": "b"}], "Iops": 3000})
    [('db-instance-identifier', ['main']), ('no-multi-az', []), ('tags', ['Key=a,Value=b']), ('iops', ['3000'])]
    """
    found: list[tuple[str, list[str]]] = []
    for name, value in parameters.items():
        flag = _INNER.sub(r"\1-\2", _TAIL.sub(r"\1-\2", name)).lower()
        if isinstance(value, bool):
            found.append((flag if value else f"no-{flag}", []))
        elif isinstance(value, list | tuple):
            found.append((flag, [_one(each) for each in value]))
        else:
            found.append((flag, [str(value)]))
    return found


def _one(value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={each}" for key, each in value.items())
    return str(value)
