"""Two people for tests: one who answers in this process, and one who is another user of the machine."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from desk.ids import new_id
from desk.second import Answer, Person, Proposal, State, Take, Unfit
from desk.second.agreements import Draft

ADA: Final = Person("ada", frozenset({"uid 41000"}), "bastion")
BOB: Final = Person("bob", frozenset({"uid 41001"}), "bastion", "by the kernel: uid 41001")
STRANGER: Final = 12345
"""A uid that nobody has."""
ROOT: Final = Path(__file__).parents[2]

two_people = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two people: run as root")


def proposal(digest: str = "a" * 64, by: Person = ADA, **more: Any) -> Proposal:
    now = datetime.now(UTC)
    plain = Proposal(
        id=new_id(),
        digest=digest,
        system="toys",
        environment="",
        by=by,
        what="smash kite",
        where="it (toy), the toybox",
        danger="DESTRUCTIVE",
        changes=("kite: it is there → another one",),
        felt=("children notice",),
        command=("toy smash -- kite",),
        undo="it can't be taken back",
        reason="it is broken",
        typed="it",
        asked=now,
        expires=now + timedelta(seconds=600),
    )
    return replace(plain, **more)


def draft(digest: str = "a" * 64, **more: Any) -> Draft:
    plain = Draft(digest, "smash kite", "it (toy)", "DESTRUCTIVE", ("kite: there → gone",), "it is broken", "it")
    return replace(plain, **more)


class Beside:
    """A way to somebody in the same process, who answers when a test says so."""

    name = "here"
    mine: frozenset[str] = frozenset()

    def __init__(self, trouble: str = "") -> None:
        self.trouble = trouble
        self.asked: list[Proposal] = []
        self.waiting: list[Proposal] = []
        """What others ask."""
        self.uses: list[str] = []
        self.ends: list[tuple[str, State]] = []
        self.broken: Exception | None = None
        """What `use` raises."""
        self._take: Take = lambda answer: "nobody listens"

    def begin(self, take: Take, bell: Callable[[], None]) -> None:
        self._take = take

    async def ask(self, proposal: Proposal) -> None:
        self.asked.append(proposal)

    def pending(self) -> Sequence[Proposal]:
        return self.waiting

    async def refresh(self) -> None:
        return

    async def answer(self, proposal: Proposal, granted: bool, words: str) -> Answer:
        if proposal not in self.waiting:
            raise Unfit("it is over")
        self.waiting.remove(proposal)
        return Answer(proposal.id, proposal.digest, granted, BOB, words)

    async def use(self, proposal: str, digest: str) -> None:
        if self.broken is not None:
            raise self.broken
        self.uses.append(proposal)

    async def end(self, proposal: str, state: State) -> None:
        self.ends.append((proposal, state))

    async def close(self) -> None:
        return

    # what a test does

    def says(self, granted: bool = True, words: str = "", by: Person = BOB, **more: Any) -> str:
        """Somebody answers the newest request; why that does not count, or nothing."""
        one = self.asked[-1]
        return self._take(replace(Answer(one.id, one.digest, granted, by, words), **more))


@contextmanager
def meeting_place() -> Iterator[Path]:
    """A folder in which every user of the machine can meet."""
    folder = Path(tempfile.mkdtemp(prefix="opsroom-meet-"))
    folder.chmod(0o1777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def stranger(folder: Path, *words: str, uid: int = STRANGER, login: int | None = None) -> list[Any]:
    """What another user of the machine finds in the folder or does there; see `tests/desk/stranger.py`."""
    user = str(uid) if login is None else f"{uid}:{login}"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.desk.stranger", user, str(folder), *words,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode == 0, said
    found = json.loads(said)
    assert isinstance(found, list)
    return found
