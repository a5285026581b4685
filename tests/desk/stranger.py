"""Another user of the machine, in a process of their own: looks what waits, answers it, or does mischief."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import socket
import sys
from pathlib import Path

from desk.clock import SystemClock
from desk.second import Unfit, Unreachable
from desk.second.meeting import Meeting

_DUMPABLE = 4
"""PR_SET_DUMPABLE (prctl(2)): a process that changed its uid may look at itself again, as after an exec."""


def become(uid: int, login: int | None = None) -> None:
    """Give up being root for good; `login`: as somebody who logged in as another user and changed over."""
    if login is not None:
        Path("/proc/self/loginuid").write_text(str(login))
    if uid != os.geteuid():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        ctypes.CDLL(None).prctl(_DUMPABLE, 1, 0, 0, 0)


async def honest(folder: Path, what: str, words: str) -> list[object]:
    """What waits, once something does (`nothing`: now); `yes` and `no` answer the first, and tell what comes of it."""
    meeting = Meeting(folder, "toys", "", SystemClock())
    try:
        async with asyncio.timeout(30):
            await meeting.refresh()
            while not (waiting := meeting.pending()) and what != "nothing":
                await asyncio.sleep(0.1)
                await meeting.refresh()
        if what in ("list", "nothing"):
            return [[one.id, one.what, one.by.name, one.by.proof] for one in waiting]
        answer = await meeting.answer(waiting[0], what == "yes", words)
        return ["counts", answer.by.proof]
    except (Unfit, Unreachable) as error:
        return [str(error)]
    finally:
        await meeting.close()


def hostile(folder: Path, what: str) -> list[object]:
    """Does mischief at every socket there; what was said back."""
    heard = []
    for path in sorted(folder.glob("*.sock")):
        with socket.socket(socket.AF_UNIX) as made:
            made.settimeout(20)
            made.connect(str(path))
            if what == "garbage":
                made.sendall(b"\x00\xff\xfe{{{[[[\n")
            elif what == "deep":
                made.sendall(b"[" * 8000 + b"\n")
            elif what == "long":
                try:
                    made.sendall(b"x" * (1 << 20))
                except OSError:
                    heard.append("cut")
                    continue
            elif what != "silence":
                made.sendall(what.encode() + b"\n")
            try:
                heard.append(made.recv(1 << 16).decode("utf-8", "replace"))
            except OSError as error:
                heard.append(type(error).__name__)
    return list(heard)


def main() -> None:
    """uid or uid:login, folder, what to do, words."""
    user, folder, what, *words = sys.argv[1:]
    uid, _, login = user.partition(":")
    become(int(uid), int(login) if login else None)
    if what in ("list", "nothing", "yes", "no"):
        told = asyncio.run(honest(Path(folder), what, " ".join(words)))
    else:
        told = hostile(Path(folder), what)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
