"""What command lines of Kubernetes mean, wherever they were written: kubectl, oc, stern, k9s.

Options stand anywhere in a line of kubectl; which of them take a value is told by `kubectl COMMAND --help`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within
from probes.kubernetes.commands import KINDS
from probes.kubernetes.dialect_line import Line, read
from probes.kubernetes.dialect_words import warned

SYSTEM: Final = "kubernetes"
GONE: Final = re.compile(
    r"delete|destroy|drop|purge|wipe|reset|restore|rollback|truncate|flush|remove|clean|prune|force", re.I
)
"""Words that make a command nobody knows one that may take something away for good."""

_PROGRAMS: Final = frozenset({"kubectl", "oc", "k", "kubecolor", "kubectl.exe", "microk8s.kubectl"})
_CARRIERS: Final = frozenset({"microk8s", "k3s", "k0s", "minikube", "rke2"})
"""Programs with a kubectl of their own: `k3s kubectl get nodes`."""
_SHELLS: Final = frozenset({"sh", "bash", "ash", "zsh", "dash", "fish", "ksh", "pwsh", "powershell", "cmd"})
_TYPED_INTO: Final = _SHELLS | {"python", "python3", "node", "irb", "iex", "tclsh", "lua", "php", "mongo", "mongosh"}
"""Programs that wait for a person when they are given nothing to do."""
_PANELS: Final = {"get": Verb.STATUS, "describe": Verb.STATUS, "top": Verb.HOST, "events": Verb.STATUS}
_LOOKS: Final = frozenset(
    {"explain", "api-resources", "api-versions", "version", "diff", "kustomize", "options", "completion", "plugin",
     "help", "cluster-info", "whoami", "projects", "status"}
)  # fmt: skip
_ROLLED: Final = frozenset({"deployment", "statefulset", "daemonset"})
_HEALTH: Final = re.compile(r"/(?:healthz|readyz|livez|health|ready)\b")
_UNFINISHED: Final = re.compile(r"\"?finalizers\"?\s*:\s*(?:null|\[\s*\])")
_FINALIZERS: Final = re.compile(r"/metadata/finalizers")


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line of Kubernetes means; None when it is none of its."""
    program = line.program
    if program in ("stern", "kail", "kubetail"):
        return _streamed(line)
    if program in ("k9s", "lens", "kubie"):
        return _shell(Verb.STATUS, Danger.DISRUPTIVE, interactive=True)
    if program in ("kubectx", "kubens"):
        return _context(list(line.words[1:]))
    words = _own(line)
    if words is None:
        return None
    said = read(words)
    found = _meaning(said, line, program == "oc")
    return warned(found, said, line) if isinstance(found, Meaning) else found


def _own(line: CommandLine) -> tuple[str, ...] | None:
    """The words after kubectl; None when the line is none of kubectl."""
    words = line.words
    if line.program in _PROGRAMS:
        return words[1:]
    if line.program in _CARRIERS and "kubectl" in words[1:4]:
        rest = words[words.index("kubectl") + 1 :]
        return rest[1:] if rest[:1] == ("--",) else rest
    return None


def _shell(verb: Verb, danger: Danger, target: str = "", *, interactive: bool = False) -> Meaning:
    return Meaning(Sort.SHELL, verb, SYSTEM, target, danger, interactive=interactive)


def _streamed(line: CommandLine) -> Meaning:
    words = [word for word in line.words[1:] if not word.startswith("-")]
    goes_on = "--no-follow" not in line.words
    return Meaning(Sort.LOG, Verb.LOGS, SYSTEM, words[0] if words else "", kind=SYSTEM, endless=goes_on)


def _context(words: list[str]) -> Meaning:
    """kubectx and kubens: they change which place every later line speaks of."""
    if not words or words[0] in ("-c", "--current", "-h", "--help"):
        return _shell(Verb.STATUS, Danger.READ)
    danger = Danger.DESTRUCTIVE if words[0] == "-d" else Danger.REVERSIBLE
    return _shell(Verb.OTHER, danger, words[-1])


def _meaning(said: Line, line: CommandLine, oc: bool) -> Meaning | Within:
    """What a line of kubectl does; an attempt without effect (`--dry-run`) only looks."""
    if not said.verb:
        return _shell(Verb.STATUS, Danger.DISRUPTIVE if said.options.keys() - {"h", "help", "version"} else Danger.READ)
    if said.has("h", "help"):
        return _shell(Verb.OTHER, Danger.READ)
    carried = _carried(said, line, oc)
    if carried is not None:
        return carried
    found = _known(said, line) or (_openshift(said) if oc else None) or _unknown(said)
    if "dry-run" in said.options and said.options["dry-run"] in ("", "client", "server", "true"):
        reveals = "secret" in said.names and said.shape not in ("", "name", "wide")
        return replace(found, sort=Sort.SHELL, kind="", danger=Danger.READ, reveals=reveals)
    return found


