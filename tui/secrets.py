"""Where secrets come from: the environment, a private file, or a program. They are never kept on disk or shown.

Whatever was resolved is remembered, so that it can be taken out of any text that leaves the process.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shlex
import stat
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, quote_plus, unquote

from probes import exec as door
from probes.base import ProbeError, secret_parameters

_SHORTEST: Final = 4
"""Shorter secrets are not searched for in texts: they would blank out ordinary words."""


_LONG: Final = 8
"""From this length a secret is searched for in base64 too."""


class Secrets:
    """Resolves references. `command:` ones must be prepared first, because they may take time."""

    patience: float = 10.0
    """Seconds the program behind a secret has."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._answers: dict[str, str] = {}
        self._faults: dict[str, str] = {}
        self._known: set[str] = set()

    async def prepare(self, references: Iterable[str]) -> None:
        """Run the programs behind `command:` references, side by side."""
        wanted = [one for one in dict.fromkeys(references) if one.startswith("command:") and one not in self._answers]
        await asyncio.gather(*(self._ask(one) for one in wanted))

    async def _ask(self, reference: str) -> None:
        try:
            argv = shlex.split(reference.removeprefix("command:"))
            if not argv:
                raise ValueError
            ran = await door.run(argv, within=self.patience, limit=1 << 16, env=dict(self._environ))
        except ProbeError as error:
            self._faults[reference] = str(error.message)
        except (ValueError, OSError):
            self._faults[reference] = f"{_program(reference)} cannot be run"
        else:
            secret = ran.out.decode("utf-8", "replace").rstrip("\r\n")
            if ran.code == 0 and secret:
                self._answers[reference] = secret
            else:
                said = "with no answer" if ran.code == 0 else f"with code {ran.code}"
                self._faults[reference] = f"{_program(reference)} ended {said}"

    def resolve(self, reference: str) -> str:
        """The secret; LookupError says which reference failed and why, never what it holds."""
        source, _, rest = reference.partition(":")
        if source == "env":
            if rest not in self._environ:
                raise LookupError(f"the environment variable {rest} is not set")
            return self._remember(self._environ[rest])
        if source == "file":
            return self._remember(_private(os.path.expanduser(rest)))
        if source == "command":
            if reference not in self._answers:
                fault = self._faults.get(reference, f"{_program(reference)} was not asked yet")
                raise LookupError(f"the program for the secret gave none: {fault}")
            return self._remember(self._answers[reference])
        raise LookupError("a secret is given as env:NAME, file:/path or command:program")

    def redact(self, text: str) -> str:
        """The text without any secret resolved so far."""
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, "[secret]")
        return text

    def _remember(self, secret: str) -> str:
        for one in {secret, *_passwords(secret)}:
            self._known.update(form for form in _forms(one) if len(form) >= _SHORTEST)
        return secret


def _program(reference: str) -> str:
    """The program's name; its arguments are nobody's business."""
    return reference.removeprefix("command:").strip().split(" ")[0] or "nothing"


def _passwords(secret: str) -> Iterable[str]:
    """The secrets inside an address, as DATABASE_URL holds one; not one that its open parts give away anyway."""
    scheme, mark, rest = secret.partition("://")
    login, _, place = rest.rpartition("@")
    user, _, written = login.partition(":")
    if mark and written and not any(written in part for part in (scheme, user, place)):
        yield from (written, unquote(written))
    if mark:
        yield from secret_parameters(secret)


def _forms(secret: str) -> Iterable[str]:
    """How a secret looks in an address, in JSON, in Python's repr and in a header."""
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    if len(secret) >= _LONG:
        yield base64.b64encode(secret.encode("utf-8", "surrogateescape")).decode("ascii").rstrip("=")


def _private(path: str) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "not a path").lower()
        raise LookupError(f"the secret file {path} cannot be read: {reason}") from None
    try:
        return _read(handle, path)
    finally:
        os.close(handle)


def _read(handle: int, path: str) -> str:
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        raise LookupError(f"the secret file {path} is not a regular file")
    if mode & 0o077:
        raise LookupError(f"the secret file {path} can be read by others: chmod 600 it")
    return os.read(handle, 1 << 16).decode("utf-8", "replace").rstrip("\r\n")
