"""The audit as it stands on disk: every writer's file, whether each chain holds, and what never came to an end.

A chain alone does not stop the owner of a file from writing it all anew. So each writer's first record names the heads
of those before it, and what the machine's log has received can be held against the files (`witness`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from desk.actor import Process
from desk.audit.record import OUTCOMES, START, Broken, Code, Record, parse
from probes.base import Truth

ANCHORED: Final = 64
"""Writers before it whose heads a new writer names."""
LARGEST: Final = 256 << 20
"""Bytes of one file that are read."""
_BEGINS: Final = b'{"at":"'
"""How every record begins."""
_CONCLUSIVE: Final = frozenset({Truth.CONFIRMED.value, Truth.REFUTED.value})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written."""

    file: str
    line: int
    """Counted from 1; 0: the file as a whole."""
    words: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.words}" if self.line else f"{self.file}: {self.words}"


@dataclass(slots=True)
class Chapter:
    """What one writer wrote."""

    writer: str
    file: str
    records: list[Record] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    """What is no damage but should be known: it ended without a last word."""
    process: Process | None = None
    """The process that wrote it, as far as its first record tells."""

    @property
    def head(self) -> tuple[int, str]:
        """(number, hash) of its newest record."""
        return (self.records[-1].seq, self.records[-1].hash) if self.records else (-1, START)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An act whose end nobody knows."""

    intent: Record
    """What was wanted; the first that is known of it, where that went to the system's log only."""
    outcome: Record | None
    """Its outcome when that was UNKNOWN; None: the process ended before any."""
    sent: bool
    """True when the request was about to leave: it may have been carried out."""

    @property
    def act(self) -> str:
        """The act's id."""
        return str(self.intent.data.get("act", ""))


@dataclass(frozen=True, slots=True)
class Chronicle:
    """All writers."""

    chapters: tuple[Chapter, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...]

    def records(self) -> list[Record]:
        """Everything that can be read, in order of time."""
        every = (record for chapter in self.chapters for record in chapter.records)
        return sorted(every, key=lambda record: (record.at, record.writer, record.seq))

    def unfinished(self) -> list[Unfinished]:
        """Acts without a known end, oldest first; those of processes that still run are theirs."""
        settled = self._settled()
        found = [one for chapter in self.chapters for one in _open_ends(chapter, settled)]
        return sorted(found, key=lambda one: one.intent.at)

    def _settled(self) -> frozenset[str]:
        return frozenset(
            str(record.data.get("act"))
            for chapter in self.chapters
            for record in chapter.records
            if record.code is Code.SETTLED
        )


def _open_ends(chapter: Chapter, settled: frozenset[str]) -> Iterator[Unfinished]:
    process = chapter.process
    if process is not None and process.alive:
        return
    intents: dict[str, Record] = {}
    sent: set[str] = set()
    outcomes: dict[str, Record] = {}
    concluded = set(settled)
    for record in chapter.records:
        act = str(record.data.get("act", ""))
        if record.code is Code.INTENT:
            intents[act] = record
        elif record.code is Code.SENT:
            intents.setdefault(act, record)
            sent.add(act)
        elif record.code in OUTCOMES:
            outcomes[act] = record
            if record.code is Code.UNKNOWN:
                intents.setdefault(act, record)
        elif record.code is Code.VERDICT and str(record.data.get("truth")) in _CONCLUSIVE:
            concluded.add(act)
    for act, intent in intents.items():
        outcome = outcomes.get(act)
        if act not in concluded and (outcome is None or outcome.code is Code.UNKNOWN):
            yield Unfinished(intent, outcome, act in sent)


def read(folder: Path) -> Chronicle:
    """Read and check every writer's file. A folder that is not there is an empty chronicle; raises `OSError` else."""
    chapters = [_chapter(path) for path in _files(folder)]
    held = {chapter.writer: {(str(record.seq), record.hash) for record in chapter.records} for chapter in chapters}
    problems = [problem for chapter in chapters for problem in chapter.problems]
    for chapter in chapters:
        problems += _anchors(chapter, held)
    return Chronicle(tuple(chapters), tuple(problems), tuple(note for chapter in chapters for note in chapter.notes))


def recent(folder: Path, since: datetime) -> list[Record]:
    """Records of the writers that wrote since a moment, in order of time; each file is checked by itself alone. Raises
    `OSError`."""
    paths = [path for path in _files(folder) if _written_since(path, since)]
    every = (record for path in paths for record in _chapter(path).records)
    return sorted(every, key=lambda record: (record.at, record.writer, record.seq))


def _written_since(path: Path, since: datetime) -> bool:
    try:
        return path.stat(follow_symlinks=False).st_mtime >= since.timestamp()
    except FileNotFoundError:
        return False


def heads(folder: Path) -> dict[str, list[Any]]:
    """writer -> [number, hash] of the newest writers, for a new writer's first record."""
    found = {}
    for path in _files(folder)[-ANCHORED:]:
        chapter = _chapter(path)
        if chapter.records:
            found[chapter.writer] = list(chapter.head)
    return found


def missing(chronicle: Chronicle, witness: Iterable[str]) -> list[str]:
    """What a witness saw and the files no longer hold: hashes, or whole records as JSON, one a line."""
    held = {record.hash for chapter in chronicle.chapters for record in chapter.records}
    return [found for line in witness if (found := _hash_on(line)) and found not in held]


