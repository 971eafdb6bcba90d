"""Roles: the owners of a router and the readers of its feed, one row each, and the orders in which they come and go.

The rows themselves are ``ROLES`` in ``topology.py``. Everything that is done with all of them (creating, asking,
draining, ending) is done by walking the table, so a reader that is added is a row and nothing else.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from actors.owners.calls import Call
from actors.owners.stubs import Owners
from actors.process.names import host_of, shard_name
from actors.store.data_folder import DataFolder
from router.config import Config


def _ended_as_it_is(_: Owners) -> Sequence[Call[None]]:
    return ()


@dataclass(frozen=True)
class Role:
    """What a process of the router is."""

    name: str  # of its actor
    process: type  # what runs in it: made with (folder, config), or (folder, number, config) where there is one a shard
    threads: Callable[[Config], int]  # calls that it takes at once
    asked: Callable[[Owners], Sequence[Call[Any]]]  # whether each of them answers
    drained: Callable[[Owners], Sequence[Call[None]]] = _ended_as_it_is
    needs: tuple[str, ...] = ()  # roles that must have answered before it is created
    drained_after: tuple[str, ...] = ()  # roles that must have drained before it does
    is_per_shard: bool = False
    is_watched: bool = True  # asked now and then whether it answers; not who may be busy with one request for long
    is_late: bool = False  # created when the router is ready: its start takes no processor from the others
    folder: Callable[[DataFolder, int], pathlib.Path] | None = None  # whose lock it holds, by its number

    def numbers(self, config: Config) -> range:
        return range(config.shards if self.is_per_shard else 1)

    def name_of(self, number: int) -> str:
        return shard_name(number) if self.is_per_shard else self.name

    def arguments(self, data: DataFolder, number: int, config: bytes) -> tuple[Any, ...]:
        """What a process of this role is made with."""
        return (str(data.path), number, config) if self.is_per_shard else (str(data.path), config)


def created_in_order(roles: Sequence[Role]) -> list[list[Role]]:
    """Roles that may be created together, the first ones first."""
    return _waves(roles, lambda role: role.needs)


def drained_in_order(roles: Sequence[Role]) -> list[list[Role]]:
    """Roles that may drain together, the first ones first."""
    return _waves(roles, lambda role: role.drained_after)


def actors_of(roles: Sequence[Role], config: Config) -> Iterator[tuple[str, Role, int]]:
    """Name, role and number of every actor there is."""
    for role in roles:
        for number in role.numbers(config):
            name = role.name_of(number)
            if host_of(name, config.shards) == name:
                yield name, role, number


def folders_of(roles: Sequence[Role], data: DataFolder, config: Config) -> list[pathlib.Path]:
    """Every folder that some role holds the lock of."""
    return [role.folder(data, number) for role in roles if role.folder is not None for number in role.numbers(config)]


def _waves(roles: Sequence[Role], behind: Callable[[Role], tuple[str, ...]]) -> list[list[Role]]:
    left, done, waves = list(roles), set[str](), list[list[Role]]()
    unknown = {name for role in roles for name in behind(role)} - {role.name for role in roles}
    assert not unknown, f"no role is called {sorted(unknown)}"
    while left:
        wave = [role for role in left if done.issuperset(behind(role))]
        assert wave, f"{[role.name for role in left]} wait for each other"
        left = [role for role in left if role not in wave]
        done |= {role.name for role in wave}
        waves.append(wave)
    return waves
