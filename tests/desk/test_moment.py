"""Moments as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from desk.moment import moment

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", NOW),
        ("03:12", datetime(2026, 11, 21, 3, 12, tzinfo=UTC)),
        ("3:12:41", datetime(2026, 11, 21, 3, 12, 41, tzinfo=UTC)),
        ("14:01", datetime(2026, 11, 20, 14, 1, tzinfo=UTC)),
        ("today 23:00", datetime(2026, 11, 21, 23, tzinfo=UTC)),
        (" Yesterday   03:12 UTC", datetime(2026, 11, 20, 3, 12, tzinfo=UTC)),
        ("-90m", datetime(2026, 11, 21, 12, 30, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T03:12:00Z", datetime(2026, 11, 1, 3, 12, tzinfo=UTC)),
        ("2026-11-01 03:12+02:00", datetime(2026, 11, 1, 1, 12, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_as_people_mean_it(text: str, meant: datetime) -> None:
    assert moment(text, NOW) == meant


@pytest.mark.parametrize("text", ["", "soon", "25:00", "yesterday", "tomorrow 03:12", "2026-02-30", "-2", "-999999d"])
def test_what_is_no_moment_is_refused_with_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match="write 03:12"):
        moment(text, NOW)
