"""Docker's and Compose's own command lines: how an act is written, and which lines mean one of our acts.

A line is only recognised when everything in it is known. One that names no service (`docker compose restart`: the
database too) means none of our acts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from probes.base import BadUrl, CommandLine, Recognised, Request, parse_url, quoted, said_over_ssh
from probes.docker import commands_care as care
from probes.docker import limits
from probes.docker.engine import DEFAULT_URL, SCHEMES
from probes.docker.parse import ID

NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
"""A container's or a service's name; Docker's own rule, so that none can be taken for an option."""
PROJECT: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,127}")

VERBS: Final = ("restart", "stop", "start")
"""What the Engine does itself, to one container at a time."""
_SCALED: Final = re.compile(r"([a-zA-Z0-9][a-zA-Z0-9_.-]{0,127})=(\d{1,4})")
_IMAGE: Final = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}")
_MOST: Final = 100

_NOT_APPLIED: Final = "restart does not apply a changed environment or Compose file; recreate does"
_GRACE: Final = "the time each container sets for its stop is used, not the one given here"
_VERSION_1: Final = "docker-compose (version 1) is no longer maintained; this does not use it"
_ALL_SERVICES: Final = (
    "without a service name this would bring every service back to its file, also those scaled before; "
    "only {service} is scaled here"
)
_NO_DEPS: Final = "without --no-deps the services it depends on would be touched too; they are left alone"
_NO_RECREATE: Final = "without --no-recreate running replicas may be made new; they are left alone"
_EVERY: Final = (
    "this means every service, databases too: each is looked at, those that run what their file says are left alone, "
    "the others are deployed one after the other; what has no container yet is not made"
)
_PULLED_ALL: Final = "every service's image is fetched, those of databases too; deploy refuses another major version"
_BY_NAME: Final = (
    "a file given by hand would be asked for again at every later run; the earlier image gets the file's name instead"
)
_COUNT_KEPT: Final = "recreate keeps as many replicas as there are; scale changes that"
_OWN_FILES: Final = "the files that its containers were made from are used, whichever the line names"
_ZERO: Final = "0 replicas would remove the containers; they are stopped and kept"

_GLOBAL: Final = {"-H": "host", "--host": "host", "-D": "", "--debug": "", "-l": "_", "--log-level": "_"}
"""Options of `docker` itself that may stand there: their meaning, `_` when it has none for us, empty without value."""
_COMPOSE: Final = {
    "-p": "project", "--project-name": "project", "-f": "file", "--file": "file", "--project-directory": "folder",
    "--env-file": "variables", "--profile": "_", "--ansi": "_", "--progress": "_", "--parallel": "_", "--verbose": "",
    "--no-ansi": "", "-H": "host", "--host": "host",
}  # fmt: skip
_TIME: Final = {"-t": "grace", "--time": "grace", "--timeout": "grace"}
_UP: Final = {
    "-d": "", "--detach": "", "--wait": "", "--wait-timeout": "_", "--no-deps": "", "--no-recreate": "",
    "--force-recreate": "", "--no-build": "", "--pull": "pull", "--scale": "scale", "--quiet-pull": "",
    "--no-color": "", "--no-log-prefix": "",
} | _TIME  # fmt: skip


@dataclass(slots=True)
class _Read:
    """The words of a command behind its verb: options by meaning, and what is no option."""

    values: dict[str, list[str]] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    rest: list[str] = field(default_factory=list)


def render(request: Request, project: str | None) -> str:
    """The lines a person would type for a request on a target that shows `project`, or all."""
    if request.action in care.ACTS:
        return care.render(request)
    if request.action == limits.LIMIT.name:
        return limits.render(request)
    if not request.subjects:
        return _line(request, project or "", [])
    groups = groupby(request.subjects, lambda one: _where(one, project))
    lines = [_line(request, where, [_bare(one) for one in group]) for where, group in groups]
    return "\n".join(lines)


def service_line(request: Request, project: str, service: str) -> str:
    """The line for one Compose service."""
    return _line(request, project, [service])


