"""What is checked before a body is read (SECURITY T02, T13, T48, T49), and how refusals look."""

import asyncio
import io
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from service import log
from service.deps import Deps
from service.http.app import make_app
from service.http.exchange import Answer, Ask, Route
from tests.kit.door import BASE, JSON, Door

OUTCOME_TYPE = "application/fhir+json; charset=utf-8"


def is_outcome(answer: httpx2.Response) -> bool:
    """Whether a refusal reads as FHIR: type, sentence, code, and never a page."""
    issue: dict[str, Any] = json.loads(answer.content)["issue"][0]
    return (
        answer.headers["content-type"] == OUTCOME_TYPE
        and bool(issue["details"]["text"])
        and bool(issue["details"]["coding"][0]["code"])
        and issue["severity"] == "error"
    )


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("clinic.example", 200),
        ("clinic.example:8443", 200),
        ("CLINIC.example", 200),
        ("localhost:8080", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("evil.example", 400),
        ("clinic.example.evil.example", 400),
        ("clinic.example:80:80", 400),
        ("clinic.example:port", 400),
        ("clinic.example@evil.example", 400),
        ("", 400),
    ],
)
async def test_t49_only_our_own_host_names_are_answered(
    shared: Door, host: str, status: int
) -> None:
    async with shared.client(None) as client:
        answer = await client.get("/fhir/metadata", headers={"host": host})

    assert answer.status_code == status
    assert status == 200 or is_outcome(answer)


async def test_t49_addresses_come_from_the_public_url_and_never_from_the_host(
    shared: Door,
) -> None:
    async with shared.client("placer") as client:
        answer = await client.get(
            "/fhir/Patient", headers={"host": "localhost", "x-forwarded-host": "evil.example"}
        )

    assert answer.json()["link"][0]["url"] == f"{BASE}/fhir/Patient"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/fhir+json", 201),
        ("application/json", 201),
        ("application/fhir+json; charset=UTF-8; fhirVersion=4.0", 201),
        ("APPLICATION/JSON", 201),
        ("application/fhir+xml", 415),
        ("application/xml", 415),
        ("text/xml", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json-patch+json", 415),
        ("application/jsonx", 415),
        ("", 415),
    ],
)
async def test_t13_a_body_is_taken_as_json_and_nothing_else(
    shared: Door, content_type: str, status: int
) -> None:
    body = b'{"resourceType":"Patient"}'

    async with shared.client("placer") as client:
        answer = await client.post(
            "/fhir/Patient", content=body, headers={"content-type": content_type}
        )

    assert answer.status_code == status
    assert status == 201 or is_outcome(answer)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+json", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("", 200),
        ("application/fhir+json, */*; q=0.1", 200),
        ("application/fhir+json,application/json", 200),
        ("text/html, application/json;q=0.9", 200),
        ("application/fhir+xml", 406),
        ("text/html", 406),
        ("application/json;q=0", 406),
    ],
)
async def test_t13_an_answer_is_json_or_none(shared: Door, accept: str, status: int) -> None:
    async with shared.client("placer") as client:
        answer = await client.get("/fhir/Patient", headers={"accept": accept})

    assert answer.status_code == status
    assert status == 200 or is_outcome(answer)


@pytest.mark.parametrize(
    ("asked", "status"),
    [("json", 200), ("application/fhir%2Bjson", 200), ("application/fhir+json", 200), ("xml", 406)],
)
async def test_t13_format_stands_over_accept(shared: Door, asked: str, status: int) -> None:
    async with shared.client("placer") as client:
        answer = await client.get(
            f"/fhir/Patient?_format={asked}", headers={"accept": "application/fhir+xml"}
        )

    assert answer.status_code == status


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, identity"])
async def test_t48_a_compressed_body_is_refused_unread(shared: Door, encoding: str) -> None:
    async with shared.client("placer") as client:
        answer = await client.post(
            "/fhir/Patient", content=b"x", headers={**JSON, "content-encoding": encoding}
        )

    assert answer.status_code == 415
    assert is_outcome(answer)


def a_body(size: int) -> bytes:
    body = b'{"resourceType":"Patient"}'
    return body + b" " * (size - len(body))


async def chunks(body: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("over", "status"), [(-1, 201), (0, 201), (1, 413)])
async def test_t02_a_body_of_two_mib_is_taken_and_one_byte_more_is_not(
    shared: Door, over: int, status: int, *, chunked: bool
) -> None:
    body = a_body(2 * 1024 * 1024 + over)

    async with shared.client("placer") as client:
        answer = await client.post(
            "/fhir/Patient", content=chunks(body) if chunked else body, headers=JSON
        )

    assert answer.status_code == status
    assert status == 201 or is_outcome(answer)


@pytest.mark.parametrize("length", ["-1", "1e3", "1,2", "0x10"])
async def test_a_length_that_is_no_number_is_refused(shared: Door, length: str) -> None:
    async with shared.client("placer") as client:
        answer = await client.post(
            "/fhir/Patient",
            content=chunks(b"{}"),
            headers={**JSON, "content-length": length},
        )

    assert answer.status_code == 400


