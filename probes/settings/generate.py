"""New random secrets: made in memory, for the plan that writes them, and shown nowhere."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from probes.base import Cause, Choice, Hidden, ProbeError, Request, SafeText
from probes.settings.dotenv import KEY, Document
from probes.settings.settings import FileSettings

BITS: Final = 256
"""Of randomness in each: beyond guessing, and what HMAC-SHA-256 and AES-256 take for a key."""
FORMS: Final[Mapping[str, str]] = {
    "urlsafe": "43 characters: letters, digits, - and _",
    "hex": "64 characters: 0-9 and a-f",
}
"""How a secret can be written; the first one is the default."""
_FIT: Final = {"urlsafe": re.compile(r"[A-Za-z0-9_-]{43}"), "hex": re.compile(r"[0-9a-f]{64}")}
_MORE: Final = re.compile(r"_UR[LI]$|DSN|CERT|WEBHOOK")
"""Names of what holds more than a secret."""
_SHORTEST: Final = 8
"""Characters from which another value that holds the old one does so by no chance."""


def choices() -> list[Choice]:
    """The forms, for a person to pick from."""
    return [Choice(form, SafeText(about)) for form, about in FORMS.items()]


def filled(request: Request) -> Request:
    """The request with a new secret for each of its keys. Raises `ProbeError`."""
    form = request.word or next(iter(FORMS))
    if form not in FORMS:
        raise ProbeError(Cause.MISSING, f"a secret is written as {' or '.join(FORMS)}")
    made = {"urlsafe": secrets.token_urlsafe, "hex": secrets.token_hex}[form]
    return replace(request, word=form, hidden=tuple(Hidden(made(BITS // 8)) for _ in request.subjects))


def values(request: Request, there: Mapping[str, object]) -> dict[str, str | None]:
    """What each key would be set to. Raises `ProbeError`: a key is not there, or a value was not made here."""
    keys = request.subjects
    if not keys or len(set(keys)) < len(keys) or not all(map(KEY.fullmatch, keys)):
        raise ProbeError(Cause.MISSING, "choose the keys, each once")
    gone = [key for key in keys if key not in there]
    if gone:
        raise ProbeError(Cause.GONE, SafeText(f"the file has no {', '.join(gone[:8])}", 200))
    found = [one.reveal() for one in request.hidden]
    fit = _FIT.get(request.word)
    if fit is None or len(found) != len(keys) or not all(map(fit.fullmatch, found)):
        raise ProbeError(Cause.MISSING, "the new value is not kept any more: look again")
    return dict(zip(keys, found, strict=True))


def hindrance(settings: FileSettings, document: Document, keys: Sequence[str]) -> str:
    """Why a random value would be wrong for one of these keys; empty: it would not be."""
    for key in keys:
        line = document.settings.get(key)
        if not settings.is_secret(key):
            return f"{key} is no secret by the profile's patterns"
        if key in settings.rotate:
            return f"{key} is made elsewhere: rotate it"
        if line is not None and not line.literal:
            return f"{key} is made of other variables ($): generate those"
        if _MORE.search(key.upper()) or (line is not None and ("://" in line.value or "-----BEGIN" in line.value)):
            return f"{key} holds more than a secret (an address, a certificate): a random value is none"
    return ""


def felt(settings: FileSettings, document: Document, keys: Sequence[str]) -> list[SafeText]:
    """Who must get the new value, and what the old one does not open any more."""
    how = settings.renewed + ("" if settings.read_at_start else " (recreate)")
    said = [f"{row} has the old value until it is {how}" for row in settings.applies]
    said.append("whoever else knows the old value must get the new one: the server that checks it, other programs")
    said.append(
        "what the old value has signed or encrypted (sessions, tokens, data) is not accepted or read by the new"
    )
    there = document.settings
    for key in keys:
        old = there[key].value if key in there else ""
        also = [one for one, line in there.items() if one not in keys and len(old) >= _SHORTEST and old in line.value]
        if also:
            said.append(f"{', '.join(also[:8])} holds the old value of {key} too, and is not changed: set it as well")
    return [SafeText(one, 300) for one in said]
