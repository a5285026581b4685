"""What every other command line means: the last dialect, with an answer for each.

A program that is not known interrupts somebody, and takes something away where its words speak of it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from probes.base import CommandLine, Danger, Meaning, Verb, Within
from probes.base.options import is_of_the_system
from probes.commands.dialect_carriers import carried
from probes.commands.dialect_code import code
from probes.commands.dialect_files import files
from probes.commands.dialect_services import services
from probes.commands.dialect_windows import windows
from probes.commands.dialect_words import by_name, by_verb, shell

_TRUNCATES = re.compile(r"\.log\b|/logs?/|\.out\b|\.err\b|access|error", re.IGNORECASE)
_EMPTY = frozenset({":", "true", "cat", "echo", "printf"})


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a command means; there is an answer for every one that has words."""
    if not line.words:
        if line.writes:
            return shell(Danger.DESTRUCTIVE, Verb.MAINTENANCE, line.writes[0])
        if "sudo" in line.through or "doas" in line.through:
            return replace(shell(Danger.DISRUPTIVE), interactive=True)
        return shell(Danger.READ) if not line.sql else None
    if not line.program:
        return shell(Danger.DISRUPTIVE, target=line.words[0])
    if re.fullmatch(r"[A-Za-z_]\w*\+?=.*", line.words[0], re.DOTALL):
        return shell(Danger.READ)
    found = carried(line) or windows(line) or files(line) or code(line) or services(line) or _other(line)
    if isinstance(found, Within) or not line.writes:
        return found
    return _written(found, line)


def _other(line: CommandLine) -> Meaning:
    """A program that is not known: a script by its name, or a word with sub-commands."""
    words = line.words
    first = words[0]
    if "/" in first or re.search(r"\.(?:sh|py|js|ts|rb|pl|php|ps1|bat|cmd|exe|jar|mjs|cjs)$", first):
        return by_name(words)
    verbs = ("list", "ls", "status", "show", "describe", "version", "info", "get", "logs")
    if any(word in verbs for word in words[1:3]):
        found = by_verb(words, line.program)
        return replace(found, danger=max(found.danger, Danger.DISRUPTIVE), system="shell")
    return by_name(words)


def _written(found: Meaning, line: CommandLine) -> Meaning:
    """What a file costs that the output takes the place of."""
    targets = [one for one in line.writes if one not in ("/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty")]
    if not targets:
        return found
    words = " ".join(line.words[1:])
    if not words.strip("/devnul- ") and all(re.match(r"/dev/(?:tcp|udp)/", one) for one in targets):
        return found  # a connection that is only opened
    empties = line.program in _EMPTY and (not words.strip() or words in ("/dev/null", "-n", "-n "))
    if empties and any(map(_TRUNCATES.search, targets)):
        return replace(found, danger=Danger.DESTRUCTIVE, verb=Verb.MAINTENANCE, target=targets[0])
    felt = any(map(is_of_the_system, targets))
    return replace(found, danger=max(found.danger, Danger.DISRUPTIVE if felt else Danger.REVERSIBLE))
