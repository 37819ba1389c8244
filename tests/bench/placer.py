"""A placer's FHIR server that costs little and answers correctly, in a process of its own.

It knows every patient and order by the number it is asked for, keeps what a transaction brings, and
finds and reads it again. Each path `/{name}/fhir` below its port is another placer's server.
"""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

Resource = dict[str, Any]
KNOWN = ("Patient", "ServiceRequest")
CREATED_AT = "2026-11-25T12:00:00Z"


class Placer:
    """What one placer's server holds."""

    def __init__(self) -> None:
        self._stored: dict[str, Resource] = {}
        self._keys: dict[tuple[str, str, str], str] = {}
        self._numbers = count(1)

    def answer(self, method: str, path: list[str], body: bytes) -> tuple[int, Resource]:
        match method, path:
            case "POST", []:
                return 200, self._transact(json.loads(body))
            case "POST", [rtype, "_search"]:
                return 200, self._search(rtype, dict(parse_qsl(body.decode())))
            case "GET", [rtype, rid] if found := self._stored.get(f"{rtype}/{rid}"):
                return 200, found
            case _:
                return 404, {"resourceType": "OperationOutcome"}

    def _transact(self, bundle: Resource) -> Resource:
        text, places = json.dumps(bundle), list[str]()
        for entry in bundle["entry"]:
            places.append(f"{entry['resource']['resourceType']}/{next(self._numbers)}")
            text = text.replace(entry["fullUrl"], places[-1])
        for entry, place in zip(json.loads(text)["entry"], places, strict=True):
            self._keep(place, entry["resource"])
        entries = [
            {"response": {"status": "201 Created", "location": f"{one}/_history/1"}}
            for one in places
        ]
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}

    def _keep(self, place: str, resource: Resource) -> None:
        rtype, _, rid = place.partition("/")
        meta = {"versionId": "1", "lastUpdated": CREATED_AT}
        self._stored[place] = {**resource, "id": rid, "meta": meta}
        for one in resource["identifier"]:
            self._keys[rtype, one["system"], one["value"]] = place

    def _search(self, rtype: str, query: dict[str, str]) -> Resource:
        system, _, value = query.get("identifier", "").partition("|")
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset"}
        if rtype in KNOWN:
            named = {"identifier": [{"system": system, "value": value}]}
            found = {"resourceType": rtype, "id": value, **named}
        elif place := self._keys.get((rtype, system, value)):
            found = self._stored[place]
        else:
            return {**bundle, "total": 0}
        return {**bundle, "total": 1, "entry": [{"resource": found, "search": {"mode": "match"}}]}


class Server:
    """Speaks as much HTTP as a client that keeps its connections needs."""

    def __init__(self) -> None:
        self._placers: dict[str, Placer] = {}

    async def serve(self, listening: socket.socket) -> None:
        async with await asyncio.start_server(self._talk, sock=listening) as server:
            await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines if line)
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                writer.write(self._answer(head, body))
        writer.close()

    def _answer(self, head: str, body: bytes) -> bytes:
        method, target, _ = head.split(" ")
        name, _, *path = [one for one in target.partition("?")[0].split("/") if one]
        status, told = self._placers.setdefault(name, Placer()).answer(method, path, body)
        said = json.dumps(told).encode()
        return (
            f"HTTP/1.1 {status} .\r\nContent-Type: application/fhir+json\r\n"
            f"Content-Length: {len(said)}\r\n\r\n"
        ).encode() + said


@contextmanager
def answering() -> Generator[int]:
    """Run the server in a process of its own and lend its port."""
    command = [sys.executable, "-m", "tests.bench.placer"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - ourselves
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@contextmanager
def silent() -> Generator[int]:
    """Lend a port that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        port: int = listening.getsockname()[1]
        yield port


def main() -> None:
    """Listen, say where, and serve until we are stopped."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        print(listening.getsockname()[1], flush=True)  # noqa: T201 - how the parent learns it
        with suppress(KeyboardInterrupt):
            asyncio.run(Server().serve(listening))


if __name__ == "__main__":
    main()
