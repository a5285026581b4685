"""Reads the queues of one account: named and bad ones at every reading, thousands of others in turn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import ClassVar, Final

from probes.aws.calls import THREADS, Calls
from probes.aws.metrics import Metric, Metrics
from probes.aws.sqs import moves, parse, peeked
from probes.aws.sqs.catalogue import CAP, Catalogue, is_gone
from probes.aws.sqs.facts import Move, Outlook, Queue, Seen, SqsFacts
from probes.aws.sqs.flow import Flow
from probes.aws.sqs.gauges import RULES, SPECS, measured
from probes.aws.sqs.settings import SqsSettings
from probes.base import (
    Cause,
    Context,
    Found,
    Gap,
    GaugeSpec,
    Look,
    Probe,
    ProbeError,
    Rule,
    SafeText,
    Settings,
    Sheet,
    Snapshot,
    Target,
)

_ADDRESS: Final = re.compile(r"https://sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/\d{12}/[\w-]{1,80}(?:\.fifo)?")
WORST: Final = 20
"""Queues beside the named ones that are read at every reading: those with most messages."""
_TOGETHER: Final = 2 * THREADS
"""Queues that are read before it is looked whether there is time for more."""
_FIRST: Final = 0.3
"""Seconds of the first reading that go to queues: something must be seen soon."""
_SHARE: Final = 0.4
"""Part of a reading's time that goes to queues whose turn it is."""
_ASKED: Final = 10
"""Dead-letter queues whose move tasks are asked for."""
_SUSPECTS: Final = 3
"""Queues in one reading that are asked whether they are dead-letter queues before they are called stuck."""
_SUSPECT: Final = 120.0
"""Seconds without a taker after which that is asked."""
_ATTRIBUTES: Final = ("All",)
MESSAGES: Final = Look("messages", "messages of the last look")


