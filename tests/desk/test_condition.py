"""What a rule's `when` may say, and what is said of one that can't be read."""

from __future__ import annotations

import contextlib
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.condition import (
    Across,
    Condition,
    ConditionError,
    Gauge,
    Limit,
    Number,
    Over,
    Statistic,
    Sum,
    Total,
    Where,
    gauges,
    parse,
    parse_duration,
    parse_expression,
    parse_limit,
)

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
sources = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,5}(-[a-z0-9]{1,4})?", fullmatch=True)
wheres = st.builds(Where, names, st.sampled_from(("=", "!=")), st.text(max_size=8)) | st.builds(
    Where, names, st.sampled_from(("=~", "!~")), st.sampled_from((".*", "a|b", r"\d+", '"'))
)
single = st.builds(Gauge, sources, names, st.lists(wheres, max_size=3).map(tuple))
lengths = st.sampled_from((0.5, 1.0, 30.0, 90.0, 300.0, 1500.0, 1790.0))
overs = st.builds(Over, st.sampled_from(get_args(Statistic)), single, lengths, st.just(0.0) | lengths)
figures = st.floats(0, 1e12, allow_nan=False).map(lambda value: abs(value))
leaves = single | overs | st.builds(Number, figures)
expressions = st.recursive(
    leaves,
    lambda inner: (
        st.builds(Sum, st.sampled_from(("+", "-", "*", "/")), inner, inner)
        | st.builds(Across, st.sampled_from(get_args(Total)), inner)
    ),
    max_leaves=8,
)
limits = st.builds(Limit, st.sampled_from((">", ">=", "<", "<=", "==", "!=")), figures, st.just(0.0) | lengths)


@given(expressions.filter(lambda of: any(gauges(of))), limits)
def test_what_is_written_out_is_read_back_as_it_was(of: Any, limit: Limit) -> None:
    condition = Condition(of, limit)
    assert parse(str(condition)) == condition


@given(st.text(max_size=60) | st.text('abc.12 {}()=>"-/+*,%ms', max_size=60))
def test_no_text_can_break_the_reader(text: str) -> None:
    found = None
    with contextlib.suppress(ConditionError):
        found = parse(text)
    assert found is None or parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "value", "hold"),
    [
        ("> 85% for 15 minutes", 0.85, 900),
        (">= 2GiB", 2 * 2**30, 0),
        ("< 1.5s for 1h30m", 1.5, 5400),
        ("== -1", -1, 0),
        ("> 10_000 for 2 min", 10000, 120),
        ("> 500 ms", 0.5, 0),
        ("> 2e3 for 1d", 2000, 86400),
    ],
)
def test_a_limit_may_be_written_as_people_do(text: str, value: float, hold: float) -> None:
    found = parse_limit(text)
    assert found.value == pytest.approx(value)
    assert found.hold == hold


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jobs.depth", "has no limit: write for example > 1000"),
        ("jobs.depth >", "after the comparison a number should come, found the end"),
        ("jobs > 3", "after jobs a dot and a gauge should come, found >"),
        ("3 > 2", "names no gauge"),
        ("median(jobs.depth, 5m) > 3", "median is no statistic; known are avg, min, max"),
        ("rate(jobs.done_total) > 3", "rate needs a length of time: rate(target.gauge, 5m)"),
        ("sum(jobs.depth, 5m) > 3", "sum has no length of time"),
        ("avg(jobs.depth + 1, 5m) > 3", "avg over time takes one gauge"),
        ("avg(jobs.depth, 5) > 3", "a length of time needs s, m, h or d: 5m"),
        ("avg(jobs.depth, 30m ago 45m) > 3", "reaches back further than 1h"),
        ("avg(jobs.depth, 0s) > 3", "reaches back further than 1h"),
        ("jobs.depth{queue=mail} > 3", "stands in quotes"),
        ('jobs.depth{queue=~"("} > 3', "( is no pattern"),
        ("jobs.depth > 3 parsecs", "parsecs is no unit"),
        ("jobs.depth > 3 for 5", "a length of time needs s, m, h or d: 5m"),
        ("jobs.depth > 3 or jobs.depth < 1", "should end here, found or"),
        ("jobs.depth-jobs.done > 3", "put spaces around a minus"),
        ("(jobs.depth > 3", "a parenthesis is not closed"),
        ("jobs.depth ? 3", "can't be read from ? 3 on"),
        ("(" * 30 + "a.b" + ")" * 30 + " > 1", "has more than 20 parentheses within each other"),
        ("sum(" * 30 + "a.b" + ")" * 30 + " > 1", "has more than 20 parentheses within each other"),
    ],
)
def test_what_can_not_be_read_is_said_in_words(text: str, said: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    assert said in str(caught.value)


def test_a_condition_is_whole_and_so_is_each_of_its_parts() -> None:
    assert parse_duration("1h 30m") == 5400
    for read, text in ((parse_duration, "5m x"), (parse_limit, "> 3 ("), (parse_expression, "a.b > 3")):
        with pytest.raises(ConditionError, match="should end here"):
            read(text)


def test_products_bind_before_sums_and_from_the_left() -> None:
    assert str(parse_expression("a.x - b.x - c.x * 2 / d.x")) == "a.x - b.x - c.x * 2 / d.x"
    assert parse_expression("a.x - b.x - c.x") == parse_expression("(a.x - b.x) - c.x")
    assert parse_expression("a.x - (b.x - c.x)") != parse_expression("a.x - b.x - c.x")
    assert str(parse_expression("a.x / (b.x + c.x)")) == "a.x / (b.x + c.x)"


def test_labels_narrow_a_gauge() -> None:
    where = parse('jobs.depth{queue!="mail",state=~"wait|active"} > 1').of
    assert isinstance(where, Gauge)
    mail, state = where.where
    assert (mail.suits("mail"), mail.suits("ai"), state.suits("wait"), state.suits("waiting")) == (
        False, True, True, False,
    )  # fmt: skip
