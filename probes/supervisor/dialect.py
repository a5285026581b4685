"""What lines of supervisord's world mean; those of pm2, another keeper of processes, too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within
from probes.base.command import filled
from probes.base.dialect import honest
from probes.base.options import options
from probes.supervisor.commands import recognise

_Entry = tuple[Sort, Verb, Danger]
_LOOK: Final = (Sort.SHELL, Verb.OTHER, Danger.READ)
_CHANGE: Final = (Sort.SHELL, Verb.OTHER, Danger.DISRUPTIVE)

_SUPERVISOR: Final[dict[str, _Entry]] = {
    "status": (Sort.READING, Verb.STATUS, Danger.READ), "avail": (Sort.READING, Verb.STATUS, Danger.READ),
    "pid": (Sort.READING, Verb.STATUS, Danger.READ), "version": _LOOK, "help": _LOOK,
    "tail": (Sort.LOG, Verb.LOGS, Danger.READ), "maintail": (Sort.LOG, Verb.LOGS, Danger.READ),
    "start": (Sort.ACTION, Verb.START, Danger.REVERSIBLE), "stop": (Sort.ACTION, Verb.STOP, Danger.DISRUPTIVE),
    "restart": (Sort.ACTION, Verb.RESTART, Danger.DISRUPTIVE), "scale": (Sort.ACTION, Verb.SCALE, Danger.DISRUPTIVE),
    "reread": (Sort.SHELL, Verb.OTHER, Danger.REVERSIBLE), "update": (Sort.SHELL, Verb.DEPLOY, Danger.DISRUPTIVE),
    "add": (Sort.SHELL, Verb.START, Danger.REVERSIBLE), "remove": (Sort.SHELL, Verb.STOP, Danger.DISRUPTIVE),
    "reload": (Sort.SHELL, Verb.RESTART, Danger.DISRUPTIVE), "shutdown": (Sort.SHELL, Verb.STOP, Danger.DISRUPTIVE),
    "signal": (Sort.SHELL, Verb.TERMINATE, Danger.DISRUPTIVE), "fg": _CHANGE,
    "clear": (Sort.SHELL, Verb.MAINTENANCE, Danger.DESTRUCTIVE),
}  # fmt: skip
_PM2: Final[dict[str, _Entry]] = {
    **dict.fromkeys(
        ("list", "ls", "l", "status", "ps", "jlist", "prettylist", "describe", "desc", "show", "info", "id", "pid",
         "env"),
        (Sort.SHELL, Verb.STATUS, Danger.READ),
    ),
    "monit": (Sort.SHELL, Verb.HOST, Danger.READ), "imonit": (Sort.SHELL, Verb.HOST, Danger.READ),
    "dash": (Sort.SHELL, Verb.HOST, Danger.READ), "ping": _LOOK, "report": _LOOK, "conf": _LOOK, "get": _LOOK,
    "log": (Sort.LOG, Verb.LOGS, Danger.READ), "logs": (Sort.LOG, Verb.LOGS, Danger.READ),
    "start": (Sort.SHELL, Verb.START, Danger.DISRUPTIVE), "resurrect": (Sort.SHELL, Verb.START, Danger.REVERSIBLE),
    "restart": (Sort.SHELL, Verb.RESTART, Danger.DISRUPTIVE), "reload": (Sort.SHELL, Verb.RESTART, Danger.DISRUPTIVE),
    "gracefulReload": (Sort.SHELL, Verb.RESTART, Danger.DISRUPTIVE),
    "startOrRestart": (Sort.SHELL, Verb.RESTART, Danger.DISRUPTIVE),
    "startOrReload": (Sort.SHELL, Verb.RESTART, Danger.DISRUPTIVE),
    "stop": (Sort.SHELL, Verb.STOP, Danger.DISRUPTIVE), "kill": (Sort.SHELL, Verb.STOP, Danger.DISRUPTIVE),
    "delete": (Sort.SHELL, Verb.STOP, Danger.DESTRUCTIVE), "del": (Sort.SHELL, Verb.STOP, Danger.DESTRUCTIVE),
    "scale": (Sort.SHELL, Verb.SCALE, Danger.DISRUPTIVE),
    "flush": (Sort.SHELL, Verb.MAINTENANCE, Danger.DESTRUCTIVE),
    "reset": (Sort.SHELL, Verb.MAINTENANCE, Danger.DESTRUCTIVE),
    "reloadLogs": (Sort.SHELL, Verb.MAINTENANCE, Danger.REVERSIBLE),
    "save": (Sort.SHELL, Verb.OTHER, Danger.REVERSIBLE), "dump": (Sort.SHELL, Verb.OTHER, Danger.REVERSIBLE),
    "startup": (Sort.SHELL, Verb.OTHER, Danger.REVERSIBLE),
    "deploy": (Sort.SHELL, Verb.DEPLOY, Danger.DISRUPTIVE), "update": (Sort.SHELL, Verb.DEPLOY, Danger.DISRUPTIVE),
    "pull": (Sort.SHELL, Verb.DEPLOY, Danger.DISRUPTIVE), "forward": (Sort.SHELL, Verb.DEPLOY, Danger.DISRUPTIVE),
    "backward": (Sort.SHELL, Verb.ROLLBACK, Danger.DISRUPTIVE),
}  # fmt: skip
_VALUED: Final = frozenset({
    "-c", "--configuration", "-s", "--serverurl", "-u", "--username", "-p", "--password", "-r", "--history_file",
})  # fmt: skip
_PM2_VALUED: Final = frozenset({
    "-n", "--name", "-i", "--instances", "-l", "--log", "-o", "--output", "-e", "--error", "--env", "--lines", "--cwd",
    "--interpreter", "--namespace", "--max-memory-restart", "--watch-delay", "-a", "--update-env-file", "-u", "--hp",
})  # fmt: skip
_PYTHON: Final = re.compile(r"python[0-9.]*")

_NOT_READ: Final = "restart does not read a changed configuration; here that is said before it is done"
_ALL_AT_ONCE: Final = (
    "supervisorctl stops all of them before it starts the first; here one is restarted after the other"
)
_EVERYTHING: Final = "reload restarts supervisord itself with every program in it, not one program's configuration"
_UPDATES: Final = "update restarts every program whose configuration has changed, and stops those that are gone from it"
_ENDS: Final = "after shutdown supervisorctl can start nothing any more: supervisord itself must be started again"
_CLEARED: Final = "clear empties the logs of the program, and they say why it fails"
_SAME_ENVIRONMENT: Final = "pm2 restart keeps the old environment; with --update-env it takes the changed one"
_STARTED: Final = "pm2 start of a process that already runs restarts it"
_FLUSHED: Final = "pm2 flush empties the logs of every process, and they say why it fails"


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line of supervisorctl or pm2 means; None for every other program."""
    words = line.words
    if line.program == "supervisorctl":
        return _supervisorctl(words[1:], line.stdin or " ".join(line.fed[1:]) or line.reads)
    if _PYTHON.fullmatch(line.program) and words[1:3] == ("-m", "supervisor.supervisorctl"):
        return _supervisorctl(words[3:])
    if line.program == "supervisord":
        asks = bool({"-v", "--version", "-h", "--help"} & set(words))
        danger = Danger.READ if asks else Danger.DISRUPTIVE
        return Meaning(
            Sort.SHELL, Verb.START, "supervisor", danger=danger, endless=bool({"-n", "--nodaemon"} & set(words))
        )
    if line.program in ("npx", "pnpx", "bunx") and words[1:2] == ("pm2",):
        return _pm2(words[2:])
    return _pm2(words[1:]) if line.program in ("pm2", "pm2-runtime") else None


