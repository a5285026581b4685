"""The black box under a short day and a few deaths; `make safety` makes it a whole day and five hundred."""

from __future__ import annotations

from pathlib import Path

from tests.safety import recording


def test_an_hour_of_many_targets_stays_within_its_size_and_is_read_back(tmp_path: Path) -> None:
    found = recording.soak(tmp_path, hours=1, targets=10, limit=1 << 20)
    assert found.wrong == []
    assert found.readings > 2700
    assert found.compared == 10
    assert 0.5e6 < found.largest <= recording.stated(1 << 20)


def test_a_recording_session_that_is_killed_loses_no_file_and_what_it_wrote(tmp_path: Path) -> None:
    found = recording.kill(tmp_path, 3, slack=4.0)
    assert found.wrong == []
    assert found.times == 3
    assert found.taken > 10
