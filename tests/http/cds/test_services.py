"""CDS Hooks: what is said at an EHR's desk is what the intake would say, and nothing else."""

import copy
import io
import json
import random
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fhir_mappings.model.json import decode, encode
from fhir_mappings.parse.references import about
from fhir_mappings.parse.resource import judge
from service import log
from tests.kit.canary import CANARY, with_canaries
from tests.kit.charts import DATA, EXAMPLES, read_json
from tests.kit.clinic import the_shape
from tests.kit.door import JSON, Door
from tests.kit.ehr import (
    GIVEN,
    PATIENT,
    a_call,
    as_the_ehr_has_it,
    asked,
    cards_of,
    drafts,
    order_of,
    order_sign,
    plain,
    prefetched,
    topics,
    unchecked,
)
from tests.kit.referrals import a_payload, numbered, put, resource_of

Resource = dict[str, Any]

CASES = [*EXAMPLES["cases"], *read_json(DATA / "clinical" / "members.json")["cases"]]
PUBLISHED = [
    json.loads(line)
    for line in Path("tests/data/cds-hooks/examples.jsonl").read_text().splitlines()
]
INDICATOR = {"low": "info", "moderate": "warning", "high": "critical"}


async def referred(door: Door, bundle: Resource, who: str = "placer") -> httpx2.Response:
    async with door.client(who) as client:
        answer = await client.post("/fhir", content=encode(bundle), headers=JSON)
    assert answer.status_code == 200, answer.text
    return answer


async def rules_shown(door: Door, answer: httpx2.Response) -> set[str]:
    """Every rule that speaks in the cards of an answer, those of the notes too."""
    rows = await door.world.owner.pool.fetch(
        "SELECT rules FROM cds_card WHERE id = ANY ($1)", [one["uuid"] for one in cards_of(answer)]
    )
    assert len(rows) == len(cards_of(answer))
    return {rule for row in rows for rule in row["rules"]} - {"not-checked"}


async def standing(door: Door, patient: str) -> dict[str, str]:
    """The findings of a taken referral, each with its severity."""
    async with door.client("placer") as client:
        found = (await client.get(f"/fhir/DetectedIssue?patient={patient}&_count=100")).json()
    return {
        one["resource"]["code"]["coding"][0]["code"]: one["resource"]["severity"]
        for one in found.get("entry", [])
    }


async def prechecked(door: Door, bundle: Resource) -> dict[str, str]:
    """The findings of a precheck, each with its severity."""
    async with door.client("placer") as client:
        answer = await client.post(
            "/fhir/ServiceRequest/$tpi-precheck", content=encode(bundle), headers=JSON
        )
    assert answer.status_code == 200, answer.text
    return {
        one["resource"]["code"]["coding"][0]["code"]: one["resource"]["severity"]
        for one in answer.json()["parameter"]
        if one["name"] == "finding"
    }


def a_chart(seed: int) -> Resource:
    """A referral of the examples' base case with entries of other cases, as a transaction."""
    chance, base = random.Random(seed), EXAMPLES["base"]  # noqa: S311 - a test's dice
    usable = [
        one
        for case in CASES
        for one in case["add"]
        if one["resourceType"] in GIVEN
        and about(one) == f"Patient/{base['patient']['id']}"
        and not judge(one, the_shape())
    ]
    chosen = [*base["entries"], *chance.sample(usable, chance.randint(0, 6))]
    entries = [one for one in chosen if one["resourceType"] in GIVEN]
    if chance.random() < 0.2:
        entries = [one for one in entries if not one["resourceType"].startswith("Medication")]
    renamed = [{**one, "id": f"s{seed}n{at}"} for at, one in enumerate(entries)]
    patient = {
        **base["patient"],
        "identifier": [{"system": "https://ehr.northside.example/mrn", "value": f"MRN-{seed}"}],
    }
    return {"order": base["order"], "patient": patient, "entries": renamed}


def moved_to(chart: Resource, patient: str) -> Resource:
    """The same chart of a patient with this id."""
    old = f"Patient/{chart['patient']['id']}"
    text = encode(chart).decode().replace(old, f"Patient/{patient}")
    moved: Resource = decode(text)
    moved["patient"]["id"] = patient
    return moved


