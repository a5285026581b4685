"""What the doctor says of two people and of the store where they meet."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from desk.profile import Profile, load
from probes.base import Grant
from tests.desk.seconds import meeting_place
from tests.probes.storing import prepared
from tests.stack.postgres import Postgres
from tui import doctor_people
from tui.kinds import Kinds
from tui.secrets import Secrets


def profile(folder: Path, *head: str) -> Profile:
    path = folder / "shop.toml"
    path.write_text("\n".join(['system = "shop"', *head, "[host.box]"]))
    return load(path, Kinds())


async def told(found: Profile) -> dict[str, tuple[Grant, str]]:
    """What was looked at -> how it stands and what would mend it."""
    looked = await doctor_people.examine(found, Kinds(), Secrets({}), {})
    return {what: (grant, words) for _, what, grant, words in looked}


async def test_where_nothing_is_shared_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    assert await told(profile(tmp_path)) == {}


async def test_a_word_that_names_nothing_is_told_with_its_line_and_what_was_meant(tmp_path: Path) -> None:
    found = profile(tmp_path, "# people", 'second_person = ["destructve", "restart"]')
    grant, words = (await told(found))["second_person is understood"]
    assert grant is Grant.MISSING
    said = "second_person: destructve is no class of acts and no action; did you mean destructive?"
    assert words == f"{tmp_path}/shop.toml:3: {said}"


async def test_a_folder_in_which_nobody_can_meet_is_told_with_what_makes_one(tmp_path: Path) -> None:
    where = tmp_path / "nowhere"
    found = profile(tmp_path, "second_person = true", f'approval_folder = "{where}"')
    ((what, (grant, words)),) = (await told(found)).items()
    assert what == f"two people can agree in {where}"
    assert grant is Grant.MISSING
    assert words == f"no such file or directory; as root: install -d -o root -g GROUP -m 1770 {where}"
    where.mkdir(mode=0o700)
    assert "chmod 1770" in (await told(found))[what][1]
    with meeting_place() as folder:
        found = profile(tmp_path, "second_person = true", f'approval_folder = "{folder}"')
        assert await told(found) == {f"two people can agree in {folder}": (Grant.HELD, "")}


async def test_an_approver_whom_nobody_knows_is_told(tmp_path: Path) -> None:
    with meeting_place() as folder:
        names = 'approvers = ["root", "@root", "nobody-of-that-name", "@no-such-group"]'
        found = profile(tmp_path, "second_person = true", names, f'approval_folder = "{folder}"')
        all_of = await doctor_people.examine(found, Kinds(), Secrets({}), {})
    said = [words for _, what, _, words in all_of if what == "approvers are people of this machine"]
    assert [words.rpartition("approvers: ")[2] for words in said] == [
        "@no-such-group is none",
        "nobody-of-that-name is none",
    ]


async def test_a_store_that_can_not_be_had_is_missing(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        found = profile(tmp_path, f'store = "postgresql://ada@127.0.0.1:{held.getsockname()[1]}/ops"')
        grant, words = (await told(found))["can be used"]
    assert grant is Grant.MISSING
    assert "connection refused" in words


@pytest.mark.engine
async def test_a_store_that_anybody_on_the_way_can_read_is_told_of_with_the_remedy(
    tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.url("ada", prepared(postgres))
    found = profile(tmp_path, 'store = "env:OPSROOM_STORE"')
    secrets = Secrets({**os.environ, "OPSROOM_STORE": url})
    said = [f"{what} {grant.value} {words}" for _, what, grant, words in await doctor_people.examine(
        found, Kinds(), secrets, os.environ
    )]  # fmt: skip
    assert said[0].startswith(f"can be used, at 127.0.0.1:{postgres.port} ")
    assert "NOT ENCRYPTED" in said[1]
    assert "sslmode=verify-full" in said[1]
    assert postgres.password not in str(said)
