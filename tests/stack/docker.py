"""A Docker Engine for tests: the one that answers already, else a private one (root only), never a second beside one.

The private engine has no default bridge and writes no firewall rules, so it changes nothing of the machine's network;
Compose projects make networks of their own. Everything made here carries the label `opsroom.test`.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tests.stack import places, process

IMAGE = "opsroom-test/bb:1"
"""busybox alone: a shell, httpd, sleep. Made from the machine's own busybox, never pulled."""

LABEL = "opsroom.test"
"""On every container and network made for tests; its value is the pid of the test session."""

COMPOSE_FILE = places.HERE / "compose.yaml"


@dataclass(frozen=True, slots=True)
class Engine:
    """A Docker Engine that answered."""

    url: str
    """`unix:///...`: what DOCKER_HOST must say."""
    version: str
    """Of the engine, not of the command line."""
    pid: int | None
    """Of the engine when the test stack started it; None for one that was there before."""

    @property
    def socket(self) -> Path:
        return Path(self.url.removeprefix("unix://"))

    @property
    def environment(self) -> dict[str, str]:
        """For child processes: which engine, and where the Compose plugin lies."""
        return environment() | {"DOCKER_HOST": self.url}

    def run(self, *words: str, within: float = 60.0) -> str:
        """Run `docker WORDS` and give back what it prints; RuntimeError with its complaint when it fails."""
        return _docker(words, self.environment, within)

    def compose(self, project: str, *words: str, within: float = 60.0) -> str:
        """Run `docker compose` on the test project's file."""
        owned = self.environment | {"OPSROOM_TEST_OWNER": str(os.getpid())}
        return _docker(("compose", "-p", project, "-f", str(COMPOSE_FILE), *words), owned, within)


@dataclass(frozen=True, slots=True)
class Project:
    """A Compose project that is up: web (two replicas with a health check), worker, crasher (exits 137, restarts)."""

    engine: Engine
    name: str

    def compose(self, *words: str) -> str:
        return self.engine.compose(self.name, *words)

    def containers(self, service: str) -> tuple[str, ...]:
        """Names of a service's containers, lowest number first, stopped ones too."""
        filters = (f"label=com.docker.compose.project={self.name}", f"label=com.docker.compose.service={service}")
        flags = [part for item in filters for part in ("--filter", item)]
        return tuple(sorted(self.engine.run("ps", "-a", "--format", "{{.Names}}", *flags).split()))

    def health(self, container: str) -> str:
        """`starting`, `healthy` or `unhealthy`; empty without a health check."""
        return self.engine.run("inspect", "-f", "{{with .State.Health}}{{.Status}}{{end}}", container).strip()

    def sicken(self, container: str) -> None:
        """Make a web container's health check fail: `unhealthy` about 2 s later."""
        self.engine.run("exec", container, "rm", "-f", "/tmp/healthy")

    def heal(self, container: str) -> None:
        """Make it pass again: `healthy` about 1 s later."""
        self.engine.run("exec", container, "touch", "/tmp/healthy")


def environment() -> dict[str, str]:
    """This process's environment, pointing at the fetched Compose plugin if there is one."""
    folder = places.cache() / "docker-config"
    fetched = (folder / "cli-plugins" / "docker-compose").exists()
    return os.environ | ({"DOCKER_CONFIG": str(folder)} if fetched else {})


def find() -> Engine | None:
    """The engine `docker` reaches by itself (DOCKER_HOST, its context), else the test stack's own if it runs."""
    own = f"unix://{_socket()}"
    for url in dict.fromkeys((os.environ.get("DOCKER_HOST") or _context(), own)):
        version = _server_version(url)
        if version and url.startswith("unix://"):
            return Engine(url, version, _own_pid() if url == own else None)
    return None


def start(*, owned: bool = True) -> Engine:
    """The engine that answers, else a private one (0.7 s); with the test image in it. Raises `Unavailable`."""
    if places.program("docker") is None:
        raise places.Unavailable("the docker command is not installed")
    engine = find() or _start_own(owned=owned)
    if not engine.run("images", "-q", IMAGE).strip():
        import_image(engine, IMAGE, busybox_tree(), 'CMD ["/bin/sh"]', "ENV PATH=/bin")
    return engine


@contextlib.contextmanager
def borrowed() -> Iterator[Engine]:
    """The engine `start` gives, shared with other sessions; whoever started it ends it, if nobody else has it then.

    Its images stay in the cache. Raises `Unavailable`.
    """
    with _users() as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        engine = start()
        try:
            yield engine
        finally:
            if _started_here() and _alone(users):
                process.stop_pid(engine.pid or 0)


def in_use() -> bool:
    """Whether a test session has the engine."""
    with _users() as users:
        return not _alone(users)


def import_image(engine: Engine, name: str, tree: bytes | Path, *changes: str) -> None:
    """Make an image out of a tar archive (bytes, or a file of them); `changes` are Dockerfile lines."""
    flags = [part for change in changes for part in ("-c", change)]
    archive = "-" if isinstance(tree, bytes) else str(tree)
    command = ["docker", "import", *flags, archive, name]
    subprocess.run(
        command,
        input=tree if isinstance(tree, bytes) else b"",
        env=engine.environment,
        capture_output=True,
        check=True,
        timeout=120,
    )


