"""A visit's record reaches the placer once, and counts as done only when it was read there."""

import copy
import json
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings.decide.proof import MUST_KEEP
from fhir_mappings.model.stage import Stage
from tests.kit.database import Database
from tests.kit.lying_placer import Lie, LyingPlacer, Resource, serving
from tests.kit.referrals import a_payload, numbered, taken
from tests.kit.visiting import Visiting, a_visiting_clinic


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Visiting]:
    async with a_visiting_clinic(database) as one:
        yield one


async def test_the_record_is_created_read_back_and_the_task_completed(clinic: Visiting) -> None:
    referral = await clinic.a_performed_referral()

    await clinic.run_due()

    (procedure,) = clinic.server.of_type("Procedure")
    (dose,) = clinic.server.of_type("MedicationAdministration")
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK
    assert (await clinic.task(referral))["status"] == "completed"
    assert procedure["subject"] == {"reference": "Patient/p-1"}
    assert procedure["basedOn"] == [{"reference": "ServiceRequest/sr-1"}]
    assert dose["partOf"] == [{"reference": f"Procedure/{procedure['id']}"}]
    assert await clinic.waiting() == []


async def test_what_is_ours_goes_by_identifier_and_display(clinic: Visiting) -> None:
    await clinic.a_performed_referral()

    await clinic.run_due()

    (procedure,) = clinic.server.of_type("Procedure")
    (actor,) = [one["actor"] for one in procedure["performer"]]
    assert "reference" not in actor
    assert actor["display"]
    assert "extension" not in procedure
    visit = procedure["identifier"][0]["value"]
    assert procedure["note"][0]["text"].endswith(f"tpi-intake visit {visit}")
    assert "lot L-0417" in procedure["note"][0]["text"]


def changed(resource: Resource, *path: str, to: object) -> Resource:
    """The resource with one member changed, or dropped where `to` is None."""
    altered = copy.deepcopy(resource)
    inner: Any = altered
    for name in path[:-1]:
        inner = inner[name]
    if to is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return altered


BATCH = ("contained", 0, "batch")
OTHER: dict[str, tuple[tuple[Any, ...], Any]] = {
    "Procedure.identifier": (("identifier",), [{"system": "urn:x", "value": "1"}]),
    "Procedure.status": (("status",), "in-progress"),
    "Procedure.code": (("code",), {"text": "another procedure"}),
    "Procedure.subject": (("subject",), {"reference": "Patient/p-2"}),
    "Procedure.basedOn": (("basedOn",), [{"reference": "ServiceRequest/sr-2"}]),
    "Procedure.performed": (("performedPeriod", "start"), "2026-11-01T09:00:00-05:00"),
    "Procedure.bodySite": (("bodySite", 0, "text"), "Right upper trapezius"),
    "Procedure.usedCode": (("usedCode",), [{"text": "another agent"}]),
    "Procedure.note": (("note",), [{"text": "cut short"}]),
    "MedicationAdministration.identifier": (("identifier",), [{"system": "urn:x", "value": "1"}]),
    "MedicationAdministration.status": (("status",), "on-hold"),
    "MedicationAdministration.partOf": (("partOf",), [{"reference": "Procedure/another"}]),
    "MedicationAdministration.subject": (("subject",), {"reference": "Patient/p-2"}),
    "MedicationAdministration.medication": (("contained", 0, "code"), {"text": "another agent"}),
    "MedicationAdministration.effective": (("effectivePeriod", "end"), "2026-11-01T09:00:00Z"),
    "MedicationAdministration.dosage.dose": (("dosage", "dose", "value"), 20),
    "MedicationAdministration.dosage.site": (("dosage", "site", "text"), "Right side"),
    "MedicationAdministration.batch.lotNumber": ((*BATCH, "lotNumber"), "L-0418"),
    "MedicationAdministration.batch.expirationDate": ((*BATCH, "expirationDate"), "2028-05"),
}
"""Each must-keep member, where it stands, and what a server says instead."""

DROPPED: dict[str, tuple[Any, ...]] = {
    **{name: path for name, (path, _) in OTHER.items()},
    "Procedure.performed": ("performedPeriod",),
    "Procedure.bodySite": ("bodySite",),
    "MedicationAdministration.medication": ("medicationReference",),
    "MedicationAdministration.effective": ("effectivePeriod",),
    "MedicationAdministration.dosage.dose": ("dosage", "dose"),
    "MedicationAdministration.dosage.site": ("dosage", "site"),
}


def every_member() -> list[str]:
    return [f"{rtype}.{member}" for rtype, members in MUST_KEEP.items() for member in members]


