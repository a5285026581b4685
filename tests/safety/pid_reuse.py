"""A session ends between the look and the act, and the kernel gives its pid to another one at once.

`python -m tests.safety.pid_reuse [--trials N]`. A real PostgreSQL runs in a PID namespace of its own, where
`/proc/sys/kernel/ns_last_pid` says which pid comes next, so that every trial really reuses one. Half of them swap the
session before the act looks again, half in the last moment before its one statement leaves; half signal directly,
half through the guarded functions of contrib. Beside them run acts by the pid alone, which must hit the wrong session
(else the trap is none), and acts without a swap, which must hit the right one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from probes.base import Outcome, Request, Result
from probes.postgres.act import PostgresActuator
from tests.probes.acting import ACT
from tests.probes.pgacting import actuator_at, prepared
from tests.stack import places, postgres
from tests.stack.process import wait_until

ROLES: Final = Path(__file__).parents[2] / "contrib" / "postgres" / "roles.sql"
_LAST: Final = Path("/proc/sys/kernel/ns_last_pid")
_CONTROL: Final = 20
"""Every so many trials there is one by the pid alone and one without a swap."""
_TRIES: Final = 200

Connection = psycopg.Connection[Any]


def able() -> None:
    """Raises `Unavailable` when this machine can't force a pid to be used again."""
    if os.geteuid() != 0:
        raise places.Unavailable("only root may make a PID namespace and say which pid comes next")
    if shutil.which("unshare") is None:
        raise places.Unavailable("there is no unshare(1)")
    probe = [*_NAMESPACE, sys.executable, "-c", f"open({str(_LAST)!r}, 'w').write('4000')"]
    done = subprocess.run(probe, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise places.Unavailable(f"no PID namespace can be had: {done.stderr.strip()[-200:]}")


_NAMESPACE: Final = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@dataclass
class Trap:
    """A server whose sessions are replaced by others of the same pid."""

    server: postgres.Postgres
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def session(self) -> Connection:
        """A session that sits idle in its transaction."""
        words = make_conninfo(self.server.url("plain"), application_name="app")
        connection = psycopg.connect(words, autocommit=True)
        connection.execute("BEGIN")
        connection.execute("SELECT 1")
        return connection

    def swapped(self, victim: Connection) -> Connection:
        """Another session, of the same pid, in the place of this one."""
        pid = victim.info.backend_pid
        victim.close()
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), 10)
        for _ in range(_TRIES):
            _LAST.write_text(str(pid - 1))
            innocent = self.session()
            if innocent.info.backend_pid == pid:
                return innocent
            innocent.close()
            self.counts["another process took the pid"] += 1
        raise RuntimeError(f"pid {pid} could not be had again")

    async def trial(self, actuator: PostgresActuator, late: bool) -> None:
        """One swap between the look and the signal: the innocent session must live."""
        victim = self.session()
        plan = await actuator.plan(Request("terminate", (str(victim.info.backend_pid),)))
        others: list[Connection] = []

        async def sending() -> None:
            others.append(self.swapped(victim))

        if late:
            outcome = await actuator.carry_out(plan, plan.subjects[0], ACT, sending)
        else:
            others.append(self.swapped(victim))
            outcome = await actuator.carry_out(plan, plan.subjects[0], ACT, _nothing)
        with closing(others[0]) as innocent:
            if outcome.result is not Result.REFUSED or not alive(innocent):
                self.wrong.append(f"{'late' if late else 'early'}: {outcome.words}")
        self.counts["trials"] += 1

    async def right(self, actuator: PostgresActuator) -> None:
        """No swap: the session that was looked at ends."""
        with closing(self.session()) as victim:
            plan = await actuator.plan(Request("terminate", (str(victim.info.backend_pid),)))
            outcome: Outcome = await actuator.carry_out(plan, plan.subjects[0], ACT, _nothing)
            self.counts["right"] += 1
            self.counts["right ended"] += outcome.result is Result.DONE and not alive(victim)

    def bare(self) -> None:
        """By the pid alone: the innocent session dies, which shows that the trap is one."""
        victim = self.session()
        pid = victim.info.backend_pid
        with closing(self.swapped(victim)) as innocent:
            self.server.sql(f"SELECT pg_terminate_backend({pid})")
            self.counts["bare"] += 1
            self.counts["bare hit"] += not alive(innocent, within=5)


async def _nothing() -> None:
    """The request leaves, and nothing has happened meanwhile."""


def alive(connection: Connection, within: float = 0.0) -> bool:
    """True when a session still answers; asked again for so many seconds while it does."""
    until = time.monotonic() + within
    try:
        connection.execute("SELECT 1")
        while time.monotonic() < until:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


async def proof(trials: int, say: Callable[[str], object]) -> int:
    """Inside the namespace: all trials; the exit code."""
    began = time.monotonic()
    server = prepared(postgres.start(options=["autovacuum=off", "max_parallel_workers=0"]))
    server.sql(ROLES.read_text() + f"ALTER ROLE opsroom_act PASSWORD '{server.password}';")
    trap = Trap(server)
    actuators = (actuator_at(server.port), actuator_at(server.port, "opsroom_act"))
    try:
        for number in range(trials):
            actuator = actuators[number // 2 % 2]
            await trap.trial(actuator, late=bool(number % 2))
            if number % _CONTROL == 0:
                trap.bare()
                await trap.right(actuator)
    finally:
        for actuator in actuators:
            await actuator.close()
        postgres.end(server)
    counts = trap.counts
    version = f"PostgreSQL from the {server.origin}"
    for line in trap.wrong[:10]:
        say(f"pid_reuse: WRONG {line}")
    say(
        f"pid_reuse: {counts['trials']} pids used again ({version}), {len(trap.wrong)} wrong hits; "
        f"by the pid alone {counts['bare hit']} of {counts['bare']} wrong; "
        f"without a swap {counts['right ended']} of {counts['right']} right; {time.monotonic() - began:.0f} s"
    )
    sound = counts["bare hit"] == counts["bare"] > 0 and counts["right ended"] == counts["right"] > 0
    return 0 if sound and not trap.wrong and counts["trials"] == trials else 1


def main(words: list[str]) -> int:
    """0: no wrong hit; 1: some, or the trap was none; 2: this machine can't do it."""
    asked = argparse.ArgumentParser(prog="pid_reuse")
    asked.add_argument("--trials", type=int, default=1000)
    asked.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = asked.parse_args(words)
    if given.inside:
        return asyncio.run(proof(given.trials, lambda text: print(text, flush=True)))  # noqa: T201
    try:
        able()
    except places.Unavailable as missing:
        sys.stdout.write(f"pid_reuse: NOT DONE: {missing}\n")
        return 2
    folder = tempfile.mkdtemp(prefix="opsroom-run-")
    try:
        command = [
            *_NAMESPACE,
            sys.executable,
            "-m",
            "tests.safety.pid_reuse",
            "--inside",
            "--trials",
            str(given.trials),
        ]
        return subprocess.run(command, env=os.environ | {"OPSROOM_TEST_RUN": folder}, check=False).returncode
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
