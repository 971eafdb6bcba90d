"""A backup that somebody prepared writes and reads nothing outside, waits for nothing and leaves nothing."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import xxhash

from actors.care.backup import MANIFEST, CopiedFile, Summary, copy_tables
from actors.cli.main import main
from actors.store.data_folder import DataFolder
from actors.store.log_store import log_key
from actors.store.table_store import Manifest, TableStore, _checksum, parse_manifest
from router.errors import Damaged
from tests.actors.test_verify import edit
from tests.labs.small_folder import make_folder

SECRET = b"root:secret\n"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("backups")
    data, _ = make_folder(folder / "data")
    assert main(["backup", str(data.path), "--to", str(folder / "copy")]) == 0
    return folder / "copy"


@pytest.fixture
def ground(whole: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder with a backup, a secret beside it, and nothing else after a restore that was refused."""
    ground = tmp_path / "ground"
    shutil.copytree(whole, ground / "backup")
    (ground / "secret").write_bytes(SECRET)
    yield ground
    assert {path.name for path in ground.iterdir()} == {"backup", "secret"}
    assert {path.name for path in tmp_path.iterdir()} == {"ground"}
    assert (ground / "secret").read_bytes() == SECRET


def rewrite(backup: pathlib.Path, change: Callable[[list[CopiedFile]], list[CopiedFile]]) -> None:
    """The list as whoever made it would have sealed it."""
    summary = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=Summary)
    changed = msgspec.structs.replace(summary, files=change(list(summary.files))).sealed
    (backup / MANIFEST).write_bytes(msgspec.json.encode(changed))


def named(backup: pathlib.Path, name: str) -> CopiedFile:
    """An entry that fits the file, whatever it is called."""
    content = (backup / name).read_bytes()
    return CopiedFile(name, len(content), xxhash.xxh3_128_hexdigest(content))


def refused(capture: Capture, ground: pathlib.Path) -> str:
    code = main(["restore", str(ground / "backup"), "--to", str(ground / "new" / "data")])
    said = capture.readouterr().err
    assert code == 1 and "Traceback" not in said, said
    return said


STRANGE = [
    "../escaped", "../../escaped", "tables/../../escaped", "/tmp/escaped", "./meta.json", "shard-000//log/data.mdb",
    "shard-000/../../escaped", "shard-000", "tables", "", "ray.token", "lock", "shard-000/log/lock.mdb",
    "shard-0000/log/data.mdb", "tables/manifest.json\n", "tables/skus-٠٠٠٠٠٣.rows", "tables/.rows", "meta.json\x00",
    "ledger/checkpoint-.bin",
]  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_a_name_that_no_backup_has_is_refused_before_anything_is_made(
    name: str, ground: pathlib.Path, capsys: Capture
) -> None:
    rewrite(ground / "backup", lambda files: [*files, CopiedFile(name, len(SECRET), "0")])
    assert "as no backup does" in refused(capsys, ground)


def test_a_file_that_is_named_twice_is_refused(ground: pathlib.Path, capsys: Capture) -> None:
    rewrite(ground / "backup", lambda files: [*files, files[0]])
    assert "as no backup does" in refused(capsys, ground)


def to_link(path: pathlib.Path, ground: pathlib.Path) -> None:
    path.unlink()
    path.symlink_to(ground / "secret")


def to_folder(path: pathlib.Path, _: pathlib.Path) -> None:
    path.unlink()
    path.mkdir()


def to_fifo(path: pathlib.Path, _: pathlib.Path) -> None:
    path.unlink()
    os.mkfifo(path)


