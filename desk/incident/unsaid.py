"""What a person began to write in an incident and has not said yet: it outlives the session, and is theirs alone."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from desk.private import open_file, open_folder

FOLDER: Final = "unsaid"
"""In the folder of a system."""

MOST: Final = 500
"""Texts that are read again."""

_LARGEST: Final = 64 << 10
"""Bytes of one of them."""

_BEAT: Final = 0.5
"""Seconds between two writes while somebody types."""

_AGAIN: Final = 10.0
"""Seconds until what could not be written is tried again."""

_ENDING: Final = 1.0
"""Seconds that the end of a session waits for the disk."""

Key = tuple[str, str]
"""(id of the incident, what it is about: "note", "message public {update}")."""


class Unsaid:
    """The unsaid texts of one person. Each in a private file, kept by a thread: nobody waits for the disk."""

    def __init__(self, folder: Path | None, who: str, mask: Callable[[str], str] = str) -> None:
        """`folder` holds the files; None: nothing outlives the session. `mask` takes secrets out of what is kept."""
        self._folder, self._who, self._mask = folder, who, mask
        self._texts: dict[Key, str] = {}
        self._waiting: dict[Key, str] = {}
        self._lock = threading.Lock()
        self._wake, self._end = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._changed: Callable[[], None] = lambda: None
        self.trouble = ""
        """Why what is typed is not on disk, for a person; empty: it is, or is about to be."""

    def start(self, changed: Callable[[], None] = lambda: None) -> None:
        """Read what an earlier session left. `changed` is called, from another thread, once that is known."""
        self._changed = changed
        if self._folder is not None:
            self._thread = threading.Thread(target=self._run, name="unsaid", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write what waits and let go, in a moment even when the disk hangs."""
        self._end.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_ENDING)

    def get(self, incident: str, about: str) -> str:
        """What was typed so far; empty: nothing."""
        return self._texts.get((incident, about), "")

    def put(self, incident: str, about: str, text: str) -> None:
        """This is what is typed by now; empty: it was said, or given up."""
        key = incident, about
        if text == self._texts.get(key, ""):
            return
        with self._lock:
            self._texts[key] = self._waiting[key] = text
        self._wake.set()

    # on its own thread

    def _run(self) -> None:
        self._read()
        self._changed()
        while not self._end.is_set():
            self._wake.wait(_AGAIN if self.trouble else None)
            self._wake.clear()
            self._end.wait(_BEAT)
            self._write()

    def _read(self) -> None:
        assert self._folder is not None
        try:
            names = sorted(name for name in os.listdir(self._folder) if name.endswith(".json"))
        except OSError:
            return
        for name in names[:MOST]:
            found = _parsed(self._folder / name)
            if found is not None and found[0] == self._who:
                with self._lock:
                    self._texts.setdefault((found[1], found[2]), found[3])

    def _write(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        trouble = ""
        for key, text in waiting.items():
            try:
                self._keep(key, self._mask(text))
            except OSError as error:
                trouble = f"what is typed is not kept: {(error.strerror or str(error)).lower()}"
                with self._lock:
                    self._waiting.setdefault(key, text)
        self.trouble = trouble

    def _keep(self, key: Key, text: str) -> None:
        assert self._folder is not None
        name = sha256("\0".join((self._who, *key)).encode("utf-8", "surrogatepass")).hexdigest()[:40] + ".json"
        inside = open_folder(self._folder)
        try:
            if not text.strip():
                _remove(name, inside)
                return
            body = json.dumps({"who": self._who, "incident": key[0], "about": key[1], "text": text})
            making = f"{name}.{os.getpid()}-{threading.get_ident()}"
            opened = open_file(inside, making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            with os.fdopen(opened, "w", encoding="utf-8") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            os.replace(making, name, src_dir_fd=inside, dst_dir_fd=inside)
        finally:
            os.close(inside)


def _remove(name: str, inside: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=inside)


def _parsed(path: Path) -> tuple[str, str, str, str] | None:
    """(who, incident, about, text); None where the file is not one of ours, or is damaged."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(opened, encoding="utf-8") as file:
            found = json.loads(file.read(_LARGEST))
        who, incident, about, text = (found[name] for name in ("who", "incident", "about", "text"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    every = who, incident, about, text
    return every if all(isinstance(one, str) for one in every) else None
