"""Two people on one machine: who asks listens on a socket in a folder both may enter, and the kernel names both."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import stat
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from desk.clock import Clock
from desk.ids import new_id
from desk.second.colleagues import Take, Unreachable
from desk.second.door import MOMENT, Door, call
from desk.second.peer import Peer, among, hindrance, ourselves
from desk.second.proposal import LONGEST, Answer, Proposal, State, Unfit, answered
from probes.base import Lane, ProbeError

BEAT: Final = 2.0
"""Seconds between two looks at what others ask."""
MOST: Final = 4
"""Proposals of one session that wait at a time."""

_VERSION: Final = 1
_SOCKET: Final = re.compile(r"^[0-9a-f-]{36}\.sock$")
_ENTRIES: Final = 4096
"""Entries of the folder that are looked through; where there are more it is no meeting place."""
_SOCKETS: Final = 64
"""Sessions that are asked; of one user, at most the number below."""
_OF_ONE: Final = 8
_SETTLED: Final = 60.0
"""Seconds after which a socket that nobody listens on is not one that is just being made."""


class Meeting:
    """The way to other people on this machine. It is there while the folder is as it must be."""

    name = "this machine"

    def __init__(
        self, folder: Path, system: str, environment: str, clock: Clock, me: Callable[[], Peer] = ourselves
    ) -> None:
        """`me` tells who this process is."""
        self._folder = folder
        self._about = (system, environment)
        self._clock = clock
        self._me = me()
        self._lane = Lane("meeting", limit=1)
        self._looking = asyncio.Lock()
        self._door = Door(folder / f"{new_id()}.sock", self._reply)
        self._open: dict[str, Proposal] = {}
        """What this session asks."""
        self._answered: set[str] = set()
        self._used: set[str] = set()
        self._others: dict[str, tuple[Proposal, Path]] = {}
        self._take: Take = lambda answer: "nobody listens"
        self._bell: Callable[[], None] = lambda: None
        self._trouble = f"{folder} was not looked at yet"
        self._beating: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str:
        """Why nobody on this machine can be reached; empty: somebody could be."""
        return self._trouble

    @property
    def mine(self) -> frozenset[str]:
        """Our uids."""
        return self._me.person.marks

    def begin(self, take: Take, bell: Callable[[], None]) -> None:
        """Look every two seconds what others ask."""
        self._take, self._bell = take, bell
        self._beating = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(Unreachable):
                await self.refresh()
            await asyncio.sleep(BEAT)

    # who asks

    async def ask(self, proposal: Proposal) -> None:
        """Let others on this machine know of it."""
        await self._look()
        if len(self._open) >= MOST:
            raise Unreachable(f"{MOST} requests wait already")
        if len(json.dumps(proposal.told)) > LONGEST:
            raise Unreachable("it is too much for anybody to read: do less at once")
        try:
            if not self._door.stands_open:
                self._door.open()
        except OSError as error:
            raise Unreachable(f"{self._folder}: {(error.strerror or str(error)).lower()}") from None
        self._open[proposal.id] = proposal

    async def use(self, proposal: str, digest: str) -> None:
        """Once for each; a session that ends takes what it asked with it."""
        there = self._open.get(proposal)
        if there is None or proposal not in self._answered or proposal in self._used or there.digest != digest:
            raise Unfit("it was not approved here, or was used already")
        self._used.add(proposal)

    async def end(self, proposal: str, state: State) -> None:
        """Nobody is to be asked any more."""
        del state
        self._open.pop(proposal, None)
        self._answered.discard(proposal)
        if not self._open:
            self._door.close()

    def _reply(self, said: Mapping[str, Any], who: Peer) -> Mapping[str, Any]:
        """What a peer is told: only what they may answer, and whether their answer counts."""
        if said.get("v") != _VERSION:
            raise Unfit("another version of Opsroom runs there")
        if said.get("do") == "pending":
            there = [one for one in self._open.values() if one.id not in self._answered and self._may(one, who) == ""]
            return {"v": _VERSION, "requests": [one.told for one in there]}
        if said.get("do") != "answer":
            raise Unfit("it is not understood")
        answer = answered(said, who.person)
        proposal = self._open.get(answer.proposal)
        if proposal is None:
            raise Unfit("it is over: it was withdrawn, has expired or was done")
        if why := self._may(proposal, who) or self._take(answer):
            raise Unfit(why)
        self._answered.add(proposal.id)
        return {"v": _VERSION, "counts": True}

    def _may(self, proposal: Proposal, who: Peer) -> str:
        """Why a peer may not answer; empty: they may."""
        if why := hindrance(self._me, who):
            return why
        allowed = ", ".join(sorted(proposal.approvers))
        return "" if among(who, proposal.approvers) else f"{who.person.name} is not among the approvers: {allowed}"

    # who is asked

    def pending(self) -> Sequence[Proposal]:
        """What others on this machine ask about the same system, oldest first."""
        now = self._clock.now()
        there = [one for one, _ in self._others.values() if one.left(now) > 0]
        return sorted(there, key=lambda one: (one.asked, one.id))

    async def refresh(self) -> None:
        """Ask every session in the folder."""
        paths = await self._look()
        found: dict[str, tuple[Proposal, Path]] = {}
        for each in await asyncio.gather(*map(self._asked, paths)):
            for proposal, path in each:
                found.setdefault(proposal.id, (proposal, path))
        changed = found != self._others
        self._others = found
        if changed:
            self._bell()

    async def _asked(self, path: Path) -> list[tuple[Proposal, Path]]:
        """What one session asks; nothing where it does not answer as it should."""
        try:
            said, who = await call(path, {"v": _VERSION, "do": "pending"})
        except (Unreachable, Unfit):
            return []
        if hindrance(who, self._me):
            return []
        there = said.get("requests")
        made = []
        for told in there[:MOST] if isinstance(there, list) else ():
            with contextlib.suppress(Unfit):
                proposal = replace(Proposal.read(told), by=who.person)  # whatever it says of itself
                if (proposal.system, proposal.environment) == self._about:
                    made.append((proposal, path))
        return made

    async def answer(self, proposal: Proposal, granted: bool, words: str) -> Answer:
        """Tell the session that asks; it says whether that counts."""
        there = self._others.get(proposal.id)
        if there is None or there[0] != proposal:
            raise Unfit("it is over, or not what it was: look again")
        said = {"v": _VERSION, "do": "answer", "id": proposal.id, "digest": proposal.digest}
        said |= {"granted": granted, "words": words}
        back, who = await call(there[1], said)
        if who.person != proposal.by:
            raise Unfit("somebody else listens there by now")
        if back.get("counts") is not True:
            raise Unreachable("nobody knows whether it counts")
        self._others.pop(proposal.id, None)
        return Answer(proposal.id, proposal.digest, granted, self._me.person, words)

    # the folder

    async def _look(self) -> list[Path]:
        """The sockets in the folder but our own. Raises `Unreachable` when people can't meet there."""
        try:
            async with self._looking, asyncio.timeout(MOMENT):
                found = await self._lane.run(_sockets, self._folder, self._clock.now().timestamp())
            self._trouble = ""
        except (TimeoutError, ProbeError):
            self._trouble = f"{self._folder} does not answer"
        except OSError as error:
            self._trouble = f"{self._folder}: {(error.strerror or str(error)).lower()}"
        if self._trouble:
            self._others.clear()
            raise Unreachable(self._trouble)
        return [one for one in found if one != self._door.path]

    async def close(self) -> None:
        """Let go."""
        if self._beating is not None:
            self._beating.cancel()
        self._open.clear()
        self._door.close()
        self._lane.close()


