"""What trying values tells of a rotation, of its taking back, and of the retirement of an old value. Only looks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from probes.base import Cause, ProbeError, SafeText, Subject
from probes.settings.dotenv import Document
from probes.settings.marks import Marks
from probes.settings.prove import Proof, Tried, tried
from probes.settings.settings import FileSettings


async def of(settings: FileSettings, key: str, value: str) -> Tried:
    """Try a value of a key as the profile says. Raises `ProbeError` when it does not."""
    rotation = settings.rotate.get(key)
    if rotation is None:
        raise ProbeError(Cause.MISSING, f"the profile does not say how {SafeText(key, 60)} is tried")
    return await tried(rotation.prove, value)


async def rotated(settings: FileSettings, key: str, new: str, old: str) -> tuple[str, list[SafeText]]:
    """(why the new value may not be written; empty: it may, what trying both has told)."""
    if new == old:
        return "the new value is the old one", []
    there, was = await asyncio.gather(of(settings, key, new), of(settings, key, old))
    said = [f"the new value was tried: {there.words}", f"the value it has now was tried: {was.words}"]
    if there.proof is not Proof.WORKS:
        said = [said[1], *([_UNTRIED] if there.proof is Proof.UNKNOWN else [])]
        return f"the new value was tried: {there.of_new}", [SafeText(one, 300) for one in said]
    said.append(_NEXT[was.proof])
    return "", [SafeText(one, 300) for one in said]


_UNTRIED: Final = "nothing is written that was not seen to work; set writes it untried, if it must be now"
_NEXT: Final = {
    Proof.DEAD: "revoked already: what runs fails until it is made new",
    Proof.WORKS: "both work meanwhile: make new what uses it, revoke the old value where it was made, then retire it; "
    "if it has leaked, revoke it first",
    Proof.UNKNOWN: "whether what runs still works can't be told: make new what uses it, then retire the old value",
}


async def taken_back(
    settings: FileSettings, after: Mapping[str, str | None], before: Mapping[str, str | None]
) -> tuple[str, list[SafeText]]:
    """The same for a change that is taken back: an old value that was revoked meanwhile does not come back."""
    said = []
    for key, value in after.items():
        if key not in settings.rotate or not value or value == before.get(key):
            continue
        there = await of(settings, key, value)
        more = "" if there.proof is Proof.WORKS else "; if it is revoked, what is made new with it fails"
        said.append(SafeText(f"the earlier value of {key} was tried: {there.words}{more}", 300))
        if there.proof is Proof.DEAD:
            return f"the earlier value of {key} was tried: {there.words}", []
    return "", said


async def retired(
    settings: FileSettings, document: Document, made: Marks, path: str, key: str, old: str | None
) -> Subject:
    """The earlier value that would be forgotten, barred unless it was seen to be dead. Raises `ProbeError`."""
    if old is None:
        raise ProbeError(Cause.GONE, f"no earlier value of {key} is kept")
    there = await of(settings, key, old)
    line = document.settings.get(key)
    reason = "" if there.proof is Proof.DEAD else f"the earlier value was tried: {there.words}"
    if there.proof is Proof.WORKS:
        reason += "; revoke it where it was made"
    if line is not None and line.value == old:
        reason = "the file still has this value: rotate first"
    mark = f", mark {made.value(old)}" if made.value(old) else ""
    return Subject(
        key=path,
        name=SafeText(f"{key} in {settings.file}", 120),
        identity=(("file", path), ("keys", key), ("earlier", made.content(old.encode())), ("marks", made.id)),
        before=SafeText(f"the earlier value, {len(old)} characters{mark}, is kept; tried: {there.words}", 300),
        after=SafeText("the earlier value is forgotten"),
        felt=(SafeText("what still runs with it does not work any more"),),
        spared=SafeText(reason, 300),
        barred=bool(reason),
    )