def _supervisorctl(words: Sequence[str], said: str = "") -> Meaning:
    rest = options(words, _VALUED, first=True).plain
    if not rest and said.strip():
        danger = Danger.DESTRUCTIVE if "clear" in said else Danger.DISRUPTIVE
        return Meaning(Sort.SHELL, Verb.OTHER, "supervisor", danger=danger, kind="supervisor")
    if not rest:
        return Meaning(Sort.READING, Verb.STATUS, "supervisor", kind="supervisor", interactive=True)
    verb, *names = rest
    sort, about, danger = _SUPERVISOR.get(verb, _CHANGE)
    plain = [name for name in names if not name.startswith("-") or name == "-"]
    if verb == "scale":
        plain = [name.partition("=")[0] for name in plain]
    if verb == "signal":
        told = " ".join(plain[:1]).upper().removeprefix("SIG")
        about = Verb.RESTART if told == "HUP" else Verb.OTHER if told in ("USR1", "USR2") else about
        plain = plain[1:]
    if verb == "tail" and plain[-1:] in (["stdout"], ["stderr"]):
        plain = plain[:-1]
    if verb in ("start", "stop", "restart", "status") and plain == ["all"]:
        plain = []
    meaning = Meaning(
        sort,
        about,
        "supervisor",
        target=" ".join(plain),
        danger=danger,
        kind="supervisor",
        warning=_warning(verb, names),
        endless=verb == "fg" or (verb in ("tail", "maintail") and "-f" in names),
        interactive=verb == "fg",
    )
    return honest(meaning, recognise(CommandLine(filled(("supervisorctl", *rest))), None) is not None)


def _warning(verb: str, names: Sequence[str]) -> str:
    if verb == "restart":
        several = len(names) > 1 or "all" in names or any(name.endswith(("*", ":")) for name in names)
        return _ALL_AT_ONCE if several else _NOT_READ
    return {"reload": _EVERYTHING, "update": _UPDATES, "shutdown": _ENDS, "clear": _CLEARED}.get(verb, "")


def _pm2(words: Sequence[str]) -> Meaning:
    found = options(words, _PM2_VALUED)
    verb, *names = found.plain or ["help"]
    look = found.has("--help", "--version", "-v", "-h") or verb in ("help", "examples")
    sort, about, danger = _LOOK if look else _PM2.get(verb, _CHANGE)
    warning = {"flush": _FLUSHED, "start": _STARTED}.get(verb, "")
    if verb in ("restart", "reload") and not found.has("--update-env"):
        warning = _SAME_ENVIRONMENT
    return Meaning(
        sort,
        about,
        "pm2",
        target=found.value("-n", "--name") if verb == "start" and found.has("-n", "--name") else " ".join(names[:1]),
        danger=danger,
        warning=warning,
        reveals=verb in ("env", "jlist", "prettylist"),
        endless=verb in ("monit", "imonit", "dash") or (verb in ("log", "logs") and not found.has("--nostream")),
        interactive=verb in ("monit", "imonit", "dash"),
    )
