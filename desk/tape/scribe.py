"""Tells the recorder what a session sees and does: readings, alerts as they come and go, acts, when it began and ended.

Marks in the black box, by their sort:

    session   the system, its targets and the pace; "on" when writing begins and every ten minutes, "ended" at the end
    alerts    all alerts there are, with every "session"
    cases     the inbox: the same with what people decided about them, whenever that changes
    alert     alerts that came or grew worse or better, that went, that are otherwise other than they were
    said      alerts that are there as before and say another number
    act       what was begun on a target, by whom, what was answered, what was true afterwards
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from desk import codec
from desk.alert import Alert, Identity
from desk.engine import Engine
from desk.ids import new_id
from desk.inbox.case import Case, Change, Standing
from desk.profile import Profile
from desk.tape.recorder import Recorder, moment_of
from desk.tape.tape import Mark
from probes.base import Failure, Severity, Snapshot

if TYPE_CHECKING:
    from desk.audit import Record, Trail  # loaded late: a session that only looks has none

FORM: Final = 1
"""Version of the marks; raised when an older reader would misread them."""

BEGUN: Final = "act.intent"
"""What an act's first mark says."""
_ACTS: Final = frozenset(
    {BEGUN, *(f"act.{one}" for one in ("done", "refused", "failed", "unknown", "partial", "verdict", "settled"))}
)
"""Records of the audit that are marks too, by their code (`desk/audit/record.py`)."""
_EVERY: Final = 1.0
"""Seconds between two looks at the inbox, where nothing is known to have changed in it."""
_CHANGES: Final = 200
"""Alerts that may say another number until all are written again: a reader has no more than that to go through."""
_REMEMBERED: Final = 200
"""Acts under way of which it is remembered what they are."""


class Scribe:
    """One session's scribe. Everything happens on the event loop, but for `lasting`."""

    def __init__(self, engine: Engine, recorder: Recorder, profile: Profile) -> None:
        self.recorder = recorder
        self._engine = engine
        self._profile = profile
        self._session = new_id()
        self._began = engine.clock.now()
        self._told: dict[str, Mapping[Identity, Alert]] = {}
        """By target, every alert as it was written last."""
        self._since = 0
        """Alerts that said another number since all were written."""
        self._about: dict[str, tuple[str, ...]] = {}
        """Of each target the targets whose alerts its readings may change: those of rules over several."""
        for rule in profile.standing:
            for name in rule.targets:
                self._about[name] = tuple(dict.fromkeys((*self._about.get(name, (name,)), rule.targets[0])))
        self._pace = engine.pace
        self._cases: list[Case] = []
        """The inbox as it was written last."""
        self._looked = engine.clock.monotonic()
        self._acts: dict[str, tuple[str, str]] = {}
        recorder.lasting = self._lasting

    def begin(self) -> None:
        """From now on everything is recorded. Before the engine starts."""
        self._engine.heard.append(self._heard)
        self._engine.inbox.recorded.append(self._changed)
        for one in self._lasting(self._began):
            self.recorder.mark(one.sort, one.target, one.at, one.body)
        self.recorder.start()

    def end(self) -> None:
        """The session ends: what waits is written; `recorder.close` waits for it."""
        if self._heard in self._engine.heard:
            self._engine.heard.remove(self._heard)
            self._engine.inbox.recorded.remove(self._changed)
            self.recorder.mark("session", "", self._engine.clock.now(), {"v": FORM, "id": self._session, "is": "ended"})
        self.recorder.stop()

    # what comes in

    def _heard(self, kind: str, reading: Snapshot[Any] | Failure) -> None:
        if self._engine.pace != self._pace:
            self._pace = self._engine.pace
            self.recorder.mark("session", "", moment_of(reading), self._header())
        self.recorder.take(kind, reading)
        name = reading.target
        for about in self._about.get(name, (name,)):
            self._compare(about, moment_of(reading))
        if self._engine.clock.monotonic() - self._looked >= _EVERY:
            self._look(moment_of(reading))

    def _changed(self, change: Change) -> None:
        """Something happened to a case: the inbox is looked at with the next reading."""
        self._looked = -math.inf

    def _look(self, at: datetime) -> None:
        """Mark the inbox when it is another than it was."""
        self._looked = self._engine.clock.monotonic()
        there = self._engine.cases()
        if [_decided(one) for one in there] != [_decided(one) for one in self._cases]:
            self._cases = [replace(one, alert=self._dated(one.alert)) for one in there]
            self.recorder.mark("cases", "", at, self._inbox())

    def _inbox(self) -> dict[str, Any]:
        return {"v": FORM, "cases": [codec.plain(one) for one in self._cases]}

    def _compare(self, target: str, at: datetime) -> None:
        """Mark what is said of a target now and was not before."""
        there = self._engine.alerts(target)
        before = self._told.get(target)
        if not there and not before:
            return
        before = before or {}
        seen = {one.identity: one for one in there}
        came, other, said = list[Alert](), list[Alert](), list[Alert]()
        for identity, one in seen.items():
            was = before.get(identity)
            if was is None or one.severity is not was.severity or one.rule != was.rule:
                came.append(self._dated(one))
            elif _face(one) != _face(was):
                other.append(self._dated(one))
            elif one.words != was.words:
                said.append(self._dated(one))
        went = [identity for identity in before if identity not in seen]
        if came or other or said or went:
            kept = {identity: one for identity, one in before.items() if identity in seen}
            self._told[target] = kept | {one.identity: one for one in (*came, *other, *said)}
        if came or went or other:
            self._looked = -math.inf
            body = {"v": FORM, "came": written(came), "went": [list(one) for one in went], "other": written(other)}
            self.recorder.mark("alert", target, at, body)
        if said:
            told = [[one.identity, one.words, one.value] for one in said]
            self.recorder.mark("said", target, at, {"v": FORM, "said": told})
            self._since += len(said)
            if self._since > max(_CHANGES, 2 * sum(map(len, self._told.values()))):
                self._since = 0
                self.recorder.mark("alerts", "", at, self._all())

    def _dated(self, alert: Alert) -> Alert:
        """The alert as it is written: `since` in seconds since 1970, for nobody else knows our monotonic seconds."""
        clock = self._engine.clock
        return replace(alert, since=clock.now().timestamp() - (clock.monotonic() - alert.since))

    def _all(self) -> dict[str, Any]:
        told = [one for alerts in list(self._told.values()) for one in alerts.values()]
        return {"v": FORM, "alerts": written(told)}

    def follow(self, trail: Trail) -> None:
        """Mark the acts that go through this trail."""
        who = trail.actor.name

        def keep(record: Record) -> None:
            if record.code.value not in _ACTS:
                return
            data = record.data
            act = str(data.get("act") or data.get("deed") or "")
            if "action" in data:
                self._acts[act] = (str(data.get("target", "")), _title(data))
                for old in list(self._acts)[:-_REMEMBERED]:
                    del self._acts[old]
            target, title = self._acts.get(act, (str(data.get("target", "")), ""))
            told = {name: data[name] for name in ("reason", "words", "truth", "note") if data.get(name)}
            self.recorder.mark(
                "act",
                target,
                record.at,
                {"v": FORM, "what": record.code.value, "act": act, "title": title, "who": who, **told},
            )

        trail.heard.append(keep)

    # what lasts

    def _header(self) -> dict[str, Any]:
        profile = self._profile
        return {
            "v": FORM,
            "id": self._session,
            "is": "on",
            "began": self._began.isoformat(),
            "system": profile.system,
            "environment": profile.environment,
            "production": profile.production,
            "description": profile.description,
            "profile": profile.file,
            "pace": self._pace,
            "targets": [[target.name, target.kind, target.settings.every] for target in profile.targets],
        }

    def _lasting(self, now: datetime) -> Sequence[Mark]:
        """The session and all alerts; in the recorder's thread, so it only copies what the loop may change."""
        return [
            Mark(now, "session", "", self._header()),
            Mark(now, "alerts", "", self._all()),
            Mark(now, "cases", "", self._inbox()),
        ]


