"""Before the placer's FHIR server: sees each call of our workers, and can lie about it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeAlias

from tests.chaos import http
from tests.chaos.http import Message

_RECORDS: Final = ("/fhir/Procedure/", "/fhir/MedicationAdministration/")


class Doing(StrEnum):
    """What a call is for."""

    SEND = "send"
    READ_BACK = "read-back"
    LOOK = "look"


class Moment(StrEnum):
    """Where in a call a strike can fall."""

    ASKED = "before the placer knows"
    DONE = "after the placer's work, before its answer"


@dataclass(frozen=True, eq=False)
class Call:
    """One call under way; `who` is the process that made it, empty where it is gone."""

    who: str
    request: Message

    @property
    def doing(self) -> Doing:
        """Say what it is for."""
        method, path = self.request.method, self.request.target.partition("?")[0]
        if method == "GET" and path.startswith(_RECORDS):
            return Doing.READ_BACK
        searches = method == "GET" or path.endswith("/_search")
        return Doing.LOOK if searches else Doing.SEND

    @property
    def records(self) -> bool:
        """Say whether it carries a visit's record."""
        return self.doing is Doing.SEND and b'"Procedure"' in self.request.body


class Hang(Exception):
    """No answer is given."""


class Drip(Exception):
    """The answer is given a byte at a time."""


Truth: TypeAlias = Callable[[Call], Awaitable[Message]]
Tell: TypeAlias = Callable[["Placer", Call], Awaitable[Message]]


@dataclass(frozen=True, kw_only=True)
class Lie:
    """What is told once instead of the truth, to the first call that fits."""

    fits: Callable[["Placer", Call], bool]
    tell: Tell


@dataclass(eq=False)
class _Strike:
    doing: Doing
    moment: Moment
    act: Callable[[str], None]
    done: asyncio.Future[None]


class Placer:
    """The placer's server as our workers meet it: the truth of the sandbox at `behind`, and lies.

    `pids` says which process has which number now; `bearer` is what it lets in, and `within` what
    the sandbox wants.
    """

    def __init__(self, behind: int, within: str, pids: Callable[[], dict[str, int]]) -> None:
        self.port = 0
        self.bearer = within
        self.hidden: dict[str, float] = {}
        self.seen: dict[str, bytes] = {}
        self._behind = behind
        self._within = within
        self._pids = pids
        self._under_way: set[Call] = set()
        self._lies: list[tuple[Lie, asyncio.Future[Call]]] = []
        self._strikes: list[_Strike] = []
        self._denied: list[asyncio.Future[Call]] = []

    async def listen(self) -> asyncio.Server:
        """Answer on a free port of loopback until the server that is returned is closed."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def doing(self, who: str) -> set[Doing]:
        """Say what a process has under way at the placer."""
        return {one.doing for one in self._under_way if one.who == who}

    def lie(self, lie: Lie) -> asyncio.Future[Call]:
        """Tell a lie to the first call that fits; cancel what is returned to take it back."""
        told = asyncio.get_running_loop().create_future()
        self._lies.append((lie, told))
        return told

    def strike(
        self, doing: Doing, moment: Moment, act: Callable[[str], None]
    ) -> asyncio.Future[None]:
        """Call `act` with the process that calls, at the next such moment."""
        done = asyncio.get_running_loop().create_future()
        self._strikes.append(_Strike(doing, moment, act, done))
        return done

    def next_denied(self) -> asyncio.Future[Call]:
        """Return what the next call with a token that is not wanted any more brings."""
        denied = asyncio.get_running_loop().create_future()
        self._denied.append(denied)
        return denied

    async def truth(self, call: Call) -> Message:
        """Ask the sandbox; what it says of itself is said of this address."""
        ours, theirs = f"127.0.0.1:{self.port}".encode(), f"127.0.0.1:{self._behind}".encode()
        headers = {**call.request.headers, "authorization": f"Bearer {self._within}"}
        headers.pop("accept-encoding", None)
        told = await http.exchange(self._behind, replace(call.request, headers=headers))
        self._meet(Moment.DONE, call)
        named = {
            name: one.replace(theirs.decode(), ours.decode())
            for name, one in told.headers.items()
            if name != "connection"
        }
        return Message(first=told.first, headers=named, body=told.body.replace(theirs, ours))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    request = await http.read(reader)
                    call = Call(self._who(writer.get_extra_info("peername")[1]), request)
                    self._under_way.add(call)
                    try:
                        await self._answer(call, reader, writer)
                    finally:
                        self._under_way.discard(call)
        finally:
            writer.transport.abort()

    async def _answer(
        self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._meet(Moment.ASKED, call)
        try:
            told = await self._told(call)
        except Hang:
            await reader.read(1)  # until the caller has had enough
            raise ConnectionError from None
        except Drip:
            await _drip(writer, await self.truth(call))
            return
        writer.write(told.encoded())
        await writer.drain()

    async def _told(self, call: Call) -> Message:
        if call.request.headers.get("authorization") != f"Bearer {self.bearer}":
            for one in self._denied:
                if not one.done():
                    one.set_result(call)
            self._denied.clear()
            return http.answer(401, _outcome("login"))
        lie = self._chosen(call)
        if lie is not None:
            return await lie.tell(self, call)
        if self._hides(call):
            return http.answer(404, _outcome("not-found"))
        told = await self.truth(call)
        if call.doing is Doing.READ_BACK and told.status == 200:
            self.seen[call.request.target] = told.body
        return told

    def _chosen(self, call: Call) -> Lie | None:
        self._lies = [one for one in self._lies if not one[1].done()]
        for lie, told in self._lies:
            if lie.fits(self, call):
                told.set_result(call)
                return lie
        return None

    def _hides(self, call: Call) -> bool:
        until = self.hidden.get(call.request.target, 0.0)
        return call.doing is Doing.READ_BACK and asyncio.get_running_loop().time() < until

    def _meet(self, moment: Moment, call: Call) -> None:
        for one in self._strikes.copy():
            if one.done.done():
                self._strikes.remove(one)
            elif call.who and (one.moment, one.doing) == (moment, call.doing):
                self._strikes.remove(one)
                one.act(call.who)
                one.done.set_result(None)

    def _who(self, port: int) -> str:
        """Name the process that has this port of loopback open (proc(5): net/tcp, fd)."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        inodes = {f"socket:[{row[9]}]" for row in rows if int(row[1].split(":")[1], 16) == port}
        return next((name for name, pid in self._pids().items() if _holds(pid, inodes)), "")


def _holds(pid: int, inodes: set[str]) -> bool:
    with suppress(OSError):  # it was killed meanwhile
        return any(_link(one) in inodes for one in Path(f"/proc/{pid}/fd").iterdir())
    return False


def _link(file: Path) -> str:
    with suppress(OSError):  # it was closed meanwhile
        return str(file.readlink())
    return ""


async def _drip(writer: asyncio.StreamWriter, told: Message) -> None:
    for byte in told.encoded():
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.2)


def _outcome(code: str) -> bytes:
    issue = {"severity": "error", "code": code}
    told: dict[str, Any] = {"resourceType": "OperationOutcome", "issue": [issue]}
    return json.dumps(told).encode()
