"""Every door that takes a body is given what no client sends: no 5xx, no row (T01 to T05).

The mutations ask whether FHIR is judged rightly; this asks whether any door reads a body, a header
or a part of its address before it was judged.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from service.http.app import ROUTES
from tests.kit.database import Database
from tests.kit.door import FHIR, a_door
from tests.kit.forms import PLAIN
from tests.kit.referrals import a_payload
from tests.kit.story import send, task_of

WHO = ("placer", "clinician")
STEP, OF_PLAIN = 2, 16
"""One odd body in so many; types that are stored as they are share one door."""
JSON_PATCH = "application/json-patch+json"
DEEP = b'{"resourceType":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
VALUES: tuple[Any, ...] = (None, True, 5, 1.5, "x", "", [], {}, [[]], [None], [{}], {"x": {}})
LEAST_REQUESTS = 3_000


def bodies(rtype: str) -> Iterator[bytes]:
    """Bodies of one door: no JSON, no object, and members of every wrong kind."""
    yield from (b"", b"\x00", b"{", b"[]", b"null", b'"x"', b"{}", DEEP, b"[" * 30_000, b"\xff\xfe")
    for value in VALUES:
        yield json.dumps({"resourceType": value}).encode()
        for name in ("id", "meta", "status", "contained", "entry", "parameter", "extension"):
            yield json.dumps({"resourceType": rtype, name: value}).encode()
        for inside in ("resource", "request", "fullUrl"):
            entry = {"request": {"method": "POST", "url": "Patient"}, inside: value}
            for kind in ("transaction", "batch"):
                bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
                if rtype == "Bundle":
                    yield json.dumps(bundle).encode()
        if rtype == "Parameters":
            for name in ("decision", "finding", "action", "at", "window", "policy", "expires"):
                one = {"name": name, "valueString": value}
                yield json.dumps({"resourceType": rtype, "parameter": [one]}).encode()


def patches() -> Iterator[bytes]:
    yield from (b"", b"{}", b"null", b"[", b"[null]", b"[5]", b"[[]]", b"[{}]", b'"x"')
    for value in VALUES:
        for op in ("add", "replace", "remove", "test", "move", value):
            for path in ("/status", "/statusReason", "", value):
                yield json.dumps([{"op": op, "path": path, "value": value}]).encode()


def doors() -> Iterator[tuple[str, str, str]]:
    """Method, path and the type of the body of every door that takes one."""
    for route in ROUTES:
        if route.method in {"POST", "PUT", "PATCH"} and "{rtype}" not in route.path:
            if route.path.endswith("/_search"):  # takes a form
                continue
            kind = route.path.removeprefix("/fhir").strip("/").partition("/")[0]
            is_operation = "$" in route.path
            yield route.method, route.path, "Parameters" if is_operation else kind or "Bundle"


@pytest.mark.timeout(180)  # thousands of requests, on a machine that others use
async def test_no_door_fails_on_a_body_that_no_client_sends(database: Database) -> None:
    answered: Counter[int] = Counter()
    failed: list[str] = []

    async with a_door(database) as door:
        task = await task_of(door, await send(door, a_payload("clean")))
        before = await door.world.owner.pool.fetchval("SELECT count(*) FROM referral")
        for who in WHO:
            async with door.client(who) as client:
                for method, path, rtype in doors():
                    odd = list(patches() if method == "PATCH" else bodies(rtype))
                    for body in odd[:: OF_PLAIN if rtype in PLAIN else STEP]:
                        answer = await asked(client, method, path.replace("{rid}", task), body)
                        answered[answer.status_code] += 1
                        if answer.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR:
                            failed.append(f"{who} {method} {path} {body[:200]!r}")
        after = await door.world.owner.pool.fetchval("SELECT count(*) FROM referral")

    print(answered)  # noqa: T201 - with -s: the count by status
    assert failed == []
    assert after == before
    assert answered.total() >= LEAST_REQUESTS


async def asked(client: httpx2.AsyncClient, method: str, path: str, body: bytes) -> httpx2.Response:
    typed = "application/fhir+json" if method != "PATCH" else JSON_PATCH
    headers = {"content-type": JSON_PATCH if method == "PATCH" else typed}
    return await client.request(method, path, content=body, headers=headers)


@pytest.mark.parametrize("who", WHO)
async def test_no_door_fails_on_odd_headers_and_searches(database: Database, who: str) -> None:
    odd = (
        "",
        " ",
        "x",
        "W/",
        'W/"',
        '"',
        'W/"99999999999999999999"',
        "-1",
        "1" * 300,
        "é",
        ",",
        ";q=",
    )
    failed: list[str] = []

    async with a_door(database) as door, door.client(who) as client:
        for value in odd:
            for name in ("if-match", "if-none-match", "if-modified-since", "if-none-exist"):
                for method, path in (("GET", "/fhir/Patient/1"), ("DELETE", "/fhir/Flag/1")):
                    headers = {name.encode(): value.encode()}
                    failed += await tried(client, method, path, headers)
            for name in ("prefer", "tpi-placer", "idempotency-key", "accept", "host"):
                failed += await tried(
                    client, "GET", "/fhir/Task/1", {name.encode(): value.encode()}
                )
            for name in (
                "_count",
                "_cursor",
                "_sort",
                "_lastUpdated",
                "_id",
                "identifier",
                "_total",
            ):
                failed += await tried(client, "GET", f"{FHIR}/Task?{name}={value}", {})
                failed += await tried(
                    client, "GET", f"{FHIR}/Slot?{name}={value}%00&start={value}", {}
                )
            failed += await tried(client, "GET", f"/fhir/Patient/1/_history/{value or 'x'}", {})
            failed += await tried(client, "GET", f"/fhir/Patient/1/_history?_since={value}", {})

    assert failed == []


async def tried(
    client: httpx2.AsyncClient, method: str, path: str, headers: dict[bytes, bytes]
) -> list[str]:
    answer = await client.request(method, path, headers=headers)
    failed = answer.status_code >= httpx2.codes.INTERNAL_SERVER_ERROR
    return [f"{method} {path} {headers}"] if failed else []
