"""The clinic's file says who works, where and when; what it leaves open is refused by name."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from fhir_mappings.model.caller import Role
from fhir_mappings.model.json import Tree, items, members
from fhir_mappings.model.window import Days, Span
from fhir_mappings.parse.clinic import clinic
from fhir_mappings.problems import Code, Refused

CLINIC = Path("tests/data/payloads/examples/18-clinic.json")


def the_clinic() -> Tree:
    bundle: Tree = json.loads(CLINIC.read_text())
    return bundle


def of_type(bundle: Tree, rtype: str) -> Tree:
    resources = [members(members(entry).get("resource")) for entry in items(bundle.get("entry"))]
    return next(one for one in resources if one.get("resourceType") == rtype)


def changed(rtype: str, **members_of: object) -> Tree:
    bundle = the_clinic()
    of_type(bundle, rtype).update(members_of)  # type: ignore[arg-type] # JSON by keyword
    return bundle


def test_example_18_names_two_people_one_schedule_and_its_zone() -> None:
    read = clinic(the_clinic())

    assert read.zone == "America/New_York"
    assert {one.practitioner[-4:]: one.roles for one in read.people} == {
        "a001": {Role.CLINICIAN, Role.REVIEWER},
        "a002": {Role.SCHEDULER},
    }
    (schedule,) = read.schedules
    assert (schedule.practitioner[-4:], schedule.location[-4:]) == ("a001", "b001")
    assert schedule.availability.visit_minutes == 30
    assert schedule.availability.buffer_minutes == 10
    assert schedule.availability.closed == (
        Days(first=date(2026, 12, 10), last=date(2026, 12, 11)),
        Days(first=date(2026, 12, 24), last=date(2027, 1, 3)),
    )
    assert len(read.parts) == 8
    assert all("id" not in part.tree and "meta" not in part.tree for part in read.parts)


def test_a_person_whose_role_is_inactive_is_not_active() -> None:
    read = clinic(changed("PractitionerRole", active=False))

    clinician = next(one for one in read.people if one.practitioner.endswith("a001"))
    assert clinician.roles == frozenset()
    assert not clinician.active
    assert not read.schedules[0].active


@pytest.mark.parametrize(
    ("rtype", "change"),
    [
        ("Schedule", {"active": False}),
        ("Location", {"status": "suspended"}),
        ("HealthcareService", {"active": False}),
    ],
)
def test_a_schedule_whose_part_is_out_of_service_is_not_active(
    rtype: str, change: dict[str, object]
) -> None:
    read = clinic(changed(rtype, **change))

    assert not read.schedules[0].active


def test_hours_of_all_day_and_absences_by_the_clock_are_read() -> None:
    during = {"start": "2026-12-10T09:00:00-05:00", "end": "2026-12-10T12:00:00-05:00"}
    bundle = changed(
        "PractitionerRole",
        availableTime=[{"daysOfWeek": ["mon"], "allDay": True}],
        notAvailable=[
            {"description": "By the clock", "during": during},
            {"description": "A month", "during": {"start": "2027-02", "end": "2027-02"}},
            {"description": "For good", "during": {"start": "2027-05-01"}},
        ],
    )

    availability = clinic(bundle).schedules[0].availability

    assert availability.hours[0].closes - availability.hours[0].opens == timedelta(days=1)
    by_clock, month, for_good = availability.closed[:3]
    assert isinstance(by_clock, Span)
    assert by_clock.start.isoformat() == "2026-12-10T14:00:00+00:00"
    assert month == Days(first=date(2027, 2, 1), last=date(2027, 2, 28))
    assert isinstance(for_good, Days)
    assert for_good.last.year == 9998


def drop(rtype: str, name: str) -> Callable[[], Tree]:
    def make() -> Tree:
        bundle = the_clinic()
        del of_type(bundle, rtype)[name]
        return bundle

    return make


def put(rtype: str, **change: object) -> Callable[[], Tree]:
    return lambda: changed(rtype, **change)


@pytest.mark.parametrize(
    ("make", "expression"),
    [
        (drop("Schedule", "planningHorizon"), "Schedule.planningHorizon"),
        (
            put("Schedule", planningHorizon={"start": "2026-12-01", "end": "2036-12-01"}),
            "Schedule.planningHorizon",
        ),
        (drop("HealthcareService", "extension"), "HealthcareService.extension"),
        (
            put(
                "PractitionerRole",
                availableTime=[{"availableStartTime": "09:00:00", "availableEndTime": "12:00:00"}],
            ),
            "PractitionerRole.availableTime[0].daysOfWeek",
        ),
        (
            put(
                "PractitionerRole",
                availableTime=[
                    {
                        "daysOfWeek": ["mon"],
                        "availableStartTime": "12:00:00",
                        "availableEndTime": "09:00:00",
                    }
                ],
            ),
            "PractitionerRole.availableTime[0].availableEndTime",
        ),
        (
            put("PractitionerRole", notAvailable=[{"description": "Some time"}]),
            "PractitionerRole.notAvailable[0].during",
        ),
        (
            put("Schedule", extension=[]),  # and the room names no zone either
            "",
        ),
        (drop("Organization", "name"), "Bundle.entry.where(resource is Organization)"),
        (
            put("PractitionerRole", practitioner={"reference": "Practitioner/absent"}),
            "Schedule.actor",
        ),
    ],
)
def test_what_the_file_leaves_open_is_refused_where_it_stands(
    make: Callable[[], Tree], expression: str
) -> None:
    bundle = make()
    if not expression:
        del of_type(bundle, "Location")["extension"]

    with pytest.raises(Refused) as refused:
        clinic(bundle)

    problem = refused.value.problems[0]
    assert problem.code is Code.CLINIC_FORM
    assert problem.expression == (expression or "Schedule.extension")


def test_an_unknown_role_is_refused_with_those_that_are_known() -> None:
    bundle = the_clinic()
    role = of_type(bundle, "PractitionerRole")
    coding = members(items(members(items(role.get("code"))[0]).get("coding"))[0])
    coding["code"] = "director"

    with pytest.raises(Refused) as refused:
        clinic(bundle)

    (problem,) = refused.value.problems
    assert problem.expression == "PractitionerRole.code"
    assert "scheduler" in problem.context


def test_an_entry_that_is_not_a_put_under_its_own_id_is_refused() -> None:
    bundle = the_clinic()
    members(items(bundle.get("entry"))[2])["request"] = {"method": "POST", "url": "Location"}

    with pytest.raises(Refused) as refused:
        clinic(bundle)

    assert [one.expression for one in refused.value.problems] == [
        "Bundle.entry[2].request.method",
        "Bundle.entry[2].request.url",
    ]
