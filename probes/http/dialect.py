"""What lines of curl, wget and HTTPie mean: what is asked of which address, and what that may change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus

from probes.base import CommandLine, Danger, Meaning, Sort, Verb, Within, hide_password
from probes.base.dialect import flaw
from probes.base.options import Options, options

_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PURGE", "TRACE", "CONNECT"})
_LOOKING: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_HEALTH: Final = re.compile(
    r"(?:^|[/._-])(?:health(?:y|z|checks?)?|status)(?=$|[/._-])"
    r"|(?:^|/)(?:ready|readyz|readiness\w*|live|livez|liveness\w*|alive|ping|heartbeat)(?=$|/)"
    r"|/up/?$",
    re.I,
)
"""A path that answers whether something is well."""
_NAMED_HEALTH: Final = re.compile(
    r"\$\{?\w*(?:health|ready|live|ping|status)\w*\}?|<[^<>]*(?:health|status)[^<>]*>", re.I
)
_METRICS: Final = re.compile(r"(?:^|[/_-])(?:metrics|prometheus)(?=$|[/_-])", re.I)
_ACTS: Final = re.compile(
    r"/job/[^?#]+/build/?$|(?:^|/)(?:[\w-]*[_-])?(?:delete|remove|destroy|purge|flush|truncate|wipe|reset|drop|restart|shutdown|reload|trigger|"
    r"unsubscribe|deactivate|execute|sendmessage|rollback|restore|rebuild|buildwithparameters|clear|failover|kill|quit"
    r"|reboot|disable|pause|drain|promote|redeploy)(?:[_-][\w-]*)?/?$",
    re.I,
)
"""A path whose last part says that a plain GET changes something."""
_STEERS: Final = re.compile(
    r"(?:(?:force|do|jobs?|tasks?|service|batch|worker|soft|hard|cron|bulk)[_-])?"
    r"(?:stop|start|cancel|retry|enable|run|invalidate|reindex)"
    r"(?:[_-]?(?:all|now|jobs?|tasks?|failed|maintenance|service|workers?|import|export|sync|build|backup))?",
    re.I,
)
"""A last part of a path, taken whole, that does the same."""
_CRON: Final = re.compile(r"(?:wp-)?cron\.php|wp-cron", re.I)
_SAID: Final = re.compile(
    r"delete|remove|destroy|purge|flush|truncate|wipe|reset|restart|shutdown|reload|trigger|execute|rollback|failover|kill"
    r"|reboot|disable|redeploy|stop|start|cancel|retry|enable|run|invalidate|reindex|wp-cron(?:\.php)?",
    re.I,
)
"""A part in the middle of a path that does: /stop/3."""
_TELLS: Final = re.compile(
    r"status|state|health\w*|logs?|list|history|info|show|results?|progress|metrics|output|preview|stats|docs?|help|versions?"
    r"|.*\.(?:t?gz|tar|zip|sh|deb|rpm|html?|md|png|jpe?g|svg|ico|css|js|txt|ya?ml|pdf|xml|csv|bin|exe|jar|whl|woff2?)",
    re.I,
)
"""A last part of a path that only tells of the rest, and files."""
_CHANGES: Final = re.compile(
    r"(?:^|[?&;])(?:action|cmd|command|op|operation|method|do|task)=[\w-]*(?:delet|remov|destroy|purg|flush|truncat|wipe|reset|"
    r"drop|restart|shutdown|reload|stop|start|clear|clean|disable|enable|restor|rollback|kill|reboot|cancel|retry|invalidat|"
    r"reindex|trigger|execut|(?<![a-z])run(?![a-z]))"
    r"|stream\.body=|(?:^|[?&=\s;])(?:drop\s+\w+|truncate\s+\w+|delete\s+from|alter\s+\w+|insert\s+into|update\s+\w+\s+set|kill\s+\w+|"
    r"optimize\s+table|detach\s+\w+|create\s+\w+|rename\s+\w+|system\s+\w+)\s",
    re.I,
)
"""A query that says that a plain GET changes something: an action by its name, or SQL."""
_GONE: Final = re.compile(
    r"delet|update_by_query|\bdele\b|destroy|drop|purge|wipe|reset|restor|rollback|truncat|flush|remov|clean|clear|prun|obliterat|forget|"
    r"cancel_all|erase",
    re.I,
)
"""Words in an address or a body after which something is gone."""
_ASKS: Final = re.compile(
    r"/api/v1/(?:query|query_range|series|labels)/?$|/_(?:m?search|count|validate/query)/?$", re.I
)
"""Paths that only answer, also when they are asked by POST: those of Prometheus, and Elasticsearch's searches."""
_LOGIN: Final = re.compile(
    r"/(?:login|log-in|signin|sign-in|token|oauth2?|auth|sessions?|authenticate)(?:$|[/?])", re.I
)
_TOKEN: Final = re.compile(r"[?&][\w-]*(?:token|api_?key|secret|password|signature|access_key)=", re.I)
_ADDRESS: Final = re.compile(r"^(?:[a-z][a-z0-9+.-]*://)?([^/?#]*)([^?#]*)", re.I)
_SHELLS: Final = frozenset({"sh", "bash", "zsh", "dash", "python", "python3", "perl", "node", "sudo"})

