"""Trails, sinks and logs for the tests of the audit."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from desk.actor import Actor, Process, this_process, who
from desk.audit import Code, Record, Trail, chronicle
from desk.audit.sinks import FileSink, Sink, SystemLog
from tests.toys import StillClock

AT = datetime(2026, 3, 1, 3, 12, 41, 7, UTC)


class Log:
    """A system's log: a datagram socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._in = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._in.bind(str(path))
        self._in.setblocking(False)
        self._lines: list[str] = []

    def lines(self) -> list[str]:
        while True:
            try:
                self._lines.append(self._in.recv(1 << 18).decode())
            except BlockingIOError:
                return self._lines

    def codes(self) -> list[str]:
        return [json.loads(line[line.index("{") :])["code"] for line in self.lines()]

    def close(self) -> None:
        self._in.close()


class Disk:
    """Lets `fdatasync` fail while a condition holds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails: Callable[[], bool] = lambda: False
        self.number = errno.ENOSPC
        real = os.fdatasync

        def fdatasync(file: int) -> None:
            if self.fails():
                raise OSError(self.number, os.strerror(self.number))
            real(file)

        monkeypatch.setattr(os, "fdatasync", fdatasync)


class Stuck:
    """A sink that keeps nothing before it is let go."""

    name = "a stuck disk"

    def __init__(self) -> None:
        self.go = threading.Event()
        self.entered = threading.Event()
        self.kept: list[Record] = []

    def write(self, record: Record) -> None:
        self.entered.set()
        self.go.wait(30)
        self.kept.append(record)

    def close(self) -> None:
        """Nothing is open."""


def dead() -> Actor:
    """Somebody whose process has ended."""
    return replace(who({}), process=Process(this_process().pid, "0", this_process().boot))


def trail(folder: Path, log: Log | None = None, actor: Actor | None = None, **more: Any) -> Trail:
    made = Trail(folder, actor or dead(), StillClock(), {"system": "toys"}, **more)
    sinks: tuple[Sink, ...] = (FileSink(folder, made._writer), SystemLog(str(log.path) if log else "/nowhere/log"))
    if "sinks" not in more:
        made._chain._sinks = sinks
    return made


async def session(folder: Path, *notes: tuple[Code, dict[str, Any]], ended: bool = True, **more: Any) -> Path:
    """One writer with these records; its file."""
    one = trail(folder, **more)
    for code, data in notes or ((Code.ARMED, {"reason": "a test"}),):
        await one.note(code, data)
    if ended:
        await one.close()
    return folder / f"{one._writer}.jsonl"


def intent(act: str) -> tuple[Code, dict[str, Any]]:
    return Code.INTENT, {"act": act, "action": "wind"}


def note(code: Code, act: str, **more: Any) -> tuple[Code, dict[str, Any]]:
    return code, {"act": act, **more}


def codes(folder: Path) -> list[str]:
    return [record.code.value for record in chronicle.read(folder).records()]


def open_acts(folder: Path) -> list[str]:
    return [one.act for one in chronicle.read(folder).unfinished()]
