"""The status probe against real local servers that speak as status pages do, and against those that fail or change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from desk.board import Board
from desk.rules import RuleBook
from probes.base import Cause, Context, ProbeError, Snapshot, Target
from probes.http.status.facts import Level, StatusFacts
from probes.http.status.forms import NotUnderstood, understood
from probes.http.status.gauges import measured
from probes.http.status.probe import StatusProbe, StatusSettings
from tests.probes.test_http import OneSecret, Server, as_json, reply, serving
from tests.stack.faultproxy import FaultProxy, Mode
from tests.toys import StillClock

NOW = StillClock().wall

STATUSPAGE: dict[str, Any] = {
    "page": {"id": "p", "name": "Mailer", "url": "https://status.example", "updated_at": "2026-03-01T02:00:00Z"},
    "status": {"indicator": "major", "description": "Partial System Outage"},
    "components": [
        {"id": "g", "name": "Core", "status": "operational", "group": True, "group_id": None},
        {
            "id": "c1", "name": "API", "status": "partial_outage", "group": False, "group_id": "g",
            "updated_at": "2026-03-01T03:00:00Z",
        },
        {"id": "c2", "name": "Dashboard", "status": "major_outage", "group": False, "group_id": None},
        {"id": "c3", "name": "Webhooks", "status": "operational", "group": False, "group_id": None},
    ],
    "incidents": [
        {
            "id": "i1", "name": "Sending fails", "status": "investigating", "impact": "major",
            "created_at": "2026-03-01T02:50:00Z", "updated_at": "2026-03-01T03:00:00Z",
            "incident_updates": [{"body": "We look <b>into</b> it.\x1b[2J"}, {"body": "older"}],
            "components": [{"id": "c1", "name": "API"}],
        },
        {
            "id": "i2", "name": "Dashboard is slow", "status": "monitoring", "impact": "minor",
            "components": [{"id": "c2", "name": "Dashboard"}],
        },
        {"id": "i3", "name": "Old one", "status": "resolved", "impact": "critical"},
    ],
    "scheduled_maintenances": [
        {
            "id": "m1", "name": "Database", "status": "in_progress", "scheduled_for": "2026-03-01T03:00:00Z",
            "scheduled_until": "2026-03-01T04:00:00Z",
        },
        {"id": "m2", "name": "Later", "status": "scheduled"},
    ],
}  # fmt: skip

WIDGET: dict[str, Any] = {
    "page_title": "Models",
    "ongoing_incidents": [
        {
            "id": "x", "name": "Slow answers", "status": "identified", "current_worst_impact": "degraded_performance",
            "last_update_at": "2026-03-01T03:05:00Z", "last_update_message": "A cause was found.",
            "affected_components": [{"id": "a", "name": "Chat", "current_status": "degraded_performance"}],
        }
    ],
    "in_progress_maintenances": [{"id": "w", "name": "Move", "status": "maintenance_in_progress"}],
    "scheduled_maintenances": [],
}  # fmt: skip

INSTATUS: dict[str, Any] = {
    "page": {"name": "Shop", "url": "https://shop.example", "status": "HASISSUES"},
    "activeIncidents": [{"name": "Checkout", "started": "2026-03-01T03:00:00.000Z", "status": "INVESTIGATING",
                         "impact": "MAJOROUTAGE", "url": "https://shop.example/1"}],
    "activeMaintenances": [{"name": "Disks", "start": "2026-03-01T03:00:00Z", "status": "INPROGRESS"}],
}  # fmt: skip

ATOM = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Mailer status</title><updated>2026-03-01T03:00:00Z</updated>
<entry><id>1</id><title>Sending fails</title><updated>2026-03-01T03:00:00Z</updated>
<content type="html">&lt;p&gt;&lt;strong&gt;Investigating&lt;/strong&gt; - we look&lt;/p&gt;</content></entry>
<entry><id>2</id><title>Logins</title><updated>2026-02-28T03:00:00Z</updated>
<content type="html">&lt;strong&gt;Resolved&lt;/strong&gt; - over. &lt;b&gt;Investigating&lt;/b&gt;</content></entry>
</feed>"""

