"""Writes what is remembered beside a folder of backups. Blocking: for a lane or a job."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from probes.backups.ledger import proof_name
from probes.base import Identity


def put(path: Path, data: Mapping[str, Any]) -> None:
    """Write a record whole or not at all. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        json.dump(data, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def put_proof(place: Path, name: str, identity: Identity, good: bool, restored: bool, at: datetime, words: str) -> None:
    """Remember what came of a look at exactly one file. Raises `OSError`."""
    record = {
        "name": name,
        "identity": [list(pair) for pair in identity],
        "good": good,
        "restored": restored,
        "at": at.isoformat(),
        "words": words,
    }
    put(place / proof_name(identity), record)