_CURL: Final = frozenset({
    "-A", "-b", "-c", "-C", "-d", "-D", "-e", "-E", "-F", "-H", "-K", "-m", "-o", "-P", "-Q", "-r", "-t", "-T", "-u",
    "-U", "-w", "-x", "-X", "-y", "-Y", "-z", "--abstract-unix-socket", "--cacert", "--capath", "--cert",
    "--cert-type", "--ciphers", "--config", "--connect-timeout", "--connect-to", "--continue-at", "--cookie",
    "--cookie-jar", "--crlfile", "--data", "--data-ascii", "--data-binary", "--data-raw", "--data-urlencode",
    "--doh-url", "--dump-header", "--expect100-timeout", "--form", "--form-string", "--ftp-port", "--header",
    "--interface", "--json", "--key", "--key-type", "--limit-rate", "--local-port", "--mail-from", "--mail-rcpt",
    "--max-filesize", "--max-redirs", "--max-time", "--netrc-file", "--noproxy", "--oauth2-bearer", "--output",
    "--output-dir", "--pass", "--pinnedpubkey", "--preproxy", "--proto", "--proto-default", "--proto-redir",
    "--proxy", "--proxy-header", "--proxy-user", "--quote", "--range", "--rate", "--referer", "--request",
    "--request-target", "--resolve", "--retry", "--retry-delay", "--retry-max-time", "--socks5", "--socks5-hostname",
    "--speed-limit", "--speed-time", "--stderr", "--telnet-option", "--time-cond", "--tls-max", "--trace",
    "--trace-ascii", "--unix-socket", "--upload-file", "--url", "--url-query", "--user", "--user-agent",
    "--write-out", "--variable", "--aws-sigv4", "--create-file-mode", "--etag-save", "--etag-compare",
})  # fmt: skip
_BODY: Final = ("-d", "--data", "--data-ascii", "--data-binary", "--data-raw", "--data-urlencode", "--json", "-F",
                "--form", "--form-string")  # fmt: skip
_WGET: Final = frozenset({
    "-O", "-o", "-a", "-e", "-t", "-T", "-w", "-Q", "-P", "-U", "-A", "-R", "-D", "-I", "-X", "-l", "-i", "-B",
    "--output-document", "--output-file", "--append-output", "--tries", "--timeout", "--wait", "--quota",
    "--directory-prefix", "--user-agent", "--header", "--post-data", "--post-file", "--method", "--body-data",
    "--body-file", "--user", "--password", "--http-user", "--http-password", "--ca-certificate", "--certificate",
    "--private-key", "--load-cookies", "--save-cookies", "--input-file", "--level", "--connect-timeout",
    "--read-timeout", "--dns-timeout", "--limit-rate", "--bind-address", "--max-redirect", "--referer",
    "--secure-protocol", "--waitretry", "--retry-on-http-error",
})  # fmt: skip
_HTTPIE: Final = frozenset({
    "-a", "-A", "-o", "-p", "-s", "--auth", "--auth-type", "--output", "--print", "--style", "--session",
    "--session-read-only", "--timeout", "--verify", "--cert", "--cert-key", "--proxy", "--max-redirects", "--pretty",
    "--raw", "--boundary", "--default-scheme", "--unix-socket",
})  # fmt: skip
_LOAD: Final = frozenset({"ab", "wrk", "wrk2", "hey", "siege", "vegeta", "k6", "locust", "autocannon", "bombardier"})

