"""What is asked of a second person: approved by somebody else, once, in time, for this and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from desk.second import EXPIRY, Answer, Matter, Person, Proposal, State, Unfit
from desk.second.proposal import OVER, answered
from tests.desk.seconds import ADA, BOB, proposal

BEGAN = 100.0
END = BEGAN + EXPIRY


def matter() -> Matter:
    return Matter(proposal(), END)


def yes(one: Matter, by: Person = BOB, granted: bool = True, digest: str = "") -> Answer:
    return Answer(one.proposal.id, digest or one.proposal.digest, granted, by, "")


def test_what_somebody_else_approves_is_used_once() -> None:
    one = matter()
    approved = one.take(yes(one), BEGAN + 1)
    assert approved.state is State.APPROVED
    used = approved.use(one.proposal.digest, BEGAN + 2)
    assert used.state is State.USED
    with pytest.raises(Unfit, match="it permits nothing more"):
        used.use(one.proposal.digest, BEGAN + 3)


def test_what_was_approved_for_one_digest_permits_no_other() -> None:
    one = matter()
    there = one.take(yes(one), BEGAN)
    with pytest.raises(Unfit, match="changed since a second person approved it"):
        there.use("b" * 64, BEGAN)
    assert there.state is State.APPROVED, "which a use for something else does not use up"


def test_an_answer_to_another_digest_is_none() -> None:
    one = matter()
    with pytest.raises(Unfit, match="something else"):
        one.take(yes(one, digest="b" * 64), BEGAN)


def test_who_asks_can_not_answer() -> None:
    one = matter()
    with pytest.raises(Unfit, match="who asks"):
        one.take(yes(one, by=replace(ADA, name="somebody", proof="by the kernel: uid 41000")), BEGAN)


def test_who_shares_a_login_with_who_asks_can_not_answer() -> None:
    one = Matter(proposal(by=replace(ADA, marks=frozenset({"uid 0", "uid 41000"}))), END)
    with pytest.raises(Unfit, match="who asks"):
        one.take(yes(one, by=replace(BOB, marks=frozenset({"uid 41001", "uid 41000"}))), BEGAN)


def test_who_bears_no_mark_or_is_proven_by_nobody_can_not_answer() -> None:
    one = matter()
    with pytest.raises(Unfit, match="who asks"):
        one.take(yes(one, by=replace(BOB, marks=frozenset())), BEGAN)
    with pytest.raises(Unfit, match="nobody proves"):
        one.take(yes(one, by=replace(BOB, proof="")), BEGAN)


def test_refused_expired_and_withdrawn_are_three_outcomes_and_none_permits_anything() -> None:
    one = matter()
    refused = one.take(yes(one, granted=False), BEGAN)
    ends = [refused, one.at(END), one.withdraw(BEGAN)]
    assert [end.state for end in ends] == [State.REFUSED, State.EXPIRED, State.WITHDRAWN]
    said = []
    for end in ends:
        with pytest.raises(Unfit) as caught:
            end.use(one.proposal.digest, BEGAN + 1)
        said.append(str(caught.value))
    assert len(set(said)) == 3


def test_what_was_approved_in_time_and_not_used_in_time_has_expired() -> None:
    one = matter()
    approved = one.take(yes(one), END - 1)
    with pytest.raises(Unfit, match="expired"):
        approved.use(one.proposal.digest, END)


def test_an_answer_that_comes_too_late_is_none() -> None:
    one = matter()
    with pytest.raises(Unfit, match="expired already"):
        one.take(yes(one), END)


def test_what_is_written_is_read_back_with_every_text_made_safe() -> None:
    one = proposal(reason="it is\x1b[2J broken", approvers=frozenset({"bob", "@oncall"}))
    back = Proposal.read(one.told)
    assert back.reason == "it is^[[2J broken"
    assert replace(back, reason=one.reason) == one


FIELDS = st.sampled_from(["id", "digest", "by", "changes", "asked", "granted", "words", "approvers"])
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=8),
    max_leaves=6,
)


@settings(max_examples=60)
@given(JSON)
def test_what_is_no_request_or_no_answer_is_refused_in_words(told: object) -> None:
    with pytest.raises(Unfit):
        Proposal.read(told)
    with pytest.raises(Unfit):
        answered(told, BOB)


@pytest.mark.parametrize("field", sorted(proposal().told))
def test_a_request_that_lacks_something_is_none(field: str) -> None:
    told = proposal().told
    del told[field]
    with pytest.raises(Unfit):
        Proposal.read(told)


class TwoPeople(RuleBasedStateMachine):
    """Whatever order people answer, use, withdraw and let time pass in."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGAN
        self.one = matter()
        self.uses = 0
        self.granted_by: set[str] = set()
        self.history = [self.one.state]

    @rule(
        by=st.sampled_from([ADA, BOB, replace(ADA, proof="by the kernel"), replace(BOB, proof=""), Person("eve")]),
        granted=st.booleans(),
        digest=st.sampled_from(["", "b" * 64]),
    )
    def answer(self, by: Person, granted: bool, digest: str) -> None:
        before = self.one.at(self.now)
        try:
            self.one = self.one.take(yes(self.one, by, granted, digest), self.now)
        except Unfit:
            return
        assert before.state is State.PENDING
        assert (self.now < END, by, digest) == (True, BOB, "")
        self.history.append(self.one.state)

    @rule(digest=st.sampled_from(["", "b" * 64]))
    def use(self, digest: str) -> None:
        try:
            self.one = self.one.use(digest or self.one.proposal.digest, self.now)
        except Unfit:
            return
        assert self.one.answer is not None
        assert (self.now < END, digest, self.one.answer.granted, self.one.answer.by) == (True, "", True, BOB)
        self.uses += 1
        self.history.append(self.one.state)

    @rule()
    def withdraw(self) -> None:
        try:
            self.one = self.one.withdraw(self.now)
        except Unfit:
            return
        self.history.append(self.one.state)

    @rule(seconds=st.sampled_from([0.1, 60.0, EXPIRY / 2, EXPIRY - 0.2, EXPIRY]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.one = self.one.at(self.now)
        self.history.append(self.one.state)

    @invariant()
    def nothing_is_used_twice(self) -> None:
        assert self.uses <= 1

    @invariant()
    def what_is_over_stays_as_it_is(self) -> None:
        ends = [state for state in self.history if state in OVER]
        assert len(set(ends)) <= 1
        if ends:
            assert self.history[-1] is ends[0]


TestTwoPeople = TwoPeople.TestCase
TestTwoPeople.settings = settings(max_examples=150, stateful_step_count=12, deadline=None)