def container_line(action: str, name: str) -> str:
    """The line for one container."""
    return quoted(["docker", action, *_no_options([name])])


def recognise(line: CommandLine, project: str | None, url: str | None) -> Recognised | None:
    """The request that a line means on a target that shows `project` (or all) of the Engine at `url`."""
    given = dict(line.environment)
    words = list(line.words[1:])
    hosts = [given.pop("DOCKER_HOST")] if "DOCKER_HOST" in given else []
    named = [given.pop("COMPOSE_PROJECT_NAME")] if "COMPOSE_PROJECT_NAME" in given else []
    old = line.program == "docker-compose"
    if given or line.program not in ("docker", "docker-compose"):
        return None
    if not old:
        before = _read(words, _GLOBAL, to_verb=True)
        if before is None:
            return None
        hosts += before.values.get("host", [])
        words = before.rest
    if old or words[:1] == ["compose"]:
        found = _compose(words if old else words[1:], project, hosts, named, line.stdin)
        if found is not None and old:
            found = Recognised(found.request, "; ".join(filter(None, [found.warning, _VERSION_1])))
    else:
        found = None if named else care.recognise(words) or limits.recognise(words) or _container(words)
    return found if all(_is_here(host, url) for host in hosts) else None


def recognise_there(line: CommandLine, project: str | None, destination: str) -> Recognised | None:
    """The request that a line means on the Engine of another machine, which `ssh` goes to."""
    words = said_over_ssh(line, destination)
    if words is not None:
        return recognise(replace(line, words=words), project, DEFAULT_URL)
    found = recognise(line, project, f"ssh://{destination}")
    if found is None or any("ssh://" in one for one in (*line.words, *line.environment.values())):
        return found
    elsewhere = f"the line does not say where: this is done on {destination}"
    return Recognised(found.request, "; ".join(filter(None, [found.warning, elsewhere])))


def _line(request: Request, where: str | None, names: Sequence[str]) -> str:
    if where is None:
        return quoted(["docker", request.action, *_no_options(names)])
    compose = ["docker", "compose", *(["-p", where] if where else [])]
    if request.action == "pull":
        return quoted([*compose, "pull", *_no_options(names)])
    if request.action == "deploy":
        return quoted([*compose, "up", "-d", "--no-deps", "--no-build", *_no_options(names)])
    if request.action == "roll-back":
        return "\n".join(_with_image([*compose], name, request.word) for name in names)
    if request.action == "recreate":
        return quoted([*compose, "up", "-d", "--no-deps", "--force-recreate", "--no-build", *_no_options(names)])
    if request.action == "scale":
        up = [*compose, "up", "-d", "--no-deps", "--no-recreate"]
        scaled = ([*up, "--scale", f"{name}={request.number}", *_no_options([name])] for name in names)
        return "\n".join(map(quoted, scaled))
    return quoted([*compose, request.action, *_no_options(names)])


def _with_image(compose: Sequence[str], name: str, image: str) -> str:
    """A run of Compose with another image than its file says."""
    words = [*compose, "-f", "compose.yaml", "-f", "-", "up", "-d", "--no-deps", "--no-build", *_no_options([name])]
    return f"{quoted(words)} <<< {quoted([json.dumps({'services': {name: {'image': image}}})])}"


def _no_options(names: Sequence[str]) -> list[str]:
    """Names as arguments: a label may hold one that begins like an option."""
    return [*(["--"] if any(name.startswith("-") for name in names) else []), *names]


def _where(subject: str, project: str | None) -> str | None:
    """The project a subject is written with: None for a container, empty when none is written."""
    if ID.fullmatch(subject) or subject.startswith("/"):
        return None
    return subject.rpartition("/")[0] or project or ""


def _bare(subject: str) -> str:
    return subject.rpartition("/")[2]


