"""What typing narrows a menu down to."""

from __future__ import annotations

from probes.docker.act_prune import PRUNE, REMOVE_IMAGE, REMOVE_VOLUME
from tests.toys import room
from tests.tui.test_screens import sitting
from tui.screens.prompt import Prompt
from tui.screens.sheet import Menu, looks_menu


def narrowed(typed: str) -> list[str]:
    items = [(one.name, one.title, one.what) for one in (REMOVE_IMAGE, PRUNE, REMOVE_VOLUME)]
    menu = Menu(room("one"), "act", items, lambda key: None)
    menu._typed = typed
    return [one.key for one in menu._shown(80)]


def test_what_is_called_so_comes_before_what_only_speaks_of_it() -> None:
    """A prune says that it takes no volume: who types "volume" and Enter does not mean it."""
    assert "volume" in PRUNE.what
    assert narrowed("volume") == ["remove-volume", "prune"]
    assert narrowed("remove") == ["remove-image", "remove-volume", "prune"]
    assert narrowed("") == ["remove-image", "prune", "remove-volume"]


def test_long_names_take_the_room_that_the_words_beside_them_leave() -> None:
    ways = [("a", "Option A: the tasks run and none of them is well", "1 step"), ("b", "none of them", "go on")]
    menu = Menu(room("one"), "Which way?", ways, lambda key: None)
    first, second = (one.text for one in menu._shown(78))
    assert ways[0][1] in first
    assert first.index("1 step") == second.index("go on")
    assert len(menu._shown(40)[0].text) <= 40


def test_the_looks_that_suit_a_row_stand_first() -> None:
    shop = room("one")
    assert [one.key for one in looks_menu(shop, "one", "thing 1")._lines(80)] == ["logs", "sizes"]
    assert [one.key for one in looks_menu(shop, "one", "thing 1", ("sizes",))._lines(80)] == ["sizes", "logs"]


async def test_enter_on_nothing_leaves_the_line_to_be_mended() -> None:
    async with sitting() as person:
        await person.press("colon")
        await person.sees("restart, run")
        await person.press(*"zzz")
        await person.sees("nothing of that name")
        await person.press("enter")
        await person.until(lambda: isinstance(person.app.focused, Prompt) and person.app.focused.value == "zzz", "zzz")
        await person.press("ctrl+u")
        await person.sees("restart, run")
