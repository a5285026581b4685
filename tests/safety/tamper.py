"""Audit folders, forged in thousands of ways by somebody who may write to every file and knows how hashes are made.

`python -m tests.safety.tamper [--trials N] [--records N]`. Each trial changes the files of a real folder of several
writers once; the chronicle, held against a witness who remembers the newest hash of each writer, must tell. Records
cut out and bridged by a forged note need more: a witness who has every record, as the machine's log does.

Out of reach of any witness of hashes, and not tried here: whole new sessions, and records added to the file of a
writer that was killed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from desk.actor import Process, who
from desk.audit import Code, Record, Trail, chronicle
from desk.audit.record import START, parse
from desk.audit.sinks import FileSink, Sink
from desk.clock import SystemClock
from desk.ids import new_id

WRITERS: Final = 5
Files = dict[str, bytes]


class Witness:
    """A log that remembers every record, and can be deaf."""

    name = "the system's log"

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, record: Record) -> None:
        """Remember it."""
        self.lines.append(f"<85>opsroom[1]: {record.line.decode().rstrip()}")

    def close(self) -> None:
        """Nothing is open."""


class Failing(FileSink):
    """A file that can be full."""

    full = False

    def write(self, record: Record) -> None:
        """Keep it, unless the disk is full."""
        if self.full:
            raise OSError(28, "No space left on device")
        super().write(record)


@dataclass(frozen=True)
class Shelf:
    """A real audit folder, as it was written, and what was witnessed."""

    folder: Path
    files: Mapping[str, bytes]
    log: tuple[str, ...]
    heads: tuple[str, ...]
    ended: frozenset[str]
    """Files with a last word."""


async def written(folder: Path, chance: random.Random) -> Shelf:
    """Several writers in turn; the last but one is killed, and one meets a full disk."""
    log, heads, ended = Witness(), [], set()
    gone = replace(who({}), process=Process(1, "never", "another boot"))
    for number in range(WRITERS):
        trail = Trail(folder, gone, SystemClock(), {"system": "toys"})
        file = Failing(folder, trail._writer)
        sinks: tuple[Sink, ...] = (file, log)
        trail._chain._sinks = sinks
        await trail.note(Code.ARMED, {"reason": "to be forged", "minutes": 10})
        for act in range(chance.randint(1, 5)):
            file.full = number == 2 and act == 1
            for code in (Code.INTENT, Code.SENT, Code.DONE, Code.VERDICT):
                await trail.note(code, {"act": f"{number}-{act}", "words": "x" * chance.randint(0, 60)})
            file.full = False
        if number != WRITERS - 2:
            ended.add(file.path.name)
            await trail.close()
        heads.append(trail.head)
    files = {name: (folder / name).read_bytes() for name in os.listdir(folder) if name.endswith(".jsonl")}
    return Shelf(folder, files, tuple(log.lines), tuple(heads), frozenset(ended))


# What a forger does: each takes the files and changes them. Returning False: it does not apply here.

Forgery = Callable[[random.Random, Shelf, Files], bool]


def any_file(chance: random.Random, files: Files) -> str:
    """One of them."""
    return chance.choice(sorted(files))


def lines_of(files: Files, name: str) -> list[bytes]:
    """A file's lines, with their ends."""
    return files[name].splitlines(keepends=True)


