"""The table of keys: no two things on one key, none taken from the terminal, and a person's changes are checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk.profile import ProfileError
from tui import preferences
from tui.keys import FORBIDDEN, KEYS, Key, KeyClash, Keymap, shown

PLACES = (
    "everywhere", "overview", "detail", "chart", "act", "inbox", "log", "sheet", "runbook", "procedure",
    "checklists", "checklist", "incidents", "incident", "consent", "demo", "replay", "wall",
)  # fmt: skip


def clash(changes: dict[str, str]) -> str:
    """The words with which changed keys are refused."""
    with pytest.raises(KeyClash) as caught:
        Keymap(changes)
    return str(caught.value)


def bound(keymap: Keymap, where: str) -> dict[str, str]:
    return {binding.key: binding.action for binding in keymap.bindings(where)}


def test_the_table_itself_has_no_clash_and_takes_no_key_of_the_terminal() -> None:
    Keymap()
    assert FORBIDDEN & {one for key in KEYS for one in key.keys.split(",")} == {"ctrl+z"}, "which does what it does"


def test_every_name_is_unique_and_belongs_to_a_known_place() -> None:
    assert len({key.id for key in KEYS}) == len(KEYS)
    assert {key.where for key in KEYS} == set(PLACES)


def test_the_keys_people_know_do_what_they_know() -> None:
    everywhere, detail = bound(Keymap(), "everywhere"), bound(Keymap(), "detail")
    assert everywhere["question_mark"] == "help"
    assert everywhere["q"] == "leave"
    assert everywhere["escape"] == "step_back"
    assert everywhere["colon"] == everywhere["ctrl+p"] == "palette"
    assert (detail["j"], detail["k"], detail["slash"], detail["enter"]) == ("down", "up", "filter", "describe")


def test_every_hint_of_a_footer_is_a_key_of_that_place() -> None:
    for where in ("overview", "detail", "log", "sheet"):
        words = [what for _, what in Keymap().hints(where, demo=True)]
        assert {"help", "quit" if where == "overview" else "back", "demo faults"} <= set(words)
        known = {key.what for key in KEYS if key.where in (where, "everywhere", "demo")}
        assert set(words) <= known | {"back"}


def test_the_demonstrations_keys_are_hinted_only_there() -> None:
    assert "demo faults" not in [what for _, what in Keymap().hints("overview")]


def test_the_demonstrations_keys_take_no_room_from_those_of_a_screen() -> None:
    for where in ("detail", "log", "inbox", "sheet"):
        assert Keymap().hints(where, demo=True)[-1] == ("F", "demo faults")
    assert "demo faults" in [what for _, what in Keymap().hints("overview", demo=True)[:4]]


def test_two_things_on_one_key_are_both_named() -> None:
    said = clash({"table.sort": "slash"})
    assert "table.sort" in said
    assert "table.filter" in said
    assert "slash" in said


def test_a_key_of_everywhere_clashes_on_every_screen() -> None:
    said = clash({"room.freeze": "j"})
    for name in ("over.down", "table.down", "log.down", "sheet.down"):
        assert f"room.freeze and {name}" in said


def test_the_demonstrations_keys_clash_on_every_screen_too() -> None:
    assert "F is bound to both demo.faults and over.alerts" in clash({"over.alerts": "F"})


def test_every_fault_is_told_at_once_each_with_its_key() -> None:
    with pytest.raises(KeyClash) as caught:
        Keymap({"table.srot": "o", "room.freeze": "spcae", "over.alerts": "F"})
    assert [name for name, _ in caught.value.faults] == ["over.alerts", "room.freeze", "table.srot"]


@pytest.mark.parametrize("key", sorted(FORBIDDEN))
def test_a_key_of_the_terminal_is_refused(key: str) -> None:
    assert f"table.sort: {key} belongs to the terminal" in clash({"table.sort": key})


def test_a_thing_nobody_knows_is_refused_with_a_guess() -> None:
    assert clash({"table.srot": "o"}) == "there is no table.srot; did you mean table.sort?"


@pytest.mark.parametrize("key", ["spcae", "f99", "hyper+x", "ctrl+", "ctrl+nothing", "<any>", "x)y"])
def test_a_key_that_does_not_exist_is_refused_instead_of_never_working(key: str) -> None:
    said = clash({"table.sort": key})
    assert said.startswith(f"table.sort: there is no key {key}")


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("o", "o"), ("O", "O"), ("&", "ampersand"), ("-x", ""), ("ampersand", "ampersand"),
        ("F5", "f5"), ("Ctrl+O", "ctrl+o"), ("backspace", "backspace"), ("shift+o", "O"), ("'", "apostrophe"),
        ("#", "number_sign"), ("~", "tilde"), ("@", "at"), ("ctrl+]", "ctrl+right_square_bracket"),
        ("Shift+F5", "shift+f5"), ("alt+o", "alt+o"), ("comma", "comma"), ("é", "é"),
    ],
)  # fmt: skip
def test_a_key_may_be_written_as_people_write_it(written: str, key: str) -> None:
    if not key:
        clash({"table.sort": written})
        return
    assert bound(Keymap({"table.sort": written}), "detail")[key] == "sort"


def test_several_keys_may_do_one_thing_and_the_first_is_shown() -> None:
    keymap = Keymap({"table.sort": "o, f5, o"})
    detail = bound(keymap, "detail")
    assert detail["o"] == detail["f5"] == "sort"
    assert "s" not in detail
    assert ("o", "sort") in keymap.hints("detail")


def test_the_digits_of_the_blocks_may_move_to_other_keys() -> None:
    keymap = Keymap({"over.panel": "f1,f2,f3"})
    assert bound(keymap, "overview")["f2"] == "panel('2')"


def test_no_written_key_can_slip_into_an_action() -> None:
    for binding in Keymap({"over.panel": "',(,)"}).bindings("overview"):
        assert binding.action.isidentifier() or binding.action in {f"panel('{digit}')" for digit in range(1, 10)}


@pytest.mark.parametrize(
    ("keys", "face"),
    [("question_mark", "?"), ("1,2,3", "1-3"), ("ctrl+p", "Ctrl+P"), ("G,end", "G"), ("f5", "F5"), ("enter", "Enter")],
)
def test_a_key_is_shown_as_it_is_written_on_the_keyboard(keys: str, face: str) -> None:
    assert shown(keys) == face


def test_a_clash_in_a_table_of_ones_own_is_found() -> None:
    with pytest.raises(KeyClash, match=r"x is bound to both a\.one and a\.two"):
        Keymap(None, [Key("a.one", "x", "one", "overview"), Key("a.two", "x", "two", "overview")])


# A person's preferences


def refused(path: Path) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        preferences.load(path)
    return str(caught.value).splitlines()


def test_no_preferences_are_the_defaults(tmp_path: Path) -> None:
    found = preferences.load(tmp_path / "preferences.toml")
    assert (found.theme, found.mouse, found.ascii, found.keys) == ("night", None, None, {})


def test_preferences_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "preferences.toml"
    path.write_text('theme = "day"\nmouse = false\n[keys]\n"table.sort" = "o"\n')
    found = preferences.load(path)
    assert (found.theme, found.mouse, found.keys) == ("day", False, {"table.sort": "o"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('mouse = false\ntheme = "sunset"', ":2: theme: must be one of night, day, safe, plain"),
        ('them = "day"', ":1: them: is not a known key; did you mean theme?"),
        ('[keys]\n"table.sort" = "slash"', "keys.table.sort: slash is bound to both table.sort and table.filter"),
        ('[keys]\n"table.sort" = "ctrl+z"', "table.sort: ctrl+z belongs to the terminal"),
        ('[keys]\n"table.sort" = 3', ":2: keys.table.sort: "),
        ('theme = "day', ":1: is not valid TOML"),
        ("x = " + "[" * 5000, "is nested too deeply"),
    ],
)
def test_each_mistake_in_the_preferences_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "preferences.toml"
    path.write_text(text)
    (line,) = refused(path)
    assert line.startswith(str(path))
    assert said in line


def test_two_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "preferences.toml"
    path.write_text('theme = "sunset"\n[keys]\n"table.sort" = "slash"\n')
    assert len(refused(path)) == 2


@pytest.mark.parametrize("make", ["folder", "pipe", "latin", "link"])
def test_preferences_that_are_no_text_file_are_refused_in_words(tmp_path: Path, make: str) -> None:
    path = tmp_path / "preferences.toml"
    if make == "folder":
        path.mkdir()
    elif make == "latin":
        path.write_bytes(b"# caf\xe9")
    elif make == "link":
        path.symlink_to(tmp_path / "nowhere")
    else:
        import os

        os.mkfifo(path)
    (line,) = refused(path)
    assert line.startswith(f"{path}:")
