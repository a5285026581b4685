"""Certificates by the machine's openssl, servers that show them, and a certbot's folder with a program that renews."""

from __future__ import annotations

import json
import os
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import obtain
from tests.stack import places

PROGRAM = """#!{python} -S
import json, os, shutil, sys, time
folder = {folder!r}
told = json.load(open(os.path.join(folder, "told.json")))
open(os.path.join(folder, "asked"), "a").write(json.dumps(sys.argv[1:]) + "\\n")
name = sys.argv[sys.argv.index("--cert-name") + 1]
for _ in range(600):
    if not os.path.exists(os.path.join(folder, "hold")):
        break
    time.sleep(0.05)
if told["code"]:
    print("Failed to renew certificate %s with error: Some challenges have failed." % name)
    sys.exit(told["code"])
if "--dry-run" not in sys.argv:
    new = os.path.join(folder, "archive", name, "fullchain2.pem")
    shutil.copy(told["next"], new)
    link = os.path.join(folder, "live", name, "fullchain.pem")
    os.symlink(new, link + ".new")
    os.replace(link + ".new", link)
print("Congratulations, all renewals succeeded")
"""
"""Stands in for certbot, which needs an authority on the net: the same words, the same places."""


def openssl(folder: Path, *words: str) -> None:
    """Run openssl in a folder."""
    program = obtain("certificates", lambda: places.needed("openssl"))
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


class Authority:
    """A root, an authority under it, and what both sign."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-sha256")
        constraints = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        root = ("-x509", "-keyout", "root.key", "-out", "root.pem", "-days", "400", "-subj", "/CN=Test root")
        openssl(folder, *self._new, *root, *constraints)
        self.sign("middle", "/CN=Test middle", "basicConstraints=critical,CA:TRUE", 300, by="root")

    @property
    def root(self) -> Path:
        """What a client trusts."""
        return self.folder / "root.pem"

    def path(self, name: str) -> Path:
        """A file of the folder."""
        return self.folder / name

    def sign(self, name: str, subject: str, extension: str, days: int, by: str = "middle", rsa: bool = False) -> Path:
        """`name.pem` and `name.key`, signed; the days may be negative."""
        new = ("req", "-newkey", "rsa:2048", "-nodes", "-sha256") if rsa else self._new
        openssl(self.folder, *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        self.path("ext").write_text(extension + "\n")
        signing = ("x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial")
        openssl(self.folder, *signing, "-out", f"{name}.pem", "-days", str(days), "-extfile", "ext")
        return self.path(f"{name}.pem")

    def leaf(self, name: str, days: int = 90, names: str = "DNS:localhost,IP:127.0.0.1", rsa: bool = False) -> Path:
        """A server's certificate with its issuer in `name.chain.pem`, whose path is given back."""
        one = self.sign(name, f"/O=Shop/CN={name}", f"subjectAltName={names}", days, rsa=rsa)
        chain = self.path(f"{name}.chain.pem")
        chain.write_text(one.read_text() + self.path("middle.pem").read_text())
        return chain


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One for the whole session."""
    return Authority(tmp_path_factory.mktemp("authority"))


class Shaking(socketserver.ThreadingTCPServer):
    """Shakes hands, perhaps after a few plain words; counts how often."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, chain: Path, key: Path, prelude: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain, key)
        self.prelude = prelude
        self.asked: list[str | None] = []
        self.context.sni_callback = lambda one, name, context: self.asked.append(name)
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be quiet: a client that goes away is what it is here for."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Handler(socketserver.BaseRequestHandler):
    server: Shaking

    def handle(self) -> None:
        self.request.settimeout(10)
        for wanted, answer in self.server.prelude:
            got = b""
            while wanted and not got.endswith(wanted):
                part = self.request.recv(1000)
                if not part:
                    return
                got += part
            self.request.sendall(answer)
        with suppress(OSError), self.server.context.wrap_socket(self.request, server_side=True) as tls:
            tls.recv(1)


@contextmanager
def shaking(chain: Path, key: Path | None = None, prelude: Sequence[tuple[bytes, bytes]] = ()) -> Iterator[Shaking]:
    """A server that shows a chain; the key stands beside it unless it is given."""
    with Shaking(chain, key or chain.with_name(chain.name.replace(".chain.pem", ".key")), prelude) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)


@contextmanager
def handshakes(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of such a server, for the contract."""
    folder: Path = request.getfixturevalue("tmp_path")
    made = Authority(folder)
    with shaking(made.leaf("contract")) as server:
        yield server.port


class Certbot:
    """certbot's folder as its package lays it out, with one certificate or more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "letsencrypt.log"
        self.program = folder / "certbot"
        (folder / "renewal").mkdir(parents=True)
        self.program.write_text(PROGRAM.format(python=sys.executable, folder=str(folder)))
        self.program.chmod(0o755)
        self.becomes(code=0)

    def becomes(self, **told: Any) -> None:
        """What the program will do: its exit code, the file it renews with."""
        (self.folder / "told.json").write_text(json.dumps({"code": 0, "next": ""} | told))

    def keep(self, name: str, chain: Path, more: str = "") -> Path:
        """A lineage of that name, with that chain in force."""
        live, archive = self.folder / "live" / name, self.folder / "archive" / name
        live.mkdir(parents=True)
        archive.mkdir(parents=True)
        (archive / "fullchain1.pem").write_text(chain.read_text())
        os.symlink(archive / "fullchain1.pem", live / "fullchain.pem")
        (self.folder / "renewal" / f"{name}.conf").write_text(
            f"# renew_before_expiry = 30 days\nversion = 2.1.0\narchive_dir = {archive}\n"
            f"fullchain = {live / 'fullchain.pem'}\n{more}\n[renewalparams]\nauthenticator = nginx\n"
        )
        return live / "fullchain.pem"

    def asked(self) -> list[list[str]]:
        """How the program was run."""
        file = self.folder / "asked"
        return [json.loads(one) for one in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def certbot(tmp_path: Path) -> Certbot:
    """An empty one."""
    return Certbot(tmp_path / "letsencrypt")
