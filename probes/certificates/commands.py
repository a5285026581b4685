"""The command line of certbot, both ways: https://eff-certbot.readthedocs.io/en/stable/using.html#renewing-certificates"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from probes.base import CommandLine, Recognised, Request, quoted
from probes.certificates.certbot import NAME

RENEW: Final = "renew"
DRY_RUN: Final = "dry-run"
_PROGRAMS: Final = frozenset({"certbot", "certbot-auto", "letsencrypt", "letsencrypt-auto"})
_HARMLESS: Final = frozenset(
    {"-n", "--non-interactive", "--noninteractive", "-q", "--quiet", "-v", "--verbose", "--no-random-sleep-on-renew",
     "--agree-tos"}
)  # fmt: skip
_STAGING: Final = (
    "A dry run asks the authority's staging server and renews nothing, so the days left stay as they are: look at the "
    "certificate that the server shows."
)


@dataclass(frozen=True, slots=True)
class Here:
    """Which certbot a dialect speaks of."""

    program: str = "certbot"
    sudo: bool = False
    folder: str = "/etc/letsencrypt"


def arguments(action: str, name: str, here: Here) -> list[str]:
    """What is run for one certificate."""
    words = ["renew", "--cert-name", name, *(["--dry-run"] if action == DRY_RUN else [])]
    config = [] if here.folder == "/etc/letsencrypt" else ["--config-dir", here.folder]
    before = ["sudo", "-n"] if here.sudo else []
    return [*before, here.program, *words, "--non-interactive", "--no-random-sleep-on-renew", *config]


def render(request: Request, here: Here) -> str:
    """A line for each certificate; without one, the line for all of them."""
    names: Sequence[str | None] = request.subjects or (None,)
    return "\n".join(_line(request.action, name, here) for name in names)


def _line(action: str, name: str | None, here: Here) -> str:
    words = [*(["sudo"] if here.sudo else []), here.program, "renew"]
    words += ["--cert-name", name] if name is not None else []
    words += ["--dry-run"] if action == DRY_RUN else []
    words += [] if here.folder == "/etc/letsencrypt" else ["--config-dir", here.folder]
    return quoted(words)


def recognise(line: CommandLine, here: Here) -> Recognised | None:
    """The request one line of certbot means here."""
    words = list(line.words)
    if not words or (line.program not in _PROGRAMS and words[0] != here.program):
        return None
    rest = words[1:]
    names: list[str] = []
    folder, verb, dry = "/etc/letsencrypt", "", False
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name in ("--cert-name", "--config-dir") and (equals or rest):
            value = value if equals else rest.pop(0)
            if name == "--cert-name":
                names += [one for one in value.split(",") if one]
            else:
                folder = value
        elif word == "--dry-run":
            dry = True
        elif not word.startswith("-") and not verb:
            verb = word
        elif word not in _HARMLESS:
            return None
    if verb != "renew" or folder.rstrip("/") != here.folder.rstrip("/") or not all(map(NAME.fullmatch, names)):
        return None
    request = Request(DRY_RUN if dry else RENEW, tuple(dict.fromkeys(names)))
    return Recognised(request, _STAGING if dry else "")
