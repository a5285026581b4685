"""What a change of a file of settings would do, in words without values. Pure: it looks at nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from probes.base import Action, Danger, SafeText, Subject, Word
from probes.settings import file
from probes.settings.dotenv import KEY
from probes.settings.marks import Marks
from probes.settings.settings import FileSettings

SET: Final = Action(
    "set", "set", Danger.REVERSIBLE, hidden="new value",
    what="Sets keys that the file has to new values, and leaves every other byte of it alone.",
)  # fmt: skip
SET_SHOWN: Final = replace(SET, shown=True)
"""The same for keys that are no secrets: one sees what one types."""
ADD: Final = Action(
    "add", "add key", Danger.REVERSIBLE, word=Word("new key", KEY.pattern), hidden="value", many=False, whole=True,
    what="Adds a key that the file does not have yet, at its end.",
)  # fmt: skip
UNSET: Final = Action("unset", "take away", Danger.REVERSIBLE, what="Takes keys out of the file.")
UNDO: Final = Action(
    "undo", "take a change back", Danger.REVERSIBLE, word=Word("change", r"[0-9a-f]{6}", listed=True), many=False,
    whole=True, what="Sets the keys of an earlier change to what they were before it.",
)  # fmt: skip
SWEEP: Final = Action(
    "sweep", "sweep", Danger.DISRUPTIVE, many=False, whole=True,
    what="Takes away new files that killed sessions have left beside the file; nothing uses them.",
)  # fmt: skip
GENERATE: Final = Action(
    "generate", "generate a secret", Danger.DISRUPTIVE, word=Word("form", r"urlsafe|hex", listed=True),
    what="Sets secrets of the file to new random values of 256 bits, which are shown nowhere; the old ones are kept.",
)  # fmt: skip
ROTATE: Final = Action(
    "rotate", "rotate", Danger.DISRUPTIVE, hidden="new value", many=False,
    what="Tries the new value of a secret first, writes it when it works, and keeps the old one until it is retired.",
)  # fmt: skip
RETIRE: Final = Action(
    "retire", "retire the old value", Danger.DISRUPTIVE, many=False,
    what="Proves that the value before the last change does not work any more, and then forgets it.",
)  # fmt: skip
ACTIONS: Final = (SET, ADD, UNSET, UNDO, GENERATE, ROTATE, RETIRE, SWEEP)
_LISTED: Final = 8
_ALIKE: Final = 0.85
"""Share of letters from which two names are nearly the same, as difflib counts: API_KEY and APIKEY."""


def told(marks: Marks, value: str | None, secret: bool) -> str:
    """What a key is set to; of a secret its length, and the mark by which it can be compared."""
    if value is None:
        return "not there"
    if not secret:
        return value[:80] or "(empty)"
    mark = marks.value(value)
    return _characters(len(value)) + (f", mark {mark}" if mark else "")


def all_told(
    marks: Marks, settings: FileSettings, values: Mapping[str, str | None], others: Mapping[str, str | None]
) -> SafeText:
    """What the keys are set to, each by its name where there are several; one is a secret when either of its values
    would be."""
    words = {
        key: told(marks, value, settings.is_secret(key, value or "") or settings.is_secret(key, others.get(key) or ""))
        for key, value in values.items()
    }
    if len(words) == 1:
        return SafeText(next(iter(words.values())), 800)
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return SafeText("; ".join(f"{key}: {one}" for key, one in list(words.items())[:_LISTED]) + more, 800)


def notes(
    settings: FileSettings, found: file.Read, before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> list[SafeText]:
    """What a person should know before the file is changed."""
    document = found.document
    said = [*_new(document.settings, before, after), _applies(settings)]
    same = [key for key, value in after.items() if before.get(key) == value]
    said += [f"{listed(same)}: it has this value already"] if same else []
    twice = [f"{key} stands there {times} times" for key, times in document.twice.items() if key in after]
    said += [f"{', '.join(twice)}: the last one counts, and is the one that is changed"] if twice else []
    refers = [key for key in after if (line := document.settings.get(key)) is not None and not line.literal]
    said += [f"{listed(refers)} is made of other variables ($): the new value is literal"] if refers else []
    said += [f"{settings.file} is a link: {found.path} is changed, the link stays"] if found.linked else []
    if any(settings.is_secret(key, value or "") for key, value in after.items()):
        said += ["git keeps this file: the secret would get into its history"] if file.tracked(found.path) else []
        said += ["every user of this machine can read the file: chmod o-r"] if found.status.st_mode & 0o004 else []
    said.append(
        "a file that is mounted by itself into a container is a new file afterwards: the container keeps the old"
    )
    if any(value is not None for value in before.values()):
        said.append(f"the old value is kept for {settings.keep_days:g} days, readable by you alone, to take this back")
    return [SafeText(one, 300) for one in said]


def _new(there: Mapping[str, object], before: Mapping[str, str | None], after: Mapping[str, str | None]) -> list[str]:
    """Which keys the file does not have yet, and whether one of nearly that name is there."""
    new = [key for key, value in after.items() if value is not None and before.get(key) is None]
    said = [f"{listed(new)} is new: the file does not have it yet, it goes to the end"] if new else []
    names = {key.upper().replace("-", "_"): key for key in there}
    for key in new:
        near = get_close_matches(key.upper().replace("-", "_"), names, 1, _ALIKE)
        said += [f"the file has a key of nearly this name: {names[near[0]]}"] if near else []
    return said


def untried(keys: Sequence[str]) -> SafeText:
    """What setting a key gives up that could be tried."""
    return SafeText(f"{listed(keys)} is written untried: rotate tries the new value first", 300)


def leftovers(names: Sequence[str]) -> str:
    """What lies beside the file and should not."""
    return f"left beside it by a session that was killed, with all of its values: {listed(names)}"


def swept(path: str, told: str, names: Sequence[str]) -> Subject:
    """What would be swept; `told` is the file as the profile names it."""
    reason = "" if names else "nothing is left behind, or who wrote it still holds it"
    return Subject(
        key=path,
        name=SafeText(f"what was left beside {told}", 200),
        identity=(("file", path), ("left", ", ".join(names))),
        before=SafeText(leftovers(names) if names else "nothing is left beside it", 300),
        after=SafeText("taken away"),
        spared=SafeText(reason),
        barred=bool(reason),
    )


def _applies(settings: FileSettings) -> str:
    rows = ", ".join(settings.applies)
    if settings.read_at_start:
        return f"it counts once {rows or 'what reads the file'} is restarted"
    if not rows:
        return "a restart does not apply it: what is made from the file must be made new (recreate, or deploy)"
    return f"it counts once {rows} is made new (recreate is offered on the same row); a restart does not apply it"


def listed(keys: Sequence[str]) -> str:
    """Some keys, the first few by name."""
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(keys[:_LISTED]) + more


def named(keys: Sequence[str], path: str) -> SafeText:
    """The keys and their file: "API_KEY in /srv/app/.env"."""
    return SafeText(f"{listed(keys)} in {path}", 300)


def _characters(number: int) -> str:
    return "1 character" if number == 1 else f"{number} characters"