def altering(rtype: str, path: tuple[Any, ...], to: object) -> Callable[[Resource], Resource]:
    def alter(resource: Resource) -> Resource:
        same = resource["resourceType"] == rtype
        return changed(resource, *path, to=to) if same else resource

    return alter


def test_the_lies_cover_every_must_keep_member() -> None:
    assert sorted(OTHER) == sorted(DROPPED) == sorted(every_member())


LIES: dict[str, list[tuple[str, tuple[Any, ...], Any]]] = {
    "changed": [(name, path, to) for name, (path, to) in OTHER.items()],
    "dropped": [(name, path, None) for name, path in DROPPED.items()],
}


@pytest.mark.parametrize("how", sorted(LIES))
async def test_every_member_changed_or_dropped_after_the_201_is_caught(
    clinic: Visiting, how: str
) -> None:
    missed: list[str] = []

    for number, (member, path, to) in enumerate(LIES[how]):
        clinic.server.alter = altering(member.partition(".")[0], path, to)
        referral = await clinic.a_performed_referral(str(number))
        await clinic.run_due()
        code = await clinic.writeback_code(referral)
        caught = code.startswith("differs") and member in code.split()
        if not caught or await clinic.booking.stage(referral) is not Stage.PERFORMED:
            missed.append(f"{member} -> {to}: {code}")
        assert (await clinic.task(referral))["status"] == "in-progress"

    assert missed == []
    assert await clinic.waiting() == [("needs-person", "differs")] * len(LIES[how])
    assert len(clinic.server.of_type("Procedure")) == len(LIES[how])


async def test_a_placer_that_is_away_for_an_hour_gets_exactly_one_procedure(
    clinic: Visiting,
) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie("status", status=503)]

    for _ in range(60):
        await clinic.run_due()
        clinic.clock.forward(minutes=1)
    stage_meanwhile = await clinic.booking.stage(referral)
    clinic.server.lies.clear()
    await clinic.forward_and_run(minutes=20)

    assert stage_meanwhile is Stage.PERFORMED
    assert len(clinic.server.of_type("Procedure")) == 1
    assert len(clinic.server.of_type("MedicationAdministration")) == 1
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


async def test_a_placer_whose_port_is_closed_for_an_hour_gets_exactly_one_procedure(
    clinic: Visiting,
) -> None:
    referral = await clinic.a_performed_referral()
    await clinic.move_server("http://127.0.0.1:1/fhir")

    for _ in range(20):
        await clinic.run_due()
        clinic.clock.forward(minutes=3)
    await clinic.move_server(clinic.server.base)
    await clinic.forward_and_run(minutes=20)

    assert len(clinic.server.of_type("Procedure")) == 1
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


@pytest.mark.parametrize("do", ["hang-after", "cut"])
async def test_an_answer_lost_after_the_commit_never_makes_a_second(
    clinic: Visiting, do: str
) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie(do, "POST", times=1)]

    await clinic.run_due()
    await clinic.forward_and_run(minutes=2)

    assert len(clinic.server.calls("POST")) == 1
    assert len(clinic.server.of_type("Procedure")) == 1
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


def nameless(resource: Resource) -> Resource:
    """The resource as a server keeps it that takes no identifiers."""
    return {name: value for name, value in resource.items() if name != "identifier"}


@pytest.mark.parametrize("do", ["hang-after", "cut"])
async def test_a_record_that_lost_its_identifier_is_found_by_its_words_before_a_resend(
    clinic: Visiting, do: str
) -> None:
    await clinic.a_performed_referral()
    clinic.server.alter = nameless
    clinic.server.lies = [Lie(do, "POST", times=1)]

    await clinic.run_due()
    await clinic.forward_and_run(minutes=2)

    assert len(clinic.server.of_type("Procedure")) == 1
    assert len(clinic.server.of_type("MedicationAdministration")) == 1
    assert await clinic.waiting() == [("needs-person", "differs")]


async def test_a_placer_that_keeps_no_identifiers_is_proven_after_a_lost_answer(
    database: Database,
) -> None:
    keeps = tuple(one for one in every_member() if not one.endswith("identifier"))
    async with a_visiting_clinic(database, keeps=keeps) as clinic:
        referral = await clinic.a_performed_referral()
        clinic.server.alter = nameless
        clinic.server.lies = [Lie("hang-after", "POST", times=1)]

        await clinic.run_due()
        await clinic.forward_and_run(minutes=2)

        assert len(clinic.server.of_type("Procedure")) == 1
        assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


