"""One resource over REST (PROTOCOL §2.1): read, version, update, delete, headers."""

import json

import pytest

from service.http.fhir.served import SERVED, Interaction
from tests.kit.door import FHIR, JSON, Door
from tests.kit.forms import PLAIN, a_resource

PATCH = {"content-type": "application/json-patch+json"}


@pytest.mark.parametrize("rtype", PLAIN)
async def test_what_is_served_is_created_read_updated_traced_and_deleted_as_the_table_says(
    shared: Door, rtype: str
) -> None:
    offered = SERVED[rtype].placer
    async with shared.client("placer") as client:
        made = await client.post(f"/fhir/{rtype}", json=a_resource(rtype), headers=JSON)
        address = made.headers["location"].partition("/_history/")[0]
        changed = {**made.json(), "language": "en"}
        updated = await client.put(address, json=changed, headers=JSON)
        first = await client.get(made.headers["location"])
        newest = await client.get(address)
        found = await client.get(f"/fhir/{rtype}?_id={made.json()['id']}")
        history = await client.get(f"{address}/_history")
        deleted = await client.delete(address)

    assert (made.status_code, updated.status_code) == (201, 200)
    assert made.headers["location"].startswith(f"{FHIR}/{rtype}/")
    assert first.content == made.content
    assert newest.content == updated.content
    assert newest.headers["etag"] == 'W/"2"'
    assert [one["resource"]["language"] for one in found.json()["entry"]] == ["en"]
    assert history.json()["total"] == 2
    assert deleted.status_code == (204 if Interaction.DELETE in offered else 405)


async def test_what_comes_out_is_what_came_in_but_for_id_meta_and_nothing_else(door: Door) -> None:
    received = (
        '{ "status":"final",\n\t"valueQuantity" : {"value":1.10, "unit":"\\u006dg"},'
        '  "resourceType":"Observation","code":{"text":"x"},"subject":{"reference":"Patient/p"},'
        '"component":[{"code":{"text":"y"},"valueQuantity":{"value":1E-22}}]}'
    )

    async with door.client("placer") as client:
        made = await client.post("/fhir/Observation", content=f"  {received}\n", headers=JSON)
        read = await client.get(made.headers["location"].partition("/_history/")[0])

    served = read.text
    meta = json.dumps(read.json()["meta"], separators=(",", ":"))
    assert served == "{" + f'"id":"{read.json()["id"]}","meta":{meta},' + received[1:]


async def test_a_placer_may_put_its_own_id_and_creates_with_it(door: Door) -> None:
    patient = a_resource("Patient", id="123")

    async with door.client("placer") as client:
        made = await client.put("/fhir/Patient/123", json=patient, headers=JSON)
        again = await client.put("/fhir/Patient/123", json=patient, headers=JSON)

    assert (made.status_code, again.status_code) == (201, 200)
    assert made.headers["location"] == again.headers["location"] == f"{FHIR}/Patient/123/_history/1"


async def test_a_put_that_changes_nothing_but_meta_stays_the_same_version(door: Door) -> None:
    sent = '{"resourceType":"Patient","id":"p","active":true,"gender":"female"}'
    same = '{"gender":"female" , "id":"p","resourceType":"Patient","active":true,"meta":{}}'
    same = same.replace('"meta":{}', '"meta":{"source":"https://ehr.example"}')

    async with door.client("placer") as client:
        await client.put("/fhir/Patient/p", content=sent, headers=JSON)
        repeat = await client.put("/fhir/Patient/p", content=same, headers=JSON)
        history = await client.get("/fhir/Patient/p/_history")

    assert repeat.status_code == 200
    assert repeat.headers["etag"] == 'W/"1"'
    assert history.json()["total"] == 1


