"""Answers about orders, read from the log alone: view, timeline, explanation, search, stream of changes.

Everything here takes what it reads as arguments: a ``RecordSource`` a shard (a log's reader), the tables of a
version, and what the order index says about an id. An order's newest record leads back to every earlier one (columns
``previous`` and ``order``), so no answer about one order ever scans the log; how the order stands is told out of them
into books of the reader's own (``ViewTerms``), by the rules that the shard keeps its books by.
"""

from __future__ import annotations

from router.log.cursor import CursorError
from router.queries.change_filter import ChangeFilter
from router.queries.change_stream import Follower, Page, StreamSource, end_cursor, stream
from router.queries.explain import explain_view
from router.queries.order import order_view
from router.queries.order_search import OrderFilter, search
from router.queries.source import Indexed, RecordSource
from router.queries.timeline import timeline_view
from router.queries.view_terms import ViewTerms
from router.tables.compiled import TablesOf

__all__ = [
    "ChangeFilter",
    "CursorError",
    "Follower",
    "Indexed",
    "OrderFilter",
    "Page",
    "RecordSource",
    "StreamSource",
    "TablesOf",
    "ViewTerms",
    "end_cursor",
    "explain_view",
    "order_view",
    "search",
    "stream",
    "timeline_view",
]
