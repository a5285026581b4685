"""What a probe is: it reads one target, looks closer when asked, and never changes anything."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from probes.base.failure import Cause, ProbeError
from probes.base.raised import Raised
from probes.base.reading import Gap, Gauges, GaugeSpec, Snapshot
from probes.base.rule import Rule
from probes.base.target import SecretSource, Settings, Target
from probes.base.text import SafeText

if TYPE_CHECKING:
    from probes.base.console import Console

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Context:
    """What a probe is handed from above: secrets and time, so that tests can hold both still."""

    secrets: SecretSource
    monotonic: Callable[[], float] = time.monotonic
    """Seconds for ages and rates."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    """Wall time, aware UTC, for what is recorded."""
    operator: str = "opsroom"
    """Who is watching; goes into application names so that others can see it's us."""
    state: Path | None = None
    """Where what outlives a session is kept, such as a job under way. None: nowhere, so that none can be begun."""


@dataclass(frozen=True, slots=True)
class Look:
    """A closer look a probe can take on demand: bounded, read-only."""

    name: str
    """Stable name: "logs"."""
    title: str
    """For a person: "log of the service"."""
    follow: bool = False
    """True when it streams lines until closed; else it answers once with a `Sheet`."""
    row: str = ""
    """Key of the only row that it is about; empty: it suits any row."""
    evidence: bool = False
    """True when a bundle of evidence takes it of every row: it is cheap, and may be gone after a restart."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The answer of a look: some lines, with what was cut."""

    title: str
    lines: tuple[SafeText, ...]
    dropped: int = 0
    """Lines left out because the answer was too long."""


@dataclass(frozen=True, slots=True)
class Found:
    """A target that discovery noticed on this machine, ready for a profile."""

    name: str
    settings: Mapping[str, Any]
    """Keys and values as they would stand in the profile; secrets by reference only."""
    why: str
    """How it was noticed: "REDIS_URL is set"."""


class Probe(ABC, Generic[F]):
    """Reads one target. Made cheaply; connects at the first read; keeps its connection.

    `read` raises `ProbeError` when the target can't be read; any other exception is a bug and shown as one.
    The poller gives each read a deadline, never runs two at once, and calls `abort` when one does not return.
    """

    kind: ClassVar[str]
    """The kind's name in a profile: `[postgres.main]`."""
    settings_type: ClassVar[type[Settings]] = Settings
    gauges: ClassVar[tuple[GaugeSpec, ...]] = ()
    """Every gauge a reading may hold."""
    rules: ClassVar[tuple[Rule, ...]] = ()
    """What is worth a person's attention by default."""

    def __init__(self, target: Target, context: Context) -> None:
        self.target = target
        self.context = context
        self.doing = "connecting"
        """"connecting" or "reading": a deadline that passes is named after it."""
        self.watched = False
        """True while somebody looks at this target's own screen: what only that screen shows is worth reading."""

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """Targets of this kind that this machine seems to have. Quick, local, no connection is made."""
        del environ
        return ()

    @abstractmethod
    async def read(self) -> Snapshot[F]:
        """Read the target once, completely."""

    def looks(self) -> tuple[Look, ...]:
        """The closer looks this target offers now."""
        return ()

    async def look(self, name: str, subject: str) -> Sheet:
        """Take the look `name` at `subject` (a row's key, or empty for the target as a whole)."""
        raise ProbeError(Cause.MISSING, f"{self.kind} has no look named {name}")

    def follow(self, name: str, subject: str) -> AsyncGenerator[SafeText, None]:
        """Stream the look `name` at `subject` line by line until the iterator is closed."""
        raise ProbeError(Cause.MISSING, f"{self.kind} cannot follow {name}")

    def consoles(self, facts: F | None, subject: str) -> tuple[Console, ...]:
        """The programs that can take the terminal over for a row, or for the target as a whole (empty subject).

        `facts` are those of the last good reading, None when there was none. Quick: asked when a menu is opened.
        """
        return ()

    def raised(self, facts: F) -> Sequence[Raised]:
        """What another system raises and this reading tells of, for the inbox; pure, and none by default."""
        del facts
        return ()

    def abort(self) -> None:
        """Cut the connection hard, without waiting: a read that hangs must end by it. Never raises."""

    async def close(self) -> None:
        """Let go of everything. May be called twice, and on a target that never answered."""

    def snapshot(self, facts: F, gauges: Gauges, began: float, gaps: Iterable[Gap] = ()) -> Snapshot[F]:
        """The reading that began at `began` (monotonic seconds)."""
        return Snapshot(
            target=self.target.name,
            taken_at=self.context.now(),
            took=self.context.monotonic() - began,
            facts=facts,
            gauges=gauges.values,
            gaps=tuple(gaps),
        )
