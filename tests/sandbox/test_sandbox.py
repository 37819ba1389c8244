"""The sandbox plays a referring EHR: plain resources, kept over a restart, behind its token."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from service.deps import open_deps, open_owner_deps
from service.sandbox.app import make_sandbox, stand_up
from service.settings import Settings
from tests.kit.database import Database

BASE = "http://sandbox.example"
TOKEN = "sandbox-token-of-this-test"  # noqa: S105 - opens a database that lives for one test
EXAMPLES = Path("tests/data/payloads")
JSON = {"content-type": "application/fhir+json"}


@asynccontextmanager
async def a_sandbox(database: Database, token: str = TOKEN) -> AsyncGenerator[httpx2.AsyncClient]:
    """Start a sandbox over this database, as the command does, and lend its client."""
    settings = Settings(public_url=BASE)
    async with open_owner_deps(settings, url=database.urls.owner) as owner:
        await stand_up(owner, token)
    async with open_deps(settings, "web", url=database.urls.web) as deps:
        transport = httpx2.ASGITransport(app=cast("Any", make_sandbox(deps)))
        headers = {"authorization": f"Bearer {token}", **JSON}
        async with httpx2.AsyncClient(
            transport=transport, base_url=f"{BASE}/fhir", headers=headers
        ) as client:
            yield client


@pytest.fixture
async def ehr(database: Database) -> AsyncGenerator[httpx2.AsyncClient]:
    async with a_sandbox(database) as client:
        yield client


def a_payload(name: str) -> str:
    return (EXAMPLES / f"{name}.json").read_text()


async def test_nobody_comes_in_without_its_token(ehr: httpx2.AsyncClient) -> None:
    refused = await ehr.get("/Patient", headers={"authorization": "Bearer " + "x" * 32})

    assert refused.status_code == 401


async def test_metadata_is_public_and_says_what_a_write_back_needs(ehr: httpx2.AsyncClient) -> None:
    statement = (await ehr.get("/metadata", headers={"authorization": ""})).json()

    rows = {row["type"]: row for row in statement["rest"][0]["resource"]}
    for rtype in ("Task", "Procedure", "MedicationAdministration"):
        offered = {one["code"] for one in rows[rtype]["interaction"]}
        assert {"create", "read", "update", "search-type"} <= offered


async def test_an_order_posted_here_is_an_order_and_no_referral(
    ehr: httpx2.AsyncClient, database: Database
) -> None:
    taken = await ehr.post("", content=a_payload("tpi/clean-referral"))

    tasks = (await ehr.get("/Task")).json()
    async with database.as_owner() as conn:
        referrals = await conn.fetchval("SELECT count(*) FROM referral")
    assert taken.status_code == 200
    assert {one["response"]["status"] for one in taken.json()["entry"]} == {"201 Created"}
    assert (tasks["total"], referrals) == (0, 0)


async def test_a_conditional_create_is_one_resource(ehr: httpx2.AsyncClient) -> None:
    patient = {"resourceType": "Patient", "identifier": [{"system": "urn:t", "value": "1"}]}
    condition = {"If-None-Exist": "identifier=urn:t|1"}

    first = await ehr.post("/Patient", content=json.dumps(patient), headers=condition)
    again = await ehr.post("/Patient", content=json.dumps(patient), headers=condition)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.headers["location"] == again.headers["location"]


async def test_a_visits_record_is_found_by_its_identifier_and_read_as_sent(
    ehr: httpx2.AsyncClient,
) -> None:
    record = json.loads(a_payload("examples/09-write-back-procedure"))
    sent = record["entry"][0]["resource"]
    key = sent["identifier"][0]

    taken = await ehr.post("", content=json.dumps(record))

    found = (await ehr.get(f"/Procedure?identifier={key['system']}%7C{key['value']}")).json()
    stored = dict(found["entry"][0]["resource"])
    assert taken.status_code == 200
    assert found["total"] == 1
    assert {name: stored[name] for name in sent} == sent


async def test_a_write_over_a_version_that_is_no_longer_there_is_refused(
    ehr: httpx2.AsyncClient,
) -> None:
    task = json.loads(a_payload("examples/04-task-in-review"))
    address = f"/Task/{task['id']}"
    await ehr.put(address, content=json.dumps(task))
    changed = json.dumps({**task, "priority": "urgent"})

    second = await ehr.put(address, content=changed, headers={"If-Match": 'W/"1"'})
    stale = await ehr.put(address, content=json.dumps(task), headers={"If-Match": 'W/"1"'})

    assert (second.status_code, stale.status_code) == (200, 412)


async def test_what_fails_r4_is_refused_with_its_place(ehr: httpx2.AsyncClient) -> None:
    refused = await ehr.post("/Patient", content='{"resourceType": "Patient", "gender": "x"}')

    assert refused.status_code == 400
    assert refused.json()["issue"][0]["expression"] == ["Patient.gender"]


async def test_it_keeps_what_it_has_over_a_restart(database: Database) -> None:
    async with a_sandbox(database) as before:
        made = await before.post("/Patient", content='{"resourceType": "Patient"}')

    async with a_sandbox(database) as after:
        kept = await after.get(f"/Patient/{made.json()['id']}")

    assert kept.content == made.content


async def test_a_new_token_opens_the_same_sandbox(database: Database) -> None:
    async with a_sandbox(database) as before:
        made = await before.post("/Patient", content='{"resourceType": "Patient"}')

    async with a_sandbox(database, TOKEN[::-1]) as after:
        kept = await after.get(f"/Patient/{made.json()['id']}")

    assert kept.status_code == 200
