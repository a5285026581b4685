"""Two people on one machine: real sockets, real users, and peers that mean no good."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from desk.clock import SystemClock
from desk.ids import new_id
from desk.second import Answer, Proposal, State, Unfit, Unreachable
from desk.second import peer as peers
from desk.second.door import AT_ONCE, EACH, call
from desk.second.meeting import MOST, Meeting, doubtful
from desk.second.peer import Peer, among, hindrance
from tests.desk.seconds import STRANGER, meeting_place, proposal, stranger, two_people

PENDING = '{"v":1,"do":"pending"}'
NONE = '{"v":1,"requests":[]}\n'
"""What is asked, and what somebody is told for whom nothing waits."""


class MovingClock(SystemClock):
    """The system's clock, put forward."""

    ahead = 0.0

    def later(self, seconds: float) -> None:
        self.ahead += seconds

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead)


HOME = (1000, 1000, 1000)
"""Effective, real and login uid of somebody who sits at a terminal."""


class Asking:
    """A session that asks, and what it was answered."""

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting
        self.answers: list[Answer] = []

    def take(self, answer: Answer) -> str:
        self.answers.append(answer)
        return ""


@asynccontextmanager
async def asking(folder: Path, *asked: Proposal, me: Peer | None = None) -> AsyncIterator[Asking]:
    one = Asking(Meeting(folder, "toys", "", SystemClock(), lambda: me or peers.ourselves()))
    one.meeting.begin(one.take, lambda: None)
    try:
        for each in asked:
            await one.meeting.ask(each)
        yield one
    finally:
        await one.meeting.close()


# Who is a second person


@pytest.mark.parametrize(
    ("asker", "second", "said"),
    [
        (HOME, (1001, 1001, 1001), ""),
        (HOME, (1001, 1001, None), "nobody logged in"),
        (HOME, (1000, 1000, 1001), "who asks"),
        (HOME, (1001, 1000, 1001), "who asks"),
        (HOME, (0, 0, 1000), "who asks"),
        (HOME, (1001, 1001, 1000), "who asks"),
        (HOME, (0, 0, 1001), ""),
        ((0, 0, 1000), (1000, 1000, 1000), "who asks"),
        ((0, 0, 1000), (0, 0, 1001), "who asks"),
        ((0, 0, None), (1001, 1001, None), ""),
        ((1000, 1000, None), (0, 0, None), "who became root"),
        ((1000, 1000, None), (1001, 0, None), "who became root"),
        ((1000, 1000, None), (1000, 1000, None), "who asks"),
    ],
)
def test_the_kernel_tells_who_can_be_the_second_person(
    asker: tuple[int, int, int | None], second: tuple[int, int, int | None], said: str
) -> None:
    found = hindrance(Peer(*asker), Peer(*second))
    assert said in found
    assert bool(found) == bool(said)


def test_a_second_person_is_named_as_the_one_who_logged_in() -> None:
    assert Peer(0, 0, STRANGER).person.name == str(STRANGER)
    assert Peer(0, 0, STRANGER).person.proof == f"by the kernel: uid 0, login uid {STRANGER}"
    assert Peer(STRANGER, STRANGER, None).person.proof == f"by the kernel: uid {STRANGER}, no login uid known"


def test_approvers_are_named_or_of_a_group_and_no_list_lets_everybody() -> None:
    root = Peer(0, 0, None)
    assert among(root, ())
    assert among(root, {"root"})
    assert among(root, {"@root", "somebody"})
    assert not among(root, {"somebody", "@nobody-has-this-group"})
    assert not among(Peer(0, 0, STRANGER), {"root", "@root"}), "who became root is who logged in"


def test_the_environment_makes_nobody_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    before = peers.ourselves()
    for name in ("USER", "LOGNAME", "SUDO_USER", "SUDO_UID"):
        monkeypatch.setenv(name, "4711")
    assert peers.ourselves() == before


# Where people meet


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (0o1777, ""),
        (0o1770, ""),
        (0o777, "sticky"),
        (0o770, "sticky"),
        (0o700, "others must be able"),
        (0o755, "others"),
    ],
)
def test_a_folder_is_a_meeting_place_when_it_is_sticky_and_others_may_write(
    tmp_path: Path, mode: int, said: str
) -> None:
    tmp_path.chmod(mode)
    found = doubtful(tmp_path)
    tmp_path.chmod(0o700)
    assert said in found
    assert bool(found) == bool(said)


