"""What becomes of the batches of a stream: the part of it that differs between orders and events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from actors.gateway.core.backend import U8
from actors.gateway.core.core import Core
from actors.gateway.core.metrics import Flow
from actors.gateway.http.forms import Form, Wire
from router.arrow.arrays import Bytes

Parts = TypeVar("Parts")  # a batch packed for its shards


class Traffic(ABC, Generic[Wire, Parts]):
    """What becomes of the batches of one stream: orders are decided, events reported."""

    noun: ClassVar[str]  # what people call the rows
    head_waits: ClassVar[bool]  # the head of the response comes with the first answers

    def __init__(self, core: Core, form: Form[Wire], flow: Flow, sender: str) -> None:
        self._core = core
        self.sender = sender  # whose stream it is, as far as turns go
        self.form = form
        self.flow = flow

    def rows_max(self) -> int:
        """Of a batch that is cut now."""
        return self._core.config.limits.batch_rows_max

    def cut(self, wire: Wire) -> list[Wire]:
        """A batch in parts that keep their owners no longer than neighbours can wait; runs in the worker."""
        return [wire]

    @abstractmethod
    def pack(self, wire: Wire) -> Parts:
        """The parts of a batch for its shards; runs in the worker."""

    @abstractmethod
    async def ask(self, parts: Parts) -> list[U8]:
        """What the shards answer; raises Problem."""

    @abstractmethod
    def encode(self, wire: Wire, parts: Parts, answers: list[U8]) -> Bytes:
        """Count a batch and write its answers; runs in the worker."""
