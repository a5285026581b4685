"""What lines of docker, docker compose, podman and nerdctl mean, however they are spelled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within, quoted
from probes.base.dialect import honest, joined
from probes.base.options import Options, options
from probes.docker import commands, verbs

_PROGRAMS: Final = {"docker": "docker", "podman": "podman", "nerdctl": "nerdctl", "docker.exe": "docker"}
_COMPOSERS: Final = {"docker-compose": "docker", "podman-compose": "podman"}
_SHELLS: Final = frozenset({
    "bash", "sh", "ash", "zsh", "psql", "redis-cli", "mysql", "mongosh", "mongo", "python", "python3", "node", "irb",
    "iex", "sqlite3", "top", "htop", "vi", "vim", "nano",
})  # fmt: skip
_FREE: Final = re.compile(r"<[^<>]*>|\$\{?\w+\}?|\{\{?[^{}]*\}?\}|\[[\w .-]+\]|\$\(.*\)")
"""A word, or part of one, that is still to be filled in."""

_VERSION_1: Final = "docker-compose (version 1) is no longer maintained and often absent; docker compose is meant"
_EVERY: Final = "without a service name this takes every service at once, the database too: name those that are meant"
_DOWN: Final = "down removes the containers with their logs, and the networks; stop keeps both"
_DOWN_DATA: Final = "down with -v removes the volumes, and all data in them, for good; stop keeps them"
_RMI: Final = "down with --rmi removes the images too, also those that a rollback needs; stop keeps them"
_KILL: Final = "kill gives no time to finish, and what was under way is lost; here it is stopped instead"
_UP_HOLDS: Final = "without -d it holds the terminal, and Ctrl-C stops the services"
_UP_EVERY: Final = (
    "without a service name every service is brought to what its file says, also those scaled before, and databases"
)
_BUILDS: Final = "it builds and deploys at once: build first, and deploy the image when that has worked"
_VOLUMES_NEW: Final = "-V makes anonymous volumes anew, and what was in them is gone"
_STATS: Final = "it never ends; here one reading is taken after the other, and kept"
_STREAM: Final = "without --tail it prints the log from its beginning; here the newest lines come first"
_TAIL: Final = "--tail counts for each replica, so that many lines of each come; here they are one stream by time"
_STALE: Final = "restart does not apply a changed environment or Compose file"
_ATTACH: Final = "Ctrl-C in an attached terminal stops the container; its log shows the same without that"
_TTY: Final = "exec gives the program a terminal, and refuses what is fed to it: it needs -T"
_TTY_DOCKER: Final = "with -t docker refuses what is fed to it (not a TTY): it needs -i alone"
_NO_INPUT: Final = "without -i nothing of what is fed to it reaches the program, and no error says so"
_BUSYBOX: Final = "ps of a small image (BusyBox) knows no --sort; docker top asks the Engine for the processes"
_SECRET: Final = "the password on the line stays in the history and in the list of processes: it needs --password-stdin"
_RM: Final = "a removed container takes its log along, which says why it stopped; stop keeps both"


@dataclass(frozen=True, slots=True)
class _Tool:
    """Whose line it is."""

    program: str
    outer: tuple[str, ...] = ()
    """Options of docker itself, as written: where its Engine is."""
    compose: bool = False
    before: tuple[str, ...] = ()
    """Options of compose itself, as written."""
    old: bool = False

    @property
    def system(self) -> str:
        return "compose" if self.compose else self.program

    @property
    def kind(self) -> str:
        return "" if self.program == "nerdctl" else "docker"

    @property
    def head(self) -> tuple[str, ...]:
        """The words before a subcommand, as they are written today."""
        return (self.program, *self.outer, *(("compose", *self.before) if self.compose else ()))

    def sort(self, sort: Sort) -> Sort:
        """containerd has no Engine API: nothing of ours acts there, or shows it."""
        return sort if self.kind else Sort.SHELL


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line of docker's world means; None for every other program."""
    program = line.program
    if program in _COMPOSERS:
        return _compose(line, _COMPOSERS[program], (), line.words[1:], program == "docker-compose")
    if program not in _PROGRAMS:
        return None
    rest = options(line.words[1:], verbs.GLOBAL, first=True).plain
    name, outer = _PROGRAMS[program], line.words[1 : len(line.words) - len(rest)]
    if rest[:1] == ["compose"]:
        return _compose(line, name, outer, rest[1:], False)
    return _docker(line, _Tool(name, outer), rest)


