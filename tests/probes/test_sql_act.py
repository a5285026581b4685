"""Acts on rows of saved queries: on a real server, by a program that really changes the row, or does not."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from desk.commandline import recognised
from desk.ids import new_id
from probes.base import (
    Cause,
    Context,
    Danger,
    Outcome,
    Plan,
    ProbeError,
    Request,
    Result,
    Subject,
    Target,
    Truth,
    Verdict,
)
from probes.exec import job
from probes.exec.job import State
from probes.postgres.saved.act import SqlActuator
from probes.postgres.saved.facts import SqlFacts
from probes.postgres.saved.probe import SqlProbe
from probes.postgres.saved.rows import actable
from probes.postgres.saved.settings import SqlSettings
from tests.probes.acting import comes_back
from tests.stack.postgres import PASSWORD, Postgres

EVENTS = """
DROP SCHEMA IF EXISTS events CASCADE;
CREATE SCHEMA events;
CREATE TABLE events.event (id int, tenant text, status text, tries int, access_token text, at timestamptz);
INSERT INTO events.event VALUES (1, 'acme', 'failed', 3, 's3cret'), (2, 'acme', 'failed', 1, 's3cret'),
    (3, 'zoo', 'failed', 5, 's3cret'), (7, 'zoo', 'done', 1, 's3cret');
GRANT USAGE ON SCHEMA events TO plain;
GRANT SELECT ON events.event TO plain;
"""
FAILED = "SELECT id, tenant, status, tries, access_token, clock_timestamp() - now() AS age FROM events.event "
FAILED += "WHERE status <> 'done' ORDER BY id"
SLOWLY = """
CREATE TABLE events.slow ();
CREATE FUNCTION events.slowly() RETURNS int LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep((SELECT count(*) FROM events.slow)); RETURN 0; END';
GRANT SELECT ON events.slow TO plain;
"""
RETRY = """
import os, sys, psycopg
if sys.argv[1] == "3":
    sys.exit("event 3 is broken")
with psycopg.connect(os.environ["DATABASE"], autocommit=True) as database:
    database.execute(sys.argv[2], [int(sys.argv[1])])
