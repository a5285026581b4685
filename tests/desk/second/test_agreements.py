"""A session's part: whom it asks, what is on record before anything counts, and when nobody can be asked."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from desk.actor import who
from desk.audit import Code, Record, Trail, Unrecorded, chronicle
from desk.audit.sinks import FileSink
from desk.second import EXPIRY, Person, State, Unfit, Unreachable
from desk.second.agreements import Agreements
from desk.second.hold import Hold
from desk.second.rule import GRAVE, NOTHING, Rule
from tests.desk.inboxes import START
from tests.desk.seconds import ADA, BOB, Beside, draft, proposal
from tests.toys import StillClock

D = "a" * 64


class Session:
    """Somebody's agreements, and what they put on record."""

    def __init__(self, folder: Path, rule: Rule = GRAVE, *ways: Beside) -> None:
        self.clock = StillClock()
        self.folder = folder
        self.trail = Trail(folder / "audit", who({}), self.clock, {"system": "toys"})
        self.trail._chain._sinks = self.trail._chain._sinks[:1]
        self.second = Agreements(
            Hold(rule, folder / "kept", self.trail.about, frozenset({"it"})), self.trail, self.clock, ways
        )
        self.second.begin()

    @property
    def record(self) -> list[Record]:
        return [one for one in chronicle.read(self.folder / "audit").records() if one.code.value.startswith("second.")]

    @property
    def codes(self) -> list[Code]:
        return [one.code for one in self.record]

    async def settled(self) -> None:
        """Wait until all that was begun beside is done."""
        async with asyncio.timeout(30):
            while self.second._tasks:
                await asyncio.wait(set(self.second._tasks))

    async def stand(self) -> None:
        await self.second.stand(partial(chronicle.read, self.folder / "audit"))

    async def close(self) -> None:
        await self.second.close()
        await self.trail.close()


@asynccontextmanager
async def session(folder: Path, *ways: Beside, rule: Rule = GRAVE) -> AsyncIterator[Session]:
    one = Session(folder, rule, *ways)
    try:
        yield one
    finally:
        await one.close()


async def test_what_is_approved_is_used_once_and_all_of_it_is_on_record(tmp_path: Path) -> None:
    way = Beside()
    async with session(tmp_path, way) as one:
        matter = await one.second.propose(draft())
        id_ = matter.proposal.id
        assert not one.second.approves(id_, D)
        assert way.says() == ""
        assert one.second.approves(id_, D)
        answer = await one.second.use(id_, D)
        assert answer.by == BOB
        with pytest.raises(Unfit, match="permits nothing more"):
            await one.second.use(id_, D)
        await one.settled()
        assert way.uses == [id_]
        assert one.codes == [Code.SECOND_ASKED, Code.SECOND_APPROVED, Code.SECOND_USED]
        used = one.record[-1].data
        assert used["by"] == {"name": "bob", "marks": ["uid 41001"], "host": "bastion", "proof": BOB.proof}
        assert (used["request"], used["digest"]) == (id_, D)


async def test_two_uses_at_the_same_time_are_one(tmp_path: Path) -> None:
    way = Beside()
    async with session(tmp_path, way) as one:
        id_ = (await one.second.propose(draft())).proposal.id
        way.says()
        found = await asyncio.gather(*(one.second.use(id_, D) for _ in range(5)), return_exceptions=True)
        assert sum(not isinstance(each, BaseException) for each in found) == 1
        assert way.uses == [id_]


async def test_what_was_approved_for_one_plan_does_not_permit_another(tmp_path: Path) -> None:
    way = Beside()
    async with session(tmp_path, way) as one:
        id_ = (await one.second.propose(draft())).proposal.id
        way.says()
        assert not one.second.approves(id_, "b" * 64)
        with pytest.raises(Unfit, match="changed since"):
            await one.second.use(id_, "b" * 64)
        assert way.uses == []


async def test_nobody_can_be_asked_where_there_is_no_way_and_it_says_which_ways_there_are(tmp_path: Path) -> None:
    async with session(tmp_path) as one:
        assert "no store, no folder to meet in" in one.second.alone
    async with session(tmp_path, Beside("it does not answer")) as one:
        assert one.second.alone == "a second person must agree, and none can be asked (here: it does not answer)"
        with pytest.raises(Unreachable, match="it does not answer"):
            await one.second.propose(draft())
        assert one.codes == []


