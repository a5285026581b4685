"""What lines of redis-cli and valkey-cli mean, bare commands of Redis, and the keys of BullMQ's queues.

https://redis.io/docs/latest/commands/, https://docs.bullmq.io/
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within
from probes.base.command import filled, named, shown
from probes.base.dialect import flaw, honest, joined
from probes.redis import commands
from probes.redis.commands import ALL, BLOCKING, KEYS, LASTS, SCRIPT, SPLIT
from probes.redis.dialect_commands import Effect, effect, unknown
from probes.redis.queues import commands as queues

SYSTEM: Final = "redis"
_CLIENTS: Final = frozenset({"redis-cli", "valkey-cli", "keydb-cli", "dragonfly-cli", "redli", "iredis"})
_VALUED: Final = named(
    """
    -h -p -n -s -u -a -r -i -d -t -D -X --user --pass --cacert --cacertdir --cert --key --sni --pattern --count
    --quoted-pattern --tls-ciphers --eval --memkeys-samples --intrinsic-latency --rdb --functions-rdb --lru-test
    --cluster --show-pushes --keystats-samples --cursor --top
    """
)
_GLUED: Final = ("-h", "-p", "-n", "-a", "-u", "-r", "-i")
_KEY: Final = re.compile(
    r"(?P<prefix>\{?[\w-]*bull[\w-]*\}?):(?P<queue>[^:]+):(?P<last>wait|waiting|active|delayed|failed|completed|paused|"
    r"prioritized|priority|waiting-children|meta|events|id|stalled|repeat|limiter|marker|pc|metrics)\b",
)
_WORDS_OF_A_SHELL: Final = named(
    """
    ECHO TYPE EXEC SET WAIT TIME SORT HELP INFO MOVE WATCH TOUCH GET RESTORE SHUTDOWN SAVE SELECT ROLE APPEND EVAL
    QUIT KEYS MONITOR PING DUMP SYNC SCAN DEBUG OBJECT SCRIPT HELLO CLIENT MEMORY CONFIG ACL MODULE FUNCTION COMMAND
    DEL RENAME AUTH MIGRATE CLUSTER RESET UNLINK READONLY EXIT PUBLISH SUBSCRIBE EXISTS EXPIRE DISCARD MULTI
    """
)
"""Commands that are words of a shell or of SQL too: taken for Redis' only in capitals."""
_LISTS: Final = frozenset({"wait", "waiting", "active", "paused"})
NO_SUCH: Final = "there is no XINFO STREAMS: XINFO STREAM takes one key; here the streams are found and listed"
WAITING: Final = (
    "BullMQ keeps waiting jobs under :wait, and LLEN of a key that is not there says 0: here all states are counted"
)
SORTED: Final = "it is a sorted set, so LLEN fails with WRONGTYPE and exit code 0: here it is counted with ZCARD"
BLOCKS: Final = "KEYS stops the server while it looks through all keys: here SCAN does it, some keys at a time"
ENDLESS: Final = "it never returns by itself: here it is sampled within bounds"
WHOLE: Final = "it looks through every key and ranks by count, not by bytes: here it is bounded and can be stopped"
MOVED: Final = "moving ids by hand breaks the jobs' state: here all failed jobs are retried as BullMQ does it"
FLAG: Final = "the flag alone does not halt or wake the workers of every version: here it is done as BullMQ does it"


@dataclass(frozen=True, slots=True)
class _Given:
    """What a line of redis-cli says beside its command."""

    modes: tuple[str, ...]
    command: tuple[str, ...]
    before: tuple[str, ...]
    """The words before the command."""
    values: dict[str, str]


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line means to Redis; None when it is none of Redis'."""
    name = line.program.lower()
    if not name:
        return None
    if name in _CLIENTS:
        said = _cli(line)
        return honest(replace(said, warning=joined([said.warning])), said.sort is Sort.ACTION and _is_taken(line))
    if name in ("redis-server", "valkey-server", "redis-sentinel"):
        shows = {"--version", "-v", "--help"} & set(line.words)
        return Meaning(Sort.SHELL, Verb.STATUS if shows else Verb.START, SYSTEM, "",
                       Danger.READ if shows else Danger.DISRUPTIVE, endless=not shows)  # fmt: skip
    if name in ("redis-check-aof", "redis-check-rdb", "redis-benchmark", "memtier_benchmark"):
        worst = "--fix" in line.words
        heavy = worst or "bench" in name
        danger = Danger.DESTRUCTIVE if worst or "bench" in name else Danger.READ
        return Meaning(Sort.SHELL, Verb.OTHER if heavy else Verb.STATUS, SYSTEM, "", danger)
    if name == "rq" and len(line.words) > 1:
        return _rq(line.words[1:])
    found = _bare(line)
    return honest(replace(found, warning=joined([found.warning])), False) if found is not None else None


