"""The wall: pages that take turns, what is critical stays, and nothing on it could act."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from textual.pilot import Pilot

from desk.actor import who
from desk.audit import Code, Trail
from desk.incident.incidents import Incidents
from desk.incident.journal import IncidentJournal
from desk.incident.record import Role
from desk.profile import load
from desk.shared.presence import Here, Present
from probes.base import Cause, ProbeError, SafeText, Severity
from tests.toys import StillClock, Thing, ToyFacts, ToyPanel, room
from tests.tui.test_screens import toy
from tui import wall as walls
from tui.cli import main
from tui.keys import KEYS, Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.secrets import Secrets
from tui.wall import Page, Rotation, Wall, WallApp
from tui.wall_incident import situation
from widgets.big import SCALES, big, fitting, width_of
from widgets.drawn import Drawn
from widgets.lines import Span, Tone
from widgets.lines import width_of as width_of_line
from widgets.panel import Member
from widgets.wall import Card, fleet_page

ROOT = Path(__file__).resolve().parents[2]

FINE = ToyFacts((Thing("ball", 10),))
MANY = ToyFacts((Thing("ball", 10), Thing("kite", 10), Thing("top", 10)))
"""Three things are critical."""


class Looking:
    """People in front of a wall."""

    def __init__(self, app: WallApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot, self.room = app, pilot, app.room

    def screen(self) -> str:
        if not self.app.screen_stack:
            return ""  # it comes up, or goes
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    async def sees(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.screen() for text in texts), str(texts))

    async def until(self, true: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(30):
                while not true():
                    await self.pilot.pause(0.02)
        except TimeoutError:
            pytest.fail(f"waited for {what}\nnow:\n{self.screen()}")

    @property
    def here(self) -> str:
        return self.app.wall.rotation.here


def word(text: str, width: int, height: int) -> str:
    """A line of a large word, as it must stand on the screen."""
    scale = fitting(text, width, height, Drawn.ascii_only)
    assert scale is not None
    return big(text, scale)[0].rstrip()


def made(toys: Room, every: float = 3600.0, pages: tuple[str, ...] = (), incidents: Any = None) -> WallApp:
    toys.keymap = Keymap().for_wall()
    return WallApp(toys, Secrets({}), "night", Wall(toys, lambda text: text, pages, every), incidents)


@asynccontextmanager
async def looking(
    toys: Room | None = None, size: tuple[int, int] = (160, 48), facts: ToyFacts = FINE, **more: Any
) -> AsyncIterator[Looking]:
    toys = toys or room("shelf", "box", every=0.1)
    for slot in toys.board.slots():
        toy(toys, slot.target.name).answers = facts
    app = made(toys, **more)
    async with app.run_test(size=size) as pilot:
        people = Looking(app, pilot)
        await people.until(lambda: all(slot.snapshot for slot in toys.board.slots()), "every toy answered")
        yield people


# turns


def pages(*names: str, urgent: str = "") -> list[Page]:
    return [Page(name, Span(" "), name in urgent.split()) for name in names]


def turns(rotation: Rotation, there: list[Page], until: int) -> list[str]:
    """What is shown at each whole second."""
    shown = []
    for now in range(until):
        rotation.see(there, float(now))
        shown.append(rotation.here)
    return shown


def test_pages_take_turns_each_for_its_time() -> None:
    assert turns(Rotation(2), pages("a", "b", "c"), 8) == ["a", "a", "b", "b", "c", "c", "a", "a"]


def test_what_becomes_urgent_is_shown_at_once_and_stays() -> None:
    rotation = Rotation(2)
    turns(rotation, pages("a", "b", "c"), 3)
    rotation.see(pages("a", "b", "c", urgent="c"), 3.0)
    assert rotation.here == "c"
    assert rotation.staying
    rotation.see(pages("a", "b", "c", urgent="c"), 100.0)
    assert rotation.here == "c"
    rotation.see(pages("a", "b", "c"), 200.0)
    assert rotation.here == "a", "it is in somebody's hands: the others have their turn again"


def test_several_urgent_pages_take_turns_among_themselves() -> None:
    assert set(turns(Rotation(1), pages("a", "b", "c", "d", urgent="b d"), 9)[2:]) == {"b", "d"}


def test_a_page_that_is_held_stays_whatever_becomes_urgent() -> None:
    rotation = Rotation(2)
    rotation.see(pages("a", "b"), 0.0)
    rotation.hold(0.0)
    rotation.see(pages("a", "b", urgent="b"), 50.0)
    assert rotation.here == "a"
    rotation.hold(50.0)
    rotation.see(pages("a", "b", urgent="b"), 52.0)
    assert rotation.here == "b"


def test_a_page_that_is_gone_gives_way_to_the_first() -> None:
    rotation = Rotation(5)
    rotation.see(pages("a", "incident"), 0.0)
    rotation.turn(1, 0.0)
    assert rotation.here == "incident"
    rotation.see(pages("a", "b"), 1.0)
    assert rotation.here == "a"


# what is seen


async def test_all_being_well_is_told_in_large_letters_with_the_age_of_every_value() -> None:
    async with looking() as people:
        await people.sees(word("ALL FINE", 158, 9), "2 FINE  of 2", "0 s ago", "read-only")


async def test_what_is_not_known_is_never_called_fine() -> None:
    async with looking() as people:
        await people.sees(word("ALL FINE", 158, 9))
        toy(people.room, "box").answers = ProbeError(Cause.REFUSED, "connection refused by toy")
        await people.until(lambda: states(people) == ["DOWN", "FINE"], "it is down")
        await people.sees("connection refused by toy")
        assert word("ALL FINE", 158, 9) not in people.screen()


async def test_what_is_critical_brings_its_group_and_tells_it_in_large_letters() -> None:
    async with looking() as people:
        assert people.here == "overview"
        toy(people.room, "shelf").answers = MANY
        await people.until(lambda: people.here == "TOYS", "the page of the group")
        await people.sees(
            word("shelf: 3 things", 150, 5), "✕ CRITICAL", "nobody has it", "stays: critical, nobody has it"
        )


async def test_who_has_an_alert_in_hand_is_told_and_the_pages_take_turns_again() -> None:
    async with looking(facts=MANY, toys=room("shelf", every=0.1), every=3.0) as people:
        await people.sees("nobody has it")
        inbox = people.room.engine.inbox
        for case in inbox.cases():
            inbox.acknowledge(case, "ann", "I am at it")
        await people.sees("ann has it")
        assert not people.app.wall.rotation.staying


@pytest.mark.parametrize("size", [(250, 70), (160, 48), (120, 36), (80, 24), (60, 15)])
@pytest.mark.parametrize("facts", [FINE, MANY], ids=["fine", "critical"])
@pytest.mark.parametrize("many", [2, 30])
async def test_every_page_fits_every_screen(size: tuple[int, int], facts: ToyFacts, many: int) -> None:
    toys = room(*(f"shelf-{number}" for number in range(many)), every=5.0)
    incidents = Incidents(toys.engine.clock, "ann")
    one = incidents.declare("nobody can play", incidents.scheme.levels[0].name)
    for number in range(50):
        incidents.note(one.id, f"note {number}")
    async with looking(toys, size, facts) as people:
        people.app.wall.situation = lambda: situation(incidents, toys.engine.clock.now(), str)
        for page in ("overview", "incident", "TOYS", "alerts"):
            people.app.wall.rotation.held = False
            people.app.wall.rotation.here = page
            people.app.wall.rotation.hold(0.0)
            people.app._draw()
            await people.pilot.pause()
            screen = people.screen().splitlines()
            assert f"[{page}]" in screen[-1]
            assert len(screen) == size[1]
            assert all(len(line) <= size[0] for line in screen)
            assert any("nobody can play" in line for line in screen[:8]), "the incident is always in sight"


def machines(monkeypatch: pytest.MonkeyPatch, *found: Member) -> None:
    """Let every toy tell of these machines."""
    monkeypatch.setattr(ToyPanel, "members", lambda self, view: found)


async def test_the_machines_of_the_fleet_have_a_page_the_worst_first_and_those_not_known_before_the_fine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machines(
        monkeypatch,
        Member("web", said="cpu 12 %  mem 40 %  / 30 %", age=3.0, trouble=0.4),
        Member("old", word="SILENT", age=125.0, trouble=0.9),
        Member("db", Severity.CRITICAL, "DOWN", age=None, trouble=10.0),
        Member("full", Severity.WARNING, said="cpu 1 %  mem 2 %  /data 96 %", trouble=0.96),
    )
    async with looking(room("prom", every=0.1), pages=("fleet",)) as people:
        await people.sees("[fleet]", "1 CRITICAL", "1 WARNING", "1 NOT KNOWN", "1 FINE  of 4")
        cards = people.app.wall.fleet()
        assert [card.name for card in cards] == ["db", "full", "old", "web"]
        assert [card.word for card in cards] == ["DOWN", "WARNING", "SILENT", "FINE"]
        assert cards[0].age == "not heard"
        assert not cards[2].known
        await people.sees("cpu 12 %  mem 40 %  / 30 %", "2m", word("DOWN", 38, 5))
        toy(people.room, "prom").answers = ProbeError(Cause.REFUSED, "connection refused by toy")
        await people.until(lambda: not any(card.known for card in people.app.wall.fleet()), "nothing is known any more")
        assert {card.severity for card in people.app.wall.fleet()} == {None}


@pytest.mark.parametrize("size", [(240, 67), (160, 48), (80, 24), (60, 15)])
@pytest.mark.parametrize("many", [3, 40, 2000])
@pytest.mark.parametrize("plain", [False, True], ids=["unicode", "ascii"])
def test_a_fleet_of_any_size_fits_every_screen_and_what_does_not_is_counted(
    size: tuple[int, int], many: int, plain: bool
) -> None:
    width, height = size
    made = [Card(f"web{number}.example.net", "FINE", None, True, "4 s ago", "cpu 12 %") for number in range(many)]
    lines = fleet_page([Card("db", "DOWN", Severity.CRITICAL, False, "9 s ago"), *made], width, height, plain)
    assert len(lines) <= height
    assert all(width_of_line(line.spans) <= width for line in lines)
    text = "\n".join(line.text for line in lines)
    assert f"{many} FINE" in text
    assert f"of {many + 1}" in text
    shown = text.count("4 s ago")
    assert shown == many or f"+{many - shown} more:" in text


async def test_in_ascii_the_large_letters_are_made_of_signs_that_every_terminal_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Drawn, "ascii_only", True)
    async with looking(size=(80, 24)) as people:
        await people.sees("### ", "2 FINE  of 2")
        assert people.screen().isascii()


async def test_no_secret_of_a_message_reaches_the_wall() -> None:
    toys = room("shelf", every=0.1)
    toy(toys, "shelf").answers = ProbeError(Cause.REFUSED, "no way to postgres://app:hunter2@db/x")
    app = made(toys)
    app.wall.mask = walls.mask_of(Secrets({}))
    async with app.run_test(size=(160, 48)) as pilot:
        people = Looking(app, pilot)
        await people.sees("no way to postgres://app:***@db")
        assert "hunter2" not in people.screen()


async def test_a_server_that_was_away_is_read_again_when_it_is_back(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    profile = tmp_path / "play.toml"
    profile.write_text(f'system = "play"\n[http.front]\nurl = "http://127.0.0.1:{port}/"\nevery = 0.5\n')
    app = made_of(profile, tmp_path)
    async with app.run_test(size=(160, 48)) as pilot:
        people = Looking(app, pilot)
        await people.sees("HTTP 200")
        server.close()
        await server.wait_closed()
        await people.until(lambda: "HTTP 200" not in people.screen() and "DOWN" in states(people), "it is down")
        server = await asyncio.start_server(answer, "127.0.0.1", port)
        await people.sees("HTTP 200")
        assert states(people) == ["FINE"]
    server.close()


def states(people: Looking) -> list[str]:
    return [card.word for card in people.app.wall.cards()]


def made_of(profile: Path, home: Path) -> WallApp:
    kinds = Kinds()
    return walls.make(
        load(profile, kinds), kinds, Secrets({}), Places(home, home / "site", home / "state"), {}, "night"
    )


# an incident


def declared(clock: Any) -> tuple[Incidents, str]:
    incidents = Incidents(clock, "ann")
    one = incidents.declare("mails are not sent", incidents.scheme.levels[0].name)
    incidents.assign(one.id, Role.COMMANDER, "ann")
    incidents.note(one.id, "the worker died")
    return incidents, one.id


def test_an_incident_tells_who_is_who_what_is_due_and_what_happened_last() -> None:
    clock = StillClock()
    incidents, id = declared(clock)
    clock.wall += timedelta(seconds=90)
    found = situation(incidents, clock.now(), str)
    assert found is not None
    assert (found.clock, found.title, found.tone) == ("0:01:30", "mails are not sent", Tone.CRITICAL)
    assert ("commander", "ann") in found.roles
    assert ("scribe", "") in found.roles
    assert found.people == (("ann", "the worker died, 1m30s ago"),)
    assert [one.words for one in found.timeline][-1] == "the worker died"
    assert found.timers
    incidents.mitigate(id)
    incidents.resolve(id, early="it holds")
    assert situation(incidents, clock.now(), str) is None


def test_who_is_there_is_told_with_what_they_look_at_and_other_walls_are_nobody() -> None:
    clock = StillClock()
    incidents, _ = declared(clock)
    there = [
        Present("1", "ann", Here("ann", "box", screen="jobs", armed=True), 1.0),
        Present("2", "ben", Here("ben", "box", screen="overview"), 1.0),
        Present("3", "ann", Here("the wall", "box", screen="wall", wall=True), 1.0),
    ]
    found = situation(incidents, clock.now(), str, there)
    assert found is not None
    assert found.people == (("ann", "looks at jobs, ARMED; the worker died, 0 s ago"), ("ben", "looks at overview"))


def test_people_who_share_an_account_are_told_apart_by_their_logins_to_the_store() -> None:
    clock = StillClock()
    incidents, _ = declared(clock)
    there = [Present(one, one, Here("ann", "box", screen=looks), 1.0) for one, looks in (("ada", "jobs"), ("bob", ""))]
    found = situation(incidents, clock.now(), str, there)
    assert found is not None
    people = (("ann", "the worker died, 0 s ago"), ("ann (ada)", "looks at jobs"), ("ann (bob)", "is here"))
    assert found.people == people


def test_texts_of_an_incident_are_masked_and_can_not_steer_the_terminal() -> None:
    clock = StillClock()
    incidents = Incidents(clock, "ann")
    incidents.declare("key hunter2 \x1b[2J is out", incidents.scheme.levels[0].name)
    found = situation(incidents, clock.now(), lambda text: text.replace("hunter2", "***"))
    assert found is not None
    assert "hunter2" not in f"{found}"
    assert found.title == str(SafeText(found.title))
    assert "\x1b" not in found.title


async def test_an_incident_of_another_session_is_on_the_wall_until_it_is_over(tmp_path: Path) -> None:
    profile = tmp_path / "play.toml"
    profile.write_text('system = "play"\n[http.front]\nurl = "http://127.0.0.1:9/"\nevery = 60\n')
    app = made_of(profile, tmp_path)
    assert app._incidents is not None
    theirs = Incidents(app.room.engine.clock, "ann")
    journal = IncidentJournal(app._incidents[1].path, app.room.engine.clock, str)
    async with app.run_test(size=(160, 48)) as pilot:
        people = Looking(app, pilot)
        await people.sees("overview")
        journal.start(theirs)
        one = theirs.declare("mails are not sent", theirs.scheme.levels[0].name)
        await people.sees("INCIDENT mails are not sent", "incident")
        theirs.resolve(one.id, early="a false alarm")
        await people.until(lambda: "mails are not sent" not in people.screen(), "the incident is over")
        journal.close()


async def test_acts_of_the_same_time_stand_on_the_wall_between_what_people_said(tmp_path: Path) -> None:
    profile = tmp_path / "play.toml"
    profile.write_text('system = "play"\n[http.front]\nurl = "http://127.0.0.1:9/"\nevery = 60\n')
    app = made_of(profile, tmp_path)
    assert app._incidents is not None
    clock = app.room.engine.clock
    theirs, journal = Incidents(clock, "ann"), IncidentJournal(app._incidents[1].path, clock, str)
    one = theirs.declare("mails are not sent", theirs.scheme.levels[0].name)
    trail = Trail(tmp_path / "state" / "audit", who({}), clock, {"system": "play", "environment": ""})
    trail._chain._sinks = trail._chain._sinks[:1]  # nothing of a test belongs into the machine's own log
    act = {"deed": "d1", "act": "a1", "target": "shelf", "action": "restart", "subject": {"name": "worker"}}
    async with app.run_test(size=(160, 48)) as pilot:
        people = Looking(app, pilot)
        journal.start(theirs)
        await trail.note(Code.INTENT, {**act, "reason": "it hangs"})
        await trail.note(Code.DONE, {**act, "words": "asked"})
        theirs.note(one.id, "it runs again")
        await people.sees("INCIDENT mails are not sent")
        app.wall.rotation.held, app.wall.rotation.here = True, walls.INCIDENT  # whatever becomes urgent meanwhile
        lines = ["declared", "shelf: restart worker: it hangs", "shelf: restart worker done: asked", "it runs again"]
        await people.sees("TIMELINE", *lines)
        timeline = people.screen().partition("TIMELINE")[2]
        assert [timeline.index(one) for one in lines] == sorted(timeline.index(one) for one in lines)
        journal.close()
    await trail.close()


# only looking


def test_a_wall_has_no_keys_but_those_for_looking() -> None:
    keymap = Keymap().for_wall()
    bound = {binding.action for where in {key.where for key in KEYS} for binding in keymap.bindings(where)}
    assert {"hold", "next", "before", "help", "leave"} <= bound
    assert bound <= {
        "hold",
        "next",
        "before",
        "help",
        "leave",
        "step_back",
        "interrupt",
        "down",
        "up",
        "page_down",
        "page_up",
    }


def test_a_wall_is_refused_a_room_with_hands() -> None:
    toys = room()
    toys.hands = object()  # type: ignore[assignment]
    with pytest.raises(ValueError, match="only looks"):
        made(toys)


ALL_KEYS = sorted({one for key in KEYS for one in key.keys.split(",")} - {"q", "ctrl+c", "ctrl+z"})

SITTING = """
import asyncio, json, sys
from pathlib import Path
from desk.profile import load
from tui import wall
from tui.kinds import Kinds
from tui.places import Places
from tui.secrets import Secrets
from tui.serve import viewing

