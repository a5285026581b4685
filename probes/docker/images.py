"""Images of an Engine: which there are, what their names mean now, and which one a name would give. Reads only.

A name such as `shop/web:latest` is a pointer that moves with each pull; the id is the image itself.
Reference: https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Image/operation/ImageList
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from probes.base import Cause, ProbeError, SafeText, finite
from probes.docker.engine import EngineApi
from probes.docker.facts import Container, Image
from probes.docker.parse import IMAGE_ID, amount, items, table, text

REFERENCE: Final = re.compile(
    r"(?=.{1,512}\Z)[a-zA-Z0-9][a-zA-Z0-9._-]*(?::\d{1,5})?(?:/[a-z0-9][a-z0-9._-]*)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
"""An image's name as a file or a command line may give it (https://pkg.go.dev/github.com/distribution/reference)."""
EVERY: Final = 30.0
"""Seconds between two lists of images."""
_REFUSED: Final = 300.0
_SHOWN: Final = 1000
"""Images kept of a list."""
_LIMIT: Final = 16 << 20
_HUB: Final = ("docker.io/", "index.docker.io/", "registry-1.docker.io/")
_MAJORS: Final = {
    "PG_MAJOR": "PostgreSQL", "MYSQL_MAJOR": "MySQL", "MARIADB_VERSION": "MariaDB", "MONGO_MAJOR": "MongoDB",
    "REDIS_VERSION": "Redis", "VALKEY_VERSION": "Valkey", "RABBITMQ_VERSION": "RabbitMQ",
}  # fmt: skip
"""Variables that the official images of stores set to their version, and what they are."""
_STORES: Final = re.compile(
    r"(?:^|/)(?:postgres|postgis|timescaledb|mysql|mariadb|mongo|redis|valkey|rabbitmq|elasticsearch|opensearch|kafka)"
)


class Reference(NamedTuple):
    """An image's name, taken apart."""

    name: str
    """Without tag and digest, as Docker shows it: "shop/web"."""
    tag: str
    """"latest" when none is given; empty when only a digest is."""
    digest: str
    """"sha256:..."; empty when none is given."""

    @property
    def familiar(self) -> str:
        """The name as the Engine lists it: by its digest where it has one, else by its tag."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    @property
    def floats(self) -> bool:
        """It means whatever was pushed last."""
        return not self.digest and self.tag == "latest"


def reference(name: str) -> Reference | None:
    """An image's name taken apart; None when it is an id or no name at all.

    >>> reference("docker.io/library/postgres"), reference("r:5000/shop/web:1.2").tag
    (Reference(name='postgres', tag='latest', digest=''), '1.2')
    """
    if IMAGE_ID.fullmatch(name) or not REFERENCE.fullmatch(name):
        return None
    rest, _, digest = name.partition("@")
    for hub in _HUB:
        rest = rest.removeprefix(hub)
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        head, tag = rest, "" if digest else "latest"
    return Reference(head.removeprefix("library/"), tag, digest)


def is_store(name: str) -> bool:
    """Whether an image's name is that of a database or another store, which keeps its data from version to version."""
    found = reference(name)
    return found is not None and bool(_STORES.search(found.name))


def major_jump(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """From which to which major version a store would go by its image's variables; empty when it stays.

    >>> major_jump({"PG_MAJOR": "15"}, {"PG_MAJOR": "16"})
    'PostgreSQL 15 -> 16'
    """
    for name, what in _MAJORS.items():
        old, new = (_major(one.get(name, "")) for one in (before, after))
        if old and new and old != new:
            return f"{what} {old} -> {new}"
    return ""


def _major(version: str) -> str:
    found = re.match(r"(?:\d+:)?(\d{1,4}(?:\.\d{1,4})?)", version)
    if found is None:
        return ""
    return found[1] if found[1].startswith("0.") else found[1].partition(".")[0]


def image(answer: object) -> Image | None:
    """An image of the list, or an inspected one; None when it has no id."""
    row = table(answer)
    id = row.get("Id")
    if not isinstance(id, str) or not IMAGE_ID.fullmatch(id):
        return None
    return Image(
        id=id,
        names=tuple(_names(row.get("RepoTags"))),
        digests=tuple(_names(row.get("RepoDigests"))),
        created=_created(row.get("Created")),
        size=amount(row.get("Size")),
    )


def _names(answer: object) -> Iterable[str]:
    for one in items(answer)[:50]:
        if isinstance(one, str) and REFERENCE.fullmatch(one) and "<none>" not in one:
            yield one


def _created(value: object) -> datetime | None:
    number = finite(value)
    try:
        at = datetime.fromtimestamp(number, UTC) if number is not None else datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo is not None and at.year > 1970 else None


def variables(inspected: Mapping[str, Any]) -> dict[str, str]:
    """What an image sets in the environment of its containers; for comparison only."""
    given = items(table(inspected.get("Config")).get("Env"))
    return dict(one.split("=", 1) for one in given if isinstance(one, str) and "=" in one)


class Images:
    """The list of images, read again only now and then, and when a container has one that is not on it."""

    def __init__(self, api: EngineApi, monotonic: Callable[[], float]) -> None:
        self._api = api
        self._monotonic = monotonic
        self._due = 0.0
        self._by_id: dict[str, Image] = {}
        self._by_name: dict[str, str] = {}
        self.refused: ProbeError | None = None
        """Why images can't be listed."""
        self.more = 0
        """Images beyond those kept."""

    @property
    def all(self) -> tuple[Image, ...]:
        """The newest first."""
        never = datetime.fromtimestamp(0, UTC)
        return tuple(sorted(self._by_id.values(), key=lambda one: one.created or never, reverse=True))

    async def update(self, used: Iterable[str]) -> None:
        """Read the list when it is old, or lacks an image in use. Raises `ProbeError` when the Engine is gone."""
        now = self._monotonic()
        strange = self.refused is None and any(id and id not in self._by_id for id in used)
        if now < self._due and not (strange and now > self._due - EVERY + 10.0):
            return
        try:
            answer = await self._api.get("/images/json", limit=_LIMIT)
        except ProbeError as error:
            if error.cause not in (Cause.DENIED, Cause.TOO_BIG, Cause.OVERLOADED, Cause.GONE):
                raise
            self.refused, self._due = error, now + _REFUSED
            return
        found = [one for row in items(answer) if (one := image(row)) is not None]
        self.more = max(0, len(found) - _SHOWN)
        self._by_id = {one.id: one for one in found[:_SHOWN]}
        self._by_name = {name: one.id for one in found for name in (*one.names, *one.digests)}
        self.refused, self._due = None, now + EVERY

    def of(self, one: Container) -> tuple[Image | None, str]:
        """(the image a container runs, the id of what its image's name means now); empty when that is not known."""
        name = str(one.image)
        if one.details is not None and one.details.image:
            name = str(one.details.image)
        found = reference(name)
        return self._by_id.get(one.image_id), self._by_name.get(found.familiar, "") if found else ""


def shown(name: str) -> SafeText:
    """An image's name as a person reads it: an id shortened."""
    return text(short_id(name) if IMAGE_ID.fullmatch(name) else name, 100)


def short_id(id: str) -> str:
    """An image's id as `docker images` shows it."""
    return id.removeprefix("sha256:")[:12]
