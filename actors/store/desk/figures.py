"""What waits on the desk, in a small file below the shared folder: gateways show it, also while the desk is away."""

from __future__ import annotations

import pathlib

import msgspec

from actors.store.private import make_folder


class Waiting(msgspec.Struct, frozen=True):
    """Work items of one queue and state."""

    queue: str
    state: str
    items: int
    oldest_ms: int  # when the one was raised that waits longest


class Figures(msgspec.Struct, frozen=True):
    work: list[Waiting]
    outbox: int  # events on their way
    outbox_oldest_ms: int  # when the oldest of them was decided, 0 = there is none


def tell(path: pathlib.Path, figures: Figures) -> None:
    make_folder(path.parent)
    part = path.with_name(path.name + ".part")
    part.write_bytes(msgspec.json.encode(figures))
    part.replace(path)


def told(path: pathlib.Path) -> Figures | None:
    """None before the desk has said anything."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Figures)
    except FileNotFoundError:
        return None
