"""Which addresses may be called: the list, and that no way of writing one goes past it on a real socket."""

from __future__ import annotations

import asyncio
import pathlib
import shutil
import socket
import ssl
import subprocess
from typing import Any

import msgspec
import pytest
from aiohttp.abc import AbstractResolver

from adapters._spec import Later, Settings, Why, WireRequest, WireResponse
from adapters._transport.guard import is_public
from adapters._transport.http import HttpWire

PUBLIC = ("1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101")
INSIDE = """127.0.0.1 127.8.8.8 0.0.0.0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1
100.100.100.200 192.0.0.192 168.63.129.16 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255 192.0.2.1 203.0.113.9
:: ::1 fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1
::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a00:1:: ::127.0.0.1 no-address""".split()
ASK = WireRequest(method="GET", path="/x")


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_may_be_called(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_of_the_inside_may_not(address: str) -> None:
    assert not is_public(address)


def settings(url: str, allow_private: bool = False) -> Settings:
    return msgspec.convert({"adapter": "x", "url": url, "allow_private": allow_private, "deadline_ms": 2_000}, Settings)


class Counting:
    """A server that no guarded connection may reach."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await reader.read(1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        writer.close()

    async def __aenter__(self) -> Counting:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()


class Rebinding(AbstractResolver):
    """A name server that answers as the attacker likes."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[Any]:
        return [
            {"hostname": host, "host": address, "port": port, "proto": 0, "flags": 0,
             "family": socket.AF_INET6 if ":" in address else socket.AF_INET}
            for address in self._addresses
        ]  # fmt: skip

    async def close(self) -> None: ...


async def called(host: str, scheme: str, resolver: AbstractResolver | None = None) -> tuple[object, int]:
    """What a call ended in, and how many connections reached the server."""
    async with Counting() as counting:
        wire = HttpWire(settings(f"{scheme}://{host}:{counting.port}", allow_private=scheme == "http"))
        if resolver is not None:
            wire._session.connector._resolver = resolver  # type: ignore[union-attr]
        outcome = await wire.exchange(ASK)
        await wire.close()
        return outcome, counting.connections


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001", "0"])
def test_no_way_to_write_this_machine_goes_past_the_guard(host: str) -> None:
    outcome, connections = asyncio.run(called(host, "https"))
    assert isinstance(outcome, Later) and connections == 0, outcome
    if host in ("2130706433", "0"):  # no address to begin with, by aiohttp's own rules
        assert outcome.why is Why.UNREACHABLE
        return
    assert outcome.why is Why.FORBIDDEN_ADDRESS and "allow_private" in outcome.detail
    assert isinstance(asyncio.run(called(host, "http"))[0], WireResponse), "the guard is what stopped it"


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254", "127.0.0.1"]])
def test_a_name_that_leads_inside_is_not_called_whoever_answers_for_it(addresses: list[str]) -> None:
    outcome, connections = asyncio.run(called("partner.example", "https", Rebinding(*addresses)))
    assert isinstance(outcome, Later) and connections == 0 and outcome.why is Why.FORBIDDEN_ADDRESS
    if len(addresses) == 1:
        outcome, connections = asyncio.run(called("partner.example", "http", Rebinding(*addresses)))
        assert isinstance(outcome, WireResponse) and connections == 1


@pytest.mark.parametrize(
    "url",
    ["http://api.example.com", "ftp://api.example.com", "https://", "https://a@b.example", "https://u:p@b.example",
     "https://b.example/?x=1", "https://b.example/#x", "//b.example", "b.example",
     "https://b..example", "https://b.example:99999", "https://b.example:x"],
)  # fmt: skip
def test_an_address_that_is_no_plain_https_is_refused_when_it_is_configured(url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="url"):
        settings(url)


def test_plain_http_needs_the_setting_that_says_so() -> None:
    assert settings("http://127.0.0.1:1/x", allow_private=True).url


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_that_nobody_vouches_for_gets_no_request(tmp_path: pathlib.Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -out {certificate} -keyout {key}"
    subprocess.run(made.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    received: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1))
        writer.close()

    async def work() -> object:
        server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
        wire = HttpWire(settings(f"https://localhost:{server.sockets[0].getsockname()[1]}", allow_private=True))
        outcome = await wire.exchange(ASK)
        await wire.close()
        server.close()
        return outcome

    outcome = asyncio.run(work())
    assert isinstance(outcome, Later) and outcome.why is Why.UNREACHABLE and "certificate" in outcome.detail.lower()
    assert not b"".join(received), "the request holds our key"
