"""The engines and the faults that other tests lean on are what they say they are."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import conftest
from tests.stack import __main__ as command
from tests.stack import (
    aws,
    cacheservers,
    docker,
    kubeapi,
    kubebuild,
    kubernetes,
    places,
    postgres,
    process,
    prometheus,
    systemd,
)
from tests.stack.faultproxy import FaultProxy, Mode, hung


def started(pid: int) -> int:
    ticks = process.start_ticks(pid)
    assert ticks is not None
    return ticks


@pytest.fixture
def private_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSROOM_TEST_RUN", str(tmp_path))
    return tmp_path


class TestProcesses:
    def sleeper(self, folder: Path, *, owned: bool = True) -> int:
        return process.start("sleeper", ["sleep", "60"], log=folder / "log", ready=lambda: True, owned=owned)

    def test_a_server_is_on_record_until_it_is_ended(self, private_run: Path) -> None:
        pid = self.sleeper(private_run)
        assert [record.pid for record in process.records()] == [pid]
        process.stop_pid(pid)
        assert process.start_ticks(pid) is None
        assert list(process.records()) == []

    def test_a_hung_server_is_ended_too(self, private_run: Path) -> None:
        pid = self.sleeper(private_run)
        os.kill(pid, signal.SIGSTOP)
        process.stop_pid(pid)
        assert process.start_ticks(pid) is None

    def test_a_server_that_dies_at_start_says_why(self, private_run: Path) -> None:
        argv = ["sh", "-c", "echo cannot open the file >&2; exit 1"]
        with pytest.raises(places.Unavailable, match="cannot open the file"):
            process.start("broken", argv, log=private_run / "log", ready=lambda: False)

    def test_a_stranger_with_the_same_pid_is_never_ended(self, private_run: Path) -> None:
        pid = self.sleeper(private_run)
        (record,) = process.records()
        other = process.Record("sleeper", pid, record.started + 1, 0, 0)
        process.stop(other)
        assert started(pid) == record.started
        process.stop(record)

    def test_down_leaves_the_servers_of_a_test_session_that_runs(self, private_run: Path) -> None:
        ours, left = self.sleeper(private_run), self.sleeper(private_run, owned=False)
        for record in process.records():
            if record.ownerless:
                process.stop(record)
        assert [record.pid for record in process.records()] == [ours]
        assert process.start_ticks(left) is None
        process.stop_pid(ours)


class TestCommand:
    def test_an_unknown_verb_is_refused_with_what_there_is(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert command.main(["upp"]) == 2
        assert f"up [{' '.join(command.EXTRA)}] | down | status" in capsys.readouterr().err

    def test_setting_up_needs_no_installed_package(self) -> None:
        code = "import sys; sys.path.insert(0, '.'); import tests.stack.__main__"
        subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=places.HERE.parent.parent, check=True)


class TestKubernetesBuild:
    def test_a_source_that_is_not_as_expected_is_not_built(self, tmp_path: Path) -> None:
        file = tmp_path / kubebuild.CHANGES[0].file
        file.parent.mkdir(parents=True)
        file.write_text("package dockershim")
        with pytest.raises(places.Unavailable, match=r"another than expected in .*docker_sandbox\.go"):
            kubebuild.change(tmp_path)

    def test_what_neither_is_built_nor_being_built_is_missing_at_once(
        self, private_run: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPSROOM_TEST_CACHE", str(private_run / "cache"))
        kubernetes.build_log().write_text("it does not compile")
        nowhere = docker.Engine("unix:///nonexistent", "0", None)
        with pytest.raises(places.Unavailable, match="it does not compile"), kubernetes.reserved(nowhere):
            pytest.fail("there is no cluster")

    def test_a_cluster_in_use_is_left_alone(self, private_run: Path) -> None:
        with (private_run / "kubernetes.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            assert kubernetes.remove_leftovers(None) == (0, 1)

    def test_its_tests_come_last(self) -> None:
        listing = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/test_stack.py"]
        told = subprocess.run(listing, capture_output=True, text=True, check=True, cwd=places.HERE.parent.parent).stdout
        classes = [line.split("::")[1] for line in told.splitlines() if "::" in line]
        assert classes.index("TestKubernetes") > classes.index("TestFaults")
        assert set(classes[classes.index("TestKubernetes") :]) == {"TestKubernetes"}


class TestMissing:
    def missing(self) -> str:
        raise places.Unavailable("not installed")

    def test_a_missing_engine_is_a_skip_with_its_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CI", raising=False)
        with pytest.raises(pytest.skip.Exception, match="postgres: not installed"):
            conftest.obtain("postgres", self.missing)

    def test_a_missing_engine_fails_where_everything_must_be_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CI", "true")
        with pytest.raises(pytest.fail.Exception, match="postgres: not installed"):
            conftest.obtain("postgres", self.missing)


@pytest.mark.engine
class TestPostgres:
    def test_statements_are_counted_and_timed(self, every_postgres: postgres.Postgres) -> None:
        every_postgres.sql("SELECT 42 AS answer")
        seen = every_postgres.sql("SELECT calls > 0 FROM pg_stat_statements WHERE query LIKE '%AS answer%'")
        assert seen.splitlines()[0] == "t"
        assert every_postgres.sql("SHOW track_io_timing; SHOW max_connections").split() == ["on", "60"]

    def test_the_reader_sees_others_and_writes_nothing(self, postgres: postgres.Postgres) -> None:
        assert postgres.sql("SELECT pg_has_role('pg_monitor', 'member')", role="reader") == "t"
        with pytest.raises(RuntimeError, match="read-only"):
            postgres.sql("CREATE TABLE t ()", role="reader")

    def test_the_plain_role_has_no_rights(self, postgres: postgres.Postgres) -> None:
        assert postgres.sql("SELECT pg_has_role('pg_monitor', 'member')", role="plain") == "f"

    def test_a_server_of_ones_own_may_be_broken(self, new_postgres: Callable[..., postgres.Postgres]) -> None:
        server = new_postgres(options=["max_connections=7"])
        assert server.sql("SHOW max_connections") == "7"
        server.stop("immediate")
        with pytest.raises(RuntimeError, match="Connection refused"):
            server.sql("SELECT 1")


@pytest.mark.engine
class TestCacheServers:
    def test_redis_answers(self, redis_server: cacheservers.Redis) -> None:
        assert redis_server.command("PING") == "+PONG\r\n"
        assert redis_server.unix_socket.is_socket()

    def test_a_redis_of_ones_own_takes_options(self, new_redis: Callable[..., cacheservers.Redis]) -> None:
        server = new_redis("--maxmemory", "10mb")
        assert "10485760" in server.command("CONFIG", "GET", "maxmemory")

    def test_memcached_answers(self, memcached_server: cacheservers.Memcached) -> None:
        assert memcached_server.command("version").startswith("VERSION 1.")


@pytest.mark.engine
class TestAws:
    @pytest.mark.parametrize("name", ["moto", "ministack"])
    def test_a_cloud_answers_on_loopback_alone_and_forgets_when_told(
        self, name: aws.Name, request: pytest.FixtureRequest
    ) -> None:
        cloud: aws.Cloud = request.getfixturevalue(name)
        queues = cloud.client("sqs")
        queues.create_queue(QueueName="jobs")
        assert queues.list_queues()["QueueUrls"][0].startswith(cloud.url)
        cloud.reset()
        assert not queues.list_queues().get("QueueUrls")
        assert listening(cloud.pid) == [f"127.0.0.1:{cloud.port}"]

    def test_a_child_process_sees_this_cloud_and_nobodys_account(
        self, moto: aws.Cloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_PROFILE", "someone")
        assert "AWS_PROFILE" not in moto.environment
        assert moto.environment["AWS_ENDPOINT_URL"] == moto.url

    def test_a_cloud_of_ones_own_may_be_broken(self, new_moto: Callable[..., aws.Cloud]) -> None:
        cloud = new_moto()
        process.stop_pid(cloud.pid)
        with pytest.raises(OSError, match="refused"):
            cloud.reset()


@pytest.mark.docker
class TestEcs:
    IMAGE_COMMAND = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done")

    def running(self, cloud: aws.Cloud, engine: docker.Engine) -> list[str]:
        service = cloud.client("ecs")
        service.create_cluster(clusterName="prod")
        container = {"name": "web", "image": docker.IMAGE, "memory": 32, "command": list(self.IMAGE_COMMAND)}
        service.register_task_definition(family="web", containerDefinitions=[container])
        service.create_service(cluster="prod", serviceName="web", taskDefinition="web", desiredCount=2)

        def both() -> bool:
            return bool(service.describe_services(cluster="prod", services=["web"])["services"][0]["runningCount"] == 2)

        process.wait_until(both, 30)
        return containers(engine, cloud)

    def test_a_task_is_a_container_until_all_is_forgotten(
        self, ministack_ecs: aws.Cloud, docker_engine: docker.Engine
    ) -> None:
        assert len(self.running(ministack_ecs, docker_engine)) == 2
        ministack_ecs.reset()
        assert containers(docker_engine, ministack_ecs) == []

    def test_tasks_of_a_killed_session_are_leftovers_and_those_of_this_one_are_not(
        self, new_ministack: Callable[..., aws.Cloud], docker_engine: docker.Engine
    ) -> None:
        cloud = new_ministack(docker_engine)
        self.running(cloud, docker_engine)
        aws.remove_leftovers(docker_engine)
        assert len(containers(docker_engine, cloud)) == 2
        process.stop_pid(cloud.pid, how=signal.SIGKILL)
        aws.remove_leftovers(docker_engine)
        assert containers(docker_engine, cloud) == []


def containers(engine: docker.Engine, cloud: aws.Cloud) -> list[str]:
    """Of the tasks of one ministack."""
    mine = f"label={aws.INSTANCE}={aws.instance(cloud.port)}"
    return engine.run("ps", "-a", "-q", "--filter", mine).split()


def listening(pid: int) -> list[str]:
    """Local addresses a process listens on."""
    told = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    return [line.split()[3] for line in told.splitlines() if f"pid={pid}," in line]


@pytest.mark.engine
class TestPrometheus:
    def test_what_is_down_is_firing_here_and_at_the_alertmanager(
        self, prometheus: prometheus.Prometheus, alertmanager: prometheus.Alertmanager
    ) -> None:
        process.wait_until(lambda: prometheus.alerts().get("TargetDown") == "firing", 30)
        process.wait_until(lambda: bool(alertmanager.get("/api/v2/alerts")), 30)
        assert prometheus.alerts()["StillWaiting"] == "pending"

    def test_a_metric_of_the_tests_own_is_scraped(
        self, prometheus: prometheus.Prometheus, node_exporter: prometheus.NodeExporter
    ) -> None:
        node_exporter.expose("own", "jobs_left 42\n")
        process.wait_until(lambda: prometheus.value("jobs_left") == 42, 30)

    def test_a_silenced_alert_is_suppressed(self, new_alertmanager: Callable[..., prometheus.Alertmanager]) -> None:
        server = new_alertmanager()
        server.alert("DiskFull", host="db1")
        server.silence({"alertname": "DiskFull"}, until="2100-01-01T00:00:00Z")
        process.wait_until(lambda: server.get("/api/v2/alerts")[0]["status"]["state"] == "suppressed", 10)

    def test_a_server_of_ones_own_takes_rules_and_takes_others(
        self, new_prometheus: Callable[..., prometheus.Prometheus]
    ) -> None:
        server = new_prometheus(rules=[{"record": "one", "expr": "vector(1)"}])
        process.wait_until(lambda: server.value("one") == 1, 30)
        server.configure(rules=[{"record": "two", "expr": "vector(2)"}])
        process.wait_until(lambda: server.value("two") == 2, 30)


@pytest.mark.docker
class TestDocker:
    def test_a_container_runs_from_the_test_image(self, docker_engine: docker.Engine) -> None:
        told = docker_engine.run("run", "--rm", "--label", f"{docker.LABEL}={os.getpid()}", docker.IMAGE, "echo", "hi")
        assert told == "hi\n"

    def test_the_project_has_two_webs_a_worker_and_a_crasher(self, compose_project: docker.Project) -> None:
        webs = compose_project.containers("web")
        assert len(webs) == 2
        assert [compose_project.health(web) for web in webs] == ["healthy", "healthy"]
        (crasher,) = compose_project.containers("crasher")
        process.wait_until(lambda: self.restarts(compose_project, crasher) > 0, 20)

    def test_what_a_session_has_is_in_use(self, docker_engine: docker.Engine) -> None:
        assert docker.in_use()

    def test_a_web_can_be_made_sick_and_well_again(self, compose_project: docker.Project) -> None:
        web = compose_project.containers("web")[0]
        compose_project.sicken(web)
        process.wait_until(lambda: compose_project.health(web) == "unhealthy", 20)
        compose_project.heal(web)
        process.wait_until(lambda: compose_project.health(web) == "healthy", 20)

    def restarts(self, project: docker.Project, container: str) -> int:
        return int(project.engine.run("inspect", "-f", "{{.RestartCount}}", container))


@pytest.mark.systemd
class TestSystemd:
    @pytest.mark.parametrize(
        ("unit", "state"),
        [
            ("healthy.service", "active (running)"),
            ("broken.service", "failed (failed)"),
            ("prepared.service", "active (exited)"),
            ("nightly.timer", "active (waiting)"),
        ],
    )
    def test_a_unit_is_in_its_state(self, systemd_host: systemd.Host, unit: str, state: str) -> None:
        assert systemd_host.state(unit) == state

    def test_the_flaky_one_is_started_again_and_again(self, systemd_host: systemd.Host) -> None:
        def restarts() -> int:
            return int(systemd_host.systemctl("show", "flaky.service", "-p", "NRestarts", "--value"))

        process.wait_until(lambda: restarts() >= 2, 20)

    def test_the_journal_has_what_a_unit_said(self, systemd_host: systemd.Host) -> None:
        systemd_host.systemctl("reset-failed", "broken.service", ok=False)
        systemd_host.systemctl("start", "broken.service", ok=False)  # other tests may have emptied the journal
        process.wait_until(
            lambda: "no space left" in systemd_host.run("journalctl", "-u", "broken.service", "-o", "cat"), 20
        )

    def test_the_bus_is_reachable_from_outside(self, systemd_host: systemd.Host) -> None:
        assert systemd_host.bus.is_socket()


@pytest.mark.kubernetes
@pytest.mark.docker
class TestKubernetes:
    def test_a_deployment_becomes_ready_and_its_pods_answer(self, cluster: kubeapi.Cluster, namespace: str) -> None:
        cluster.deploy(namespace, "web", replicas=2)
        cluster.wait_ready(namespace, "web", 2)
        address = cluster.pods(namespace, "app=web")[0]["status"]["podIP"]
        with urllib.request.urlopen(f"http://{address}:8080/health", timeout=5) as answer:
            assert answer.read() == b"ok\n"

    def test_what_falls_over_backs_off_and_says_why(self, cluster: kubeapi.Cluster, namespace: str) -> None:
        cluster.deploy(namespace, "crash", ("sh", "-c", "echo 'cannot reach the database' >&2; exit 3"))

        def waiting() -> bool:
            told = [pod["status"].get("containerStatuses", ()) for pod in cluster.pods(namespace)]
            return any(
                one["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff" for pod in told for one in pod
            )

        process.wait_until(waiting, 60)
        assert "cannot reach the database" in cluster.kubectl("logs", "-n", namespace, "deployment/crash")

    def test_a_viewer_sees_pods_and_may_change_nothing(self, cluster: kubeapi.Cluster, namespace: str) -> None:
        viewer = cluster.login(f"viewer-{namespace}")
        assert cluster.kubectl("auth", "can-i", "list", "pods", "-n", namespace, login=viewer) == "yes\n"
        with pytest.raises(RuntimeError, match="forbidden"):
            cluster.kubectl("create", "configmap", "mine", "-n", namespace, login=viewer)

    def test_a_login_may_be_for_one_namespace_or_for_nothing(self, cluster: kubeapi.Cluster, namespace: str) -> None:
        editor = cluster.login(f"editor-{namespace}", "edit", namespace)
        nobody = cluster.login(f"nobody-{namespace}", None)
        cluster.kubectl("create", "configmap", "mine", "-n", namespace, login=editor)
        for login, where in ((editor, "default"), (nobody, namespace)):
            with pytest.raises(RuntimeError, match="forbidden"):
                cluster.kubectl("get", "configmaps", "-n", where, login=login)

    def test_a_hung_kubelet_makes_the_node_not_ready_until_it_goes_on(self, cluster: kubeapi.Cluster) -> None:
        with hung(cluster.pids["kubelet"]):
            process.wait_until(lambda: node_ready(cluster) != "True", 60)
        process.wait_until(lambda: node_ready(cluster) == "True", 60)

    def test_metrics_are_there_only_while_asked_for(self, cluster: kubeapi.Cluster) -> None:
        with pytest.raises(kubeapi.Refused, match="404"):
            cluster.ask("GET", "/apis/metrics.k8s.io/v1beta1/nodes")

    def test_metrics_are_the_kubelets_own(self, cluster_metrics: kubeapi.Cluster, namespace: str) -> None:
        cluster_metrics.deploy(namespace, "web")
        cluster_metrics.deploy(namespace, "other")
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods?labelSelector=app%3Dweb"
        process.wait_until(lambda: len(cluster_metrics.ask("GET", path)["items"]) == 1, 60)
        (pod,) = cluster_metrics.ask("GET", path)["items"]
        assert pod["containers"][0]["usage"]["memory"] != "0Ki"
        assert "node1" in cluster_metrics.kubectl("top", "nodes")


def node_ready(cluster: kubeapi.Cluster) -> str:
    node = cluster.ask("GET", f"/api/v1/nodes/{cluster.node}")
    return next(str(one["status"]) for one in node["status"]["conditions"] if one["type"] == "Ready")


class Echo(socketserver.ThreadingTCPServer):
    """Says back what it hears, in capitals, and remembers it; says `bye` when its client has asked all."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), EchoSession)
        self.heard = b""

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])


