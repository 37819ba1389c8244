"""Arrival, visit and settling by HTTP alone: what people of the clinic send and get back."""

from datetime import datetime, timedelta
from uuid import UUID

from fhir_mappings.model.proposal import ProposalState
from fhir_mappings.model.stage import Stage
from service.store import proposals, referrals
from service.store.transaction import EVERY_PLACER, transaction
from tests.http.staff.test_booking import Body, parameters, post, propose, response
from tests.kit.door import Door
from tests.kit.referrals import a_payload, taken
from tests.kit.visiting import a_visit


async def a_booking(door: Door) -> tuple[str, str]:
    """Task and Appointment of a referral that was accepted for the earliest window."""
    received = await taken(door.deps, door.world.client(door.placer), a_payload("clean"))
    first, *_ = await propose(door, received.task_rid)
    status, _ = await post(door, "placer", "AppointmentResponse", response(first, "accepted"))
    assert status == 201
    return received.task_rid, str(first["id"])


async def start_of(door: Door, task: str) -> datetime:
    async with transaction(door.deps.pool, tenant=door.world.tenant, placer=EVERY_PLACER) as conn:
        case = await referrals.find(conn, door.world.tenant, UUID(task))
        living = await proposals.of_referral(conn, case)
    return next(
        one.start for one in living if one.state in {ProposalState.ACCEPTED, ProposalState.ARRIVED}
    )


async def the_visit(door: Door, task: str) -> Body:
    async with transaction(door.deps.pool, tenant=door.world.tenant, placer=EVERY_PLACER) as conn:
        case = await referrals.find(conn, door.world.tenant, UUID(task))
        (booked,) = [
            one for one in await proposals.of_referral(conn, case) if one.state in proposals.LIVING
        ]
    return a_visit(booked, order=case.order_rid, patient=case.patient_rid, at=booked.start)


async def test_a_patient_arrives_is_treated_and_the_record_waits_for_its_proof(
    door: Door,
) -> None:
    task, appointment = await a_booking(door)
    start = await start_of(door, task)
    door.world.clock.at = start

    arrived = await post(door, "scheduler", f"Appointment/{appointment}/$tpi-arrive", parameters())
    door.world.clock.at = start + timedelta(minutes=30)
    visit = await the_visit(door, task)
    recorded = await post(door, "clinician", "", visit)
    again = await post(door, "clinician", "", visit)

    assert (arrived[0], arrived[1]["status"]) == (200, "arrived")
    assert recorded[0] == again[0] == 200
    locations = [entry["response"]["location"] for entry in recorded[1]["entry"]]
    assert [one.partition("/")[0] for one in locations] == ["Procedure", "MedicationAdministration"]
    assert [entry["response"]["location"] for entry in again[1]["entry"]] == locations
    assert [entry["response"]["status"][:3] for entry in again[1]["entry"]] == ["200", "200"]
    async with door.client("placer") as client:
        told = (await client.get(f"/fhir/Task/{task}")).json()
        procedure = await client.get(f"/fhir/{locations[0].partition('/_history')[0]}")
    assert told["businessStatus"]["coding"][0]["code"] == Stage.PERFORMED.value
    assert procedure.json()["status"] == "completed"


async def test_a_scheduler_records_no_visit(door: Door) -> None:
    task, _ = await a_booking(door)
    door.world.clock.at = await start_of(door, task) + timedelta(minutes=30)

    status, outcome = await post(door, "scheduler", "", await the_visit(door, task))

    assert status == 403, outcome


async def test_a_fault_of_a_visit_is_told_at_its_place(door: Door) -> None:
    task, _ = await a_booking(door)
    door.world.clock.at = await start_of(door, task) + timedelta(minutes=30)
    visit = await the_visit(door, task)
    visit["entry"][0]["resource"].pop("bodySite")

    status, outcome = await post(door, "clinician", "", visit)

    assert status == 422
    assert outcome["issue"][0]["expression"] == ["Bundle.entry[0].resource.bodySite"]


async def test_a_lot_out_of_date_is_a_422_of_its_own(door: Door) -> None:
    task, _ = await a_booking(door)
    door.world.clock.at = await start_of(door, task) + timedelta(minutes=30)
    visit = await the_visit(door, task)
    visit["entry"][1]["resource"]["contained"][0]["batch"]["expirationDate"] = "2026-01"

    status, outcome = await post(door, "clinician", "", visit)

    assert status == 422
    assert "expired-lot" in str(outcome["issue"][0]["details"])


async def test_nobody_came_and_it_is_taken_back(door: Door) -> None:
    task, appointment = await a_booking(door)
    door.world.clock.at = await start_of(door, task) + timedelta(minutes=20)

    missed = await post(door, "scheduler", f"Appointment/{appointment}/$tpi-no-show", parameters())
    back = await post(door, "scheduler", f"Appointment/{appointment}/$tpi-undo", parameters())

    assert (missed[0], missed[1]["status"]) == (200, "noshow")
    assert (back[0], back[1]["status"]) == (200, "booked")


async def test_a_moment_without_a_zone_is_no_moment(door: Door) -> None:
    task, appointment = await a_booking(door)
    door.world.clock.at = await start_of(door, task)
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "at", "valueDateTime": "2026-12-01"}],
    }

    status, _ = await post(door, "scheduler", f"Appointment/{appointment}/$tpi-arrive", body)

    assert status == 400


async def test_a_placer_records_no_arrival(door: Door) -> None:
    task, appointment = await a_booking(door)
    door.world.clock.at = await start_of(door, task)

    status, _ = await post(door, "placer", f"Appointment/{appointment}/$tpi-arrive", parameters())

    assert status == 403


async def test_there_is_nothing_to_settle_before_a_delivery_waits(door: Door) -> None:
    task, _ = await a_booking(door)
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "action", "valueCode": "again"}],
    }

    status, outcome = await post(door, "clinician", f"Task/{task}/$tpi-settle", body)

    assert status == 409, outcome


async def test_adopting_needs_what_is_adopted(door: Door) -> None:
    task, _ = await a_booking(door)
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "action", "valueCode": "adopt"}],
    }

    status, outcome = await post(door, "clinician", f"Task/{task}/$tpi-settle", body)

    assert status == 400
    assert outcome["issue"][0]["expression"] == ["Parameters.parameter.where(name='reference')"]
