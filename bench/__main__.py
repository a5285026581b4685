"""`python -m bench`: start the servers, get the tools, measure all in turn, write the page.

It leaves nothing running and nothing installed but under bench/out; tools from the system's packages are the exception.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bench import engines, figures, logs, many, manypage, setup, ttybench
from bench.ttybench import Pace, Program, Session

HERE: Final = Path(__file__).resolve().parent
SCENES: Final = (20, 500)
"""Connections to PostgreSQL."""
RESERVED: Final = 20
"""Connections kept for the programs that watch."""

FULL: Final = Pace(settle=2.0, steady=12.0, keys=20, pause=0.25)
QUICK: Final = Pace(settle=0.5, steady=2.0, keys=6, pause=0.1, ready_timeout=10.0)
START_ONLY: Final = Pace(settle=0.0, steady=0.0, keys=0, pause=0.0)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of everything."""

    pace: Pace
    rounds: int
    starts: int
    """Further starts in each round, without the rest."""
    hang: float
    """Seconds the database hangs."""
    leaving: float
    """Seconds a program may take to leave while it hangs."""
    quiet: float
    """Per cent of a core that others may use when a run begins."""
    patience: float
    """Seconds to wait for that."""
    warm: bool
    """Start each program once before anything counts: the first start compiles and reads from the disk."""
    many: many.Stay
    """How long it looks at very many objects."""


