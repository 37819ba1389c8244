"""A visit is recorded once, on its own Appointment, on a day that is clear, with lots in date."""

import copy
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from fhir_mappings.model.caller import Role
from fhir_mappings.model.json import items, text
from fhir_mappings.model.proposal import Proposal
from fhir_mappings.model.stage import Stage
from fhir_mappings.problems import Code, Refused
from fhir_mappings.terms.systems import NOT_PERFORMED_REASON, SID_VISIT
from service.flows.record_visit import RecordVisit, record_visit
from tests.kit.database import Database
from tests.kit.visiting import Bundle, Visiting, a_visiting_clinic, entries_of, part_of


@dataclass
class Scene:
    """An arrived patient, ten minutes after the start, and the visit as it may be recorded."""

    clinic: Visiting
    referral: UUID
    appointment: Proposal
    visit: Bundle


@pytest.fixture
async def scene(database: Database) -> AsyncGenerator[Scene]:
    async with a_visiting_clinic(database) as clinic:
        referral, appointment = await clinic.a_booked_referral()
        await clinic.arrive(appointment)
        clinic.clock.forward(minutes=30)
        visit = await clinic.a_visit(referral, appointment)
        yield Scene(clinic=clinic, referral=referral, appointment=appointment, visit=visit)


def codes(refused: pytest.ExceptionInfo[Refused]) -> list[Code]:
    return [one.code for one in refused.value.problems]


