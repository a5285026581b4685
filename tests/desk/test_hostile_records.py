"""What others wrote is read as a record or left out, whatever stands in it; and what was read tells its story."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from desk.alert import Alert
from desk.checklist import record as checklists
from desk.checklist.book import Book as Lists
from desk.checklist.judge import Verdict
from desk.codec import CodecError, plain
from desk.inbox import record as inbox
from desk.inbox.book import Book
from desk.inbox.case import Match, Silence
from desk.inbox.case import What as CaseWhat
from desk.incident import paper, postmortem, timeline, timers
from desk.incident import record as incidents
from desk.incident.incident import folded
from desk.incident.scheme import OURS
from desk.notices import told
from desk.notices.spool import Spool
from desk.runs import record as runs
from desk.second import Proposal, Unfit
from desk.shared.presence import Here, others
from probes.base import Seen, Severity
from tests.desk.seconds import proposal

AT: Final = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)
ROUNDS: Final = 1500

_DEEP: Any = []
for _ in range(40):
    _DEEP = [_DEEP]
NASTY: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 10**400, 2**64, 1e308, float("inf"), float("nan"), "", "x" * 5000, "\x1b[2J", "\ud83e", "\0",
    [], {}, [None], ["a", 1], {"a": 1}, _DEEP, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59+00:00", "2026-03-01", "1969-01-01T00:00:00+00:00",
)  # fmt: skip

ALERT: Final = Alert("db", "r", Severity.WARNING, "g", (("a", "b"),), "much", since=0.0, at=AT, value=1.0, limit=0.5)
SILENCE: Final = Silence("s", (Match("rule", "r"),), AT, AT + timedelta(days=1), "ada", "quiet")
INBOX: Final = (
    inbox.Record("1", AT, CaseWhat.RAISED, "c", alert=ALERT),
    inbox.Record("2", AT, CaseWhat.WORSE, "c", alert=ALERT),
    inbox.Record("3", AT, CaseWhat.ACKNOWLEDGED, "c", "ada", "mine"),
    inbox.Record("4", AT, CaseWhat.CLEARED, "c"),
    inbox.Record("5", AT, silence=SILENCE),
)


def _happened(number: int, what: incidents.What, **more: Any) -> incidents.Record:
    return incidents.Record(str(number), AT, "i", what, "ada", "host", "session", number, **more)


INCIDENT: Final = (
    _happened(1, incidents.What.DECLARED, declared=incidents.Declared("slow", "SEV1", AT, AT, "ada")),
    _happened(2, incidents.What.STAGED, stage=incidents.Stage.MITIGATED),
    _happened(3, incidents.What.ROLE, role=incidents.Role.COMMANDER, who="bob"),
    _happened(4, incidents.What.ETA, when=AT),
    _happened(5, incidents.What.BEGAN, when=AT),
    _happened(6, incidents.What.ITEM, text="add a rule", when=AT),
    _happened(7, incidents.What.CALLED, about="2", who="bob", flag=True),
    _happened(8, incidents.What.STAGED, stage=incidents.Stage.RESOLVED),
    _happened(9, incidents.What.PLANNED, when=AT),
)
RUN: Final = (
    runs.Record("1", AT, "r", runs.What.TIMER, "ada", 1, due=AT),
    runs.Record("2", AT, "r", runs.What.GIVEN, "ada", given=(runs.Given("pid", "1"),)),
    runs.Record("3", AT, "r", runs.What.ENDED, "ada", end=runs.End.SOLVED),
)
CHECKLIST: Final = (
    checklists.Record("1", AT, checklists.What.KNOWN, "morning", schedule="x"),
    checklists.Record(
        "2", AT, checklists.What.SIGNED, "morning", AT, "ada", "box",
        evidence=(checklists.Evidence("box", Verdict.GOOD, "12", 12.0, None, "", 3.0),),
    ),
)  # fmt: skip
TOLD: Final = (told.Told("change", "team", "case", "mark", "raised", 1_772_000_000.0),)


def _changed(value: Any, chance: random.Random) -> Any:
    """The same JSON with one thing in it that should not be."""
    if isinstance(value, dict) and value and chance.random() < 0.95:
        name = chance.choice(sorted(value))
        return {**value, name: _changed(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        place = chance.randrange(len(value))
        return [_changed(one, chance) if number == place else one for number, one in enumerate(value)]
    return chance.choice(NASTY)


def _hostile(records: tuple[Any, ...]) -> Iterator[Mapping[str, Any]]:
    chance = random.Random(1)
    for _ in range(ROUNDS):
        body = plain(chance.choice(records))
        for _ in range(chance.choice((1, 1, 2))):
            body = _changed(body, chance)
        back = json.loads(json.dumps(body))
        if isinstance(back, dict):
            yield back


def _tells_inbox(one: inbox.Record) -> None:
    book = Book()
    for record in (*INBOX, one, *INBOX):
        book.take(record)
    list(book.standing(AT))
    assert [life.due for life in book.lives.values()]


def _tells_incident(one: incidents.Record) -> None:
    for records in ((*(other for other in INCIDENT if other.id != one.id), one), (*INCIDENT, one)):
        incident = folded(records)
        if incident is None:
            continue
        entries = timeline.woven(timeline.of_incident(incident))
        timeline.span_of(incident, AT)
        paper.as_text(incident, entries, OURS, AT)
        paper.as_json(incident, entries, OURS, AT)
        postmortem.parts(incident, entries)
        postmortem.facts(incident, "shop", AT)
        for timer in timers.timers(incident, OURS, AT):
            timer.left(AT), timer.share(AT)


def _tells_checklist(one: checklists.Record) -> None:
    book = Lists()
    book.take([*CHECKLIST, one])
    book.run("morning", AT)


def _tells_told(one: told.Told) -> None:
    spool = Spool.in_memory()
    spool.begin(["team"], 0.0)
    spool.elsewhere([one])


@pytest.mark.parametrize(
    ("read", "records", "tells"),
    [
        pytest.param(inbox.read, INBOX, _tells_inbox, id="inbox"),
        pytest.param(incidents.read, INCIDENT, _tells_incident, id="incidents"),
        pytest.param(runs.read, RUN, lambda one: None, id="runs"),
        pytest.param(checklists.read, CHECKLIST, _tells_checklist, id="checklists"),
        pytest.param(told.parsed, TOLD, _tells_told, id="told"),
    ],
)
def test_a_record_is_left_out_or_tells_its_story(
    read: Callable[[Mapping[str, Any]], Any], records: tuple[Any, ...], tells: Callable[[Any], None]
) -> None:
    for one in records:
        assert read(json.loads(json.dumps(plain(one)))) == one
    left_out = 0
    for body in _hostile(records):
        try:
            found = read(body)
        except CodecError:
            left_out += 1
            continue
        tells(found)
    assert 0 < left_out < ROUNDS


def test_what_a_session_says_of_itself_is_shown_or_left_out() -> None:
    for body in _hostile((Here("ada", "bastion", "orders", "INC-4", armed=True),)):
        assert len(others([Seen("s", "eve", body, 1.0)], "me")) <= 1


def test_a_request_to_a_second_person_is_one_or_none() -> None:
    chance, whole = random.Random(1), 0
    for _ in range(ROUNDS):
        body = _changed(proposal().told, chance)
        try:
            Proposal.read(json.loads(json.dumps(body)))
        except Unfit:
            continue
        whole += 1
    assert 0 < whole < ROUNDS