_HIDES_BODY: Final = (
    "curl -f hides the body of a failing answer, which names the failing check; status and body are kept here"
)
_NEVER_FAILS: Final = (
    "curl without -f ends well on any answer, a 503 too; here the status decides, and the body is kept"
)
_ONLY_UP: Final = "a 200 only says that something answered; here status, body, time and certificate are looked at"
_FORM: Final = "-d without a Content-Type header sends a form, not JSON, and most JSON services refuse that"
_IN_ADDRESS: Final = (
    "a secret in the address stays in the logs of servers and proxies, and in the history; use a header"
)
_RUNS: Final = "whatever the server sends is run unseen; download it, read it, and then run it"
_FORMAT: Final = (
    "the file of the format must be there; times of name, connection, TLS and first byte are shown here anyway"
)
_PRESSURE: Final = "this puts load on the service, also on one that is failing already"


@dataclass(slots=True)
class _Asked:
    """One request, whatever program makes it."""

    method: str = "GET"
    urls: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    saves: bool = False
    """Whether the answer goes into a file."""
    over: bool = False
    """Whether that file may be one that something runs with."""
    reveals: bool = False
    warning: str = ""


def understand(line: CommandLine) -> Meaning | Within | None:
    """What a line that asks something by HTTP means; None for every other program."""
    words = line.words[1:]
    match line.program:
        case "curl" | "curl.exe":
            return _meaning(line, _curl(line, words))
        case "wget":
            return _meaning(line, _wget(words))
        case "http" | "https" | "xh" | "xhs":
            return _meaning(line, _httpie(line, words)) if words else None
        case "grpc_health_probe" | "grpc-health-probe":
            target = options(words, dashed=True).value("-addr", "--addr")
            return Meaning(Sort.READING, Verb.HEALTH, "http", target, kind="http")
        case "grpcurl":
            return _grpc(words)
    if line.program in _LOAD:
        urls = [word for word in words if "://" in word]
        return Meaning(Sort.SHELL, Verb.OTHER, "http", " ".join(urls), Danger.DISRUPTIVE, warning=_PRESSURE)
    return None


def _curl(line: CommandLine, words: Sequence[str]) -> _Asked:
    found = options(words, _CURL)
    asked = _Asked(urls=[*found.values("--url"), *_addresses(found.plain)], body=found.values(*_BODY))
    looks = found.has("-G", "--get")
    if found.has("-T", "--upload-file"):
        asked.method = "PUT"
    elif asked.body and not looks:
        asked.method = "POST"
    elif found.has("-I", "--head"):
        asked.method = "HEAD"
    if found.has("-X", "--request"):
        asked.method = found.value("-X", "--request").upper()
    if found.has("-Q", "--quote", "--mail-from", "--mail-rcpt", "-K", "--config"):
        asked.method = "OTHER"
        asked.body += found.values("-Q", "--quote")
    outputs = [one for one in found.values("-o", "--output", "--output-dir") if one not in ("-", "/dev/null", "NUL")]
    asked.saves = bool(outputs) or found.has("-O", "--remote-name", "--remote-name-all", "-J", "--remote-header-name")
    asked.over = any(map(_is_over, outputs))
    headers = " ".join(found.values("-H", "--header")).lower()
    secret = "authorization" in headers or "key" in headers or found.has("-u", "--user", "--oauth2-bearer")
    asked.reveals = secret and found.has("-v", "--verbose", "--trace", "--trace-ascii")
    asked.warning = _curl_warning(found, asked, headers)
    return asked


