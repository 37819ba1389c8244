"""People decide: findings are approved or overridden, referrals asked about, deferred, declined."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest

from fhir_mappings.model.caller import Caller, Role
from fhir_mappings.model.json import Identity, Tree
from fhir_mappings.model.review import Verdict
from fhir_mappings.model.stage import Stage
from fhir_mappings.problems import Code, Refused
from fhir_mappings.render.detected_issue import finding_rid
from service.flows.decide_referral import DecideReferral, decide_referral
from service.flows.receive_referral import Received
from service.flows.rescreen_referral import RescreenReferral, rescreen_referral
from service.flows.review_finding import ReviewFinding, review_finding
from service.flows.withdraw_referral import WithdrawReferral, withdraw_referral
from service.store import resources
from service.store.transaction import transaction
from tests.kit.clinic import CLINICIAN, SCHEDULER
from tests.kit.database import Database
from tests.kit.door import Door, a_door
from tests.kit.referrals import a_payload, taken

REASON = "Superficial, compressible site; the indication was sent."


@pytest.fixture
async def door(database: Database) -> AsyncGenerator[Door]:
    async with a_door(database) as one:
        yield one


def placer(door: Door) -> Caller:
    service = door.world.service
    return Caller(tenant=service.tenant, zone=service.zone, name="placer", placer=door.placer)


def person(door: Door, *roles: Role, who: str = CLINICIAN) -> Caller:
    service = door.world.service
    return Caller(
        tenant=service.tenant,
        zone=service.zone,
        name="person",
        person=door.world.people[who],
        practitioner=who,
        roles=frozenset(roles),
    )


def word(received: Received, verdict: Verdict, **changes: object) -> ReviewFinding:
    rids = tuple(finding_rid(received.referral, one) for one in received.open)
    values: dict[str, object] = {
        "referral": received.referral,
        "findings": rids,
        "versions": (0,) * len(rids),
        "verdict": verdict,
        **changes,
    }
    return ReviewFinding(**values)  # type: ignore[arg-type]  # a builder: the names are checked


async def task_of(door: Door, received: Received) -> Tree:
    caller = placer(door)
    async with transaction(door.deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        task = await resources.find(
            conn, caller.tenant, door.placer, Identity(rtype="Task", rid=received.task_rid)
        )
    assert task is not None
    return task.tree


async def test_approving_the_last_open_finding_clears_the_referral(door: Door) -> None:
    received = await taken(door.deps, placer(door), a_payload("anticoagulated"))

    case = await review_finding(
        door.deps, person(door, Role.REVIEWER), word(received, Verdict.APPROVE, mitigation="x")
    )

    assert case.stage is Stage.CLEARED
    assert (await task_of(door, received))["status"] == "accepted"


async def test_the_same_word_again_changes_nothing(door: Door) -> None:
    received = await taken(door.deps, placer(door), a_payload("anticoagulated"))
    reviewer = person(door, Role.REVIEWER)
    first = await review_finding(door.deps, reviewer, word(received, Verdict.APPROVE))

    again = await review_finding(door.deps, reviewer, word(received, Verdict.APPROVE))

    assert again.version == first.version


async def test_a_block_is_lifted_by_a_clinicians_override_with_a_reason_alone(door: Door) -> None:
    received = await taken(door.deps, placer(door), a_payload("active-infection"))
    clinician = person(door, Role.CLINICIAN)

    with pytest.raises(Refused) as approved:
        await review_finding(door.deps, clinician, word(received, Verdict.APPROVE))
    with pytest.raises(Refused) as bare:
        await review_finding(door.deps, clinician, word(received, Verdict.OVERRIDE, reason="ok"))
    with pytest.raises(Refused) as reviewer:
        await review_finding(
            door.deps, person(door, Role.REVIEWER), word(received, Verdict.OVERRIDE, reason=REASON)
        )
    case = await review_finding(
        door.deps, clinician, word(received, Verdict.OVERRIDE, reason=REASON)
    )

    assert approved.value.problems[0].code is Code.OVERRIDE_NEEDED
    assert bare.value.problems[0].code is Code.REASON_NEEDED
    assert reviewer.value.problems[0].code is Code.ROLE
    assert case.stage is Stage.CLEARED


async def test_a_scheduler_decides_nothing(door: Door) -> None:
    received = await taken(door.deps, placer(door), a_payload("anticoagulated"))

    with pytest.raises(Refused) as refused:
        await review_finding(
            door.deps,
            person(door, Role.SCHEDULER, who=SCHEDULER),
            word(received, Verdict.APPROVE),
        )

    assert refused.value.problems[0].code is Code.ROLE


async def test_a_finding_read_in_an_older_version_is_refused(door: Door) -> None:
    received = await taken(door.deps, placer(door), a_payload("anticoagulated"))

    with pytest.raises(Refused) as refused:
        await review_finding(
            door.deps,
            person(door, Role.REVIEWER),
            word(received, Verdict.APPROVE, versions=(7,) * len(received.open)),
        )

    assert refused.value.problems[0].code is Code.FINDING_CHANGED


async def test_a_decline_stands_with_its_reason_in_the_task(door: Door) -> None:
    received = await taken(door.deps, placer(door), a_payload("active-infection"))

    case = await decide_referral(
        door.deps,
        person(door, Role.REVIEWER),
        DecideReferral(
            referral=received.referral, verdict=Verdict.DECLINE, reason="Treat the infection first."
        ),
    )

    task = await task_of(door, received)
    assert case.stage is Stage.DECLINED
    assert task["status"] == "rejected"
    assert task["statusReason"] == {"text": "Treat the infection first."}


async def test_a_question_stands_in_the_task_until_it_is_answered(door: Door) -> None:
    received = await taken(door.deps, placer(door), a_payload("anticoagulated"))

    case = await decide_referral(
        door.deps,
        person(door, Role.REVIEWER),
        DecideReferral(
            referral=received.referral, verdict=Verdict.ASK, reason="What is the indication?"
        ),
    )

    task = await task_of(door, received)
    assert case.stage is Stage.ASKED
    assert "What is the indication?" in str(task["output"])


async def test_a_deferral_ends_on_its_day_by_a_new_screening(door: Door) -> None:
    received = await taken(door.deps, placer(door), a_payload("clean"))
    until = door.world.clock.at.date() + timedelta(days=3)
    deferred = await decide_referral(
        door.deps,
        person(door, Role.REVIEWER),
        DecideReferral(
            referral=received.referral, verdict=Verdict.DEFER, reason="Healing.", until=until
        ),
    )
    door.world.clock.forward(days=4)

    case = await rescreen_referral(
        door.deps, door.world.service, RescreenReferral(referral=received.referral, due=True)
    )

    assert deferred.stage is Stage.DEFERRED
    assert case.stage is Stage.CLEARED
    assert case.due_at is None


async def test_a_placer_takes_its_order_back_once_and_for_all(door: Door) -> None:
    received = await taken(door.deps, placer(door), a_payload("clean"))
    command = WithdrawReferral(referral=received.referral, reason="Patient chose otherwise")
    first = await withdraw_referral(door.deps, placer(door), command)

    again = await withdraw_referral(door.deps, placer(door), command)

    assert first.stage is Stage.WITHDRAWN
    assert again.version == first.version
    assert (await task_of(door, received))["status"] == "cancelled"


async def test_another_placer_cannot_withdraw_what_it_cannot_see(door: Door) -> None:
    received = await taken(door.deps, placer(door), a_payload("clean"))
    service = door.world.service
    other = Caller(tenant=service.tenant, zone=service.zone, name="other", placer=door.other)

    with pytest.raises(Refused) as refused:
        await withdraw_referral(door.deps, other, WithdrawReferral(referral=received.referral))

    assert refused.value.problems[0].code is Code.NOT_FOUND
