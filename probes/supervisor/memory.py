"""What is remembered between readings: starts, deaths, and how memory grew. supervisord itself keeps none of it."""

from __future__ import annotations

import re
import signal
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from probes.base import SafeText
from probes.supervisor.facts import exit_words, signal_words

WINDOW: Final = 600.0
"""Seconds in which restarts count as recent."""
_SLOPE: Final = 20.0
"""Seconds over which growth is measured."""
_LEAST: Final = 5.0
"""Seconds of history needed before growth is said."""
_WARM: Final = 15.0
"""Seconds of life in which growing is normal."""
_KEPT: Final = 50
"""Restarts remembered of one process."""

_EXIT: Final = re.compile(
    r"^\S+ \S+ \w+ exited: (?P<name>.+) \((?P<how>terminated by (?P<signal>\w[\w ]*?)(?: \(core dumped\))?"
    r"|exit status (?P<status>\d{1,9})|[^;()]*); (?P<expected>expected|not expected)\)$"
)


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a process, as supervisord's own log tells it."""

    words: str
    """How it ended."""
    expected: bool
    """True when the end was one of those its configuration expects."""


def parse_deaths(log: str) -> dict[str, Death]:
    """The last end of each process named in the log, by its name without the group.

    >>> parse_deaths("2026-03-01 03:12:41,003 WARN exited: worker_00 (terminated by SIGKILL; not expected)")
    {'worker_00': Death(words='killed (signal 9, possibly out of memory)', expected=False)}
    """
    found: dict[str, Death] = {}
    for line in log.splitlines():
        if match := _EXIT.match(line[:500]):
            found[match["name"]] = Death(_how(match), match["expected"] == "expected")
    return found


def _how(match: re.Match[str]) -> str:
    if match["status"] is not None:
        return exit_words(int(match["status"]))
    if match["signal"] is not None:
        number = _number(match["signal"])
        return signal_words(number) if number is not None else f"ended by {SafeText(match['signal'], 20)}"
    return str(SafeText(match["how"], 60))


def _number(name: str) -> int | None:
    if name.startswith("signal "):
        return int(name[7:]) if name[7:].isdecimal() and len(name) < 11 else None
    try:
        return signal.Signals[name].value
    except KeyError:
        return None


@dataclass(slots=True)
class _Life:
    """The starts of one process."""

    started: int | None
    pid: int | None
    total: int = 0
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))


class Lives:
    """Counts the starts of each process since we watch."""

    def __init__(self) -> None:
        self._lives: dict[str, _Life] = {}

    def note(self, key: str, started: int | None, pid: int | None, now: float) -> bool:
        """Take down when a process was started last; True when that is news. `now` is monotonic seconds."""
        life = self._lives.get(key)
        if life is None:
            self._lives[key] = _Life(started, pid)
            return False
        again = started is not None and (started != life.started or (pid is not None and life.pid not in (None, pid)))
        if again and life.started is not None:
            life.total += 1
            life.times.append(now)
        life.started = started
        life.pid = pid if pid is not None else life.pid
        return again

    def restarts(self, key: str, now: float) -> tuple[int, int]:
        """(all, recent) restarts of a process."""
        life = self._lives.get(key)
        if life is None:
            return 0, 0
        return life.total, sum(now - at <= WINDOW for at in life.times)

    def keep(self, keys: Iterable[str]) -> None:
        """Forget every other process."""
        kept = set(keys)
        self._lives = {key: life for key, life in self._lives.items() if key in kept}


class Growth:
    """Measures how fast the memory of each service grows; starts anew when its processes change."""

    def __init__(self) -> None:
        self._past: dict[str, tuple[object, deque[tuple[float, float]]]] = {}

    def note(self, name: str, identity: object, memory: float | None, up: float | None, now: float) -> float | None:
        """Bytes per second, or None while it is not known; `identity` changes when the processes do."""
        if memory is None or up is None or up < _WARM:
            self._past.pop(name, None)
            return None
        known, past = self._past.get(name, (None, deque[tuple[float, float]]()))
        if known != identity:
            past = deque()
        past.append((now, memory))
        while now - past[0][0] > _SLOPE:
            past.popleft()
        self._past[name] = identity, past
        first_at, first = past[0]
        return (memory - first) / (now - first_at) if now - first_at >= _LEAST else None

    def keep(self, names: Iterable[str]) -> None:
        """Forget every other service."""
        kept = set(names)
        self._past = {name: past for name, past in self._past.items() if name in kept}