async def test_without_a_folder_nobody_can_be_asked_and_it_is_said(tmp_path: Path) -> None:
    meeting = Meeting(tmp_path / "nowhere", "toys", "", SystemClock())
    with pytest.raises(Unreachable, match="no such file or directory"):
        await meeting.ask(proposal())
    assert meeting.trouble.endswith("no such file or directory")
    await meeting.close()


async def test_a_link_is_no_meeting_place(tmp_path: Path) -> None:
    with meeting_place() as folder:
        (tmp_path / "link").symlink_to(folder)
        meeting = Meeting(tmp_path / "link", "toys", "", SystemClock())
        with pytest.raises(Unreachable, match="it is no folder"):
            await meeting.refresh()
        await meeting.close()


# Two people


@two_people
async def test_another_user_sees_the_request_and_who_asks_as_the_kernel_names_them() -> None:
    with meeting_place() as folder:
        async with asking(folder, one := proposal()):
            assert await stranger(folder, "list") == [[one.id, "smash kite", "root", peers.ourselves().person.proof]], (
                "whatever the request says of itself"
            )


@two_people
async def test_another_user_approves_and_the_kernel_proves_who_that_is() -> None:
    with meeting_place() as folder:
        async with asking(folder, one := proposal()) as session:
            assert await stranger(folder, "yes") == ["counts", f"by the kernel: uid {STRANGER}, no login uid known"]
            (answer,) = session.answers
            assert (answer.proposal, answer.digest, answer.granted) == (one.id, one.digest, True)
            assert answer.by.marks == {f"uid {STRANGER}"}
            assert await stranger(folder, PENDING) == [NONE]
            await session.meeting.use(one.id, one.digest)
            with pytest.raises(Unfit):
                await session.meeting.use(one.id, one.digest)


@two_people
@pytest.mark.skipif(not os.access("/proc/self/loginuid", os.W_OK), reason="this kernel keeps no login uid")
async def test_who_changed_over_to_another_user_is_who_logged_in() -> None:
    asker, login = Peer(1000, 1000, STRANGER + 1), STRANGER + 1
    with meeting_place() as folder:
        async with asking(folder, proposal(), me=asker) as session:
            assert await stranger(folder, PENDING, login=login) == [NONE], "the one who asks, through su"
            assert await stranger(folder, PENDING) == [NONE], "a process that nobody logged in for"
            assert (await stranger(folder, "yes", login=STRANGER))[0] == "counts"
            assert session.answers[0].by.proof == f"by the kernel: uid {STRANGER}, login uid {STRANGER}"


@two_people
async def test_another_user_refuses_with_words() -> None:
    with meeting_place() as folder:
        async with asking(folder, proposal()) as session:
            assert (await stranger(folder, "no", "not during the sale"))[0] == "counts"
            assert [(one.granted, one.words) for one in session.answers] == [(False, "not during the sale")]


async def test_the_same_user_in_another_process_is_nobody_else() -> None:
    with meeting_place() as folder:
        async with asking(folder, one := proposal()) as session:
            assert await stranger(folder, PENDING, uid=os.geteuid()) == [NONE]
            said = {"v": 1, "do": "answer", "id": one.id, "digest": one.digest, "granted": True, "words": ""}
            (heard,) = await stranger(folder, json.dumps(said), uid=os.geteuid())
            error = json.loads(heard)["error"]
            assert error.startswith("who asks can't be the second person, and both are ")
            assert "log in to the machine with an account of your own" in error
            assert session.answers == []


@two_people
async def test_who_is_not_among_the_approvers_is_told_nothing_and_can_answer_nothing() -> None:
    with meeting_place() as folder:
        async with asking(folder, one := proposal(approvers=frozenset({"bob", "@oncall"}))) as session:
            assert await stranger(folder, PENDING) == [NONE]
            said = {"v": 1, "do": "answer", "id": one.id, "digest": one.digest, "granted": True, "words": ""}
            (heard,) = await stranger(folder, json.dumps(said))
            assert "is not among the approvers: @oncall, bob" in heard
            assert session.answers == []


@two_people
async def test_a_request_of_another_system_is_not_seen() -> None:
    with meeting_place() as folder:
        async with asking(folder, proposal(system="other"), one := proposal(), proposal(environment="production")):
            assert [found[0] for found in await stranger(folder, "list")] == [one.id]


@two_people
async def test_what_is_withdrawn_leaves_no_socket_behind() -> None:
    with meeting_place() as folder:
        async with asking(folder, one := proposal()) as session:
            assert len(list(folder.iterdir())) == 1
            await session.meeting.end(one.id, State.WITHDRAWN)
            assert list(folder.iterdir()) == []
            assert await stranger(folder, "nothing") == []


