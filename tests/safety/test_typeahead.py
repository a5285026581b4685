"""A short run of the trials of type-ahead; the whole one is `python -m tests.safety.typeahead`."""

from __future__ import annotations

import pytest

from tests.safety.typeahead import TRIALS, aimed, trials

pytestmark = [pytest.mark.terminal, pytest.mark.alone, pytest.mark.timeout(240)]


def test_nothing_is_confirmed_unseen_however_the_keys_come_and_what_is_meant_is_done_exactly_once() -> None:
    tally = trials(36, seed=5)
    assert dict(+tally.unseen) == {}
    assert tally.failed == 0
    assert tally.deliberate == 5
    assert set(tally.tried) == {trial.__name__ for trial in TRIALS}
    assert tally.aimed >= 10


def test_the_trials_notice_a_picture_that_need_not_stand() -> None:
    tally = trials(7, seed=6, waits=0.01, kinds=(aimed,))
    assert sum(tally.unseen.values()) > 0
