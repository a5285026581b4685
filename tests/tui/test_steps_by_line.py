"""Steps whose line is one that the profile gives itself: they are done as that act, and not as a line for a shell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from desk.commandline import recognised
from desk.profile import parse
from desk.runbook.book import StepKind
from probes.base import Context
from tui.doing import guarded
from tui.kinds import Kinds
from tui.screens.procedure_run import RunScreen
from tui.secrets import Secrets

PROFILE = """
system = "shop"

[commands.app.run.migrate]
argv = ["bin/migrate"]

[sql.events.query.failed]
sql = "SELECT id FROM event WHERE status = 'failed'"

[sql.events.query.failed.act]
key = ["id"]
argv = ["bin/retry", "{id}"]
"""


def at(line: str) -> RunScreen:
    """A run that stands at a line for a shell, in an armed session."""
    kinds = Kinds()
    targets = parse(PROFILE, kinds).targets
    acting = {one.name: kinds.actuator(one.kind)(one, Context(Secrets({}))) for one in targets}  # type: ignore[misc]

    def meant(text: str) -> list[Any]:
        found = ((name, recognised(text, one)) for name, one in acting.items())
        return [(name, one) for name, one in found if one is not None]

    board = SimpleNamespace(slots=lambda: [SimpleNamespace(target=one) for one in targets])
    room = SimpleNamespace(board=board, hands=SimpleNamespace(runner=SimpleNamespace(recognised=meant)))
    step, filled = SimpleNamespace(kind=StepKind.SHELL), SimpleNamespace(text=line, ready=True, missing=())
    return cast(RunScreen, SimpleNamespace(room=room, step=step, filled=filled, secrets=frozenset(), strange=()))


@pytest.mark.parametrize(
    ("line", "is_ours"),
    [
        ("bin/migrate", True),
        ("bin/migrate --now", False),
        ("bin/retry 4711", True),
        ("bin/retry 4711 --force", False),
        ("uptime", False),
    ],
)
def test_a_line_of_the_profile_is_done_as_the_act_that_it_is(line: str, is_ours: bool) -> None:
    assert guarded(at(line)) is is_ours
