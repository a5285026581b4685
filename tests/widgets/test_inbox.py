"""The inbox as drawn: what stands in a line, what is said of it, and that it fits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.inbox.case import Case, Match
from desk.inbox.grouping import FOLD, Item, items, number, speaking
from probes.base import Handling
from tests.desk.inboxes import CRITICAL, START, WARNING, HandClock, Told, alert, responding, theirs
from widgets.draw.marks import plain
from widgets.inbox import Calm, Seen, about, calm, rows, silences, title
from widgets.lines import Line, Tone, width_of
from widgets.overview import attention


def text(lines: list[Line]) -> str:
    return "\n".join(one.text.rstrip() for one in lines)


def one_line(told: Told, width: int = 120, **more: Any) -> Line:
    seen = [Seen(item, **more) for item in items(told.inbox.cases())]
    return rows(seen, told.clock.monotonic(), told.clock.now(), width)[0]


def detail(told: Told, item: Item | None = None, **more: Any) -> str:
    item = item or items(told.inbox.cases())[0]
    more.setdefault("life", told.inbox.life(item.face.id))
    return text(about(Seen(item, **more), told.clock.monotonic(), told.clock.now(), 90))


def test_a_line_says_what_where_since_when_how_much_and_who() -> None:
    told = Told()
    told.look(alert(told.clock))
    told.after(64)
    said = one_line(told, course=[1.0, 2, 3, 4, 5, 6, 7, 8, 9]).text
    for part in ("▲", "backlog campaign", "mail", "1m04s", "1,204 / 1,000", "↑", "ours", "nobody"):
        assert part in said


def test_a_line_says_who_has_it_and_until_when_it_is_silent() -> None:
    told = Told()
    told.look(alert(told.clock))
    told.inbox.acknowledge(told.inbox.cases()[0], "ann", "looking")
    assert "ann has it" in one_line(told).text
    assert "in hand   ann since 03:12:41 UTC: looking" in detail(told)
    told.inbox.silence((), told.clock.now() + timedelta(hours=1), "bob", "ticket 12")
    assert "silent 04:12" in one_line(told).text
    assert "silenced until 04:12 UTC: ticket 12 (bob)" in detail(told)
    assert any(span.tone is Tone.DIM for span in one_line(told).spans if "backlog" in span.text)


def test_who_has_it_is_told_whole_where_names_can_do_without_the_room() -> None:
    told = Told()
    told.look(alert(told.clock))
    told.inbox.acknowledge(told.inbox.cases()[0], "annabelle-of-the-mail", "looking")
    for width in (110, 120):
        line = one_line(told, width)
        assert line.text.rstrip().endswith("annabelle-of-the-mail has it")
        assert "backlog campaign" in line.text
        assert width_of(line.spans) <= width
    assert "backlog campaign" in one_line(told, 80).text, "a name gives nothing away that it needs"


def test_a_name_has_all_the_room_that_short_targets_and_values_leave() -> None:
    told = Told()
    words, rule = "campaign-emails: 2,008 waiting and growing", "a-rule-with-a-name-for-which-there-is-no-room"
    told.look(alert(told.clock, rule=rule, words=words))
    assert "campaign-emails: 2,008 waiting" in one_line(told, 80).text


def test_the_time_to_respond_counts_down_and_then_says_late() -> None:
    told = Told()
    told.look(responding(told.clock, 300))
    told.after(60)
    assert "4m00s to go" in one_line(told).text
    assert "somebody should within 4m00s" in detail(told)
    told.after(300)
    assert "LATE" in one_line(told).text
    assert "NOBODY, LATE by 1m00s" in detail(told)
    assert "LATE" in attention(told.inbox.cases(), told.clock.monotonic(), 80, 1)[0].text


def test_the_detail_says_what_a_person_needs_at_night() -> None:
    told = Told()
    handling = Handling(
        procedure="Queue backlog", suggest="start more workers", see="app", search="ERROR", aliases=("Queue depth",)
    )
    told.look(alert(told.clock, handling=handling))
    said = detail(told, times=5)
    for part in ("Queue backlog", "start more workers", "app for “ERROR”", "Queue depth", "queue=campaign", "5 times"):
        assert part in said
    assert "03:12:41 raised" in said
    assert "our rule backlog (Opsroom's default)" in said


def test_flapping_muted_and_worse_are_said() -> None:
    told = Told()
    for _ in range(4):
        told.look(alert(told.clock))
        told.after(10)
        told.look()
        told.after(10)
    assert "flaps, away" in one_line(told).text
    assert "came 4 times within half an hour, not there now" in detail(told)
    muted = Told()
    muted.look(alert(muted.clock, handling=Handling(muted=True)))
    assert "muted" in one_line(muted).text
    assert "muted: nobody is told" in detail(muted)


def test_what_two_systems_tell_is_one_line_with_both_named() -> None:
    told = Told()
    told.look(theirs(told.clock, "prom", "f"), target="prom")
    told.look(theirs(told.clock, "am", "f"), target="am")
    (item,) = items(told.inbox.cases())
    assert (item.alerts, item.sources) == (1, "alertmanager, prometheus")
    assert number(told.inbox.cases()) == 1
    assert "am (alertmanager), prom (prometheus)" in detail(told)
    assert "alertmanager" in one_line(told, 160).text


def test_many_of_one_rule_are_one_line_that_opens() -> None:
    told = Told()
    told.look(*(alert(told.clock, labels=(("queue", f"q{n}"),)) for n in range(FOLD + 2)))
    (item,) = items(told.inbox.cases())
    assert item.alerts == FOLD + 2
    assert f"{FOLD + 2} × backlog" in one_line(told).text
    assert "q0, q1, q2" in detail(told)
    assert len(items(told.inbox.cases(), {item.key})) == FOLD + 2
    assert f"and {FOLD + 1} more of backlog" in attention(told.inbox.cases(), told.clock.monotonic(), 120, 3)[0].text


def test_in_hand_of_many_means_all_of_them() -> None:
    told = Told()
    told.look(*(alert(told.clock, labels=(("queue", f"q{n}"),)) for n in range(FOLD)))
    told.inbox.acknowledge(told.inbox.cases()[0], "ann")
    assert all(not item.handed or not item.folded for item in items(told.inbox.cases()))


def test_the_attention_line_leaves_out_what_is_silenced_and_says_how_many() -> None:
    told = Told()
    told.look(alert(told.clock), alert(told.clock, CRITICAL, labels=(("queue", "b"),), words="b waits"))
    told.inbox.silence((Match("label", "campaign", "queue"),), told.clock.now() + timedelta(hours=1), "ann", "x")
    (only,) = attention(told.inbox.cases(), told.clock.monotonic(), 80, 3)
    assert "b waits" in only.text
    assert "1 silenced" in only.text
    told.inbox.silence((), told.clock.now() + timedelta(hours=1), "ann", "x")
    (none,) = attention(told.inbox.cases(), told.clock.monotonic(), 80, 3)
    assert "2 alerts silenced, nothing else needs attention" in none.text
    assert "●" not in none.text, "what is silenced is not fine"
    assert speaking(told.inbox.cases()) == ([], 2)


def test_the_attention_line_is_dimmer_when_somebody_has_it() -> None:
    told = Told()
    told.look(alert(told.clock))
    told.inbox.acknowledge(told.inbox.cases()[0], "ann")
    (only,) = attention(told.inbox.cases(), told.clock.monotonic(), 80, 1)
    assert "ann has it" in only.text
    assert next(span for span in only.spans if "waiting" in span.text).tone is Tone.DIM


def test_the_title_counts_each_sort() -> None:
    told = Told()
    told.look(*(alert(told.clock, labels=(("queue", f"q{n}"),)) for n in range(3)))
    told.inbox.acknowledge(told.inbox.cases()[0], "ann")
    said = title(told.inbox.cases(), True, "mail", 100).text
    for part in ("2 waiting", "1 in hand", "ended in the last day", "filter “mail”"):
        assert part in said


def test_nothing_wrong_is_said_with_what_was_last() -> None:
    told = Told()
    told.look(alert(told.clock))
    told.after(120)
    told.look()
    told.after(7200)
    (case,) = told.inbox.history(START, told.clock.now())
    said = text(calm(Calm(case, 1, 12, 0), told.clock.now(), 80))
    for part in (
        "nothing is wrong: 12 targets read",
        "ended 2h00m ago and had lasted 2m00s",
        "campaign: 1,204 waiting",
    ):
        assert part in said


def test_nothing_is_called_well_while_targets_are_unread() -> None:
    said = text(calm(Calm(None, 0, 12, 2, []), START, 80))
    assert "2 of 12 targets not read now" in said
    assert "nothing is wrong" not in said


def test_what_an_earlier_session_left_open_is_said() -> None:
    told = Told()
    told.look(alert(told.clock))
    said = text(calm(Calm(None, 0, 1, 0, told.inbox.cases()), START, 80))
    assert "open when the last session ended, not seen again yet: mail" in said


def test_silences_are_listed_with_what_they_hold_back() -> None:
    told = Told()
    told.inbox.open_window("move", told.clock.now() + timedelta(hours=2), "ann", "new rack")
    told.inbox.silence((Match("target", "db"),), told.clock.now() + timedelta(hours=1), "bob", "known", upto=WARNING)
    said = text(silences([(one, 3) for one in told.inbox.silences()], told.clock.now(), 100))
    assert said.index("silence of target db, up to warning") < said.index("maintenance “move” of everything")
    assert "until 05:12 UTC, 2h00m left" in said
    assert "ann: new rack; holds 3 alerts back" in said
    assert "nothing is silenced" in text(silences([], START, 80))


@pytest.mark.parametrize("width", [60, 70, 80, 96, 104, 132, 160, 200])
def test_every_line_is_exactly_as_wide_as_the_list(width: int) -> None:
    told = Told()
    told.look(
        alert(told.clock),
        alert(told.clock, labels=(("queue", "日本語" * 20),), rule="very-" * 20, value=None),
        responding(told.clock, 300, CRITICAL),
        *(alert(told.clock, labels=(("queue", f"q{n}"),), rule="many") for n in range(FOLD)),
    )
    for one in rows([Seen(item, [1.0, None, 3.0] * 9) for item in items(told.inbox.cases())], 1000.0, START, width):
        assert width_of(one.spans) <= width
        assert plain(one.text).isascii()


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9), st.booleans()), max_size=30))
def test_grouping_loses_no_case_and_shows_none_twice(wanted: list[tuple[str, int, bool]]) -> None:
    clock = HandClock()
    told = Told(clock)
    ours = {(rule, n) for rule, n, foreign in wanted if not foreign}
    told.look(*(alert(clock, rule=rule, key=f"{rule}{n}", labels=(("queue", str(n)),)) for rule, n in ours))
    for target in ("am", "prom"):
        foreign = {(rule, n) for rule, n, foreign in wanted if foreign}
        told.look(
            *(
                alert(
                    clock,
                    target=target,
                    rule=rule,
                    key=f"{rule} {n}",
                    theirs=theirs(clock, target, f"{rule}{n}").theirs,
                )
                for rule, n in foreign
            ),
            target=target,
        )
    cases: list[Case] = told.inbox.cases()
    found = items(cases)
    assert sorted(id(case) for item in found for case in item.cases) == sorted(map(id, cases))
    assert sum(item.alerts for item in found) == number(cases) == len(set(wanted))
    assert len({item.key for item in found}) == len(found)


def test_an_alert_that_no_label_tells_apart_says_its_sentence() -> None:
    told = Told()
    told.look(replace(alert(told.clock), labels=(), words="mail: 1,204 waiting"))
    assert "backlog: mail: 1,204 waiting" in one_line(told, 130).text
    assert "mail: 1,204 waiting" in one_line(told, 80).text


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (80, "backlog campaign  "),
        (96, "backlog campaign: 1,204 waiting, nobody take…"),
        (160, "backlog campaign: 1,204 waiting, nobody takes them  "),
    ],
)
def test_a_line_says_its_sentence_where_there_is_room_for_it_beside_what_tells_it_apart(width: int, said: str) -> None:
    told = Told()
    told.look(replace(alert(told.clock), words="campaign: 1,204 waiting, nobody takes them"))
    line = one_line(told, width)
    assert said in line.text
    tones = [span.tone for span in line.spans if "campaign" in span.text or "waiting" in span.text]
    assert tones == [Tone.WARNING, Tone.PLAIN][: len(tones)]


def test_a_sentence_that_says_no_more_than_its_name_is_not_said_twice() -> None:
    told = Told()
    told.look(replace(alert(told.clock), words="campaign"))
    assert "backlog campaign  " in one_line(told, 160).text


def test_the_name_of_another_systems_rule_is_cut_where_it_is_longer_than_the_line() -> None:
    told = Told()
    raised = theirs(told.clock, "am", "k")
    assert raised.theirs is not None
    told.look(replace(raised, rule="r" * 90, theirs=replace(raised.theirs, labels=())), target="am")
    assert width_of(one_line(told, 80).spans) <= 80


def test_a_limit_of_nothing_at_all_is_not_shown() -> None:
    told = Told()
    told.look(replace(alert(told.clock), limit=0.0))
    assert "1,204 /" not in one_line(told).text
    assert "limit" not in detail(told)
