"""The same request under the same key is answered once; the key is its caller's own."""

import asyncio
import json

from tests.kit.door import JSON, Door

PATIENT = json.dumps({"resourceType": "Patient", "name": [{"family": "Synthetic"}]}).encode()
OTHER = json.dumps({"resourceType": "Patient", "name": [{"family": "Other"}]}).encode()


async def post(door: Door, who: str, key: str, body: bytes = PATIENT) -> tuple[int, str, str]:
    async with door.client(who, **JSON, **{"idempotency-key": key}) as client:
        answer = await client.post("/fhir/Patient", content=body)
    return answer.status_code, answer.headers.get("location", ""), answer.text


async def count(door: Door) -> int:
    async with door.client("placer") as client:
        answer = await client.get("/fhir/Patient?_total=accurate&_count=0")
    total: int = answer.json()["total"]
    return total


async def test_a_create_sent_twice_under_one_key_is_one(door: Door) -> None:
    first = await post(door, "placer", "k-1")

    again = await post(door, "placer", "k-1")

    assert first[0] == 201
    assert again == first
    assert await count(door) == 1


async def test_at_once_it_is_one_too(door: Door) -> None:
    answers = await asyncio.gather(*(post(door, "placer", "k-2") for _ in range(6)))

    assert {status for status, _, _ in answers} <= {201, 409}
    assert len({place for status, place, _ in answers if status == 201}) == 1
    assert await count(door) == 1


async def test_other_bytes_under_the_key_are_refused(door: Door) -> None:
    await post(door, "placer", "k-3")

    status, _, text = await post(door, "placer", "k-3", OTHER)

    assert status == 422
    assert "key-reused" in text
    assert await count(door) == 1


async def test_another_caller_has_the_key_for_itself(door: Door) -> None:
    await post(door, "placer", "k-4")

    status, _, _ = await post(door, "other", "k-4", OTHER)

    assert status == 201


async def test_what_was_refused_may_be_sent_again_under_its_key(door: Door) -> None:
    refused = await post(door, "placer", "k-5", b'{"resourceType":"Patient","active":"yes"}')

    status, _, _ = await post(door, "placer", "k-5")

    assert refused[0] == 400
    assert status == 201


async def test_after_two_days_a_key_is_forgotten(door: Door) -> None:
    await post(door, "placer", "k-6")
    door.world.clock.forward(hours=49)

    status, _, _ = await post(door, "placer", "k-6", OTHER)

    assert status == 201
