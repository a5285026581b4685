"""The jobs probe against a real small scheduler: pages, odd answers, lateness, executions, own actions, faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from desk.board import Board
from desk.rules import RuleBook
from probes.base import Cause, Context, ProbeError, Target
from probes.http.jobs import api as jobs_api
from probes.http.jobs.probe import JobsProbe
from probes.http.jobs.settings import JobsSettings
from tests.probes.rigs import CANARY, TestSecrets
from tests.probes.scheduler import FIELDS, Scheduler, job, scheduling, settings_for
from tests.stack.faultproxy import FaultProxy, Mode
from tests.toys import StillClock

Make = Callable[..., JobsProbe]


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    with scheduling() as one:
        yield one


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[JobsProbe] = []

    def new(port: int, context: Context | None = None, **changes: Any) -> JobsProbe:
        given = JobsSettings.model_validate(settings_for(port, **changes))
        made.append(JobsProbe(Target("scheduler", "jobs", given), context or Context(TestSecrets())))
        return made[-1]

    yield new
    for one in made:
        await one.close()
        await one.close()


async def failure_of(probe: JobsProbe) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await probe.read()
    return caught.value


async def test_every_page_of_the_list_is_read(scheduler: Scheduler, make: Make) -> None:
    snapshot = await make(scheduler.port).read()
    facts = snapshot.facts
    assert [(one.id, one.interval, one.every, one.paused) for one in facts.jobs] == [
        ("1", 15.0, 900.0, False),
        ("2", 60.0, 3600.0, False),
        ("a b/c", 30.0, 1800.0, False),
    ]
    assert str(facts.jobs[0].group) == "twitch"
    assert snapshot.gauge("jobs") == 3.0
    assert snapshot.gauge("jobs_paused") == 0.0
    assert not snapshot.gaps
    assert scheduler.changes == []


async def test_executions_are_counted_by_status(scheduler: Scheduler, make: Make) -> None:
    probe = make(scheduler.port)
    assert (await probe.read()).facts.executions == (), "nobody looks, and the list tells how each job ended"
    probe.watched = True
    snapshot = await probe.read()
    assert [(str(status), number) for status, number in snapshot.facts.counted] == [("rate_limited", 2), ("success", 1)]
    assert snapshot.gauge("executions", status="rate_limited") == 2.0
    sheet = await probe.look("executions", "job/1")
    assert str(sheet.lines[0]) == "3 executions: 2 rate_limited, 1 success"
    with pytest.raises(ProbeError, match="there is no job"):
        await probe.look("executions", "job/9")


async def test_where_the_list_does_not_tell_how_a_job_ended_its_executions_do(scheduler: Scheduler, make: Make) -> None:
    fields = {name: path for name, path in FIELDS.items() if name not in ("last_status", "last_run")}
    snapshot = await make(scheduler.port, fields=fields).read()
    first = snapshot.facts.jobs[0]
    assert (str(first.last_status), first.failed, first.limited) == ("rate_limited", True, True)
    assert first.last_run is not None
    assert snapshot.gauge("jobs_rate_limited") == 1.0


async def test_a_look_does_not_disturb_a_reading(scheduler: Scheduler, make: Make) -> None:
    probe = make(scheduler.port)
    await probe.read()
    sheet, *readings = await asyncio.gather(probe.look("executions", "job/1"), probe.read())
    assert len(sheet.lines) == 4
    assert len(readings[0].facts.jobs) == 3


async def test_one_list_holds_the_executions_of_all(scheduler: Scheduler, make: Make) -> None:
    probe = make(scheduler.port, executions="/api/jobs/1/executions", run_fields={"at": "$.at", "job": "$.job"})
    facts = (await probe.read()).facts
    assert {str(one.job) for one in facts.executions} == {"fetch 1"}
    assert [one.at is not None for one in facts.executions] == [True] * 3


async def test_jobs_of_many_executions_are_read_in_turn(scheduler: Scheduler, make: Make) -> None:
    scheduler.jobs = {str(number): job(number) for number in range(12)}
    probe = make(scheduler.port)
    probe.watched = True
    assert "executions of 7 jobs" in [gap.part for gap in (await probe.read()).gaps]
    assert "executions of 2 jobs" in [gap.part for gap in (await probe.read()).gaps]
    assert not (await probe.read()).gaps


async def test_a_list_beyond_the_cap_is_cut_and_says_so(
    scheduler: Scheduler, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_api, "PAGES", 2)
    scheduler.jobs = {str(number): job(number) for number in range(9)}
    snapshot = await make(scheduler.port, executions="").read()
    assert len(snapshot.facts.jobs) == 4
    assert [(gap.part, str(gap.hint)) for gap in snapshot.gaps] == [("further jobs", "only the first 4 are read")]


async def test_late_and_rate_limited_jobs_are_alerts_and_paused_ones_are_not_late(
    scheduler: Scheduler, make: Make
) -> None:
    scheduler.jobs = {
        "1": job(1, ago=4000),
        "2": {**job(2, ago=90000), "paused": True},
        "3": job(3, status="rate_limited"),
    }
    probe = make(scheduler.port)
    clock = StillClock()
    board, book = Board([probe.target], clock), RuleBook("scheduler", JobsProbe.rules, JobsProbe.gauges)
    for _ in range(2):
        found = book.judge(board.take(await probe.read()), clock.monotonic(), clock.now())
    said = {alert.rule: alert.words for alert in found}
    assert said["late"].startswith("fetch 1 ran 1h06m")
    assert said["late"].endswith("its interval is 15m00s")
    assert said["failed"] == "the last run of fetch 3 ended rate_limited"
    assert said["rate-limited"] == "1 of 3 jobs are rate limited: a longer interval or a pause helps"
    assert "standstill" not in said
    scheduler.jobs["3"]["paused"] = True
    snapshot = await probe.read()
    assert {snapshot.gauge(name) for name in ("jobs_failed", "jobs_rate_limited")} == {0.0}
    left = {alert.rule for alert in book.judge(board.take(snapshot), clock.monotonic(), clock.now())}
    assert left == {"late"}, "what was paused for a vendor's limit is no alert any more"
    scheduler.jobs = {"1": job(1), "3": job(3)}
    assert not book.judge(board.take(await probe.read()), clock.monotonic(), clock.now())


async def test_a_scheduler_in_which_nothing_runs_is_critical(scheduler: Scheduler, make: Make) -> None:
    scheduler.jobs = {str(number): job(number, ago=9000) for number in range(3)}
    assert (await make(scheduler.port).read()).gauge("jobs_standing") == 1.0


async def test_what_own_actions_bring_about_is_told_by_their_checks(scheduler: Scheduler, make: Make) -> None:
    own = {one.name: one for one in (await make(scheduler.port).read()).facts.own}
    assert (own["stop-sending"].true, own["start-sending"].true, own["clear-cache"].true) == (False, True, None)
    assert own["stop-sending"].title == "stop sending"
    assert str(own["stop-sending"].words) == "$.sending is true, expected false"


async def test_a_profile_may_name_actions_only(scheduler: Scheduler, make: Make) -> None:
    actions = {"stop": {"path": "/admin/pause", "check": {"path": "/admin/state", "expect": {"$.sending": False}}}}
    snapshot = await make(scheduler.port, list="", executions="", action=actions).read()
    assert not snapshot.facts.lists
    assert not snapshot.gauges
    assert [one.true for one in snapshot.facts.own] == [False]


async def test_odd_jobs_are_left_out_and_said(scheduler: Scheduler, make: Make) -> None:
    scheduler.jobs |= {
        "x": {"name": "no id"},
        "y": {**job(1), "name": "again"},
        "z": {**job("cron"), "interval_minutes": "*/5 * * * *", "last_run_at": 1772334000, "paused": None},
    }
    snapshot = await make(scheduler.port).read()
    assert "2 jobs without an id of their own" in [gap.part for gap in snapshot.gaps]
    odd = snapshot.facts.job("job/cron")
    assert odd is not None
    assert (odd.interval, str(odd.schedule), odd.paused) == (None, "*/5 * * * *", None)
    assert odd.last_run is not None


# what goes wrong


async def test_a_list_whose_next_page_the_profile_does_not_name_is_not_called_whole(
    scheduler: Scheduler, make: Make
) -> None:
    snapshot = await make(scheduler.port, next=None).read()
    assert len(snapshot.facts.jobs) == 2
    said = "only the first 2 are read: the list goes on, set next to $.next"
    assert [(gap.part, str(gap.hint)) for gap in snapshot.gaps] == [("further jobs", said)]


async def test_a_next_page_at_another_place_is_not_asked(scheduler: Scheduler, make: Make) -> None:
    with scheduling() as other:
        scheduler.jobs["1"]["next_page"] = f"http://127.0.0.1:{other.port}/api/jobs"
        failure = await failure_of(make(scheduler.port, next="$.jobs[0].next_page"))
    assert failure.cause is Cause.GARBAGE
    assert "at another place" in str(failure.message)


@pytest.mark.parametrize(
    ("changes", "cause", "words"),
    [
        ({"token": None}, Cause.AUTH, "does not accept our login"),
        ({"list": "/api/nothing"}, Cause.GONE, "has no such thing (HTTP 404)"),
        ({"items": "$.nothing"}, Cause.GARBAGE, "there is no list at $.nothing"),
        ({"fields": {"id": "$.nothing"}, "action": {}}, Cause.GARBAGE, "have no id at $.nothing"),
        ({"url": "http://127.0.0.1:1"}, Cause.REFUSED, "refused"),
    ],
)
async def test_each_fault_has_its_words(
    scheduler: Scheduler, make: Make, changes: dict[str, Any], cause: Cause, words: str
) -> None:
    failure = await failure_of(make(scheduler.port, **changes))
    assert failure.cause is cause
    assert words in str(failure.message)
    assert CANARY not in str(failure)


async def test_a_web_page_is_no_list(scheduler: Scheduler, make: Make) -> None:
    with FaultProxy(scheduler.port) as proxy:
        proxy.mode = Mode.HTML
        failure = await failure_of(make(proxy.port))
    assert failure.cause is Cause.GARBAGE
    assert "gives a web page titled “Please sign in”, expected JSON" in str(failure.message)


async def test_without_its_executions_a_list_is_still_a_reading(scheduler: Scheduler, make: Make) -> None:
    probe = make(scheduler.port, executions="/api/jobs/{id}/nothing")
    probe.watched = True
    snapshot = await probe.read()
    assert len(snapshot.facts.jobs) == 3
    assert snapshot.gaps[0].part == "executions"
    assert snapshot.gaps[0].cause is Cause.GONE


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"list": "api/jobs"}, "a path begins with one /"),
        ({"list": "//other.example/jobs"}, "a path begins with one /"),
        ({"list": "/api/../admin"}, "no blank, no # and no .."),
        ({"list": "/api/{id}"}, "a path has no {id} here"),
        ({"list": ""}, "list is needed"),
        ({"list": "", "executions": "", "action": {}}, "name a list of jobs, or actions"),
        ({"fields": {}}, "fields.interval is needed"),
        ({"fields": {"id": "id"}}, "a path is written like"),
        ({"action": {"pause": {"path": "/api/pause"}}}, "path or body must hold {id}"),
        ({"action": {"interval": {"path": "/x/{id}", "body": {"m": 1}}}}, 'must hold "{interval}"'),
        ({"action": {"stop": {"path": "/x", "body": {"id": "{id}"}}}}, "the body has no {id} here"),
        ({"action": {"stop": {"path": "/x", "body": {"a": [{"api_key": "abc"}]}}}}, "so it holds no secret"),
        ({"action": {"stop": {"path": "/x", "undo": "start"}}}, "undo names another own action"),
        ({"action": {"Stop it": {"path": "/x"}}}, "named in small letters"),
        ({"action": {"stop": {"path": "/x", "whole": True, "body": {}}}}, "whole goes with a job"),
    ],
)
def test_a_profile_that_can_not_mean_anything_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        JobsSettings.model_validate(settings_for(1, **changes))
    assert words in str(caught.value)
