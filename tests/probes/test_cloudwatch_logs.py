"""Reading log groups: on moto and ministack, and on a place whose pages are many, empty, late or refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from probes.aws.cloudwatch_logs.counting import MINUTE, OVERLAP
from probes.aws.cloudwatch_logs.events import ms
from probes.aws.cloudwatch_logs.groups import CAP
from probes.aws.cloudwatch_logs.patterns import filter_of, matching, term
from probes.aws.cloudwatch_logs.probe import CloudWatchLogsProbe
from probes.aws.cloudwatch_logs.settings import CloudWatchLogsSettings, PatternSetting
from probes.base import Cause, Context, ProbeError, Target
from probes.base.log import masked
from tests.probes.awsfake import FakeAws, fake_aws
from tests.probes.awswatch import access, group, write
from tests.probes.rigs import TestSecrets
from tests.probes.watching import logs_of
from tests.stack.aws import Cloud
from tests.toys import StillClock

LIMITED = {"name": "limited", "kind": "json-field", "field": "status", "value": "429", "limit": 0}
ERRORS = {"name": "errors", "pattern": "ERROR", "limit": 3}


@pytest.fixture(params=["moto", "ministack"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    found: Cloud = request.getfixturevalue(request.param)
    found.reset()
    group(found, "/ecs/api")
    group(found, "/ecs/worker")
    return found


def shown(lines: Any) -> str:
    return "\n".join(map(str, lines))


# on real engines


@pytest.mark.engine
async def test_groups_tell_what_they_keep_and_for_how_long(cloud: Cloud) -> None:
    group(cloud, "/rds/main")
    cloud.client("logs").put_retention_policy(logGroupName="/ecs/api", retentionInDays=30)
    write(cloud, "/ecs/api", "hello")
    probe = logs_of(cloud.port, groups=["/ecs/*"])
    found = await probe.read()
    api, worker = found.facts.groups
    assert (api.key, api.retention, worker.retention) == ("/ecs/api", 30, None)
    assert (api.stored or 0) > 0
    assert api.last is not None
    assert api.last.tzinfo is UTC
    assert worker.last is None
    assert found.gauge("retention_seconds", group="/ecs/api") == 30 * 86400
    assert found.gauge("retention_seconds", group="/ecs/worker") is None
    assert found.gauge("groups") == 2
    await probe.close()


@pytest.mark.engine
async def test_a_status_is_counted_as_a_field_and_not_as_digits(cloud: Cloud) -> None:
    write(cloud, "/ecs/api", access(200, 429), access(429), access(500, 14290), '{"id": "429"}', "429 plain")
    text = {"name": "digits", "kind": "text", "pattern": "429"}
    probe = logs_of(cloud.port, groups=["/ecs/*"], patterns=[LIMITED, text])
    found = await probe.read()
    limited, digits = found.facts.counts
    assert (limited.found, limited.whole, limited.over) == (1, True, True)
    assert digits.found == 5
    assert str(limited.filter) == '{ ($.status = 429) || ($.status = "429") }'
    assert found.gauge("matches_over", pattern="limited") == 1.0
    assert found.gauge("matches_over", pattern="digits") is None
    await probe.close()


@pytest.mark.engine
async def test_each_event_is_counted_once_reading_after_reading(cloud: Cloud) -> None:
    probe = logs_of(cloud.port, groups=["/ecs/*"], patterns=[ERRORS])
    total = 0
    for number in range(4):
        write(cloud, "/ecs/api", f"ERROR {number}", "fine", seconds_ago=30 - number)
        write(cloud, "/ecs/worker", f"ERROR {number}", seconds_ago=90)  # late, but within the overlap
        total += 2
        count = (await probe.read()).facts.counts[0]
        assert (count.found, count.total) == (total, total)
    assert len(count.minutes) == 60
    assert count.over is True
    assert [str(one) for one in count.groups] == ["/ecs/api", "/ecs/worker"]
    await probe.close()


@pytest.mark.engine
async def test_a_group_that_writes_nothing_is_silent(cloud: Cloud) -> None:
    write(cloud, "/ecs/api", "hello")
    probe = logs_of(cloud.port, groups=["/ecs/*"], silent={"/ecs/*": 5})
    found = await probe.read()
    assert [one.silent for one in found.facts.groups] == [False, True]
    assert found.gauge("silent", group="/ecs/worker") == 1.0
    assert found.gauge("silent_limit_seconds", group="/ecs/worker") == 300.0
    await probe.close()


@pytest.mark.engine
async def test_the_last_ten_minutes_are_shown_without_secrets(cloud: Cloud) -> None:
    write(cloud, "/ecs/api", "old", seconds_ago=3600)
    write(cloud, "/ecs/api", "eight minutes", seconds_ago=480)
    write(cloud, "/ecs/api", "POST /x X-API-Key: abcd1234efgh", "evil \x1b[2J")
    probe = logs_of(cloud.port)
    sheet = await probe.look("tail", "/ecs/api")
    text = shown(sheet.lines)
    assert "3 lines from" in text
    assert text.index("eight minutes") < text.index("X-API-Key: ***")
    assert "evil ^[[2J" in text
    assert "abcd1234efgh" not in text
    assert "that they are logged is a finding" in text
    assert "old" not in text
    await probe.close()


@pytest.mark.engine
async def test_a_pattern_is_searched_for_in_all_its_groups(cloud: Cloud) -> None:
    write(cloud, "/ecs/api", "ERROR one", "fine", seconds_ago=3000)
    write(cloud, "/ecs/worker", "ERROR two")
    write(cloud, "/ecs/api", "ERROR too old", seconds_ago=3700)
    probe = logs_of(cloud.port, patterns=[ERRORS, LIMITED])
    sheet = await probe.look("search", "?errors")
    assert "2 found from" in str(sheet.lines[0])
    assert [str(line).partition(" │ ")[0] for line in sheet.lines[1:]] == ["/ecs/api", "/ecs/worker"]
    sheet = await probe.look("search", "/ecs/worker")
    assert "errors │" in str(sheet.lines[1])
    for subject, words in (("", "go to its line first"), ("?gone", "no pattern gone")):
        with pytest.raises(ProbeError, match=words):
            await probe.look("search", subject)
    await probe.close()


@pytest.mark.engine
async def test_what_is_written_is_followed_each_line_once(cloud: Cloud) -> None:
    write(cloud, "/ecs/api", "before", seconds_ago=20)
    probe = logs_of(cloud.port)
    seen: list[str] = []
    async with asyncio.timeout(30), aclosing(probe.follow("follow", "/ecs/api")) as lines:
        async for line in lines:
            seen.append(str(line).partition("  ")[2])
            if len(seen) < 5:
                write(cloud, "/ecs/api", f"line {len(seen)}", seconds_ago=0)
            else:
                break
    assert seen == ["before", "line 1", "line 2", "line 3", "line 4"]
    await probe.close()


@pytest.mark.engine
async def test_a_group_that_is_not_there_is_told(cloud: Cloud) -> None:
    probe = logs_of(cloud.port, patterns=[ERRORS])
    with pytest.raises(ProbeError) as caught:
        await probe.look("tail", "/gone")
    assert caught.value.cause in (Cause.GONE, Cause.MISSING)
    with pytest.raises(ProbeError, match="go to its line first"):
        await probe.look("tail", "")
    await probe.close()


@pytest.mark.engine
async def test_a_wrong_account_is_not_looked_at(cloud: Cloud) -> None:
    probe = logs_of(cloud.port, account="999999999999")
    for look in (probe.read(), probe.look("tail", "/ecs/api")):
        with pytest.raises(ProbeError, match="the profile pins 999999999999"):
            await look
    with pytest.raises(ProbeError, match="the profile pins 999999999999"):
        await anext(probe.follow("follow", "/ecs/api"))
    await probe.close()


# pages, on a place that answers as it is told


class Logged:
    """Events of one group, given page by page, with as many empty pages between them as is told."""

    def __init__(self, fake: FakeAws, size: int = 100, empty: int = 0) -> None:
        self.events: list[tuple[int, str, str]] = []
        self.size, self.empty = size, empty
        fake.answers["DescribeLogGroups"] = lambda asked: (
            200,
            {"logGroups": [{"logGroupName": "/g", "arn": "a:/g:*"}]},
        )
        fake.answers["DescribeLogStreams"] = lambda asked: (200, {"logStreams": []})
        fake.answers["FilterLogEvents"] = self.page

    def write(self, at: datetime, message: str = "ERROR") -> None:
        self.events.append((ms(at), f"id-{len(self.events)}", message))

    def page(self, asked: Any) -> tuple[int, dict[str, Any]]:
        found = sorted(one for one in self.events if asked["startTime"] <= one[0] <= asked["endTime"])
        index, gap = map(int, asked.get("nextToken", "0,0").split(","))
        if gap < self.empty:
            return 200, {"events": [], "nextToken": f"{index},{gap + 1}"}
        some = found[index : index + self.size]
        rows = [{"timestamp": at, "eventId": id, "logStreamName": "s", "message": text} for at, id, text in some]
        more = {"nextToken": f"{index + self.size},0"} if index + self.size < len(found) else {}
        return 200, {"events": rows, **more}


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with fake_aws() as one:
        yield one


def at_fake(fake: FakeAws, clock: StillClock | None = None, **more: Any) -> CloudWatchLogsProbe:
    where = {"endpoint": fake.url, "region": "eu-west-1", "key_id": "env:SECRET", "secret_key": "env:SECRET"}
    made = CloudWatchLogsSettings.model_validate({**where, **more})
    context = Context(TestSecrets(), now=clock.now) if clock else Context(TestSecrets())
    return CloudWatchLogsProbe(Target("it", "cloudwatch_logs", made), context)


async def test_empty_pages_in_between_are_not_the_end(fake: FakeAws) -> None:
    logged = Logged(fake, size=2, empty=3)
    clock = StillClock()
    for number in range(5):
        logged.write(clock.wall - timedelta(seconds=50 - number))
    probe = at_fake(fake, clock, patterns=[ERRORS])
    found = (await probe.read()).facts.counts[0]
    assert (found.found, found.whole) == (5, True)
    assert fake.count("FilterLogEvents") == 12
    sheet = await probe.look("search", "?errors")
    assert "5 found" in str(sheet.lines[0])
    await probe.close()


async def test_more_than_can_be_read_is_caught_up_with_and_never_told_as_little(fake: FakeAws) -> None:
    logged = Logged(fake, size=1)
    clock = StillClock()
    for number in range(100):
        logged.write(clock.wall - timedelta(seconds=200 - number))
    probe = at_fake(fake, clock, patterns=[{**ERRORS, "limit": 1000}], timeout=60)
    first = await probe.read()
    count = first.facts.counts[0]
    assert (count.found, count.whole, count.over) == (60, False, None)
    assert count.until == clock.wall - timedelta(seconds=200 - 59, milliseconds=1)
    assert first.gauge("matches", pattern="errors") is None
    assert [gap.part for gap in first.gaps] == ["newest minutes of pattern errors"]
    (await probe._calls.account()).bucket._tokens = 30.0
    clock.wall += timedelta(seconds=1)
    second = await probe.read()
    count = second.facts.counts[0]
    assert (count.found, count.whole, count.over, second.gaps) == (100, True, False, ())
    assert second.gauge("matches", pattern="errors") == 100
    await probe.close()


async def test_a_limit_that_is_passed_already_is_an_alert_although_not_all_was_read(fake: FakeAws) -> None:
    logged = Logged(fake, size=1)
    clock = StillClock()
    for number in range(70):
        logged.write(clock.wall - timedelta(seconds=100 - number))
    probe = at_fake(fake, clock, patterns=[ERRORS], timeout=60)
    found = await probe.read()
    assert (found.facts.counts[0].over, found.gauge("matches_over", pattern="errors")) == (True, 1.0)
    await probe.close()


async def test_counts_follow_the_clock_and_what_is_older_goes(fake: FakeAws) -> None:
    logged = Logged(fake)
    clock = StillClock()
    probe = at_fake(fake, clock, patterns=[{**ERRORS, "since": 10, "window": 2}])
    logged.write(clock.wall - timedelta(seconds=10))
    assert (await probe.read()).facts.counts[0].found == 1
    for _ in range(3):
        clock.wall += timedelta(minutes=1)
        found = (await probe.read()).facts.counts[0]
    assert (found.found, found.total) == (0, 1)
    starts = [asked["startTime"] for name, asked in fake.asked if name == "FilterLogEvents"]
    assert starts[-1] == ms(clock.wall) - MINUTE - OVERLAP
    clock.wall += timedelta(minutes=30)
    found = (await probe.read()).facts.counts[0]
    assert (found.total, found.minutes.count(None)) == (0, 0)
    await probe.close()


async def test_a_pattern_that_is_refused_costs_itself_only(fake: FakeAws) -> None:
    logged = Logged(fake)
    clock = StillClock()
    logged.write(clock.wall - timedelta(seconds=5))

    def page(asked: Any) -> tuple[int, dict[str, Any]]:
        if asked["filterPattern"] == "[wrong":
            return 400, {"__type": "InvalidParameterException", "message": "Invalid filter pattern"}
        return logged.page(asked)

    fake.answers["FilterLogEvents"] = page
    probe = at_fake(fake, clock, patterns=[{"name": "wrong", "pattern": "[wrong"}, ERRORS])
    found = await probe.read()
    assert [gap.part for gap in found.gaps] == ["pattern wrong"]
    assert "Invalid filter pattern" in str(found.gaps[0].hint)
    assert [one.found for one in found.facts.counts] == [None, 1]
    await probe.close()


async def test_silence_that_can_not_be_told_is_no_alert(fake: FakeAws) -> None:
    Logged(fake, empty=100)
    probe = at_fake(fake, silent={"*": 5})
    found = await probe.read()
    assert found.facts.groups[0].silent is None
    assert found.gauge("silent", group="/g") is None
    await probe.close()


async def test_groups_beyond_the_cap_are_cut_and_said(fake: FakeAws) -> None:
    def page(asked: Any) -> tuple[int, dict[str, Any]]:
        start = int(asked.get("nextToken", 0))
        rows = [{"logGroupName": f"/g/{start + number:05}"} for number in range(50)]
        return 200, {"logGroups": rows, "nextToken": str(start + 50)}

    fake.answers["DescribeLogGroups"] = page
    fake.answers["DescribeLogStreams"] = lambda asked: (200, {"logStreams": []})
    probe = at_fake(fake, timeout=60)
    found = await probe.read()
    assert (len(found.facts.groups), found.facts.cut) == (CAP, True)
    assert [gap.part for gap in found.gaps] == ["some log groups"]
    assert len(found.gauges) < 1000
    await probe.close()


async def test_a_whole_name_takes_one_page_and_a_pattern_all(fake: FakeAws) -> None:
    rows = [{"logGroupName": name} for name in ("/ecs/api", "/ecs/api-old", "/ecs/b")]
    fake.answers["DescribeLogGroups"] = lambda asked: (
        200,
        {"logGroups": [one for one in rows if one["logGroupName"].startswith(asked.get("logGroupNamePrefix", ""))]},
    )
    fake.answers["DescribeLogStreams"] = lambda asked: (200, {"logStreams": []})
    probe = at_fake(fake, groups=["/ecs/api"])
    assert [one.key for one in (await probe.read()).facts.groups] == ["/ecs/api"]
    assert fake.count("DescribeLogGroups") == 1
    await probe.close()


async def test_a_throttle_while_following_is_said_and_nothing_is_lost(fake: FakeAws) -> None:
    logged = Logged(fake)
    now = datetime.now(UTC)
    logged.write(now - timedelta(seconds=5), "first")
    probe = at_fake(fake)
    seen: list[str] = []
    async with asyncio.timeout(30), aclosing(probe.follow("follow", "/g")) as lines:
        async for line in lines:
            seen.append(str(line))
            if "first" in seen[-1]:
                fake.says("FilterLogEvents", "ThrottlingException")
            elif "fewer calls" in seen[-1] and len(seen) == 2:
                logged.write(datetime.now(UTC), "second")
                fake.answers["FilterLogEvents"] = logged.page
            elif "second" in seen[-1]:
                break
    assert "lines come late" in seen[1]
    await probe.close()


async def test_following_leaves_out_what_it_can_not_keep_up_with_and_says_so(fake: FakeAws) -> None:
    logged = Logged(fake, size=1)
    clock = StillClock()
    for number in range(200):
        logged.write(clock.wall - timedelta(seconds=30) + timedelta(milliseconds=number), f"line {number}")
    probe = at_fake(fake, clock)
    async with asyncio.timeout(30), aclosing(probe.follow("follow", "/g")) as lines:
        async for line in lines:
            if "line 9" in str(line):
                clock.wall += timedelta(seconds=120)
            if "left out" in str(line):
                assert str(line) == "(149 s left out: more is written than can be shown)"
                break
    await probe.close()


async def test_in_a_busy_group_the_newest_lines_come_first(fake: FakeAws) -> None:
    logged = Logged(fake, size=500)
    clock = StillClock()
    for number in range(3000):
        logged.write(clock.wall - timedelta(milliseconds=9000 - 3 * number), f"line {number}")
    logged.write(clock.wall - timedelta(minutes=5), "long ago")
    probe = at_fake(fake, clock)
    sheet = await probe.look("tail", "/g")
    assert "line 2999" in str(sheet.lines[-1])
    assert sheet.dropped == 2000
    assert "long ago" not in shown(sheet.lines)
    assert fake.count("FilterLogEvents") == 6
    await probe.close()


async def test_a_search_that_is_cut_says_how_far_it_came(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.aws.cloudwatch_logs.lines._PAGES", 20)
    logged = Logged(fake, size=1)
    clock = StillClock()
    for number in range(30):
        logged.write(clock.wall - timedelta(seconds=1000 - number))
    probe = at_fake(fake, clock, patterns=[ERRORS], timeout=60, groups=["/g"])
    sheet = await probe.look("search", "?errors")
    assert "20 found" in str(sheet.lines[0])
    assert "cut, read up to" in str(sheet.lines[1])
    await probe.close()


# patterns


@pytest.mark.parametrize(
    ("setting", "asked", "fits", "not_"),
    [
        ({"kind": "text", "pattern": "X-API-Key: k"}, '"X-API-Key: k"', ["a X-API-Key: k b"], ["X-API-Key k"]),
        ({"pattern": " ?ERROR ?FATAL "}, "?ERROR ?FATAL", ["anything"], []),
        (
            {"kind": "json-field", "field": "http.status", "op": ">=", "value": "500"},
            "{ $.http.status >= 500 }",
            ['{"http": {"status": 503}}'],
            ['{"http": {"status": 404}}', '{"http": 500}', "503", '{"http": {"status": true}}', "[" * 5000],
        ),
        (
            {"kind": "json-field", "field": "level", "value": "error"},
            '{ $.level = "error" }',
            ['{"level": "error"}'],
            ['{"level": "Error"}', '{"level": null}'],
        ),
        (
            {"kind": "json-field", "field": "status", "op": "!=", "value": "200"},
            '{ ($.status != 200) && ($.status != "200") }',
            ['{"status": 500}', '{"status": "500"}'],
            ['{"status": "200"}', '{"status": 200.0}'],
        ),
        (
            {"kind": "space-field", "field": "status", "value": "429",
             "columns": ["ip", "user", "time", "request", "status", "bytes"]},
            "[ip, user, time, request, status = 429, bytes]",
            ['10.0.0.1 - [01/Mar/2026:03:12:41 +0000] "GET /a b" 429 12'],
            ['10.0.0.1 - [01/Mar/2026:03:12:41 +0000] "GET /429" 200 429', "429"],
        ),
        (
            {"kind": "space-field", "field": "status", "op": ">=", "value": "500",
             "columns": ["...", "status", "bytes"]},
            "[..., status >= 500, bytes]",
            ["a b c 503 12"],
            ["a b c 200 512", "503"],
        ),
    ],
)  # fmt: skip
def test_a_pattern_asks_for_what_it_means(
    setting: dict[str, Any], asked: str, fits: list[str], not_: list[str]
) -> None:
    made = PatternSetting.model_validate({"name": "it", **setting})
    assert filter_of(made) == asked
    assert [line for line in fits if not matching(made)(line)] == []
    assert [line for line in not_ if matching(made)(line)] == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "must not be empty"),
        ({"pattern": "a", "since": 5, "window": 6}, "window must lie within since"),
        ({"kind": "json-field", "field": "status"}, "needs field and value"),
        ({"kind": "json-field", "field": "a b", "value": "1"}, "needs field and value"),
        ({"kind": "json-field", "field": "a", "value": 'x" || 1'}, "needs field and value"),
        ({"kind": "json-field", "field": "a", "value": "high", "op": ">"}, "compares numbers only"),
        ({"kind": "space-field", "field": "a", "value": "1", "columns": ["...", "a", "..."]}, "columns must name"),
        ({"kind": "space-field", "field": "a", "value": "1", "columns": ["b"]}, "columns must name"),
    ],
)
def test_patterns_that_make_no_sense_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PatternSetting.model_validate({"name": "it", **wrong})


@given(st.text(max_size=50))
def test_a_term_is_one_whatever_stands_in_it(text: str) -> None:
    quoted = term(text)
    inner = quoted[1:-1]
    assert quoted[0] == quoted[-1] == '"'
    assert inner.replace("\\\\", "").replace('\\"', "").count('"') == 0


def test_times_are_milliseconds_of_utc_whatever_zone_they_are_told_in() -> None:
    at = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert ms(at) == ms(at.astimezone(ZoneInfo("Europe/Berlin"))) == 1774747800000


# secrets


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "eyJ"),
        ('{"api_key": "abcd1234", "status": 200}', "abcd1234"),
        ("token=s3cr3tvalue&user=7", "s3cr3tvalue"),
        ("AKIAABCDEFGHIJKLMNOP used", "AKIAABCDEFGHIJKLMNOP"),
        ("postgres://app:hunter2@db/x", "hunter2"),
        ("sk_live_51H8abcdefghij", "sk_live_51H8abcdefghij"),
        ("ghp_0123456789abcdefghij0123", "ghp_0123456789abcdefghij0123"),
        ("Cookie: session=abcdef123456", "session=abcdef123456"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrXUtnFEMI"),
        ("-----BEGIN RSA PRIVATE KEY-----MIIEow", "MIIEow"),
        ("Basic YWxhZGRpbjpvcGVuc2VzYW1l", "YWxhZGRpbjpvcGVuc2VzYW1l"),
    ],
)
def test_a_secret_is_not_shown(line: str, secret: str) -> None:
    assert secret not in masked(line)
    assert "***" in masked(line)


@pytest.mark.parametrize("line", ["ERROR 429 for user 7", "token refresh failed", "at 03:12:41 status=200 took=12ms"])
def test_what_is_no_secret_stays(line: str) -> None:
    assert masked(line) == line


@pytest.mark.parametrize("piece", ["a", "token", "x.-", "-eyJ", "a://b:", "key = ", "bearer ", "sk-", "secret: '", "@"])
def test_no_line_holds_masking_up(piece: str) -> None:
    began = time.process_time()
    masked((piece * 32768)[:32768])
    assert time.process_time() - began < 5.0


@given(st.text(max_size=200))
def test_masking_twice_hides_no_more(line: str) -> None:
    assert masked(masked(line)) == masked(line)
