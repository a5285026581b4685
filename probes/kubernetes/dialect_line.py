"""A line of kubectl taken apart, its options wherever they stand, and nothing asked of it but to be readable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from probes.kubernetes.commands import KINDS

CLUSTER_WIDE: Final = frozenset(
    {"node", "namespace", "persistentvolume", "pv", "clusterrole", "clusterrolebinding", "crd", "storageclass", "sc",
     "customresourcedefinition", "no", "ns", "clusterissuer", "ingressclass", "priorityclass", "apiservice"}
)  # fmt: skip
"""Kinds of objects that are in no namespace."""

_VALUED: Final = frozenset(
    {"namespace", "context", "kubeconfig", "cluster", "user", "server", "token", "as", "as-group", "as-uid",
     "request-timeout", "certificate-authority", "client-certificate", "client-key", "tls-server-name", "password",
     "username", "profile-output", "vmodule", "cache-dir", "v", "filename", "kustomize", "output", "selector",
     "template", "timeout", "container", "grace-period", "field-selector", "subresource", "pod-running-timeout",
     "image", "chunk-size", "resource-version", "raw", "image-pull-policy", "env", "patch", "labels", "label-columns",
     "type", "target", "tail", "sort-by", "since", "since-time", "set-image", "retries", "restart", "replicas",
     "prune-allowlist", "profile", "port", "pod-selector", "patch-file", "overrides", "override-type",
     "max-log-requests", "limit-bytes", "from", "for", "field-manager", "custom", "current-replicas", "copy-to",
     "annotations", "address", "to-revision", "revision", "min", "max", "cpu-percent", "from-literal", "from-file",
     "from-env-file", "schedule", "docker-server", "docker-username", "docker-password", "docker-email", "cert", "key",
     "requests", "limits", "keys", "prefix-env", "serviceaccount", "clusterrole", "role", "group", "duration",
     "dry-run-strategy", "name", "target-port", "protocol", "skip-wait-for-delete-timeout", "max-unavailable",
     "local-port", "hard", "verb", "resource", "resource-name", "rule", "class", "default-backend"}
)  # fmt: skip
"""Options that take a value, as the helps of its commands have them."""
_SHORT: Final = "nlofkcLsvep"
_ALONE: Final = {"logs": "fp", "log": "fp", "get": "p", "exec": "pe", "rollout": "p", "top": "p", "delete": "p"}
"""Letters that are mere switches of a command."""
_PLACEHOLDER: Final = re.compile(r"[$<{\[%]")
_SINGULAR: Final = re.compile(r"(?<=[a-z])(?<!s)s$|(?<=ss)es$")
_SETTING: Final = re.compile(r"[\w.*/-]+=")
_CARRYING: Final = frozenset({"exec", "rsh", "run"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line, taken apart."""

    verb: str
    """get, rollout, delete; empty when there is none."""
    names: tuple[str, ...]
    """The other words without options: kinds, names, `image`, `app=web:1`."""
    options: Mapping[str, str]
    """Name without its dashes -> value; empty for a switch."""
    inner: tuple[str, ...] = ()
    """The command that it carries."""

    def has(self, *names: str) -> bool:
        """True when one of these options is there and not turned off."""
        return any(self.options.get(name, "false") != "false" for name in names)

    def name(self, at: int = 0) -> str:
        """One of the words; empty when it is not there."""
        return self.names[at] if -len(self.names) <= at < len(self.names) else ""

    @property
    def shape(self) -> str:
        """What -o says."""
        return self.options.get("o") or self.options.get("output") or ""

    @property
    def selector(self) -> str:
        """What -l says."""
        return self.options.get("l") or self.options.get("selector") or ""

    @property
    def placed(self) -> bool:
        """Whether it names a namespace, or is about every one or about none."""
        if self.options.keys() & {"n", "namespace", "A", "all-namespaces", "raw"}:
            return True
        return bool(self.kinds()) and self.kinds() <= CLUSTER_WIDE

    def objects(self) -> list[str]:
        """The words that can name objects: `app=web:1` and `key-` can't."""
        return [name for name in self.names if not _SETTING.match(name) and not name.endswith("-")]

    def kinds(self) -> set[str]:
        """The kinds of objects it is about, in the singular; none that a placeholder stands for."""
        names = self.objects()
        pairs = [name.split("/", 1)[0] for name in names if "/" in name]
        first = names[0] if names and "/" not in names[0] else ""
        written = (kind.strip().lower() for word in (*pairs, first) for kind in word.split(","))
        return {KINDS.get(one) or _SINGULAR.sub("", one) for one in written if one and not _PLACEHOLDER.search(one)}

    def target(self) -> str:
        """What it speaks of: "deployment/web", "pods", "app=web"."""
        names = self.objects()
        pairs = [name for name in names if "/" in name]
        if pairs:
            return " ".join(pairs)
        if self.selector:
            return self.selector
        if len(names) > 1:
            return " ".join(f"{names[0]}/{name}" for name in names[1:])
        return names[0] if names else ""


def read(words: Iterable[str]) -> Line:
    """Take apart what stands after kubectl.

    >>> read(["-n", "shop", "exec", "-it", "web-1", "--", "ls", "-l"]).inner
    ('ls', '-l')
    >>> read(["scale", "deploy", "web", "--replicas=2"]).target()
    'deploy/web'
    """
    plain: list[str] = []
    options: dict[str, str] = {}
    rest = list(words)
    apart = "--" in rest
    inner: tuple[str, ...] = ()
    while rest:
        word = rest.pop(0)
        if word == "--":
            inner = tuple(rest)
            break
        if not word.startswith("-") or word == "-":
            if len(plain) > 1 and plain[0] in _CARRYING and not apart:
                inner = _without_place((word, *rest), options)
                break
            plain.append(word)
        elif word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            if not equals and name in _VALUED and rest:
                value = rest.pop(0)
            options[name] = value
        else:
            _letters(word[1:], _SHORT.translate({ord(one): "" for one in _ALONE.get("".join(plain[:1]), "")}),
                     options, rest)  # fmt: skip
    return Line(plain[0] if plain else "", tuple(plain[1:]), options, inner)


def _without_place(words: tuple[str, ...], options: dict[str, str]) -> tuple[str, ...]:
    """A command that is not set apart by `--`, without what kubectl itself takes out of it."""
    kept: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in ("-n", "--namespace", "--context") and rest:
            options[word.lstrip("-")] = rest.pop(0)
        else:
            kept.append(word)
    return tuple(kept)


def _letters(letters: str, valued: str, options: dict[str, str], rest: list[str]) -> None:
    """Options of one letter, several in one word, the last perhaps with its value: `-it`, `-nshop`, `-o=json`."""
    for at, letter in enumerate(letters):
        if letter in valued:
            tail = letters[at + 1 :].removeprefix("=")
            options[letter] = tail or (rest.pop(0) if rest and at + 1 == len(letters) else "")
            return
        options[letter] = ""
