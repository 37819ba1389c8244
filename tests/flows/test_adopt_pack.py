"""Another pack shows what it would change, is adopted, and judges what is open anew."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from fhir_mappings.model.caller import Caller, Role
from fhir_mappings.model.finding import Outcome
from fhir_mappings.model.json import Tree, items, text
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.review import Verdict
from fhir_mappings.model.stage import Stage
from fhir_mappings.problems import Code, Refused
from fhir_mappings.render.detected_issue import finding_rid
from service.content.load import load_pack
from service.content.packs.files import write
from service.deps import Deps, open_deps
from service.flows.adopt_pack import AdoptPack, PackAdopted, adopt_pack
from service.flows.receive_referral import Received
from service.flows.rescreen_referral import RescreenReferral, rescreen_referral
from service.flows.review_finding import ReviewFinding, review_finding
from service.flows.withdraw_referral import WithdrawReferral, withdraw_referral
from service.reads.pack_change import pack_change
from service.settings import Settings
from service.store import resources
from service.store.transaction import transaction
from tests.kit.clinic import CLINICIAN
from tests.kit.database import Database
from tests.kit.door import Door, a_door
from tests.kit.own_packs import files_of, own_pack, plain
from tests.kit.referrals import a_payload, numbered, taken


@pytest.fixture
async def door(database: Database) -> AsyncGenerator[Door]:
    async with a_door(database) as one:
        yield one


def a_placer(door: Door) -> Caller:
    return door.world.client(door.placer)


def reviewer(door: Door) -> Caller:
    return door.world.staff(Role.REVIEWER, Role.CLINICIAN, practitioner=CLINICIAN)


def by(deps: Deps, pack: Pack) -> Deps:
    return replace(deps, pack=pack)


def a_pack(digest: str = "ab", **changes: object) -> Pack:
    return msgspec.structs.replace(own_pack(plain(**changes)), digest=digest * 32)


async def adopted(door: Door, pack: Pack) -> PackAdopted:
    command = AdoptPack(pack=pack, set_by="Synthetic Operator", why="a test")
    return await adopt_pack(door.world.owner, door.world.service, command)


async def rescreened(door: Door, pack: Pack, received: Received) -> Stage:
    command = RescreenReferral(referral=received.referral)
    return (await rescreen_referral(by(door.deps, pack), door.world.service, command)).stage


async def approved(door: Door, received: Received) -> Stage:
    rids = tuple(finding_rid(received.referral, one) for one in received.open)
    command = ReviewFinding(
        referral=received.referral,
        findings=rids,
        versions=(0,) * len(rids),
        verdict=Verdict.APPROVE,
    )
    return (await review_finding(door.deps, reviewer(door), command)).stage


async def a_reviewed(door: Door) -> tuple[Received, str]:
    """Take a referral that waits for a reviewer; also the rule that it waits for."""
    received = await taken(door.deps, a_placer(door), a_payload("anticoagulated"))
    (rule,) = {one.rule for one in received.open}
    return received, rule


async def test_a_pack_tells_what_it_would_change_and_changes_nothing(door: Door) -> None:
    received, rule = await a_reviewed(door)
    await taken(door.deps, a_placer(door), numbered(a_payload("clean"), "2"))
    weaker = a_pack(rules={rule: {"action": "info"}})

    told = await pack_change(door.world.owner, door.world.service, weaker)

    assert told.looked == 2
    (changed,) = told.changed
    assert changed.referral == received.referral
    assert [(one.rule, one.after) for one in changed.difference.changes] == [(rule, "info")]
    assert (changed.open_before, changed.open_after) == (Outcome.REVIEW, Outcome.CLEAR)
    again = await pack_change(door.world.owner, door.world.service, weaker)
    assert again == told


async def test_an_adopted_pack_screens_what_is_open_anew_by_jobs(door: Door) -> None:
    received, rule = await a_reviewed(door)
    weaker = a_pack(rules={rule: {"action": "info"}})

    done = await adopted(door, weaker)

    assert done == PackAdopted(waiting=1, again=False)
    assert await jobs_of(door, received) == ["rescreen"]
    assert await rescreened(door, weaker, received) is Stage.CLEARED


async def test_a_worker_with_another_pack_screens_nothing_again(door: Door) -> None:
    received, _ = await a_reviewed(door)
    await adopted(door, a_pack())

    with pytest.raises(Refused) as refused:
        await rescreened(door, door.deps.pack, received)

    assert refused.value.problems[0].code is Code.PACK_NOT_ADOPTED


async def test_the_same_pack_again_asks_only_for_what_another_judged(door: Door) -> None:
    received, _ = await a_reviewed(door)
    pack = a_pack()
    await adopted(door, pack)
    await rescreened(door, pack, received)
    await taken(door.deps, a_placer(door), numbered(a_payload("clean"), "2"))

    done = await adopted(door, pack)

    assert done == PackAdopted(waiting=1, again=True)


async def test_what_is_withdrawn_is_not_screened_again(door: Door) -> None:
    received, _ = await a_reviewed(door)
    withdrawn = WithdrawReferral(referral=received.referral)
    await withdraw_referral(door.deps, a_placer(door), withdrawn)

    done = await adopted(door, a_pack())

    assert done.waiting == 0


async def test_one_version_of_a_pack_never_has_other_bytes(door: Door) -> None:
    await adopted(door, a_pack("ab"))

    with pytest.raises(Refused) as refused:
        await adopted(door, a_pack("cd"))

    assert refused.value.problems[0].code is Code.PACK_VERSION


async def test_a_decision_stands_under_a_pack_that_says_it_in_other_words(door: Door) -> None:
    received, rule = await a_reviewed(door)
    assert await approved(door, received) is Stage.CLEARED
    german = a_pack(rules={rule: {"title": "Nimmt etwas", "message": {"referrer": "Bitte."}}})

    told = await pack_change(door.world.owner, door.world.service, german)
    await adopted(door, german)

    assert told.changed == ()
    assert await rescreened(door, german, received) is Stage.CLEARED
    issue = await issue_of(door, received)
    assert text(issue, "code", "text") == "Nimmt etwas"
    assert len(items(issue["mitigation"])) == 1


async def test_a_decision_falls_when_its_rule_acts_otherwise(door: Door) -> None:
    received, rule = await a_reviewed(door)
    assert await approved(door, received) is Stage.CLEARED
    other = a_pack(rules={rule: {"appliesWhen": {"ageMaxYears": 130}}})

    told = await pack_change(door.world.owner, door.world.service, other)
    await adopted(door, other)

    assert [one.fallen for one in told.changed] == [(rule,)]
    assert await rescreened(door, other, received) is Stage.IN_REVIEW


async def test_a_process_with_another_pack_than_was_adopted_does_not_start(
    door: Door, database: Database, tmp_path: Path
) -> None:
    write(tmp_path, files_of(plain()))
    await adopted(door, load_pack(tmp_path))
    worker = database.urls.worker

    with pytest.raises(Refused) as refused:
        async with open_deps(Settings(), "worker", url=worker):
            pass
    async with open_deps(Settings(pack=tmp_path), "worker", url=worker) as deps:
        started = deps.pack.name

    assert refused.value.problems[0].code is Code.PACK_NOT_ADOPTED
    assert started == plain()["name"]


async def jobs_of(door: Door, received: Received) -> list[str]:
    async with transaction(door.deps.pool, tenant=door.world.tenant, placer="*") as conn:
        rows = await conn.fetch(
            "SELECT kind FROM outbox WHERE referral = $1 AND kind = 'rescreen'", received.referral
        )
    return [row["kind"] for row in rows]


async def issue_of(door: Door, received: Received) -> Tree:
    tenant = door.world.tenant
    async with transaction(door.deps.pool, tenant=tenant, placer="*") as conn:
        found = await resources.of_referral(conn, tenant, received.referral, "DetectedIssue")
    trees = [one.tree for one in found]
    return next(one for one in trees if text(one, "severity") == "moderate")
