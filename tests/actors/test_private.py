"""What a router makes is its own: closed from the first byte, in no place that another user took before."""

from __future__ import annotations

import os
import pathlib
import stat
from collections.abc import Callable
from typing import Any

import pytest

from actors.care.doctor.folder import check
from actors.cli.main import main
from actors.store import data_folder
from actors.store.bell import Bell
from actors.store.data_folder import DataFolder, write_durably
from actors.store.mapped import SharedArena
from actors.store.private import close_to_others, create_file, is_for_places, is_private, make_folder, open_file
from router.config import Config
from router.errors import Misconfigured
from tests.labs.other_user import NOBODY, can_read, needs_root, open_ground
from tests.labs.small_folder import make_folder as make_data

__all__ = ["open_ground"]
SECRET = "erika@example.com"


def mode_of(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def wide_below(folder: pathlib.Path) -> list[str]:
    """What others could use if they got there."""
    return [str(path) for path in (folder, *folder.rglob("*")) if not path.is_symlink() and mode_of(path) & 0o077]


@pytest.fixture(autouse=True)
def _umask() -> Any:
    """As wide as it may be: what is private is so whatever the user's habits."""
    before = os.umask(0)
    yield
    os.umask(before)


# --- making --------------------------------------------------------------------------------------


def test_a_folder_is_closed_from_the_first_moment_and_one_that_is_open_is_closed(tmp_path: pathlib.Path) -> None:
    make_folder(tmp_path / "new" / "folder")
    assert is_private(tmp_path / "new" / "folder")
    (tmp_path / "old").mkdir(0o777)
    make_folder(tmp_path / "old")
    assert is_private(tmp_path / "old")


@pytest.mark.parametrize("kind", ["link", "file", "dangling"])
def test_a_link_or_a_file_where_a_folder_should_be_is_refused_in_words(kind: str, tmp_path: pathlib.Path) -> None:
    path, other = tmp_path / "folder", tmp_path / "other"
    other.mkdir(0o755)
    path.write_text("") if kind == "file" else path.symlink_to(other if kind == "link" else tmp_path / "none")
    with pytest.raises(Misconfigured, match="a link or a file"):
        make_folder(path)
    assert mode_of(other) == 0o755, "what it leads to was not touched"


@needs_root
def test_a_folder_of_another_user_is_refused_in_words(tmp_path: pathlib.Path) -> None:
    (tmp_path / "theirs").mkdir(0o700)
    os.chown(tmp_path / "theirs", NOBODY, NOBODY)
    with pytest.raises(Misconfigured, match=r"belongs to .*chown -R"):
        make_folder(tmp_path / "theirs")


def test_a_folder_for_everybody_is_not_taken_from_everybody(tmp_path: pathlib.Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "all").chmod(0o1777)
    with pytest.raises(Misconfigured, match="for everybody"):
        make_folder(tmp_path / "all")
    assert mode_of(tmp_path / "all") == 0o1777


def test_a_new_file_takes_the_place_of_a_link_and_follows_none(tmp_path: pathlib.Path) -> None:
    (tmp_path / "theirs").write_text("as it was")
    (tmp_path / "name").symlink_to(tmp_path / "theirs")
    with pytest.raises(OSError, match="symbolic"):
        open_file(tmp_path / "name")
    with open(create_file(tmp_path / "name"), "w") as file:
        file.write("ours")
    assert (tmp_path / "theirs").read_text() == "as it was" and mode_of(tmp_path / "name") == 0o600
    (tmp_path / "small.part").symlink_to(tmp_path / "theirs")
    write_durably(tmp_path / "small", b"ours")
    assert (tmp_path / "theirs").read_text() == "as it was" and mode_of(tmp_path / "small") == 0o600


# --- places elsewhere ----------------------------------------------------------------------------


def squatters(folder: pathlib.Path, victim: pathlib.Path) -> list[Callable[[pathlib.Path], object]]:
    return [
        lambda place: place.symlink_to(victim),
        lambda place: place.symlink_to(folder / "nowhere"),
        lambda place: place.mkdir(0o777),
    ]


@pytest.mark.parametrize("number", range(3))
def test_who_takes_the_name_that_was_used_before_takes_nothing(
    number: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A router was killed, the machine was started again, and somebody else is quicker with the old name."""
    memory, victim = tmp_path / "memory", tmp_path / "victim"
    memory.mkdir(0o700), victim.mkdir(0o700)
    (victim / "diary").write_text("mine")
    monkeypatch.setattr(data_folder, "_MEMORY", memory)
    data = DataFolder(tmp_path / "data")
    data.claim()
    data.open_places()
    before = data.shared
    assert is_private(before) and before.parent == memory
    before.rmdir()
    squatters(tmp_path, victim)[number](before)
    data.open_places()
    assert data.shared != before and is_private(data.shared)
    SharedArena(data.shared / "shard-000").allocate("a", 64)
    data.remove_shared()
    assert (victim / "diary").read_text() == "mine" and before.lstat()
    assert not (data.path / "shared").is_symlink()


def test_the_place_that_a_killed_router_left_is_gone_on_with_and_a_copy_of_its_folder_gets_its_own(
    tmp_path: pathlib.Path,
) -> None:
    data, copy = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "copy")
    data.claim(), copy.claim()
    data.open_places()
    place, ray = data.shared, data.ray
    data.open_places()
    assert (data.shared, data.ray) == (place, ray)
    for name in ("shared", "ray"):
        (copy.path / name).symlink_to((data.path / name).readlink())
    copy.remove_shared()
    assert place.is_dir(), "it belongs to the other one"
    copy.open_places()
    assert copy.shared != place and copy.ray != ray
    for folder in (data, copy):
        folder.remove_shared()
        assert not folder.shared.exists()
        folder.ray.rmdir()


def test_without_a_fit_folder_for_all_mapped_arrays_lie_in_the_data_folder(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, mode, fit in (("sticky", 0o1777, True), ("open", 0o777, False), ("own", 0o755, True)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
        assert is_for_places(tmp_path / name) is fit
    monkeypatch.setattr(data_folder, "_MEMORY", tmp_path / "open")
    data = DataFolder(tmp_path / "data")
    data.claim()
    data.open_places()
    assert data.shared == data.path / "shared" and is_private(data.shared)
    data.remove_shared()
    assert not data.shared.exists()
    data.ray.rmdir()


def test_an_arena_in_a_folder_that_is_a_link_is_refused_and_nothing_behind_it_is_removed(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "diary").write_text("mine")
    (tmp_path / "arena").symlink_to(tmp_path / "theirs")
    with pytest.raises(Misconfigured):
        SharedArena(tmp_path / "arena")
    with pytest.raises(Misconfigured):
        Bell(tmp_path / "arena" / "bell")
    assert (tmp_path / "theirs" / "diary").read_text() == "mine"


# --- the data folder -----------------------------------------------------------------------------


def test_everything_that_route_backup_restore_and_a_cut_make_is_closed(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, _ = make_data(tmp_path / "data")
    assert main(["backup", str(data.path), "--to", str(tmp_path / "copy")]) == 0
    assert main(["restore", str(tmp_path / "copy"), "--to", str(tmp_path / "restored")]) == 0
    assert main(["doctor", "--data", str(data.path), "--cut-to", str(tmp_path / "cut")]) == 0
    assert main(["keys", "add", "shop", "channel", "--data", str(data.path)]) == 0
    for name in ("data", "copy", "restored", "cut"):
        assert len(list((tmp_path / name).rglob("*.mdb"))) >= 3
        assert wide_below(tmp_path / name) == []


def test_a_backup_into_an_empty_folder_that_is_open_closes_it_before_it_writes(tmp_path: pathlib.Path) -> None:
    data, _ = make_data(tmp_path / "data")
    (tmp_path / "copy").mkdir(0o777)
    assert main(["backup", str(data.path), "--to", str(tmp_path / "copy")]) == 0
    assert is_private(tmp_path / "copy")


def open_up(folder: pathlib.Path) -> None:
    """As releases before left it."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_doctor_names_what_is_wider_and_the_next_start_mends_it(tmp_path: pathlib.Path) -> None:
    data, _ = make_data(tmp_path / "data")
    (privacy,) = [finding for finding in check(data.path) if finding.subject == "Privacy"]
    assert privacy.level == "ok"
    (data.path / "meta.json").chmod(0o640)
    (privacy,) = [finding for finding in check(data.path) if finding.subject == "Privacy"]
    assert privacy.level == "warning" and str(data.path / "meta.json") in privacy.found and "chmod" in privacy.remedy
    open_up(data.path)
    (privacy,) = [finding for finding in check(data.path) if finding.subject == "Privacy"]
    assert str(data.path) in privacy.found and "more" in privacy.found
    data.claim()
    assert wide_below(data.path) == []
    (privacy,) = [finding for finding in check(data.path) if finding.subject == "Privacy"]
    assert privacy.level == "ok"


@needs_root
def test_what_another_user_put_into_an_open_folder_is_refused_in_words_and_named_by_doctor(
    tmp_path: pathlib.Path,
) -> None:
    data, _ = make_data(tmp_path / "data")
    planted = data.shard(0) / "checkpoint-7.bin"
    planted.symlink_to("/etc/passwd")
    os.chown(planted, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(Misconfigured, match=str(planted)):
        data.claim()
    (privacy,) = [finding for finding in check(data.path) if finding.subject == "Privacy"]
    assert str(planted) in privacy.found


def test_a_part_that_is_a_link_of_ours_to_another_disk_is_followed(tmp_path: pathlib.Path) -> None:
    data, _ = make_data(tmp_path / "data")
    data.shard(1).rename(tmp_path / "other-disk")
    data.shard(1).symlink_to(tmp_path / "other-disk")
    data.claim()
    assert main(["verify", "--data", str(data.path)]) == 0


@pytest.mark.parametrize("name", ["notes.txt", "shard-0", "rayon"])
def test_a_folder_that_holds_other_things_is_not_taken_and_not_changed(name: str, tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir(0o755)
    (folder / name).write_text("")
    (folder / name).chmod(0o644)
    with pytest.raises(Misconfigured, match=f"other things .{name}."):
        DataFolder(folder).create(Config())
    assert (mode_of(folder), mode_of(folder / name)) == (0o755, 0o644)


def test_what_is_beside_the_routers_files_is_left_alone(tmp_path: pathlib.Path) -> None:
    data, _ = make_data(tmp_path / "data")
    (data.path / "notes.txt").write_text("")
    (data.path / "notes.txt").chmod(0o644)
    (data.path / "lost+found").mkdir()
    data.claim()
    assert mode_of(data.path / "notes.txt") == 0o644


def test_what_vanishes_while_doors_are_closed_is_no_fault(tmp_path: pathlib.Path) -> None:
    (tmp_path / "there").write_text("")
    (tmp_path / "there").chmod(0o644)
    close_to_others([tmp_path / "gone", tmp_path / "there"])
    assert mode_of(tmp_path / "there") == 0o600


@needs_root
def test_another_user_reads_nothing_of_a_folder_where_every_file_was_readable_before(
    open_ground: pathlib.Path,
) -> None:
    data, _ = make_data(open_ground / "data")
    open_up(data.path)
    assert len(can_read([data.path])) > 10, "as it was: the test can fail"
    data.claim()
    assert can_read([data.path]) == []
