"""Our program on very many objects: when its table has rows, what keys cost while everything is read again and again.

The screen of the one target is opened as soon as there is a picture. A key counts as answered when what it asks for is
on the screen, never by a number that happened to change.
"""

from __future__ import annotations

import contextlib
import random
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import ttybench
from bench.engines import Missing
from bench.ttybench import IDLE_GAP, Program, Session, Steady
from bench.vt import VtScreen

HERE: Final = Path(__file__).resolve().parent
KEY: Final = "OPSROOM_BENCH_KEY"
"""Variable with the made-up login."""
_COUNTED: Final = re.compile(r"^.*▸\w+.* {3}(\d+)(?: of (\d+), filter “(.*)”)?$", re.MULTILINE)
"""The line of tables: rows shown, rows there are, the filter."""
_CURSOR: Final = re.compile(r"^▸ \S+", re.MULTILINE)
_ORDER: Final = re.compile(r"^.*[↑▼].*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Crowd:
    """One table of many.toml."""

    name: str
    kind: str
    """Of the target."""
    fake: str
    """Of the made-up cloud."""
    objects: int
    rows: str
    left: str
    seek: tuple[str, ...]
    """Typed as a filter, piece by piece: part of some names, and of nothing else."""
    open: tuple[str, ...] = ("1",)
    """Keys that lead from the first picture to the table."""


def crowds(path: Path = HERE / "many.toml") -> list[Crowd]:
    """What is measured; TypeError for a setting that does not exist."""
    tables = tomllib.loads(path.read_text("utf-8"))
    return [Crowd(name, **_tuples(table)) for name, table in tables.items()]


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(one) if isinstance(one, list) else one for key, one in table.items()}


def profile_text(crowd: Crowd, port: int, folder: Path) -> str:
    """The profile; for a cluster a kubeconfig is put in the folder."""
    account = f'region = "eu-west-1"\nendpoint = "http://127.0.0.1:{port}"\n'
    account += f'key_id = "env:{KEY}"\nsecret_key = "env:{KEY}"\n'
    sections = {
        "kubernetes": f'[kubernetes.many]\nkubeconfig = "{folder / "kubeconfig"}"\nnamespaces = ["*"]\n',
        "ecs": f'[ecs.many]\ncluster = "shop"\n{account}',
        "sqs": f"[sqs.many]\n{account}",
    }
    if crowd.kind == "kubernetes":
        (folder / "kubeconfig").write_text(_KUBECONFIG.format(port=port), "utf-8")
    return f'system = "bench"\nenvironment = "bench"\n{sections[crowd.kind]}'


_KUBECONFIG: Final = """apiVersion: v1
kind: Config
current-context: bench
clusters: [{{name: bench, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: bench, user: {{token: bench}}}}]
contexts: [{{name: bench, context: {{cluster: bench, user: bench, namespace: default}}}}]
"""


@contextlib.contextmanager
def fake(crowd: Crowd) -> Iterator[tuple[int, int]]:
    """The made-up cloud, in a process of its own: (port, pid)."""
    command = [sys.executable, "-m", "bench.fakes", crowd.fake, str(crowd.objects)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE.parent)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        word, _, port = process.stdout.readline().decode().partition(" ")
        if word != "ready":
            raise Missing(f"the made-up {crowd.fake} did not come up")
        yield int(port), process.pid
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)


# What a key asks for


@dataclass(frozen=True, slots=True)
class Look:
    """What matters of the screen."""

    cursor: str
    """The row under the cursor."""
    order: tuple[str, str]
    """What says by which column the rows are ordered: their header, and words at the foot."""
    foot: str
    """The last line: words, or what is typed."""
    filtered: bool
    """Some rows are left out."""
    rows: tuple[str, ...]
    """The rows that are seen."""
    asks: bool
    """A line is being typed into."""


