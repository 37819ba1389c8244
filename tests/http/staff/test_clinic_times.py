"""Staff change the clinic's times: windows follow, what is booked stays, rights are not touched."""

from typing import Any

from fhir_mappings.model.json import Tree
from service.flows.propose import Propose, propose
from tests.kit.clinic import SCHEDULE, part, the_file
from tests.kit.door import FHIR, JSON, Door
from tests.kit.referrals import a_payload, taken

Body = dict[str, Any]
ROLE = "PractitionerRole/0199a0aa-1111-7222-8333-44445555a101"
DAY = "start=ge2026-12-01T00:00:00-05:00&start=lt2026-12-02T00:00:00-05:00"


def the_role() -> Tree:
    return part(the_file(), "PractitionerRole", "a101")


async def put(door: Door, who: str, path: str, body: object) -> tuple[int, Body]:
    async with door.client(who) as client:
        answer = await client.put(f"/fhir/{path}", json=body, headers=JSON)
    return answer.status_code, answer.json()


async def post_slot(door: Door, start: str, end: str, who: str = "scheduler") -> tuple[int, Body]:
    body = {
        "resourceType": "Slot",
        "schedule": {"reference": f"Schedule/{SCHEDULE}"},
        "status": "free",
        "start": start,
        "end": end,
    }
    async with door.client(who) as client:
        answer = await client.post("/fhir/Slot", json=body, headers=JSON)
    return answer.status_code, answer.json()


async def slots(door: Door, query: str = DAY) -> list[Body]:
    async with door.client("scheduler") as client:
        page = await client.get(f"/fhir/Slot?{query}&_count=100")
    return [entry["resource"] for entry in page.json().get("entry", [])]


async def booked_slot(door: Door) -> str:
    """Book the first window for a patient."""
    received = await taken(door.deps, door.world.client(door.placer), a_payload("clean"))
    (first,) = await door.world.owner.pool.fetch(
        "SELECT id FROM open_window ORDER BY starts LIMIT 1"
    )
    command = Propose(
        referral=received.referral, windows=(first["id"],), said_by="the patient, by phone"
    )
    await propose(door.deps, door.world.scheduler, command)
    return str(first["id"])


async def test_an_absence_takes_its_windows_away_and_its_end_brings_them_back(door: Door) -> None:
    before = await slots(door)
    away: Any = the_role()
    away["notAvailable"].append(
        {"description": "Ill", "during": {"start": "2026-12-01", "end": "2026-12-01"}}
    )

    status, _ = await put(door, "scheduler", ROLE, away)
    during = await slots(door)
    await put(door, "scheduler", ROLE, the_role())

    assert (status, during) == (200, [])
    assert await slots(door) == before


async def test_a_booked_window_outlives_a_change_of_hours(door: Door) -> None:
    booked = await booked_slot(door)
    fewer: Any = the_role()
    fewer["availableTime"][0]["daysOfWeek"] = ["thu", "fri"]

    status, _ = await put(door, "scheduler", ROLE, fewer)

    assert status == 200
    assert [(one["id"], one["status"]) for one in await slots(door)] == [(booked, "busy")]


async def test_a_scheduler_may_not_change_what_a_role_is(door: Door) -> None:
    code: Any = the_role()
    code["code"][0]["coding"][0]["code"] = "operator"
    inactive = the_role() | {"active": False}

    answers = [await put(door, "scheduler", ROLE, one) for one in (code, inactive)]

    assert [status for status, _ in answers] == [403, 403]
    assert answers[0][1]["issue"][0]["expression"] == ["PractitionerRole.code"]
    assert answers[1][1]["issue"][0]["expression"] == ["PractitionerRole.active"]


async def test_a_schedule_that_cannot_be_cut_is_refused_whole(door: Door) -> None:
    before = await slots(door)
    schedule = part(the_file(), "Schedule")
    del schedule["planningHorizon"]

    status, outcome = await put(door, "scheduler", f"Schedule/{SCHEDULE}", schedule)

    assert status == 422
    assert outcome["issue"][0]["expression"] == ["Schedule.planningHorizon"]
    assert await slots(door) == before


async def test_a_placer_may_not_write_the_clinics_schedule(door: Door) -> None:
    status, _ = await put(door, "placer", f"Schedule/{SCHEDULE}", part(the_file(), "Schedule"))

    assert status in {403, 422}


async def test_a_window_opened_by_hand_is_offered_and_outlives_a_new_cut(door: Door) -> None:
    status, posted = await post_slot(door, "2026-12-02T15:00:00Z", "2026-12-02T15:30:00Z")

    await door.world.apply(the_file())

    async with door.client("placer") as client:
        read = await client.get(f"/fhir/Slot/{posted['id']}")
    assert status == 201
    assert read.json()["status"] == "free"


async def test_a_window_across_another_of_its_schedule_is_refused(door: Door) -> None:
    status, outcome = await post_slot(door, "2026-12-01T14:40:00Z", "2026-12-01T15:00:00Z")

    assert status == 409
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == "schedule-overlap"


async def test_a_closed_window_is_not_offered_until_it_is_opened(door: Door) -> None:
    (first, *_) = await slots(door)

    status, closed = await put(
        door, "scheduler", f"Slot/{first['id']}", {**first, "status": "busy-unavailable"}
    )
    free = await slots(door, f"{DAY}&status=free")
    _, opened = await put(door, "scheduler", f"Slot/{first['id']}", first)

    assert (status, closed["status"], opened["status"]) == (200, "busy-unavailable", "free")
    assert first["id"] not in {one["id"] for one in free}


async def test_a_booked_window_neither_moves_nor_goes(door: Door) -> None:
    booked = await booked_slot(door)
    (slot, *_) = await slots(door)
    moved = {**slot, "status": "free", "end": "2026-12-01T14:50:00Z"}

    status, outcome = await put(door, "scheduler", f"Slot/{booked}", moved)
    async with door.client("scheduler") as client:
        gone = await client.delete(f"/fhir/Slot/{booked}")

    assert (status, gone.status_code) == (409, 409)
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == "window-in-use"


async def test_a_free_window_that_is_taken_off_is_no_longer_found(door: Door) -> None:
    (first, *_) = await slots(door)

    async with door.client("scheduler") as client:
        gone = await client.delete(f"/fhir/Slot/{first['id']}")
        read = await client.get(f"{FHIR}/Slot/{first['id']}")

    assert gone.status_code == 204
    assert read.json()["status"] == "busy-unavailable"
    assert first["id"] not in {one["id"] for one in await slots(door)}


async def test_a_placer_may_not_open_windows(door: Door) -> None:
    status, _ = await post_slot(door, "2026-12-02T15:00:00Z", "2026-12-02T15:30:00Z", who="placer")

    assert status == 403
