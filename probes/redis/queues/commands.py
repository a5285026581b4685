"""Retrying and pausing as command lines, both ways.

RQ has a program for it: `rq requeue --queue mail ID`. BullMQ has none, so a request is written as a line of node that
could be run where the application's packages are, with REDIS_URL set: the queue and the jobs are its last words. What
people do by hand with redis-cli is recognised where it can mean one thing only, and never done that way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from probes.base import BadUrl, CommandLine, Endpoint, Recognised, Request, SafeText, parse_url
from probes.redis.address import PORT, SCHEMES

if TYPE_CHECKING:
    from probes.redis.queues.probe import QueuesSettings

_NODE: Final = (
    'const{{Queue}}=require("bullmq"),Redis=require("ioredis"),[prefix,name{more}]=process.argv.slice(1);'
    "const queue=new Queue(name,{{prefix,connection:new Redis(process.env.REDIS_URL)}});"
    "{does}.then(()=>process.exit())"
)
_SCRIPTS: Final = {
    "retry": _NODE.format(
        more=",...ids", does='Promise.all(ids.map(async id=>(await queue.getJob(id)).retry("failed")))'
    ),
    "retry-all": _NODE.format(more="", does='queue.retryJobs({state:"failed"})'),
    "pause": _NODE.format(more="", does="queue.pause()"),
    "resume": _NODE.format(more="", does="queue.resume()"),
}
"""What a line of node runs, by action; names are never part of it."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@-]+")
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_BY_HAND: Final = (
    "Moving ids by hand breaks the jobs' state: here all failed jobs of the queue are retried as BullMQ does it."
)
_FLAG: Final = "The flag alone does not halt or wake the workers of every version: here it is done as BullMQ does it."
_LATER: Final = "rq requeue --all takes what fails meanwhile as well: here only what had failed when you looked."
_CONSTANT: Final = "retryJobs goes on until none is left: here only what had failed when you looked, in one request."
_ELSEWHERE: Final = "The line does not say where: this is done at {}."
_XARGS: Final = frozenset({"-r", "--no-run-if-empty", "-n1", "-n", "1", "-L1", "-I{}", "-t"})


@dataclass(frozen=True, slots=True)
class Here:
    """Which Redis, and whose queues, a dialect speaks of."""

    library: str = "auto"
    prefix: str = "bull"
    names: tuple[str, ...] = ()
    """Queues the profile names."""
    endpoint: Endpoint | None = None
    """Where it answers; None when the address is a reference."""
    db: int = 0
    told: Mapping[str, str] = field(default_factory=dict)
    """The library of each queue, as far as it was seen."""

    @property
    def url(self) -> str:
        """The address, without user and password; empty when it isn't known."""
        if self.endpoint is None:
            return ""
        if self.endpoint.scheme == "unix":
            return f"unix://{self.endpoint.path}?db={self.db}"
        return f"{self.endpoint.scheme}://{self.endpoint.where}/{self.db}"

    def keeps(self, queue: str, library: str) -> bool:
        """True unless the queue is known to be kept by another library."""
        return self.told.get(queue, library if self.library == "auto" else self.library) == library


