"""What a placer's server can do wrong, each as one lie (SECURITY F17 to F27)."""

import asyncio
import json
from collections.abc import Callable
from random import Random
from typing import Any, Final
from urllib.parse import unquote

from tests.chaos import http
from tests.chaos.http import Message
from tests.chaos.placer import Call, Doing, Drip, Hang, Lie, Placer

HIDDEN_SECONDS: Final = 4.0
NEVER_KEPT: Final = 0.15
"""The share of "201, then 404" where nothing was ever kept: each ends with a person."""
_PAGE: Final = b"<!doctype html><title>Proxy</title><p>Something went wrong.</p>"
_OUTCOME: Final = (
    b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}'
)


def silent(chance: Random) -> Lie:
    """It does what it is asked, and never answers."""
    del chance

    async def tell(placer: Placer, call: Call) -> Message:
        await placer.truth(call)
        raise Hang

    return Lie(fits=_sends, tell=tell)


def not_there(chance: Random) -> Lie:
    """It says 201, and a read gives 404: for a while, or for ever because it kept nothing."""
    kept = chance.random() >= NEVER_KEPT

    async def tell(placer: Placer, call: Call) -> Message:
        if not kept:
            return http.answer(200, _as_if_kept(call.request.body))
        told = await placer.truth(call)
        until = asyncio.get_running_loop().time() + HIDDEN_SECONDS
        placer.hidden |= {f"/fhir/{place}": until for place in _places(told.body)}
        return told

    return Lie(fits=_carries_a_record, tell=tell)


def nameless(chance: Random) -> Lie:
    """It keeps a visit's record without its identifiers."""
    del chance

    async def tell(placer: Placer, call: Call) -> Message:
        bundle = json.loads(call.request.body)
        for entry in bundle["entry"]:
            entry["resource"].pop("identifier", None)
        body = json.dumps(bundle).encode()
        request = Message(first=call.request.first, headers=call.request.headers, body=body)
        return await placer.truth(Call(call.who, request))

    return Lie(fits=_carries_a_record, tell=tell)


def another_patients(chance: Random) -> Lie:
    """It answers a read with another patient's record, under that one's id or the one asked for."""
    renamed = chance.random() < 0.5

    def fits(placer: Placer, call: Call) -> bool:
        return call.doing is Doing.READ_BACK and _other(placer, call) is not None

    async def tell(placer: Placer, call: Call) -> Message:
        await placer.truth(call)
        other = json.loads(_other(placer, call) or b"{}")
        if renamed:
            other["id"] = call.request.target.rpartition("/")[2]
        return http.answer(200, json.dumps(other).encode())

    return Lie(fits=fits, tell=tell)


def another_patient(chance: Random) -> Lie:
    """It answers the search for a patient with another one."""
    del chance

    def fits(placer: Placer, call: Call) -> bool:
        del placer
        return call.request.target.startswith("/fhir/Patient/_search")

    async def tell(placer: Placer, call: Call) -> Message:
        request = Message(
            first="GET /fhir/Patient?_count=2 HTTP/1.1",
            headers={"authorization": "", "accept": "application/fhir+json"},
            body=b"",
        )
        asked = unquote(call.request.body.decode())
        some = json.loads((await placer.truth(Call(call.who, request))).body)
        some["entry"] = [one for one in some["entry"] if _mrn(one["resource"]) not in asked][:1]
        return http.answer(200, json.dumps({**some, "total": 1}).encode())

    return Lie(fits=fits, tell=tell)


def too_many(chance: Random) -> Lie:
    """It asks for patience."""

    async def tell(placer: Placer, call: Call) -> Message:
        del placer, call
        return http.answer(429, _OUTCOME, retry_after="1")

    return Lie(fits=_drawn(chance), tell=tell)


def broken(chance: Random) -> Lie:
    """It answers 500, before or after it did what it was asked."""
    return _instead(chance, lambda: http.answer(500, _OUTCOME), after=chance.random() < 0.5)


def a_page(chance: Random) -> Lie:
    """A proxy's page comes back, as 200 or 502, before or after the work."""
    status = chance.choice((200, 502))
    return _instead(
        chance, lambda: http.answer(status, _PAGE, "text/html"), after=chance.random() < 0.5
    )


def dripping(chance: Random) -> Lie:
    """It answers a byte at a time."""

    async def tell(placer: Placer, call: Call) -> Message:
        del placer, call
        raise Drip

    return Lie(fits=_drawn(chance), tell=tell)


def _instead(chance: Random, answer: Callable[[], Message], *, after: bool) -> Lie:
    async def tell(placer: Placer, call: Call) -> Message:
        if after:
            await placer.truth(call)
        return answer()

    return Lie(fits=_drawn(chance), tell=tell)


def _drawn(chance: Random) -> Callable[[Placer, Call], bool]:
    """Draw what a lie is about: any next call, a write, or the reading of a record."""
    about = chance.choice((tuple(Doing), (Doing.SEND,), (Doing.READ_BACK,)))
    return lambda _, call: call.doing in about


def _sends(placer: Placer, call: Call) -> bool:
    del placer
    return call.doing is Doing.SEND


def _carries_a_record(placer: Placer, call: Call) -> bool:
    del placer
    return call.records


def _places(body: bytes) -> list[str]:
    """Return Type/id of each entry of a transaction's answer."""
    entries = json.loads(body).get("entry", [])
    locations = [str(one["response"]["location"]) for one in entries]
    return ["/".join(one.partition("/_history")[0].split("/")[-2:]) for one in locations]


def _as_if_kept(body: bytes) -> bytes:
    """Answer a transaction as one would that had kept it."""
    entries: list[dict[str, Any]] = json.loads(body)["entry"]
    told = [
        {
            "response": {
                "status": "201 Created",
                "location": f"{one['request']['url']}/never-{number}/_history/1",
            }
        }
        for number, one in enumerate(entries)
    ]
    answer = {"resourceType": "Bundle", "type": "transaction-response", "entry": told}
    return json.dumps(answer).encode()


def _other(placer: Placer, call: Call) -> bytes | None:
    """Return a record of the same type that was read before, of another patient."""
    kind = call.request.target.rpartition("/")[0]
    others = [
        body
        for target, body in placer.seen.items()
        if target != call.request.target and target.startswith(f"{kind}/")
    ]
    return others[-1] if others else None


def _mrn(patient: dict[str, Any]) -> str:
    return str(patient["identifier"][0]["value"])