@pytest.mark.parametrize("path", ["Procedure", "MedicationAdministration"])
async def test_where_a_patients_records_cannot_be_looked_through_nothing_is_sent_again(
    clinic: Visiting, path: str
) -> None:
    await clinic.a_performed_referral()
    clinic.server.alter = nameless
    clinic.server.lies = [Lie("hang-after", "POST", times=1)]
    await clinic.run_due()
    clinic.server.lies = [Lie("status", "SEARCH", path, status=400)]

    await clinic.forward_and_run(minutes=2)

    assert len(clinic.server.of_type("Procedure")) == 1
    assert await clinic.waiting() == [("needs-person", "no-search")]


async def test_a_dose_that_was_changed_there_too_is_not_sent_a_second_time(
    clinic: Visiting,
) -> None:
    await clinic.a_performed_referral()
    weaker = altering("MedicationAdministration", ("dosage", "dose", "value"), 1)
    clinic.server.alter = lambda resource: nameless(weaker(resource))
    clinic.server.lies = [Lie("hang-after", "POST", times=1)]

    await clinic.run_due()
    await clinic.forward_and_run(minutes=2)

    assert len(clinic.server.of_type("MedicationAdministration")) == 1
    assert await clinic.waiting() == [("needs-person", "no-search")]


async def test_after_an_unknown_answer_nothing_is_sent_within_a_search_cache(
    clinic: Visiting,
) -> None:
    await clinic.a_performed_referral()
    clinic.server.lies = [Lie("hang", "POST", times=1)]

    await clinic.run_due()
    await clinic.forward_and_run(seconds=30)
    early = len(clinic.server.calls("POST"))
    await clinic.forward_and_run(seconds=60)

    assert early == 1
    assert len(clinic.server.calls("POST")) == 2
    assert len(clinic.server.of_type("Procedure")) == 1


async def test_a_record_that_cannot_be_found_after_its_201_is_never_sent_again(
    clinic: Visiting,
) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie("claim", "POST")]

    for _ in range(12):
        await clinic.run_due()
        clinic.clock.forward(minutes=1)

    assert len(clinic.server.calls("POST")) == 1
    assert await clinic.waiting() == [("needs-person", "not-there")]
    assert (await clinic.task(referral))["status"] == "in-progress"


async def test_a_record_that_shows_up_late_is_proven_without_a_second_create(
    clinic: Visiting,
) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.hides_new = True

    await clinic.forward_and_run(minutes=3)
    clinic.server.show()
    await clinic.forward_and_run(minutes=3)

    assert len(clinic.server.calls("POST")) == 1
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


@pytest.mark.parametrize("status", [400, 413, 422, 404, 405, 501])
async def test_a_refused_transaction_is_sent_once_more_as_single_creates(
    clinic: Visiting, status: int
) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie("status", "POST", "/", status=status)]

    await clinic.run_due()

    sent = [one.path for one in clinic.server.calls("POST")]
    (procedure,) = clinic.server.of_type("Procedure")
    (dose,) = clinic.server.of_type("MedicationAdministration")
    assert sent == ["", "/Procedure", "/MedicationAdministration"]
    assert dose["partOf"] == [{"reference": f"Procedure/{procedure['id']}"}]
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


async def test_single_creates_that_are_refused_go_to_a_person(clinic: Visiting) -> None:
    await clinic.a_performed_referral()
    clinic.server.lies = [Lie("status", "POST", status=422)]

    await clinic.run_due()

    assert await clinic.waiting() == [("needs-person", "refused")]


async def test_a_conflict_on_create_is_searched_and_adopted(clinic: Visiting) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie("conflict-after", "POST", times=1)]

    await clinic.run_due()

    assert len(clinic.server.calls("POST")) == 1
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


async def test_two_of_ours_at_the_placer_are_reported_to_a_person(clinic: Visiting) -> None:
    await clinic.a_performed_referral()
    clinic.server.lies = [Lie("hang-after", "POST", times=1)]
    await clinic.run_due()
    (procedure,) = clinic.server.of_type("Procedure")
    clinic.server.holds({**procedure, "id": "twin"})

    await clinic.forward_and_run(minutes=2)

    assert await clinic.waiting() == [("needs-person", "two-found")]
    assert len(clinic.server.calls("POST")) == 1


async def test_a_patient_the_placer_does_not_know_goes_to_a_person(clinic: Visiting) -> None:
    await clinic.a_performed_referral()
    del clinic.server.stored["Patient/p-1"]

    await clinic.run_due()

    assert await clinic.waiting() == [("needs-person", "subject-not-found")]
    assert clinic.server.of_type("Procedure") == []


