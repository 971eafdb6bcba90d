"""Problems (RFC 9457): every error answer of the gateway, with a stable ``code``.

A handler raises :class:`Problem`; the dispatcher turns it into ``application/problem+json``. A code never
changes its meaning. Members beyond the standard ones are flat (``reasons``, ``errors``, ``acknowledgement``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time

MEDIA_TYPE = "application/problem+json"
SERVER_NAME = "order-router"


@dataclass(frozen=True)
class ProblemKind:
    status: int
    title: str


KINDS: dict[str, ProblemKind] = {
    "bad_request": ProblemKind(400, "The request is not valid HTTP"),
    "bad_json": ProblemKind(400, "The body is not valid JSON"),
    "bad_parameter": ProblemKind(400, "A parameter is not valid"),
    "bad_rows": ProblemKind(400, "The rows cannot be read"),
    "unauthorized": ProblemKind(401, "A valid API key is needed"),
    "forbidden": ProblemKind(403, "The key's role may not do this"),
    "not_found": ProblemKind(404, "There is nothing here"),
    "order_not_found": ProblemKind(404, "No order has this id"),
    "work_not_found": ProblemKind(404, "No work item has this id"),
    "payment_not_found": ProblemKind(404, "No request for money has this id"),
    "reconciliation_not_found": ProblemKind(404, "No comparison of figures has this id"),
    "invoice_not_found": ProblemKind(404, "No invoice or credit note has this number"),
    "refund_not_found": ProblemKind(404, "No refund has this id"),
    "shipment_not_found": ProblemKind(404, "No shipment has this id"),
    "wave_not_found": ProblemKind(404, "No wave has this id"),
    "wave_conflict": ProblemKind(409, "The wave, or the bin, does not take this now"),
    "method_not_allowed": ProblemKind(405, "The method is not offered here"),
    "not_acceptable": ProblemKind(406, "No media type asked for is offered"),
    "body_timeout": ProblemKind(408, "The body did not arrive in time"),
    "id_conflict": ProblemKind(409, "The order_id was used with another body"),
    "idempotency_conflict": ProblemKind(409, "The Idempotency-Key was used for another request"),
    "work_conflict": ProblemKind(409, "The work item does not take this now"),
    "payment_refused": ProblemKind(409, "So much cannot be asked for, or not in this way"),
    "refund_refused": ProblemKind(409, "So much cannot go back"),
    "shipment_refused": ProblemKind(409, "This cannot be sent so"),
    "shipment_conflict": ProblemKind(409, "The shipment does not take this now"),
    "body_too_large": ProblemKind(413, "The body is too large"),
    "unsupported_media_type": ProblemKind(415, "The body's media type is not understood"),
    "order_rejected": ProblemKind(422, "The order was refused"),
    "table_refused": ProblemKind(422, "The table was refused; nothing was applied"),
    "unsupported": ProblemKind(422, "This is not supported"),
    "body_truncated": ProblemKind(400, "The body ended too early"),
    "stream_malformed": ProblemKind(400, "The stream cannot be read further"),
    "answers_not_read": ProblemKind(400, "Too many answers wait to be read"),
    "rate_limited": ProblemKind(429, "Too many requests with this key"),
    "overloaded": ProblemKind(429, "The router has no room at the moment"),
    "streams_limit": ProblemKind(429, "Too many streams are open"),
    "connections_limit": ProblemKind(429, "Too many connections are open"),
    "internal": ProblemKind(500, "The router made a mistake"),
    "shard_unavailable": ProblemKind(503, "A part of the router is being restarted"),
    "not_ready": ProblemKind(503, "The router is not ready"),
    "shutting_down": ProblemKind(503, "The router is shutting down"),
}


class Problem(Exception):
    """An answer that is an error; ``members`` are added to the document as they are."""

    def __init__(self, code: str, detail: str, *, retry_after_ms: int = 0, **members: Any) -> None:
        assert code in KINDS, f"unknown problem code {code}"
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retry_after_ms = retry_after_ms
        self.members = members

    @property
    def status(self) -> int:
        return KINDS[self.code].status

    def document(self) -> dict[str, Any]:
        kind = KINDS[self.code]
        return {
            "type": f"urn:order-router:problem:{self.code}",
            "title": kind.title,
            "status": kind.status,
            "code": self.code,
            "detail": self.detail,
            **self.members,
        }

    def encode(self) -> bytes:
        return orjson.dumps(self.document())

    def encode_line(self) -> bytes:
        """The problem as the last line of an NDJSON stream, where ``status`` belongs to the answers' field."""
        document = self.document()
        document["http_status"] = document["status"]
        document["status"] = "error"
        return orjson.dumps(document) + b"\n"

    def headers(self) -> dict[str, str]:
        headers = {"Content-Type": MEDIA_TYPE, "Server": SERVER_NAME}
        if self.retry_after_ms:
            headers["Retry-After"] = str(max(1, -(-self.retry_after_ms // 1000)))
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="order-router"'
        if self.code == "method_not_allowed":
            headers["Allow"] = ", ".join(self.members["allowed"])
        return headers

    def response(self) -> web.Response:
        return web.Response(status=self.status, body=self.encode(), headers=self.headers())


def raw_response(problem: Problem) -> bytes:
    """The whole HTTP answer as bytes, for connections that are refused before a request is read."""
    return _raw(problem.status, problem.encode(), {**problem.headers(), "Connection": "close"})


def raw_problem(problem: Problem) -> bytes:
    """The whole HTTP answer as bytes; the connection stays open."""
    return _raw(problem.status, problem.encode(), {**problem.headers(), "Date": rfc822_formatted_time()})


def raw_json(body: bytes) -> bytes:
    """What :func:`json_response` would send, as bytes."""
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: %b\r\nContent-Length: %d\r\nDate: %b\r\n\r\n%b"
        % (
            SERVER_NAME.encode(),
            len(body),
            rfc822_formatted_time().encode(),
            body,
        )
    )


def _raw(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    head += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


def json_response(body: bytes, status: int = 200, media_type: str = "application/json") -> web.Response:
    return web.Response(status=status, body=body, headers={"Content-Type": media_type, "Server": SERVER_NAME})
