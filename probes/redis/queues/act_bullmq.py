"""Setting BullMQ's failed jobs going again, and pausing its queues, as the library itself does it.

Versions differ in where a job goes: 4 knows no marker; 4 and 5 keep the jobs of a paused queue in `paused`; 6 (and the
Python library from 3) leaves them in `wait` and respects a job's priority. The version stands in `meta`, except for the
Python library and the first of version 4: there what fits every one of them is done.
https://docs.bullmq.io/guide/retrying-failing-jobs
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from probes.base import Identity
from probes.redis.connection import Command, Refusal
from probes.redis.queues import bullmq
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
    position,
)
from probes.redis.queues.dialect import REASON, Ask, clock, millis, rows, since, text, whole

_PRO: Final = "it is kept by BullMQ Pro, which has groups of its own: retry it with that library"
_KEYS: Final = ("failed", "wait", "paused", "active", "meta", "prioritized", "pc", "marker", "events", "delayed")
_DEEP: Final = 10000
"""Jobs of a list among which a job's place is looked for."""
_FIELDS: Final = ("finishedOn", "atm", "attemptsMade", "failedReason", "opts", "name")

_HEAD: Final = f"""{PRELUDE}
local failed, wait, paused, active, meta, prioritized, counter, marker, events, delayed = unpack(KEYS)
local base, version, generation = ARGV[1], ARGV[2], ARGV[3]
local unseen = forbidden({{{{'TYPE', wait}}, {{'EXISTS', wait}}, {{'HGET', meta, 'x'}}, {{'HMGET', base .. 'x', 'x'}},
  {{'ZSCORE', failed, 'x'}}, {{'ZRANGEBYSCORE', failed, 0, 1}}, {{'ZCOUNT', failed, 0, 1}}, {{'LLEN', active}},
  {{'LRANGE', paused, 0, 0}}, {{'ZCARD', prioritized}}, {{'ZRANGE', delayed, 0, 0}}}})
if unseen then return {{'denied', unseen}} end
if (redis.call('HGET', meta, 'version') or '') ~= version then
  return {{'changed', 'its library has another version'}}
end
local key = misplaced({{[failed] = 'zset', [wait] = 'list', [paused] = 'list', [active] = 'list', [meta] = 'hash',
  [prioritized] = 'zset', [counter] = 'string', [marker] = 'zset', [events] = 'stream', [delayed] = 'zset'}})
if key then return {{'odd', 'a key of the queue holds something else than BullMQ puts there: ' .. key}} end
"""

