"""The one way out to a placer's server (SECURITY T14 to T19, DECISIONS 30).

An address is built from a placer's registered base and from path segments of ours; nothing that
a placer sent is ever fetched. The name is resolved once, every address checked, and the
connection goes to the address that was checked. No proxies of the environment, no redirects; a
whole exchange has one deadline, an answer one size.
"""

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx2
import msgspec

from fhir_mappings.model.writeback import Answer, Away, Reply
from service.settings import Settings

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

_CHUNK: Final = 64 * 1024
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_PORTS: Final = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Scheme, host and port: compared as a tuple, never as the beginning of a text (T14)."""

    scheme: str
    host: str
    port: int


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """One placer's server: its registered base, whether it may be on our own network, its token."""

    placer: UUID
    base: str
    internal: bool
    token: str


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one exchange (L07, L08), of exchanges in flight and of their rate (L10)."""

    connect_seconds: float = 3.0
    read_seconds: float = 10.0
    total_seconds: float = 20.0
    answer_bytes: int = 8 * 1024 * 1024
    calls: int = 4
    calls_all: int = 32
    calls_per_second: float = 10.0

    @classmethod
    def of(cls, settings: Settings) -> "Deadlines":
        """Take them from the settings."""
        return cls(
            connect_seconds=settings.placer_connect_seconds,
            read_seconds=settings.placer_read_seconds,
            total_seconds=settings.placer_total_seconds,
            answer_bytes=settings.placer_answer_bytes,
            calls=settings.placer_calls,
            calls_all=settings.placer_calls_all,
        )


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request below a placer's base: its path segments are encoded here.

    There is no query: what we ask for may be a patient's number, and an address is logged by
    every proxy on the way (T42).
    """

    method: str
    path: tuple[str, ...]
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    kind: str = "application/fhir+json"


