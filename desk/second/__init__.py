"""Acts that two people must agree on: what is asked of the second one, who that may be, and what came of it."""

from desk.second.colleagues import Colleagues, Take, Unreachable
from desk.second.proposal import EXPIRY, Answer, Matter, Person, Proposal, State, Unfit
from desk.second.rule import Rule

__all__ = [
    "EXPIRY",
    "Answer",
    "Colleagues",
    "Matter",
    "Person",
    "Proposal",
    "Rule",
    "State",
    "Take",
    "Unfit",
    "Unreachable",
]