async def test_cards_precheck_and_intake_agree_on_generated_charts(
    shared: Door, rounds: int
) -> None:
    for seed in range(max(40, rounds)):
        chart = moved_to(a_chart(seed), f"p{seed}")
        order = {**chart["order"], "id": f"o{seed}"}
        call = a_call(
            "order-sign",
            prefetch=prefetched([chart["patient"], *chart["entries"]]),
            draftOrders=drafts({**order, "status": "draft"}),
        )
        call["context"]["patientId"] = f"p{seed}"
        transaction = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "resource": one,
                    "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"},
                }
                for one in (chart["patient"], *chart["entries"], order)
            ],
        }

        answer = await asked(shared, call)
        before = await prechecked(shared, transaction)
        await referred(shared, transaction)

        wanted = await standing(shared, f"p{seed}")
        assert before == wanted, seed
        gating = {code: INDICATOR[one] for code, one in wanted.items() if one != "low"}
        assert topics(answer) == gating, seed
        assert await rules_shown(shared, answer) == wanted.keys(), seed


@pytest.mark.parametrize("example", PUBLISHED, ids=lambda one: one["file"])
async def test_published_calls_are_not_ours_and_get_no_card(
    shared: Door, example: Resource
) -> None:
    answer = await asked(shared, example["call"])

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"cards": []}


async def test_an_order_of_ours_among_others_is_the_one_that_is_judged(shared: Door) -> None:
    example = copy.deepcopy(
        next(one["call"] for one in PUBLISHED if "CRDServiceRequest.json" in one["file"])
    )
    resources = as_the_ehr_has_it(plain("active-infection"))
    ours = order_of(resources)
    ours["subject"] = {"reference": "http://example.org/fhir/Patient/123"}
    example["context"]["draftOrders"]["entry"].append({"resource": ours})

    answer = await asked(shared, example)

    assert topics(answer)
    assert all(one["summary"] for one in cards_of(answer))


REQUIRED = [
    ("order-select", "userId"),
    ("order-select", "patientId"),
    ("order-select", "selections"),
    ("order-select", "draftOrders"),
    ("order-sign", "userId"),
    ("order-sign", "patientId"),
    ("order-sign", "draftOrders"),
    ("appointment-book", "userId"),
    ("appointment-book", "patientId"),
    ("appointment-book", "appointments"),
    ("patient-view", "userId"),
    ("patient-view", "patientId"),
]


@pytest.mark.parametrize(("hook", "missing"), REQUIRED)
async def test_a_context_without_what_its_hook_requires_is_refused_by_name(
    shared: Door, hook: str, missing: str
) -> None:
    call = a_call(hook, selections=[], draftOrders=drafts(), appointments=[])
    del call["context"][missing]

    answer = await asked(shared, call)

    (issue,) = answer.json()["issue"]
    assert answer.status_code == 400
    assert issue["expression"] == [f"context.{missing}"]
    assert issue["details"]["coding"][0]["code"] == "required"


@pytest.mark.parametrize(
    ("change", "place", "code"),
    [
        ({"hookInstance": None}, "hookInstance", "required"),
        ({"hook": "patient-view"}, "hook", "value-format"),
        ({"context": None}, "context", "required"),
        ({"prefetch": []}, "prefetch", "value-type"),
        (
            {"fhirAuthorization": {"access_token": "t", "token_type": "Bearer"}},
            "fhirServer",
            "required",
        ),
        (
            {
                "fhirServer": "https://ehr.example/fhir",
                "fhirAuthorization": {"access_token": "a b\r\nx: y", "token_type": "Bearer"},
            },
            "fhirAuthorization.access_token",
            "value-format",
        ),
    ],
)
async def test_a_call_that_is_no_call_is_refused_by_name(
    shared: Door, change: Resource, place: str, code: str
) -> None:
    call = {**a_call("order-sign", draftOrders=drafts()), **change}
    said = {name: value for name, value in call.items() if value is not None}

    async with shared.client("placer") as client:
        answer = await client.post(
            "/cds-services/tpi-order-sign", content=json.dumps(said), headers=JSON
        )

    (issue,) = answer.json()["issue"]
    assert answer.status_code == 400
    assert (issue["expression"], issue["details"]["coding"][0]["code"]) == ([place], code)