class SqsProbe(Probe[SqsFacts]):
    """The queues of one account and region."""

    kind = "sqs"
    settings_type: ClassVar[type[Settings]] = SqsSettings
    gauges: ClassVar[tuple[GaugeSpec, ...]] = SPECS
    rules: ClassVar[tuple[Rule, ...]] = RULES

    @classmethod
    def discover(cls, environ: Mapping[str, str]) -> Iterable[Found]:
        """The queue that an application's environment names."""
        found = _ADDRESS.fullmatch(environ.get("SQS_QUEUE_URL", ""))
        if found is not None:
            yield Found("queue", {"queues": [found[0]], "region": found[1]}, "SQS_QUEUE_URL is set")

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, SqsSettings)
        self.settings = target.settings
        self._calls = Calls(self.settings, context, target.name)
        self._catalogue = Catalogue(self._calls, self.settings.queues)
        self._metrics = Metrics(self._calls)
        self._seen: dict[str, tuple[float, Seen]] = {}
        """Name -> (when it was read, what was read)."""
        self._flows: dict[str, Flow] = {}
        self._told: dict[str, tuple[SafeText, ...]] = {}
        """Dead-letter queue -> its sources, where the service was asked."""
        self._listed: dict[str, Queue] = {}
        """Rows of queues that were not read yet."""
        self._read_before = False

    async def read(self) -> Snapshot[SqsFacts]:
        """The list, then as many queues as there is time for, then ages and what only a watcher needs."""
        began = self.context.monotonic()
        self.doing = "connecting"
        await self._calls.whose()
        self.doing = "reading"
        urls = await self._catalogue.urls()
        gaps = await self._counted(urls, began)
        for name in self._seen.keys() - urls.keys():
            del self._seen[name]
            self._flows.pop(name, None)
            self._told.pop(name, None)
        for name in self._listed.keys() - urls.keys():
            del self._listed[name]
        sources = await self._sources(gaps)
        ages = await self._ages(sources, gaps)
        tasks = await self._moves(sources, gaps) if self.watched and self._read_before else {}
        if self._catalogue.cut:
            gaps.append(Gap(f"queues beyond {CAP:,}", Cause.TOO_BIG, SafeText("name some, or a pattern")))
        self._read_before = True
        facts = SqsFacts(
            await self._calls.seat(),
            self._rows(urls, sources, ages, tasks),
            unread=len(urls) - len(self._seen),
            more=int(self._catalogue.cut),
        )
        return self.snapshot(facts, measured(facts), began, gaps)

    # which queues, and their counts

    async def _counted(self, urls: Mapping[str, str], began: float) -> list[Gap]:
        """Read the queues that must be, then those whose turn it is while there is time."""
        for name in self._catalogue.named:
            if not urls.get(name):
                self._missing(name)
        musts = self._musts(urls)
        others = iter(self._in_turn(urls, set(musts)))
        until = began + min(self.settings.timeout * _SHARE, 4.0 if self._read_before else _FIRST)
        failures: list[ProbeError] = []
        read = 0
        waiting = iter(musts)
        while True:
            some = list(islice(waiting, _TOGETHER))
            if not some and (not read or self.context.monotonic() < until):
                some = list(islice(others, _TOGETHER))
            if not some:
                break
            failures += await self._attributes(some, urls)
            read += len(some)
            if len(failures) == read:
                raise failures[0]
        if unlisted := await self._unlisted(musts, urls):
            failures += await self._attributes(unlisted, urls)
        return _gaps(failures)

    async def _unlisted(self, musts: Sequence[str], urls: Mapping[str, str]) -> list[str]:
        """Dead-letter queues of these that the profile does not name, where they can be read from here."""
        account = (await self._calls.whose()).account
        found = []
        for name in musts:
            arn = self._seen[name][1].policy.dead_arn if name in self._seen else ""
            dead = parse.name_of(arn)
            if dead and dead not in urls and parse.account_of(arn) == account and await self._catalogue.also(dead):
                found.append(dead)
        return found

    def _musts(self, urls: Mapping[str, str]) -> list[str]:
        """The named ones, their dead-letter queues, and those with most messages."""
        musts = [name for name in self._catalogue.named if urls.get(name)]
        worst = sorted(self._seen, key=lambda name: -(self._seen[name][1].counts.visible or 0))
        musts += [name for name in worst[:WORST] if self._seen[name][1].counts.total]
        musts += [dead for name in musts if (dead := self._dead_letters(name))]
        return [name for name in dict.fromkeys(musts) if urls.get(name)]

    def _in_turn(self, urls: Mapping[str, str], musts: set[str]) -> Sequence[str]:
        """The others: those not yet read first, then the ones read longest ago."""
        others = [name for name, url in urls.items() if name not in musts and url]
        return sorted(others, key=lambda name: self._seen[name][0] if name in self._seen else -1.0)

    def _dead_letters(self, name: str) -> str:
        """The name of a queue's dead-letter queue, as far as it was read."""
        seen = self._seen.get(name)
        return parse.name_of(seen[1].policy.dead_arn) if seen is not None else ""

    async def _attributes(self, names: Sequence[str], urls: Mapping[str, str]) -> list[ProbeError]:
        """Read some queues; what went wrong with the reading itself."""
        asked = [{"QueueUrl": urls[name], "AttributeNames": list(_ATTRIBUTES)} for name in names]
        answers = await self._calls.each("sqs", "get_queue_attributes", asked)
        failures = []
        for name, answer in zip(names, answers, strict=True):
            if not isinstance(answer, ProbeError):
                self._take(name, urls[name], answer.get("Attributes") or {})
            elif is_gone(answer):
                self._gone(name)
            elif answer.cause is Cause.DENIED:
                self._keep(Seen(SafeText(name, 100), urls[name], trouble=answer.message))
                failures.append(answer)
            else:
                failures.append(answer)
        return failures

    def _take(self, name: str, url: str, attributes: Mapping[str, object]) -> None:
        policy = parse.policy(attributes)
        before = self._seen.get(name)
        if before is not None and before[1].policy.created != policy.created:
            self._flows.pop(name, None)  # another queue of the same name
        self._keep(Seen(SafeText(name, 100), url, parse.counts(attributes), policy))

    def _keep(self, seen: Seen) -> None:
        name, now = str(seen.name), self.context.monotonic()
        self._listed.pop(name, None)
        self._seen[name] = (now, self._flows.setdefault(name, Flow()).follow(seen, now))

    def _gone(self, name: str) -> None:
        self._catalogue.gone(name)
        if name in self._catalogue.named:
            self._missing(name)
        else:
            self._seen.pop(name, None)
            self._flows.pop(name, None)

    def _missing(self, name: str) -> None:
        self._flows.pop(name, None)
        words = SafeText("no such queue: check the name, account and region")
        self._seen[name] = (self.context.monotonic(), Seen(SafeText(name, 100), "", missing=True, trouble=words))

    # what belongs to dead letters

    async def _sources(self, gaps: list[Gap]) -> dict[str, tuple[SafeText, ...]]:
        """Dead-letter queue -> the queues it is for: by the queues read, and asked where it matters."""
        found: dict[str, list[SafeText]] = {}
        for name, (_, seen) in self._seen.items():
            if dead := self._dead_letters(name):
                found.setdefault(dead, []).append(seen.name)
        unasked = [name for name in self._seen if name not in found and name not in self._told]
        suspects = [name for name in unasked if (self._seen[name][1].stuck or 0.0) > _SUSPECT][:_SUSPECTS]
        if self.watched:
            suspects += [name for name in unasked if name in self._catalogue.named and name not in suspects][:_ASKED]
        for name in suspects:
            try:
                told = await moves.sources(self._calls, self._seen[name][1].url) if self._seen[name][1].url else ()
            except ProbeError as error:
                gaps.append(Gap("whose dead letters a queue holds", error.cause, error.message))
                break
            self._told[name] = tuple(SafeText(parse.name_of(url), 100) for url in told)
        return {name: told for name, told in self._told.items() if told} | {
            name: tuple(sources) for name, sources in found.items()
        }

    async def _moves(self, sources: Mapping[str, tuple[SafeText, ...]], gaps: list[Gap]) -> dict[str, tuple[Move, ...]]:
        """The move tasks of dead-letter queues that are read."""
        found: dict[str, tuple[Move, ...]] = {}
        read = [name for name in sources if name in self._seen and self._seen[name][1].policy.arn]
        for name in sorted(read, key=lambda name: -(self._seen[name][1].counts.visible or 0))[:_ASKED]:
            try:
                found[name] = await moves.tasks(self._calls, self._seen[name][1].policy.arn)
            except ProbeError as error:
                if is_gone(error):
                    continue
                gaps.append(Gap("move tasks of dead-letter queues", error.cause, error.message))
                break
        return found

    async def _ages(self, sources: Mapping[str, object], gaps: list[Gap]) -> dict[str, float]:
        """Age of the oldest message of the queues that have any, the worst first."""
        full = [name for name, (_, seen) in self._seen.items() if seen.counts.total]
        full.sort(key=lambda name: (name not in self._catalogue.named, -(self._seen[name][1].counts.visible or 0)))
        if len(full) > self.settings.ages:
            rest = f"age of the oldest message of {len(full) - self.settings.ages:,} queues"
            gaps.append(Gap(rest, Cause.TOO_BIG, SafeText("raise ages; each costs 1.4 cents a day")))
        chosen = full[: self.settings.ages]
        if not chosen:
            return {}
        try:
            points = await self._metrics.read({name: _oldest(name) for name in chosen})
        except ProbeError as error:
            gaps.append(Gap("age of the oldest message", error.cause, error.hint or error.message))
            return {}
        return {name: value for name, one in points.items() if (value := one.latest) is not None and value >= 0}

    # rows

    def _rows(
        self,
        urls: Mapping[str, str],
        sources: Mapping[str, tuple[SafeText, ...]],
        ages: Mapping[str, float],
        tasks: Mapping[str, tuple[Move, ...]],
    ) -> tuple[Queue, ...]:
        now = self.context.monotonic()
        rows, unread = [], []
        for name in sorted(urls):
            known = self._seen.get(name)
            if known is None:
                unread.append(self._unread(name, urls[name]))
                continue
            dead = self._seen.get(self._dead_letters(name))
            rows.append(
                Queue(
                    known[1],
                    now - known[0],
                    ages.get(name),
                    sources.get(name, ()),
                    dead[1].counts.visible if dead is not None else None,
                    tasks.get(name, ()),
                )
            )
        rows.sort(key=worst)
        return (*rows, *unread)

    def _unread(self, name: str, url: str) -> Queue:
        """The row of a queue that was only listed; made once."""
        if name not in self._listed:
            self._listed[name] = Queue(Seen(SafeText(name, 100), url), None)
        return self._listed[name]

    # looking closer

    def looks(self) -> tuple[Look, ...]:
        """The messages of the last look at them."""
        return (MESSAGES,)

    async def look(self, name: str, subject: str) -> Sheet:
        """What the last look at a queue's messages showed; nothing is received for it."""
        known = self._seen.get(subject)
        if name != MESSAGES.name or known is None:
            raise ProbeError(Cause.GONE, f"no queue {SafeText(subject, 100)} was read")
        glance = peeked.PEEKED.of(known[1].url, self.context.monotonic)
        return Sheet(f"messages of {known[1].name}", tuple(peeked.sheet(glance)))

    async def close(self) -> None:
        """Let go of the threads."""
        self._calls.close()


def worst(queue: Queue) -> tuple[int, int]:
    """Order of the rows: missing and troubled, dead letters, then by messages. Rows come by name before."""
    seen = queue.seen
    if seen.missing or seen.trouble:
        return 0, 0
    counts = seen.counts
    if not counts.visible:
        return (2 if counts.in_flight or seen.outlook is Outlook.DRAINS else 3), 0
    return (1 if queue.dead_of else 2), -counts.visible


def _oldest(name: str) -> Metric:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"""
    return Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", (("QueueName", name),), "Maximum")


def _gaps(failures: Sequence[ProbeError]) -> list[Gap]:
    """One gap for each cause."""
    first: dict[Cause, tuple[ProbeError, int]] = {}
    for error in failures:
        kept, count = first.get(error.cause, (error, 0))
        first[error.cause] = (kept, count + 1)
    return [
        Gap("1 queue" if count == 1 else f"{count:,} queues", error.cause, error.hint or error.message)
        for error, count in first.values()
    ]
