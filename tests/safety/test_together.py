"""The check of the shared store, in short: twenty seconds of kills and cut connections."""

from __future__ import annotations

import pytest

from tests.conftest import obtain
from tests.safety.together import together
from tests.stack import postgres


@pytest.mark.engine
@pytest.mark.timeout(600)
def test_eight_writers_lose_and_double_nothing_while_they_are_killed_and_cut_off() -> None:
    whole = together(20.0, seed=7, server=obtain("postgres", lambda: postgres.start(options=["max_connections=200"])))
    assert whole.wrong == []
    assert whole.kept > 0
    assert whole.kills > 0
    assert whole.cuts > 0
