"""From an alert to an act that is CONFIRMED and a run that is solved: a runbook's own words, a real queue on a real
Redis, and the app as a person uses it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import redis.asyncio as client_library

from desk.profile import load
from desk.runs.journal import RunJournal
from desk.runs.record import End, Judgement
from desk.runs.runs import Runs
from tests.probes.test_queues_act import Connection, Mail, until
from tests.stack.cacheservers import Redis
from tests.tui.test_acting import confirm
from tests.tui.test_screens import MovingClock, Sitting
from tui import wiring
from tui.app import OpsroomApp
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.secrets import Secrets

pytestmark = pytest.mark.engine

PROFILE = """
system = "letters"
runbook = "RUNBOOK.md"

[queues.post]
url = "{url}"
every = 1

[[rule]]
name = "paused"
kind = "queues"
severity = "critical"
procedure = "RUNBOOK.md#letters-lie-still"
"""

RUNBOOK = """
# Letters

## Letters lie still

**Diagnosis:**

```bash
# How many lie there
redis-cli -p {port} llen bull:mail:paused
```

**Resolution:**

```bash
# Let them go on
redis-cli -p {port} hdel bull:<queue>:meta paused
```

**Verification:**

- [ ] The heap is empty
"""


@pytest.fixture
async def client(redis_server: Redis) -> AsyncIterator[Connection]:
    connection = client_library.Redis(port=redis_server.port)
    await connection.flushall()
    yield connection
    await connection.flushall()
    await connection.aclose()


@pytest.fixture
async def mail(redis_server: Redis, client: Connection) -> AsyncIterator[Mail]:
    from bullmq import Queue as RealQueue

    options = {"connection": {"host": "127.0.0.1", "port": redis_server.port}}
    made = Mail(RealQueue("mail", options), options)
    yield made
    await made.stop()
    await made.queue.close()


def opened(folder: Path, server: Redis) -> OpsroomApp:
    """The app on a profile with a runbook beside it, armed."""
    (folder / "opsroom.toml").write_text(PROFILE.format(url=server.url))
    (folder / "RUNBOOK.md").write_text(RUNBOOK.format(port=server.port))
    kinds, secrets = Kinds(), Secrets({})
    places = Places(folder / "config", folder / "site", folder / "state")
    profile = load(folder / "opsroom.toml", kinds)
    engine = wiring.build(profile, kinds, secrets, places)
    room = Room(engine, profile, kinds, Keymap(), who="ann", read_only_because="")
    room.make_procedures = partial(wiring.procedures, room, secrets, places)
    hands = partial(wiring.hands, profile, engine, kinds, secrets, places, dict(os.environ))
    return OpsroomApp(room, secrets, "night", ("letters lie still", 10), hands)


async def _completed(mail: Mail, ids: list[str]) -> bool:
    return all([await mail.queue.getJobState(one) == "completed" for one in ids])


async def test_from_an_alert_to_a_confirmed_act_and_a_run_that_is_solved(
    tmp_path: Path, redis_server: Redis, mail: Mail
) -> None:
    await mail.queue.pause()
    ids = [str((await mail.queue.add("send", {})).id) for _ in range(3)]
    app = await asyncio.to_thread(opened, tmp_path, redis_server)
    async with app.run_test(size=(110, 40)) as pilot:
        person = Sitting(app, pilot)
        await person.sees("mail is paused, 3 waiting", "ARMED")
        await person.press("A")
        await person.sees("paused mail")
        await person.press("p")
        await person.sees("Letters lie still", "named by the rule", "step 1", "now  BAD", "mail is paused")
        await person.press("enter")
        await person.sees("RUN 1 of 3", "step 2", "$ redis-cli", "▲ DISRUPTIVE")
        await person.press("enter")
        await person.sees("queue: which?", "mail", "queue of the alert")
        await person.press("enter")
        await person.sees("resume mail", "workers of every version")
        await confirm(person)
        await person.sees("CONFIRMED")
        await person.press("q")
        await person.sees("RUN 2 of 3", "CONFIRMED")
        await person.press("tab")
        await person.sees("The heap is empty", "step 3")
        await person.press("enter")
        await person.sees("every step is settled: e ends the run")
        await person.press("e")
        await person.sees("How does the run end?")
        await person.press(*"solved", "enter")
        await person.sees("solved: in a few words")
        await person.press(*"resent", "enter")
        await person.sees("SOLVED by ann")
        await person.until(lambda: "paused" not in str(app.room.cases()), "the alert is over")
        mail.well = True
        mail.start()
        await until(lambda: _completed(mail, ids), "the letters are sent")
    later, clock = Runs(MovingClock(), "bob"), MovingClock()
    journal = RunJournal(wiring.runs_file(app.room.profile, Places(tmp_path, tmp_path, tmp_path / "state")), clock)
    journal.serve(later)
    await asyncio.to_thread(journal.step)
    (run,) = later.all()
    assert run.ended is not None
    assert (run.ended.end, run.ended.words, run.about.path) == (End.SOLVED, "resent", "RUNBOOK.md")
    act = run.steps[1].last
    assert act is not None
    assert act.judgement is Judgement.GOOD
    assert act.deed == app.room.deeds[-1].id
    assert run.values["queue"].value == "mail"
    assert run.about.occasion is not None
    assert run.about.occasion.labels == (("queue", "mail"),)
    journal.close()
