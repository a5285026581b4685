"""Lines with which people edit a file of settings, and what they mean here. No value is ever taken over from one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from probes.base import CommandLine, Recognised, Request, quoted
from probes.settings.settings import secret_name

_KEY: Final = r"[A-Za-z_][A-Za-z0-9_.-]{0,199}"
_SET: Final = re.compile(
    rf"s(?P<d>[/|#,@!~%])\^?(?:export )?(?P<key>{_KEY})=(?:(?!(?P=d)).)*(?P=d)"
    r"(?:export )?(?P=key)=(?P<value>.*)(?P=d)g?"
)
_CUT: Final = re.compile(rf"/\^?({_KEY})=?(?:\.\*)?\$?/d")
_PAIR: Final = re.compile(rf"(?:export )?({_KEY})=(.*)")
_DIGITS: Final = "?" * 12
_SURE: Final = re.compile(
    r"RELEASE|VERSION|TAG|BUILD|COMMIT|SHA|REVISION|BRANCH|PORT|WORKERS|THREADS|PROCESSES|CONCURRENCY|REPLICAS|RETRIES"
    r"|CONNECTIONS|CLIENTS|ATTEMPTS|COUNT|NUMBER|LIMIT|MAX|MIN|SIZE|TIMEOUT|TTL|INTERVAL|SECONDS|MINUTES|HOURS|DAYS"
    r"|PERCENT|RATE|LEVEL|MODE|REGION|ZONE|ENABLED|DISABLED|DEBUG|ENVIRONMENT|STAGE|TIMEZONE|TZ|LOCALE"
)
"""Last words of names whose values are no secrets."""
_UNSURE: Final = re.compile(r"PIN|OTP|MFA|TOTP|CODE|SEED|CVV|LICEN[CS]E|COOKIE|SESSION|HASH|IV|NONCE")
"""Words of a name whose value may be a secret, whatever its last word says."""
_VALUE: Final = "<value>"
_ROTATED: Final = "<rotated>"
_GENERATED: Final = {"<generated>": "urlsafe", "<generated hex>": "hex"}
"""Stand where a person would type the value."""

_TYPED: Final = (
    "the value in this line stays in the shell's history, for all to read: it is not taken over, type it unseen"
)
_APPENDED: Final = (
    ">> appends a second line where the key is there already, and the value stays in the shell's history; here a key "
    "is added only when it is new, and the value is typed unseen"
)


def render(request: Request, path: str) -> str:
    """The line a person would type; it holds no value."""
    if request.action == "set":
        return _edit((f"s|^{key}=.*|{key}={_VALUE}|" for key in request.subjects), path)
    if request.action == "add":
        return f"{quoted(['tee', '-a', path])} <<< '{request.word}={_VALUE}'"
    if request.action == "rotate":
        return _edit((f"s|^{key}=.*|{key}={_ROTATED}|" for key in request.subjects), path)
    if request.action == "generate":
        value = next(text for text, form in _GENERATED.items() if form == (request.word or "urlsafe"))
        return _edit((f"s|^{key}=.*|{key}={value}|" for key in request.subjects), path)
    if request.action == "unset":
        return _edit((f"/^{key}=/d" for key in request.subjects), path)
    if request.action == "retire":
        return _edit((f"/^{key}=/d" for key in request.subjects), f"{path}.old")
    if request.action == "sweep":
        folder, _, name = path.rpartition("/")
        return quoted(["find", folder or "/", "-maxdepth", "1", "-name", f".{name}.{_DIGITS}", "-delete"])
    return quoted(["cp", "-p", f"{path}.{request.word}", path])


def recognise(line: CommandLine, path: str) -> Recognised | None:
    """What a line means for the file at `path`; None when it means nothing, or another file."""
    if line.environment:
        return None
    words = list(line.words[1:])
    if line.program in ("echo", "printf"):
        return _appended(words[0].removesuffix("\\n")) if len(words) == 1 and _ends_in(line, path) else None
    if line.piped or line.writes:
        return None
    if line.program == "sed":
        return _sed(words, path)
    if line.program == "cp" and words[:1] == ["-p"] and len(words) == 3 and _is(words[2], path):
        change = words[1].removeprefix(f"{words[2]}.")
        return Recognised(Request("undo", word=change)) if re.fullmatch(r"[0-9a-f]{6}", change) else None
    if line.program in ("find", "rm"):
        return _swept(line, words, path)
    if line.program == "tee" and words[:1] == ["-a"] and len(words) == 2 and _is(words[1], path):
        return _appended(line.stdin.strip())
    return None


def values(line: CommandLine) -> tuple[str, ...]:
    """The values in a line that sets or adds keys, as they are written; they are asked for instead."""
    return tuple(value for _, value in _pairs(line))


def plain(line: CommandLine) -> tuple[str, ...]:
    """Those of them that are plainly no secret: their key or their own name says what they are, and neither may be one.

    >>> plain(CommandLine(words=("sed", "-i", "s|^RELEASE=.*|RELEASE=<value>|", ".env")))
    ('<value>',)
    >>> plain(CommandLine(words=("sed", "-i", "s|^DATABASE_URL=.*|DATABASE_URL=<release>|", ".env")))
    ()
    """
    pairs = _pairs(line)
    unsure = {value for key, value in pairs if not _plain(key, value)}
    return tuple(value for _, value in pairs if value not in unsure)


def name_in(value: str) -> str:
    """The name of what stands for a value.

    >>> name_in("<api-token>"), name_in("${DATABASE_URL}")
    ('api_token', 'DATABASE_URL')
    """
    return "_".join(re.findall(r"[A-Za-z0-9]+", value))


def _pairs(line: CommandLine) -> list[tuple[str, str]]:
    found = [_SET.fullmatch(word) for word in line.words[1:]]
    pairs = [(one["key"], one["value"]) for one in found if one is not None]
    added = _PAIR.fullmatch(line.stdin.strip()) if line.program == "tee" else None
    return pairs if added is None else [*pairs, (added[1], added[2])]


def _plain(key: str, value: str) -> bool:
    names = name_in(key), name_in(value)
    words = [re.findall(r"[A-Z]+", name.upper()) for name in names]
    if any(map(secret_name, names)) or any(_UNSURE.fullmatch(word) for one in words for word in one):
        return False
    return any(_SURE.fullmatch(one[-1]) for one in words if one)


def _edit(expressions: Iterable[str], path: str) -> str:
    given = [word for one in expressions for word in ("-e", one)]
    return quoted(["sed", "-i", *given, path])


def _sed(words: list[str], path: str) -> Recognised | None:
    expressions: list[str] = []
    rest: list[str] = []
    inside = False
    while words:
        word = words.pop(0)
        if re.fullmatch(r"-(?:[Er]*)i(?:\.[\w.]+)?|--in-place(?:=.*)?", word):
            inside = True
        elif word in ("-e", "--expression") and words:
            expressions.append(words.pop(0))
        elif word in ("-E", "-r"):
            continue
        elif word.startswith("-"):
            return None
        else:
            rest.append(word)
    if not expressions and rest:
        expressions = [rest.pop(0)]
    if not inside or len(rest) != 1 or not expressions:
        return None
    sets, cuts = [_SET.fullmatch(one) for one in expressions], [_CUT.fullmatch(one) for one in expressions]
    if _is(rest[0], path) and all(sets):
        found = [one for one in sets if one is not None]
        keys, values = [one["key"] for one in found], {one["value"] for one in found}
        if len(set(keys)) < len(keys):
            return None
        if values == {_ROTATED}:
            return Recognised(Request("rotate", tuple(keys)))
        if len(values) == 1 and (form := _GENERATED.get(found[0]["value"])):
            return Recognised(Request("generate", tuple(keys), word=form))
        return Recognised(Request("set", tuple(keys)), "" if values == {_VALUE} else _TYPED)
    cut = tuple(dict.fromkeys(one[1] for one in cuts if one is not None))
    if all(cuts) and len(cut) == len(cuts):
        if _is(rest[0], path):
            return Recognised(Request("unset", cut))
        if _is(rest[0], f"{path}.old"):
            return Recognised(Request("retire", cut))
    return None


def _appended(text: str) -> Recognised | None:
    pair = _PAIR.fullmatch(text)
    if pair is None:
        return None
    return Recognised(Request("add", word=pair[1]), "" if pair[2] == _VALUE else _APPENDED)


def _swept(line: CommandLine, words: list[str], path: str) -> Recognised | None:
    """What takes away exactly the new files that are left behind."""
    folder, _, name = path.rpartition("/")
    if line.program == "find":
        ours = ["-maxdepth", "1", "-name", f".{name}.{_DIGITS}", "-delete"]
        return Recognised(Request("sweep")) if words[:1] == [folder or "/"] and words[1:] == ours else None
    files = [word for word in words if word not in ("-f", "-v", "--")]
    left = rf"{re.escape(folder)}/\.{re.escape(name)}\.[0-9a-f]{{12}}"
    return Recognised(Request("sweep")) if files and all(re.fullmatch(left, one) for one in files) else None


def _ends_in(line: CommandLine, path: str) -> bool:
    """Whether a line's output is added to this file, and goes nowhere else."""
    if line.piped:
        words = [word for word in line.piped[0] if word != "sudo"]
        return len(line.piped) == 1 and not line.writes and words[:2] == ["tee", "-a"] and _is("".join(words[2:]), path)
    return len(line.writes) == 1 and line.writes == line.appends and _is(line.writes[0].strip("'\""), path)


def _is(given: str, path: str) -> bool:
    """Whether a line means this file: by its whole path, or by its end where the line stands in its folder."""
    if given.startswith(("/", "~")):
        return given == path
    return bool(given) and ".." not in given and path.endswith("/" + given.removeprefix("./"))
