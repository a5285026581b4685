"""The job: takes, copies, fetches, proves or restores one backup, from begin to end, whatever becomes of the session.

Run by `probes.exec.job` as `python -m probes.backups.act_worker <task file>`. Secrets come with the environment. It
says what it does as JSON lines: {"stage"}, {"share"}, {"left"}, and at the end {"done"} or {"failed"}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

from probes.backups import act_copies, act_fetch, act_scratch, programs, whole
from probes.backups.act_ledger import put, put_proof
from probes.backups.facts import ARCHIVES, TEXTS
from probes.backups.folder import folder_size, identity_now, identity_of
from probes.backups.head import head_of, major
from probes.backups.login import environment
from probes.backups.server import CHECKING, LOOKING, Server, answers_of, power_of, size_of
from probes.backups.settings import Check, Offhost
from probes.backups.store import Keys
from probes.base import Identity, ProbeError, SafeText
from probes.exec import run

SECRETS: Final = {"database": "OPSROOM_DATABASE_PASSWORD", "admin": "OPSROOM_ADMIN_PASSWORD",
                  "scratch": "OPSROOM_SCRATCH_PASSWORD", "key_id": "OPSROOM_KEY_ID",
                  "secret_key": "OPSROOM_SECRET_KEY"}  # fmt: skip
"""Which variable brings which secret."""
WITHIN: Final = act_scratch.DAY
"""Seconds a job may take."""
LETTERS: Final = {"custom": "c", "tar": "t", "directory": "d", "plain": "p", "plain.gz": "p"}
_READ: Final = "read to its end"
_EVERY: Final = 2.0
"""Seconds between two words about progress."""


class Failed(Exception):
    """It can't be done, for this reason; nothing is left but what `left` names."""


class Spoiled(Failed):
    """The backup itself is no good."""


