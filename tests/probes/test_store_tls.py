"""The way to the store under TLS: what the address asks for is had, or the session stays away and says why."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from probes.base import Cause, ProbeError
from probes.store.line import Line
from tests.conftest import obtain
from tests.probes.storing import Session, line, prepared, wait_for
from tests.stack import certificates
from tests.stack import postgres as servers
from tests.stack.certificates import Authority
from tests.stack.postgres import Postgres

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return obtain("openssl", lambda: certificates.new_authority(tmp_path_factory.mktemp("pki") / "ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that has signed nothing of ours."""
    return obtain("openssl", lambda: certificates.new_authority(tmp_path_factory.mktemp("pki") / "stranger"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[Postgres]:
    """A server with a certificate for 127.0.0.1 that lets people in under TLS only."""
    found = obtain("postgres", lambda: servers.start("system"))
    pair = authority.server("store", "IP:127.0.0.1")
    for name in (pair.certificate, pair.key):
        there = found.folder / name.name
        there.write_bytes(name.read_bytes())
        there.chmod(0o600)
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(there, nobody.pw_uid, nobody.pw_gid)
        kind = "key" if name is pair.key else "cert"
        found.sql(f"ALTER SYSTEM SET ssl_{kind}_file = '{there}'")
    found.sql("ALTER SYSTEM SET ssl = on")
    rules = found.folder / "data" / "pg_hba.conf"
    rules.write_text("host all postgres 127.0.0.1/32 scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
    found.sql("SELECT pg_reload_conf()")
    wait_for(lambda: found.sql("SHOW ssl") == "on")
    yield found
    servers.end(found)


@pytest.fixture(scope="module")
def database(server: Postgres) -> str:
    return prepared(server)


def way(server: Postgres, database: str, **options: object) -> str:
    return f"{server.url('ada', database)}?{urlencode(options)}"


def refused(url: str) -> ProbeError:
    with pytest.raises(ProbeError) as error:
        line(url, "opsroom/tls").open()
    return error.value


def encrypted(one: Line) -> bool:
    return one.ask("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [(True,)]


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
def test_whoever_trusts_the_authority_gets_in_and_all_of_it_is_encrypted(
    server: Postgres, database: str, authority: Authority, mode: str
) -> None:
    trusted = {"sslrootcert": authority.certificate} if mode.startswith("verify") else {}
    one = line(way(server, database, sslmode=mode, **trusted), "opsroom/tls")
    one.open()
    assert encrypted(one)
    proven = "the server has proven who it is" if trusted else "WHOEVER ANSWERS is believed"
    assert one.protection == f"encrypted, and {proven}"
    one.cut()


def test_a_server_that_another_authority_has_signed_is_not_trusted(
    server: Postgres, database: str, stranger: Authority
) -> None:
    for mode in ("verify-ca", "verify-full"):
        error = refused(way(server, database, sslmode=mode, sslrootcert=stranger.certificate))
        assert error.cause is Cause.TLS_UNTRUSTED
        assert str(error.message) == f"the certificate of 127.0.0.1:{server.port} is not trusted"
        assert "sslrootcert" in str(error.hint)


def test_a_certificate_for_another_name_is_refused_where_the_name_counts(
    server: Postgres, database: str, authority: Authority
) -> None:
    by_name = way(server, database, sslrootcert=authority.certificate, sslmode="verify-full").replace(
        "@127.0.0.1:", "@localhost:"
    )
    error = refused(by_name)
    assert error.cause is Cause.TLS_NAME
    assert "is for another name" in str(error.message)
    one = line(by_name.replace("verify-full", "verify-ca"), "opsroom/tls")
    one.open()
    one.cut()


@pytest.mark.parametrize("content", [None, b"no certificate"], ids=["absent", "garbage"])
def test_a_file_of_authorities_that_is_none_is_our_own_fault_and_said_so(
    server: Postgres, database: str, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "root.crt").write_bytes(content)
    error = refused(way(server, database, sslmode="verify-full", sslrootcert=tmp_path / "root.crt"))
    assert error.cause is Cause.TLS_UNTRUSTED
    assert "sslrootcert" in str(error.message)


def test_a_server_that_wants_encryption_says_so_to_who_will_have_none(server: Postgres, database: str) -> None:
    error = refused(way(server, database, sslmode="disable"))
    assert "without encryption" in str(error.message)
    assert "sslmode" in str(error.hint)


def test_a_server_without_encryption_gets_no_password_from_who_asks_for_it(postgres: Postgres) -> None:
    error = refused(way(postgres, prepared(postgres), sslmode="require"))
    assert error.cause is Cause.TLS_PLAIN
    assert "offers no encryption and the url asks for it" in str(error.message)
    plain = line(way(postgres, prepared(postgres), sslmode="prefer"), "opsroom/plain")
    plain.open()
    assert plain.protection == "NOT ENCRYPTED"
    plain.cut()


def test_people_meet_under_encryption_as_they_do_without(
    server: Postgres, database: str, authority: Authority, tmp_path: Path
) -> None:
    with ExitStack() as held:
        people = []
        for name in ("ada", "bob"):
            folder = tmp_path / name
            folder.mkdir(mode=0o700)
            url = way(server, database, sslmode="verify-full", sslrootcert=authority.certificate)
            one = Session(folder, url.replace("://ada:", f"://{name}:"), name, f"{tmp_path.name}/production")
            held.callback(one.close)
            one.relay.start()
            people.append(one)
        ada, bob = people
        ada.write("a1")
        bob.write("b1")
        wait_for(lambda: sorted(ada.read()) == sorted(bob.read()) == ["a1", "b1"])
        with ada.locks.claim(f"db of {tmp_path.name}", "ada acts") as claim:
            assert claim.there
        ada.write("a2")
        wait_for(lambda: "a2" in bob.read())