def _known(said: Line, line: CommandLine) -> Meaning | None:
    match said.verb:
        case "get" | "describe" | "top" | "events":
            return _looked(said)
        case "logs" | "log":
            goes_on = said.has("f", "follow")
            return Meaning(Sort.LOG, Verb.LOGS, SYSTEM, said.target(), kind=SYSTEM, endless=goes_on)
        case "wait":
            return Meaning(Sort.READING, Verb.STATUS, SYSTEM, said.target(), kind=SYSTEM)
        case "rollout":
            return _rollout(said)
        case "scale":
            return _act(said, Verb.SCALE, said.kinds() <= _ROLLED)
        case "delete":
            return _delete(said)
        case "set":
            return _set(said)
        case "patch":
            return _patch(said)
        case "create":
            return _create(said, line)
        case "config":
            return _configured(said)
        case "auth":
            looks = said.names[:1] in (("can-i",), ("whoami",))
            return _shell(Verb.STATUS if looks else Verb.OTHER, Danger.READ if looks else Danger.DISRUPTIVE)
        case "restart" | "reload" | "stop" | "start":
            verb = {"stop": Verb.STOP, "start": Verb.START}.get(said.verb, Verb.RESTART)
            return _act(said, verb, verb is Verb.RESTART and said.kinds() <= _ROLLED)
    return _simple(said)


def _simple(said: Line) -> Meaning | None:
    """Commands that mean the same whatever they are told."""
    if said.verb in _LOOKS:
        token = said.verb == "whoami" and said.has("t", "show-token")
        return replace(_shell(Verb.STATUS, Danger.READ, said.target()), reveals=token)
    match said.verb:
        case "apply":
            return _apply(said)
        case "replace":
            gone = said.has("force") or "/finalize" in said.options.get("raw", "")
            return _shell(Verb.DEPLOY, Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE, _file(said))
        case "edit":
            return _shell(Verb.DEPLOY, Danger.DISRUPTIVE, said.target(), interactive=True)
        case "autoscale":
            return _shell(Verb.SCALE, Danger.DISRUPTIVE, said.target())
        case "cordon" | "uncordon":
            return _shell(Verb.MAINTENANCE, Danger.REVERSIBLE, said.name())
        case "drain":
            lost = said.has("delete-emptydir-data", "delete-local-data", "force", "disable-eviction")
            return _shell(Verb.MAINTENANCE, Danger.DESTRUCTIVE if lost else Danger.DISRUPTIVE, said.name())
        case "label" | "annotate" | "taint":
            looks = said.has("list") and list(said.names) == said.objects()
            return _shell(Verb.OTHER, Danger.READ if looks else Danger.DISRUPTIVE, said.target())
        case "port-forward" | "proxy":
            return replace(_shell(Verb.OTHER, Danger.REVERSIBLE, said.target()), endless=True)
        case "attach":
            return _shell(Verb.OTHER, Danger.DISRUPTIVE, said.target(), interactive=True)
        case "cp":
            inside = bool(said.names) and ":" in said.names[-1]
            return _shell(Verb.OTHER, Danger.DISRUPTIVE if inside else Danger.REVERSIBLE, said.name(-1))
        case "run":
            typed = said.has("i", "stdin", "it", "t", "tty")
            return _shell(Verb.START, Danger.DISRUPTIVE, said.name(), interactive=typed)
        case "ns" | "ctx":
            return _context(list(said.names))
    return None


def _act(said: Line, verb: Verb, ours: bool, danger: Danger = Danger.DISRUPTIVE) -> Meaning:
    """Something that changes what runs: natively where the actuator knows that kind of object."""
    if ours:
        return Meaning(Sort.ACTION, verb, SYSTEM, said.target(), danger, SYSTEM)
    return _shell(verb, danger, said.target())


def _looked(said: Line) -> Meaning:
    verb = _PANELS[said.verb]
    raw = said.options.get("raw", "")
    if raw:
        verb = Verb.HEALTH if _HEALTH.search(raw) else Verb.STATUS
    secret = "secret" in said.kinds() and said.verb == "get" and said.shape not in ("", "name", "wide")
    endless = said.has("w", "watch", "watch-only")
    return Meaning(Sort.READING, verb, SYSTEM, said.target(), kind=SYSTEM, reveals=secret, endless=endless)


