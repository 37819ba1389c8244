"""`ServiceRequest/$tpi-precheck`: the same screening as the intake, and no trace of it."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from fhir_mappings.parse.resource import judge
from tests.kit.clinic import the_shape
from tests.kit.door import FHIR, JSON, Door
from tests.kit.referrals import a_payload, numbered, put, replaced, resource_of, without

PRECHECK = "/fhir/ServiceRequest/$tpi-precheck"
PAYLOADS = ("clean", "anticoagulated", "active-infection")


async def prechecked(door: Door, body: Mapping[str, Any], who: str = "placer") -> httpx2.Response:
    async with door.client(who) as client:
        return await client.post(PRECHECK, content=json.dumps(body), headers=JSON)


async def referred(door: Door, body: Mapping[str, Any], who: str = "placer") -> httpx2.Response:
    async with door.client(who) as client:
        return await client.post("/fhir", content=json.dumps(body), headers=JSON)


async def rows(door: Door) -> dict[str, int]:
    """How many rows each table has; what the door itself keeps of a call is no exception."""
    pool = door.world.owner.pool
    tables = [
        row["relname"]
        for row in await pool.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace"
        )
    ]
    return {one: await pool.fetchval(f'SELECT count(*) FROM "{one}"') for one in tables}  # noqa: S608 - names of our own tables


def outcome_of(answer: httpx2.Response) -> str:
    (found,) = [one["valueCode"] for one in answer.json()["parameter"] if one["name"] == "outcome"]
    return str(found)


def findings_of(answer: httpx2.Response) -> dict[str, str]:
    return {
        one["resource"]["code"]["coding"][0]["code"]: one["resource"]["severity"]
        for one in answer.json()["parameter"]
        if one["name"] == "finding"
    }


async def standing_findings(door: Door, patient: str) -> dict[str, str]:
    async with door.client("placer") as client:
        found = (await client.get(f"/fhir/DetectedIssue?patient={patient}&_count=100")).json()
    return {
        one["resource"]["code"]["coding"][0]["code"]: one["resource"]["severity"]
        for one in found.get("entry", [])
    }


def drug_of(bundle: Mapping[str, Any]) -> str:
    """The first drug of a payload, in the word that a finding shows."""
    said = resource_of(dict(bundle), "MedicationStatement")["medicationCodeableConcept"]
    return str(said["coding"][0]["display"])


def patient_of(answer: httpx2.Response) -> str:
    return next(
        one["response"]["location"].split("/")[1]
        for one in answer.json()["entry"]
        if one["response"]["location"].startswith("Patient/")
    )


@pytest.mark.parametrize("name", PAYLOADS)
async def test_a_precheck_says_what_the_intake_then_says(door: Door, name: str) -> None:
    bundle = a_payload(name)

    before = await prechecked(door, bundle)
    after = await referred(door, bundle)

    assert before.status_code == 200, before.text
    assert judge(before.json(), the_shape(), expect_type="Parameters") == []
    assert findings_of(before) == await standing_findings(door, patient_of(after))
    assert (
        outcome_of(before)
        == {
            "clean": "clear",
            "anticoagulated": "review",
            "active-infection": "block",
        }[name]
    )


async def test_a_precheck_leaves_no_row_behind(door: Door) -> None:
    await referred(door, a_payload("clean"))
    before = await rows(door)

    answer = await prechecked(door, numbered(a_payload("anticoagulated"), "77"))

    assert answer.status_code == 200
    assert await rows(door) == before


async def test_what_the_patient_has_here_counts_too(door: Door) -> None:
    await referred(door, a_payload("anticoagulated"))
    order_alone = without(
        a_payload("clean"), lambda one: one["resourceType"] in {"Patient", "ServiceRequest"}
    )
    mrn = resource_of(a_payload("anticoagulated"), "Patient")["identifier"][0]["value"]
    other = resource_of(order_alone, "Patient")["identifier"][0]["value"]
    same_patient = replaced(order_alone, other, mrn)
    for entry in same_patient["entry"]:
        entry["resource"].pop("supportingInfo", None)
        entry["resource"].pop("reasonReference", None)
        entry["resource"].pop("requester", None)

    here = await prechecked(door, same_patient)
    elsewhere = await prechecked(door, same_patient, who="other")

    words = drug_of(a_payload("anticoagulated"))
    assert here.status_code == 200, here.text
    assert words in here.text
    assert words not in elsewhere.text


async def test_a_draft_is_welcome_and_screened_alike(door: Door) -> None:
    draft = a_payload("active-infection")
    resource_of(draft, "ServiceRequest").update({"status": "draft", "intent": "proposal"})

    refused = await referred(door, draft)
    answer = await prechecked(door, draft)

    assert refused.status_code == 422
    assert answer.status_code == 200
    assert findings_of(answer) == findings_of(await prechecked(door, a_payload("active-infection")))


async def test_parameters_carry_the_day_and_the_variant(door: Door) -> None:
    stopped = a_payload("anticoagulated")
    resource_of(stopped, "MedicationStatement").update(
        {"status": "completed", "effectivePeriod": {"start": "2026-03", "end": "2026-11-22"}}
    )
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "referral", "resource": stopped},
            {"name": "planned-date", "valueDate": "2027-03-01"},
            {"name": "variant", "valueCode": "dry-needling"},
        ],
    }

    told = await prechecked(door, body)
    async with door.client("placer") as client:
        in_address = await client.post(
            f"{PRECHECK}?planned-date=2027-03-01&variant=dry-needling",
            content=json.dumps(stopped),
            headers=JSON,
        )

    drug = drug_of(stopped)
    assert told.status_code == 200, told.text
    assert told.json() == in_address.json()
    assert drug not in told.text
    assert drug in (await prechecked(door, stopped)).text


@pytest.mark.parametrize("kind", ["collection", "searchset", "history"])
async def test_a_bundle_of_another_type_is_screened_alike(door: Door, kind: str) -> None:
    transaction = a_payload("active-infection")
    bundle: dict[str, Any] = {**copy.deepcopy(transaction), "type": kind}
    for number, entry in enumerate(bundle["entry"]):
        request = entry.pop("request")
        if kind == "history":
            entry["request"] = {"method": request["method"], "url": request["url"]}
            entry["response"] = {"status": "201"}
        entry["resource"]["id"] = f"r{number}"

    answer = await prechecked(door, bundle)

    assert answer.status_code == 200, answer.text
    assert findings_of(answer) == findings_of(await prechecked(door, transaction))


async def test_a_known_patient_under_the_senders_id_is_recognised_by_its_number(
    door: Door,
) -> None:
    await referred(door, a_payload("anticoagulated"))
    mrn = resource_of(a_payload("anticoagulated"), "Patient")["identifier"]
    order = resource_of(a_payload("clean"), "ServiceRequest")
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {
                "fullUrl": "https://ehr.northside.example/fhir/Patient/p9",
                "resource": {"resourceType": "Patient", "id": "p9", "identifier": mrn},
            },
            {
                "fullUrl": "https://ehr.northside.example/fhir/ServiceRequest/o9",
                "resource": {
                    "resourceType": "ServiceRequest",
                    "id": "o9",
                    "status": "draft",
                    "intent": "order",
                    "code": order["code"],
                    "subject": {"reference": "Patient/p9"},
                },
            },
        ],
    }

    answer = await prechecked(door, bundle)

    assert answer.status_code == 200, answer.text
    assert drug_of(a_payload("anticoagulated")) in answer.text


async def test_what_the_intake_refuses_is_refused_in_the_same_words(door: Door) -> None:
    wrong = a_payload("clean")
    resource_of(wrong, "Condition")["clinicalStatus"] = "active"
    resource_of(wrong, "Patient")["birthDate"] = "yesterday"

    at_intake = await referred(door, wrong)
    as_bundle = await prechecked(door, wrong)
    as_parameters = await prechecked(
        door,
        {
            "resourceType": "Parameters",
            "parameter": [{"name": "referral", "resource": wrong}],
        },
    )

    assert at_intake.status_code == 400
    assert as_bundle.status_code == 400
    assert as_bundle.json() == at_intake.json() == as_parameters.json()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"resourceType": "Bundle", "type": "collection"}, 422, "no-order"),
        ({"resourceType": "Patient"}, 400, "wrong-type"),
        ({"resourceType": "Parameters", "parameter": []}, 400, "empty-value"),
        (
            {
                "resourceType": "Parameters",
                "parameter": [{"name": "day", "valueDate": "2026-12-01"}],
            },
            400,
            "parameters-form",
        ),
    ],
)
async def test_a_question_without_an_order_is_refused_by_name(
    shared: Door, body: Mapping[str, Any], status: int, code: str
) -> None:
    answer = await prechecked(shared, body)

    issue = answer.json()["issue"][0]
    assert (answer.status_code, issue["details"]["coding"][0]["code"]) == (status, code)


async def test_an_unknown_variant_is_refused(shared: Door) -> None:
    async with shared.client("placer") as client:
        answer = await client.post(
            f"{PRECHECK}?variant=leech", content=json.dumps(a_payload("clean")), headers=JSON
        )

    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["variant"]


async def test_what_was_not_sent_is_told_beside_the_findings(shared: Door) -> None:
    bundle = without(
        a_payload("clean"), lambda one: not one["resourceType"].startswith("Medication")
    )
    order = resource_of(bundle, "ServiceRequest")
    order["reasonReference"] = [{"reference": "Condition/nowhere"}]
    order.pop("supportingInfo", None)

    answer = await prechecked(shared, bundle)

    issues = [one["resource"] for one in answer.json()["parameter"] if one["name"] == "issue"]
    (said,) = issues
    assert outcome_of(answer) == "review"
    assert {one["code"] for one in said["issue"]} == {"incomplete"}
    assert {one["details"]["coding"][0]["code"] for one in said["issue"]} == {"not-checked"}
    assert any("reasonReference" in one.get("expression", [""])[0] for one in said["issue"])


async def test_findings_name_resources_as_the_sender_does(shared: Door) -> None:
    bundle = a_payload("active-infection")
    own = {one["fullUrl"] for one in bundle["entry"]}

    answer = await prechecked(shared, bundle)

    named = {
        one["reference"]
        for part in answer.json()["parameter"]
        if part["name"] == "finding"
        for one in part["resource"].get("implicated", [])
    }
    assert named
    assert named <= own
    assert all(
        "id" not in one["resource"] and one["resource"]["status"] == "preliminary"
        for one in answer.json()["parameter"]
        if one["name"] == "finding"
    )


async def test_what_would_lift_a_finding_names_resources_as_the_sender_does(shared: Door) -> None:
    bundle = a_payload("anticoagulated")
    unreadable = resource_of(bundle, "MedicationStatement")
    unreadable["medicationCodeableConcept"] = {"text": "\u2753\u2753"}
    (sent_as,) = [one["fullUrl"] for one in bundle["entry"] if one["resource"] is unreadable]

    answer = await prechecked(shared, bundle)

    told = [
        {part["url"]: part for part in one["extension"]}
        for finding in answer.json()["parameter"]
        if finding["name"] == "finding"
        for one in finding["resource"].get("extension", [])
    ]
    (datum,) = [one for one in told if one["kind"]["valueCode"] == "datum"]
    assert datum["resource"]["valueReference"] == {"reference": sent_as}
    assert datum["path"]["valueString"] == "MedicationStatement.medication"


async def test_staff_name_the_placer_whose_patient_it_is(door: Door) -> None:
    body = a_payload("clean")
    async with door.client("clinician") as client:
        unnamed = await client.post(PRECHECK, content=json.dumps(body), headers=JSON)
        named = await client.post(
            PRECHECK, content=json.dumps(body), headers={**JSON, "tpi-placer": str(door.placer)}
        )
    operator = await prechecked(door, body, who="operator")

    assert unnamed.status_code == 400
    assert named.status_code == 200
    assert operator.status_code == 403


async def test_the_id_that_the_placer_gave_its_patient_is_known_again(door: Door) -> None:
    sent = put(a_payload("anticoagulated"), "Patient", "p1")
    await referred(door, sent)
    order = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "code": resource_of(sent, "ServiceRequest")["code"],
        "subject": {"reference": "Patient/p1"},
    }
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}

    own = await prechecked(door, bundle)
    others = await prechecked(door, bundle, who="other")

    assert own.status_code == 200, own.text
    assert others.status_code == 422
    assert others.json()["issue"][0]["details"]["coding"][0]["code"] == "subject-not-found"


async def test_the_statement_names_the_operation(shared: Door) -> None:
    async with shared.client(None) as client:
        statement = (await client.get("/fhir/metadata")).json()

    order = next(one for one in statement["rest"][0]["resource"] if one["type"] == "ServiceRequest")
    (operation,) = order["operation"]
    assert operation["name"] == "tpi-precheck"
    assert operation["definition"].endswith("/OperationDefinition/tpi-precheck")
    assert statement["implementation"]["url"] == FHIR
