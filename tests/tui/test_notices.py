"""Telling people, from the roof: the terminal's own notices, the word in the top line, the verbs, the profile."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from desk.clock import SystemClock
from desk.inbox.case import What
from desk.inbox.inbox import Inbox
from desk.inbox.journal import InboxJournal
from desk.locks import FileLocks
from desk.notices.channel import DesktopSettings, suits
from desk.notices.courier import Standing
from desk.notices.row import Way
from desk.notices.spool import Spool
from desk.notices.wording import notice
from desk.profile import ProfileError, load, parse, schema
from probes.base import Severity
from tests.desk.changing import AT, SHOP, alert, change, channel
from tests.probes.receiver import Answer, Receiver, receiver
from tests.toys import StillClock, ToyKinds, room
from tui import delivery, preferences
from tui.cli import main
from tui.kinds import Kinds
from tui.notices import OPENING, TerminalNotices, sequence
from tui.places import Places
from tui.secrets import Secrets

BOTH = DesktopSettings(osc777=True)
SMUGGLED = "over\x1b\\\x1b]0;owned\a \x9d;\u202e;4;1;50 " + "x" * 500


# The terminal


def test_a_notice_is_a_bell_and_an_osc_9_by_default() -> None:
    assert sequence("t", "disk full", {"TERM": "xterm"}, DesktopSettings()) == "\x1b]9;opsroom: disk full\x1b\\\a"
    assert sequence("t;u", "a;b", {"TERM": "xterm"}, BOTH) == (
        "\x1b]9;opsroom: a;b\x1b\\\x1b]777;notify;t,u;a,b\x1b\\\a"
    )
    assert sequence("t", "x", {}, DesktopSettings(bell=False, osc9=False)) == ""


def test_no_text_can_end_the_sequence_or_begin_another() -> None:
    made = sequence(SMUGGLED, SMUGGLED, {"TERM": "xterm"}, BOTH)
    assert [*re.findall(r"[\x00-\x1f\x7f-\x9f]", made)] == ["\x1b", "\x1b", "\x1b", "\x1b", "\a"]
    assert made.startswith("\x1b]9;opsroom: over^[")
    assert made.count(";") == made.split("\x1b\\")[0].count(";") + 3
    assert "\u202e" not in made
    assert len(made) < 900
    assert sequence("t", "déjà…", {}, DesktopSettings(), plain=True).isascii()


def test_tmux_and_screen_hand_it_on_and_ring_the_bell_themselves() -> None:
    made = sequence("t", "full", {"TERM": "tmux-256color", "TMUX": "/tmp/x"}, BOTH)
    assert made == ("\x1bPtmux;\x1b\x1b]9;opsroom: full\x1b\x1b\\\x1b\x1b]777;notify;t;full\x1b\x1b\\\x1b\\\a")
    assert sequence("t", "x", {"TMUX": "1"}, DesktopSettings(osc9=False)) == "\a"
    made = sequence("t", "x" * 200, {"TERM": "screen", "STY": "1"}, DesktopSettings())
    pieces = re.fullmatch(r"((?:\x1bP[^\x1b]*(?:\x1b\][^\x1b]*)?\x1b\\)+)\x07", made)
    assert pieces is not None
    inner = "".join(re.findall(r"\x1bP(.*?)\x1b\\", pieces[1], re.DOTALL))
    assert inner == f"\x1b]9;opsroom: {'x' * 200}\a"
    assert sequence("t", "x", {"TERM": "linux"}, BOTH) == "\a"


class Terminal:
    """A person's terminal, which another program may have."""

    def __init__(self, *channels: object) -> None:
        self.got: list[str] = []
        self.lent = False
        self.clock = StillClock()
        self.notices = TerminalNotices(channels, SHOP, self._write, {"TERM": "xterm"}, self.clock.monotonic)  # type: ignore[arg-type]

    def _write(self, text: str) -> bool:
        if not self.lent:
            self.got.append(text)
        return not self.lent


