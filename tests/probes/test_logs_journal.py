"""The journal of units and of the kernel: recorded answers of journalctl, and a real one where there is systemd."""

from __future__ import annotations

import asyncio
import json
import stat
import textwrap
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from probes.base import Cause, Context, ProbeError, Target
from probes.base.log import Level, Note
from probes.logs.journal import entry
from probes.logs.probe import LogsProbe
from probes.logs.settings import LogsSettings
from tests.probes.rigs import TestSecrets
from tests.stack.systemd import Host

NOW = datetime(2026, 3, 1, 3, 12, 41, tzinfo=UTC)


def row(text: Any, number: int = 0, back: float = 0.0, priority: str | None = "6", **more: Any) -> str:
    """An entry as journalctl gives it."""
    at = int((NOW - timedelta(seconds=back)).timestamp() * 1e6)
    found = {"__CURSOR": f"c{number}", "__REALTIME_TIMESTAMP": str(at), "SYSLOG_IDENTIFIER": "app", "MESSAGE": text}
    return json.dumps(found | ({} if priority is None else {"PRIORITY": priority}) | more)


class Journalctl:
    """A program in journalctl's place: answers from files, and notes what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = folder / "run"
        self.out, self.err, self.code = folder / "out", folder / "err", folder / "code"
        self.out.write_text("")
        self.err.write_text("")
        self.code.write_text("0")
        self.prefix.write_text(
            textwrap.dedent(f"""\
            #!/bin/sh
            echo "$@" >> {folder}/asked
            cat {self.out}; cat {self.err} >&2
            exit $(cat {self.code})
            """)
        )
        self.prefix.chmod(self.prefix.stat().st_mode | stat.S_IXUSR)

    def answers(self, *rows: str, err: str = "", code: int = 0) -> None:
        self.out.write_text("".join(f"{one}\n" for one in rows))
        self.err.write_text(err)
        self.code.write_text(str(code))

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def journalctl(tmp_path: Path) -> Journalctl:
    return Journalctl(tmp_path)


def probe(journalctl: Journalctl, **more: Any) -> LogsProbe:
    made = LogsSettings.model_validate({"journal": ["app", "kernel"], "prefix": [str(journalctl.prefix)], **more})
    return LogsProbe(Target("it", "logs", made), Context(TestSecrets(), now=lambda: NOW))


async def lines_of(made: LogsProbe, name: str, subject: str) -> list[str]:
    stream = made.follow(name, subject)
    async with asyncio.timeout(20), aclosing(stream) as lines:
        return [str(one) async for one in lines if not isinstance(one, Note)]


def test_an_entry_may_be_anything_that_a_program_wrote() -> None:
    made = entry(row("broke", priority="3").encode())
    assert made is not None
    assert (made.line, made.level) == ("03-01 03:12:41  err  app: broke", Level.ERROR)
    shown = [
        entry(row(text, priority=None).encode()) for text in ([99, 97, 102, 233, 10], None, ["first", "second"], 7)
    ]
    assert [one.message for one in shown if one] == ["caf\\xe9", "(a message too long to show)", "first", ""]
    for raw in (b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"MESSAGE": "no cursor"}', b"[" * 100_000):
        assert entry(raw) is None


async def test_entries_are_counted_once_from_a_cursor_on(journalctl: Journalctl) -> None:
    made = probe(journalctl, patterns={"oom": "Killed process"})
    journalctl.answers(row("a", 1, 60), row("ERROR in words only", 2, 30), row("Killed process 7", 3, 5, "3"))
    found = await made.read()
    app, kernel = found.facts.sources
    assert (app.lines, app.errors, kernel.errors) == (3, 1, 1), "the priority counts, not the words"
    assert app.age == 5
    assert found.facts.patterns[0].found == 2
    assert "-u app --since @" in journalctl.asked[0]
    assert "-k --since @" in journalctl.asked[1]
    journalctl.answers()
    found = await made.read()
    assert found.facts.sources[0].lines == 3
    assert "-u app --after-cursor c3" in journalctl.asked[2]
    await made.close()


@pytest.mark.parametrize(
    ("err", "words"),
    [
        ("No journal files were found.", "this machine keeps no journal"),
        (
            "Hint: You are currently not seeing messages from other users and the system.\n"
            "No journal files were opened due to insufficient permissions.",
            "not allowed to read the journal",
        ),
        ("Failed to seek to cursor: Invalid argument", "the journal was begun anew"),
        ("cannot connect", "journalctl did not answer"),
    ],
)
async def test_a_journal_that_is_refused_costs_its_own_source_only(
    err: str, words: str, journalctl: Journalctl, tmp_path: Path
) -> None:
    log = tmp_path / "app.log"
    log.write_text("ERROR x\n")
    made = probe(journalctl, files=[str(log)], journal=["app"])
    journalctl.answers(err=err, code=1)
    found = await made.read()
    file, app = found.facts.sources
    assert str(app.trouble) == words
    assert not file.trouble
    assert found.gauge("unreadable", source="app") == 1
    assert found.gauge("errors", source="app") is None
    assert any(str(gap.hint) == words for gap in found.gaps)
    journalctl.answers(row("back", 9, 1))
    assert not (await made.read()).facts.sources[1].trouble
    await made.close()


async def test_no_journalctl_at_all_is_said() -> None:
    made = LogsProbe(
        Target("it", "logs", LogsSettings(journal=("app",), prefix=("no-such-program",))), Context(TestSecrets())
    )
    assert str((await made.read()).facts.sources[0].trouble) == "no-such-program is not installed here"
    with pytest.raises(ProbeError) as missing:
        await lines_of(made, "follow", "app")
    assert missing.value.cause is Cause.MISSING


async def test_it_is_followed_and_searched_with_its_secrets_masked(journalctl: Journalctl) -> None:
    made = probe(journalctl)
    journalctl.answers(row("token=abcdef12 refused", 1, 9, "4"), row("fine", 2, 1))
    stream = made.follow("follow", "")
    async with asyncio.timeout(20), aclosing(stream) as lines:
        seen = [str(await anext(lines)) for _ in range(5)]
    assert "app │ 03-01 03:12:32  warn  app: token=*** refused" in seen
    assert "kernel │ 03-01 03:12:40  app: fine" in seen
    assert await lines_of(made, "search", "app\nREFUSED") == []
    assert await lines_of(made, "search", "app\n--since 5m refused") == [seen[0].replace("kernel", "app")]
    assert "--since @" in journalctl.asked[-1]
    await made.close()


@pytest.mark.engine
@pytest.mark.systemd
async def test_a_real_journal_is_read_counted_followed_and_searched(systemd_host: Host) -> None:
    settings = LogsSettings.model_validate(
        {"journal": ["or-logged.service", "kernel"], "prefix": list(systemd_host.prefix), "since": 1440,
         "patterns": {"words": "last words"}}
    )  # fmt: skip
    made = LogsProbe(Target("it", "logs", settings), Context(TestSecrets()))
    said = ["/bin/sh", "-c", "echo last words; echo '<3>it broke'"]
    await asyncio.to_thread(systemd_host.run, "systemd-run", "--wait", "--unit=or-logged", *said)
    async with asyncio.timeout(60):
        while not (found := await made.read()).facts.patterns[0].first:
            await asyncio.sleep(0.2)
    logged, kernel = found.facts.sources
    assert not logged.trouble, logged.trouble
    assert not kernel.trouble or "journal" in str(kernel.trouble)
    assert logged.errors == 1
    again = await made.read()
    assert again.facts.patterns[0].first == found.facts.patterns[0].first
    assert any("last words" in one for one in await lines_of(made, "search", "or-logged.service\nlast words"))
    stream = made.follow("follow", "or-logged.service")
    async with asyncio.timeout(20), aclosing(stream) as lines:
        async for one in lines:
            if "last words" in str(one):
                break
    await made.close()
