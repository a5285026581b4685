"""The board without a screen: what it says in words, in JSON and to monitoring, and with which code."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from desk.board import Slot
from desk.clock import SystemClock
from desk.engine import Engine, Watched
from desk.inbox.case import Match, Silence
from desk.profile import Profile
from probes.base import Cause, ProbeError, SafeText, Severity, Snapshot
from tests.toys import Thing, ToyFacts, ToyProbe, context, target
from tui import check
from tui.check import Report, as_json, as_nagios, as_text

WELL = ToyFacts((Thing("ball", 1),))
WARNED = ToyFacts((Thing("kite", 4096),))
BAD = ToyFacts((Thing("a"), Thing("b"), Thing("c")))
GONE = ProbeError(Cause.REFUSED, "connection refused by db:5432", "is it running?")


async def report(answers: Mapping[str, ToyFacts | Exception | None], seconds: float = 5, every: float = 60) -> Report:
    """What `check` finds when each toy answers so; None hangs."""
    probes = [ToyProbe(target(name, every=every), context()) for name in answers]
    for probe, answer in zip(probes, answers.values(), strict=True):
        if answer is None:
            probe.hang = asyncio.Event()
        else:
            probe.answers = answer
    engine = Engine([Watched(probe, ToyProbe.rules) for probe in probes], SystemClock())
    profile = Profile("nursery", "test", True, "", tuple(probe.target for probe in probes))
    made = await check.take(engine, profile, seconds)
    assert all(probe.closed for probe in probes)
    return made


@pytest.fixture(autouse=True)
def _close_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_APART", 0.02)


@pytest.mark.parametrize(
    ("answers", "code", "nagios"),
    [
        ({"shelf": WELL}, 0, 0),
        ({"shelf": WARNED}, 1, 1),
        ({"shelf": BAD}, 1, 2),
        ({"shelf": WELL, "box": BAD}, 1, 2),
        ({"shelf": GONE}, 3, 3),
        ({"shelf": GONE, "box": GONE}, 3, 3),
        ({"shelf": WELL, "box": GONE}, 1, 2),
        ({"shelf": WELL, "box": ProbeError(Cause.DENIED, "no right")}, 1, 1),
        ({"shelf": ValueError("a bug")}, 3, 3),
        ({}, 3, 3),
    ],
)
async def test_the_code_says_how_it_is(answers: dict[str, Any], code: int, nagios: int) -> None:
    found = await report(answers)
    assert (found.code, found.nagios) == (code, nagios)
    assert as_nagios(found).startswith(check.NAGIOS[nagios])


async def test_two_readings_are_taken_however_long_the_interval() -> None:
    probe = ToyProbe(target(every=3600), context())
    probe.answers = WELL
    began = time.monotonic()
    await check.take(Engine([Watched(probe, ())], SystemClock()), Profile("x", "", False, "", (probe.target,)), 20)
    assert probe.reads == 2
    assert time.monotonic() - began < 19


async def test_a_target_that_hangs_is_not_waited_for_longer_than_asked() -> None:
    began = time.monotonic()
    found = await report({"shelf": WELL, "box": None}, seconds=0.3)
    assert time.monotonic() - began < 20
    assert [slot.target.name for slot in found.unread] == ["box"]
    assert "WAITING      box (toy)  no answer within 0.3 s" in as_text(found).splitlines()


async def test_silence_is_not_health() -> None:
    found = await report({"shelf": WELL, "box": None, "crate": None}, seconds=0.3)
    assert (found.code, found.nagios) == (1, 2)
    assert as_nagios(found).startswith(
        "CRITICAL - box: no answer within 0.3 s; crate: no answer within 0.3 s | live=1;;;0;3 alerts=2"
    )
    assert [(alert["target"], alert["rule"]) for alert in json.loads(as_json(found))["alerts"]] == [
        ("box", "no-answer"),
        ("crate", "no-answer"),
    ]


async def test_when_nobody_answers_it_is_not_known_how_things_are() -> None:
    found = await report({"shelf": None, "box": None}, seconds=0.3)
    assert (found.code, found.nagios) == (3, 3)
    assert as_nagios(found).startswith("UNKNOWN - box: no answer within 0.3 s; shelf: no answer")


def test_a_target_that_fell_silent_is_not_well_either() -> None:
    one = target()
    slot = Slot(one, 0.0, Snapshot(one.name, datetime.now(UTC), 0.1, WELL), received=1.0)
    assert list(check._silent([slot], 2.0, datetime.now(UTC), 9)) == []
    (alert,) = check._silent([slot], 9.0, datetime.now(UTC), 9)
    assert (alert.words, alert.severity) == ("no answer for 8 s", Severity.CRITICAL)


async def test_in_words_each_target_has_a_line_and_each_alert_too() -> None:
    text = as_text(await report({"shelf": WARNED, "box": GONE}))
    first, *lines = text.splitlines()
    assert first.startswith("nursery  test  20")
    assert "LIVE         shelf (toy)" in lines
    assert "DOWN         box (toy)  refused: connection refused by db:5432; is it running?" in lines
    assert "WARNING      shelf: kite is 4 KiB" in lines
    assert len(lines) == 3


async def test_when_all_is_well_it_says_so() -> None:
    assert as_text(await report({"shelf": WELL})).endswith("nothing needs attention")


async def test_json_is_complete_and_has_a_version() -> None:
    body = json.loads(as_json(await report({"shelf": WARNED, "box": GONE})))
    assert body["version"] == 1
    assert (body["system"], body["environment"], body["production"]) == ("nursery", "test", True)
    shelf, box = body["targets"]
    assert (shelf["name"], shelf["kind"], shelf["state"], shelf["failure"]) == ("shelf", "toy", "LIVE", None)
    assert shelf["gauges"]["things"] == 1
    assert shelf["gauges"]['size_bytes{thing="kite"}'] == 4096
    assert shelf["age_seconds"] >= 0
    assert box["failure"] == {"cause": "refused", "message": "connection refused by db:5432", "hint": "is it running?"}
    assert box["age_seconds"] is None
    assert [(alert["target"], alert["severity"], alert["gauge"], alert["labels"]) for alert in body["alerts"]] == [
        ("box", "critical", None, {}),
        ("shelf", "warning", "size_bytes", {"thing": "kite"}),
    ]
    assert body["at"].endswith("+00:00")


async def test_json_holds_nothing_that_json_cannot_hold() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    things = ToyFacts((Thing("a", float("nan")), Thing("b", float("inf"))))
    json.loads(as_json(await report({"shelf": things})), parse_constant=refuse)


async def test_the_line_for_monitoring_is_one_line_with_numbers_behind_one_bar() -> None:
    facts = ToyFacts((Thing(str(SafeText("ki|te\nx")), 4096),))
    line = as_nagios(await report({"shelf": facts, "box": GONE}))
    assert "\n" not in line
    said, _, numbers = line.partition("|")
    assert said.startswith("CRITICAL - box: DOWN refused: connection refused by db:5432; shelf: ki/te x is 4 KiB")
    assert numbers == " live=1;;;0;2 alerts=2;;;0"


async def test_the_line_for_monitoring_counts_what_it_has_no_words_for() -> None:
    things = [Thing(f"kite{number}", 4096) for number in range(7)]
    for many, rest in ((5, None), (6, "; +1 more | "), (7, "; +2 more | ")):
        found = await report({f"box{number}": ToyFacts((thing,)) for number, thing in enumerate(things[:many])})
        line = as_nagios(found)
        assert line.count(" is 4 KiB") == 5
        assert rest in line if rest else "more" not in line


async def test_the_line_for_monitoring_says_when_all_is_well() -> None:
    assert as_nagios(await report({"shelf": WELL})) == "OK - nothing needs attention | live=1;;;0;1 alerts=0;;;0"


async def test_the_worst_decides() -> None:
    found = await report({"shelf": WARNED, "box": BAD})
    assert found.worst is Severity.CRITICAL


async def test_what_is_silenced_counts_for_nothing_and_is_said_with_its_reason() -> None:
    now = SystemClock().now()
    held = Silence("1", (Match("target", "a"),), now, now + timedelta(hours=1), "ann", "ticket 12")
    over = Silence("2", (), now - timedelta(hours=2), now - timedelta(hours=1), "ann", "long ago")
    probe = ToyProbe(target("a"), context())
    probe.answers = ToyFacts((Thing("kite", 2048),))
    engine = Engine([Watched(probe, ToyProbe.rules)], SystemClock())
    found = await check.take(engine, Profile("x", "", False, "", (probe.target,)), 20, [held, over])
    assert (found.code, found.nagios, found.alerts) == (0, 0, ())
    assert "silenced     a: kite is 2 KiB  until " in check.as_text(found)
    assert "ticket 12 (ann)" in check.as_text(found)
    assert "nothing else needs attention" in check.as_text(found)
    assert "; 1 silenced | " in check.as_nagios(found)
    body = json.loads(check.as_json(found))
    assert (body["alerts"], len(body["silenced"])) == ([], 1)
    assert body["silenced"][0]["because"].endswith("ticket 12 (ann)")
