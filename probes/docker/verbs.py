"""What each subcommand of docker, compose, podman and nerdctl is about, as a table."""

from __future__ import annotations

from typing import Final

from probes.base import Danger, Sort, Verb

Entry = tuple[Sort, Verb, Danger]
"""How a subcommand is sorted, what it is about, and what it costs at least."""

RISKY: Final = ("rm", "remov", "delet", "prun", "reset", "destroy", "purg", "wip", "clean", "drop", "restor", "force")
"""Parts of a word that say that something is gone afterwards."""

_SEE: Final = (Sort.READING, Verb.STATUS, Danger.READ)
_LIST: Final = (Sort.READING, Verb.OTHER, Danger.READ)
_HOST: Final = (Sort.READING, Verb.HOST, Danger.READ)
_LOGS: Final = (Sort.LOG, Verb.LOGS, Danger.READ)
_RESTART: Final = (Sort.ACTION, Verb.RESTART, Danger.DISRUPTIVE)
_STOP: Final = (Sort.ACTION, Verb.STOP, Danger.DISRUPTIVE)
_START: Final = (Sort.ACTION, Verb.START, Danger.REVERSIBLE)
_DEPLOY: Final = (Sort.ACTION, Verb.DEPLOY, Danger.DISRUPTIVE)
_PRUNE: Final = (Sort.ACTION, Verb.MAINTENANCE, Danger.DESTRUCTIVE)
_LOOK: Final = (Sort.SHELL, Verb.OTHER, Danger.READ)
_MAKE: Final = (Sort.SHELL, Verb.OTHER, Danger.REVERSIBLE)
_CHANGE: Final = (Sort.SHELL, Verb.OTHER, Danger.DISRUPTIVE)
_SHIP: Final = (Sort.SHELL, Verb.DEPLOY, Danger.DISRUPTIVE)
_REMOVE: Final = (Sort.SHELL, Verb.MAINTENANCE, Danger.DESTRUCTIVE)
_HALT: Final = (Sort.SHELL, Verb.STOP, Danger.DISRUPTIVE)
_RESUME: Final = (Sort.SHELL, Verb.START, Danger.REVERSIBLE)

COMPOSE: Final[dict[str, Entry]] = {
    "ps": _SEE, "ls": _SEE, "top": _HOST, "stats": _HOST, "events": _SEE, "images": _LIST, "port": _LIST,
    "version": _LOOK, "config": _LOOK, "convert": _LOOK, "wait": _LOOK, "volumes": _LIST, "logs": _LOGS,
    "restart": _RESTART, "start": _START, "stop": _STOP, "down": _STOP, "kill": _STOP, "up": _DEPLOY,
    "scale": (Sort.ACTION, Verb.SCALE, Danger.DISRUPTIVE),
    "pull": (Sort.ACTION, Verb.DEPLOY, Danger.REVERSIBLE),
    "build": _SHIP, "push": _SHIP, "create": _SHIP, "publish": _SHIP, "watch": _SHIP,
    "rm": _REMOVE, "pause": _HALT, "unpause": _RESUME, "attach": _CHANGE, "cp": _CHANGE, "export": _MAKE,
    "commit": _MAKE, "help": _LOOK,
}  # fmt: skip

CONTAINER: Final[dict[str, Entry]] = {
    "ps": _SEE, "ls": _SEE, "list": _SEE, "inspect": _SEE, "top": _HOST, "stats": _HOST, "port": _LIST,
    "diff": _LIST, "logs": _LOGS, "wait": _LOOK, "restart": _RESTART, "start": _START, "stop": _STOP, "kill": _STOP,
    "rm": _REMOVE, "prune": _PRUNE, "pause": _HALT, "unpause": _RESUME, "attach": _CHANGE, "cp": _CHANGE,
    "export": _MAKE, "commit": _MAKE, "create": _MAKE, "rename": _CHANGE, "update": _CHANGE, "exists": _SEE,
    "checkpoint": _HALT, "restore": _CHANGE, "init": _MAKE, "cleanup": _REMOVE,
}  # fmt: skip

IMAGE: Final[dict[str, Entry]] = {
    "ls": _LIST, "list": _LIST, "inspect": _LIST, "history": _LIST,
    "pull": (Sort.SHELL, Verb.DEPLOY, Danger.REVERSIBLE),
    "push": _SHIP, "build": _SHIP, "tag": _CHANGE, "untag": _CHANGE, "save": _MAKE, "load": _CHANGE, "import": _CHANGE,
    "rm": _PRUNE, "remove": _PRUNE, "prune": _PRUNE, "exists": _LIST, "tree": _LIST, "search": _LOOK, "diff": _LIST,
}  # fmt: skip

_SWARM_SERVICE: Final[dict[str, Entry]] = {
    "ls": _SEE, "list": _SEE, "ps": _SEE, "inspect": _SEE, "logs": _LOGS, "create": _SHIP, "update": _SHIP,
    "scale": (Sort.SHELL, Verb.SCALE, Danger.DISRUPTIVE), "rm": _REMOVE, "remove": _REMOVE,
    "rollback": (Sort.SHELL, Verb.ROLLBACK, Danger.DISRUPTIVE),
}  # fmt: skip