def _hash_on(line: str) -> str:
    """The record's hash on a line of a log, or the line itself when it is one."""
    line = line.strip()
    if len(line) == len(START) and all(digit in "0123456789abcdef" for digit in line):
        return line
    try:
        fields = json.loads(line[line.index("{") :])
        return str(fields["hash"]) if fields["code"] != Code.MISSED.value else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(".jsonl"))
    except FileNotFoundError:
        return []


def _chapter(path: Path) -> Chapter:
    chapter = Chapter(path.stem, path.name)
    try:
        _read_into(chapter, path)
    except OSError as error:
        words = f"it can't be read to its end: {(error.strerror or str(error)).lower()}"
        chapter.problems.append(Problem(chapter.file, 0, words))
    else:
        _last_word(chapter)
    return chapter


def _read_into(chapter: Chapter, path: Path) -> None:
    last: Record | None = None
    lost = False
    for number, line in enumerate(_lines(path), 1):
        try:
            record = parse(line)
        except Broken as error:
            cut = _is_torn(line) and (last is None or last.code is not Code.SESSION_CLOSED)
            words = "it ends in the middle of a record: the process was killed, or the file was cut"
            (chapter.notes if cut else chapter.problems).append(
                Problem(path.name, number, words if cut else str(error.args[0]))
            )
            lost = True
            continue
        if record.writer != chapter.writer:
            chapter.problems.append(Problem(path.name, number, "it is another writer's record"))
        elif lost:
            chapter.problems.append(Problem(path.name, number, "what stood before it can't be read"))
        elif not _follows(record, last):
            chapter.problems.append(Problem(path.name, number, "it does not follow the record before it"))
        elif last is not None and last.code is Code.SESSION_CLOSED:
            chapter.problems.append(Problem(path.name, number, "it was added after the last word"))
        last, lost = record, False
        if record.code in (Code.SESSION_OPENED, Code.MISSED):
            chapter.process = chapter.process or _process(record)
        if record.code is Code.MISSED:
            broken = bool(chapter.records) and "break_glass" in chapter.records[0].data
            there = "standard error or the system's log" if broken else "the system's log"
            chapter.notes.append(Problem(path.name, number, f"records before this one went to {there} only"))
        else:
            chapter.records.append(record)


def _is_torn(line: bytes) -> bool:
    """True when it may be the beginning of a record whose writer was killed."""
    return not line.endswith(b"\n") and line[: len(_BEGINS)] == _BEGINS[: len(line)]


def _process(record: Record) -> Process | None:
    told = record.data.get("process")
    try:
        process = Process(int(told["pid"]), str(told["started"]), str(told["boot"])) if told else None
    except (KeyError, TypeError, ValueError):
        return None
    return process if process is not None and 0 < process.pid < 1 << 31 else None


def _follows(record: Record, last: Record | None) -> bool:
    """True when it is chained to the record before it, or is the very one that a note of missing records announced."""
    if last is None:
        before, seq = START, 0
    elif last.code is Code.MISSED and record.code is not Code.MISSED:
        told = {name: value for name, value in last.data.items() if name != "process" or last.before != START}
        return told == {"stands_at": record.before, "next": record.seq} and (last.seq, last.at) == (
            record.seq,
            record.at,
        )
    else:
        before, seq = last.hash, last.seq if last.code is Code.MISSED else last.seq + 1
    in_turn = record.seq >= seq if record.code is Code.MISSED else record.seq == seq
    return record.before == before and in_turn


def _last_word(chapter: Chapter) -> None:
    ended = bool(chapter.records) and chapter.records[-1].code is Code.SESSION_CLOSED
    process = chapter.process
    if not chapter.records:
        words = "it holds no record: the process was killed at its first, or the file was emptied"
        chapter.notes.append(Problem(chapter.file, 0, words))
    elif not ended and not (process is not None and process.alive):
        chapter.notes.append(
            Problem(chapter.file, 0, "it has no last word: the process was killed, or the end was cut")
        )


def _lines(path: Path) -> Iterator[bytes]:
    with open(path, "rb", opener=_own) as file:
        if os.fstat(file.fileno()).st_size > LARGEST:
            raise OSError(f"{path.name} is too big")
        yield from file


def _own(path: str, flags: int) -> int:
    """Opened as a file of ours would be: no link is followed, and a pipe is not waited for."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _anchors(chapter: Chapter, held: Mapping[str, Set[tuple[str, str]]]) -> Sequence[Problem]:
    """Whether the writers that this one saw still have what they had then."""
    first = chapter.records[0] if chapter.records else None
    if first is None or first.code is not Code.SESSION_OPENED:
        return ()
    heads = first.data.get("heads")
    found = []
    for writer, seen in heads.items() if isinstance(heads, dict) else ():
        number, its_hash = seen if isinstance(seen, list) and len(seen) == 2 else (seen, None)
        if writer not in held:
            found.append(Problem(f"{writer}.jsonl", 0, f"the file is gone; {chapter.file} has seen it"))
        elif (str(number), its_hash) not in held[writer]:
            words = f"record {number}, which {chapter.file} has seen, is not there as it was"
            found.append(Problem(f"{writer}.jsonl", 0, words))
    return found
