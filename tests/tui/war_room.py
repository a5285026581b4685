"""A war room for tests: people at machines of their own, a wall, one store, one Slack, and a shop under Docker Compose.

Each person is a real process on a terminal of its own, with a host name, files and a login to the store of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.probes.receiver import Receiver, receiver
from tests.probes.storing import prepared
from tests.stack import places
from tests.stack.docker import IMAGE, Engine
from tests.stack.faultproxy import FaultProxy
from tests.stack.postgres import Postgres
from tests.tui.pty_app import ROOT, PtyApp, python

LONG: Final = 90.0
"""Seconds that anything may take on a busy machine."""

_NEW_UTS: Final = 0x04000000
"""`CLONE_NEWUTS` of unshare(2): a host name of its own."""

_MACHINE: Final = f"""\
import ctypes, os, socket, sys
if ctypes.CDLL(None, use_errno=True).unshare({_NEW_UTS}):
    sys.exit("no host name of our own")
socket.sethostname(sys.argv[1])
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Becomes the program on a machine of another name, as far as that can tell."""

_COMPOSE: Final = """\
services:
  worker:
    image: {image}
    pull_policy: never
    stop_grace_period: 1s
    labels: {{opsroom.test: "{owner}"}}
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2 & wait $$!; done"]
networks:
  default:
    labels: {{opsroom.test: "{owner}"}}
"""

PEOPLE: Final = ("ada", "bob", "hall")
"""Logins of the store; the last one hangs on a wall."""

_PEOPLE: Final = """\
system = "shop"
environment = "production"
production = true
store = "env:OPSROOM_STORE"
runbook = "RUNBOOK.md"
second_person = ["scale"]
approval_folder = "{folder}/nobody-meets-here"
"""

_QUIET: Final = """
[commands.local.run.status]
argv = ["true"]
reads = true

[[severity]]
name = "P1"
"""
"""A system that says nothing by itself."""

_SHOP: Final = """
[docker.shop]
url = "{url}"
project = "{project}"
every = 1

[[rule]]
name = "too-few-workers"
when = 'shop.running{{service="worker"}} < 3'
severity = "critical"
say = "only {{value}} of 3 workers run"
procedure = "RUNBOOK.md#too-few-workers"

[[severity]]
name = "P1"
about = "orders are not worked on"
respond = "15m"
internal = "15m"
public = "30m"
watch = "2s"

[notify.team]
kind = "slack"
url = "env:SLACK"
changes = ["raised", "cleared"]
pause = "1s"

[[message]]
name = "orders"
text = "We look into it: {{impact}}"
channels = ["team"]
"""

_RUNBOOK: Final = """\
# Shop

## Too few workers

**Diagnosis:**

```bash
# How many run
docker compose -p {project} ps worker
```

**Resolution:**

```bash
# Three of them again
docker compose -p {project} up -d --scale worker=3 worker
```

**Verification:**

