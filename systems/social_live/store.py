"""The simulated cluster's objects as its API knows them: documents with an identity, versions, and patches.

Patches as https://kubernetes.io/docs/reference/using-api/api-concepts/ and RFC 7396 describe them.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

Doc = dict[str, Any]

NAMESPACE: Final = "social-live-prod"


class Conflict(Exception):
    """The object is not the one that was meant any more."""


def stamp(moment: datetime | None = None) -> str:
    """A moment as the API writes it; now, unless told."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """Objects by the plural of their sort, namespace and name."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[tuple[str, str], Doc]] = {}
        self._version = 1000

    def put(self, plural: str, doc: Doc) -> Doc:
        """Add an object; it gets what every object has."""
        meta = doc["metadata"]
        meta.setdefault("uid", str(uuid.uuid4()))
        meta.setdefault("creationTimestamp", stamp())
        meta.setdefault("generation", 1)
        self._objects.setdefault(plural, {})[meta.get("namespace", ""), meta["name"]] = doc
        self.changed(doc)
        return doc

    def changed(self, doc: Doc) -> None:
        """Give it the next version."""
        self._version += 1
        doc["metadata"]["resourceVersion"] = str(self._version)

    def remove(self, plural: str, doc: Doc) -> None:
        """Forget an object."""
        meta = doc["metadata"]
        self._objects.get(plural, {}).pop((meta.get("namespace", ""), meta["name"]), None)

    def find(self, plural: str, name: str, namespace: str = NAMESPACE) -> Doc | None:
        """One object, or None."""
        return self._objects.get(plural, {}).get((namespace, name))

    def all(self, plural: str) -> list[Doc]:
        """Every object of a sort."""
        return list(self._objects.get(plural, {}).values())

    def owned(self, plural: str, owner: Doc) -> list[Doc]:
        """The objects of a sort that this one has made."""
        uid = owner["metadata"]["uid"]
        return [one for one in self.all(plural) if any(uid == ref["uid"] for ref in _owners(one))]

    def patch(self, doc: Doc, change: Mapping[str, Any], strategic: bool = False) -> None:
        """Change an object. Raises `Conflict` when the patch names another version or another object.

        A new status alone never gives a new version here, so that nobody who has looked is refused for one.
        """
        held, meta = change.get("metadata", {}), doc["metadata"]
        for name in ("uid", "resourceVersion"):
            if name in held and held[name] != meta[name]:
                raise Conflict(f"the object has been modified; its {name} is {meta[name]} now")
        before = copy.deepcopy(doc.get("spec"))
        merged(doc, change, strategic)
        if doc.get("spec") != before:
            meta["generation"] += 1
        self.changed(doc)


def _owners(doc: Doc) -> list[Doc]:
    found: list[Doc] = doc["metadata"].get("ownerReferences", [])
    return found


def merged(into: Doc, change: Mapping[str, Any], strategic: bool) -> None:
    """Lay a patch over a document: null takes away; lists of named things are merged by name when it is strategic."""
    for name, value in change.items():
        if value is None:
            into.pop(name, None)
        elif isinstance(value, Mapping):
            if strategic and value.get("$patch") == "replace":
                into[name] = {key: one for key, one in value.items() if key != "$patch"}
                continue
            inner = into.get(name)
            if not isinstance(inner, dict):
                inner = into[name] = {}
            merged(inner, value, strategic)
        elif strategic and _are_named(value) and _are_named(into.get(name)):
            _merge_named(into[name], value)
        else:
            into[name] = value


def _are_named(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and "name" in one for one in value)


def _merge_named(into: list[Doc], change: list[Doc]) -> None:
    known = {one["name"]: one for one in into}
    for one in change:
        if one["name"] in known:
            merged(known[one["name"]], one, strategic=True)
        else:
            into.append(one)


def selected(docs: Iterable[Doc], selector: str) -> list[Doc]:
    """The objects whose labels are as a selector of the form "app=web,tier=api" says."""
    wanted = dict(pair.replace("==", "=").split("=", 1) for pair in selector.split(",") if "=" in pair)
    return [
        doc for doc in docs if all(doc["metadata"].get("labels", {}).get(key) == value for key, value in wanted.items())
    ]


def matches(labels: Mapping[str, str], doc: Doc) -> bool:
    """Has an object all these labels?"""
    known: dict[str, str] = doc["metadata"].get("labels", {})
    return labels.items() <= known.items()
