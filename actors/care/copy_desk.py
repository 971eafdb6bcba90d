"""The desk's part of a backup: a SQLite file, copied as one of its transactions left it while the desk goes on."""

from __future__ import annotations

import os
import pathlib
import sqlite3

from actors.store.data_folder import DataFolder
from actors.store.desk.file import FILE, opened
from actors.store.private import create_file, make_folder, sync_folder
from router.errors import Damaged

PAGES_A_STEP = 1_024  # then the desk may write


def copy_desk(data: DataFolder, target: DataFolder) -> None:
    """Where there is one. Before the logs are copied, so that the copy has read no further than they go."""
    source, copy = data.desk / FILE, target.desk / FILE
    if not source.exists():
        return
    make_folder(target.desk)
    os.close(create_file(copy))
    try:
        with opened(source) as living, opened(copy, "rw") as made:
            living.backup(made, pages=PAGES_A_STEP)
            [[said]] = made.execute("pragma quick_check(1)")
            made.execute("pragma journal_mode = delete")  # all in one file
    except sqlite3.Error as fault:
        raise Damaged(f"{source} cannot be copied ({fault}); remove {data.desk}, the log has what it tells") from None
    if said != "ok":
        raise Damaged(f"{source} is damaged ({said}); remove {data.desk}, the log has what it tells")
    _sync(copy)


def _sync(path: pathlib.Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    sync_folder(path.parent)
