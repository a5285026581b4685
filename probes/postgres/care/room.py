"""Free room on the disk under a server, where it is on this machine and we can see it."""

from __future__ import annotations

import os
from pathlib import Path


def free_at(folder: str, backend: int, local: bool) -> float | None:
    """Bytes free to the server's user in its data folder; None when that can't be told from here.

    A server behind a tunnel may name a folder that this machine has too: its own process must be one of ours.
    """
    if not local or not folder or backend <= 0:
        return None
    try:
        if not Path(f"/proc/{backend}/comm").read_text("utf-8", "replace").startswith("postgres"):
            return None
        found = os.statvfs(folder)
    except OSError:
        return None
    return float(found.f_bavail * found.f_frsize)