_STORED: Final[dict[str, Entry]] = {
    "ls": _LIST, "list": _LIST, "inspect": _LIST, "create": _MAKE, "rm": _REMOVE, "remove": _REMOVE, "exists": _LIST,
}  # fmt: skip

NOUNS: Final[dict[str, dict[str, Entry]]] = {
    "container": CONTAINER,
    "image": IMAGE,
    "volume": _STORED | {
        "rm": _PRUNE, "remove": _PRUNE, "prune": _PRUNE, "export": (Sort.SHELL, Verb.BACKUP, Danger.REVERSIBLE),
        "import": (Sort.SHELL, Verb.RESTORE, Danger.DESTRUCTIVE), "update": _CHANGE, "mount": _CHANGE,
    },
    "network": _STORED | {"prune": _PRUNE, "connect": _MAKE, "disconnect": _CHANGE, "reload": _CHANGE},
    "system": {
        "df": _HOST, "info": _SEE, "events": _SEE, "prune": _PRUNE, "reset": _REMOVE, "renumber": _CHANGE,
        "migrate": _CHANGE, "check": _CHANGE, "service": _CHANGE, "connection": _CHANGE,
    },
    "builder": {"prune": _PRUNE, "build": _SHIP},
    "buildx": {
        "prune": _PRUNE, "build": _SHIP, "bake": _SHIP, "ls": _LOOK, "du": _LOOK, "inspect": _LOOK, "version": _LOOK,
        "create": _MAKE, "use": _MAKE, "rm": _REMOVE, "stop": _HALT, "imagetools": _SHIP,
    },
    "service": _SWARM_SERVICE,
    "stack": {
        "ls": _SEE, "list": _SEE, "ps": _SEE, "services": _SEE, "config": _LOOK, "deploy": _SHIP, "up": _SHIP,
        "rm": (Sort.SHELL, Verb.STOP, Danger.DESTRUCTIVE), "down": (Sort.SHELL, Verb.STOP, Danger.DESTRUCTIVE),
        "remove": (Sort.SHELL, Verb.STOP, Danger.DESTRUCTIVE),
    },
    "node": {"ls": _SEE, "list": _SEE, "ps": _SEE, "inspect": _SEE, "rm": _REMOVE, "update": _CHANGE},
    "swarm": {"join-token": _LOOK, "unlock-key": _LOOK, "leave": _REMOVE, "init": _CHANGE, "join": _CHANGE},
    "secret": _STORED,
    "config": _STORED,
    "context": {"ls": _LOOK, "list": _LOOK, "show": _LOOK, "inspect": _LOOK, "use": _MAKE, "create": _MAKE},
    "manifest": {"inspect": _LOOK},
    "plugin": {"ls": _LOOK, "list": _LOOK, "inspect": _LOOK},
    "trust": {"inspect": _LOOK},
    "scout": {"cves": _LOOK, "quickview": _LOOK, "compare": _LOOK, "recommendations": _LOOK, "sbom": _LOOK},
    "pod": {
        "ps": _SEE, "ls": _SEE, "list": _SEE, "inspect": _SEE, "stats": _HOST, "top": _HOST, "logs": _LOGS,
        "exists": _SEE, "start": _RESUME, "unpause": _RESUME, "stop": _HALT, "pause": _HALT, "kill": _HALT,
        "restart": (Sort.SHELL, Verb.RESTART, Danger.DISRUPTIVE), "rm": _REMOVE, "prune": _REMOVE, "create": _MAKE,
    },
    "machine": {"ls": _LOOK, "list": _LOOK, "info": _LOOK, "inspect": _LOOK, "start": _RESUME, "stop": _HALT},
    "healthcheck": {"run": (Sort.READING, Verb.HEALTH, Danger.READ)},
    "generate": {"systemd": _MAKE, "kube": _MAKE, "spec": _MAKE},
    "play": {"kube": _SHIP},
    "kube": {"play": _SHIP, "apply": _SHIP, "generate": _MAKE, "down": (Sort.SHELL, Verb.STOP, Danger.DESTRUCTIVE)},
}  # fmt: skip
"""Subcommands of `docker NOUN`; a noun's unknown one is a change."""

_BARE: Final[dict[str, Entry]] = {
    "images": _LIST, "rmi": _PRUNE, "history": _LIST, "pull": IMAGE["pull"], "push": _SHIP, "build": _SHIP,
    "tag": _CHANGE, "save": _MAKE, "load": _CHANGE, "import": _CHANGE, "search": _LOOK, "info": _SEE,
    "version": _LOOK, "events": _SEE, "login": _MAKE, "logout": _MAKE, "help": _LOOK, "deploy": _SHIP,
    "auto-update": _SHIP, "untag": _CHANGE, "mount": _CHANGE, "unmount": _CHANGE, "unshare": _CHANGE,
}  # fmt: skip
BARE: Final = CONTAINER | _BARE
"""Subcommands that stand directly behind the program."""

