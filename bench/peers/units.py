"""Units available now of every SKU at every node, as this router answers."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from bench.harness.answers import WrongAnswers
from bench.harness.arrays import I64
from bench.harness.server import Server
from bench.harness.tables import NODES

ASKED_SKUS = 1_000  # of one call
NODE_NUMBER = {node: number for number, (node, *_) in enumerate(NODES)}


def available_units(server: Server, sku_text: Sequence[str]) -> I64:
    """(SKU, node)"""
    available = np.zeros((len(sku_text), len(NODES)), np.int64)
    for at in range(0, len(sku_text), ASKED_SKUS):
        body = msgspec.json.encode({"skus": sku_text[at : at + ASKED_SKUS]})
        status, answer = server.request("POST", "/v1/availability", body, "application/json")
        if status != 200:
            raise WrongAnswers(f"Availability was answered with {status}.")
        for row, item in enumerate(msgspec.json.decode(answer)["items"], at):
            for node, units in item["nodes"].items():
                available[row, NODE_NUMBER[node]] = units
    return available
