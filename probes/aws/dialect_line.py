"""A line of `aws` taken apart, and nothing asked of it but to be readable: no settings, no placeholders filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_GLOBAL: Final = frozenset(
    {"region", "profile", "output", "query", "endpoint-url", "color", "ca-bundle", "cli-read-timeout",
     "cli-connect-timeout", "cli-binary-format"}
)  # fmt: skip
"""Options with one value that may stand anywhere
(https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html)."""
_SWITCHES: Final = frozenset(
    {"debug", "no-verify-ssl", "no-paginate", "no-sign-request", "no-cli-pager", "cli-auto-prompt", "dryrun", "quiet",
     "no-cli-auto-prompt", "version", "recursive", "follow", "no-follow", "human-readable", "summarize", "delete",
     "force", "only-show-errors", "no-progress", "interactive", "non-interactive", "with-decryption", "dry-run",
     "apply-immediately", "force-new-deployment", "exact-timestamps", "size-only", "no-guess-mime-type"}
)  # fmt: skip
"""Options without a value, so that what follows them is a word of its own."""
_POSITIONAL: Final = frozenset({"s3", "configure"})
_LISTLESS: Final = frozenset({("logs", "tail"), ("logs", "filter-pattern")})
"""Operations whose options take one value each, so that other words may follow."""
_NAMES: Final = (
    "service", "services", "task", "tasks", "service-name", "queue-url", "queue-name", "db-instance-identifier",
    "db-cluster-identifier", "db-snapshot-identifier", "source-db-snapshot-identifier", "cache-cluster-id",
    "target-db-instance-identifier", "target-table-name", "target-group-arn",
    "replication-group-id", "alarm-name", "alarm-names", "log-group-name", "log-group-identifier", "secret-id",
    "function-name", "instance-ids", "instance-id", "targets", "target", "stack-name",
    "auto-scaling-group-name", "table-name", "repository-name", "source-arn", "resource-id", "bucket", "topic-arn",
    "distribution-id", "hosted-zone-id", "document-name", "metric-name", "name", "names", "task-definition", "cluster",
    "clusters", "cluster-name", "nodegroup-name", "key-id", "user-name", "role-name", "pipeline-name",
)  # fmt: skip
"""Options that say what an operation is about, what says it best first."""
_HOLDER: Final = re.compile(r"[$<{\[]")


@dataclass(frozen=True, slots=True)
class Said:
    """One line, taken apart."""

    service: str
    """rds; empty when there is none."""
    operation: str
    """create-db-snapshot."""
    plain: tuple[str, ...]
    """Other words without an option before them: paths of s3, a log group."""
    flags: Mapping[str, tuple[str, ...]]
    """Name without its dashes -> values."""

    @property
    def holder(self) -> bool:
        """Whether a placeholder stands where the service or the operation should."""
        return bool(_HOLDER.match(self.service) or _HOLDER.match(self.operation))

    def one(self, name: str) -> str | None:
        """The first value of an option; None when it has none."""
        values = self.flags.get(name, ())
        return values[0] if values else None

    def zero(self, name: str) -> bool:
        """Whether an option is given nought, however it is written."""
        return re.fullmatch(r"[+-]?0+", self.one(name) or "") is not None

    def target(self) -> str:
        """What it speaks of, as it is written."""
        named = next((name for name in _NAMES if self.flags.get(name)), "")
        if named:
            return " ".join(self.flags[named]) if named.endswith("s") else self.flags[named][0]
        return self.plain[0] if self.plain else ""


def read(words: Iterable[str]) -> Said:
    """Take apart what stands after aws.

    >>> said = read(["--region", "eu-west-1", "ecs", "describe-services", "--services", "api", "worker"])
    >>> said.service, said.operation, said.target()
    ('ecs', 'describe-services', 'api worker')
    """
    plain: list[str] = []
    flags: dict[str, tuple[str, ...]] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "-f":
            flags["follow"] = ()
        elif not word.startswith("--") or word == "--":
            plain.append(word)
        else:
            name, equals, value = word[2:].partition("=")
            values = [value] if equals else []
            if not equals and name not in _SWITCHES and not name.startswith("no-"):
                single = name in _GLOBAL or len(plain) < 2 or plain[0] in _POSITIONAL or tuple(plain[:2]) in _LISTLESS
                while rest and not rest[0].startswith("--") and not (single and values):
                    values.append(rest.pop(0))
            flags[name] = (*flags.get(name, ()), *values)
    while len(plain) > 2 and plain[0].startswith("$") and "-" not in plain[1]:  # options kept in a variable
        plain.pop(0)
    return Said(plain[0] if plain else "", plain[1] if len(plain) > 1 else "", tuple(plain[2:]), flags)
