"""The lines of amtool and curl that silence alerts, both ways."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.alerting.act import AlertmanagerActuator, GrafanaActuator
from probes.alerting.alertmanager import AlertmanagerSettings
from probes.alerting.facts import key_of, labels_of
from probes.alerting.grafana import GrafanaSettings
from probes.base import Context, Request, Target
from tests.probes.acting import comes_back
from tests.toys import NoSecrets

AM = "http://am.example:9093"
ID = "5f8a2a7e-1234-4abc-8def-0123456789ab"
NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


def alertmanager(url: str = AM) -> AlertmanagerActuator:
    settings = AlertmanagerSettings.model_validate({"url": url})
    return AlertmanagerActuator(Target("am", "alertmanager", settings), Context(NoSecrets(), now=lambda: NOW))


def grafana(url: str = "https://grafana.example/board") -> GrafanaActuator:
    settings = GrafanaSettings.model_validate({"url": url})
    return GrafanaActuator(Target("board", "grafana", settings), Context(NoSecrets(), now=lambda: NOW))


EVERY = [
    alertmanager(),
    alertmanager("https://am.example/prefix"),
    alertmanager("env:ALERTS"),
    grafana(),
    grafana("http://[::1]:3000"),
    grafana("env:GRAFANA_URL"),
]

names = st.one_of(st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,12}", fullmatch=True), st.text("a .é\\\"'{}=,-", min_size=1))
values = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n"), min_size=1, max_size=30)
keys = st.dictionaries(names, values, min_size=1, max_size=5).map(key_of)


@given(st.lists(keys, min_size=1, max_size=3, unique=True), st.integers(1, 1440))
def test_every_silence_comes_back_from_its_own_line(chosen: list[str], minutes: int) -> None:
    for actuator in EVERY:
        assert comes_back(actuator, Request("silence", tuple(chosen), minutes)), actuator.render(
            Request("silence", tuple(chosen), minutes)
        )


@given(st.lists(st.uuids().map(str), min_size=1, max_size=3, unique=True))
def test_every_end_of_a_silence_comes_back_from_its_own_line(chosen: list[str]) -> None:
    for actuator in EVERY:
        assert comes_back(actuator, Request("unsilence", tuple(chosen)))


@given(st.dictionaries(st.text(min_size=1), st.text(), min_size=1, max_size=6))
def test_the_key_of_a_row_is_printable_and_gives_the_labels_back(labels: dict[str, str]) -> None:
    key = key_of(labels)
    assert key.isascii()
    assert key.isprintable()
    assert labels_of(key) == labels


@given(st.text())
def test_no_text_is_taken_for_labels_by_mistake(text: str) -> None:
    found = labels_of(text)
    assert found is None or key_of(found) == text


@pytest.mark.parametrize(
    ("line", "labels", "minutes"),
    [
        ("amtool silence add alertname=Down -d 30m -c x", {"alertname": "Down"}, 30),
        ("amtool silence add Down instance=a:1 --duration=2h", {"alertname": "Down", "instance": "a:1"}, 120),
        ("sudo amtool --alertmanager.url=http://am.example:9093 silence add Down -d1h30m", {"alertname": "Down"}, 90),
        ("amtool silence add -a me --comment='disk swap' 'alertname=\"a b\"' -d 1d", {"alertname": "a b"}, 1440),
        ("$ amtool -v silence add Down --alertmanager.url http://am.example:9093/ -d 120s", {"alertname": "Down"}, 2),
        ("amtool silence add Down --no-require-comment", {"alertname": "Down"}, 60),
        ('amtool silence add \'a="say \\"hi\\" \\\\ \\n"\' -d 5m', {"a": 'say "hi" \\ \n'}, 5),
    ],
)
def test_the_spellings_of_amtool(line: str, labels: dict[str, str], minutes: int) -> None:
    found = recognised(line, alertmanager())
    assert found is not None
    assert found.request == Request("silence", (key_of(labels),), minutes)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("amtool silence add Down -d 30m", "does not say where: this is done at http://am.example:9093"),
        (f"amtool silence add Down --alertmanager.url={AM}", "one hour when no length is given"),
        (f"amtool silence add Down -d 30m -c why --alertmanager.url={AM}", "The comment is Opsroom's own"),
        (f"amtool silence add Down -d 90s --alertmanager.url={AM}", "say how long"),
        (f"amtool silence add Down -d 3d --alertmanager.url={AM}", "say how long"),
        (f"amtool silence add Down -d soon --alertmanager.url={AM}", "say how long"),
    ],
)
def test_what_a_line_leaves_open_is_said(line: str, says: str) -> None:
    found = recognised(line, alertmanager())
    assert found is not None
    assert says in found.warning
    if "say how long" in says:
        assert found.request.number is None


@pytest.mark.parametrize(
    "line",
    [
        "amtool",
        "amtool silence",
        "amtool silence add",
        "amtool silence query",
        "amtool silence query Down",
        "amtool alert query",
        "amtool config routes",
        "amtool silence update --duration=1h " + ID,
        "amtool silence import x.json",
        "amtool silence add alertname=~Down -d 5m",
        "amtool silence add 'alertname=~\"D.*\"' -d 5m",
        "amtool silence add alertname!=Down -d 5m",
        "amtool silence add Down instance!~a -d 5m",
        "amtool silence add instance=a Down -d 5m",
        "amtool silence add alertname= -d 5m",
        "amtool silence add a=1 a=2 -d 5m",
        "amtool silence add 'a=\"x' -d 5m",
        "amtool silence add 'a=\"x\\y\"' -d 5m",
        "amtool silence add 'a=x y' -d 5m",
        "amtool silence add Down --end=2026-03-01T04:00:00Z",
        "amtool silence add Down --start=2026-03-01T04:00:00Z -d 5m",
        "amtool silence add Down -d 5m --alertmanager.url=http://other:9093",
        "amtool silence add Down -d $LENGTH",
        "amtool silence expire",
        "amtool silence expire all",
        "amtool silence expire $(amtool silence query -q)",
        f"amtool silence expire {ID} --alertmanager.url=http://other:9093",
        f"amtool silence expire {ID} -d 5m",
        "curl http://am.example:9093/api/v2/silences",
        f"curl -X DELETE http://other:9093/api/v2/silence/{ID}",
        "curl -X DELETE http://am.example:9093/api/v2/silence/all",
        f"curl -X DELETE http://am.example:9093/api/v2/silence/{ID}/x",
        f"curl -X DELETE 'http://am.example:9093/api/v2/silence/{ID}?x=1'",
        f"curl -X DELETE --retry 5 http://am.example:9093/api/v2/silence/{ID}",
        f"curl -X PUT http://am.example:9093/api/v2/silence/{ID}",
        "curl -X POST http://am.example:9093/api/v2/silences",
        "curl -X POST http://am.example:9093/api/v2/silences -d @body.json",
        "curl -X POST http://am.example:9093/api/v2/alerts -d '[]'",
        "curl -X POST http://am.example:9093/-/reload",
        "wget http://am.example:9093/api/v2/silences",
        "curl http://am.example：9093/api/v2/silences -d '{}'",
        "curl http://[::1/api/v2/silences -d '{}'",
    ],
)
def test_what_is_not_certain_means_nothing(line: str) -> None:
    assert recognised(line, alertmanager()) is None


def posted(**changes: Any) -> str:
    body = {
        "matchers": [{"name": "alertname", "value": "Down", "isRegex": False}],
        "startsAt": "2026-03-01T03:00:00Z",
        "endsAt": "2026-03-01T03:30:00+00:00",
        "createdBy": "me",
        "comment": "disk swap",
    }
    return json.dumps({name: value for name, value in (body | changes).items() if value is not None})


@pytest.mark.parametrize(
    "line",
    [
        "curl -X POST {url}/api/v2/silences -H 'Content-Type: application/json' -d '{body}'",
        "curl -XPOST -s '{url}/api/v2/silences' --data-raw '{body}'",
        "curl -sX POST --json '{body}' {url}/api/v2/silences/",
        "curl -sS -f -u me:x --url {url}/api/v2/silences --data='{body}'",
        "curl {url}/api/v2/silences -d @- <<'EOF'\n{body}\nEOF\n",
    ],
)
def test_the_spellings_of_curl(line: str) -> None:
    found = recognised(line.format(url=AM, body=posted()), alertmanager())
    assert found is not None
    assert found.request == Request("silence", ('alertname="Down"',), 30)
    assert "begins now and lasts 30 min" in found.warning


@pytest.mark.parametrize(
    ("changes", "minutes"),
    [
        ({"startsAt": None, "endsAt": "2026-03-01T04:12:41Z"}, 60),
        ({"endsAt": "2026-03-01T03:30:30Z"}, None),
        ({"endsAt": "2026-03-09T03:30:00Z"}, None),
        ({"endsAt": "2026-03-01T02:30:00Z"}, None),
    ],
)
def test_the_length_of_a_posted_silence(changes: dict[str, Any], minutes: int | None) -> None:
    found = recognised(f"curl {AM}/api/v2/silences -d '{posted(**changes)}'", alertmanager())
    assert found is not None
    assert found.request.number == minutes


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ID},
        {"endsAt": None},
        {"endsAt": "tomorrow"},
        {"matchers": []},
        {"matchers": [{"name": "alertname", "value": "D.*", "isRegex": True}]},
        {"matchers": [{"name": "alertname", "value": "Down", "isRegex": False, "isEqual": False}]},
        {"matchers": "all"},
    ],
)
def test_a_posted_silence_that_is_not_certain_means_nothing(changes: dict[str, Any]) -> None:
    assert recognised(f"curl {AM}/api/v2/silences -d '{posted(**changes)}'", alertmanager()) is None


def test_grafana_is_meant_by_its_own_path_only() -> None:
    board = grafana()
    line = f"curl -X DELETE https://grafana.example/board/api/alertmanager/grafana/api/v2/silence/{ID}"
    found = recognised(line, board)
    assert found is not None
    assert found.request == Request("unsilence", (ID,))
    assert recognised(line, alertmanager()) is None
    assert recognised(line.replace("/board", ""), board) is None
    assert recognised("amtool silence add Down -d 5m", board) is None
    by_amtool = f"amtool silence expire --alertmanager.url=https://grafana.example/board/api/alertmanager/grafana {ID}"
    assert recognised(by_amtool, board) is not None
    assert "reports an error" in str(recognised(by_amtool, board))


@pytest.mark.parametrize(
    "line",
    [
        "curl -X POST https://grafana.example/board/api/alerts/1/acknowledge -H 'Authorization: Bearer x'",
        "curl -sX POST https://grafana.example/board/api/alerts/1/ack",
    ],
)
def test_an_acknowledge_of_grafana_means_nothing_that_can_be_done(line: str) -> None:
    found = recognised(line, grafana())
    assert found is not None
    assert found.request.action not in {action.name for action in GrafanaActuator.actions}
    assert "Grafana has no acknowledge" in found.warning
    assert recognised(line, alertmanager()) is None
    assert recognised(line.replace("/board", ""), grafana()) is None


def test_the_line_is_one_a_person_would_type() -> None:
    request = Request("silence", (key_of({"alertname": "Down", "instance": "a:1"}),), 30)
    assert alertmanager().render(request) == (
        "amtool silence add --alertmanager.url=http://am.example:9093 --duration=30m --comment=opsroom "
        "alertname=Down instance=a:1"
    )
    line = grafana().render(request)
    assert line.startswith("curl -fsS -X POST -H 'Content-Type: application/json' -d ")
    assert line.endswith("https://grafana.example/board/api/alertmanager/grafana/api/v2/silences")
    until = NOW + timedelta(minutes=30)
    assert f'"endsAt": "{until:%Y-%m-%dT%H:%M:%S}.000Z"' in line
