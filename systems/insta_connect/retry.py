"""Retries webhook events that have failed: lists the newest, or hands some of them to the processor once more.

An event is handed on only while it counts as failed, so that asking twice does nothing twice.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import psycopg

from systems.insta_connect.place import Place

MOST: Final = 500
"""Events that are handed on at once."""

_LIST: Final = "SELECT id, kind, error FROM webhook_events WHERE status = 'failed' ORDER BY created_at DESC LIMIT 10"
_RETRY: Final = (
    "UPDATE webhook_events SET status = 'pending', error = '', tries = tries + 1 WHERE status = 'failed' AND id IN"
    " (SELECT id FROM webhook_events WHERE status = 'failed' AND (%s = 0 OR id = %s) ORDER BY id LIMIT %s) RETURNING id"
)


def main(folder: Path, port: int, what: str) -> int:
    """`list`, `all`, or the id of an event; the exit code."""
    keywords: Any = Place(folder, port, 0, 0).database("insta-connect-retry")
    with psycopg.connect(autocommit=True, **keywords) as connection:
        if what == "list":
            rows = connection.execute(_LIST).fetchall()
            for number, kind, error in rows:
                print(f"{number}  {kind:10} {error}")
            print(f"{len(rows)} of the newest failed events")
            return 0
        number = 0 if what == "all" else int(what)
        rows = connection.execute(_RETRY, [number, number, MOST]).fetchall()
    print(f"{len(rows)} events handed to the processor once more")
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
