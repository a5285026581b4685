"""Care of a cache as lines of redis-cli, both ways. What people write that does harm is recognised and done rightly.

https://redis.io/docs/latest/develop/tools/cli/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from probes.base import BadUrl, CommandLine, Endpoint, Recognised, Request, SafeText, parse_url
from probes.redis.act_plans import CLEAR, FLUSH, MEMORY, MIB, POLICIES, POLICY, SLOWLOG, database_of
from probes.redis.address import PORT, SCHEMES, RedisSettings

_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@-]+")
_UNITS: Final = {"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 10**6, "mb": 1 << 20, "g": 10**9, "gb": 1 << 30}
"""As redis.conf counts them."""
_FLAGS: Final = frozenset({"--raw", "--no-raw", "--no-auth-warning", "--tls", "--insecure", "-3", "-2", "-e", "-c"})
_VALUED: Final = frozenset({"-h", "-p", "-n", "-s", "-u", "-a", "--user", "--pass", "--cacert", "--sni"})
_XARGS: Final = frozenset({"-r", "--no-run-if-empty", "-0", "--null", "-t"})
_XARGS_VALUED: Final = frozenset({"-n", "-L", "-d", "-P", "-I"})

KEYS: Final = (
    "KEYS stops the server for as long as it looks through all keys, and DEL while it frees them: here SCAN and "
    "UNLINK, some keys at a time, and keys of queues are left alone."
)
SPLIT: Final = (
    "xargs takes blanks and quotes in keys for its own, and it looks at no queue: here each key goes as it is, and "
    "keys of queues are left alone."
)
SCRIPT: Final = (
    "A script of KEYS and DEL stops the server until it is done: here SCAN and UNLINK, some keys at a time, and keys "
    "of queues are left alone."
)
ALL: Final = (
    "FLUSHALL empties every database of the server, queues too: here one database is emptied, the others stay as they "
    "are."
)
BLOCKING: Final = "FLUSHDB may stop the server while it frees everything: here it is freed behind its back (ASYNC)."
ELSEWHERE: Final = "The line does not say where: this is done at {}."
LASTS: Final = "CONFIG SET holds until the next restart only, and managed services refuse it."


@dataclass(frozen=True, slots=True)
class Here:
    """Which Redis a dialect speaks of."""

    endpoint: Endpoint | None = None
    """Where it answers; None when the address is a reference."""
    db: int = 0
    """The profile's database."""


def here(settings: RedisSettings) -> Here:
    """The place of a target."""
    endpoint = _endpoint(settings.url)
    return Here(endpoint, settings.db if settings.db is not None else _number(endpoint))


def _endpoint(url: str) -> Endpoint | None:
    try:
        return parse_url(url, SCHEMES, PORT)
    except BadUrl:
        return None


def _number(endpoint: Endpoint | None) -> int:
    if endpoint is None:
        return 0
    text = endpoint.query.get("db", "0") if endpoint.scheme == "unix" else endpoint.path.strip("/") or "0"
    return int(text) if text.isdecimal() and len(text) < 9 else 0


# written


def render(request: Request, here: Here) -> str:
    """The line, or for clearing the two programs, that a person would type."""
    db = next((number for one in request.subjects if (number := database_of(one)) is not None), here.db)
    cli = _quoted(_cli(here, db))
    if request.action == CLEAR.name:
        return f"{cli} --scan --pattern {_quoted([request.word])} | xargs -r -d '\\n' -n 500 {cli} UNLINK"
    if request.action == FLUSH.name:
        return f"{cli} FLUSHDB ASYNC"
    if request.action == POLICY.name:
        return f"{cli} CONFIG SET maxmemory-policy {_quoted([request.word])}"
    if request.action == MEMORY.name:
        return f"{cli} CONFIG SET maxmemory {request.number}mb"
    return f"{cli} SLOWLOG RESET"


def _cli(here: Here, db: int) -> list[str]:
    words, endpoint = ["redis-cli"], here.endpoint
    if endpoint is not None and endpoint.scheme == "unix":
        words += ["-s", endpoint.path]
    elif endpoint is not None:
        words += ["-h", unquote(endpoint.host), "-p", str(endpoint.port or PORT)]
        words += ["--tls"] if endpoint.scheme in ("rediss", "valkeys") else []
    return [*words, "-n", str(db)] if db else words


