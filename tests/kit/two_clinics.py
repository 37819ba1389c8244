"""Two clinics in one database, two placers at the first: the same ids and order numbers in all."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from service.flows.connect_placer import ConnectPlacer, connect_placer
from service.flows.issue_token import IssueToken, issue_token
from tests.kit.clinic import CLINICIAN, SCHEDULER, ClinicWorld, the_file
from tests.kit.database import Database
from tests.kit.door import JSON, NORTHSIDE, Door, a_door
from tests.kit.forms import PLAIN, a_resource
from tests.kit.referrals import a_payload, numbered, put, replaced
from tests.kit.story import Story, send, whole_loop

VICTIM = "VICTIM"
"""Stands in what the victim alone sent: no other may ever read it."""
STRANGERS = ("other", "far-placer", "far-clinician", "far-scheduler")
"""The victim's neighbour at the same clinic, and placer and people of the second clinic."""


@dataclass
class TwoClinics:
    """The door that both share, the victim's story, and who must not see it."""

    door: Door
    far: ClinicWorld
    far_placer: UUID
    story: Story


@asynccontextmanager
async def two_clinics(database: Database) -> AsyncGenerator[TwoClinics]:
    """Lend both clinics; the victim is the door's `placer`, its referral was performed."""
    async with a_door(database) as door:
        far = await _second_clinic(door)
        far_placer = await _far_tokens(door, far)
        for who in ("other", "far-placer"):
            await send(door, _same_ids(), who=who)
        story = await whole_loop(door, replaced(_same_ids(), "Muster-One", VICTIM))
        await send(door, replaced(numbered(a_payload("clean"), "77"), "Muster-One", VICTIM))
        await _one_of_each(door)
        yield TwoClinics(door=door, far=far, far_placer=far_placer, story=story)


def _same_ids() -> dict[str, Any]:
    """The referral that all three send: own ids by PUT, and the same order number."""
    bundle = a_payload("anticoagulated")
    patient = next(one for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
    patient["resource"]["name"] = [{"family": "Muster-One"}]
    return put(put(bundle, "Patient", "123"), "ServiceRequest", "sr-123")


async def _second_clinic(door: Door) -> ClinicWorld:
    """Another clinic of another name, with the same people, rooms and schedules by id."""
    text = json.dumps(the_file()).replace("444455556666", "444455557777")
    applied = await door.world.apply(json.loads(text))
    rows = await door.world.owner.pool.fetch(
        "SELECT id, practitioner FROM person WHERE tenant = $1", applied.tenant.id
    )
    people = {row["practitioner"]: row["id"] for row in rows}
    return replace(door.world, applied=applied, people=people)


async def _far_tokens(door: Door, far: ClinicWorld) -> UUID:
    command = ConnectPlacer(name="Northside", systems=NORTHSIDE)
    placer = (await connect_placer(far.owner, far.service, command)).id
    for name, holder in (
        ("far-placer", IssueToken(placer=placer, days=30)),
        ("far-clinician", IssueToken(person=far.people[CLINICIAN], days=30)),
        ("far-scheduler", IssueToken(person=far.people[SCHEDULER], days=30)),
    ):
        door.tokens[name] = (await issue_token(far.owner, far.service, holder)).token
    return placer


async def _one_of_each(door: Door) -> None:
    """One resource of every type that a placer writes by itself, and a deleted one."""
    async with door.client("placer") as client:
        for rtype in PLAIN:
            tag = {"system": "http://codes.example", "code": VICTIM}
            body = a_resource(rtype, id=f"victim-{rtype}", meta={"tag": [tag]})
            answer = await client.put(f"/fhir/{rtype}/victim-{rtype}", json=body, headers=JSON)
            assert answer.status_code == 201, answer.text
        gone = await client.delete("/fhir/Flag/victim-Flag")
        assert gone.status_code in {200, 204}
