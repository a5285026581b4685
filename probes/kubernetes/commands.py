"""The command line of Kubernetes, both ways: kubectl as people write it, always with its namespace when we write it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from probes.base import CommandLine, Recognised, Request, quoted

KINDS: Final[Mapping[str, str]] = {
    "deployment": "deployment", "deployments": "deployment", "deploy": "deployment", "deployment.apps": "deployment",
    "deployments.apps": "deployment", "statefulset": "statefulset", "statefulsets": "statefulset",
    "sts": "statefulset", "statefulset.apps": "statefulset", "statefulsets.apps": "statefulset",
    "daemonset": "daemonset", "daemonsets": "daemonset", "ds": "daemonset", "daemonset.apps": "daemonset",
    "daemonsets.apps": "daemonset", "pod": "pod", "pods": "pod", "po": "pod", "hpa": "hpa",
    "horizontalpodautoscaler": "hpa", "horizontalpodautoscalers": "hpa", "horizontalpodautoscaler.autoscaling": "hpa",
    "horizontalpodautoscalers.autoscaling": "hpa",
}  # fmt: skip
"""The names kubectl knows for what we act on."""
MINIMUM: Final = "opsroom/minimum-for"
"""The annotation that tells others how long a raised minimum is meant to hold."""
FOREVER: Final = "for good"
"""The word for a minimum without an end."""

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_IMAGES: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}=[^\s,=]{1,400}(,[a-z0-9][a-z0-9-]{0,62}=[^\s,=]{1,400}){0,19}")
_EVICTION: Final = re.compile(r"/api/v1/namespaces/([^/]+)/pods/([^/]+)/eviction")
_PLACES: Final = {"-n": "namespace", "--namespace": "namespace", "--context": "context", "--kubeconfig": "kubeconfig"}
_VALUED: Final = frozenset(
    {"--replicas", "--to-revision", "-o", "--output", "-p", "--patch", "--type", "--raw", "-f", "--filename",
     "--timeout", "--request-timeout", "-v", "--v", "--field-manager"}
)  # fmt: skip
"""Options that take a value."""
_HARMLESS: Final = frozenset(
    {"-o", "--output", "--timeout", "--request-timeout", "-v", "--v", "--field-manager", "--wait", "--record"}
)
"""Options that change nothing of what is done."""


@dataclass(frozen=True, slots=True)
class Here:
    """Which cluster and namespace a dialect speaks of."""

    context: str | None = None
    kubeconfig: str | None = None
    namespace: str = ""
    """The one namespace of the target, where it has one."""
    policy: str = "policy/v1"
    """The version of the API that takes evictions; policy/v1beta1 before Kubernetes 1.22."""


@dataclass(frozen=True, slots=True)
class _Line:
    words: tuple[str, ...]
    """Verbs and names, without options."""
    options: Mapping[str, str]
    namespace: str
    told: bool
    """Whether the line itself named the namespace."""


def render(request: Request, here: Here) -> str:
    """The line, or lines, for a request."""
    lines = []
    for row, words in zip(request.subjects, _lines(request), strict=True):
        line = quoted(["kubectl", *_context(here), *words])
        lines.append(f"{line} <<< {quoted([eviction(row, here.policy)])}" if request.action == "evict" else line)
    return "\n".join(lines)


def _context(here: Here) -> list[str]:
    return ["--context", here.context] if here.context else []


def _lines(request: Request) -> list[list[str]]:
    lines = []
    for row in request.subjects:
        kind, namespace, name = row.split("/", 2)
        where = ["-n", namespace]
        match request.action:
            case "restart":
                words = ["rollout", "restart", f"{kind}/{name}", *where]
            case "scale":
                words = ["scale", f"{kind}/{name}", f"--replicas={request.number}", *where]
            case "stop":
                words = ["scale", f"{kind}/{name}", "--replicas=0", *where]
            case "undo":
                revision = [f"--to-revision={request.word}"] if request.word else []
                words = ["rollout", "undo", f"{kind}/{name}", *revision, *where]
            case "image":
                words = ["set", "image", f"{kind}/{name}", *request.word.split(","), *where]
            case "minimum":
                words = ["patch", kind, name, "--type=merge", "-p", minimum_patch(request), *where]
            case "evict":
                path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
                words = ["create", "--raw", path, "-f", "-"]
            case _:
                words = ["delete", "pod", name, "--wait=false", *where]
        lines.append(words)
    return lines


def eviction(row: str, policy: str) -> str:
    """What asks for a pod's eviction, for kubectl to send as it is.

    Its shape: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
    """
    _, namespace, name = row.split("/", 2)
    asked = {"apiVersion": policy, "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
    return json.dumps(asked, separators=(",", ":"))


def minimum_patch(request: Request) -> str:
    """The patch of a new minimum, with how long it is meant to hold."""
    patch = {"metadata": {"annotations": {MINIMUM: request.word}}, "spec": {"minReplicas": request.number}}
    return json.dumps(patch, separators=(",", ":"))


def recognise(line: CommandLine, here: Here) -> Recognised | None:
    """The request a line means here."""
    if line.program not in ("kubectl", "oc", "kubecolor") or line.environment.keys() - {"KUBECONFIG"}:
        return None
    if "KUBECONFIG" in line.environment and line.environment["KUBECONFIG"] != here.kubeconfig:
        return None
    read = _read(line.words[1:], here)
    if read is None or not read.words:
        return None
    found = _raw_eviction(read, line.stdin) or (_known(read) if not line.stdin else None)
    if found is None:
        return None
    request, warning = found
    if not read.told and request.action != "evict":
        words = f"The line names no namespace, so kubectl takes its context's; here it is {here.namespace}."
        warning = f"{words} {warning}".strip()
    return Recognised(request, warning)


def _known(read: _Line) -> tuple[Request, str] | None:
    match read.words:
        case ("rollout", "restart", *names) if _only(read):
            return _on(read, "restart", names)
        case ("rollout", "undo", *names) if _only(read, "--to-revision"):
            return _undo(read, names)
        case ("scale", *names) if _only(read, "--replicas"):
            return _scale(read, names)
        case ("set", "image", *names) if _only(read):
            return _image(read, names)
        case ("patch", *names) if _only(read, "--type", "-p", "--patch"):
            return _minimum(read, names)
        case ("delete", *names) if _only(read):
            return _delete(read, names)
    return None


def _read(words: Sequence[str], here: Here) -> _Line | None:
    """Take a line apart; None when it speaks of another place."""
    plain: list[str] = []
    options: dict[str, str] = {}
    places: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return None
        if not word.startswith("-") or word == "-":
            plain.append(word)
            continue
        name, equals, value = word.partition("=")
        if not equals and name.startswith("-n") and not name.startswith("--") and len(name) > 2:
            name, equals, value = "-n", "=", name[2:]
        if not equals and (name in _PLACES or name in _VALUED):
            if not rest:
                return None
            value = rest.pop(0)
        into, key = (places, _PLACES[name]) if name in _PLACES else (options, name)
        if key in into:
            return None
        into[key] = value
    if any(places.get(key, ours) != ours for key, ours in (("context", here.context), ("kubeconfig", here.kubeconfig))):
        return None
    namespace = places.get("namespace", here.namespace)
    told = "namespace" in places
    return _Line(tuple(plain), options, namespace, told) if namespace or plain[:1] == ["create"] else None


def _only(read: _Line, *known: str) -> bool:
    return read.options.keys() <= _HARMLESS | set(known)


def _rows(read: _Line, names: Sequence[str]) -> list[str] | None:
    """The rows of "TYPE/NAME ..." or "TYPE NAME ..."; None when they can't be told for certain."""
    if not names or not _NAME.fullmatch(read.namespace):
        return None
    if all("/" in name for name in names):
        pairs = [(name.split("/", 1)[0], name.split("/", 1)[1]) for name in names]
    elif len(names) > 1 and not any("/" in name for name in names):
        pairs = [(names[0], name) for name in names[1:]]
    else:
        return None
    rows = [f"{KINDS[kind]}/{read.namespace}/{name}" for kind, name in pairs if kind in KINDS and _NAME.fullmatch(name)]
    return rows if len(rows) == len(pairs) else None


