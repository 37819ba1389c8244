"""Bundles at the base (PROTOCOL §2, §4.2): transactions as one, batches entry by entry."""

import asyncio
from typing import Any

import pytest

from tests.kit.door import FHIR, JSON, Door
from tests.kit.forms import a_resource
from tests.kit.referrals import a_payload, resource_of

Bundle = dict[str, Any]
PATIENT = "urn:uuid:7eccb7f9-336d-59ce-8753-509597946b33"


def posted(resource: Bundle, full_url: str = "", **request: str) -> Bundle:
    entry: Bundle = {
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"], **request},
    }
    return {"fullUrl": full_url, **entry} if full_url else entry


def a_bundle(*entries: Bundle, kind: str = "transaction") -> Bundle:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def codes(answer: Any) -> list[str]:  # noqa: ANN401 - a response
    return [one["details"]["coding"][0]["code"] for one in answer.json()["issue"]]


@pytest.mark.parametrize("path", ["/fhir", "/fhir/"])
async def test_a_transaction_is_answered_in_order_and_its_references_lead_where_they_should(
    door: Door, path: str
) -> None:
    bundle = a_bundle(
        posted(a_resource("Condition", subject={"reference": PATIENT})),
        posted(a_resource("Patient"), PATIENT),
    )

    async with door.client("placer") as client:
        answer = await client.post(path, json=bundle, headers=JSON)
        condition, patient = answer.json()["entry"]
        read = await client.get(f"/fhir/{condition['response']['location']}")

    assert answer.status_code == 200
    assert answer.json()["type"] == "transaction-response"
    assert condition["response"]["status"] == patient["response"]["status"] == "201 Created"
    assert condition["response"]["etag"] == 'W/"1"'
    reference = read.json()["subject"]["reference"]
    assert patient["fullUrl"] == f"{FHIR}/{reference}"
    assert "resource" not in patient


async def test_a_transaction_carries_resources_where_that_is_preferred(door: Door) -> None:
    bundle = a_bundle(posted(a_resource("Patient")))

    async with door.client("placer") as client:
        answer = await client.post(
            "/fhir", json=bundle, headers={**JSON, "prefer": "return=representation"}
        )

    (entry,) = answer.json()["entry"]
    assert entry["resource"]["id"] == entry["response"]["location"].split("/")[1]


async def test_one_fault_keeps_the_whole_transaction_out_and_all_faults_are_told(
    door: Door,
) -> None:
    bundle = a_bundle(
        posted(a_resource("Patient")),
        posted(a_resource("Observation", status="odd")),
        posted(a_resource("Condition", nonsense=True)),
    )

    async with door.client("placer") as client:
        answer = await client.post("/fhir", json=bundle, headers=JSON)
        stored = await client.get("/fhir/Patient")

    assert answer.status_code == 400
    places = [one["expression"][0] for one in answer.json()["issue"]]
    assert {one[: len("Bundle.entry[1]")] for one in places} == {
        "Bundle.entry[1]",
        "Bundle.entry[2]",
    }
    assert stored.json()["total"] == 0


async def test_a_batch_is_carried_out_entry_by_entry(door: Door) -> None:
    bundle = a_bundle(
        posted(a_resource("Patient", id="ignored")),
        posted(a_resource("Observation", status="odd")),
        {"request": {"method": "GET", "url": "Patient/none"}},
        {
            "resource": a_resource("Condition", id="c"),
            "request": {"method": "PUT", "url": "Condition/c"},
        },
        {"request": {"method": "GET", "url": "Condition/c"}},
        {"request": {"method": "DELETE", "url": "Condition/c"}},
        posted({"resourceType": "Encounter", "status": "planned", "class": {"code": "AMB"}}),
        kind="batch",
    )

    async with door.client("placer") as client:
        answer = await client.post("/fhir", json=bundle, headers=JSON)

    entries = answer.json()["entry"]
    assert answer.json()["type"] == "batch-response"
    assert [one["response"]["status"][:3] for one in entries] == [
        "201", "400", "404", "201", "200", "204", "422",
    ]  # fmt: skip
    assert entries[1]["response"]["outcome"]["issue"][0]["expression"] == [
        "Bundle.entry[1].resource.status"
    ]
    assert entries[0]["resource"]["id"] != "ignored"
    assert entries[4]["resource"]["id"] == "c"


