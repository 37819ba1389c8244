"""What a referral was screened with when it came is what it is screened with ever after."""

from collections.abc import AsyncGenerator
from datetime import date
from typing import Any

import pytest

from fhir_mappings.decide.screening import screen
from fhir_mappings.model.caller import Caller
from fhir_mappings.model.finding import Screening
from fhir_mappings.parse import facts
from service.flows.receive_referral import Received
from service.store import charts, referrals
from service.store.transaction import EVERY_PLACER, transaction
from tests.kit.database import Database
from tests.kit.door import Door, a_door
from tests.kit.referrals import Bundle, a_payload, resource_of, taken

DRUG = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1364430"}]}
MIXED, PURE = (
    "urn:uuid:5d0c2a10-0000-4000-8000-000000000001",
    "urn:uuid:5d0c2a10-0000-4000-8000-000000000002",
)
INNER = "urn:uuid:5d0c2a10-0000-4000-8000-000000000003"
ACTIVE = {"coding": [{"code": "active"}]}


@pytest.fixture
async def door(database: Database) -> AsyncGenerator[Door]:
    async with a_door(database) as one:
        yield one


def with_entries(*resources: tuple[str, dict[str, Any]]) -> Bundle:
    bundle = a_payload("clean")
    subject = resource_of(bundle, "MedicationStatement")["subject"]
    for number, (url, resource) in enumerate(resources):
        about = {} if resource["resourceType"] in {"Medication", "Bundle"} else {"subject": subject}
        bundle["entry"].append(
            {
                "fullUrl": url or f"urn:uuid:5d0c2a10-0000-4000-8000-00000000001{number}",
                "resource": {**resource, **about},
                "request": {"method": "POST", "url": resource["resourceType"]},
            }
        )
    return bundle


def medicated() -> Bundle:
    """A drug that is the ingredient of an ingredient: three references from the statement."""
    statement = {
        "resourceType": "MedicationStatement",
        "status": "active",
        "medicationReference": {"reference": MIXED},
    }
    mixed = {"resourceType": "Medication", "ingredient": [{"itemReference": {"reference": PURE}}]}
    pure = {"resourceType": "Medication", "code": DRUG}
    return with_entries(("", statement), (MIXED, mixed), (PURE, pure))


def boxed(subject: str = "") -> Bundle:
    """A document inside the message; its patient is the order's, or one of its own."""
    bundle = a_payload("clean")
    patient = resource_of(bundle, "Patient")
    ours = resource_of(bundle, "MedicationStatement")["subject"]["reference"]
    statement = {
        "resourceType": "MedicationStatement",
        "status": "active",
        "subject": {"reference": subject or ours},
        "medicationCodeableConcept": DRUG,
    }
    inner = [{"fullUrl": MIXED, "resource": statement}]
    if subject:
        own = {"resourceType": "Patient", "identifier": patient["identifier"]}
        inner.append({"fullUrl": subject, "resource": own})
    return with_entries(("", {"resourceType": "Bundle", "type": "collection", "entry": inner}))


BROUGHT = {
    "an ingredient of an ingredient": medicated(),
    "a Bundle about the order's patient": boxed(),
    "a Bundle with a patient of its own": boxed(INNER),
    "a type that is not served": with_entries(
        (
            "",
            {
                "resourceType": "AdverseEvent",
                "actuality": "actual",
                "event": {"text": "on Eliquis"},
            },
        )
    ),
}


@pytest.mark.parametrize("name", BROUGHT)
async def test_a_later_screening_reads_what_the_first_one_read(door: Door, name: str) -> None:
    service = door.world.service
    caller = Caller(tenant=service.tenant, zone=service.zone, name="placer", placer=door.placer)
    before = await taken(door.deps, caller, BROUGHT[name])

    after = await again(door, before)

    assert before.screening is not None
    said = {(one.rule, one.evidence) for one in before.screening.findings}
    assert {(one.rule, one.evidence) for one in after.findings} == said
    assert before.open


async def again(door: Door, before: Received) -> Screening:
    """Screen from what is stored, on the days of the first screening."""
    assert before.screening is not None
    day: date = before.screening.day
    async with transaction(
        door.deps.pool, tenant=door.world.service.tenant, placer=EVERY_PLACER
    ) as conn:
        case = await referrals.lock(conn, door.world.service.tenant, referral=before.referral)
        chart = await charts.chart_of(conn, case)
    pack = door.deps.pack
    return screen(facts.read(chart, pack), pack, day=day, planned=None, variant=None)
