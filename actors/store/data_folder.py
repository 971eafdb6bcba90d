"""The data folder: its paths, its identity, and the one process group that may use it."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import secrets
import tempfile
import time
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
import xxhash

from actors.store.locks import FolderLock
from actors.store.private import (
    close_to_others,
    make_folder,
    new_file,
    open_place,
    open_to_others,
    remove_place,
    sync_folder,
)
from router.config import SHARDS_MAX, Config
from router.errors import Misconfigured
from router.ids import Scope, hash_key

FORMAT = 1
META_BYTES_MAX = 4_096  # it has some 150
# What a data folder holds; whatever else lies in it is left alone.
_PARTS = re.compile(
    r"admin\.key|backup\.json|config\.json|desk|keys\.json(\.lock)?|ledger|lock|meta\.json|ray|ray\.token|shard-\d{3}|shared"
    r"|tables"
)
_MEMORY = pathlib.Path("/dev/shm")
SOCKET_BYTES_MAX = 107  # of the path of a socket
RAY_BELOW_BYTES = 65  # what Ray adds to the folder that it is given
_RAY_PARENT_BYTES_MAX = SOCKET_BYTES_MAX - RAY_BELOW_BYTES - 31  # which are ours: /order-router-…/r
U64 = npt.NDArray[np.uint64]


def now_ms() -> int:
    """The clock of the edges; everything below gets its time with the batch."""
    return time.time_ns() // 1_000_000


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What may never change once orders are stored: ``DIR/meta.json``."""

    format: int
    shards: Annotated[int, msgspec.Meta(ge=1, le=SHARDS_MAX)]
    hash_key: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]  # 16 random bytes, hex: keys the hash of ids
    checksum: str = ""  # of the others; "" in the first folders
    order_id_scope: Scope = "global"  # within what an order's id is unique

    @property
    def sealed(self) -> Identity:
        said = f"{self.format} {self.shards} {self.hash_key}"
        if self.order_id_scope != "global":
            said += f" {self.order_id_scope}"
        return msgspec.structs.replace(self, checksum=xxhash.xxh3_64_hexdigest(said.encode()))