@pytest.mark.parametrize("kind", ["collection", "document", "history", "searchset", "message"])
async def test_another_bundle_type_is_a_400(shared: Door, kind: str) -> None:
    async with shared.client("placer") as client:
        answer = await client.post("/fhir", json=a_bundle(kind=kind), headers=JSON)

    assert answer.status_code == 400


async def test_what_is_no_bundle_is_a_400_at_the_base(shared: Door) -> None:
    async with shared.client("placer") as client:
        answer = await client.post("/fhir", json=a_resource("Patient"), headers=JSON)

    assert (answer.status_code, codes(answer)) == (400, ["wrong-type"])


@pytest.mark.parametrize(
    "entry",
    [
        {"request": {"method": "GET", "url": "Patient?active=true"}},
        {"request": {"method": "DELETE", "url": "Patient/1"}},
        posted({"resourceType": "Encounter", "status": "planned", "class": {"code": "AMB"}}),
        {
            "resource": {"resourceType": "Binary", "contentType": "application/json-patch+json"},
            "request": {"method": "PATCH", "url": "Patient/1"},
        },
    ],
)
async def test_what_is_not_offered_fails_the_whole_transaction_by_name(
    shared: Door, entry: Bundle
) -> None:
    bundle = a_bundle(posted(a_resource("Patient")), entry)

    async with shared.client("placer") as client:
        answer = await client.post("/fhir", json=bundle, headers=JSON)

    assert (answer.status_code, codes(answer)) == (422, ["not-supported"])
    assert answer.json()["issue"][0]["expression"][0].startswith("Bundle.entry[1]")


async def test_a_transaction_reads_after_it_wrote_and_a_read_of_nothing_fails_it(
    door: Door,
) -> None:
    read: Bundle = {"request": {"method": "GET", "url": "Patient/p"}}
    put: Bundle = {
        "resource": a_resource("Patient", id="p"),
        "request": {"method": "PUT", "url": "Patient/p"},
    }

    async with door.client("placer") as client:
        absent = await client.post(
            "/fhir", json=a_bundle(read, posted(a_resource("Condition"))), headers=JSON
        )
        stored = await client.get("/fhir/Condition")
        done = await client.post("/fhir", json=a_bundle(read, put), headers=JSON)

    assert (absent.status_code, stored.json()["total"]) == (404, 0)
    assert [one["response"]["status"] for one in done.json()["entry"]] == ["200 OK", "201 Created"]
    assert done.json()["entry"][0]["resource"]["id"] == "p"


@pytest.mark.parametrize("stands", [False, True])
async def test_two_entries_that_would_be_one_resource_are_refused(
    door: Door, *, stands: bool
) -> None:
    condition = "identifier=https://ehr.example/mrn|A-1"
    twice = a_bundle(*(posted(a_resource("Patient"), ifNoneExist=condition) for _ in range(2)))
    put: Bundle = {
        "resource": a_resource("Patient", id="p", active=True),
        "request": {"method": "PUT", "url": "Patient/p"},
    }
    update: Bundle = {
        "resource": a_resource("Patient", active=False),
        "request": {"method": "PUT", "url": f"Patient?{condition}"},
    }

    async with door.client("placer") as client:
        if stands:
            await client.put("/fhir/Patient/p", json=a_resource("Patient", id="p"), headers=JSON)
        same_condition = await client.post("/fhir", json=twice, headers=JSON)
        same_id = await client.post("/fhir", json=a_bundle(put, put), headers=JSON)
        met = await client.post("/fhir", json=a_bundle(put, update), headers=JSON)

    assert (same_condition.status_code, codes(same_condition)) == (400, ["duplicate-identity"] * 2)
    assert (same_id.status_code, codes(same_id)) == (400, ["duplicate-identity"] * 2)
    assert met.status_code == (400 if stands else 200)


