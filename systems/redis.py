"""Becomes the Redis server, which then ends with the process manager even when nobody can tell it to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from systems.engines import bare, redis_program
from systems.programs import end_with_manager, say


def main(folder: Path, port: str) -> None:
    """Never returns: the process turns into the server. It keeps nothing on disk, as a cache does."""
    program = redis_program()
    assert program is not None
    settings = {
        "bind": "127.0.0.1",
        "port": port,
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "slowlog-log-slower-than": "5000",
        "maxmemory": "64mb",
        "maxmemory-policy": "noeviction",
    }
    say(folder, "redis: starting")
    end_with_manager(folder)
    os.execve(
        program, [str(program), *(word for name, value in settings.items() for word in (f"--{name}", value))], bare()
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
