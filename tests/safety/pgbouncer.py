"""Behind a pooler one session of the server serves client after client: the pid stays, and who is hit does not.

`python -m tests.safety.pgbouncer [--trials N]`. A real PgBouncer pools transactions over one connection. Each trial
looks at a client's open transaction; then that one ends and another client's begins in the same session, before the
act looks again or in the last moment before its one statement leaves. Beside them run acts guarded by pid and start
of the session only, which must hit the wrong client (else the trap is none).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg.conninfo import make_conninfo

from probes.base import Request, Result
from probes.postgres.act import PostgresActuator
from tests.probes.acting import ACT
from tests.probes.pgacting import actuator_at, prepared
from tests.stack import pgbouncer, places, postgres

_CONTROL: Final = 20
"""Every so many trials there is one that is guarded by the session only."""

Connection = psycopg.Connection[Any]


@dataclass
class Trap:
    """A pooler with one connection, and clients who take turns on it."""

    server: postgres.Postgres
    pooler: pgbouncer.PgBouncer
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def client(self, name: str) -> Connection:
        """A client of the pooler."""
        words = make_conninfo(self.pooler.url("plain"), application_name=name)
        return psycopg.connect(words, autocommit=True, prepare_threshold=None)

    async def trial(self, actuator: PostgresActuator, late: bool) -> None:
        """Another client's transaction in the place of the one that was looked at: it must go on."""
        with closing(self.client("first")) as first, closing(self.client("second")) as second:
            pid = begun(first)
            plan = await actuator.plan(Request("terminate", (str(pid),)))

            async def sending() -> None:
                if late:
                    self._turn(first, second, pid)

            if not late:
                self._turn(first, second, pid)
            outcome = await actuator.carry_out(plan, plan.subjects[0], ACT, sending)
            if outcome.result is not Result.REFUSED or not ends_well(second):
                self.wrong.append(f"{'late' if late else 'early'}: {outcome.words}")
        self.counts["trials"] += 1

    @staticmethod
    def _turn(first: Connection, second: Connection, pid: int) -> None:
        first.execute("COMMIT")
        if begun(second) != pid:
            raise RuntimeError("the pooler gave another session")

    def bare(self) -> None:
        """Guarded by pid and backend_start only: the wrong client's transaction dies."""
        with closing(self.client("first")) as first, closing(self.client("second")) as second:
            pid = begun(first)
            start = self.server.sql(f"SELECT backend_start FROM pg_stat_activity WHERE pid = {pid}")
            self._turn(first, second, pid)
            self.server.sql(
                f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                f"WHERE pid = {pid} AND backend_start = '{start}'"
            )
            self.counts["bare"] += 1
            self.counts["bare hit"] += not ends_well(second)


def begun(client: Connection) -> int:
    """Begin a transaction; the pid of the server's session that serves it."""
    client.execute("BEGIN")
    row = client.execute("SELECT pg_backend_pid()").fetchone()
    if row is None:
        raise RuntimeError("no answer")
    return int(row[0])


def ends_well(client: Connection) -> bool:
    """True when a client's transaction is still its own and can be committed."""
    try:
        client.execute("SELECT 1")
        client.execute("COMMIT")
    except psycopg.OperationalError:
        return False
    return True


async def proof(trials: int) -> int:
    """All trials; the exit code."""
    began = time.monotonic()
    server = prepared(postgres.start())
    try:
        pooler = pgbouncer.start(server)
    except places.Unavailable:
        postgres.end(server)
        raise
    trap = Trap(server, pooler)
    actuators = (actuator_at(server.port), actuator_at(pooler.port, pooled=True))
    try:
        for number in range(trials):
            await trap.trial(actuators[number // 2 % 2], late=bool(number % 2))
            if number % _CONTROL == 0:
                trap.bare()
    finally:
        for actuator in actuators:
            await actuator.close()
        pgbouncer.end(pooler)
        postgres.end(server)
    for line in trap.wrong[:10]:
        sys.stdout.write(f"pgbouncer: WRONG {line}\n")
    counts = trap.counts
    sys.stdout.write(
        f"pgbouncer: {counts['trials']} pooled transactions changed hands, {len(trap.wrong)} wrong hits; "
        f"by pid and start of the session alone {counts['bare hit']} of {counts['bare']} wrong; "
        f"{time.monotonic() - began:.0f} s\n"
    )
    return 0 if counts["bare hit"] == counts["bare"] > 0 and not trap.wrong else 1


def main(words: list[str]) -> int:
    """0: no wrong hit; 1: some, or the trap was none; 2: this machine can't do it."""
    asked = argparse.ArgumentParser(prog="pgbouncer")
    asked.add_argument("--trials", type=int, default=300)
    given = asked.parse_args(words)
    try:
        return asyncio.run(proof(given.trials))
    except places.Unavailable as missing:
        sys.stdout.write(f"pgbouncer: NOT DONE: {missing}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
