"""One referral through the whole loop by HTTP: sent, reviewed, proposed, booked, performed."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.http.staff.test_booking import parameters, post, propose, response
from tests.http.staff.test_visit import start_of, the_visit
from tests.kit.door import Door

Resource = dict[str, Any]
REASON = "The indication is known and the site can be compressed."


@dataclass(frozen=True, kw_only=True)
class Story:
    """Where one referral came to: the ids that its placer and the clinic know."""

    task: str
    order: str
    appointment: str
    procedure: str


async def whole_loop(door: Door, bundle: Resource, *, who: str = "placer") -> Story:
    """Carry a referral from its message to the performed visit; the clinic's clock moves on."""
    order = await send(door, bundle, who=who)
    task = await task_of(door, order, who=who)
    await approve(door, order, task, who=who)
    first, *_ = await propose(door, task)
    status, told = await post(door, who, "AppointmentResponse", response(first, "accepted"))
    assert status == 201, told
    appointment = str(first["id"])
    procedure = await visit(door, task, appointment)
    return Story(task=task, order=order, appointment=appointment, procedure=procedure)


async def send(door: Door, bundle: Resource, *, who: str = "placer") -> str:
    """Send a referral; return the id of its order."""
    status, told = await post(door, who, "", bundle)
    assert status == 200, told
    places = [one["response"]["location"] for one in told["entry"]]
    return next(one.split("/")[1] for one in places if one.startswith("ServiceRequest/"))


async def task_of(door: Door, order: str, *, who: str = "placer") -> str:
    async with door.client(who) as client:
        found = (await client.get(f"/fhir/Task?focus=ServiceRequest/{order}")).json()
    rid: str = found["entry"][0]["resource"]["id"]
    return rid


async def approve(door: Door, order: str, task: str, *, who: str = "placer") -> None:
    """Let the clinician approve every finding that needs it; the placer sees its own alone."""
    async with door.client(who) as client:
        found = (await client.get(f"/fhir/DetectedIssue?implicated=ServiceRequest/{order}")).json()
    open_ = [
        one["resource"]["id"]
        for one in found.get("entry", ())
        if one["resource"]["status"] == "final" and one["resource"]["severity"] != "low"
    ]
    if open_:
        body: Resource = {
            "resourceType": "Parameters",
            "parameter": [
                *(
                    {"name": "finding", "valueReference": {"reference": f"DetectedIssue/{rid}"}}
                    for rid in open_
                ),
                {"name": "decision", "valueCode": "approve"},
                {"name": "reason", "valueCodeableConcept": {"text": REASON}},
            ],
        }
        status, told = await post(door, "clinician", f"Task/{task}/$tpi-review", body)
        assert status == 200, told


async def visit(door: Door, task: str, appointment: str) -> str:
    """Let the patient arrive and be treated; return the id of the Procedure."""
    start = await start_of(door, task)
    door.world.clock.at = start
    arrived = await post(door, "scheduler", f"Appointment/{appointment}/$tpi-arrive", parameters())
    assert arrived[0] == 200, arrived
    door.world.clock.at = start + timedelta(minutes=30)
    status, told = await post(door, "clinician", "", await the_visit(door, task))
    assert status == 200, told
    places = [one["response"]["location"] for one in told["entry"]]
    return next(one.split("/")[1] for one in places if one.startswith("Procedure/"))