async def test_an_order_in_a_batch_tells_its_task_too(door: Door) -> None:
    order = resource_of(a_payload("clean"), "ServiceRequest")
    order = {k: v for k, v in order.items() if k not in {"requester", "supportingInfo"}}
    order["subject"] = {"reference": "Patient/p-1"}
    bundle = a_bundle(
        {
            "resource": a_resource("Patient", id="p-1"),
            "request": {"method": "PUT", "url": "Patient/p-1"},
        },
        posted({k: v for k, v in order.items() if k != "reasonReference"}),
        kind="batch",
    )

    async with door.client("placer") as client:
        answer = await client.post("/fhir", json=bundle, headers=JSON)

    taken = answer.json()["entry"][1]["response"]
    assert taken["status"] == "201 Created"
    assert taken["outcome"]["issue"][0]["details"]["coding"][0]["code"] == "task"


HOSTILE = {
    "nothing": b"",
    "null": b"null",
    "array": b"[]",
    "text": b'"x"',
    "number": b"1e400",
    "cut": b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{',
    "no type": b"{}",
    "type is a number": b'{"resourceType":7}',
    "entry is text": b'{"resourceType":"Bundle","type":"transaction","entry":"x"}',
    "entry of null": b'{"resourceType":"Bundle","type":"transaction","entry":[null]}',
    "entry without request": b'{"resourceType":"Bundle","type":"transaction","entry":[{}]}',
    "request is text": b'{"resourceType":"Bundle","type":"batch","entry":[{"request":"x"}]}',
    "resource is text": (
        b'{"resourceType":"Bundle","type":"batch","entry":'
        b'[{"resource":"x","request":{"method":"POST","url":"Patient"}}]}'
    ),
    "unknown resource": (
        b'{"resourceType":"Bundle","type":"transaction","entry":'
        b'[{"resource":{"resourceType":"Nonsense"},"request":{"method":"POST","url":"Nonsense"}}]}'
    ),
    "other resource than the url": (
        b'{"resourceType":"Bundle","type":"transaction","entry":'
        b'[{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Condition"}}]}'
    ),
    "absolute url": (
        b'{"resourceType":"Bundle","type":"transaction","entry":'
        b'[{"resource":{"resourceType":"Patient"},"request":{"method":"POST",'
        b'"url":"https://evil.example/Patient"}}]}'
    ),
    "deep": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "wide": b'{"a":[' + b"[]," * 30_000 + b"[]]}",
    "twice": b'{"resourceType":"Bundle","resourceType":"Patient"}',
    "surrogate": b'{"resourceType":"Patient","language":"\\ud800"}',
    "nul": b'{"resourceType":"Patient","language":"\\u0000"}',
    "not utf-8": b'{"resourceType":"Patient","language":"\xff"}',
    "bom": b'\xef\xbb\xbf{"resourceType":"Patient"}',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/fhir"), ("POST", "/fhir/Patient"), ("PUT", "/fhir/Patient/p"),
     ("POST", "/fhir/Task"), ("POST", "/fhir/AppointmentResponse"), ("PATCH", "/fhir/Task/1")],
)  # fmt: skip
async def test_hostile_bodies_are_refused_and_never_a_fault_of_ours(
    shared: Door, method: str, path: str, body: bytes
) -> None:
    kind = "application/json-patch+json" if method == "PATCH" else "application/fhir+json"

    async with shared.client("placer") as client:
        answer = await client.request(method, path, content=body, headers={"content-type": kind})

    refused = 400 <= answer.status_code < 500
    assert refused or answer.json()["type"] == "batch-response"
    assert not refused or answer.json()["resourceType"] == "OperationOutcome"


async def test_conditional_references_lead_to_exactly_one(door: Door) -> None:
    reference = {"reference": "Patient?identifier=https://ehr.example/mrn|A-1"}
    bundle = a_bundle(posted(a_resource("Condition", subject=reference)))

    async with door.client("placer") as client:
        none = await client.post("/fhir", json=bundle, headers=JSON)
        await client.put("/fhir/Patient/p", json=a_resource("Patient", id="p"), headers=JSON)
        one = await client.post("/fhir", json=bundle, headers=JSON)
        found = await client.get("/fhir/Condition?patient=p")
        await client.post("/fhir/Patient", json=a_resource("Patient"), headers=JSON)
        two = await client.post("/fhir", json=bundle, headers=JSON)

    assert [one.status_code for one in (none, one, two)] == [412, 200, 412]
    assert found.json()["total"] == 1


