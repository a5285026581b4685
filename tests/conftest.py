"""Real engines for tests: started when a test asks for one, shared by the session, ended with it.

A missing engine is a visible skip with its reason; where CI=true it is a failure. Nothing is downloaded here:
`tests/stack/up` does that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from tests.stack import cacheservers, docker, places, postgres, systemd

Server = TypeVar("Server")
Started = TypeVar("Started")


def obtain(engine: str, start: Callable[[], Started]) -> Started:
    """What `start` gives, or a skip (a failure where CI=true) with the reason why it cannot."""
    try:
        return start()
    except places.Unavailable as missing:
        reason = f"{engine}: {missing}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_of() -> Iterator[Callable[[postgres.Origin | None], postgres.Postgres]]:
    """The session's server of one origin; `None` is the preferred one."""
    servers: dict[postgres.Origin | None, postgres.Postgres] = {}

    def of(origin: postgres.Origin | None) -> postgres.Postgres:
        chosen = origin or next(iter(postgres.origins()), None)
        if chosen not in servers:
            servers[chosen] = obtain("postgres", lambda: postgres.start(chosen))
        return servers[chosen]

    yield of
    for server in servers.values():
        postgres.end(server)


@pytest.fixture(name="postgres", scope="session")
def postgres_server(postgres_of: Callable[[postgres.Origin | None], postgres.Postgres]) -> postgres.Postgres:
    """A PostgreSQL with roles `postgres`, `reader`, `plain` and the database `app`."""
    return postgres_of(None)


@pytest.fixture(scope="session", params=["system", "wheel"])
def every_postgres(
    request: pytest.FixtureRequest, postgres_of: Callable[[postgres.Origin | None], postgres.Postgres]
) -> postgres.Postgres:
    """The same test on the system's version and on the wheel's."""
    return postgres_of(request.param)


@pytest.fixture
def new_postgres() -> Iterator[Callable[..., postgres.Postgres]]:
    """Makes servers of the test's own, to stop, hang or break; takes what `stack.postgres.start` takes."""
    yield from _many("postgres", postgres.start, postgres.end)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[cacheservers.Redis]:
    """A Redis (or Valkey); a test that leaves keys behind flushes first."""
    server = obtain("redis", cacheservers.start_redis)
    yield server
    cacheservers.end(server)


@pytest.fixture
def new_redis() -> Iterator[Callable[..., cacheservers.Redis]]:
    """Makes servers of the test's own, to stop, hang or break; takes options for its argv."""
    yield from _many("redis", cacheservers.start_redis, cacheservers.end)


@pytest.fixture(scope="session")
def memcached_server() -> Iterator[cacheservers.Memcached]:
    """A memcached."""
    server = obtain("memcached", cacheservers.start_memcached)
    yield server
    cacheservers.end(server)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[docker.Engine]:
    """The Docker Engine that answers here, or a private one for this session; with the image `opsroom-test/bb:1`."""
    running = docker.find()
    engine = obtain("docker", docker.start)
    yield engine
    if running is None:
        docker.stop(engine)


@pytest.fixture(scope="session")
def compose_project(docker_engine: docker.Engine) -> Iterator[docker.Project]:
    """A Compose project that is up: web (two healthy replicas), worker, crasher."""
    project = obtain("compose", lambda: docker.start_project(docker_engine, f"shop{os.getpid()}"))
    yield project
    docker.end_project(project)


@pytest.fixture(scope="session")
def systemd_host(docker_engine: docker.Engine) -> Iterator[systemd.Host]:
    """A container whose PID 1 is systemd, with the units of `tests/stack/units`."""
    host = obtain("systemd", lambda: systemd.start(docker_engine, f"sd{os.getpid()}", os.getpid()))
    yield host
    systemd.stop(host)


def _many(engine: str, start: Callable[..., Server], end: Callable[[Server], None]) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(*words: object, **settings: object) -> Server:
        made.append(obtain(engine, lambda: start(*words, **settings)))
        return made[-1]

    yield make
    for server in made:
        end(server)