def _read(words: Sequence[str], known: Mapping[str, str], to_verb: bool = False) -> _Read | None:
    """Options and the rest; None when one is not known. With `to_verb` all from the first other word on is rest."""
    found, left = _Read(), list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            found.rest += left
            return found
        if not word.startswith("-") or word == "-":
            found.rest.append(word)
            if to_verb:
                found.rest += left
                return found
            continue
        name, has_value, value = word.partition("=")
        if not has_value and name not in known and not name.startswith("--") and len(name) > 2:
            name, has_value, value = name[:2], "=", name[2:]  # -fcompose.yaml, -t30
        meaning = known.get(name)
        if meaning is None or (meaning and not has_value and not left):
            return None
        if not meaning:
            if has_value and value != "true":
                return None
            found.flags.add(name)
        else:
            found.values.setdefault(meaning, []).append(value if has_value else left.pop(0))
    return found


def _container(words: Sequence[str]) -> Recognised | None:
    if words[:1] == ["container"]:
        words = words[1:]
    if not words or words[0] not in VERBS:
        return None
    read = _read(words[1:], {} if words[0] == "start" else _TIME)
    if read is None or not read.rest:
        return None
    names = [one.removeprefix("/") for one in read.rest]
    if not all(NAME.fullmatch(one) for one in names):
        return None
    subjects = tuple(dict.fromkeys(one if ID.fullmatch(one) else f"/{one}" for one in names))
    return Recognised(Request(words[0], subjects), _GRACE if "grace" in read.values else "")


def _compose(
    words: Sequence[str], project: str | None, hosts: list[str], named: list[str], stdin: str
) -> Recognised | None:
    before = _read(words, _COMPOSE, to_verb=True)
    if before is None or not before.rest:
        return None
    hosts += before.values.get("host", [])
    names = before.values.get("project") or named or _by_folder(before.values.get("folder", []))
    if any(not PROJECT.fullmatch(one) or (project and one != project) for one in names) or len(set(names)) > 1:
        return None
    verb, *rest = before.rest
    inside = f"{names[0]}/" if names and not project else ""
    if "-" in before.values.get("file", []):
        return _from_image(verb, rest, inside, stdin)
    if verb == "pull":
        return _pull(rest, inside, bool(project))
    if verb == "up" and project and (found := _up_every(rest)) is not None:
        return found
    meaning: Callable[[Sequence[str], str], Recognised | None] | None = {"up": _up, "scale": _scale}.get(verb)
    if meaning is not None:
        found = meaning(rest, inside)
        if found is None or not before.values.keys() & {"file", "variables", "folder"}:
            return found
        return replace(found, warning="; ".join(filter(None, (found.warning, _OWN_FILES))))
    read = _read(rest, {"--no-deps": "", **({"--wait": ""} if verb == "start" else _TIME)})
    if verb not in VERBS or read is None or not _are_names(read.rest):
        return None
    warnings = [_NOT_APPLIED] if verb == "restart" else []
    warnings += [_GRACE] if "grace" in read.values else []
    return Recognised(Request(verb, _subjects(inside, read.rest)), "; ".join(warnings))


def _by_folder(folders: Sequence[str]) -> list[str]:
    """The project that Compose takes a folder for, where its name is all that is known.

    >>> _by_folder(["/srv/My.Shop/"]), _by_folder(["."])
    (['myshop'], [])
    """
    names = (one.rstrip("/").rpartition("/")[2].lower() for one in folders[-1:])
    return [name for one in names if (name := re.sub(r"[^a-z0-9_-]", "", one).lstrip("_-"))]


def _up(words: Sequence[str], inside: str) -> Recognised | None:
    read = _read(_split(words), _UP)
    if read is None or not read.flags & {"-d", "--detach", "--wait"}:
        return None
    if any(value != "never" for value in read.values.get("pull", [])):
        return None
    forced, kept = "--force-recreate" in read.flags, "--no-recreate" in read.flags
    warnings = [] if "--no-deps" in read.flags else [_NO_DEPS]
    if "scale" not in read.values:
        if kept or not _are_names(read.rest):
            return None
        action = "recreate" if forced else "deploy"
        return Recognised(Request(action, _subjects(inside, read.rest)), "; ".join(warnings))
    found = _scaled(read.values["scale"], inside)
    if found is None or (forced and kept) or len(read.rest) > 1:
        return None
    service = found.request.subjects[0].removeprefix(inside)
    if read.rest not in ([], [service]):
        return None
    if forced:
        if found.request.number is None:
            return None
        return Recognised(Request("recreate", found.request.subjects), "; ".join([*warnings, _COUNT_KEPT]))
    warnings += [] if kept else [_NO_RECREATE]
    if not read.rest:
        warnings = [_ALL_SERVICES.format(service=service)]
    return Recognised(found.request, found.warning or "; ".join(warnings))