_COMMON: Final = frozenset({"-f", "--filter", "--format"})
VALUED: Final[dict[str, frozenset[str]]] = {
    "logs": frozenset({"-n", "--tail", "--since", "--until", "--index"}),
    "ps": frozenset({"-f", "--filter", "-n", "--last", "--format", "--status", "--orderby", "--sort"}),
    "restart": frozenset({"-t", "--time", "--timeout", "-s", "--signal"}),
    "stop": frozenset({"-t", "--time", "--timeout", "-s", "--signal"}),
    "start": frozenset({"--detach-keys", "--checkpoint", "--wait-timeout"}),
    "kill": frozenset({"-s", "--signal"}),
    "up": frozenset({
        "-t", "--timeout", "--scale", "--pull", "--exit-code-from", "--attach", "--no-attach", "--wait-timeout",
    }),
    "down": frozenset({"-t", "--timeout", "--rmi"}),
    "rm": frozenset(),
    "rmi": frozenset(),
    "scale": frozenset({"-t", "--timeout"}),
    "pull": frozenset({"--policy", "--platform"}),
    "build": frozenset({
        "-t", "--tag", "-f", "--file", "--build-arg", "--target", "--platform", "--progress", "-o", "--output",
        "--secret", "--ssh", "--cache-from", "--cache-to", "--network", "--builder", "-m", "--memory", "--label",
    }),
    "update": frozenset({
        "--image", "--replicas", "--env-add", "--env-rm", "--limit-memory", "--limit-cpu", "--availability",
        "-m", "--memory", "--cpus", "--restart", "--memory-swap", "--publish-add", "--label-add", "--update-delay",
        "--update-parallelism", "--secret-add", "--secret-rm", "--config-add", "--config-rm", "--constraint-add",
    }),
    "deploy": frozenset({"-c", "--compose-file", "--orchestrator", "--resolve-image"}),
    "login": frozenset({"-u", "--username", "-p", "--password"}),
    "events": frozenset({"-f", "--filter", "--format", "--since", "--until"}),
    "inspect": frozenset({"-f", "--format", "--type"}),
    "commit": frozenset({"-m", "--message", "-a", "--author", "-c", "--change"}),
    "config": frozenset({"--format", "-o", "--output", "--hash"}),
}  # fmt: skip
"""Options that take a value, where they differ from the common ones."""

RUN: Final = frozenset({
    "-e", "--env", "--env-file", "-v", "--volume", "-p", "--publish", "--name", "--network", "--net", "-u", "--user",
    "-w", "--workdir", "--entrypoint", "-m", "--memory", "--cpus", "--restart", "-l", "--label", "--link", "--mount",
    "-h", "--hostname", "--add-host", "--ip", "--pid", "--ipc", "--platform", "--pull", "--shm-size", "--ulimit",
    "--cap-add", "--cap-drop", "--device", "--dns", "--expose", "--gpus", "--log-driver", "--log-opt", "--tmpfs",
    "--security-opt", "--stop-timeout", "--sysctl", "--volumes-from", "--cidfile", "--cpuset-cpus", "--runtime",
    "--userns", "--group-add", "-a", "--attach", "--network-alias", "--memory-swap", "--env-from-file", "--index",
    "--detach-keys", "--health-cmd", "--stop-signal", "--label-file", "--annotation", "--cgroupns", "--uts", "--pod",
    "-c", "--cpu-shares", "--arch", "--os", "--mac-address", "--init-path", "--secret", "--memory-reservation",
})  # fmt: skip
"""Options of run and exec that take a value."""

GLOBAL: Final = frozenset({
    "-H", "--host", "-c", "--context", "--config", "-l", "--log-level", "--tlscacert", "--tlscert", "--tlskey",
    "--connection", "--url", "--root", "--runroot", "--cgroup-manager", "-n", "--namespace", "-a", "--address",
})  # fmt: skip
COMPOSE_GLOBAL: Final = frozenset({
    "-p", "--project-name", "-f", "--file", "--project-directory", "--env-file", "--profile", "--ansi", "--progress",
    "--parallel", "-H", "--host", "--context", "-c", "--log-level", "--podman-path", "--podman-args", "--workdir",
})  # fmt: skip

ENTRYPOINTS: Final = {
    "aws-cli": "aws", "kubectl": "kubectl", "curl": "curl", "rclone": "rclone", "restic": "restic", "mc": "mc",
    "flyway": "flyway", "migrate": "migrate", "liquibase": "liquibase", "terraform": "terraform", "helm": "helm",
    "certbot": "certbot", "k6": "k6", "trivy": "trivy", "etcdctl": "etcdctl",
}  # fmt: skip
"""Images, by the last part of their name, whose arguments go to a program that is not written on the line."""


def valued(verb: str) -> frozenset[str]:
    """Options of a subcommand that take a value."""
    return VALUED.get(verb, _COMMON)


def unknown(words: tuple[str, ...]) -> Entry:
    """What a subcommand that stands in no table counts as."""
    risky = any(part in word.lower() for word in words for part in RISKY)
    return _CHANGE[0], _CHANGE[1], Danger.DESTRUCTIVE if risky else Danger.DISRUPTIVE
