"""``order-router keys``: make, list and revoke the API keys of a data folder."""

from __future__ import annotations

import argparse
import pathlib
import time
from typing import TYPE_CHECKING, Any

from actors.cli.output import add_json_flag, fail, print_result, rfc3339

if TYPE_CHECKING:
    from router.bound import Bound

ROLES = ("admin", "ops", "channel", "service", "viewer")


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "keys",
        help="make, list and revoke API keys",
        description="Works on the data folder, whether the router runs or not; a running one follows within a second.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make a key and print it once; only its hash is stored")
    add.add_argument("name")
    add.add_argument("role", choices=ROLES)
    for name in ("channel", "seller"):
        add.add_argument(
            f"--{name}",
            action="append",
            default=[],
            metavar=name[0].upper(),
            help=f"the key sees and touches orders of this {name} only; may be given several times",
        )
    revoke = actions.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("name")
    for action in (add, revoke, actions.add_parser("list", help="names, roles and dates; never a key")):
        action.add_argument("--data", required=True, type=pathlib.Path, metavar="DIR", help="data folder of the router")
        add_json_flag(action)
    return parser


def run(arguments: argparse.Namespace) -> int:
    from actors.store import keys

    if not arguments.data.is_dir():
        return fail(f"{arguments.data} is no folder; --data names the folder that `serve` uses.", exit_code=1)
    try:
        if arguments.action == "add":
            _add(arguments)
        elif arguments.action == "revoke":
            keys.revoke_key(arguments.data, arguments.name)
            print_result(arguments.json, {"revoked": arguments.name}, f"{arguments.name} is revoked.")
        else:
            _list(arguments)
    except keys.KeysRefused as fault:
        return fail(str(fault), exit_code=1)
    return 0


def _add(arguments: argparse.Namespace) -> None:
    from actors.store import keys
    from router.bound import Bound

    bound = Bound(frozenset(arguments.channel), frozenset(arguments.seller))
    secret = keys.add_key(arguments.data, arguments.name, arguments.role, time.time_ns() // 1_000_000, bound)
    made = {"name": arguments.name, "role": arguments.role, "key": secret, **_bound_of(bound)}
    print_result(arguments.json, made, secret)


def _bound_of(bound: Bound) -> dict[str, object]:
    return {"channels": sorted(bound.channels), "sellers": sorted(bound.sellers)}


def _list(arguments: argparse.Namespace) -> None:
    from actors.store import keys

    found: list[dict[str, object]] = [
        {"name": key.name, "role": key.role, "created_at": rfc3339(key.created_at_ms), **_bound_of(key.bound)}
        for key in keys.load_keys(arguments.data)
    ]
    print_result(arguments.json, {"keys": found}, "\n".join(map(_line, found)) or "There are no keys.")


def _line(key: dict[str, Any]) -> str:
    bound = [f"{name} {', '.join(key[f'{name}s'])}" for name in ("channel", "seller") if key[f"{name}s"]]
    return f"{key['name']:<24}{key['role']:<10}{key['created_at']}  {'; '.join(bound)}".rstrip()
