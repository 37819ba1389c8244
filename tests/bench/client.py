"""An HTTP client that costs little: one connection, one request after the other.

A full client would spend as much of the two cores as the service that is measured.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Client:
    """One kept-alive connection to the service."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = (
            f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/fhir+json\r\n"
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> None:
        """Connect."""
        self._streams = await asyncio.open_connection("127.0.0.1", self._port)

    async def get(self, path: str) -> tuple[int, bytes]:
        """Read and return status and body."""
        return await self._exchange(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Post and return status and body."""
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        return await self._exchange(head.encode() + body)

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and read its answer; the service answers with a Content-Length."""
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(request)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split(" ", 2)[1]), await reader.readexactly(
            int(headers["content-length"])
        )

    def close(self) -> None:
        """Disconnect."""
        if self._streams is not None:
            self._streams[1].close()


@asynccontextmanager
async def clients(port: int, token: str, how_many: int) -> AsyncGenerator[list[Client]]:
    """Lend so many connections of one caller."""
    found = [Client(port, token) for _ in range(how_many)]
    try:
        for one in found:
            await one.open()
        yield found
    finally:
        for one in found:
            one.close()
