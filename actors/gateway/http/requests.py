"""What every endpoint asks of a request: a head that can be read in one way only, a type, a body within its bounds.

aiohttp waits without a deadline for a body, and lets heads pass that two readers may read as two requests.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.streams import StreamReader
from aiohttp.web_request import BaseRequest

from actors.gateway.core.problems import Problem
from actors.gateway.http.limits import GatewayProtocol
from router.config import Limits

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy  # aiohttp's

PROGRESS_BYTES = 1024  # a body that is not a stream must bring as much within each idle deadline
# Headers of which two would let two readers see two requests; the parser itself refuses those that frame a body.
SAID_ONCE = ("authorization", "content-encoding", "content-type", "expect", "host")


def media_type_of(request: BaseRequest) -> str:
    """The body's media type without parameters; a compressed body is refused in words."""
    headers = request.headers
    coding = headers.get("Content-Encoding")
    if coding is not None and coding.strip().lower() != "identity":
        raise Problem(
            "unsupported_media_type",
            f"Content-Encoding {coding[:40]!r} is not accepted; send the body uncompressed.",
        )
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def head_fault(headers: CIMultiDictProxy[str]) -> str | None:
    """What is wrong with a head that the parser lets pass, in words: what can be read in two ways is read in none."""
    for name in SAID_ONCE:
        times = len(headers.getall(name, ()))
        if times > 1:
            return f"The header {name} is there {times} times; send it once."
    coding = headers.get("Transfer-Encoding")
    if coding is not None and coding.strip().lower() != "chunked":
        return f"Transfer-Encoding {coding[:40]!r} is not accepted; send chunks of an uncompressed body."
    return None


async def answer_expectation(request: BaseRequest) -> None:
    """``Expect: 100-continue``: tell the client to send its body."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # so that a fault can still be answered


async def read_body(request: BaseRequest, limits: Limits) -> bytes:
    """A whole body within its size and deadline; raises Problem 400, 408 or 413."""
    content = request.content
    size_max = limits.body_bytes_max
    if content.is_eof():  # arrived together with its head: the common case
        body = content.read_nowait(-1)
        if len(body) > size_max:
            raise _too_large(size_max)
        return body
    length = request.content_length
    if length is not None and length > size_max:
        raise _too_large(size_max)
    await answer_expectation(request)
    parts: list[bytes] = []
    size = 0
    while True:
        part = await _read_progress(content, limits)
        size += len(part)
        if size > size_max:
            raise _too_large(size_max)
        parts.append(part)
        if content.at_eof():
            break
    if isinstance(request.protocol, GatewayProtocol) and request.protocol.body_truncated:
        raise Problem("body_truncated", "The connection ended before the body did; send the request again.")
    return b"".join(parts)


async def _read_progress(content: StreamReader, limits: Limits) -> bytes:
    """At least PROGRESS_BYTES (or the end) within the idle deadline, so that drops of a body end too."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_idle_timeout_ms / 1000):
            while size < PROGRESS_BYTES and not content.at_eof():
                part = await content.readany()
                size += len(part)
                parts.append(part)
    except TimeoutError:
        raise Problem(
            "body_timeout",
            f"Less than {PROGRESS_BYTES} bytes of the body came in {limits.body_idle_timeout_ms} ms; send it faster.",
        ) from None
    except web.RequestPayloadError:
        raise Problem("body_truncated", "The body's framing is broken; send the request again.") from None
    return b"".join(parts)


def _too_large(size_max: int) -> Problem:
    return Problem("body_too_large", f"This body may have {size_max} bytes; send less at a time, or use a stream.")
