"""A real systemd behind a real sshd: read, acted on once, and never another machine than the one that was looked at."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from desk.guard import lock_of
from probes.base import Cause, Context, ProbeError, Request, Result, Target, Truth
from probes.systemd.act import SystemdActuator
from probes.systemd.probe import SystemdProbe, SystemdSettings
from tests.probes.acting import carried_out, perform, settled
from tests.probes.sshing import Between, between
from tests.stack import places
from tests.stack import systemd as systemd_stack
from tests.stack.sshd import HOST, Sshd
from tests.toys import NoSecrets

pytestmark = [pytest.mark.engine, pytest.mark.systemd]

UNIT = "far-web.service"
LONG = 30.0
INSTALLED = (
    f"printf '[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nExecStart=/bin/sleep 1d\\n' >/etc/systemd/system/{UNIT}; "
    f"systemctl daemon-reload; systemctl start {UNIT}"
)


@pytest.fixture
def there(new_sshd: Callable[..., Sshd], monkeypatch: pytest.MonkeyPatch, systemd_host: systemd_stack.Host) -> Between:
    systemd_host.run("sh", "-c", INSTALLED)
    docker, *words = systemd_host.prefix
    found = places.program(docker)
    assert found is not None
    words.insert(words.index("exec") + 1, "-i")  # a machine's shell has the input that sshd gives it
    return between(new_sshd, monkeypatch, (str(found), *words))


def target(**settings: Any) -> Target:
    given = SystemdSettings.model_validate({"ssh": HOST, "units": [UNIT], "timeout": LONG} | settings)
    return Target("box", "systemd", given)


@pytest.fixture
async def actuator(there: Between) -> AsyncIterator[SystemdActuator]:
    one = SystemdActuator(target(), Context(NoSecrets()))
    yield one
    await one.close()
    await one.close()


def sent(there: Between) -> int:
    """Commands that would change something."""
    return sum("--no-block" in one for one in there.asked())


def run_of(host: systemd_stack.Host) -> str:
    """Which run of the unit goes on."""
    return host.systemctl("show", UNIT, "-p", "InvocationID", "--value").strip()


async def test_units_and_their_log_are_read(there: Between, systemd_host: systemd_stack.Host) -> None:
    probe = SystemdProbe(target(), Context(NoSecrets()))
    facts = (await probe.read()).facts
    one = next(unit for unit in facts.units if unit.id == UNIT)
    assert (one.active, one.invocation) == ("active", run_of(systemd_host))
    assert one.age is not None
    sheet = await probe.look("logs", UNIT)
    assert any("Started" in str(line) for line in sheet.lines)
    lines = probe.follow("logs", UNIT)
    async with asyncio.timeout(LONG):
        assert "Started" in str(await anext(lines))
    await lines.aclose()
    await probe.close()
    assert there.logins() == 1


async def test_a_restart_is_done_once_and_seen_to_be_true(
    there: Between, actuator: SystemdActuator, systemd_host: systemd_stack.Host
) -> None:
    before = run_of(systemd_host)
    done = await perform(actuator, Request("restart", (UNIT,)))
    assert [one.result for one in done.outcomes] == [Result.DONE]
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED]
    assert run_of(systemd_host) != before
    assert sent(there) == 1
    assert done.plan.command == (f"ssh web-1 systemctl restart {UNIT}",)
    assert "by ssh web-1" in str(done.plan.place)
    assert dict(done.plan.pin).keys() == {"machine", "boot", "manager"}


async def test_stop_and_start_come_true_too(actuator: SystemdActuator, systemd_host: systemd_stack.Host) -> None:
    for action, state in (("stop", "inactive (dead)"), ("start", "active (running)")):
        done = await perform(actuator, Request(action, (UNIT,)))
        assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED]
        assert systemd_host.state(UNIT) == state


@pytest.mark.once
async def test_an_answer_that_is_lost_leaves_it_unknown_and_is_not_asked_again(
    there: Between, actuator: SystemdActuator, systemd_host: systemd_stack.Host
) -> None:
    """It was done, and the connection is cut before anybody hears of it."""
    before = run_of(systemd_host)
    plan = await actuator.plan(Request("restart", (UNIT,)))
    there.does('case "$SSH_ORIGINAL_COMMAND" in *--no-block*) echo "/./d" >edit;; *) rm -f edit;; esac')
    there.does('case "$SSH_ORIGINAL_COMMAND" in *--no-block*) kill -9 $PPID;; esac', "after")
    outcome = await carried_out(actuator, plan, plan.chosen[0], [])
    assert outcome.result is Result.UNKNOWN
    assert sent(there) == 1
    there.calm()
    verdict = await settled(actuator, plan, plan.chosen[0], outcome)
    assert verdict.truth is Truth.CONFIRMED
    assert run_of(systemd_host) != before
    assert sent(there) == 1


async def test_a_connection_that_ends_before_it_is_made_anew_and_looked_over_again(
    there: Between, actuator: SystemdActuator
) -> None:
    plan = await actuator.plan(Request("restart", (UNIT,)))
    line: Any = await actuator._reach.road()
    await line.end()
    outcome = await carried_out(actuator, plan, plan.chosen[0], [])
    assert outcome.result is Result.DONE
    assert sent(there) == 1
    assert there.logins() == 2


async def test_a_connection_that_ends_at_the_last_moment_means_that_nothing_was_sent(
    there: Between, actuator: SystemdActuator, systemd_host: systemd_stack.Host
) -> None:
    before = run_of(systemd_host)
    plan = await actuator.plan(Request("restart", (UNIT,)))
    line: Any = await actuator._reach.road()

    async def sending() -> None:
        await line.end()

    outcome = await actuator.carry_out(plan, plan.chosen[0], "act", sending)
    assert outcome.result is Result.FAILED
    assert "has ended" in str(outcome.words)
    assert sent(there) == 0
    assert run_of(systemd_host) == before


@pytest.mark.parametrize(("file", "words"), [("etc/machine-id", "machine "), ("boot_id", "boot ")])
async def test_another_machine_or_another_run_of_it_is_never_acted_on(
    there: Between, actuator: SystemdActuator, systemd_host: systemd_stack.Host, file: str, words: str
) -> None:
    plan = await actuator.plan(Request("restart", (UNIT,)))
    part = dict(plan.pin)["machine" if words == "machine " else "boot"]
    there.edits(f"s/^{part}$/{part.translate(str.maketrans('0123456789abcdef', 'fedcba9876543210'))}/")
    outcome = await carried_out(actuator, plan, plan.chosen[0], [])
    assert outcome.result is Result.REFUSED
    assert f"changed since you looked: {words}{part[:8]}" in str(outcome.words)
    assert sent(there) == 0


async def test_two_names_of_one_machine_share_a_lock(there: Between, actuator: SystemdActuator) -> None:
    there.server.configure(more={"other-name": {}})
    other = SystemdActuator(target(ssh="other-name"), Context(NoSecrets()))
    one, two = [await each.plan(Request("restart", (UNIT,))) for each in (actuator, other)]
    await other.close()
    assert one.pin == two.pin
    assert lock_of(one) == lock_of(two)
    assert str(one.place) != str(two.place)


async def test_a_machine_that_is_not_reached_is_told_before_anything_is_planned(
    there: Between, actuator: SystemdActuator
) -> None:
    there.server.known.write_text("")
    with pytest.raises(ProbeError) as caught:
        await actuator.plan(Request("restart", (UNIT,)))
    assert caught.value.cause is Cause.HOST_KEY
    with contextlib.suppress(ProbeError):
        await SystemdProbe(target(), Context(NoSecrets())).read()
    assert there.asked() == []
