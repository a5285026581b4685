"""systemd as PID 1 in a container, with units of our own, so that tests never touch the machine's own services.

The root file system is built once by `tests/stack/up` and kept in the cache; here it is only imported and started.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.stack import docker, places, process

IMAGE = "opsroom-test/systemd:1"
UNITS = places.HERE / "units"

CAPABILITIES = (
    "SYS_ADMIN",
    "NET_ADMIN",
    "SYS_PTRACE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "SYSLOG",
    "DAC_READ_SEARCH",
    "LINUX_IMMUTABLE",
)
"""What systemd needs, named one by one: `--privileged` asks for more than some machines may give."""


@dataclass(frozen=True, slots=True)
class Host:
    """A container whose PID 1 is systemd; what runs in it is described in `units`."""

    engine: docker.Engine
    name: str
    """Of the container."""
    bus: Path
    """The system bus's socket, reachable from outside the container (as root, like any system bus)."""

    @property
    def prefix(self) -> tuple[str, ...]:
        """Put before an argv to run it inside: `docker -H URL exec NAME`."""
        return (str(places.program("docker")), "-H", self.engine.url, "exec", self.name)

    def run(self, *words: str, ok: bool = True) -> str:
        """Run a command inside and give back what it prints; `ok=False` allows any exit code."""
        done = subprocess.run([*self.prefix, *words], capture_output=True, text=True, timeout=30, check=False)
        if ok and done.returncode:
            raise RuntimeError(f"{words[0]}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def systemctl(self, *words: str, ok: bool = True) -> str:
        return self.run("systemctl", *words, ok=ok)

    def state(self, unit: str) -> str:
        """`active (running)`, `failed (failed)` and so on."""
        told = self.systemctl("show", unit, "-p", "ActiveState,SubState").splitlines()
        values = dict(line.partition("=")[::2] for line in told)
        return f"{values['ActiveState']} ({values['SubState']})"


def root_file_system() -> Path:
    """Where `up` keeps the archive; its name changes with its recipe."""
    return places.cache() / "systemd-bookworm-1.tar"


def start(engine: docker.Engine, name: str, owner: int) -> Host:
    """Start the container and wait until systemd has booted (1 s, 4 s the first time). Raises `Unavailable`."""
    if not engine.run("images", "-q", IMAGE).strip():
        import_image(engine)
    folder = places.new_folder("dbus")
    flags = [f"--cap-add={capability}" for capability in CAPABILITIES]
    flags += ["--security-opt", "seccomp=unconfined", "--network", "none", *_cgroup_flags()]
    flags += ["--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp", "-v", f"{folder}:/run/dbus"]
    flags += ["-v", f"{UNITS}:/usr/local/lib/systemd/system:ro", "--label", f"{docker.LABEL}={owner}"]
    engine.run("run", "-d", "-t", "--name", name, "--hostname", "sd1", *flags, IMAGE)
    host = Host(engine, name, folder / "system_bus_socket")
    try:
        process.wait_until(lambda: _booted(host), 30)
    except TimeoutError:
        said = engine.run("logs", "--tail", "5", name).strip()[-300:]
        stop(host)
        raise places.Unavailable(f"systemd did not boot in its container: {said or 'it said nothing'}") from None
    return host


def stop(host: Host) -> None:
    """Remove the container."""
    host.engine.run("rm", "-f", "-v", host.name)
    shutil.rmtree(host.bus.parent, ignore_errors=True)


def import_image(engine: docker.Engine) -> None:
    """Make the image out of the cached archive."""
    archive = root_file_system()
    if not archive.exists():
        raise places.Unavailable("no root file system with systemd in the cache; tests/stack/up builds it")
    docker.import_image(engine, IMAGE, archive, 'CMD ["/sbin/init"]', "ENV container=docker")


def _cgroup_flags() -> list[str]:
    """On cgroup v1 only systemd's own hierarchy is shared; on v2 there is but one."""
    named = Path("/sys/fs/cgroup/systemd")
    if named.exists():
        return ["--cgroupns=private", "-v", f"{named}:{named}:rw"]
    return ["--cgroupns=host", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw"]


def _booted(host: Host) -> bool:
    told = host.systemctl("is-system-running", ok=False).strip()
    return told in ("running", "degraded") and host.bus.exists()