def change_byte(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """One byte is another."""
    name = any_file(chance, files)
    text = bytearray(files[name])
    text[chance.randrange(len(text))] ^= chance.randint(1, 255)
    files[name] = bytes(text)
    return True


def change_digit(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """One digit is another: the smallest lie that is still JSON."""
    name = any_file(chance, files)
    text = bytearray(files[name])
    place = chance.choice([place for place, byte in enumerate(text) if chr(byte).isdigit()])
    text[place] = ord("0") + (text[place] - ord("0") + chance.randint(1, 9)) % 10
    files[name] = bytes(text)
    return True


def cut_bytes(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """Some bytes are gone."""
    name = any_file(chance, files)
    place = chance.randrange(len(files[name]))
    files[name] = files[name][:place] + files[name][place + chance.choice([1, 2, 10, 300, 2000]) :]
    return True


def add_bytes(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """Some bytes are new."""
    name = any_file(chance, files)
    place = chance.choice([0, len(files[name]), chance.randrange(len(files[name]))])
    new = chance.choice([b"\n", b" ", b"{}\n", b"\0" * 9, chance.randbytes(chance.randint(1, 40))])
    files[name] = files[name][:place] + new + files[name][place:]
    return True


def delete_lines(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """Whole records are gone."""
    name = any_file(chance, files)
    lines = lines_of(files, name)
    place = chance.randrange(len(lines))
    files[name] = b"".join(lines[:place] + lines[place + chance.randint(1, 3) :])
    return True


def double_line(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """A record stands there twice, at once or later."""
    name = any_file(chance, files)
    lines = lines_of(files, name)
    place = chance.randrange(len(lines))
    lines.insert(chance.randint(place, len(lines)), lines[place])
    files[name] = b"".join(lines)
    return True


def swap_lines(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """Two records have changed places."""
    name = any_file(chance, files)
    lines = lines_of(files, name)
    one, other = chance.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    files[name] = b"".join(lines)
    return True


def borrow_line(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """A record of another writer is put in."""
    name, other = chance.sample(sorted(files), 2)
    lines = lines_of(files, name)
    lines.insert(chance.randint(0, len(lines)), chance.choice(lines_of(files, other)))
    files[name] = b"".join(lines)
    return True


def cut_file(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """The end is gone, at a record's end or in the middle of one."""
    name = any_file(chance, files)
    if chance.random() < 0.5:
        lines = lines_of(files, name)
        files[name] = b"".join(lines[: chance.randrange(len(lines))])
    else:
        files[name] = files[name][: chance.randrange(len(files[name]))]
    return True


def remove_file(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """A whole session never was."""
    del files[any_file(chance, files)]
    return True


def swap_files(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """Two writers have changed names."""
    one, other = chance.sample(sorted(files), 2)
    files[one], files[other] = files[other], files[one]
    return True


def forged(record: Record, chance: random.Random) -> Record:
    """The same record telling something else, not yet hashed."""
    change = chance.randrange(4)
    if change == 0:
        return replace(record, data={**record.data, "words": "all is well", "act": "other"}, read="")
    if change == 1:
        return replace(record, at=record.at - timedelta(seconds=chance.randint(1, 999)), read="")
    if change == 2:
        return replace(record, seq=record.seq + chance.randint(1, 3), read="")
    codes = [code for code in Code if code is not record.code]
    return replace(record, code=chance.choice(codes), read="")


def edit_one(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """A record says something else and has the right hash for it; those after it are left."""
    name = any_file(chance, files)
    lines = lines_of(files, name)
    place = chance.randrange(len(lines))
    lines[place] = forged(parse(lines[place]), chance).line
    files[name] = b"".join(lines)
    return True


def rewrite(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """A record says something else, or is gone, and everything after it is hashed and numbered anew."""
    name = any_file(chance, files)
    records = [parse(line) for line in lines_of(files, name)]
    place = chance.randrange(len(records))
    if chance.random() < 0.3:
        del records[place]
    else:
        records[place] = forged(records[place], chance)
    return put_anew(files, name, records)


def insert_anew(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """A record is made up in the middle, and everything after it is hashed and numbered anew."""
    name = any_file(chance, files)
    records = [parse(line) for line in lines_of(files, name)]
    place = chance.randrange(len(records))
    new = replace(records[place], code=Code.SETTLED, data={"act": "0-0", "note": "fine"}, read="")
    records.insert(place, new)
    return put_anew(files, name, records)


def put_anew(files: Files, name: str, records: list[Record]) -> bool:
    """Chain these records rightly and put them in place of a file."""
    before, lines = START, []
    for seq, record in enumerate(records):
        new = replace(record, seq=seq if record.code is not Code.MISSED else record.seq, before=before, read="")
        lines.append(new.line)
        before = str(new.data.get("stands_at")) if new.code is Code.MISSED else new.hash
    files[name] = b"".join(lines)
    return True


def add_after_the_end(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """A rightly chained record is added where a writer had said its last word."""
    name = chance.choice(sorted(shelf.ended))
    last = parse(lines_of(files, name)[-1])
    new = Record(last.writer, last.seq + 1, last.at, chance.choice(list(Code)), {"act": "0-0"}, last.hash)
    files[name] += new.line
    return True


def bridge(chance: random.Random, shelf: Shelf, files: Files) -> bool:
    """Records are cut out, and a forged note says that they went to the log only. Only the log can tell."""
    name = any_file(chance, files)
    lines = lines_of(files, name)
    first = chance.randrange(1, len(lines) - 1)
    after = chance.randint(first + 1, len(lines) - 1)
    gone, before, following = parse(lines[after - 1]), parse(lines[first - 1]), parse(lines[after])
    if any(parse(line).code is Code.MISSED for line in lines):
        return False
    data = {"stands_at": gone.hash, "next": following.seq}
    new = Record(gone.writer, following.seq, gone.at, Code.MISSED, data, before.hash)
    files[name] = b"".join([*lines[:first], new.line, *lines[after:]])
    return True


FORGERIES: Final[tuple[Forgery, ...]] = (
    change_byte, change_digit, cut_bytes, add_bytes, delete_lines, double_line, swap_lines, borrow_line, cut_file,
    remove_file, swap_files, edit_one, rewrite, insert_anew, add_after_the_end, bridge,
)  # fmt: skip


# Trials


def put(shelf: Shelf, was: Mapping[str, bytes], files: Mapping[str, bytes]) -> None:
    """Make the folder hold `files` where it held `was`."""
    for name in {*was, *files}:
        path = shelf.folder / name
        if name not in files:
            path.unlink()
        elif was.get(name) != files[name]:
            path.write_bytes(files[name])


def found(shelf: Shelf, whole: bool) -> bool:
    """Whether the chronicle, or it and the witness, tell that something was touched."""
    read = chronicle.read(shelf.folder)
    return bool(read.problems or chronicle.missing(read, shelf.log if whole else shelf.heads))


def trials(count: int, seed: int = 1) -> tuple[int, dict[str, int]]:
    """(forgeries tried, forgery -> how many nobody found)."""
    chance = random.Random(seed)
    missed: Counter[str] = Counter()
    tried = 0
    with tempfile.TemporaryDirectory(prefix="opsroom-tamper-") as place:
        while tried < count:
            folder = Path(place) / f"shelf{tried}"
            shelf = asyncio.run(written(folder, chance))
            untouched = chronicle.read(folder)
            clean = not untouched.problems and not chronicle.missing(untouched, shelf.heads)
            missed["nothing was touched, yet something was found"] += not clean
            for _ in range(min(count - tried, 500)):
                tried += one_trial(chance, shelf, missed)
    return tried, {name: number for name, number in missed.items() if number}


def one_trial(chance: random.Random, shelf: Shelf, missed: Counter[str]) -> bool:
    """Forge once, look, and put everything back; False when nothing came of it."""
    files: Files = dict(shelf.files)
    forge = chance.choice(FORGERIES)
    if not forge(chance, shelf, files) or files == shelf.files:
        return False
    put(shelf, shelf.files, files)
    missed[forge.__name__] += not found(shelf, whole=forge is bridge)
    put(shelf, files, shelf.files)
    return True


# Speed


def speed(count: int, writers: int = 16) -> float:
    """Records verified in a second, of a folder with so many."""
    each = count // writers
    with tempfile.TemporaryDirectory(prefix="opsroom-tamper-") as place:
        for _ in range(writers):
            one_writer(Path(place), each)
        began = time.perf_counter()
        whole = chronicle.read(Path(place))
        took = time.perf_counter() - began
    if whole.problems or sum(len(chapter.records) for chapter in whole.chapters) != each * writers:
        raise SystemExit(f"the folder made for speed is not sound: {whole.problems[:3]}")
    return each * writers / took


def one_writer(folder: Path, count: int) -> None:
    """A file of so many records, about as long as real ones."""
    writer, before, lines = new_id(), START, []
    intent: dict[str, Any] = {
        "deed": new_id(), "act": new_id(), "reason": "the queue stands still", "target": "db", "kind": "postgres",
        "action": "terminate", "subjects": ["812"], "number": None, "place": "PostgreSQL 15.18 at db1:5432",
        "pin": [["system", "7316230492"]], "command": ["psql -c 'select pg_terminate_backend(812)'"],
        "subject": {"key": "812", "name": "812 app", "identity": [["pid", "812"]], "before": "idle", "after": "gone"},
    }  # fmt: skip
    short = {"deed": intent["deed"], "act": intent["act"], "words": "it was told to end", "facts": {}}
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for seq in range(count):
        code = (Code.INTENT, Code.SENT, Code.DONE, Code.VERDICT)[seq % 4]
        record = Record(writer, seq, at, code, intent if code is Code.INTENT else short, before)
        lines.append(record.line)
        before = record.hash
    (folder / f"{writer}.jsonl").write_bytes(b"".join(lines))


def main(words: list[str]) -> int:
    """Run it and say one figure line."""
    parser = argparse.ArgumentParser(prog="tests.safety.tamper")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=200_000)
    chosen, began = parser.parse_args(words), time.monotonic()
    tried, missed = trials(chosen.trials)
    rate = speed(chosen.records)
    kinds = f"{len(FORGERIES)} kinds of forgery" + (f": {missed}" if missed else "")
    line = f"tamper: {tried:,} trials, {sum(missed.values())} not found, {kinds}; "
    line += f"{chosen.records:,} records verified at {rate:,.0f} a second; {time.monotonic() - began:.0f} s"
    sys.stdout.write(line + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