class Egress:
    """Calls placers: one connection pool per placer, so that no two ever share one."""

    def __init__(self, deadlines: Deadlines, *, resolve: Resolve | None = None) -> None:
        self._deadlines = deadlines
        self._resolve = resolve or _by_system
        self._pools: dict[UUID, httpx2.AsyncClient] = {}
        self._each: dict[UUID, asyncio.Semaphore] = {}
        self._all = asyncio.Semaphore(deadlines.calls_all)
        self._free_at: dict[UUID, float] = {}

    async def call(self, door: Door, request: Request) -> Reply:
        """Exchange one request for one answer, or for the fact that there was none.

        Waiting for a free place (L10) is not part of the deadline (L08): a busy placer is slow,
        not away.
        """
        each = self._each.setdefault(door.placer, asyncio.Semaphore(self._deadlines.calls))
        async with each, self._all:
            await self._paced(door.placer)
            try:
                async with asyncio.timeout(self._deadlines.total_seconds):
                    return await self._exchange(door, request)
            except TimeoutError:
                return Away(why="time-out", reached=True)

    async def _paced(self, placer: UUID) -> None:
        """Wait so that a placer meets no more calls a second than L10 says, in an even row."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._free_at.get(placer, now))
        self._free_at[placer] = start + 1 / self._deadlines.calls_per_second
        if start > now:
            await asyncio.sleep(start - now)

    async def aclose(self) -> None:
        """Close every connection; a later call opens its own."""
        while self._pools:
            await self._pools.popitem()[1].aclose()

    async def _exchange(self, door: Door, request: Request) -> Reply:
        origin = origin_of(door.base)
        if origin is None or (origin.scheme == "http" and not door.internal):
            return Away(why="address", reached=False)
        address = await self._checked(origin, internal=door.internal)
        if isinstance(address, Away):
            return address
        try:
            async with self._opened(door, origin, address, request) as response:
                return await self._read(response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            return Away(why="refused", reached=False)
        except httpx2.TimeoutException:
            return Away(why="time-out", reached=True)
        except httpx2.TransportError:
            return Away(why="broken", reached=True)

    async def _checked(self, origin: Origin, *, internal: bool) -> str | Away:
        """Resolve once; one forbidden address among the answers forbids the name (T15)."""
        try:
            found = await self._resolve(origin.host, origin.port)
        except OSError:
            return Away(why="name", reached=False)
        if not found or not all(permitted(one, internal=internal) for one in found):
            return Away(why="address", reached=False)
        return found[0]

    @asynccontextmanager
    async def _opened(
        self, door: Door, origin: Origin, address: str, request: Request
    ) -> AsyncGenerator[httpx2.Response]:
        """Send to the checked address; the name stays in Host and in TLS (SNI, certificate)."""
        pool = self._pools.get(door.placer) or self._pool(door.placer)
        headers = {
            "Accept": "application/fhir+json",
            **request.headers,
            "Host": _host(origin),
            "Accept-Encoding": "gzip",
            **({"Authorization": f"Bearer {door.token}"} if door.token else {}),
            **({"Content-Type": request.kind} if request.body is not None else {}),
        }
        async with pool.stream(
            request.method,
            _target(door.base, origin, address, request),
            headers=headers,
            content=request.body,
            extensions={"sni_hostname": origin.host},
        ) as response:
            yield response

    def _pool(self, placer: UUID) -> httpx2.AsyncClient:
        limits = self._deadlines
        pool = httpx2.AsyncClient(
            trust_env=False,  # T17
            follow_redirects=False,  # T16
            timeout=httpx2.Timeout(limits.read_seconds, connect=limits.connect_seconds),
            limits=httpx2.Limits(max_connections=limits.calls, max_keepalive_connections=1),
        )
        self._pools[placer] = pool
        return pool

    async def _read(self, response: httpx2.Response) -> Reply:
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip"}:
            return Away(why="encoding", reached=True)
        body = await self._body(response, packed=encoding == "gzip")
        if isinstance(body, Away):
            return body
        return Answer(
            status=response.status_code,
            body=body,
            location=response.headers.get("Location", ""),
            etag=response.headers.get("ETag", ""),
            retry_after=response.headers.get("Retry-After", ""),
        )

    async def _body(self, response: httpx2.Response, *, packed: bool) -> bytes | Away:
        """Unpack piece by piece and stop at the limit: a bomb is never inflated (T18)."""
        most = self._deadlines.answer_bytes
        unpack = zlib.decompressobj(_GZIP_OR_ZLIB)
        body = bytearray()
        async for piece in response.aiter_raw(_CHUNK):
            try:
                body += unpack.decompress(piece, most + 1 - len(body)) if packed else piece
            except zlib.error:
                return Away(why="encoding", reached=True)
            if len(body) > most:
                return Away(why="too-big", reached=True)
        return bytes(body)


def origin_of(address: str) -> Origin | None:
    """Take the origin of an absolute http(s) address, None for anything else.

    User information, a backslash, blanks and control characters are refused: parsers disagree
    about them, and none has a place in a registered base or in a Location.
    """
    if any(char <= " " or char in "\\@\x7f" for char in address):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname:
        return None
    return Origin(parts.scheme, parts.hostname.rstrip("."), port or _PORTS[parts.scheme])


def permitted(address: str, *, internal: bool) -> bool:
    """Say whether a resolved address may be connected to.

    Link-local (and with it the metadata services), multicast and unspecified never; private and
    loopback only for a placer registered as internal (DECISIONS 30). An IPv4 address inside an
    IPv6 one counts as itself.
    """
    one = _plain(address)
    if one is None or one.is_link_local or one.is_multicast or one.is_unspecified:
        return False
    if one.is_loopback or (one.is_private and not one.is_reserved):
        return internal and not _is_metadata(one)
    return one.is_global and not one.is_reserved


def _plain(address: str) -> Address | None:
    try:
        one = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(one, ipaddress.IPv4Address):
        return one
    if one in _NAT64:
        return ipaddress.IPv4Address(one.packed[-4:])
    return one.ipv4_mapped or one.sixtofour or one


def _is_metadata(one: Address) -> bool:
    """Tell a cloud's metadata service that stands on a private address (fd00:ec2::254)."""
    return one == ipaddress.IPv6Address("fd00:ec2::254")


def _host(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == _PORTS[origin.scheme] else f"{host}:{origin.port}"


def _target(base: str, origin: Origin, address: str, request: Request) -> str:
    """Build the address to call: the base's path, then each segment encoded by itself."""
    host = f"[{address}]" if ":" in address else address
    root = urlsplit(base).path.rstrip("/")
    path = "".join(f"/{quote(segment, safe='-._~$')}" for segment in request.path)
    return f"{origin.scheme}://{host}:{origin.port}{root}{path or '/' * (not root)}"


async def _by_system(host: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]
