"""What belongs to this router alone: made so that no other user of the machine can read, replace or squat it.

A folder is closed before anything in it is opened. Behind a closed door nobody else makes, moves or links a file, so
what lies inside may be opened by its name.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

from router.errors import Misconfigured

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_OTHERS = 0o077


def make_folder(path: pathlib.Path) -> None:
    """Make a folder, or find it there: no link to one, ours, closed from now on; anything else is refused in words."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(FOLDER_MODE)
    refuse_strange(path)
    mode = path.lstat().st_mode
    if not stat.S_ISDIR(mode):
        raise Misconfigured(f"{path} is no folder but a link or a file; remove it, or name another folder")
    if mode & stat.S_ISVTX:
        raise Misconfigured(f"{path} is a folder for everybody; name a folder below it")
    _close(path, mode)


def refuse_strange(path: pathlib.Path) -> None:
    """What another user owns can be made into something else while we use it."""
    owner, ours = path.lstat().st_uid, os.geteuid()
    if owner != ours:
        raise Misconfigured(
            f"{path} belongs to {_user(owner)}, and this is {_user(ours)}: run as {_user(owner)}, "
            f"take it over with `chown -R {_user(ours)} {path}`, or name another folder"
        )


def is_private(path: pathlib.Path) -> bool:
    """Whether it is a folder, no link to one, ours and closed."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & _OTHERS


def is_for_places(parent: pathlib.Path) -> bool:
    """Whether what we make in a folder stays ours: in one that all may write, each must be kept from others' names."""
    try:
        mode = parent.stat().st_mode
    except OSError:
        return False
    return os.access(parent, os.W_OK | os.X_OK) and (bool(mode & stat.S_ISVTX) or not mode & 0o022)


def open_place(link: pathlib.Path, prefix: str, parents: Iterable[pathlib.Path]) -> None:
    """See to it that ``link``, in a folder of ours, leads to a folder of ours in the first of ``parents`` that will do.

    Where all may write, a name that can be known before can be taken before: the new folder's cannot. One that is still
    there is gone on with, unless it is another folder's, of which this one is a copy. Without parents ``link`` is one.
    """
    if is_place(link, prefix):
        return
    if link.is_symlink():
        link.unlink()
    parent = next(filter(is_for_places, parents), None)
    if parent is None or link.exists():
        make_folder(link)
    else:
        link.symlink_to(tempfile.mkdtemp(prefix=prefix, dir=parent))


def is_place(link: pathlib.Path, prefix: str) -> bool:
    """Whether it leads to a folder that ``open_place`` made for it."""
    place = link.resolve()
    return is_private(place) and (place == link or place.name.startswith(prefix))


def remove_place(link: pathlib.Path, prefix: str) -> None:
    if is_place(link, prefix):
        shutil.rmtree(link.resolve(), ignore_errors=True)
    if link.is_symlink():
        link.unlink()


def create_file(path: pathlib.Path) -> int:
    """Descriptor of a new file for writing, closed to others from its first byte, in place of what had its name."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)


@contextlib.contextmanager
def new_file(path: pathlib.Path) -> Iterator[IO[bytes]]:
    """The same as a file object; what was written is durable at the end, its name only with its folder."""
    with open(create_file(path), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: pathlib.Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folders(path: pathlib.Path) -> None:
    """Make the names in a folder durable, and those in all folders below it."""
    for below in path.rglob("*"):
        if below.is_dir():
            sync_folder(below)
    sync_folder(path)


def open_file(path: pathlib.Path) -> int:
    """Descriptor for reading and writing, of a file that is made when it is not there; a link is not followed."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


def close_to_others(paths: Iterable[pathlib.Path]) -> None:
    """Mend these and all below them, as an earlier release or a copy left them; what is another user's is refused."""
    for path, found in _all_below(paths):
        with contextlib.suppress(FileNotFoundError):
            refuse_strange(path)
            _close(path, found.st_mode)


def open_to_others(owner: int, doors: Iterable[pathlib.Path], paths: Iterable[pathlib.Path]) -> Iterator[pathlib.Path]:
    """Of these doors, and of these paths and all below them, what is another's, or others may read, write or enter."""
    for path, found in (*((door, door.lstat()) for door in doors), *_all_below(paths)):
        if found.st_uid != owner or (found.st_mode & _OTHERS and not stat.S_ISLNK(found.st_mode)):
            yield path


def _all_below(paths: Iterable[pathlib.Path]) -> Iterator[tuple[pathlib.Path, os.stat_result]]:
    """Links are told as themselves and not followed; what vanishes meanwhile is left out."""
    waiting = list(paths)
    for path in waiting:
        with contextlib.suppress(FileNotFoundError):
            found = path.lstat()
            yield path, found
            if stat.S_ISDIR(found.st_mode):
                waiting += path.iterdir()


def _close(path: pathlib.Path, mode: int) -> None:
    if mode & _OTHERS and not stat.S_ISLNK(mode):
        path.chmod(stat.S_IMODE(mode) & ~_OTHERS)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