RSS = """<rss version="2.0"><channel><title>Cloud</title><lastBuildDate>Sun, 01 Mar 2026 03:00:00 GMT</lastBuildDate>
<item><title>Informational message: Higher error rates</title><guid>a</guid>
<pubDate>Sun, 01 Mar 2026 03:10:00 GMT</pubDate><description>We look into it.</description></item>
<item><title>Service is operating normally: [RESOLVED] Higher error rates</title><guid>b</guid>
<pubDate>Sun, 01 Mar 2026 01:00:00 GMT</pubDate><description>Done.</description></item>
<item><title>Something long ago</title><guid>c</guid>
<pubDate>Sun, 01 Feb 2026 01:00:00 GMT</pubDate><description>Never said to be over.</description></item>
</channel></rss>"""


class Pages(Server):
    """A server with an answer for each path; 404 for every other."""

    def __init__(self, **paths: bytes) -> None:
        super().__init__()
        self.paths = paths

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(request)
                path = request.split(b" ")[1].decode()
                writer.write(self.paths.get(path, reply(b"<html>not here</html>", "404 Not Found", "text/html")))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    @property
    def asked(self) -> list[str]:
        return [request.split(b" ")[1].decode() for request in self.requests]


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    async with serving(Pages()) as one:
        assert isinstance(one, Pages)
        yield one


Make = Callable[..., StatusProbe]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[StatusProbe] = []

    def new(port: int, path: str = "", clock: StillClock | None = None, **settings: Any) -> StatusProbe:
        clock = clock or StillClock()
        given = StatusSettings.model_validate({"url": f"http://127.0.0.1:{port}{path}", **settings})
        context = Context(OneSecret(), clock.monotonic, clock.now)
        made.append(StatusProbe(Target("mailer", "status", given), context))
        return made[-1]

    yield new
    for one in made:
        await one.close()
        await one.close()


async def facts_of(probe: StatusProbe) -> StatusFacts:
    return (await probe.read()).facts


# forms


async def test_a_statuspage_is_found_by_its_address_and_read_whole(pages: Pages, make: Make) -> None:
    pages.paths["/api/v2/summary.json"] = as_json(STATUSPAGE)
    snapshot = await make(pages.port).read()
    facts = snapshot.facts
    assert (facts.form, str(facts.page), str(facts.says)) == ("statuspage", "Mailer", "Partial System Outage")
    assert [(str(one.name), one.level, str(one.group)) for one in facts.ours] == [
        ("Dashboard", Level.MAJOR, ""),
        ("API", Level.PARTIAL, "Core"),
        ("Webhooks", Level.FINE, ""),
    ]
    assert [(str(one.name), one.level) for one in facts.open] == [
        ("Sending fails", Level.PARTIAL),
        ("Dashboard is slow", Level.DEGRADED),
    ]
    assert "We look into it.^[[2J" in str(facts.open[0].latest)
    assert [(str(one.name), one.running) for one in facts.maintenances] == [("Database", True), ("Later", False)]
    assert facts.updated_age == (NOW - datetime(2026, 3, 1, 2, tzinfo=UTC)).total_seconds()
    assert snapshot.gauge("component_level", component="API", page="Mailer", word="partial outage") == 3.0
    assert pages.asked == ["/api/v2/summary.json"]


async def test_only_the_components_that_matter_raise_anything(pages: Pages, make: Make) -> None:
    pages.paths["/api/v2/summary.json"] = as_json(STATUSPAGE)
    snapshot = await make(pages.port, components=["webhooks", "Gone"]).read()
    facts = snapshot.facts
    assert [str(one.name) for one in facts.ours] == ["Webhooks"]
    assert facts.open == (), "incidents of other components only"
    assert facts.worst is Level.FINE
    assert not [key for key in snapshot.gauges if key.name == "incident_level"]
    assert facts.absent == ("Gone",)
    assert [(gap.part, gap.cause) for gap in snapshot.gaps] == [("component Gone", Cause.GONE)]
    assert "the page has: " in str(snapshot.gaps[0].hint)


