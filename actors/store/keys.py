"""API keys: ``DIR/keys.json`` holds a hash of every key, its name and its role; never the key itself.

A key is 32 random bytes, so there is nothing to guess and a fast hash (BLAKE2b-256) is right: slow hashes
exist for passwords that people choose. The file is replaced atomically and only its owner may read it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import secrets
from collections.abc import Iterator

import msgspec

from actors.store.data_folder import now_ms, write_durably
from actors.store.private import make_folder, open_file
from router.bound import EVERYTHING, Bound

ROLES = ("admin", "ops", "channel", "service", "viewer")
KEYS_FILE = "keys.json"
FORMAT = 2  # the newest; a file without bound keys is written as format 1, which older versions read
NAMES_MAX = 1_000  # of channels, and of sellers
ADMIN_KEY_FILE = "admin.key"


class KeysRefused(Exception):
    """A key command that cannot be carried out, in words."""


class StoredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    name: str
    role: str
    hash: str  # BLAKE2b-256, hex
    created_at_ms: int
    channels: list[str] = []  # whose orders alone it sees and touches; none = all. Since format 2
    sellers: list[str] = []  # likewise

    @property
    def bound(self) -> Bound:
        bound = Bound(frozenset(self.channels), frozenset(self.sellers))
        return EVERYTHING if bound.is_open else bound


class KeysFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: int = 1
    keys: list[StoredKey] = []


class _Form(msgspec.Struct):
    """What every format has."""

    format: int = 1


def digest_of(key: bytes) -> bytes:
    """What is stored of a key, and what a presented key is looked up by."""
    return hashlib.blake2b(key, digest_size=32, person=b"order-router").digest()


def load_keys(folder: pathlib.Path) -> list[StoredKey]:
    """The stored keys of a data folder; none when there is no file yet."""
    path = folder / KEYS_FILE
    try:
        content = path.read_bytes()
        form = msgspec.json.decode(content, type=_Form).format
        if form > FORMAT:
            raise KeysRefused(f"{path} has format {form}; this version reads up to {FORMAT}: use the one that wrote it")
        file = msgspec.json.decode(content, type=KeysFile)
    except FileNotFoundError:
        return []
    except msgspec.DecodeError as fault:
        raise KeysRefused(
            f"{path} cannot be read ({fault}); restore it from a copy or remove it and add keys"
        ) from None
    for key in file.keys:
        if key.role not in ROLES:
            raise KeysRefused(
                f"{path}: key {key.name!r} has the unknown role {key.role!r}; use one of {', '.join(ROLES)}"
            )
    return file.keys


def _secret() -> str:
    """A new key. None begins with a dash: on a command line it would be taken for an option."""
    while (secret := secrets.token_urlsafe(32)).startswith("-"):
        pass
    return secret


def add_key(folder: pathlib.Path, name: str, role: str, created_at_ms: int, bound: Bound = EVERYTHING) -> str:
    """Make a key, store its hash and return the key itself: the only time it is ever visible. ``bound``: whose orders
    alone it sees and touches."""
    if role not in ROLES:
        raise KeysRefused(f"role {role!r} is unknown; use one of {', '.join(ROLES)}")
    if not name or len(name) > 64 or not name.isprintable():
        raise KeysRefused("a key's name has 1 to 64 printable characters; choose another name")
    if fault := bound_fault(role, bound):
        raise KeysRefused(fault)
    with _exclusively(folder):
        keys = load_keys(folder)
        if any(key.name == name for key in keys):
            raise KeysRefused(f"a key named {name!r} exists; revoke it first or choose another name")
        secret = _secret()
        stored = StoredKey(
            name=name,
            role=role,
            hash=digest_of(secret.encode()).hex(),
            created_at_ms=created_at_ms,
            channels=sorted(bound.channels),
            sellers=sorted(bound.sellers),
        )
        _store(folder, [*keys, stored])
    return secret


def bound_fault(role: str, bound: Bound) -> str:
    """Why a key of a role cannot be bound so, in words; "" where it can."""
    if bound.is_open:
        return ""
    if role == "admin":
        return "an admin key sees everything and cannot be bound; make a key of another role"
    for name, texts in (("channel", bound.channels), ("seller", bound.sellers)):
        if len(texts) > NAMES_MAX:
            return f"a key is bound to {NAMES_MAX} {name}s at most; leave some out"
        if any(not text or len(text) > 128 for text in texts):
            return f"a {name} has 1 to 128 characters; name it as orders do"
    return ""


def revoke_key(folder: pathlib.Path, name: str) -> None:
    """Remove a key by name; running gateways refuse it within a second."""
    with _exclusively(folder):
        keys = load_keys(folder)
        kept = [key for key in keys if key.name != name]
        if len(kept) == len(keys):
            raise KeysRefused(f"there is no key named {name!r}")
        _store(folder, kept)


def create_admin_key(folder: pathlib.Path) -> pathlib.Path:
    """On a first start: make the admin key and write it to ``DIR/admin.key`` (mode 0600)."""
    path = folder / ADMIN_KEY_FILE
    if not load_keys(folder):
        write_durably(path, add_key(folder, "admin", "admin", now_ms()).encode() + b"\n")
    return path


@contextlib.contextmanager
def _exclusively(folder: pathlib.Path) -> Iterator[None]:
    """One writer of the keys file at a time, over processes."""
    make_folder(folder)
    descriptor = open_file(folder / f"{KEYS_FILE}.lock")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _store(folder: pathlib.Path, keys: list[StoredKey]) -> None:
    form = 1 if all(key.bound.is_open for key in keys) else FORMAT
    write_durably(folder / KEYS_FILE, msgspec.json.encode(KeysFile(format=form, keys=keys)))
