"""A gateway over real engines, logs and mapped arrays, with a few units of few SKUs at two nodes."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
from collections.abc import Callable, Iterator
from typing import Any

from actors.store.data_folder import DataFolder
from tests.actors.test_gateway_http import NDJSON, Lab, start
from tests.labs.gateway_engines import EngineBackend

SKUS = b"".join(
    b'{"sku":"%s","name":"thing","price":500,"currency":"EUR","weight_g":100,"tax_class":"standard"}\n' % sku
    for sku in (b"A", b"B", b'C\\"')
)
NODES = (
    b'{"node":"N1","kind":"warehouse","country":"DE","region":"","postcode":"10115","lat":52.5,"lon":13.4}\n'
    b'{"node":"N2","kind":"store","country":"DE","region":"","postcode":"80331","lat":48.1,"lon":11.6}\n'
)
STOCK = b"".join(
    b'{"sku":"%s","node":"%s","on_hand":%d}\n' % row
    for row in ((b"A", b"N1", 1000), (b"A", b"N2", 5), (b"B", b"N2", 7))
)


@contextlib.contextmanager
def over_engines(
    folder: pathlib.Path, shards: int = 1, engines: Callable[..., Any] = EngineBackend, **limits: Any
) -> Iterator[Lab]:
    """It has no tables yet; nothing of it stays but its data folder."""
    running = start(folder, shards, engines, **limits)
    try:
        yield running
    finally:
        running.thread.run(running.service.drain(patience_s=0.1))
        running.thread.close()
        running.backend.close()
        shutil.rmtree(DataFolder(folder).shared)


def put_tables(lab: Lab, skus: bytes = SKUS, nodes: bytes = NODES, stock: bytes = STOCK) -> None:
    for table, rows in (("skus", skus), ("nodes", nodes), ("stock", stock)):
        status, _, body = lab.ask("PUT", f"/v1/tables/{table}", rows, **NDJSON)
        assert status == 200, body
