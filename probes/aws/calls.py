"""The calls of one target: in a few threads of its own, each sent once, bounded, priced, with errors in our words.

Only looking is possible here: an operation that is not known to be one is refused before anything is sent. What changes
something goes through `act_once.py`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any, Final

from probes.aws.account import Account, Whose, account_of
from probes.aws.budget import Spending
from probes.aws.errors import EXPIRED, THROTTLES, code_of, from_client_error, from_library, login_hint
from probes.aws.prices import price
from probes.aws.settings import AwsSettings
from probes.base import Cause, Context, Lane, ProbeError, SafeText, load

THREADS: Final = 4
"""Calls of one target that are under way together."""
PAGES: Final = 200
"""Pages of one list at most."""
_PATIENCE: Final = 20.0
"""Seconds a call waits for its turn in the account's bucket."""
_READS: Final = re.compile(
    r"(?:describe|list|get|head|batch_get|filter|lookup|select|simulate)_[a-z0-9_]+|download_db_log_file_portion"
)
_NOT_READS: Final = frozenset({"get_federation_token", "get_session_token"})


@dataclass(frozen=True, slots=True)
class Listed:
    """A list, read through all its pages."""

    items: tuple[Any, ...]
    cut: bool
    """True when there were more than the cap."""


@dataclass(frozen=True, slots=True)
class Seat:
    """From where a target is looked at, and what that costs."""

    place: SafeText
    """Account, region and login: "123456789012 eu-west-1 as ops/alice"."""
    calls: int
    """Calls since the start."""
    a_day: float | None
    """US dollars a day at the pace so far; None: too early to tell."""


