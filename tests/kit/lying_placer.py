"""A placer's FHIR server that lies on demand: for faults that no real server can be made to show.

Small on purpose: it stores, searches by identifier and by patient, takes transactions and
conditional creates, and tells the truth until a test says otherwise. No test of interoperability
counts it.
"""

import asyncio
import copy
import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import uvicorn

from tests.kit import emitted, left_behind

Resource = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class Asked:
    """One request as it arrived; the `method` of a POST to `_search` is told as SEARCH."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """What is answered; a dict is JSON, bytes go as they are."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Lie:
    """What happens instead of, or after, the truth, for requests that match.

    `do`: "status" (answer `status`, do nothing), "hang" (do nothing, never answer), "hang-after"
    (do it, never answer), "cut" (do it, half an answer), "conflict-after" (do it, say 409),
    "claim" (say that it was done, do nothing), "late" (the truth, after a while), "drip" (a byte
    at a time), "redirect", "html".
    The path "/" is the base alone, an empty one any.
    """

    do: str
    method: str = ""
    path: str = ""
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict[str, str])
    times: int = 1_000_000

    def fits(self, asked: Asked) -> bool:
        return (
            self.times > 0
            and self.method in {"", asked.method}
            and self._fits_path(asked.path.strip("/"))
        )

    def _fits_path(self, path: str) -> bool:
        return path == "" if self.path == "/" else path.startswith(self.path)


