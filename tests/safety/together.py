"""Eight people on one shared store, while connections are cut, sessions killed and the server crashes.

`python -m tests.safety.together [--minutes 5]`. Each writer is a process with files of its own, as on another machine;
it keeps records, takes locks, asks for approvals and uses them. At the end every record that was kept anywhere must be
everywhere once, every writer must tell the same story of it, no approval may have been used twice, and no lock may have
been held by two at once, as far as a holder had just heard from the server that it still was.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from desk import journal
from desk.alert import Alert
from desk.checklist import book as checklists
from desk.checklist import record as checking
from desk.clock import SystemClock
from desk.codec import plain
from desk.ids import new_id
from desk.inbox import record as inboxes
from desk.inbox.book import Book
from desk.inbox.case import Match, Silence, What
from desk.locks import FileLocks, Held
from desk.shared.locks import SharedLocks
from desk.shared.presence import Here
from desk.shared.relay import Relay, Strand
from desk.store import FileStore, Row
from probes.base import ProbeError, Severity
from probes.store.locks import AdvisoryLocks
from probes.store.making import schema
from probes.store.records import Records
from probes.store.requests import Requests
from tests.probes.storing import line
from tests.stack import places, postgres
from tests.stack.faultproxy import FaultProxy, Mode

WRITERS: Final = 8
SYSTEM: Final = "shop/production"
LOCKS: Final = 3
CHECKLISTS: Final = ("morning", "evening")
DUE: Final = datetime(2026, 3, 1, 9, tzinfo=UTC)
SETTLE: Final = 120.0
"""Seconds that everything may take to be everywhere once nothing is broken any more."""
_OPTIONS: Final = ("max_connections=200",)
_FAULTS: Final = (
    Mode.REFUSE,
    Mode.RESET,
    Mode.SILENT,
    Mode.RESET_LATER,
    Mode.LOSE,
    Mode.CLOSE,
    Mode.GARBAGE,
    Mode.DELAY,
)


# a writer, in a process of its own


class Writer:
    """One person at one machine."""

    def __init__(self, folder: Path, name: str, url: str, direct: str) -> None:
        """`direct` is the way to the server that nobody breaks: none of what is proven goes there."""
        self.folder, self.name = folder, name
        self.chance = random.Random()
        clock = SystemClock()
        session = new_id()
        strands = [
            Strand(inboxes.STREAM, folder / "inbox.db", inboxes.read),
            Strand(checking.STREAM, folder / "checklists.db", checking.read),
        ]
        self.relay = Relay(
            Records(line(url, f"opsroom/{session}"), SYSTEM),
            strands,
            clock,
            session,
            Here(name, folder.name),
            lambda: self.locks.tend(),
            lambda: self.locks.suspect(),
        )
        self.server = AdvisoryLocks(line(url, f"opsroom-locks/{session}"), SYSTEM, session)
        self.locks = SharedLocks(
            FileLocks(folder / "locks"), self.server, clock, session, self.relay.settled, self.relay.wake
        )
        self.asking = line(url, f"opsroom-ask/{session}")
        self.requests = Requests(self.asking, SYSTEM)
        self.cases: list[str] = []

    def note(self, file: str, *words: object) -> None:
        """A line that outlives us."""
        handle = os.open(self.folder / file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, (json.dumps(words) + "\n").encode())
        os.close(handle)

    def run(self) -> None:
        """Until the file `stop` is there; then carry on what is there until `end` is."""
        self.relay.start()
        self.note("begun", os.getpid())
        threads = [threading.Thread(target=one, daemon=True) for one in (self.keeping, self.locking, self.agreeing)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        self.note("stopped", True)
        while not (self.folder.parent / "end").exists():
            time.sleep(0.05)
        self.relay.close()
        self.locks.close()

    @property
    def over(self) -> bool:
        return (self.folder.parent / "stop").exists()

    def keeping(self) -> None:
        """Records, each acknowledged once it is on our disk."""
        files = {name: FileStore.open(self.folder / f"{name}.db") for name in ("inbox", "checklists")}
        while not self.over:
            for _ in range(self.chance.choice((1, 1, 2, 5))):
                if self.chance.random() < 0.6:
                    found = self.decided()
                    row = Row(found.id, found.at, found.case or "silence", inboxes.written(found))
                    stream, file = inboxes.STREAM, files["inbox"]
                else:
                    signed = self.signed()
                    row = Row(signed.id, signed.at, signed.checklist, checking.written(signed))
                    stream, file = checking.STREAM, files["checklists"]
                file.append(stream, [row])
                self.note("kept", stream, row.id)
            self.relay.wake()
            time.sleep(self.chance.uniform(0.01, 0.15))

    def decided(self) -> inboxes.Record:
        """Something of the inbox: machines that are apart all say that things begin and end."""
        at, way = datetime.now(UTC) - timedelta(seconds=self.chance.uniform(0, 2)), self.chance.random()
        if way < 0.4 or not self.cases:
            case = new_id()
            self.cases.append(case)
            rule = f"rule{self.chance.randrange(5)}"
            alert = Alert("db", rule, Severity.WARNING, "g", (), "much", since=0.0, at=at, value=1.0, limit=0.5)
            return inboxes.Record(new_id(), at, What.RAISED, case, alert=alert)
        case = self.chance.choice(self.cases[-5:])
        if way < 0.6:
            return inboxes.Record(new_id(), at, What.ACKNOWLEDGED, case, self.name, "mine")
        if way < 0.7:
            return inboxes.Record(new_id(), at, What.RELEASED, case, self.name)
        if way < 0.9:
            return inboxes.Record(new_id(), at, What.CLEARED, case)
        made = Silence(new_id(), (Match("rule", "rule1"),), at, at + timedelta(days=1), self.name, "quiet")
        return inboxes.Record(new_id(), at, silence=made)

    def signed(self) -> checking.Record:
        """Something of a checklist."""
        what = self.chance.choice((checking.What.SIGNED, checking.What.NOTED, checking.What.TAKEN_BACK))
        return checking.Record(
            new_id(), datetime.now(UTC), what, self.chance.choice(CHECKLISTS), due=DUE, by=self.name,
            box=f"box{self.chance.randrange(6)}", note=f"{self.name} {self.chance.random()}",
        )  # fmt: skip

    def locking(self) -> None:
        """Take locks, and hold them for as long as the server says that they are ours."""
        while not self.over:
            name = f"lock{self.chance.randrange(LOCKS)}"
            try:
                claim = self.locks.claim(name, f"{self.name} acts")
            except Held:
                time.sleep(self.chance.uniform(0.01, 0.1))
                continue
            time.sleep(0 if claim.there else self.chance.uniform(0.1, 0.5))
            began, first, sure = time.monotonic(), claim.connection, claim.there
            last = began
            for _ in range(self.chance.randrange(1, 8)):
                time.sleep(self.chance.uniform(0.0, 0.05))
                asked = time.monotonic()
                if not (sure and claim.there and claim.connection == first and self.locks.confirmed(claim)):
                    break
                last = asked
            claim.release()
            self.note("held" if sure else "alone", name, began, last)

    def agreeing(self) -> None:
        """Ask, answer, use; after a kill all that was ever asked is tried once more."""
        asked = [json.loads(one)[0] for one in _lines(self.folder / "asked")]
        while not self.over:
            time.sleep(self.chance.uniform(0.05, 0.3))
            try:
                if not self.asking.is_open:
                    self.asking.open()
                if self.chance.random() < 0.3:
                    id = new_id()
                    self.note("asked", id)
                    asked.append(id)
                    self.requests.ask(id, "d" * 64, {"of": self.name}, (), self.chance.uniform(1, 20))
                for one in self.requests.wanted():
                    if not one.mine and one.granted is None and one.left > 0 and self.chance.random() < 0.5:
                        self.requests.answer(one.id, one.digest, self.chance.random() < 0.8, self.name)
                for id in [*asked[-6:], *self.chance.sample(asked, min(3, len(asked)))]:
                    if self.requests.use(id, "d" * 64):
                        self.note("used", id)
            except ProbeError:
                self.asking.cut()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def written_by(folders: Sequence[Path], file: str) -> list[list[Any]]:
    """What the writers noted; half a line of a killed one is left out."""
    found = []
    for folder in folders:
        for one in _lines(folder / file):
            with suppress(ValueError):
                found.append([folder.name, *json.loads(one)])
    return found


# the whole


@dataclass
class Sum:
    """What came of it."""

    seconds: float = 0.0
    kept: int = 0
    """Records that were acknowledged."""
    stored: int = 0
    kills: int = 0
    cuts: int = 0
    crashes: int = 0
    settled: float = 0.0
    """Seconds from the last fault until everything was everywhere."""
    asked: int = 0
    used: int = 0
    held: int = 0
    alone: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{WRITERS} writers, {self.seconds:.0f} s, {self.kills} killed, {self.cuts} connections broken, "
            f"{self.crashes} crashes of the server; {self.kept:,} records acknowledged, {self.stored:,} in the store, "
            f"everywhere {self.settled:.1f} s after the last fault; {self.held:,} locks held in the store, "
            f"{self.alone:,} on one machine only; {self.asked:,} approvals asked, {self.used:,} used; "
            f"{len(self.wrong)} violations"
        )


class Stage:
    """A server, a way to it for each writer, and the writers."""

    def __init__(self, place: Path, server: postgres.Postgres, database: str, held: ExitStack, seed: int) -> None:
        self.place, self.server, self.database = place, server, database
        self.chance = random.Random(seed)
        self.folders = [place / f"w{number}" for number in range(WRITERS)]
        self.proxies = [held.enter_context(FaultProxy(server.port, seed=seed + n)) for n in range(WRITERS)]
        self.running: list[subprocess.Popen[bytes] | None] = [None] * WRITERS
        held.callback(self.end)
        for folder in self.folders:
            folder.mkdir(mode=0o700)

    def start(self, number: int) -> None:
        """Let a writer begin, or begin again on its own files."""
        name = f"w{number}"
        url = f"postgresql://{name}:{self.server.password}@127.0.0.1:{self.proxies[number].port}/{self.database}"
        argv = [sys.executable, "-m", "tests.safety.together", "--writer", name, "--folder", str(self.folders[number])]
        with open(self.place / f"{name}.err", "ab") as errors:
            self.running[number] = subprocess.Popen(
                argv, env={**os.environ, "TOGETHER_STORE": url}, stderr=errors, cwd=Path(__file__).parents[2]
            )

    def kill(self, number: int) -> None:
        """No word of warning."""
        process = self.running[number]
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def works(self, number: int) -> bool:
        """True once a writer has come so far as to write."""
        process = self.running[number]
        begun = written_by([self.folders[number]], "begun")
        return process is not None and bool(begun) and begun[-1][1] == process.pid

    def end(self) -> None:
        """End what still runs."""
        for number, process in enumerate(self.running):
            if process is not None and process.poll() is None:
                self.kill(number)

    def break_things(self, seconds: float, whole: Sum) -> None:
        """At random, all the time."""
        ends, crash = time.monotonic() + seconds, time.monotonic() + self.chance.uniform(6, 15)
        mended: dict[int, float] = {}
        while time.monotonic() < ends:
            time.sleep(self.chance.uniform(0.1, 0.6))
            now = time.monotonic()
            for number in [one for one, until in mended.items() if until <= now]:
                self.proxies[number].mode = Mode.PASS
                del mended[number]
            number = self.chance.randrange(WRITERS)
            if self.chance.random() < 0.3 and (self.works(number) or self.chance.random() < 0.1):
                self.kill(number)
                self.start(number)
                whole.kills += 1
            elif number not in mended:
                self.proxies[number].become(self.chance.choice(_FAULTS), delay=0.3, jitter=0.2)
                mended[number] = now + self.chance.uniform(0.2, 6)
                whole.cuts += 1
            if now >= crash:
                self.server.stop("immediate")
                time.sleep(self.chance.uniform(0, 2))
                self.server = postgres.again(self.server, options=_OPTIONS)
                crash = time.monotonic() + self.chance.uniform(12, 30)
                whole.crashes += 1
        for proxy in self.proxies:
            proxy.mode = Mode.PASS
        for number, process in enumerate(self.running):
            if process is None or process.poll() is not None:
                self.start(number)

    def ids(self, stream: str) -> list[str]:
        """What the server has."""
        told = self.server.sql(
            f"SELECT id FROM opsroom_store.record WHERE stream = '{stream}' ORDER BY seq", database=self.database
        )
        return told.splitlines()

    def everywhere(self) -> bool:
        """True when every file has what the server has, and the server what was acknowledged."""
        kept = Counter(stream for _, stream, _ in written_by(self.folders, "kept"))
        for stream, file in _STREAMS.items():
            there = len(self.ids(stream))
            if there < kept[stream] or any(len(_read(one / file, stream)) != there for one in self.folders):
                return False
        return True


_STREAMS: Final = {inboxes.STREAM: "inbox.db", checking.STREAM: "checklists.db"}


def _read(path: Path, stream: str) -> list[str]:
    if not path.exists():
        return []
    store = FileStore.look(path)
    try:
        return [row.id for row in store.read(stream, most=10_000_000)]
    finally:
        store.close()


def together(seconds: float, seed: int = 1, server: postgres.Postgres | None = None) -> Sum:
    """Do it for so long, and look at what is left."""
    whole, began = Sum(), time.monotonic()
    with ExitStack() as held:
        place = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="opsroom-together-")))
        if server is None:
            server = postgres.start(options=_OPTIONS)
        stage = Stage(place, server, _prepared(server), held, seed)
        held.callback(lambda: postgres.end(stage.server))
        for number in range(WRITERS):
            stage.start(number)
        _until(lambda: all(map(stage.works, range(WRITERS))), SETTLE, whole, "a writer does not begin")
        stage.break_things(seconds, whole)
        (place / "stop").touch()
        mended = time.monotonic()
        _until(lambda: all((one / "stopped").exists() for one in stage.folders), SETTLE, whole, "a writer hangs")
        _until(stage.everywhere, SETTLE, whole, "not everything came everywhere")
        whole.settled = time.monotonic() - mended
        (place / "end").touch()
        _until(lambda: all(one is not None and one.poll() is not None for one in stage.running), 30, whole, "no end")
        _judged(stage, whole)
        for number in range(WRITERS):
            said = (place / f"w{number}.err").read_text("utf-8", "replace").strip()
            if said:
                whole.wrong.append(f"w{number} said: {said[-300:]}")
    whole.seconds = time.monotonic() - began
    return whole


def _until(what: Callable[[], bool], seconds: float, whole: Sum, words: str) -> None:
    ends = time.monotonic() + seconds
    while not what():
        if time.monotonic() > ends:
            whole.wrong.append(words)
            return
        time.sleep(0.2)


def _prepared(server: postgres.Postgres) -> str:
    roles = "".join(
        f"CREATE ROLE w{n} LOGIN PASSWORD '{server.password}'; GRANT opsroom_people TO w{n};" for n in range(WRITERS)
    )
    server.sql(f"CREATE ROLE opsroom_people NOLOGIN; {roles}")
    server.sql(schema())
    return "app"


def _judged(stage: Stage, whole: Sum) -> None:
    _records(stage, whole)
    _stories(stage, whole)
    _approvals(stage, whole)
    _locks(stage, whole)


def _records(stage: Stage, whole: Sum) -> None:
    """Each that was acknowledged is everywhere, once."""
    for stream, file in _STREAMS.items():
        kept = [id for _, one, id in written_by(stage.folders, "kept") if one == stream]
        there = Counter(stage.ids(stream))
        whole.kept += len(kept)
        whole.stored += len(there)
        whole.wrong += [f"{stream}: {id} is {there[id]} times in the store" for id in kept if there[id] != 1]
        for folder in stage.folders:
            found = Counter(_read(folder / file, stream))
            if found != there:
                lost, more = len(there.keys() - found.keys()), len(found.keys() - there.keys())
                doubled = sum(number > 1 for number in found.values())
                whole.wrong.append(f"{stream}: {folder.name} lacks {lost}, has {more} more, {doubled} twice")


def _stories(stage: Stage, whole: Sum) -> None:
    """Whatever the order in which they heard of it, all tell the same."""
    told = {folder.name: story(folder) for folder in stage.folders}
    first = told["w0"]
    for name, one in told.items():
        for part in first:
            if one[part] != first[part]:
                whole.wrong.append(f"{name} tells another story of {part}: {one[part]!s:.200} / {first[part]!s:.200}")


def story(folder: Path) -> dict[str, object]:
    """What a machine's files tell: what is open, what was decided, how the checklists stand."""
    book = Book()
    for _ in book.take_all(journal.look(folder / "inbox.db", inboxes.STREAM, inboxes.read)):
        pass
    lists = checklists.Book()
    lists.take(journal.look(folder / "checklists.db", checking.STREAM, checking.read))
    runs = {name: lists.run(name, DUE) for name in CHECKLISTS}
    return {
        "open cases": {
            str(key): (life.id, life.held and plain(life.held)) for key, life in sorted(book.open.items(), key=str)
        },
        "silences": sorted((one.id, str(one.lifted)) for one in book.silences.values()),
        "checklists": {
            name: sorted((box, mark.by, mark.note) for box, mark in run.marks.items())
            for name, run in runs.items()
            if run is not None
        },
    }


