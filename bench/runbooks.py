"""How well runbooks are read, against labels that people made: `python -m bench.runbooks FOLDER`.

The labels (`tests/runbooks/*.tsv`) name lines and what stands there, and hold no text: the files themselves are other
people's and not ours to keep. Each begins with the sha256 of its file; those of a folder that match are measured. Of a
file that is labelled in part, the first line names the part (`# lines 1 600`), and only that is measured.

    c LINE CLASS VERB DANGER PLACEHOLDER...   a command; `a|b` either, `*` any; the danger is the least that is right
    ? LINE                                    it may be taken for a command or not
    b LINE                                    an item of a checklist
    t LINE OPERATOR VALUE MEANT               a limit: alert, healthy (never an alert), or other
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from desk.runbook import assemble, lint
from tui.dialects import dialects

LABELS: Final = Path(__file__).resolve().parent.parent / "tests" / "runbooks"
DANGERS: Final = ("read", "reversible", "disruptive", "destructive")


@dataclass(slots=True)
class Score:
    """What was right, of how many, and what was not."""

    right: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def note(self, what: str, right: bool, fault: str) -> None:
        """Count one."""
        self.all[what] += 1
        self.right[what] += right
        if not right:
            self.faults.append(f"{what}: {fault}")

    def add(self, other: Score) -> None:
        """Count those of another file too."""
        self.right += other.right
        self.all += other.all
        self.faults += other.faults

    def lines(self) -> list[str]:
        """One line for each thing counted."""
        return [
            f"{what:<28} {self.right[what]:>4} of {count:<4} {self.right[what] / count:7.1%}"
            for what, count in sorted(self.all.items())
        ]


def measure(told: dict[str, Any], labels: list[list[str]]) -> Score:
    """The JSON form of one file against its labels."""
    score = Score()
    found = [one for one in told["commands"] if one["is_command"]]
    free = {int(row[1]) for row in labels if row[0] == "?"}
    wanted = [row for row in labels if row[0] == "c"]
    left = list(found)
    for _, line, sort, verb, danger, *holders in wanted:
        one = next((one for one in left if one["line"] == int(line)), None)
        score.note("commands found", one is not None, f"line {line} missed")
        if one is None:
            continue
        left.remove(one)
        at = f"line {line} {one['text'][:60]!r}"
        right = one["class"] in sort.split("|") and (verb == "*" or one["verb"] in verb.split("|"))
        native = "shell" not in sort.split("|")
        score.note(
            "class and verb, native" if native else "class and verb, others",
            right,
            f"{at}: {one['class']} {one['verb']}",
        )
        enough = DANGERS.index(one["danger"]) >= DANGERS.index(danger)
        score.note("danger not under-rated", enough, f"{at}: {one['danger']}, at least {danger}")
        for holder in holders:
            if not holder.endswith("?"):
                score.note("placeholders found", holder in one["placeholders"], f"{at}: {holder}")
        for holder in one["placeholders"]:
            known = holder in holders or f"{holder}?" in holders
            score.note("placeholders not invented", known, f"{at}: {holder}")
    for one in left:
        span = range(one["line"], one["end_line"] + 1)
        score.note("no prose made a command", not free.isdisjoint(span), f"line {one['line']} {one['text'][:60]!r}")
    score.all["no prose made a command"] += len(wanted)
    score.right["no prose made a command"] += len(wanted)
    boxes = {int(row[1]) for row in labels if row[0] == "b"}
    items = {one["line"] for one in told["checklist_items"]}
    for place in sorted(boxes | items):
        score.note("checklist items", place in boxes and place in items, f"line {place}")
    limits = told["thresholds"]
    stated = {int(row[1]): row for row in labels if row[0] == "t"}
    for place, (_, _, operator, value, meant) in stated.items():
        same = [
            one
            for one in limits
            if one["line"] == place and one["operator"] == operator and one["value"] == float(value)
        ]
        if meant == "alert":
            score.note("alert limits", any(one["alert"] for one in same), f"line {place}")
        elif meant == "healthy":
            score.note("no rule from a healthy side", not any(one["alert"] for one in same), f"line {place}")
    for one in limits:
        if one["alert"]:
            known = one["line"] in stated and stated[one["line"]][4] != "healthy"
            score.note(
                "alerts not invented", known, f"line {one['line']} {one['metric']} {one['operator']} {one['value']}"
            )
    return score


def part(told: dict[str, Any], first: int, last: int) -> dict[str, Any]:
    """What was read from some lines of a file."""
    lists = ("commands", "checklist_items", "thresholds")
    return {name: [one for one in told[name] if first <= one["line"] <= last] for name in lists}


def main(folder: Path, verbose: bool = True) -> int:
    """Measure every file of a folder that has labels."""
    labelled = {}
    for labels in LABELS.glob("*.tsv"):
        rows = [row.split("\t") for row in labels.read_text("utf-8").splitlines() if not row.startswith("#")]
        marks = [row.split() for row in labels.read_text("utf-8").splitlines() if row.startswith("#")]
        lines = next(((int(mark[2]), int(mark[3])) for mark in marks if mark[1] == "lines"), (1, sys.maxsize))
        labelled[next(mark[2] for mark in marks if mark[1] == "sha256")] = (lines, rows)
    whole, seen = Score(), 0
    for file in sorted(folder.iterdir()):
        data = file.read_bytes() if file.is_file() else b""
        if (known := labelled.get(hashlib.sha256(data).hexdigest())) is None:
            continue
        seen += 1
        lines, labels_of = known
        score = measure(part(lint.form(assemble.read(file.name, data, dialects())), *lines), labels_of)
        if verbose and score.faults:
            print(f"{file.name}")
            print("\n".join(f"  {fault}" for fault in score.faults))
        whole.add(score)
    print(f"{seen} files")
    print("\n".join(whole.lines()))
    if seen:
        print(quickly(b"".join(file.read_bytes() for file in sorted(folder.glob("*.md")))))
    return 0 if seen else 2


def quickly(text: bytes) -> str:
    """How long a file of five mebibytes, this text over and over, takes to open, and one procedure of it."""
    data = (text * (1 + (5 << 20) // len(text)))[: 5 << 20]
    known = dialects()
    began = time.process_time()
    book = assemble.read("large.md", data, known)
    opened = time.process_time()
    assemble.opened(data, book.procedures[len(book.procedures) // 2].line, known)
    shown = time.process_time()
    many = len(book.procedures)
    return f"5 MiB: opened in {opened - began:.2f} s, one of {many} procedures in {shown - opened:.2f} s"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
