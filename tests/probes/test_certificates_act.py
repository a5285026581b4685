"""Renewing by certbot: at most once, and true only when the file and the server say so."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.commandline import recognised
from probes.base import Cause, Context, Danger, Outcome, ProbeError, Request, Result, SafeText, Target, Truth
from probes.certificates import commands
from probes.certificates.act import CertificatesActuator, said
from probes.certificates.probe import CertificatesProbe, CertificatesSettings
from tests.probes.acting import ACT, carried_out, comes_back, perform, settled
from tests.probes.certstage import Authority, Certbot, authority, certbot, shaking
from tests.toys import NoSecrets

__all__ = ["authority", "certbot"]

NAME = "localhost"


@pytest.fixture
async def make(certbot: Certbot, tmp_path: Path) -> AsyncIterator[Any]:
    made: list[CertificatesActuator] = []

    def actuator(**settings: Any) -> CertificatesActuator:
        own = {"certbot": str(certbot.folder), "certbot_program": str(certbot.program)}
        given_settings = CertificatesSettings.model_validate(own | settings)
        context = Context(NoSecrets(), state=tmp_path / "state")
        made.append(CertificatesActuator(Target("tls", "certificates", given_settings), context))
        return made[-1]

    yield actuator
    for one in made:
        await one.close()


async def keep_due(certbot: Certbot, authority: Authority) -> tuple[Path, Path]:
    """(the chain in force, which is due; the next one), a second apart."""
    old = authority.leaf("due", days=20)
    certbot.keep(NAME, old, "renew_before_expiry = 25 days")
    second = datetime.now(UTC).replace(microsecond=0)
    while datetime.now(UTC).replace(microsecond=0) == second:
        await asyncio.sleep(0.05)
    new = authority.leaf("renewed", days=90)
    certbot.becomes(next=str(new))
    return old, new


async def test_a_renewal_is_true_when_the_file_and_the_server_show_the_new_one(
    authority: Authority, certbot: Certbot, make: Any
) -> None:
    old, new = await keep_due(certbot, authority)
    with shaking(old) as server:
        where = f"127.0.0.1:{server.port} name={NAME}"
        actuator = make(hosts=where, ca=str(authority.root))
        plan = await actuator.plan(Request("renew", (NAME,)))
        (subject,) = plan.chosen
        assert plan.command == (f"{certbot.program} renew --cert-name localhost --config-dir {certbot.folder}",)
        outcome = await carried_out(actuator, plan, subject, [])
        assert outcome.result is Result.DONE
        async with asyncio.timeout(20):
            while "does not show it" not in str((verdict := await actuator.verify(plan, subject, outcome, 1)).words):
                assert verdict.truth is Truth.PENDING
                await asyncio.sleep(0.05)
        assert verdict.truth is Truth.PENDING
        server.context.load_cert_chain(new, authority.path("renewed.key"))
        verdict = await settled(actuator, plan, subject, outcome)
    assert verdict.truth is Truth.CONFIRMED, verdict
    assert where in str(verdict.words)
    assert len(certbot.asked()) == 1


async def test_without_a_server_the_file_alone_is_the_proof_and_that_is_said(
    authority: Authority, certbot: Certbot, make: Any
) -> None:
    await keep_due(certbot, authority)
    done = await perform(make(), Request("renew", (NAME,)))
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED]
    assert "names no server" in str(done.verdicts[0].words)
    assert any("only the file" in str(note) for note in done.plan.notes)
    (words,) = certbot.asked()
    assert words[:3] == ["renew", "--cert-name", NAME]
    assert {"--non-interactive", "--no-random-sleep-on-renew"} <= set(words)


async def test_a_dry_run_is_one_and_renews_nothing(authority: Authority, certbot: Certbot, make: Any) -> None:
    await keep_due(certbot, authority)
    file = certbot.folder / "live" / NAME / "fullchain.pem"
    before = file.read_bytes()
    done = await perform(make(), Request("dry-run"))
    assert [one.truth for one in done.verdicts] == [Truth.CONFIRMED]
    assert file.read_bytes() == before
    assert "--dry-run" in certbot.asked()[0]


async def test_hooks_are_told_and_make_even_a_dry_run_disruptive(
    authority: Authority, certbot: Certbot, make: Any
) -> None:
    old = authority.leaf("hooked", days=20)
    certbot.keep(NAME, old, "renew_before_expiry = 25 days\npre_hook = systemctl stop nginx\npost_hook = None")
    assert (await make().plan(Request("dry-run"))).danger is Danger.DISRUPTIVE
    folder = certbot.folder / "renewal-hooks" / "post"
    folder.mkdir(parents=True)
    for name, mode in (("start.sh", 0o755), ("notes", 0o644), ("start.sh~", 0o755)):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(mode)
    (subject,) = (await make().plan(Request("dry-run"))).chosen
    assert [str(one) for one in subject.felt] == [
        "nginx is reloaded", "before it: systemctl stop nginx", f"after it: {folder / 'start.sh'}",
    ]  # fmt: skip


async def test_the_same_file_proves_no_failure_of_a_run_that_left_no_word(
    authority: Authority, certbot: Certbot, make: Any
) -> None:
    await keep_due(certbot, authority)
    actuator = make()
    plan = await actuator.plan(Request("renew", (NAME,)))
    verdict = await actuator.verify(plan, plan.chosen[0], Outcome(Result.UNKNOWN, SafeText("no answer")), 1.0)
    assert verdict.truth is Truth.UNKNOWN
    assert "has left no word" in str(verdict.words)


@pytest.mark.parametrize("action", ["renew", "dry-run"])
async def test_a_failure_is_told_in_certbots_words(
    action: str, authority: Authority, certbot: Certbot, make: Any
) -> None:
    await keep_due(certbot, authority)
    certbot.becomes(code=1)
    done = await perform(make(), Request(action, (NAME,)))
    assert [one.truth for one in done.verdicts] == [Truth.REFUTED]
    assert "certbot ended with 1: Failed to renew certificate localhost" in str(done.verdicts[0].words)


async def test_a_run_outlives_the_session_and_is_found_again(authority: Authority, certbot: Certbot, make: Any) -> None:
    await keep_due(certbot, authority)
    (certbot.folder / "hold").touch()
    first = make()
    plan = await first.plan(Request("renew", (NAME,)))
    (subject,) = plan.chosen
    outcome = await carried_out(first, plan, subject, [])
    assert (await first.verify(plan, subject, outcome, 1)).truth is Truth.PENDING
    await first.close()
    (certbot.folder / "hold").unlink()
    assert (await settled(make(), plan, subject, outcome)).truth is Truth.CONFIRMED
    assert len(certbot.asked()) == 1


async def test_another_certificate_than_the_planned_one_is_refused(
    authority: Authority, certbot: Certbot, make: Any
) -> None:
    await keep_due(certbot, authority)

    def renewed_by_somebody(plan: Any) -> None:
        new = certbot.folder / "archive" / NAME / "fullchain1.pem"
        new.write_text(authority.path("renewed.chain.pem").read_text())

    done = await perform(make(), Request("renew", (NAME,)), renewed_by_somebody)
    assert [one.result for one in done.outcomes] == [Result.REFUSED]
    assert "changed since you looked" in str(done.outcomes[0].words)
    assert (done.sent, certbot.asked()) == ([], [])


async def test_one_act_begins_one_run_and_a_second_with_its_id_none(
    authority: Authority, certbot: Certbot, make: Any
) -> None:
    await keep_due(certbot, authority)
    (certbot.folder / "hold").touch()
    actuator = make()
    plan = await actuator.plan(Request("renew", (NAME,)))
    (subject,) = plan.chosen
    await carried_out(actuator, plan, subject, [])
    again = await carried_out(actuator, plan, subject, [])
    assert again.result is Result.FAILED
    (certbot.folder / "hold").unlink()
    await settled(actuator, plan, subject, Outcome(Result.DONE, SafeText(), (("job", ACT),)))
    assert len(certbot.asked()) == 1


async def test_a_missing_certbot_is_told_and_nothing_was_done(
    authority: Authority, certbot: Certbot, make: Any
) -> None:
    await keep_due(certbot, authority)
    done = await perform(make(certbot_program="/nowhere/certbot"), Request("renew", (NAME,)))
    assert [one.result for one in done.outcomes] == [Result.FAILED]
    assert "not installed" in str(done.outcomes[0].words)


async def test_what_is_not_due_is_left_out_and_what_is_proved_by_hand_is_barred(
    authority: Authority, certbot: Certbot, make: Any
) -> None:
    certbot.keep("fresh.example", authority.leaf("fresh"))
    certbot.keep("hand.example", authority.leaf("hand", days=5))
    conf = certbot.folder / "renewal" / "hand.example.conf"
    conf.write_text(conf.read_text().replace("nginx", "manual"))
    plan = await make().plan(Request("renew"))
    told = {one.key: (str(one.spared), one.barred) for one in plan.subjects}
    assert told["fresh.example"] == ("not due: certbot would leave it as it is", False)
    assert told["hand.example"][1]
    assert plan.chosen == ()


async def test_offers_are_for_what_certbot_keeps(authority: Authority, certbot: Certbot, make: Any) -> None:
    certbot.keep("fresh.example", authority.leaf("fresh2"))
    other = authority.leaf("foreign")
    settings = CertificatesSettings(certbot=str(certbot.folder), files=(str(other),))
    probe = CertificatesProbe(Target("tls", "certificates", settings), Context(NoSecrets()))
    facts = (await probe.read()).facts
    await probe.close()
    actuator = make()
    assert actuator.offers(facts, [str(other)]) == ()
    assert [(one.action.name, bool(one.refused)) for one in actuator.offers(facts, ["fresh.example"])] == [
        ("dry-run", False), ("renew", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "cause"),
    [
        (Request("burn"), Cause.MISSING),
        (Request("renew", number=3), Cause.MISSING),
        (Request("renew", ("../../etc",)), Cause.MISSING),
        (Request("renew", ("none.example",)), Cause.GONE),
        (Request("renew"), Cause.MISSING),
    ],
)
async def test_what_is_not_there_is_refused_in_words(request_: Request, cause: Cause, make: Any) -> None:
    with pytest.raises(ProbeError) as caught:
        await make().plan(request_)
    assert caught.value.cause is cause


async def test_where_nothing_can_be_kept_nothing_is_begun(authority: Authority, certbot: Certbot) -> None:
    await keep_due(certbot, authority)
    settings = CertificatesSettings(certbot=str(certbot.folder))
    actuator = CertificatesActuator(Target("tls", "certificates", settings), Context(NoSecrets()))
    with pytest.raises(ProbeError, match="no folder"):
        await actuator.plan(Request("renew", (NAME,)))


NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,40}", fullmatch=True)


@given(st.sampled_from(["renew", "dry-run"]), st.lists(NAMES, unique=True, max_size=1), st.booleans(), st.booleans())
def test_a_rendered_line_is_recognised_as_the_same_request(
    action: str, names: list[str], sudo: bool, usual: bool
) -> None:
    folder = "/etc/letsencrypt" if usual else "/srv/le"
    settings = CertificatesSettings(certbot=folder, sudo=sudo)
    actuator = CertificatesActuator(Target("tls", "certificates", settings), Context(NoSecrets()))
    assert comes_back(actuator, Request(action, tuple(names)))


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("sudo certbot renew --dry-run", Request("dry-run")),
        ("certbot renew", Request("renew")),
        ("certbot-auto renew -q -n --cert-name=a.example", Request("renew", ("a.example",))),
        (
            "/usr/bin/certbot --dry-run renew --cert-name a.example,b.example",
            Request("dry-run", ("a.example", "b.example")),
        ),
        ("letsencrypt renew", Request("renew")),
        ("certbot renew --force-renewal", None),
        ("certbot renew --deploy-hook 'nginx -s reload'", None),
        ("certbot delete --cert-name a.example", None),
        ("certbot renew --config-dir /elsewhere", None),
        ("certbot certificates", None),
    ],
)  # fmt: skip
def test_the_spellings_of_people_are_understood(line: str, wanted: Request | None) -> None:
    settings = CertificatesSettings(certbot="/etc/letsencrypt")
    actuator = CertificatesActuator(Target("tls", "certificates", settings), Context(NoSecrets()))
    found = recognised(line, actuator)
    assert (found.request if found else None) == wanted
    if wanted is not None and wanted.action == "dry-run":
        assert found is not None
        assert "renews nothing" in found.warning


async def test_rights_say_what_is_held_and_what_is_too_much(make: Any) -> None:
    told = [(right.name, right.grant.value) for right in await make().rights()]
    if os.geteuid() == 0:
        assert told == [("renew certificates by certbot", "held"), ("everything, as root", "too much")]
    else:
        assert told == [("renew certificates by certbot", "missing")]


async def test_without_certbot_itself_the_right_is_missing_with_what_names_it(make: Any, tmp_path: Path) -> None:
    (right,) = await make(certbot_program=str(tmp_path / "none")).rights()
    assert right.grant.value == "missing"
    assert str(right.remedy) == f"{tmp_path}/none is not installed here: certbot_program"


async def test_servers_that_have_not_read_the_new_one_are_named(
    authority: Authority, certbot: Certbot, make: Any
) -> None:
    old, _ = await keep_due(certbot, authority)
    with shaking(old) as first, shaking(old) as second:
        hosts = [f"127.0.0.1:{one.port} name={NAME}" for one in (first, second)]
        actuator = make(hosts=hosts, ca=str(authority.root))
        plan = await actuator.plan(Request("renew", (NAME,)))
        outcome = await carried_out(actuator, plan, plan.chosen[0], [])
        async with asyncio.timeout(20):
            while "the file" not in str((verdict := await actuator.verify(plan, plan.chosen[0], outcome, 1)).words):
                await asyncio.sleep(0.05)
    assert f"but {hosts[0]}, {hosts[1]} do not show it: their servers must be reloaded" in str(verdict.words)


def test_of_what_certbot_said_the_telling_line_is_taken() -> None:
    output = b"Saving debug log\nFailed to renew certificate a with error: no\x1b[2J\n"
    assert str(said(output)) == "Failed to renew certificate a with error: no^[[2J"
    assert str(said(b"")) == "it said nothing"


def test_our_sudoers_names_the_very_commands_that_are_run() -> None:
    text = (Path(__file__).parents[2] / "contrib" / "certbot" / "opsroom.sudoers").read_text()
    named = [line.strip(" ,\\") for line in text.splitlines() if line.startswith("    /")]
    here = commands.Here(program="/usr/bin/certbot", sudo=True)
    wanted = [commands.arguments(action, "newsletter.example", here)[2:] for action in ("dry-run", "renew")]
    assert named == [" ".join(words) for words in wanted]
