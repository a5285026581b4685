"""What lines of certbot, openssl and their like mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within
from probes.base.command import filled, shown
from probes.base.dialect import honest
from probes.base.options import options
from probes.certificates.commands import Here, recognise

_CERTBOTS: Final = frozenset({"certbot", "certbot-auto", "letsencrypt", "letsencrypt-auto"})
_CERTBOT: Final = frozenset({
    "--cert-name", "-d", "--domain", "--domains", "--config-dir", "--work-dir", "--logs-dir", "-w", "--webroot-path",
    "-m", "--email", "--server", "--preferred-challenges", "-a", "--authenticator", "-i", "--installer",
    "--deploy-hook", "--pre-hook", "--post-hook", "--key-type", "--rsa-key-size", "--reason", "--cert-path",
    "--key-path", "-c", "--config", "--csr", "--max-log-backups", "--dns-cloudflare-credentials",
    "--dns-route53-propagation-seconds",
})  # fmt: skip
_LOOKING: Final = frozenset(
    {"version", "ciphers", "crl2pkcs7", "asn1parse", "errstr", "list", "speed", "prime", "help"}
)
_CHECKING: Final = frozenset({"s_client", "s_time", "x509", "verify", "crl", "ocsp", "pkcs12"})
_SECRETIVE: Final = frozenset({"rand", "pkey", "rsa", "ec", "pkcs8", "passwd", "genrsa", "genpkey", "pkcs12"})
_ACTING: Final = re.compile(
    r"(?:--)?(?:remove|revoke|renew|issue|sign|deactivate|(?:un)?install|upgrade|deploy|register|cron|run|create|set-"
    r"|update-|make-|to-pkcs|cleanup|force)[\w-]*|-[a-ce-gi-uw-zA-Z]"
)
"""Words with which the other clients do more than look, whatever they are asked to show besides."""
_GREETING: Final = re.compile(r"\s*(?:Q|QUIT|GET|HEAD|EHLO|HELO|x)\b", re.I)

_STAGING: Final = "a dry run asks the authority's staging server and renews nothing; the days left are read here"
_FORCED: Final = "a forced renewal counts against the authority's limit of certificates a week; here only what is due"
_WAITS: Final = "s_client waits for input after the handshake; < /dev/null ends it, and here it ends by itself"


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line about certificates means; None for every other program."""
    words = line.words[1:]
    if line.program in _CERTBOTS:
        return _certbot(words)
    match line.program:
        case "openssl" | "libressl":
            return _openssl(line, words)
        case "acme.sh" | "lego" | "dehydrated" | "getssl":
            return _other_client(words)
        case "keytool":
            return _keytool(words)
        case "mkcert":
            return Meaning(Sort.SHELL, Verb.OTHER, "certificates", danger=Danger.REVERSIBLE)
    return None


def _certbot(words: Sequence[str]) -> Meaning:
    found = options(words, _CERTBOT)
    verb = next(iter(found.plain), "")
    name = found.value("--cert-name") or found.value("-d", "--domain", "--domains")
    if found.has("--help", "-h", "--version") or verb in ("certificates", "show_account", "plugins"):
        sort = Sort.READING if verb == "certificates" else Sort.SHELL
        return Meaning(sort, Verb.STATUS, "certbot", name, kind="certificates")
    if verb == "renew":
        dry = found.has("--dry-run", "--test-cert", "--staging")
        warning = _STAGING if dry else _FORCED if found.has("--force-renewal", "--force-renew") else ""
        hooked = found.has("--pre-hook", "--post-hook", "--deploy-hook", "--renew-hook")
        danger = Danger.REVERSIBLE if dry and not hooked else Danger.DISRUPTIVE
        plain = tuple(word for word in words if word not in ("--force-renewal", "--force-renew"))
        becomes = shown(["certbot", *plain]) if warning == _FORCED else ""
        meaning = Meaning(Sort.ACTION, Verb.MAINTENANCE, "certbot", name, danger, "certificates", warning, becomes)
        folder = found.value("--config-dir") or Here().folder
        told = CommandLine(filled(("certbot", *plain)))
        return honest(meaning, recognise(told, Here(folder=filled([folder])[0])) is not None)
    gone = verb in ("delete", "revoke", "unregister", "rollback")
    danger = Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE
    return Meaning(Sort.SHELL, Verb.MAINTENANCE, "certbot", name, danger, "certificates")


def _openssl(line: CommandLine, words: Sequence[str]) -> Meaning:
    valued = {
        "-connect", "-servername", "-in", "-out", "-inform", "-outform", "-starttls", "-CAfile", "-CApath", "-cert",
        "-key", "-passin", "-passout", "-pass", "-days", "-subj", "-checkend", "-checkhost", "-proxy", "-host",
        "-port", "-verify", "-config", "-extfile", "-CA", "-CAkey", "-alpn", "-nameopt", "-newkey", "-keyout",
    }  # fmt: skip
    verb, *rest = words or ["help"]
    found = options(rest, valued, dashed=True)
    target = found.value("-connect") or found.value("-servername") or found.value("-in") or " ".join(found.plain[:1])
    secret = verb in _SECRETIVE and not (verb == "pkcs12" and found.has("-nokeys")) and not found.has("-pubout")
    if found.has("-out", "-keyout", "-writerand") or verb in ("ca",):
        danger = Danger.DESTRUCTIVE if found.has("-revoke") else Danger.DISRUPTIVE
        return Meaning(Sort.SHELL, Verb.OTHER, "certificates", target, danger)
    if verb in _CHECKING:
        fed = bool(line.stdin or line.fed or line.reads)
        waits = verb == "s_client" and not fed and not found.has("-help")
        said = line.stdin or " ".join(word for word in line.fed[1:] if not word.startswith("-"))
        if verb == "s_client" and said.strip() and not _GREETING.match(said):
            return Meaning(Sort.SHELL, Verb.OTHER, "certificates", target, Danger.DISRUPTIVE)
        return Meaning(
            Sort.READING if verb != "pkcs12" else Sort.SHELL,
            Verb.STATUS,
            "certificates",
            target,
            kind="certificates",
            warning=_WAITS if waits else "",
            reveals=secret,
            endless=waits,
            interactive=waits,
        )
    safe = verb in _LOOKING | _SECRETIVE or verb in ("dgst", "sha256", "sha1", "md5", "base64", "req", "enc", "dhparam")
    danger = Danger.READ if safe else Danger.DISRUPTIVE
    return Meaning(Sort.SHELL, Verb.OTHER, "certificates", target, danger, reveals=secret or verb == "enc")


def _other_client(words: Sequence[str]) -> Meaning:
    text = " ".join(words)
    looks = any(part in text for part in ("--list", "--info", "--version", "--help")) or list(words[-1:]) == ["list"]
    if looks and not any(map(_ACTING.fullmatch, words)):
        return Meaning(Sort.SHELL, Verb.STATUS, "certificates")
    gone = any(part in text for part in ("revoke", "remove", "deactivate", "uninstall"))
    danger = Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE
    return Meaning(Sort.SHELL, Verb.MAINTENANCE, "certificates", danger=danger)


def _keytool(words: Sequence[str]) -> Meaning:
    looks = {"-list", "-printcert", "-printcertreq", "-help", "-showinfo"} & set(words)
    gone = "-delete" in words
    danger = Danger.READ if looks else Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE
    target = options(words, {"-keystore", "-file", "-alias"}, dashed=True).value("-keystore")
    return Meaning(Sort.SHELL, Verb.STATUS if looks else Verb.OTHER, "certificates", target, danger)
