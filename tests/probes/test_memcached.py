"""memcached, against the real server; the contract test breaks its connection in every way we know."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from probes.base import Context, Snapshot, Target
from probes.memcached import MemcachedFacts, MemcachedProbe, MemcachedSettings
from tests.probes.rigs import TestSecrets
from tests.stack.cacheservers import Memcached
from tests.toys import StillClock


def probe(url: str, clock: StillClock) -> MemcachedProbe:
    settings = MemcachedSettings(url=url)
    return MemcachedProbe(Target("cache", "memcached", settings), Context(TestSecrets(), clock.monotonic, clock.now))


async def read(made: MemcachedProbe, clock: StillClock, after: float = 2.0) -> Snapshot[MemcachedFacts]:
    clock.seconds += after
    return await made.read()


@pytest.mark.engine
async def test_the_hit_rate_is_that_of_the_last_seconds_and_not_since_boot(memcached_server: Memcached) -> None:
    clock = StillClock()
    made = probe(f"memcached://127.0.0.1:{memcached_server.port}", clock)
    first = await read(made, clock)
    assert first.facts.hit_ratio is None
    memcached_server.command("set here 0 0 1\r\nx")
    for name in ("here", "here", "here", "nowhere"):
        memcached_server.command(f"get {name}")
    second = await read(made, clock)
    assert second.facts.hit_ratio == 0.75
    assert second.facts.lookups == 2.0
    third = await read(made, clock)
    assert third.facts.hit_ratio is None, "no lookups is no traffic and not a rate of zero"
    assert third.facts.lookups == 0
    assert third.gauge("hit_ratio") is None
    await made.close()


@pytest.mark.engine
async def test_it_knows_its_limits(memcached_server: Memcached) -> None:
    clock = StillClock()
    made = probe(f"memcached://127.0.0.1:{memcached_server.port}", clock)
    found = (await read(made, clock)).facts
    assert str(found.version).startswith("1.")
    assert found.limit == 16 * 1024 * 1024
    assert found.connections_limit is not None
    await made.close()


@pytest.mark.parametrize("url", ["redis://h", "memcached://", "memcached://a@b@c:1", "memcached://app:x@h"])
def test_an_address_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        MemcachedSettings(url=url)
