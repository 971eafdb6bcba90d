"""Bodies of waves and bins as the OpenAPI document shows them, and as they are read."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from actors.gateway.http.order_shapes import Time
from router.warehouse.wave import LINES_MAX, LINES_USUAL, ORDERS_MAX, ORDERS_USUAL, REPORTED_MAX

Id = Annotated[str, Meta(min_length=1, max_length=128)]
Name = Annotated[str, Meta(max_length=128)]
Qty = Annotated[int, Meta(ge=1, le=1 << 31)]
State = Literal["open", "done", "released"]
Reason = Annotated[str, Meta(min_length=1, max_length=1_024)]


class WaveAskedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: Id
    zone: Annotated[Name | None, Meta(description="orders of which all units here lie in it")] = None
    carrier: Annotated[Name | None, Meta(description="orders planned for it")] = None
    due_before: Annotated[str | None, Meta(description="orders whose cut-off is no later")] = None
    max_orders: Annotated[int, Meta(ge=1, le=ORDERS_MAX)] = ORDERS_USUAL
    max_lines: Annotated[int, Meta(ge=1, le=LINES_MAX, description="an order with more goes alone")] = LINES_USUAL


class PickedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of a line of an order."""

    order_id: Id
    line_id: Id
    qty: Qty


class ShortLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units that were not found."""

    order_id: Id
    line_id: Id
    qty: Qty
    bin: Annotated[Name | None, Meta(description="needed where the line lies in several")] = None


class PickedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lines: Annotated[list[PickedLine], Meta(min_length=1, max_length=REPORTED_MAX, description="each line once")]


class ShortBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lines: Annotated[list[ShortLine], Meta(min_length=1, max_length=REPORTED_MAX, description="each line once")]
    reason: Annotated[Reason, Meta(description="of the report, and why the bin is blocked")]


class PackedBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was picked of an order and lies in no carton."""

    tote: Annotated[int, Meta(ge=1, le=ORDERS_MAX)]
    cartons: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)] | None, Meta(description="into how many; null: not said")
    ] = None


class ReleaseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing is said but that."""


class BinBlocked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: Id
    bin: Id
    reason: Reason


class BinFree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    node: Id
    bin: Id


class StopOfLine(msgspec.Struct, frozen=True):
    """Where a line, or a component of a bundle, lies."""

    sku: str
    qty: Annotated[int, Meta(description="in one unit of the line")]
    bin: Annotated[str | None, Meta(description="null: no row of `bins` says where")]
    zone: str | None


class WaveLineView(msgspec.Struct, frozen=True):
    line_id: str
    sku: str
    qty: Annotated[int, Meta(description="units of the line: whole bundles where it is one")]
    left: Annotated[int, Meta(description="to be picked")]
    picked: int
    short: int
    dropped: Annotated[int, Meta(description="left the wave without having been picked")]
    packed: int
    why: Annotated[str | None, Meta(description="they were dropped")]
    from_: Annotated[list[StopOfLine], Meta(description="where it lies")] = msgspec.field(name="from")


class WaveOrderView(msgspec.Struct, frozen=True):
    tote: int
    order_id: str
    channel: str
    seller: str | None
    due_at: Time | None
    carrier: str | None
    service: str | None
    lines: list[WaveLineView]


class Walking(msgspec.Struct, frozen=True):
    """How far one walks, in the numbers of `bins`, out and back."""

    wave: int
    one_by_one: Annotated[int, Meta(description="were each order picked by itself")]


class WaveRow(msgspec.Struct, frozen=True):
    wave_id: str
    node: str
    state: State
    zone: str | None
    carrier: str | None
    due_before: Time | None
    made_by: Annotated[str, Meta(description="name of a key")]
    made_at: Time | None
    ended_at: Time | None


class WaveView(WaveRow, frozen=True):
    orders: list[WaveOrderView]
    left: Annotated[int, Meta(description="units to be picked")]
    walking: Walking


class WaitingView(msgspec.Struct, frozen=True):
    """What waits for one cut-off and carrier, and is in no wave."""

    due_at: Time | None
    carrier: str | None
    orders: int
    units: int


class WavePage(msgspec.Struct, frozen=True):
    waiting: list[WaitingView]
    waves: list[WaveRow]
    cursor: str | None


class TakenFor(msgspec.Struct, frozen=True):
    tote: int
    order_id: str
    line_id: str
    qty: int


class PickStop(msgspec.Struct, frozen=True):
    walk: int | None
    zone: str | None
    bin: str | None
    sku: str
    qty: int
    for_: list[TakenFor] = msgspec.field(name="for")


class DroppedView(TakenFor, frozen=True):
    sku: str
    why: str


class PickList(WaveRow, frozen=True):
    stops: Annotated[list[PickStop], Meta(description="what is left to pick, along the walk")]
    dropped: Annotated[list[DroppedView], Meta(description="what is not to be picked any more")]


class SkuCount(msgspec.Struct, frozen=True):
    sku: str
    qty: int


class CartonProposed(msgspec.Struct, frozen=True):
    carton: str
    weight_g: Annotated[int, Meta(description="with the carton's own")]
    cost: int
    units: list[SkuCount]


class PackedLine(msgspec.Struct, frozen=True):
    line_id: str
    sku: str
    picked: int
    packed: int
    left: int


class PackingView(msgspec.Struct, frozen=True):
    wave_id: str
    node: str
    tote: int
    order_id: str
    channel: str
    seller: str | None
    carrier: str | None
    service: str | None
    lines: list[PackedLine]
    cartons: Annotated[list[CartonProposed] | None, Meta(description="for what is not packed; null: none, see `why`")]
    too_large: list[SkuCount]
    not_measured: Annotated[list[SkuCount], Meta(description="no row of `skus` says how large they are")]
    cost: int | None
    cost_at_least: Annotated[int | None, Meta(description="what no packing costs less than")]
    why: Annotated[str | None, Meta(description="the proposal does not hold everything")]


class BlockedBin(msgspec.Struct, frozen=True):
    node: str
    bin: str
    reason: str
    blocked_by: Annotated[str, Meta(description="name of a key")]
    blocked_at: Time | None


class BinsOfNode(msgspec.Struct, frozen=True):
    node: str
    blocked: list[BlockedBin]