def places(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [one.expression for one in refused.value.problems]


def not_done(visit: Bundle, *codings: dict[str, str]) -> Bundle:
    """The same visit, but nothing was done."""
    changed = copy.deepcopy(visit)
    changed["entry"] = changed["entry"][:1]
    procedure = part_of(changed, "Procedure")
    procedure["status"] = "not-done"
    procedure["statusReason"] = {"coding": list(codings), "text": "The patient was unwell"}
    for member in ("bodySite", "usedCode", "outcome", "followUp"):
        procedure.pop(member)
    return changed


def reason(code: str) -> dict[str, str]:
    return {"system": NOT_PERFORMED_REASON, "code": code}


async def test_a_visit_stands_in_the_placers_space_and_everything_moves(scene: Scene) -> None:
    first, dose = await scene.clinic.record(scene.visit)

    procedure = await scene.clinic.booking.shown("Procedure", first.identity.rid)
    given = await scene.clinic.booking.shown("MedicationAdministration", dose.identity.rid)
    task = await scene.clinic.task(scene.referral)
    assert (first.created, dose.created) == (True, True)
    assert [text(one, "system") for one in items(procedure["identifier"])] == [SID_VISIT]
    assert given["partOf"] == [{"reference": f"Procedure/{first.identity.rid}"}]
    assert await scene.clinic.booking.stage(scene.referral) is Stage.PERFORMED
    assert task["status"] == "in-progress"
    assert task["businessStatus"]["coding"][0]["code"] == "performed"
    shown = await scene.clinic.booking.shown("Appointment", str(scene.appointment.id))
    assert shown["status"] == "fulfilled"
    assert await scene.clinic.booking.jobs("write-back") == [scene.referral]
    assert (await scene.clinic.booking.holds()).get("booked", 0) == 0


async def test_the_same_visit_again_gives_the_first_locations(scene: Scene) -> None:
    first = await scene.clinic.record(scene.visit)
    sent = json.dumps(scene.visit)
    remade: Bundle = json.loads(sent.replace("8e01", "ffff").replace("8e02", "eeee"))

    again = await scene.clinic.record(remade)

    assert [one.location for one in again] == [one.location for one in first]
    assert {one.created for one in again} == {False}
    assert await scene.clinic.booking.jobs("write-back") == [scene.referral]


async def test_another_visit_on_the_same_appointment_is_refused(scene: Scene) -> None:
    await scene.clinic.record(scene.visit)
    part_of(scene.visit, "Procedure")["note"] = [{"text": "Something else"}]

    with pytest.raises(Refused) as refused:
        await scene.clinic.record(scene.visit)

    assert codes(refused) == [Code.STAGE]


async def test_doses_may_stand_before_their_procedure(scene: Scene) -> None:
    scene.visit["entry"].reverse()

    dose, first = await scene.clinic.record(scene.visit)

    assert (dose.identity.rtype, first.identity.rtype) == (
        "MedicationAdministration",
        "Procedure",
    )


async def test_a_recorders_own_visit_id_is_kept(scene: Scene) -> None:
    own = {"system": SID_VISIT, "value": "0199c3e0-2b10-7d44-8c00-7f0e1a2b3c01"}
    part_of(scene.visit, "Procedure")["identifier"] = [own]

    await scene.clinic.record(scene.visit)

    visit = await scene.clinic.booking.world.owner.pool.fetchval("SELECT id FROM visit")
    assert str(visit) == own["value"]


@pytest.mark.parametrize(
    ("rtype", "member", "value", "place"),
    [
        ("Procedure", "status", "in-progress", "status"),
        ("Procedure", "basedOn", None, "basedOn"),
        ("Procedure", "subject", {"reference": "Group/1"}, "subject"),
        ("Procedure", "bodySite", None, "bodySite"),
        ("Procedure", "performer", None, "performer.actor"),
        ("Procedure", "performedPeriod", {"start": "2026-12-03"}, "performed"),
        ("Procedure", "identifier", [{"system": SID_VISIT, "value": "mine"}], "identifier"),
        ("MedicationAdministration", "partOf", None, "partOf"),
        ("MedicationAdministration", "status", "unknown", "status"),
        ("MedicationAdministration", "subject", {"reference": "Patient/x"}, "subject"),
        ("MedicationAdministration", "dosage", {"text": "some"}, "dosage.dose"),
    ],
)
async def test_what_a_visit_needs_is_asked_for_by_place(
    scene: Scene, rtype: str, member: str, value: object, place: str
) -> None:
    part = part_of(scene.visit, rtype)
    part.pop(member, None)
    if value is not None:
        part[member] = value
    entry = 0 if rtype == "Procedure" else 1

    with pytest.raises(Refused) as refused:
        await scene.clinic.record(scene.visit)

    assert set(codes(refused)) == {Code.VISIT_FORM}
    assert f"Bundle.entry[{entry}].resource.{place}" in places(refused)


async def test_a_lot_that_expired_before_the_day_is_refused(scene: Scene) -> None:
    dose = part_of(scene.visit, "MedicationAdministration")
    before = scene.appointment.start.replace(day=1) - timedelta(days=1)
    dose["contained"][0]["batch"]["expirationDate"] = f"{before:%Y-%m}"

    with pytest.raises(Refused) as refused:
        await scene.clinic.record(scene.visit)

    assert codes(refused) == [Code.EXPIRED_LOT]
    assert await scene.clinic.booking.stage(scene.referral) is Stage.ARRIVED


async def test_a_lot_is_good_until_the_last_day_of_its_month(scene: Scene) -> None:
    dose = part_of(scene.visit, "MedicationAdministration")
    dose["contained"][0]["batch"]["expirationDate"] = f"{scene.appointment.start:%Y-%m}"

    done = await scene.clinic.record(scene.visit)

    assert len(done) == 2


async def test_a_visit_in_the_future_is_refused(scene: Scene) -> None:
    scene.clinic.clock.at = scene.appointment.start + timedelta(minutes=5)

    with pytest.raises(Refused) as refused:
        await scene.clinic.record(scene.visit)

    assert codes(refused) == [Code.BAD_DATE]


async def test_a_visit_before_its_booking_is_refused(scene: Scene) -> None:
    period = part_of(scene.visit, "Procedure")["performedPeriod"]
    period["start"] = "2026-11-01T09:00:00-05:00"

    with pytest.raises(Refused) as refused:
        await scene.clinic.record(scene.visit)

    assert codes(refused) == [Code.BAD_DATE]


async def test_an_open_finding_of_the_day_refuses_the_visit_and_asks_for_review(
    scene: Scene,
) -> None:
    await scene.clinic.booking.starts_a_medication(scene.referral)

    with pytest.raises(Refused) as refused:
        await scene.clinic.record(scene.visit)

    assert set(codes(refused)) == {Code.FINDING_OPEN}
    assert await scene.clinic.booking.stage(scene.referral) is Stage.IN_REVIEW
    visits = await scene.clinic.booking.world.owner.pool.fetchval("SELECT count(*) FROM visit")
    assert visits == 0


async def test_a_stranger_cannot_have_performed_it(scene: Scene) -> None:
    actor = part_of(scene.visit, "Procedure")["performer"][0]["actor"]
    actor["reference"] = "Practitioner/somebody-else"

    with pytest.raises(Refused) as refused:
        await scene.clinic.record(scene.visit)

    assert codes(refused) == [Code.VISIT_FORM]
    assert places(refused) == ["Bundle.entry[0].resource.performer.actor"]


async def test_only_a_clinician_records_a_visit(scene: Scene) -> None:
    with pytest.raises(Refused) as refused:
        await record_visit(
            scene.clinic.booking.deps,
            scene.clinic.booking.world.staff(Role.SCHEDULER),
            RecordVisit(entries=entries_of(scene.visit)),
        )

    assert codes(refused) == [Code.ROLE]


async def test_a_visit_on_another_placers_order_is_refused(scene: Scene) -> None:
    other, appointment = await scene.clinic.a_booked_referral("2")
    crossed = await scene.clinic.a_visit(other, scene.appointment)

    with pytest.raises(Refused) as refused:
        await scene.clinic.record(crossed)

    assert appointment.referral == other
    assert places(refused) == [
        "Bundle.entry[0].resource.basedOn",
        "Bundle.entry[0].resource.subject",
    ]


async def test_a_partly_performed_visit_says_so(scene: Scene) -> None:
    procedure = part_of(scene.visit, "Procedure")
    procedure |= {"status": "stopped", "statusReason": {"text": "The patient asked to stop"}}

    await scene.clinic.record(scene.visit)

    task = await scene.clinic.task(scene.referral)
    assert task["businessStatus"]["coding"][0]["code"] == "partly-performed"
    assert await scene.clinic.booking.stage(scene.referral) is Stage.PERFORMED


@pytest.mark.parametrize(
    ("code", "stage"),
    [("patient-unwell", Stage.NOT_PERFORMED), ("try-again", Stage.CLEARED)],
)
async def test_a_visit_not_done_ends_the_referral_or_clears_it_again(
    scene: Scene, code: str, stage: Stage
) -> None:
    await scene.clinic.record(not_done(scene.visit, reason("patient-unwell"), reason(code)))

    await scene.clinic.run_due()

    assert await scene.clinic.booking.stage(scene.referral) is stage
    (procedure,) = scene.clinic.server.of_type("Procedure")
    assert procedure["status"] == "not-done"
    assert "The patient was unwell" in procedure["note"][0]["text"]


async def test_nobody_came_and_nothing_was_done_cancels_the_appointment(
    database: Database,
) -> None:
    async with a_visiting_clinic(database) as clinic:
        referral, appointment = await clinic.a_booked_referral()
        clinic.clock.at = appointment.start + timedelta(minutes=30)
        visit = not_done(await clinic.a_visit(referral, appointment), reason("other"))

        await clinic.record(visit)

        shown = await clinic.booking.shown("Appointment", str(appointment.id))
        assert shown["status"] == "cancelled"
        assert await clinic.booking.stage(referral) is Stage.NOT_PERFORMED


async def test_absolute_references_below_our_own_base_are_ours(scene: Scene) -> None:
    base = scene.clinic.booking.deps.settings.fhir_base
    procedure = part_of(scene.visit, "Procedure")
    procedure["basedOn"][0]["reference"] = f"{base}/{procedure['basedOn'][0]['reference']}"

    first, _ = await scene.clinic.record(scene.visit)

    stored = await scene.clinic.booking.shown("Procedure", first.identity.rid)
    assert str(stored["basedOn"]).count("http") == 0


async def test_a_correction_is_no_visit(scene: Scene) -> None:
    changed = tuple(
        msgspec.structs.replace(one, condition="identifier=a|b") for one in entries_of(scene.visit)
    )

    with pytest.raises(Refused) as refused:
        await record_visit(
            scene.clinic.booking.deps, scene.clinic.booking.clinician, RecordVisit(entries=changed)
        )

    assert set(codes(refused)) == {Code.NOT_SUPPORTED}
