"""`python -m bench.fakes pods 10000`: says `ready PORT`, and stays until its standard input ends."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import Final

from bench.fakes.aws import Account
from bench.fakes.pods import Cluster
from bench.fakes.server import Answer, port_of, serve


def _cluster(count: int) -> Cluster:
    cluster = Cluster(count)
    cluster.prepare()
    return cluster


FAKES: Final[Mapping[str, Callable[[int], Answer]]] = {
    "pods": _cluster,
    "services": lambda count: Account(services=count),
    "queues": lambda count: Account(queues=count),
}


async def main(which: str, count: int) -> None:
    """Serve, say so, and stay."""
    server = await serve(FAKES[which](count))
    print("ready", port_of(server), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.fakes", description=__doc__)
    parser.add_argument("which", choices=sorted(FAKES))
    parser.add_argument("count", type=int)
    given = parser.parse_args()
    asyncio.run(main(given.which, given.count))