def to_device(path: pathlib.Path, _: pathlib.Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def to_linked_folder(path: pathlib.Path, ground: pathlib.Path) -> None:
    """The file is right, the way to it leads outside."""
    shutil.move(path.parent, ground / "elsewhere")
    path.parent.symlink_to(ground / "elsewhere")


def longer(path: pathlib.Path, _: pathlib.Path) -> None:
    os.truncate(path, 1 << 40)  # sparse


def shorter(path: pathlib.Path, _: pathlib.Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def missing(path: pathlib.Path, _: pathlib.Path) -> None:
    path.unlink()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("change", [to_link, to_folder, to_fifo, to_device, longer, shorter, missing])
@pytest.mark.parametrize("name", ["config.json", "tables/manifest.json", "ledger/log/data.mdb"])
def test_what_is_no_file_of_the_length_it_had_is_refused_and_not_waited_for(
    change: Callable[[pathlib.Path, pathlib.Path], None], name: str, ground: pathlib.Path, capsys: Capture
) -> None:
    change(ground / "backup" / name, ground)
    assert "use another backup" in refused(capsys, ground)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("change", [to_link, to_folder, to_fifo, to_device, longer, shorter])
def test_so_is_the_list_itself(change: Any, ground: pathlib.Path, capsys: Capture) -> None:
    change(ground / "backup" / MANIFEST, ground)
    assert "use another backup" in refused(capsys, ground)


@pytest.mark.parametrize("name", ["tables/manifest.json", "shard-001/log/data.mdb"])
def test_a_folder_of_the_backup_that_is_a_link_is_not_entered(name: str, ground: pathlib.Path, capsys: Capture) -> None:
    to_linked_folder(ground / "backup" / name, ground)
    assert "use another backup" in refused(capsys, ground)
    shutil.rmtree(ground / "elsewhere")


def test_a_link_to_a_file_of_ours_is_not_copied_even_where_the_list_fits_it(
    ground: pathlib.Path, capsys: Capture
) -> None:
    (ground / "backup" / "admin.key").symlink_to(ground / "secret")
    entry = named(ground / "backup", "admin.key")
    rewrite(ground / "backup", lambda files: [*(file for file in files if file.path != "admin.key"), entry])
    assert "use another backup" in refused(capsys, ground)


def test_a_backup_whose_bytes_fit_but_whose_records_do_not_leaves_nothing_either(
    whole: pathlib.Path, ground: pathlib.Path, capsys: Capture
) -> None:
    """Somebody changed a record and then the list."""
    backup = ground / "backup"
    edit(DataFolder(backup).shard(0), b"log", log_key(2, 0), lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))
    for left in backup.rglob("lock*"):
        left.unlink()
    rewrite(backup, lambda files: [named(backup, file.path) for file in files])
    code = main(["restore", str(backup), "--to", str(ground / "new" / "data")])
    said = capsys.readouterr().out
    assert code == 1 and "nothing was restored" in said and "checksum" in said


def test_the_name_of_every_folder_is_durable_when_restore_ends(
    whole: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of those that hold only folders, and of those above that had to be made."""
    synced, really = set(), os.fsync

    def noting(handle: int) -> None:
        synced.add(pathlib.Path(os.readlink(f"/proc/self/fd/{handle}")))
        really(handle)

    monkeypatch.setattr(os, "fsync", noting)
    target = tmp_path / "new" / "place" / "data"
    assert main(["restore", str(whole), "--to", str(target)]) == 0
    made = target.with_name("data.restoring")
    folders = [made / path.relative_to(target) for path in (target, *target.rglob("*")) if path.is_dir()]
    assert {*folders, *target.parents[:3]} <= synced and len(folders) > 5


@pytest.mark.parametrize("name", ["../../escaped", "/etc/passwd", "..", "a/b.rows", "skus-000001.rows/..", "x"])
def test_tables_that_lead_out_of_their_folder_are_damaged_wherever_they_are_read(
    name: str, tmp_path: pathlib.Path
) -> None:
    data, _ = make_folder(tmp_path / "data")
    path = data.tables / "manifest.json"
    for change in ({"compiled": name}, {"rows": {"skus": name}}):
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        versions = [*manifest.versions[:-1], msgspec.structs.replace(manifest.versions[-1], **change)]
        hostile = msgspec.json.encode(Manifest(versions, _checksum(versions)))
        with pytest.raises(Damaged, match="no file of a table"):
            parse_manifest(hostile, path)
        (tmp_path / "tables").mkdir(exist_ok=True)
        (tmp_path / "tables" / "manifest.json").write_bytes(hostile)
        with pytest.raises(Damaged, match="no file of a table"):
            TableStore(tmp_path / "tables").current()
        with pytest.raises(Damaged, match="no file of a table"):
            copy_tables(tmp_path / "tables", tmp_path / "copy" / "tables")
    assert not list(tmp_path.rglob("escaped"))
