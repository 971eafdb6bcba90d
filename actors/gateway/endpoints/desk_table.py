"""The endpoints that the desk answers, as the table of table.py has them: work, money, parcels, waves."""

from __future__ import annotations

from actors.gateway.core.core import Core
from actors.gateway.core.readers import OrderReaders
from actors.gateway.endpoints.labels import LabelEndpoint
from actors.gateway.endpoints.payments import PaymentEndpoint
from actors.gateway.endpoints.queries import SCOPE_QUERIES, QueryEndpoint
from actors.gateway.endpoints.refunds import RefundEndpoint
from actors.gateway.endpoints.shipments import ShipmentEndpoint
from actors.gateway.endpoints.waves import BIN_QUERIES, TEXT, WAVE_QUERIES, ReportName, WaveEndpoint
from actors.gateway.endpoints.work import WORK_QUERIES, WorkEndpoint
from actors.gateway.http import (
    payment_shapes,
    refund_shapes,
    shipment_shapes,
    wave_shapes,
    work_shapes,
)
from actors.gateway.http.routes import (
    BOUND_KEEPERS,
    BOUND_OPERATORS,
    BOUND_WATCHERS,
    CSV,
    JSON,
    KEEPERS,
    OPERATORS,
    PDF,
    WATCHERS,
    ZPL,
    Route,
)
from actors.store.data_folder import DataFolder
from router.work.acts import ActName


def desk_routes(core: Core, data: DataFolder, query: QueryEndpoint, on_loop: OrderReaders) -> list[Route]:
    return [
        *_working(WorkEndpoint(core, data)),
        *_refunding(RefundEndpoint(core, query, on_loop)),
        *_paying(PaymentEndpoint(core, query, on_loop)),
        *_shipping(ShipmentEndpoint(core, query, on_loop)),
        *_printing(LabelEndpoint(core, query)),
        *_picking(WaveEndpoint(core)),
    ]


def _working(work: WorkEndpoint) -> list[Route]:
    asked: dict[ActName, tuple[type, str]] = {
        "claim": (work_shapes.ClaimAsked, "Take a work item"),
        "assign": (work_shapes.AssignAsked, "Give a work item to somebody"),
        "snooze": (work_shapes.SnoozeAsked, "Put a work item off"),
        "resolve": (work_shapes.ResolveAsked, "End a work item, and report what was done about its order"),
    }
    problems = ("bad_json", "bad_parameter", "work_not_found", "work_conflict", "idempotency_conflict")
    return [
        Route(
            "GET", work_shapes.WORK, work.list, WATCHERS, "What waits for a person, by deadline",
            {JSON: work_shapes.WorkPage}, queries=WORK_QUERIES, problems=("bad_parameter", "shard_unavailable"),
            bound_roles=BOUND_WATCHERS,
        ),
        *(
            Route(
                "POST", f"{work_shapes.WORK}/{{work_id}}/{name}", work.act(name), OPERATORS, summary,
                {JSON: work_shapes.WorkItemView}, {JSON: shape}, problems=(*problems, "shard_unavailable"),
                bound_roles=BOUND_OPERATORS,
            )
            for name, (shape, summary) in asked.items()
        ),
    ]  # fmt: skip


def _refunding(refunds: RefundEndpoint) -> list[Route]:
    problems = ("order_not_found", "bad_parameter", "shard_unavailable")
    return [
        Route(
            "POST", "/v1/orders/{order_id}/refunds", refunds.post, OPERATORS, "Give money of an order back",
            {JSON: refund_shapes.RefundView}, {JSON: refund_shapes.RefundAskedBody}, queries=SCOPE_QUERIES,
            problems=(*problems, "bad_json", "refund_refused", "idempotency_conflict"),
            bound_roles=BOUND_OPERATORS,
        ),
        Route(
            "GET", "/v1/orders/{order_id}/refunds", refunds.list, WATCHERS, "The refunds of an order",
            {JSON: refund_shapes.RefundsOfOrder}, queries=SCOPE_QUERIES, problems=problems,
            bound_roles=BOUND_WATCHERS,
        ),
        Route(
            "GET", "/v1/refunds/{refund_id}", refunds.get, WATCHERS, "A refund, and how far each part of it is",
            {JSON: refund_shapes.RefundView}, problems=("refund_not_found", "shard_unavailable"),
            bound_roles=BOUND_WATCHERS,
        ),
    ]  # fmt: skip