def _on(
    read: _Line, action: str, names: Sequence[str], number: int | None = None, word: str = "", warning: str = ""
) -> tuple[Request, str] | None:
    rows = _rows(read, names)
    if not rows or any(row.startswith(("pod/", "hpa/")) for row in rows):
        return None
    return Request(action, tuple(dict.fromkeys(rows)), number, word), warning


def _undo(read: _Line, names: Sequence[str]) -> tuple[Request, str] | None:
    revision = read.options.get("--to-revision", "0")
    if not revision.isdecimal():
        return None
    warning = "It takes back the pods' template alone: no configuration, no database."
    return _on(read, "undo", names, word="" if int(revision) == 0 else str(int(revision)), warning=warning)


def _scale(read: _Line, names: Sequence[str]) -> tuple[Request, str] | None:
    number = read.options.get("--replicas", "")
    if not number.isdecimal() or len(number) > 6:
        return None
    if int(number) == 0:
        return _on(read, "stop", names)
    return _on(read, "scale", names, int(number))


def _image(read: _Line, names: Sequence[str]) -> tuple[Request, str] | None:
    pairs = [name for name in names if "=" in name]
    images = ",".join(pairs)
    if not _IMAGES.fullmatch(images) or any(pair.startswith("*") for pair in pairs):
        return None
    return _on(read, "image", [name for name in names if "=" not in name], word=images)


