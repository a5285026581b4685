"""Which cluster, which namespaces, which login: read from kubeconfig files as kubectl reads them, once.

What is found stays: a file or variable that is changed later leads nobody to another cluster. Only what a login renews
by itself (a token, a certificate) is read again, see `login`.
Rules: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from probes.base import Cause, ProbeError, SafeText

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its own login (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/)."""
_LARGEST: Final = 4 << 20
"""Bytes of a kubeconfig."""
_SEVERAL: Final = 20
"""Files KUBECONFIG may name."""
_HANDED_ON: Final = (
    "AWS_", "GOOGLE_", "CLOUDSDK_", "AZURE_", "AAD_", "ARM_", "OCI_", "KUBE", "TELEPORT_", "TSH_", "VAULT_", "KRB5",
    "DIGITALOCEAN_", "OS_", "ALIBABA_CLOUD_", "IBMCLOUD_", "YC_", "LINODE_", "XDG_", "HTTPS_PROXY", "HTTP_PROXY",
    "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "TMPDIR",
)  # fmt: skip
"""Beginnings of the variables a login program is given; others stand in its own `env` of the kubeconfig."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that gives a login (client.authentication.k8s.io)."""

    argv: tuple[str, ...]
    version: str
    """Version of the protocol it speaks: "client.authentication.k8s.io/v1"."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    hint: SafeText = SafeText()
    """How it is installed, says the kubeconfig."""
    cluster: Mapping[str, Any] | None = None
    """What it is told of the cluster, when it wants to be."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are for the API server; holds secrets and shows none."""

    name: str
    token: str = field(default="", repr=False)
    token_file: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    """PEM; a file is read again when a connection is made."""
    certificate_file: str = ""
    key: bytes = field(default=b"", repr=False)
    key_file: str = ""
    program: Program | None = None
    acting_as: tuple[tuple[str, str], ...] = ()
    """Headers of impersonation."""


@dataclass(frozen=True, slots=True)
class Place:
    """One cluster as it was found, for good."""

    context: str
    server: str
    """https://host:port, perhaps with a path."""
    namespace: str
    login: Login
    authority: str = field(default="", repr=False)
    """PEM of the certificates to be trusted; empty: those of this machine."""
    insecure: bool = False
    tls_name: str = ""
    """Name the server's certificate must bear instead of its host's."""
    proxy: str = field(default="", repr=False)

    @property
    def where(self) -> str:
        """host:port, for a person."""
        parts = urlsplit(self.server)
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
        return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    @property
    def unproven(self) -> bool:
        """True when another server could answer and nobody would see it: no certificate is checked. What speaks plain
        HTTP on this very machine, as `kubectl proxy` does, has none to show, and nobody on the way."""
        parts = urlsplit(self.server)
        return self.insecure or (parts.scheme == "http" and (bool(self.proxy) or not _is_here(parts.hostname or "")))

    @property
    def identity(self) -> str:
        """A hash that tells clusters apart: of address and authority."""
        return hashlib.sha256(f"{self.server}\n{self.authority}".encode()).hexdigest()[:32]


def _is_here(host: str) -> bool:
    """True for an address of this machine itself.

    >>> _is_here("127.0.0.1"), _is_here("::1"), _is_here("localhost"), _is_here("10.0.0.1"), _is_here("127.evil.org")
    (True, True, True, False, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def find(paths: str | None, context: str | None, environ: Mapping[str, str]) -> Place:
    """The cluster that is meant: by the kubeconfig, else by the pod we run in. Blocks; raises `ProbeError`.

    `paths` is one path or several as in KUBECONFIG; None takes KUBECONFIG, else ~/.kube/config.
    """
    named = paths or environ.get("KUBECONFIG") or ""
    files = [os.path.expanduser(one) for one in named.split(os.pathsep) if one][:_SEVERAL]
    home = environ.get("HOME") or os.path.expanduser("~")
    configs = list(_read(files or [os.path.join(home, ".kube", "config")], must=bool(paths)))
    if not any(one.keys() - {"_folder"} for one in configs):
        inside = None if context or paths else _inside(environ)
        if inside is not None:
            return inside
        tried = SafeText(", ".join(files) or "~/.kube/config", 200)
        hint = "set kubeconfig and context in the profile, or KUBECONFIG"
        raise ProbeError(Cause.MISSING, f"no kubeconfig with a cluster in it: {tried}", hint)
    return _place(configs, context, environ)


def current_context(environ: Mapping[str, str]) -> str | None:
    """The context kubectl would use; None when there is no kubeconfig. Raises `ProbeError` when one can't be read."""
    named = environ.get("KUBECONFIG") or os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".kube/config")
    for config in _read([one for one in named.split(os.pathsep) if one][:_SEVERAL], must=False):
        if name := _text(config.get("current-context")):
            return name
    return None


