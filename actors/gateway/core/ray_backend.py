"""The core behind Ray actors, as the gateway asks it."""

from __future__ import annotations

import asyncio
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
from ray.exceptions import RayError

from actors.gateway.core.backend import BatchId, ShardUnavailable
from actors.owners.calls import Call, owner
from actors.process.names import TABLES, engine_names, shard_name
from actors.store.data_folder import DataFolder
from router.config import Config
from router.errors import RowError, TableRejected, Unsupported
from router.shard.order_lane import OrderBatch
from router.wire.event_batch import EventBatch

U8 = npt.NDArray[np.uint8]
CALL_TIMEOUT_S = 30.0
TABLES_TIMEOUT_S = 300.0
RETRY_AFTER_MS = 200


class RayBackend:
    """Satisfies ``backend.Backend``; handles are looked up again after every fault."""

    def __init__(self, data: DataFolder, config: Config) -> None:
        self.shards = config.shards
        self.key = data.key()
        self._data = data
        self._owners: dict[str, Call] = {}

    async def submit_orders(
        self, shard: int, batch_id: BatchId, orders: U8, skus: U8, documents: U8, now_ms: int
    ) -> U8:
        batch = OrderBatch(batch_id, orders, skus, documents, now_ms)
        answer: U8 = await self._call(shard_name(shard), "submit", batch)
        return answer

    async def submit_events(self, shard: int, batch: EventBatch) -> U8:
        answer: U8 = await self._call(shard_name(shard), "submit_events", batch)
        return answer

    async def stock(self, rows: bytes, media_type: str, now_ms: int) -> bytes:
        answer: bytes = await self._call(TABLES, "stock", rows, now_ms, timeout_s=TABLES_TIMEOUT_S)
        return answer

    async def put_table(self, name: str, body: bytes, media_type: str, now_ms: int) -> dict[str, Any]:
        answer = await self._call(TABLES, "put", name, body, media_type, now_ms, timeout_s=TABLES_TIMEOUT_S)
        if "errors" in answer:
            raise TableRejected(name, [RowError(**error) for error in answer["errors"]], answer["count"])
        if "unsupported" in answer:
            raise Unsupported(answer["unsupported"])
        return dict(answer)

    async def quote(self, orders: U8, skus: U8, now_ms: int) -> U8:
        answer: U8 = await self._call(shard_name(0), "quote", orders, skus, now_ms)
        return answer

    async def ready(self) -> tuple[bool, str]:
        for name in engine_names(self.shards):
            try:
                await self._call(name, "status", timeout_s=2.0)
            except ShardUnavailable as fault:
                return False, str(fault)
        return True, ""

    async def _call(self, name: str, method: str, *arguments: object, timeout_s: float = CALL_TIMEOUT_S) -> Any:
        """Our own deadline around every call: an error or silence never means that nothing was done."""
        try:
            if name not in self._owners:
                self._owners[name] = owner(self._data.namespace, name, self.shards)
            reference = self._owners[name](method, *arguments)
            return await asyncio.wait_for(asyncio.wrap_future(reference.future()), timeout_s)
        except (RayError, ValueError, TimeoutError) as fault:
            self._owners.pop(name, None)
            why = f"{name} does not answer now ({type(fault).__name__}); it is being restarted or recovers"
            raise ShardUnavailable(why, RETRY_AFTER_MS) from None


def connect(folder: pathlib.Path, address: str, config: Config) -> RayBackend:
    """Join the Ray of a running router as a client of its actors."""
    data = DataFolder(folder)
    ray.init(address=address, namespace=data.namespace, log_to_driver=False, logging_level="warning")
    return RayBackend(data, config)
