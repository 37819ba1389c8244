"""Conditional create and update (FHIR R4 http.html#ccreate, #cond-update; TRAPS §3)."""

import asyncio

import pytest

from tests.kit.door import JSON, Door
from tests.kit.forms import a_resource

MRN = "identifier=https://ehr.example/mrn|A-1"


@pytest.mark.parametrize("escaped", [MRN, "identifier=https%3A%2F%2Fehr.example%2Fmrn%7CA-1"])
async def test_if_none_exist_creates_once_and_then_answers_with_what_it_met(
    door: Door, escaped: str
) -> None:
    headers = {**JSON, "if-none-exist": escaped}

    async with door.client("placer") as client:
        made = await client.post("/fhir/Patient", json=a_resource("Patient"), headers=headers)
        other_body = a_resource("Patient", active=False)
        met = await client.post("/fhir/Patient", json=other_body, headers=headers)

    assert (made.status_code, met.status_code) == (201, 200)
    assert met.content == made.content
    assert met.headers["location"] == made.headers["location"]


async def test_a_query_on_a_post_counts_as_if_none_exist(door: Door) -> None:
    async with door.client("placer") as client:
        made = await client.post(f"/fhir/Patient?{MRN}", json=a_resource("Patient"), headers=JSON)
        met = await client.post(f"/fhir/Patient?{MRN}", json=a_resource("Patient"), headers=JSON)
        all_of_them = await client.get("/fhir/Patient")

    assert (made.status_code, met.status_code) == (201, 200)
    assert all_of_them.json()["total"] == 1


async def test_more_than_one_match_is_a_412_and_nothing_is_stored(door: Door) -> None:
    async with door.client("placer") as client:
        for _ in range(2):
            await client.post("/fhir/Patient", json=a_resource("Patient"), headers=JSON)
        create = await client.post(f"/fhir/Patient?{MRN}", json=a_resource("Patient"), headers=JSON)
        update = await client.put(f"/fhir/Patient?{MRN}", json=a_resource("Patient"), headers=JSON)
        all_of_them = await client.get("/fhir/Patient")

    assert (create.status_code, update.status_code) == (412, 412)
    assert create.json()["issue"][0]["code"] == "multiple-matches"
    assert all_of_them.json()["total"] == 2


@pytest.mark.parametrize(
    "query",
    [
        "nonsense=1",
        "identifier=",
        "_count=1",
        "identifier=a,b",
        "name=x",
        "birthdate=2000",
        "identifier=%00",
    ],
)
async def test_a_condition_that_is_not_offered_is_refused_and_never_ignored(
    shared: Door, query: str
) -> None:
    async with shared.client("placer") as client:
        before = (await client.get("/fhir/Patient?_total=accurate")).json()["total"]
        answer = await client.post(
            f"/fhir/Patient?{query}", json=a_resource("Patient"), headers=JSON
        )
        after = (await client.get("/fhir/Patient?_total=accurate")).json()["total"]

    assert answer.status_code == 400
    assert after == before


async def test_conditional_update_creates_then_updates_the_one_it_meets(door: Door) -> None:
    async with door.client("placer") as client:
        made = await client.put(f"/fhir/Patient?{MRN}", json=a_resource("Patient"), headers=JSON)
        changed = a_resource("Patient", active=False)
        updated = await client.put(f"/fhir/Patient?{MRN}", json=changed, headers=JSON)
        other_id = a_resource("Patient", id="else")
        refused = await client.put(f"/fhir/Patient?{MRN}", json=other_id, headers=JSON)
        no_condition = await client.put("/fhir/Patient", json=changed, headers=JSON)

    assert (made.status_code, updated.status_code) == (201, 200)
    assert updated.json()["id"] == made.json()["id"]
    assert updated.headers["etag"] == 'W/"2"'
    assert (refused.status_code, no_condition.status_code) == (400, 400)


async def test_conditional_update_without_a_match_keeps_the_id_that_was_given(door: Door) -> None:
    body = a_resource("Patient", id="own-7")

    async with door.client("placer") as client:
        made = await client.put(f"/fhir/Patient?{MRN}", json=body, headers=JSON)

    assert made.status_code == 201
    assert made.json()["id"] == "own-7"


async def test_a_condition_looks_at_the_own_space_only(door: Door) -> None:
    async with door.client("placer") as client, door.client("other") as other:
        theirs = await other.post(f"/fhir/Patient?{MRN}", json=a_resource("Patient"), headers=JSON)
        ours = await client.post(f"/fhir/Patient?{MRN}", json=a_resource("Patient"), headers=JSON)

    assert (theirs.status_code, ours.status_code) == (201, 201)
    assert ours.json()["id"] != theirs.json()["id"]


async def test_parallel_conditional_creates_of_one_practitioner_make_one(door: Door) -> None:
    query = "identifier=https://ehr.example/doc|D-1"
    async with door.client("placer") as client:
        for number in range(5):
            body = a_resource(
                "Practitioner",
                identifier=[{"system": "https://ehr.example/doc", "value": f"D-{number}"}],
            )
            address = f"/fhir/Practitioner?{query.replace('D-1', f'D-{number}')}"

            answers = await asyncio.gather(
                *(client.post(address, json=body, headers=JSON) for _ in range(8))
            )

            assert sorted(one.status_code for one in answers) == [200] * 7 + [201]
            assert len({one.headers["location"] for one in answers}) == 1


async def test_parallel_puts_of_one_new_id_make_one_resource_and_no_fault(door: Door) -> None:
    async with door.client("placer") as client:
        answers = await asyncio.gather(
            *(
                client.put(
                    "/fhir/Patient/p",
                    json=a_resource("Patient", id="p", birthDate=f"19{80 + number}"),
                    headers=JSON,
                )
                for number in range(8)
            )
        )
        history = await client.get("/fhir/Patient/p/_history")

    assert sorted(one.status_code for one in answers) == [200] * 7 + [201]
    assert history.json()["total"] == 8
