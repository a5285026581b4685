"""Where the test stack keeps its things, and which programs and ports it may use.

Two folders, both outside the checkout: a cache that survives (`$OPSROOM_TEST_CACHE`) and a run folder for what is alive
now (`$OPSROOM_TEST_RUN`). Nothing here starts or downloads anything.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Unavailable(Exception):
    """An engine cannot be had on this machine; the text says why, in one line."""


def cache() -> Path:
    """The folder for what is slow to make: systemd's root file system, Compose's plugin, Kubernetes, Docker's data."""
    chosen = os.environ.get("OPSROOM_TEST_CACHE")
    return _folder(Path(chosen) if chosen else Path.home() / ".cache" / "opsroom-test")


def run() -> Path:
    """The folder for pid files, sockets and logs. Its path is short: a Unix socket's path may have 107 bytes."""
    chosen = os.environ.get("OPSROOM_TEST_RUN")
    return _folder(Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"opsroom-test-{os.getuid()}")


def new_folder(name: str) -> Path:
    """A fresh folder for one server, which other users may pass through (a server may drop to `nobody`)."""
    folder = Path(tempfile.mkdtemp(prefix=f"opsroom-{name}-"))
    folder.chmod(0o755)
    return folder


def remove(folder: Path) -> None:
    """Remove a folder made by `new_folder`, and no other."""
    if folder.parent == Path(tempfile.gettempdir()) and folder.name.startswith("opsroom-") and folder != run():
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A loopback TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(*names: str) -> Path | None:
    """The first of `names` on PATH or in the system folders an ordinary user's PATH leaves out."""
    search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    found = (shutil.which(name, path=search) for name in names)
    return next((Path(path) for path in found if path), None)


def needed(*names: str) -> Path:
    """The same; `Unavailable` when there is none of them."""
    found = program(*names)
    if found is None:
        raise Unavailable(f"{' or '.join(names)} is not installed")
    return found


def wheel(package: str) -> Path | None:
    """The folder of an installed package, without importing it."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec and spec.origin else None


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