async def test_an_entry_with_if_none_exist_that_matches_is_ignored(door: Door) -> None:
    condition = "identifier=https://ehr.example/mrn|A-1"
    bundle = a_bundle(
        posted(a_resource("Patient"), PATIENT, ifNoneExist=condition),
        posted(a_resource("Condition", subject={"reference": PATIENT})),
    )

    async with door.client("placer") as client:
        first = await client.post("/fhir", json=bundle, headers=JSON)
        second = await client.post("/fhir", json=bundle, headers=JSON)

    locations = [one.json()["entry"][0]["response"]["location"] for one in (first, second)]
    assert locations[0] == locations[1]
    assert second.json()["entry"][0]["response"]["status"] == "200 OK"


async def test_a_bundle_of_more_than_500_entries_is_a_413(shared: Door) -> None:
    bundle = a_bundle(*(posted({"resourceType": "Patient"}) for _ in range(501)))

    async with shared.client("placer") as client:
        answer = await client.post("/fhir", json=bundle, headers=JSON)

    assert answer.status_code == 413


async def test_a_referral_is_taken_answered_and_found(door: Door) -> None:
    async with door.client("placer") as client:
        taken = await client.post("/fhir", json=a_payload("anticoagulated"), headers=JSON)
        repeat = await client.post("/fhir", json=a_payload("anticoagulated"), headers=JSON)
        order = next(one for one in taken.json()["entry"] if "outcome" in one["response"])
        rid = order["response"]["location"].split("/")[1]
        tasks = await client.get(f"/fhir/Task?focus=ServiceRequest/{rid}")
        found = await client.get(f"/fhir/DetectedIssue?implicated=ServiceRequest/{rid}")

    said = [one["details"]["coding"][0]["code"] for one in order["response"]["outcome"]["issue"]]
    assert taken.status_code == repeat.status_code == 200
    assert said[:2] == ["task", "screening"]
    assert "finding" in said
    assert tasks.json()["total"] == 1
    assert tasks.json()["entry"][0]["resource"]["status"] == "received"
    assert found.json()["total"] >= 1
    first, second = (
        [one["response"]["location"] for one in each.json()["entry"]] for each in (taken, repeat)
    )
    assert first == second
    assert {one["response"]["status"] for one in repeat.json()["entry"]} == {"200 OK"}


async def test_an_order_posted_alone_is_a_referral_and_names_its_task(door: Door) -> None:
    bundle = a_payload("clean")
    order = resource_of(bundle, "ServiceRequest")
    order["subject"] = {"reference": "Patient/p-1"}
    order = {
        k: v
        for k, v in order.items()
        if k not in {"requester", "reasonReference", "supportingInfo"}
    }

    async with door.client("placer") as client:
        absent = await client.post("/fhir/ServiceRequest", json=order, headers=JSON)
        await client.put("/fhir/Patient/p-1", json=a_resource("Patient", id="p-1"), headers=JSON)
        taken = await client.post("/fhir/ServiceRequest", json=order, headers=JSON)
        repeat = await client.post("/fhir/ServiceRequest", json=order, headers=JSON)
        task = await client.get(taken.headers["link"].partition(">")[0].removeprefix("<"))

    assert taken.status_code == 201, taken.text
    assert absent.status_code == 422
    assert absent.json()["issue"][0]["expression"] == ["ServiceRequest.subject"]
    assert (taken.status_code, repeat.status_code) == (201, 200)
    assert taken.json()["identifier"] == order["identifier"]
    assert taken.headers["location"] == repeat.headers["location"]
    assert task.json()["focus"]["reference"] == f"ServiceRequest/{taken.json()['id']}"


