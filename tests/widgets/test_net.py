"""The panel of endpoints on given facts: every width, nothing at all, huge numbers, wide characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from probes.base import Cause, SafeText, Severity, Snapshot
from probes.base.x509 import Certificate
from probes.net.facts import Attempt, NetFacts, Reached
from probes.net.gauges import measured
from widgets.lines import Line, width_of
from widgets.net import NetPanel
from widgets.panel import View, Worry

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WELL = Reached(
    "db.internal:5432", "db.internal", 5432, ok=True, resolve=0.002, slow=0.5,
    attempts=(Attempt("10.0.0.5", True, words=SafeText("connected"), connect=0.001, source="10.0.0.9"),),
)  # fmt: skip
DOWN = Reached(
    "redis.internal:6379", "redis.internal", 6379, cause=Cause.REFUSED, words=SafeText("refused: nobody listens"),
    attempts=(Attempt("10.0.0.6", False, Cause.REFUSED, SafeText("refused")),), down_for=41.0, down_since=NOON,
)  # fmt: skip
HALF = replace(WELL, key="api:443", tls=True, attempts=(*WELL.attempts, *DOWN.attempts), more=3, before=("1.2.3.4",),
               changed=NOON, certificate=Certificate(SafeText("shop"), SafeText("Us"), (), NOON, NOON),
               certificate_left=-5.0)  # fmt: skip
ODD = {
    "nothing": NetFacts(),
    "well": NetFacts((WELL,)),
    "mixed": NetFacts((WELL, DOWN, HALF)),
    "many": NetFacts(tuple(replace(WELL, key=f"host{number}:1") for number in range(60))),
    "huge": NetFacts((replace(DOWN, down_for=1e12, words=SafeText("x" * 300), key="h" * 300),)),
    "wide": NetFacts((replace(DOWN, words=SafeText("停止" * 90), key="サーバー" * 30 + ":1"),)),
}


def view(facts: NetFacts, *worries: Worry) -> View[NetFacts]:
    def recent(name: str, **labels: str) -> Sequence[float | None]:
        return (0.1, None, 0.3)

    return View("outside", Snapshot("outside", NOON, 0.01, facts, measured(facts).values), recent, worries)


def text(drawn: Line) -> str:
    return "".join(span.text for span in drawn.spans)


@pytest.mark.parametrize("width", [40, 58, 78, 118, 200])
@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_line_fits_its_room(facts: NetFacts, width: int) -> None:
    for one in [*NetPanel().brief(view(facts), width), *NetPanel().head(view(facts), width)]:
        assert width_of(one.spans) <= width, text(one)


def test_what_is_reached_and_yet_worth_attention_says_why() -> None:
    made = NOON - timedelta(days=80)
    shown = Certificate(SafeText("shop"), SafeText("Us"), (), made, NOON + timedelta(days=10))
    ending = replace(WELL, certificate=shown, certificate_left=10 * 86400.0)
    slow = replace(WELL, key="far:443", slow=0.0005)
    lines = [text(one) for one in NetPanel().brief(view(NetFacts((ending, slow))), 118)]
    assert "reached; its certificate ends in 10d" in lines[0]
    assert "reached slowly" in lines[1]


def test_an_endpoint_that_fails_for_its_ended_certificate_is_one_alert_and_not_two() -> None:
    shown = Certificate(SafeText("shop"), SafeText("Us"), (), NOON - timedelta(days=90), NOON - timedelta(days=1))
    ended = replace(DOWN, cause=Cause.TLS_EXPIRED, certificate=shown, certificate_left=-86400.0)
    beside = replace(ended, key="other:443", cause=Cause.REFUSED)
    told = {dict(key.labels)["endpoint"] for key in measured(NetFacts((ended, beside))).values
            if key.name == "certificate_expired_seconds"}  # fmt: skip
    assert told == {"other:443"}


def test_what_can_not_be_reached_comes_first_with_its_reason() -> None:
    worry = Worry(Severity.CRITICAL, "down_seconds", (("endpoint", DOWN.key), ("reason", str(DOWN.words))), "w")
    lines = NetPanel().brief(view(ODD["mixed"], worry), 118)
    assert "redis.internal:6379" in text(lines[0])
    assert "refused: nobody listens, for 41 s" in text(lines[0])
    assert lines[0].severity is Severity.CRITICAL
    assert lines[0].key == DOWN.key
    assert "but 10.0.0.6 fails: refused" in text(lines[1])


def test_what_is_not_reached_is_never_drawn_as_well() -> None:
    assert NetPanel().brief(view(NetFacts((DOWN,))), 78)[0].severity is Severity.NOTICE


def test_the_headline_counts() -> None:
    assert "".join(str(part.text) for part in NetPanel().headline(view(ODD["mixed"])) if not isinstance(part, str)) == (  # type: ignore[union-attr]
        "2 of 3 endpoints reached"
    )


def test_the_rest_is_counted() -> None:
    assert "and 54 more endpoints" in text(NetPanel().brief(view(ODD["many"]), 78)[-1])


@pytest.mark.parametrize("facts", ODD.values(), ids=ODD)
def test_every_cell_and_detail_can_be_drawn(facts: NetFacts) -> None:
    (table,) = NetPanel.tables
    rows = table.rows(facts)
    assert len({table.key(row) for row in rows}) == len(rows)
    for row in rows:
        assert all(column.cell(row) is not None for column in table.columns)
        assert table.detail is not None
        words = "\n".join(map(text, table.detail(row)))
        if row is HALF:
            assert "1.2.3.4, until 12:00:00 UTC" in words
            assert "3 more are not tried" in words