"""
DONE = "UPDATE events.event SET status = 'done' WHERE id = %s"
QUEUED = "UPDATE events.event SET status = 'queued' WHERE id = %s"
NOTHING = "SELECT %s"

pytestmark = pytest.mark.engine


class Secrets:
    def __init__(self, url: str) -> None:
        self.url = url

    def resolve(self, reference: str) -> str:
        return self.url if reference == "env:DATABASE" else PASSWORD


class Events:
    """A table of events that have failed, and what retries them."""

    def __init__(
        self, server: Postgres, state: Path | None, statement: str = DONE, sql: str = FAILED,
        more: dict[str, Any] | None = None, **act: Any,
    ) -> None:  # fmt: skip
        self.server = server
        script = (state or Path("/nowhere")) / "retry.py"
        if state is not None:
            script.write_text(RETRY)
        does = {
            "key": ["id"], "argv": [sys.executable, str(script), "{id}", statement], "danger": "reversible",
            "env": {"DATABASE": "env:DATABASE"},
        } | act  # fmt: skip
        self.settings = SqlSettings.model_validate(
            {
                "url": f"postgresql://plain@127.0.0.1:{server.port}/app",
                "password": "env:PW",
                "query": {
                    "failed": {"sql": sql, "of": "rows", "act": does} | (more or {}),
                    "all": {"sql": "SELECT 1"},
                },
            }
        )
        target = Target("events", "sql", self.settings)
        context = Context(Secrets(server.url()), state=state)
        self.probe, self.act = SqlProbe(target, context), SqlActuator(target, context)

    async def facts(self) -> SqlFacts:
        return (await self.probe.read()).facts

    async def plan(self, *ids: object) -> Plan:
        return await self.act.plan(Request("run", tuple(f"failed/{id}" for id in ids)))

    async def do(self, plan: Plan, subject: Subject | None = None) -> Outcome:
        async def sending() -> None:
            pass

        return await self.act.carry_out(plan, subject or plan.subjects[0], new_id(), sending)

    async def settled(self, plan: Plan, outcome: Outcome, subject: Subject | None = None) -> Verdict:
        async with asyncio.timeout(60):
            while True:
                verdict = await self.act.verify(plan, subject or plan.subjects[0], outcome, 10.0)
                if verdict.truth is not Truth.PENDING or "still says the same" in str(verdict.words):
                    return verdict
                await asyncio.sleep(0.05)

    def status(self, id: int) -> str:
        return self.server.sql(f"SELECT status FROM events.event WHERE id = {id}").strip()


def runs(state: Path) -> list[Path]:
    """The folders of the runs that are kept."""
    return [path.parent for path in state.glob("jobs/sql/*/*/*/spec.json")]


async def until_ended(state: Path) -> None:
    async with asyncio.timeout(60):
        while any([(await job.look(one)).state is not State.ENDED for one in runs(state)]):
            await asyncio.sleep(0.05)


@pytest.fixture
async def opened(postgres: Postgres) -> AsyncIterator[list[Events]]:
    postgres.sql(EVENTS)
    made: list[Events] = []
    yield made
    for one in made:
        await one.probe.close()
        await one.act.close()


@pytest.fixture
def events(postgres: Postgres, tmp_path: Path, opened: list[Events]) -> Events:
    opened.append(Events(postgres, tmp_path))
    return opened[0]


async def test_a_row_is_retried_by_its_key_and_is_true_once_it_is_gone(events: Events) -> None:
    plan = await events.plan(1)
    [subject] = plan.subjects
    assert (plan.danger, str(subject.name)) == (Danger.REVERSIBLE, "failed 1")
    assert str(subject.before) == "tenant acme, status failed, tries 3"
    assert plan.command[0].split()[2] == "1"
    assert "s3cret" not in repr(plan)
    outcome = await events.do(plan)
    assert outcome.result is Result.DONE
    verdict = await events.settled(plan, outcome)
    assert (verdict.truth, str(verdict.words)) == (Truth.CONFIRMED, "exit code 0, and the row is gone")
    assert (events.status(1), events.status(2)) == ("done", "failed")
    with pytest.raises(ProbeError, match="the row 1 is not there any more"):
        await events.plan(1)


async def test_every_row_is_offered_where_the_query_has_an_act_and_comes_back_from_its_line(events: Events) -> None:
    facts = await events.facts()
    assert [(one.key, one.values, str(one.told).partition(",")[0]) for one in actable(facts)] == [
        ("failed/1", ("1",), "tenant acme"),
        ("failed/2", ("2",), "tenant acme"),
        ("failed/3", ("3",), "tenant zoo"),
    ]
    [offer] = events.act.offers(facts, ("failed/1", "failed/2"))
    assert (offer.action.name, offer.refused) == ("run", "")
    assert events.act.offers(facts, ("failed/7",)) == ()
    assert events.act.offers(facts, ("all",)) == ()
    assert events.act.offers(facts, ()) == ()
    assert comes_back(events.act, Request("run", ("failed/1",)))
    assert events.act.render(Request("run", ("failed/1", "failed/2"))).count("\n") == 1


def test_a_line_that_gives_the_command_more_than_the_profile_does_is_another_one(
    postgres: Postgres, tmp_path: Path
) -> None:
    acting = Events(postgres, tmp_path, argv=["bin/retry", "{id}"]).act
    found = recognised("bin/retry 4711", acting)
    assert found is not None
    assert found.request == Request("run", ("failed/4711",))
    for line in ("DATABASE=staging bin/retry 4711", "env DATABASE=staging bin/retry 4711", "bin/retry 4711 < ids.txt"):
        assert recognised(line, acting) is None, line


async def test_a_row_for_which_it_ran_before_is_left_out_unless_it_is_taken_in(
    postgres: Postgres, tmp_path: Path, opened: list[Events]
) -> None:
    events = Events(postgres, tmp_path, QUEUED)
    opened.append(events)
    plan = await events.plan(2)
    verdict = await events.settled(plan, await events.do(plan))
    assert verdict.truth is Truth.CONFIRMED
    assert str(verdict.words) == "exit code 0, and the row says tenant acme, status queued, tries 1 now"
    again = await events.plan(1, 2)
    assert str(again.subjects[0].spared) == ""
    assert str(again.subjects[1].spared).startswith("it has run before, once from here, last at ")
    assert str(again.subjects[1].spared).endswith("UTC: exit code 0")
    assert [one.key for one in again.chosen] == ["failed/1"]
    taken = again.taking_in(["failed/2"])
    outcome = await events.do(taken, taken.subjects[1])
    assert outcome.result is Result.DONE
    await events.settled(taken, outcome, taken.subjects[1])
    assert (await events.do(plan)).result is Result.REFUSED


async def test_a_row_that_says_something_else_or_whose_command_ran_meanwhile_is_not_touched(events: Events) -> None:
    plan = await events.plan(1)
    events.server.sql("UPDATE events.event SET tries = 4 WHERE id = 1")
    outcome = await events.do(plan)
    assert (outcome.result, str(outcome.words)) == (
        Result.REFUSED,
        "changed since you looked: the row says tenant acme, status failed, tries 4 now",
    )
    plan = await events.plan(1)
    events.server.sql("UPDATE events.event SET access_token = 'another' WHERE id = 1")
    outcome = await events.do(plan)
    assert outcome.result is Result.DONE, "what is covered, and a length of time, are not compared"
    await events.settled(plan, outcome)
    plan = await events.plan(2)
    events.server.sql("DELETE FROM events.event WHERE id = 2")
    assert "not there any more" in str((await events.do(plan)).words)


async def test_a_row_of_a_query_that_is_cut_is_found_by_its_key_and_known_to_be_gone(
    postgres: Postgres, tmp_path: Path, opened: list[Events]
) -> None:
    events = Events(postgres, tmp_path, more={"limit": 1})
    opened.append(events)
    plan = await events.plan(1)
    postgres.sql("INSERT INTO events.event VALUES (0, 'acme', 'failed', 1, 's3cret')")
    outcome = await events.do(plan)
    assert outcome.result is Result.DONE, "it stands behind what is fetched by now, and is the same row"
    verdict = await events.settled(plan, outcome)
    assert (verdict.truth, str(verdict.words)) == (Truth.CONFIRMED, "exit code 0, and the row is gone")
    assert [events.status(id) for id in (0, 1, 2)] == ["failed", "done", "failed"]
    plan = await events.plan(0)
    postgres.sql("INSERT INTO events.event VALUES (0, 'zoo', 'failed', 9, 's3cret')")
    assert (await events.do(plan)).result is Result.REFUSED, "two rows have that key by now, and one is fetched"


ANY_TYPE = (
    "true", "'ab'::char(4)", "1.50::numeric", "1e20::float8", "'2026-03-01 03:12:41.5+05'::timestamptz",
    "'P1D'::interval", r"'\x00ff'::bytea", "'{1,2}'::int[]", """'["a", 1]'::jsonb""", """$$it's "%s"; --$$::text""",
    "1259::oid::regclass", "'5e0f0000-0000-4000-8000-000000000001'::uuid", """'B' COLLATE "C" """,
)  # fmt: skip