def splits(subject: str, names: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """The ways to read a failed job's row as queue and id; by a name that is known, else at each slash.

    >>> list(splits("a/b/1")), list(splits("a/b/1", ["a/b"])), list(splits("a"))
    ([('a', 'b/1'), ('a/b', '1')], [('a/b', '1')], [])
    """
    known = [name for name in names if subject.startswith(f"{SafeText(name)}/")]
    if known:
        for name in sorted(known, key=len, reverse=True):
            yield name, subject[len(str(SafeText(name))) + 1 :]
        return
    parts = subject.split("/")
    for at in range(1, min(len(parts), 5)):
        queue, id = "/".join(parts[:at]), "/".join(parts[at:])
        if queue and id:
            yield queue, id


def here(settings: QueuesSettings, told: Mapping[str, str]) -> Here:
    """The place of a target."""
    endpoint = _endpoint(settings.url)
    db = settings.db if settings.db is not None else _number(endpoint)
    return Here(settings.type, settings.prefix, settings.queues, endpoint, db, told)


def _endpoint(url: str) -> Endpoint | None:
    try:
        return parse_url(url, SCHEMES, PORT)
    except BadUrl:
        return None


def _number(endpoint: Endpoint | None) -> int:
    if endpoint is None:
        return 0
    text = endpoint.query.get("db", "0") if endpoint.scheme == "unix" else endpoint.path.strip("/") or "0"
    return int(text) if text.isdecimal() and len(text) < 9 else -1


# written


def render(request: Request, here: Here) -> str:
    """A line for each queue."""
    return "\n".join(_line(request.action, queue, ids, here) for queue, ids in _grouped(request, here))


def _grouped(request: Request, here: Here) -> Iterator[tuple[str, list[str]]]:
    """(queue, jobs), neighbours of one queue together."""
    if request.action != "retry":
        for name in request.subjects:
            yield name, []
        return
    queue, ids = "", list[str]()
    for subject in request.subjects:
        name, id = _split(subject, here)
        if ids and name != queue:
            yield queue, ids
            ids = []
        queue = name
        ids.append(id)
    if ids:
        yield queue, ids


def _split(subject: str, here: Here) -> tuple[str, str]:
    """Queue and id, by a queue that is known where there is one."""
    return next(splits(subject, (*here.names, *here.told)), (subject, ""))


def _line(action: str, queue: str, ids: Sequence[str], here: Here) -> str:
    if here.told.get(queue, here.library) == "rq":
        where = ["--url", here.url] if here.url else []
        named = ["--queue", queue] if not queue.startswith("-") else [f"--queue={queue}"]
        dashes = ["--"] if any(id.startswith("-") for id in ids) else []
        return _quoted(["rq", "requeue", *where, *named, *(["--all"] if action == "retry-all" else dashes), *ids])
    words = _quoted(["node", "-e", _SCRIPTS.get(action, _SCRIPTS["retry-all"]), "--", here.prefix, queue, *ids])
    return f"REDIS_URL={_quoted([here.url])} {words}" if here.url else words


def _quoted(words: Sequence[str]) -> str:
    """Words for a shell; in quotes unless they are plain beyond doubt."""
    return " ".join(word if _PLAIN.fullmatch(word) else _in_quotes(word) for word in words)


def _in_quotes(word: str) -> str:
    return "'" + word.replace("'", "'\"'\"'") + "'"


# read


def recognise(line: CommandLine, here: Here) -> Recognised | None:
    """The request a line means at a Redis."""
    if line.stdin or not line.words:
        return None
    if line.program == "node":
        return _node(line, here)
    if line.program == "redis-cli":
        return _by_hand(line, here)
    words = line.words[1:] if line.program == "rq" else _module(line.words)
    if not words or words[0] != "requeue" or set(line.environment) - {"RQ_REDIS_URL"}:
        return None
    return _requeue(words[1:], line.environment.get("RQ_REDIS_URL", ""), here)


def _module(words: Sequence[str]) -> Sequence[str]:
    """`python -m rq.cli requeue ...`"""
    python = words[0].rpartition("/")[2].startswith("python")
    return words[3:] if python and list(words[1:3]) in (["-m", "rq.cli"], ["-m", "rq"]) else ()


def _node(line: CommandLine, here: Here) -> Recognised | None:
    words = line.words
    if len(words) < 6 or words[1] != "-e" or words[3] != "--" or set(line.environment) - {"REDIS_URL"}:
        return None
    action = next((name for name, script in _SCRIPTS.items() if script == words[2]), "")
    url = line.environment.get("REDIS_URL", "")
    prefix, queue, ids = words[4], words[5], words[6:]
    if not action or prefix != here.prefix or not here.keeps(queue, "bullmq") or (url and not _is_here(url, here)):
        return None
    warning = _CONSTANT if action == "retry-all" else ""
    return _asked(action, queue, ids, warning)


def _requeue(words: Sequence[str], url: str, here: Here) -> Recognised | None:
    """The words after `rq requeue`."""
    queues, ids, whole = list[str](), list[str](), False
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if word == "--":
            ids += rest
            break
        if word in ("--all", "-a"):
            whole = True
        elif name in ("--queue", "--url") or word == "-u":
            if not equals and not rest:
                return None
            value = value if equals else rest.pop(0)
            if name == "--queue":
                queues.append(value)
            else:
                url = value
        elif word.startswith("-"):
            return None
        else:
            ids.append(word)
    if len(queues) != 1 or not here.keeps(queues[0], "rq") or (url and not _is_here(url, here)):
        return None
    warning = _LATER if whole else ""
    if not url and here.endpoint is not None:
        warning = warning or _ELSEWHERE.format(SafeText(here.endpoint.where, 80))
    return _asked("retry-all", queues[0], (), warning) if whole else _asked("retry", queues[0], ids, warning)


def _asked(action: str, queue: str, ids: Sequence[str], warning: str) -> Recognised | None:
    """A request, unless a name is missing or would be another when it is drawn."""
    if not queue or not all(ids) or (action == "retry") is not bool(ids):
        return None
    subjects = tuple(dict.fromkeys(f"{queue}/{id}" for id in ids)) or (queue,)
    if any(str(SafeText(one)) != one for one in subjects):
        return None
    return Recognised(Request(action, subjects), warning)


# by hand


def _by_hand(line: CommandLine, here: Here) -> Recognised | None:
    """What redis-cli is used for instead: moving the ids of failed jobs, setting the flag of a pause."""
    command = _redis_cli(line.words, line.environment, here)
    if command is None:
        return None
    piped = line.piped
    name, *args = command[0].upper(), *command[1:]
    if name == "ZRANGE" and len(args) == 3 and args[1:] == ["0", "-1"] and len(piped) == 1:
        target = _xargs(piped[0], line.environment, here)
        queue = _key(args[0], "failed", here)
        return _asked("retry-all", queue, (), _BY_HAND) if queue and target == queue else None
    if piped:
        return None
    sides = (["LEFT", "RIGHT"], ["RIGHT", "LEFT"], ["LEFT", "LEFT"], ["RIGHT", "RIGHT"])
    if name in ("RPOPLPUSH", "RENAME", "RENAMENX") and len(args) == 2:
        args = [*args, "LEFT", "RIGHT"]
    elif name != "LMOVE":
        return _flag(name, args, here)
    if len(args) != 4 or [one.upper() for one in args[2:]] not in sides:
        return None
    queue = _key(args[0], "failed", here)
    return _asked("retry-all", queue, (), _BY_HAND) if queue and _waits(args[1], here) == queue else None


def _flag(name: str, args: Sequence[str], here: Here) -> Recognised | None:
    """HSET bull:mail:meta paused 1, or HDEL of it."""
    queue = _key(args[0], "meta", here) if args else ""
    if name == "HSET" and list(args[1:]) == ["paused", "1"]:
        return _asked("pause", queue, (), _FLAG)
    if name == "HDEL" and list(args[1:]) == ["paused"]:
        return _asked("resume", queue, (), _FLAG)
    return None


def _xargs(words: Sequence[str], environment: Mapping[str, str], here: Here) -> str:
    """The queue to whose waiting jobs ids are pushed: `xargs -n1 redis-cli LPUSH bull:mail:wait`."""
    rest = list(words)
    if not rest or rest.pop(0).rpartition("/")[2] != "xargs":
        return ""
    while rest and rest[0] in _XARGS:
        rest.pop(0)
    command = _redis_cli(rest, environment, here)
    if command is None or len(command) not in (2, 3) or command[0].upper() not in ("LPUSH", "RPUSH"):
        return ""
    return _waits(command[1], here) if command[2:] in ((), ("{}",)) else ""


def _waits(key: str, here: Here) -> str:
    """The queue whose waiting jobs a key holds, or is thought to."""
    return next((queue for last in ("wait", "waiting", "paused") if (queue := _key(key, last, here))), "")


def _key(key: str, last: str, here: Here) -> str:
    """The queue a key of BullMQ belongs to; empty when it is no such key."""
    head, tail = f"{here.prefix}:", f":{last}"
    if not key.startswith(head) or not key.endswith(tail):
        return ""
    queue = key[len(head) : -len(tail)]
    return queue if here.keeps(queue, "bullmq") else ""


def _redis_cli(words: Sequence[str], environment: Mapping[str, str], here: Here) -> tuple[str, ...] | None:
    """The command for the server, when it goes to ours; None when it goes elsewhere or that can't be told."""
    rest, given = list(words), dict[str, str]()
    if not rest or rest.pop(0).rpartition("/")[2] != "redis-cli" or set(environment) - {"REDISCLI_AUTH"}:
        return None
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("--raw", "--no-raw", "--no-auth-warning", "--tls"):
            continue
        if option not in ("-h", "-p", "-n", "-s", "-u", "-a", "--user", "--pass") or not rest:
            return None
        given[option] = rest.pop(0)
    if not rest or not _given_is_here(given, here):
        return None
    return tuple(rest)


def _given_is_here(given: Mapping[str, str], here: Here) -> bool:
    """Where redis-cli would go, against where we are; nothing given means the machine it is typed on."""
    if "-u" in given:
        return _is_here(given["-u"], here)
    if not set(given) & {"-h", "-p", "-s", "-n"}:
        return True
    if given.get("-n", "0") != str(here.db):
        return False
    if "-s" in given:
        return here.endpoint is not None and here.endpoint.path == given["-s"] and here.endpoint.scheme == "unix"
    if not set(given) & {"-h", "-p"}:
        return True
    return _is_here(f"redis://{given.get('-h', '127.0.0.1')}:{given.get('-p', PORT)}/{here.db}", here)


def _is_here(url: str, here: Here) -> bool:
    """True when an address means our Redis and our database."""
    there = _endpoint(url)
    if there is None or here.endpoint is None:
        return False
    if "unix" in (there.scheme, here.endpoint.scheme):
        same = there.scheme == here.endpoint.scheme and there.path == here.endpoint.path
    else:
        same = _host(there) == _host(here.endpoint) and (there.port or PORT) == (here.endpoint.port or PORT)
    return same and _number(there) == here.db


def _host(endpoint: Endpoint) -> str:
    name = unquote(endpoint.host).lower().strip("[]")
    return "localhost" if name in _LOCAL else name