def _is_taken(line: CommandLine) -> bool:
    """Whether a Redis of a profile takes a line, its place granted and its placeholders filled in."""
    words = filled(_placeless(line.words))
    told = CommandLine(words, stdin=line.stdin, piped=tuple(filled(_placeless(one)) for one in line.piped))
    caches = (commands.recognise(told, commands.Here(db=db)) for db in (0, 1))
    prefix = next((found["prefix"] for one in words if (found := _KEY.fullmatch(one))), "bull")
    return any(caches) or queues.recognise(told, queues.Here(prefix=prefix)) is not None


def _placeless(words: Sequence[str]) -> list[str]:
    """A line of redis-cli, or one that hands something to it, without what says where and as whom."""
    at = next((n for n, word in enumerate(words) if word.rpartition("/")[2] in _CLIENTS), None)
    if at is None:
        return list(words)
    given = _read(words[at:])
    kept = ["--scan", "--pattern", given.values.get("--pattern", "")] if "--scan" in given.modes else []
    repeats = [option for option in ("-r", "-i", "-D", "-X") if option in given.values]
    name = words[at].rpartition("/")[2]
    return [*words[:at], name, *kept, *repeats, *(["-x"] if "-x" in given.modes else []), *given.command]


def _rq(words: Sequence[str]) -> Meaning:
    """https://python-rq.org/docs/monitoring/"""
    what = words[0]
    if what == "info":
        endless = bool({"-i", "--interval"} & set(words))
        return Meaning(Sort.READING, Verb.QUEUE_DEPTH, "rq", kind="queues", endless=endless)
    queue = next((words[at + 1] for at, word in enumerate(words[:-1]) if word in ("--queue", "-q")), "")
    if what == "requeue":
        return Meaning(Sort.ACTION, Verb.OTHER, "rq", queue, Danger.DISRUPTIVE, "queues")
    worst = what in ("empty", "clear")
    return Meaning(Sort.SHELL, Verb.START if what.startswith("worker") else Verb.OTHER, "rq", queue,
                   Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE, endless=what.startswith("worker"))  # fmt: skip


def _bare(line: CommandLine) -> Meaning | None:
    """A command as it is typed at redis-cli's own prompt: LLEN jobs, FLUSHDB."""
    words = line.words
    if line.program != words[0] or line.through or not words[0].isalpha():
        return None
    first = words[0].upper()
    known = effect(words)
    sql = (
        first == "COPY"
        or (first == "SET" and "=" in words)
        or (first == "SELECT" and not "".join(words[1:]).isdecimal())
    )
    if known is None or sql:
        return None
    capital = words[0] == first
    shell = first in _WORDS_OF_A_SHELL
    if (shell and not capital) or (not shell and not capital and not words[0].islower()):
        return None
    return _meaning(_Given((), words, (), {}), known)


def _read(words: Sequence[str]) -> _Given:
    rest, modes, values = list(words[1:]), list[str](), dict[str, str]()
    while rest and rest[0].startswith("-") and rest[0] != "-":
        option = rest.pop(0)
        name, mark, value = option.partition("=")
        if name.startswith("--"):
            modes.append(name)
        if mark and name.startswith("--"):
            values[name] = value
        elif option in _VALUED:
            values[option] = rest.pop(0) if rest else ""
            if option in ("--cluster", "--eval"):
                values[option] = " ".join([values[option], *rest])
                rest = []
        elif option[:2] in _GLUED and len(option) > 2 and not option.startswith("--"):
            values[option[:2]] = option[2:]
        elif option == "-x":
            modes.append("-x")
    before = tuple(words[: len(words) - len(rest)])
    return _Given(tuple(modes), tuple(rest), before, values)


