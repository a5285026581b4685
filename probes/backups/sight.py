"""Fresh looks before and after an act: the folder, the servers behind each login, the jobs and the copies."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from probes.backups import folder, ledger, programs, store
from probes.backups.facts import Backup
from probes.backups.head import major
from probes.backups.login import is_here, resolved, where
from probes.backups.server import Scene, Server, Session, scene_at, sessions_in
from probes.backups.settings import BackupsSettings
from probes.base import Cause, Context, Identity, Lane, ProbeError, SafeText, Target
from probes.exec import job


class Sight:
    """Looks; changes nothing."""

    def __init__(self, target: Target, context: Context) -> None:
        assert isinstance(target.settings, BackupsSettings)
        self._settings = target.settings
        self._context = context
        self.path = target.settings.folder
        self.server = Server(f"act-{target.name}", context.operator)
        self.lane = Lane(f"backups-act-{target.name}", limit=3)
        self._logins: dict[str, dict[str, str]] = {}

    # the folder

    async def listed(self) -> folder.Listing:
        """The folder now."""
        return await self.lane.run(folder.listed, self._settings.folder, self._settings.pattern, {})

    async def named(self, names: Sequence[str]) -> list[Backup]:
        """These backups. Raises `ProbeError(Cause.GONE)` when one is not there."""
        found = {one.name: one for one in await self.proofs()}
        if not names:
            raise ProbeError(Cause.MISSING, "name a backup")
        for name in names:
            if name not in found:
                raise ProbeError(Cause.GONE, f"there is no backup {SafeText(name, 120)} here")
        return [found[name] for name in names]

    async def proofs(self) -> list[Backup]:
        """All backups, with what is remembered and what is known of their copies."""
        found = (await self.listed()).backups
        if self._context.state is not None:
            shelf = self.shelf()
            found = [replace(one, proof=ledger.proof_of(shelf, one.identity)) for one in found]
        if self._settings.offhost is not None:
            try:
                sizes = (await self.copies()).sizes
            except ProbeError:
                return found
            found = [replace(one, copied=sizes.get(one.name) == one.size) for one in found]
        return found

    async def pin(self) -> Identity:
        """Which folder it is, whatever it is called."""

        def look() -> Identity:
            try:
                told = os.stat(self._settings.folder)
            except OSError as error:
                raise folder.complaint(error, self._settings.folder) from None
            return (("device", str(told.st_dev)), ("folder", str(told.st_ino)))

        return await self.lane.run(look)

    async def room(self, path: str) -> float | None:
        """Bytes that can be written there; None: it can't be told."""

        def look() -> float | None:
            try:
                told = os.statvfs(path)
            except OSError:
                return None
            return float(told.f_bavail * told.f_frsize)

        return await self.lane.run(look)

    # servers

    async def login(self, which: str) -> dict[str, str] | None:
        """Connection parameters of a login; None: the profile has none."""
        settings = self._settings
        login = {
            "database": settings.database,
            "admin": settings.admin or settings.database,
            "scratch": settings.scratch,
        }[which]
        if login is None:
            return None
        if which not in self._logins:
            self._logins[which] = await self.lane.run(resolved, login, self._context.secrets)
        return self._logins[which]

    def place(self, which: str) -> Mapping[str, str]:
        """What is known by now of a login's place; no secret."""
        return {name: value for name, value in self._logins.get(which, {}).items() if name != "password"}

    async def _scene(self, which: str, words: str) -> Scene:
        params = await self.login(which)
        if params is None:
            raise ProbeError(Cause.MISSING, words, f"set {which} in the profile")
        return await self.server.ask(params, scene_at(where(params)))

    async def live(self) -> tuple[Scene, Mapping[str, str]]:
        """The server that is dumped from."""
        scene = await self._scene("database", "the profile names no database to dump")
        return scene, self.place("database")

    async def admin(self) -> tuple[str, Scene]:
        """(name of the live database, its server as who makes and renames databases sees it)."""
        scene = await self._scene("admin", "the profile names no database")
        return await self.database_name() or scene.database, scene

    async def scratch(self) -> tuple[str, Scene]:
        """(name of the live database, or nothing; the server for scratch restores)."""
        scene = await self._scene("scratch", "the profile names no server for scratch restores")
        return await self.database_name() or "", scene

    async def database_name(self) -> str | None:
        """The database that is dumped; None: not configured."""
        params = await self.login("database")
        return None if params is None else params.get("dbname") or params.get("user") or None

    async def live_size(self) -> float | None:
        """Bytes of the live database; None: it can't be told."""
        try:
            scene, _ = await self.live()
        except ProbeError:
            return None
        there = scene.databases.get(scene.database)
        return there.size if there is not None else None

    async def is_same(self, scene: Scene) -> bool:
        """True when the database that is dumped is on that very server."""
        try:
            live, _ = await self.live()
        except ProbeError:
            return False
        return bool(live.system) and live.system == scene.system

    async def disk_of(self, scene: Scene, which: str) -> float | None:
        """Room on the disk of a server that is on this machine; None: it can't be told."""
        if not scene.home or not is_here(self.place(which)):
            return None
        return await self.room(scene.home)

    async def sessions(self, oid: int) -> list[Session]:
        """Who is in a database."""
        params = await self.login("admin")
        assert params is not None
        return await self.server.ask(params, sessions_in(oid))

    async def ready(self, params: Mapping[str, str], database: str, session: Mapping[str, str]) -> None:
        """Fail now, before anything is sent, if that login would not be let in."""
        await self.server.ask(params, lambda connection: connection.execute("SELECT 1").close(), database, session)

    # programs

    async def to_dump(self, server: int) -> programs.Programs:
        """The programs that can dump from a server."""
        return programs.for_dump(await programs.installed(self._settings.programs), server)

    async def to_restore(self, one: Backup, server: int) -> programs.Programs:
        """The programs that can read a backup, and suit a server."""
        there = await programs.installed(self._settings.programs)
        return programs.for_restore(there, major(one.head.program), server)

    # jobs and copies

    def shelf(self) -> Path:
        """Where it is remembered what concerns this folder. Raises `ProbeError` when nothing can be."""
        if self._context.state is None:
            raise ProbeError(Cause.LOCAL_PERM, "nothing can be remembered on this machine")
        return ledger.shelf(self._context.state, self._settings.folder)

    async def jobs(self) -> list[tuple[ledger.Task, job.Standing]]:
        """The newest jobs on this folder."""
        if self._context.state is None:
            return []
        found = await self.lane.run(ledger.tasks, self.shelf())
        return [(task, await job.look(ledger.job_of(self._context.state, task.act))) for task in found]

    async def keys(self) -> store.Keys:
        """How to log in to the store of the copies."""
        place = self._settings.offhost
        assert place is not None
        return await self.lane.run(store.keys_of, place, self._context.secrets)

    async def copies(self) -> store.Copies:
        """The copies now."""
        place = self._settings.offhost
        assert place is not None
        return await self.lane.run(store.copies, place, await self.keys(), self._settings.pattern)

    async def away(self, name: str) -> store.Away | None:
        """One copy now; None: there is none."""
        place = self._settings.offhost
        assert place is not None
        return await self.lane.run(store.away, place, await self.keys(), name)

    async def copy_size(self, name: str) -> float | None:
        """Bytes of one copy; None: there is none."""
        place = self._settings.offhost
        if place is None:
            raise ProbeError(Cause.MISSING, "the profile names no place for copies")
        if place.folder is not None:
            return (await self.copies()).sizes.get(name)
        found = await self.lane.run(store.head, place, await self.keys(), name)
        return None if found is None else float(found["ContentLength"])

    def close(self) -> None:
        """Let go of the threads."""
        self.server.close()
        self.lane.close()