class EchoSession(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Echo)
        try:
            while data := self.request.recv(1024):
                server.heard += data
                self.request.sendall(data.upper())
            self.request.sendall(b"bye")
        except ConnectionError:
            return


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[FaultProxy]:
    with FaultProxy(echo.port) as made:
        yield made


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[socket.socket]:
    """A connection that has already asked once and was answered."""
    with socket.create_connection(("127.0.0.1", proxy.port), 5) as made:
        assert say(made, b"login") == b"LOGIN"
        yield made


def say(client: socket.socket, words: bytes) -> bytes:
    client.sendall(words)
    return client.recv(1024)


class TestFaults:
    def test_requests_and_bytes_are_counted(self, proxy: FaultProxy, client: socket.socket) -> None:
        say(client, b"flush")
        assert (proxy.connections, proxy.requests, proxy.asked, proxy.answered) == (1, 2, 10, 10)
        assert (proxy.seen(b"flush"), proxy.seen(b"other")) == (1, 0)

    def test_a_lost_answer_is_to_a_request_that_was_done(
        self, proxy: FaultProxy, client: socket.socket, echo: Echo
    ) -> None:
        proxy.become(Mode.LOSE, when=b"flush")
        assert say(client, b"ping") == b"PING"
        assert say(client, b"flush") == b""
        assert echo.heard == b"loginpingflush"

    def test_a_closed_request_was_never_done(self, proxy: FaultProxy, client: socket.socket, echo: Echo) -> None:
        proxy.become(Mode.CLOSE, when=b"flush")
        assert say(client, b"flush") == b""
        assert echo.heard == b"login"

    def test_a_reset_comes_after_as_many_bytes_as_told(self, proxy: FaultProxy, client: socket.socket) -> None:
        proxy.become(Mode.RESET_LATER, after=3)
        assert say(client, b"abcdef") == b"ABC"
        with pytest.raises(ConnectionResetError):
            client.recv(10)

    def test_an_answer_is_cut_after_as_many_bytes_as_told(self, proxy: FaultProxy, client: socket.socket) -> None:
        proxy.become(Mode.TRUNCATE, after=6)
        assert say(client, b"abc") == b"ABC"
        assert say(client, b"def") == b"DEF"
        assert client.recv(10) == b""

    def test_a_delayed_answer_comes_late_and_whole(self, proxy: FaultProxy, client: socket.socket) -> None:
        proxy.become(Mode.DELAY, delay=0.2, jitter=0.05)
        began = time.monotonic()
        assert say(client, b"abc") == b"ABC"
        assert 0.14 < time.monotonic() - began < 20

    def test_what_was_held_back_goes_on_when_the_silence_ends(
        self, proxy: FaultProxy, client: socket.socket, echo: Echo
    ) -> None:
        proxy.mode = Mode.SILENT
        client.sendall(b"abc")
        process.wait_until(lambda: proxy.seen(b"abc") == 1, 20)
        assert echo.heard == b"login"
        proxy.mode = Mode.PASS
        assert client.recv(10) == b"ABC"

    def test_an_answer_that_drips_is_finished_when_the_fault_ends(
        self, proxy: FaultProxy, client: socket.socket
    ) -> None:
        proxy.mode = Mode.DRIP
        assert say(client, b"abcdef") == b"A"
        proxy.mode = Mode.PASS
        assert client.recv(10) == b"BCDEF"

    def test_silence_needs_no_server_behind(self) -> None:
        with FaultProxy(places.free_port()) as proxy:
            proxy.mode = Mode.HTML
            with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
                assert say(client, b"PING").startswith(b"HTTP/1.1 200")

    def test_a_client_that_leaves_is_seen_to_leave(self, proxy: FaultProxy, client: socket.socket) -> None:
        proxy.mode = Mode.SILENT
        assert proxy.open == 1
        client.close()
        process.wait_until(lambda: proxy.open == 0, 20)

    def test_a_client_that_has_asked_all_still_gets_its_answer(self, client: socket.socket) -> None:
        client.shutdown(socket.SHUT_WR)
        assert client.recv(10) == b"bye"

    def test_a_refused_port_stays_taken(self, proxy: FaultProxy) -> None:
        proxy.mode = Mode.REFUSE
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", proxy.port))

    def test_the_handshake_is_finished_again_after_a_black_hole(self, proxy: FaultProxy) -> None:
        proxy.mode = Mode.BLACKHOLE
        proxy.mode = Mode.PASS
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as client:
            assert say(client, b"abc") == b"ABC"

    def test_a_server_that_is_gone_is_a_reset(self) -> None:
        with (
            FaultProxy(places.free_port()) as proxy,
            pytest.raises(ConnectionResetError),  # it may come while the client still connects
            socket.create_connection(("127.0.0.1", proxy.port), 5) as client,
        ):
            say(client, b"abc")

    async def test_a_local_socket_is_passed_on_and_broken_too(self, echo: Echo, tmp_path: Path) -> None:
        path = tmp_path / "s"
        async with FaultProxy(echo.port, listen=path) as proxy:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                assert say(client, b"abc") == b"ABC"
            proxy.mode = Mode.REFUSE
            with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
                client.connect(str(path))
            with pytest.raises(ValueError, match="no handshake"):
                proxy.mode = Mode.BLACKHOLE
        assert not path.exists()

    def test_a_hung_process_and_its_children_stop_and_go_on(self) -> None:
        with subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE) as shell:
            assert shell.stdout is not None
            child = int(shell.stdout.readline())
            with hung(shell.pid, children=True):
                process.wait_until(lambda: state(shell.pid) == state(child) == "T", 20)
            process.wait_until(lambda: "T" not in (state(shell.pid), state(child)), 20)
            for pid in (child, shell.pid):
                os.kill(pid, signal.SIGKILL)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
