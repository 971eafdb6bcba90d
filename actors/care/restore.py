"""``order-router restore``: a data folder from a backup that may have lain anywhere meanwhile, and is not trusted.

Taken is what its list names, and the list may name only what a backup has. Each file is opened below the backup's
folder without following a link, must be a file, and is read no further than it was long. What is made lies beside its
final name until it is whole; where anything goes wrong, nothing stays.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from typing import IO

import msgspec
import xxhash

from actors.care.backup import FORMAT, MANIFEST, PIECE_BYTES, SMALL_FILES, CopiedFile, Show, Summary, empty_target
from actors.store.data_folder import DataFolder
from actors.store.private import make_folder, new_file, sync_folder, sync_folders
from actors.store.table_store import FILE_NAME
from router.errors import Damaged, Misconfigured

_NAME = re.compile(
    rf"(?:{'|'.join(map(re.escape, SMALL_FILES))}|tables/manifest\.json|tables/{FILE_NAME.pattern}"
    r"|desk/desk\.sqlite|(?:ledger|shard-\d{3})/(?:log/data\.mdb|checkpoint-\d{1,20}\.bin))",
    re.ASCII,
)
_MANIFEST_BYTES_MAX = 64 << 20


def restore(
    source: pathlib.Path, target: pathlib.Path, progress: Show, is_whole: Callable[[DataFolder], bool]
) -> Summary:
    """A data folder from a backup; appears only when ``is_whole`` has said so of it, else raises Damaged."""
    with _folder(source) as backup:
        summary = _read_manifest(backup, source)
        target = empty_target(target)
        unfinished = target.with_name(target.name + ".restoring")
        if unfinished.exists():
            raise Misconfigured(f"{unfinished} is left of a restore that did not end; remove it and try again")
        with _all_or_nothing(unfinished):
            for file in summary.files:
                progress(f"copying {file.path}")
                _copy(backup, source, file, unfinished)
            sync_folders(unfinished)
            if not is_whole(DataFolder(unfinished)):
                raise Damaged(f"{source} is not whole; nothing was restored, use another backup")
            unfinished.rename(target)
    return summary


@contextlib.contextmanager
def _folder(path: pathlib.Path) -> Iterator[int]:
    """Descriptor that names are looked up below."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _all_or_nothing(folder: pathlib.Path) -> Iterator[None]:
    """A new folder, removed where it comes to no good end, and every folder above it that had to be made; else its name
    and theirs are durable."""
    made = next((above for above in reversed(folder.parents) if not above.exists()), folder)
    try:
        make_folder(folder)
        yield
        for above in folder.parents:
            sync_folder(above)
            if above == made.parent:
                break
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _read_manifest(backup: int, source: pathlib.Path) -> Summary:
    path = source / MANIFEST
    try:
        os.lstat(MANIFEST, dir_fd=backup)
    except FileNotFoundError:
        raise Misconfigured(f"{source} is no backup, or one that was not finished: it has no {MANIFEST}") from None
    with _opened(backup, source, MANIFEST) as file:
        content = file.read(_MANIFEST_BYTES_MAX + 1)
    try:
        summary = msgspec.json.decode(content, type=Summary)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Damaged(f"{path} cannot be read ({fault}); use another backup") from None
    if summary != summary.sealed:
        raise Damaged(f"{path} does not fit its checksum; use another backup")
    if summary.format != FORMAT:
        raise Misconfigured(f"{source} has format {summary.format}; this version restores format {FORMAT}")
    names = [file.path for file in summary.files]
    strange = [name for name in names if not _NAME.fullmatch(name)]
    if strange or len(set(names)) < len(names):
        raise Damaged(f"{path} names {ascii(strange[:1] or 'a file twice')}, as no backup does; use another backup")
    return summary


@contextlib.contextmanager
def _opened(backup: int, source: pathlib.Path, name: str) -> Iterator[IO[bytes]]:
    """A file of the backup for reading; a link on the way to it is refused, and so is what one could wait for."""
    *rooms, last = name.split("/")
    try:
        with contextlib.ExitStack() as doors:
            folder = backup
            for room in rooms:
                folder = os.open(room, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                doors.callback(os.close, folder)
            handle = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as fault:
        raise _strange(source / name, os.strerror(fault.errno or 0)) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _strange(source / name, "no file")
    with open(handle, "rb") as file:
        yield file


def _strange(path: pathlib.Path, what: str) -> Damaged:
    return Damaged(f"{path} is not what was backed up ({what}); nothing was restored, use another backup")


def _copy(backup: int, source: pathlib.Path, said: CopiedFile, target: pathlib.Path) -> None:
    """What is copied is what is compared, so nobody can change it in between."""
    path, digest, left = target / said.path, xxhash.xxh3_128(), said.bytes
    for room in reversed(path.relative_to(target).parents):
        make_folder(target / room)
    with _opened(backup, source, said.path) as file, new_file(path) as copy:
        while left >= 0 and (piece := file.read(min(PIECE_BYTES, left + 1))):  # a byte more shows that it is longer
            digest.update(piece)
            copy.write(piece)
            left -= len(piece)
    if left or digest.hexdigest() != said.xxh3:
        raise _strange(source / said.path, "other bytes")
