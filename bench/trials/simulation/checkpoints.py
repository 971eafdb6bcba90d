"""Checkpoints in the simulation: an owner's arrays after a sequence, kept when the dice say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from bench.trials.simulation.world import World


@dataclass(frozen=True)
class Checkpoint:
    """An owner's arrays after a sequence, as ``actors/store/checkpoints.py`` keeps them; durable once it is there."""

    sequence: int
    chains: list[int]
    arrays: dict[str, npt.NDArray[Any]]


class Checkpoints:
    """Satisfies ``router.ports.Checkpoints``."""

    def __init__(self, world: World, where: str) -> None:
        self._world = world
        self._where = where

    def due(self) -> bool:
        return self._world.checkpoint_is_due()

    def keep(self, sequence: int, chains: list[int], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._world.checkpoints[self._where] = Checkpoint(
            sequence, chains, {name: array.copy() for name, array in arrays.items()}
        )
