"""What lines of certbot, openssl and their like mean when they stand in somebody's notes."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from probes.base import CommandLine, Danger, Dialect
from probes.certificates import dialect as module
from tests.probes.spoken import line, meant, said, words

DIALECT = cast(Dialect, module)

ROWS = [
    ("openssl ca -revoke old.pem", "shell other destructive", "old.pem"),
    ("certbot renew", "action maintenance disruptive", ""),
    ("sudo certbot renew --cert-name shop.example", "action maintenance disruptive", "shop.example"),
    ("certbot -q renew --force-renewal", "action maintenance disruptive", ""),
    ("certbot renew --dry-run", "action maintenance reversible", ""),
    ("certbot renew --dry-run --pre-hook 'service nginx stop'", "action maintenance disruptive", ""),
    ("certbot certificates", "reading status read", ""),
    ("certbot certonly --webroot -w /srv -d shop.example", "shell maintenance disruptive", "shop.example"),
    ("certbot --nginx -d shop.example", "shell maintenance disruptive", "shop.example"),
    ("certbot delete --cert-name shop.example", "shell maintenance destructive", "shop.example"),
    ("certbot revoke --cert-path /etc/a.pem", "shell maintenance destructive", ""),
    ("certbot --version", "shell status read", ""),
    ("openssl s_client -connect shop.example:443 -servername shop.example", "reading status read", "shop.example:443"),
    ("openssl x509 -in /etc/ssl/a.pem -noout -enddate", "reading status read", "/etc/ssl/a.pem"),
    ("openssl x509 -noout -dates", "reading status read", ""),
    ("openssl verify -CAfile ca.pem a.pem", "reading status read", "a.pem"),
    ("openssl rand -base64 32", "shell other read", "32"),
    ("openssl genrsa -out a.key 4096", "shell other disruptive", "4096"),
    ("openssl req -new -newkey rsa:4096 -keyout a.key -out a.csr", "shell other disruptive", ""),
    ("openssl rsa -in a.key -check -noout", "shell other read", "a.key"),
    ("openssl s_server -accept 443", "shell other disruptive", "443"),
    ("openssl version", "shell other read", ""),
    ("acme.sh --list", "shell status read", ""),
    ("acme.sh --renew -d shop.example", "shell maintenance disruptive", ""),
    ("acme.sh --revoke -d shop.example", "shell maintenance destructive", ""),
    ("keytool -list -keystore a.jks", "shell status read", "a.jks"),
    ("keytool -delete -alias a -keystore a.jks", "shell other destructive", "a.jks"),
    ("mkcert localhost", "shell other reversible", ""),
    ("acme.sh --list", "shell status read", ""),
    ("acme.sh --info -d a.example", "shell status read", ""),
    ("acme.sh --list --remove -d a.example", "shell maintenance destructive", ""),
    ("acme.sh --info --renew -d a.example", "shell maintenance disruptive", ""),
    ("lego --path /srv/lego list", "shell status read", ""),
]


@pytest.mark.parametrize(("text", "expected", "target"), ROWS)
def test_a_line_means_what_its_writer_meant(text: str, expected: str, target: str) -> None:
    assert said(DIALECT, text) == (expected, target)


def test_a_dry_run_renews_nothing_and_a_forced_renewal_counts() -> None:
    assert "renews nothing" in meant(DIALECT, "certbot renew --dry-run").warning
    forced = meant(DIALECT, "certbot renew --force-renewal --cert-name shop.example")
    assert "limit" in forced.warning
    assert forced.becomes == "certbot renew --cert-name shop.example"
    assert not meant(DIALECT, "certbot renew").warning


def test_what_is_done_instead_of_a_forced_renewal_keeps_its_folder_and_is_nothing_for_names_it_can_not_take() -> None:
    elsewhere = meant(DIALECT, "certbot renew --config-dir /srv/tls --force-renewal")
    assert elsewhere.becomes == "certbot renew --config-dir /srv/tls"
    by_name = meant(DIALECT, "certbot renew -d a.example -d b.example --force-renewal")
    assert (by_name.becomes, "here" in by_name.warning) == ("", False)


def test_a_client_that_nothing_is_fed_to_waits() -> None:
    waiting = meant(DIALECT, "openssl s_client -connect shop:443")
    assert waiting.endless
    assert waiting.interactive
    assert "waits for input" in waiting.warning
    assert not meant(DIALECT, "openssl s_client -connect shop:443", fed=("echo",)).endless
    assert not meant(DIALECT, "openssl s_client -connect shop:443", reads="/dev/null").endless


def test_what_is_said_through_a_client_may_change_something() -> None:
    found = meant(DIALECT, "openssl s_client -connect cache:6380", fed=("echo", "FLUSHALL"))
    assert found.danger >= Danger.DISRUPTIVE


def test_keys_are_secret() -> None:
    assert meant(DIALECT, "openssl rand -hex 16").reveals
    assert meant(DIALECT, "openssl pkey -in a.key -text").reveals
    assert not meant(DIALECT, "openssl pkey -in a.key -pubout").reveals


@pytest.mark.parametrize("text", ["certutil -L", "echo certbot renew"])
def test_other_programs_are_none_of_this_world(text: str) -> None:
    assert module.understand(line(text)) is None


@given(some.sampled_from(["certbot", "openssl", "acme.sh", "keytool", "mkcert"]), words)
def test_no_words_are_too_strange(program: str, rest: list[str]) -> None:
    assert module.understand(CommandLine((program, *rest))) is not None