async def test_what_nobody_answers_expires_which_is_neither_yes_nor_no(tmp_path: Path) -> None:
    way = Beside()
    async with session(tmp_path, way) as one:
        id_ = (await one.second.propose(draft())).proposal.id
        one.clock.seconds += EXPIRY
        assert way.says() == "it is expired already"
        one.second.tick()
        await one.settled()
        assert one.second.matter(id_).state is State.EXPIRED
        assert way.ends == [(id_, State.EXPIRED)]
        assert one.codes == [Code.SECOND_ASKED, Code.SECOND_EXPIRED]
        one.second.tick()
        await one.settled()
        assert one.codes == [Code.SECOND_ASKED, Code.SECOND_EXPIRED], "once"


async def test_a_wall_clock_that_is_put_back_makes_nothing_last_longer(tmp_path: Path) -> None:
    way = Beside()
    async with session(tmp_path, way) as one:
        await one.second.propose(draft())
        one.clock.wall = one.clock.wall.replace(year=1970)
        one.clock.seconds += EXPIRY
        assert way.says() == "it is expired already"


async def test_a_refusal_carries_its_words(tmp_path: Path) -> None:
    way = Beside()
    async with session(tmp_path, way) as one:
        id_ = (await one.second.propose(draft())).proposal.id
        way.says(False, "not during the sale")
        await one.settled()
        there = one.second.matter(id_)
        assert there.state is State.REFUSED
        assert there.answer is not None
        assert there.answer.words == "not during the sale"
        assert one.record[-1].data["words"] == "not during the sale"
        assert way.ends == [(id_, State.REFUSED)]


async def test_nothing_is_permitted_when_the_way_can_not_say_that_it_was_not_used_before(tmp_path: Path) -> None:
    way = Beside()
    async with session(tmp_path, way) as one:
        id_ = (await one.second.propose(draft())).proposal.id
        way.says()
        way.broken = Unreachable("the store is gone")
        with pytest.raises(Unreachable):
            await one.second.use(id_, D)
        way.broken = None
        with pytest.raises(Unfit):
            await one.second.use(id_, D)
        assert Code.SECOND_USED not in one.codes


async def test_nothing_is_permitted_that_can_not_be_put_on_record(tmp_path: Path) -> None:
    way = Beside()
    async with session(tmp_path, way) as one:
        id_ = (await one.second.propose(draft())).proposal.id
        way.says()
        await one.settled()
        sink = one.trail._chain._sinks[0]
        assert isinstance(sink, FileSink)
        one.trail._hung = True
        with pytest.raises(Unrecorded):
            await one.second.use(id_, D)
        one.trail._hung = False
        with pytest.raises(Unfit):
            await one.second.use(id_, D)


async def test_a_session_that_ends_withdraws_what_it_asked(tmp_path: Path) -> None:
    way = Beside()
    async with session(tmp_path, way) as one:
        id_ = (await one.second.propose(draft())).proposal.id
    assert way.ends == [(id_, State.WITHDRAWN)]
    assert one.codes == [Code.SECOND_ASKED, Code.SECOND_WITHDRAWN]


async def test_of_two_ways_the_first_answer_counts(tmp_path: Path) -> None:
    near, far = Beside(), Beside()
    async with session(tmp_path, near, far) as one:
        id_ = (await one.second.propose(draft())).proposal.id
        assert near.asked == far.asked
        assert far.says(False, "no") == ""
        assert near.says() == "it is refused already"
        with pytest.raises(Unfit, match="refused"):
            await one.second.use(id_, D)


async def test_a_person_of_a_way_is_known_there_by_all_their_marks(tmp_path: Path) -> None:
    way = Beside()
    way.mine = frozenset({"role ada"})
    async with session(tmp_path, way) as one:
        matter = await one.second.propose(draft())
        assert "role ada" in matter.proposal.by.marks
        assert way.says(by=Person("other", frozenset({"role ada"}), "", "by the store")).startswith("who asks")


async def test_an_answer_is_on_record_before_it_is_given(tmp_path: Path) -> None:
    way = Beside()
    way.waiting = [asked := proposal(by=ADA)]
    async with session(tmp_path, way) as one:
        await one.second.answer(asked, True)
        given = one.record[0]
        assert given.code is Code.SECOND_GIVEN
        assert (given.data["request"], given.data["granted"], given.data["what"]) == (asked.id, True, "smash kite")
        with pytest.raises(Unfit):
            await one.second.answer(asked, True)
        assert len(one.record) == 1


# the rule itself


