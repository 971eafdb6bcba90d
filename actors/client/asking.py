"""One question to a router, and its answer; what is refused is a sentence of the router's own."""

from __future__ import annotations

import http.client
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from actors.client.reach import REACH_S_MAX, REMEDY, address_of, reach
from router.errors import Refused, Retryable, row_at

ANSWER_S_MAX = 300.0  # without a byte of the answer; a large table takes a while to compile
PIECE_BYTES = 1 << 20
PASSES = frozenset((408, 429, 500, 502, 503, 504))  # statuses after which the same may be taken in a moment
FINDINGS_SHOWN_MAX = 20
NDJSON, CSV, JSON = "application/x-ndjson", "text/csv", "application/json"
_WHAT_NOW = {
    401: "Give a key that this router knows with --key, DIR/admin.key say.",
    403: "Give a key whose role may do this with --key.",
    429: "Try again in a moment.",
    503: "Try again in a moment.",
}


class RequestRefused(Refused):
    """What the router answered instead, in words."""

    def __init__(self, detail: str, status: int, problem: dict[str, Any]) -> None:
        """``problem``: the members of application/problem+json."""
        super().__init__(detail)
        self.status, self.problem = status, problem

    @property
    def code(self) -> str:
        return str(self.problem.get("code", ""))


class Body(NamedTuple):
    content: bytes
    media_type: str
    key: str = ""  # by which the router knows the same request when it comes again (Idempotency-Key)

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.media_type} | ({"Idempotency-Key": self.key} if self.key else {})


class Router:
    """A router as one command asks it, over one connection. To be closed."""

    def __init__(self, url: str, key: str) -> None:
        """Raises Retryable within seconds where nobody is there."""
        host, port = address_of(url)
        reach(url)
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        kind = http.client.HTTPSConnection if url.startswith("https:") else http.client.HTTPConnection
        self._connection = kind(host, port, timeout=REACH_S_MAX)
        self._connection.connect()
        self._connection.timeout = ANSWER_S_MAX  # where a router hangs up between two questions, too
        self._connection.sock.settimeout(ANSWER_S_MAX)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Router:
        return self

    def __exit__(self, *_fault: object) -> None:
        self.close()

    def json(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Body | None = None) -> Any:
        """The answer as JSON; raises Refused with what the router said, Retryable where it went away."""
        return msgspec.json.decode(b"".join(self.pieces(method, path, query, body)))

    def lines(self, method: str, path: str, body: Body) -> list[dict[str, Any]]:
        """The answer as JSON lines; likewise."""
        content = b"".join(self.pieces(method, path, None, body))
        return [msgspec.json.decode(line) for line in content.splitlines() if line]

    def pieces(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        accept: str = "*/*",
    ) -> Iterator[bytes]:
        """The answer piece by piece; likewise."""
        target = path + (f"?{urllib.parse.urlencode(query)}" if query else "")
        headers = self._headers | {"Accept": accept} | (body.headers if body else {})
        try:
            response = self._response(method, target, body, headers)
            if response.status != 200:
                raise refusal(response.status, response.read())
            while piece := response.read(PIECE_BYTES):
                yield piece
        except (OSError, http.client.HTTPException) as fault:
            said = (
                f"The router at {self._url} went away before it had answered ({str(fault) or type(fault).__name__}). "
            )
            raise Retryable(said + "Ask again: nothing happens twice. " + REMEDY, 1_000) from None

    def _response(
        self, method: str, target: str, body: Body | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        try:
            self._connection.request(method, target, body.content if body else None, headers)
        except (BrokenPipeError, ConnectionResetError):
            if self._connection.sock is None:
                raise
            # What is too large is answered while it is still on its way: the answer is there to be read.
        return self._connection.getresponse()


def asked_once(router: Router, path: str, query: Mapping[str, str], body: Body, again: str) -> dict[str, Any]:
    """The answer to a POST whose Idempotency-Key is in ``body``; who hears none is told ``again``: how to ask for the
    same, and no second one."""
    try:
        answer: dict[str, Any] = router.json("POST", path, query, body)
    except Retryable as fault:
        raise Retryable(f"{fault} {again}", fault.retry_after_ms) from None
    except RequestRefused as fault:
        if fault.status not in PASSES:
            raise
        raise RequestRefused(f"{fault} {again}", fault.status, fault.problem) from None
    return answer


def path_of(*parts: str) -> str:
    """A path of parts that may hold anything."""
    return "/v1/" + "/".join(urllib.parse.quote(part, safe="") for part in parts)


def refusal(status: int, content: bytes) -> RequestRefused:
    """What the router says of a request that it did not take."""
    problem = problem_of(content)
    remedy = f" {_WHAT_NOW[status]}" if status in _WHAT_NOW else ""
    said = "\n".join([sentence(status, problem) + remedy, *findings(problem.get("errors", ()))])
    return RequestRefused(said, status, problem)


def problem_of(content: bytes) -> dict[str, Any]:
    """The members of application/problem+json; what is none is all the detail there is."""
    try:
        problem: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.DecodeError:
        return {"detail": content[:200].decode(errors="replace")}
    return problem


def sentence(status: int, problem: Mapping[str, Any]) -> str:
    said = problem.get("detail") or problem.get("title") or http.client.responses.get(status, "no reason given")
    return f"The router answered {status}: {said}"


def findings(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each of the first errors or warnings of rows."""
    return [f"  {finding(each)}" for each in found[:FINDINGS_SHOWN_MAX]]


def finding(said: Mapping[str, Any]) -> str:
    """An error or a warning of a row of a table, for people."""
    return f"{row_at(int(said.get('row') or 0))}, {said.get('field')}: {said.get('detail')}"