_RETRY: Final = f"""{_HEAD}
local mark, ids = ARGV[5], {{}}
if ARGV[4] == 'all' then
  ids = redis.call('ZRANGEBYSCORE', failed, '-inf', mark, 'LIMIT', 0, ARGV[6])
else
  local id = ARGV[4]:sub(5)
  local seen = redis.call('HMGET', base .. id, 'finishedOn', 'atm', 'attemptsMade')
  if not redis.call('ZSCORE', failed, id) then return {{'changed', 'it is not among the failed jobs any more'}} end
  if (seen[1] or '') ~= mark or (seen[2] or seen[3] or '') ~= ARGV[6] then
    return {{'changed', 'it has run since, and failed again'}}
  end
  ids = {{id}}
end
local denied = forbidden({{{{'LPUSH', wait, 'x'}}, {{'LPUSH', paused, 'x'}}, {{'RPUSH', wait, 'x'}},
  {{'ZREM', failed, 'x'}}, {{'HDEL', base .. 'x', 'x'}}, {{'INCR', counter}}, {{'ZADD', prioritized, 0, 'x'}},
  {{'ZADD', marker, 0, '0'}}, {{'XADD', events, 'MAXLEN', '~', 1, '*', 'x', 'x'}}}})
if denied then return {{'denied', denied}} end
local halted = redis.call('HGET', meta, 'paused')
local target = wait
if halted then
  local old = generation == '4' or generation == '5'
  if generation == '?' then old = redis.call('EXISTS', paused) == 1 or redis.call('EXISTS', wait) == 0 end
  if old then target = paused end
end
local most = tonumber(redis.call('HGET', meta, 'concurrency') or '')
local full = halted or (most ~= nil and redis.call('LLEN', active) >= most)
local kept = redis.call('HGET', meta, 'opts.maxLenEvents') or 10000
local moved, skipped, told = 0, 0, {{}}
for _, id in ipairs(ids) do
  local job = base .. id
  local about = redis.call('HMGET', job, 'priority', 'opts', 'parentKey', 'atm')
  local parent = generation ~= '4' and about[3] and redis.call('EXISTS', about[3]) == 1 and about[3]
  if redis.call('EXISTS', job) == 0 or (parent and forbidden({{{{'SADD', parent .. ':dependencies', job}}}})) then
    skipped = skipped + 1
  else
    local priority = 0
    local single = ARGV[4] ~= 'all'
    if single and (generation == '6' or (generation == '?' and about[4])) then
      priority = tonumber(about[1] or '') or 0
    end
    local right, opts = pcall(cjson.decode, about[2] or '')
    if priority > 0 then
      local turn = redis.call('INCR', counter)
      redis.call('ZADD', prioritized, priority * 0x100000000 + turn % 0x100000000, id)
    elseif single and right and type(opts) == 'table' and opts['lifo'] == true then
      redis.call('RPUSH', target, id)
    else
      redis.call('LPUSH', target, id)
    end
    redis.call('ZREM', failed, id)
    redis.call('HDEL', job, 'finishedOn', 'processedOn', 'failedReason')
    if parent and (redis.call('ZREM', parent .. ':unsuccessful', job) == 1
        or redis.call('HDEL', parent .. ':failed', job) == 1) then
      redis.call('SADD', parent .. ':dependencies', job)
    end
    redis.call('XADD', events, 'MAXLEN', '~', kept, '*', 'event', 'waiting', 'jobId', id, 'prev', 'failed')
    moved = moved + 1
    if moved <= {TOLD} then told[moved] = id end
  end
end
if moved > 0 and not full and generation ~= '4' then redis.call('ZADD', marker, 0, '0') end
local left = 0
if ARGV[4] == 'all' then left = redis.call('ZCOUNT', failed, '-inf', mark) end
return {{'done', moved, left, skipped, unpack(told)}}
"""

_PAUSE: Final = f"""{_HEAD}
local verb = ARGV[4]
local halted = redis.call('HGET', meta, 'paused') or redis.call('EXISTS', paused) == 1
if halted and verb == 'pause' then return {{'changed', 'it is paused already'}} end
if not halted and verb == 'resume' then return {{'changed', 'it is not paused any more'}} end
local denied = forbidden({{{{'HSET', meta, 'paused', 1}}, {{'HDEL', meta, 'paused'}}, {{'DEL', marker}},
  {{'RENAME', wait, paused}}, {{'RENAME', paused, wait}}, {{'RPUSH', wait, 'x'}}, {{'LTRIM', paused, 0, 0}},
  {{'ZADD', marker, 0, '0'}}, {{'XADD', events, '*', 'x', 'x'}}}})
if denied then return {{'denied', denied}} end
if verb == 'pause' then
  redis.call('HSET', meta, 'paused', 1)
  if generation ~= '6' and redis.call('EXISTS', wait) == 1 then redis.call('RENAME', wait, paused) end
  if generation ~= '4' then redis.call('DEL', marker) end
  redis.call('XADD', events, '*', 'event', 'paused')
  return {{'done', 1, 0, 0}}
end
redis.call('XADD', events, '*', 'event', 'resumed')
redis.call('HDEL', meta, 'paused')
if redis.call('EXISTS', paused) == 1 and redis.call('EXISTS', wait) == 0 then
  redis.call('RENAME', paused, wait)
end
while redis.call('EXISTS', paused) == 1 do
  local some = redis.call('LRANGE', paused, 0, 999)
  redis.call('RPUSH', wait, unpack(some))
  redis.call('LTRIM', paused, #some, -1)
end
local waiting, ranked = redis.call('LLEN', wait), redis.call('ZCARD', prioritized)
if generation == '4' then
  if ranked > 0 and waiting == 0 then redis.call('LPUSH', wait, '0:0') end
elseif waiting + ranked > 0 then
  redis.call('ZADD', marker, 0, '0')
else
  local next = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  if next[2] then redis.call('ZADD', marker, tonumber(next[2]) / 0x1000, '1') end
end
return {{'done', 1, 0, 0}}
"""