def _read(paths: Iterable[str], must: bool) -> Iterable[Mapping[str, Any]]:
    """The files that are there, each with the folder its relative paths begin in."""
    for path in paths:
        try:
            with open(path, "rb") as file:
                content = file.read(_LARGEST + 1)
        except FileNotFoundError:
            if must:
                raise ProbeError(Cause.MISSING, f"there is no kubeconfig at {SafeText(path, 200)}") from None
            continue
        except OSError:
            raise ProbeError(Cause.LOCAL_PERM, f"the kubeconfig {SafeText(path, 200)} can't be read") from None
        if len(content) > _LARGEST:
            raise ProbeError(Cause.TOO_BIG, f"the kubeconfig {SafeText(path, 200)} is greater than 4 MiB")
        yield {**_parsed(content, path), "_folder": os.path.dirname(os.path.abspath(path))}


def _parsed(content: bytes, path: str) -> Mapping[str, Any]:
    """A file's content; every plain value is text, whatever it looks like (`no` is a name here)."""
    yaml = import_module("yaml")
    try:
        found = yaml.load(content, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except (yaml.YAMLError, RecursionError, ValueError):
        raise ProbeError(Cause.GARBAGE, f"the kubeconfig {SafeText(path, 200)} is not YAML that can be read") from None
    if found is None or found == "":
        return {}
    if not isinstance(found, dict):
        raise ProbeError(Cause.GARBAGE, f"{SafeText(path, 200)} is not a kubeconfig")
    return found


def _place(configs: Sequence[Mapping[str, Any]], wanted: str | None, environ: Mapping[str, str]) -> Place:
    current = next((name for one in configs if (name := _text(one.get("current-context")))), "")
    name = wanted or current
    contexts = _named(configs, "contexts", "context")
    if name not in contexts:
        known = SafeText(", ".join(sorted(contexts)[:12]) or "none", 200)
        said = f"the kubeconfig has no context {SafeText(name, 100)}" if name else "the kubeconfig names no context"
        raise ProbeError(Cause.MISSING, said, f"set context to one of: {known}")
    context = contexts[name]
    cluster = _named(configs, "clusters", "cluster").get(_text(context.get("cluster")))
    server = _text((cluster or {}).get("server")).rstrip("/")
    if cluster is None or not server:
        raise ProbeError(Cause.MISSING, f"context {SafeText(name, 100)} leads to no cluster with a server")
    parts = _split(server)
    if parts is None:
        raise ProbeError(Cause.MISSING, f"the server of context {SafeText(name, 100)} is no https:// address")
    user = _text(context.get("user"))
    entry = _named(configs, "users", "user").get(user, {})
    return Place(
        context=name,
        server=parts,
        namespace=_text(context.get("namespace")) or "default",
        login=_login(user, entry, cluster, environ),
        authority=_authority(cluster),
        insecure=_text(cluster.get("insecure-skip-tls-verify")).lower() == "true",
        tls_name=_text(cluster.get("tls-server-name")),
        proxy=_text(cluster.get("proxy-url")) or _environment_proxy(parts, environ),
    )


def _split(server: str) -> str | None:
    """The address with a scheme, as kubectl completes it; None when it can't be used."""
    server = server if "://" in server else f"http://{server}"
    try:
        parts = urlsplit(server)
        _ = parts.port
    except ValueError:
        return None
    return server if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc else None


def _named(configs: Sequence[Mapping[str, Any]], plural: str, single: str) -> dict[str, Mapping[str, Any]]:
    """Entries by name; the first file that has a name wins it wholly."""
    found: dict[str, Mapping[str, Any]] = {}
    for config in configs:
        entries = config.get(plural)
        for one in entries if isinstance(entries, list) else ():
            if isinstance(one, dict) and isinstance(one.get(single), dict):
                found.setdefault(_text(one.get("name")), {**one[single], "_folder": config["_folder"]})
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _path(entry: Mapping[str, Any], key: str) -> str:
    """A path of an entry; a relative one begins in its file's folder."""
    path = _text(entry.get(key))
    return os.path.join(entry["_folder"], path) if path else ""


def _decoded(entry: Mapping[str, Any], key: str) -> bytes:
    try:
        return base64.b64decode(_text(entry.get(key)))
    except (binascii.Error, ValueError):
        raise ProbeError(Cause.GARBAGE, f"{key} in the kubeconfig is not base64") from None


def _authority(cluster: Mapping[str, Any]) -> str:
    if data := _decoded(cluster, "certificate-authority-data"):
        return data.decode("ascii", "replace")
    path = _path(cluster, "certificate-authority")
    return contents(path, "the cluster's certificate authority").decode("ascii", "replace") if path else ""


def contents(path: str, what: str, limit: int = 1 << 20) -> bytes:
    """A small file. Blocks; raises `ProbeError` that names what it is."""
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except OSError:
        raise ProbeError(Cause.LOCAL_PERM, f"{what} can't be read: {SafeText(path, 200)}") from None


def _login(name: str, user: Mapping[str, Any], cluster: Mapping[str, Any], environ: Mapping[str, str]) -> Login:
    if "auth-provider" in user and not _text(user.get("token")):
        old = SafeText(
            _text((user["auth-provider"] or {}).get("name")) if isinstance(user["auth-provider"], dict) else ""
        )
        raise ProbeError(
            Cause.MISSING,
            f"user {SafeText(name, 100)} logs in by the old auth-provider {old}",
            "kubectl has dropped it too: use the login program (exec) of your provider",
        )
    program = user.get("exec")
    return Login(
        name=name,
        token=_text(user.get("token")),
        token_file=_path(user, "tokenFile"),
        user=_text(user.get("username")),
        password=_text(user.get("password")),
        certificate=_decoded(user, "client-certificate-data"),
        certificate_file=_path(user, "client-certificate"),
        key=_decoded(user, "client-key-data"),
        key_file=_path(user, "client-key"),
        program=_program(program, user["_folder"], cluster, environ) if isinstance(program, dict) else None,
        acting_as=tuple(_acting_as(user)),
    )


def _acting_as(user: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if name := _text(user.get("as")):
        yield "Impersonate-User", name
    if uid := _text(user.get("as-uid")):
        yield "Impersonate-Uid", uid
    groups = user.get("as-groups")
    for group in groups if isinstance(groups, list) else ():
        yield "Impersonate-Group", _text(group)


def _program(given: Mapping[str, Any], folder: str, cluster: Mapping[str, Any], environ: Mapping[str, str]) -> Program:
    command = _text(given.get("command"))
    if not command:
        raise ProbeError(Cause.MISSING, "the kubeconfig's login program (exec) has no command")
    if _text(given.get("interactiveMode")) == "Always":
        name = SafeText(command, 100)
        raise ProbeError(Cause.MISSING, f"{name} wants a terminal to log in", "log in beforehand by another way")
    if os.sep in command and not os.path.isabs(command):
        command = os.path.join(folder, command)
    words = given.get("args")
    pairs = given.get("env")
    extra = {
        _text(one.get("name")): _text(one.get("value"))
        for one in (pairs if isinstance(pairs, list) else ())
        if isinstance(one, dict)
    }
    return Program(
        argv=(command, *(_text(one) for one in (words if isinstance(words, list) else ()))),
        version=_text(given.get("apiVersion")) or "client.authentication.k8s.io/v1beta1",
        env={name: value for name, value in environ.items() if name.startswith(_HANDED_ON)} | extra,
        hint=SafeText(_text(given.get("installHint")), 200),
        cluster=_told(cluster) if _text(given.get("provideClusterInfo")).lower() == "true" else None,
    )


def _told(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """What a login program is told of the cluster."""
    told: dict[str, Any] = {"server": _text(cluster.get("server"))}
    if authority := _authority(cluster):
        told["certificate-authority-data"] = base64.b64encode(authority.encode()).decode()
    for name in ("tls-server-name", "proxy-url"):
        if value := _text(cluster.get(name)):
            told[name] = value
    extensions = cluster.get("extensions")
    for one in extensions if isinstance(extensions, list) else ():
        if isinstance(one, dict) and one.get("name") == "client.authentication.k8s.io/exec":
            told["config"] = one.get("extension")
    return told


def _inside(environ: Mapping[str, str], folder: Path = ACCOUNT) -> Place | None:
    """The cluster we run in, when we run in a pod."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    token = folder / "token"
    if not host or not port or not token.exists():
        return None
    try:
        namespace = (folder / "namespace").read_text("utf-8").strip()
    except OSError:
        namespace = "default"
    return Place(
        context="in-cluster",
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        namespace=namespace or "default",
        login=Login(name="service account", token_file=str(token)),
        authority=contents(str(folder / "ca.crt"), "the cluster's certificate authority").decode("ascii", "replace"),
    )


def _environment_proxy(server: str, environ: Mapping[str, str]) -> str:
    """The proxy the environment asks for; never for this machine itself, as Go does."""
    parts = urlsplit(server)
    host, scheme = parts.hostname or "", parts.scheme
    proxy = environ.get(f"{scheme}_proxy") or environ.get(f"{scheme.upper()}_PROXY") or ""
    spared = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").split(",")
    if not proxy or host == "localhost" or any(_spares(host, one.strip()) for one in ("127.0.0.0/8", "::1", *spared)):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _spares(host: str, rule: str) -> bool:
    """Whether one part of NO_PROXY speaks of a host: a name, an ending, an address, a network, or all.

    >>> _spares("api.shop.example", ".example"), _spares("10.0.0.7", "10.0.0.0/8"), _spares("example", "ample")
    (True, True, False)
    """
    if rule == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        name = rule.lstrip(".").lower()
        return bool(name) and (host == name or host.endswith(f".{name}"))