def _is_over(path: str) -> bool:
    """Whether a file to be written stands where programs and settings are."""
    return path.startswith("/") and not path.startswith(("/tmp/", "/var/tmp/", "/home/", "/root/", "/dev/"))


def _addresses(plain: Sequence[str]) -> list[str]:
    """Of curl's plain words those that can be an address: all, unless one of them plainly is one."""
    sure = [word for word in plain if "://" in word or word.startswith(("$", "<", "{", "localhost", "127.", '"$'))]
    return sure or [word for word in plain if "." in word or "/" in word or ":" in word] or list(plain)


def _curl_warning(found: Options, asked: _Asked, headers: str) -> str:
    if any(map(_TOKEN.search, asked.urls)):
        return _IN_ADDRESS
    if any(one.startswith("@") for one in found.values("-w", "--write-out")):
        return _FORMAT
    typed = found.has("--json", "-F", "--form", "--form-string") or "content-type" in headers
    if not typed and asked.method not in _LOOKING and any(one.lstrip().startswith(("{", "[")) for one in asked.body):
        return _FORM
    if asked.method not in _LOOKING or found.has("--fail-with-body", "-w", "--write-out", "-I", "--head", "-i", "-v"):
        return ""
    if not _is_health(asked.urls):
        return ""
    return _HIDES_BODY if found.has("-f", "--fail") else _NEVER_FAILS


def _wget(words: Sequence[str]) -> _Asked:
    found = options(_joined(words), _WGET)
    asked = _Asked(
        urls=list(found.plain), body=found.values("--post-data", "--post-file", "--body-data", "--body-file")
    )
    if found.has("--post-data", "--post-file"):
        asked.method = "POST"
    if found.has("--method"):
        asked.method = found.value("--method").upper()
    to = found.value("-O", "--output-document")
    asked.saves = not found.has("--spider", "--help", "--version", "-V") and to not in ("-", "/dev/null", "/dev/stdout")
    asked.over = _is_over(to) or _is_over(found.value("-P", "--directory-prefix"))
    if any(map(_TOKEN.search, asked.urls)):
        asked.warning = _IN_ADDRESS
    elif not asked.saves and _is_health(asked.urls):
        asked.warning = _ONLY_UP
    return asked


def _joined(words: Sequence[str]) -> list[str]:
    """`-nv`, `-nc` and their like are one option of wget, not letters."""
    return [f"-{word}" if re.fullmatch(r"-n[vcdHph]", word) else word for word in words]


def _httpie(line: CommandLine, words: Sequence[str]) -> _Asked:
    found = options(words, _HTTPIE)
    plain = list(found.plain)
    asked = _Asked()
    given = plain.pop(0).upper() if plain and (plain[0].upper() in _METHODS) else ""
    asked.urls = plain[:1]
    items = [one for one in plain[1:] if re.match(r"[\w\[\].$<>{}-]+(?::?=(?!=)|@)", one)]
    asked.body = items + found.values("--raw")
    sends = bool(items) or found.has("--raw") or bool(line.stdin or line.fed or line.reads)
    asked.method = given or ("POST" if sends else "GET")
    asked.saves = found.has("-d", "--download", "-o", "--output")
    asked.reveals = found.has("-v", "--verbose", "-p", "--print") and found.has("-a", "--auth")
    return asked


def _grpc(words: Sequence[str]) -> Meaning:
    plain = options(words, {"-d", "-H", "-import-path", "-proto", "-protoset", "-cacert", "-cert", "-key", "-authority",
                            "-max-time", "-connect-timeout"}, dashed=True).plain  # fmt: skip
    if "list" in plain[1:2] or "describe" in plain[1:2]:
        return Meaning(Sort.SHELL, Verb.OTHER, "http", " ".join(plain[:1]))
    if plain and "grpc.health" in plain[-1]:
        return Meaning(Sort.READING, Verb.HEALTH, "http", " ".join(plain[:1]), kind="http")
    danger = Danger.DESTRUCTIVE if any(map(_GONE.search, words)) else Danger.DISRUPTIVE
    return Meaning(Sort.SHELL, Verb.OTHER, "http", " ".join(plain[:1]), danger)


