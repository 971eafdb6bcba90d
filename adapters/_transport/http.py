"""HTTP to one partner: one exchange, within its bounds, and what it means for us where there is no whole answer.

Nothing is repeated here, no redirect followed, no proxy asked, no cookie kept, nothing logged.
"""

from __future__ import annotations

import asyncio

import aiohttp

from adapters._spec import Doubt, Later, Settings, Why, WireRequest, WireResponse
from adapters._transport.guard import ForbiddenAddress, guarded_socket

PIECE_BYTES = 1 << 16
HEADER_BYTES_MAX = 8_190  # of one header of an answer
# Read as they are: an answer that unpacks to more than it may have cannot come.
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "order-router"}


class HttpWire:
    """The connections to one partner; to be made and closed inside a running loop."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.url.rstrip("/")
        self._bytes_max = settings.response_bytes_max
        self._deadline_s = settings.deadline_ms / 1_000
        connector = aiohttp.TCPConnector(
            limit=settings.connections_max, socket_factory=guarded_socket(settings.allow_private)
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_ms / 1_000),
            headers=HEADERS,
            auto_decompress=False,  # or what has come is unpacked before anybody looks at its head
            trust_env=False,
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
        )

    async def exchange(self, request: WireRequest) -> WireResponse | Later | Doubt:
        """One request and its whole answer. ``Later`` only where not a byte of it can have left."""
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._exchange(request)
        except TimeoutError:
            return Doubt(Why.TIMEOUT, f"no whole answer within {self._deadline_s:g} s")

    async def _exchange(self, request: WireRequest) -> WireResponse | Later | Doubt:
        try:
            async with self._session.request(
                request.method,
                self._url + request.path,
                data=request.body or None,
                headers=request.headers,
                allow_redirects=False,
            ) as response:
                return await self._read(response)
        except aiohttp.InvalidURL:
            return Later(Why.UNREACHABLE, "the partner's url cannot be called; correct it in the configuration")
        except aiohttp.ConnectionTimeoutError:
            return Later(Why.UNREACHABLE, "no connection in time")
        except aiohttp.ClientConnectorError as fault:
            return _unreachable(fault)
        except (aiohttp.ClientResponseError, aiohttp.http.HttpProcessingError):
            return Doubt(Why.MALFORMED, "the answer is not HTTP")
        except (aiohttp.ClientError, OSError):
            return Doubt(Why.CUT, "the connection ended before the answer did")

    async def _read(self, response: aiohttp.ClientResponse) -> WireResponse | Doubt:
        coding = response.headers.get("Content-Encoding", "identity")
        if coding.strip().lower() != "identity":
            response.close()
            return Doubt(Why.MALFORMED, "the answer is compressed, which was not asked for")
        pieces, size = [], 0
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            size += len(piece)
            if size > self._bytes_max:
                response.close()
                return Doubt(Why.OVERSIZED, f"the answer has more than {self._bytes_max} bytes")
            pieces.append(piece)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return WireResponse(status=response.status, headers=headers, body=b"".join(pieces))

    async def close(self) -> None:
        await self._session.close()


def _unreachable(fault: aiohttp.ClientConnectorError) -> Later:
    """Why there is no connection; the words are the system's, about a name or an address and nothing of the request."""
    if isinstance(fault.os_error, ForbiddenAddress):
        return Later(Why.FORBIDDEN_ADDRESS, f"{fault.os_error.strerror}; allow_private = true would let it be called")
    return Later(Why.UNREACHABLE, f"no connection: {fault.os_error}")
