"""Who may do what: bearer keys, roles, and the rate limit of a key. Every way into a gateway asks ``KeyRing.admit``.

The path of a request costs one BLAKE2b of the presented key and one dictionary look-up. Keys are held as
digests only, so a dump of this process's memory between requests shows none.
"""

from __future__ import annotations

import hmac
import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass, field

from actors.gateway.core.problems import Problem
from actors.gateway.http.routes import Caller, Route
from actors.store.keys import KEYS_FILE, KeysRefused, digest_of, load_keys

RELOAD_INTERVAL_S = 0.5  # how soon a revoked key is refused


class Tokens:
    """Token bucket of one second's worth of requests."""

    def __init__(self) -> None:
        self._tokens = 0.0
        self._filled_at = float("-inf")

    def take(self, per_second: int, now: float) -> int:
        """0 = taken; else after how many ms there is one."""
        self._tokens = min(float(per_second), self._tokens + (now - self._filled_at) * per_second)
        self._filled_at = now
        if self._tokens < 1.0:
            return int((1.0 - self._tokens) * 1000 / per_second) + 1
        self._tokens -= 1.0
        return 0


@dataclass
class Key:
    caller: Caller
    digest: bytes
    tokens: Tokens = field(default_factory=Tokens)


def bearer_digest(authorization: str | None) -> bytes | None:
    """Digest of the key in an ``Authorization`` header; None when there is none."""
    if authorization is None or authorization[:7].lower() != "bearer ":
        return None
    return digest_of(authorization[7:].strip().encode("utf-8", "surrogateescape"))


def _takers(roles: frozenset[str]) -> str:
    return f"it takes {', '.join(sorted(roles))}" if roles else "it takes a key that is bound to none"


class KeyRing:
    """The keys of a data folder, read again whenever the file has changed."""

    def __init__(
        self,
        folder: pathlib.Path,
        requests_per_second_max: int,
        clock: Callable[[], float],
        on_fault: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._rate = requests_per_second_max
        self._clock = clock
        self._on_fault = on_fault
        self._keys: dict[bytes, Key] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._looked_at = float("-inf")

    def admit(self, route: Route, digest: bytes | None) -> Key | None:
        """Let a request in that comes with the key of this digest, and take it from the key's rate; raises Problem 401,
        403 or 429. A request that is refused takes nothing. Whose key it is; None where anybody may ask."""
        if route.roles is None:
            return None
        if digest is None:
            raise Problem("unauthorized", "Send the header 'Authorization: Bearer KEY'.")
        now = self._clock()
        key = self._key_of(digest, now)
        is_bound = not key.caller.bound.is_open
        roles = route.bound_roles if is_bound else route.roles
        if key.caller.role not in roles:
            whose = f"Role {key.caller.role!r}" + (", bound to channels or sellers," if is_bound else "")
            raise Problem("forbidden", f"{whose} may not do this; {_takers(roles)}.", roles=sorted(roles))
        if self._rate:
            self._take_token(key, now)
        return key

    def _key_of(self, digest: bytes, now: float) -> Key:
        if now - self._looked_at > RELOAD_INTERVAL_S:
            self._looked_at = now
            self._reload()
        key = self._keys.get(digest)
        if key is None or not hmac.compare_digest(key.digest, digest):
            raise Problem(
                "unauthorized", "The key is not known here; it may have been revoked. Ask an admin for a key."
            )
        return key

    def _take_token(self, key: Key, now: float) -> None:
        wait_ms = key.tokens.take(self._rate, now)
        if wait_ms:
            raise Problem(
                "rate_limited",
                f"This key may send {self._rate} requests a second; wait, or put many orders into one stream.",
                retry_after_ms=wait_ms,
            )

    def _reload(self) -> None:
        """Take over a changed file; a damaged one is reported and the keys known so far stay in force."""
        try:
            status = os.stat(self._folder / KEYS_FILE)
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
        except FileNotFoundError:
            stamp = (0, 0, 0)
        if stamp == self._stamp:
            return
        try:
            stored = load_keys(self._folder)
        except KeysRefused as fault:
            self._on_fault(str(fault))
            return
        self._stamp = stamp
        known = self._keys
        callers = {bytes.fromhex(key.hash): Caller(key.name, key.role, key.bound) for key in stored}
        self._keys = {
            digest: known[digest] if digest in known and known[digest].caller == caller else Key(caller, digest)
            for digest, caller in callers.items()
        }
