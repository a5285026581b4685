"""Files that are only ours: whatever the umask, and whatever stands where they should be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.private import open_file, open_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ours"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def inside(folder: Path) -> Iterator[int]:
    opened = open_folder(folder)
    yield opened
    os.close(opened)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777])
def test_what_is_made_is_ours_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "a" / "b" / "c"
    before = os.umask(umask)
    try:
        opened = open_folder(folder)
        os.close(open_file(opened, "x", os.O_WRONLY | os.O_CREAT))
        os.close(opened)
    finally:
        os.umask(before)
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/c", "a/b/c/x")] == [0o700, 0o700, 0o700, 0o600]


def test_what_is_there_already_keeps_its_mode_if_nobody_else_can_write(folder: Path) -> None:
    folder.chmod(0o750)
    os.close(open_folder(folder))
    assert mode(folder) == 0o750


@pytest.mark.parametrize("wrong", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_others_can_write_to_is_refused(folder: Path, wrong: int) -> None:
    folder.chmod(wrong)
    with pytest.raises(PermissionError, match="can be written by others"):
        open_folder(folder)


def test_somebody_elses_folder_is_refused(folder: Path) -> None:
    foreign = Path("/")
    if os.geteuid() == 0:
        foreign = folder
        os.chown(foreign, 65534, 65534)
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        open_folder(foreign)


def test_a_link_is_no_folder_wherever_it_leads(folder: Path, tmp_path: Path) -> None:
    for name, leads in (("link", folder), ("dangling", tmp_path / "nowhere")):
        link = tmp_path / name
        link.symlink_to(leads)
        with pytest.raises(OSError):  # noqa: PT011 - ENOTDIR, ELOOP or ENOENT, as the system says it
            open_folder(link)
    assert not (tmp_path / "nowhere").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        open_folder(tmp_path / "file")


def test_a_link_is_no_file(folder: Path, inside: int, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (folder / "x").symlink_to(precious)
    with pytest.raises(OSError, match="symbolic links"):
        open_file(inside, "x", os.O_WRONLY | os.O_CREAT)
    assert precious.read_text() == "mine"


def test_a_file_with_a_second_name_is_refused_and_left_as_it_is(folder: Path, inside: int, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    precious.chmod(0o644)
    (folder / "x").hardlink_to(precious)
    with pytest.raises(PermissionError, match="second name"):
        open_file(inside, "x", os.O_RDWR | os.O_CREAT)
    assert (precious.read_text(), mode(precious)) == ("mine", 0o644)


def test_a_file_that_must_be_new_is_not_an_old_one(folder: Path, inside: int) -> None:
    (folder / "x").write_text("mine")
    with pytest.raises(FileExistsError):
        open_file(inside, "x", os.O_WRONLY | os.O_CREAT | os.O_EXCL)


def test_no_descriptor_is_left_open_or_passed_on(folder: Path, inside: int) -> None:
    def count() -> int:
        return len(os.listdir("/dev/fd"))

    before = count()
    folder.chmod(0o777)
    for _ in range(3):
        with pytest.raises(PermissionError):
            open_folder(folder)
    (folder / "x").write_text("")
    (folder / "y").hardlink_to(folder / "x")
    with pytest.raises(PermissionError):
        open_file(inside, "x", os.O_RDONLY)
    assert count() == before
    opened = open_file(inside, "z", os.O_RDWR | os.O_CREAT)
    assert not os.get_inheritable(opened)
    assert not os.get_inheritable(inside)
    os.close(opened)