def _sockets(folder: Path, now: float) -> list[Path]:
    """The sockets of a folder in which people can meet, newest first. Raises `OSError` where they can't."""
    if doubt := doubtful(folder):
        raise OSError(doubt)
    there: list[tuple[float, int, Path]] = []
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= _ENTRIES:
                raise OSError(f"more than {_ENTRIES} files lie there: who asks can't be found among them")
            if not _SOCKET.match(entry.name):
                continue
            with contextlib.suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                old = status.st_uid == os.geteuid() and now - status.st_mtime > _SETTLED
                dead = old and _cleared(folder / entry.name)
                if stat.S_ISSOCK(status.st_mode) and not dead:
                    there.append((status.st_mtime, status.st_uid, folder / entry.name))
    of: Counter[int] = Counter()
    found = []
    for _, uid, path in sorted(there, reverse=True):  # the newest first: what was left behind crowds nobody out
        of[uid] += 1
        if of[uid] <= _OF_ONE:
            found.append(path)
    return found[:_SOCKETS]


def _cleared(path: Path) -> bool:
    """True when a socket of our own led to a session that was killed, and is gone now."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as made:
        try:
            made.connect(os.fspath(path))
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                path.unlink()
            return True
        except OSError:
            return False
    return False


def doubtful(folder: Path) -> str:
    """Why people can't meet in a folder; empty: they can. Raises `OSError` where it can't be looked at."""
    status = os.stat(folder, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode):
        return "it is no folder"
    if status.st_uid not in (0, os.geteuid()):
        return "it must be root's"
    if not status.st_mode & 0o022:
        return "others must be able to write there: chmod 1770, and the group of who may meet"
    if not status.st_mode & stat.S_ISVTX:
        return "it must be sticky, so that nobody takes another's socket away: chmod +t"
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return "you may not enter it, or not write there"
    return ""