@pytest.mark.parametrize("form", ['W/"1"', '"1"', "1", ' W/"1" '])
async def test_if_match_names_a_version_in_three_forms(door: Door, form: str) -> None:
    async with door.client("placer") as client:
        await client.put("/fhir/Patient/p", json=a_resource("Patient", id="p"), headers=JSON)
        changed = a_resource("Patient", id="p", active=True)
        done = await client.put("/fhir/Patient/p", json=changed, headers={**JSON, "if-match": form})
        stale = await client.put(
            "/fhir/Patient/p",
            json=a_resource("Patient", id="p", active=False),
            headers={**JSON, "if-match": form},
        )

    assert (done.status_code, stale.status_code) == (200, 412)
    assert stale.json()["issue"][0]["details"]["coding"][0]["code"] == "stale"


@pytest.mark.parametrize("form", ["*", "W/1x", '"1', "-1", 'W/"1", W/"2"', "9" * 10])
async def test_another_form_of_if_match_is_a_400(shared: Door, form: str) -> None:
    async with shared.client("placer") as client:
        answer = await client.put(
            "/fhir/Patient/q",
            json=a_resource("Patient", id="q"),
            headers={**JSON, "if-match": form},
        )

    assert answer.status_code == 400
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "version-form"


async def test_if_match_on_what_is_not_there_is_a_412(shared: Door) -> None:
    async with shared.client("placer") as client:
        answer = await client.put(
            "/fhir/Patient/none",
            json=a_resource("Patient", id="none"),
            headers={**JSON, "if-match": "1"},
        )

    assert answer.status_code == 412


@pytest.mark.parametrize(
    ("header", "status"),
    [('W/"1"', 304), ("1", 304), ('"1"', 304), ('W/"7", W/"1"', 304), ('W/"2"', 200), ("odd", 200)],
)
async def test_if_none_match_saves_the_body_and_a_bare_version_counts(
    shared: Door, header: str, status: int
) -> None:
    async with shared.client("placer") as client:
        await client.put(
            "/fhir/Patient/cached", json=a_resource("Patient", id="cached"), headers=JSON
        )
        answer = await client.get("/fhir/Patient/cached", headers={"if-none-match": header})

    assert answer.status_code == status
    assert bool(answer.content) is (status == 200)
    assert answer.headers["etag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("since", "status"),
    [
        ("Mon, 23 Nov 2026 12:00:00 GMT", 304),
        ("Mon, 23 Nov 2026 11:59:59 GMT", 200),
        ("yesterday", 200),
    ],
)
async def test_if_modified_since_saves_the_body(shared: Door, since: str, status: int) -> None:
    async with shared.client("placer") as client:
        await client.put("/fhir/Patient/old", json=a_resource("Patient", id="old"), headers=JSON)
        answer = await client.get("/fhir/Patient/old", headers={"if-modified-since": since})

    assert answer.status_code == status


@pytest.mark.parametrize("body_id", [None, "other"])
async def test_an_id_that_is_not_the_addresss_is_a_400(shared: Door, body_id: str | None) -> None:
    changes = {} if body_id is None else {"id": body_id}

    async with shared.client("placer") as client:
        answer = await client.put(
            "/fhir/Patient/mine", json=a_resource("Patient", **changes), headers=JSON
        )

    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["Patient.id"]


async def test_every_fault_of_a_resource_is_told_at_once_with_its_place(shared: Door) -> None:
    body = a_resource("Observation", status="odd", subject=None, unknown=1)

    async with shared.client("placer") as client:
        answer = await client.post("/fhir/Observation", json=body, headers=JSON)

    issues = answer.json()["issue"]
    assert answer.status_code == 400
    assert len(issues) >= 3
    assert all(one["expression"][0].startswith("Observation") for one in issues)
    assert "odd" not in answer.text


async def test_a_resource_of_another_type_than_the_address_is_a_400(shared: Door) -> None:
    async with shared.client("placer") as client:
        answer = await client.post("/fhir/Patient", json=a_resource("Condition"), headers=JSON)

    assert answer.status_code == 400
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "wrong-type"


async def test_a_reference_to_an_entry_that_is_not_there_is_a_422(shared: Door) -> None:
    body = a_resource(
        "Condition", subject={"reference": "urn:uuid:7eccb7f9-336d-59ce-8753-509597946b33"}
    )

    async with shared.client("placer") as client:
        answer = await client.post("/fhir/Condition", json=body, headers=JSON)

    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Condition.subject.reference"]