async def test_a_transaction_that_needs_two_flows_is_refused_whole(door: Door) -> None:
    bundle = a_payload("clean")
    answer = {
        "resourceType": "AppointmentResponse",
        "appointment": {"reference": "Appointment/1"},
        "participantStatus": "accepted",
        "actor": {"reference": "Patient/p-1"},
    }
    bundle["entry"].append(posted(answer))

    async with door.client("placer") as client:
        refused = await client.post("/fhir", json=bundle, headers=JSON)
        stored = await client.get("/fhir/ServiceRequest")

    assert (refused.status_code, codes(refused)) == (422, ["two-flows"])
    assert stored.json()["total"] == 0


async def taken_task(door: Door) -> Bundle:
    async with door.client("placer") as client:
        await client.post("/fhir", json=a_payload("clean"), headers=JSON)
        found = await client.get("/fhir/Task")
    task: Bundle = found.json()["entry"][0]["resource"]
    return task


async def test_a_task_put_as_cancelled_withdraws_the_referral(door: Door) -> None:
    task = await taken_task(door)
    address = f"/fhir/Task/{task['id']}"
    cancelled = {**task, "status": "cancelled", "statusReason": {"text": "moved away"}}
    without = {**cancelled, "meta": {}}
    without.pop("meta")

    async with door.client("placer") as client:
        unversioned = await client.put(address, json=without, headers=JSON)
        stale = await client.put(address, json=cancelled, headers={**JSON, "if-match": "7"})
        done = await client.put(address, json=cancelled, headers=JSON)
        again = await client.put(address, json=done.json(), headers=JSON)

    assert (unversioned.status_code, stale.status_code) == (400, 412)
    assert codes(unversioned) == ["version-needed"]
    assert done.status_code == again.status_code == 200
    assert done.json()["status"] in {"cancelled", "rejected"}
    assert done.json()["businessStatus"]["coding"][0]["code"] == "withdrawn"


async def test_what_a_placer_may_not_change_on_the_task_is_named(door: Door) -> None:
    task = await taken_task(door)
    changed = {**task, "priority": "stat", "description": "other"}

    async with door.client("placer") as client:
        answer = await client.put(f"/fhir/Task/{task['id']}", json=changed, headers=JSON)

    assert answer.status_code == 422
    assert [one["expression"][0] for one in answer.json()["issue"]] == [
        "Task.description",
        "Task.priority",
    ]


async def test_a_task_patched_to_cancelled_withdraws_and_any_other_path_is_refused(
    door: Door,
) -> None:
    task = await taken_task(door)
    address = f"/fhir/Task/{task['id']}"
    headers = {"content-type": "application/json-patch+json; charset=UTF-8"}
    other = [{"op": "replace", "path": "/priority", "value": "stat"}]
    cancel = [{"op": "replace", "path": "/status", "value": "cancelled"}]

    async with door.client("placer") as client:
        refused = await client.patch(address, json=other, headers=headers)
        no_array = await client.patch(address, json={"status": "cancelled"}, headers=headers)
        done = await client.patch(address, json=cancel, headers=headers)

    assert (refused.status_code, no_array.status_code, done.status_code) == (422, 400, 200)
    assert done.json()["businessStatus"]["coding"][0]["code"] == "withdrawn"