async def test_a_rule_that_was_in_force_stays_until_two_agree_on_less(tmp_path: Path) -> None:
    strict = Rule(frozenset({"destructive", "purge"}), frozenset({"bob"}))
    async with session(tmp_path, rule=strict) as one:
        await one.stand()
        assert one.codes == [Code.SECOND_RULE]
    way = Beside()
    async with session(tmp_path, way, rule=NOTHING) as one:
        await one.stand()
        assert one.second.hold.weakened
        assert one.second.hold.in_force == strict
        asked = one.second.hold.digest
        id_ = (await one.second.propose(draft(asked))).proposal.id
        assert way.asked[-1].approvers == {"bob"}, "as the old rule says"
        with pytest.raises(Unfit, match="no second person"):
            await one.second.weaken(id_, asked)
        way.says()
        await one.second.weaken(id_, asked)
        assert one.second.hold.in_force == NOTHING
        assert not one.second.hold.weakened
        assert one.record[-1].data["request"] == id_
    async with session(tmp_path, rule=NOTHING) as one:
        await one.stand()
        assert one.second.hold.in_force == NOTHING


async def test_what_is_unclear_in_the_rule_is_asked_for_in_a_thread_and_nothing_is_done_while_it_is(
    tmp_path: Path,
) -> None:
    threads: list[threading.Thread] = []

    def unclear() -> list[str]:
        threads.append(threading.current_thread())
        return ["purgge is no class of acts"]

    async with session(tmp_path, rule=NOTHING) as one:
        one.second.unclear = unclear
        with pytest.raises(Unrecorded, match="purgge"):
            await one.stand()
    assert threading.main_thread() not in threads


def of_others(rule: Rule, seq: int) -> Record:
    """What a session on another machine has put on record."""
    return Record("elsewhere", seq, START, Code.SECOND_RULE, {"rule": rule.told, "words": rule.words}, "0" * 64)


async def test_what_another_machine_has_in_force_holds_here_until_two_people_here_agree_on_less(tmp_path: Path) -> None:
    strict = Rule(frozenset({"disruptive"}), frozenset({"nobody"}), True)
    theirs = [of_others(strict, 3), of_others(Rule(frozenset({"purge"})), 4)]
    mine = Rule(frozenset({"destructive"}), frozenset({"bob"}))
    way = Beside()
    async with session(tmp_path, way, rule=mine) as one:
        await one.stand()
        assert not one.second.hold.weakened
        one.second.witness = lambda: theirs  # they come while this session is open
        await one.stand()
        hold = one.second.hold
        assert hold.weakened
        assert hold.in_force.classes == {"destructive", "disruptive", "purge"}
        assert hold.in_force.approvers == {"bob"}, "who may agree is not for others to say"
        asked = hold.digest
        id_ = (await one.second.propose(draft(asked))).proposal.id
        assert way.asked[-1].approvers == {"bob"}
        way.says()
        await one.second.weaken(id_, asked)
        assert (hold.in_force, hold.weakened) == (mine, False)
        assert one.record[-1].data["heard"] == ["elsewhere/3", "elsewhere/4"]
        await one.stand()
        assert hold.in_force == mine
    async with session(tmp_path, rule=mine) as one:
        one.second.witness = lambda: theirs
        await one.stand()
        assert one.second.hold.in_force == mine, "it was agreed, and stays so"
        one.second.witness = lambda: [*theirs, of_others(strict, 5)]
        await one.stand()
        assert one.second.hold.weakened, "what they say anew holds anew"


async def test_what_is_heard_while_two_agree_on_less_is_not_left_behind_with_what_they_agreed_on(
    tmp_path: Path,
) -> None:
    theirs = [of_others(Rule(frozenset({"disruptive"})), 3)]
    mine = Rule(frozenset({"destructive"}))
    way = Beside()
    async with session(tmp_path, way, rule=mine) as one:
        one.second.witness = lambda: theirs
        await one.stand()
        asked = one.second.hold.digest
        id_ = (await one.second.propose(draft(asked))).proposal.id
        way.says()
        use = way.use

        async def meanwhile(proposal: str, digest: str) -> None:
            theirs.append(of_others(Rule(frozenset({"purge"})), 4))
            await one.stand()
            await use(proposal, digest)

        way.use = meanwhile  # type: ignore[method-assign]
        await one.second.weaken(id_, asked)
        assert one.record[-1].data["heard"] == ["elsewhere/3"]
        assert one.second.hold.in_force.classes == {"destructive", "purge"}
        await one.stand()
        assert one.second.hold.weakened