async def test_a_socket_whose_session_was_killed_hurts_nobody() -> None:
    with meeting_place() as folder:
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(str(folder / f"{proposal().id}.sock"))
        dead.close()
        meeting = Meeting(folder, "toys", "", clock := MovingClock())
        await meeting.refresh()
        assert list(meeting.pending()) == []
        assert len(os.listdir(folder)) == 1, "it may be just being made"
        clock.later(120)
        await meeting.refresh()
        assert os.listdir(folder) == [], "what we left behind is cleared away by ourselves"
        await meeting.close()


@two_people
async def test_what_killed_sessions_left_behind_crowds_nobody_out() -> None:
    with meeting_place() as folder:
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(folder / f"{new_id()}.sock"))
                os.utime(dead.getsockname(), (1, 1))
        async with asking(folder, proposal(), me=Peer(os.geteuid(), os.geteuid(), None)) as session:
            assert (await stranger(folder, "yes"))[0] == "counts"
            assert len(session.answers) == 1


async def test_a_folder_that_somebody_filled_is_no_meeting_place_and_it_is_said() -> None:
    with meeting_place() as folder:
        for number in range(4100):
            os.mknod(folder / f"junk{number}")
        meeting = Meeting(folder, "toys", "", SystemClock())
        with pytest.raises(Unreachable, match="more than 4096 files lie there"):
            await meeting.refresh()
        assert "can't be found" in meeting.trouble
        await meeting.close()


async def test_one_session_asks_a_few_things_at_a_time() -> None:
    with meeting_place() as folder:
        async with asking(folder, *(proposal() for _ in range(MOST))) as session:
            with pytest.raises(Unreachable, match="wait already"):
                await session.meeting.ask(proposal())


async def test_what_nobody_could_read_is_not_asked() -> None:
    with meeting_place() as folder:
        async with asking(folder) as session:
            with pytest.raises(Unreachable, match="too much for anybody to read"):
                await session.meeting.ask(proposal(changes=("x" * 4000,) * 20))


# Peers that mean no good


@two_people
@pytest.mark.parametrize("mischief", ["garbage", "deep", "long", "[]", "{}", '{"v":2}', '{"v":1,"do":"answer"}'])
async def test_a_peer_that_talks_nonsense_is_sent_away_and_the_next_is_heard(mischief: str) -> None:
    with meeting_place() as folder:
        async with asking(folder, proposal()) as session:
            (heard,) = await stranger(folder, mischief)
            assert session.answers == []
            assert "requests" not in str(heard)
            assert (await stranger(folder, "yes"))[0] == "counts"


@two_people
async def test_a_forged_name_in_an_answer_is_not_read() -> None:
    with meeting_place() as folder:
        async with asking(folder, one := proposal()) as session:
            said = {"v": 1, "do": "answer", "id": one.id, "digest": one.digest, "granted": True, "words": "a\x1b[2Jb"}
            said["by"] = {"name": "bob", "marks": ["uid 1"], "host": "", "proof": "trust me"}
            await stranger(folder, json.dumps(said))
            assert session.answers[0].by.name == str(STRANGER)
            assert session.answers[0].words == "a^[[2Jb"


@two_people
async def test_silent_peers_hold_up_neither_the_room_nor_others() -> None:
    with meeting_place() as folder:
        async with asking(folder, proposal()) as session:
            path = session.meeting._door.path
            held = [socket.socket(socket.AF_UNIX) for _ in range(AT_ONCE)]
            for one in held:
                one.setblocking(False)
                one.connect(str(path))
            assert (await stranger(folder, "yes"))[0] == "counts"
            assert session.meeting._door._inside[os.geteuid()] <= EACH
            for one in held:
                one.close()


async def test_a_silent_session_is_not_waited_for_long() -> None:
    with meeting_place() as folder:
        silent = socket.socket(socket.AF_UNIX)
        path = folder / f"{proposal().id}.sock"
        silent.bind(str(path))
        silent.listen()
        with pytest.raises(Unreachable, match="did not answer within"):
            await call(path, {"v": 1, "do": "pending"})
        silent.close()


async def test_a_link_in_the_folder_leads_nowhere(tmp_path: Path) -> None:
    with meeting_place() as folder:
        there = socket.socket(socket.AF_UNIX)
        there.bind(str(tmp_path / "s"))
        there.listen()
        path = folder / f"{proposal().id}.sock"
        path.symlink_to(tmp_path / "s")
        with pytest.raises(Unreachable):
            await call(path, {"v": 1, "do": "pending"})
        there.setblocking(False)
        with pytest.raises(BlockingIOError):
            there.accept()
        there.close()
