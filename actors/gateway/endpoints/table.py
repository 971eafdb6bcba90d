"""The contract's endpoints as one table: who may call them, what they take and give, how they fail."""

from __future__ import annotations

from actors.gateway.core.core import Core
from actors.gateway.core.readers import Logs, OrderReaders
from actors.gateway.endpoints.desk_table import desk_routes
from actors.gateway.endpoints.events import EventEndpoint
from actors.gateway.endpoints.hooks import HookEndpoint
from actors.gateway.endpoints.invoices import INVOICE_QUERIES, PDF_QUERIES, InvoiceEndpoint
from actors.gateway.endpoints.order_stream import StreamEndpoint
from actors.gateway.endpoints.orders import OrderEndpoint
from actors.gateway.endpoints.promises import PromiseEndpoint
from actors.gateway.endpoints.queries import SCOPE_QUERIES, SEARCH_QUERIES, TIMELINE_QUERIES, QueryEndpoint
from actors.gateway.endpoints.stock import StockEndpoint
from actors.gateway.endpoints.stream import STREAM_QUERIES, ChangeStream
from actors.gateway.endpoints.tables import READ_QUERIES, WRITE_QUERIES, TableEndpoint
from actors.gateway.http import (
    event_shapes,
    invoice_shapes,
    order_shapes,
    shapes,
)
from actors.gateway.http.routes import (
    ARROW,
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
    Body,
    Route,
)
from actors.store.data_folder import DataFolder
from router.tables.names import TABLES
from router.tables.row_types import ROW_TYPES


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
        *desk_routes(core, data, query, on_loop),
        *_invoicing(InvoiceEndpoint(core, query, in_thread)),
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
