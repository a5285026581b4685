"""Sessions killed while they tell people, between any two steps and at random moments, counted at the wire.

`python -m tests.safety.notices [--trials N]`. Every change must reach the server at least once; one that the spool had
marked as told must never reach it again; what is sent twice is sent under one id, and only when a session was killed
between sending it and marking it. Within a case the order of first arrival is that of the changes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

from desk.clock import SystemClock
from desk.inbox.case import Change, What
from desk.locks import FileLocks
from desk.notices import courier as module
from desk.notices.channel import Channel
from desk.notices.courier import Courier
from desk.notices.file import SpoolError
from desk.notices.row import State
from desk.notices.spool import Spool
from probes.notify.webhook import Webhook
from tests.desk.changing import SHOP, alert, change, channel
from tests.safety.kills import ended, forked
from tests.toys import NoSecrets

CASES: Final = 2


@dataclass
class Sum:
    """What came of the trials."""

    trials: int = 0
    killed: int = 0
    changes: int = 0
    received: int = 0
    again: int = 0
    """Of the received those that were sent before, in doubt."""
    wrong: list[str] = field(default_factory=list)


class _Ledger(BaseHTTPRequestHandler):
    """Writes down each id before it answers; sometimes it fails, or loses its answer."""

    book: int = -1
    chance = random.Random(0)
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        found = json.loads(body)
        ids = [one["id"] for one in found.get("notices", [found])]
        fate = self.chance.random()
        taken = fate >= 0.15
        self.close_connection = True
        line = {"key": self.headers["idempotency-key"], "ids": ids, "taken": taken}
        os.write(self.book, (json.dumps(line) + "\n").encode())
        if fate < 0.1:
            self._answer(503)
        elif fate < 0.15:
            self._answer(429)
        elif fate < 0.9:
            self._answer(200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "0")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


def serve(listener: socket.socket, book: Path, seed: int) -> int:
    """A server in a process of its own; its pid."""
    pid = os.fork()
    if pid:
        return pid
    parent = os.getppid()
    _Ledger.book = os.open(book, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    _Ledger.chance = random.Random(seed)
    server = HTTPServer(("127.0.0.1", 0), _Ledger, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.timeout = 0.5
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    try:
        while os.getppid() == parent:
            server.handle_request()
    finally:
        os._exit(0)


def changes(trial: int) -> list[Change]:
    """What happens in one trial, in order."""
    made = []
    for what in (What.RAISED, What.ACKNOWLEDGED, What.CLEARED):
        for case in range(CASES):
            at = datetime.now(UTC).replace(microsecond=0)
            made.append(change(what, f"t{trial}c{case}", at=at, of=alert(f"web-{trial}-{case}")))
    return made


class Killer:
    """Ends this process at the n-th step of what it does."""

    def __init__(self, at: int) -> None:
        self._left = at

    def step(self) -> None:
        """One step is done."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def arm(self) -> None:
        """Every change of the spool and every sending has a step before it and one after it."""
        within, tell = Spool._within, Webhook.tell
        killer = self

        def watched(self: Spool, work: Callable[[], Any]) -> Any:
            killer.step()

            def inside() -> Any:
                found = work()
                killer.step()
                return found

            found = within(self, inside)
            killer.step()
            return found

        async def told(self: Webhook, notice: Any) -> Any:
            killer.step()
            found = await tell(self, notice)
            killer.step()
            return found

        Spool._within = watched  # type: ignore[method-assign]
        Webhook.tell = told  # type: ignore[method-assign]


async def session(folder: Path, port: int, what: list[Change], kill_at: int) -> None:
    """One session: it is handed every change, as an inbox hands them again, and sends until nothing waits."""
    if kill_at:
        Killer(kill_at).arm()
    module.LOOK, module.FIRST = 0.01, 0.002  # type: ignore[misc]
    clock = SystemClock()
    url = f"http://127.0.0.1:{port}/"

    def teller(one: Channel) -> Webhook:
        return Webhook(one.name, url, NoSecrets(), time.time, timeout=5.0)

    hook = channel(pause="0s", summary=2)
    made = Courier(folder / "notices.db", (hook,), teller, SHOP, clock, FileLocks(folder / "locks"))
    made._began -= 3600
    made.start()
    for one in what:
        made.take(one)
        await asyncio.sleep(0)
    async with asyncio.timeout(60):
        while states(folder) != dict.fromkeys((one.id for one in what), State.TOLD):
            await asyncio.sleep(0.005)
    await made.close()


