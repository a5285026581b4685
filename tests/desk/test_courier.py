"""The courier: on disk before it is sent, at least once, never twice, in order, and it says what it could not tell."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from desk.clock import SystemClock
from desk.inbox.case import Change, What
from desk.locks import Claim, FileLocks
from desk.notices import courier as module
from desk.notices.channel import Channel
from desk.notices.courier import Courier
from desk.notices.file import SpoolError
from desk.notices.row import State
from desk.notices.spool import Spool
from desk.notices.told import Told, ToldFile
from probes.base import SafeText
from probes.base.notice import Delivery, Fate, Notice
from tests.desk.changing import SHOP, alert, change, channel
from tests.safety import notices

TOLD = Delivery(Fate.TOLD, SafeText("200 OK"))
REFUSED = Delivery(Fate.REFUSED, SafeText("503"))
UNSENT = Delivery(Fate.UNSENT, SafeText("nobody there"))
ILL = Delivery(Fate.REFUSED, SafeText("400"), alone=True)


class Far:
    """What tells, and what it was told; it answers as the test says."""

    def __init__(self) -> None:
        self.got: list[Notice] = []
        self.answer: Callable[[Notice], Delivery] = lambda notice: TOLD
        self.hold: asyncio.Event | None = None
        """It answers only once this is set."""
        self.closed = 0

    async def tell(self, notice: Notice) -> Delivery:
        self.got.append(notice)
        if self.hold is not None:
            await self.hold.wait()
        return self.answer(notice)

    async def reach(self) -> Delivery:
        return TOLD

    async def close(self) -> None:
        self.closed += 1

    @property
    def events(self) -> list[str]:
        return [f"{one.case} {one.event}" for one in self.got]


class Room:
    """Sessions on one system, with what stands at the far end of each channel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "state" / "notices.db"
        self.far: dict[str, Far] = {}
        self.clock = SystemClock()
        self.bugs: list[str] = []

    def made(self, *channels: Channel) -> Courier:
        def teller(channel: Channel) -> Far:
            return self.far.setdefault(channel.name, Far())

        for one in channels or (channel(),):
            teller(one)
        return Courier(
            self.path,
            channels or (channel(),),
            teller,
            SHOP,
            self.clock,
            FileLocks(self.folder / "locks"),
            lambda text: text.replace("hunter2", "[secret]"),
            chance=lambda: 0.0,
            bug=lambda channel, error: self.bugs.append(f"{channel} {type(error).__name__}"),
        )

    @asynccontextmanager
    async def session(self, *channels: Channel) -> AsyncIterator[Courier]:
        courier = self.made(*channels)
        courier.start()
        try:
            yield courier
        finally:
            await courier.close()

    def change(self, what: What = What.RAISED, case: str = "case-1", number: int = 0, target: str = "") -> Change:
        """A change of now."""
        return change(what, case, number, at=self.clock.now() + timedelta(seconds=1), of=alert(target or case))

    @property
    def states(self) -> list[State]:
        """Of every row; none where there is no spool yet."""
        try:
            spool = Spool.look(self.path)
        except (FileNotFoundError, SpoolError):
            return []
        try:
            return [*spool.states().values()]
        finally:
            spool.close()


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setattr(module, "LOOK", 0.02)
    monkeypatch.setattr(module, "FIRST", 0.01)
    return Room(tmp_path)


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_change_is_on_disk_before_it_is_sent_and_is_told_once(room: Room) -> None:
    seen: list[list[State]] = []
    async with room.session() as courier:

        def answer(notice: Notice) -> Delivery:
            seen.append(room.states)
            return TOLD

        room.far["hook"].answer = answer
        one = room.change()
        courier.take(one)
        courier.take(one)
        await until(lambda: State.TOLD in room.states)
        courier.take(one)
    assert seen == [[State.SENDING]]
    assert room.far["hook"].events == ["case-1 raised"]
    assert room.far["hook"].closed == 1
    async with room.session() as courier:
        courier.take(one)
        courier.take(room.change(case="case-2"))
        await until(lambda: len(room.far["hook"].got) > 1)
    assert room.far["hook"].events == ["case-1 raised", "case-2 raised"]


