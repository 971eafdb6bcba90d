"""This router on the same orders: streamed as JSON lines, streamed as Arrow, and one POST an order.

Does more than job.py asks: validation, risk and velocity, promotions, the cheapest plan over nodes with freight, split
and lateness, states and history (docs/architecture.md). The clock and the client are those of ``bench stream``; every
order is durable in the shard's and the ledger's log before its answer. Checked like a peer: off the clock all orders
are sent once more and must come back as duplicates with the total that job.py works out (where no promotion was
granted), and the units missing from availability must be those that the answers allocate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.harness import report as _harness
from bench.harness.arrays import I64
from bench.harness.asking import ask_all, request_bytes
from bench.harness.pieces import make_pieces
from bench.harness.server import Server
from bench.harness.streaming import ORDER_STREAM, exchange
from bench.harness.workload import CHUNK_ORDERS, Workload
from bench.peers.job import WrongPeer, totals_minor
from bench.peers.shop import Orders, Shop, read_orders
from bench.peers.units import NODE_NUMBER, available_units
from bench.speed import stream

SINGLE_CONNECTIONS = 128


class Load(NamedTuple):
    """Rows of the workload that a run takes: those that warm up, then the measured ones, then the single POSTs."""

    orders: int
    warm_up: int
    singles: int
    shards: int

    @property
    def first(self) -> int:
        return _whole_chunks(self.warm_up)

    @property
    def first_single(self) -> int:
        return self.first + _whole_chunks(self.orders)

    @property
    def planned(self) -> int:
        """Orders that the stock is laid out for."""
        return self.first_single + self.singles


def measure(workload: Workload, shop: Shop, load: Load) -> dict[str, dict[str, Any]]:
    """A fresh router for each media type, as both get the same orders."""
    [ndjson] = _measure(workload, shop, load._replace(singles=0), "ndjson")
    [arrow, single] = _measure(workload, shop, load, "arrow")
    return {"router_ndjson": ndjson, "router_arrow": arrow, "router_one_by_one": single}


def _measure(workload: Workload, shop: Shop, load: Load, stream_format: str) -> list[dict[str, Any]]:
    """The stream's figures, then those of the single POSTs."""
    parts = [(0, load.warm_up), (load.first, load.orders)]
    with Server(shards=load.shards) as server:
        server.load(workload, shop.planned_orders)
        warm_up = make_pieces(workload, stream_format, load.warm_up, 0)
        exchange(server.address, server.key, ORDER_STREAM[stream_format], warm_up)
        told = [_figures(stream.measure(server, workload, stream_format, load.orders, load.first))]
        if load.singles:
            told.append(_post(server, read_orders(workload, load.singles, load.first_single)))
            parts.append((load.first_single, load.singles))
        taken = np.sum([_ask_again(server, shop, workload, *part) for part in parts], axis=0)
        left = available_units(server, workload.sku_text[: shop.skus])
        if wrong := int((shop.on_hand - taken != left).sum()):
            raise WrongPeer(f"{wrong} cells do not hold what the answers leave in them.")
    return told


def _whole_chunks(orders: int) -> int:
    """The workload is made in whole chunks."""
    return -(-orders // CHUNK_ORDERS) * CHUNK_ORDERS


def _figures(told: dict[str, Any]) -> dict[str, Any]:
    rates = {"orders": told["orders"], "orders_per_s": told["orders_per_s"], **told["latency_of_a_piece"]}
    return {**rates, **told["by_status"], "duplicates": told["duplicates"], "total_minor": told["total_minor"]}


def _post(server: Server, orders: Orders) -> dict[str, Any]:
    requests = [request_bytes("POST", "/v1/orders", server.address, server.key, body) for body in orders.documents]
    asked = ask_all(server.address, requests, SINGLE_CONNECTIONS)
    if wrong := sum(reply.status != 200 for reply in asked.replies):
        raise WrongPeer(f"{wrong} of {len(orders)} single POSTs were not answered with 200.")
    rate = round(len(orders) / asked.elapsed_s)
    return {"orders": len(orders), "orders_per_s": rate, **_harness.percentiles_ms(asked.waited_ms)}


def _ask_again(server: Server, shop: Shop, workload: Workload, first: int, count: int) -> I64:
    """Units taken by cell, of the orders as they answer now; each must be known, and cost what it should."""
    orders = read_orders(workload, count, first)
    known = exchange(server.address, server.key, ORDER_STREAM["arrow"], make_pieces(workload, "arrow", count, first))
    answers = pa.ipc.open_stream(known.body).read_all().combine_chunks()
    if not pc.all(answers["duplicate"]).as_py() or answers["order_id"].to_pylist() != orders.ids:
        raise WrongPeer("Orders that were acknowledged are not all known when they are sent again.")
    total, discount = (answers[name].to_numpy() for name in ("total", "discount"))
    comparable = (discount == 0) & ~orders.merged  # we round the tax of a SKU's two lines twice, the peers once
    wrong = np.flatnonzero((total != totals_minor(shop, orders)) & comparable)
    if len(wrong):
        raise WrongPeer(f"{len(wrong)} totals differ from the rules; {orders.ids[wrong[0]]} is one.")
    new = np.zeros(len(orders), bool)
    new[np.unique(np.array(orders.ids), return_index=True)[1]] = True
    return _units(shop, answers.filter(pa.array(new)))


def _units(shop: Shop, answers: pa.Table) -> I64:
    parts = answers["lines"].combine_chunks().flatten()
    allocated = parts.field("allocations")
    sku = parts.field("sku").take(pc.list_parent_indices(allocated)).to_pylist()
    cells = allocated.flatten()
    taken = np.zeros_like(shop.on_hand)
    rows = [int(text[1:]) for text in sku]
    nodes = [NODE_NUMBER[text] for text in cells.field("node").to_pylist()]
    np.add.at(taken, (rows, nodes), cells.field("qty").to_numpy().astype(np.int64))
    return taken
