"""A person settles what waits for one: again (searching first), adopted, or told otherwise."""

from collections.abc import AsyncGenerator
from uuid import UUID

import pytest

from fhir_mappings.model.caller import Role
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Stage
from fhir_mappings.parse.settling import Action, Settling
from fhir_mappings.problems import Code, Refused
from service.flows.settle_delivery import SettleDelivery, settle_delivery
from tests.kit.database import Database
from tests.kit.lying_placer import Lie, Resource
from tests.kit.visiting import Visiting, a_visiting_clinic


@pytest.fixture
async def clinic(database: Database) -> AsyncGenerator[Visiting]:
    async with a_visiting_clinic(database) as one:
        yield one


async def settle(clinic: Visiting, referral: UUID, settling: Settling, *roles: Role) -> Case:
    caller = clinic.booking.world.staff(*roles or (Role.REVIEWER,))
    command = SettleDelivery(referral=referral, settling=settling)
    return await settle_delivery(clinic.booking.deps, caller, command)


async def a_delivery_that_differs(clinic: Visiting) -> UUID:
    def alter(one: Resource) -> Resource:
        return one | {"note": [{"text": "cut"}]} if one["resourceType"] == "Procedure" else one

    clinic.server.alter = alter
    referral = await clinic.a_performed_referral()
    await clinic.run_due()
    assert await clinic.waiting() == [("needs-person", "differs")]
    return referral


async def test_again_searches_before_it_sends(clinic: Visiting) -> None:
    referral = await a_delivery_that_differs(clinic)
    (procedure,) = clinic.server.of_type("Procedure")
    words = clinic.server.calls("POST")[0].body["entry"][0]["resource"]["note"]
    clinic.server.stored[f"Procedure/{procedure['id']}"]["note"] = words

    await settle(clinic, referral, Settling(action=Action.AGAIN), Role.OPERATOR)
    await clinic.run_due()

    assert len(clinic.server.calls("POST")) == 1
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


async def test_again_after_a_lie_sends_what_is_not_there(clinic: Visiting) -> None:
    referral = await clinic.a_performed_referral()
    clinic.server.lies = [Lie("claim", "POST")]
    for _ in range(12):
        await clinic.forward_and_run(minutes=1)
    clinic.server.lies.clear()

    await settle(clinic, referral, Settling(action=Action.AGAIN))
    await clinic.run_due()

    assert len(clinic.server.of_type("Procedure")) == 1
    assert await clinic.booking.stage(referral) is Stage.WRITTEN_BACK


async def test_again_never_sends_a_second_where_the_first_lost_its_identifier(
    clinic: Visiting,
) -> None:
    clinic.server.alter = lambda one: {k: v for k, v in one.items() if k != "identifier"}
    referral = await clinic.a_performed_referral()
    await clinic.run_due()

    await settle(clinic, referral, Settling(action=Action.AGAIN))
    await clinic.forward_and_run(minutes=2)

    assert len(clinic.server.of_type("Procedure")) == 1
    assert len(clinic.server.of_type("MedicationAdministration")) == 1
    assert await clinic.waiting() == [("needs-person", "differs")]


async def test_adopting_completes_the_task_on_that_persons_word(clinic: Visiting) -> None:
    referral = await a_delivery_that_differs(clinic)
    (procedure,) = clinic.server.of_type("Procedure")
    adopt = Settling(
        action=Action.ADOPT, reference=f"Procedure/{procedure['id']}", note="Read by telephone"
    )

    case = await settle(clinic, referral, adopt)

    row = await clinic.booking.world.owner.pool.fetchrow(
        "SELECT state, reference, code, said FROM writeback"
    )
    assert case.stage is Stage.WRITTEN_BACK
    assert (await clinic.task(referral))["status"] == "completed"
    assert row
    assert tuple(row) == ("proven", adopt.reference, "adopt", "Read by telephone")
    assert await clinic.waiting() == []


async def test_telling_by_other_means_completes_the_task_and_a_repeat_changes_nothing(
    clinic: Visiting,
) -> None:
    referral = await a_delivery_that_differs(clinic)
    by_letter = Settling(action=Action.OTHER_MEANS, note="Sent by registered letter")
    first = await settle(clinic, referral, by_letter)

    again = await settle(clinic, referral, by_letter)

    assert again == first
    assert first.stage is Stage.WRITTEN_BACK


async def test_nothing_that_waits_is_nothing_to_settle(clinic: Visiting) -> None:
    referral = await clinic.a_performed_referral()

    with pytest.raises(Refused) as refused:
        await settle(clinic, referral, Settling(action=Action.AGAIN))

    assert [one.code for one in refused.value.problems] == [Code.STAGE]


async def test_an_operator_may_send_again_and_no_more(clinic: Visiting) -> None:
    referral = await a_delivery_that_differs(clinic)
    adopt = Settling(action=Action.ADOPT, reference="Procedure/1")

    with pytest.raises(Refused) as refused:
        await settle(clinic, referral, adopt, Role.OPERATOR)

    assert [one.code for one in refused.value.problems] == [Code.ROLE]