def look(screen: VtScreen) -> Look:
    """What is on the screen now."""
    text, lines, foot = screen.text(), screen.lines, screen.lines[-1].strip()
    cursor, order, counted = _CURSOR.search(text), _ORDER.search(text), _COUNTED.search(text)
    tabs = next((number for number, line in enumerate(lines) if _COUNTED.match(line)), len(lines))
    return Look(
        cursor[0] if cursor else "",
        (order[0] if order else "", foot if "order" in foot else ""),
        foot,
        bool(counted and counted[3]),
        tuple(line for line in lines[tabs + 2 : -1] if line.strip()),
        "show rows that hold" in text,
    )


Done = Callable[[Look, Look], bool]
"""Whether a key has done its work: by what was there before and what is there now."""


def _moved(before: Look, now: Look) -> bool:
    return now.cursor != before.cursor


def _ordered(before: Look, now: Look) -> bool:
    return now.order != before.order


def _asked(before: Look, now: Look) -> bool:
    return now.asks


def _unfiltered(before: Look, now: Look) -> bool:
    return not now.filtered and not now.asks and now.foot != before.foot


def narrowed(text: str) -> Done:
    """A filter holds: it stands at the foot, and every row that is seen has its text."""
    return lambda before, now: now.foot == text and all(text in row.lower() for row in now.rows)


@dataclass(frozen=True, slots=True)
class Step:
    """One key."""

    group: str
    key: str
    done: Done


def steps(seek: Sequence[str]) -> list[Step]:
    """The keys, pressed in turn; `seek` is typed as a filter, piece by piece."""
    down, up, page, sort = (
        Step("move", "j", _moved), Step("move", "k", _moved), Step("page", "pagedown", _moved),
        Step("sort", "s", _ordered),
    )  # fmt: skip
    letters = [Step("filter", one, narrowed("".join(seek[: number + 1]))) for number, one in enumerate(seek)]
    return [
        down, down, up, page, page, Step("page", "pageup", _moved), Step("ends", "G", _moved),
        Step("ends", "g", _moved), down, sort, down, page, sort, up, down,
        Step("filter", "/", _asked), *letters, Step("filter", "escape", _unfiltered), down, page, up, down,
    ]  # fmt: skip


# Measuring


@dataclass(frozen=True, slots=True)
class Stay:
    """How long each part of a run takes."""

    settle: float
    steady: float
    keys: int
    """How many keys are pressed."""
    pause: float
    patience: float
    """Seconds from the start until which all objects are waited for."""
    timeout: float = 20.0
    """Seconds until there must be rows."""
    key_timeout: float = 5.0


@dataclass(slots=True)
class Crowded:
    """One run."""

    objects: int
    first_rows: float | None = None
    """Milliseconds from the exec until the table has real rows; None: never."""
    whole: float | None = None
    """Seconds from the exec until every object was read; None: not while we looked."""
    left: int | None = None
    """Objects that were not read yet when we last looked; None: there was no count."""
    looked: float = 0.0
    """Seconds from the exec until we last looked."""
    steady: Steady | None = None
    peak: float | None = None
    """Megabytes of resident memory at most (VmHWM); None where the system does not tell."""
    keys: dict[str, list[float]] = field(default_factory=dict)
    """Group to milliseconds."""
    missed: int = 0
    quit: float | None = None
    """Milliseconds; None: killed."""
    spin: float = 0.0
    """Milliseconds of a fixed loop just before: the machine's speed."""


FULL: Final = Stay(settle=2.0, steady=15.0, keys=200, pause=0.2, patience=180.0)
QUICK: Final = Stay(settle=0.5, steady=3.0, keys=25, pause=0.1, patience=0.0)
START_ONLY: Final = Stay(settle=0.0, steady=0.0, keys=0, pause=0.0, patience=0.0)