async def test_incident_io_is_read_and_a_component_in_no_incident_is_fine(pages: Pages, make: Make) -> None:
    pages.paths["/api/v1/summary"] = as_json(WIDGET)
    facts = await facts_of(make(pages.port, components=["Chat", "Images"]))
    assert (facts.form, str(facts.page)) == ("incident.io", "Models")
    assert [(str(one.name), one.level) for one in facts.ours] == [("Chat", Level.DEGRADED), ("Images", Level.FINE)]
    assert str(facts.open[0].latest) == "A cause was found."
    assert facts.maintenances[0].running
    assert facts.updated == datetime(2026, 3, 1, 3, 5, tzinfo=UTC)


async def test_instatus_is_read_with_its_components_where_they_matter(pages: Pages, make: Make) -> None:
    pages.paths["/summary.json"] = as_json(INSTATUS)
    pages.paths["/v2/components.json"] = as_json(
        {"components": [{"id": "1", "name": "Checkout", "status": "MAJOROUTAGE", "group": {"name": "Shop"}}]}
    )
    facts = await facts_of(make(pages.port, components=["Checkout"]))
    assert (facts.form, str(facts.says)) == ("instatus", "HASISSUES")
    assert [(str(one.name), one.level, str(one.group)) for one in facts.ours] == [("Checkout", Level.MAJOR, "Shop")]
    assert facts.open[0].level is Level.MAJOR
    del pages.paths["/v2/components.json"]
    snapshot = await make(pages.port, components=["Checkout"]).read()
    assert "its components" in [gap.part for gap in snapshot.gaps]


@pytest.mark.parametrize(
    ("path", "body", "name"), [("/history.atom", ATOM, "Mailer status"), ("/x/all.rss", RSS, "Cloud")]
)
async def test_a_feed_is_the_fall_back(pages: Pages, make: Make, path: str, body: str, name: str) -> None:
    pages.paths[path] = reply(body.encode(), "200 OK", "application/xml")
    facts = await facts_of(make(pages.port, path if path.endswith(".rss") else ""))
    assert (facts.form, str(facts.page)) == ("feed", name)
    told = [(one.open, str(one.word)) for one in facts.incidents]
    if name == "Cloud":
        assert told == [(None, "not told"), (False, "resolved"), (False, "not told")]
        assert pages.asked == ["/x/all.rss"]
    else:
        assert told == [(True, "investigating"), (False, "resolved")]
    assert len(facts.open) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"down",
        b"<html><body>hi</body></html>",
        b"<!DOCTYPE html><title>x</title>",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><rss>&b;</rss>',
        b"<rss><channel>",
        b"<other/>",
        b"[]",
        b'{"ok": true}',
    ],
)
def test_what_is_no_status_page_is_said(body: bytes) -> None:
    with pytest.raises(NotUnderstood, match="gives"):
        understood(body, NOW)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "status", "id", "group", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "page",
                "components",
                "incidents",
                "ongoing_incidents",
                "activeIncidents",
                "status",
                "scheduled_maintenances",
            ]
        ),
        _JSON,
    )
)
def test_no_json_however_odd_breaks_a_reading(told: Any) -> None:
    try:
        page = understood(json.dumps(told).encode(), NOW)
    except NotUnderstood:
        return
    assert len({one.key for one in page.components}) == len(page.components)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_feed_however_odd_breaks_a_reading(title: str, text: str) -> None:
    try:
        understood(
            f"<rss><channel><item><title>{title}</title><pubDate>{text}</pubDate></item></channel></rss>".encode(
                errors="replace"
            ),
            NOW,
        )
    except NotUnderstood:
        return


# manners


def test_a_page_is_read_at_most_once_a_minute() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 60"):
        StatusSettings(url="https://status.example", every=10)


