"""The configured requests as lines of curl, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.base import Context, Request, Target
from probes.http.jobs.act import JobsActuator
from probes.http.jobs.plans import back_word
from probes.http.jobs.settings import JobsSettings
from probes.http.jobs.template import filled_body, filled_path, read_body, read_path
from tests.probes.acting import comes_back
from tests.probes.rigs import CANARY, TestSecrets
from tests.probes.scheduler import settings_for

API = "https://api.example"
JSON = "-H 'Content-Type: application/json'"


def actuator(**changes: Any) -> JobsActuator:
    given = JobsSettings.model_validate(settings_for(1, **{"url": API, **changes}))
    return JobsActuator(Target("scheduler", "jobs", given), Context(TestSecrets()))


BY_BODY = {
    "interval": {"path": "/bulk?kind=job", "body": {"job": {"id": "{id}"}, "every": ["{interval}", "m"]}},
    "pause": {"method": "PUT", "path": "/jobs", "body": {"id": "{id}", "paused": True}},
    "resume": {"method": "DELETE", "path": "/jobs/{id}/pause"},
    "run": {"path": "/jobs/{id}:run"},
    "flush": {"path": "/admin/flush?all=1", "body": [1, None, "x"]},
}
EVERY = [
    actuator(),
    actuator(url=f"{API}:8443/prefix/", unit="seconds"),
    actuator(url="http://user@[::1]:8000"),
    actuator(action=BY_BODY),
]

ids = st.one_of(
    st.integers(0, 10**9).map(str),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20).filter(
        lambda id: id not in (".", "..")
    ),
)
rows = st.lists(ids, min_size=1, max_size=3, unique=True)
times = st.sampled_from(["60m", "1m", "99999m", "forever", ""])


@given(rows, st.integers(1, 525600), times)
def test_every_interval_comes_back_from_its_own_line(chosen: list[str], number: int, word: str) -> None:
    for one in EVERY:
        request = Request("interval", tuple(f"job/{id}" for id in chosen), number, word)
        assert comes_back(one, request), one.render(request)


@given(st.dictionaries(ids, st.integers(1, 10**6) | st.sampled_from([0.5, 1.25, 12.5]), min_size=1, max_size=3))
def test_every_way_back_comes_back_from_its_own_lines(old: dict[str, float]) -> None:
    for one in EVERY:
        first = max(1, int(next(iter(old.values()))))
        if all(number <= 525600 for number in old.values()):
            request = Request("interval", tuple(f"job/{id}" for id in old), first, back_word(old))
            assert comes_back(one, request), one.render(request)


@given(rows, st.sampled_from(["pause", "resume", "run"]), times)
def test_every_pause_resume_and_run_comes_back_from_its_own_line(chosen: list[str], action: str, word: str) -> None:
    for one in EVERY:
        request = Request(action, tuple(f"job/{id}" for id in chosen), word=word if action == "pause" else "")
        assert comes_back(one, request), one.render(request)


def test_every_own_action_comes_back_from_its_own_line() -> None:
    for one in EVERY:
        for name in one.settings.own:
            assert comes_back(one, Request("do", (f"action/{name}",)))


@given(ids, st.integers() | st.text() | st.booleans())
def test_a_template_gives_back_what_it_was_filled_with(id: str, value: Any) -> None:
    assert read_path("/a/{id}/b?c=1", filled_path("/a/{id}/b?c=1", {"id": id})) == {"id": id}
    template = {"x": ["{interval}", "{id}"], "y": "{id}", "z": "no {id}"}
    assert read_body(template, filled_body(template, {"id": id, "interval": value})) == {"id": id, "interval": value}


PAUSED = Request("pause", ("job/7",))
SLOWER = Request("interval", ("job/7",), 120)


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (f"curl -X POST {API}/api/jobs/7/pause", PAUSED),
        (f"curl -XPOST {API}/api/jobs/7/pause -H 'Authorization: Bearer abc'", PAUSED),
        (f"curl --request POST --url {API}/api/jobs/7/pause -u me:secret -s -S", PAUSED),
        (f"curl --request=POST '{API}:443/api/jobs/7/pause' | jq .", PAUSED),
        (f"sudo curl -fsSX POST {API}/api/jobs/7/pause -o /dev/null -w '%{{http_code}}'", PAUSED),
        (f"curl -d '' {API}/api/jobs/7/pause", PAUSED),
        (f"curl -X POST -d '{{}}' {API}/api/jobs/7/pause --max-time 10", PAUSED),
        (f"curl -X PATCH {API}/api/jobs/7 {JSON} -d '{{\"interval_minutes\": 120}}'", SLOWER),
        (f"curl -X PATCH {API}/api/jobs/7 {JSON} --data-raw '{{\"interval_minutes\":120}}' -k", SLOWER),
        (f"curl -X PATCH {API}/api/jobs/7 --json '{{\"interval_minutes\": 120.0}}'", SLOWER),
        (f"curl -X PATCH {API}/api/jobs/7 {JSON} -d @- <<< '{{\"interval_minutes\": 120}}'", SLOWER),
        (f"curl -X PATCH {API}/api/jobs/7 {JSON} --data='{{\"interval_minutes\": 120}}'", SLOWER),
        (f"curl -X POST {API}/api/jobs/a%2Fb/resume", Request("resume", ("job/a/b",))),
        (f"curl -X POST {API}/api/jobs/7/run", Request("run", ("job/7",))),
        (f"curl -X POST {API}/admin/pause", Request("do", ("action/stop-sending",))),
        (f"curl -X POST {API}/api/jobs/7/pause && curl -X POST {API}/api/jobs/8/pause",
         Request("pause", ("job/7", "job/8"))),
    ],
)  # fmt: skip
def test_the_spellings_of_curl(line: str, request_: Request) -> None:
    found = recognised(line, actuator())
    assert found is not None
    assert found.request == request_


@pytest.mark.parametrize(
    "line",
    [
        "curl -X POST https://other.example/api/jobs/7/pause",
        "curl -X POST http://api.example/api/jobs/7/pause",
        f"curl -X POST {API}:8443/api/jobs/7/pause",
        f"curl -X POST {API}.evil.example/api/jobs/7/pause",
        "curl -X POST https://api.example@evil.example/api/jobs/7/pause",
        f"curl -X POST {API}/api/jobs/7/pause --resolve api.example:443:10.0.0.1",
        f"curl -X POST {API}/api/jobs/7/pause --connect-to ::evil.example:443",
        f"curl {API}/api/jobs/7/pause",
        f"curl -X DELETE {API}/api/jobs/7",
        f"curl -X POST {API}/api/jobs/7/pause?force=1",
        f"curl -X POST {API}/api/jobs/7/8/pause",
        f"curl -X POST {API}/api/jobs//pause",
        f"curl -X POST {API}/api/jobs/7/pause -d '{{\"for\": 1}}'",
        f"curl -X POST {API}/api/jobs/7/pause {API}/api/jobs/8/pause",
        f"curl -X POST {API}/api/jobs/7/pause -T file",
        f"curl -X POST {API}/api/jobs/7/pause --next",
        f"curl -G -X POST {API}/api/jobs/7/pause",
        f"curl -X POST {API}/api/jobs/$JOB/pause",
        f"curl -X PATCH {API}/api/jobs/7 {JSON} -d @body.json",
        f'curl -X PATCH {API}/api/jobs/7 {JSON} -d \'{{"interval_minutes": 120, "name": "x"}}\'',
        f'curl -X PATCH {API}/api/jobs/7 {JSON} -d \'{{"interval_minutes": "120"}}\'',
        f"curl -X PATCH {API}/api/jobs/7 {JSON} -d '{{\"interval_minutes\": 0}}'",
        f"curl -X PATCH {API}/api/jobs/7 {JSON} -d '{{\"interval_minutes\": true}}'",
        f"curl -X PATCH {API}/api/jobs/7 {JSON} -d 'interval_minutes=120'",
        f"curl -X PATCH {API}/api/jobs/7 {JSON} -d '{{\"interval_minutes\": 120}}' -A 'opsroom back 7=15'",
        f"curl -X POST {API}/api/jobs/7/resume -A 'opsroom 60m'",
        f"wget --method=POST {API}/api/jobs/7/pause",
        f"curl -X POST {API}/api/jobs/7/pause && rm -rf /",
        "curl",
        "curl -X",
    ],
)
def test_what_is_not_one_of_ours_is_left_alone(line: str) -> None:
    assert recognised(line, actuator()) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"curl -X PATCH {API}/api/jobs/7 -d '{{\"interval_minutes\": 120}}'", "sends a form, not JSON"),
        (f"curl -L -X POST {API}/api/jobs/7/pause", "No redirect is followed"),
        (f"curl --retry 5 -X POST {API}/api/jobs/7/run", "It is sent once"),
        (f"curl -X PATCH {API}/api/jobs/7 {JSON} -d '{{\"interval_minutes\": 120}}'", ""),
    ],
)
def test_what_a_line_would_have_done_wrong_is_said(line: str, words: str) -> None:
    found = recognised(line, actuator())
    assert found is not None
    assert words in found.warning
    assert bool(found.warning) == bool(words)


def test_a_put_that_would_have_lost_fields_is_said() -> None:
    action = {"method": "PUT", "path": "/api/jobs/{id}", "body": {"interval_minutes": "{interval}"}, "whole": True}
    found = recognised(
        f"curl -X PUT {API}/api/jobs/7 {JSON} -d '{{\"interval_minutes\":120}}'", actuator(action={"interval": action})
    )
    assert found is not None
    assert "no other field is lost" in found.warning


def test_no_line_holds_a_login() -> None:
    one = actuator(headers={"X-Api-Key": "env:KEY"}, url="https://user:pw-in-url@api.example")
    line = one.render(Request("pause", ("job/7",)))
    assert line == f"curl -fsS -X POST {API}/api/jobs/7/pause"
    assert CANARY not in line


def test_an_address_by_reference_is_only_known_once_it_is_resolved() -> None:
    assert actuator(url="env:NOT_AN_ADDRESS").render(Request("pause", ("job/7",))).endswith("POST /api/jobs/7/pause")


@pytest.mark.parametrize("text", ["", "api/x", "//x", "/a b", "/a#b", "/a/../b", "/%2e%2e/x", "/ä"])
def test_a_path_that_leads_elsewhere_is_refused(text: str) -> None:
    from probes.http.jobs.template import BadTemplate, plain_path

    with pytest.raises(BadTemplate):
        plain_path(text)