def _cli(line: CommandLine) -> Meaning:
    given = _read(line.words)
    mode = _mode(given, line)
    if mode is not None:
        return _with_pipe(mode, given, line)
    if given.command:
        command = given.command
        if len(command) == 1 and " " in command[0]:
            command = tuple(_split(command[0]))
            given = replace(given, command=command or given.command)
        known = effect(command)
        found = _meaning(given, known or unknown(command))
        repeats = given.values.get("-r", "1")
        if repeats == "-1":
            found = replace(found, endless=True)
        found = _with_pipe(found, given, line)
        handed = found.becomes and " | " not in found.becomes and (line.piped or line.writes)
        if handed:  # what its output goes through goes with what is done instead
            onward = " | ".join([found.becomes, *map(shown, line.piped)])
            found = replace(found, becomes="" if line.writes else onward)
        return found
    text = line.stdin
    if not text and line.fed and line.fed[0].rpartition("/")[2] in ("echo", "printf"):
        text = " ".join(word for word in line.fed[1:] if not re.fullmatch(r"-[neE]+", word)).replace("\\n", "\n")
    if text:
        return _together([_meaning(replace(given, command=tuple(words)), effect(words) or unknown(words))
                          for one in text.splitlines() if (words := _split(one))])  # fmt: skip
    if line.fed or line.reads:
        return Meaning(Sort.SHELL, Verb.OTHER, SYSTEM, "", Danger.DESTRUCTIVE, "redis")
    if {"--version", "-v", "--help"} & set(line.words):
        return Meaning(Sort.SHELL, Verb.OTHER, SYSTEM)
    return Meaning(Sort.SHELL, Verb.OTHER, SYSTEM, _host(given), Danger.DISRUPTIVE, "redis", interactive=True)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _together(found: Sequence[Meaning]) -> Meaning:
    if not found:
        return Meaning(Sort.SHELL, Verb.OTHER, SYSTEM, "", Danger.READ, "redis")
    worst = max(found, key=lambda one: one.danger)
    return replace(worst, endless=any(one.endless for one in found), reveals=any(one.reveals for one in found))


def _host(given: _Given) -> str:
    return given.values.get("-h", "")


def _mode(given: _Given, line: CommandLine) -> Meaning | None:
    """The options with which redis-cli does something of its own."""
    modes = set(given.modes)
    stats = Meaning(Sort.READING, Verb.CACHE_STATS, SYSTEM, _host(given), kind="redis")
    if "--scan" in modes:
        pattern = given.values.get("--pattern", "")
        return replace(stats, verb=Verb.OTHER, target=pattern)
    if modes & {"--bigkeys", "--memkeys", "--hotkeys", "--keystats"}:
        return replace(stats, warning=WHOLE)
    if modes & {"--latency", "--latency-history", "--latency-dist", "--stat"}:
        return replace(stats, endless=True, warning=ENDLESS)
    if "--intrinsic-latency" in modes:
        return Meaning(Sort.SHELL, Verb.CACHE_STATS, SYSTEM, "", Danger.DISRUPTIVE)
    if modes & {"--rdb", "--functions-rdb"}:
        return Meaning(Sort.SHELL, Verb.BACKUP, SYSTEM, given.values.get("--rdb", ""), Danger.REVERSIBLE)
    if modes & {"--replica", "--slave"}:
        return Meaning(Sort.SHELL, Verb.OTHER, SYSTEM, "", Danger.DISRUPTIVE, endless=True, reveals=True)
    if modes & {"--pipe", "--lru-test", "--eval", "--ldb", "--ldb-sync-mode"}:
        return Meaning(Sort.SHELL, Verb.RESTORE if "--pipe" in modes else Verb.OTHER, SYSTEM, "", Danger.DESTRUCTIVE)
    if "--cluster" in modes:
        what = given.values.get("--cluster", "").partition(" ")[0]
        reads = what in ("info", "check", "help", "backup")
        worst = what in ("del-node", "fix", "import", "call", "create")
        danger = Danger.READ if reads else Danger.DESTRUCTIVE if worst else Danger.DISRUPTIVE
        return Meaning(Sort.SHELL, Verb.STATUS if reads else Verb.OTHER, "redis-cluster", "", danger)
    return None


def _with_pipe(found: Meaning, given: _Given, line: CommandLine) -> Meaning:
    """A list of keys that is handed on to another redis-cli."""
    for words in line.piped:
        if not words or words[0].rpartition("/")[2] not in ("xargs", "parallel"):
            continue
        at = next((n for n, word in enumerate(words) if word.rpartition("/")[2] in _CLIENTS), None)
        if at is None:
            continue
        then = _read(words[at:])
        known = effect(then.command) if then.command else None
        if known is None or known.danger < found.danger:
            continue
        clears = bool(then.command) and then.command[0].upper() in {"DEL", "UNLINK"}
        by_keys = bool(given.command) and given.command[0].upper() == "KEYS"
        if not clears or not (by_keys or "--scan" in given.modes):
            retries = then.command and _KEY.search(" ".join(then.command))
            return replace(found, sort=Sort.ACTION if retries else Sort.SHELL, danger=known.danger, verb=Verb.OTHER,
                           warning=MOVED if retries else "")  # fmt: skip
        pattern = given.command[1] if by_keys and len(given.command) > 1 else given.values.get("--pattern", "")
        safe = (
            not by_keys and then.command[0].upper() == "UNLINK" and bool({"-d", "-0", "--null", "-d\\n"} & set(words))
        )
        place = [word for word in given.before if word not in ("--scan", "--raw") and not word.startswith("--pattern")]
        place = [word for at, word in enumerate(place) if word != pattern]
        elsewhere = any(given.values.get(one) != then.values.get(one) for one in ("-n", "-h", "-p", "-u", "-s"))
        becomes = "" if safe or not pattern or line.piped[1:] or elsewhere else (
            f"{shown(place)} --scan --pattern {shown([pattern])} | xargs -r -d '\\n' -n 500 {shown(place)} UNLINK"
        )  # fmt: skip
        warning = "" if safe else KEYS if by_keys else SPLIT
        warning = flaw(warning) if elsewhere else warning
        return Meaning(Sort.ACTION, Verb.MAINTENANCE, SYSTEM, pattern, known.danger, "redis", warning, becomes)
    return found