async def test_a_task_that_asks_to_abort_is_kept_and_accepted(door: Door) -> None:
    task = await taken_task(door)
    abort = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {
            "coding": [{"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "abort"}]
        },
        "focus": {"reference": f"{FHIR}/Task/{task['id']}"},
        "reasonCode": {"text": "chose physiotherapy"},
    }

    async with door.client("placer") as client:
        done = await client.post("/fhir/Task", json=abort, headers=JSON)
        first = await client.get(f"/fhir/Task/{done.json()['id']}/_history/1")
        ended = await client.get(f"/fhir/Task/{task['id']}")
        plain = await client.post("/fhir/Task", json={**abort, "code": {"text": "x"}}, headers=JSON)

    assert done.status_code == 201
    assert done.json()["status"] == "accepted"
    assert first.json()["status"] == "requested"
    assert ended.json()["businessStatus"]["coding"][0]["code"] == "withdrawn"
    assert (plain.status_code, codes(plain)) == (422, ["not-supported"])


async def test_an_order_put_as_revoked_withdraws_and_is_kept(door: Door) -> None:
    await taken_task(door)

    async with door.client("placer") as client:
        found = await client.get("/fhir/ServiceRequest")
        order = {**found.json()["entry"][0]["resource"], "status": "revoked"}
        done = await client.put(f"/fhir/ServiceRequest/{order['id']}", json=order, headers=JSON)
        task = await client.get("/fhir/Task")

    assert done.status_code == 200
    assert (done.json()["status"], done.headers["etag"]) == ("revoked", 'W/"2"')
    (entry,) = task.json()["entry"]
    assert entry["resource"]["businessStatus"]["coding"][0]["code"] == "withdrawn"


async def test_an_id_that_the_clinic_made_is_reserved(door: Door) -> None:
    task = await taken_task(door)
    async with door.client("placer") as client:
        issue = (await client.get("/fhir/DetectedIssue")).json()["entry"][0]["resource"]

        put = await client.put(f"/fhir/DetectedIssue/{issue['id']}", json=issue, headers=JSON)
        deleted = await client.delete(f"/fhir/Task/{task['id']}")
        own = await client.put(
            f"/fhir/Flag/{issue['id']}", json=a_resource("Flag", id=issue["id"]), headers=JSON
        )

    assert (put.status_code, deleted.status_code, own.status_code) == (405, 405, 201)


async def test_new_data_of_a_referred_patient_ask_for_one_new_screening(door: Door) -> None:
    await taken_task(door)
    async with door.client("placer") as client:
        patient = (await client.get("/fhir/Patient")).json()["entry"][0]["resource"]["id"]
        subject = {"reference": f"Patient/{patient}"}
        medication = a_resource("MedicationStatement", subject=subject)
        stranger = a_resource("MedicationStatement", subject={"reference": "Patient/other"})

        for body in (medication, medication, stranger):
            await client.post("/fhir/MedicationStatement", json=body, headers=JSON)

    rows = await door.world.owner.pool.fetch("SELECT kind FROM outbox WHERE kind = 'rescreen'")
    assert len(rows) == 1


async def test_a_deleted_allergy_asks_for_a_new_screening(door: Door) -> None:
    await taken_task(door)
    async with door.client("placer") as client:
        allergy = (await client.get("/fhir/AllergyIntolerance")).json()["entry"][0]["resource"]

        deleted = await client.delete(f"/fhir/AllergyIntolerance/{allergy['id']}")

    rows = await door.world.owner.pool.fetch("SELECT kind FROM outbox WHERE kind = 'rescreen'")
    assert deleted.status_code == 204
    assert len(rows) == 1


async def test_a_medication_named_by_a_prescription_asks_too(door: Door) -> None:
    await taken_task(door)
    async with door.client("placer") as client:
        patient = (await client.get("/fhir/Patient")).json()["entry"][0]["resource"]["id"]
        request = a_resource(
            "MedicationRequest",
            subject={"reference": f"Patient/{patient}"},
            medicationReference={"reference": "Medication/m"},
        )
        del request["medicationCodeableConcept"]
        await client.post("/fhir/MedicationRequest", json=request, headers=JSON)
        await door.world.owner.pool.execute("DELETE FROM outbox")

        await client.put("/fhir/Medication/m", json=a_resource("Medication", id="m"), headers=JSON)

    rows = await door.world.owner.pool.fetch("SELECT kind FROM outbox WHERE kind = 'rescreen'")
    assert len(rows) == 1


async def test_the_same_referral_at_once_is_one_referral(door: Door) -> None:
    async with door.client("placer") as client:
        answers = await asyncio.gather(
            *(client.post("/fhir", json=a_payload("clean"), headers=JSON) for _ in range(8))
        )
        tasks = await client.get("/fhir/Task")

    assert {one.status_code for one in answers} == {200}
    assert (
        len({str([e["response"]["location"] for e in one.json()["entry"]]) for one in answers}) == 1
    )
    assert tasks.json()["total"] == 1
