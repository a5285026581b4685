"""The AWS command line of ECS and of its auto-scaling: how an act is written, and which lines mean one of our acts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from probes.aws.ecs.around import DIMENSION
from probes.aws.ecs.settings import ARN, NAME, EcsSettings, bare
from probes.aws.line import AwsLine, read_line, write_line
from probes.base import CommandLine, Recognised, Request

REVISION: Final = re.compile(r"[a-zA-Z0-9_-]{1,255}:[1-9]\d{0,9}")
"""family:revision."""
BOUNDS: Final = re.compile(r"(\d{1,5})-(\d{1,5})")
"""min-max."""
TASK: Final = re.compile(
    r"(?:arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:task/(?:[a-zA-Z0-9_-]{1,255}/)?)?[0-9a-f]{8}[0-9a-f-]{0,64}"
)
"""A task's ARN or id."""
MOST: Final = 5000
"""Tasks of a service at most
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html)."""
_REVISION_ARN: Final = re.compile(r"arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:task-definition/(.+)")
_HOLDER: Final = re.compile(
    r"(?:[a-zA-Z0-9_-]+:)?(?:<[^>]*>|\{[^}]*\}|\[[^\]]*\]|[A-Z][A-Z0-9_]*(?:REVISION|REV|VERSION)[A-Z0-9_]*)"
)
"""A revision that the writer left to be filled in."""

_RESTART: Final = (
    "this makes new tasks and pulls the image's tag again, so :latest may be other code; "
    "it goes on after the command ends"
)
_SCALE: Final = "N is absolute: with more running it lowers; the count of now and auto-scaling's bounds are shown first"
_ZERO: Final = "0 ends every task of the service: that is stop here, and asks for more"
_ROLL_BACK: Final = "the database and the configuration are not rolled back with it"
_FORCED: Final = f"another revision begins a deployment of its own, force is not needed; {_ROLL_BACK}"
_PLACEHOLDER: Final = (
    "describe-services prints the current revision, and the one before by number may never have run; pick one that did"
)
_STOPPED: Final = "the service starts another task in its place"
_BOUNDED: Final = "what auto-scaling has suspended stays suspended"


def render(request: Request, settings: EcsSettings) -> str:
    """The lines a person would type for a request."""
    return "\n".join(line_of(request, one, settings) for one in request.subjects)


def line_of(request: Request, subject: str, settings: EcsSettings) -> str:
    """The line for one service or task."""
    where = [("cluster", [settings.cluster])]
    if request.action == "stop-task":
        return write_line("ecs", "stop-task", [*where, ("task", [subject])], settings)
    if request.action == "bounds":
        least, _, most = request.word.partition("-")
        flags: list[tuple[str, Sequence[str]]] = [
            ("service-namespace", ["ecs"]),
            ("resource-id", [f"service/{settings.cluster_name}/{subject}"]),
            ("scalable-dimension", [DIMENSION]),
            ("min-capacity", [least]),
            ("max-capacity", [most]),
        ]
        return write_line("application-autoscaling", "register-scalable-target", flags, settings)
    what: dict[str, tuple[str, Sequence[str]]] = {
        "restart": ("force-new-deployment", []),
        "scale": ("desired-count", [str(request.number)]),
        "stop": ("desired-count", ["0"]),
        "roll-back": ("task-definition", [request.word]),
    }
    return write_line("ecs", "update-service", [*where, ("service", [subject]), what[request.action]], settings)


def recognise(line: CommandLine, settings: EcsSettings) -> Recognised | None:
    """The request that a line means on this cluster; None when it means none, or speaks of another place."""
    found = read_line(line, settings)
    if found is None:
        return None
    match found.service, found.verb:
        case "ecs", "update-service":
            return _update(found, settings)
        case "ecs", "stop-task":
            return _stop_task(found, settings)
        case "application-autoscaling", "register-scalable-target":
            return _register(found, settings)
        case _:
            return None


def _update(line: AwsLine, settings: EcsSettings) -> Recognised | None:
    known = ("cluster", "service", "desired-count", "task-definition", "force-new-deployment")
    service = _service(line.one("service"), settings)
    if service is None or not line.only(known) or not _is_here(line, settings):
        return None
    forced = line.flags.get("force-new-deployment")
    if forced not in (None, ()):
        return None
    count, revision = line.one("desired-count"), line.one("task-definition")
    if ("desired-count" in line.flags and count is None) or ("task-definition" in line.flags and revision is None):
        return None
    if count is not None:
        return _scale(service, count) if revision is None and forced is None else None
    if revision is not None:
        return _roll_back(service, revision, forced is not None)
    return Recognised(Request("restart", (service,)), _RESTART) if forced is not None else None


def _scale(service: str, count: str) -> Recognised | None:
    if not re.fullmatch(r"\d{1,4}", count) or int(count) > MOST:
        return None
    if int(count) == 0:
        return Recognised(Request("stop", (service,)), _ZERO)
    return Recognised(Request("scale", (service,), int(count)), _SCALE)


def _roll_back(service: str, revision: str, forced: bool) -> Recognised | None:
    arn = _REVISION_ARN.fullmatch(revision)
    word = arn[1] if arn else revision
    if REVISION.fullmatch(word):
        return Recognised(Request("roll-back", (service,), word=word), _FORCED if forced else _ROLL_BACK)
    if _HOLDER.fullmatch(word):
        return Recognised(Request("roll-back", (service,)), f"{_PLACEHOLDER}; {_ROLL_BACK}")
    return None  # a family alone means its newest revision, whatever that is by then


def _stop_task(line: AwsLine, settings: EcsSettings) -> Recognised | None:
    task = line.one("task")
    if task is None or not TASK.fullmatch(task) or not line.only(("cluster", "task", "reason")):
        return None
    return Recognised(Request("stop-task", (task,)), _STOPPED) if _is_here(line, settings) else None


def _register(line: AwsLine, settings: EcsSettings) -> Recognised | None:
    known = ("service-namespace", "resource-id", "scalable-dimension", "min-capacity", "max-capacity")
    least, most = line.one("min-capacity"), line.one("max-capacity")
    parts = (line.one("resource-id") or "").split("/")
    word = f"{least}-{most}"
    if not line.only(known) or len(parts) != 3 or parts[:2] != ["service", settings.cluster_name]:
        return None
    if line.one("service-namespace") != "ecs" or line.one("scalable-dimension") != DIMENSION:
        return None
    if not BOUNDS.fullmatch(word) or not NAME.fullmatch(parts[2]):
        return None
    return Recognised(Request("bounds", (parts[2],), word=word), _BOUNDED)


def _service(given: str | None, settings: EcsSettings) -> str | None:
    """The name of a service that is written as a name or as an ARN of this cluster."""
    if given is None or NAME.fullmatch(given):
        return given
    arn = ARN.fullmatch(given)
    if arn is None or arn[1] != "service":
        return None
    inside = arn[2].split("/")
    return inside[-1] if len(inside) == 1 or inside[0] == settings.cluster_name else None


def _is_here(line: AwsLine, settings: EcsSettings) -> bool:
    """True when the line is about this target's cluster; without one it is about "default"."""
    if "cluster" in line.flags and line.one("cluster") is None:
        return False
    given = line.one("cluster") or "default"
    if given.startswith("arn:") and settings.cluster.startswith("arn:"):
        return given == settings.cluster
    return bare(given) == settings.cluster_name