def states(folder: Path) -> dict[str, State]:
    """State of each change in the spool."""
    try:
        spool = Spool.look(folder / "notices.db")
    except (SpoolError, FileNotFoundError):
        return {}
    try:
        return {id: state for (id, _), state in spool.states().items()}
    finally:
        spool.close()


def trial(number: int, folder: Path, chance: random.Random, port: int, book: Path, whole: Sum) -> None:
    """Sessions that follow each other on one spool, all but the last killed."""
    what = changes(number)
    told: set[str] = set()
    begun = book.stat().st_size if book.exists() else 0
    read = begun
    sessions = 1 + chance.randrange(3)
    for turn in range(sessions + 1):
        last = turn == sessions
        kill_at = 0 if last else 1 + chance.randrange(50)
        at_random = not last and chance.random() < 0.3
        pid = forked(partial(session, folder, port, what, 0 if at_random else kill_at))
        if at_random:
            time.sleep(chance.uniform(0, 0.15))
            os.kill(pid, signal.SIGKILL)
        code = ended(pid)
        whole.killed += code == -signal.SIGKILL
        if code not in (0, -signal.SIGKILL):
            whole.wrong.append(f"trial {number}: a session ended with {code}")
        time.sleep(0.01 if code else 0)  # what it had sent is still being written down
        lines, read = _since(book, read)
        after = {id for line in lines for id in line["ids"]}
        for id in sorted(after & {f"{one}:hook" for one in told}):
            whole.wrong.append(f"trial {number}: {id} was sent again after it was marked as told")
        told |= {id for id, state in states(folder).items() if state is State.TOLD}
    _judge(number, what, _since(book, begun)[0], whole)


def _since(book: Path, offset: int) -> tuple[list[Any], int]:
    with open(book, "rb") as file:
        file.seek(offset)
        raw = file.read()
    whole = raw[: raw.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], offset + len(whole)


def _judge(number: int, what: list[Change], lines: list[Any], whole: Sum) -> None:
    wanted = [f"{one.id}:hook" for one in what]
    taken = Counter(id for line in lines if line["taken"] for id in line["ids"])
    whole.trials += 1
    whole.changes += len(wanted)
    whole.received += sum(taken.values())
    whole.again += sum(count - 1 for count in taken.values())
    whole.wrong += [f"trial {number}: {id} was never told" for id in wanted if not taken[id]]
    whole.wrong += [f"trial {number}: {id} came from nowhere" for id in taken if id not in wanted]
    first = list(dict.fromkeys(id for line in lines if line["taken"] for id in line["ids"]))
    for case in range(CASES):
        mine = [id for id in first if id.startswith(f"t{number}c{case}:")]
        if mine != [id for id in wanted if id in mine]:
            whole.wrong.append(f"trial {number}: out of order: {mine}")


def trials(count: int, seed: int) -> Sum:
    """So many sessions killed. Call it in a process without threads."""
    chance, whole = random.Random(seed), Sum()
    import httpx  # noqa: F401 - once, instead of in every session

    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="opsroom-notices-") as place:
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        book = Path(place) / "book"
        book.touch()
        server = serve(listener, book, seed)
        port = listener.getsockname()[1]
        listener.close()
        try:
            while whole.killed < count:
                folder = Path(place) / f"trial{whole.trials}"
                folder.mkdir(mode=0o700)
                trial(whole.trials, folder, chance, port, book, whole)
        finally:
            os.kill(server, signal.SIGKILL)
            ended(server)
    return whole


def main() -> int:
    """Run it; 1 when anything was wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=300, help="Sessions to kill.")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    given = parser.parse_args()
    began = time.monotonic()
    whole = trials(given.trials, given.seed)
    sys.stdout.write(
        f"notices: {whole.killed} sessions killed in {whole.trials} trials (seed {given.seed}), "
        f"{whole.changes} changes, {whole.received} received, {whole.again} of them again in doubt, "
        f"{len(whole.wrong)} violations; {time.monotonic() - began:.0f} s\n"
    )
    for line in whole.wrong[:20]:
        sys.stdout.write(f"  {line}\n")
    return 1 if whole.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