def test_only_what_comes_while_somebody_sits_there_rings_and_only_what_is_critical() -> None:
    terminal = Terminal()
    terminal.notices.take(change())
    assert terminal.got == []
    terminal.clock.seconds += OPENING
    terminal.notices.take(change(of=alert(severity=Severity.WARNING)))
    terminal.notices.take(change(What.ACKNOWLEDGED))
    terminal.notices.take(change(What.CLEARED))
    terminal.notices.take(change(quiet="silenced"))
    assert terminal.got == []
    terminal.notices.take(change(What.WORSE))
    assert terminal.got == ["\x1b]9;opsroom: CRITICAL shop production: jobs: 4,812 jobs wait\x1b\\\a"]


def test_never_more_than_one_in_some_seconds_and_none_is_forgotten() -> None:
    terminal = Terminal()
    terminal.clock.seconds += OPENING
    for number in range(20):
        terminal.notices.take(change(case=f"c{number}", of=alert(f"web-{number}")))
    assert len(terminal.got) == 1
    terminal.clock.seconds += 9
    terminal.notices.tick()
    assert len(terminal.got) == 1
    terminal.clock.seconds += 1
    terminal.notices.tick()
    terminal.notices.tick()
    assert len(terminal.got) == 2
    assert "19 alerts, the last: CRITICAL shop production: web-19" in terminal.got[1]


def test_while_another_program_has_the_terminal_it_waits() -> None:
    terminal = Terminal()
    terminal.clock.seconds += OPENING
    terminal.lent = True
    terminal.notices.take(change())
    terminal.lent = False
    terminal.notices.tick()
    assert len(terminal.got) == 1


def test_the_profile_says_of_what_the_terminal_tells() -> None:
    terminal = Terminal(channel("bell", "desktop", severity="notice", osc9=False, targets=["db*", "!db-test"]))
    terminal.clock.seconds += OPENING
    for target in ("web", "db-test", "db-main"):
        terminal.notices.take(change(of=alert(target, severity=Severity.NOTICE)))
    assert terminal.got == ["\a"]
    silent = Terminal(channel("bell", "desktop", enabled=False))
    silent.clock.seconds += OPENING
    silent.notices.take(change())
    assert silent.got == []


def test_a_person_who_wants_none_gets_none(tmp_path: Path) -> None:
    path = tmp_path / "preferences.toml"
    assert preferences.load(path).notices
    path.write_text("notices = false\n")
    assert not preferences.load(path).notices
    made, places = room("shelf"), Places(tmp_path, tmp_path, tmp_path)
    for write, rings in ((None, False), (lambda text: True, True)):
        told = delivery.dispatch(made.profile, made.engine, Secrets({}), places, write, {})
        assert (told._desktop is not None) is rings
        assert told._courier is None


# The top line


def test_the_top_line_says_how_many_wait_for_whom_and_since_when() -> None:
    since = AT.timestamp()
    slack = Way("slack-ops", waiting=3, oldest=since, since=since, tries=4, words="refused: hooks.slack.com is ill")
    assert Standing((slack,)).words == "3 notices wait: slack-ops refused since 03:12"
    pager = Way("pager", waiting=1, oldest=since, since=since + 60, tries=1, words="no answer: none")
    assert Standing((slack, pager)).words == "4 notices wait: slack-ops refused, pager no answer since 03:12"
    assert Standing((Way("x", waiting=2, oldest=since),), at=since + 30).words == ""
    assert Standing((Way("x", waiting=2, oldest=since),), at=since + 90).words == (
        "2 notices wait since 03:12: no session sends them"
    )
    assert Standing((Way("x", waiting=2, oldest=since, stuck=1),), at=since + 90).words == (
        "1 notice waits: x takes others, not it"
    )
    assert Standing((Way("x", given_up=1, dropped=2),)).words == "3 notices never told: x"
    assert Standing((), "disk is full").words == "notices not kept on disk: disk is full"


def test_the_room_shows_it() -> None:
    made = room("shelf")

    class Told:
        words = "3 notices wait: slack-ops refused since 03:12"

    made.dispatch = Told()  # type: ignore[assignment]
    assert made.heading().note == Told.words


# The profile


def profile(text: str) -> object:
    return parse(f'system = "shop"\nenvironment = "production"\n[toy.shelf]\n{text}', ToyKinds(), "shop.toml")


