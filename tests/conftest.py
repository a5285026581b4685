"""Real engines for tests: started when a test asks for one, shared by the session, ended with it.

A missing engine is a visible skip with its reason; where CI is set it is a failure. Nothing is downloaded here:
`tests/stack/up` does that.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Generator, Iterator
from itertools import count
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.missing import missing
from tests.stack import aws, cacheservers, docker, kubernetes, metricsapi, places, postgres, prometheus, sshd, systemd
from tests.stack.kubeapi import Cluster

Server = TypeVar("Server")
Started = TypeVar("Started")

settings.register_profile("busy", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes is the machine's business; what it shows is not."""
settings.load_profile("busy")


def obtain(engine: str, start: Callable[[], Started]) -> Started:
    """What `start` gives, or a skip (a failure where CI is set) with the reason why it cannot."""
    try:
        return start()
    except places.Unavailable as unavailable:
        reason = f"{engine}: {unavailable}"
    return missing(reason)


@pytest.fixture(scope="session")
def bash() -> str:
    """A shell with job control."""
    return str(obtain("bash", lambda: places.needed("bash")))


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
    """The Docker Engine that answers here, or a private one, shared by sessions; with the image `opsroom-test/bb:1`."""
    with contextlib.ExitStack() as held:
        yield obtain("docker", lambda: held.enter_context(docker.borrowed()))


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


@pytest.fixture
def new_sshd() -> Iterator[Callable[..., sshd.Sshd]]:
    """Makes OpenSSH servers of the test's own; takes what `stack.sshd.start` takes."""
    yield from _many("sshd", sshd.start, sshd.end)


@pytest.fixture(scope="session")
def moto() -> Iterator[aws.Cloud]:
    """AWS by moto, the default; a test that must find nothing there calls `reset` first."""
    cloud = obtain("moto", aws.start_moto)
    yield cloud
    aws.end(cloud)


@pytest.fixture
def new_moto() -> Iterator[Callable[..., aws.Cloud]]:
    """Makes moto servers of the test's own, to stop, hang or break."""
    yield from _many("moto", aws.start_moto, aws.end)


@pytest.fixture(scope="session")
def ministack() -> Iterator[aws.Cloud]:
    """AWS by ministack, without containers: ElastiCache, alarm history, percentiles; `reset` empties it."""
    cloud = obtain("ministack", aws.start_ministack)
    yield cloud
    aws.end(cloud)


@pytest.fixture(scope="session")
def ministack_ecs(docker_engine: docker.Engine) -> Iterator[aws.Cloud]:
    """AWS by ministack, where every ECS task is a container on the Docker Engine; `reset` removes them too."""
    cloud = obtain("ministack", lambda: aws.start_ministack(docker_engine))
    yield cloud
    aws.end(cloud)


@pytest.fixture
def new_ministack() -> Iterator[Callable[..., aws.Cloud]]:
    """Makes ministacks of the test's own; takes a Docker Engine for real tasks."""
    yield from _many("ministack", aws.start_ministack, aws.end)


@pytest.fixture(scope="session")
def alertmanager() -> Iterator[prometheus.Alertmanager]:
    """An Alertmanager; the session's Prometheus tells it what fires."""
    server = obtain("alertmanager", prometheus.start_alertmanager)
    yield server
    prometheus.end(server)


@pytest.fixture
def new_alertmanager() -> Iterator[Callable[..., prometheus.Alertmanager]]:
    """Makes Alertmanagers of the test's own; takes options for its argv."""
    yield from _many("alertmanager", prometheus.start_alertmanager, prometheus.end)


@pytest.fixture(scope="session")
def node_exporter() -> Iterator[prometheus.NodeExporter]:
    """A node exporter, which also exposes what a test gives it."""
    server = obtain("node exporter", prometheus.start_node_exporter)
    yield server
    prometheus.end(server)


@pytest.fixture(name="prometheus", scope="session")
def prometheus_server(
    alertmanager: prometheus.Alertmanager, node_exporter: prometheus.NodeExporter
) -> Iterator[prometheus.Prometheus]:
    """A Prometheus with the jobs `prometheus`, `node` and `dead` (refused), and the rules `stack.prometheus.RULES`."""
    jobs = {"node": [node_exporter.address], "dead": [f"127.0.0.1:{places.free_port()}"]}

    def start() -> prometheus.Prometheus:
        return prometheus.start_prometheus(jobs=jobs, rules=prometheus.RULES, alertmanagers=[alertmanager.address])

    server = obtain("prometheus", start)
    yield server
    prometheus.end(server)