async def test_an_order_the_placer_does_not_know_is_named_by_its_identifier(
    clinic: Visiting,
) -> None:
    referral = await clinic.a_performed_referral()
    del clinic.server.stored["ServiceRequest/sr-1"]

    await clinic.run_due()

    (procedure,) = clinic.server.of_type("Procedure")
    assert procedure["basedOn"] == [
        {"identifier": {"system": "https://ehr.northside.example/order", "value": "ORD-1"}}
    ]
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


async def test_members_that_a_placer_does_not_keep_are_not_asked_for(
    database: Database,
) -> None:
    keeps = tuple(one for one in every_member() if "batch" not in one)
    async with a_visiting_clinic(database, keeps=keeps) as clinic:
        clinic.server.alter = altering("MedicationAdministration", (*BATCH, "lotNumber"), None)
        referral = await clinic.a_performed_referral()

        await clinic.run_due()

        assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


async def test_a_redirect_is_a_fault_and_takes_no_token_along(clinic: Visiting) -> None:
    await clinic.a_performed_referral()
    async with serving(LyingPlacer()) as elsewhere:
        location = {"location": f"{elsewhere.base}/Patient"}
        clinic.server.lies = [Lie("redirect", status=307, headers=location)]

        await clinic.run_due()

        assert elsewhere.asked == []
        assert await clinic.waiting() == [("ready", "later")]


@pytest.mark.parametrize("do", ["html", "drip", "hang"])
async def test_an_answer_that_cannot_be_read_is_tried_again(clinic: Visiting, do: str) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie(do, status=200, times=1)]

    await clinic.run_due()
    waiting = await clinic.waiting()
    await clinic.forward_and_run(minutes=2)

    assert waiting == [("ready", "later")]
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK
    assert len(clinic.server.of_type("Procedure")) == 1


async def test_a_placer_that_names_a_time_is_left_alone_for_it(clinic: Visiting) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie("status", status=429, headers={"retry-after": "120"}, times=1)]
    await clinic.run_due()
    asked = len(clinic.server.asked)

    await clinic.forward_and_run(seconds=115)
    meanwhile = len(clinic.server.asked)
    await clinic.forward_and_run(seconds=10)

    assert meanwhile == asked
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


async def test_a_placer_that_does_not_let_us_in_is_left_alone_and_its_jobs_keep(
    clinic: Visiting,
) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie("status", status=401)]

    for _ in range(12):
        await clinic.forward_and_run(seconds=20)
    asked = len(clinic.server.asked)
    clinic.server.lies.clear()
    await clinic.forward_and_run(minutes=6)

    assert asked == 1
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


async def test_after_a_day_a_person_is_asked(clinic: Visiting) -> None:
    await clinic.a_performed_referral()
    clinic.server.lies = [Lie("status", status=503)]

    for _ in range(25):
        await clinic.run_due()
        clinic.clock.forward(hours=1)
    await clinic.run_due()

    assert await clinic.waiting() == [("needs-person", "gave-up")]


async def test_a_placer_without_a_server_is_for_a_person(clinic: Visiting) -> None:
    await clinic.a_performed_referral()
    await clinic.move_server("")

    await clinic.run_due()

    assert await clinic.waiting() == [("needs-person", "no-base")]


async def test_a_renewed_token_goes_on_at_once(clinic: Visiting, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    await clinic.booking.world.owner.pool.execute(
        "UPDATE placer SET token_file = $2 WHERE id = $1", clinic.booking.placer, str(file)
    )
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie("status", status=401, times=2)]
    await clinic.run_due()
    file.write_text("new")

    await clinic.forward_and_run(minutes=6)

    assert [one.headers["authorization"] for one in clinic.server.asked][:3] == [
        "Bearer old",
        "Bearer old",
        "Bearer new",
    ]
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


async def test_an_address_that_the_order_came_with_is_taken_without_a_search(
    clinic: Visiting,
) -> None:
    bundle = numbered(a_payload("clean"), "9")
    text = json.dumps(bundle)
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] in {"Patient", "ServiceRequest"}:
            address = f"{clinic.server.base}/{entry['resource']['resourceType']}/there-9"
            text = text.replace(entry["fullUrl"], address)
    received = await taken(clinic.booking.deps, clinic.booking.client, json.loads(text))
    appointment = await clinic.booked(received.referral)
    await clinic.perform(received.referral, appointment)

    await clinic.run_due()

    (procedure,) = clinic.server.of_type("Procedure")
    assert procedure["subject"] == {"reference": "Patient/there-9"}
    assert procedure["basedOn"] == [{"reference": "ServiceRequest/there-9"}]
    assert {one.path for one in clinic.server.calls("SEARCH")} & {"/Patient"} == set()