def generation(version: str) -> str:
    """Which rules a version follows; ? when it doesn't say.

    >>> generation("bullmq:5.81.5"), generation("bullmq:6.7.0"), generation("bullmq:12.0.0"), generation("")
    ('5', '6', '6', '?')
    """
    number = version.rpartition(":")[2].partition(".")[0]
    if not version or not number.isdecimal():
        return "?"
    return str(min(6, max(4, int(number))))


class BullMQ(Library):
    """Queues of BullMQ under one prefix."""

    name = "bullmq"
    title = "BullMQ"
    pauses = True
    note = (
        "moving ids by hand (LPUSH, ZREM) leaves the job's own fields, its place by priority and the workers' marker "
        "behind; here the library's own steps are taken in one script"
    )

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def _of(self, queue: str, last: str) -> str:
        return f"{self._prefix}:{queue}:{last}"

    # reading

    def failed_key(self, queue: str) -> str:
        """Ids by when they failed."""
        return self._of(queue, "failed")

    async def crowd(self, ask: Ask, name: str) -> Crowd | None:
        """The queue by its counts, its version and its newest failed job."""
        queue = (await bullmq.read(ask, [name], self._prefix)).queues[0][0]
        if queue.missing:
            return None
        version, newest = await ask(
            [("HGET", self._of(name, "meta"), "version"), ("ZRANGE", self._of(name, "failed"), -1, -1, "WITHSCORES")]
        )
        mark = plain(rows(newest)[1]) if len(rows(newest)) == 2 else "0"
        identity = self._identity(name, plain(version), [("up to", mark), ("paused", "yes" if queue.paused else "no")])
        return Crowd(queue, identity, hindrance=_pro(plain(version)))

    async def failed(self, ask: Ask, queue: str, id: str) -> FailedOne | None:
        """The job by when it failed and after how many attempts."""
        now, score, fields, version = await ask(
            [
                ("TIME",),
                ("ZSCORE", self._of(queue, "failed"), id),
                ("HMGET", self._of(queue, id), *_FIELDS),
                ("HGET", self._of(queue, "meta"), "version"),
            ]
        )
        if score is None or isinstance(score, Refusal):
            return None
        ended, atm, made, reason, opts, _ = [*rows(fields), *(None for _ in _FIELDS)][: len(_FIELDS)]
        tried = plain(atm) if atm is not None else plain(made)
        attempts = whole(tried.encode())
        identity = self._identity(queue, plain(version), [("failed at", plain(ended)), ("attempts", tried)], id)
        lost = "" if ended is not None else "its data is gone, only its id is kept"
        return FailedOne(
            id=id,
            identity=identity,
            age=since(clock(now), millis(ended)),
            attempts=None if attempts is None else int(attempts),
            reason=text(reason, REASON),
            tries=_tries(opts, attempts),
            hindrance=_pro(plain(version)) or lost,
        )

    def _identity(self, queue: str, version: str, rest: Sequence[tuple[str, str]], id: str = "") -> Identity:
        job = (("job", id),) if id else ()
        return (("library", self.name), ("prefix", self._prefix), ("queue", queue), *job, ("version", version), *rest)

    async def fates(self, ask: Ask, queue: str, ids: Sequence[str]) -> list[Fate]:
        """By each job's own fields; its place in the list only when it is one job."""
        asked: list[Command] = []
        for id in ids:
            asked.append(("ZSCORE", self._of(queue, "failed"), id))
            asked.append(("ZSCORE", self._of(queue, "delayed"), id))
            asked.append(("HMGET", self._of(queue, id), "processedOn", "finishedOn", "failedReason", "timestamp"))
        fates = [_fate(*replies) for replies in chunks(await ask(asked), 3)]
        if len(ids) == 1 and fates[0].phase is Phase.WAITING:
            return [Fate(Phase.WAITING, before_it=await self._before(ask, queue, ids[0]))]
        return fates

    async def _before(self, ask: Ask, queue: str, id: str) -> int | None:
        """Jobs that are taken before this one; those with a priority come after the plain ones."""
        wait, paused, ranked = (self._of(queue, key) for key in ("wait", "paused", "prioritized"))
        in_wait, waiting, in_paused, held, rank = await ask(
            [
                ("LPOS", wait, id, "MAXLEN", _DEEP),
                ("LLEN", wait),
                ("LPOS", paused, id, "MAXLEN", _DEEP),
                ("LLEN", paused),
                ("ZRANK", ranked, id),
            ]
        )
        if isinstance(rank, int):
            return rank + int(whole(waiting) or 0)
        found = position(in_wait, waiting)
        return position(in_paused, held) if found is None else found

    async def left(self, ask: Ask, queue: str, mark: str) -> int | None:
        """Failed jobs up to a mark."""
        (reply,) = await ask([("ZCOUNT", self._of(queue, "failed"), "-inf", mark)])
        return reply if isinstance(reply, int) else None

    def newer(self, mark: str, than: str) -> bool:
        """Marks are milliseconds."""
        first, second = whole(mark.encode()), whole(than.encode())
        return first is not None and second is not None and first > second

    # the scripts

    async def retry(self, ask: Ask, identity: Identity) -> Script:
        """What `Job.retry` does."""
        told = dict(identity)
        return self._script(_RETRY, identity, f"one {told['job']}", told["failed at"], told["attempts"])

    async def retry_all(self, ask: Ask, identity: Identity) -> Script:
        """What one round of `Queue.retryJobs` does: it heeds neither priority nor order of last in, first out."""
        return self._script(_RETRY, identity, "all", dict(identity)["up to"], MOST)

    def pause(self, identity: Identity, verb: str) -> Script:
        """What `Queue.pause` and `Queue.resume` do."""
        return self._script(_PAUSE, identity, verb)

    def _script(self, body: str, identity: Identity, *args: str | int) -> Script:
        told = dict(identity)
        keys = tuple(self._of(told["queue"], key) for key in _KEYS)
        version = told["version"]
        return Script(body, keys, (self._of(told["queue"], ""), version, generation(version), *args))


def _pro(version: str) -> str:
    return _PRO if version.startswith("bullmq-pro") else ""


def _tries(opts: Any, attempts: float | None) -> str:
    """What a job's limit of attempts means for one more."""
    try:
        limit = json.loads(opts).get("attempts", 1) if isinstance(opts, bytes) and len(opts) < 1 << 16 else None
    except (ValueError, AttributeError, RecursionError):
        return ""
    if not isinstance(limit, int) or isinstance(limit, bool) or attempts is None or attempts < limit:
        return ""
    return "its attempts are used up, so it gets one more" if limit > 1 else ""


def _fate(failed: Any, delayed: Any, fields: Any) -> Fate:
    processed, finished, reason, added = [*rows(fields), None, None, None, None][:4]
    if failed is not None and not isinstance(failed, Refusal):
        return Fate(Phase.FAILED, plain(finished), text(reason, REASON))
    if delayed is not None and not isinstance(delayed, Refusal):
        return Fate(Phase.LATER, reason=text(reason, REASON))
    if added is None and processed is None and finished is None:
        return Fate(Phase.GONE)
    if finished is not None:
        return Fate(Phase.DONE)
    return Fate(Phase.RUNNING if processed is not None else Phase.WAITING)