def _compose(
    line: CommandLine, program: str, outer: tuple[str, ...], words: Sequence[str], old: bool
) -> Meaning | Within:
    rest = options(words, verbs.COMPOSE_GLOBAL, first=True).plain
    tool = _Tool(program, outer, True, tuple(words[: len(words) - len(rest)]), old)
    if not rest:
        return Meaning(Sort.SHELL, Verb.OTHER, tool.system, kind=tool.kind)
    verb, behind = rest[0], rest[1:]
    if verb in ("exec", "run"):
        return _carried(line, tool, verb, behind)
    entry = verbs.COMPOSE.get(verb) or verbs.unknown((verb,))
    found = _meaning(line, tool, verb, behind, entry)
    if "--dry-run" in tool.before or "--dry-run" in behind:
        return replace(found, sort=Sort.SHELL, danger=Danger.READ, warning="", becomes="")
    return found


def _docker(line: CommandLine, tool: _Tool, rest: Sequence[str]) -> Meaning | Within:
    if not rest:
        return Meaning(Sort.SHELL, Verb.OTHER, tool.system, kind=tool.kind)
    noun, behind = rest[0], list(rest[1:])
    if noun in ("exec", "run") or (noun == "container" and behind[:1] in (["exec"], ["run"])):
        verb = noun if noun in ("exec", "run") else behind.pop(0)
        return _carried(line, tool, verb, behind)
    if noun == "unshare" and behind:
        return Within("", tuple(behind), system=tool.system)
    if noun not in verbs.NOUNS or (noun in verbs.BARE and noun not in ("image", "container")):
        return _meaning(line, tool, noun, behind, verbs.BARE.get(noun) or verbs.unknown((noun, *behind[:1])))
    found = options(behind, verbs.valued(""), first=True).plain
    if not found:
        return Meaning(Sort.SHELL, Verb.OTHER, tool.system, kind=tool.kind)
    verb = found[0]
    entry = verbs.NOUNS[noun].get(verb) or verbs.unknown((verb,))
    return _meaning(line, tool, verb, found[1:], entry, noun)


def _meaning(
    line: CommandLine, tool: _Tool, verb: str, words: Sequence[str], entry: verbs.Entry, noun: str = ""
) -> Meaning:
    """The meaning of one subcommand with what stands behind it."""
    found = options(words, verbs.valued(verb))
    if found.has("--help"):
        return Meaning(Sort.SHELL, Verb.OTHER, tool.system, kind=tool.kind)
    sort, about, danger = entry
    names = found.plain
    if about is Verb.SCALE or found.has("--scale"):
        about, names = Verb.SCALE, _scaled([*found.values("--scale"), *names])
    if verb == "up" and line.stdin and tool.before[-2:] == ("-f", "-"):
        about = Verb.ROLLBACK  # another image than the file says is given to it
    if verb == "kill" and (signal := found.value("-s", "--signal")) and not _ends(signal):
        sort, about = Sort.SHELL, Verb.OTHER
    if verb == "inspect" and "Health" in found.value("-f", "--format"):
        about = Verb.HEALTH
    if verb == "update" and found.has("--rollback"):
        about = Verb.ROLLBACK
    elif verb == "update" and found.has("--force") and not found.has("--image"):
        about = Verb.RESTART
    if verb == "rm" and found.has("-f", "--force", "-s", "--stop") and noun in ("", "container", "service"):
        about = Verb.STOP
    danger = max(danger, _cost(verb, found, names))
    sort = tool.sort(sort)
    warning, becomes, taken = _better(line, tool, verb, words, found, noun)
    meaning = Meaning(
        sort,
        about,
        tool.system,
        target=" ".join(names if verb not in ("top", "cp") else names[:1]),
        danger=danger,
        kind=tool.kind,
        warning=warning,
        becomes=becomes,
        reveals=_reveals(verb, found, noun),
        endless=_endless(verb, found),
        interactive=verb == "attach",
    )
    return honest(meaning, taken)


