"""The runs of commands: where they are kept, how each stands, and what they wrote, without secrets.

Each run is a job in a folder named after its act. The folders of a command are told apart by what it is, so that the
last run of another line is never taken for one of this.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from probes.base import Cause, Context, ProbeError, SafeText
from probes.base.log import masked
from probes.commands.facts import Past
from probes.commands.settings import CommandsSettings, Run
from probes.exec import job
from probes.exec.job import Standing, State

TAIL: Final = 6
"""Lines of a running command that a reading holds."""
_SHORTEST: Final = 4
"""Shorter secrets are not searched for: they would blank out ordinary words."""
_EVERY: Final = 0.3
"""Seconds between two looks while output is followed."""
_YOUNG: Final = 15.0
"""Seconds in which a run must have begun."""
_COLOUR: Final = re.compile(rb"\x1b\[[0-9;]{0,30}m")
_PIECE: Final = 1 << 18
"""Bytes of output that are taken in one go while it is followed."""
_WITHHELD: Final = SafeText("(withheld: a secret it had can't be looked up now, so it can't be taken out)")


class Hiding:
    """Takes secrets out of what a command wrote."""

    def __init__(self, values: Iterable[str] | None) -> None:
        """`values` are the secrets it had; None: they can't be had now, and nothing is shown."""
        self._values = None
        if values is not None:
            lines = {part for value in values for part in (value, *value.splitlines()) if len(part) >= _SHORTEST}
            self._values = sorted(lines, key=len, reverse=True)

    def line(self, raw: bytes) -> SafeText:
        """One line, safe to show."""
        if self._values is None:
            return _WITHHELD
        text = _COLOUR.sub(b"", raw).decode("utf-8", "replace")
        for value in self._values:
            text = text.replace(value, "***")
        return SafeText(masked(text.rpartition("\r")[2] or text))  # of a bar drawn over itself the last state


class Runs:
    """The runs of one target's commands."""

    def __init__(self, target: str, settings: CommandsSettings, context: Context) -> None:
        self._target = target
        self._settings = settings
        self._context = context
        self._over: dict[Path, Past] = {}
        """What became of runs that are over: that never changes."""

    def folder(self, name: str) -> Path | None:
        """Where the runs of a command are kept; None: nowhere."""
        if self._context.state is None:
            return None
        run = self._settings.run[name]
        what = sha256("\0".join((*run.argv, "", run.cwd)).encode()).hexdigest()[:12]
        return self._context.state / "jobs" / "commands" / f"{self._target}.{name}.{what}"

    def env(self, run: Run) -> dict[str, str]:
        """What goes into its environment. May read files, so not on the event loop. Raises `ProbeError`."""
        try:
            return {name: self._context.secrets.resolve(reference) for name, reference in run.env.items()}
        except LookupError as error:
            words = str(error.args[0]) if error.args else "a secret can't be had"
            raise ProbeError(Cause.AUTH, words, "the profile refers to a secret that this machine can't give") from None

    async def hiding(self, run: Run) -> Hiding:
        """What takes the secrets of a command out of its output."""
        try:
            return Hiding((await asyncio.to_thread(self.env, run)).values())
        except ProbeError:
            return Hiding(None)

    async def of(self, name: str) -> tuple[tuple[Past, ...], Standing | None]:
        """The runs of a command, the newest first, and how the one that is under way stands."""
        folder = self.folder(name)
        acts = await asyncio.to_thread(_acts, folder) if folder is not None else []
        run, found, running = self._settings.run[name], [], None
        for act in acts:
            assert folder is not None
            past = self._over.get(folder / act)
            if past is None:
                past, standing = await self.look(name, run, act)
                running = standing if past.runs else running
            found.append(past)
        if folder is not None:
            kept = {folder / act for act in acts}
            self._over = {path: past for path, past in self._over.items() if path.parent != folder or path in kept}
        return tuple(found), running

    async def look(self, name: str, run: Run, act: str) -> tuple[Past, Standing]:
        """One run, as it is now."""
        folder = self.folder(name)
        assert folder is not None
        standing = await job.look(folder / act)
        if standing.state is State.LOST and self._is_young(standing):
            standing = replace(standing, state=State.RUNNING)
        past = judged(act, run, standing, await self.hiding(run))
        if not past.runs:
            self._over[folder / act] = past
        return past, standing

    def _is_young(self, standing: Standing) -> bool:
        """True for a run that may be just about to begin: its keeper has no lock yet."""
        return standing.began is None or (self._context.now() - standing.began).total_seconds() < _YOUNG

    async def tail(self, run: Run, standing: Standing) -> tuple[SafeText, ...]:
        """The last lines of a run."""
        hiding = await self.hiding(run)
        return tuple(map(hiding.line, _lines(standing)[-TAIL:]))

    async def follow(self, name: str, act: str) -> AsyncGenerator[SafeText, None]:
        """What a run writes, line by line, until it ends; then how it ended."""
        folder, run = self.folder(name), self._settings.run[name]
        assert folder is not None
        hiding = await self.hiding(run)
        read, rest = {"out": 0, "err": 0}, {"out": b"", "err": b""}
        while True:
            past, _ = await self.look(name, run, act)
            more = False
            for stream in read:
                piece = await asyncio.to_thread(_piece, folder / act / stream, read[stream])
                read[stream] += len(piece)
                more = more or len(piece) == _PIECE
                *whole, rest[stream] = (rest[stream] + piece).split(b"\n")
                if not past.runs and not more and rest[stream]:
                    whole, rest[stream] = [*whole, rest[stream]], b""
                for line in whole:
                    yield _marked(stream, hiding.line(line))
            if not past.runs and not more:
                break
            if not more:
                await asyncio.sleep(_EVERY)
        if past.cut:
            yield SafeText("… what it wrote beyond 8 MiB was thrown away")
        yield SafeText(f"── {past.words}")


def judged(act: str, run: Run, standing: Standing, hiding: Hiding) -> Past:
    """What a job's standing means for the command that it is of."""
    over = standing.state is State.ENDED
    matched = not over or not run.expect or _matches(run.expect, standing)
    good = over and standing.code in run.ok and matched and not standing.late and not standing.stopped
    lines = _lines(standing)
    last = hiding.line(lines[-1]) if lines else SafeText()
    return Past(
        act,
        standing.state,
        standing.began,
        standing.ended,
        standing.code,
        standing.late,
        standing.stopped,
        standing.cut,
        standing.denied,
        standing.left,
        matched,
        good,
        SafeText(str(last), 300),
    )


def _matches(expect: str, standing: Standing) -> bool:
    texts = (part.decode("utf-8", "replace") for part in (standing.out, standing.err))
    return any(re.search(expect, text, re.MULTILINE) for text in texts)


def _lines(standing: Standing) -> list[bytes]:
    """What it wrote, complaints last."""
    return [line for part in (standing.out, standing.err) for line in part.split(b"\n") if line.strip()]


def _marked(stream: str, line: SafeText) -> SafeText:
    return line if stream == "out" else SafeText(f"2> {line}")


def _acts(folder: Path) -> list[str]:
    """Ids of the acts that have a folder there, the newest first; an id begins with its time."""
    try:
        return sorted((path.name for path in folder.iterdir() if path.is_dir()), reverse=True)[: job.KEPT]
    except OSError:
        return []


def _piece(path: Path, offset: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(_PIECE)
    except OSError:
        return b""
