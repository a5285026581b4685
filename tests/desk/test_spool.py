"""The spool of notices: one row for a change and a channel, in order, and nothing told twice or forgotten."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from desk.inbox.case import Change, What
from desk.notices import spool as module
from desk.notices.channel import Channel
from desk.notices.file import SpoolError
from desk.notices.row import Due, State
from desk.notices.spool import KEPT, Spool
from desk.notices.wording import notice
from probes.base import Severity
from tests.desk.changing import AT, SHOP, alert, change, channel

NOW = AT.timestamp()


class Desk:
    """A spool with a clock that the test moves."""

    def __init__(self, path: Path, *channels: Channel) -> None:
        self.path = path
        self.channels = channels or (channel(),)
        self.now = NOW
        self.spool = Spool.open(path)
        self.spool.begin([one.name for one in self.channels], NOW)

    def again(self) -> None:
        """Another session."""
        self.spool.close()
        self.spool = Spool.open(self.path)

    def put(self, *changes: Change) -> int:
        pairs = [(one, notice(SHOP, one)) for one in changes]
        return self.spool.put(self.channels, pairs, SHOP.environment, self.now)

    def due(self, name: str = "hook") -> Due | None:
        return self.spool.due(name, self.now)

    def told(self, name: str = "hook") -> list[str]:
        """Everything that is due, told at once."""
        found: list[str] = []
        while (due := self.due(name)) is not None:
            found += due.changes
            self.spool.told(due, name, self.now)
        return found

    def failed(self, seconds: float = 10, *, alone: bool = False, doubt: bool = False) -> Due:
        due = self.due()
        assert due is not None
        self.spool.failed(due, "hook", self.now, self.now + seconds, "refused: no", doubt=doubt, alone=alone)
        return due

    def states(self) -> dict[str, str]:
        return {change.rpartition(":")[0]: state.value for (change, _), state in self.spool.states().items()}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "state" / "notices.db")
    yield made
    made.spool.close()


def of(desk: Desk, **settings: object) -> None:
    desk.channels = (channel(**settings),)  # type: ignore[arg-type]


def test_a_change_is_put_once_for_each_channel_however_often_it_is_taken(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "notices.db", channel("one"), channel("two"))
    assert desk.put(change()) == 2
    assert desk.put(change(), change()) == 0
    desk.again()
    assert desk.put(change()) == 0
    assert desk.told("one") == ["case-1:raised:0"]
    assert desk.put(change()) == 0
    assert desk.told("one") == []
    assert desk.told("two") == ["case-1:raised:0"]
    desk.spool.close()


def test_the_file_is_private_and_survives_a_power_cut(desk: Desk) -> None:
    assert oct(desk.path.stat().st_mode & 0o777) == "0o600"
    assert oct(desk.path.parent.stat().st_mode & 0o777) == "0o700"
    assert desk.spool._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert desk.spool._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_within_a_case_nothing_overtakes_what_was_put_before_it(desk: Desk) -> None:
    desk.put(change(), change(What.ACKNOWLEDGED, number=1), change(case="case-2", of=alert("web")))
    desk.failed(10, alone=True)
    assert desk.told() == ["case-2:raised:0"]
    desk.now += 11
    assert desk.told() == ["case-1:raised:0", "case-1:acknowledged:1"]


def test_a_channel_that_is_out_of_reach_rests_as_a_whole(desk: Desk) -> None:
    desk.put(change(), change(case="case-2", of=alert("web")))
    desk.failed(30)
    assert desk.due() is None
    way = desk.spool.way("hook", desk.now)
    assert (way.waiting, way.since, way.tries, way.until, way.words) == (2, NOW, 1, NOW + 30, "refused: no")
    desk.now += 31
    desk.failed(60)
    assert desk.spool.way("hook", desk.now).since == NOW
    desk.again()
    desk.now += 30
    assert desk.due() is None
    desk.now += 31
    assert len(desk.told()) == 2
    way = desk.spool.way("hook", desk.now)
    assert (way.waiting, way.since, way.tries, way.told) == (0, None, 0, desk.now)


def test_what_a_killed_session_was_sending_waits_again_under_the_same_id(desk: Desk) -> None:
    desk.put(change())
    first = desk.due()
    desk.again()
    assert desk.due() is None
    assert desk.spool.recover("other", desk.now) == 0
    assert desk.spool.recover("hook", desk.now) == 1
    again = desk.due()
    assert first is not None
    assert again is not None
    assert again.notice == first.notice
    assert again.notice.id == "case-1:raised:0:hook"


def test_the_same_notice_is_the_same_text_after_a_restart(desk: Desk) -> None:
    one = change(by="anna", note="on <it> & \u202e more")
    desk.put(one)
    due = desk.due()
    assert due is not None
    fresh = notice(SHOP, one)
    assert due.notice.as_dict() | {"id": ""} == fresh.as_dict() | {"id": ""}


def test_what_follows_up_is_told_only_where_the_beginning_was(desk: Desk) -> None:
    of(desk, severity="critical", changes=["raised", "worse", "better", "acknowledged", "cleared"])
    mild = alert(severity=Severity.WARNING)
    assert desk.put(change(of=mild), change(What.ACKNOWLEDGED, of=mild)) == 0
    assert desk.put(change(What.CLEARED, of=mild)) == 0
    assert desk.put(change(What.WORSE, "case-2")) == 1
    assert desk.put(change(What.BETTER, "case-2", 1, of=mild), change(What.CLEARED, "case-2", 2, of=mild)) == 2


def test_an_alert_that_comes_and_goes_is_told_once_in_its_pause(desk: Desk) -> None:
    seen = []
    for number in range(20):
        desk.put(change(case=f"case-{number}"))
        seen += desk.told()
        desk.now += 20
        desk.put(change(What.CLEARED, case=f"case-{number}"))
        seen += desk.told()
        desk.now += 20
    assert seen[:2] == ["case-0:raised:0", "case-0:cleared:0"]
    assert len(seen) <= 6
    assert {one.partition(":")[0] for one in seen if ":raised" in one} == {
        one.partition(":")[0] for one in seen if ":cleared" in one
    }


def test_what_is_still_so_after_the_pause_is_told_then(desk: Desk) -> None:
    desk.put(change())
    assert desk.told() == ["case-1:raised:0"]
    desk.now += 60
    desk.put(change(What.CLEARED))
    desk.put(change(case="case-2"))
    assert desk.told() == ["case-1:cleared:0"]
    assert desk.spool.way("hook", desk.now).waiting == 0
    desk.now += 239
    assert desk.told() == []
    desk.now += 2
    assert desk.told() == ["case-2:raised:0"]


def test_what_gets_worse_waits_for_no_pause_and_lets_go_what_waited(desk: Desk) -> None:
    mild = alert(severity=Severity.WARNING)
    desk.put(change(of=mild), change(What.CLEARED, of=mild))
    desk.told()
    desk.now += 10
    desk.put(change(case="case-2", of=mild))
    assert desk.told() == []
    desk.put(change(What.WORSE, case="case-2"))
    assert desk.told() == ["case-2:raised:0", "case-2:worse:0"]


def test_a_number_that_sways_around_its_second_limit_does_not_flood(desk: Desk) -> None:
    of(desk, changes=["raised", "worse", "better", "cleared"])
    desk.put(change())
    told = desk.told()
    for number in range(10):
        desk.put(change(What.BETTER, number=2 * number))
        told += desk.told()
        desk.now += 5
        desk.put(change(What.WORSE, number=2 * number + 1))
        told += desk.told()
        desk.now += 5
    assert told == ["case-1:raised:0", "case-1:better:0", "case-1:worse:1"]


def test_what_came_and_went_while_nobody_could_be_told_is_told_unless_the_profile_says_skip(desk: Desk) -> None:
    desk.put(change())
    desk.failed(10)
    desk.put(change(What.CLEARED))
    desk.now += 11
    assert desk.told() == ["case-1:raised:0", "case-1:cleared:0"]
    of(desk, passed="skip")
    desk.now += 1000
    desk.put(change(case="case-2"), change(case="case-3", of=alert("web")))
    desk.failed(10)
    desk.put(change(What.CLEARED, "case-2"))
    desk.put(change(What.CLEARED, "case-3", of=alert("web")))
    desk.now += 11
    assert desk.told() == []
    assert {one for case, one in desk.states().items() if not case.startswith("case-1")} == {"passed"}


def test_nothing_that_may_have_been_told_is_taken_back(desk: Desk) -> None:
    of(desk, passed="skip")
    desk.put(change())
    desk.failed(10, doubt=True)
    desk.put(change(What.CLEARED))
    desk.now += 11
    assert desk.told() == ["case-1:raised:0", "case-1:cleared:0"]


def test_after_an_outage_one_summary_stands_for_all_that_waits(desk: Desk) -> None:
    for number in range(40):
        desk.put(change(case=f"case-{number}", of=alert(f"web-{number}")))
    desk.put(change(What.CLEARED, "case-3", of=alert("web-3")))
    desk.failed(10)
    desk.now += 11
    first = desk.due()
    assert first is not None
    assert desk.spool.told(first, "hook", desk.now)
    assert desk.spool.gather("hook", "batch-1", 10, desk.now) == 40
    due = desk.due()
    assert due is not None
    assert (due.notice.id, due.notice.event, len(due.notice.parts), len(due.changes)) == ("batch-1", "summary", 40, 40)
    assert due.notice.parts[-1].event == "cleared"
    desk.spool.failed(due, "hook", desk.now, desk.now + 5, "no answer", doubt=True)
    desk.put(change(case="case-99", of=alert("late")))
    desk.now += 6
    desk.again()
    again = desk.due()
    assert again is not None
    assert again.notice == due.notice
    assert desk.spool.told(again, "hook", desk.now)
    assert desk.told() == ["case-99:raised:0"]


def test_a_summary_that_is_not_taken_is_told_in_parts(desk: Desk) -> None:
    desk.put(*(change(case=f"case-{number}", of=alert(f"web-{number}")) for number in range(12)))
    desk.spool.gather("hook", "batch", 10, desk.now)
    assert len(desk.failed(10, alone=True).changes) == 12
    assert desk.spool.way("hook", desk.now).stuck == 12
    desk.now += 11
    due = desk.due()
    assert due is not None
    assert due.changes == ("case-0:raised:0",)
    desk.spool.told(due, "hook", desk.now)
    assert len(desk.told()) == 11


def test_a_clock_that_goes_back_keeps_nothing_waiting(desk: Desk) -> None:
    desk.spool.begin(["hook"], desk.now)
    desk.put(change())
    desk.failed(30)
    desk.now -= 400 * 86_400
    earlier = AT - timedelta(days=400)
    assert desk.put(change(case="case-2", at=earlier), change(case="case-3", of=alert("web"), at=earlier)) == 2
    assert len(desk.told()) == 3


def test_a_few_that_wait_are_told_one_by_one(desk: Desk) -> None:
    desk.put(*(change(case=f"case-{number}", of=alert(f"web-{number}")) for number in range(5)))
    assert desk.spool.gather("hook", "batch", 10, desk.now) == 0
    assert desk.spool.gather("hook", "batch", 0, desk.now) == 0
    assert len(desk.told()) == 5


def test_what_waits_too_long_is_given_up_and_counted(desk: Desk) -> None:
    desk.put(change())
    desk.now += 90_000
    desk.put(change(What.ACKNOWLEDGED, at=AT + timedelta(seconds=90_000)))
    desk.failed(10)
    assert desk.spool.expire("hook", desk.now - 86_400, desk.now) == 1
    way = desk.spool.way("hook", desk.now)
    assert (way.given_up, way.waiting) == (1, 1)
    desk.now += 90_000
    assert desk.spool.way("hook", desk.now).given_up == 0


def test_the_spool_has_an_end_and_says_what_it_dropped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 5)
    desk.put(*(change(case=f"case-{number}", of=alert(f"web-{number}")) for number in range(8)))
    way = desk.spool.way("hook", desk.now)
    assert (way.waiting, way.dropped) == (5, 3)
    assert desk.told()[0] == "case-3:raised:0"


def test_a_new_channel_is_not_told_what_was_before_it(desk: Desk) -> None:
    desk.channels = (channel(), channel("new"))
    desk.spool.begin(["hook", "new"], NOW + 60)
    desk.now += 61
    assert desk.put(change()) == 1
    assert desk.put(change(case="case-2", of=alert("web"), at=AT + timedelta(seconds=61))) == 2
    assert desk.told("new") == ["case-2:raised:0"]


def test_what_was_told_is_remembered_for_as_long_as_it_could_come_again(desk: Desk) -> None:
    desk.put(change())
    desk.told()
    desk.now += KEPT - 10
    desk.spool.tidy(["hook"], desk.now)
    assert desk.put(change()) == 0
    desk.now += 20
    desk.spool.tidy(["hook"], desk.now)
    assert desk.states() == {}
    assert desk.put(change()) == 0


def test_what_waits_for_a_channel_that_is_gone_is_given_up_after_a_day(desk: Desk) -> None:
    desk.put(change())
    desk.spool.tidy(["other"], desk.now + 10)
    assert desk.states() == {"case-1:raised": "waiting"}
    desk.spool.tidy(["other"], desk.now + 90_000)
    assert desk.states() == {"case-1:raised": "given up"}


def test_what_memory_knows_is_taken_over_and_what_was_told_stays_told(desk: Desk) -> None:
    desk.put(change(), change(case="case-2", of=alert("web")))
    memory = Spool.in_memory()
    memory.adopt(desk.spool)
    due = memory.due("hook", desk.now)
    assert due is not None
    memory.told(due, "hook", desk.now)
    desk.spool.adopt(memory)
    assert desk.states() == {"case-1:raised": "told", "case-2:raised": "waiting"}
    memory.adopt(desk.spool)
    desk.told()
    desk.spool.adopt(memory)
    assert set(desk.states().values()) == {State.TOLD.value}
    memory.close()


def test_a_damaged_file_and_one_of_another_version_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "notices.db"
    path.write_bytes(b"rubbish " * 2000)
    with pytest.raises(SpoolError) as caught:
        Spool.open(path)
    assert caught.value.damaged
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 9")
    other.close()
    os.chmod(path, 0o600)
    with pytest.raises(SpoolError, match="another version wrote it") as caught:
        Spool.open(path)
    assert not caught.value.damaged


def test_what_is_quiet_or_switched_off_is_not_put(desk: Desk) -> None:
    assert desk.put(change(quiet="silenced")) == 0
    of(desk, enabled=False)
    assert desk.put(change()) == 0
    desk.channels = (channel("bell", "desktop"),)
    assert desk.put(change()) == 0