def _scaled(pairs: Sequence[str]) -> list[str]:
    """The services of SERVICE=NUMBER pairs."""
    return list(dict.fromkeys(name for pair in pairs if (name := pair.partition("=")[0])))


def _ends(signal: str) -> bool:
    return signal.upper().removeprefix("SIG") in ("KILL", "TERM", "INT", "QUIT", "ABRT", "9", "15", "2", "3", "6")


def _cost(verb: str, found: Options, names: Sequence[str]) -> Danger:
    """What options add to a subcommand's own cost."""
    gone = {
        "down": ("-v", "--volumes", "--rmi"),
        "up": ("-V", "--renew-anon-volumes"),
        "create": ("-V", "--renew-anon-volumes"),
        "deploy": ("--prune",),
        "leave": ("-f", "--force"),
    }
    if found.has(*gone.get(verb, ("--volumes",))):
        return Danger.DESTRUCTIVE
    if verb == "cp" and any(part in name for name in names[-1:] for part in (".rdb", ".aof", ":/data", ":/var/lib")):
        return Danger.DESTRUCTIVE
    if verb in ("config", "export", "save") and found.has("-o", "--output"):
        return Danger.REVERSIBLE
    turned = verb in ("join-token", "unlock-key") and found.has("--rotate")
    return Danger.DISRUPTIVE if turned or (verb == "wait" and found.has("--down-project")) else Danger.READ


def _reveals(verb: str, found: Options, noun: str) -> bool:
    if verb in ("join-token", "unlock-key"):
        return True
    if verb in ("config", "convert"):
        return not found.has("-q", "--quiet", "--services", "--volumes", "--images", "--profiles", "--hash")
    shape = found.value("-f", "--format")
    return (
        verb == "inspect" and noun in ("", "container", "service") and (not shape or "Env" in shape or "json" in shape)
    )


def _endless(verb: str, found: Options) -> bool:
    if verb == "stats":
        return not found.has("--no-stream")
    if verb == "logs":
        return found.has("-f", "--follow")
    if verb == "events":
        return not found.has("--until")
    if verb == "up":
        return not found.has("-d", "--detach", "--wait", "--no-start")
    return verb in ("watch", "attach")


def _better(
    line: CommandLine, tool: _Tool, verb: str, words: Sequence[str], found: Options, noun: str
) -> tuple[str, str, bool]:
    """(what the line does not do as people think, what is done instead, whether an act of ours takes that)."""
    warning = _said(tool, verb, found, noun)
    if warning == _STREAM and (line.piped or line.writes):
        warning = ""
    if warning == _KILL:
        strict, becomes = "", _strict(line, tool, "stop", found.plain, noun)[1]
    else:
        strict, becomes = _strict(line, tool, verb, words, noun)
    taken = bool(becomes)
    warning = warning or strict or (_STALE if verb == "restart" and tool.compose else "")
    if tool.old:
        warning = warning or _VERSION_1
        becomes = becomes or _written([*tool.head, verb, *words])
    if verb == "stats" and not found.has("--no-stream"):
        becomes = _written([*tool.head, "stats", "--no-stream", *words])
    if line.writes or warning == _EVERY or becomes == _written(line.words):
        return warning, "", taken
    return warning, becomes and " | ".join([becomes, *map(_written, line.piped)]), taken


def _said(tool: _Tool, verb: str, found: Options, noun: str) -> str:
    """The warning that a line deserves by its options alone."""
    named = bool(found.plain)
    match verb:
        case "down" if tool.compose:
            gone = _DOWN_DATA if found.has("-v", "--volumes") else _RMI if found.has("--rmi") else ""
            return gone or _DOWN
        case "kill" if not found.has("-s", "--signal") and noun in ("", "container"):
            return _KILL
        case "up" if found.has("-V", "--renew-anon-volumes"):
            return _VOLUMES_NEW
        case "up" if not found.has("-d", "--detach", "--wait", "--no-start"):
            return _UP_HOLDS
        case "up" if found.has("--build", "--pull"):
            return _BUILDS if found.has("--build") else ""
        case "up" if not named and not found.has("--scale"):
            return _UP_EVERY
        case "restart" | "stop" if tool.compose and not named:
            return _EVERY
        case "stats" if not found.has("--no-stream"):
            return _STATS
        case "logs" if not found.has("--tail", "-n", "-f", "--follow", "--since"):
            return _STREAM
        case "logs" if tool.compose and found.has("--tail", "-n"):
            return _TAIL
        case "rm" if noun in ("", "container"):
            return _RM
        case "attach":
            return _ATTACH
        case "login" if found.has("-p", "--password"):
            return _SECRET
        case _:
            return ""