@pytest.fixture
def new_prometheus() -> Iterator[Callable[..., prometheus.Prometheus]]:
    """Makes Prometheus servers of the test's own; takes what `stack.prometheus.start_prometheus` takes."""
    yield from _many("prometheus", prometheus.start_prometheus, prometheus.end)


@pytest.fixture(scope="session")
def cluster(docker_engine: docker.Engine) -> Iterator[Cluster]:
    """A Kubernetes cluster of one node, nobody else's while the session lasts; tests take a namespace of their own."""
    with contextlib.ExitStack() as held:
        yield obtain("kubernetes", lambda: held.enter_context(kubernetes.reserved(docker_engine)))


@pytest.fixture
def cluster_metrics(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster while it serves `metrics.k8s.io`; without this it serves none."""
    pid = metricsapi.start(cluster)
    yield cluster
    metricsapi.end(cluster, pid)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A new namespace in the cluster, removed with all in it after the test."""
    name = cluster.new_namespace(f"test-{os.getpid()}-{next(_numbers)}")
    yield name
    cluster.end_namespace(name)


_numbers = count(1)


LONG = (
    "test_social_live", "test_ecs_act", "test_social_analytics", "test_backups_act", "test_newsletter_plays",
    "test_docker_act", "test_whatsapp_notifications", "test_sqs_act", "test_newsletter", "test_secrets_act",
    "test_insta_connect", "test_postgres_care_act", "test_monkey", "test_docker_deploy", "test_stage",
    "test_systemd_act", "test_together", "test_rds_act", "test_backups_fetch", "test_settings_rotation",
    "test_supervisor_act", "test_prometheus", "test_contrib", "test_backups_copies",
)  # fmt: skip
"""The modules that take longest begin first, so that no worker is left with one at the end; those that mostly wait,
the plays of the example systems, in turn with those that mostly work, so that they run side by side."""

OF_CLUSTER = ("/test_kubernetes_act.py::", "/test_kubernetes_cluster.py::", "::TestKubernetes::")
"""What the tests of the Kubernetes cluster have in their ids."""

OF_FEW_FILES = ("terminal", "kubernetes", "alone")
"""Marks whose tests `make` looks for in the files that name the mark, and in no others."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Tests that are collected stay: the garbage collector need not go through them, neither now nor later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    """What all tests must keep to is seen to before some are left out; those that stay are put in order."""
    _findable(items)
    result = yield
    _ordered(items)
    return result


def _findable(items: list[pytest.Item]) -> None:
    named = {(item.path, mark.name) for item in items for mark in item.iter_markers() if mark.name in OF_FEW_FILES}
    unfound = [(path.name, mark) for path, mark in named if f"mark.{mark}" not in path.read_text()]
    assert not unfound, f"make would not find the tests of these marks: {unfound}"


def _ordered(items: list[pytest.Item]) -> None:
    """Tests of the cluster come last, for it may still be building; the first of them has the time to wait for it."""
    last = len(LONG)
    places = {name: place for place, name in enumerate(LONG)}
    of_cluster = {item: item.get_closest_marker("kubernetes") is not None for item in items}
    items.sort(key=lambda item: last + 1 if of_cluster[item] else places.get(item.path.stem, last))
    for first in [item for item in items if of_cluster[item]][:1]:
        first.add_marker(pytest.mark.timeout(kubernetes.BUILD_WITHIN + kubernetes.WAIT_WITHIN + 120), append=False)
    assert all(any(part in item.nodeid for part in OF_CLUSTER) for item in items if of_cluster[item])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together | None:
    """With `--dist loadfile`."""
    return Together(config, log) if config.getvalue("dist") == "loadfile" else None


class Together(LoadScopeScheduling):  # type: ignore[misc]
    """Which tests stay on one worker: those of a module, for they share its engines, with two exceptions.

    Of the cluster there is one, and it is one worker's. The contract of all kinds on one worker would take longer than
    everything else: each kind goes by itself.
    """

    def _split_scope(self, nodeid: str) -> str:
        module, _, test = nodeid.partition("::")
        if any(part in nodeid for part in OF_CLUSTER):
            return "kubernetes"
        if module.endswith("/test_contract.py"):
            return f"{module}[{test.partition('[')[2].partition('-')[0].removesuffix(']')}]"
        return module


def _many(engine: str, start: Callable[..., Server], end: Callable[[Server], None]) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(*words: object, **settings: object) -> Server:
        made.append(obtain(engine, lambda: start(*words, **settings)))
        return made[-1]

    yield make
    for server in made:
        end(server)
