"""Stock from outside as columns for the ledger: on-hand of cells set, and movements one by one."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from router.arrow.arrays import record_batch
from router.arrow.string_table import StringTable
from router.errors import RowError
from router.ids import hash_strings
from router.log.columns import MOVEMENTS
from router.tables.compiled import SkuTable, Tables
from router.tables.row_types import Key, StockRow, Units
from router.tables.rows import Rows, explain, ndjson_lines

U64 = npt.NDArray[np.uint64]


class MovementKind:
    RECEIPT = 0  # qty units arrived
    COUNT = 1  # qty units lie in the building: available + held + allocated
    DAMAGE = 2  # qty units are gone
    TRANSFER = 3  # qty units left for to_node, and are there
    SET_ASIDE = 4  # qty units cannot be sold for now: they are in a state
    PUT_BACK = 5  # qty units of a state can be sold again
    SCRAP = 6  # qty units of a state are gone
    DISPATCH = 7  # qty units left for to_node, and are on their way
    ARRIVE = 8  # qty units that were on their way to the node are there


KIND_NAMES = ("receipt", "count", "damage", "transfer", "set_aside", "put_back", "scrap", "dispatch", "arrive")
STATES = {"damaged": 6, "blocked": 7, "in_transit": 8}  # router/life/states.py CellAccount
_OF_ORDERS = "inspection"  # a state of stock that only returns lead to and out of
_NO_STATE = -1
NEVER = 1 << 30  # as a day of expiry, in days since the epoch
_DAY_MS = 86_400_000
_EPOCH = datetime.date(1970, 1, 1)
_OF_A_STATE = ("set_aside", "put_back", "scrap")
_TO_A_NODE = ("transfer", "dispatch")


class MovementResult:
    """What the ledger did with a movement: the values of its answer's ``result`` column."""

    APPLIED = 0
    REPEATED = 1  # this movement_id was applied before
    SHORT = 2  # it takes more units than are there
    CONFLICT = 3  # this movement_id was applied before, with another content


RESULT_NAMES = ("applied", "repeated", "refused", "refused")
_SHORT_DETAIL = "Fewer units are available than the movement takes; count the cell first or correct qty."
_SHORT_ASIDE_DETAIL = "Fewer units lie there in this state than the movement takes; correct qty, state or node."
_OF_ORDERS_DETAIL = (
    "Units that await inspection belong to orders; say what becomes of them by a return with a disposition."
)
_CONFLICT_DETAIL = (
    "This movement_id was applied before with another content; send a new one, or the same content again."
)
_CAUSE_MAX = 4_096  # characters


_Cause = Annotated[str, msgspec.Meta(max_length=_CAUSE_MAX)]


class MovementRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of ``POST /v1/stock``. Its fingerprint is made of the fields that are given, in this order."""

    movement_id: Key
    kind: Literal["receipt", "count", "damage", "transfer", "set_aside", "put_back", "scrap", "dispatch", "arrive"]
    sku: Key
    node: Key
    qty: Units
    to_node: Key | None = None
    reference: _Cause | None = None
    state: Literal["inspection", "damaged", "blocked", "in_transit"] | None = None
    reason: _Cause | None = None
    expires_on: datetime.date | None = None  # of a receipt; else by the SKU's shelf_life_days


@dataclass(frozen=True)
class ParsedMovements:
    """Movements that can be tried, and what became of every line."""

    batch: pa.RecordBatch  # MOVEMENTS, without the refused lines
    lines: list[int] = field(default_factory=list)  # line number of every line that holds something
    ids: list[str | None] = field(default_factory=list)  # their movement_id where it could be read
    refused: dict[int, RowError] = field(default_factory=dict)  # by line number


class _AnyId(msgspec.Struct):
    """The id alone, of a line that is otherwise wrong."""

    movement_id: str


def stock_errors(rows: Sequence[StockRow], places: Sequence[int], tables: Tables) -> Iterator[RowError]:
    """Stock rows that name unknown SKUs or nodes, or bundles, which hold no stock of their own."""
    for row, place in zip(rows, places, strict=True):
        yield from (RowError(place, *found) for found in _cell_errors(row.sku, row.node, tables))


def on_hand_movements(upload: Rows, tables: Tables, key: U64, version: int, now_ms: int) -> pa.RecordBatch:
    """MOVEMENTS that set on-hand of every cell an accepted ``PUT stock`` names; lots of a cell add up.

    Their ids derive from the version, so a repeat after a crash changes nothing.
    """
    units: dict[tuple[str, str], int] = {}
    lots: dict[tuple[str, str], list[dict[str, int]]] = {}
    for row in upload.rows:
        assert isinstance(row, StockRow)
        units[row.sku, row.node] = units.get((row.sku, row.node), 0) + row.on_hand
        day = _expires(row.expires_on, row.sku, tables, now_ms)
        lots.setdefault((row.sku, row.node), []).append({"expires_day": day, "qty": row.on_hand})
    expiring = {cell: found for cell, found in lots.items() if any(lot["expires_day"] < NEVER for lot in found)}
    hi, lo = _hashes(key, [f"table {version} {sku}\0{node}" for sku, node in units])
    return record_batch(
        MOVEMENTS,
        {
            "hash_hi": hi,
            "hash_lo": lo,
            "kind": np.full(len(units), MovementKind.COUNT, np.int8),
            "sku": tables.skus.ids.find(pa.array([sku for sku, _ in units], pa.string())),
            "node": tables.nodes.ids.find(pa.array([node for _, node in units], pa.string())).astype(np.int16),
            "to_node": np.full(len(units), -1, np.int16),
            "qty": np.fromiter(units.values(), np.int64),
            "state": np.full(len(units), _NO_STATE, np.int8),
            "fingerprint": np.zeros(len(units), np.uint64),  # of a version there is one table
            **dict.fromkeys(("reason", "reference"), pa.array([""] * len(units), pa.string())),
            "lots": pa.array([expiring.get(cell, []) for cell in units], MOVEMENTS.field("lots").type),
            "by_expiry": np.zeros(len(units), np.uint8),
            "of_lots": np.ones(len(units), np.uint8),
        },
    )


def _expires(expires_on: datetime.date | None, sku: str, tables: Tables, now_ms: int) -> int:
    """The last day on which units are good, in days since the epoch: as said, else by how long the SKU keeps."""
    if expires_on is not None:
        return min((expires_on - _EPOCH).days, NEVER)
    number, keeps = tables.skus.ids.index(sku), tables.skus.shelf_life_days
    days = int(keeps[number]) if number < len(keeps) else 0
    return now_ms // _DAY_MS + days if days else NEVER


def parse_movements(body: bytes, tables: Tables, key: U64, now_ms: int = 0) -> ParsedMovements:
    """NDJSON movements; a line that cannot be one is refused in its place and the rest goes on."""
    decode = msgspec.json.Decoder(MovementRow).decode
    rows: list[MovementRow] = []
    parsed = ParsedMovements(pa.RecordBatch.from_pylist([], schema=MOVEMENTS))
    for place, line in ndjson_lines(body):
        parsed.lines.append(place)
        try:
            row = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            parsed.ids.append(_id_of(line))
            parsed.refused[place] = explain("movements", MovementRow.__struct_fields__, place, fault)
            continue
        parsed.ids.append(row.movement_id)
        found = next(_movement_errors(row, tables), None)
        if found is None:
            rows.append(row)
        else:
            parsed.refused[place] = RowError(place, *found)
    return ParsedMovements(_movements(rows, tables, key, now_ms), parsed.lines, parsed.ids, parsed.refused)


def _id_of(line: bytes) -> str | None:
    try:
        return msgspec.json.decode(line, type=_AnyId).movement_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _movements(rows: Sequence[MovementRow], tables: Tables, key: U64, now_ms: int) -> pa.RecordBatch:
    hi, lo = _hashes(key, [f"movement {row.movement_id}" for row in rows])
    nodes = tables.nodes.ids
    return record_batch(
        MOVEMENTS,
        {
            "hash_hi": hi,
            "hash_lo": lo,
            "kind": np.array([KIND_NAMES.index(row.kind) for row in rows], np.int8),
            "sku": np.array([tables.skus.ids.index(row.sku) for row in rows], np.int32),
            "node": np.array([nodes.index(row.node) for row in rows], np.int16),
            "to_node": np.array([-1 if row.to_node is None else nodes.index(row.to_node) for row in rows], np.int16),
            "qty": np.array([row.qty for row in rows], np.int64),
            "state": np.array([_NO_STATE if row.state is None else STATES[row.state] for row in rows], np.int8),
            "fingerprint": np.array([_fingerprint(row) for row in rows], np.uint64),
            "reason": pa.array([row.reason or "" for row in rows], pa.string()),
            "reference": pa.array([row.reference or "" for row in rows], pa.string()),
            "lots": pa.array([_lots_of(row, tables, now_ms) for row in rows], MOVEMENTS.field("lots").type),
            "by_expiry": np.zeros(len(rows), np.uint8),
            "of_lots": np.zeros(len(rows), np.uint8),
        },
    )


def _lots_of(row: MovementRow, tables: Tables, now_ms: int) -> list[dict[str, int]]:
    """What a receipt brings that expires."""
    if row.kind != "receipt":
        return []
    day = _expires(row.expires_on, row.sku, tables, now_ms)
    return [] if day == NEVER else [{"expires_day": day, "qty": row.qty}]


def _fingerprint(row: MovementRow) -> int:
    """Of everything but the id; 0 is kept for "not known"."""
    return max(1, xxhash.xxh3_64_intdigest(msgspec.json.encode(msgspec.structs.replace(row, movement_id=""))))


def _hashes(key: U64, texts: list[str]) -> tuple[U64, U64]:
    return hash_strings(key, pa.array(texts, pa.string()))


RowFault = tuple[str, str, str]  # field, code, detail


def _movement_errors(row: MovementRow, tables: Tables) -> Iterator[RowFault]:
    yield from _cell_errors(row.sku, row.node, tables)
    if row.qty == 0 and row.kind != "count":
        yield "qty", "range", "qty is 0; only a count may find nothing."
    if row.kind not in _TO_A_NODE and row.to_node is not None:
        yield "to_node", "value", f"A {row.kind} has no to_node; leave it out or send a transfer."
    if row.kind in _TO_A_NODE:
        if row.to_node is None:
            yield "to_node", "missing", f"A {row.kind} needs to_node, where the units go."
        elif row.to_node == row.node:
            yield "to_node", "value", "to_node is the node itself; correct one of them."
        else:
            yield from _node_errors("to_node", row.to_node, tables.nodes.ids)
    if row.expires_on is not None and row.kind != "receipt":
        yield (
            "expires_on",
            "value",
            f"A {row.kind} has no expires_on; leave it out, or put the stock table with its lots.",
        )
    yield from _state_errors(row)


def _state_errors(row: MovementRow) -> Iterator[RowFault]:
    if row.kind not in _OF_A_STATE:
        if row.state is not None:
            yield "state", "value", f"A {row.kind} has no state; leave it out, or send set_aside, put_back or scrap."
    elif row.state is None:
        yield "state", "missing", f"A {row.kind} needs the state: {', '.join(STATES)}."
    elif row.state == _OF_ORDERS:
        yield "state", "value", _OF_ORDERS_DETAIL
    elif row.state == "in_transit" and row.kind != "scrap":
        yield "state", "value", "Units get on their way by dispatch and off it by arrive; only scrap takes this state."


def _cell_errors(sku: str, node: str, tables: Tables) -> Iterator[RowFault]:
    number = tables.skus.ids.index(sku)
    if number < 0:
        yield "sku", "unknown_sku", f"No SKU {sku!r} was ever loaded; load the table skus first or correct it."
    elif _is_bundle(tables.skus, number):
        yield "sku", "bundle", f"{sku!r} is a bundle and holds no stock of its own; name its components."
    yield from _node_errors("node", node, tables.nodes.ids)


def _node_errors(name: str, node: str, nodes: StringTable) -> Iterator[RowFault]:
    if nodes.index(node) < 0:
        yield name, "unknown_node", f"No node {node!r} was ever loaded; load the table nodes first or correct it."


def _is_bundle(skus: SkuTable, number: int) -> bool:
    return bool(skus.bundle_offset[number + 1] > skus.bundle_offset[number])


def movement_results(parsed: ParsedMovements, results: pa.RecordBatch) -> list[dict[str, Any]]:
    """One answer a line, in order; ``results`` is the ledger's answer to ``parsed.batch``."""
    codes = iter(zip(results.column("result").to_pylist(), parsed.batch.column("kind").to_pylist(), strict=True))
    return [
        _refusal(line, movement_id, parsed.refused[line])
        if line in parsed.refused
        else _answer(line, movement_id, *next(codes))
        for line, movement_id in zip(parsed.lines, parsed.ids, strict=True)
    ]


def _refusal(line: int, movement_id: str | None, error: RowError) -> dict[str, Any]:
    said = {"status": "refused", "field": error.field, "code": error.code, "detail": error.detail}
    return {"line": line, "movement_id": movement_id, **said}


def _answer(line: int, movement_id: str | None, result: int, kind: int) -> dict[str, Any]:
    answer: dict[str, Any] = {"line": line, "movement_id": movement_id, "status": RESULT_NAMES[result]}
    if result == MovementResult.SHORT:
        is_aside = kind in (MovementKind.PUT_BACK, MovementKind.SCRAP, MovementKind.ARRIVE)
        answer |= {"field": "qty", "code": "short", "detail": _SHORT_ASIDE_DETAIL if is_aside else _SHORT_DETAIL}
    elif result == MovementResult.CONFLICT:
        answer |= {"field": "movement_id", "code": "id_conflict", "detail": _CONFLICT_DETAIL}
    return answer
