"""Steps that name what they are about by its address."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.profile import parse
from desk.runbook.book import Command
from desk.runs.record import Judgement
from probes.base import Sort, Verb
from tui import wiring
from tui.concerned import looked, places
from tui.keys import Keymap
from tui.kinds import Kinds
from tui.places import Places
from tui.room import Room
from tui.secrets import Secrets

PROFILE = """
system = "shop"

[http.front]
url = "http://127.0.0.1:3000/health"

[http.vendor]
url = "http://127.0.0.1:4000/"

[jobs.nightly]
url = "http://127.0.0.1:3000/api"

[s3.dumps]
bucket = "shop-dumps"
prefix = "database/"
endpoint = "http://127.0.0.1:5000"

[postgres.main]
url = "postgresql://db.shop.example/shop"
"""


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("http://127.0.0.1:3000/health", "front"),
        ("http://127.0.0.1:4000", "vendor"),
        ("vendor", "vendor"),
        ("http://127.0.0.1:3000/api/jobs/7/pause", "nightly"),
        ("http://127.0.0.1:3000/api", "nightly"),
    ],
)
async def test_a_reading_of_an_address_is_about_the_target_that_is_asked_there(
    tmp_path: Path, address: str, target: str
) -> None:
    kinds, secrets = Kinds(), Secrets({})
    profile = parse(PROFILE, kinds)
    engine = wiring.build(profile, kinds, secrets, Places(tmp_path, tmp_path, tmp_path))
    room = Room(engine, profile, kinds, Keymap())
    command = Command(1, 1, f"curl {address}", sort=Sort.READING, verb=Verb.HEALTH, kind="http", target=address)
    assert places(room, command) == [(target, "")]
    await engine.close()


@pytest.mark.parametrize(
    ("kind", "named", "target"), [("s3", "s3://shop-dumps/database/", "dumps"), ("postgres", "db.shop.example", "main")]
)
async def test_a_reading_is_known_by_its_bucket_or_by_the_only_host_of_its_kind(
    tmp_path: Path, kind: str, named: str, target: str
) -> None:
    kinds, secrets = Kinds(), Secrets({})
    profile = parse(PROFILE, kinds)
    engine = wiring.build(profile, kinds, secrets, Places(tmp_path, tmp_path, tmp_path))
    room = Room(engine, profile, kinds, Keymap())
    command = Command(1, 1, named, sort=Sort.READING, verb=Verb.STATUS, kind=kind, target=named)
    assert places(room, command) == [(target, "")]
    await engine.close()


@pytest.mark.parametrize("address", ["http://api：3000/health", "https://a℀b.example/health"])
async def test_an_address_that_is_none_is_about_no_target_and_ends_nothing(tmp_path: Path, address: str) -> None:
    kinds, secrets = Kinds(), Secrets({})
    profile = parse(PROFILE, kinds)
    engine = wiring.build(profile, kinds, secrets, Places(tmp_path, tmp_path, tmp_path))
    room = Room(engine, profile, kinds, Keymap())
    command = Command(1, 1, f"curl {address}", sort=Sort.READING, verb=Verb.HEALTH, kind="http", target=address)
    found = places(room, command)
    assert [looked(room, place, address).judgement for place in found] == [Judgement.UNKNOWN] * len(found)
    await engine.close()
