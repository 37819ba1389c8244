"""`metadata` states exactly what works: each promise is kept, and nothing works unsaid."""

import json
from dataclasses import replace
from typing import Any

import pytest

from service.http.app import ROUTES, make_app
from service.http.fhir.operations import ROUTES as OPERATIONS
from service.http.fhir.served import SERVED, Interaction
from service.http.ops import OPEN_INSIDE
from service.http.staff import ROUTES as STAFF_ROUTES
from tests.kit.door import BASE, FHIR, JSON, Door

PATCH = {"content-type": "application/json-patch+json"}
KNOCKS = {
    "read": ("GET", "/fhir/{t}/1", b""),
    "vread": ("GET", "/fhir/{t}/1/_history/1", b""),
    "history-instance": ("GET", "/fhir/{t}/1/_history", b""),
    "search-type": ("GET", "/fhir/{t}", b""),
    "create": ("POST", "/fhir/{t}", b"{}"),
    "update": ("PUT", "/fhir/{t}/1", b"{}"),
    "patch": ("PATCH", "/fhir/{t}/1", b"[]"),
    "delete": ("DELETE", "/fhir/{t}/1", b""),
}


async def the_statement(door: Door) -> dict[str, Any]:
    async with door.client(None) as client:
        found: dict[str, Any] = (await client.get("/fhir/metadata")).json()
    return found


async def test_the_statement_is_public_and_names_the_version_and_the_token_door(
    shared: Door,
) -> None:
    statement = await the_statement(shared)

    extension = statement["rest"][0]["security"]["extension"][0]
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == FHIR
    assert extension["url"].endswith("/StructureDefinition/oauth-uris")
    assert extension["extension"] == [
        {"url": "authorize", "valueUri": f"{BASE}/oauth/authorize"},
        {"url": "token", "valueUri": f"{BASE}/oauth/token"},
    ]


@pytest.mark.parametrize("rtype", sorted(SERVED))
async def test_what_the_statement_says_of_a_type_is_what_its_addresses_do(
    shared: Door, rtype: str
) -> None:
    statement = await the_statement(shared)
    rows = {one["type"]: one for one in statement["rest"][0]["resource"]}
    promised = {one["code"] for one in rows[rtype]["interaction"]}

    async with shared.client("placer") as client:
        served = set[str]()
        for code, (method, path, body) in KNOCKS.items():
            headers = PATCH if method == "PATCH" else JSON
            answer = await client.request(
                method, path.format(t=rtype), content=body, headers=headers
            )
            nothing = answer.status_code == 405 or b"no-such-address" in answer.content
            served |= set() if nothing else {code}

    assert promised == served


@pytest.mark.parametrize("rtype", sorted(SERVED))
async def test_each_search_parameter_of_the_statement_is_taken(shared: Door, rtype: str) -> None:
    statement = await the_statement(shared)
    rows = {one["type"]: one for one in statement["rest"][0]["resource"]}
    values = {"token": "a", "reference": "1", "date": "2026"}

    async with shared.client("placer") as client:
        for parameter in rows[rtype]["searchParam"]:
            query = f"{parameter['name']}={values[parameter['type']]}"

            answer = await client.get(f"/fhir/{rtype}?{query}")

            assert answer.status_code == 200, query


async def test_every_route_of_a_type_is_one_of_the_table() -> None:
    served = {
        (one.method, one.path)
        for one in ROUTES
        if one.path.startswith("/fhir/") and "$" not in one.path and "{rtype}" not in one.path
    }
    types = {path.split("/")[2] for _, path in served}

    assert types == set(SERVED)
    assert all(
        (Interaction.DELETE in SERVED[path.split("/")[2]].interactions)
        for method, path in served
        if method == "DELETE"
    )


async def test_the_operations_of_the_statement_are_those_of_the_routes(shared: Door) -> None:
    statement = await the_statement(shared)
    promised = {
        (row["type"], one["name"])
        for row in statement["rest"][0]["resource"]
        for one in row.get("operation", [])
    }

    paths = [one.path.split("/") for one in (*OPERATIONS, *STAFF_ROUTES)]
    assert promised == {(one[2], one[-1].removeprefix("$")) for one in paths}
    assert {("Task", "tpi-review"), ("ServiceRequest", "tpi-precheck")} <= promised


async def test_smart_configuration_is_public_at_the_base_and_at_the_root(shared: Door) -> None:
    async with shared.client(None) as client:
        answers = [
            await client.get(f"{path}/.well-known/smart-configuration") for path in ("/fhir", "")
        ]

    assert [one.status_code for one in answers] == [200, 200]
    assert all(one.headers["content-type"] == "application/json" for one in answers)
    assert json.loads(answers[0].content)["token_endpoint"] == f"{BASE}/oauth/token"
    assert answers[0].json()["code_challenge_methods_supported"] == ["S256"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_health_is_told_without_a_token(shared: Door, method: str, path: str) -> None:
    async with shared.client(None) as client:
        answer = await client.request(method, path)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


async def test_readyz_says_503_when_the_database_is_away(door: Door) -> None:
    await door.deps.pool.close()

    async with door.client(None) as client:
        ready = await client.get("/readyz")
        live = await client.get("/livez")

    assert (ready.status_code, live.status_code) == (503, 200)


async def test_metrics_are_told_on_the_port_for_operators_alone_and_name_no_address(
    shared: Door,
) -> None:
    inside = replace(shared, app=make_app(shared.deps, routes=(), open_routes=OPEN_INSIDE))

    async with shared.client("placer") as client, inside.client(None) as operator:
        await client.get("/fhir/Patient/canary")
        await client.request("CANARY", "/fhir/Patient")
        outside = await client.get("/metrics")
        told = await operator.get("/metrics")

    assert outside.status_code == 404
    assert told.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'tpi_requests_total{route="/fhir/Patient/{rid}",method="GET",status="404"}' in told.text
    assert 'method="other"' in told.text
    assert "canary" not in told.text.lower()