EFFORTS: Final = {
    True: Effort(
        QUICK, rounds=1, starts=0, hang=5.0, leaving=3.0, quiet=100.0, patience=0.0, warm=False, many=many.QUICK
    ),
    False: Effort(
        FULL, rounds=2, starts=2, hang=16.0, leaving=10.0, quiet=60.0, patience=4.0, warm=True, many=many.FULL
    ),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One table of peers.toml."""

    name: str
    scenes: tuple[int, ...]
    ready: str
    command: str = "$BINARY"
    profile: tuple[str, ...] = ()
    """The kinds of one of our own profiles; a peer has none."""
    pip: str | None = None
    apt: str | None = None
    version: str | None = None
    """The flag that prints the version."""
    needs: str | None = None
    """An engine that must be there: docker."""
    keys: tuple[str, ...] = ("down", "up")
    setup: tuple[str, ...] = ()
    rows: tuple[int, int] | None = None
    quit: str = "q"
    hang: bool = False
    hang_keys: tuple[str, ...] = ()
    hang_every: float = 0.5


def entries(path: Path) -> list[Entry]:
    """The programs of a file; TypeError for a setting that does not exist."""
    return [Entry(name, **_tuples(table)) for name, table in tomllib.loads(path.read_text("utf-8")).items()]


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the private servers listen."""

    postgres: int = field(default_factory=engines.free_port)
    redis: int = field(default_factory=engines.free_port)
    http: int = field(default_factory=engines.free_port)


def profile_text(kinds: Sequence[str], ports: Ports) -> str:
    """A profile of ours that watches these kinds."""
    sections = {
        "host": "[host.local]",
        "postgres": f'[postgres.main]\nurl = "postgresql://postgres@127.0.0.1:{ports.postgres}/bench"',
        "redis": f'[redis.cache]\nurl = "redis://127.0.0.1:{ports.redis}/0"',
        "queues": f'[queues.jobs]\nurl = "redis://127.0.0.1:{ports.redis}/0"\nqueues = ["emails", "insights"]',
        "http": f'[http.health]\nurl = "http://127.0.0.1:{ports.http}/health"',
        "docker": "[docker.local]",
    }
    return "\n".join(['system = "bench"', 'environment = "bench"', *(sections[kind] for kind in kinds)]) + "\n"


class Absent(Exception):
    """A program cannot be measured here; the text says why."""


class Bench:
    """One run of everything."""

    def __init__(
        self,
        folder: Path,
        chosen: Sequence[Entry],
        effort: Effort,
        install: bool,
        crowds: Sequence[many.Crowd] = (),
        with_logs: bool = False,
    ) -> None:
        self.folder, self.chosen, self.effort, self.install = folder, chosen, effort, install
        self.crowds = crowds
        self.with_logs = with_logs
        self.ports = Ports()
        self.results = figures.Results(quick=effort is EFFORTS[True])
        self._chance = random.Random(1)
        self._programs: dict[str, Program] = {}
        self._binary = Path(sys.executable).with_name("opsroom")

    def prepare(self) -> None:
        """Find or install every program; what is missing is noted."""
        if self.crowds or any(entry.profile for entry in self.chosen):
            self._prepare_ours()
        for entry in self.chosen:
            try:
                self._programs[entry.name] = self._program(entry)
            except (Absent, setup.NotInstalled) as reason:
                self.results.absent[entry.name] = str(reason)
                say(f"{entry.name}: not measured: {reason}")

    def _prepare_ours(self) -> None:
        """As a person installs it; where that fails, as it is here, and the page says so."""
        how = "installed from its wheel"
        try:
            if self.install:
                self._binary = setup.obtain_own()
            else:
                how = "as it is in this environment"
        except setup.NotInstalled as reason:
            how = f"as it is in this environment, for its wheel did not install: {reason}"
        self.results.versions["opsroom"] = f"{version('opsroom')}, {how}"

    def _program(self, entry: Entry) -> Program:
        if entry.needs == "docker" and not docker_answers():
            raise Absent("no Docker Engine answers")
        command = self._ours(entry) if entry.profile else self._theirs(entry)
        return Program(
            entry.name,
            command,
            entry.ready,
            keys=entry.keys,
            quit=entry.quit,
            setup=entry.setup,
            rows=entry.rows,
            hang_keys=entry.hang_keys,
            hang_every=entry.hang_every,
            environment=self._environment(),
        )

    def _environment(self) -> dict[str, str]:
        """Nobody's own settings."""
        home = str(self.folder)
        return {"HOME": home, "XDG_CONFIG_HOME": home, "XDG_STATE_HOME": home, "XDG_CACHE_HOME": home}

    def _ours(self, entry: Entry) -> str:
        return self._command(entry.name, profile_text(entry.profile, self.ports))

    def _command(self, name: str, profile: str) -> str:
        """Our program with a profile that it takes."""
        path = self.folder / f"{name}.toml"
        path.write_text(profile, "utf-8")
        check = [str(self._binary), "config", "validate", str(path)]
        done = subprocess.run(check, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise Absent(f"its profile is refused: {(done.stderr.strip() or 'no reason given').splitlines()[-1]}")
        return f"{self._binary} --profile {path}"

    def _theirs(self, entry: Entry) -> str:
        path = setup.obtain(setup.Source(entry.name, entry.pip, entry.apt), install=self.install)
        self.results.versions[entry.name] = setup.version_of(path, entry.version) if entry.version else "?"
        return entry.command.replace("$BINARY", str(path)).replace("$PORT", str(self.ports.postgres))

    def run(self) -> None:
        """All scenes, each with servers of its own."""
        began = time.monotonic()
        for connections in SCENES:
            names = [entry.name for entry in self.chosen if connections in entry.scenes]
            programs = [self._programs[name] for name in names if name in self._programs]
            if programs:
                with self._servers(connections) as postmaster:
                    self.results.scenes[connections] = self._measure(connections, programs, postmaster)
                    if connections == SCENES[0]:
                        self._hang(postmaster)
        for crowd in self.crowds:
            self._measure_many(crowd)
        if self.with_logs:
            ttybench.wait_for_quiet(self.effort.quiet, self.effort.patience)
            self.results.logs = logs.measure(self.folder, self.results.quick)
            say("logs: searched, opened and followed")
        self.results.seconds = time.monotonic() - began

    @contextlib.contextmanager
    def _servers(self, connections: int) -> Iterator[int]:
        """PostgreSQL, Redis, a health page and something to look at; the postmaster's pid."""
        folder = self.folder / f"scene-{connections}"
        folder.mkdir(mode=0o755)
        with contextlib.ExitStack() as stack:
            room = connections + RESERVED
            postmaster = stack.enter_context(engines.postgres(folder, self.ports.postgres, room))
            stack.enter_context(engines.redis(folder, self.ports.redis))
            stack.enter_context(loaded(self.ports, connections))
            yield postmaster

    def _measure(self, connections: int, programs: Sequence[Program], postmaster: int) -> dict[str, list[ttybench.Run]]:
        """In turn, so that noise meets all alike."""
        effort = self.effort
        runs: dict[str, list[ttybench.Run]] = {program.name: [] for program in programs}
        for program in programs if effort.warm else ():
            ttybench.measure(program, START_ONLY, self._chance, None)
        for turn in range(effort.rounds):
            for pace in [effort.pace, *[START_ONLY] * effort.starts]:
                for program in programs:
                    ttybench.wait_for_quiet(effort.quiet, effort.patience if pace.keys else min(1.0, effort.patience))
                    run = ttybench.measure(program, pace, self._chance, postmaster)
                    runs[program.name].append(run)
                    if pace.keys:
                        say(f"{connections} connections, round {turn + 1}, {told(program.name, run)}")
        return runs

    def _measure_many(self, crowd: many.Crowd) -> None:
        """One target with very many objects."""
        effort = self.effort
        with many.fake(crowd) as (port, cloud):
            command = self._command(crowd.name, many.profile_text(crowd, port, self.folder))
            environment = {**self._environment(), many.KEY: "bench"}
            program = Program(crowd.name, command, crowd.rows, quit="q q", environment=environment)
            runs = self.results.crowds.setdefault(crowd.name, [])
            if effort.warm:
                many.measure(program, crowd, many.START_ONLY, self._chance, None)
            for turn in range(effort.rounds):
                full = replace(effort.many, patience=0.0) if turn else effort.many
                for stay in [full, *[many.START_ONLY] * effort.starts]:
                    ttybench.wait_for_quiet(effort.quiet, effort.patience)
                    runs.append(many.measure(program, crowd, stay, self._chance, cloud))
                say(f"{crowd.objects:,} objects, round {turn + 1}, {manypage.told(crowd.name, runs)}")

    def _hang(self, postmaster: int) -> None:
        for entry in self.chosen:
            program = self._programs.get(entry.name)
            if program is not None and entry.hang:
                hang = self._hung(program, postmaster)
                self.results.hangs[entry.name] = hang
                say(f"hung database, {entry.name}: {hang.late} of {hang.pressed} keys late, left in {hang.quit} ms")

    def _hung(self, program: Program, postmaster: int) -> ttybench.Hang:
        session = Session(program)
        try:
            ttybench.measure_start(session, self.effort.pace.ready_timeout)
            ttybench.settle(session, 2.5)
            engines.signal_tree(postmaster, signal.SIGSTOP)
            hang = ttybench.measure_hang(session, self.effort.hang)
            took = session.quit(self.effort.leaving)
            hang.quit = None if took is None else 1000 * took
            return hang
        finally:
            engines.signal_tree(postmaster, signal.SIGCONT)
            session.close()


@contextlib.contextmanager
def loaded(ports: Ports, connections: int) -> Iterator[None]:
    """The load, in a process of its own."""
    command = [sys.executable, "-m", "bench.load", "--connections", str(connections)]
    command += ["--postgres", str(ports.postgres), "--redis", str(ports.redis), "--http", str(ports.http)]
    load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE.parent)
    assert load.stdin is not None
    assert load.stdout is not None
    try:
        if not load.stdout.readline().startswith(b"ready"):
            raise engines.Missing("the load did not come up")
        yield
    finally:
        load.stdin.close()
        load.stdout.close()
        try:
            load.wait(timeout=10)
        except subprocess.TimeoutExpired:
            load.kill()
            load.wait(timeout=10)


def docker_answers() -> bool:
    """True when the Docker Engine of this environment answers."""
    client = shutil.which("docker")
    if client is None:
        return False
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run([client, "ps", "--quiet"], capture_output=True, text=True, timeout=5, check=False)
        return done.returncode == 0 and bool(done.stdout.strip())
    return False


def told(name: str, run: ttybench.Run) -> str:
    """One line about one run."""
    one = figures.summarise([run])
    shown = {key: figures.number(one[key]) for key in ("ready", "cpu", "rss", "key_p50", "quit")}
    return (
        f"{name}: live data {shown['ready']} ms, CPU {shown['cpu']} %, RSS {shown['rss']} MB, "
        f"key {shown['key_p50']} ms, quit {shown['quit']} ms"
    )


def say(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """A folder for this run, gone after it."""
    with tempfile.TemporaryDirectory(prefix="opsroom-bench-") as name:
        os.chmod(name, 0o755)  # PostgreSQL runs as nobody and must get to its folder
        yield Path(name)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Opsroom's speed beside other tools.")
    parser.add_argument("--quick", action="store_true", help="under two minutes; the page goes to bench/out/quick.md")
    parser.add_argument("--only", metavar="A,B", help="only these programs of peers.toml")
    parser.add_argument("--no-install", dest="install", action="store_false", help="install no missing tool")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the page goes (bench/RESULTS.md)")
    return parser


def chosen(only: str | None) -> tuple[list[Entry], list[many.Crowd]]:
    """The programs and the scenes of many objects that are asked for; SystemExit for a name that does not exist."""
    known = {entry.name: entry for entry in entries(HERE / "peers.toml")}
    crowds = {crowd.name: crowd for crowd in many.crowds()}
    names = only.split(",") if only else [*known, *crowds]
    there = [*known, *crowds, logs.NAME]
    if unknown := [name for name in names if name not in there]:
        raise SystemExit(f"no such program: {', '.join(unknown)}; there are {', '.join(there)}")
    return [known[name] for name in names if name in known], [crowds[name] for name in names if name in crowds]


def place(options: argparse.Namespace) -> Path:
    """Where the page goes: never over the full page when this run is not a full one."""
    partial = options.quick or options.only
    return options.out or (HERE / "out" / "quick.md" if partial else HERE / "RESULTS.md")


def main(words: Sequence[str] | None = None) -> int:
    """The exit code: 0 measured, 1 a server is missing."""
    options = arguments().parse_args(words)
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, lambda number, _: sys.exit(128 + number))
    (HERE / "out").mkdir(exist_ok=True)
    with workplace() as folder:
        programs, crowds = chosen(options.only)
        with_logs = not options.only or logs.NAME in options.only.split(",")
        bench = Bench(folder, programs, EFFORTS[options.quick], options.install, crowds, with_logs)
        bench.results.only = options.only.split(",") if options.only else ()
        bench.prepare()
        try:
            bench.run()
        except engines.Missing as missing:
            say(f"bench: {missing}")
            return 1
    return finish(bench.results, place(options))


def finish(results: figures.Results, path: Path, raw: Path = HERE / "out" / "runs.json") -> int:
    """Write the page, and the raw figures for a closer look.

    Very many objects and logs have sections of their own, which say what wrote them: a run of them alone, or of
    programs alone, leaves the rest of a page as it was.
    """
    whole = path.read_text("utf-8") if path.exists() else ""
    before = manypage.rest_of(whole, logs.TITLE)
    limits = logs.load_limits(HERE / "targets.toml")
    about_logs = logs.section(results.logs, limits, results.quick, results.only)
    section = manypage.section(results, manypage.load_limits(HERE / "targets.toml"))
    page = manypage.rest_of(before) or "# Speed\n"
    if results.scenes or results.absent:
        page = figures.page(results, figures.load_targets(HERE / "targets.toml"))
    page = manypage.joined(page, section or manypage.section_of(before))
    path.write_text(manypage.joined(page, about_logs or manypage.section_of(whole, logs.TITLE)), "utf-8")
    raw.write_text(json.dumps(asdict(results), indent=1), "utf-8")
    say(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