def _face(alert: Alert) -> tuple[object, ...]:
    """What is shown of an alert, but for its words, and does not change from reading to reading."""
    theirs = alert.theirs
    more = () if theirs is None else (theirs.row, theirs.link, theirs.acknowledged, theirs.silenced, theirs.words)
    return (alert.limit, alert.unit, alert.handling, alert.gauge, more)


def _decided(case: Case) -> tuple[object, ...]:
    """What tells one case from another, but for what its alert says at the moment."""
    return case.id, case.alert.identity, replace(case, alert=_NOBODY)


_NOBODY: Final = Alert("", "", Severity.NOTICE, "", (), "", 0.0, datetime.min.replace(tzinfo=UTC))


def written(alerts: Iterable[Alert]) -> list[dict[str, Any]]:
    """Alerts as marks hold them."""
    return [codec.plain(one) for one in alerts]


def _title(data: Mapping[str, Any]) -> str:
    subject = data.get("subject")
    named = str(subject.get("name", "")) if isinstance(subject, Mapping) else ""
    return f"{data['action']} {named}".strip()


def read_alerts(recorded: Iterable[Any]) -> list[Alert]:
    """The alerts that a mark holds; what another version wrote otherwise is left out. `since`: seconds since 1970."""
    found = []
    for one in recorded:
        try:
            found.append(codec.made(Alert, one))
        except codec.CodecError:
            continue
    return found


def read_said(recorded: Iterable[Any], alerts: dict[Identity, Alert]) -> None:
    """Change alerts to what they said later."""
    for one in recorded:
        try:
            identity, words, value = one
            known = read_identity(identity)
            number = None if value is None else float(value)
        except (TypeError, ValueError):
            continue
        if known in alerts:
            alerts[known] = replace(alerts[known], words=str(words), value=number)


def read_cases(recorded: Iterable[Any], alerts: Sequence[Alert]) -> list[Case]:
    """The inbox that a mark holds, with the alerts as they were a little later."""
    now = {one.identity: one for one in alerts}
    found = []
    for one in recorded:
        try:
            case = codec.made(Case, one)
        except codec.CodecError:
            continue
        there = now.pop(case.alert.identity, None)
        if there is not None:
            found.append(replace(case, alert=replace(there, since=case.alert.since, at=case.alert.at), away=False))
        elif case.away:
            found.append(case)
    return [*found, *(Case("", one, Standing.OPEN) for one in now.values())]


def read_identity(recorded: Sequence[Any]) -> Identity:
    """Which alert went. Raises `ValueError` where it does not tell."""
    try:
        target, about, labels = recorded
        return Identity(str(target), str(about), tuple((str(name), str(text)) for name, text in labels))
    except (TypeError, ValueError):
        raise ValueError("it is no alert's identity") from None