def _strict(line: CommandLine, tool: _Tool, verb: str, words: Sequence[str], noun: str) -> tuple[str, str]:
    """What the strict dialect, by which such a line would be acted on, makes of it.

    Words that are still to be filled in are given names for the time of it.
    """
    if tool.program != "docker":
        return "", ""
    names: dict[str, str] = {}

    def named(word: str) -> str:
        if word.startswith("-") or not _FREE.search(word):
            return word
        stem, mark, number = word.rpartition("=")
        if mark and number.isdigit() and verb in ("scale", "up"):
            return f"{named(stem)}={number}"
        return names.setdefault(word, f"zqfree{len(names)}q")

    head = ["docker", "compose"] if tool.compose else ["docker"]
    behind = [*([noun] if noun else []), verb, *map(named, words)]
    known = commands.recognise(CommandLine((*head, *behind), stdin=line.stdin), None, None)
    host = options((*tool.outer, *tool.before), verbs.GLOBAL).value("-H", "--host")
    if (
        known is None
        or commands.recognise(CommandLine((*tool.head, *behind), stdin=line.stdin), None, host or None) is None
    ):
        return "", ""
    text = commands.render(known.request, None)
    text = re.sub(r"(?<=\s)/(?=\w)", "", text)
    text = re.sub(r"^docker( compose)?", lambda _: _written(tool.head), text, flags=re.MULTILINE)
    for word, name in names.items():
        text = text.replace(name, word)
    return joined(known.warning.split("; ")), text


def _written(words: Sequence[str]) -> str:
    """Words as a line; those that are still to be filled in stay as they are."""
    return " ".join(word if _FREE.search(word) else quoted([word]) for word in words)


def _carried(line: CommandLine, tool: _Tool, verb: str, words: Sequence[str]) -> Meaning | Within:
    """`exec` and `run`, with the command that they carry."""
    found = options(words, verbs.RUN - {"-a"} if tool.compose else verbs.RUN, first=True)
    target, *inner = found.plain or [""]
    terminal = found.has("-t", "--tty")
    if verb == "run":
        entry = found.value("--entrypoint")
        image = target.rpartition("/")[2].partition(":")[0]
        known = verbs.ENTRYPOINTS.get(image, "") if inner else ""
        inner = [*([entry or known] if entry or known else []), *inner]
        target = found.value("--name") or target
    if not inner:
        about = Verb.START if verb == "run" else Verb.OTHER
        return Meaning(Sort.SHELL, about, tool.system, target, Danger.DISRUPTIVE, tool.kind, interactive=terminal)
    return Within(
        place=f"container {target}",
        words=tuple(inner),
        stdin=line.stdin,
        system=tool.system,
        kind=tool.kind,
        target=target,
        least=Danger.REVERSIBLE if verb == "run" else Danger.READ,
        interactive=(terminal or tool.compose) and _is_session(inner),
        warning=_exec_warning(line, tool, verb, found, inner),
    )


def _is_session(inner: Sequence[str]) -> bool:
    return (len(inner) == 1 and inner[0].rpartition("/")[2] in _SHELLS) or inner[-1] in ("console", "shell", "-i")


def _exec_warning(line: CommandLine, tool: _Tool, verb: str, found: Options, inner: Sequence[str]) -> str:
    fed = bool(line.reads or line.stdin or line.fed)
    if fed and tool.compose and not found.has("-T", "--no-TTY", "--no-tty"):
        return _TTY
    if fed and not tool.compose and found.has("-t", "--tty"):
        return _TTY_DOCKER
    if fed and not tool.compose and not found.has("-i", "--interactive"):
        return _NO_INPUT
    if inner[0].rpartition("/")[2] == "ps" and any(word.startswith("--sort") for word in inner):
        return _BUSYBOX
    return _VERSION_1 if tool.old else ""