def _paying(payments: PaymentEndpoint) -> list[Route]:
    problems = ("order_not_found", "bad_parameter", "shard_unavailable")
    return [
        Route(
            "POST", "/v1/orders/{order_id}/payments", payments.post, OPERATORS, "Ask the buyer of an order for money",
            {JSON: payment_shapes.PayRequestView}, {JSON: payment_shapes.PayAskedBody}, queries=SCOPE_QUERIES,
            problems=(*problems, "bad_json", "payment_refused", "idempotency_conflict"),
            bound_roles=BOUND_OPERATORS,
        ),
        Route(
            "GET", "/v1/orders/{order_id}/payments", payments.list, WATCHERS,
            "What the buyer of an order was asked for, what is agreed, and in which ways it can be paid",
            {JSON: payment_shapes.PaymentsOfOrder}, queries=SCOPE_QUERIES, problems=problems,
            bound_roles=BOUND_WATCHERS,
        ),
        Route(
            "POST", "/v1/payments/reconcile", payments.reconcile, OPERATORS,
            "Compare a partner's figures of a day with the books",
            {JSON: payment_shapes.ReconciliationView}, {JSON: payment_shapes.ReconcileAskedBody},
            problems=("bad_json", "bad_parameter", "idempotency_conflict", "shard_unavailable"),
        ),
        Route(
            "GET", "/v1/payments/reconciliations/{reconciliation_id}", payments.reconciled, WATCHERS,
            "What a comparison has found", {JSON: payment_shapes.ReconciliationView},
            problems=("reconciliation_not_found", "shard_unavailable"),
        ),
        Route(
            "GET", "/v1/payments/{payment_request_id}", payments.get, WATCHERS, "A request for money, how far it is",
            {JSON: payment_shapes.PayRequestView}, problems=("payment_not_found", "shard_unavailable"),
            bound_roles=BOUND_WATCHERS,
        ),
    ]  # fmt: skip


def _shipping(shipments: ShipmentEndpoint) -> list[Route]:
    of_order = ("order_not_found", "bad_parameter", "shard_unavailable")
    of_one = ("shipment_not_found", "shipment_conflict", "shard_unavailable")
    one = f"{shipment_shapes.SHIPMENTS}/{{shipment_id}}"
    return [
        Route(
            "POST", "/v1/orders/{order_id}/shipments", shipments.post, OPERATORS,
            "Make a parcel of what is ready of an order: its carrier, its label, its tracking number",
            {JSON: shipment_shapes.ShipmentView}, {JSON: shipment_shapes.ShipmentAskedBody}, queries=SCOPE_QUERIES,
            problems=(*of_order, "bad_json", "shipment_refused", "idempotency_conflict"),
            bound_roles=BOUND_OPERATORS,
        ),
        Route(
            "GET", "/v1/orders/{order_id}/shipments", shipments.list, WATCHERS, "The shipments that were asked for",
            {JSON: shipment_shapes.ShipmentsOfOrder}, queries=SCOPE_QUERIES, problems=of_order,
            bound_roles=BOUND_WATCHERS,
        ),
        Route(
            "GET", one, shipments.get, WATCHERS, "A shipment, and how far it is",
            {JSON: shipment_shapes.ShipmentView}, problems=("shipment_not_found", "shard_unavailable"),
            bound_roles=BOUND_WATCHERS,
        ),
        Route(
            "POST", f"{one}/ship", shipments.ship, OPERATORS, "A shipment has left: report it to its order",
            {JSON: shipment_shapes.ShipmentView}, problems=of_one, bound_roles=BOUND_OPERATORS,
        ),
        Route(
            "DELETE", one, shipments.void, OPERATORS, "Void a shipment that has not left, and its label",
            {JSON: shipment_shapes.ShipmentView}, problems=of_one, bound_roles=BOUND_OPERATORS,
        ),
    ]  # fmt: skip