def _up_every(words: Sequence[str]) -> Recognised | None:
    """`up -d` without a service: every service of the project."""
    read = _read(_split(words), _UP)
    if read is None or read.rest or read.values.keys() - {"pull", "grace"} or not read.flags & {"-d", "--detach"}:
        return None
    if read.flags & {"--force-recreate", "--no-recreate"} or any(one != "never" for one in read.values.get("pull", [])):
        return None
    return Recognised(Request("deploy"), _EVERY)


def _pull(words: Sequence[str], inside: str, every: bool) -> Recognised | None:
    options = {"-q": "", "--quiet": "", "--ignore-pull-failures": "", "--no-parallel": "", "--parallel": ""}
    read = _read(words, options | {"--include-deps": "deps", "--policy": "policy"})
    if read is None or read.values or not (_are_names(read.rest) or (every and not read.rest)):
        return None
    return Recognised(Request("pull", _subjects(inside, read.rest)), "" if read.rest else _PULLED_ALL)


def _from_image(verb: str, words: Sequence[str], inside: str, stdin: str) -> Recognised | None:
    """`-f -` with one service's image in what is given to it: a deploy of that very image."""
    read = _read(_split(words), _UP)
    if verb != "up" or read is None or len(read.rest) != 1 or read.values or not _are_names(read.rest):
        return None
    if not read.flags & {"-d", "--detach"} or read.flags & {"--no-recreate"}:
        return None
    try:
        given = json.loads(stdin)
    except (ValueError, RecursionError):
        return None
    name = read.rest[0]
    one = given.get("services", {}).get(name, {}) if _is_table(given) and _is_table(given.get("services")) else {}
    image = one.get("image") if _is_table(one) else None
    if not isinstance(image, str) or given != {"services": {name: {"image": image}}} or not _IMAGE.fullmatch(image):
        return None
    return Recognised(Request("roll-back", _subjects(inside, [name]), word=image), _BY_NAME)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _scale(words: Sequence[str], inside: str) -> Recognised | None:
    read = _read(words, {"--no-deps": ""} | _TIME)
    return _scaled(read.rest, inside) if read is not None else None


def _scaled(pairs: Sequence[str], inside: str) -> Recognised | None:
    """What SERVICE=NUMBER means; several of them are several acts, and not recognised as one."""
    pair = _SCALED.fullmatch(pairs[0]) if len(pairs) == 1 else None
    if pair is None or int(pair[2]) > _MOST:
        return None
    subjects = _subjects(inside, [pair[1]])
    if int(pair[2]) == 0:
        return Recognised(Request("stop", subjects), _ZERO)
    return Recognised(Request("scale", subjects, int(pair[2])))


def _split(words: Sequence[str]) -> list[str]:
    """Short options written together (`-dV`) apart, so that each one must be known."""
    found: list[str] = []
    for word in words:
        found += [f"-{letter}" for letter in word[1:]] if re.fullmatch(r"-d[a-zA-Z]+", word) else [word]
    return found


def _are_names(words: Sequence[str]) -> bool:
    return bool(words) and all(NAME.fullmatch(word) for word in words)


def _subjects(inside: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(inside + name for name in names))


def _is_here(host: str, url: str | None) -> bool:
    """True when an address given in a line is this target's own."""
    try:
        given, ours = (parse_url(one, SCHEMES, 2375) for one in (host, url or DEFAULT_URL))
    except BadUrl:
        return False
    web = ("tcp", "http")
    return given.where == ours.where and (given.scheme == ours.scheme or (given.scheme in web and ours.scheme in web))
