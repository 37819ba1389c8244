"""Slots are read and searched with the status of the moment, without a version."""

from typing import Any
from urllib.parse import quote

from service.flows.propose import Propose, propose
from tests.kit.clinic import SCHEDULE
from tests.kit.door import Door
from tests.kit.referrals import a_payload, taken

DAY = "start=ge2026-12-01T00:00:00-05:00&start=lt2026-12-02T00:00:00-05:00"


async def slots(door: Door, query: str, who: str = "placer") -> list[dict[str, Any]]:
    async with door.client(who) as client:
        page = await client.get(f"/fhir/Slot?{quote(query, safe='=&:,|')}")
    assert page.status_code == 200, page.text
    return [entry["resource"] for entry in page.json().get("entry", [])]


async def hold_first(door: Door, said_by: str = "") -> str:
    """Hold, or book, the first window for another placer's patient; a placer sees no such row."""
    received = await taken(door.deps, door.world.client(door.other), a_payload("clean"))
    (first,) = await door.world.owner.pool.fetch(
        "SELECT id FROM open_window ORDER BY starts LIMIT 1"
    )
    command = Propose(referral=received.referral, windows=(first["id"],), said_by=said_by)
    await propose(door.deps, door.world.scheduler, command)
    return str(first["id"])


async def test_the_slots_of_a_clinic_day_come_in_order_of_time(door: Door) -> None:
    found = await slots(door, f"schedule=Schedule/{SCHEDULE}&{DAY}")

    assert [one["start"] for one in found] == [
        "2026-12-01T14:30:00Z",
        "2026-12-01T15:10:00Z",
        "2026-12-01T15:50:00Z",
        "2026-12-01T16:30:00Z",
    ]
    assert [one["status"] for one in found] == ["free"] * 4
    assert all("meta" not in one for one in found)


async def test_a_held_time_is_busy_for_every_placer_and_found_by_status(door: Door) -> None:
    held = await hold_first(door)

    tentative = await slots(door, "status=busy-tentative")
    free = await slots(door, f"status=free&{DAY}")

    assert [one["id"] for one in tentative] == [held]
    assert len(free) == 3


async def test_a_booked_time_is_busy(door: Door) -> None:
    booked = await hold_first(door, "the patient")

    async with door.client("placer") as client:
        read = await client.get(f"/fhir/Slot/{booked}")

    assert read.json()["status"] == "busy"
    assert "etag" not in read.headers


async def test_pages_follow_one_another_without_a_gap(door: Door) -> None:
    async with door.client("scheduler") as client:
        seen: list[str] = []
        totals: list[int] = []
        address = "/fhir/Slot?_count=100&_total=accurate"
        while address:
            page = (await client.get(address)).json()
            seen += [one["resource"]["id"] for one in page["entry"]]
            totals.append(page["total"])
            address = next((one["url"] for one in page["link"] if one["relation"] == "next"), "")

    assert totals == [228] * 3
    assert len(seen) == len(set(seen)) == 228


async def test_a_slot_of_no_id_is_absent(door: Door) -> None:
    async with door.client("placer") as client:
        unknown = await client.get("/fhir/Slot/0199a0aa-1111-7222-8333-444455550000")
        no_id = await client.get("/fhir/Slot/abc")
        vread = await client.get("/fhir/Slot/abc/_history/1")

    assert {unknown.status_code, no_id.status_code} == {404}
    assert vread.status_code in {404, 405}