async def run():
    home, kinds = Path(sys.argv[1]), Kinds()
    places = Places(home, home / "site", home / "state")
    profile = viewing.looking_only(load(home / "play.toml", kinds))
    for app in (
        wall.make(profile, kinds, Secrets({}), places, {}, "night"),
        viewing.room_app(profile, kinds, Secrets({}), places, "night"),
    ):
        async with app.run_test(size=(120, 36)) as pilot:
            for key in json.loads(sys.argv[2]):
                await pilot.press(key)
            assert app.room.hands is None and app.room.dispatch is None
            assert app.room.procedures is None and app.room.checklists is None and app.room.scribe is None
    print(json.dumps(sorted(sys.modules)))

asyncio.run(run())
"""


def test_whatever_is_pressed_nothing_that_could_act_is_loaded(tmp_path: Path) -> None:
    """Every key that anything in the house has, on the wall and in the view of a browser, in a fresh process."""
    (tmp_path / "play.toml").write_text(
        'system = "play"\nenvironment = "demo"\nacts = "armed"\n'
        '[http.front]\nurl = "http://127.0.0.1:9/"\n[host.here]\n[redis.cache]\nurl = "redis://127.0.0.1:9"\n'
    )
    done = subprocess.run(
        [sys.executable, "-c", SITTING, str(tmp_path), json.dumps(ALL_KEYS)],
        cwd=ROOT, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    acting = [name for name in loaded if name.rpartition(".")[2].startswith("act_") or name.endswith(".act")]
    ours = [name for name in acting if name.startswith(("probes.", "tui.", "desk."))]
    assert ours == ["probes.base.act"], "the words of the contract, and nobody who knows how"
    never = {"desk.actions", "desk.hands", "desk.deed", "tui.acting", "tui.doing", "tui.console", "tui.handover",
             "tui.procedures", "tui.delivery", "probes.exec.job", "probes.notify.send"}  # fmt: skip
    assert never & set(loaded) == set()
    assert not list(tmp_path.rglob("audit*"))


# the command line


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            ["--pages", "overview,cellar"],
            "the wall has no page cellar; it has overview, incident, groups, fleet, alerts, SERVICES",
        ),
        (["--every", "1"], "is not in the range"),
        (["--theme", "noon"], "no theme named noon"),
    ],
    ids=["page", "seconds", "theme"],
)
def test_what_the_wall_can_not_do_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: list[str], said: str
) -> None:
    monkeypatch.setenv("OPSROOM_HOME", str(tmp_path))
    file = tmp_path / "play.toml"
    file.write_text('system = "play"\n[http.front]\nurl = "http://127.0.0.1:9/"\n')
    done = CliRunner().invoke(main, ["wall", str(file), *wanted])
    assert done.exit_code == 2
    assert said in done.output


async def test_only_the_pages_that_were_named_take_turns() -> None:
    async with looking(pages=("alerts", "toys")) as people:
        assert [page.name for page in people.app.wall.pages(None)] == ["TOYS", "alerts"]


def test_large_letters_are_as_wide_as_they_say() -> None:
    for scale in SCALES:
        for text in ("CRITICAL", "97.3 %", "SEV1 01:23:45", "ä"):
            rows = big(text, scale)
            assert len(rows) == scale.height
            assert {len(row) for row in rows} == {width_of(text, scale)}


def test_severities_have_words_and_shapes() -> None:
    from widgets.lines import sign
    from widgets.wall import WORDS

    assert len({sign(one).text for one in Severity}) == len(Severity) == len(WORDS)