class DataFolder:
    """Paths below a data folder. ``create`` writes the identity at the first start."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path).resolve()

    def create(self, config: Config) -> Identity:
        """Identity of the folder, made when it is new; what may never change and differs is refused in words."""
        self.claim()
        meta = self.path / "meta.json"
        if not meta.exists():
            made = Identity(FORMAT, config.shards, secrets.token_hex(16), order_id_scope=config.order_id_scope)
            write_durably(meta, msgspec.json.encode(made.sealed))
        identity = self.identity()
        if identity.shards != config.shards:
            raise Misconfigured(
                f"{self.path} was made with {identity.shards} shards, not {config.shards}: "
                f"start with --shards {identity.shards}, or use another folder"
            )
        if identity.order_id_scope != config.order_id_scope:
            raise Misconfigured(
                f"{self.path} was made with order_id_scope {identity.order_id_scope!r}, not {config.order_id_scope!r}: "
                "set it so in the configuration, or use another folder"
            )
        return identity

    def claim(self) -> None:
        """Make the folder, or find it ours, and close it and all that is in it to others. Comes before all else."""
        if self.path.is_dir() and not (self.path / "meta.json").exists():
            for other in sorted(set(self.path.iterdir()) - set(self._parts())):
                if not other.name.startswith(".") and other.name != "lost+found":
                    raise Misconfigured(
                        f"{self.path} holds other things ({other.name}); name a new folder or an empty one"
                    )
        make_folder(self.path)
        close_to_others(self._parts())

    def open_to_others(self) -> list[pathlib.Path]:
        """What more than the folder's owner may use, by its own mode or owner; the folder itself comes first."""
        doors = [self.path, *(place for place in (self.shared, self.ray) if place.exists())]
        return list(open_to_others(self.path.stat().st_uid, doors, self._parts()))

    def _parts(self) -> list[pathlib.Path]:
        """Files and folders in it that are the router's."""
        return sorted(path for path in self.path.iterdir() if _PARTS.fullmatch(path.name.removesuffix(".part")))

    def identity(self) -> Identity:
        meta = self.path / "meta.json"
        if not meta.exists():
            raise Misconfigured(f"{self.path} is not a data folder of the order router: it has no meta.json")
        if not meta.is_file() or meta.stat().st_size > META_BYTES_MAX:
            raise Misconfigured(f"{meta} is none that was written here: no file, or a long one; restore it from a copy")
        try:
            identity = msgspec.json.decode(meta.read_bytes(), type=Identity)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise Misconfigured(f"{meta} cannot be read ({fault}); restore it from a copy") from None
        if identity.checksum not in ("", identity.sealed.checksum):
            raise Misconfigured(f"{meta} does not fit its checksum: a byte of it was changed; restore it from a copy")
        if identity.format != FORMAT:
            raise Misconfigured(f"{self.path} has format {identity.format}; this version reads format {FORMAT}")
        return identity

    @property
    def config_file(self) -> pathlib.Path:
        return self.path / "config.json"

    def keep_config(self, config: Config) -> None:
        """What ``verify`` replays with, and what gateways and a new image of ``serve`` go by."""
        write_durably(self.config_file, msgspec.json.encode(config))

    def kept_config(self) -> Config:
        """The configuration of the last start; the default before the first one."""
        file = self.config_file
        return msgspec.json.decode(file.read_bytes(), type=Config) if file.exists() else Config()

    @property
    def name(self) -> str:
        """Of the folder elsewhere, where a copy of it is the same one."""
        return hashlib.blake2b(self.identity().hash_key.encode(), digest_size=16, person=b"order-router").hexdigest()

    def key(self) -> U64:
        """The two words that key the hash of ids."""
        return hash_key(bytes.fromhex(self.identity().hash_key))

    def lock(self) -> FolderLock:
        """Held by ``serve`` for as long as it runs."""
        return FolderLock(self.path)

    def shard(self, number: int) -> pathlib.Path:
        return self.path / f"shard-{number:03d}"

    @property
    def ledger(self) -> pathlib.Path:
        return self.path / "ledger"

    @property
    def desk(self) -> pathlib.Path:
        """Of work items and what people did with them, where the database is not another one."""
        return self.path / "desk"

    @property
    def tables(self) -> pathlib.Path:
        return self.path / "tables"

    @property
    def digest(self) -> str:
        """Names what belongs to this folder elsewhere."""
        return hashlib.blake2b(os.fsencode(self.path), digest_size=6).hexdigest()

    def open_places(self) -> None:
        """For ``serve``, before it starts anything: where mapped arrays and sockets lie, and where our own Ray does."""
        open_place(self._shared_link, self._prefix, [_MEMORY])
        temporary = (pathlib.Path(tempfile.gettempdir()), pathlib.Path("/tmp"), _MEMORY)
        short = [parent for parent in temporary if len(os.fsencode(parent)) <= _RAY_PARENT_BYTES_MAX]
        open_place(self._ray_link, self._prefix, short)

    def remove_shared(self) -> None:
        """Whoever has mapped something keeps its pages; Ray's place stays, for what is in its logs."""
        remove_place(self._shared_link, self._prefix)

    @property
    def shared(self) -> pathlib.Path:
        """Folder of mapped arrays, bells and sockets: in the data folder itself until ``serve`` has opened another."""
        return self._shared_link.resolve()

    @property
    def ray(self) -> pathlib.Path:
        """Folder of our own Ray: its sockets, session files and logs."""
        return self._ray_link.resolve()

    @property
    def ray_token(self) -> pathlib.Path:
        """Whoever can read it can run code as the router, for as long as it runs."""
        return self.path / "ray.token"

    @property
    def _shared_link(self) -> pathlib.Path:
        return self.path / "shared"

    @property
    def _ray_link(self) -> pathlib.Path:
        return self.path / "ray"

    @property
    def _prefix(self) -> str:
        """Of the names of folders elsewhere that are this one's."""
        return f"order-router-{self.digest[:6]}-"

    @property
    def bell(self) -> pathlib.Path:
        """What the owners of logs ring when something became durable (``actors/store/bell.py``)."""
        return self.shared / "bell"

    @property
    def events_bell(self) -> pathlib.Path:
        """What gateways ring when events came, for those that cut batches of orders."""
        return self.shared / "events-bell"

    @property
    def readers(self) -> pathlib.Path:
        """Where readers of the feed say how far they are."""
        return self.shared / "readers"

    @property
    def desk_figures(self) -> pathlib.Path:
        """What waits on the desk, as it counted last."""
        return self.shared / "desk-figures"

    @property
    def gateways(self) -> pathlib.Path:
        """Where gateway processes find each other."""
        return self.shared / "gateways"

    @property
    def namespace(self) -> str:
        return f"order-router-{self.digest}"


def write_durably(path: pathlib.Path, content: bytes) -> None:
    """Write a small file so that after a crash it is there whole or not at all; nobody else may read it."""
    part = path.with_name(path.name + ".part")
    with new_file(part) as file:
        file.write(content)
    os.replace(part, path)
    sync_folder(path.parent)
