"""What lines of kubectl don't do, or do besides what people write them for: one sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort
from probes.base.command import exchanged, filled, instead
from probes.base.dialect import honest
from probes.kubernetes.commands import Here, recognise
from probes.kubernetes.dialect_line import Line, read

_NOWHERE: Final = "it names no namespace, so kubectl takes its context's; Opsroom always names it"
_SCALE: Final = (
    "the number is absolute, and an autoscaler sets its own again within seconds; Opsroom shows both first and raises "
    "the autoscaler's minimum instead"
)
_ZERO: Final = "it ends every pod of it, and its autoscaler rests until there is one again; that is stop here"
_UNDO: Final = "it takes back the pods' template alone: no configuration, no database"
_DELETE: Final = (
    "deleting ignores disruption budgets and takes the pod's log with it; Opsroom can evict the pod, and makes sure "
    "that it is still the same one"
)
_ENDED: Final = "pods of a Deployment never end so, and no log is cleared by it; Opsroom lists what it would take first"
_LATEST: Final = "where the tag is :latest already nothing rolls out, and nobody can say later what ran; name a version"
_OVERLAY: Final = "an overlay is a kustomization: -f fails on its kustomization.yaml, -k is meant"
_UNUSED: Final = "it deletes every one but those it names, used or not; what needs them fails at its next start"
_WAIT: Final = "it counts the pods there are at that moment, old ones too; Opsroom follows the rollout itself"
_UNKNOWN: Final = "<unknown> under TARGETS means that no metrics arrive and nothing scales; Opsroom says so"
_SECRET: Final = "it prints the secret's values, base64 being no cipher; Opsroom shows names and ages only"
_NODE: Final = "it asks one node only; Opsroom asks every one"
_TEN: Final = "with a selector kubectl shows the last 10 lines of each pod unless --tail says otherwise"
_ONE: Final = "it shows one pod of them, whichever kubectl picks; Opsroom shows all"
_HERE: Final = "it changes where every later line goes; Opsroom keeps the context that the profile names"
_SEVERAL: Final = frozenset({"deployment", "statefulset", "daemonset", "replicaset", "rs", "service", "svc"})
_ROLL: Final = {"restart": "rollout restart", "reload": "rollout restart"}


def warned(meaning: Meaning, said: Line, line: CommandLine) -> Meaning:
    """The meaning, with what the line gets wrong and with what is done instead."""
    warning, becomes = _told(meaning, said, line)
    if not warning and not said.placed and (meaning.sort is Sort.ACTION or said.verb == "describe"):
        warning = _NOWHERE
    words = exchanged(line.words, said.verb, "rollout", "restart") if said.verb in _ROLL else line.words
    taken = meaning.sort is Sort.ACTION and _is_taken(words, said, line)
    return honest(replace(meaning, warning=warning, becomes=becomes), taken)


def _is_taken(words: Sequence[str], said: Line, line: CommandLine) -> bool:
    """Whether a cluster of a profile takes a line, its place granted and its placeholders filled in."""
    if words and line.program not in ("kubectl", "oc", "kubecolor"):
        return False
    told = filled(words)
    given = read(told[1:]).options
    place = Here(given.get("context"), given.get("kubeconfig"), "default")
    environment = {} if "kubeconfig" in given else {name: "" for name in line.environment if name != "KUBECONFIG"}
    return recognise(CommandLine(told, stdin=line.stdin, environment=environment), place) is not None


def _told(meaning: Meaning, said: Line, line: CommandLine) -> tuple[str, str]:
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
            return _of_apply(said, line)
        case "wait" if said.selector:
            return _WAIT, ""
        case "get":
            return _of_get(meaning, said), ""
        case "logs" | "log":
            return _of_logs(said, line)
        case "config" | "ctx" | "ns" if meaning.danger is Danger.REVERSIBLE:
            return _HERE, ""
        case "restart" | "reload" | "stop" | "start" | "rsh":
            return _no_command(said, line)
    return "", ""


def _of_delete(meaning: Meaning, said: Line) -> str:
    if "!=" in said.options.get("field-selector", ""):
        return _UNUSED
    if meaning.sort is not Sort.ACTION:
        return ""
    return _ENDED if "field-selector" in said.options else _DELETE


def _of_apply(said: Line, line: CommandLine) -> tuple[str, str]:
    name = next((name for name in ("f", "filename") if said.options.get(name)), "")
    path = said.options.get(name, "")
    if not ("overlays/" in path or "kustomiz" in path) or path.endswith((".yaml", ".yml", ".json")):
        return "", ""
    spelled = {"-f": "-k", "--filename": "-k", f"-f{path}": f"-k{path}", f"--filename={path}": f"--kustomize={path}"}
    return _OVERLAY, instead(line, (spelled.get(word, word) for word in line.words))


def _of_get(meaning: Meaning, said: Line) -> str:
    if meaning.reveals:
        return _SECRET
    if "hpa" in said.kinds():
        return _UNKNOWN
    return _NODE if "/nodes/" in said.options.get("raw", "") else ""


def _of_logs(said: Line, line: CommandLine) -> tuple[str, str]:
    if said.selector and "tail" not in said.options and not said.has("f", "follow"):
        every = [] if said.options.keys() & {"c", "container", "all-containers"} else ["--all-containers"]
        return _TEN, instead(line, [*line.words, *every, "--prefix", "--tail=-1"])
    if "/" in said.name() and not said.has("all-pods") and said.kinds() <= _SEVERAL:
        return _ONE, ""
    return (_NOWHERE, "") if said.names and not said.placed else ("", "")


def _no_command(said: Line, line: CommandLine) -> tuple[str, str]:
    if said.verb not in _ROLL:
        return f"kubectl has no {said.verb}", ""
    meant = _ROLL[said.verb]
    words = exchanged(line.words, said.verb, *meant.split())
    return f"kubectl has no {said.verb}; `{meant}` is what is meant", instead(line, words) if words else ""