def wrong(text: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        profile(text)
    return [str(one).removeprefix("shop.toml:") for one in caught.value.problems]


def test_every_mistake_in_a_channel_is_said_with_its_line_and_a_guess() -> None:
    assert wrong(
        '[notify.team]\nkind = "slak"\n[notify.hook]\nkind = "webhook"\nurl = "http://u:p@x/"\ntargts = []\n'
        '[notify.pd]\nkind = "pagerduty"\nrouting_key = "R0UT1NG"\nseverity = "worst"\npause = "5 moons"\n'
        '[notify.s]\nkind = "slack"\nurl = "env:S"\ntargets = ["", "x*"]\nrules = []\nsummary = -1\n'
        '[notify.w]\nkind = "webhook"\nurl = "ftp://x/"\nheaders = { Authorization = "abc" }\nchanges = ["rased"]\n'
        '[notify.n]\nname = 1\n[notify."a b"]\nkind = "desktop"\n'
    ) == [
        "5: notify.team.kind: must be one of webhook, slack, email, pagerduty, desktop; did you mean slack?",
        '8: notify.hook.url: holds a password in clear; make the whole address a reference, such as "env:NAME"',
        "9: notify.hook.targts: is not a known key; did you mean targets?",
        "12: notify.pd.routing_key: must be a reference to a secret: env:NAME, file:/path or command:program",
        "13: notify.pd.severity: must be 'notice', 'warning' or 'critical'",
        "14: notify.pd.pause: a length of time needs s, m, h or d: 5m",
        '18: notify.s.targets: holds an empty name; write "*" for all',
        "20: notify.s.summary: must be at least 0",
        "23: notify.w.url: must begin with http:// or https://",
        "24: notify.w.headers.Authorization: holds a secret in clear; write a reference to it: env:NAME, file:/path or "
        "command:program",
        "25: notify.w.changes.0: must be 'raised', 'worse', 'better', 'acknowledged', 'released', 'silenced', "
        "'speaks-again', 'late', 'escalated' or 'cleared'",
        "26: notify.n.kind: is required",
        "28: notify.a b: is not a good name: letters, digits, - and _, at most 40",
    ]
    assert wrong(
        '[notify.m]\nkind = "email"\nhost = "mail"\nsender = "me"\nto = []\npassword = "env:P"\ntls = "none"\n'
        '[notify.p]\nkind = "email"\nhost = "mail"\nsender = "a@b.c"\nto = ["a@b.c"]\npassword = "hunter2"\n'
        '[notify.t]\nkind = "email"\nhost = "mail"\nsender = "a@b.c"\nto = ["a@b.c"]\ntls = "none"\n'
    ) == [
        "7: notify.m.sender: must be an address, such as ops@example.org",
        "8: notify.m.to: must not be empty",
        "16: notify.p.password: must be a reference to a secret: env:NAME, file:/path or command:program",
        '17: notify.t: tls = "none" is for this machine only: what is told there is nobody else\'s business',
    ]
    assert wrong(
        '[notify.s]\nkind = "slack"\nurl = "env:S"\ntargets = ["shelff", "x*"]\nrules = ["bigg", "!man*"]\n'
    ) == [
        "7: notify.s.targets: names shelff, which is not a target of this profile; did you mean shelf?",
        "8: notify.s.rules: names bigg, which is not a rule of this profile; did you mean big?",
    ]
    with pytest.raises(ProfileError, match=r"notify: must hold named tables, such as \[notify\.team\]"):
        parse('system = "shop"\nnotify = 1\n[toy.shelf]\n', ToyKinds())


def test_a_program_behind_a_secret_is_run_only_out_of_a_file_that_nobody_else_writes() -> None:
    text = 'system = "shop"\n[toy.shelf]\n[notify.s]\nkind = "slack"\nurl = "command:pass slack"\n'
    with pytest.raises(ProfileError, match=r"notify\.s\.url: runs a program, and others may write"):
        parse(text, ToyKinds(), "shop.toml", "others may write this file")


def test_the_schema_knows_every_kind_of_channel() -> None:
    made = schema(ToyKinds())
    assert [one["$ref"] for one in made["properties"]["notify"]["additionalProperties"]["oneOf"]] == [
        f"#/$defs/notify-{kind}" for kind in ("webhook", "slack", "email", "pagerduty", "desktop")
    ]
    for kind in ("webhook", "slack", "email", "pagerduty", "desktop"):
        fields = made["$defs"][f"notify-{kind}"]["properties"]
        assert all("description" in one for name, one in fields.items() if name != "kind"), kind


def test_names_are_chosen_by_glob_and_left_out_by_name() -> None:
    hook = channel(rules=["*", "!backlog"], environments=["prod*"])
    assert not hook.wants(change(), "production", told=False)
    assert hook.wants(change(of=alert(rule="other")), "production", told=False)
    assert not hook.wants(change(of=alert(rule="other")), "staging", told=False)
    assert suits(("!x",), ["y"])
    assert not suits(("!x",), ["x"])


def test_an_escalation_by_a_person_is_told_however_mild_it_is() -> None:
    pager = channel("pager", "pagerduty")
    mild = alert(severity=Severity.NOTICE)
    assert pager.wants(change(What.ESCALATED, of=mild), "", told=False)
    assert not pager.wants(change(What.RAISED, of=mild), "", told=False)


# The verbs


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Receiver) -> Path:
    """A person with one profile."""
    monkeypatch.setenv("OPSROOM_HOME", str(tmp_path))
    monkeypatch.delenv("OPSROOM_PROFILE", raising=False)
    monkeypatch.setenv("HOOK_SECRET", "hunter2-CANARY")
    monkeypatch.setenv("SLACK_URL", server.url)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shop.toml").write_text(
        f'system = "shop"\n[host.local]\n[notify.hook]\nkind = "webhook"\n'
        f'url = "{server.url}"\nsecret = "env:HOOK_SECRET"\n'
        '[notify.slack-ops]\nkind = "slack"\nurl = "env:SLACK_URL"\n'
        '[notify.lost]\nkind = "slack"\nurl = "env:NOWHERE"\n[notify.bell]\nkind = "desktop"\n'
    )
    return tmp_path