async def test_it_is_tried_until_it_is_told_and_says_meanwhile_who_waits_and_since_when(room: Room) -> None:
    far = room.far.setdefault("hook", Far())
    far.answer = lambda notice: REFUSED
    async with room.session() as courier:
        for number in range(3):
            courier.take(room.change(case=f"case-{number}"))
        await until(lambda: "wait" in courier.standing.words)
        assert courier.standing.words.startswith("3 notices wait: hook refused since ")
        await until(lambda: len(far.got) > 3)
        assert {one.case for one in far.got} == {"case-0"}
        far.answer = lambda notice: TOLD
        await until(lambda: room.states == [State.TOLD] * 3)
        await until(lambda: courier.standing.words == "")


async def test_order_within_a_case_holds_and_one_ill_notice_stops_no_other(room: Room) -> None:
    far = room.far.setdefault("hook", Far())
    far.answer = lambda notice: ILL if notice.case == "case-1" else TOLD
    async with room.session() as courier:
        courier.take(room.change())
        courier.take(room.change(What.ACKNOWLEDGED))
        courier.take(room.change(case="case-2"))
        await until(lambda: "case-2 raised" in far.events)
        far.answer = lambda notice: TOLD
        await until(lambda: room.states == [State.TOLD] * 3)
    assert far.events[-2:] == ["case-1 raised", "case-1 acknowledged"]
    assert far.events.count("case-1 acknowledged") == 1


async def test_one_channel_that_hangs_holds_up_no_other(room: Room) -> None:
    room.far["slow"] = Far()
    room.far["slow"].hold = asyncio.Event()
    async with room.session(channel("slow"), channel("fast")) as courier:
        for number in range(3):
            courier.take(room.change(case=f"case-{number}"))
        await until(lambda: len(room.far["fast"].got) == 3)
        assert len(room.far["slow"].got) == 1
        room.far["slow"].hold.set()
        await until(lambda: len(room.far["slow"].got) == 3)


async def test_after_an_outage_there_is_one_summary_and_not_300_messages(room: Room) -> None:
    far = room.far.setdefault("hook", Far())
    far.answer = lambda notice: UNSENT
    async with room.session() as courier:
        for number in range(300):
            courier.take(room.change(case=f"case-{number}"))
        await until(lambda: "300 notices wait: hook out of reach" in courier.standing.words)
        far.got.clear()
        far.answer = lambda notice: TOLD
        await until(lambda: room.states == [State.TOLD] * 300)
        assert [one.event for one in far.got] == ["raised", "summary"]
        assert len(far.got[1].parts) == 299


