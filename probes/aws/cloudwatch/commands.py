"""The command line of CloudWatch's alarms, both ways: `aws cloudwatch disable-alarm-actions` and its kin.

The command line knows no end for a silence. Ours is written before it, as a variable that changes nothing for a shell:
`MINUTES=30 aws cloudwatch disable-alarm-actions --alarm-names a b`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from probes.aws.line import read_line, write_line
from probes.aws.settings import AwsSettings
from probes.base import CommandLine, Recognised, Request, quoted

SILENCE: Final = "silence"
ENABLE: Final = "enable"
TEST: Final = "test"
MOST_MINUTES: Final = 1440
REASON: Final = r"(?!-)[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,198}[^\s\x00-\x1f\x7f])?"
"""A reason for a test, as it stands in the alarm's history."""

_VERBS: Final = {"disable-alarm-actions": SILENCE, "enable-alarm-actions": ENABLE}
_LASTING: Final = "MINUTES"
_NUMBER: Final = re.compile(r"[1-9]\d{0,3}")
_NO_END: Final = (
    "The command itself has no end: here it ends after the minutes you type, and stays in sight until then."
)
_FIRES: Final = "This is no rehearsal: the alarm's real actions fire, such as paging and scaling."


def render(request: Request, settings: AwsSettings) -> str:
    """The line a person would type for it."""
    if request.action == TEST:
        (name,) = request.subjects or ("",)
        flags = [("alarm-name", [name]), ("state-value", ["ALARM"]), ("state-reason", [request.word])]
        return write_line("cloudwatch", "set-alarm-state", flags, settings)
    verb = next(verb for verb, action in _VERBS.items() if action == request.action)
    line = write_line("cloudwatch", verb, [("alarm-names", request.subjects)], settings)
    return f"{_LASTING}={quoted([str(request.number)])} {line}" if request.number is not None else line


def recognise(line: CommandLine, settings: AwsSettings) -> Recognised | None:
    """The request that a line means at this target."""
    number, line = _minutes(line)
    said = read_line(line, settings)
    if said is None or said.service != "cloudwatch":
        return None
    if said.verb in _VERBS:
        names = said.flags.get("alarm-names", ())
        action = _VERBS[said.verb]
        if not names or not said.only({"alarm-names"}) or (number is not None and action != SILENCE):
            return None
        request = Request(action, tuple(dict.fromkeys(names)), number)
        return Recognised(request, _NO_END if action == SILENCE and number is None else "")
    return _test(said.flags, said.one("alarm-name"), said.one("state-reason")) if said.verb == _SET else None


_SET: Final = "set-alarm-state"


def _test(flags: Mapping[str, tuple[str, ...]], name: str | None, reason: str | None) -> Recognised | None:
    """Setting an alarm to ALARM is a test of it; to another state it would hide what is true."""
    known = flags.keys() == {"alarm-name", "state-value", "state-reason"}
    if not known or flags["state-value"] != ("ALARM",) or not name or reason is None:
        return None
    if not re.fullmatch(REASON, reason):
        return None
    return Recognised(Request(TEST, (name,), word=reason), _FIRES)


def _minutes(line: CommandLine) -> tuple[int | None, CommandLine]:
    """The end that is written before a line, and the line without it."""
    told = line.environment.get(_LASTING)
    if told is None or not _NUMBER.fullmatch(told) or int(told) > MOST_MINUTES:
        return None, line
    rest = {name: value for name, value in line.environment.items() if name != _LASTING}
    return int(told), replace(line, environment=rest)