def call(*words: str, monkeypatch: pytest.MonkeyPatch) -> Result:
    """A verb inside this process."""

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr("tui.terminal.leave", leave)
    return CliRunner().invoke(main, words, prog_name="opsroom")


def test_a_test_notice_goes_through_one_channel_and_says_what_came_back(
    home: Path, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = call("notify", "test", "hook", monkeypatch=monkeypatch)
    assert (done.exit_code, done.stdout) == (0, "hook: told: 200 OK: ok\n"), done.output
    (got,) = server.got
    assert got.json["event"] == "test"
    assert "TEST, nothing is wrong: shop" in got.json["headline"]
    server.answer = lambda got: Answer(403, b"hunter2-CANARY go away")
    done = call("notify", "test", "hook", monkeypatch=monkeypatch)
    assert done.exit_code == 1
    assert "does not allow it: 403 Forbidden: [secret] go away" in done.stdout
    server.answer = lambda got: Answer(how="reset")
    assert call("notify", "test", "slack-ops", monkeypatch=monkeypatch).exit_code == 3
    assert call("notify", "test", "lost", monkeypatch=monkeypatch).stdout == (
        "lost: not sent: the environment variable NOWHERE is not set\n"
    )


@pytest.mark.parametrize(
    ("name", "guess"),
    [("slack-op", "did you mean slack-ops?"), ("zzz", "there are: hook, slack-ops, lost"), ("bell", "?")],
)
def test_a_channel_that_is_none_is_refused_with_a_guess(
    name: str, guess: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = call("notify", "test", name, monkeypatch=monkeypatch)
    assert done.exit_code == 2
    assert guess.rstrip("?") in done.stderr


def test_the_configuration_that_is_shown_names_references_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = call("config", "show", monkeypatch=monkeypatch)
    assert json.loads(done.stdout)["notify"]["hook"]["secret"] == "env:HOOK_SECRET"
    assert "hunter2" not in done.stdout


async def test_doctor_says_of_each_channel_whether_it_can_be_reached_and_what_waits(
    home: Path, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = load(home / "config" / "shop.toml", Kinds())
    secrets, places = Secrets({"SLACK_URL": server.url, "HOOK_SECRET": "x"}), Places.of({"OPSROOM_HOME": str(home)})
    findings = {(where, what): (grant.name, remedy) for where, what, grant, remedy in
                await delivery.examine(found, secrets, places)}  # fmt: skip
    assert findings[("hook", "[notify.hook] can be reached")] == ("HELD", f"127.0.0.1:{server.port} takes connections")
    assert findings[("lost", "[notify.lost] can be reached")] == (
        "MISSING",
        "the environment variable NOWHERE is not set",
    )
    assert len(findings) == 3
    assert server.got == []
    spool = Spool.open(delivery.spool_file(found, places))
    now = AT.timestamp()
    spool.begin(["hook", "slack-ops", "lost"], now - 60)
    one = change(at=AT + timedelta(seconds=1))
    spool.put(found.channels, [(one, notice(SHOP, one))], "", now)
    due = spool.due("hook", now)
    assert due is not None
    spool.failed(due, "hook", now, now + 10, "refused: 127.0.0.1 has a fault of its own: 500")
    spool.close()
    told = [one for one in await delivery.examine(found, secrets, places) if one[0] == "hook"]
    assert told[1][1:3] == ("notices get through, nothing was told yet", told[1][2])
    assert told[1][2].name == "MISSING"
    assert told[1][3] == ("1 notice waits: hook refused since 03:12; refused: 127.0.0.1 has a fault of its own: 500")


# The room


async def test_what_happens_in_the_inbox_is_told_also_what_an_earlier_session_was_killed_over(
    home: Path, server: Receiver
) -> None:
    found = load(home / "config" / "shop.toml", Kinds())
    places, clock = Places.of({"OPSROOM_HOME": str(home)}), SystemClock()
    inbox = Inbox(clock, {"jobs": "toy", "web": "toy"})

    @asynccontextmanager
    async def session() -> AsyncIterator[delivery.Dispatch]:
        secrets = Secrets({"SLACK_URL": server.url, "HOOK_SECRET": "x"})
        made = delivery.Dispatch(inbox, clock, delivery.courier(found, clock, secrets, places), None)
        made.start()
        made.tick()
        try:
            yield made
        finally:
            await made.close()
            inbox.heard.clear()

    async def received(count: int) -> None:
        async with asyncio.timeout(20):
            while len(server.got) < count:
                await asyncio.sleep(0.01)

    async with session():
        inbox.look("jobs", [alert("jobs", at=clock.now(), since=clock.monotonic())])
        await received(2)
    inbox.look("web", [alert("web", at=clock.now(), since=clock.monotonic())])  # nobody hears it: it was killed
    assert len(server.got) == 2
    async with session() as made:
        await received(4)
        assert made.words.startswith("2 notices wait: lost out of reach since ")
    hooks = [got.json for got in server.got if "idempotency-key" in got.headers]
    assert [one["case"]["target"] for one in hooks] == ["jobs", "web"]
    assert len(server.got) == 4


async def test_what_an_earlier_session_was_killed_over_is_told_before_anything_newer(
    home: Path, server: Receiver
) -> None:
    found = load(home / "config" / "shop.toml", Kinds())
    places, clock = Places.of({"OPSROOM_HOME": str(home)}), SystemClock()
    secrets = Secrets({"SLACK_URL": server.url, "HOOK_SECRET": "x"})

    def begun() -> tuple[Inbox, InboxJournal, delivery.Dispatch]:
        inbox = Inbox(clock, {"jobs": "toy", "web": "toy"})
        journal = InboxJournal(home / "inbox.db", clock, FileLocks(home / "locks"))
        journal.serve(inbox)
        made = delivery.Dispatch(inbox, clock, delivery.courier(found, clock, secrets, places), None)
        made.start()
        return inbox, journal, made

    def targets() -> list[str]:
        return [got.json["case"]["target"] for got in server.got if "idempotency-key" in got.headers]

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)

    inbox, journal, made = begun()
    journal.step()
    inbox.look("old", [alert("old", at=clock.now(), since=clock.monotonic())])
    journal.step()
    await until(lambda: targets() == ["old"])
    await made.close()
    inbox.look("jobs", [alert("jobs", at=clock.now(), since=clock.monotonic())])  # kept, and then it was killed
    journal.step()
    journal.close()
    inbox, journal, made = begun()
    inbox.look("web", [alert("web", at=clock.now(), since=clock.monotonic())])
    journal.step()
    journal.step()
    await until(lambda: "web" in targets())
    made.tick()
    assert targets() == ["old", "jobs", "web"]
    await made.close()
    journal.close()
