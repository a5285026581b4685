"""Messages about incidents go out through the profile's channels, once each, and what came back is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from desk.clock import SystemClock
from desk.incident.incidents import Incidents
from desk.incident.message import FATES, Outgoing, notice
from desk.incident.record import Sent
from desk.notices.wording import System
from desk.profile import parse
from probes.base import Delivery
from tests.desk.inboxes import HandClock
from tests.probes.receiver import Answer, Receiver, receiver
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


def test_slack_and_webhooks_take_messages_and_nothing_else_does(server: Receiver) -> None:
    assert list(messenger(server).channels()) == ["team", "status"]
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
