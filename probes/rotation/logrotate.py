"""logrotate's configuration and its record, read as its manual page says: https://man7.org/linux/man-pages/man8/logrotate.8.html"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from probes.base import Cause, ProbeError
from probes.rotation.facts import Configuration, Stanza

_PERIODS: Final = {
    "hourly": 3600.0, "daily": 86400.0, "weekly": 7 * 86400.0, "monthly": 31 * 86400.0, "yearly": 366 * 86400.0,
}  # fmt: skip
_SCRIPTS: Final = frozenset({"postrotate", "prerotate", "firstaction", "lastaction", "preremove"})
_TABOO: Final = (
    ",v", ".bak", ".cfsaved", ".disabled", ".dpkg-bak", ".dpkg-del", ".dpkg-dist", ".dpkg-new", ".dpkg-old",
    ".dpkg-tmp", ".rpmnew", ".rpmorig", ".rpmsave", ".swp", ".ucf-dist", ".ucf-new", ".ucf-old", "~",
)  # fmt: skip
_LIMIT: Final = 1 << 20
_FILES: Final = 300
_RECORD: Final = re.compile(r'^"?(.+?)"? (\d{4})-(\d{1,2})-(\d{1,2})(?:-(\d{1,2}):(\d{1,2}):(\d{1,2}))?$')
_SCALES: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass
class _Options:
    """What is in force at one point of the configuration."""

    values: dict[str, str] = field(default_factory=dict)

    def copy(self) -> _Options:
        return _Options(dict(self.values))

    def take(self, words: Sequence[str]) -> None:
        name, rest = words[0].lower(), " ".join(words[1:])
        if name in _PERIODS:
            self.values["period"] = name
            self.values.pop("size", None)
        elif name == "size":
            self.values["size"] = rest
            self.values.pop("period", None)
        elif name.startswith("no") and name[2:] in ("compress", "copytruncate", "create", "dateext", "olddir"):
            self.values.pop(name[2:], None)
        else:
            self.values[name] = rest

    def stanza(self, patterns: Sequence[str]) -> Stanza:
        value = self.values
        period = value.get("period")
        return Stanza(
            patterns=tuple(patterns),
            period=_PERIODS[period] if period else None if "size" in value else _PERIODS["weekly"],
            keeps=_number(value.get("rotate")) or 0,
            size=size_of(value.get("size") or value.get("maxsize") or ""),
            max_age=None if (days := _number(value.get("maxage"))) is None else days * 86400.0,
            compresses="compress" in value,
            copies="copytruncate" in value or "copy" in value,
            tells=bool({"postrotate", "lastaction"} & value.keys()),
            olddir=value.get("olddir", ""),
        )

    def inherited(self) -> tuple[str, ...]:
        """Directives as they would be written, without those that are nobody's business here."""
        told = [one for name, one in self.values.items() if name == "period"]
        told += [
            f"{name} {one}".strip()
            for name, one in self.values.items()
            if name not in ("period", "include", "tabooext")
        ]
        return tuple(sorted(told))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def size_of(text: str) -> int | None:
    """Bytes of "100k", "5M", "1G" as logrotate writes sizes.

    >>> size_of("100M"), size_of("often")
    (104857600, None)
    """
    found = re.fullmatch(r"(\d{1,15})([kmg]?)", text.strip().lower())
    return int(found[1]) * _SCALES[found[2]] if found else None


def read_configurations(main: str) -> list[Configuration]:
    """The file and all that it includes, in logrotate's order. Raises `ProbeError`."""
    found: list[Configuration] = []
    _read(Path(main), _Options(), list(_TABOO), found, depth=0)
    return found


def read_configuration(main: str, path: str) -> Configuration:
    """One of them. Raises `ProbeError`, GONE when logrotate does not include it."""
    for one in read_configurations(main):
        if one.path == path:
            return one
    raise ProbeError(Cause.GONE, "logrotate's configuration does not include that file")


def read_alone(path: str) -> Configuration:
    """One file as it counts when it is given to logrotate alone, without what others say. Raises `ProbeError`."""
    found: list[Configuration] = []
    _read(Path(path), _Options(), list(_TABOO), found, depth=0)
    return found[0]


