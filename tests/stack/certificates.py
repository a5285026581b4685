"""A certificate authority for one test server, with the machine's openssl; everything it signs ends with the week."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.stack import places

DAYS = 7

_CONFIG = "[req]\ndistinguished_name = none\n[none]\n"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs for servers and clients; who trusts `certificate` trusts them."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    def server(self, name: str, *names: str) -> Pair:
        """For a server reached by `names`, each `DNS:...` or `IP:...`."""
        return self._sign(name, f"/CN={name}", [f"subjectAltName={','.join(names)}", "extendedKeyUsage=serverAuth"])

    def client(self, name: str, user: str, group: str = "") -> Pair:
        """For a client who is `user`, and of a group."""
        subject = f"/O={group}/CN={user}" if group else f"/CN={user}"
        return self._sign(name, subject, ["extendedKeyUsage=clientAuth"])

    def _sign(self, name: str, subject: str, extensions: Sequence[str]) -> Pair:
        made = Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        by = ["-CA", str(self.certificate), "-CAkey", str(self.folder / "ca.key")]
        _request(self.folder, made, subject, ["basicConstraints=critical,CA:FALSE", *extensions], by)
        return made


def new_authority(folder: Path) -> Authority:
    """An authority whose files are in `folder`, which is made. Raises `Unavailable`."""
    folder.mkdir(parents=True)
    (folder / "openssl.cnf").write_text(_CONFIG)
    extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
    _request(folder, Pair(folder / "ca.crt", folder / "ca.key"), "/CN=opsroom-test", extensions, [])
    return Authority(folder)


def new_key(file: Path) -> None:
    """An RSA key, for signing tokens."""
    _openssl("genrsa", "-out", str(file), "2048")


def _request(folder: Path, pair: Pair, subject: str, extensions: Sequence[str], by: Sequence[str]) -> None:
    words = ["req", "-x509", "-config", str(folder / "openssl.cnf"), "-nodes", "-days", str(DAYS), *by]
    words += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", subject]
    words += [word for extension in extensions for word in ("-addext", extension)]
    _openssl(*words, "-keyout", str(pair.key), "-out", str(pair.certificate))


def _openssl(*words: str) -> None:
    program = places.program("openssl")
    if program is None:
        raise places.Unavailable("openssl is not installed")
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise places.Unavailable(f"openssl: {done.stderr.strip()[-300:]}")
