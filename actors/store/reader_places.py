"""Where each reader of the feed is, as it said last: a small file each, below the shared folder.

Only to be looked at, for how far a reader is behind is to be seen also when it is dead. What a reader goes on from is
kept by itself, together with what it did.
"""

from __future__ import annotations

import pathlib

from actors.store.private import make_folder

_BEING_WRITTEN = ".part"


def tell_place(folder: pathlib.Path, reader: str, cursor: str) -> None:
    """Replace what was said before."""
    make_folder(folder)
    part = folder / (reader + _BEING_WRITTEN)
    part.write_text(cursor, encoding="ascii")
    part.replace(folder / reader)


def told_places(folder: pathlib.Path) -> dict[str, str]:
    """The cursor of every reader that ever said where it is since the router was started."""
    files = [file for file in sorted(folder.glob("*")) if file.suffix != _BEING_WRITTEN]
    return {file.name: file.read_text(encoding="ascii") for file in files}