def _quoted(words: Sequence[str]) -> str:
    """Words for a shell; in quotes unless they are plain beyond doubt."""
    return " ".join(word if _PLAIN.fullmatch(word) else "'" + word.replace("'", "'\"'\"'") + "'" for word in words)


# read


def recognise(line: CommandLine, here: Here) -> Recognised | None:
    """The request a line of redis-cli or valkey-cli means at a Redis."""
    if line.stdin or not line.words:
        return None
    found = _recognised(line, here)
    placed = any(re.match(r"-[hpsu]", word) for word in line.words[1:])
    if found is None or placed or here.endpoint is None or _is_default(here.endpoint):
        return found
    return replace(found, warning=f"{found.warning} {ELSEWHERE.format(SafeText(here.endpoint.where, 80))}".strip())


def _recognised(line: CommandLine, here: Here) -> Recognised | None:
    cli = _read_cli(line.words, line.environment, here)
    if cli is None:
        return None
    db, words, pattern = cli
    if line.piped:
        return _cleared(db, words, pattern, line, here)
    if pattern is not None or not words:
        return None
    name, args = words[0].upper(), list(words[1:])
    upper = [one.upper() for one in args]
    if name in ("FLUSHDB", "FLUSHALL") and upper in ([], ["ASYNC"], ["SYNC"]):
        warning = ALL if name == "FLUSHALL" else "" if upper == ["ASYNC"] else BLOCKING
        return Recognised(Request(FLUSH.name, _subjects(db, here)), warning)
    if name == "CONFIG" and len(args) == 3 and upper[0] == "SET":
        return _setting(args[1].lower(), args[2])
    if name == "SLOWLOG" and upper == ["RESET"]:
        return Recognised(Request(SLOWLOG.name))
    if name == "EVAL":
        return _script(db, args, here)
    return None


def _subjects(db: int, here: Here) -> tuple[str, ...]:
    return () if db == here.db else (f"db{db}",)


def _setting(name: str, value: str) -> Recognised | None:
    if name == "maxmemory-policy" and value.lower() in POLICIES:
        return Recognised(Request(POLICY.name, word=value.lower()), LASTS)
    found = re.fullmatch(r"(\d{1,15})([a-z]{0,2})", value.lower())
    if name != "maxmemory" or found is None or found[2] not in _UNITS:
        return None
    size = int(found[1]) * _UNITS[found[2]]
    mib, rest = divmod(size, MIB)
    assert MEMORY.number is not None
    if rest or not MEMORY.number.least <= mib <= MEMORY.number.most:
        return None
    return Recognised(Request(MEMORY.name, number=mib), LASTS)


def _cleared(db: int, words: Sequence[str], pattern: str | None, line: CommandLine, here: Here) -> Recognised | None:
    """`redis-cli --scan --pattern X | xargs redis-cli unlink`, or with KEYS X."""
    by_keys = pattern is None and len(words) == 2 and words[0].upper() == "KEYS"
    if by_keys:
        pattern = words[1]
    elif words:
        return None
    if not pattern or len(line.piped) != 1:
        return None
    removes = _xargs(line.piped[0], line.environment, here)
    if removes is None or removes[0] != db:
        return None
    plain = not by_keys and removes[1] == "UNLINK" and removes[2]
    return _clear(db, pattern, here, "" if plain else KEYS if by_keys else SPLIT)


def _clear(db: int, pattern: str, here: Here, warning: str) -> Recognised | None:
    if str(SafeText(pattern)) != pattern or CLEAR.word is None or not re.fullmatch(CLEAR.word.pattern, pattern):
        return None
    return Recognised(Request(CLEAR.name, _subjects(db, here), word=pattern), warning)


