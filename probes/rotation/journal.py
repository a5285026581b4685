"""What systemd's journal takes, its limits, and which of its files a vacuum would take away.

The rule is systemd's own: archived files go as a whole, the oldest first, while the first entry of one is older than
the limit, or while all files together are more than the size (journalctl(1), --vacuum-time and --vacuum-size).
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from probes import exec as programs
from probes.base import Cause, ProbeError, SafeText
from probes.rotation.facts import Journal

FOLDERS: Final = ("/var/log/journal", "/run/log/journal")
_TAKES: Final = re.compile(rb"take up ([\d.]+)([BKMGTP])")
_SCALES: Final = {b"B": 0, b"K": 1, b"M": 2, b"G": 3, b"T": 4, b"P": 5}
_ARCHIVED: Final = re.compile(r"@[0-9a-f]{32}-[0-9a-f]{16}-(?P<first>[0-9a-f]{16})\.journal$")
_SPAN: Final = re.compile(r"([1-9]\d{0,4})(min|h|d|weeks?|months?|years?)")
_SECONDS: Final = {"min": 60.0, "h": 3600.0, "d": 86400.0, "week": 604800.0, "month": 2629800.0, "year": 31557600.0}
_SIZE: Final = re.compile(r"([1-9]\d{0,6})([KMGT])")


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of the journal."""

    path: str
    size: int
    first: datetime | None
    """When its first entry was written; None: it is written to now."""


def seconds_of(text: str) -> float | None:
    """The length of "30d", "2weeks", "1month" in seconds, as systemd.time(7) counts them."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    unit = found[2]
    return int(found[1]) * _SECONDS[unit if unit in _SECONDS else unit.removesuffix("s")]


def bytes_of(text: str) -> int | None:
    """The bytes of "500M", "2G"."""
    found = _SIZE.fullmatch(text)
    return int(found[1]) << 10 * ("KMGT".index(found[2]) + 1) if found else None


async def read_journal(prefix: Sequence[str], within: float) -> Journal:
    """Its size and limits. Raises `ProbeError`."""
    ran = await programs.run([*prefix, "journalctl", "--disk-usage"], within, 1 << 16)
    if b"not seeing messages" in ran.err or b"permission denied" in ran.err.lower():
        raise ProbeError(Cause.DENIED, "the journal of others is hidden", "usermod -aG systemd-journal USER")
    found = _TAKES.search(ran.out)
    if found is None:
        if b"No journal files" in ran.err + ran.out:
            return Journal(0)
        raise ProbeError(Cause.GARBAGE, SafeText(f"journalctl does not tell its size: {ran.complaint}", 200))
    limits = {} if prefix else _limits(Path("/"))
    size = int(float(found[1]) * 1024 ** _SCALES[found[2]])
    return Journal(size, SafeText(limits.get("systemmaxuse", ""), 40), SafeText(limits.get("maxretentionsec", ""), 40))


def _limits(root: Path) -> dict[str, str]:
    """What journald.conf and the files beside it say, the last word counts."""
    found: dict[str, str] = {}
    paths = [root / "etc/systemd/journald.conf"]
    for folder in ("usr/lib", "etc"):
        paths += sorted((root / folder / "systemd/journald.conf.d").glob("*.conf"))
    for path in paths:
        parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
        try:
            parser.read(path, "utf-8")
            found.update({name: value or "" for name, value in parser.items("Journal")})
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue
    return found


async def pieces(prefix: Sequence[str], within: float) -> list[Piece]:
    """All files of the journal, the oldest first. Raises `ProbeError` when they can't be listed."""
    argv = [*prefix, "find", *FOLDERS, "-type", "f", "-name", "*.journal", "-printf", r"%b %T@ %p\n"]
    ran = await programs.run(argv, within, 8 << 20)
    found = []
    for one in ran.out.decode("utf-8", "replace").splitlines():
        blocks, changed, path = one.split(" ", 2)
        archived = _ARCHIVED.search(path)
        first = None
        if archived is not None:
            first = datetime.fromtimestamp(min(int(archived["first"], 16) / 1e6, float(changed)), UTC)
        found.append(Piece(path, int(blocks) * 512, first))
    if not found:
        denied = b"ermission denied" in ran.err
        raise ProbeError(
            Cause.LOCAL_PERM if denied else Cause.GONE,
            "this user may not list the journal's files" if denied else "there is no file of a journal",
        )
    return sorted(found, key=lambda one: (one.first is None, one.first, one.path))


def going(every: Sequence[Piece], *, before: datetime | None = None, most: int | None = None) -> list[Piece]:
    """Those that a vacuum would take away: that begin before a moment, or until all are no more than a size."""
    gone: list[Piece] = []
    left = sum(one.size for one in every)
    for one in every:
        if one.first is None:
            continue
        if (before is None or one.first >= before) and (most is None or left <= most):
            break
        gone.append(one)
        left -= one.size
    return gone