def _read(path: Path, options: _Options, taboo: list[str], found: list[Configuration], depth: int) -> None:
    if len(found) >= _FILES or depth > 8:
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            raw = file.read(_LIMIT)
    except FileNotFoundError:
        raise ProbeError(Cause.GONE, "logrotate is not configured here", "config names its main file") from None
    except OSError as error:
        raise ProbeError(Cause.LOCAL_PERM, f"logrotate's configuration can't be read: {error.strerror}") from None
    place = len(found)
    inherited = options.inherited() if depth else ()
    stanzas: list[Stanza] = []
    for kind, words in _parts(raw.decode("utf-8", "replace"), options, stanzas):
        if kind == "tabooext":
            taboo[:] = [*taboo, *words[1:]] if words[:1] == ["+"] else words
        elif words:
            for other in _included(Path(words[0]), taboo):
                _read(other, options, taboo, found, depth + 1)
    found.insert(place, Configuration(str(path), tuple(stanzas), hashlib.sha256(raw).hexdigest(), inherited))


def _included(path: Path, taboo: Sequence[str]) -> list[Path]:
    if not path.is_dir():
        return [path] if path.exists() else []
    try:
        names = sorted(one for one in path.iterdir() if one.is_file())
    except OSError:
        return []
    return [one for one in names if not one.name.endswith(tuple(taboo)) and not one.name.startswith(".")]


def _parts(text: str, options: _Options, stanzas: list[Stanza]) -> Iterator[tuple[str, list[str]]]:
    """Gives back includes and taboo lists as they come; stanzas and options go where they belong."""
    patterns: list[str] = []
    inner: _Options | None = None
    script = False
    for raw in text.splitlines():
        one = raw.strip()
        if script:
            script = one != "endscript"
            continue
        if not one or one.startswith("#"):
            continue
        if inner is not None:
            if one.startswith("}"):
                stanzas.append(inner.stanza(patterns))
                patterns, inner = [], None
                continue
            words = _words(one.removesuffix("}"))
            if words:
                inner.take(words)
                script = words[0] in _SCRIPTS
            if one.endswith("}") and not script:
                stanzas.append(inner.stanza(patterns))
                patterns, inner = [], None
            continue
        before, brace, after = one.partition("{")
        if brace or patterns or one[0] in "/\"'~*":
            patterns += _words(before)
            if brace:
                inner = options.copy()
                for word in filter(None, (part.strip() for part in after.removesuffix("}").split(";"))):
                    inner.take(_words(word))
                if after.rstrip().endswith("}"):
                    stanzas.append(inner.stanza(patterns))
                    patterns, inner = [], None
            continue
        words = _words(one)
        if words[:1] in (["include"], ["tabooext"]):
            yield words[0], words[1:]
        elif words:
            options.take(words)
            script = words[0] in _SCRIPTS


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text.replace("=", " ", 1) if re.match(r"\w+\s*=", text) else text, comments=True)
    except ValueError:
        return text.split()


def matches(path: str, pattern: str) -> bool:
    """True when a pattern names a path; a star does not go beyond a slash.

    >>> matches("/var/log/shop/a.log", "/var/log/*/*.log"), matches("/var/log/shop/a.log", "/var/log/*.log")
    (True, False)
    """
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def covering(path: str, configurations: Sequence[Configuration]) -> tuple[Configuration, Stanza] | None:
    """What rotates a file: the first stanza that names it."""
    for one in configurations:
        for stanza in one.stanzas:
            if any(matches(path, pattern) for pattern in stanza.patterns):
                return one, stanza
    return None


def read_record(path: str) -> tuple[dict[str, datetime], datetime]:
    """(when each file was last rotated, when the record was written). Raises `ProbeError`."""
    try:
        with open(path, "rb") as file:
            raw = file.read(4 * _LIMIT)
            written = os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        raise ProbeError(Cause.GONE, "logrotate has never run here, or keeps its record elsewhere") from None
    except OSError as error:
        raise ProbeError(
            Cause.LOCAL_PERM, f"logrotate's record can't be read: {error.strerror}", f"setfacl -m u:USER:r {path}"
        ) from None
    found: dict[str, datetime] = {}
    for one in raw.decode("utf-8", "replace").splitlines():
        told = _RECORD.match(one)
        if told is not None:
            numbers = [int(part or 0) for part in told.groups()[1:]]
            try:
                found[told[1]] = datetime(*numbers[:6]).astimezone(UTC)  # type: ignore[arg-type]
            except (ValueError, OverflowError):
                continue
    return found, datetime.fromtimestamp(written, UTC)
