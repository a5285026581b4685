"""A world of its own: a server that counts every request it receives, and a session that acts on it.

The server is another process behind a Unix socket. What a killed client had sent is still there, so the ledger it
gives is exact. It also takes the place of the system's log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import selectors
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from desk.actions import Runner
from desk.actor import who
from desk.audit import Trail
from desk.audit.sinks import FileSink, Sink, SystemLog
from desk.clock import SystemClock
from desk.guard import Confirmation, Setting, digest_of
from desk.hands import Hands
from desk.locks import FileLocks
from desk.unfinished import case, settle
from probes.base import (
    Action,
    Actuator,
    Cause,
    CommandLine,
    Context,
    Danger,
    Offer,
    Outcome,
    Plan,
    ProbeError,
    Recognised,
    Request,
    Result,
    SafeText,
    Sending,
    Subject,
    Target,
    Truth,
    Verdict,
)
from tests.toys import NoSecrets, ToyFacts, ToySettings

WIND: Final = Action("wind", "wind up", Danger.REVERSIBLE, "Winds a toy up.")


class Counting:
    """The server's side: one line in, one line out; `do` is counted."""

    def __init__(self, folder: Path, losing: float) -> None:
        self._select = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(folder / "wire"))
        self._listener.listen(64)
        self._log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._log.bind(str(folder / "log"))
        self._parts: dict[socket.socket, bytes] = {}
        for one in (self._listener, self._log):
            one.setblocking(False)
            self._select.register(one, selectors.EVENT_READ)
        self._losing = losing
        self._chance = random.Random(os.getpid())
        self._ledger: list[str] = []
        self._logged: list[str] = []
        self._counts: Counter[str] = Counter()

    def run(self) -> None:
        """Serve until the process that started it is gone."""
        parent = os.getppid()
        while os.getppid() == parent:
            for key, _ in self._select.select(timeout=1.0):
                self._turn(key.fileobj)

    def _turn(self, ready: object) -> None:
        if ready is self._listener:
            with contextlib.suppress(BlockingIOError):
                client, _ = self._listener.accept()
                client.setblocking(False)
                self._parts[client] = b""
                self._select.register(client, selectors.EVENT_READ)
        elif ready is self._log:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._logged.append(self._log.recv(1 << 18).decode())
        elif isinstance(ready, socket.socket) and ready in self._parts:
            self._read(ready)

    def _read(self, client: socket.socket) -> None:
        try:
            more = client.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        lines = (self._parts[client] + more).split(b"\n")
        self._parts[client] = lines.pop()
        kept = bool(more)
        for line in lines:
            kept = self._answer(client, line.decode()) and kept
        if not kept:
            self._select.unregister(client)
            del self._parts[client]
            client.close()

    def _answer(self, client: socket.socket, line: str) -> bool:
        """False: the connection is closed."""
        verb, *rest = line.split(" ")
        answer = ""
        if verb == "do":
            self._ledger.append(rest[0])
            self._counts[rest[1]] += 1
            if self._chance.random() < self._losing:
                return False
        elif verb == "count":
            answer = str(self._counts[rest[0]])
        else:
            self._everything_sent(client)
            answer = "\f".join(self._ledger if verb == "ledger" else self._logged)
            if verb == "forget":
                self._ledger, self._logged = [], []
        try:
            client.setblocking(True)
            client.sendall(answer.encode() + b"\n")
            client.setblocking(False)
        except OSError:
            return False
        return True

    def _everything_sent(self, asking: socket.socket) -> None:
        """Take in what others have sent before this was asked."""
        for _ in range(64):
            self._turn(self._listener)
        self._turn(self._log)
        for client in [one for one in self._parts if one is not asking]:
            self._read(client)


class Server:
    """The server process, from outside."""

    def __init__(self, folder: Path, losing: float = 0.0) -> None:
        self.folder = folder
        counting = Counting(folder, losing)
        self._pid = os.fork()
        if self._pid == 0:
            with contextlib.suppress(BaseException):
                counting.run()
            os._exit(0)

    def asked(self, line: str) -> list[str]:
        """What it answers to `ledger`, `log` or `forget`."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.connect(str(self.folder / "wire"))
            wire.sendall(line.encode() + b"\n")
            text = b""
            while not text.endswith(b"\n"):
                more = wire.recv(1 << 20)
                if not more:
                    raise ConnectionResetError("the counting server has gone")
                text += more
        return [one for one in text.decode()[:-1].split("\f") if one]

    def close(self) -> None:
        """End it."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


