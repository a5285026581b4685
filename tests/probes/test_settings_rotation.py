"""A rotation from its first value to the last, with a real Redis behind a service that logs in with the key it gets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import redis as client_library

from probes.base import Context, Hidden, Request, Result, Target, Truth
from probes.settings.act import SettingsActuator
from probes.settings.probe import SettingsProbe
from probes.settings.settings import FileSettings
from tests.probes.acting import Performed, perform
from tests.stack.cacheservers import Redis

pytestmark = pytest.mark.engine

USER, OLD, NEW = "mailer", "hunter2-CANARY-old", "hunter2-CANARY-new"


class NoSecrets:
    def resolve(self, reference: str) -> str:
        raise LookupError(reference)


@dataclass
class Service:
    """What uses the secret, and who decides which secrets are good: Redis' list of users."""

    redis: Redis
    port: int

    def accept(self, *keys: str) -> None:
        """These keys work, and no others (https://redis.io/docs/latest/commands/acl-setuser/)."""
        told = self.redis.command("ACL", "SETUSER", USER, "on", "resetpass", *(f">{key}" for key in keys), "+ping")
        assert told.startswith("+OK"), told


@pytest.fixture
def service(redis_server: Redis) -> Iterator[Service]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = (self.headers["Authorization"] or "").removeprefix("Bearer ")
            with client_library.Redis(port=redis_server.port, username=USER, password=key) as client:
                try:
                    status = 200 if client.ping() else 500
                except client_library.AuthenticationError:
                    status = 401
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Service(redis_server, server.server_address[1])
    server.shutdown()
    server.server_close()
    redis_server.command("ACL", "DELUSER", USER)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(NoSecrets(), now=lambda: datetime(2026, 3, 1, tzinfo=UTC), state=tmp_path / "state")


@pytest.fixture
def target(tmp_path: Path, service: Service) -> Target:
    path = tmp_path / ".env"
    path.write_text(f"MAIL_KEY={OLD}\n")
    prove = {"url": f"http://127.0.0.1:{service.port}/me"}
    given = {"file": str(path), "rotate": {"MAIL_KEY": {"prove": prove}}}
    return Target("app", "settings", FileSettings.model_validate(given))


async def done(target: Target, context: Context, action: str, *values: str) -> Performed:
    actuator = SettingsActuator(target, context)
    try:
        return await perform(actuator, Request(action, ("MAIL_KEY",), hidden=tuple(map(Hidden, values))))
    finally:
        await actuator.close()


def well(one: Performed) -> bool:
    return [(told.result, seen.truth) for told, seen in zip(one.outcomes, one.verdicts, strict=True)] == [
        (Result.DONE, Truth.CONFIRMED)
    ]


async def tried(target: Target, context: Context) -> list[str]:
    probe = SettingsProbe(target, context)
    try:
        return [str(line) for line in (await probe.look("prove", "MAIL_KEY")).lines]
    finally:
        await probe.close()


async def test_with_overlap_both_work_until_the_old_one_is_revoked_and_seen_to_be_dead(
    target: Target, context: Context, service: Service
) -> None:
    service.accept(OLD, NEW)
    rotated = await done(target, context, "rotate", NEW)
    assert well(rotated)
    assert any("both work meanwhile" in str(note) for note in rotated.plan.notes)
    early = await done(target, context, "retire")
    assert early.plan.chosen == ()
    assert "it works; revoke it where it was made" in str(early.plan.subjects[0].spared)
    service.accept(NEW)
    now, before = await tried(target, context)
    assert "HTTP 200" in now
    assert "HTTP 401" in before
    retired = await done(target, context, "retire")
    assert well(retired)
    assert "it does not work any more; the earlier value is forgotten" in str(retired.verdicts[0].words)
    assert len(await tried(target, context)) == 1


async def test_revoked_first_the_new_one_is_written_and_the_old_one_retired_at_once(
    target: Target, context: Context, service: Service
) -> None:
    service.accept(NEW)
    rotated = await done(target, context, "rotate", NEW)
    assert well(rotated)
    assert any("revoked already: what runs fails until it is made new" in str(note) for note in rotated.plan.notes)
    assert well(await done(target, context, "retire"))


async def test_a_key_that_redis_does_not_take_is_not_written(
    target: Target, context: Context, service: Service
) -> None:
    service.accept(OLD)
    rotated = await done(target, context, "rotate", NEW)
    assert rotated.plan.chosen == ()
    assert "HTTP 401" in str(rotated.plan.subjects[0].spared)
    assert (await tried(target, context))[0].endswith("it works")
