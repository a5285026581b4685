"""Which queues a target means: names and addresses as they are, patterns and "all" by the service's own list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from probes.aws.calls import Calls, Refused
from probes.aws.sqs.parse import account_of, name_of
from probes.base import Cause, ProbeError

CAP: Final = 10_000
"""Queues of one target at most."""
_AGAIN: Final = 300.0
"""Seconds until the list is asked for anew: ten calls for 10,000 queues."""
_MISSED: Final = 60.0
"""Seconds until a queue that was not there is looked for again."""
_MAGIC: Final = frozenset("*?[")


class Catalogue:
    """The names and addresses of the queues."""

    def __init__(self, calls: Calls, wanted: Iterable[str]) -> None:
        wanted = tuple(wanted)
        self._calls = calls
        self._patterns = [one for one in wanted if "://" not in one and _MAGIC & set(one)]
        self._all = not wanted
        self.named: tuple[str, ...] = tuple(name_of(one) for one in wanted if one not in self._patterns)
        """Names that the profile says one by one."""
        self._given = {name_of(one): one for one in wanted if "://" in one}
        self._urls: dict[str, str] = {}
        self._listed_at: float | None = None
        self._also: dict[str, str] = {}
        self._missed: dict[str, float] = {}
        self.cut = False
        """True when there are more than the cap."""

    async def urls(self) -> Mapping[str, str]:
        """Name -> address; empty for a named queue that is not there. Raises `ProbeError`."""
        now = self._calls.context.monotonic()
        if (self._all or self._patterns) and (self._listed_at is None or now - self._listed_at >= _AGAIN):
            await self._list()
            self._listed_at = now
        for name in self.named:
            if not self._urls.get(name) and now - self._missed.get(name, now - _MISSED) >= _MISSED:
                self._urls[name] = await self._found(name)
                if not self._urls[name]:
                    self._missed[name] = now
        return self._urls

    async def also(self, name: str) -> bool:
        """Take in a queue that another one points to; False when it is not there. Raises `ProbeError`."""
        now = self._calls.context.monotonic()
        if now - self._missed.get(name, now - _MISSED) < _MISSED:
            return False
        url = await found(self._calls, name)
        if url:
            self._urls[name] = self._also[name] = url
        else:
            self._missed[name] = now
        return bool(url)

    def gone(self, name: str) -> None:
        """The queue is not there any more: a named one is looked for again, a listed one is forgotten."""
        if name in self.named:
            self._urls[name] = ""
            self._missed[name] = self._calls.context.monotonic()
        else:
            self._urls.pop(name, None)
            self._also.pop(name, None)

    async def _list(self) -> None:
        prefix = _common(self._patterns)
        within = {"QueueNamePrefix": prefix} if prefix else {}
        found = await self._calls.listed("sqs", "list_queues", "QueueUrls", CAP, page_size=1000, **within)
        urls = {name_of(url): url for url in found.items if isinstance(url, str)}
        kept = {name: url for name, url in urls.items() if self._all or _matches(name, self._patterns)}
        self.cut = found.cut
        self._urls = {name: self._urls.get(name, "") for name in self.named} | self._also | kept

    async def _found(self, name: str) -> str:
        """The address of a named queue; empty when it is not there."""
        if name in self._given:
            url = self._given[name]
            theirs, ours = account_of(url), (await self._calls.whose()).account
            if theirs and theirs != ours:
                raise ProbeError(Cause.DENIED, f"the address of {name} is of account {theirs}, this login's is {ours}")
            return url
        return await found(self._calls, name)


async def found(calls: Calls, name: str) -> str:
    """The address of the queue of that name; empty when there is none. Raises `ProbeError`."""
    try:
        answer = await calls.read("sqs", "get_queue_url", QueueName=name)
    except ProbeError as error:
        if is_gone(error):
            return ""
        raise
    return str(answer.get("QueueUrl", ""))


def is_gone(error: ProbeError) -> bool:
    """True for the answer that there is no such queue."""
    return error.cause is Cause.GONE or (isinstance(error, Refused) and error.code.endswith("QueueDoesNotExist"))


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, one) for one in patterns)


def _common(patterns: Iterable[str]) -> str:
    """The beginning that all patterns share, up to their first wildcard.

    >>> _common(["mail-*", "mail-eu-?"]), _common(["*"]), _common([])
    ('mail-', '', '')
    """
    heads = []
    for pattern in patterns:
        cut = next((at for at, char in enumerate(pattern) if char in _MAGIC), len(pattern))
        heads.append(pattern[:cut])
    if not heads:
        return ""
    least, most = min(heads), max(heads)
    return least[: next((at for at, char in enumerate(least) if char != most[at]), len(least))]