def _rollout(said: Line) -> Meaning:
    what, rest = said.names[:1], replace(said, names=said.names[1:])
    match what:
        case ("restart",):
            return _act(rest, Verb.RESTART, rest.kinds() <= _ROLLED)
        case ("undo",):
            return _act(rest, Verb.ROLLBACK, rest.kinds() <= _ROLLED)
        case ("status",) | ("history",):
            return Meaning(Sort.READING, Verb.STATUS, SYSTEM, rest.target(), kind=SYSTEM)
        case ("pause",):
            return _shell(Verb.MAINTENANCE, Danger.REVERSIBLE, rest.target())
        case ("resume",) | ("latest",):
            return _shell(Verb.DEPLOY, Danger.DISRUPTIVE, rest.target())
    return _unknown(said)


def _delete(said: Line) -> Meaning:
    """A pod has a controller that makes a new one; everything else is gone."""
    pods = said.kinds() == {"pod"} and not said.has("f", "filename", "k", "kustomize", "raw")
    if not pods:
        return _shell(Verb.OTHER, Danger.DESTRUCTIVE, said.target() or _file(said))
    ended = re.search(r"status\.phase==?(?:Succeeded|Failed)", said.options.get("field-selector", ""), re.I)
    forced = said.has("force") or said.options.get("grace-period") == "0"
    danger = Danger.DESTRUCTIVE if forced else Danger.DISRUPTIVE
    return _act(said, Verb.MAINTENANCE if ended else Verb.RESTART, True, danger)


def _set(said: Line) -> Meaning:
    what, rest = said.names[:1], replace(said, names=said.names[1:])
    if what == ("image",):
        return _act(rest, Verb.DEPLOY, rest.kinds() <= _ROLLED)
    if what == ("env",) and said.has("list") and rest.names == tuple(rest.objects()):
        return replace(_shell(Verb.STATUS, Danger.READ, rest.target()), reveals=True)
    return _shell(Verb.DEPLOY, Danger.DISRUPTIVE, rest.target())


def _patch(said: Line) -> Meaning:
    patch = said.options.get("p") or said.options.get("patch") or ""
    if _UNFINISHED.search(patch) or _FINALIZERS.search(patch):
        return _shell(Verb.OTHER, Danger.DESTRUCTIVE, said.target())
    if "minReplicas" in patch or "maxReplicas" in patch:
        return _act(said, Verb.SCALE, said.kinds() <= {"hpa", *_ROLLED})
    verb = Verb.SCALE if re.search(r"\"?replicas\"?\s*:", patch) else Verb.DEPLOY
    return _shell(verb, Danger.DISRUPTIVE, said.target())


def _create(said: Line, line: CommandLine) -> Meaning:
    if "/eviction" in said.options.get("raw", ""):
        pod = said.options["raw"].removesuffix("/eviction").rpartition("/")[2]
        return Meaning(Sort.ACTION, Verb.RESTART, SYSTEM, f"pod/{pod}", Danger.DISRUPTIVE, SYSTEM)
    what, name = said.names[:1], said.name(1) if len(said.names) > 1 else ""
    target = f"{what[0]}/{name}" if what and name else ""
    match what:
        case ("job",):
            gone = GONE.search(" ".join((*said.names, said.options.get("from", ""), *said.inner)))
            return _shell(Verb.START, Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE, target)
        case ("deployment" | "deploy" | "cronjob",):
            return _shell(Verb.DEPLOY, Danger.DISRUPTIVE, target)
        case ("namespace" | "ns" | "configmap" | "cm" | "secret" | "serviceaccount" | "sa",):
            name = said.names[-1] if what == ("secret",) and len(said.names) > 2 else name
            return _shell(Verb.OTHER, Danger.REVERSIBLE, f"{what[0]}/{name}" if name else "")
        case ("token",):
            return replace(_shell(Verb.OTHER, Danger.REVERSIBLE, target), reveals=True)
    return _shell(Verb.DEPLOY, Danger.DISRUPTIVE, target or _file(said) or ("stdin" if line.stdin else ""))


def _apply(said: Line) -> Meaning:
    if said.names[:1] == ("view-last-applied",):
        return _shell(Verb.STATUS, Danger.READ, said.target())
    gone = said.has("prune", "force")
    return _shell(Verb.DEPLOY, Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE, _file(said))


