"""The long proof about runbooks, in short: `python -m tests.safety.runbooks` runs it in full."""

from __future__ import annotations

import pytest

from tests.safety import runbooks
from tests.safety.runbooks import FAMILIES, Family


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_commands_are_understood_however_they_are_spelled(family: Family) -> None:
    assert runbooks.spelled(family, 60, seed=7) == []


def test_no_text_stops_the_reader() -> None:
    count, _, found = runbooks.fuzz(2.0, seed=7)
    assert found == []
    assert count > 0
