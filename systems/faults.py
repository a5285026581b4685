"""How the faults of every world come and go: one that is asked for runs until it is over or healed.

What several worlds let happen to their programs is here too: that they are killed, and that they outlive a change.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
import xmlrpc.client
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from systems import control
from systems.ground import Ground

_BEAT: Final = 0.2

Acts = Mapping[str, Callable[[], Awaitable[None]]]
"""What each fault does, until its cause is gone."""


async def watch(place: Ground, acts: Acts, unhappy: tuple[type[Exception], ...]) -> None:
    """Run each fault that is asked for; for ever. `unhappy`: what may go wrong with one, which ends it."""
    running: dict[str, asyncio.Task[None]] = {}
    while True:
        for name, act in acts.items():
            task = running.get(name)
            if place.on(name) and (task is None or task.done()):
                running[name] = asyncio.ensure_future(_run(place, name, act, unhappy))
            elif not place.on(name) and task is not None:
                task.cancel()
                del running[name]
        await asyncio.sleep(_BEAT)


async def _run(
    place: Ground, name: str, act: Callable[[], Awaitable[None]], unhappy: tuple[type[Exception], ...]
) -> None:
    with contextlib.suppress(*unhappy):
        await act()
    place.over(name)


async def play(place: Ground, script: Sequence[tuple[float, str]], together: int) -> None:
    """Faults that come by themselves, each once, `together` at most: what has been played is kept beside the faults."""
    record = place.folder / "played"
    played = record.read_text(encoding="utf-8").split() if record.exists() else []
    before = max((at for at, name in script if name in played), default=0.0)
    began = time.monotonic() - before
    for at, name in [one for one in script if one[1] not in played]:
        await asyncio.sleep(max(0.0, began + at - time.monotonic()))
        while len(os.listdir(place.folder / "faults")) >= together:
            await asyncio.sleep(1)
        played.append(name)
        record.write_text(" ".join(played), encoding="utf-8")
        (place.folder / "faults" / name).touch()


async def as_long_as(so: Callable[[], object]) -> None:
    """Wait until this is not so any more."""
    while so():
        await asyncio.sleep(_BEAT)


async def killed(place: Ground, group: str, number: signal.Signals, usual: Sequence[str] = ()) -> None:
    """Every program of a group is ended once; over when another one runs. Healing starts the usual ones of it again.

    `usual`: their names; none: the group is one program.
    """
    before = await _running(place, group)
    for pid in before:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    try:
        while not await _running(place, group) - before:
            await asyncio.sleep(2 * _BEAT)
    except asyncio.CancelledError:
        for name in usual or (group,):
            with contextlib.suppress(OSError, xmlrpc.client.Fault):
                await asyncio.to_thread(control.call, place.folder, "startProcess", name, False)
        raise


async def outlived(place: Ground, group: str) -> None:
    """Until none of a group's programs that run now is left, and another one runs."""
    while not (before := await _running(place, group)):
        await asyncio.sleep(2 * _BEAT)
    while not (now := await _running(place, group)) or now & before:
        await asyncio.sleep(2 * _BEAT)


async def _running(place: Ground, group: str) -> set[int]:
    return set((await asyncio.to_thread(control.running, place.folder, group)).values())