class LyingPlacer:
    """The server; `alter` changes what is created after its 201 was promised."""

    def __init__(self) -> None:
        self.stored: dict[str, Resource] = {}
        self.asked: list[Asked] = []
        self.lies: list[Lie] = []
        self.alter: Callable[[Resource], Resource] | None = None
        self.hides: set[str] = set()
        self.hides_new = False
        self.base = ""
        self.closing = asyncio.Event()
        self._made = 0

    def holds(self, *resources: Resource) -> None:
        """Let these stand there from before, as a placer's patient and order do."""
        for one in resources:
            self._store(copy.deepcopy(one), altered=False)

    def show(self) -> None:
        """Let what was created be seen at last."""
        self.hides_new = False
        self.hides.clear()

    def of_type(self, rtype: str) -> list[Resource]:
        return [one for one in self.stored.values() if one["resourceType"] == rtype]

    def calls(self, method: str, path: str = "") -> list[Asked]:
        return [
            one
            for one in self.asked
            if one.method == method and one.path.strip("/").startswith(path)
        ]

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        asked = await _read(scope, receive)
        self.asked.append(asked)
        emitted.keep(f"to a placer: {asked.method} {asked.path}", asked.body)
        left_behind.here.search(
            "addresses asked of a placer", f"{asked.path}?{asked.query}".encode()
        )
        lie = next((one for one in self.lies if one.fits(asked)), None)
        if lie is None:
            await _write(send, self._truth(asked))
            return
        lie.times -= 1
        await self._lie(lie, asked, send)

    async def _lie(self, lie: Lie, asked: Asked, send: Send) -> None:
        if lie.do in {"cut", "hang-after", "conflict-after"}:
            self._truth(asked)
        match lie.do:
            case "late":
                await asyncio.sleep(0.4)
                await _write(send, self._truth(asked))
            case "hang" | "hang-after":
                await self.closing.wait()
            case "cut":
                promised = [(b"content-length", b"999")]
                await send({"type": "http.response.start", "status": 200, "headers": promised})
                await send({"type": "http.response.body", "body": b"{", "more_body": True})
            case "drip":
                await self._drip(send)
            case _:
                await _write(send, self._answer(lie, asked))

    def _answer(self, lie: Lie, asked: Asked) -> Reply:
        answers: dict[str, Reply] = {
            "status": Reply(lie.status, {"resourceType": "OperationOutcome"}, lie.headers),
            "conflict-after": Reply(409, {"resourceType": "OperationOutcome"}),
            "redirect": Reply(lie.status, None, lie.headers),
            "html": Reply(lie.status, b"<html>maintenance</html>", {"content-type": "text/html"}),
        }
        return self._claim(asked) if lie.do == "claim" else answers[lie.do]

    async def _drip(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not self.closing.is_set():
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.02)

    def _claim(self, asked: Asked) -> Reply:
        """Say that it was created, and keep nothing."""
        self._made += 1
        if asked.path.strip("/"):
            rtype = asked.path.strip("/")
            location = f"{self.base}/{rtype}/gone-{self._made}/_history/1"
            return Reply(201, None, {"location": location})
        entries = [
            {"response": {"status": "201", "location": f"{one['request']['url']}/gone-{at}"}}
            for at, one in enumerate(asked.body["entry"])
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
        return Reply(200, bundle)

    def _truth(self, asked: Asked) -> Reply:
        parts = [one for one in asked.path.split("/") if one]
        if asked.method == "POST":
            if not parts:
                return self._transact(asked.body)
            return self._create(asked.body, asked.headers.get("if-none-exist", ""))
        if asked.method == "PUT":
            return self._update(asked, "/".join(parts))
        if asked.method == "SEARCH":
            return self._search(parts[0], asked.form)
        key = "/".join(parts)
        if key not in self.stored or key in self.hides:
            return Reply(404, {"resourceType": "OperationOutcome"})
        return Reply(200, self.stored[key])

    def _transact(self, bundle: Resource) -> Reply:
        urns: dict[str, str] = {}
        made: list[str] = []
        for entry in bundle["entry"]:
            found = self._matching(entry["request"].get("ifNoneExist", ""), entry["request"]["url"])
            text = json.dumps(entry["resource"])
            for urn, key in urns.items():
                text = text.replace(urn, key)
            key = found[0] if found else self._store(json.loads(text))
            urns[entry["fullUrl"]] = key
            made.append(f"{key}/_history/1")
        entries = [{"response": {"status": "201 Created", "location": one}} for one in made]
        answer = {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
        return Reply(200, answer)

    def _create(self, resource: Resource, unless: str) -> Reply:
        found = self._matching(unless, resource["resourceType"])
        if found:
            return Reply(200, self.stored[found[0]], {"location": f"{self.base}/{found[0]}"})
        key = self._store(resource)
        return Reply(201, None, {"location": f"{self.base}/{key}/_history/1"})

    def _update(self, asked: Asked, key: str) -> Reply:
        standing = self.stored[key]
        if asked.headers.get("if-match", "") != f'W/"{standing["meta"]["versionId"]}"':
            return Reply(412, {"resourceType": "OperationOutcome"})
        version = str(int(standing["meta"]["versionId"]) + 1)
        self.stored[key] = {**asked.body, "meta": {**standing["meta"], "versionId": version}}
        return Reply(200, self.stored[key])

    def _search(self, rtype: str, form: dict[str, str]) -> Reply:
        found = (
            self._about(form["patient"], rtype)
            if "patient" in form
            else self._matching(f"identifier={form.get('identifier', '')}", rtype)
        )
        entries = [
            {
                "fullUrl": f"{self.base}/{one}",
                "resource": self.stored[one],
                "search": {"mode": "match"},
            }
            for one in found
        ]
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
        return Reply(200, {**bundle, **({"entry": entries} if entries else {})})

    def _about(self, patient: str, rtype: str) -> list[str]:
        """Of a type, what is about a patient; days are not looked at."""
        return [
            key
            for key, one in self.stored.items()
            if one["resourceType"] == rtype
            and key not in self.hides
            and one.get("subject") == {"reference": patient}
        ]

    def _matching(self, query: str, rtype: str) -> list[str]:
        system, _, value = query.removeprefix("identifier=").partition("|")
        return [
            key
            for key, one in self.stored.items()
            if one["resourceType"] == rtype
            and key not in self.hides
            and {"system": system, "value": value}
            in [
                {k: v for k, v in i.items() if k in {"system", "value"}}
                for i in one.get("identifier", [])
            ]
        ]

    def _store(self, resource: Resource, *, altered: bool = True) -> str:
        self._made += 1
        key = f"{resource['resourceType']}/{resource.get('id', f'p{self._made}')}"
        kept = self.alter(resource) if self.alter and altered else resource
        meta = {"versionId": "1", "lastUpdated": f"2026-11-25T12:00:{self._made % 60:02}Z"}
        if self.hides_new and altered:
            self.hides.add(key)
        self.stored[key] = {**kept, "id": key.partition("/")[2], "meta": meta}
        return key


async def _read(scope: dict[str, Any], receive: Receive) -> Asked:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {k.decode(): v.decode() for k, v in scope["headers"]}
    form = headers.get("content-type") == "application/x-www-form-urlencoded"
    path = scope["path"].removeprefix("/fhir")
    searches = scope["method"] == "POST" and path.endswith("/_search")
    return Asked(
        method="SEARCH" if searches else scope["method"],
        path=path.removesuffix("/_search") if searches else path,
        query=dict(parse_qsl(scope["query_string"].decode())),
        form=dict(parse_qsl(body.decode())) if form else {},
        headers=headers,
        body=json.loads(body) if body and not form else None,
    )


async def _write(send: Send, reply: Reply) -> None:
    told: object = reply.body
    body = told if isinstance(told, bytes) else json.dumps(told).encode() if told else b""
    headers = {"content-type": "application/fhir+json", **reply.headers}
    raw = [(k.encode(), v.encode()) for k, v in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(placer: LyingPlacer) -> AsyncGenerator[LyingPlacer]:
    """Let it answer on a free port of loopback, over real sockets, in the test's own loop."""
    # asyncio sends small pieces at once only where the socket's protocol is said (40 ms an answer)
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        placer.base = f"http://127.0.0.1:{listening.getsockname()[1]}/fhir"
        config = uvicorn.Config(
            placer, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield placer
        finally:
            placer.closing.set()
            server.should_exit = True
            await running
