"""Certificates in files, as real TLS servers show them, and in certbot's folders."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.board import Slot
from desk.rules import RuleBook
from probes.base import Cause, Context, Probe, ProbeError, Severity, Snapshot, Target, expiry
from probes.base.x509 import read_certificate
from probes.certificates.certbot import due_at, timers
from probes.certificates.facts import CertificatesFacts, Seen
from probes.certificates.files import parsed
from probes.certificates.probe import CertificatesProbe, CertificatesSettings
from probes.http.probe import HttpProbe
from probes.kubernetes.probe import KubernetesProbe
from probes.net.probe import NetProbe
from tests.probes.certstage import Authority, Certbot, authority, certbot, openssl, shaking
from tests.stack import places
from tests.toys import NoSecrets

__all__ = ["authority", "certbot"]

DAY = 86400


async def read(later: float = 0, **settings: Any) -> Snapshot[CertificatesFacts]:
    """One reading, as if it were taken so many days later."""
    given_settings = CertificatesSettings.model_validate({"timeout": 5.0} | settings)
    context = Context(NoSecrets(), now=lambda: datetime.now(UTC) + timedelta(days=later))
    probe = CertificatesProbe(Target("tls", "certificates", given_settings), context)
    try:
        return await probe.read()
    finally:
        await probe.close()


async def only(**settings: Any) -> Seen:
    (one,) = (await read(**settings)).facts.seen
    return one


async def refused(**settings: Any) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        await read(**settings)
    return caught.value


# files


async def test_a_file_with_its_issuer_is_one_line_with_all_that_it_says(authority: Authority) -> None:
    chain = authority.leaf("shop", days=90, names="DNS:shop.example,DNS:*.shop.example", rsa=True)
    found = await read(files=str(chain))
    (one,) = found.facts.seen
    about = one.certificate
    assert [str(name) for name in about.names] == ["shop.example", "*.shop.example"]
    assert (str(about.issuer), about.key, about.bits, one.chain) == ("Test middle", "RSA", 2048, 1)
    assert not about.self_signed
    assert found.gauge("expires_in_seconds", place=str(chain)) == pytest.approx(90 * DAY, abs=120)
    openssl(chain.parent, "x509", "-in", chain.name, "-noout", "-serial", "-out", "serial")
    assert (chain.parent / "serial").read_text().strip().lower() == f"serial={about.serial}"


async def test_der_and_a_self_signed_one_are_read(authority: Authority) -> None:
    openssl(authority.folder, "x509", "-in", "root.pem", "-outform", "DER", "-out", "root.der")
    one = await only(files=str(authority.path("root.der")))
    assert (one.certificate.self_signed, one.certificate.key, one.certificate.bits) == (True, "EC", 256)
    assert one.complete


async def test_several_certificates_of_a_file_are_several_lines(authority: Authority, tmp_path: Path) -> None:
    first, second = authority.sign("one", "/CN=one", "subjectAltName=DNS:one.example", 60), authority.leaf("two")
    bundle = tmp_path / "all.pem"
    bundle.write_text(first.read_text() + second.read_text())
    found = await read(files=str(bundle))
    assert sorted(one.key for one in found.facts.seen) == [str(bundle), f"{bundle}#2"]
    assert {one.chain for one in found.facts.seen} == {1}


async def test_an_issuer_that_ends_first_counts(authority: Authority) -> None:
    leaf = authority.sign("long", "/CN=long", "subjectAltName=DNS:long.example", 380, by="middle")
    chain = authority.path("long.chain.pem")
    chain.write_text(leaf.read_text() + authority.path("middle.pem").read_text())
    one = await only(files=str(chain))
    assert one.left == pytest.approx(300 * DAY, abs=600)
    assert str(one.why) == "its issuer Test middle ends before it"


@pytest.mark.parametrize(
    ("content", "cause", "words"),
    [
        (b"", Cause.GARBAGE, "empty"),
        (b"hello", Cause.GARBAGE, "no certificate in it"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", Cause.GARBAGE, "a key, and no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", Cause.GARBAGE, "1 of 1 is damaged"),
        (b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", Cause.GARBAGE, "1 of 1 is damaged"),
        (b"\xfe\xed\xfe\xed\0\0\0\2", Cause.VERSION, "a Java keystore"),
        (b"x" * ((1 << 20) + 1), Cause.TOO_BIG, "longer than 1 MiB"),
    ],
)
async def test_a_file_without_a_certificate_says_what_it_is(
    content: bytes, cause: Cause, words: str, tmp_path: Path
) -> None:
    (tmp_path / "it.pem").write_bytes(content)
    error = await refused(files=str(tmp_path / "it.pem"))
    assert str(error.message).startswith(f"no certificate from {tmp_path}/it.pem: ")
    assert error.cause is cause
    assert words in str(error.message)


async def test_pkcs12_is_told_as_needing_a_password(authority: Authority) -> None:
    authority.leaf("packed")
    words = ("pkcs12", "-export", "-in", "packed.pem", "-inkey", "packed.key", "-out", "it.p12", "-passout", "pass:x")
    openssl(authority.folder, *words)
    error = await refused(files=str(authority.path("it.p12")))
    assert error.cause is Cause.AUTH
    assert "needs a password" in str(error.message)


async def test_what_is_no_file_and_what_is_missing_is_told_beside_the_others(
    authority: Authority, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.pem")
    files = [str(authority.leaf("beside")), str(tmp_path / "pipe.pem"), "/nowhere/x.pem", str(tmp_path / "*.crt")]
    found = await read(files=files)
    assert len(found.facts.seen) == 1
    assert {one.cause for one in found.facts.unread} == {Cause.GARBAGE, Cause.GONE}
    (gap,) = found.gaps
    assert gap.part == "3 of 4 certificates"
    assert "/nowhere/x.pem: no such file" in str(gap.hint)
    assert found.gauge("unread", place="/nowhere/x.pem", why="no such file") == 1


async def test_a_file_that_may_not_be_read_is_told_with_what_would_help(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "it.pem").write_text(authority.root.read_text())
    (tmp_path / "it.pem").chmod(0)
    if os.geteuid() == 0:  # root reads everything: somebody else looks
        os.chmod(tmp_path, 0o755)
        os.seteuid(65534)
    try:
        error = await refused(files=str(tmp_path / "it.pem"))
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
    assert error.cause is Cause.LOCAL_PERM


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_a_file(raw: bytes) -> None:
    with suppress(ProbeError):
        assert parsed(raw)


@given(data=st.data())
def test_a_damaged_certificate_is_read_in_part_or_not_at_all(authority: Authority, data: st.DataObject) -> None:
    whole = ssl.PEM_cert_to_DER_cert(authority.root.read_text())
    place = data.draw(st.integers(0, len(whole) - 1))
    read_certificate(whole[:place] + bytes((data.draw(st.integers(0, 255)),)) + whole[place + 1 :])


async def test_an_elliptic_key_of_the_newer_kind_is_named(tmp_path: Path) -> None:
    words = ("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "it.key", "-out", "it.pem", "-subj", "/CN=x")
    openssl(tmp_path, *words)
    one = (await only(files=str(tmp_path / "it.pem"))).certificate
    assert (one.key, one.bits, one.self_signed) == ("Ed25519", 256, True)


# servers


async def test_a_server_is_verified_with_its_chain_and_asked_by_its_name(authority: Authority) -> None:
    with shaking(authority.leaf("fine")) as server:
        one = await only(hosts=f"127.0.0.1:{server.port} name=localhost", ca=str(authority.root))
    assert (one.verified, one.complete, one.matches, one.chain, str(one.why)) == (True, True, True, 1, "")
    assert server.asked == ["localhost"]


@pytest.mark.parametrize(
    ("days", "names", "words"),
    [
        (-1, "DNS:localhost", "it has expired"),
        (90, "DNS:other.example", "it is for other.example, not for localhost"),
    ],
)
async def test_a_certificate_that_clients_refuse_is_shown_with_why(
    days: int, names: str, words: str, authority: Authority
) -> None:
    with shaking(authority.leaf(f"bad{days}", days, names)) as server:
        found = await read(hosts=f"127.0.0.1:{server.port} name=localhost", ca=str(authority.root))
    (one,) = found.facts.seen
    assert one.verified is False
    assert str(one.why) == words
    assert {dict(key.labels).get("why"): value for key, value in found.gauges.items() if key.name == "refused"} == (
        {None: 0.0} if days < 0 else {words: 1.0}
    )


async def test_a_chain_that_is_not_sent_is_told_from_an_authority_that_is_not_trusted(authority: Authority) -> None:
    authority.leaf("alone")
    with shaking(authority.path("alone.pem"), authority.path("alone.key")) as server:
        alone = await only(hosts=f"127.0.0.1:{server.port}", ca=str(authority.root))
        assert "sends no issuer" in str(alone.why)
        assert (alone.complete, alone.chain) == (False, 0)
    with shaking(authority.path("alone.chain.pem")) as server:
        strange = await only(hosts=f"127.0.0.1:{server.port}")
        assert str(strange.why) == "its authority is not trusted here"
    with shaking(authority.root, authority.path("root.key")) as server:
        own = await only(hosts=f"127.0.0.1:{server.port}")
        assert "it is for Test root" in str(own.why)


SMTP = [(b"", b"220-mail\r\n220 mail\r\n"), (b"\r\n", b"250-mail\r\n250 STARTTLS\r\n"), (b"\r\n", b"220 go\r\n")]
TALKS = {
    "smtp": SMTP,
    "imap": [(b"", b"* OK ready\r\n"), (b"\r\n", b"* CAPABILITY x\r\na OK begin\r\n")],
    "pop3": [(b"", b"+OK ready\r\n"), (b"\r\n", b"+OK begin\r\n")],
    "postgres": [(b"\x04\xd2\x16\x2f", b"S")],
}


@pytest.mark.parametrize("talk", TALKS)
async def test_tls_is_asked_for_in_the_words_of_each_protocol(talk: str, authority: Authority) -> None:
    with shaking(authority.leaf("mail"), prelude=TALKS[talk]) as server:
        one = await only(hosts=f"localhost:{server.port} starttls={talk}", ca=str(authority.root))
    assert one.verified


@pytest.mark.parametrize(
    ("talk", "said"),
    [("smtp", [*SMTP[:2], (b"\r\n", b"454 not now\r\n")]), ("postgres", [(b"\x16\x2f", b"N")])],
)
async def test_a_server_that_offers_no_tls_is_told_as_such(
    talk: str, said: list[tuple[bytes, bytes]], authority: Authority
) -> None:
    with shaking(authority.leaf("plain"), prelude=said) as server:
        error = await refused(hosts=f"localhost:{server.port} starttls={talk}")
    assert error.cause is Cause.TLS_PLAIN


async def test_a_greeting_without_end_is_cut(authority: Authority) -> None:
    with shaking(authority.leaf("talks"), prelude=[(b"", b"220-on and on\r\n" * 2000)]) as server:
        error = await refused(hosts=f"localhost:{server.port} starttls=smtp")
    assert error.cause is Cause.GARBAGE


async def test_one_server_that_is_down_hides_no_other(authority: Authority) -> None:
    down = f"127.0.0.1:{places.free_port()}"
    with shaking(authority.leaf("up")) as server:
        found = await read(hosts=[down, f"127.0.0.1:{server.port}"], ca=str(authority.root))
    assert [one.verified for one in found.facts.seen] == [True]
    (lost,) = found.facts.unread
    assert (str(lost.where), lost.cause) == (down, Cause.REFUSED)


@pytest.mark.parametrize("text", ["shop.example", "shop.example:0", "a:99999", "a:1 starttls=ftp", "a b:1", "-o:x"])
def test_a_place_that_is_none_is_refused_in_the_profile(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        CertificatesSettings(hosts=(text,))


def test_a_profile_that_names_nothing_is_told_so() -> None:
    with pytest.raises(ValueError, match="needs hosts, files or certbot"):
        CertificatesSettings()


# certbot


async def test_a_renewed_certificate_that_the_server_does_not_show_is_found(
    authority: Authority, certbot: Certbot
) -> None:
    old = authority.leaf("before", days=20)
    while datetime.now(UTC).replace(microsecond=0) <= read_made(old):  # certificates tell whole seconds
        await asyncio.sleep(0.05)
    new = authority.leaf("after", days=90)
    certbot.keep("localhost", new)
    with shaking(old) as server:
        where = f"127.0.0.1:{server.port} name=localhost"
        found = await read(hosts=where, certbot=str(certbot.folder), ca=str(authority.root))
        shown = found.facts.one(where)
        assert shown is not None
        assert shown.outdated == str(certbot.folder / "live/localhost/fullchain.pem")
        assert found.gauge("outdated", place=where) == 1
        server.context.load_cert_chain(new, authority.path("after.key"))
        again = await read(hosts=where, certbot=str(certbot.folder), ca=str(authority.root))
        assert again.gauge("outdated", place=where) == 0


def read_made(chain: Path) -> datetime:
    one = parsed(chain.read_bytes())[0]
    assert one.not_before is not None
    return one.not_before


async def test_certbots_certificates_are_told_with_when_they_are_due(authority: Authority, certbot: Certbot) -> None:
    certbot.keep("shop.example", authority.leaf("c1", days=90))
    certbot.keep("short.example", authority.leaf("c2", days=20), "renew_before_expiry = 25 days")
    certbot.keep("still.example", authority.leaf("c3", days=90), "autorenew = False")
    (certbot.folder / "renewal" / "broken.conf").write_text("fullchain = /nowhere\n")
    found = await read(certbot=str(certbot.folder))
    told = {one.name: one for one in found.facts.lineages}
    assert {name: (one.is_due, one.renews) for name, one in told.items()} == {
        "shop.example": (False, True), "short.example": (True, True), "still.example": (False, False),
    }  # fmt: skip
    assert str(told["shop.example"].means) == "nginx"
    assert [str(one.where) for one in found.facts.unread] == ["certbot broken"]
    assert found.gauge("renewal_late_seconds", lineage="shop.example") is None
    later = await read(later=65, certbot=str(certbot.folder))
    assert later.gauge("renewal_late_seconds", lineage="shop.example") == pytest.approx(5 * DAY, abs=120)
    assert later.gauge("renewal_late_seconds", lineage="still.example") is None


@pytest.mark.parametrize(
    ("days", "more", "before"), [(90, {}, 30), (6, {}, 3), (90, {"renew_before_expiry": "2 weeks"}, 14)]
)
def test_when_certbot_renews_follows_its_own_rule(days: int, more: dict[str, str], before: int) -> None:
    from probes.base.x509 import Certificate

    begin = datetime(2026, 3, 1, tzinfo=UTC)
    one = Certificate(not_before=begin, not_after=begin + timedelta(days=days))
    assert due_at(one, more) == begin + timedelta(days=days - before)


FAILURES = (
    "{at},123:ERROR:certbot._internal.renewal:Failed to renew certificate shop.example with error: "
    "Some challenges have failed.",
    "{at},123:WARNING:certbot.renewal:Attempting to renew cert (shop.example) from /etc/letsencrypt/renewal/x.conf "
    "produced an unexpected error: Some challenges have failed.. Skipping.",
)


@pytest.mark.parametrize("wording", FAILURES)
async def test_the_last_failure_counts_until_the_renewal_succeeds(
    wording: str, authority: Authority, certbot: Certbot
) -> None:
    file = certbot.keep("shop.example", authority.leaf("c4"))
    certbot.log.write_text("noise\n" + wording.format(at=datetime.now().strftime("%Y-%m-%d %H:%M:%S")) + "\nmore\n")
    os.utime(file, (time.time() - 3600, time.time() - 3600))
    found = await read(certbot=str(certbot.folder), certbot_log=str(certbot.log))
    (one,) = found.facts.lineages
    assert str(one.error).startswith("Some challenges have failed")
    assert found.gauge("renewal_failed", lineage="shop.example") == 1
    os.utime(file, (time.time() + 3600, time.time() + 3600))
    found = await read(certbot=str(certbot.folder), certbot_log=str(certbot.log))
    assert found.gauge("renewal_failed", lineage="shop.example") == 0


async def test_the_failure_of_an_earlier_run_counts_and_that_of_a_dry_run_does_not(
    authority: Authority, certbot: Certbot
) -> None:
    """certbot puts its log away at each run, so the newest may be that of a run for another certificate."""
    file = certbot.keep("shop.example", authority.leaf("c5"))
    os.utime(file, (time.time() - 3600, time.time() - 3600))
    failure = FAILURES[0].format(at=datetime.now().strftime("%Y-%m-%d %H:%M:%S"))
    dry = "\n2026-03-01 00:00:00,1:ERROR:certbot._internal.renewal:All simulated renewals failed. The following"
    certbot.log.write_text(failure + dry)
    found = await read(certbot=str(certbot.folder), certbot_log=str(certbot.log))
    assert found.gauge("renewal_failed", lineage="shop.example") == 0
    certbot.log.with_name("letsencrypt.log.2").write_text(failure)
    found = await read(certbot=str(certbot.folder), certbot_log=str(certbot.log))
    assert found.gauge("renewal_failed", lineage="shop.example") == 1


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert (await refused(certbot=str(tmp_path / "none"))).cause is Cause.GONE


def test_what_runs_certbot_by_itself_is_found(tmp_path: Path) -> None:
    assert list(timers(tmp_path)) == []
    (tmp_path / "etc/cron.d").mkdir(parents=True)
    (tmp_path / "etc/cron.d/certbot").touch()
    assert list(timers(tmp_path)) == [str(tmp_path / "etc/cron.d/certbot")]


# rules


async def test_days_are_told_and_short_lived_ones_by_their_share(authority: Authority) -> None:
    files = [str(authority.leaf(f"d{days}", days)) for days in (90, 64, 47, 6)]
    found = await read(files=files)
    kinds = {(key.name, dict(key.labels)["place"].rpartition("/")[2]) for key in found.gauges if key.labels}
    assert kinds == {
        ("expires_in_seconds", "d90.chain.pem"), ("expires_in_seconds", "d64.chain.pem"),
        ("left_ratio", "d47.chain.pem"), ("left_ratio", "d6.chain.pem"),
    }  # fmt: skip


@pytest.mark.parametrize("probe", [CertificatesProbe, HttpProbe, NetProbe, KubernetesProbe])
def test_every_kind_that_sees_certificates_warns_of_their_end_at_the_same_time(probe: type[Probe[Any]]) -> None:
    left = ("expires_in_seconds", "certificate_seconds_left", "certificate_left_seconds")
    days = {rule.threshold / DAY for rule in probe.rules if rule.gauge in left}
    shares = {rule.threshold for rule in probe.rules if rule.gauge in ("left_ratio", "certificate_left_ratio")}
    assert (days, shares) == ({21.0, 3.0}, {0.3, 0.1})


def test_a_renewal_in_time_is_never_warned_of() -> None:
    """certbot and cert-manager renew with a third left, whatever a certificate was made for."""
    for days in (3, 6, 45, 47, 62, 64, 90, 398):
        made, left = datetime(2026, 1, 1, tzinfo=UTC), days * DAY / 3
        share = expiry.share_left(made, made + timedelta(days=days), left)
        assert left > expiry.SOON if share is None else share > expiry.SOON_SHARE


async def test_what_has_ended_is_told_by_how_long_ago_and_not_by_what_is_left(authority: Authority) -> None:
    path = str(authority.leaf("past", 90))
    found = await read(later=91, files=[path])
    assert found.gauge("expired_seconds", place=path) == pytest.approx(DAY, abs=120)
    assert not {key.name for key in found.gauges} & {"expires_in_seconds", "left_ratio"}
    book = RuleBook("web", CertificatesProbe.rules, CertificatesProbe.gauges)
    (said,) = book.judge(
        Slot(Target("web", "certificates", CertificatesSettings(files=(path,))), 0.0, found), 0.0, found.taken_at
    )
    assert said.words == f"certificate {path} expired 1d00h ago"
    assert said.severity is Severity.CRITICAL
