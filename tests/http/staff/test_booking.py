"""From a cleared referral to a booking and back, by HTTP alone."""

import asyncio
from typing import Any

from tests.kit.door import FHIR, JSON, Door
from tests.kit.referrals import a_payload, taken

Body = dict[str, Any]
Answer = tuple[int, Body]


async def post(door: Door, who: str, path: str, body: object, **headers: str) -> Answer:
    async with door.client(who) as client:
        answer = await client.post(f"/fhir/{path}", json=body, headers={**JSON, **headers})
    return answer.status_code, answer.json()


async def a_task(door: Door) -> str:
    """The id of the coordination Task of a cleared referral."""
    received = await taken(door.deps, door.world.client(door.placer), a_payload("clean"))
    return received.task_rid


def parameters(**values: object) -> dict[str, object]:
    """Parameters of one value each, by its member: `window="Slot/1"` is a Reference."""
    if not values:
        return {"resourceType": "Parameters"}
    members = {"window": "valueReference", "policy": "valueCode", "expires": "valueInstant"}
    return {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": name.replace("_", "-"),
                members.get(name, "valueString"): {"reference": value}
                if name == "window"
                else value,
            }
            for name, value in values.items()
        ],
    }


async def free_slots(door: Door) -> list[str]:
    async with door.client("scheduler") as client:
        page = (await client.get("/fhir/Slot?status=free")).json()
    return [entry["resource"]["id"] for entry in page["entry"]]


async def propose(door: Door, task: str, **values: object) -> list[Body]:
    status, bundle = await post(
        door, "scheduler", f"Task/{task}/$tpi-propose", parameters(**values)
    )
    assert status == 200, bundle
    return [entry["resource"] for entry in bundle["entry"]]


def response(appointment: Body, status: str, **members: object) -> dict[str, object]:
    return {
        "resourceType": "AppointmentResponse",
        "appointment": {"reference": f"Appointment/{appointment['id']}"},
        "actor": {"display": "the patient"},
        "participantType": [{"text": "patient"}],
        "participantStatus": status,
        **members,
    }


async def test_a_scheduler_proposes_and_the_placer_accepts(door: Door) -> None:
    task = await a_task(door)
    appointments = await propose(door, task)

    status, kept = await post(
        door, "placer", "AppointmentResponse", response(appointments[0], "accepted")
    )
    again, same = await post(
        door, "placer", "AppointmentResponse", response(appointments[0], "accepted")
    )

    assert [one["status"] for one in appointments] == ["proposed"] * 3
    assert (status, again) == (201, 200)
    assert same["id"] == kept["id"]
    async with door.client("placer") as client:
        told = (await client.get(f"/fhir/Task/{task}")).json()
    assert told["businessStatus"]["coding"][0]["code"] == "booked"


async def test_none_offered_is_a_conflict_that_names_the_next_free_windows(door: Door) -> None:
    task = await a_task(door)
    other = await taken(door.deps, door.world.client(door.other), a_payload("clean"))
    slots = await free_slots(door)
    await propose(door, other.task_rid, window=f"Slot/{slots[0]}")

    status, outcome = await post(
        door,
        "scheduler",
        f"Task/{task}/$tpi-propose",
        parameters(window=f"{FHIR}/Slot/{slots[0]}"),
    )

    issues = [(one["severity"], one["details"]["coding"][0]["code"]) for one in outcome["issue"]]
    assert status == 409
    assert issues == [
        ("error", "none-offered"),
        ("error", "window-taken"),
        *[("information", "next-free")] * 3,
    ]
    assert f"Slot/{slots[1]}, 10:10 on 1 December 2026" in outcome["issue"][2]["details"]["text"]


async def test_a_placer_may_not_use_the_staff_door(door: Door) -> None:
    task = await a_task(door)

    status, _ = await post(door, "placer", f"Task/{task}/$tpi-propose", parameters())

    assert status == 403


async def test_parameters_of_another_form_are_refused_by_name(door: Door) -> None:
    task = await a_task(door)

    answers = [
        await post(door, "scheduler", f"Task/{task}/$tpi-propose", parameters(**values))
        for values in (
            {"policy": "soonest"},
            {"window": "Schedule/1"},
            {"said_by": "the patient, but of which window?"},
            {"strange": "parameter"},
        )
    ]

    assert {status for status, _ in answers} == {400}
    assert {one["issue"][0]["details"]["coding"][0]["code"] for _, one in answers} == {
        "parameters-form"
    }


