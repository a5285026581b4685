"""Asks one HTTP endpoint and keeps its whole answer. A bad answer is a reading; no answer is a failure.

A reading is one GET or HEAD, of which the server sees our name. Headers may carry secrets: they go to the configured
place only, and never into an error or onto the screen.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from probes.base import (
    BadPath,
    Cause,
    Context,
    Look,
    Probe,
    ProbeError,
    Referring,
    SafeText,
    Sheet,
    Snapshot,
    Target,
    lasted,
    parse_path,
)
from probes.http.address import Reach, ReachSettings, is_line, reach
from probes.http.body import (
    MOST_CHECKS,
    Parsed,
    checks_of,
    expiry_of,
    lines_of,
    looks_like,
    own_verdict,
    parse_json,
    path_verdict,
    stamp_of,
    status_verdict,
    text_verdict,
    version_of,
)
from probes.http.facts import Check, Expiry, HttpFacts, Verdict
from probes.http.gauges import RULES, SPECS, measured
from probes.http.limits import is_unaccepted, limits_of, pause
from probes.http.wire import Answer, Ask, Wire

_KEPT_ILL: Final = 64 << 10
"""Bytes of the body kept when something is wrong."""
_KEPT_WELL: Final = 4 << 10
_RECENT: Final = 300
"""Readings that the share of good ones is taken of."""
_TELLING: Final = (
    "content-type",
    "date",
    "age",
    "cache-control",
    "server",
    "via",
    "location",
    "retry-after",
    "x-cache",
)

Scalar = bool | int | float | str | None
Status = Annotated[int, Field(ge=100, le=599)]


class HttpSettings(ReachSettings):
    """An endpoint that says how a service is."""

    method: Literal["GET", "HEAD"] = Field("GET", description="How to ask. HEAD brings no body.")
    query: dict[str, Referring] = Field(
        default_factory=dict,
        description='Parameters to add to the url; a secret one by reference: {access_token = "env:NAME"}.',
    )
    expect_status: Status | list[Status] = Field(
        default_factory=list, description="The status, or those, that mean well. Default: 200 to 399."
    )
    expect: dict[str, Scalar] = Field(
        default_factory=dict, description='Values the JSON body must hold, by path: {"$.database.connected" = true}.'
    )
    expect_text: str | None = Field(None, max_length=1000, description="Text the body must hold.")
    expires: dict[str, str] = Field(
        default_factory=dict,
        description='What ends at a time in the JSON body, by path: {token = "$.data.expires_at"}.',
    )
    slow: float = Field(1.0, gt=0, le=60, description="Seconds above which an answer is called slow.")

    @field_validator("expect", "expires")
    @classmethod
    def _readable(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        for path in given if info.field_name == "expect" else given.values():
            try:
                parse_path(path)
            except BadPath as error:
                raise ValueError(str(error)) from None
        return given

    @field_validator("query")
    @classmethod
    def _plain(cls, query: dict[str, str]) -> dict[str, str]:
        if not all(is_line(name) and is_line(value) for name, value in query.items()):
            raise ValueError("a parameter has a plain name and a value of one line")
        return query

    @property
    def statuses(self) -> tuple[int, ...]:
        """The statuses that mean well; empty: 200 to 399."""
        return (self.expect_status,) if isinstance(self.expect_status, int) else tuple(self.expect_status)


@dataclass(slots=True)
class _Past:
    """How the endpoint has been since we watch."""

    recent: deque[bool]
    failures: int = 0
    down_since: tuple[float, datetime] | None = None
    last_good: datetime | None = None
    was_json: bool = False
    throttles: int = 0
    quiet_until: float = 0.0
    """Monotonic seconds until which the endpoint is left alone, because it asked for that."""

    def note(self, ok: bool, now: float, at: datetime) -> None:
        self.recent.append(ok)
        self.failures = 0 if ok else self.failures + 1
        if ok:
            self.down_since, self.last_good = None, at
        elif self.down_since is None:
            self.down_since = now, at


class HttpProbe(Probe[HttpFacts]):
    """One endpoint."""

    kind = "http"
    settings_type = HttpSettings
    gauges = SPECS
    rules = RULES

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, HttpSettings)
        self.settings = target.settings
        self._wire = Wire(target.name, self.settings.timeout, context.monotonic)
        self._reach: Reach | None = None
        self._past = _Past(deque(maxlen=_RECENT))
        self._last: tuple[Answer, HttpFacts, Parsed] | None = None

    async def read(self) -> Snapshot[HttpFacts]:
        """Ask once and judge the answer; an endpoint that asked for less is left alone until it may be asked again."""
        began = self.context.monotonic()
        if (left := self._past.quiet_until - began) > 0 and self._reach is not None:
            raise ProbeError(
                Cause.THROTTLED,
                f"{self._reach.where} was asked too often and is left alone for {lasted(left + 0.999)}",
                "its quota is shared with everybody who uses the same credential",
            )
        try:
            answer = await self._fetch()
        except (ProbeError, asyncio.CancelledError):
            self._past.note(False, self.context.monotonic(), self.context.now())
            self._wire.cut()
            self._reach = None
            raise
        facts = self._judge(answer)
        if answer.status in (401, 403) or facts.credential is False:
            self._reach = None  # a secret may have been renewed
        return self.snapshot(facts, measured(facts, self.target.name), began)

    def looks(self) -> tuple[Look, ...]:
        """The answer as it came."""
        return (Look("body", "the whole last answer"),)

    async def look(self, name: str, subject: str) -> Sheet:
        """Take one closer look."""
        if name != "body":
            return await super().look(name, subject)
        if self._last is None:
            raise ProbeError(Cause.GONE, "there has been no answer yet")
        answer, facts, parsed = self._last
        head = [SafeText(f"HTTP {facts.status} {facts.reason}")]
        head += [SafeText(f"{name}: {value}") for name, value in facts.headers]
        body = lines_of(answer.body, parsed, _KEPT_ILL, 2000)
        return Sheet(f"last answer of {facts.url}", (*head, SafeText(), *body))

    def abort(self) -> None:
        """Cut the connection; a request under way ends at once."""
        self._wire.abort()

    async def close(self) -> None:
        """Let go of the connection."""
        self.abort()
        await self._wire.close()

    # asking

    async def _fetch(self) -> Answer:
        self.doing = "connecting"
        settings = self.settings
        if self._reach is None:
            self._reach = reach(settings, self.context.secrets, settings.query)
        there = self._reach
        ask = Ask(
            there.url, settings.method, there.headers, settings.tls_verify, settings.ca, settings.environment_proxy
        )
        try:
            answer = await self._wire.ask(ask, max(0.1, settings.timeout * 0.96), there.where)
        finally:
            self.doing = "reading" if self._wire.connected else "connecting"
        headers = {name: there.covered(value.encode()).decode() for name, value in answer.headers.items()}
        return replace(answer, headers=headers, body=there.covered(answer.body))

    # judging

    def _judge(self, answer: Answer) -> HttpFacts:
        now, at = self.context.monotonic(), self.context.now()
        assert self._reach is not None
        parsed = parse_json(answer.body) if not answer.cut else Parsed()
        checks = checks_of(parsed.value)
        verdicts = self._verdicts(answer, parsed)
        ok = all(one.ok for one in verdicts)
        self._past.was_json = self._past.was_json or (ok and parsed.is_json)
        self._past.note(ok, now, at)
        limits = limits_of(answer.headers, at)
        retry = pause(answer.status, answer.headers, parsed.value, limits, at)
        unaccepted = is_unaccepted(answer.status, parsed.value)
        why, blame = _blamed(answer.status, verdicts, checks)
        if retry is not None:
            self._past.throttles, self._past.quiet_until = self._past.throttles + 1, now + retry
            why = SafeText(f"answers {answer.status}: asked too often, may be asked again in {lasted(retry)}")
        elif unaccepted and not ok:
            why = SafeText(f"answers {answer.status}: does not accept what we log in with")
        skew = _skew(answer, at)
        since = self._past.down_since
        certificate = answer.certificate
        facts = HttpFacts(
            url=self._reach.shown,
            method=self.settings.method,
            status=answer.status,
            reason=answer.reason,
            ok=ok,
            why=why,
            blame=blame,
            timing=answer.timing,
            slow=self.settings.slow,
            verdicts=verdicts,
            checks=checks[:MOST_CHECKS],
            more_checks=max(0, len(checks) - MOST_CHECKS),
            content_type=SafeText(answer.headers.get("content-type", ""), 80),
            headers=tuple((name, SafeText(answer.headers[name], 300)) for name in _TELLING if name in answer.headers),
            size=len(answer.body),
            cut=answer.cut,
            body=lines_of(answer.body, parsed, _KEPT_WELL if ok else _KEPT_ILL, 40 if ok else 500),
            notes=_notes(answer, parsed),
            version=version_of(parsed.value),
            answer_age=_age(answer, parsed, at, skew),
            skew=skew,
            certificate=certificate,
            certificate_left=(certificate.not_after - at).total_seconds()
            if certificate is not None and certificate.not_after is not None
            else None,
            failures=self._past.failures,
            down_since=since[1] if since else None,
            down_for=max(0.0, now - since[0]) if since else None,
            last_good=self._past.last_good,
            up_ratio=sum(self._past.recent) / len(self._past.recent),
            seen=len(self._past.recent),
            limits=limits,
            retry=retry,
            throttles=self._past.throttles,
            credential=self._credential(answer.status, unaccepted, retry),
            expiries=self._expiries(parsed, at),
        )
        self._last = answer, facts, parsed
        return facts

    def _verdicts(self, answer: Answer, parsed: Parsed) -> tuple[Verdict, ...]:
        """Every expectation, those named in the profile and those that go without saying."""
        settings = self.settings
        found = [status_verdict(answer.status, settings.statuses)]
        if settings.method == "HEAD":
            return tuple(found)
        if (wrong := self._not_json(answer, parsed)) is not None:
            found.append(wrong)
        found += [path_verdict(path, wanted, parsed) for path, wanted in settings.expect.items()]
        if settings.expect_text is not None:
            found.append(text_verdict(settings.expect_text, answer.body))
        own = own_verdict(parsed)
        return (*found, own) if own is not None else tuple(found)

    def _credential(self, status: int, unaccepted: bool, retry: float | None) -> bool | None:
        """Whether what we log in with is accepted; a server that is throttling or broken does not tell."""
        if self._reach is None or not self._reach.secrets or retry is not None or status >= 500:
            return None
        return False if unaccepted else True if 200 <= status < 300 else None

    def _expiries(self, parsed: Parsed, at: datetime) -> tuple[Expiry, ...]:
        return tuple(expiry_of(name, path, parsed, at) for name, path in self.settings.expires.items())

    def _not_json(self, answer: Answer, parsed: Parsed) -> Verdict | None:
        """A web page with status 200 is no health: not where JSON is expected, promised, or was given before."""
        if parsed.is_json or answer.status in (204, 304):
            return None
        promised = "json" in answer.headers.get("content-type", "").lower()
        if not (self.settings.expect or promised or self._past.was_json):
            return None
        got = f"more than {len(answer.body)} bytes" if answer.cut else looks_like(answer.body)
        why = "" if self.settings.expect or promised else ", as it gave before"
        return Verdict("json", False, SafeText(f"gives {got}, expected JSON{why}", 200))


def _blamed(status: int, verdicts: tuple[Verdict, ...], checks: tuple[Check, ...]) -> tuple[SafeText, str]:
    """(why it is not well, the check or expectation that says so). The words stay the same while the cause does."""
    failed = [one for one in verdicts if not one.ok]
    if not failed:
        return SafeText(), ""
    first = failed[0]
    said = f"answers {status}"
    if first.name not in ("status", "body"):
        short = f"{first.name} is not as expected" if first.name.startswith("$") else str(first.words)
        said += f", but {short}"
    elif first.name == "body":
        said += f", but {first.words}"
    sick = next((one for one in checks if one.ok is False), None)
    if sick is not None:
        return SafeText(f"{said}: {sick.name} {sick.status}", 160), sick.name
    return SafeText(said, 160), first.name


def _notes(answer: Answer, parsed: Parsed) -> tuple[SafeText, ...]:
    found = list(answer.notes)
    if parsed.odd_number:
        found.append(SafeText("the body holds NaN or Infinity, which is not JSON; such values count as missing"))
    if answer.cut:
        found.append(SafeText(f"the body is longer than {len(answer.body)} bytes; the rest was not read"))
    return tuple(found)


def _skew(answer: Answer, at: datetime) -> float | None:
    """Seconds the server's clock is ahead, from its Date header at half the way; a cached answer tells nothing."""
    if "age" in answer.headers or "date" not in answer.headers:
        return None
    try:
        theirs = parsedate_to_datetime(answer.headers["date"])
    except (ValueError, OverflowError):
        return None
    if theirs.tzinfo is None:
        return None
    return (theirs - at).total_seconds() + 0.5 + (answer.timing.total or 0.0) / 2


def _age(answer: Answer, parsed: Parsed, at: datetime, skew: float | None) -> float | None:
    """Seconds since the answer was made, judged by the server's own clock where it shows one."""
    header: Any = answer.headers.get("age", "").strip()
    ages = [float(header)] if header.isdecimal() and len(header) < 10 else []
    stamp = stamp_of(parsed.value)
    if stamp is not None:
        ages.append((at - stamp).total_seconds() + (skew or 0.0))
    return max(0.0, *ages) if ages else None
