"""Acts on queues as lines of the AWS command line, both ways.

A line names a queue by its address or ARN. One that speaks of another account, region or endpoint means nothing here;
where that can't be told yet the whole address stays the subject, and the plan finds out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from probes.aws.line import AwsLine, read_line, write_line
from probes.aws.settings import SCHEMES
from probes.aws.sqs.actions import EACH, HIDDEN_FOR, LOOKED_AT
from probes.aws.sqs.parse import account_of, name_of, region_of
from probes.aws.sqs.settings import SqsSettings
from probes.base import BadUrl, CommandLine, Recognised, Request, SafeText, parse_url, quoted

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}(?:\.fifo)?")
_HOST: Final = re.compile(r"(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue|queue)\.amazonaws\.com(?:\.cn)?")
_READERS: Final = frozenset({"jq", "cat", "head", "tail", "less", "more", "grep", "wc", "column"})
_RECEIVE: Final = frozenset(
    {"queue-url", "max-number-of-messages", "visibility-timeout", "wait-time-seconds", "attribute-names",
     "message-attribute-names", "message-system-attribute-names", "receive-request-attempt-id"}
)  # fmt: skip
_CANCELS: Final = ("xargs", "-n1", "aws", "sqs", "cancel-message-move-task", "--task-handle")
_FIRST: Final = "Results[0].TaskHandle"

PURGES: Final = "A purge takes up to a minute, takes what is in flight too, and may take what is sent meanwhile."
HIDES: Final = (
    "receive-message hides messages and counts as a receive; here they are given back at once, and hidden for "
    f"{HIDDEN_FOR} s at most."
)
_SOME: Final = "A cancelled move leaves what was moved where it is."


@dataclass(frozen=True, slots=True)
class Here:
    """Which account and queues a dialect speaks of."""

    settings: SqsSettings
    account: str = ""
    """Empty: not known yet."""
    region: str = ""
    known: Mapping[str, str] = field(default_factory=dict)
    """Name -> address of the queues that were seen."""

    def url(self, name: str) -> str:
        """The address a line gives; the name alone where it isn't known."""
        return self.known.get(name, name)

    def arn(self, name: str) -> str:
        """The ARN a line gives; the name alone where it isn't known."""
        if not (self.account and self.region) or not _NAME.fullmatch(name):
            return name
        partitions = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
        partition = next((one for start, one in partitions.items() if self.region.startswith(f"{start}-")), "aws")
        return f"arn:{partition}:sqs:{self.region}:{self.account}:{name}"


def render(request: Request, here: Here) -> str:
    """The line for a request."""
    return "\n".join(_line(request, subject, here) for subject in request.subjects)


def _line(request: Request, name: str, here: Here) -> str:
    settings = here.settings
    if request.action == "purge":
        return write_line("sqs", "purge-queue", [("queue-url", [here.url(name)])], settings)
    if request.action == "redrive":
        flags: list[tuple[str, Sequence[str]]] = [("source-arn", [here.arn(name)])]
        if request.word and request.word != EACH:
            flags.append(("destination-arn", [here.arn(request.word)]))
        if request.number is not None:
            flags.append(("max-number-of-messages-per-second", [str(request.number)]))
        return write_line("sqs", "start-message-move-task", flags, settings)
    if request.action == "cancel-move":
        listing = [("source-arn", [here.arn(name)]), ("max-results", ["1"]), ("query", [_FIRST]), ("output", ["text"])]
        return f"{write_line('sqs', 'list-message-move-tasks', listing, settings)} | {quoted(_CANCELS)}"
    receive = [
        ("queue-url", [here.url(name)]), ("max-number-of-messages", [str(LOOKED_AT)]),
        ("visibility-timeout", [str(HIDDEN_FOR)]), ("wait-time-seconds", ["1"]),
        ("attribute-names", ["All"]), ("message-attribute-names", ["All"]),
    ]  # fmt: skip
    return write_line("sqs", "receive-message", receive, settings)