class Counted(Actuator[ToyFacts]):
    """Hands whose every effect is a line at the server."""

    kind = "toy"
    actions: ClassVar[tuple[Action, ...]] = (WIND,)

    def __init__(self, target: Target, context: Context, wire: Path) -> None:
        super().__init__(target, context)
        self._wire = wire

    def offers(self, facts: ToyFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        return ()

    async def plan(self, request: Request) -> Plan:
        (name,) = request.subjects
        count = await self._count(name)
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=WIND,
            request=request,
            place=SafeText("the counting server"),
            pin=(("wire", str(self._wire)),),
            subjects=(Subject(name, SafeText(name), (("count", count),), SafeText(count), SafeText("one more")),),
            command=(self.render(request),),
            looked_at=self.context.now(),
            danger=WIND.danger,
            answers=5.0,
            settles=1.0,
        )

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        reader, writer = await self._connected()
        try:
            if await _said(reader, writer, f"count {subject.key}") != dict(subject.identity)["count"]:
                return Outcome(Result.REFUSED, SafeText("changed since you looked"))
            await sending()
            await _said(reader, writer, f"do {act} {subject.key}")
            return Outcome(Result.DONE, SafeText("it is done"))
        finally:
            writer.close()

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        count = await self._count(subject.key)
        truth = Truth.REFUTED if count == dict(subject.identity)["count"] else Truth.CONFIRMED
        return Verdict(truth, SafeText(f"it was wound up {count} times"))

    def render(self, request: Request) -> str:
        return f"toy wind -- {request.subjects[0]}"

    def recognise(self, line: CommandLine) -> Recognised | None:
        return None

    async def _count(self, name: str) -> str:
        reader, writer = await self._connected()
        try:
            return await _said(reader, writer, f"count {name}")
        finally:
            writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_unix_connection(str(self._wire))
        except OSError as error:
            raise ProbeError(Cause.REFUSED, str(error)) from None


async def _said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str) -> str:
    try:
        writer.write(line.encode() + b"\n")
        answer = (await reader.readline()).decode()
    except OSError as error:
        raise ProbeError(Cause.RESET, str(error)) from None
    if not answer:
        raise ProbeError(Cause.RESET, "the line went dead")
    return answer.strip()


def hands_on(server: Path, home: Path, logged: bool) -> Hands:
    """A session as the program makes one, on the counting server; without a log unless `logged`."""
    clock = SystemClock()
    trail = Trail(home / "audit", who({}), clock, {"system": "toys"})
    log: tuple[Sink, ...] = (SystemLog(str(server / "log")),) if logged else ()
    trail._chain._sinks = (FileSink(home / "audit", trail._writer), *log)
    trail._chain._heads |= {one.name: trail.head for one in log}

    def make(hands: Hands) -> Runner:
        context = Context(NoSecrets(), clock.monotonic, clock.now)
        return Runner(
            {"it": Counted(Target("it", "toy", ToySettings()), context, server / "wire")},
            lambda target: Setting("toys", "test", production=False, protected=False),
            lambda: hands.mode,
            trail,
            FileLocks(home / "locks"),
            clock,
            every=0.001,
        )

    return Hands(make, trail, clock, 10)


async def acting(server: Path, home: Path, names: Sequence[str], logged: bool = False, insisting: bool = False) -> int:
    """Act once on each name in turn; how many were done. `insisting`: try again while somebody else acts."""
    from desk.audit import Unrecorded

    hands = hands_on(server, home, logged)
    done = 0
    with contextlib.suppress(Unrecorded, ProbeError):
        await hands.arm("to be counted", None)
        for name in names:
            done += await _one(hands, name, insisting)
    await hands.close()
    return done


async def _one(hands: Hands, name: str, insisting: bool) -> bool:
    until = time.monotonic() + 60
    while (runner := hands.runner) is not None and time.monotonic() < until:
        plan = await runner.plan("it", Request("wind", (name,)))
        deed = runner.begin(plan, Confirmation(digest_of(plan, runner.setting("it"))))
        await runner.idle()
        if not (insisting and deed.refused.startswith("one act at a time")):
            return deed.result is Truth.CONFIRMED
        await asyncio.sleep(random.uniform(0, 0.005))
    return False


async def recovering(server: Path, home: Path) -> int:
    """What the next session does first: look into every act without a known end, and close it; how many."""
    from desk.audit import Unrecorded

    hands = hands_on(server, home, logged=False)
    closed = 0
    with contextlib.suppress(Unrecorded, ProbeError, OSError):
        for one in (await hands.chronicle()).unfinished():
            found, prober = case(one), hands.prober()
            verdict = await prober.look_back(found)
            await hands.done_looking(prober)
            await settle(hands.trail, found, "looked into by a test", found.found(verdict))
            closed += 1
    await hands.close()
    return closed


@contextlib.contextmanager
def served(folder: Path, losing: float = 0.0) -> Iterator[Server]:
    """A server while a block runs."""
    server = Server(folder, losing)
    try:
        yield server
    finally:
        server.close()
