"""How a session does with its shared store, in words for the person in front of it."""

from __future__ import annotations

from dataclasses import dataclass

from desk import words
from desk.shared.presence import Present


@dataclass(frozen=True, slots=True)
class Standing:
    """How it goes."""

    begun: bool = False
    """True once the store was reached, or could not be."""
    lost: float | None = None
    """Since when it is lost, monotonic seconds; None: it is not."""
    why: str = ""
    """Why it is lost."""
    hint: str = ""
    waiting: int = 0
    """Records that are not in the store yet."""
    strange: int = 0
    """Records from there that can't be read, passed over."""
    refused: int = 0
    """Records of ours that the store does not take."""
    trouble: str = ""
    """Why records can't be carried although the store is there."""
    present: tuple[Present, ...] = ()
    """Who else is there; nobody is known while the store is lost."""

    def brief(self, now: float, key: str = "") -> str:
        """For the top line; empty: all is well. `now`: monotonic seconds; `key` shows all of it."""
        shown = f" ({key})" if key else ""
        if self.lost is not None:
            waiting = f", {_wait(self.waiting)}" if self.waiting else ""
            return f"STORE LOST {words.age(max(0.0, now - self.lost))}{shown}{waiting}: {self.why}"
        if self.trouble:
            return f"STORE: not all is shared{shown}"
        return ""

    def words(self, now: float) -> str:
        """All of it, in one line; empty: all is well."""
        said = []
        if self.lost is not None:
            since = words.age(max(0.0, now - self.lost))
            hint = f" ({self.hint})" if self.hint else ""
            said.append(f"STORE LOST {since}: {self.why}{hint}; kept here, merged when it is back")
            if self.waiting:
                said.append(_wait(self.waiting))
        if self.trouble:
            said.append(f"not all is shared: {self.trouble}")
        if self.refused:
            said.append(f"the store does not take {words.plural(self.refused, 'record')} of ours, kept here only")
        if self.strange:
            said.append(f"{words.plural(self.strange, 'record')} in the store can't be read and were passed over")
        return "; ".join(said)


def _wait(number: int) -> str:
    return "1 record waits" if number == 1 else f"{words.plural(number, 'record')} wait"