def _meaning(line: CommandLine, asked: _Asked) -> Meaning:
    target = " ".join(map(hide_password, asked.urls))
    reveals = asked.reveals or any(map(_LOGIN.search, asked.urls))
    if any(words and words[0].rpartition("/")[2] in _SHELLS for words in line.piped) and not _reads_json(line):
        return Meaning(Sort.SHELL, Verb.OTHER, "http", target, Danger.DISRUPTIVE, warning=_RUNS)
    if asked.method in _LOOKING:
        acted = [url for url in asked.urls if _acts(_path(url))]
        said = [unquote_plus(one) for one in (*map(_query, asked.urls), *asked.body)]
        changes = [one for one in said if _CHANGES.search(one)]
        if acted or changes:
            gone = any(map(_GONE.search, [*map(_path, acted), *changes]))
            danger = Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE
            return Meaning(Sort.SHELL, Verb.OTHER, "http", target, danger, reveals=reveals)
        if asked.saves:
            danger = Danger.DISRUPTIVE if asked.over else Danger.REVERSIBLE
            warning = flaw(asked.warning)
            return Meaning(Sort.SHELL, Verb.OTHER, "http", target, danger, warning=warning, reveals=reveals)
        verb = _verb(asked.urls)
        kind = "metrics" if verb is Verb.STATUS else "http"
        return Meaning(Sort.READING, verb, "http", target, kind=kind, warning=asked.warning, reveals=reveals)
    gone = asked.method in ("DELETE", "PURGE") or any(map(_GONE.search, [*map(_path, asked.urls), *asked.body]))
    gone = gone or bool(_GONE.search(line.stdin))
    danger = Danger.DESTRUCTIVE if gone else Danger.DISRUPTIVE
    if asked.method == "POST" and asked.urls and all(_ASKS.search(_path(url)) for url in asked.urls):
        danger = Danger.READ
    warning = flaw(asked.warning)
    return Meaning(Sort.SHELL, Verb.OTHER, "http", target, danger, kind="http", warning=warning, reveals=reveals)


def _reads_json(line: CommandLine) -> bool:
    """Whether the interpreter behind the pipe only reads what comes: `python -m json.tool`, `python -c ...`."""
    last = next(words for words in line.piped if words and words[0].rpartition("/")[2] in _SHELLS)
    if last[0] == "sudo":
        return not any(word.rpartition("/")[2] in _SHELLS - {"sudo"} for word in last[1:])
    return "json.tool" in last or bool({"-c", "-e", "-ne", "-pe"} & set(last))


def _path(url: str) -> str:
    """The path of an address, without host and query."""
    found = _ADDRESS.match(url)
    return found[2] if found else ""


def _acts(path: str) -> bool:
    """Whether a path says that a plain GET changes something."""
    parts = [unquote_plus(part) for part in path.split("/") if part]
    if not parts:
        return False
    *before, last = parts
    if _ACTS.search(path) or _STEERS.fullmatch(last) or _CRON.fullmatch(last):
        return True
    return any(map(_SAID.fullmatch, before)) and not _TELLS.fullmatch(last)


def _query(url: str) -> str:
    """The query of an address; empty when it has none."""
    return url.partition("?")[2] + " " if "?" in url else ""


def _is_health(urls: Sequence[str]) -> bool:
    return any(_HEALTH.search(_path(url)) or _NAMED_HEALTH.search(url) for url in urls)


def _verb(urls: Sequence[str]) -> Verb:
    if _is_health(urls):
        return Verb.HEALTH
    return Verb.STATUS if any(_METRICS.search(_path(url)) for url in urls) else Verb.OTHER