def say(**told: Any) -> None:
    """One line for whoever looks."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def fail(words: object) -> NoReturn:
    raise Failed(str(words))


class Worker:
    """One task."""

    def __init__(self, path: Path) -> None:
        self.shelf = path.parent
        self.task: dict[str, Any] = json.loads(path.read_text("utf-8"))
        self.act = str(self.task["act"])
        self.folder = str(self.task["folder"])
        self.name = str(self.task["name"])
        self.source = Path(self.folder) / self.name
        self.identity: Identity = tuple((str(key), str(value)) for key, value in self.task.get("identity", ()))
        self.server = Server(self.act, f"job {self.act[:8]}")
        self._told_at = 0.0
        self._stopped = False
        self._left = ""

    def login(self, which: str) -> dict[str, str]:
        """Connection parameters of one of the logins."""
        params = dict(self.task["logins"][which])
        password = os.environ.get(SECRETS[which])
        return params | ({"password": password} if password else {})

    def program(self, name: str) -> str:
        """Path of one of PostgreSQL's programs."""
        return f"{self.task['programs']}/{name}"

    def share(self, value: float) -> None:
        """How far it has come. Raises `Failed` in a thread that works on for a job that was stopped."""
        if self._stopped:
            fail("it was stopped")
        if time.monotonic() - self._told_at > _EVERY:
            self._told_at = time.monotonic()
            say(share=round(value, 3))

    def stop(self) -> None:
        """What works in a thread ends at its next word about progress."""
        self._stopped = True

    async def work(self) -> dict[str, Any]:
        """Do it; what to tell of it."""
        order = {
            "dump": self.dump, "copy": self.copy, "fetch": self.fetch, "verify": self.verify, "restore": self.restore,
        }  # fmt: skip
        return await order[self.task["action"]]()

    # take

    async def dump(self) -> dict[str, Any]:
        """To a temporary name, on disk, read back whole, and only then under its own name."""
        part, form = Path(self.folder) / str(self.task["part"]), str(self.task["form"])
        params = self.login("database")
        argv = [self.program("pg_dump"), "-F", LETTERS[form], "-f", str(part), "--no-password"]
        argv += ["--lock-wait-timeout=60s", *(["-Z", "6"] if form == "plain.gz" else [])]
        say(stage="dumping")
        try:
            ran = await run(argv, within=WITHIN, limit=1 << 16, env=environment(params))
            if ran.code != 0:
                size = folder_size(str(part)) if part.is_dir() else part.stat().st_size if part.exists() else 0
                fail(f"{act_scratch.complained(ran, 'pg_dump').words}; {size:,.0f} bytes were written and are removed")
            say(stage="checking what was written")
            await asyncio.to_thread(self._sync, part)
            await self._checked(part)
            found = await asyncio.to_thread(head_of, part)
            if found.database is not None and str(found.database) != self.task["database"]:
                fail(f"the dump is of database {found.database}, not of {self.task['database']}")
            try:
                await asyncio.to_thread(act_copies.put_in_place, str(part), str(self.source))
            except FileExistsError:
                fail("a file of that name came there meanwhile: nothing was written over")
        except OSError as error:
            fail(f"the folder can't be written: {(error.strerror or 'unknown error').lower()}")
        finally:
            self._remove(part)
        identity = identity_of(self.source.lstat())
        size = folder_size(str(self.source)) if form == "directory" else float(dict(identity)["size"])
        words = f"{self.name} is there, {size:,.0f} bytes, read back whole"
        self._remember(identity, True, False, words)
        return {"words": words, "size": size, "identity": [list(pair) for pair in identity]}

    @staticmethod
    def _sync(part: Path) -> None:
        for path in [*part.iterdir(), part] if part.is_dir() else [part]:
            act_copies.sync(str(path))

    @staticmethod
    def _remove(part: Path) -> None:
        with contextlib.suppress(OSError):
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            else:
                part.unlink()

    async def _checked(self, path: Path) -> None:
        fault = await whole.fault_of(path, self.program("pg_restore"), WITHIN, self.server.lane)
        if fault:
            raise Spoiled(str(fault))

    # copy

    async def copy(self) -> dict[str, Any]:
        """Off this host, whole."""
        size = int(dict(self.identity)["size"])
        place = Offhost.model_validate(self.task["offhost"])
        say(stage="copying")

        def put_there() -> str:
            with act_copies.source(str(self.source), self.identity) as file:
                if place.folder is not None:
                    part = str(self.task["part"])
                    return act_copies.to_folder(file, size, place.folder, part, self.name, self.share)
                keys = Keys(place.endpoint, os.environ.get(SECRETS["key_id"]), os.environ.get(SECRETS["secret_key"]))
                return act_copies.to_bucket(file, size, place, keys, self.name, self.act, self.share)

        summed = await asyncio.to_thread(put_there)
        return {"words": f"the copy has the same {size:,} bytes and the same sum", "size": size, "sha256": summed}

    # fetch

    async def fetch(self) -> dict[str, Any]:
        """Back to this host: compared and read to its end under a temporary name, and only then under its own."""
        part, place = Path(self.folder) / str(self.task["part"]), Offhost.model_validate(self.task["offhost"])
        say(stage="fetching")

        def bring() -> act_fetch.Brought:
            if place.folder is not None:
                return act_fetch.from_folder(place.folder, self.name, self.identity, str(part), self.share)
            keys = Keys(place.endpoint, os.environ.get(SECRETS["key_id"]), os.environ.get(SECRETS["secret_key"]))
            return act_fetch.from_bucket(place, keys, self.name, self.identity, str(part), self.share)

        try:
            brought = await asyncio.to_thread(bring)
            say(stage="reading it to its end")
            read = await self._sound(part)
            await asyncio.to_thread(act_fetch.dated, str(part), brought.written, time.time())
            await asyncio.to_thread(act_copies.sync, str(part))
            await asyncio.to_thread(act_copies.put_in_place, str(part), str(self.source))
        except FileExistsError:
            fail("a file of that name came there meanwhile: nothing was written over")
        finally:
            self._stopped = True
            self._remove(part)
        identity = identity_of(self.source.lstat())
        size = int(dict(identity)["size"])
        against = f"the same as {brought.compared}" if brought.compared else "the store tells no sum to compare it with"
        words = f"{self.name} is here, {size:,} bytes, {against}; {read}"
        if read == _READ:
            self._remember(identity, True, False, words)
        return {"words": words, "size": size, "identity": [list(pair) for pair in identity], "sha256": brought.sha256}

    async def _sound(self, part: Path) -> str:
        """What was seen of a file that was fetched. Raises `Failed` when it is no backup, or is not whole."""
        head = await asyncio.to_thread(head_of, part)
        reader = None
        if head.format in ARCHIVES:
            try:
                there = await programs.installed(str(self.task["installed"]) or None)
                reader = programs.for_restore(there, major(head.program), None).path("pg_restore")
            except ProbeError as error:
                return f"not read to its end: {error.message}"
        fault = await whole.fault_of(part, reader, WITHIN, self.server.lane)
        if fault:
            raise Spoiled(f"it came as it lies there, but {fault}; it is removed here again")
        return _READ

    # prove and restore

    def _still(self) -> None:
        if identity_now(self.folder, self.name) != self.identity:
            fail("changed since you looked: another file has that name now")

    async def _safe_text(self, form: str) -> None:
        if form in TEXTS and (line := await asyncio.to_thread(whole.beyond, self.source, form)):
            fail(f"it would reach beyond its database: “{line}”; psql would follow that, so it is not read")

    async def verify(self) -> dict[str, Any]:
        """Read it whole, restore it into a database of its own, ask that, and drop it again."""
        self._still()
        say(stage="reading it to its end")
        try:
            await self._checked(self.source)
            form = (await asyncio.to_thread(head_of, self.source)).format
            await self._safe_text(form)
            found = await self._restored("scratch", form, faithful=False, keep=False)
        except Spoiled as error:  # a scratch server that is down says nothing of the backup
            self._remember(self.identity, False, True, str(error))
            raise
        words = f"restored and asked: {found}" if found else "restored; the profile has no row checks"
        self._remember(self.identity, True, True, words)
        return {"words": words}

    async def restore(self) -> dict[str, Any]:
        """Into a new database that stays; dropped again when it could not be filled."""
        self._still()
        say(stage="reading it to its end")
        await self._checked(self.source)
        form = (await asyncio.to_thread(head_of, self.source)).format
        await self._safe_text(form)
        found = await self._restored("admin", form, faithful=True, keep=True)
        self._remember(self.identity, True, True, f"restored into {self.task['new']}")
        new = self.task["new"]
        return {"words": f"{new} is there{f': {found}' if found else '; the profile has no row checks'}", "new": new}

    async def _restored(self, which: str, form: str, faithful: bool, keep: bool) -> str:
        """What the row checks gave. Makes the database, and drops it unless it is to be kept and was filled."""
        params, new = self.login(which), str(self.task["new"])
        role, power = await self.server.ask(params, power_of, session=LOOKING)
        if power and not self.task.get("trusted"):
            fail(f"what is in a backup would run as {role}, which {power}: nothing was restored")
        like: tuple[str, str, str] | None = None
        owner = ""
        live = str(self.task.get("database") or "")
        if self.task.get("same_server") and live:
            found = await self.server.ask(params, act_scratch.like_of(live), session=LOOKING)
            like, owner = found if found is not None else (None, "")
        say(stage=f"making the database {new}")
        making = act_scratch.made(new, like, owner if faithful else "")
        oid = await self.server.ask(params, making, session=act_scratch.WRITING)
        record = {"name": new, "oid": oid, "gone": False}
        put(self.shelf / f"{self.act}.made.json", record)
        filled = False
        try:
            say(stage=f"restoring into {new}")
            pipe = self.shelf / f"{self.act}.fifo"
            growing = asyncio.create_task(self._growing(params, new))
            try:
                words = await act_scratch.filled(self.source, form, self.task["programs"], params, new, faithful, pipe)
            finally:
                growing.cancel()
                await asyncio.gather(growing, return_exceptions=True)
            if words is not None:
                raise (Spoiled if words.of_backup else Failed)(str(words.words))
            if faithful:
                say(stage="gathering statistics for its planner")
                await self._analysed(params, new)
            filled = True
            if keep:
                put(self.shelf / f"{self.act}.made.json", record | {"kept": True})
            say(stage="asking the row checks")
            return await self._asked(params, new)
        finally:
            if not (keep and filled):
                await self._dropped(params, record)

    async def _growing(self, params: Mapping[str, str], new: str) -> None:
        """Tell how far it has come: its size against that of the live database, as far as either is known."""
        likely = self.task.get("likely")
        while isinstance(likely, int | float) and likely > 0:
            await asyncio.sleep(_EVERY)
            with contextlib.suppress(ProbeError):
                now = await self.server.ask(params, size_of(new), session=LOOKING)
                if now is not None:
                    say(share=round(min(0.99, now / likely), 3))

    async def _analysed(self, params: Mapping[str, str], new: str) -> None:
        """Dumps before PostgreSQL 18 hold no statistics: without them the first queries are slow."""
        session = {"statement_timeout": "0", "lock_timeout": "10s"}
        await self.server.ask(params, lambda connection: connection.execute("ANALYZE").close(), new, session)

    async def _dropped(self, params: Mapping[str, str], record: Mapping[str, Any]) -> None:
        name, oid = str(record["name"]), int(record["oid"])
        gone = False
        with contextlib.suppress(ProbeError):
            order = act_scratch.dropped(name, oid)
            gone = await asyncio.shield(self.server.ask(params, order, session=act_scratch.WRITING))
        if gone:
            put(self.shelf / f"{self.act}.made.json", {**record, "gone": True})
        else:
            self._left = f"database {name}"
            say(left=self._left)

    async def _asked(self, params: Mapping[str, str], new: str) -> str:
        """What the row checks give there, beside the live database; raises `Failed` when one is not enough."""
        checks = {name: Check.model_validate(one) for name, one in self.task["checks"].items()}
        if not checks:
            return ""
        ours = await self.server.ask(params, answers_of(checks), new, CHECKING)
        live: Mapping[str, float | str] = {}
        if "database" in self.task["logins"]:
            with contextlib.suppress(ProbeError):
                live = await self.server.ask(self.login("database"), answers_of(checks), "", CHECKING)
        told, bad = [], []
        for name, check in checks.items():
            got, other = ours.get(name, "it was not asked"), live.get(name)
            beside = f" (live {other:,.10g})" if isinstance(other, float) else ""
            told.append(f"{name} {got:,.10g}{beside}" if isinstance(got, float) else f"{name}: {got}")
            if _is_bad(check, got, other):
                bad.append(f"{told[-1]}, wanted at least {check.least:,.10g}{_of_live(check)}")
        if bad:
            raise Spoiled(f"it was restored, but {'; '.join(bad)}")
        return ", ".join(told)

    def end(self, **told: Any) -> None:
        """Say the last thing, and keep it beside the backups: the job's own record is swept away one day."""
        say(**told)
        with contextlib.suppress(OSError):
            put(self.shelf / f"{self.act}.ended.json", {**told, "left": self._left})

    def _remember(self, identity: Identity, good: bool, restored: bool, words: str) -> None:
        with contextlib.suppress(OSError):
            put_proof(self.shelf, self.name, identity, good, restored, datetime.now(UTC), words)


def _is_bad(check: Check, got: float | str, live: float | str | None) -> bool:
    if isinstance(got, str) or got < check.least:
        return True
    if check.of_live is None:
        return False
    return not isinstance(live, float) or got < live * check.of_live


def _of_live(check: Check) -> str:
    return f" and {check.of_live:.0%} of the live database" if check.of_live is not None else ""


async def _through(path: Path) -> int:
    worker = Worker(path)
    task = asyncio.ensure_future(worker.work())

    def stop() -> None:
        worker.stop()
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    try:
        worker.end(done=await task)
    except Failed as error:
        worker.end(failed=str(SafeText(str(error), 400)))
    except ProbeError as error:
        worker.end(failed=str(error.message))
    except OSError as error:
        said = "the disk is full" if error.errno == 28 else (error.strerror or "unknown error").lower()
        worker.end(failed=f"{said}: {SafeText(str(error.filename or ''), 200)}")
    except asyncio.CancelledError:
        worker.end(failed="it was stopped; what it had begun was removed")
    else:
        return 0
    return 1


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(asyncio.run(_through(Path(sys.argv[1]))))
