"""A Ray of our own: its token and its sockets are one data folder's, and nobody else's."""

from __future__ import annotations

import os
import pathlib
import shutil
import stat
from collections.abc import Iterator

import pytest

from actors.run.own_ray import own_place
from actors.store import data_folder
from actors.store.data_folder import DataFolder
from actors.store.private import is_private
from router.errors import Misconfigured

SESSION = "session_2026-11-30_03-30-44_060929_4194304"  # with the longest process number there is


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of the whole machine")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/nowhere/auth_token")


@pytest.fixture
def data(tmp_path: pathlib.Path) -> Iterator[DataFolder]:
    data = DataFolder(tmp_path / "a-long-name-of-a-folder" / "data")
    data.claim()
    data.open_places()
    yield data
    data.remove_shared()
    shutil.rmtree(data.ray)


def test_the_token_is_made_anew_at_each_start_for_one_folder_and_its_owner(data: DataFolder) -> None:
    own_place(data)
    first = data.ray_token.read_bytes()
    own_place(data)
    assert data.ray_token.read_bytes() != first and len(first) == 64
    assert stat.S_IMODE(data.ray_token.stat().st_mode) == 0o600
    assert os.environ["RAY_AUTH_TOKEN_PATH"] == str(data.ray_token)
    assert "RAY_AUTH_TOKEN" not in os.environ, "it would be taken instead"


def test_what_ray_opens_to_all_lies_behind_a_door_that_it_does_not_know(data: DataFolder) -> None:
    place = pathlib.Path(own_place(data))
    place.chmod(0o777)  # as Ray does
    assert place.parent == data.ray and is_private(data.ray)


@pytest.mark.parametrize("name", ["plasma_store", "raylet"])
def test_paths_of_its_sockets_are_never_too_long(name: str, data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(f"{own_place(data)}/{SESSION}/sockets/{name}") <= 107
    monkeypatch.setattr(data_folder, "_RAY_PARENT_BYTES_MAX", 0)
    other = DataFolder(data.path.with_name("a-folder-so-deep-that-no-socket-fits-below"))
    other.claim()
    other.open_places()
    with pytest.raises(Misconfigured, match="too long"):
        own_place(other)
    other.remove_shared()


def test_logs_of_the_last_sessions_are_kept_and_no_more(data: DataFolder) -> None:
    place = pathlib.Path(own_place(data))
    names = [f"session_2026-11-{day:02d}_00-00-00_000000_1" for day in range(1, 7)]
    for name in names:
        (place / name / "logs").mkdir(parents=True)
    (place / "session_latest").symlink_to(place / names[-1])
    own_place(data)
    assert sorted(path.name for path in place.iterdir()) == [*names[-3:], "session_latest"]
