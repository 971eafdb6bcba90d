"""The table of roles: who is created with whom, drained after whom; no process runs here."""

from __future__ import annotations

import pathlib

import pytest

from actors.run.roles import Role, actors_of, created_in_order, drained_in_order, folders_of
from actors.store.data_folder import DataFolder
from router.config import Config


def role(name: str, needs: tuple[str, ...] = (), after: tuple[str, ...] = (), **more: object) -> Role:
    return Role(name, object, lambda _: 1, lambda _: (), needs=needs, drained_after=after, **more)  # type: ignore[arg-type]


SHARD = role("shard", is_per_shard=True, folder=lambda data, number: data.shard(number))
LEDGER = role("ledger", after=("shard",), folder=lambda data, _: data.ledger)
TABLES = role("tables", needs=("shard", "ledger"))
DESK = role("desk", needs=("shard",), after=("shard",))
LAKE = role("lake", needs=("desk",), after=("desk",))
ALL = (LAKE, TABLES, DESK, LEDGER, SHARD)  # in no order


def names(waves: list[list[Role]]) -> list[set[str]]:
    return [{each.name for each in wave} for wave in waves]


def test_who_needs_others_comes_after_them() -> None:
    assert names(created_in_order(ALL)) == [{"shard", "ledger"}, {"tables", "desk"}, {"lake"}]


def test_who_depends_on_others_drains_after_them() -> None:
    assert names(drained_in_order(ALL)) == [{"tables", "shard"}, {"ledger", "desk"}, {"lake"}]


def test_roles_that_wait_for_each_other_or_for_nobody_are_a_mistake_of_the_table() -> None:
    with pytest.raises(AssertionError, match="wait for each other"):
        created_in_order([role("a", needs=("b",)), role("b", needs=("a",))])
    with pytest.raises(AssertionError, match="no role is called"):
        drained_in_order([role("a", after=("nobody",))])


@pytest.mark.parametrize(
    ("shards", "actors"),
    [
        (1, ["lake", "tables", "desk", "shard-000"]),  # the ledger lives with a single shard
        (2, ["lake", "tables", "desk", "ledger", "shard-000", "shard-001"]),
    ],
)
def test_every_role_has_its_actors_and_those_that_live_with_others_have_none(shards: int, actors: list[str]) -> None:
    assert [name for name, _, _ in actors_of(ALL, Config(shards=shards))] == actors


def test_a_process_is_made_with_its_folder_its_number_and_the_configuration(tmp_path: pathlib.Path) -> None:
    data = DataFolder(tmp_path)
    assert SHARD.arguments(data, 3, b"{}") == (str(tmp_path), 3, b"{}")
    assert DESK.arguments(data, 0, b"{}") == (str(tmp_path), b"{}")
    assert folders_of(ALL, data, Config(shards=2)) == [data.ledger, data.shard(0), data.shard(1)]
