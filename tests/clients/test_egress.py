"""One way out: the registered origin, a checked address, no redirect, bounded time and size."""

import asyncio
import gzip
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from uuid import UUID

import pytest

from fhir_mappings.model.writeback import Answer, Away
from service.clients.egress import Deadlines, Door, Egress, Origin, Request, origin_of, permitted
from service.clients.fhir import FhirServer
from tests.kit.lying_placer import Lie, LyingPlacer, serving

PLACER = UUID(int=1)
QUICK = Deadlines(
    connect_seconds=0.5, read_seconds=0.5, total_seconds=1.0, calls_per_second=100_000
)
METADATA = Request(method="GET", path=("Patient", "1"))


def door(base: str, *, internal: bool = True, token: str = "") -> Door:
    return Door(placer=PLACER, base=base, internal=internal, token=token)


@asynccontextmanager
async def an_egress(
    deadlines: Deadlines = QUICK, addresses: Sequence[str] | None = None
) -> AsyncGenerator[Egress]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        return addresses or ()

    egress = Egress(deadlines, resolve=resolve) if addresses is not None else Egress(deadlines)
    try:
        yield egress
    finally:
        await egress.aclose()


@asynccontextmanager
async def raw(answer: bytes) -> AsyncGenerator[str]:
    """A server that answers these bytes to anything."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fhir"


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://ehr.example/fhir", Origin("https", "ehr.example", 443)),
        ("https://EHR.example:443", Origin("https", "ehr.example", 443)),
        ("https://ehr.example./fhir", Origin("https", "ehr.example", 443)),
        ("http://10.0.0.1:8080/r4", Origin("http", "10.0.0.1", 8080)),
        ("https://[::1]/fhir", Origin("https", "::1", 443)),
    ],
)
def test_an_origin_is_scheme_host_and_port(address: str, origin: Origin) -> None:
    assert origin_of(address) == origin


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ehr.example/fhir",
        "//ehr.example/fhir",
        "ftp://ehr.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https:///fhir",
        "https://user@ehr.example/",
        "https://ehr.example:443@evil.test/",
        "https://evil.test\\@ehr.example/",
        "https://ehr.example:port/",
        "https://ehr.example:99999/",
        "https://ehr.example /fhir",
        "https://ehr.example\n/fhir",
        "https://[::1/fhir",
    ],
)
def test_what_parsers_disagree_about_is_no_origin(address: str) -> None:
    assert origin_of(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "fd00:ec2::254",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "not-an-address",
    ],
)
def test_some_addresses_are_never_called(address: str) -> None:
    assert not permitted(address, internal=True)
    assert not permitted(address, internal=False)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "fd12::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
    ],
)
def test_our_own_network_is_for_internal_placers_alone(address: str) -> None:
    assert permitted(address, internal=True)
    assert not permitted(address, internal=False)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_the_internet_is_for_everybody(address: str) -> None:
    assert permitted(address, internal=False)
    assert permitted(address, internal=True)


async def test_a_name_that_leads_to_a_forbidden_address_is_not_called() -> None:
    async with serving(LyingPlacer()) as server:
        named = server.base.replace("127.0.0.1", "ehr.example")
        async with an_egress(addresses=["8.8.8.8", "127.0.0.1"]) as egress:
            reply = await egress.call(door(named, internal=False), METADATA)

        assert reply == Away(why="address", reached=False)
        assert server.asked == []


async def test_plain_http_is_for_internal_placers_alone() -> None:
    async with an_egress(addresses=["8.8.8.8"]) as egress:
        reply = await egress.call(door("http://ehr.example/fhir", internal=False), METADATA)

    assert reply == Away(why="address", reached=False)


async def test_the_name_is_resolved_once_and_the_checked_address_called() -> None:
    asked: list[str] = []

    async def flips(host: str, port: int) -> Sequence[str]:
        del port
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    async with serving(LyingPlacer()) as server:
        egress = Egress(QUICK, resolve=flips)
        named = server.base.replace("127.0.0.1", "ehr.example")

        reply = await egress.call(door(named, token="secret"), METADATA)  # noqa: S106 - a test's token

        await egress.aclose()
        assert isinstance(reply, Answer)
        assert asked == ["ehr.example"]
        assert server.asked[0].headers["host"].startswith("ehr.example:")
        assert server.asked[0].headers["authorization"] == "Bearer secret"


async def test_a_redirect_is_answered_and_not_followed() -> None:
    async with serving(LyingPlacer()) as server, serving(LyingPlacer()) as elsewhere:
        for status in (301, 302, 307, 308):
            server.lies = [Lie("redirect", status=status, headers={"location": elsewhere.base})]
            async with an_egress() as egress:
                reply = await egress.call(door(server.base), METADATA)
            assert isinstance(reply, Answer)
            assert reply.status == status

        assert elsewhere.asked == []


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(LyingPlacer()) as server, serving(LyingPlacer()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base)
        async with an_egress() as egress:
            await egress.call(door(server.base), METADATA)

        assert len(server.asked) == 1
        assert proxy.asked == []


async def test_a_bomb_is_cut_at_the_limit() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n"

    async with raw(head + bomb) as base, an_egress() as egress:
        reply = await egress.call(door(base), METADATA)

    assert reply == Away(why="too-big", reached=True)


async def test_an_answer_that_is_too_long_is_cut() -> None:
    small = Deadlines(answer_bytes=1_000, total_seconds=1.0)
    head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"

    async with raw(head + b"x" * 1_001) as base, an_egress(small) as egress:
        reply = await egress.call(door(base), METADATA)

    assert reply == Away(why="too-big", reached=True)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
async def test_an_encoding_that_was_not_asked_for_is_not_read(encoding: str) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\nconnection: close\r\n\r\n"

    async with raw(head.encode() + b"x") as base, an_egress() as egress:
        reply = await egress.call(door(base), METADATA)

    assert reply == Away(why="encoding", reached=True)


async def test_a_broken_gzip_is_not_read() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n"

    async with raw(head + b"not gzip at all") as base, an_egress() as egress:
        reply = await egress.call(door(base), METADATA)

    assert reply == Away(why="encoding", reached=True)


@pytest.mark.parametrize("do", ["drip", "hang"])
async def test_a_whole_exchange_has_one_deadline(do: str) -> None:
    async with serving(LyingPlacer()) as server, an_egress() as egress:
        server.lies = [Lie(do)]
        began = time.monotonic()

        reply = await egress.call(door(server.base), METADATA)

        assert reply == Away(why="time-out", reached=True)
        assert time.monotonic() - began < QUICK.total_seconds + 1


async def test_a_closed_port_was_certainly_not_reached() -> None:
    async with an_egress() as egress:
        reply = await egress.call(door("http://127.0.0.1:1/fhir"), METADATA)

    assert reply == Away(why="refused", reached=False)


async def test_a_name_that_does_not_resolve_was_not_reached() -> None:
    async with an_egress() as egress:
        reply = await egress.call(door("https://nowhere.invalid/fhir"), METADATA)

    assert isinstance(reply, Away)
    assert reply.reached is False


async def test_segments_are_encoded_by_us() -> None:
    request = Request(method="GET", path=("Patient", "../admin?x#y"))
    async with serving(LyingPlacer()) as server, an_egress() as egress:
        await egress.call(door(server.base), request)

        assert server.asked[0].path == "/Patient/../admin?x#y"
        assert server.asked[0].query == {}


async def test_t42_what_is_searched_for_stands_in_no_address() -> None:
    async with serving(LyingPlacer()) as server, an_egress() as egress:
        reply = await FhirServer(egress, door(server.base)).search(
            "Patient", ("identifier", "a|b&c=d")
        )

        assert isinstance(reply, Answer)
        assert reply.status == HTTPStatus.OK
        assert server.asked[0].path == "/Patient"
        assert server.asked[0].query == {}
        assert server.asked[0].form == {"identifier": "a|b&c=d"}


async def test_no_more_calls_are_in_flight_than_allowed() -> None:
    few = Deadlines(calls=2, total_seconds=1.0, calls_per_second=100_000)
    async with serving(LyingPlacer()) as server, an_egress(few) as egress:
        server.lies = [Lie("hang")]
        calls = [asyncio.create_task(egress.call(door(server.base), METADATA)) for _ in range(5)]
        await asyncio.sleep(0.3)
        in_flight = len(server.asked)

        for one in calls:
            one.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    assert in_flight == 2


async def test_calls_come_in_an_even_row() -> None:
    slow = Deadlines(calls_per_second=20)
    async with serving(LyingPlacer()) as server, an_egress(slow) as egress:
        began = time.monotonic()

        await asyncio.gather(*(egress.call(door(server.base), METADATA) for _ in range(5)))

        assert time.monotonic() - began >= 4 / 20
