"""Messages about incidents go out through the profile's channels, once each, and what came back is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from desk.clock import SystemClock
from desk.incident.incidents import Incidents
from desk.incident.message import FATES, Outgoing, notice, page
from desk.incident.record import Sent
from desk.notices.wording import System
from desk.profile import parse
from probes.base import Delivery
from tests.desk.inboxes import HandClock
from tests.probes.receiver import TAKEN, Answer, Receiver, receiver
from tests.probes.test_notify_mail import Post, serving
from tests.toys import ToyKinds
from tui.messenger import Messenger
from tui.secrets import Secrets

PROFILE = """
system = "shop"
[toy.shelf]
[notify.team]
kind = "slack"
url = "env:SLACK"
[notify.status]
kind = "webhook"
url = "env:STATUS"
changes = []
[notify.pager]
kind = "pagerduty"
routing_key = "env:KEY"
[notify.post]
kind = "email"
host = "127.0.0.1"
port = 1
tls = "none"
sender = "room@example.org"
to = ["ops@example.org"]
[notify.off]
kind = "webhook"
url = "env:STATUS"
enabled = false
"""


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def messenger(server: Receiver) -> Outgoing:
    secrets = Secrets({"SLACK": server.url, "STATUS": server.url})
    return Messenger(parse(PROFILE, ToyKinds()), secrets, SystemClock())


def send(server: Receiver, channel: str, text: str = "We are slow.\nWe look into it.") -> Delivery:
    clock = HandClock()
    made = Incidents(clock, "ann").declare("the queue is full", "P1")
    told = notice(made, "m1", text, "public", System("shop", "live"), clock.now())
    return asyncio.run(messenger(server).send(channel, told))


def test_slack_mail_and_webhooks_take_messages_and_nothing_else_does(server: Receiver) -> None:
    assert list(messenger(server).channels()) == ["team", "status", "post"]
    with pytest.raises(LookupError):
        send(server, "pager")
    assert server.got == []


def test_a_status_page_gets_the_text_as_json(server: Receiver) -> None:
    assert FATES[send(server, "status").fate] is Sent.SENT
    (request,) = server.got
    body = json.loads(request.body)
    assert (body["event"], body["id"], body["case"]["words"]) == ("incident", "m1", "We are slow.\nWe look into it.")
    assert (body["case"]["audience"], body["case"]["status"]) == ("public", "declared")
    assert "queue" not in request.body.decode()


def test_slack_gets_every_line_of_the_text(server: Receiver) -> None:
    assert FATES[send(server, "team").fate] is Sent.SENT
    (request,) = server.got
    assert "We are slow.\\nWe look into it." in request.body.decode()


def test_who_does_not_take_it_is_told_of(server: Receiver) -> None:
    server.answer = lambda got: Answer(403, b"invalid_token")
    found = send(server, "team")
    assert FATES[found.fate] is Sent.REFUSED
    assert "not valid any more" in str(found.words)


def test_a_message_goes_out_by_mail_over_the_profiles_own_server(server: Receiver) -> None:
    post = Post()
    with serving(post) as port:
        made = parse(PROFILE.replace("port = 1\n", f"port = {port}\n"), ToyKinds())
        clock = HandClock()
        incident = Incidents(clock, "ann").declare("the queue is full", "P1")
        told = notice(incident, "m1", "We are slow.", "public", System("shop", "live"), clock.now())
        found = asyncio.run(Messenger(made, Secrets({}), SystemClock()).send("post", told))
    assert FATES[found.fate] is Sent.SENT
    assert post.only()["Subject"] == "shop: We are slow."
    assert "queue" not in post.got[0].content.decode()


def test_a_page_is_one_alert_there_however_often_it_is_sent_and_no_message(server: Receiver) -> None:
    server.answer = lambda got: TAKEN
    text = PROFILE.replace('routing_key = "env:KEY"', f'routing_key = "env:KEY"\nurl = "{server.url}"')
    made = Messenger(parse(text, ToyKinds()), Secrets({"KEY": "r0ut1ng"}), SystemClock())
    clock = HandClock()
    incident = Incidents(clock, "ann").declare("the queue is full", "P1")
    for name in ("m1", "m2"):
        told = page(incident, name, System("shop", "live", True), clock.now())
        assert FATES[asyncio.run(made.page("pager", told)).fate] is Sent.SENT
    first, again = (got.json for got in server.got)
    assert (first["event_action"], first["dedup_key"], first["routing_key"]) == ("trigger", incident.id, "r0ut1ng")
    assert first["payload"]["summary"] == f"CRITICAL shop live: incident {incident.short}: P1 the queue is full"
    assert again["dedup_key"] == first["dedup_key"]
    with pytest.raises(LookupError):
        asyncio.run(made.page("team", told))