def _configured(said: Line) -> Meaning:
    what = said.name()
    if what in ("view", "current-context") or what.startswith("get-"):
        return replace(_shell(Verb.STATUS, Danger.READ), reveals=said.has("raw"))
    if what.startswith("delete-"):
        return _shell(Verb.OTHER, Danger.DESTRUCTIVE, said.name(1))
    known = what.startswith("set") or what in ("use", "use-context", "unset", "rename-context")
    return _shell(Verb.OTHER, Danger.REVERSIBLE if known else Danger.DISRUPTIVE, said.name(1))


def _file(said: Line) -> str:
    return next((said.options[name] for name in ("f", "filename", "k", "kustomize") if said.options.get(name)), "")


def _openshift(said: Line) -> Meaning | None:
    """What oc has besides."""
    match said.verb:
        case "login" | "logout" | "project" | "registry":
            return _shell(Verb.OTHER, Danger.REVERSIBLE, said.name())
        case "start-build" | "new-app" | "new-project" | "expose" | "tag":
            return _shell(Verb.DEPLOY, Danger.DISRUPTIVE, said.name())
        case "rollback":
            return _shell(Verb.ROLLBACK, Danger.DISRUPTIVE, said.name())
        case "adm" if said.names:
            inner = replace(said, verb=said.names[0], names=said.names[1:])
            return _simple(inner) or (_looked(inner) if inner.verb in _PANELS else None)
    return None


_ASKED: Final = frozenset({"get", "list", "ls", "status", "describe", "show", "view", "version", "tree", "lint"})
_TURNED: Final = {"restart": Verb.RESTART, "undo": Verb.ROLLBACK, "promote": Verb.DEPLOY, "abort": Verb.ROLLBACK,
                  "scale": Verb.SCALE, "backup": Verb.BACKUP, "stop": Verb.STOP, "start": Verb.START}  # fmt: skip


def _unknown(said: Line) -> Meaning:
    """A command that kubectl itself doesn't have: a plugin, or a placeholder in its place."""
    words = (said.verb, *said.names)
    told = next((word for word in words[:3] if word in _ASKED or word in _TURNED or GONE.search(word)), "")
    if told in _ASKED:
        return _shell(Verb.STATUS, Danger.READ, said.name(-1))
    gone = any(GONE.search(word) for word in (*words, *said.options))
    verb = _TURNED.get(told, Verb.OTHER)
    return _shell(verb, Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE, said.name(-1))


def _carried(said: Line, line: CommandLine, oc: bool) -> Within | None:
    """A command that runs inside: `exec`, `run ... -- command`, `debug`, and `rsh` of oc."""
    if said.verb not in ("exec", "rsh", "run", "debug"):
        return None
    inner = said.inner
    if said.verb == "run" and not inner:
        return None
    target = said.target() if said.verb != "run" else said.name()
    sort, _, name = target.rpartition("/")
    place = f"new pod {name}" if said.verb == "run" else f"{KINDS.get(sort, sort) or 'pod'} {name}".strip()
    if not inner and said.verb in ("rsh", "debug"):
        inner = ("sh",)
    typed = not inner or (inner[0].rpartition("/")[2] in _TYPED_INTO and len(inner) == 1 and not _given(line))
    least = Danger.READ
    if said.verb == "run":
        least = Danger.REVERSIBLE if said.has("rm") else Danger.DISRUPTIVE
    if typed or said.verb == "debug":
        least = Danger.DISRUPTIVE
    return Within(
        place,
        words=inner,
        stdin=line.stdin,
        system=SYSTEM,
        kind=SYSTEM,
        target=target,
        least=least,
        interactive=typed,
        warning=_of_carrying(said, target, oc),
    )


def _given(line: CommandLine) -> bool:
    return bool(line.stdin or line.reads or line.fed)


def _of_carrying(said: Line, target: str, oc: bool) -> str:
    if said.verb == "rsh" and not oc:
        return "kubectl has no rsh, that is oc's; `kubectl exec -it` is what is meant"
    if "--inspect" in " ".join(said.inner):
        return "it starts a second copy of the program in that pod, and looks at that one, not at the one that runs"
    sort = KINDS.get(target.partition("/")[0], "")
    if said.verb == "exec" and sort in _ROLLED and "/" in target:
        return "it runs in one pod of them only, whichever kubectl picks"
    if said.verb == "exec" and not said.placed:
        return "it names no namespace, so kubectl takes its context's"
    return ""
