"""The contract's endpoints as one table: who may call them, what they take and give, how they fail."""

from __future__ import annotations

from actors.gateway.core.core import Core
from actors.gateway.core.readers import Logs, OrderReaders
from actors.gateway.endpoints.events import EventEndpoint
from actors.gateway.endpoints.hooks import HookEndpoint
from actors.gateway.endpoints.invoices import INVOICE_QUERIES, PDF_QUERIES, InvoiceEndpoint
from actors.gateway.endpoints.labels import LabelEndpoint
from actors.gateway.endpoints.order_stream import StreamEndpoint
from actors.gateway.endpoints.orders import OrderEndpoint
from actors.gateway.endpoints.payments import PaymentEndpoint
from actors.gateway.endpoints.promises import PromiseEndpoint
from actors.gateway.endpoints.queries import SCOPE_QUERIES, SEARCH_QUERIES, TIMELINE_QUERIES, QueryEndpoint
from actors.gateway.endpoints.refunds import RefundEndpoint
from actors.gateway.endpoints.shipments import ShipmentEndpoint
from actors.gateway.endpoints.stock import StockEndpoint
from actors.gateway.endpoints.stream import STREAM_QUERIES, ChangeStream
from actors.gateway.endpoints.tables import READ_QUERIES, WRITE_QUERIES, TableEndpoint
from actors.gateway.endpoints.waves import BIN_QUERIES, TEXT, WAVE_QUERIES, ReportName, WaveEndpoint
from actors.gateway.endpoints.work import WORK_QUERIES, WorkEndpoint
from actors.gateway.http import (
    event_shapes,
    invoice_shapes,
    order_shapes,
    payment_shapes,
    refund_shapes,
    shapes,
    shipment_shapes,
    wave_shapes,
    work_shapes,
)
from actors.gateway.http.routes import (
    ARROW,
    BOUND_KEEPERS,
    BOUND_OPERATORS,
    BOUND_READERS,
    BOUND_REPORTERS,
    BOUND_SELLERS,
    BOUND_WATCHERS,
    CSV,
    EVERYBODY,
    FORM,
    JSON,
    KEEPERS,
    NDJSON,
    OPERATORS,
    PDF,
    READERS,
    REPORTERS,
    SELLERS,
    SSE,
    WATCHERS,
    ZPL,
    Body,
    Route,
)
from actors.store.data_folder import DataFolder
from router.tables.names import TABLES
from router.tables.row_types import ROW_TYPES
from router.work.acts import ActName


def routes_of(core: Core, data: DataFolder, logs: Logs) -> list[Route]:
    """Every route of the contract, its handlers bound to one core."""

    def readers() -> OrderReaders:
        return OrderReaders(data, logs, core.reference, core.config)

    on_loop, in_thread, in_worker = readers(), readers(), readers()
    query = QueryEndpoint(core, on_loop, in_thread)
    changes = ChangeStream(core, data, logs.shards)
    return [
        *_of_tables(TableEndpoint(core, data)),
        *_writing(core, on_loop, in_worker),
        *_reading(query, changes),
        *_promising(PromiseEndpoint(core, data, on_loop)),
        *_working(WorkEndpoint(core, data)),
        *_refunding(RefundEndpoint(core, query, on_loop)),
        *_paying(PaymentEndpoint(core, query, on_loop)),
        *_shipping(ShipmentEndpoint(core, query, on_loop)),
        *_printing(LabelEndpoint(core, query)),
        *_invoicing(InvoiceEndpoint(core, query, in_thread)),
        *_picking(WaveEndpoint(core)),
    ]


def _of_tables(tables: TableEndpoint) -> list[Route]:
    problems = ("bad_parameter", "not_found", "table_refused", "unsupported", "shard_unavailable")
    rows: dict[str, Body] = {NDJSON: tuple(ROW_TYPES.values()), CSV: None}
    names = {"table": TABLES}
    return [
        Route(
            "GET", "/v1/tables", tables.versions, WATCHERS, "Reference tables and their versions",
            {JSON: shapes.TableVersions}, problems=("bad_parameter",),
        ),
        Route(
            "GET", "/v1/tables/{table}", tables.get, WATCHERS, "A reference table as it is, to be put again",
            rows, queries=READ_QUERIES,
            problems=("bad_parameter", "not_found", "not_acceptable", "shard_unavailable"),
            choices=names,
        ),
        Route(
            "PUT", "/v1/tables/{table}", tables.put, OPERATORS, "Replace a reference table, all of it or nothing",
            {JSON: shapes.TableReplaced}, rows, queries=WRITE_QUERIES, problems=problems, choices=names,
        ),
        Route(
            "PATCH", "/v1/tables/{table}", tables.patch, OPERATORS, "Change, add and remove single rows of a table",
            {JSON: shapes.TablePatched}, {NDJSON: None, CSV: None}, queries=WRITE_QUERIES, problems=problems,
            choices=names,
        ),
    ]  # fmt: skip