def _printing(labels: LabelEndpoint) -> list[Route]:
    """To those who send parcels: addresses stand on labels."""
    problems = ("shipment_not_found", "shipment_conflict", "unsupported", "shard_unavailable")
    return [
        *(
            Route(
                "GET", f"{shipment_shapes.SHIPMENTS}/{{shipment_id}}/label.{form}", labels.get(form), KEEPERS,
                "The label of a shipment; the same bytes however often it is printed", {media_type: None},
                problems=problems, bound_roles=BOUND_KEEPERS,
            )
            for form, media_type in labels.MEDIA_TYPES.items()
        ),
        Route(
            "POST", shipment_shapes.LABELS, labels.post, KEEPERS, "The labels of many shipments as one document",
            {PDF: None, ZPL: None}, {JSON: shipment_shapes.LabelsAsked},
            problems=(*problems, "bad_json", "bad_parameter"), bound_roles=BOUND_KEEPERS,
        ),
    ]  # fmt: skip


def _picking(waves: WaveEndpoint) -> list[Route]:
    """A node's work is of all channels, so no bound key has any of it."""
    problems = ("bad_parameter", "shard_unavailable")
    changing = (*problems, "bad_json", "wave_conflict")
    asked: dict[ReportName, tuple[type, str]] = {
        "pick": (wave_shapes.PickedBody, "Report what was picked of a wave"),
        "short": (wave_shapes.ShortBody, "Report what was not found, and block its bin"),
        "pack": (wave_shapes.PackedBody, "Report that what was picked of an order is packed"),
        "release": (wave_shapes.ReleaseBody, "End a wave; what is left of it waits again"),
    }
    return [
        Route(
            "GET", "/v1/waves", waves.list, WATCHERS, "What waits to be picked at a node, and its waves",
            {JSON: wave_shapes.WavePage}, queries=WAVE_QUERIES, problems=problems,
        ),
        Route(
            "POST", "/v1/waves", waves.make, OPERATORS, "Take orders that wait at a node into a wave",
            {JSON: wave_shapes.WaveView}, {JSON: wave_shapes.WaveAskedBody},
            problems=(*changing, "idempotency_conflict"),
        ),
        Route(
            "GET", "/v1/waves/{wave_id}", waves.get, WATCHERS, "A wave, and how far each line of it is",
            {JSON: wave_shapes.WaveView}, problems=("wave_not_found", "shard_unavailable"),
        ),
        Route(
            "GET", "/v1/waves/{wave_id}/pick-list", waves.pick_list, WATCHERS, "What is left to pick, along the walk",
            {JSON: wave_shapes.PickList, CSV: None, TEXT: None},
            problems=("wave_not_found", "not_acceptable", "shard_unavailable"),
        ),
        Route(
            "GET", "/v1/waves/{wave_id}/packing/{tote}", waves.packing, WATCHERS,
            "What an order of a wave is packed into, and its packing slip",
            {JSON: wave_shapes.PackingView, TEXT: None},
            problems=("bad_parameter", "wave_not_found", "not_acceptable", "shard_unavailable"),
        ),
        *(
            Route(
                "POST", f"/v1/waves/{{wave_id}}/{name}", waves.report(name), OPERATORS, summary,
                {JSON: wave_shapes.WaveView}, {JSON: shape},
                problems=(*changing, "wave_not_found", "idempotency_conflict"),
            )
            for name, (shape, summary) in asked.items()
        ),
        Route(
            "GET", "/v1/bins", waves.bins, WATCHERS, "The blocked bins of a node",
            {JSON: wave_shapes.BinsOfNode}, queries=BIN_QUERIES, problems=problems,
        ),
        Route(
            "POST", "/v1/bins/block", waves.block, OPERATORS, "Pick nothing from a bin until it was counted",
            {JSON: wave_shapes.BinsOfNode}, {JSON: wave_shapes.BinBlocked}, problems=changing,
        ),
        Route(
            "POST", "/v1/bins/free", waves.free, OPERATORS, "Pick from a bin again",
            {JSON: wave_shapes.BinsOfNode}, {JSON: wave_shapes.BinFree}, problems=changing,
        ),
    ]  # fmt: skip