async def test_a_booking_moves_and_is_given_up(door: Door) -> None:
    task = await a_task(door)
    slots = await free_slots(door)
    (booked,) = await propose(door, task, window=f"Slot/{slots[0]}", said_by="the patient")

    status, moved = await post(
        door,
        "scheduler",
        f"Appointment/{booked['id']}/$tpi-rebook",
        parameters(window=f"Slot/{slots[5]}", reason="The patient travels"),
    )
    async with door.client("placer") as client:
        old = (await client.get(f"/fhir/Appointment/{booked['id']}")).json()
        cancelled = await client.patch(
            f"/fhir/Appointment/{moved['id']}",
            json=[{"op": "replace", "path": "/status", "value": "cancelled"}],
            headers={"content-type": "application/json-patch+json"},
        )

    assert status == 200
    assert moved["status"] == "booked"
    assert moved["supportingInformation"] == [{"reference": f"Appointment/{booked['id']}"}]
    assert old["status"] == "cancelled"
    assert old["cancelationReason"] == {"text": "The patient travels"}
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert len(await free_slots(door)) == len(slots)


async def test_the_same_rebooking_again_is_the_same_answer(door: Door) -> None:
    task = await a_task(door)
    slots = await free_slots(door)
    (booked,) = await propose(door, task, window=f"Slot/{slots[0]}", said_by="the patient")
    path, body = f"Appointment/{booked['id']}/$tpi-rebook", parameters(window=f"Slot/{slots[5]}")

    first = await post(door, "scheduler", path, body)
    again = await post(door, "scheduler", path, body)

    assert first == again


async def test_rebooking_to_a_taken_window_names_the_next_free(door: Door) -> None:
    task = await a_task(door)
    other = await taken(door.deps, door.world.client(door.other), a_payload("clean"))
    slots = await free_slots(door)
    (booked,) = await propose(door, task, window=f"Slot/{slots[0]}", said_by="the patient")
    await propose(door, other.task_rid, window=f"Slot/{slots[1]}")

    status, outcome = await post(
        door,
        "scheduler",
        f"Appointment/{booked['id']}/$tpi-rebook",
        parameters(window=f"Slot/{slots[1]}"),
    )

    assert status == 409
    assert [one["details"]["coding"][0]["code"] for one in outcome["issue"]] == [
        "window-taken",
        *["next-free"] * 3,
    ]


async def test_staff_answer_for_a_patient_on_the_phone(door: Door) -> None:
    task = await a_task(door)
    (first, *_) = await propose(door, task)

    silent, _ = await post(door, "scheduler", "AppointmentResponse", response(first, "accepted"))
    status, _ = await post(
        door,
        "scheduler",
        "AppointmentResponse",
        response(first, "accepted", comment="The patient, by phone at 10:05"),
    )

    assert (silent, status) == (422, 201)


async def test_ten_equal_answers_at_once_are_one_booking_and_nine_equal_answers(
    door: Door,
) -> None:
    task = await a_task(door)
    (first, *_) = await propose(door, task)
    said = response(first, "accepted")

    answers = await asyncio.gather(
        *(post(door, "placer", "AppointmentResponse", said) for _ in range(10))
    )

    assert sorted(status for status, _ in answers) == [*[200] * 9, 201]
    assert len({body["id"] for _, body in answers}) == 1


async def test_needs_action_is_no_answer(door: Door) -> None:
    task = await a_task(door)
    (first, *_) = await propose(door, task)

    status, outcome = await post(
        door, "placer", "AppointmentResponse", response(first, "needs-action")
    )

    assert status == 422
    assert outcome["issue"][0]["expression"] == ["AppointmentResponse.participantStatus"]


async def test_a_put_may_change_the_status_and_nothing_else(door: Door) -> None:
    task = await a_task(door)
    (first, *_) = await propose(door, task)
    moved = {**first, "status": "booked", "start": "2026-12-01T15:00:00Z"}
    booked = {**first, "status": "booked"}

    async with door.client("placer") as client:
        refused = await client.put(f"/fhir/Appointment/{first['id']}", json=moved, headers=JSON)
        taken_ = await client.put(f"/fhir/Appointment/{first['id']}", json=booked, headers=JSON)

    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Appointment.start"]
    assert (taken_.status_code, taken_.json()["status"]) == (200, "booked")


async def test_a_proposal_withdrawn_by_staff_is_not_proposed_again(door: Door) -> None:
    task = await a_task(door)
    slots = await free_slots(door)
    (only,) = await propose(door, task, window=f"Slot/{slots[0]}")

    async with door.client("scheduler") as client:
        done = await client.patch(
            f"/fhir/Appointment/{only['id']}",
            json=[{"op": "replace", "path": "/status", "value": "cancelled"}],
            headers={"content-type": "application/json-patch+json"},
        )
        told = (await client.get(f"/fhir/Task/{task}")).json()

    jobs = await door.world.owner.pool.fetchval(
        "SELECT count(*) FROM outbox WHERE kind = 'propose-again'"
    )
    assert done.json()["cancelationReason"] == {"text": "No longer offered by the clinic"}
    assert told["businessStatus"]["coding"][0]["code"] == "cleared"
    assert jobs == 0
