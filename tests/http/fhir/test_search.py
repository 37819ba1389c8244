"""Searching a type (PROTOCOL §9): parameters, pages, totals, strictness."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.kit.door import BASE, FHIR, JSON, Door
from tests.kit.forms import a_resource

FORM = {"content-type": "application/x-www-form-urlencoded"}
SYSTEM = "http://codes.example"


def a_condition(rid: str, **changes: object) -> dict[str, Any]:
    return a_resource("Condition", id=rid, **changes)


def coded(code: str) -> dict[str, Any]:
    return {"coding": [{"system": SYSTEM, "code": code}]}


async def stored(door: Door, *resources: Mapping[str, Any], who: str = "placer") -> None:
    async with door.client(who) as client:
        for one in resources:
            address = f"/fhir/{one['resourceType']}/{one['id']}"
            answer = await client.put(address, json=dict(one), headers=JSON)
            assert answer.status_code == 201
            door.world.clock.forward(seconds=1)


def ids(answer: httpx2.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["resource"]["id"] for one in answer.json().get("entry", [])]


async def test_each_parameter_finds_what_carries_it_and_nothing_else(door: Door) -> None:
    await stored(
        door,
        a_condition("a", code=coded("K1"), recordedDate="2026-03-10"),
        a_condition("b", code=coded("K2"), subject={"reference": "Patient/p-2"}),
        a_condition("c", code={"text": "words"}, recordedDate="2026-04"),
    )
    asked = {
        "_id=a": ["a"],
        "_id=a,b": ["b", "a"],
        "_id=none": [],
        "code=K1": ["a"],
        "code=k1": ["a"],
        f"code={SYSTEM}|K1": ["a"],
        f"code={quote(SYSTEM)}%7CK1": ["a"],
        f"code={SYSTEM}|": ["b", "a"],
        "code=|K1": [],
        "code=K1,K2": ["b", "a"],
        "code=K1&code=K2": [],
        "patient=p-1": ["c", "a"],
        "patient=Patient/p-2": ["b"],
        f"subject={FHIR}/Patient/p-2": ["b"],
        "subject:Patient=p-2": ["b"],
        "subject%3APatient=p-2": ["b"],
        "recorded-date=2026-03": ["a"],
        "recorded-date=ge2026-03-10": ["c", "a"],
        "recorded-date=gt2026-03-31": ["c"],
        "recorded-date=lt2026-03-10": [],
        "recorded-date=2026-04-05": [],
        "recorded-date=ap2026-04-05": ["c"],
        "recorded-date=ne2026-03-10": ["c"],
        "patient=p-1&code=K1&recorded-date=2026": ["a"],
    }

    async with door.client("placer") as client:
        found = {query: ids(await client.get(f"/fhir/Condition?{query}")) for query in asked}

    assert found == asked


async def test_last_updated_lets_a_client_poll_for_what_changed(door: Door) -> None:
    await stored(door, a_condition("a"), a_condition("b"))
    async with door.client("placer") as client:
        first = await client.get("/fhir/Condition/a")
        since = first.json()["meta"]["lastUpdated"]
        newer = await client.get(f"/fhir/Condition?_lastUpdated=gt{since}")
        offset = since.replace("Z", "+00:00")
        from_it = await client.get(f"/fhir/Condition?_lastUpdated=ge{offset}")
        before = await client.get(f"/fhir/Condition?_lastUpdated=lt{since}")
        exact = await client.get(f"/fhir/Condition?_lastUpdated={since}")
        until = await client.get(f"/fhir/Condition?_lastUpdated=le{since}")

    assert ids(newer) == ["b"]
    assert ids(from_it) == ["b", "a"]
    assert ids(before) == []
    assert ids(exact) == ids(until) == ["a"]


async def test_a_search_by_form_finds_the_same(door: Door) -> None:
    await stored(door, a_condition("a", code=coded("K1")), a_condition("b"))

    async with door.client("placer") as client:
        posted = await client.post(
            "/fhir/Condition/_search?patient=p-1",
            content=f"code={quote(SYSTEM)}%7CK1",
            headers=FORM,
        )
        as_json = await client.post("/fhir/Condition/_search", content=b"{}", headers=JSON)
        broken = await client.post("/fhir/Condition/_search", content=b"a=\xff", headers=FORM)

    assert ids(posted) == ["a"]
    assert as_json.status_code == 415
    assert broken.status_code == 400


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", "gfedcba"),
        ("_sort=-_lastUpdated", "gfedcba"),
        ("_sort=_lastUpdated", "abcdefg"),
        ("_sort=_id", "abcdefg"),
        ("_sort=-_id", "gfedcba"),
    ],
)
async def test_pages_follow_each_other_without_a_gap_or_a_repeat(
    door: Door, sort: str, order: str
) -> None:
    await stored(door, *(a_condition(one) for one in "abcdefg"))
    seen: list[str] = []

    async with door.client("placer") as client:
        address = f"/fhir/Condition?patient=p-1&_count=3&{sort}"
        while address:
            page = await client.get(address)
            seen += ids(page)
            links = {one["relation"]: one["url"] for one in page.json()["link"]}
            address = links.get("next", "")
            assert not address or address.startswith(f"{FHIR}/Condition?")

    assert "".join(seen) == order


async def test_a_page_that_holds_all_says_how_many_and_another_when_asked(door: Door) -> None:
    await stored(door, *(a_condition(one) for one in "abc"))

    async with door.client("placer") as client:
        whole = await client.get("/fhir/Condition")
        part = await client.get("/fhir/Condition?_count=2")
        counted = await client.get("/fhir/Condition?_count=2&_total=accurate")
        fhirpy = await client.get("/fhir/Condition?_count=0&_totalMethod=count")
        summary = await client.get("/fhir/Condition?_summary=count")

    assert whole.json()["total"] == 3
    assert "total" not in part.json()
    assert counted.json()["total"] == fhirpy.json()["total"] == summary.json()["total"] == 3
    assert "entry" not in fhirpy.json()


async def test_each_entry_has_its_address_and_says_why_it_is_there(door: Door) -> None:
    await stored(door, a_condition("a"))

    async with door.client("placer") as client:
        answer = await client.get("/fhir/Condition")

    (entry,) = answer.json()["entry"]
    assert entry["fullUrl"] == f"{BASE}/fhir/Condition/a"
    assert entry["search"] == {"mode": "match"}


async def test_strict_refuses_and_lenient_tells_what_it_left_out(door: Door) -> None:
    await stored(door, a_condition("a"))

    async with door.client("placer") as client:
        strict = await client.get("/fhir/Condition?onset-age=3&patient=p-1")
        lenient = await client.get(
            "/fhir/Condition?onset-age=3&patient=p-1", headers={"prefer": "handling=lenient"}
        )

    assert strict.status_code == 400
    assert "onset-age" not in strict.text
    entries = lenient.json()["entry"]
    assert [one["search"]["mode"] for one in entries] == ["match", "outcome"]
    assert entries[1]["resource"]["resourceType"] == "OperationOutcome"


HOSTILE = [
    "'",
    "'; DROP TABLE resource; --",
    "a' OR '1'='1",
    "$$",
    "%00",
    "%1F",
    "\\",
    "{}",
    "a%0Ab",
    "🙂",
    "../../Patient/1",
    "a" * 2_000,
]


@pytest.mark.parametrize("value", HOSTILE)
async def test_hostile_values_find_nothing_and_break_nothing(shared: Door, value: str) -> None:
    async with shared.client("placer") as client:
        answers = [
            await client.get(f"/fhir/Condition?{name}={value}")
            for name in ("_id", "code", "identifier", "patient", "recorded-date", "_cursor")
        ]

    assert {one.status_code for one in answers} <= {200, 400}
    assert not any(ids(one) for one in answers if one.status_code == 200)


@pytest.mark.parametrize("rid", ["%00", "a%1Fb", "%F0%9F%99%82", "a%20b", "a" * 65, "'"])
async def test_what_is_no_id_stands_for_nothing_whatever_is_asked_of_it(
    shared: Door, rid: str
) -> None:
    async with shared.client("placer") as client:
        answers = [
            await client.get(f"/fhir/Condition/{rid}"),
            await client.get(f"/fhir/Condition/{rid}/_history"),
            await client.get(f"/fhir/Condition/{rid}/_history/1"),
            await client.delete(f"/fhir/Condition/{rid}"),
            await client.put(f"/fhir/Condition/{rid}", json=a_condition("x"), headers=JSON),
            await client.get(f"/fhir/Encounter/{rid}"),
        ]

    assert {one.status_code for one in answers} <= {400, 404, 405}


async def test_staff_find_the_resources_of_all_placers_and_of_the_one_they_name(
    door: Door,
) -> None:
    await stored(door, a_condition("a", code=coded("K1")))
    await stored(door, a_condition("b", code=coded("K1")), who="other")

    async with door.client("clinician") as client:
        both = await client.get("/fhir/Condition?code=K1")
        one = await client.get("/fhir/Condition?code=K1", headers={"tpi-placer": str(door.other)})

    assert ids(both) == ["b", "a"]
    assert ids(one) == ["b"]


async def test_staff_who_name_a_patient_that_two_placers_have_are_asked_which(
    door: Door,
) -> None:
    patient = a_resource("Patient", id="p-1")
    await stored(door, patient, a_condition("a"))
    await stored(door, patient, a_condition("b"), who="other")
    named = {"tpi-placer": str(door.placer)}

    async with door.client("clinician") as client:
        unclear = await client.get("/fhir/Condition?patient=p-1")
        clear = await client.get("/fhir/Condition?patient=p-1", headers=named)
        unclear_read = await client.get("/fhir/Patient/p-1")
        clear_read = await client.get("/fhir/Patient/p-1", headers=named)

    assert (unclear.status_code, unclear_read.status_code) == (400, 400)
    assert unclear.json()["issue"][0]["details"]["coding"][0]["code"] == "which-placer"
    assert ids(clear) == ["a"]
    assert clear_read.status_code == 200


async def test_what_belongs_to_the_clinic_is_readable_to_its_placers(door: Door) -> None:
    async with door.client("placer") as client:
        schedules = await client.get("/fhir/Schedule")
        services = await client.get("/fhir/HealthcareService")
        first = schedules.json()["entry"][0]["resource"]["id"]
        read = await client.get(f"/fhir/Schedule/{first}")
        changed = await client.put(f"/fhir/Schedule/{first}", json=read.json(), headers=JSON)

    assert schedules.json()["total"] >= 1
    assert services.json()["total"] >= 1
    assert read.status_code == 200
    assert changed.status_code == 403
