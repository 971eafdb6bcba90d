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

ROLES = ("admin", "ops", "channel", "service", "viewer")
KEYS_FILE = "keys.json"
ADMIN_KEY_FILE = "admin.key"


class KeysRefused(Exception):
    """A key command that cannot be carried out, in words."""


class StoredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str
    role: str
    hash: str  # BLAKE2b-256, hex
    created_at_ms: int


class KeysFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    format: int = 1
    keys: list[StoredKey] = []


def digest_of(key: bytes) -> bytes:
    """What is stored of a key, and what a presented key is looked up by."""
    return hashlib.blake2b(key, digest_size=32, person=b"order-router").digest()


def load_keys(folder: pathlib.Path) -> list[StoredKey]:
    """The stored keys of a data folder; none when there is no file yet."""
    path = folder / KEYS_FILE
    try:
        file = msgspec.json.decode(path.read_bytes(), type=KeysFile)
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


def add_key(folder: pathlib.Path, name: str, role: str, created_at_ms: int) -> str:
    """Make a key, store its hash and return the key itself: the only time it is ever visible."""
    if role not in ROLES:
        raise KeysRefused(f"role {role!r} is unknown; use one of {', '.join(ROLES)}")
    if not name or len(name) > 64 or not name.isprintable():
        raise KeysRefused("a key's name has 1 to 64 printable characters; choose another name")
    with _exclusively(folder):
        keys = load_keys(folder)
        if any(key.name == name for key in keys):
            raise KeysRefused(f"a key named {name!r} exists; revoke it first or choose another name")
        secret = secrets.token_urlsafe(32)
        stored = StoredKey(name=name, role=role, hash=digest_of(secret.encode()).hex(), created_at_ms=created_at_ms)
        _store(folder, [*keys, stored])
    return secret


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
    write_durably(folder / KEYS_FILE, msgspec.json.encode(KeysFile(keys=keys)))
