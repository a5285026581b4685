"""Changes of secrets as lines of the AWS command line, both ways. No value is written into a line, or kept from one.

`update-secret --secret-string '{...}'` is what people write: it replaces the whole JSON, so that keys it leaves out are
gone, and leaves the value in the shell's history and in the list of processes. Its keys are what is kept of it here;
the values are asked for again, unseen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from probes.aws.line import AwsLine, read_line, write_line
from probes.aws.secrets.merge import NotKeys, members
from probes.aws.secrets.settings import SecretsSettings
from probes.base import CommandLine, Recognised, Request, SafeText, quoted

NAME: Final = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):(\d{12}):secret:([A-Za-z0-9/_+=.@-]{1,520})")
_READERS: Final = frozenset({"jq", "cat", "head", "tail", "less", "more", "grep"})
_STDIN: Final = "file:///dev/stdin"
_STEP: Final = re.compile(r'\.\[("(?:[^"\\]|\\.)*")\] = \$v(\d+)')
_VERSION: Final = re.compile(r"[A-Za-z0-9-]{32,64}")

WHOLE: Final = (
    "The line replaces the whole JSON, so other keys are gone, and leaves the value in the history and the list of "
    "processes; here only the named keys change, and their values are asked for again."
)
SHOWN: Final = "The line leaves the value in the history and the list of processes; here it is asked for again."
_FROM: Final = "What is AWSCURRENT when you look is what it is taken from: see the plan."


@dataclass(frozen=True, slots=True)
class Here:
    """Which account and secrets a dialect speaks of."""

    settings: SecretsSettings
    account: str = ""
    """Empty: not known yet."""
    region: str = ""
    known: Mapping[str, str] = field(default_factory=dict)
    """ARN -> name of the secrets that were seen."""


def parts(word: str) -> list[str]:
    """The keys that a word names."""
    return [part for part in map(str.strip, word.split(",")) if part]


def render(request: Request, here: Here) -> str:
    """The line for a request; new values come from files in it, never from the line."""
    return "\n".join(_line(request, name, here.settings) for name in request.subjects)


def _line(request: Request, name: str, settings: SecretsSettings) -> str:
    id = ("secret-id", [name])
    if request.action == "undo":
        to = [("move-to-version-id", [request.word])] if request.word else []
        flags = [id, ("version-stage", ["AWSCURRENT"]), *to]
        return write_line("secretsmanager", "update-secret-version-stage", flags, settings)
    put = write_line("secretsmanager", "put-secret-value", [id, ("secret-string", [_STDIN])], settings)
    if request.action == "replace":
        return put
    read = [id, ("query", ["SecretString"]), ("output", ["text"])]
    get = write_line("secretsmanager", "get-secret-value", read, settings)
    keys = parts(request.word)
    files = [word for number in range(len(keys)) for word in ("--rawfile", f"v{number}", f"new-value-{number}")]
    steps = " | ".join(f".[{json.dumps(key)}] = $v{number}" for number, key in enumerate(keys))
    return f"{get} | {quoted(['jq', *files, steps or '.'])} | {put}"


def recognise(line: CommandLine, here: Here) -> Recognised | None:
    """The request a line means at this account."""
    said = read_line(line, here.settings)
    if said is None or said.service != "secretsmanager":
        return None
    name = subject(said.one("secret-id") or "", here)
    if not name:
        return None
    if said.verb == "get-secret-value":
        return _merging(said, line.piped, name, here) if said.only(["secret-id"]) else None
    if any(not one or one[0].rpartition("/")[2] not in _READERS for one in line.piped):
        return None
    if said.verb in ("update-secret", "put-secret-value"):
        return _put(said, name)
    return _undo(said, name) if said.verb == "update-secret-version-stage" else None


def _put(said: AwsLine, name: str) -> Recognised | None:
    text = said.one("secret-string")
    if text is None or not said.only(["secret-id", "secret-string", "client-request-token"]):
        return None
    if text == _STDIN:
        return Recognised(Request("replace", (name,)))
    if text.startswith(("file:", "fileb:")):
        return None
    try:
        keys = list(members(text))
    except NotKeys:
        return Recognised(Request("replace", (name,)), SHOWN)
    word = ",".join(keys)
    return Recognised(Request("set", (name,), word=word), WHOLE) if _sayable(keys) else None


def _sayable(keys: Sequence[str]) -> bool:
    """True when every key can stand in a word of ours and be read back from it."""
    plain = all(key and key == key.strip() and "," not in key and str(SafeText(key)) == key for key in keys)
    return bool(keys) and plain and len(",".join(keys)) <= 1000


def _merging(said: AwsLine, piped: Sequence[tuple[str, ...]], name: str, here: Here) -> Recognised | None:
    """The line that `render` writes for `set`: read, put in, write back."""
    if len(piped) != 2 or piped[0][:1] != ("jq",):
        return None
    put = read_line(CommandLine(words=piped[1]), here.settings)
    if put is None or (put.service, put.verb) != ("secretsmanager", "put-secret-value"):
        return None
    if subject(put.one("secret-id") or "", here) != name or put.one("secret-string") != _STDIN:
        return None
    steps = [_STEP.fullmatch(step) for step in _steps(piped[0][-1])]
    files = [word for number in range(len(steps)) for word in ("--rawfile", f"v{number}", f"new-value-{number}")]
    if None in steps or list(piped[0][1:-1]) != files or not put.only(["secret-id", "secret-string"]):
        return None
    keys = [str(json.loads(step[1])) for step in steps if step is not None]
    return Recognised(Request("set", (name,), word=",".join(keys))) if _sayable(keys) else None


def _steps(program: str) -> list[str]:
    """A program of jq, cut at the pipes between its assignments."""
    return re.split(r"(?<=\d) \| (?=\.\[)", program)


def _undo(said: AwsLine, name: str) -> Recognised | None:
    if said.one("version-stage") != "AWSCURRENT":
        return None
    if not said.only(["secret-id", "version-stage", "move-to-version-id", "remove-from-version-id"]):
        return None
    to = said.one("move-to-version-id") or ""
    if not _VERSION.fullmatch(to) and "move-to-version-id" in said.flags:
        return None
    return Recognised(Request("undo", (name,), word=to), _FROM if "remove-from-version-id" in said.flags else "")


def subject(id: str, here: Here) -> str:
    """The row that a name or an ARN means; an ARN of which that can't be told stays as it is; empty: not ours."""
    if id in here.known:
        return here.known[id]
    if not id.startswith("arn:"):
        return id if NAME.fullmatch(id) and _is_ours(id, here.settings) else ""
    found = _ARN.fullmatch(id)
    if found is None or (here.region and found[1] != here.region) or (here.account and found[2] != here.account):
        return ""
    return id if _is_ours(found[3], here.settings) or _is_ours(found[3].rpartition("-")[0], here.settings) else ""


def _is_ours(name: str, settings: SecretsSettings) -> bool:
    """True when the target watches a secret of that name."""
    named = not settings.names or any(fnmatchcase(name, one) or one.startswith("arn:") for one in settings.names)
    return named and name.startswith(settings.prefix)
