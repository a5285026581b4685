"""What lines of kubectl don't do, or do besides what people write them for: one sentence each."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from probes.base import Danger, Meaning, Sort
from probes.kubernetes.dialect_line import Line, shown

_NOWHERE: Final = "It names no namespace, so kubectl takes its context's; Opsroom always names it."
_SCALE: Final = (
    "The number is absolute, and an autoscaler sets its own again within seconds; Opsroom shows both first and raises "
    "the autoscaler's minimum instead."
)
_ZERO: Final = "It ends every pod of it, and its autoscaler rests until there is one again; that is stop here."
_UNDO: Final = "It takes back the pods' template alone: no configuration, no database."
_DELETE: Final = (
    "Deleting ignores disruption budgets and takes the pod's log with it; Opsroom can evict the pod, and makes sure "
    "that it is still the same one."
)
_ENDED: Final = (
    "Pods of a Deployment never end so, and no log is cleared by it; Opsroom lists what it would take first."
)
_LATEST: Final = (
    "Where the tag is :latest already nothing rolls out, and nobody can say later what ran; name a version."
)
_OVERLAY: Final = "An overlay is a kustomization: -f fails on its kustomization.yaml, -k is meant."
_UNUSED: Final = "It deletes every one but those it names, used or not; what needs them fails at its next start."
_WAIT: Final = "It counts the pods there are at that moment, old ones too; Opsroom follows the rollout itself."
_UNKNOWN: Final = "<unknown> under TARGETS means that no metrics arrive and nothing scales; Opsroom says so."
_SECRET: Final = "It prints the secret's values, base64 being no cipher; Opsroom shows names and ages only."
_NODE: Final = "It asks one node only; Opsroom asks every one."
_TEN: Final = "With a selector kubectl shows the last 10 lines of each pod unless --tail says otherwise."
_ONE: Final = "It shows one pod of them, whichever kubectl picks; Opsroom shows all."
_HERE: Final = "It changes where every later line goes; Opsroom keeps the context that the profile names."
_SEVERAL: Final = frozenset({"deployment", "statefulset", "daemonset", "replicaset", "rs", "service", "svc"})
_ROLL: Final = {"restart": "rollout restart", "reload": "rollout restart"}


def warned(meaning: Meaning, said: Line) -> Meaning:
    """The meaning, with what the line gets wrong and with what is done instead."""
    warning, becomes = _told(meaning, said)
    if not warning and not said.placed and (meaning.sort is Sort.ACTION or said.verb == "describe"):
        warning = _NOWHERE
    return replace(meaning, warning=warning, becomes=becomes)


def _told(meaning: Meaning, said: Line) -> tuple[str, str]:
    match said.verb:
        case "scale" if meaning.danger:
            return _ZERO if said.options.get("replicas") == "0" else _SCALE, ""
        case "rollout" if said.name() == "undo":
            return _UNDO, ""
        case "delete":
            return _of_delete(meaning, said), ""
        case "set" if any(name.endswith(":latest") for name in said.names):
            return _LATEST, ""
        case "apply":
            return _of_apply(said)
        case "wait" if said.selector:
            return _WAIT, ""
        case "get":
            return _of_get(meaning, said), ""
        case "logs" | "log":
            return _of_logs(said)
        case "config" | "ctx" | "ns" if meaning.danger is Danger.REVERSIBLE:
            return _HERE, ""
        case "restart" | "reload" | "stop" | "start" | "rsh":
            return _no_command(said)
    return "", ""


def _of_delete(meaning: Meaning, said: Line) -> str:
    if "!=" in said.options.get("field-selector", ""):
        return _UNUSED
    if meaning.sort is not Sort.ACTION:
        return ""
    return _ENDED if "field-selector" in said.options else _DELETE


def _of_apply(said: Line) -> tuple[str, str]:
    name = next((name for name in ("f", "filename") if said.options.get(name)), "")
    path = said.options.get(name, "")
    if not ("overlays/" in path or "kustomiz" in path) or path.endswith((".yaml", ".yml", ".json")):
        return "", ""
    place = next((["-n", said.options[name]] for name in ("n", "namespace") if said.options.get(name)), [])
    return _OVERLAY, shown(["kubectl", "apply", "-k", path, *place])


def _of_get(meaning: Meaning, said: Line) -> str:
    if meaning.reveals:
        return _SECRET
    if "hpa" in said.kinds():
        return _UNKNOWN
    return _NODE if "/nodes/" in said.options.get("raw", "") else ""


def _of_logs(said: Line) -> tuple[str, str]:
    place = next(([f"-{'-' * (len(name) > 1)}{name}", said.options[name]] for name in ("n", "namespace")
                  if said.options.get(name)), [])  # fmt: skip
    if said.selector and "tail" not in said.options and not said.has("f", "follow"):
        since = [f"--since={said.options['since']}"] if said.options.get("since") else []
        words = ["kubectl", "logs", "-l", said.selector, *place, *since, "--all-containers", "--prefix", "--tail=-1"]
        return _TEN, shown(words)
    if "/" in said.name() and not said.has("all-pods") and said.kinds() <= _SEVERAL:
        return _ONE, ""
    return (_NOWHERE, "") if said.names and not said.placed else ("", "")


def _no_command(said: Line) -> tuple[str, str]:
    if said.verb not in _ROLL:
        return f"kubectl has no {said.verb}.", ""
    place = next((["-n", said.options[name]] for name in ("n", "namespace") if said.options.get(name)), [])
    instead = shown(["kubectl", "rollout", "restart", *said.names, *place])
    return f"kubectl has no {said.verb}; `{_ROLL[said.verb]}` is what is meant.", instead