@pytest.mark.parametrize("cells", [ANY_TYPE[at : at + 3] for at in range(0, len(ANY_TYPE), 3)])
async def test_a_row_is_asked_for_alone_by_a_key_of_any_type(
    cells: tuple[str, ...], postgres: Postgres, tmp_path: Path, opened: list[Events]
) -> None:
    columns = ", ".join(f"{cell} AS column_{number}" for number, cell in enumerate(cells))
    sql = f"SELECT n AS order, {columns}, $more::int + n AS more FROM generate_series(1, 2) AS n -- and no more"
    key = ["order", *(f"column_{number}" for number in range(len(cells)))]
    events = Events(
        postgres,
        tmp_path,
        sql=sql,
        more={"params": {"more": 5}},
        key=key,
        argv=["true", *(f"{{{one}}}" for one in key)],
    )
    opened.append(events)
    query = events.settings.query["failed"]
    act = query.act
    assert act is not None
    every = await events.act._rows(query, act, 5.0)
    assert len(every.rows) == 2
    for found, row in every.rows.items():
        assert (await events.act._row(query, act, found, 5.0)).rows == {found: row}
        assert (await events.act._row(query, act, ("3", *found[1:]), 5.0)).rows == {}


async def test_a_row_is_found_also_where_two_columns_have_the_name_of_its_key(
    postgres: Postgres, tmp_path: Path, opened: list[Events]
) -> None:
    events = Events(postgres, tmp_path, sql="SELECT id, id + 10 AS id, status FROM events.event WHERE status <> 'done'")
    opened.append(events)
    plan = await events.plan(1)
    verdict = await events.settled(plan, await events.do(plan))
    assert (verdict.truth, events.status(1)) == (Truth.CONFIRMED, "done")