async def test_what_has_not_changed_is_not_sent_again(pages: Pages, make: Make) -> None:
    pages.paths["/api/v2/summary.json"] = as_json(
        STATUSPAGE, "200 OK", 'ETag: W/"7"', "Last-Modified: Sun, 01 Mar 2026 02:00:00 GMT"
    )
    clock = StillClock()
    probe = make(pages.port, clock=clock)
    await probe.read()
    pages.paths["/api/v2/summary.json"] = b"HTTP/1.1 304 Not Modified\r\n\r\n"
    clock.seconds += 120
    clock.wall += timedelta(seconds=120)
    facts = await facts_of(probe)
    assert facts.unchanged
    assert (facts.read_age, str(facts.page), len(facts.components)) == (0.0, "Mailer", 3)
    assert facts.updated_age == (clock.wall - datetime(2026, 3, 1, 2, tzinfo=UTC)).total_seconds()
    assert b'If-None-Match: W/"7"' in pages.requests[1]
    assert b"If-Modified-Since: Sun, 01 Mar 2026 02:00:00 GMT" in pages.requests[1]


async def test_a_page_that_asks_for_less_is_left_alone(pages: Pages, make: Make) -> None:
    pages.paths["/api/v2/summary.json"] = as_json({}, "429 Too Many Requests", "Retry-After: 300")
    clock = StillClock()
    probe = make(pages.port, clock=clock)
    facts = await facts_of(probe)
    assert (facts.trouble, "again in 5m00s" in str(facts.words)) == (Cause.THROTTLED, True)
    clock.seconds += 120
    assert "left alone for 3m00s" in str((await facts_of(probe)).words)
    assert len(pages.requests) == 1


# a page that can't be read


FAULTS = {
    Mode.REFUSE: {Cause.REFUSED},
    Mode.SILENT: {Cause.TIMEOUT_READ, Cause.TIMEOUT_CONNECT},
    Mode.RESET: {Cause.RESET, Cause.CLOSED_EARLY},
    Mode.CLOSE: {Cause.RESET, Cause.CLOSED_EARLY},
    Mode.GARBAGE: {Cause.GARBAGE, Cause.CLOSED_EARLY, Cause.RESET},
    Mode.HTML: {Cause.GARBAGE},
    Mode.DRIP: {Cause.TIMEOUT_READ, Cause.SLOW},
    Mode.TRUNCATE: {Cause.CLOSED_EARLY, Cause.GARBAGE, Cause.RESET},
}


@pytest.mark.parametrize("mode", FAULTS, ids=lambda mode: mode.value)
async def test_a_page_that_can_not_be_read_is_no_outage_and_heals(pages: Pages, make: Make, mode: Mode) -> None:
    pages.paths["/api/v2/summary.json"] = as_json(STATUSPAGE)
    with FaultProxy(pages.port) as proxy:
        probe = make(proxy.port, timeout=4.0)
        first = await probe.read()
        proxy.mode = mode
        snapshot = await probe.read()
        facts = snapshot.facts
        assert facts.trouble in FAULTS[mode], facts.words
        assert str(facts.words)
        assert facts.components == first.facts.components, "its last word is kept"
        assert [gap.part for gap in snapshot.gaps] == ["the status page"]
        assert "no outage of theirs" in str(snapshot.gaps[0].hint)
        proxy.mode = Mode.PASS
        healed = await facts_of(probe)
        assert (healed.trouble, healed.unread_for) == (None, None)


async def test_the_last_word_of_a_page_counts_for_ten_minutes(pages: Pages, make: Make) -> None:
    pages.paths["/api/v2/summary.json"] = as_json(STATUSPAGE)
    clock = StillClock()
    with FaultProxy(pages.port) as proxy:
        probe = make(proxy.port, clock=clock)
        await probe.read()
        proxy.mode = Mode.REFUSE
        clock.seconds += 500
        kept = await probe.read()
        assert any(key.name == "component_level" for key in kept.gauges)
        clock.seconds += 500
        late = await probe.read()
    assert {key.name for key in late.gauges} == {"page_unread_seconds"}
    assert late.gauge("page_unread_seconds", page="Mailer") == 500.0
    assert late.facts.read_age == 1000.0