class Calls:
    """What one target asks of its account. Raises `ProbeError` for whatever goes wrong."""

    def __init__(self, settings: AwsSettings, context: Context, name: str) -> None:
        self.settings = settings
        self.context = context
        self.spending = Spending(context.monotonic)
        self._lane = Lane(name, limit=THREADS)
        self._turns = asyncio.Semaphore(THREADS)
        self._account: Account | None = None

    @property
    def where(self) -> str:
        """The place in messages."""
        return self._account.where if self._account is not None else "AWS"

    async def whose(self) -> Whose:
        """The account and login. Raises `ProbeError(Cause.DENIED)` when it is not the one the profile pins."""
        account = await self.account()
        whose = account.known or account.introduce(await self.read("sts", "get_caller_identity"))
        if self.settings.account is not None and whose.account != self.settings.account:
            raise ProbeError(
                Cause.DENIED,
                f"this login is of account {whose.account or 'unknown'}, the profile pins {self.settings.account}",
                "log in to the right account, or mend `account`",
            )
        return whose

    async def seat(self) -> Seat:
        """For the facts of a reading."""
        return Seat((await self.whose()).place, self.spending.calls, self.spending.a_day)

    async def account(self) -> Account:
        """The account, its driver loaded."""
        if self._account is None:
            await load("boto3", "botocore.exceptions")
            self._account = account_of(self.settings, self.context)
        return self._account

    async def read(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """One call that only looks; `operation` as boto3 names it: "describe_services"."""
        if not _READS.fullmatch(operation) or operation in _NOT_READS:
            raise ProbeError(Cause.INTERNAL, f"{service} {operation} is not known to only look")
        await self.admitted(service, operation, parameters)
        return await self.answer(service, operation, parameters)

    async def listed(
        self, service: str, operation: str, /, field: str, cap: int, page_size: int = 0, **parameters: Any
    ) -> Listed:
        """Every item of a list, page by page, up to `cap`. `field` is where the answer keeps them.

        `page_size` is passed on under the operation's own name for it, where it has one.
        """
        given, told, limit = await self._paging(service, operation)
        if page_size and limit:
            parameters[limit] = page_size
        import jmespath

        items: list[Any] = []
        token: dict[str, Any] = {}
        for _ in range(PAGES):
            answer = await self.read(service, operation, **parameters, **token)
            items += answer.get(field) or ()
            following = {name: jmespath.search(source, answer) for name, source in zip(given, told, strict=False)}
            following = {name: value for name, value in following.items() if value}
            if len(items) > cap or (len(items) == cap and following):
                return Listed(tuple(items[:cap]), True)
            if not following:
                return Listed(tuple(items), False)
            if following == token:
                raise ProbeError(Cause.GARBAGE, f"{self.where} gives the same page of {operation} again and again")
            token = following
        return Listed(tuple(items), True)

    async def each(
        self, service: str, operation: str, many: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any] | ProbeError]:
        """One call for each set of parameters, a few at a time; what fails is in its place in the list."""

        async def one(parameters: Mapping[str, Any]) -> dict[str, Any] | ProbeError:
            try:
                return await self.read(service, operation, **parameters)
            except ProbeError as error:
                return error

        return list(await asyncio.gather(*(one(parameters) for parameters in many)))

    async def admitted(self, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
        """Wait until a call may be sent; `ProbeError(Cause.THROTTLED)` when it may not. Nothing is sent."""
        account = await self.account()
        quiet = account.bucket.quiet_for(service)
        if quiet:
            raise ProbeError(Cause.THROTTLED, f"AWS asks for fewer calls to {service}", f"tries again in {quiet:.0f} s")
        cost = price(service, operation, parameters)
        if cost and self.spending.today + cost > self.settings.cost_cap:
            raise ProbeError(
                Cause.THROTTLED,
                f"looking has cost ${self.spending.today:.2f} within a day, which is its cap",
                "raise cost_cap, or every",
            )
        wait = account.bucket.take(_PATIENCE)
        if wait > _PATIENCE:
            raise ProbeError(Cause.THROTTLED, "our own calls to this account queue up", "raise every")
        if wait:
            await asyncio.sleep(wait)
        await self._in_turn(account.client, service, self.settings.timeout)  # finds the login, if that isn't known yet

    async def answer(self, service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Send an admitted call, once."""
        account = await self.account()
        self.spending.add(price(service, operation, parameters))
        client = await self._in_turn(account.client, service, self.settings.timeout)
        named = _as_iam(service, client.meta.method_to_api_mapping.get(operation, operation))

        def ask() -> Any:
            try:
                return getattr(client, operation)(**parameters)
            except (AttributeError, TypeError, KeyError, ValueError):  # the library's parser met what it can't be
                raise ProbeError(Cause.GARBAGE, f"{account.where} does not answer {named} like AWS") from None

        answer = await self._in_turn(ask, service=service, named=named)
        account.bucket.answered(service)
        if _cut_short(answer):
            raise ProbeError(Cause.CLOSED_EARLY, f"{account.where} closed the connection before its answer was whole")
        return dict(answer)

    async def _in_turn(self, call: Callable[..., Any], *args: Any, service: str = "", named: str = "the login") -> Any:
        """Run a blocking call of the library in a thread, its errors in our words."""
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            ConnectTimeoutError,
            EndpointConnectionError,
            NoCredentialsError,
            ProxyConnectionError,
        )
        from botocore.parsers import ResponseParserError

        account = await self.account()
        try:
            async with self._turns:
                return await self._lane.run(call, *args)
        except ClientError as error:
            words = from_client_error(error, named, account.where, account.profile)
            if code_of(error) in THROTTLES:
                pause = account.bucket.throttled(service)
                words = ProbeError(Cause.THROTTLED, words.message, f"tries again in {pause:.0f} s")
            if code_of(error) in EXPIRED:
                account.forget()
            raise Refused(code_of(error), words) from None
        except BotoCoreError as error:
            if isinstance(error, NoCredentialsError):  # the client would keep having none
                account.forget()
            words = from_library(error, named, account.where, account.profile)
            if isinstance(error, (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError)):
                raise Unreached(words.cause, words.message, words.hint) from None
            raise words from None
        except (OSError, JSONDecodeError):  # a `credential_process` that can't be run, or gives no JSON
            raise ProbeError(Cause.AUTH, "the login can't be read", login_hint(account.profile)) from None
        except (ResponseParserError, UnicodeError, KeyError):  # a KeyError: XML, but not of this service
            raise ProbeError(Cause.GARBAGE, f"{account.where} does not answer {named} like AWS") from None

    async def _paging(self, service: str, operation: str) -> tuple[list[str], list[str], str]:
        """(parameters that take the place to go on, where the answer has it, parameter for the size of a page)."""
        account = await self.account()

        def look() -> Any:
            return account.client(service, self.settings.timeout).get_paginator(operation)._pagination_cfg

        how = await self._in_turn(look)
        return _tokens(how["input_token"]), _tokens(how["output_token"]), how.get("limit_key", "")

    def close(self) -> None:
        """Let go of the threads."""
        self._lane.close()


class Unreached(ProbeError):
    """No connection came about: nothing has left."""


class Refused(ProbeError):
    """The service answered, and said no: `code` is its own word for why."""

    def __init__(self, code: str, words: ProbeError) -> None:
        super().__init__(words.cause, words.message, words.hint)
        self.code = code


def _cut_short(answer: Any) -> bool:
    """True when even the head of an answer broke off: the library takes what is left of it for an empty one."""
    told = answer.get("ResponseMetadata", {}) if isinstance(answer, Mapping) else {}
    headers = {str(name).lower() for name in told.get("HTTPHeaders", {"content-length": ""})}
    return told.get("HTTPStatusCode") == 200 and not headers & {"content-length", "transfer-encoding"}


def _tokens(names: Any) -> list[str]:
    return list(names) if isinstance(names, list) else [names]


def _as_iam(service: str, api: str) -> str:
    """An operation as IAM policies write it; `api` is the service's own name of it.

    >>> _as_iam("rds", "CreateDBSnapshot")
    'rds:CreateDBSnapshot'
    """
    return f"{_IAM.get(service, service)}:{api}"


_IAM: Final = {"elbv2": "elasticloadbalancing", "application-autoscaling": "application-autoscaling"}
"""Services that IAM knows under another name than the library."""
