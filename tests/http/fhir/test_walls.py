"""One placer never learns of another's: not what, not that, not how many (SECURITY T29 to T34)."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from service.http.fhir.served import SERVED, Interaction
from tests.kit.door import JSON, Door
from tests.kit.forms import PLAIN, a_resource
from tests.kit.referrals import a_payload

PLACERS_ALONE = sorted(
    rtype
    for rtype, row in SERVED.items()
    if Interaction.CREATE in row.placer and Interaction.CREATE not in row.staff
)
UNTOLD = {"date", "x-request-id"}


def told(answer: httpx2.Response) -> tuple[int, dict[str, str], bytes]:
    """Everything an answer tells but the moment and the request id."""
    headers = {name: value for name, value in answer.headers.items() if name not in UNTOLD}
    return answer.status_code, headers, answer.content


@pytest.mark.parametrize("rtype", PLAIN)
async def test_t31_what_is_anothers_is_told_like_what_never_was(shared: Door, rtype: str) -> None:
    rid = f"theirs-{rtype}"
    body = a_resource(rtype, id=rid)
    async with shared.client("other") as other:
        assert (await other.put(f"/fhir/{rtype}/{rid}", json=body, headers=JSON)).status_code == 201
    requests: list[tuple[str, dict[str, Any]]] = [
        ("", {}),
        ("/_history", {}),
        ("/_history/1", {}),
        ("", {"if-none-match": "1"}),
        ("", {"if-modified-since": "Mon, 23 Nov 2026 13:00:00 GMT"}),
    ]

    async with shared.client("placer") as client:
        for rest, headers in requests:
            foreign = await client.get(f"/fhir/{rtype}/{rid}{rest}", headers=headers)
            never = await client.get(f"/fhir/{rtype}/never{rest}", headers=headers)

            assert told(foreign) == told(never)
            assert foreign.status_code == 404


@pytest.mark.parametrize("rtype", PLAIN)
async def test_t29_t30_a_search_finds_the_own_space_and_no_other(shared: Door, rtype: str) -> None:
    rid = f"searched-{rtype}"
    body = a_resource(rtype, id=rid)
    async with shared.client("other") as other:
        await other.put(f"/fhir/{rtype}/{rid}", json=body, headers=JSON)
    queries = [f"_id={rid}", f"_id={rid}&_total=accurate", f"_id={rid}&_count=0"]
    if "subject" in body or "patient" in body:
        queries.append(f"_id={rid}&patient=p-1")

    async with shared.client("placer") as client:
        answers = [await client.get(f"/fhir/{rtype}?{one}") for one in queries]

    assert [one.status_code for one in answers] == [200] * len(queries)
    assert all(one.json()["total"] == 0 and "entry" not in one.json() for one in answers)


async def test_t31_the_same_id_in_two_spaces_is_two_resources(door: Door) -> None:
    async with door.client("placer") as client, door.client("other") as other:
        ours = a_resource("Patient", id="123", gender="female")
        theirs = a_resource("Patient", id="123", gender="male")
        made = [
            await client.put("/fhir/Patient/123", json=ours, headers=JSON),
            await other.put("/fhir/Patient/123", json=theirs, headers=JSON),
        ]
        read = await client.get("/fhir/Patient/123")
        read_other = await other.get("/fhir/Patient/123")

    assert [one.status_code for one in made] == [201, 201]
    assert [one.headers["etag"] for one in made] == ['W/"1"'] * 2
    assert (read.json()["gender"], read_other.json()["gender"]) == ("female", "male")


async def test_t30_a_cursor_of_another_shows_only_the_own_rows(door: Door) -> None:
    async with door.client("other") as other, door.client("placer") as client:
        for number in range(4):
            body = a_resource("Patient", id=f"o-{number}")
            await other.put(f"/fhir/Patient/o-{number}", json=body, headers=JSON)
        page = await other.get("/fhir/Patient?_count=2")
        stolen = next(one["url"] for one in page.json()["link"] if one["relation"] == "next")

        answer = await client.get(stolen)

    assert answer.status_code == 200
    assert "entry" not in answer.json()


async def test_t31_a_reserved_id_of_another_space_is_free_here(door: Door) -> None:
    body = (await _referral(door, "other")).json()
    task = next(
        one["response"]["outcome"]["issue"][0]["details"]["text"].rpartition("/")[2]
        for one in body["entry"]
        if "outcome" in one["response"]
    )

    async with door.client("placer") as client, door.client("other") as other:
        theirs = await client.get(f"/fhir/Task/{task}")
        own = await other.get(f"/fhir/Task/{task}")

    assert (theirs.status_code, own.status_code) == (404, 200)


async def test_t33_two_placers_on_one_small_pool_never_see_each_other(door: Door) -> None:
    async with door.client("placer") as client, door.client("other") as other:
        for who, gender in ((client, "female"), (other, "male")):
            body = a_resource("Patient", id="p", gender=gender)
            await who.put("/fhir/Patient/p", json=body, headers=JSON)

        async def look(who: httpx2.AsyncClient, expected: str) -> bool:
            answer = await who.get("/fhir/Patient/p")
            return bool(answer.json()["gender"] == expected)

        looks = [look(client, "female") if n % 2 else look(other, "male") for n in range(200)]

        assert all(await asyncio.gather(*looks))


@pytest.mark.parametrize("rtype", sorted(SERVED))
async def test_t29_staff_without_a_clinical_role_read_nothing(shared: Door, rtype: str) -> None:
    async with shared.client("operator") as client:
        search = await client.get(f"/fhir/{rtype}")
        read = await client.get(f"/fhir/{rtype}/1")

    assert (search.status_code, read.status_code) == (403, 403)


@pytest.mark.parametrize("rtype", PLACERS_ALONE)
async def test_staff_write_only_what_the_table_gives_them(shared: Door, rtype: str) -> None:
    body = json.dumps(a_resource(rtype)) if rtype in PLAIN else "{}"

    async with shared.client("clinician") as client:
        answer = await client.post(f"/fhir/{rtype}", content=body, headers=JSON)

    assert answer.status_code in ({403} if rtype in PLAIN else {400, 403})


async def test_t34_ids_of_ours_are_times_and_no_counters(shared: Door) -> None:
    async with shared.client("placer") as client:
        made = [
            (await client.post("/fhir/Patient", json=a_resource("Patient"), headers=JSON)).json()
            for _ in range(20)
        ]

    tails = [int(one["id"].replace("-", "")[13:], 16) for one in made]
    steps = {after - before for before, after in pairwise(tails)}
    assert len(steps) == len(made) - 1


async def _referral(door: Door, who: str) -> httpx2.Response:
    async with door.client(who) as client:
        return await client.post("/fhir", json=a_payload("clean"), headers=JSON)