async def test_a_page_that_was_never_read_says_so(make: Make) -> None:
    facts = await facts_of(make(1))
    assert (facts.read, facts.form, facts.trouble) == (None, "", Cause.REFUSED)


async def test_a_page_without_any_known_form_is_told_with_a_way_out(pages: Pages, make: Make) -> None:
    forms = ["/api/v2/summary.json", "/api/v1/summary", "/summary.json", "/history.atom"]
    snapshot = await make(pages.port).read()
    assert snapshot.facts.trouble is Cause.GONE
    assert pages.asked == [*forms, "/"]
    words = f"127.0.0.1:{pages.port} has no such page (HTTP 404); looked for {', '.join(forms)}"
    assert str(snapshot.facts.words) == words


async def test_a_web_page_is_told_as_such_with_what_was_looked_for_beside_it(pages: Pages, make: Make) -> None:
    """What came at the address of the profile counts, not what the last try beside it gave."""
    pages.paths["/status"] = reply(b"<!doctype html><html>All is well</html>", "200 OK", "text/html")
    snapshot = await make(pages.port, "/status").read()
    assert snapshot.facts.trouble is Cause.GARBAGE
    assert str(snapshot.facts.words) == (
        f"127.0.0.1:{pages.port} gives a web page where its status should be; looked for"
        " /status/api/v2/summary.json, /status/api/v1/summary, /status/summary.json, /status/history.atom"
    )
    assert pages.asked[-1] == "/status"


async def test_an_address_that_gives_a_form_itself_needs_no_usual_name(pages: Pages, make: Make) -> None:
    pages.paths["/api/status"] = as_json(STATUSPAGE)
    made = make(pages.port, "/api/status")
    assert (await facts_of(made)).form == "statuspage"
    asked = len(pages.asked)
    assert (await facts_of(made)).form == "statuspage"
    assert pages.asked[asked:] == ["/api/status"], "from then on it is the only one that is asked"


@pytest.mark.parametrize(
    ("status", "cause"),
    [("403 Forbidden", Cause.DENIED), ("503 Service Unavailable", Cause.OVERLOADED), ("418 Teapot", Cause.GARBAGE)],
)
async def test_what_the_page_answers_instead_has_its_words(pages: Pages, make: Make, status: str, cause: Cause) -> None:
    pages.paths["/summary.json"] = reply(b"no", status, "text/plain")
    facts = await facts_of(make(pages.port, "/summary.json"))
    assert facts.trouble is cause
    assert status[:3] in str(facts.words)


async def test_a_secret_that_can_not_be_had_is_a_failure(pages: Pages, make: Make) -> None:
    with pytest.raises(ProbeError, match="NOT_THERE is not set"):
        await make(pages.port, token="env:NOT_THERE").read()


async def test_the_alerts_speak_in_the_vendors_words(pages: Pages, make: Make) -> None:
    pages.paths["/api/v2/summary.json"] = as_json(STATUSPAGE)
    clock = StillClock()
    probe = make(pages.port, clock=clock, components=["API", "Dashboard"])
    board, book = Board([probe.target], clock), RuleBook("mailer", StatusProbe.rules, StatusProbe.gauges)
    found = book.judge(board.take(await probe.read()), clock.monotonic(), clock.now())
    said = {alert.words: alert.severity.name for alert in found}
    assert said["Mailer says of Dashboard: major outage"] == "CRITICAL"
    assert said["Mailer says of API: partial outage"] == "WARNING"
    assert said["Mailer has an incident: Sending fails (investigating)"] == "WARNING"
    pages.paths["/api/v2/summary.json"] = as_json({**STATUSPAGE, "components": [], "incidents": []})
    assert not book.judge(board.take(await probe.read()), clock.monotonic(), clock.now())


async def test_every_gauge_is_declared(pages: Pages, make: Make) -> None:
    pages.paths["/api/v2/summary.json"] = as_json(STATUSPAGE)
    snapshot: Snapshot[StatusFacts] = await make(pages.port).read()
    assert {key.name for key in measured(snapshot.facts, "x").values} <= {spec.name for spec in StatusProbe.gauges}
