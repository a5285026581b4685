"""Holds the audit's files of this machine against what a shared store has of them: what was cut off, rewritten or taken
away here is still there.

The store knows by itself who brought a record, and lets nobody change one. What it can't know is what never came to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from desk import words
from desk.audit import Chronicle, Code, Problem, Record
from desk.audit.chronicle import Chapter
from desk.shared.audit import Witnessed
from probes.base import SafeText

_LONGEST: Final = 160
"""Characters of what a record is about."""


@dataclass(slots=True)
class Comparison:
    """What the files and the store say of each other."""

    problems: list[Problem] = field(default_factory=list)
    """What the store has, and the files have not or otherwise."""
    notes: list[Problem] = field(default_factory=list)
    matched: int = 0
    """Records that both have."""
    elsewhere: int = 0
    """Records of other machines and people, which have no file here."""


def compared(
    chronicle: Chronicle, seen: Iterable[Witnessed], host: str, uid: int, about: Mapping[str, str]
) -> Comparison:
    """Hold the files against the store, which was read before they were.

    `host` and `uid` are ours: a session of ours has a file here. `about` is the system that the store was asked about.
    """
    stories: dict[str, dict[str, Witnessed]] = {}
    for one in seen:
        if one.record.code is not Code.MISSED:  # it stands in the file in the place of others, and is no record
            stories.setdefault(one.record.writer, {})[one.record.hash] = one
    made = Comparison()
    chapters = {chapter.writer: chapter for chapter in chronicle.chapters}
    for writer, told in sorted(stories.items()):
        story = sorted(told.values(), key=lambda one: one.record.seq)
        chapter = chapters.get(writer)
        if chapter is not None:
            _held(made, chapter, story)
        elif _is_of(story[0].record, host, uid):
            made.problems.append(Problem(f"{writer}.jsonl", 0, f"the file is gone; the store has {_span(story)} of it"))
        else:
            made.elsewhere += len(story)
    made.notes += [
        note for chapter in chronicle.chapters if (note := _unseen(chapter, stories.get(chapter.writer, {}), about))
    ]
    return made


def _held(made: Comparison, chapter: Chapter, story: Sequence[Witnessed]) -> None:
    """One file against what the store has of it."""
    there = {record.seq: record.hash for record in chapter.records}
    hashes = set(there.values())
    author = story[0]
    for one in story:
        record = one.record
        if record.hash in hashes:
            made.matched += 1
            continue
        stands = "stands there otherwise" if record.seq in there else "is not there"
        said = f"record {record.seq} ({_words(record)}), which {_name(one)} brought to the store, {stands}"
        if one.by == author.by:
            made.problems.append(Problem(chapter.file, 0, said))
        else:
            doubt = f"{said}; {_name(author)} brought the others: it may be forged in the store"
            made.notes.append(Problem(chapter.file, 0, doubt))


def _unseen(chapter: Chapter, told: Mapping[str, Witnessed], about: Mapping[str, str]) -> Problem | None:
    """What the file has and the store has not."""
    first = chapter.records[0] if chapter.records else None
    there = first.data.get("about") if first is not None and first.code is Code.SESSION_OPENED else None
    if not isinstance(there, Mapping) or {name: there.get(name) for name in about} != dict(about):
        return None
    missing = [record for record in chapter.records if record.hash not in told]
    if not missing:
        return None
    what = words.plural(len(missing), "record")
    if not told:
        return Problem(chapter.file, 0, f"the store has none of its {what}: it never saw this session")
    return Problem(chapter.file, 0, f"the store has not got {what} of it, from {missing[0].seq} on")


def _is_of(record: Record, host: str, uid: int) -> bool:
    """True when this person wrote it on this machine, as its session said when it began."""
    actor = record.data.get("actor") if record.code is Code.SESSION_OPENED else None
    return isinstance(actor, Mapping) and (actor.get("host"), actor.get("uid")) == (host, uid)


def _span(story: Sequence[Witnessed]) -> str:
    first, last = story[0].record, story[-1].record
    return f"{words.plural(len(story), 'record')} from {first.at:%Y-%m-%d %H:%M:%S} to {last.at:%H:%M:%S} UTC"


def _words(record: Record) -> str:
    """What it is, so that a person knows what was hidden."""
    about = [
        str(record.data[name]) for name in ("action", "target", "reason") if isinstance(record.data.get(name), str)
    ]
    return str(SafeText(", ".join([record.code.value, f"{record.at:%Y-%m-%d %H:%M:%S} UTC", *about]), _LONGEST))


def _name(one: Witnessed) -> str:
    return str(SafeText(one.by, 63)) or "somebody"
