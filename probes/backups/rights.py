"""What the logins and the folder allow, against what the acts need."""

from __future__ import annotations

import os
from collections.abc import Sequence

from probes.backups.sight import Sight
from probes.base import Grant, ProbeError, Right, SafeText


async def rights_of(sight: Sight) -> Sequence[Right]:
    """For `opsroom doctor`. Only looks."""
    folder = sight.path
    writes = os.access(folder, os.W_OK | os.X_OK)
    found = [
        Right(
            "write into the folder of backups",
            Grant.HELD if writes else Grant.MISSING,
            SafeText("" if writes else "a group that may write there, for who takes and prunes backups"),
        )
    ]
    for which, needs_making in (("database", False), ("admin", True), ("scratch", True)):
        try:
            if await sight.login(which) is None:
                continue
            _, scene = await (sight.scratch() if which == "scratch" else sight.admin())
            if which == "database":
                scene, _ = await sight.live()
        except ProbeError as error:
            found.append(Right(f"log in as {which}", Grant.UNKNOWN, error.message))
            continue
        if needs_making:
            remedy = SafeText("" if scene.makes else "ALTER ROLE ... CREATEDB")
            found.append(Right(f"make databases as {which}", Grant.HELD if scene.makes else Grant.MISSING, remedy))
        if scene.power:
            remedy = SafeText("see contrib/backups/roles.sql: pg_read_all_data reads, CREATEDB restores")
            found.append(Right(f"more than it needs: {which}, {scene.role}, {scene.power}", Grant.EXCESS, remedy))
    return found
