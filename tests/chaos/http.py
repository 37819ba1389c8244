"""HTTP/1.1 as far as a proxy between two programs of ours needs it (RFC 9112)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

END: Final = b"\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Message:
    """One request or answer: its first line, its headers in lower case, its body."""

    first: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def method(self) -> str:
        """The method of a request."""
        return self.first.split(" ")[0]

    @property
    def target(self) -> str:
        """The path and query of a request."""
        return self.first.split(" ")[1]

    @property
    def status(self) -> int:
        """The status of an answer."""
        return int(self.first.split(" ")[1])

    def encoded(self) -> bytes:
        """Write it with the length that its body has."""
        headers = {**self.headers, "content-length": str(len(self.body))}
        lines = [self.first, *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + END + self.body


async def read(reader: asyncio.StreamReader) -> Message:
    """Read one message.

    Raises:
        asyncio.IncompleteReadError: the other end closed.
    """
    first, *lines = (await reader.readuntil(END)).decode("latin-1").strip().split("\r\n")
    named = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in named}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Message(first=first, headers=headers, body=body)


def answer(
    status: int, body: bytes, kind: str = "application/fhir+json", **headers: str
) -> Message:
    """Make an answer of one's own."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Message(first=f"HTTP/1.1 {status} -", headers={"content-type": kind, **named}, body=body)


async def exchange(port: int, request: Message) -> Message:
    """Ask a server of loopback over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        headers = {**request.headers, "connection": "close", "host": f"127.0.0.1:{port}"}
        writer.write(Message(first=request.first, headers=headers, body=request.body).encoded())
        return await read(reader)
    finally:
        writer.close()