def start_project(engine: Engine, name: str) -> Project:
    """Bring the Compose project up and wait until web is healthy. Raises `Unavailable` when there is no Compose."""
    try:
        engine.run("compose", "version")
    except RuntimeError:
        raise places.Unavailable("no docker compose v2; tests/stack/up fetches it") from None
    project = Project(engine, name)
    engine.compose(name, "up", "-d")
    process.wait_until(lambda: all(project.health(web) == "healthy" for web in project.containers("web")), 30)
    return project


def end_project(project: Project) -> None:
    """Remove its containers and its network."""
    project.compose("down", "--timeout", "1", "--volumes")


def remove_leftovers(engine: Engine) -> tuple[int, int]:
    """Remove containers and networks whose test session is no more; how many were removed, and how many stay."""
    removed = kept = 0
    for listing, remove in ((("ps", "-aq"), ("rm", "-f", "-v")), (("network", "ls", "-q"), ("network", "rm"))):
        for name in engine.run(*listing, "--filter", f"label={LABEL}").split():
            if _owner_lives(engine, name):
                kept += 1
            else:
                engine.run(*remove, name)
                removed += 1
    return removed, kept


def _owner_lives(engine: Engine, name: str) -> bool:
    found = json.loads(engine.run("inspect", name))[0]
    labels = found.get("Config", found)["Labels"]
    return labels[LABEL].isdigit() and process.start_ticks(int(labels[LABEL])) is not None


def _start_own(*, owned: bool) -> Engine:
    dockerd = places.program("dockerd")
    if dockerd is None:
        raise places.Unavailable("no Docker Engine answers, and dockerd is not installed")
    if os.getuid() != 0:
        raise places.Unavailable("no Docker Engine answers, and only root can start one")
    if other := next(_other_engines(), None):
        raise places.Unavailable(f"another Docker Engine runs ({other}), not where docker looks: set DOCKER_HOST")
    url = f"unix://{_socket()}"
    argv: list[str | Path] = [dockerd, "--data-root", places.cache() / "docker", "--exec-root", places.run() / "exec"]
    argv += ["--pidfile", places.run() / "docker.pid", "-H", url]
    argv += ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"]
    log = places.run() / "docker.log"
    pid = process.start("dockerd", argv, log=log, ready=lambda: bool(_server_version(url)), within=30, owned=owned)
    return Engine(url, _server_version(url), pid)


def _other_engines() -> Iterator[str]:
    """Engines that run, whoever started them: pid and address."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if Path(words[0]).name == "dockerd":
            address = next((word for word in words if "://" in word), "no address given")
            yield f"pid {entry.parent.name}, {address}"


def _users() -> TextIO:
    """What every session that has the engine holds locked; the kernel gives it back when one dies."""
    return (places.run() / "docker.lock").open("w")


def _alone(users: TextIO) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _started_here() -> bool:
    return any(record.name == "dockerd" and record.owner == os.getpid() for record in process.records())


def _own_pid() -> int | None:
    return next((record.pid for record in process.records() if record.name == "dockerd"), None)


def _server_version(url: str) -> str:
    try:
        return _docker(("version", "--format", "{{.Server.Version}}"), os.environ | {"DOCKER_HOST": url}, 10).strip()
    except (RuntimeError, subprocess.TimeoutExpired):
        return ""


def _context() -> str:
    try:
        told = _docker(("context", "inspect", "--format", "{{.Endpoints.docker.Host}}"), os.environ, 10)
    except (RuntimeError, subprocess.TimeoutExpired):
        told = ""
    return told.strip() or "unix:///var/run/docker.sock"


def _docker(words: Sequence[str], environment: Mapping[str, str], within: float) -> str:
    program = places.program("docker")
    if program is None:
        raise RuntimeError("the docker command is not installed")
    done = subprocess.run(
        [program, *words], env=environment, capture_output=True, text=True, timeout=within, check=False
    )
    if done.returncode:
        raise RuntimeError(f"docker {words[0]}: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


def _socket() -> Path:
    return places.run() / "docker.sock"


def busybox_tree() -> bytes:
    """A root file system out of the machine's static busybox, as a tar archive."""
    busybox = places.program("busybox")
    if busybox is None:
        raise places.Unavailable("busybox is not installed (busybox-static)")
    names = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True, timeout=10).stdout.split()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for folder in ("bin", "etc", "tmp", "proc", "sys", "dev", "root"):
            archive.addfile(_entry(folder, tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755))
        with busybox.open("rb") as program:
            archive.addfile(_entry("bin/busybox", tarfile.REGTYPE, 0o755, busybox.stat().st_size), program)
        for name in sorted({*names} - {"busybox"}):
            link = _entry(f"bin/{name}", tarfile.SYMTYPE, 0o777)
            link.linkname = "busybox"
            archive.addfile(link)
        users = b"root:x:0:0:root:/root:/bin/sh\n"
        archive.addfile(_entry("etc/passwd", tarfile.REGTYPE, 0o644, len(users)), io.BytesIO(users))
    return packed.getvalue()


def _entry(name: str, kind: bytes, mode: int, size: int = 0) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size = kind, mode, size
    return entry
