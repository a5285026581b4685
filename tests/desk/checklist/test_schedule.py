"""When a checklist is due: on every day that is meant exactly once, however the clocks are turned."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from desk.checklist.schedule import DAYS, ScheduleError, moment_of, parse, zone_of

ZONES: Final = (
    "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
    "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo", "Asia/Beirut", "America/Havana", "Pacific/Apia",
    "Pacific/Chatham", "Africa/Casablanca", "America/Asuncion", "Antarctica/Troll", "America/Scoresbysund",
)  # fmt: skip
"""Half hours, clocks turned at midnight, by half an hour, by two hours, a day that was left out."""

zones = st.sampled_from(ZONES)
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
moments = st.datetimes(datetime(1995, 1, 1), datetime(2037, 12, 1)).map(lambda one: one.replace(tzinfo=UTC))
days = st.one_of(
    st.sampled_from(("daily", "weekdays", "weekends", "quarterly", "monthly last")),
    st.sampled_from(DAYS),
    st.tuples(st.sampled_from(("first", "second", "third", "fourth", "last")), st.sampled_from(DAYS)).map(" ".join),
    st.integers(1, 31).map(lambda day: f"monthly {day}"),
)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(UTC)


@given(days, times, zones, moments)
@settings(max_examples=150, deadline=None)
def test_the_next_and_the_previous_moment_enclose_every_moment(form: str, at: time, zone: str, now: datetime) -> None:
    schedule = parse(f"{form} {at:%H:%M}", zone)
    following, before = schedule.next(now), schedule.previous(now)
    assert before <= now < following
    assert schedule.next(before) == following, "nothing lies between them"
    assert schedule.previous(following) == following
    assert schedule.previous(following - timedelta(microseconds=1)) == before


@given(times, zones, st.dates(date(1995, 1, 1), date(2037, 1, 1)))
@example(time(2, 30), "Europe/Berlin", date(2026, 3, 29))
@example(time(0, 0), "America/Sao_Paulo", date(2018, 11, 4))
@example(time(9, 0), "Pacific/Apia", date(2011, 12, 30))
@settings(max_examples=150, deadline=None)
def test_every_day_has_its_moment_once_and_in_order(at: time, zone: str, day: date) -> None:
    found = [moment_of(day + timedelta(days=number), at, ZoneInfo(zone)) for number in range(-1, 3)]
    if zone != "Pacific/Apia":  # it left a whole day out: that day's moment is the first of the next
        assert found == sorted(set(found))
    told = found[1].astimezone(ZoneInfo(zone))
    assert told.replace(tzinfo=None) >= datetime.combine(day, at), "never early by the clock on the wall"
    if told.replace(tzinfo=None) != datetime.combine(day, at):
        earlier = (found[1] - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
        assert earlier.replace(tzinfo=None) < datetime.combine(day, at), "the first moment after the gap"
    else:
        assert told.fold == 0, "of a time that comes twice the first"


def test_a_time_that_does_not_exist_is_the_next_that_does() -> None:
    assert parse("daily 02:30", "Europe/Berlin").next(berlin("2026-03-28 12:00")) == berlin("2026-03-29 03:00")


def test_a_time_that_exists_twice_happens_once() -> None:
    schedule = parse("daily 02:30", "Europe/Berlin")
    first = schedule.next(berlin("2026-10-24 12:00"))
    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert schedule.next(first) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_nine_in_the_morning_stays_nine_in_the_morning() -> None:
    schedule = parse("daily 09:00", "Europe/Berlin")
    found = [schedule.next(berlin(f"2026-03-{day} 12:00")) for day in (27, 28, 29)]
    assert [one.hour for one in found] == [8, 7, 7]


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("weekdays 18:00", "2026-03-06 19:00", "2026-03-09 18:00"),
        ("weekends 10:00", "2026-03-06 19:00", "2026-03-07 10:00"),
        ("sunday 02:00", "2026-03-01 02:00", "2026-03-08 02:00"),
        ("first sunday 03:00", "2026-03-01 03:00", "2026-04-05 03:00"),
        ("last friday 17:00", "2026-03-01 00:00", "2026-03-27 17:00"),
        ("monthly 1 08:00", "2026-03-01 08:00", "2026-04-01 08:00"),
        ("monthly 31 08:00", "2026-02-01 08:00", "2026-02-28 08:00"),
        ("monthly last 08:00", "2028-02-01 08:00", "2028-02-29 08:00"),
        ("quarterly 08:00", "2026-01-01 08:00", "2026-04-01 08:00"),
    ],
)
def test_each_form_names_its_days(text: str, after: str, due: str) -> None:
    schedule = parse(text)
    assert schedule.next(datetime.fromisoformat(after).replace(tzinfo=UTC)) == datetime.fromisoformat(due).replace(
        tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at nine", "must be one of"),
        ("daily", "must be one of"),
        ("daily 24:00", "no day has"),
        ("daily 09:60", "no day has"),
        ("monthly 32 08:00", "no month has"),
        ("monthly 0 08:00", "no month has"),
        ("fifth sunday 08:00", "must be one of"),
    ],
)
def test_what_is_no_schedule_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        parse(text)


@pytest.mark.parametrize("name", ["", "Europe/Nowhere", "../etc/passwd", "/etc/localtime", "Europe", "x\x00y"])
def test_what_is_no_zone_is_refused_in_words(name: str) -> None:
    with pytest.raises(ScheduleError, match="not a known zone"):
        zone_of(name)


def test_the_calendar_ends_in_words() -> None:
    with pytest.raises(ScheduleError, match="no such day"):
        parse("daily 09:00", "UTC").next(datetime.max.replace(tzinfo=UTC))
