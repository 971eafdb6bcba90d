"""How the engines of a data folder are called, wherever they live."""

from __future__ import annotations

from typing import Any, Protocol

import ray

from actors.process.names import host_of


class Call(Protocol):
    """One engine: method and arguments in, Ray's reference to the answer out."""

    def __call__(self, method: str, *arguments: object) -> Any: ...


def owner(namespace: str, name: str, shards: int) -> Call:
    """The engine of that name; ValueError while the actor it lives in does not exist."""
    host = host_of(name, shards)
    handle = ray.get_actor(host, namespace=namespace)
    if host != name:
        return lambda method, *arguments: handle.of_ledger.remote(method, *arguments)
    return lambda method, *arguments: getattr(handle, method).remote(*arguments)
