"""Runs a command that only reads, to its end: what the profile's owner has declared to be a look."""

from __future__ import annotations

import asyncio
from typing import Final

from probes.base import SafeText, Sheet
from probes.commands import plans
from probes.commands.runs import Runs
from probes.commands.settings import Run
from probes.exec import run as run_program

_MOST: Final = 2000
"""Lines shown at most, the last ones."""
_LIMIT: Final = 1 << 20
"""Bytes of output that are kept."""


async def read_only(run: Run, runs: Runs, most: float | None = None) -> Sheet:
    """What it says, for at most so many seconds. Raises `ProbeError` when it can't be run or is late."""
    within = min(run.timeout, most) if most is not None else run.timeout
    program, _ = await asyncio.to_thread(plans.pinned, run, run.argv)
    env = await asyncio.to_thread(runs.env, run)
    hiding = await runs.hiding(run)
    ran = await run_program([program, *run.argv[1:]], within, _LIMIT, env, plans.folder_of(run))
    lines = [hiding.line(one) for part in (ran.out, ran.err) for one in part.splitlines()]
    end = [] if ran.code in run.ok else [SafeText(f"── exit code {ran.code}")]
    end += [SafeText("── the rest of its output was thrown away")] if ran.cut else []
    dropped = max(0, len(lines) - _MOST)
    return Sheet(run.what or " ".join(run.argv), (*lines[dropped:], *end), dropped)