async def test_what_ends_badly_or_changes_nothing_is_never_called_true(
    postgres: Postgres, tmp_path: Path, opened: list[Events]
) -> None:
    events = Events(postgres, tmp_path, NOTHING)
    opened.append(events)
    plan = await events.plan(3)
    verdict = await events.settled(plan, await events.do(plan))
    assert (verdict.truth, str(verdict.words)) == (Truth.REFUTED, "exit code 1: event 3 is broken")
    plan = await events.plan(1)
    verdict = await events.settled(plan, await events.do(plan))
    assert (verdict.truth, str(verdict.words)) == (Truth.PENDING, "exit code 0, but the row still says the same")
    content = Events(postgres, tmp_path, NOTHING, changes=False)
    opened.append(content)
    plan = await content.plan(2)
    assert (await content.settled(plan, await content.do(plan))).truth is Truth.CONFIRMED


async def test_a_key_that_several_rows_have_or_that_could_be_an_option_is_not_acted_on(
    postgres: Postgres, tmp_path: Path, opened: list[Events]
) -> None:
    events = Events(postgres, tmp_path, key=["tenant"], argv=["true", "{tenant}"])
    opened.append(events)
    with pytest.raises(ProbeError, match="several rows are named acme") as caught:
        await events.plan("acme")
    assert caught.value.cause is Cause.MISSING
    assert (await events.plan("zoo")).subjects[0].key == "failed/zoo"
    for bad in ("--all", "a b", "a;b", "x" * 101):
        postgres.sql(f"UPDATE events.event SET tenant = '{bad}' WHERE id = 3")
        [offer] = events.act.offers(await events.facts(), (f"failed/{actable(await events.facts())[-1].key[7:]}",))
        assert offer.refused.startswith("tenant "), bad
        events.probe._courses["failed"].due = 0.0


async def test_a_key_that_is_not_what_it_looks_like_is_never_handed_to_a_command(
    postgres: Postgres, tmp_path: Path, opened: list[Events]
) -> None:
    events = Events(postgres, tmp_path, key=["tenant"], argv=["true", "{tenant}"], pattern="(?s).{1,300}")
    opened.append(events)
    for odd in ("E'zoo\\tone'", "E'zoo\\x1b'", "repeat('x', 250)"):
        postgres.sql(f"UPDATE events.event SET tenant = {odd} WHERE id = 3")
        events.probe._courses["failed"].due = 0.0
        key = actable(await events.facts())[-1].key
        with pytest.raises(ProbeError, match="not as it is shown"):
            await events.act.plan(Request("run", (key,)))


async def test_a_record_of_a_run_that_is_gone_or_cannot_be_read_is_not_taken_for_none(events: Events) -> None:
    plan = await events.plan(1)
    outcome = await events.do(plan)
    await events.settled(plan, outcome)
    [folder] = {one.parent for one in runs(events.act.context.state or Path())}
    kept = folder.rename(folder.with_name("moved"))
    verdict = await events.act.verify(plan, plan.subjects[0], outcome, 10.0)
    assert (verdict.truth, str(verdict.words)) == (Truth.UNKNOWN, "the record of its run is gone")
    events.server.sql("UPDATE events.event SET status = 'failed' WHERE id = 1")
    folder.write_text("no folder")
    with pytest.raises(ProbeError, match="it ran before can't be read"):
        await events.plan(1)
    folder.unlink()
    kept.rename(folder)
    assert "it has run before" in str((await events.plan(1)).subjects[0].spared)