def _meaning(given: _Given, known: Effect) -> Meaning:
    command = given.command
    name, args = command[0].upper() if command else "", command[1:]
    target = args[0] if args and known.keyed else ""
    kind = "redis" if known.sort is not Sort.SHELL else ""
    found = Meaning(
        known.sort, known.verb, SYSTEM, target, known.danger, kind, reveals=known.reveals, endless=known.endless
    )
    key = next((match for one in args if (match := _KEY.fullmatch(one))), None)
    if key is not None and (known.keyed or name in {"RENAME", "RENAMENX"}):
        return _queue(found, key, name, given)
    upper = [one.upper() for one in args]
    if name == "XINFO" and upper[:1] == ["STREAMS"]:
        return replace(found, warning=NO_SUCH)
    if name == "KEYS":
        becomes = shown([*given.before, "--scan", "--pattern", *args[:1]]) if given.before else ""
        return replace(found, warning=BLOCKS, becomes=becomes)
    if name in {"FLUSHALL", "FLUSHDB"}:
        warning = ALL if name == "FLUSHALL" else "" if "ASYNC" in upper else BLOCKING
        becomes = shown([*given.before, "FLUSHDB", "ASYNC"]) if warning and given.before else ""
        return replace(found, warning=warning, becomes=becomes)
    if name == "CONFIG" and upper[:1] == ["SET"]:
        policies = [value for one, value in zip(upper[1::2], upper[2::2], strict=False) if one == "MAXMEMORY-POLICY"]
        if any(policy != "NOEVICTION" for policy in policies) or upper[-1] == "MAXMEMORY-POLICY":
            found = replace(found, danger=Danger.DESTRUCTIVE)
        return replace(found, warning=LASTS, target=" ".join(args[1::2]))
    if name == "EVAL":
        clears = re.search(r"['\"]keys['\"]", command[1], re.I) if len(command) > 1 else None
        if clears and known.danger is Danger.DESTRUCTIVE:
            return replace(found, sort=Sort.ACTION, verb=Verb.MAINTENANCE, kind="redis", warning=SCRIPT)
    if name == "MONITOR":
        return replace(found, warning="it shows every command with its values and slows the server; it never ends")
    return found


def _queue(found: Meaning, key: re.Match[str], name: str, given: _Given) -> Meaning:
    """A command upon a key of BullMQ."""
    last, queue = key["last"], key["queue"]
    args = given.command[1:]
    found = replace(found, system="bullmq", target=queue, kind="queues")
    place = f"{key['prefix']}:{queue}:"
    if name == "LLEN":
        fixed = ["LLEN", f"{place}wait"] if last == "waiting" else ["ZCARD", key[0]] if last not in _LISTS else []
        warning = WAITING if last == "waiting" else SORTED if fixed else ""
        return replace(found, warning=warning, becomes=shown([*given.before, *fixed]) if fixed else "")
    if name == "HSET" and last == "meta" and list(args[1:2]) == ["paused"]:
        return replace(found, sort=Sort.ACTION, verb=Verb.STOP, danger=Danger.DISRUPTIVE, warning=FLAG)
    if name == "HDEL" and last == "meta" and list(args[1:]) == ["paused"]:
        return replace(found, sort=Sort.ACTION, verb=Verb.START, danger=Danger.DISRUPTIVE, warning=FLAG)
    if name in {"RPOPLPUSH", "LMOVE", "RENAME", "RENAMENX"} and last == "failed":
        danger = Danger.DESTRUCTIVE if name == "RENAME" else Danger.DISRUPTIVE
        return replace(found, sort=Sort.ACTION, verb=Verb.OTHER, danger=danger, warning=MOVED)
    return replace(found, kind="queues" if found.sort is not Sort.SHELL else "")