async def test_an_absolute_reference_under_our_base_becomes_a_relative_one(shared: Door) -> None:
    body = a_resource("Condition", subject={"reference": f"{FHIR}/Patient/p-9"})

    async with shared.client("placer") as client:
        made = await client.post("/fhir/Condition", json=body, headers=JSON)
        found = await client.get("/fhir/Condition?patient=p-9")

    assert made.json()["subject"]["reference"] == "Patient/p-9"
    assert found.json()["total"] == 1


async def test_a_deleted_resource_is_gone_its_history_stays_and_it_may_come_back(
    door: Door,
) -> None:
    body = a_resource("Condition", id="c")

    async with door.client("placer") as client:
        await client.put("/fhir/Condition/c", json=body, headers=JSON)
        deleted = await client.delete("/fhir/Condition/c")
        repeated = await client.delete("/fhir/Condition/c")
        gone = await client.get("/fhir/Condition/c")
        gone_version = await client.get("/fhir/Condition/c/_history/2")
        first = await client.get("/fhir/Condition/c/_history/1")
        found = await client.get("/fhir/Condition")
        back = await client.put("/fhir/Condition/c", json=body, headers=JSON)
        history = await client.get("/fhir/Condition/c/_history")

    assert (deleted.status_code, repeated.status_code) == (204, 204)
    assert (gone.status_code, gone_version.status_code, first.status_code) == (410, 410, 200)
    assert found.json()["total"] == 0
    assert (back.status_code, back.headers["etag"]) == (201, 'W/"3"')
    methods = [one["request"]["method"] for one in history.json()["entry"]]
    assert methods == ["PUT", "DELETE", "POST"]
    assert "resource" not in history.json()["entry"][1]


async def test_deleting_what_never_was_says_no_more_than_deleting_what_is_anothers(
    door: Door,
) -> None:
    async with door.client("placer") as client, door.client("other") as other:
        await other.put("/fhir/Condition/x", json=a_resource("Condition", id="x"), headers=JSON)
        never = await client.delete("/fhir/Condition/never")
        foreign = await client.delete("/fhir/Condition/x")
        theirs = await other.get("/fhir/Condition/x")

    assert (never.status_code, foreign.status_code) == (204, 204)
    assert theirs.status_code == 200


@pytest.mark.parametrize(
    ("wanted", "body"),
    [
        ("return=minimal", b""),
        ("return=OperationOutcome", b"OperationOutcome"),
        ("odd", b"Patient"),
    ],
)
async def test_prefer_says_what_a_write_returns(shared: Door, wanted: str, body: bytes) -> None:
    async with shared.client("placer") as client:
        made = await client.post(
            "/fhir/Patient", json=a_resource("Patient"), headers={**JSON, "prefer": wanted}
        )

    assert made.status_code == 201
    assert made.headers["location"]
    assert body in made.content
    assert body or not made.content


async def test_history_comes_in_pages_newest_first(door: Door) -> None:
    async with door.client("placer") as client:
        for number in range(5):
            body = a_resource("Patient", id="p", birthDate=f"199{number}")
            await client.put("/fhir/Patient/p", json=body, headers=JSON)
        first = await client.get("/fhir/Patient/p/_history?_count=2")
        links = {one["relation"]: one["url"] for one in first.json()["link"]}
        second = await client.get(links["next"])
        refused = await client.get("/fhir/Patient/p/_history?_since=2026")

    versions = [
        one["resource"]["meta"]["versionId"]
        for page in (first, second)
        for one in page.json()["entry"]
    ]
    assert versions == ["5", "4", "3", "2"]
    assert first.json()["total"] == 5
    assert refused.status_code == 400


@pytest.mark.parametrize("version", ["0", "2", "x", "-1", "1e1", "99999999999"])
async def test_a_version_that_never_was_is_a_404(shared: Door, version: str) -> None:
    async with shared.client("placer") as client:
        await client.put("/fhir/Patient/v", json=a_resource("Patient", id="v"), headers=JSON)
        answer = await client.get(f"/fhir/Patient/v/_history/{version}")

    assert answer.status_code == 404
