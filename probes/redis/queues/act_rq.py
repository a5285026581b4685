"""Setting RQ's failed jobs going again, as `rq requeue` does it: out of the registry, back at the end of the queue.

https://python-rq.org/docs/exceptions/
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from probes.base import Identity, SafeText
from probes.redis.connection import Command, Refusal
from probes.redis.queues import rq
from probes.redis.queues.act_library import (
    MOST,
    PRELUDE,
    TOLD,
    Crowd,
    FailedOne,
    Fate,
    Library,
    Phase,
    Script,
    chunks,
    plain,
)
from probes.redis.queues.dialect import REASON, Ask, clock, rows, since, whole

_TIMEOUT: Final = 180
"""Seconds RQ gives a job that has no timeout of its own."""
_LOOKED_AT: Final = 100
"""Failed jobs among which the newest is looked for."""
_DEEP: Final = 10000
_EMPTY: Final = zlib.compress(b"")
"""What RQ keeps as the exception of a job that has none."""
_TIMES: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
_FIELDS: Final = ("status", "origin", "ended_at", "number_of_retries", "retries_left", "rate_limit_key", "exc_info")
_RATED: Final = "it has a rate limit, and only RQ itself can give it a place: rq requeue"

_RETRY: Final = f"""{PRELUDE}
local failed, queue = unpack(KEYS)
local base, name, mode, mark, now, none = unpack(ARGV)
local unseen = forbidden({{{{'TYPE', queue}}, {{'HGET', base .. 'x', 'x'}}, {{'HMGET', base .. 'x', 'x'}},
  {{'ZSCORE', failed, 'x'}}, {{'ZRANGE', failed, 0, 0}}, {{'ZCARD', failed}}}})
if unseen then return {{'denied', unseen}} end
local key = misplaced({{[failed] = 'zset', [queue] = 'list'}})
if key then return {{'odd', 'a key of the queue holds something else than RQ puts there: ' .. key}} end
local ids = {{}}
if mode == 'all' then
  ids = redis.call('ZRANGE', failed, 0, {2 * MOST - 1})
else
  local id = mode:sub(5)
  if not redis.call('ZSCORE', failed, id) then return {{'changed', 'it is not among the failed jobs any more'}} end
  if (redis.call('HGET', base .. id, 'ended_at') or '') ~= mark then
    return {{'changed', 'it has run since, and failed again'}}
  end
  ids = {{id}}
end
local denied = forbidden({{{{'RPUSH', queue, 'x'}}, {{'ZREM', failed, 'x'}}, {{'HSET', base .. 'x', 'x', 'x'}},
  {{'EXPIRE', base .. 'x', 1}}}})
if denied then return {{'denied', denied}} end
local moved, newer, skipped, told = 0, 0, 0, {{}}
for _, id in ipairs(ids) do
  local job = base .. id
  local about = redis.call('HMGET', job, 'ended_at', 'origin', 'status', 'rate_limit_key', 'timeout', 'ttl')
  if mode == 'all' and (about[1] or '') > mark then
    newer = newer + 1
  elseif not about[1] or about[2] ~= name or about[3] ~= 'failed' or (about[4] and about[4] ~= '') then
    skipped = skipped + 1
  elseif moved < {MOST} then
    redis.call('RPUSH', queue, id)
    redis.call('ZREM', failed, id)
    redis.call('HSET', job, 'status', 'queued', 'enqueued_at', now, 'started_at', '', 'ended_at', '', 'exc_info', none)
    if not about[5] then redis.call('HSET', job, 'timeout', {_TIMEOUT}) end
    local ttl = tonumber(about[6] or '') or 0
    if ttl > 0 then
      redis.call('EXPIRE', job, ttl)
      redis.call('EXPIRE', job .. ':dependents', ttl)
      redis.call('EXPIRE', base .. ':' .. id .. ':dependencies', ttl)
    end
    moved = moved + 1
    if moved <= {TOLD} then told[moved] = id end
  end
