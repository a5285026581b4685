"""Acting on a scheduler: each act on a real small one, every way to lose an answer, and what changed meanwhile."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from probes.base import Cause, Context, Danger, Grant, Plan, ProbeError, Request, Result, Target, Truth
from probes.http.jobs.act import JobsActuator
from probes.http.jobs.plans import FOREVER
from probes.http.jobs.probe import JobsProbe
from probes.http.jobs.settings import JobsSettings
from tests.probes.acting import ACT, Performed, carried_out, comes_back, perform, settled
from tests.probes.certstage import Authority, authority
from tests.probes.rigs import CANARY, TestSecrets
from tests.probes.scheduler import CHANGING, Scheduler, job, scheduling, settings_for
from tests.stack.faultproxy import FaultProxy, Mode

__all__ = ["authority"]

Make = Callable[..., JobsActuator]


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    with scheduling() as one:
        yield one


@pytest.fixture
def proxy(scheduler: Scheduler) -> Iterator[FaultProxy]:
    with FaultProxy(scheduler.port) as one:
        yield one


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[JobsActuator] = []

    def new(port: int, **changes: Any) -> JobsActuator:
        given = JobsSettings.model_validate(settings_for(port, timeout=2.0) | changes)
        made.append(JobsActuator(Target("scheduler", "jobs", given), Context(TestSecrets())))
        return made[-1]

    yield new
    for one in made:
        await one.close()
        await one.close()


def sent(proxy: FaultProxy) -> int:
    """Requests that change something, as they stood on the wire."""
    return sum(proxy.seen(f"{verb} /".encode()) for verb in CHANGING)


def only(done: Performed) -> tuple[Result, str]:
    assert len(done.outcomes) == 1
    return done.outcomes[0].result, str(done.outcomes[0].words)


# to the end


async def test_an_interval_is_set_once_kept_and_set_back(scheduler: Scheduler, make: Make, proxy: FaultProxy) -> None:
    actuator = make(proxy.port)
    done = await perform(actuator, Request("interval", ("job/1",), 120, "60m"))
    assert (only(done)[0], done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
    assert str(done.verdicts[0].words) == "every 120 minutes (2h00m)"
    assert scheduler.jobs["1"]["interval_minutes"] == 120
    ((method, path, headers, body),) = scheduler.changes
    assert (method, path, body) == ("PATCH", "/api/jobs/1", {"interval_minutes": 120})
    assert headers["content-type"] == "application/json"
    assert "if-match" in headers
    plan = done.plan
    assert (str(plan.subjects[0].before), str(plan.subjects[0].after)) == (
        "every 15 minutes",
        "every 120 minutes (2h00m)",
    )
    assert [str(one) for one in plan.subjects[0].felt] == ["its data is up to 8 times as old as now"]
    assert str(plan.undo) == "set the interval to 15 minutes again"
    assert plan.due == plan.looked_at + timedelta(minutes=60)
    assert plan.pin == (("jobs", f"http://127.0.0.1:{proxy.port}"),)
    assert CANARY not in repr(plan.command)
    assert plan.reverse is not None
    back = await perform(actuator, plan.reverse)
    assert back.verdicts[0].truth is Truth.CONFIRMED
    assert scheduler.jobs["1"]["interval_minutes"] == 15
    assert sent(proxy) == 2
    assert comes_back(actuator, plan.reverse)
    assert back.plan.due is None


async def test_many_intervals_are_set_one_after_the_other_and_each_goes_back_to_its_own(
    scheduler: Scheduler, make: Make
) -> None:
    actuator = make(scheduler.port)
    rows = ("job/1", "job/2", "job/a b/c")
    done = await perform(actuator, Request("interval", rows, 120, "240m"))
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED] * 3
    assert [one["interval_minutes"] for one in scheduler.jobs.values()] == [120] * 3
    assert scheduler.changes[2][1] == "/api/jobs/a%20b%2Fc"
    assert done.plan.action.rolling
    assert "set each interval again: 1 15, 2 60, a b/c 30" in str(done.plan.undo)
    assert done.plan.reverse == Request("interval", rows, 15, "back 1=15 2=60 a%20b%2Fc=30")
    back = await perform(actuator, done.plan.reverse)
    assert [one.truth for one in back.verdicts] == [Truth.CONFIRMED] * 3
    assert [one["interval_minutes"] for one in scheduler.jobs.values()] == [15, 60, 30]
    assert comes_back(actuator, done.plan.reverse)


async def test_for_good_has_no_end(scheduler: Scheduler, make: Make) -> None:
    plan = await make(scheduler.port).plan(Request("interval", ("job/1",), 120, FOREVER))
    assert (plan.due, plan.reverse) == (None, None)
    assert str(plan.undo) == "set the interval to 15 minutes again"


async def test_a_put_that_replaces_sends_the_whole_job_back(scheduler: Scheduler, make: Make) -> None:
    action = {"method": "PUT", "path": "/api/jobs/{id}", "body": {"interval_minutes": "{interval}"}, "whole": True}
    actuator = make(scheduler.port, action={"interval": action})
    before = dict(scheduler.jobs["1"])
    done = await perform(actuator, Request("interval", ("job/1",), 120))
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert scheduler.jobs["1"] == before | {"interval_minutes": 120}
    assert any("other fields stay as they are now" in str(note) for note in done.plan.notes)


async def test_a_job_is_paused_with_an_end_and_resumed(scheduler: Scheduler, make: Make) -> None:
    actuator = make(scheduler.port)
    done = await perform(actuator, Request("pause", ("job/1", "job/2"), word="60m"))
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED] * 2
    assert scheduler.jobs["1"]["paused"] is True
    assert done.plan.reverse == Request("resume", ("job/1", "job/2"))
    assert done.plan.due is not None
    back = await perform(actuator, done.plan.reverse)
    assert [str(one.words) for one in back.verdicts] == ["active", "active"]
    assert scheduler.jobs["2"]["paused"] is False


async def test_a_run_is_asked_for_once_and_seen(scheduler: Scheduler, make: Make, proxy: FaultProxy) -> None:
    done = await perform(make(proxy.port), Request("run", ("job/1",)))
    assert (only(done)[0], done.verdicts[0].truth) == (Result.DONE, Truth.CONFIRMED)
    assert str(done.verdicts[0].words).startswith("it ran at ")
    assert done.plan.danger is Danger.DISRUPTIVE
    assert sent(proxy) == 1


async def test_an_own_action_is_done_and_confirmed_by_its_check(scheduler: Scheduler, make: Make) -> None:
    actuator = make(scheduler.port, idempotency="Idempotency-Key")
    done = await perform(actuator, Request("do", ("action/stop-sending",)))
    assert done.verdicts[0].truth is Truth.CONFIRMED
    assert scheduler.sending is False
    assert scheduler.changes[0][2]["idempotency-key"] == ACT
    assert (done.plan.action.title, done.plan.danger) == ("stop sending", Danger.DISRUPTIVE)
    assert str(done.plan.undo) == "start-sending"
    again = await actuator.plan(Request("do", ("action/stop-sending",)))
    assert again.chosen == ()
    assert str(again.subjects[0].spared) == "it is so already"


async def test_of_an_action_without_a_check_nothing_is_claimed(scheduler: Scheduler, make: Make) -> None:
    done = await perform(make(scheduler.port), Request("do", ("action/clear-cache",)))
    assert (done.outcomes[0].result, done.verdicts[0].truth) == (Result.DONE, Truth.UNKNOWN)
    assert done.plan.danger is Danger.DESTRUCTIVE
    assert any("add check to the action" in str(note) for note in done.plan.notes)


async def test_what_is_accepted_and_not_done_is_refuted(scheduler: Scheduler, make: Make) -> None:
    scheduler.deaf = True
    actuator = make(scheduler.port)
    plan = replace(await actuator.plan(Request("interval", ("job/1",), 120)), settles=1.0)
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert (outcome.result, str(outcome.words)) == (Result.DONE, "accepted, status 202")
    early = await actuator.verify(plan, plan.subjects[0], outcome, 0.5)
    late = await actuator.verify(plan, plan.subjects[0], outcome, 60.0)
    assert (early.truth, late.truth) == (Truth.PENDING, Truth.REFUTED)
    assert str(late.words) == "every 15 minutes"


# not what was looked at


def slower(scheduler: Scheduler) -> None:
    scheduler.jobs["1"]["interval_minutes"] = 30


def paused(scheduler: Scheduler) -> None:
    scheduler.jobs["1"]["paused"] = True


def replaced(scheduler: Scheduler) -> None:
    scheduler.jobs["1"]["name"] = "another"


def gone(scheduler: Scheduler) -> None:
    del scheduler.jobs["1"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (slower, "interval 15 -> 30"),
        (paused, "paused active -> paused"),
        (replaced, "name fetch 1 -> another"),
        (gone, "it is not there any more"),
    ],
)
@pytest.mark.parametrize("action", ["interval", "pause", "run"])
@pytest.mark.parametrize("item", ["/api/jobs/{id}", ""])
async def test_a_job_that_changed_is_refused_and_nothing_is_sent(
    scheduler: Scheduler, make: Make, change: Callable[[Scheduler], None], words: str, action: str, item: str
) -> None:
    request = Request(action, ("job/1",), 120 if action == "interval" else None)
    done = await perform(make(scheduler.port, item=item), request, lambda plan: change(scheduler))
    assert only(done) == (Result.REFUSED, f"changed since you looked: {words}")
    assert (scheduler.changes, done.sent) == ([], [])


async def test_a_run_by_somebody_else_meanwhile_is_not_doubled(scheduler: Scheduler, make: Make) -> None:
    def ran(plan: Plan) -> None:
        scheduler.jobs["1"]["last_run_at"] = job(1, ago=0)["last_run_at"]

    done = await perform(make(scheduler.port), Request("run", ("job/1",)), ran)
    assert only(done)[0] is Result.REFUSED
    assert "last run" in only(done)[1]
    assert scheduler.changes == []
    done = await perform(make(scheduler.port), Request("interval", ("job/1",), 120), ran)
    assert only(done)[0] is Result.DONE, "for an interval it does not matter that a run was made"


async def test_another_address_under_the_same_name_is_refused(scheduler: Scheduler, make: Make) -> None:
    plan = await make(scheduler.port).plan(Request("pause", ("job/1",)))
    with scheduling() as other:
        outcome = await carried_out(make(other.port), plan, plan.subjects[0], [])
        assert outcome.result is Result.REFUSED
        assert "another address is meant" in str(outcome.words)
        assert other.changes == []


async def test_an_own_action_that_was_done_meanwhile_or_reads_otherwise_is_refused(
    scheduler: Scheduler, make: Make
) -> None:
    def stopped(plan: Plan) -> None:
        scheduler.sending = False

    done = await perform(make(scheduler.port), Request("do", ("action/stop-sending",)), stopped)
    assert only(done) == (Result.REFUSED, "changed since you looked: not so -> so already")
    plan = await make(scheduler.port).plan(Request("do", ("action/clear-cache",)))
    other = make(scheduler.port, action={"clear-cache": {"path": "/admin/other"}}, list="", executions="")
    outcome = await carried_out(other, plan, plan.subjects[0], [])
    assert outcome.result is Result.REFUSED
    assert scheduler.changes == []


# answers


@pytest.mark.parametrize(
    ("status", "headers", "body", "result", "words"),
    [
        (412, {}, b"{}", Result.REFUSED, "changed since you looked: the server has another version"),
        (400, {}, b'{"message": "too short"}', Result.FAILED, "too short"),
        (401, {}, b"{}", Result.FAILED, "does not accept our login"),
        (403, {}, b"{}", Result.FAILED, "does not allow us this"),
        (404, {}, b"{}", Result.FAILED, "has no such thing"),
        (409, {}, b'{"error": "it is locked"}', Result.FAILED, "it is locked"),
        (422, {}, b'{"detail": "\\u001b[2J"}', Result.FAILED, "^[[2J"),
        (429, {"Retry-After": "30"}, b"{}", Result.FAILED, "is asked too often: again in 30 s"),
        (500, {}, b"a-test-password", Result.UNKNOWN, "HTTP 500: ***"),
        (503, {}, b"", Result.UNKNOWN, "HTTP 503: no reason"),
        (200, {}, b"<html><title>Log in</title></html>", Result.UNKNOWN, "a web page answered"),
        (307, {"Location": "http://127.0.0.1:1/"}, b"", Result.FAILED, "nothing was sent there"),
        (302, {"Location": "http://127.0.0.1:1/"}, b"", Result.UNKNOWN, "not followed"),
    ],
)
async def test_each_answer_has_its_meaning_and_none_is_followed(
    scheduler: Scheduler, make: Make, status: int, headers: dict[str, str], body: bytes, result: Result, words: str
) -> None:
    actuator = make(scheduler.port)
    plan = await actuator.plan(Request("pause", ("job/1",)))
    scheduler.answer = (status, headers, body)
    outcome = await carried_out(actuator, plan, plan.subjects[0], [])
    assert outcome.result is result
    assert words in str(outcome.words)
    assert len(scheduler.changes) == 1
    assert CANARY not in str(outcome.words)


@pytest.mark.parametrize("mode", [Mode.LOSE, Mode.SILENT, Mode.RESET, Mode.CLOSE, Mode.GARBAGE, Mode.RESET_LATER])
@pytest.mark.parametrize("request_", [Request("interval", ("job/1",), 120), Request("do", ("action/stop-sending",))])
async def test_a_lost_answer_is_unknown_and_nothing_is_sent_twice(
    scheduler: Scheduler, make: Make, proxy: FaultProxy, mode: Mode, request_: Request
) -> None:
    actuator = make(proxy.port)
    plan = await actuator.plan(request_)
    proxy.become(mode, when=b"PATCH /" if request_.action == "interval" else b"POST /")
    keys: list[str] = []
    outcome = await carried_out(actuator, plan, plan.subjects[0], keys)
    assert outcome.result is Result.UNKNOWN, outcome
    assert str(outcome.words)
    assert sent(proxy) == 1
    assert len(scheduler.changes) <= 1
    proxy.mend()
    made = bool(scheduler.changes)
    assert made or mode not in (Mode.LOSE, Mode.RESET_LATER)
    plan = replace(plan, answers=0.5)
    verdict = await settled(actuator, plan, plan.subjects[0], outcome)
    assert verdict.truth is (Truth.CONFIRMED if made else Truth.REFUTED)
    assert sent(proxy) <= 1


@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.BLACKHOLE])
async def test_what_can_not_be_reached_has_changed_nothing(
    scheduler: Scheduler, make: Make, proxy: FaultProxy, mode: Mode
) -> None:
    actuator = make(proxy.port, timeout=4.0)
    plan = await actuator.plan(Request("pause", ("job/1",)))
    proxy.mode = mode
    keys: list[str] = []
    outcome = await carried_out(actuator, plan, plan.subjects[0], keys)
    assert (outcome.result, keys, scheduler.changes) == (Result.FAILED, [], [])
    assert str(outcome.words)


async def test_what_is_refused_by_the_room_at_the_last_moment_is_not_sent(scheduler: Scheduler, make: Make) -> None:
    actuator = make(scheduler.port)
    plan = await actuator.plan(Request("pause", ("job/1",)))

    async def refuse() -> None:
        raise ProbeError(Cause.LOCAL_DISK, "the audit takes nothing")

    with pytest.raises(ProbeError, match="the audit takes nothing"):
        await actuator.carry_out(plan, plan.subjects[0], ACT, refuse)
    assert scheduler.changes == []


# plans that make no sense


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request("interval", ("job/1",)), "an interval is a number of minutes"),
        (Request("interval", ("job/1",), 0), "an interval is a number of minutes"),
        (Request("interval", ("job/1",), 120, "soon"), "soon is no time"),
        (Request("interval", ("job/1",), 120, "back 2=15"), "is not known"),
        (Request("pause", ("job/1",), word="back 1=15"), "is no time"),
        (Request("resume", ("job/1",), word="60m"), "is no time"),
        (Request("pause", ("job/9",)), "no such thing"),
        (Request("pause", ()), "choose jobs"),
        (Request("pause", ("action/stop-sending",)), "is no job"),
        (Request("pause", ("job/..",)), "an id that can't stand in a path"),
        (Request("explode", ("job/1",)), "no act called explode"),
        (Request("do", ("action/nothing",)), "the profile has no action nothing"),
    ],
)
async def test_what_makes_no_sense_is_said_before_anything_is_sent(
    scheduler: Scheduler, make: Make, request_: Request, words: str
) -> None:
    with pytest.raises(ProbeError) as caught:
        await make(scheduler.port).plan(request_)
    assert words in str(caught.value.message)
    assert scheduler.changes == []


async def test_what_is_so_already_is_left_out(scheduler: Scheduler, make: Make) -> None:
    actuator = make(scheduler.port)
    plan = await actuator.plan(Request("interval", ("job/1", "job/2"), 60, "60m"))
    assert [one.key for one in plan.chosen] == ["job/1"]
    assert str(plan.subjects[1].spared) == "its interval is 60 already"
    assert plan.reverse == Request("interval", ("job/1",), 15, "back 1=15")
    assert plan.command == tuple(actuator.render(Request("interval", ("job/1",), 60, "60m")).splitlines())


async def test_an_interval_that_is_no_number_can_not_be_set(scheduler: Scheduler, make: Make) -> None:
    scheduler.jobs["1"]["interval_minutes"] = "*/5 * * * *"
    plan = await make(scheduler.port).plan(Request("interval", ("job/1",), 60, "60m"))
    assert plan.subjects[0].barred
    assert "could not be set back" in str(plan.subjects[0].spared)
    assert (plan.due, plan.reverse) == (None, None)


# offers


async def test_rows_are_offered_what_the_profile_describes(scheduler: Scheduler, make: Make) -> None:
    scheduler.jobs["2"]["paused"] = True
    given = JobsSettings.model_validate(settings_for(scheduler.port))
    probe = JobsProbe(Target("scheduler", "jobs", given), Context(TestSecrets()))
    facts = (await probe.read()).facts
    await probe.close()
    actuator = make(scheduler.port)
    offers = {one.action.name: one for one in actuator.offers(facts, ["job/1"])}
    assert {name: one.refused for name, one in offers.items()} == {
        "interval": "",
        "pause": "",
        "resume": "it is not paused",
        "run": "",
    }
    assert offers["interval"].action.number is not None
    assert offers["interval"].action.number.what == "minutes between two runs"
    both = {one.action.name: one.refused for one in actuator.offers(facts, ["job/1", "job/2"])}
    assert (both["pause"], both["resume"]) == ("", "")
    (own,) = actuator.offers(facts, ["action/start-sending"])
    assert (own.action.name, own.action.title, own.refused) == ("do", "start sending", "it is so already")
    assert actuator.offers(facts, ["job/1", "action/start-sending"]) == ()
    assert actuator.offers(facts, ["job/9"]) == ()
    assert [one.word for one in await actuator.choices("pause", ("job/1",))][-1] == FOREVER
    assert await actuator.choices("run", ("job/1",)) == ()


async def test_rights_are_told_without_posting(scheduler: Scheduler, make: Make) -> None:
    rights = await make(scheduler.port).rights()
    assert (rights[0].name, rights[0].grant) == ("read the list of jobs", Grant.HELD)
    assert {one.grant for one in rights[1:]} == {Grant.UNKNOWN}
    assert (await make(scheduler.port, token=None).rights())[0].grant is Grant.MISSING
    assert scheduler.changes == []


async def test_a_cut_ends_a_request_that_hangs(scheduler: Scheduler, make: Make, proxy: FaultProxy) -> None:
    import asyncio

    actuator = make(proxy.port, timeout=30.0)
    plan = await actuator.plan(Request("pause", ("job/1",)))
    proxy.become(Mode.SILENT, when=b"POST /")
    keys: list[str] = []
    acting = asyncio.create_task(carried_out(actuator, plan, plan.subjects[0], keys))
    async with asyncio.timeout(10):
        while not proxy.seen(b"POST /"):
            await asyncio.sleep(0.01)
    actuator.abort()
    async with asyncio.timeout(20):
        outcome = await acting
    assert outcome.result is Result.UNKNOWN


@asynccontextmanager
async def behind_a_proxy(authority: Authority, refusing: bool) -> AsyncIterator[tuple[int, int, list[bytes]]]:
    """(port of a server with TLS, port of a proxy before it, the first line of each request to either)."""
    lines: list[bytes] = []
    open_: list[asyncio.StreamWriter] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.leaf("jobs"), authority.path("jobs.key"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.append(writer)
        lines.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65536):
            writer.write(part)

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.append(writer)
        lines.append((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
        if refusing:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        there = await asyncio.open_connection("127.0.0.1", port)
        open_.append(there[1])
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer), return_exceptions=True)

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        async with await asyncio.start_server(tunnel, "127.0.0.1", 0) as proxy:
            yield port, proxy.sockets[0].getsockname()[1], lines
    for writer in open_:
        writer.transport.abort()
    await asyncio.gather(*(writer.wait_closed() for writer in open_), return_exceptions=True)


@pytest.mark.parametrize("refusing", [False, True])
async def test_through_a_proxy_the_act_is_announced_when_it_leaves_and_not_when_the_way_is_opened(
    refusing: bool, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with behind_a_proxy(authority, refusing) as (port, proxy, lines):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy}")
        monkeypatch.setenv("NO_PROXY", "")
        given = JobsSettings.model_validate(
            {"url": f"https://localhost:{port}", "list": "", "ca": str(authority.root), "environment_proxy": True,
             "action": {"freeze": {"path": "/freeze"}}}
        )  # fmt: skip
        actuator = JobsActuator(Target("app", "jobs", given), Context(TestSecrets()))
        plan, announced = await actuator.plan(Request("do", ("action/freeze",))), list[str]()
        outcome = await carried_out(actuator, plan, plan.subjects[0], announced)
        await actuator.close()
    assert lines[0].startswith(b"CONNECT ")
    assert outcome.result is (Result.FAILED if refusing else Result.DONE), outcome
    assert (len(announced), lines[1:]) == ((0, []) if refusing else (1, [b"POST /freeze HTTP/1.1"]))