async def test_audits_of_others_that_can_not_be_read_let_nobody_act(tmp_path: Path) -> None:
    def broken() -> list[Record]:
        raise OSError("shared.db is damaged")

    async with session(tmp_path) as one:
        one.second.witness = broken
        with pytest.raises(Unrecorded, match=r"can't be looked up or kept: shared\.db"):
            await one.stand()


async def test_who_may_agree_is_exchanged_by_agreement_only(tmp_path: Path) -> None:
    before, now = (Rule(GRAVE.classes, frozenset({name})) for name in ("bob", "eve"))
    async with session(tmp_path, rule=before) as one:
        await one.stand()
    way = Beside()
    async with session(tmp_path, way, rule=now) as one:
        await one.stand()
        assert one.second.hold.weakened
        await one.second.propose(draft(one.second.hold.digest))
        assert way.asked[-1].approvers == {"bob"}


async def test_one_user_of_one_machine_answers_nothing_they_asked_under_another_login(tmp_path: Path) -> None:
    way = Beside()
    async with session(tmp_path, Beside()) as mine, session(tmp_path / "other", way) as one:
        marks = (await mine.second.propose(draft())).proposal.by.marks
        here = frozenset(mark for mark in marks if ", boot " in mark)
        assert here
        way.waiting = [proposal(by=Person("bob", here | {"role bob"}, "", "by the store"))]
        assert one.second.pending() == []
        ((barred, why),) = one.second.barred()
        assert barred == way.waiting[0]
        assert any(mark.partition(",")[0] in why for mark in here)
        assert why.endswith("log in to the machine with an account of your own, not by su from a shared one")
        with pytest.raises(Unfit, match="who asks can't be the second person, and both are"):
            await one.second.answer(way.waiting[0], True)
        assert one.record == []


async def test_a_rule_that_nobody_understands_lets_nobody_act(tmp_path: Path) -> None:
    async with session(tmp_path) as one:
        one.second.unclear = lambda: ["p.toml:3: second_person: prge is no action"]
        with pytest.raises(Unrecorded, match="second_person: prge is no action"):
            await one.stand()
        assert one.record == []


async def test_a_file_that_was_deleted_takes_no_rule_out_of_force(tmp_path: Path) -> None:
    async with session(tmp_path) as one:
        await one.stand()
    (tmp_path / "kept" / "second.json").unlink()
    async with session(tmp_path, rule=NOTHING) as one:
        await one.stand()
        assert one.second.hold.in_force == GRAVE


async def test_an_audit_that_was_moved_away_takes_no_rule_out_of_force(tmp_path: Path) -> None:
    async with session(tmp_path) as one:
        await one.stand()
    (tmp_path / "audit").rename(tmp_path / "elsewhere")
    async with session(tmp_path, rule=NOTHING) as one:
        await one.stand()
        assert one.second.hold.in_force == GRAVE


async def test_a_file_that_can_not_be_read_lets_nobody_act(tmp_path: Path) -> None:
    async with session(tmp_path) as one:
        await one.stand()
    (tmp_path / "kept" / "second.json").write_text("{}")
    async with session(tmp_path, rule=NOTHING) as one:
        with pytest.raises(Unrecorded, match="not as it was written"):
            await one.stand()


async def test_production_and_protection_that_are_switched_off_stay_in_force_with_the_rule(tmp_path: Path) -> None:
    strict = Rule(frozenset({"grave"}), frozenset(), True, frozenset({"it"}))
    async with session(tmp_path, rule=strict) as one:
        await one.stand()
    async with session(tmp_path, rule=GRAVE) as one:
        await one.stand()
        assert one.second.hold.weakened
        assert one.second.hold.in_force == strict


async def test_a_target_that_left_the_profile_makes_its_rule_no_weaker(tmp_path: Path) -> None:
    async with session(tmp_path, rule=Rule(frozenset({"grave"}), protected=frozenset({"it", "gone"}))) as one:
        await one.stand()
    async with session(tmp_path, rule=Rule(frozenset({"grave"}), protected=frozenset({"it"}))) as one:
        await one.stand()
        assert not one.second.hold.weakened


async def test_another_system_has_a_rule_of_its_own(tmp_path: Path) -> None:
    async with session(tmp_path) as one:
        await one.stand()
    other = Hold(NOTHING, None, {"system": "other"})
    await other.recall(partial(chronicle.read, tmp_path / "audit"))
    assert other.in_force == NOTHING


async def test_where_nothing_needs_a_second_person_nothing_is_written(tmp_path: Path) -> None:
    async with session(tmp_path, rule=NOTHING) as one:
        await one.stand()
    assert os.listdir(tmp_path) == []
