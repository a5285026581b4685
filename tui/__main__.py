"""`opsroom` begins here: our rooms are checked to be ours, then the command line takes over."""

from __future__ import annotations

import gc
import sys
from importlib.util import find_spec
from pathlib import Path

_ROOMS = ("tui", "widgets", "desk", "probes", "systems")


def foreign_room() -> str | None:
    """The reason when a package of another product stands where one of our rooms should; None when all are ours."""
    home = Path(__file__).resolve().parent.parent
    for room in _ROOMS:
        spec = find_spec(room)
        origin = Path(spec.origin).resolve() if spec is not None and spec.origin else None
        if origin is None or origin.parent.parent != home:
            return f"opsroom: another package named {room} is in the way: {origin or 'not found'}"
    return None


def main() -> None:
    """The console command."""
    gc.disable()  # nothing that start-up makes is garbage; `tui.garbage` turns it on again with the first picture
    reason = foreign_room()
    if reason:
        sys.stderr.write(reason + "\n")
        sys.exit(2)
    from tui.cli import main as command

    command(prog_name="opsroom")


if __name__ == "__main__":
    main()