async def test_the_record_of_a_run_that_goes_on_is_never_forgotten(
    postgres: Postgres, tmp_path: Path, opened: list[Events], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.postgres.saved.act.KEPT", 1)
    events = Events(postgres, tmp_path, argv=["sleep", "{id}"], key=["id"], env={})
    opened.append(events)
    postgres.sql("UPDATE events.event SET id = 60 WHERE id = 1")
    first = await events.plan(60)
    outcome = await events.do(first)
    try:
        for id in (2, 3):
            plan = await events.plan(id)
            await events.settled(plan, await events.do(plan))
        verdict = await events.act.verify(first, first.subjects[0], outcome, 10.0)
        assert (verdict.truth, str(verdict.words)) == (Truth.PENDING, "its command runs")
    finally:
        for folder in runs(tmp_path):
            await job.stop(folder)


async def test_a_query_that_takes_longer_than_a_look_may_is_ended_by_the_server_itself(
    postgres: Postgres, tmp_path: Path, opened: list[Events], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.postgres.saved.act.LOOKS", 0.5)
    monkeypatch.setattr("probes.postgres.saved.asking.GRACE", 60.0)
    slow = FAILED.replace("SELECT ", "SELECT events.slowly(), ", 1)
    postgres.sql(SLOWLY)
    events = Events(postgres, tmp_path, QUEUED, same=["status"], sql=slow)
    opened.append(events)
    plan = await events.plan(1)
    outcome = await events.do(plan)
    await until_ended(tmp_path)
    postgres.sql("INSERT INTO events.slow SELECT FROM generate_series(1, 4)")
    with pytest.raises(ProbeError, match=r"took longer than 0\.5 s and was ended"):
        await events.act.verify(plan, plan.subjects[0], outcome, 10.0)
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND usename = 'plain'"
    assert postgres.sql(running).strip() == "0"


async def test_without_a_place_to_keep_runs_nothing_is_begun(postgres: Postgres, opened: list[Events]) -> None:
    events = Events(postgres, None)
    opened.append(events)
    assert events.act.offers(await events.facts(), ("failed/1",))[0].refused == "there is no folder to keep a run in"
    with pytest.raises(ProbeError, match="no folder"):
        await events.plan(1)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ({"key": ["id"], "argv": ["bin/retry"]}, "is not used"),
        ({"key": ["id"], "argv": ["bin/retry", "--id={id}"]}, "is not used"),
        ({"key": ["id"], "argv": ["sh", "-c", "{id}"]}, "program text"),
        ({"key": ["id"], "argv": ["ssh", "host", "retry", "{id}"]}, "text that is run"),
        ({"key": ["id"], "argv": ["bin/retry", "{id}", "{tenant}"]}, "not among"),
        ({"key": [], "argv": ["bin/retry"]}, "at least 1"),
        ({"key": ["id"], "argv": ["bin/retry", "{id}"], "pattern": "("}, "regular expression"),
    ],
)
def test_a_command_that_would_run_what_a_row_says_is_refused(act: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SqlSettings.model_validate({"query": {"failed": {"sql": "SELECT 1 AS id", "act": act}}})


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20), min_size=2, max_size=2))
def test_a_row_whose_key_may_be_handed_on_comes_back_from_its_line(values: list[str]) -> None:
    from probes.postgres.saved.rows import key_of, unfit, values_of

    does = {"key": ["id", "tenant"], "argv": ["bin/retry", "{id}", "--", "{tenant}"], "pattern": ".{1,20}"}
    settings = SqlSettings.model_validate({"query": {"failed": {"sql": "SELECT 1 AS id", "act": does}}})
    act = settings.query["failed"].act
    assert act is not None
    assert values_of(key_of("failed", values)) == ("failed", tuple(values))
    if not unfit(act, values):
        actuator = SqlActuator(Target("events", "sql", settings), Context(Secrets("")))
        assert comes_back(actuator, Request("run", (key_of("failed", values),)))
