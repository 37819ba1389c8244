"""The placer's copy of the Task: found by our identifier, changed by its version, never twice."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from fhir_mappings.model.placer import Tells
from fhir_mappings.model.stage import Stage
from tests.kit.database import Database
from tests.kit.lying_placer import Lie
from tests.kit.visiting import Visiting, a_visiting_clinic


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Visiting]:
    async with a_visiting_clinic(database, tells=Tells.TASK) as one:
        yield one


def business(task: dict[str, Any]) -> str:
    code: str = task["businessStatus"]["coding"][0]["code"]
    return code


async def tells(clinic: Visiting) -> str:
    found: str = await clinic.booking.world.owner.pool.fetchval(
        "SELECT tells FROM placer WHERE id = $1", clinic.booking.placer
    )
    return found


async def test_the_copy_is_made_once_and_kept_in_step(clinic: Visiting) -> None:
    referral, appointment = await clinic.a_booked_referral()
    await clinic.run_due()
    (booked,) = clinic.server.of_type("Task")
    await clinic.arrive(appointment)

    await clinic.run_due()

    (arrived,) = clinic.server.of_type("Task")
    assert (business(booked), business(arrived)) == ("booked", "arrived")
    assert arrived["for"] == {"reference": "Patient/p-1"}
    assert arrived["focus"] == {"reference": "ServiceRequest/sr-1"}
    assert "reference" not in arrived["owner"]
    assert await clinic.waiting("task-update") == []
    assert await clinic.booking.stage(referral) is Stage.ARRIVED


async def test_appointments_are_named_by_our_identifier_and_address(clinic: Visiting) -> None:
    _, appointment = await clinic.a_booked_referral()

    await clinic.run_due()

    (task,) = clinic.server.of_type("Task")
    outputs = [one for one in task["output"] if one["type"]["coding"][0]["code"] == "appointment"]
    by_reference = [one["valueReference"] for one in outputs if "valueReference" in one]
    by_address = [one["valueUrl"] for one in outputs if "valueUrl" in one]
    assert by_reference[0]["identifier"]["value"] == str(appointment.id)
    assert "reference" not in by_reference[0]
    base = clinic.worker.settings.fhir_base
    assert by_address == [f"{base}/Appointment/{appointment.id}"]


async def test_the_completed_copy_names_the_procedure_as_it_stands_there(
    clinic: Visiting,
) -> None:
    await clinic.a_performed_referral()

    await clinic.run_due()

    (task,) = clinic.server.of_type("Task")
    (procedure,) = clinic.server.of_type("Procedure")
    named = [one["valueReference"] for one in task["output"] if "valueReference" in one]
    assert task["status"] == "completed"
    assert {"reference": f"Procedure/{procedure['id']}"} in named


async def test_what_the_placer_wrote_on_its_copy_stays(clinic: Visiting) -> None:
    _, appointment = await clinic.a_booked_referral()
    await clinic.run_due()
    (copy,) = clinic.server.of_type("Task")
    clinic.server.stored[f"Task/{copy['id']}"]["note"] = [{"text": "Seen by the practice"}]
    await clinic.arrive(appointment)

    await clinic.run_due()

    (changed,) = clinic.server.of_type("Task")
    assert changed["note"] == [{"text": "Seen by the practice"}]
    assert business(changed) == "arrived"


async def test_a_copy_that_changed_meanwhile_is_read_again(clinic: Visiting) -> None:
    _, appointment = await clinic.a_booked_referral()
    await clinic.run_due()
    await clinic.arrive(appointment)
    clinic.server.lies = [Lie("status", "PUT", status=412, times=2)]

    await clinic.run_due()

    (task,) = clinic.server.of_type("Task")
    assert business(task) == "arrived"
    assert len(clinic.server.calls("PUT")) == 3


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_placer_that_takes_no_task_polls_ours(clinic: Visiting, status: int) -> None:
    await clinic.a_performed_referral()
    clinic.server.lies = [Lie("status", path="Task", status=status)]

    await clinic.run_due()

    assert await tells(clinic) == "poll"
    assert await clinic.waiting("task-update") == []
    assert len(clinic.server.of_type("Procedure")) == 1


async def test_a_task_that_cannot_be_told_just_now_holds_up_no_record(clinic: Visiting) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie("status", path="Task", status=503)]

    for _ in range(4):
        await clinic.forward_and_run(minutes=1)

    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK
    assert ("ready", "later") in await clinic.waiting("task-update")


async def test_an_answer_lost_after_the_create_makes_no_second_copy(clinic: Visiting) -> None:
    await clinic.a_booked_referral()
    clinic.server.lies = [Lie("hang-after", "POST", "Task", times=1)]

    await clinic.run_due()
    await clinic.forward_and_run(minutes=2)

    assert len(clinic.server.of_type("Task")) == 1
    assert await clinic.waiting("task-update") == []


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_proxys_page_after_a_write_is_no_word_that_it_was_done(
    clinic: Visiting, method: str
) -> None:
    _, appointment = await clinic.a_booked_referral()
    if method == "PUT":
        await clinic.run_due()
        await clinic.arrive(appointment)
    clinic.server.lies = [Lie("html", method, "Task", status=200, times=1)]

    await clinic.run_due()
    await clinic.forward_and_run(minutes=1)

    (task,) = clinic.server.of_type("Task")
    assert business(task) == ("arrived" if method == "PUT" else "booked")
    assert await clinic.waiting("task-update") == []