def recognise(line: CommandLine, here: Here) -> Recognised | None:
    """The request a line means at this account."""
    said = read_line(line, here.settings)
    if said is None or said.service != "sqs":
        return None
    if said.verb == "list-message-move-tasks":
        return _cancel(said, line.piped, here)
    if any(not one or one[0].rpartition("/")[2] not in _READERS for one in line.piped):
        return None
    if said.verb == "purge-queue" and said.only(["queue-url"]):
        return _about("purge", said.one("queue-url"), here, PURGES)
    if said.verb == "receive-message" and said.only(_RECEIVE):
        return _about("peek", said.one("queue-url"), here, HIDES)
    if said.verb == "start-message-move-task":
        return _redrive(said, here)
    return None


def _about(action: str, place: str | None, here: Here, warning: str) -> Recognised | None:
    name = subject(place or "", here)
    return Recognised(Request(action, (name,)), warning) if name else None


def _redrive(said: AwsLine, here: Here) -> Recognised | None:
    if not said.only(["source-arn", "destination-arn", "max-number-of-messages-per-second"]):
        return None
    name, to, rate = said.one("source-arn"), said.one("destination-arn"), said.one("max-number-of-messages-per-second")
    source = subject(name or "", here)
    destination = EACH if "destination-arn" not in said.flags else placed(to or "", here)
    if not source or not destination or (rate is None) != ("max-number-of-messages-per-second" not in said.flags):
        return None
    if rate is not None and not (rate.isascii() and rate.isdecimal() and 1 <= int(rate[:9]) <= 500):
        return None
    return Recognised(Request("redrive", (source,), None if rate is None else int(rate), destination))


def _cancel(said: AwsLine, piped: Sequence[tuple[str, ...]], here: Here) -> Recognised | None:
    """Handles of running tasks change: a line looks the newest one up."""
    if not said.only(["source-arn", "max-results"]) or list(piped) != [_CANCELS]:
        return None
    return _about("cancel-move", said.one("source-arn"), here, _SOME)


def subject(place: str, here: Here) -> str:
    """The row that an address, an ARN or a name means; empty when it is none of this target's."""
    name = placed(place, here)
    return name if name and (_is_address(name) or _is_ours(name, here)) else ""


def placed(place: str, here: Here) -> str:
    """The name that an address or ARN of this account means, or the whole of it where that can't be told; else ""."""
    if not _is_address(place):
        return place if _NAME.fullmatch(place) else ""
    name, account, region = name_of(place), account_of(place), _region(place)
    if not _NAME.fullmatch(name) or str(SafeText(place)) != place or (place.startswith("arn:") and not region):
        return ""
    if "://" in place and not _fits(place, here.settings):
        return ""
    pairs = [(account, here.account), (region, here.region)]
    if any(theirs and ours and theirs != ours for theirs, ours in pairs):
        return ""
    return name if all(not theirs or ours for theirs, ours in pairs) else place


def _is_address(place: str) -> bool:
    return "://" in place or place.startswith("arn:")


def _region(place: str) -> str:
    if place.startswith("arn:"):
        return region_of(place) if place.split(":")[2:3] == ["sqs"] else ""
    found = _HOST.fullmatch(_host(place))
    return (found[1] or found[2] or "us-east-1") if found else ""


def _host(url: str) -> str:
    try:
        return parse_url(url, SCHEMES).host.lower()
    except BadUrl:
        return ""


def _fits(url: str, settings: SqsSettings) -> bool:
    """True when an address can be of this target's endpoint."""
    host = _host(url)
    if settings.endpoint is None:
        return bool(_HOST.fullmatch(host))
    return bool(host) and ("://" not in settings.endpoint or host == _host(settings.endpoint))


def _is_ours(name: str, here: Here) -> bool:
    """True when the target watches a queue of that name."""
    wanted = here.settings.queues
    return not wanted or name in here.known or any(fnmatchcase(name, name_of(one)) for one in wanted)
