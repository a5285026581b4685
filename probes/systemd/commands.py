"""The command line of systemd's world, both ways: systemctl, and the older ways to say the same."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from probes.base import CommandLine, Recognised, Request, SafeText, quoted, said_over_ssh

ACTIONS: Final = ("start", "stop", "restart")
_SUFFIXES: Final = frozenset(
    {"service", "socket", "target", "timer", "path", "mount", "automount", "swap", "slice", "scope", "device"}
)
_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9:_.\\@-]{1,255}")
_HARMLESS: Final = frozenset(
    {"--system", "--user", "--no-block", "--wait", "--no-pager", "--no-ask-password", "--quiet", "-q", "--no-legend",
     "--job-mode=fail", "--job-mode=replace", "--show-transaction", "-T"}
)  # fmt: skip
"""Options that change nothing of what is done, or only when the answer comes."""
_BUS: Final = frozenset({"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_SESSION_ID"})
"""Variables that say whose manager `systemctl --user` speaks to."""
_SUDO: Final = frozenset({"-n", "--non-interactive", "--"})
_SCRIPTS: Final = ("/etc/init.d/", "/etc/rc.d/init.d/")


@dataclass(frozen=True, slots=True)
class Here:
    """Which systemd a dialect speaks of."""

    prefix: tuple[str, ...] = ()
    user: bool = False
    sudo: bool = False
    ssh: str | None = None
    """The machine that ssh goes to; the shell there reads the line once more."""


def full_name(name: str) -> str:
    """A unit's name as systemctl completes it.

    >>> full_name("nginx"), full_name("backup.timer"), full_name("web.v2")
    ('nginx.service', 'backup.timer', 'web.v2.service')
    """
    return name if name.rpartition(".")[2] in _SUFFIXES and "." in name else f"{name}.service"


def render(request: Request, here: Here) -> str:
    """The line for it, with what brings it to its machine."""
    sudo, user = (["sudo"] if here.sudo else []), (["--user"] if here.user else [])
    words = [*sudo, "systemctl", *user, request.action, *request.subjects]
    return quoted([*here.prefix, *(map(shlex.quote, words) if here.ssh else words)])


def recognise(line: CommandLine, here: Here) -> Recognised | None:
    """The request a line means at a systemd."""
    words, brought = _on_its_machine(line, here)
    if not words or (here.user and not here.prefix and not _is_ours(line)):
        return None
    found = _systemctl(words, here) if _program(words) == "systemctl" else _older(words, here)
    if found is None:
        return None
    action, names, warning = found
    if action not in ACTIONS or not names or not all(_NAME.fullmatch(name) for name in names):
        return None
    units = tuple(dict.fromkeys(map(full_name, names)))
    if any(unit.partition(".")[0].endswith("@") or unit.startswith(".") for unit in units):
        return None
    if not brought:
        warning = f"The line does not say where: this is done by {SafeText(' '.join(here.prefix), 80)}."
    elif action == "restart" and len(units) > 1:
        warning = "systemctl restarts all of them at once; here one is restarted after the other."
    return Recognised(Request(action, units), warning)


def _is_ours(line: CommandLine) -> bool:
    """Whether `systemctl --user` of a line speaks to the manager of the person who types it."""
    return not {"sudo", "doas"} & set(line.through) and not line.environment.keys() & _BUS


def _on_its_machine(line: CommandLine, here: Here) -> tuple[Sequence[str], bool]:
    """(the command behind what brings it to its machine, whether that stood there).

    A prefix may itself begin with sudo or env, which are already off the line.
    """
    if here.ssh and (told := said_over_ssh(line, here.ssh)) is not None:
        return _without_sudo(told), True
    words, prefix = line.words, here.prefix
    for start in () if here.ssh else range(len(prefix) if line.through else min(1, len(prefix))):
        rest = prefix[start:]
        if words[: len(rest)] == rest:
            return _without_sudo(words[len(rest) :]), True
    return words, not prefix


def _without_sudo(words: Sequence[str]) -> Sequence[str]:
    if not words or _program(words) != "sudo":
        return words
    words = words[1:]
    while words and words[0] in _SUDO:
        words = words[1:]
    return words


def _program(words: Sequence[str]) -> str:
    return words[0].rpartition("/")[2]


def _systemctl(words: Sequence[str], here: Here) -> tuple[str, Sequence[str], str] | None:
    """(action, units, warning). Options may stand anywhere before a --."""
    plain: list[str] = []
    options: list[str] = []
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        if word == "--":
            plain += rest
            break
        if word == "--job-mode" and rest:
            word = f"{word}={rest.pop(0)}"
        (options if word.startswith("-") else plain).append(word)
    if not set(options) <= _HARMLESS or ("--user" in options) != here.user or ("--system" in options and here.user):
        return None
    return (plain[0], plain[1:], "") if plain else None


def _older(words: Sequence[str], here: Here) -> tuple[str, Sequence[str], str] | None:
    """`service NAME restart`, `invoke-rc.d NAME restart` and `/etc/init.d/NAME restart`."""
    if here.user:
        return None
    if _program(words) in ("service", "invoke-rc.d") and len(words) == 3:
        return words[2], words[1:2], ""
    if words[0].startswith(_SCRIPTS) and len(words) == 2 and words[0].count("/") in (3, 4):
        return words[1], [_program(words)], "The script itself is not run: systemd is asked for its unit."
    return None
