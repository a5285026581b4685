"""Docker's own lines for giving room back, and what is meant by them here: a list first, and never a volume in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from probes.base import Recognised, Request, quoted

ACTS: Final = ("prune", "remove-image", "remove-volume")
_LINES: Final = {
    "images": ("image", "prune"),
    "all-images": ("image", "prune", "-a"),
    "containers": ("container", "prune"),
    "networks": ("network", "prune"),
    "build-cache": ("builder", "prune"),
    "everything": ("system", "prune"),
    "everything-and-all-images": ("system", "prune", "-a"),
}
"""What Docker's program calls each sort of leftovers."""
_VOLUME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
_IMAGE: Final = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")
_SHORT: Final = re.compile(r"-[afq]{2,3}")

_LISTED: Final = "prune would take whatever is unused at that moment, unseen; here what is removed is listed first"
_EVIDENCE: Final = "stopped containers are evidence of why they stopped, and are spared unless taken in by hand"
_NOT_VOLUMES: Final = (
    "with --volumes it would remove data for good, also that of a stack that is only down; volumes are left alone "
    "here: remove a volume takes one, by name"
)
_ONE_VOLUME: Final = (
    "volume prune takes every volume that no container has now, also those of a stack that is only down; "
    "here one is chosen, by name"
)
_FORCED: Final = "the force is left out: what is in use stays"


def render(request: Request) -> str:
    """The line a person would type."""
    if request.action == "prune":
        return quoted(["docker", *_LINES.get(request.word, ("system", "prune"))])
    if request.action == "remove-volume":
        words = ["docker", "volume", *(["rm", request.word] if request.word else ["prune"])]
        return quoted(words)
    return quoted(["docker", "image", "rm", *request.subjects])


def removal_line(what: str, id: str) -> str:
    """The line that removes one thing."""
    if what == "build cache":
        return quoted(["docker", "builder", "prune", "--all", "--filter", f"id={id}"])
    return quoted(["docker", what, "rm", id])


def recognise(words: Sequence[str]) -> Recognised | None:
    """What the words behind `docker` mean; None when they are no such act, or something in them is not known."""
    plain = [word for word in words if not word.startswith("-")]
    flags = {flag for word in words if word.startswith("-") for flag in _flags(word)}
    if plain[:1] == ["rmi"]:
        plain = ["image", "rm", *plain[1:]]
    if len(plain) < 2:
        return None
    noun, verb, *rest = plain
    if verb in ("rm", "remove") and rest:
        return _removal(noun, rest, flags)
    if verb != "prune" or rest or flags - {"-a", "--all", "-f", "--force", "--volumes"}:
        return None
    if noun in ("volume",):
        return Recognised(Request("remove-volume"), _ONE_VOLUME) if "--volumes" not in flags else None
    wide = bool(flags & {"-a", "--all"})
    if "--volumes" in flags and noun != "system":
        return None
    if wide and noun not in ("image", "system", "builder"):
        return None
    if noun in ("builder", "buildx"):
        line: tuple[str, ...] = _LINES["build-cache"]
    else:
        line = (noun, verb, *(["-a"] if wide else []))
    word = next((name for name, known in _LINES.items() if known == line), None)
    if word is None:
        return None
    warnings = [_NOT_VOLUMES] if "--volumes" in flags else []
    warnings += [_EVIDENCE] if noun in ("system", "container") else []
    return Recognised(Request("prune", word=word), "; ".join([*warnings, _LISTED]))


def _removal(noun: str, names: Sequence[str], flags: set[str]) -> Recognised | None:
    if flags - {"-f", "--force"}:
        return None
    warning = _FORCED if flags else ""
    if noun == "volume" and len(names) == 1 and _VOLUME.fullmatch(names[0]):
        return Recognised(Request("remove-volume", word=names[0]), warning)
    if noun == "image" and all(map(_IMAGE.fullmatch, names)):
        ids = (f"sha256:{name.removeprefix('sha256:')}" for name in names)
        return Recognised(Request("remove-image", tuple(dict.fromkeys(ids))), warning)
    return None


def _flags(word: str) -> Sequence[str]:
    """Short options written together apart."""
    return [f"-{letter}" for letter in word[1:]] if _SHORT.fullmatch(word) else [word]
