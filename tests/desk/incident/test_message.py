"""Messages about incidents: filled from what is known, refused where something is not, and never with a secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desk.incident.message import FATES, chat, draft, notice, unended, unpaged
from desk.incident.places import KNOWN, placeholders
from desk.incident.record import PAGE, PAGE_OVER, Role, Sent
from desk.incident.scheme import OURS, TEMPLATES, Template
from desk.notices.wording import System
from probes.base import Fate
from tests.desk.inboxes import HandClock
from tests.desk.incidents import Person, minutes

SHOP = System("shop", "live", True)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ann(clock: HandClock) -> Person:
    return Person("ann", clock)


def template(name: str) -> Template:
    found = OURS.template(name)
    assert found is not None
    return found


def test_what_is_not_known_is_named_and_refused(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("mail does not go out", "P1").id
    made = draft(template("internal"), ann.of(name), OURS, SHOP, clock.now())
    assert made.missing == ("impact", "commander", "eta")
    assert made.refused == (
        "not filled in: impact (what customers feel), commander (who decides), eta (when it should be over)"
    )
    assert "Impact: {impact}" in made.text


def test_what_is_known_is_filled_in(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("mail does not go out", "P1").id
    ann.book.set_impact(name, "no order is confirmed")
    ann.book.assign(name, Role.COMMANDER, "ann")
    ann.book.expect(name, minutes(60))
    clock.passed = 20 * 60
    made = draft(template("internal"), ann.of(name), OURS, SHOP, clock.now())
    assert made.refused == ""
    assert made.text.splitlines() == [
        "P1 mail does not go out",
        "System: shop",
        "Status: declared since 03:12 UTC, 20m00s so far",
        "Impact: no order is confirmed",
        "Commander: ann",
        "Expected end: 04:12 UTC",
        "Next message: 04:02 UTC",
    ]


def test_the_next_message_is_promised_by_the_cadence_of_its_audience(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("out", "P1").id
    ann.book.set_impact(name, "nothing works")
    made = draft(template("public"), ann.of(name), OURS, SHOP, clock.now())
    assert made.text.endswith("We will say more by 03:27 UTC.")


def test_a_page_whose_session_was_killed_under_way_is_not_taken_for_one_that_went_out(
    ann: Person, clock: HandClock
) -> None:
    name = ann.book.declare("out", "P1").id
    ann.book.message(name, PAGE, "internal", "pager", "P1 out")
    assert unpaged(ann.of(name), ["pager"], clock.now()) == [], "it is under way"
    clock.passed = 10 * 60
    assert unpaged(ann.of(name), ["pager"], clock.now()) == ["pager"]
    sent = ann.book.message(name, PAGE, "internal", "pager", "P1 out")
    ann.book.answered(name, sent, Sent.SENT, "")
    assert unpaged(ann.of(name), ["pager"], clock.now()) == []
    ann.book.resolve(name, early="a drill")
    ann.book.message(name, PAGE_OVER, "internal", "pager", "over: P1 out")
    assert unended(ann.of(name), clock.now()) == [], "it is under way"
    clock.passed = 20 * 60
    assert unended(ann.of(name), clock.now()) == ["pager"]


def test_what_is_new_is_asked_of_a_person(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("out", "P1").id
    ann.book.set_impact(name, "nothing works")
    ann.book.expect(name, minutes(60))
    assert draft(template("update"), ann.of(name), OURS, SHOP, clock.now()).missing == ("update",)
    made = draft(template("update"), ann.of(name), OURS, SHOP, clock.now(), {"update": "the queue drains"})
    assert made.refused == ""
    assert made.text.startswith("Update on shop: the queue drains\n")


def test_nobody_is_told_that_it_works_again_before_it_does(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("out", "P1").id
    ann.book.set_impact(name, "nothing works")
    assert draft(template("resolved"), ann.of(name), OURS, SHOP, clock.now()).missing == ("mitigated",)
    clock.passed = 3600
    ann.book.mitigate(name)
    made = draft(template("resolved"), ann.of(name), OURS, SHOP, clock.now())
    assert "shop works again since 04:12 UTC" in made.text
    assert "It lasted 1h00m" in made.text


def test_a_value_that_looks_like_a_place_is_not_filled_in_again(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("{commander} {impact}", "P1").id
    made = draft(Template("t", "internal", "{title}"), ann.of(name), OURS, SHOP, clock.now())
    assert (made.text, made.missing) == ("{commander} {impact}", ())


def test_a_text_with_a_secret_in_it_is_refused(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("hunter2 is out", "P1").id
    shown = Template("t", "internal", "{title}")
    made = draft(shown, ann.of(name), OURS, SHOP, clock.now(), mask=lambda text: text.replace("hunter2", "[secret]"))
    assert (made.text, made.refused) == ("[secret] is out", "a secret stands in it")


def test_a_day_is_said_where_it_is_another(ann: Person, clock: HandClock) -> None:
    name = ann.book.declare("out", "P1").id
    ann.book.expect(name, minutes(24 * 60))
    made = draft(Template("t", "internal", "{eta}"), ann.of(name), OURS, SHOP, clock.now())
    assert made.text == "2026-03-02 03:12 UTC"


def test_customers_are_told_the_text_and_nothing_else(ann: Person, clock: HandClock) -> None:
    made = ann.book.declare("the DBA dropped the table", "P1")
    public = notice(made, "m1", "We are\nslow \x1b[31m", "public", SHOP, clock.now())
    assert public.words == "We are\nslow ^[[31m"
    assert "dropped" not in public.as_json()
    assert "P1" not in public.as_json()
    inside = notice(made, "m1", "it was us", "internal", SHOP, clock.now())
    assert (inside.target, inside.id, inside.case) == ("P1 the DBA dropped the table", "m1", made.id)


def test_every_fate_of_a_message_is_known() -> None:
    assert set(FATES) == set(Fate)


@pytest.mark.parametrize("one", TEMPLATES, ids=lambda one: one.name)
def test_our_own_messages_ask_for_nothing_strange(one: Template) -> None:
    assert set(placeholders(one.text)) <= set(KNOWN)


def test_the_chat_channel_is_named_after_the_moment(ann: Person) -> None:
    made = ann.book.declare("out", "P1")
    assert chat(made, OURS) == "incident-2026-03-01-031241"
    assert chat(made, replace(OURS, chat="inc-{id}")) == f"inc-{made.short}"
