"""Changes a file of settings: keys are set, taken away, rotated and proven. Values pass through memory, from the
person to the file and the one server that proves them, and stand in no argument, no message and no record.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from probes.base import (
    Action,
    Actuator,
    Cause,
    Choice,
    CommandLine,
    Context,
    Grant,
    Lane,
    Occupied,
    Offer,
    Outcome,
    Plan,
    ProbeError,
    Recognised,
    Request,
    Result,
    Right,
    SafeText,
    Sending,
    Subject,
    Target,
    Truth,
    Verdict,
)
from probes.settings import act_key, act_write, commands, file, generate, leftover, marks, plans, rotating, undo
from probes.settings.dotenv import KEY, Document, Unfit
from probes.settings.facts import SettingsFacts
from probes.settings.marks import Marks
from probes.settings.plans import ACTIONS, ADD, GENERATE, RETIRE, ROTATE, SET, SET_SHOWN, SWEEP, UNDO, UNSET
from probes.settings.prove import Proof
from probes.settings.settings import FileSettings

_OTHER: Final = (
    "it was recorded with another key for marks than the one that is kept now: whether it is so can't be told"
)
_SOON: Final = 5.0
"""Seconds after which a file that is as it was will not change by itself any more."""


class SettingsActuator(Actuator[SettingsFacts]):
    """Acts on one file. A subject is a key."""

    kind = "settings"
    reads_pipes = True
    reads_files = True
    actions = ACTIONS

    def __init__(self, target: Target, context: Context) -> None:
        super().__init__(target, context)
        assert isinstance(target.settings, FileSettings)
        self.settings = target.settings
        self._lane = Lane("settings-act", limit=1)

    # offers

    def offers(self, facts: SettingsFacts, subjects: Sequence[str]) -> Sequence[Offer]:
        """Add, take back and sweep for the file; the rest for keys."""
        entries = [one for one in map(facts.entry, subjects) if one is not None]
        if len(entries) < len(subjects):
            return ()
        whole = [Offer(ADD), Offer(UNDO), *([Offer(SWEEP)] if facts.left else [])]
        if not subjects:
            return whole
        told = Offer(SET if any(one.secret for one in entries) else SET_SHOWN)
        made = [Offer(GENERATE)] if all(map(self._generable, subjects)) else []
        if len(subjects) > 1:
            return told, Offer(UNSET), *made
        kept = "" if entries[0].earlier is not None else "no earlier value is kept"
        proven = [Offer(ROTATE), Offer(RETIRE, kept)] if subjects[0] in self.settings.rotate else []
        return (*(proven or [told]), Offer(UNSET), *made, *([told] if proven else []), *whole)

    def _generable(self, key: str) -> bool:
        return self.settings.is_secret(key) and key not in self.settings.rotate

    async def choices(self, action: str, subjects: Sequence[str]) -> Sequence[Choice]:
        """Keys of the example that are missing, changes that can be taken back, or forms of a new secret."""
        if action == GENERATE.name:
            return generate.choices()
        found = await self._read()
        if action == UNDO.name:
            return [
                Choice(
                    one.id, SafeText(f"{one.at:%Y-%m-%d %H:%M} {one.action} of {plans.listed(one.keys)} by {one.by}")
                )
                for one in await self._kept(found.path)
            ]
        if action != ADD.name:
            return ()
        example = await self._lane.run(file.keys_of, self.settings.example or f"{self.settings.file}.example") or []
        there = found.document.settings
        return [Choice(key, SafeText("a new key; its example has it")) for key in example if key not in there]

    # plan

    async def plan(self, request: Request) -> Plan:
        """Look at the file afresh; try values where the act is about proving them."""
        action = next((one for one in ACTIONS if one.name == request.action), None)
        if action is None or request.number is not None:
            raise ProbeError(Cause.MISSING, "a file of settings has no such act")
        if self.context.state is None:
            raise ProbeError(
                Cause.MISSING, "this session has no folder to keep the old value in, so nothing is changed"
            )
        found = await self._read()
        if action is SWEEP:
            subject = plans.swept(found.path, self.settings.file, await self._left(found))
            return self._plan(action, request, found, subject, [], "")
        made = await self._lane.run(act_key.made, self.context.state)
        await self._lane.run(undo.expire, self.context.state, found.path, self.context.now())
        if action is RETIRE:
            return await self._retire_plan(request, found, made)
        if action is GENERATE:
            request = generate.filled(request)
        changes = await self._changes(action, request, found)
        document = await self._document(action, request, found, changes)
        before = {key: _value(found.document, key) for key in changes}
        reason, said = await self._proven(action, request, changes, before)
        if action is GENERATE:
            reason = generate.hindrance(self.settings, found.document, list(changes))
        if document.encoded() == found.raw:
            reason = reason or "the file says so already"
        subject = Subject(
            key=found.path,
            name=plans.named(list(changes), self.settings.file),
            identity=(
                ("file", found.path),
                ("content", made.content(found.raw)),
                ("will be", made.content(document.encoded())),
                ("keys", ", ".join(changes)),
                ("marks", made.id),
            ),
            before=plans.all_told(made, self.settings, before, changes),
            after=plans.all_told(made, self.settings, changes, before),
            felt=tuple(generate.felt(self.settings, found.document, list(changes))) if action is GENERATE else (),
            spared=SafeText(reason, 300),
            barred=bool(reason),
        )
        untried = [key for key in changes if key in self.settings.rotate] if action is SET else []
        said += [plans.untried(untried)] if untried else []
        notes = [*said, *([] if reason else plans.notes(self.settings, found, before, changes))]
        if not reason and (left := await self._left(found)):
            notes.append(SafeText(f"{plans.leftovers(left)}; it is swept with this", 300))
        back = f"take a change back, within {self.settings.keep_days:g} days"
        return self._plan(action, request, found, subject, notes, back)

    async def _retire_plan(self, request: Request, found: file.Read, made: Marks) -> Plan:
        key = _one_key(request)
        old = undo.before(await self._kept(found.path), key)
        subject = await rotating.retired(self.settings, found.document, made, found.path, key, old)
        return self._plan(RETIRE, request, found, subject, [], "")

    def _plan(
        self, action: Action, request: Request, found: file.Read, subject: Subject, notes: Sequence[SafeText], back: str
    ) -> Plan:
        host = os.uname().nodename
        return Plan(
            target=self.target.name,
            kind=self.kind,
            action=action,
            request=request,
            place=SafeText(f"{self.settings.file} on {host}", 200),
            pin=(("host", host), ("file", found.path)),
            subjects=(subject,),
            command=(self.render(request),),
            looked_at=self.context.now(),
            danger=action.danger,
            undo=SafeText(back),
            notes=tuple(dict.fromkeys(notes)),
            answers=25.0,
            settles=_SOON * 2,
        )

    async def _changes(self, action: Action, request: Request, found: file.Read) -> dict[str, str | None]:
        """What each key would be set to; None takes it away. Raises `ProbeError`."""
        there = found.document.settings
        if action is UNDO:
            old = next((one for one in await self._kept(found.path) if one.id == request.word), None)
            if old is None:
                raise ProbeError(Cause.GONE, "that change is not kept any more")
            return dict(old.values)
        if action is UNSET:
            gone = [key for key in request.subjects if key not in there]
            if gone or not request.subjects:
                raise ProbeError(Cause.GONE, SafeText(f"the file has no {plans.listed(gone) or 'key chosen'}", 200))
            return dict.fromkeys(request.subjects)
        if action is GENERATE:
            return generate.values(request, there)
        keys = [_one_key(request)] if action is ROTATE else [request.word] if action is ADD else [*request.subjects]
        if not keys or len(set(keys)) < len(keys) or not all(map(KEY.fullmatch, keys)):
            words = "a key begins with a letter or _, and has letters, digits, _, . and -"
            raise ProbeError(Cause.MISSING, words if action is ADD else "choose the keys, each once")
        if action is ADD and keys[0] in there:
            raise ProbeError(Cause.MISSING, f"the file has {keys[0]} already: choose its row to set it")
        gone = [key for key in keys if key not in there]
        if action is not ADD and gone:
            raise ProbeError(Cause.GONE, SafeText(f"the file has no {plans.listed(gone)}", 200), "add key adds one")
        if len(request.hidden) != len(keys) or not all(one.reveal() for one in request.hidden):
            raise ProbeError(
                Cause.MISSING, SafeText(f"the new value of {plans.listed(keys)} is not there yet: type it")
            )
        return {key: one.reveal() for key, one in zip(keys, request.hidden, strict=True)}

    async def _document(
        self, action: Action, request: Request, found: file.Read, changes: Mapping[str, str | None]
    ) -> Document:
        """The file as it would be."""
        kept = await self._kept(found.path) if action.name == UNDO.name else ()
        lines = next((one.lines for one in kept if one.id == request.word), None)
        try:
            return found.document.with_values(changes) if lines is None else found.document.with_lines(lines)
        except Unfit as error:
            raise ProbeError(Cause.MISSING, SafeText(f"{plans.listed(list(changes))}: {error}", 300)) from None

    async def _proven(
        self, action: Action, request: Request, changes: Mapping[str, str | None], before: Mapping[str, str | None]
    ) -> tuple[str, list[SafeText]]:
        """Why it may not be, and what trying values has told."""
        if action.name == UNDO.name:
            return await rotating.taken_back(self.settings, changes, before)
        if action.name != ROTATE.name:
            return "", []
        (key, new), *_ = changes.items()
        return await rotating.rotated(self.settings, key, new or "", before.get(key) or "")

    # doing it

    async def carry_out(self, plan: Plan, subject: Subject, act: str, sending: Sending) -> Outcome:
        """Keep the old values, write the new file beside the old one, and put it in its place in one step."""
        then = dict(subject.identity)
        try:
            found = await self._read()
        except ProbeError as error:
            if error.cause is Cause.GONE:
                return _changed("the file -> gone")
            raise
        if found.path != then["file"]:
            return _changed(f"{then['file']} -> {found.path}")
        if plan.action.name == SWEEP.name:
            return await self._sweep(found, then, sending)
        made = await self._lane.run(marks.kept, self.context.state)
        if made is None or made.id != then["marks"]:
            return _changed("the key with which contents are compared")
        if plan.action.name == RETIRE.name:
            return await self._retire(found, then, made, sending)
        if made.content(found.raw) != then["content"]:
            return _changed("the file's content")
        changes = await self._changes(plan.action, plan.request, found)
        body = (await self._document(plan.action, plan.request, found, changes)).encoded()
        if made.content(body) != then["will be"]:
            return _changed("what would be written")
        before = {key: _value(found.document, key) for key in changes}
        reason, _ = await self._proven(plan.action, plan.request, changes, before)
        if reason:
            return Outcome(Result.FAILED, SafeText(f"nothing was written; {reason}", 300))
        return await self._write(plan, found, changes, body, act, sending)

    async def _write(
        self, plan: Plan, found: file.Read, changes: Mapping[str, str | None], body: bytes, act: str, sending: Sending
    ) -> Outcome:
        state, now = self.context.state, self.context.now()
        if state is None:
            return Outcome(Result.FAILED, SafeText("there is no folder to keep the old value in"))
        ready = await self._prepared(found, body)
        before = {key: _value(found.document, key) for key in changes}
        old = undo.Old(
            secrets.token_hex(3), now, now + timedelta(days=self.settings.keep_days),
            plan.action.name, self.context.operator, before, {key: _line(found.document, key) for key in changes},
        )  # fmt: skip
        put, swapping, swept, cut = False, False, 0, False
        try:
            await self._lane.run(undo.keep, state, found.path, old, now)
            await sending()
            swapping = True
            put, swept = await self._lane.run(act_write.finish, ready)
        except asyncio.CancelledError:
            put, cut = swapping, True  # it may be put in its place even now: then what is kept must stay
            raise
        except OSError as error:
            words = f"the file could not be put in its place: {error.strerror or type(error).__name__}"
            return Outcome(Result.FAILED, SafeText(words))
        finally:
            if not put:
                await self._away(partial(_taken_back, ready, state, found.path, now, old.id), cut)
        if not put:
            return _changed("the file, in this very moment")
        facts = (("change", old.id), ("keys", ", ".join(changes)))
        more = f"; {_files(swept)} swept" if swept else ""
        return Outcome(Result.DONE, SafeText(f"written; kept for taking back as {old.id}{more}"), facts)

    async def _away(self, call: Callable[[], None], cut: bool) -> None:
        """What is left of a change that was not made is taken away; where the act was cut nobody waits for that."""
        if not cut:
            with contextlib.suppress(Occupied):
                await self._lane.run(call)
                return
        self._lane.behind(call)

    async def _prepared(self, found: file.Read, body: bytes) -> act_write.Ready:
        """The new file; when it is not waited for any more it is taken away as soon as it is there."""
        making = asyncio.ensure_future(self._lane.run(act_write.prepare, found, body))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(self._dropped)
            raise

    def _dropped(self, making: asyncio.Future[act_write.Ready]) -> None:
        if not making.cancelled() and making.exception() is None:
            self._lane.behind(act_write.discard, making.result())

    async def _sweep(self, found: file.Read, then: Mapping[str, str], sending: Sending) -> Outcome:
        left = ", ".join(await self._left(found))
        if left != then["left"]:
            return _changed(f"left behind is {left or 'nothing'}")
        await sending()
        swept = await self._lane.run(act_write.sweep, found)
        return Outcome(Result.DONE, SafeText(f"{_files(swept)} swept"))

    async def _retire(self, found: file.Read, then: Mapping[str, str], made: Marks, sending: Sending) -> Outcome:
        key, state = then["keys"], self.context.state
        old = undo.before(await self._kept(found.path), key)
        if old is None or state is None or made.content(old.encode()) != then["earlier"]:
            return _changed(f"the earlier value of {key}")
        there = await rotating.of(self.settings, key, old)
        if there.proof is not Proof.DEAD:
            return Outcome(Result.FAILED, SafeText(f"the earlier value was tried: {there.words}; it is still kept"))
        await sending()
        await self._lane.run(undo.forget, state, found.path, self.context.now(), key, old)
        return Outcome(Result.DONE, SafeText(f"tried: {there.words}; forgotten"), (("proof", str(there.words)),))

    # looking whether it is true

    async def verify(self, plan: Plan, subject: Subject, outcome: Outcome, after: float) -> Verdict:
        """Look at the file, or whether the earlier value is forgotten."""
        then = dict(subject.identity)
        if plan.action.name == SWEEP.name:
            left = set(await self._left(await self._read())) & set(then["left"].split(", "))
            words = f"{plans.listed(sorted(left))} is still there" if left else "nothing of it is there any more"
            return Verdict(Truth.REFUTED if left else Truth.CONFIRMED, SafeText(words, 300))
        made = await self._lane.run(marks.kept, self.context.state)
        if made is None or made.id != then.get("marks"):
            return Verdict(Truth.UNKNOWN, SafeText(_OTHER, 200))
        if plan.action.name == RETIRE.name:
            kept = {one.values.get(then["keys"]) for one in await self._kept(then["file"])} - {None}
            if then["earlier"] not in {made.content(value.encode()) for value in kept if value is not None}:
                proof = dict(outcome.facts).get("proof", "no earlier value is kept")
                more = f"; another one from before it is kept: retire {then['keys']} once more" if kept else ""
                return Verdict(Truth.CONFIRMED, SafeText(f"{proof}; the earlier value is forgotten{more}"))
            return Verdict(Truth.REFUTED, SafeText("the earlier value is still kept"))
        found = await self._read()
        now = made.content(found.raw)
        if now == then["will be"]:
            rows = ", ".join(self.settings.applies)
            words = f"written: {then['keys']}" + (f"; {rows} has it once it is {self.settings.renewed}" if rows else "")
            words += "; once the old value is revoked, retire proves it dead" if plan.action.name == ROTATE.name else ""
            return Verdict(Truth.CONFIRMED, SafeText(words, 300))
        if now == then["content"]:
            sure = outcome.result is not Result.UNKNOWN or after >= _SOON
            return Verdict(Truth.REFUTED if sure else Truth.PENDING, SafeText("the file is as it was"))
        return Verdict(Truth.REFUTED, SafeText("the file has another content than was written: somebody changed it"))

    # words and rights

    def render(self, request: Request) -> str:
        """A line of sed or cp; it holds no value."""
        return commands.render(request, self.settings.file)

    def recognise(self, line: CommandLine) -> Recognised | None:
        """What a line that edits this file means; a value in it is not taken over."""
        found = commands.recognise(line, self.settings.file)
        unseen = any(self.settings.is_secret(commands.name_in(value), value) for value in commands.values(line))
        return replace(found, unseen=True) if found is not None and unseen else found

    async def rights(self) -> Sequence[Right]:
        """Told by the file system alone; nothing is written."""
        found = await self._read()
        may = await self._lane.run(os.access, os.path.dirname(found.path), os.W_OK | os.X_OK)
        own = found.status.st_uid in (os.geteuid(),) or os.geteuid() == 0
        remedy = SafeText("" if may and own else "run opsroom as the file's owner, who may write in its folder")
        return [
            Right("read the file", Grant.HELD),
            Right("put a new file in its place", Grant.HELD if may and own else Grant.MISSING, remedy),
        ]

    async def close(self) -> None:
        """Let go of the thread."""
        self._lane.close()

    # looking

    async def _read(self) -> file.Read:
        return await self._lane.run(file.read, self.settings.file)

    async def _left(self, found: file.Read) -> tuple[str, ...]:
        return await self._lane.run(leftover.left, found)

    async def _kept(self, path: str) -> tuple[undo.Old, ...]:
        return await self._lane.run(undo.kept, self.context.state, path, self.context.now())


def _one_key(request: Request) -> str:
    if len(request.subjects) != 1 or not KEY.fullmatch(request.subjects[0]):
        raise ProbeError(Cause.MISSING, "choose one key")
    return request.subjects[0]


def _value(document: Document, key: str) -> str | None:
    line = document.settings.get(key)
    return line.value if line is not None else None


def _line(document: Document, key: str) -> str | None:
    line = document.settings.get(key)
    return line.raw if line is not None else None


def _files(number: int) -> str:
    return "1 file that was left behind is" if number == 1 else f"{number} files that were left behind are"


def _taken_back(ready: act_write.Ready, state: Path, path: str, now: datetime, id: str) -> None:
    """Take a new file away that did not come into its place, and what was kept for it. Blocking."""
    act_write.discard(ready)
    with contextlib.suppress(ProbeError):
        undo.forget(state, path, now, id=id)


def _changed(differs: str) -> Outcome:
    return Outcome(Result.REFUSED, SafeText(f"changed since you looked: {differs}", 300))