async def test_only_what_was_selected_is_judged(shared: Door) -> None:
    resources = as_the_ehr_has_it(plain("active-infection"))
    ours = order_of(resources)
    lab = {**ours, "id": "lab", "code": {"text": "Complete blood count"}}

    def call(*selections: str) -> Resource:
        return a_call(
            "order-select",
            prefetch=prefetched(resources),
            selections=list(selections),
            draftOrders=drafts(ours, lab),
        )

    chosen = await asked(shared, call(f"ServiceRequest/{ours['id']}"))
    by_bare_id = await asked(shared, call(ours["id"]))
    other = await asked(shared, call("ServiceRequest/lab"))
    nothing = await asked(shared, call())

    assert topics(chosen)
    assert topics(by_bare_id) == topics(chosen)
    assert cards_of(other) == cards_of(nothing) == []


async def test_a_selection_that_no_draft_has_is_refused(shared: Door) -> None:
    call = a_call("order-select", selections=["ServiceRequest/gone"], draftOrders=drafts())

    answer = await asked(shared, call)

    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["context.selections[0]"]


async def test_an_order_of_another_patient_is_refused_where_it_is_ours(shared: Door) -> None:
    call = order_sign(plain("clean"))
    (entry,) = call["context"]["draftOrders"]["entry"]
    entry["resource"]["subject"] = {"reference": "Patient/somebody-else"}
    of_another = copy.deepcopy(call)
    (foreign,) = of_another["context"]["draftOrders"]["entry"]
    foreign["resource"]["code"] = {"text": "Complete blood count"}

    ours = await asked(shared, call)
    not_ours = await asked(shared, of_another)

    assert ours.status_code == 422
    assert ours.json()["issue"][0]["details"]["coding"][0]["code"] == "other-patients-data"
    assert cards_of(not_ours) == []


async def test_a_draft_that_does_not_say_its_patient_yet_is_the_contexts(shared: Door) -> None:
    call = order_sign(plain("active-infection"))
    wanted = topics(await asked(shared, call))
    (entry,) = call["context"]["draftOrders"]["entry"]
    del entry["resource"]["subject"]

    answer = await asked(shared, call)

    assert topics(answer) == wanted


async def test_a_patient_who_is_another_than_the_contexts_is_not_used(shared: Door) -> None:
    call = order_sign(plain("clean"))
    call["prefetch"]["patient"]["id"] = "somebody-else"

    answer = await asked(shared, call)

    assert "the patient's own record: could not be read" in unchecked(answer)


async def test_what_the_placer_sent_before_counts_and_what_others_sent_does_not(
    door: Door,
) -> None:
    await referred(door, put(a_payload("anticoagulated"), "Patient", PATIENT))
    call = a_call("order-sign", draftOrders=drafts(order_of(as_the_ehr_has_it(plain("clean")))))

    own = await asked(door, call)
    others = await asked(door, call, who="other")

    drug = resource_of(a_payload("anticoagulated"), "MedicationStatement")
    word = drug["medicationCodeableConcept"]["coding"][0]["display"]
    assert word in own.text
    assert word not in others.text


async def test_a_patient_known_by_its_number_counts_under_the_ehrs_id(door: Door) -> None:
    await referred(door, a_payload("anticoagulated"))
    call = order_sign(plain("clean"))
    known = resource_of(a_payload("anticoagulated"), "Patient")["identifier"]
    call["prefetch"]["patient"]["identifier"] = known

    answer = await asked(door, call)

    drug = resource_of(a_payload("anticoagulated"), "MedicationStatement")
    assert drug["medicationCodeableConcept"]["coding"][0]["display"] in answer.text
    assert unchecked(answer) == ""