class _Watch:
    """Follows a session's frames, and notes when every object is there."""

    def __init__(self, session: Session, crowd: Crowd, run: Crowded) -> None:
        self.session, self.run = session, run
        self._left = re.compile(crowd.left)

    def frames(self) -> Iterator[float]:
        """When each frame that is not yet looked at came; the screen is as it was then."""
        for chunk, changed in self.session.replay():
            if changed:
                self._note(chunk.at)
                yield chunk.at

    def catch_up(self) -> None:
        """Look at all that came."""
        for _ in self.frames():
            pass
        self.session.catch_up()

    def _note(self, at: float) -> None:
        counted = _COUNTED.search(self.session.screen.text())
        if counted is None:
            return
        left = self._left.search(self.session.screen.text())
        there = int(counted[2] or counted[1])
        self.run.left = int(left[1].replace(",", "")) if left else self.run.objects - there
        self.run.looked = at - self.session.started
        if not self.run.left and self.run.whole is None:
            self.run.whole = self.run.looked


def measure(program: Program, crowd: Crowd, stay: Stay, chance: random.Random, backend: int | None) -> Crowded:
    """One run; `backend` is the made-up cloud's pid."""
    run = Crowded(crowd.objects, spin=ttybench.spin())
    session = Session(program)
    watch = _Watch(session, crowd, run)
    try:
        _start(watch, crowd.open, re.compile(crowd.rows, re.MULTILINE), stay.timeout)
        if run.first_rows is not None and session.alive and stay.keys:
            session.pump(stay.settle)
            watch.catch_up()
            run.steady = ttybench.measure_steady(session, stay.steady, backend)
            watch.catch_up()
            _press(watch, steps(crowd.seek), stay, chance)
            while run.whole is None and session.alive and time.perf_counter() - session.started < stay.patience:
                session.pump(1.0)
                watch.catch_up()
            run.peak = peak(session.pid)
        took = session.quit()
        run.quit = None if took is None else 1000 * took
    finally:
        session.close()
    return run


def _start(watch: _Watch, opening: Sequence[str], rows: re.Pattern[str], timeout: float) -> None:
    session, opened = watch.session, False
    while watch.run.first_rows is None and time.perf_counter() - session.started < timeout and session.alive:
        session.pump(0.25, idle=IDLE_GAP)
        for at in watch.frames():
            if not opened and session.screen.painted():
                for key in opening:
                    session.send(key)
                opened = True
            if watch.run.first_rows is None and opened and rows.search(session.screen.text()):
                watch.run.first_rows = 1000 * (at - session.started)


def _press(watch: _Watch, steps: Sequence[Step], stay: Stay, chance: random.Random) -> None:
    step: Step | None = None
    for index in range(stay.keys):
        if not watch.session.alive:
            return
        watch.session.pump(stay.pause * chance.uniform(*ttybench.PACE))
        watch.catch_up()
        step = steps[index % len(steps)]
        took = _answered(watch, step, stay.key_timeout)
        if took is None:
            watch.run.missed += 1
        else:
            watch.run.keys.setdefault(step.group, []).append(1000 * took)
    if step is not None and step.group == "filter" and step.key != "escape":  # a line is still being typed into
        watch.session.send("escape")
        watch.session.pump(0.5)


def _answered(watch: _Watch, step: Step, timeout: float) -> float | None:
    """Seconds until a key has done its work; None when it did not."""
    session = watch.session
    before = look(session.screen)
    sent = session.send(step.key)
    while time.perf_counter() - sent < timeout and session.alive:
        session.pump(0.25, idle=IDLE_GAP)
        found: float | None = None
        for at in watch.frames():
            if found is None and at >= sent and step.done(before, look(session.screen)):
                found = at - sent
        if found is not None:
            return found
    return None


def peak(pid: int) -> float | None:
    """Megabytes a process had resident at most (Linux; elsewhere None)."""
    with contextlib.suppress(OSError):
        found = re.search(r"^VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        return int(found[1]) * 1024 / 1e6 if found else None
    return None
