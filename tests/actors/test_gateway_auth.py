"""Keys: stored as hashes, checked by role, revoked within a second, limited per key."""

from __future__ import annotations

import json
import os
import pathlib
import stat
from typing import Any

import pytest

from actors.gateway.core.problems import Problem
from actors.gateway.http.auth import RELOAD_INTERVAL_S, KeyRing, bearer_digest
from actors.gateway.http.routes import EVERYBODY, SELLERS, Route
from actors.store.keys import KeysRefused, add_key, create_admin_key, load_keys, revoke_key


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ring(folder: pathlib.Path, rate: int = 0) -> tuple[KeyRing, Clock, list[str]]:
    clock, faults = Clock(), list[str]()
    return KeyRing(folder, rate, clock, faults.append), clock, faults


async def never(*_: Any) -> Any: ...


ORDERS = Route("POST", "/v1/orders", never, SELLERS, "", {})


def admit(keys: KeyRing, header: str | None, route: Route = ORDERS) -> None:
    keys.admit(route, bearer_digest(header))


def code_of(keys: KeyRing, header: str | None) -> str:
    with pytest.raises(Problem) as caught:
        admit(keys, header)
    return caught.value.code


def test_a_key_is_known_by_its_hash_and_never_stored(tmp_path: pathlib.Path) -> None:
    secret = add_key(tmp_path, "shop", "channel", 1)
    keys, _, _ = ring(tmp_path)
    admit(keys, f"Bearer {secret}")
    assert secret not in (tmp_path / "keys.json").read_text()
    assert stat.S_IMODE(os.stat(tmp_path / "keys.json").st_mode) == 0o600
    assert secret not in repr(vars(keys)), "the gateway remembers digests only"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic abc", "Bearer \udcff"])
def test_anything_else_is_unauthorized(tmp_path: pathlib.Path, header: str | None) -> None:
    add_key(tmp_path, "shop", "channel", 1)
    assert code_of(ring(tmp_path)[0], header) == "unauthorized"


def test_a_revoked_key_is_refused_after_the_reload_interval(tmp_path: pathlib.Path) -> None:
    secret = add_key(tmp_path, "shop", "channel", 1)
    keys, clock, _ = ring(tmp_path)
    admit(keys, f"Bearer {secret}")
    revoke_key(tmp_path, "shop")
    clock.now += RELOAD_INTERVAL_S + 0.1
    assert code_of(keys, f"Bearer {secret}") == "unauthorized"


def test_a_damaged_keys_file_is_reported_and_the_known_keys_stay(tmp_path: pathlib.Path) -> None:
    secret = add_key(tmp_path, "shop", "channel", 1)
    keys, clock, faults = ring(tmp_path)
    admit(keys, f"Bearer {secret}")
    (tmp_path / "keys.json").write_text("{")
    clock.now += RELOAD_INTERVAL_S + 0.1
    admit(keys, f"Bearer {secret}")
    assert len(faults) == 1 and "keys.json" in faults[0]


def test_a_key_beyond_its_rate_is_told_when_to_come_back(tmp_path: pathlib.Path) -> None:
    header = "Bearer " + add_key(tmp_path, "shop", "channel", 1)
    keys, clock, _ = ring(tmp_path, rate=2)
    admit(keys, header)
    admit(keys, header)
    with pytest.raises(Problem) as caught:
        admit(keys, header)
    assert (caught.value.code, caught.value.headers()["Retry-After"]) == ("rate_limited", "1")
    clock.now += 0.5
    admit(keys, header)


def test_another_key_is_not_held_up_by_the_first_ones_rate(tmp_path: pathlib.Path) -> None:
    first, second = (f"Bearer {add_key(tmp_path, name, 'channel', 1)}" for name in ("a", "b"))
    keys, _, _ = ring(tmp_path, rate=1)
    admit(keys, first)
    admit(keys, second)
    assert code_of(keys, first) == "rate_limited"


def test_the_first_start_writes_an_admin_key_once(tmp_path: pathlib.Path) -> None:
    path = create_admin_key(tmp_path)
    secret = path.read_text().strip()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    admit(ring(tmp_path)[0], f"Bearer {secret}")
    assert [key.role for key in load_keys(tmp_path)] == ["admin"]
    create_admin_key(tmp_path)
    assert path.read_text().strip() == secret and len(load_keys(tmp_path)) == 1


@pytest.mark.parametrize(("name", "role"), [("", "admin"), ("x" * 65, "admin"), ("a\n", "admin"), ("shop", "root")])
def test_bad_names_and_roles_are_refused_in_words(tmp_path: pathlib.Path, name: str, role: str) -> None:
    with pytest.raises(KeysRefused):
        add_key(tmp_path, name, role, 1)


def test_a_name_is_used_once_and_revoking_an_unknown_one_is_refused(tmp_path: pathlib.Path) -> None:
    add_key(tmp_path, "shop", "channel", 1)
    with pytest.raises(KeysRefused, match="exists"):
        add_key(tmp_path, "shop", "viewer", 2)
    with pytest.raises(KeysRefused, match="no key named"):
        revoke_key(tmp_path, "other")
    assert json.loads((tmp_path / "keys.json").read_text())["keys"][0]["role"] == "channel"


def test_a_role_is_refused_before_its_rate_is_asked(tmp_path: pathlib.Path) -> None:
    """So a stream that is refused where it arrives and answered there counts once, and one that may not be, never."""
    header = "Bearer " + add_key(tmp_path, "wall", "viewer", 1)
    keys, _, _ = ring(tmp_path, rate=1)
    for _ in range(3):
        with pytest.raises(Problem, match="forbidden: Role 'viewer' may not do this; it takes admin, channel, ops"):
            admit(keys, header)


def test_a_route_for_everybody_looks_at_no_key(tmp_path: pathlib.Path) -> None:
    keys, _, _ = ring(tmp_path, rate=1)
    for header in (None, "Bearer wrong", "Basic abc"):
        admit(keys, header, Route("GET", "/livez", never, EVERYBODY, "", {}))