def _writing(core: Core, on_loop: OrderReaders, in_worker: OrderReaders) -> list[Route]:
    acknowledgement, result = shapes.Acknowledgement, event_shapes.EventResult
    orders, events = OrderEndpoint(core, on_loop), EventEndpoint(core, in_worker)
    return [
        Route(
            "POST", "/v1/stock", StockEndpoint(core).post, KEEPERS, "Stock movements, one a line",
            {NDJSON: shapes.MovementResult}, {NDJSON: shapes.Movement}, problems=("shard_unavailable",),
        ),
        Route(
            "POST", "/v1/orders", orders.post, SELLERS, "Decide one order",
            {JSON: acknowledgement}, {JSON: shapes.Order},
            problems=("bad_json", "order_rejected", "id_conflict", "overloaded", "shard_unavailable"),
            quick=orders.take,
            bound_roles=BOUND_SELLERS,
        ),
        Route(
            "POST", "/v1/orders/stream", StreamEndpoint(core, in_worker).post, SELLERS,
            "Decide orders while they arrive; one answer each, in order of arrival",
            {NDJSON: acknowledgement, ARROW: None}, {NDJSON: shapes.Order, ARROW: None}, problems=("streams_limit",),
            bound_roles=BOUND_SELLERS,
        ),
        Route(
            "POST", "/v1/events", events.post, REPORTERS,
            "Lifecycle events, also while they arrive; one result each, in order of arrival",
            {NDJSON: result, ARROW: None}, {NDJSON: event_shapes.Event, JSON: event_shapes.Event, ARROW: None},
            problems=("bad_json", "shard_unavailable", "stream_malformed", "streams_limit"),
            bound_roles=BOUND_REPORTERS,
        ),
        Route(
            "POST", "/v1/hooks/{partner}", HookEndpoint(core, events).post, EVERYBODY,
            "A partner's own webhook, signed by the partner and answered as it expects",
            {JSON: None}, {JSON: None, FORM: None},
            problems=("not_found", "not_ready", "rate_limited", "shard_unavailable"),
        ),
    ]  # fmt: skip


def _reading(query: QueryEndpoint, changes: ChangeStream) -> list[Route]:
    problems = ("order_not_found", "bad_parameter", "shard_unavailable")
    return [
        Route(
            "GET", "/v1/orders", query.search, WATCHERS, "Search orders, newest first",
            {JSON: shapes.Page}, queries=SEARCH_QUERIES, problems=("bad_parameter", "shard_unavailable"),
            bound_roles=BOUND_READERS,
        ),
        Route(
            "GET", "/v1/orders/{order_id}", query.order, READERS, "One order: its answer, how it stands, what was sent",
            {JSON: order_shapes.OrderView}, queries=SCOPE_QUERIES, problems=problems,
            bound_roles=BOUND_READERS,
        ),
        Route(
            "GET", "/v1/orders/{order_id}/timeline", query.timeline, READERS, "Every change of one order",
            {JSON: order_shapes.Timeline}, queries=TIMELINE_QUERIES, problems=problems,
            bound_roles=BOUND_READERS,
        ),
        Route(
            "GET", "/v1/orders/{order_id}/explain", query.explain, WATCHERS, "Why one order was decided so",
            {JSON: None}, queries=SCOPE_QUERIES, problems=problems,
            bound_roles=BOUND_WATCHERS,
        ),
        Route(
            "GET", "/v1/stream", changes.get, READERS, "Changes of all orders from a cursor on",
            {SSE: None, NDJSON: (event_shapes.Change, event_shapes.ReadTo)}, queries=STREAM_QUERIES,
            problems=("bad_parameter", "not_acceptable", "streams_limit"),
            bound_roles=BOUND_READERS,
        ),
    ]  # fmt: skip


def _promising(promises: PromiseEndpoint) -> list[Route]:
    return [
        Route(
            "POST", "/v1/availability", promises.availability, READERS, "Units available to promise, by SKU and node",
            {JSON: shapes.Availability}, {JSON: shapes.AvailabilityAsked},
            problems=("bad_json", "bad_parameter", "shard_unavailable"),
            quick=promises.take,
            bound_roles=BOUND_READERS,
        ),
        Route(
            "POST", "/v1/quotes", promises.quotes, READERS, "What would be decided now; takes nothing",
            {JSON: (shapes.Quote, shapes.QuotesAnswered)}, {JSON: (shapes.Order, shapes.QuotesAsked)},
            problems=("bad_json", "bad_parameter", "shard_unavailable"),
            bound_roles=BOUND_READERS,
        ),
    ]  # fmt: skip


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


def _invoicing(invoices: InvoiceEndpoint) -> list[Route]:
    return [
        Route(
            "GET", "/v1/invoices", invoices.list, READERS, "Invoices and credit notes of an order",
            {JSON: invoice_shapes.InvoicesOfOrder}, queries=INVOICE_QUERIES,
            problems=("order_not_found", "bad_parameter"), bound_roles=BOUND_READERS,
        ),
        Route(
            "GET", "/v1/invoices/{number}.pdf", invoices.pdf, READERS, "One invoice or credit note as a page",
            {PDF: None}, queries=PDF_QUERIES,
            problems=("invoice_not_found", "bad_parameter", "unsupported", "overloaded"), bound_roles=BOUND_READERS,
        ),
        Route(
            "GET", "/v1/invoices/{number}", invoices.get, READERS, "One invoice or credit note",
            {JSON: invoice_shapes.Invoice}, problems=("invoice_not_found",), bound_roles=BOUND_READERS,
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
