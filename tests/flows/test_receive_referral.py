"""A referral is taken once, whole and with its outcome; the same again is the same."""

import copy
from collections.abc import AsyncGenerator
from uuid import UUID

import pytest

from fhir_mappings.model.caller import Caller
from fhir_mappings.model.json import Identity
from fhir_mappings.model.stage import Stage
from fhir_mappings.problems import Code, Refused
from service.flows.receive_referral import receive_referral
from service.store import referrals, resources
from service.store.transaction import transaction
from tests.kit.database import Database
from tests.kit.door import Door, a_door
from tests.kit.referrals import (
    a_payload,
    message,
    numbered,
    remade,
    resource_of,
    taken,
    without,
    written,
)


@pytest.fixture
async def door(database: Database) -> AsyncGenerator[Door]:
    async with a_door(database) as one:
        yield one


def placer(door: Door, which: UUID | None = None) -> Caller:
    service = door.world.service
    return Caller(
        tenant=service.tenant, zone=service.zone, name="placer", placer=which or door.placer
    )


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("clean", Stage.CLEARED),
        ("anticoagulated", Stage.IN_REVIEW),
        ("active-infection", Stage.CONTRAINDICATED),
    ],
)
async def test_a_referral_begins_where_its_screening_says(
    door: Door, name: str, stage: Stage
) -> None:
    received = await taken(door.deps, placer(door), a_payload(name))

    assert received.stage is stage
    assert all(one.created for one in received.done)


async def test_the_same_referral_re_made_is_a_repeat_with_the_same_locations(door: Door) -> None:
    bundle = a_payload("anticoagulated")
    first = await taken(door.deps, placer(door), bundle)

    again = await taken(door.deps, placer(door), remade(bundle, seed=1), seed=1)

    assert again.verdict == "duplicate"
    assert again.referral == first.referral
    assert {one.location for one in again.done} == {one.location for one in first.done}


async def test_changed_content_amends_and_is_screened_again(door: Door) -> None:
    bundle = a_payload("clean")
    first = await taken(door.deps, placer(door), bundle)
    changed = remade(bundle, seed=2)
    drug = resource_of(a_payload("anticoagulated"), "MedicationStatement")
    drug["subject"] = resource_of(changed, "MedicationStatement")["subject"]
    changed["entry"].append(
        {
            "fullUrl": "urn:uuid:0e9c1ab8-0a4b-4f55-8c0e-111111111111",
            "resource": drug,
            "request": {"method": "POST", "url": "MedicationStatement"},
        }
    )

    again = await taken(door.deps, placer(door), changed)

    assert again.verdict == "amended"
    assert again.referral == first.referral
    assert again.stage is Stage.IN_REVIEW
    assert sum(one.created for one in again.done) == 1


async def test_an_order_held_for_another_patient_is_refused(door: Door) -> None:
    bundle = a_payload("clean")
    await taken(door.deps, placer(door), bundle)
    other = numbered(bundle, "9")
    resource_of(other, "ServiceRequest")["identifier"] = resource_of(bundle, "ServiceRequest")[
        "identifier"
    ]

    with pytest.raises(Refused) as refused:
        await taken(door.deps, placer(door), other)

    assert refused.value.problems[0].code is Code.OTHER_SUBJECT


async def test_two_placers_may_send_the_same_order_number(door: Door) -> None:
    bundle = a_payload("clean")
    ours = await taken(door.deps, placer(door), bundle)

    theirs = await taken(door.deps, placer(door, door.other), bundle)

    assert theirs.verdict == "accepted"
    assert theirs.referral != ours.referral


async def test_a_referral_without_any_medication_data_is_not_clear(door: Door) -> None:
    bundle = without(
        a_payload("clean"), lambda one: not one["resourceType"].startswith("Medication")
    )
    order = resource_of(bundle, "ServiceRequest")
    order.pop("supportingInfo", None)

    received = await taken(door.deps, placer(door), bundle)

    assert received.stage is Stage.IN_REVIEW


async def test_the_task_and_the_findings_stand_with_the_receipt(door: Door) -> None:
    caller = placer(door)

    received = await taken(door.deps, caller, a_payload("anticoagulated"))

    async with transaction(door.deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        case = await referrals.find(conn, caller.tenant, received.referral)
        task = await resources.find(
            conn, caller.tenant, door.placer, Identity(rtype="Task", rid=received.task_rid)
        )
        issues = await resources.of_referral(conn, caller.tenant, case.id, "DetectedIssue")
    assert task is not None
    assert task.tree["status"] == "received"
    assert issues
    assert received.open


async def test_what_is_refused_leaves_nothing(door: Door) -> None:
    bundle = a_payload("clean")
    resource_of(bundle, "ServiceRequest")["status"] = "draft"

    with pytest.raises(Refused) as refused:
        await taken(door.deps, placer(door), bundle)

    assert refused.value.problems[0].code is Code.ORDER_STATUS
    async with transaction(door.deps.pool, tenant=door.world.service.tenant, placer="*") as conn:
        assert (
            await conn.fetchval("SELECT count(*) FROM resource WHERE space = $1", door.placer) == 0
        )


async def test_an_order_put_on_hold_waits_and_goes_on_when_it_is_active_again(door: Door) -> None:
    bundle = a_payload("clean")
    await taken(door.deps, placer(door), bundle)
    order = resource_of(bundle, "ServiceRequest")
    order["status"] = "on-hold"

    waiting = await taken(door.deps, placer(door), bundle)
    order["status"] = "active"
    order["note"] = [{"text": "Ready."}]
    again = await taken(door.deps, placer(door), bundle)

    assert waiting.stage is Stage.DEFERRED
    assert again.stage is Stage.CLEARED


async def test_a_reference_that_leads_nowhere_is_told_by_its_place(door: Door) -> None:
    bundle = a_payload("clean")
    order = resource_of(bundle, "ServiceRequest")
    order["supportingInfo"].append({"reference": "Coverage/none"})

    received = await taken(door.deps, placer(door), bundle)

    (place,) = received.unread
    assert place.endswith(f".supportingInfo[{len(order['supportingInfo']) - 1}]")


async def test_two_orders_of_one_patient_are_a_referral_each_and_again_a_repeat(door: Door) -> None:
    bundle = a_payload("clean")
    second = copy.deepcopy(
        next(one for one in bundle["entry"] if one["resource"]["resourceType"] == "ServiceRequest")
    )
    second["fullUrl"] = "urn:uuid:5b4b1d2e-6d0a-4d51-9a53-222222222222"
    second["resource"]["identifier"][0]["value"] = "ORD-second"
    bundle["entry"].append(second)

    first = await receive_referral(door.deps, placer(door), message(written(bundle)))
    again = await receive_referral(
        door.deps, placer(door), message(written(remade(bundle, seed=3), 3))
    )

    assert [one.verdict for one in first] == ["accepted", "accepted"]
    assert [one.verdict for one in again] == ["duplicate", "duplicate"]
    assert {one.referral for one in again} == {one.referral for one in first}
    assert len({one.location for some in first for one in some.done}) == len(bundle["entry"])
    assert {one.location for some in again for one in some.done} == {
        one.location for some in first for one in some.done
    }


async def test_two_orders_of_two_patients_are_refused(door: Door) -> None:
    bundle = a_payload("clean")
    other = numbered(a_payload("anticoagulated"), "other")
    bundle["entry"] += other["entry"]

    with pytest.raises(Refused) as refused:
        await taken(door.deps, placer(door), bundle)

    assert refused.value.problems[0].code is Code.TWO_SUBJECTS