- [ ] Orders are worked on again
"""


def _unshares() -> bool:
    """Whether programs may be given a host name of their own; tried in a child."""
    words = [sys.executable, "-c", f"import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare({_NEW_UTS}) != 0)"]
    return os.geteuid() == 0 and subprocess.run(words, check=False, timeout=60).returncode == 0


two_machines = pytest.mark.skipif(not _unshares(), reason="only root can be at two machines: run as root")


@dataclass
class Person:
    """Somebody at a machine of their own, or a screen on a wall."""

    name: str
    home: Path
    environ: Mapping[str, str]
    stage: Stage
    app: PtyApp | None = None

    @property
    def argv(self) -> list[str]:
        """How programs begin on their machine."""
        return python("-c", _MACHINE, f"{self.name}-desk", *python("-m", "tui"))

    @property
    def sits(self) -> bool:
        """True while their program runs."""
        return self.app is not None and self.app.running

    @property
    def screen(self) -> str:
        """What they see."""
        assert self.app is not None
        return self.app.text

    def sits_down(self, *words: str, size: tuple[int, int] = (80, 24)) -> Person:
        """Open the room, or the wall."""
        self.app = PtyApp([*self.argv, *words], size=size, env=self.environ, cwd=self.home)
        self.stage.sitting.append(self.app)
        return self

    def until(self, true: Callable[[str], object], what: str, within: float = LONG) -> None:
        """Wait until it is so on this screen; everybody else's is read meanwhile."""
        ends = time.monotonic() + within
        while not true(self.screen):
            assert time.monotonic() < ends, f"{self.name} never saw {what}:\n{self.screen}"
            self.stage.read()

    def sees(self, *texts: str) -> None:
        """Wait until all of it is on this screen, wherever its lines are broken."""
        for text in texts:
            self.until(lambda screen, text=text: _flat(text) in _flat(screen), repr(text))  # type: ignore[misc]

    def sees_no(self, text: str) -> None:
        """Wait until it has gone."""
        self.until(lambda screen: text not in screen, f"{text!r} go")

    def types(self, keys: str) -> None:
        """Press keys."""
        assert self.app is not None
        self.app.send(keys)

    def waits_a_moment(self) -> None:
        """Until the clock in the top line has gone on twice: what has just come up has stood by then."""
        for _ in range(2):
            before = self.screen.splitlines()[0]
            self.until(lambda screen, before=before: screen.splitlines()[0] != before, "the clock go on")  # type: ignore[misc]

    def chooses(self, title: str, words: str, only: str = "leave") -> None:
        """Narrow a choice down until the way out of it is gone, and take what is left."""
        self.sees(title, only)
        self.types(words)
        self.until(lambda screen: f" {only}" not in screen and words in screen, f"only {words!r}")
        self.types("\r")
        self.sees_no(title)

    def answers(self, label: str, text: str = "") -> None:
        """Type what is asked for at the foot."""
        self.sees(label)
        self.types(text)
        self.sees(text)
        self.types("\r")
        self.sees_no(label)

    def leaves(self) -> int:
        """Quit from wherever they are; the exit code."""
        assert self.app is not None
        ends = time.monotonic() + LONG
        while self.app.running:
            assert time.monotonic() < ends, self.screen
            before = self.screen
            self.types("q")
            self.until(lambda screen, before=before: screen != before or not self.app.running, "a way out")  # type: ignore[misc]
        return self.app.wait_exit()

    def runs(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of theirs, without a terminal."""
        environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), **self.environ}
        return subprocess.run(
            [*self.argv, *words], env=environ, cwd=self.home, capture_output=True, text=True, timeout=120, check=False
        )


@dataclass
class Stage:
    """A store that people share, a Slack, and what the system's profile says."""

    folder: Path
    postgres: Postgres
    database: str
    slack: Receiver
    profile: str
    runbook: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    """What everybody's programs get besides."""
    doors: dict[str, FaultProxy] = field(default_factory=dict)
    """Each person's way to the store, to be cut."""
    sitting: list[PtyApp] = field(default_factory=list)

    def person(self, name: str) -> Person:
        """Somebody with a login to the store of their own."""
        home = self.folder / name
        (home / "config").mkdir(parents=True)
        (home / "config" / "shop.toml").write_text(self.profile)
        (home / "config" / "RUNBOOK.md").write_text(self.runbook)
        door = self.doors[name] = FaultProxy(self.postgres.port).__enter__()
        store = self.postgres.url(name, self.database).replace(f":{self.postgres.port}/", f":{door.port}/")
        own = {"OPSROOM_HOME": str(home), "HOME": str(home), "SUDO_USER": name, "OPSROOM_STORE": store}
        return Person(name, home, {**self.environ, "SLACK": self.slack.url, **own}, self)

    def read(self) -> None:
        """Read what every terminal shows."""
        for app in self.sitting:
            app.read(0.02 / len(self.sitting))

    def sql(self, statement: str, login: str = "postgres") -> str:
        """What the store's server answers."""
        return self.postgres.sql(statement, role=login, database=self.database)

    def told(self, word: str) -> list[str]:
        """What Slack was told that begins with this word."""
        said = [str(got.json["text"]) for got in self.slack.got]
        return [text for text in said if text.startswith(word)]

    def leaked(self) -> list[str]:
        """Where a secret of ours was shown or kept: terminals by their number, and files."""
        secrets = [self.postgres.password.encode(), b"SECRETPATH"]
        shown = [f"terminal {number}" for number, app in enumerate(self.sitting) if _any(secrets, bytes(app.output))]
        files = [path for home in self.doors for path in (self.folder / home).rglob("*") if path.is_file()]
        return shown + [str(path) for path in files if _any(secrets, path.read_bytes())]

    def close(self) -> None:
        """End every program, and every way to the store."""
        for app in self.sitting:
            app.__exit__()
        for door in self.doors.values():
            door.__exit__(None, None, None)


@dataclass
class WarRoom(Stage):
    """A stage with a shop under Docker Compose."""

    engine: Engine | None = None
    project: str = ""
    events: Path = Path()
    """Names of the containers that the Engine has made of the shop, as it told of them."""

    def loses(self, container: str) -> None:
        """A container of the shop is gone."""
        assert self.engine is not None
        self.engine.run("rm", "-f", f"{self.project}-{container}")

    def made(self) -> list[str]:
        """The containers that the Engine has made of the shop, by its own word."""
        return sorted(name.removeprefix(f"{self.project}-") for name in self.events.read_text().split())


def _any(secrets: Sequence[bytes], text: bytes) -> bool:
    return any(one in text for one in secrets)


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@contextmanager
def meeting(folder: Path, postgres: Postgres) -> Iterator[Stage]:
    """People on an empty store, whose system says nothing by itself."""
    with receiver() as slack:
        profile = _PEOPLE.format(folder=folder) + _QUIET
        made = Stage(folder, postgres, prepared(postgres, PEOPLE), slack, profile)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def war_room(folder: Path, engine: Engine, postgres: Postgres) -> Iterator[WarRoom]:
    """A shop of which one worker runs, and an empty store for the people on it."""
    project = f"war{os.getpid()}"
    file = folder / "compose.yaml"
    file.write_text(_COMPOSE.format(image=IMAGE, owner=os.getpid()))
    compose = ("compose", "-p", project, "-f", str(file))
    environ = {name: engine.environment[name] for name in ("DOCKER_CONFIG",) if name in engine.environment}
    with receiver() as slack, _events(engine, project, folder / "events") as events:
        made = WarRoom(
            folder,
            postgres,
            prepared(postgres, PEOPLE),
            slack,
            _PEOPLE.format(folder=folder) + _SHOP.format(url=engine.url, project=project),
            _RUNBOOK.format(project=project),
            environ,
            engine=engine,
            project=project,
            events=events,
        )
        try:
            engine.run(*compose, "up", "-d")
            yield made
        finally:
            made.close()
            engine.run(*compose, "down", "--timeout", "1")


@contextmanager
def _events(engine: Engine, project: str, path: Path) -> Iterator[Path]:
    """The Engine's own word for each container that it makes of a project, while this lasts."""
    docker = places.program("docker")
    assert docker is not None
    of = ["--filter", "event=create", "--filter", f"label=com.docker.compose.project={project}"]
    words = [str(docker), "events", *of, "--since", str(int(time.time())), "--format", "{{.Actor.Attributes.name}}"]
    with path.open("wb") as file:
        listening = subprocess.Popen(words, env=engine.environment, stdout=file, stderr=subprocess.DEVNULL)
    try:
        yield path
    finally:
        listening.kill()
        listening.wait(10)


def in_order(lines: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> None:
    """Each of these (who, words) is one line, and no more than one, and they stand in this order."""
    whole = "\n".join(f"{by}: {words}" for by, words in lines)
    places = []
    for who, what in wanted:
        found = [place for place, (by, words) in enumerate(lines) if by == who and what in words]
        assert len(found) == 1, f"{who}: {what!r} stands there {len(found)} times:\n{whole}"
        places.append(found[0])
    assert places == sorted(places), whole