end
local left = 0
if mode == 'all' then left = redis.call('ZCARD', failed) - newer end
return {{'done', moved, left, skipped, unpack(told)}}
"""


class RQ(Library):
    """Queues of RQ."""

    name = "rq"
    title = "RQ"
    note = (
        "rq requeue --all takes jobs that fail while it works as well; here only those that had failed when you looked"
    )

    def failed_key(self, queue: str) -> str:
        """Ids by when RQ forgets them."""
        return f"rq:failed:{queue}"

    async def crowd(self, ask: Ask, name: str) -> Crowd | None:
        """The queue by its counts; the mark is the newest end of a failed job, or now, whichever is later."""
        queue = (await rq.read(ask, [name])).queues[0][0]
        if queue.missing:
            return None
        newest, asleep, now = await ask(
            [("ZRANGE", f"rq:failed:{name}", -_LOOKED_AT, -1), ("EXISTS", "rq:suspended"), ("TIME",)]
        )
        ends = await ask([("HGET", _key(id), "ended_at") for id in map(plain, rows(newest)) if id])
        mark = max([_written(clock(now)), *map(plain, ends)])
        suspended = "all RQ workers are suspended" if asleep == 1 else ""
        return Crowd(queue, (("library", self.name), ("queue", name), ("up to", mark)), suspended)

    async def failed(self, ask: Ask, queue: str, id: str) -> FailedOne | None:
        """The job by when it ended."""
        now, score, fields, results = await ask(
            [
                ("TIME",),
                ("ZSCORE", f"rq:failed:{queue}", id),
                ("HMGET", _key(id), *_FIELDS),
                ("XREVRANGE", f"rq:results:{id}", "+", "-", "COUNT", 1),
            ]
        )
        if score is None or isinstance(score, Refusal):
            return None
        status, origin, ended, retries, _, rated, trace = [*rows(fields), *(None for _ in _FIELDS)][: len(_FIELDS)]
        attempts = whole(retries)
        return FailedOne(
            id=id,
            identity=(("library", self.name), ("queue", queue), ("job", id), ("failed at", plain(ended))),
            age=since(clock(now), rq.moment(ended)),
            attempts=None if attempts is None else int(attempts) + 1,
            reason=SafeText(rq.last_line(results, trace), REASON),
            hindrance=_hindrance(queue, plain(status), origin, plain(rated)),
        )

    async def fates(self, ask: Ask, queue: str, ids: Sequence[str]) -> list[Fate]:
        """By each job's own status; its place in the list only when it is one job."""
        asked: list[Command] = []
        for id in ids:
            asked.append(("HMGET", _key(id), "status", "ended_at"))
            asked.append(("XREVRANGE", f"rq:results:{id}", "+", "-", "COUNT", 1))
        fates = [_fate(*replies) for replies in chunks(await ask(asked), 2)]
        if len(ids) == 1 and fates[0].phase is Phase.WAITING:
            (place,) = await ask([("LPOS", f"rq:queue:{queue}", ids[0], "MAXLEN", _DEEP)])
            return [Fate(Phase.WAITING, before_it=place if isinstance(place, int) else None)]
        return fates

    async def left(self, ask: Ask, queue: str, mark: str) -> int | None:
        """Failed jobs up to a mark, `MOST` at most."""
        (ids,) = await ask([("ZRANGE", f"rq:failed:{queue}", 0, MOST - 1)])
        if isinstance(ids, Refusal):
            return None
        ends = await ask([("HGET", _key(id), "ended_at") for id in map(plain, rows(ids)) if id])
        return sum(not self.newer(plain(end), mark) for end in ends)

    def newer(self, mark: str, than: str) -> bool:
        """Marks are times written so that they sort."""
        return mark > than

    async def retry(self, ask: Ask, identity: Identity) -> Script:
        """What `rq requeue` does."""
        told = dict(identity)
        return await self._script(ask, told["queue"], f"one {told['job']}", told["failed at"])

    async def retry_all(self, ask: Ask, identity: Identity) -> Script:
        """What `rq requeue --all` does, for those up to the mark."""
        told = dict(identity)
        return await self._script(ask, told["queue"], "all", told["up to"])

    async def _script(self, ask: Ask, queue: str, mode: str, mark: str) -> Script:
        (now,) = await ask([("TIME",)])
        keys = (f"rq:failed:{queue}", f"rq:queue:{queue}")
        return Script(_RETRY, keys, ("rq:job:", queue, mode, mark, _written(clock(now)), _EMPTY))


def _key(id: str) -> str:
    return f"rq:job:{id}"


def _written(seconds: float | None) -> str:
    """A moment as RQ writes it."""
    return datetime.fromtimestamp(seconds or 0, UTC).strftime(_TIMES)


def _hindrance(queue: str, status: str, origin: Any, rated: str) -> str:
    if origin is None:
        return "its data is gone, only its id is kept"
    if plain(origin) != queue:
        return f"it belongs to the queue {SafeText(origin, 60)}"
    if status != "failed":
        return f"RQ says it is {SafeText(status, 30)}, not failed"
    return _RATED if rated else ""


def _fate(fields: Any, results: Any) -> Fate:
    status, ended = [*rows(fields), None, None][:2]
    if status is None:
        return Fate(Phase.GONE)
    match plain(status):
        case "failed" | "stopped":
            return Fate(Phase.FAILED, plain(ended), SafeText(rq.last_line(results, None), REASON))
        case "started":
            return Fate(Phase.RUNNING)
        case "finished":
            return Fate(Phase.DONE)
        case "scheduled" | "deferred":
            return Fate(Phase.LATER, reason=SafeText(rq.last_line(results, None), REASON))
        case "canceled":
            return Fate(Phase.GONE)
        case _:
            return Fate(Phase.WAITING)