def _xargs(words: Sequence[str], environment: Mapping[str, str], here: Here) -> tuple[int, str, bool] | None:
    """(database, DEL or UNLINK, whether keys go whole) of `xargs redis-cli del`; None when it is something else."""
    rest, whole = list(words), False
    if not rest or rest.pop(0).rpartition("/")[2] != "xargs":
        return None
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in _XARGS:
            whole = whole or option in ("-0", "--null")
        elif option in _XARGS_VALUED and rest:
            value = rest.pop(0)
            whole = whole or (option == "-d" and value in ("\\n", "\n"))
        elif option[:2] in _XARGS_VALUED and len(option) > 2:
            whole = whole or option in ("-d\\n", "-d\n")
        else:
            return None
    found = _read_cli(rest, environment, here)
    if found is None or found[2] is not None:
        return None
    db, command, _ = found
    if not command or command[0].upper() not in ("DEL", "UNLINK") or command[1:] not in ((), ("{}",), ("%",)):
        return None
    return db, command[0].upper(), whole


def _script(db: int, args: Sequence[str], here: Here) -> Recognised | None:
    """The script of KEYS and DEL that is handed from page to page."""
    text = re.sub(r"\s", "", args[0].lower()) if args else ""
    if not re.search(r"redis\.call\(['\"]keys['\"]", text) or not re.search(r"['\"](?:del|unlink)['\"]", text):
        return None
    literal = re.search(r"redis\.call\(\s*['\"]keys['\"]\s*,\s*['\"]([^'\"]+)['\"]\s*\)", args[0], re.IGNORECASE)
    if len(args) == 3 and args[1] == "0" and "argv[1]" in text:
        return _clear(db, args[2], here, SCRIPT)
    return _clear(db, literal[1], here, SCRIPT) if literal and list(args[1:]) == ["0"] else None


def _read_cli(
    words: Sequence[str], environment: Mapping[str, str], here: Here
) -> tuple[int, tuple[str, ...], str | None] | None:
    """(database, command, pattern of --scan), when it goes to our server; None when it goes elsewhere or is unclear."""
    rest, given = list(words), dict[str, str]()
    scan, pattern = False, ""
    if not rest or rest.pop(0).rpartition("/")[2] not in ("redis-cli", "valkey-cli"):
        return None
    if set(environment) - {"REDISCLI_AUTH"}:
        return None
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in _FLAGS:
            continue
        if option == "--scan":
            scan = True
        elif option in ("--pattern", "--count") and rest:
            value = rest.pop(0)
            pattern = value if option == "--pattern" else pattern
        elif option in _VALUED and rest:
            given[option] = rest.pop(0)
        elif option[:2] in ("-h", "-p", "-n", "-s", "-a", "-u") and len(option) > 2 and option[1] != "-":
            given[option[:2]] = option[2:]
        else:
            return None
    db = _database(given, here)
    if db is None or (pattern and not scan) or (scan and rest):
        return None
    return db, tuple(rest), pattern if scan else None


def _database(given: Mapping[str, str], here: Here) -> int | None:
    """The database redis-cli would speak to, when it is on our server; nothing given means this machine's."""
    number = given.get("-n", "")
    if number and not (number.isdecimal() and len(number) < 7):
        return None
    if "-u" in given:
        there = _endpoint(given["-u"])
        same = there is not None and _same(there, here)
        return (int(number) if number else _number(there)) if same else None
    db = int(number or "0")
    if "-s" in given:
        local = here.endpoint is not None and here.endpoint.scheme == "unix" and here.endpoint.path == given["-s"]
        return db if local else None
    if not set(given) & {"-h", "-p"}:
        return db if number or here.endpoint is None else (db if _is_default(here.endpoint) else here.db)
    port = given.get("-p", str(PORT))
    if not (port.isdecimal() and len(port) < 6):
        return None
    there = Endpoint("redis", given.get("-h", "127.0.0.1"), int(port))
    return db if _same(there, here) else None


def _is_default(endpoint: Endpoint) -> bool:
    return _host(endpoint) == "localhost" and (endpoint.port or PORT) == PORT


def _same(there: Endpoint, here: Here) -> bool:
    ours = here.endpoint
    if ours is None:
        return False
    if "unix" in (there.scheme, ours.scheme):
        return there.scheme == ours.scheme and there.path == ours.path
    return _host(there) == _host(ours) and (there.port or PORT) == (ours.port or PORT)


def _host(endpoint: Endpoint) -> str:
    name = unquote(endpoint.host).lower().strip("[]")
    return "localhost" if name in _LOCAL else name