async def test_every_card_has_the_form_of_the_specification(shared: Door) -> None:
    call = order_sign(plain("active-infection"))
    del call["prefetch"]["observations"]

    answer = await asked(shared, call)

    found = cards_of(answer)
    assert len({one["uuid"] for one in found}) == len(found) >= 3
    assert [one["indicator"] for one in found] == sorted(
        (one["indicator"] for one in found), key=["critical", "warning", "info"].index
    )
    assert not re.search(r':(null|""|\[\]|\{\})', answer.text)
    for one in found:
        assert len(one["summary"]) < 140
        assert one["source"]["label"]
        assert "suggestions" not in one
        assert all(reason["display"] for reason in one.get("overrideReasons", []))


async def test_a_card_says_what_would_clear_its_finding(shared: Door) -> None:
    answer = await asked(shared, order_sign(plain("anticoagulated")))

    (card,) = [one for one in cards_of(answer) if one["indicator"] == "warning"]
    assert "clear it: " in card["detail"]
    assert "if last taken on" in card["detail"]


@pytest.mark.parametrize("as_bundle", [True, False])
async def test_an_appointment_is_screened_for_its_own_day(shared: Door, *, as_bundle: bool) -> None:
    resources = as_the_ehr_has_it(plain("anticoagulated"))
    statement = next(one for one in resources if one["resourceType"] == "MedicationStatement")
    statement.update(
        {"status": "completed", "effectivePeriod": {"start": "2026-03", "end": "2026-11-22"}}
    )
    word = statement["medicationCodeableConcept"]["coding"][0]["display"]

    def call(start: str) -> Resource:
        booked = {
            "resourceType": "Appointment",
            "id": "a1",
            "status": "proposed",
            "serviceType": [{"text": "Trigger point injection, left upper trapezius"}],
            "start": start,
            "participant": [{"actor": {"reference": f"Patient/{PATIENT}"}, "status": "accepted"}],
        }
        appointments = drafts(booked) if as_bundle else [booked]
        return a_call("appointment-book", prefetch=prefetched(resources), appointments=appointments)

    soon = await asked(shared, call("2026-11-24T15:00:00Z"))
    later = await asked(shared, call("2027-03-02T15:00:00Z"))

    assert word in soon.text
    assert cards_of(later)
    assert word not in later.text


async def test_an_appointment_for_an_order_that_we_hold_is_screened_with_it(door: Door) -> None:
    sent = put(a_payload("active-infection"), "Patient", PATIENT)
    taken = await referred(door, put(sent, "ServiceRequest", "o1"))
    appointment = {
        "resourceType": "Appointment",
        "status": "proposed",
        "basedOn": [{"reference": "ServiceRequest/o1"}],
        "start": "2026-11-30T15:00:00Z",
        "participant": [{"actor": {"reference": f"Patient/{PATIENT}"}, "status": "accepted"}],
    }

    answer = await asked(door, a_call("appointment-book", appointments=[appointment]))
    of_a_stranger = await asked(
        door, a_call("appointment-book", appointments=[appointment]), who="other"
    )

    assert taken.status_code == 200
    assert "critical" in topics(answer).values()
    assert cards_of(of_a_stranger) == []


async def test_an_appointment_names_its_order_as_the_ehr_knows_it(door: Door) -> None:
    sent = put(a_payload("active-infection"), "Patient", PATIENT)
    order = resource_of(sent, "ServiceRequest")
    for entry in sent["entry"]:
        if entry["resource"] is order:
            entry["fullUrl"] = "https://ehr.northside.example/fhir/ServiceRequest/77"
    await door.world.owner.pool.execute(
        "UPDATE placer SET base = 'https://ehr.northside.example/fhir' WHERE id = $1", door.placer
    )
    await referred(door, sent)
    appointment = {
        "resourceType": "Appointment",
        "status": "proposed",
        "basedOn": [{"reference": "https://ehr.northside.example/fhir/ServiceRequest/77"}],
        "start": "2026-11-30T15:00:00Z",
        "participant": [{"actor": {"reference": f"Patient/{PATIENT}"}, "status": "accepted"}],
    }

    answer = await asked(door, a_call("appointment-book", appointments=[appointment]))

    assert "critical" in topics(answer).values()


