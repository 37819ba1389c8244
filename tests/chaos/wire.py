"""Between a process of ours and PostgreSQL: sees each transaction, can lose a COMMIT's answer.

Messages are forwarded as they come over Unix sockets, at most withheld (PostgreSQL's manual,
"Frontend/Backend Protocol"). Both ends see an ordinary server and an ordinary client.
"""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

SOCKET: Final = ".s.PGSQL.5432"
_WRITES: Final = re.compile(rb"\b(INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_IDLE: Final = b"I"


class Moment(StrEnum):
    """Where in a transaction that writes a strike can fall."""

    STATEMENT = "before a statement that writes"
    BEFORE_COMMIT = "before COMMIT"
    AFTER_COMMIT = "after COMMIT, before its answer"


@dataclass(eq=False)
class Session:
    """One connection: whether a transaction is open on it, and whether that has written."""

    writers: set[bytes] = field(default_factory=set[bytes])
    open: bool = False
    wrote: bool = False
    losing: asyncio.Future[None] | None = None


class Wire:
    """The connections of one process; `folder` is the host that its URL names."""

    def __init__(self, server: Path, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._sessions: set[Session] = set()
        self._losing: list[asyncio.Future[None]] = []
        self._struck: list[tuple[Moment, Callable[[], None], asyncio.Future[None]]] = []

    async def listen(self) -> asyncio.Server:
        """Take connections until the server that is returned is closed."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / SOCKET
        path.unlink(missing_ok=True)
        return await asyncio.start_unix_server(self._connected, path)

    @property
    def in_transaction(self) -> bool:
        """Say whether a transaction is open at this moment."""
        return any(one.open for one in self._sessions)

    def lose_a_commit(self) -> asyncio.Future[None]:
        """Let the next COMMIT of a transaction that wrote be done and its answer be lost."""
        lost = asyncio.get_running_loop().create_future()
        self._losing.append(lost)
        return lost

    def strike(self, moment: Moment, act: Callable[[], None]) -> asyncio.Future[None]:
        """Call `act` at the next such moment, while the message is in our hands."""
        done = asyncio.get_running_loop().create_future()
        self._struck.append((moment, act, done))
        return done

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session()
        self._sessions.add(session)
        upstream: asyncio.StreamWriter | None = None
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                answers, upstream = await asyncio.open_unix_connection(self._server / SOCKET)
                ways = [
                    asyncio.ensure_future(self._ask(session, reader, upstream)),
                    asyncio.ensure_future(self._answer(session, answers, writer)),
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for one in ways:
                    one.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._sessions.discard(session)
            for one in (writer, upstream):
                if one is not None:
                    one.transport.abort()

    async def _ask(
        self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        size = await reader.readexactly(4)
        writer.write(size + await reader.readexactly(int.from_bytes(size) - 4))
        while True:
            kind, message = await _message(reader)
            body = message[5:]
            committing = kind == b"Q" and body.startswith(b"COMMIT") and session.wrote
            self._note(session, kind, body)
            if kind == b"B" and session.wrote:
                self._meet(Moment.STATEMENT)
            if committing:
                self._meet(Moment.BEFORE_COMMIT)
                session.losing = _first_waiting(self._losing)
            writer.write(message)
            await writer.drain()
            if committing:
                self._meet(Moment.AFTER_COMMIT)

    async def _answer(
        self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            kind, message = await _message(reader)
            if kind == b"C" and session.losing is not None:
                session.losing.set_result(None)
                return
            if kind == b"Z" and message[5:] == _IDLE:
                session.open = session.wrote = False
            writer.write(message)
            await writer.drain()

    def _note(self, session: Session, kind: bytes, body: bytes) -> None:
        if kind == b"Q" and body.startswith(b"BEGIN"):
            session.open = True
        elif kind == b"P":
            name, statement, *_ = body.split(b"\0")
            if _WRITES.search(statement):
                session.writers.add(name)
            else:
                session.writers.discard(name)
        elif kind == b"B" and body.split(b"\0", 2)[1] in session.writers:
            session.wrote = session.open

    def _meet(self, moment: Moment) -> None:
        for one in [one for one in self._struck if one[0] is moment]:
            self._struck.remove(one)
            _, act, done = one
            if not done.done():  # else whoever waited for it has given up
                act()
                done.set_result(None)


def _first_waiting(losing: list[asyncio.Future[None]]) -> asyncio.Future[None] | None:
    """Take the first that somebody still waits for."""
    while losing:
        one = losing.pop(0)
        if not one.done():
            return one
    return None


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one message: its type, and all its bytes."""
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(int.from_bytes(head[1:]) - 4)