def _approvals(stage: Stage, whole: Sum) -> None:
    """None was used twice, none without another's yes, none late."""
    whole.asked = len(written_by(stage.folders, "asked"))
    used = Counter(id for _, id in written_by(stage.folders, "used"))
    whole.used = len(used)
    whole.wrong += [f"approval {id} was used {number} times" for id, number in used.items() if number > 1]
    bad = stage.server.sql(
        "SELECT id FROM opsroom_store.request WHERE used IS NOT NULL AND "
        "(yes IS NOT TRUE OR answered_by = by OR used > until OR answered > used)",
        database=stage.database,
    )
    whole.wrong += [f"approval {id} was used though it may not be" for id in bad.splitlines()]


def _locks(stage: Stage, whole: Sum) -> None:
    """No two held one at the same time."""
    spans: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for who, name, since, until in written_by(stage.folders, "held"):
        spans[name].append((since, until, who))
    whole.held = sum(map(len, spans.values()))
    whole.alone = len(written_by(stage.folders, "alone"))
    for name, found in spans.items():
        last = (0.0, "")
        for since, until, who in sorted(found):
            if since < last[0] and who != last[1]:
                whole.wrong.append(f"{name} was held by {last[1]} and {who} at once, for {last[0] - since:.3f} s")
            last = max(last, (until, who))


def main(words: list[str]) -> int:
    """Run it and say one figure line."""
    parser = argparse.ArgumentParser(prog="tests.safety.together")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--writer", default="")
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args(words)
    if chosen.writer:
        url = os.environ["TOGETHER_STORE"]
        Writer(chosen.folder, chosen.writer, url, url).run()
        return 0
    try:
        whole = together(chosen.minutes * 60, chosen.seed)
    except places.Unavailable as missing:
        sys.stdout.write(f"together: left out: {missing}\n")
        return 0
    for one in whole.wrong[:20]:
        sys.stderr.write(one + "\n")
    sys.stdout.write(f"together: {whole}\n")
    return 1 if whole.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