async def test_a_chart_is_opened_in_silence_unless_a_referral_moved(door: Door) -> None:
    call = a_call("patient-view")
    unknown = await asked(door, call)
    await referred(door, put(a_payload("anticoagulated"), "Patient", PATIENT))

    fresh = await asked(door, call)
    others = await asked(door, call, who="other")
    door.world.clock.forward(days=4)
    later = await asked(door, call)

    (card,) = cards_of(fresh)
    assert cards_of(unknown) == cards_of(others) == cards_of(later) == []
    assert card["indicator"] == "info"
    assert "In review" in card["summary"]


async def test_people_of_the_clinic_have_no_business_at_this_door(shared: Door) -> None:
    call = order_sign(plain("clean"))

    staff = await asked(shared, call, who="clinician")
    operator = await asked(shared, call, who="operator")

    assert (staff.status_code, operator.status_code) == (403, 403)


async def test_the_services_are_told_with_their_prefetch(shared: Door) -> None:
    async with shared.client("placer") as client:
        answer = await client.get("/cds-services")
    async with shared.client(None) as client:
        stranger = await client.get("/cds-services")

    services = {one["id"]: one for one in answer.json()["services"]}
    assert stranger.status_code == 401
    assert answer.headers["content-type"] == "application/json"
    assert {one["hook"] for one in services.values()} == {
        "order-select",
        "order-sign",
        "appointment-book",
        "patient-view",
    }
    assert set(services["tpi-order-sign"]["prefetch"]) == {
        "patient",
        "conditions",
        "medications",
        "statements",
        "allergies",
        "observations",
    }
    assert "code=http://loinc.org|" in services["tpi-order-sign"]["prefetch"]["observations"]
    assert all(one["description"] for one in services.values())


async def test_nothing_of_the_patient_is_logged_or_kept(door: Door) -> None:
    stream = io.BytesIO()
    log.configure(service="tpi-test", version="0", stream=stream)
    call = order_sign(with_canaries(a_payload("active-infection")))
    call["fhirServer"] = f"https://{CANARY}.example/fhir"
    call["context"]["userId"] = f"Practitioner/{CANARY}"

    answer = await asked(door, call)
    broken = await asked(door, {**call, "context": {"patientId": CANARY, "draftOrders": CANARY}})

    kept = await door.world.owner.pool.fetch("SELECT c::text AS row FROM cds_card c")
    assert cards_of(answer)
    assert kept
    assert broken.status_code == 400
    assert b"request.served" in stream.getvalue()
    assert CANARY.encode() not in stream.getvalue()
    assert CANARY not in broken.text
    assert not any(CANARY in row["row"] for row in kept)


async def test_two_orders_of_ours_are_both_judged(shared: Door) -> None:
    resources = as_the_ehr_has_it(plain("active-infection"))
    first = order_of(resources)
    second = {**first, "id": "second"}
    call = a_call("order-sign", prefetch=prefetched(resources), draftOrders=drafts(first, second))

    alone = await asked(
        shared, {**call, "context": {**call["context"], "draftOrders": drafts(first)}}
    )
    both = await asked(shared, call)

    assert topics(both) == topics(alone)
    assert len(cards_of(both)) == 2 * len(cards_of(alone))


async def test_what_was_not_checked_is_said_once_for_all_orders(shared: Door) -> None:
    first = order_of(as_the_ehr_has_it(plain("clean")))
    call = a_call("order-sign", draftOrders=drafts(first, {**first, "id": "second"}))

    found = cards_of(await asked(shared, call))

    about = [one["source"].get("topic", {}).get("code") for one in found]
    assert about.count("not-checked") == 1


async def test_the_number_of_an_order_does_not_matter(shared: Door) -> None:
    answer = await asked(shared, order_sign(plain("clean")))
    other = await asked(shared, order_sign(numbered(plain("clean"), "88")))

    assert [one["summary"] for one in cards_of(answer)] == [
        one["summary"] for one in cards_of(other)
    ]