def _minimum(read: _Line, names: Sequence[str]) -> tuple[Request, str] | None:
    """Only a patch of the minimum of an autoscaler, with or without our note."""
    rows = _rows(read, names)
    kind = read.options.get("--type", "strategic")
    try:
        patch = json.loads(read.options.get("-p") or read.options.get("--patch") or "")
    except (ValueError, RecursionError):
        return None
    if not rows or len(rows) != 1 or not isinstance(patch, dict) or kind not in ("merge", "strategic"):
        return None
    spec, meta = patch.get("spec"), patch.get("metadata", {})
    number = spec.get("minReplicas") if isinstance(spec, dict) and spec.keys() == {"minReplicas"} else None
    if not patch.keys() <= {"spec", "metadata"} or not isinstance(number, int) or isinstance(number, bool):
        return None
    notes = meta.get("annotations", {}) if isinstance(meta, dict) else None
    word = notes.get(MINIMUM, "") if isinstance(notes, dict) else None
    noted = {"annotations": {MINIMUM: word}} if word else {}
    if not isinstance(word, str) or meta != noted or rows[0].startswith("pod/"):
        return None
    return Request("minimum", (rows[0],), number, word), ""


def _delete(read: _Line, names: Sequence[str]) -> tuple[Request, str] | None:
    rows = _rows(read, names)
    if not rows or not all(row.startswith("pod/") for row in rows):
        return None
    warning = "" if "--wait" in read.options else "Deleting ignores disruption budgets; `evict` respects them."
    return Request("delete", tuple(dict.fromkeys(rows))), warning


def _raw_eviction(read: _Line, stdin: str) -> tuple[Request, str] | None:
    """An eviction, its body in a file or given to it; a body that asks for more or for another pod is none of ours."""
    if read.words != ("create",) or read.options.keys() - {"--raw", "-f", "--filename"}:
        return None
    found = _EVICTION.fullmatch(read.options.get("--raw", ""))
    if found is None or not _NAME.fullmatch(found[1]) or not _NAME.fullmatch(found[2]):
        return None
    row = f"pod/{found[1]}/{found[2]}"
    given = read.options.get("-f", read.options.get("--filename", "")) == "-"
    if given != bool(stdin) or (given and not _asks_for(row, stdin)):
        return None
    return Request("evict", (row,)), ""


def _asks_for(row: str, stdin: str) -> bool:
    try:
        told = json.loads(stdin)
    except (ValueError, RecursionError):
        return False
    return any(told == json.loads(eviction(row, policy)) for policy in ("policy/v1", "policy/v1beta1"))