async def test_l26_an_address_beyond_8_kib_is_414_and_headers_beyond_32_kib_431(
    shared: Door,
) -> None:
    async with shared.client("placer") as client:
        long_address = await client.get(f"/fhir/Patient?_id={'a' * 8_192}")
        long_headers = await client.get("/fhir/Patient", headers={"x-long": "a" * 32_768})

    assert (long_address.status_code, long_headers.status_code) == (414, 431)
    assert is_outcome(long_address)
    assert is_outcome(long_headers)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/fhir/.well-known/openid-configuration", 404),
        ("GET", "/fhir/Nonsense", 404),
        ("GET", "/fhir/Nonsense/1", 404),
        ("GET", "/fhir/Claim", 404),
        ("POST", "/fhir/Claim", 404),
        ("GET", "/fhir/Bundle/1", 404),
        ("GET", "/fhir/Patient/1/Condition", 404),
        ("GET", "/fhir/Patient/1/$everything", 404),
        ("DELETE", "/fhir/Patient/1", 405),
        ("HEAD", "/fhir/Patient/1", 405),
        ("DELETE", "/fhir/metadata", 405),
        ("PUT", "/fhir", 405),
        ("GET", "/fhir", 405),
    ],
)
async def test_every_refusal_is_an_operation_outcome(
    shared: Door, method: str, path: str, status: int
) -> None:
    async with shared.client("placer") as client:
        answer = await client.request(method, path, headers=JSON)

    assert answer.status_code == status
    assert method == "HEAD" or is_outcome(answer)
    assert status != 405 or answer.headers["allow"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/fhir", "OPTIONS, POST"),
        ("/fhir/Patient/1", "GET, OPTIONS, PUT"),
        ("/fhir/Task/1/$tpi-settle", "OPTIONS, POST"),
        ("/fhir/metadata", "GET, HEAD, OPTIONS"),
    ],
)
async def test_options_tells_anyone_the_methods_of_an_address_and_nothing_else(
    shared: Door, path: str, allowed: str
) -> None:
    async with shared.client(None) as client:
        answer = await client.options(path)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == allowed


async def test_a_patch_of_another_format_is_told_which_are_taken(shared: Door) -> None:
    async with shared.client("placer") as client:
        answer = await client.patch("/fhir/Task/1", content=b"{}", headers=JSON)

    assert answer.status_code == 415
    assert answer.headers["accept-patch"] == "application/json-patch+json"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("0199a0aa-1111-7222-8333-44445555a001", True),
        ("4bf92f3577b34da6a3ce929d0e0e4736", True),
        ("MRN-1234567", False),
        ("a b", False),
        ("x" * 65, False),
        ("a;b", False),
    ],
)
async def test_an_opaque_request_id_comes_back_and_any_other_is_replaced(
    shared: Door, sent: str, *, kept: bool
) -> None:
    headers = {"x-request-id": sent, "x-correlation-id": "corr-1"}

    async with shared.client(None) as client:
        answer = await client.get("/fhir/metadata", headers=headers)

    assert (answer.headers["x-request-id"] == sent) is kept
    assert answer.headers["x-request-id"]
    assert answer.headers["x-correlation-id"] == "corr-1"


async def test_no_answer_is_kept_by_a_cache_or_read_as_another_type(shared: Door) -> None:
    async with shared.client("placer") as client:
        answers = [await client.get(one) for one in ("/fhir/Patient", "/nowhere", "/fhir/metadata")]

    assert {one.headers["cache-control"] for one in answers} == {"no-store"}
    assert {one.headers["x-content-type-options"] for one in answers} == {"nosniff"}


async def test_a_request_leaves_one_line_with_its_route_and_nothing_of_its_address(
    shared: Door,
) -> None:
    written = io.BytesIO()
    log.configure(service="tpi-test", version="0", stream=written)

    async with shared.client("placer") as client:
        await client.get("/fhir/Patient/canary-id?_pretty=canary-value")
        await client.get("/canary-path")

    lines = [json.loads(one) for one in written.getvalue().splitlines()]
    assert [one["event"] for one in lines] == ["request.served"] * 2
    assert lines[0]["route"] == "/fhir/Patient/{rid}"
    assert lines[0]["client"] == str(shared.placer)
    assert (lines[0]["status"], lines[1]["status"]) == (404, 404)
    assert "client" not in lines[1]
    assert b"canary" not in written.getvalue()


async def test_a_fault_of_ours_is_a_500_that_tells_nothing_and_is_logged_by_class(
    shared: Door,
) -> None:
    async def broken(_: Deps, ask: Ask) -> Answer:
        raise RuntimeError(f"canary {ask.part('rid')}")

    app = make_app(shared.deps, routes=(Route("GET", "/fhir/Patient/{rid}", broken),))
    written = io.BytesIO()
    log.configure(service="tpi-test", version="0", stream=written)

    async with replace(shared, app=app).client("placer") as client:
        answer = await client.get("/fhir/Patient/canary")

    assert answer.status_code == 500
    assert is_outcome(answer)
    assert b"canary" not in answer.content + written.getvalue()
    assert b"RuntimeError" in written.getvalue()


async def test_l22_a_request_that_takes_too_long_is_a_503_and_its_flow_goes_on(
    shared: Door,
) -> None:
    ended = asyncio.Event()

    async def slow(_: Deps, _ask: Ask) -> Answer:
        await asyncio.sleep(0.05)
        ended.set()
        return Answer(status=200)

    deps = replace(
        shared.deps, settings=shared.deps.settings.model_copy(update={"request_seconds": 0.01})
    )
    app = make_app(deps, routes=(Route("GET", "/fhir/Patient", slow),))

    async with replace(shared, app=app).client("placer") as client:
        answer = await client.get("/fhir/Patient")

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    await asyncio.wait_for(ended.wait(), timeout=5)