async def test_a_teller_that_hangs_for_ever_is_cut_and_its_notice_in_doubt(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLACK", 0.01)
    far = room.far.setdefault("hook", Far())
    far.hold = asyncio.Event()
    async with room.session(channel(timeout=0.02)) as courier:
        courier.take(room.change())
        await until(lambda: "no answer" in courier.standing.words)
        far.hold = None
        await until(lambda: room.states == [State.TOLD])
    assert len({one.id for one in far.got}) == 1


async def test_they_say_how_long_to_wait_and_we_do(room: Room) -> None:
    courier = room.made()
    assert courier._pause(0, None) == pytest.approx(0.005)
    assert courier._pause(0, 7.0) == 7.0
    assert courier._pause(0, 86_400.0) == module.PATIENCE
    assert courier._pause(40, None) == module.SLOWEST / 2
    assert courier._pause(40, 1.0) == module.SLOWEST / 2


async def test_of_two_sessions_one_sends_and_the_other_takes_over_when_it_ends(room: Room) -> None:
    async with room.session() as second:
        async with room.session() as first:
            await until(lambda: first.sends or second.sends)
            owner, other = (first, second) if first.sends else (second, first)
            assert not other.sends
            other.take(room.change())
            await until(lambda: room.far["hook"].got)
            assert not other.sends
            if owner is second:
                return
        await until(lambda: second.sends)
        second.take(room.change(case="case-2"))
        await until(lambda: len(room.far["hook"].got) == 2)


async def test_sessions_of_two_machines_that_open_at_once_tell_each_notice_once(room: Room) -> None:
    """Each has a spool of its own; what they share is the locks, and what was told."""
    machines = [room.made(channel("team")) for _ in range(2)]
    for number, one in enumerate(machines):
        one.path, one._shared = room.folder / f"{number}.db", ToldFile(room.folder / "shared.db")
    for one in machines:
        one.start()
    changes = [room.change(case=f"case-{number}") for number in range(12)]
    for case in changes:
        for machine in machines:
            machine.take(case)
    watched, known = ToldFile(room.folder / "shared.db"), list[Told]()

    def all_known() -> bool:
        known.extend(watched.news())
        return len(known) == len(changes)

    await until(all_known)
    watched.close()
    owner = next(one for one in machines if one.sends)
    (other,) = (one for one in machines if one is not owner)
    assert not other.sends
    await owner.close()
    await until(lambda: other.sends)
    last = room.change(case="last")
    other.take(last)
    await until(lambda: room.far["team"].events[-1:] == ["last raised"])
    await other.close()
    told = Counter(one.id for one in room.far["team"].got)
    assert told == {f"{one.id}:team": 1 for one in (*changes, last)}


async def test_a_session_that_knows_a_new_channel_sends_through_it_beside_an_older_one(room: Room) -> None:
    async with room.session(channel("old")) as first:
        await until(lambda: first.sends == ("old",))
        async with room.session(channel("old"), channel("new")) as second:
            await until(lambda: second.sends == ("new",))
            second.take(room.change())
            await until(lambda: room.far["new"].got and room.far["old"].got)


async def test_what_was_under_way_when_a_session_ended_is_sent_again_by_the_next(room: Room) -> None:
    far = room.far.setdefault("hook", Far())
    far.hold = asyncio.Event()
    async with room.session() as courier:
        courier.take(room.change())
        await until(lambda: far.got)
    assert room.states == [State.SENDING]
    far.hold = None
    async with room.session():
        await until(lambda: room.states == [State.TOLD])
    assert [one.id for one in far.got] == ["case-1:raised:0:hook"] * 2


async def test_what_has_just_come_is_kept_when_the_session_ends_at_once(room: Room) -> None:
    room.far.setdefault("hook", Far()).answer = lambda notice: UNSENT
    courier = room.made()
    courier.start()
    courier.take(room.change())
    await courier.close()
    assert room.states == [State.WAITING]


async def test_secrets_that_the_session_knows_are_not_told(room: Room) -> None:
    async with room.session() as courier:
        bad = alert("web", words="login with hunter2 failed", rule="hunter2")
        courier.take(change(at=room.clock.now() + timedelta(seconds=1), of=bad, note="hunter2"))
        await until(lambda: room.far["hook"].got)
    (got,) = room.far["hook"].got
    assert "hunter2" not in got.as_json()
    assert got.words == "login with [secret] failed"
    assert b"hunter2" not in room.path.read_bytes()


async def test_a_full_disk_keeps_nobody_from_hearing_of_it(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up while the session runs, and has room again later: nothing is lost, nothing told twice."""
    monkeypatch.setattr(module, "AGAIN", 0.2)
    full = False
    commit = Spool._within

    def within(self: Spool, work: Callable[[], object]) -> object:
        if full and self.name != "memory":
            raise SpoolError("notices.db can't be used: database or disk is full")
        return commit(self, work)

    opened = Spool.open

    def open(path: Path) -> Spool:
        if full:
            raise SpoolError("notices.db can't be used: database or disk is full")
        return opened(path)

    monkeypatch.setattr(Spool, "_within", within)
    monkeypatch.setattr(Spool, "open", open)
    async with room.session() as courier:
        courier.take(room.change())
        await until(lambda: room.far["hook"].got)
        full = True
        courier.take(room.change(case="case-2"))
        courier.take(room.change())
        await until(lambda: len(room.far["hook"].got) == 2)
        await until(lambda: "notices not kept on disk: notices.db can't be used" in courier.standing.words)
        full = False
        await until(lambda: courier.standing.words == "")
        assert room.states == [State.TOLD, State.TOLD]
        courier.take(room.change(case="case-2"))
        courier.take(room.change(case="case-3"))
        await until(lambda: len(room.far["hook"].got) == 3)
    assert room.far["hook"].events == ["case-1 raised", "case-2 raised", "case-3 raised"]


async def test_a_damaged_spool_is_put_aside_whole_and_a_new_one_begun(room: Room) -> None:
    room.path.parent.mkdir(mode=0o700)
    room.path.write_bytes(b"rubbish " * 2000)
    os.chmod(room.path, 0o600)
    async with room.session() as courier:
        courier.take(room.change())
        await until(lambda: room.far["hook"].got)
        await until(lambda: room.states == [State.TOLD])
    (aside,) = room.path.parent.glob("notices-damaged-*.db")
    assert aside.read_bytes() == b"rubbish " * 2000


async def test_a_spool_that_another_process_holds_is_waited_for(room: Room) -> None:
    async with room.session() as courier:
        courier.take(room.change())
        await until(lambda: room.states == [State.TOLD])
        other = sqlite3.connect(room.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        courier.take(room.change(case="case-2"))
        await until(lambda: not courier._coming)
        assert len(room.far["hook"].got) == 1
        other.execute("COMMIT")
        other.close()
        await until(lambda: len(room.far["hook"].got) == 2)
        assert courier.standing.trouble == ""


async def test_where_no_lock_can_be_had_it_is_sent_all_the_same(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: FileLocks, name: str, words: str) -> Claim:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileLocks, "claim", denied)
    async with room.session() as courier:
        courier.take(room.change())
        await until(lambda: room.far["hook"].got)


@pytest.mark.parametrize("fault", [ZeroDivisionError, OverflowError, RecursionError, KeyError])
async def test_a_fault_in_a_teller_costs_one_try_and_not_the_channel(room: Room, fault: type[Exception]) -> None:
    def broken(notice: Notice) -> Delivery:
        raise fault

    far = room.far.setdefault("hook", Far())
    far.answer = broken
    async with room.session() as courier:
        courier.take(room.change())
        await until(lambda: "1 notice waits: hook no answer since " in courier.standing.words)
        far.answer = lambda notice: TOLD
        await until(lambda: room.states == [State.TOLD])
        await until(lambda: courier.standing.words == "")
    assert set(room.bugs) == {f"hook {fault.__name__}"}


async def test_a_fault_of_our_own_is_said_and_leaves_the_channel_to_another_session(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = Spool.due
    broken = True

    def fault(self: Spool, channel: str, now: float) -> object:
        if broken:
            raise ZeroDivisionError
        return due(self, channel, now)

    monkeypatch.setattr(Spool, "due", fault)
    async with room.session() as courier:
        said = "a fault of our own has ended telling through hook in this session"
        await until(lambda: courier.standing.words == said)
        before = courier.standing.at
        await until(lambda: courier.standing.at > before)
        assert courier.standing.words == said, "it stays said"
        broken = False
        async with room.session() as other:
            courier.take(room.change())
            await until(lambda: room.states == [State.TOLD])
            assert other.sends == ("hook",)
    assert room.bugs == ["hook ZeroDivisionError"]


async def test_nothing_is_begun_where_nobody_is_to_be_told(room: Room) -> None:
    async with room.session(channel("bell", "desktop"), channel("off", enabled=False)) as courier:
        courier.take(room.change())
        assert not courier._coming
        assert courier.sends == ()
    assert not room.far["bell"].got


def test_killed_between_any_two_steps_each_is_told_at_least_once_and_never_twice_after_success() -> None:
    """In a process without threads: it forks the sessions that are killed. `make safety` has more of them."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.safety.notices", "--trials", "30", "--seed", "7"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[1]) >= 30


def test_whoever_counts_at_the_wire_finds_what_is_wrong() -> None:
    def judged(*ids: str) -> list[str]:
        what, whole = notices.changes(0)[::2], notices.Sum()
        notices._judge(0, what, [{"ids": [f"t0c0:{id}:0:hook"], "taken": True} for id in ids], whole)
        return [one.partition(": ")[2] for one in whole.wrong]

    assert judged("raised", "acknowledged", "cleared") == []
    assert judged("raised", "raised", "acknowledged", "cleared") == []
    assert judged("raised", "cleared") == ["t0c0:acknowledged:0:hook was never told"]
    assert "out of order" in judged("raised", "cleared", "acknowledged")[0]
    assert "t0c0:worse:0:hook came from nowhere" in judged("raised", "acknowledged", "cleared", "worse")
