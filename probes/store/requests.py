"""Requests to a second person in the shared store: the server says who asks, who answers, and what time it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from probes.base import Unkeepable, Wanted
from probes.store.line import Line
from probes.store.records import read_json

_WANTED: Final = """SELECT id, digest, body, by,
    greatest(0, extract(epoch FROM until - clock_timestamp()))::float8, yes, coalesce(answered_by, ''), words,
    used IS NOT NULL, withdrawn IS NOT NULL, by = session_user, opsroom_store.lets(approvers)
FROM (
    SELECT *, row_number() OVER (PARTITION BY by ORDER BY asked DESC, id) AS place
    FROM opsroom_store.request
    WHERE system = %s AND (id = %s OR (%s = '' AND until > clock_timestamp() - interval '5 minutes'))
        AND octet_length(body) <= 65536
        AND CASE WHEN pg_column_size(approvers) > 16384 THEN false ELSE cardinality(approvers) <= 200 END
) AS fit
WHERE place <= 40 ORDER BY asked, id LIMIT 400"""
"""Of one login the newest only, and nothing that is too long to be read: nobody crowds anybody else out."""


class Requests:
    """A session's way to what is asked on one system, on the connection of its records."""

    def __init__(self, line: Line, system: str) -> None:
        self._line = line
        self._system = system

    def me(self) -> str:
        """Our login, as the server says."""
        return str(self._line.ask("SELECT session_user::text")[0][0])

    def ask(self, id: str, digest: str, says: object, approvers: Sequence[str], seconds: float) -> bool:
        """Let others know of a request; True: they may, False: another one has its id."""
        return self._true(
            "SELECT opsroom_store.ask(%s, %s, %s, %s, %s::text[], %s::float8)",
            (self._system, id, digest, json.dumps(says), list(approvers), seconds),
        )

    def answer(self, id: str, digest: str, granted: bool, words: str) -> bool:
        """Answer one; True: that counts."""
        said = words.replace("\0", "")
        return self._true("SELECT opsroom_store.answer(%s, %s, %s, %s, %s)", (self._system, id, digest, granted, said))

    def use(self, id: str, digest: str) -> bool:
        """Use up what was approved; True: now, and once for ever."""
        return self._true("SELECT opsroom_store.use_once(%s, %s, %s)", (self._system, id, digest))

    def withdraw(self, id: str) -> bool:
        """Nobody wants it any more; True: it was not over."""
        return self._true("SELECT opsroom_store.withdraw(%s, %s)", (self._system, id))

    def wanted(self, id: str = "") -> list[Wanted]:
        """What is asked on this system and not long over, the oldest first; with an id only that."""
        found = self._line.ask(_WANTED, (self._system, id, id))
        return [Wanted(one, digest, read_json(body), *rest) for one, digest, body, *rest in found]

    def _true(self, statement: str, values: Sequence[object]) -> bool:
        try:
            return self._line.ask(statement, values)[0][0] is True
        except Unkeepable:
            return False
