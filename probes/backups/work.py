"""What has become of a job of ours on these backups: how far it is, how it ended, what it has left behind."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any, Final

from probes.backups import folder, ledger, plans
from probes.backups.facts import Work
from probes.base import SafeText, lasted
from probes.exec import job

FORGOTTEN: Final = "forgotten"
"""State of a job of which nothing is known any more; it is told only as long as it has left something behind."""


def work_of(task: ledger.Task, standing: job.Standing, made: ledger.Made | None, place: str, now: datetime) -> Work:
    """A job of ours, as a person sees it."""
    said = ledger.told(standing, task.end)
    left = said.left
    share = said.share
    if standing.state is job.State.RUNNING:
        words = said.stage or "begun"
        if task.action == "dump" and words == "dumping":
            share, so_far = progress(task, place)
            words += so_far
        return _work(task, "under way", words + remaining(share, standing.began, now), share)
    if said.done is not None and (standing.code == 0 or standing.state is job.State.LOST):  # its last word was well
        return _work(task, "done", str(said.done.get("words", "done")), left=left)
    if standing.state is job.State.ENDED or said.failed:
        words = said.failed or ("it was stopped" if standing.stopped else str(standing.complaint) or "it failed")
        state = "stopped" if standing.stopped or words.startswith("it was stopped") else "failed"
    elif ledger.is_gone(standing):
        state, words = FORGOTTEN, "what came of it is not known any more"
    else:
        state, words = "lost", "it was killed, or the machine went down"
    if made is not None and made.gone and left == f"database {made.name}":
        left = ""  # removed since
    part = task.text("part")
    cut_off = state in ("lost", FORGOTTEN) or task.action == "verify"
    if not left and made is not None and not (made.gone or made.kept) and cut_off:
        left = f"database {made.name}"
    if not left and part and os.path.lexists(f"{task.text('into') or place}/{part}"):
        left = f"file {part}"
    if task.end is not None and "cleaned" in task.end and not left:
        state, words = "cleaned up" if state == "lost" else state, f"{words}; what it left behind was removed"
    return _work(task, state, words, left=left)


def _work(task: ledger.Task, state: str, words: str, share: float | None = None, left: str = "") -> Work:
    return Work(
        task.act, task.action, SafeText(task.subject, 255), state, task.at, SafeText(words, 300), share,
        SafeText(left, 300),
    )  # fmt: skip


def progress(task: ledger.Task, place: str) -> tuple[float | None, str]:
    """How far a dump has come, by its bytes so far against those of the last one; None where it has become bigger."""
    path = f"{place}/{task.text('part')}"
    try:
        size = folder.folder_size(path) if os.path.isdir(path) else os.lstat(path).st_size
    except OSError:
        return None, ""
    likely: Any = task.data.get("likely")
    so_far = f", {plans.amount(size)} so far"
    if not isinstance(likely, int | float) or not likely:
        return None, so_far
    return (size / likely, so_far) if size < likely else (None, f"{so_far}, more than expected")


def remaining(share: float | None, began: datetime | None, now: datetime) -> str:
    """How long it will take yet if it goes on as until now; empty while that can't be told."""
    past = (now - began).total_seconds() if began is not None else 0.0
    return f", some {lasted(past * (1 - share) / share)} more" if share and share >= 0.05 and past >= 2 else ""
