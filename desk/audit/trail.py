"""The living end of the audit: what is about to be done and what became of it, kept before anything goes on.

A session that never acts writes nothing. Writing blocks, so it happens in a thread of its own, one record at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from desk.actor import Actor
from desk.audit import chronicle
from desk.audit.record import START, Code, Record, canonical
from desk.audit.sinks import Chain, FileSink, LastResort, Sink, SystemLog
from desk.clock import Clock
from desk.ids import new_id
from probes.base import Lane, ProbeError

PATIENCE: Final = 5.0
"""Seconds a record may take to be kept; then it counts as not kept."""
_LARGEST: Final = 32 << 10
"""Bytes of a record's data; longer texts in it are cut."""


class Unrecorded(Exception):
    """No sink took the record; the message says why, for a person."""


class Trail:
    """One process's records."""

    def __init__(
        self,
        folder: Path,
        actor: Actor,
        clock: Clock,
        about: Mapping[str, Any],
        redact: Callable[[str], str] = lambda text: text,
        sinks: tuple[Sink, ...] | None = None,
        last: LastResort | None = None,
    ) -> None:
        """`about` goes into the first record: system, environment, version. `redact` takes out secrets. `last` takes
        what no sink does; None: then nothing is done."""
        self.folder = folder
        self.actor = actor
        self._clock = clock
        self.about = about
        """Which system, environment and profile the session is about."""
        self._redact = redact
        self._writer = new_id()
        self.last = last
        self._chain = Chain(self._writer, sinks or (FileSink(folder, self._writer), SystemLog()), last)
        self._lane = Lane("audit", limit=1)
        self._turn = asyncio.Lock()
        self._opened = False
        self._hung = False
        self.heard: list[Callable[[Record], None]] = []
        """Each is told of a record once it is kept; it must be quick."""
        self._under_way: asyncio.Future[Record] | None = None
        """The newest record; its caller may have been cut while the disk is still at it."""

    @property
    def failing(self) -> Mapping[str, str]:
        """Sinks that did not take the newest record, with the reason."""
        return self._chain.failing

    @property
    def head(self) -> str:
        """Hash of the newest record kept; what a witness should remember."""
        return self._chain.head

    async def note(self, code: Code, data: Mapping[str, Any]) -> Record:
        """Keep a record; returns when it is lasting. Raises `Unrecorded`."""
        async with self._turn:
            if self._hung:
                raise Unrecorded("the disk did not answer when something was to be recorded")
            try:
                async with asyncio.timeout(PATIENCE):
                    if self._under_way is not None and not self._under_way.done():
                        await asyncio.wait({self._under_way})
                    self._under_way = asyncio.ensure_future(self._lane.run(self._keep, code, self._clean(data)))
                    self._under_way.add_done_callback(lambda kept: kept.cancelled() or kept.exception())
                    kept = await asyncio.shield(self._under_way)
            except TimeoutError:
                self._hung = True
                raise Unrecorded(f"the disk took longer than {PATIENCE:g} s to keep a record") from None
            except (OSError, ProbeError) as error:
                hint = "" if self.last is not None else "; a session with --break-glass REASON acts all the same"
                raise Unrecorded(f"nothing can be recorded: {error.args[-1]}{hint}") from None
            except (ValueError, TypeError) as error:
                raise Unrecorded(f"it can't be written down: {error}") from None
            for listener in self.heard:
                listener(kept)
            return kept

    async def close(self) -> None:
        """Write the last word, if there was a first, and let go."""
        if self._opened and not self._hung:
            with contextlib.suppress(Unrecorded):
                await self.note(Code.SESSION_CLOSED, {})
        self._lane.close()
        self._chain.close()

    def _keep(self, code: Code, data: Mapping[str, Any]) -> Record:
        if not self._opened:
            self._chain.append(self._record(Code.SESSION_OPENED, self._first()))
            self._opened = True
        return self._chain.append(self._record(code, data))

    def _record(self, code: Code, data: Mapping[str, Any]) -> Record:
        return Record(self._writer, 0, self._clock.now(), code, data, START)

    def _first(self) -> dict[str, Any]:
        actor = asdict(self.actor)
        process = actor.pop("process")
        try:
            heads = chronicle.heads(self.folder)
        except OSError:
            heads = {}
        glass = {"break_glass": self.last.reason} if self.last is not None else {}
        return self._clean({"actor": actor, "process": process, "about": dict(self.about), "heads": heads, **glass})

    def _clean(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Without secrets, and no longer than a record may be."""
        cleaned: dict[str, Any] = _mapped(data, self._redact)
        for longest in (4096, 512, 64):
            if len(canonical(cleaned)) <= _LARGEST:
                break
            cleaned = _mapped(cleaned, partial(_cut, longest))
        return cleaned


def _cut(most: int, text: str) -> str:
    return text if len(text) <= most else text[:most] + "…"


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {str(key): _mapped(one, change) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(one, change) for one in value]
    return value
