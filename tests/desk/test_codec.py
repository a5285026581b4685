"""Readings as JSON and back: nothing is lost, nothing is made up, and another version's are read or refused."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk import codec
from probes.base import Cause, Failure, Gap, GaugeKey, SafeText, Severity, Snapshot
from tui.kinds import Kinds

NOW = datetime(2026, 3, 1, 3, 12, 41, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Leaf:
    name: SafeText
    size: int = 0
    share: float | None = None
    children: tuple[Leaf, ...] = ()


@dataclass(frozen=True, slots=True)
class Everything:
    leaf: Leaf
    leaves: tuple[Leaf, ...] = ()
    pair: tuple[str, int] = ("a", 1)
    by_level: Mapping[Severity, int] = field(default_factory=dict)
    covers: frozenset[str] = frozenset()
    state: Literal["on", "off"] = "off"
    day: date | None = None
    at: datetime = NOW
    sure: bool = False


def through(found: Snapshot[Any] | Failure, facts_type: Any = Everything) -> Snapshot[Any] | Failure:
    return codec.read("shelf", facts_type, json.loads(json.dumps(codec.reading(found), allow_nan=False)))


moments = st.datetimes(timezones=st.sampled_from((UTC, timezone(timedelta(hours=5, minutes=30)))))
texts = st.text(max_size=30).map(SafeText)
leaves = st.recursive(
    st.builds(Leaf, texts, st.integers(), st.none() | st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.builds(Leaf, texts, children=st.lists(inner, max_size=3).map(tuple)),
    max_leaves=6,
)
facts = st.builds(
    Everything,
    leaves,
    st.lists(leaves, max_size=3).map(tuple),
    st.tuples(st.text(max_size=5), st.integers()),
    st.dictionaries(st.sampled_from(Severity), st.integers(), max_size=3),
    st.frozensets(st.text(max_size=5), max_size=3),
    st.sampled_from(("on", "off")),
    st.none() | st.dates(),
    moments,
    st.booleans(),
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
keys = st.builds(
    GaugeKey,
    st.sampled_from(("x", "y")),
    st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=2).map(tuple),
)
gaps = st.lists(st.builds(Gap, st.text(max_size=9), st.sampled_from(Cause), texts), max_size=2).map(tuple)


@given(st.builds(Snapshot, st.just("shelf"), moments, st.floats(0, 9), facts, st.dictionaries(keys, numbers), gaps))
def test_a_snapshot_comes_back_as_it_was(found: Snapshot[Any]) -> None:
    assert through(found) == found


@given(st.builds(Failure, st.just("shelf"), moments, st.sampled_from(Cause), texts, texts))
def test_a_failure_comes_back_as_it_was(found: Failure) -> None:
    assert through(found) == found


@given(st.text() | st.binary())
def test_text_that_was_made_safe_once_stays_as_it_is(raw: str | bytes) -> None:
    made = SafeText(raw)
    assert through(Snapshot("shelf", NOW, 0.0, Everything(Leaf(made)))) == Snapshot(
        "shelf", NOW, 0.0, Everything(Leaf(made))
    )


def test_what_equals_its_default_takes_no_room() -> None:
    made = codec.reading(Snapshot("shelf", NOW, 0.0, Everything(Leaf(SafeText("a")))))
    assert made["facts"] == {"leaf": {"name": "a"}}


def test_gauges_are_grouped_by_name() -> None:
    gauges = {GaugeKey("x", (("queue", "mail"),)): 1.0, GaugeKey("x", (("queue", "ai"),)): 2.0, GaugeKey("y"): 3.0}
    made = codec.reading(Snapshot("shelf", NOW, 0.0, Everything(Leaf(SafeText("a"))), gauges))
    assert made["gauges"] == {"x": [["queue", "mail", 1.0], ["queue", "ai", 2.0]], "y": [3.0]}


def test_a_field_that_is_not_known_is_ignored_and_an_absent_one_is_its_default() -> None:
    made = codec.reading(Snapshot("shelf", NOW, 0.0, Everything(Leaf(SafeText("a"), 3))))
    made["facts"]["leaf"]["colour"] = "blue"
    del made["facts"]["leaf"]["size"]
    found = codec.read("shelf", Everything, made)
    assert isinstance(found, Snapshot)
    assert found.facts == Everything(Leaf(SafeText("a")))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("leaf", None), ("leaf", {}), ("leaf", {"name": 3}), ("leaf", {"name": "a", "size": "3"}), ("sure", 1),
        ("leaf", {"name": "a", "share": True}), ("state", "maybe"), ("pair", ["a"]), ("by_level", [["LOUD", 1]]),
        ("day", "tomorrow"), ("covers", 3),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_never_guessed(key: str, value: Any) -> None:
    made = codec.reading(Snapshot("shelf", NOW, 0.0, Everything(Leaf(SafeText("a")))))
    made["facts"][key] = value
    with pytest.raises(codec.CodecError):
        codec.read("shelf", Everything, made)


def test_another_form_is_refused() -> None:
    made = codec.reading(Snapshot("shelf", NOW, 0.0, Everything(Leaf(SafeText("a")))))
    for form in (0, 2, None, "1"):
        with pytest.raises(codec.CodecError, match="recorded in form"):
            codec.read("shelf", Everything, made | {"v": form})


@pytest.mark.parametrize("kind", list(Kinds().names()))
def test_the_facts_of_every_kind_have_a_form(kind: str) -> None:
    left: list[Any] = [one for base in Kinds().facts(kind).__orig_bases__ for one in typing.get_args(base)]  # type: ignore[attr-defined]
    seen = list[Any]()
    while left:
        hint = left.pop()
        if hint in seen or hint in (Ellipsis, type(None)):
            continue
        seen.append(hint)
        if typing.get_origin(hint) is not Literal:
            left += typing.get_args(hint)
            left += typing.get_type_hints(hint).values() if is_dataclass(hint) else ()
            codec._pair(hint)
    assert any(map(is_dataclass, seen))


def test_a_type_without_a_form_is_a_mistake_of_ours_and_not_of_the_recording() -> None:
    with pytest.raises(NotImplementedError, match="no form in JSON"):
        codec._pair(complex)
