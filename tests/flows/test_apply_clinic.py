"""`tpi clinic apply`: the clinic becomes what its file says, and windows keep their ids."""

import json
from collections import Counter

import pytest

from fhir_mappings.model.json import Tree, items, members
from fhir_mappings.problems import Code, Refused
from service.flows.apply_clinic import ApplyClinic, Turn, apply_clinic
from tests.kit.clinic import CLINICIAN, SCHEDULER, ClinicWorld, a_clinic, part, the_file
from tests.kit.database import Database

WINDOWS = 228
"""What example 18 cuts: four on 12 Tuesdays, nine on 10 Thursdays and 10 Fridays."""


async def slots(world: ClinicWorld) -> dict[str, str]:
    rows = await world.owner.pool.fetch("SELECT id, starts, opening FROM open_window")
    return {str(row["id"]): f"{row['starts']:%m-%d %H:%M} {row['opening']}" for row in rows}


async def people(world: ClinicWorld) -> dict[str, tuple[list[str], bool]]:
    rows = await world.owner.pool.fetch("SELECT practitioner, roles, active FROM person")
    return {row["practitioner"]: (row["roles"], row["active"]) for row in rows}


def shortened() -> Tree:
    """Return the file without Tuesdays."""
    bundle = the_file()
    hours = items(part(bundle, "PractitionerRole", "a101")["availableTime"])
    members(hours[0])["daysOfWeek"] = ["thu", "fri"]
    return bundle


async def test_a_new_clinic_has_its_people_their_roles_and_its_windows(
    database: Database,
) -> None:
    async with a_clinic(database) as world:
        standing = await people(world)
        windows = await slots(world)

    assert {one.turn for one in world.applied.applied} == {Turn.NEW}
    assert standing == {
        CLINICIAN: (["clinician", "reviewer"], True),
        SCHEDULER: (["scheduler"], True),
    }
    assert world.applied.tenant.zone == "America/New_York"
    assert len(windows) == world.applied.windows[0].opened == WINDOWS


async def test_the_same_file_again_changes_nothing(database: Database) -> None:
    async with a_clinic(database) as world:
        before = await slots(world)

        again = await world.apply(the_file())

        versions = await world.owner.pool.fetch("SELECT vid FROM resource")
        assert {one.turn for one in again.applied} == {Turn.SAME}
        assert again.tenant == world.applied.tenant
        assert again.windows[0].kept == WINDOWS
        assert (again.windows[0].opened, again.windows[0].dropped) == (0, 0)
        assert await slots(world) == before
        assert {row["vid"] for row in versions} == {1}


async def test_changed_hours_keep_what_fits_and_bring_the_rest_back_under_its_id(
    database: Database,
) -> None:
    async with a_clinic(database) as world:
        before = await slots(world)

        fewer = await world.apply(shortened())
        between = await slots(world)
        again = await world.apply(the_file())

        turns = {one.what.partition("/")[0]: one.turn for one in fewer.applied[1:9]}
        assert turns["Schedule"] is Turn.SAME
        assert Counter(one.turn for one in fewer.applied)[Turn.CHANGED] == 1
        assert fewer.windows[0].dropped == 48  # the Tuesdays
        assert Counter(one.rpartition(" ")[2] for one in between.values())["dropped"] == 48
        assert again.windows[0].opened == 48
        assert await slots(world) == before


async def test_a_role_that_ends_shuts_its_person_out(database: Database) -> None:
    async with a_clinic(database) as world:
        bundle = the_file()
        part(bundle, "PractitionerRole", "a102")["active"] = False

        await world.apply(bundle)

        assert (await people(world))[SCHEDULER] == ([], False)


async def test_an_inactive_schedule_has_no_open_windows(database: Database) -> None:
    async with a_clinic(database) as world:
        bundle = the_file()
        part(bundle, "Schedule")["active"] = False

        closed = await world.apply(bundle)

        assert closed.windows[0].dropped == WINDOWS


async def test_past_windows_are_left_alone(database: Database) -> None:
    async with a_clinic(database) as world:
        world.clock.forward(days=21)  # 14 December

        fewer = await world.apply(shortened())

        gone = {one[:5] for one in (await slots(world)).values() if one.endswith("dropped")}
        assert min(gone) == "01-05"  # January sorts before December; the holidays end on the 3rd
        assert fewer.windows[0].dropped == 40
        assert not {one for one in gone if one.startswith("12") and one < "12-14"}


async def test_a_file_that_is_no_fhir_or_no_clinic_is_refused_whole(database: Database) -> None:
    async with a_clinic(database) as world:
        bundle = the_file()
        part(bundle, "Location")["colour"] = "blue"

        with pytest.raises(Refused) as refused:
            await apply_clinic(world.owner, ApplyClinic(body=json.dumps(bundle).encode()))

        assert refused.value.problems[0].code is Code.UNKNOWN_ELEMENT
        assert refused.value.problems[0].expression.startswith("Bundle.entry[1].resource")


async def test_applying_is_audited(database: Database) -> None:
    async with a_clinic(database) as world:
        rows = await world.owner.pool.fetch("SELECT verb, actor, what FROM audit")

    assert [tuple(row) for row in rows] == [
        ("change-clinic", "service:tpi-intake", "clinic applied")
    ]
