"""Who a token lets in: its holder, until it expires, is revoked, or the holder is shut out."""

import pytest

from fhir_mappings.model.caller import Role
from fhir_mappings.problems import Code, Refused
from service.flows.connect_placer import ConnectPlacer, connect_placer
from service.flows.disable_placer import DisablePlacer, disable_placer
from service.flows.issue_token import IssueToken, issue_token
from service.flows.revoke_token import RevokeToken, revoke_token
from service.reads.caller import caller_of
from service.store.tokens import digest
from tests.kit.clinic import CLINICIAN, a_clinic
from tests.kit.database import Database


async def test_a_clients_token_proves_its_placer(database: Database) -> None:
    async with a_clinic(database) as world:
        placer = await connect_placer(world.owner, world.service, ConnectPlacer(name="Northside"))
        issued = await issue_token(world.owner, world.service, IssueToken(placer=placer.id, days=1))

        caller = await caller_of(world.owner, digest(issued.token))

    assert caller is not None
    assert (caller.tenant, caller.placer, caller.name) == (placer.tenant, placer.id, "Northside")
    assert not caller.roles


async def test_a_persons_token_carries_their_roles(database: Database) -> None:
    async with a_clinic(database) as world:
        command = IssueToken(person=world.people[CLINICIAN], days=1)
        issued = await issue_token(world.owner, world.service, command)

        caller = await caller_of(world.owner, digest(issued.token))

    assert caller is not None
    assert (caller.placer, caller.practitioner) == (None, CLINICIAN)
    assert {Role.CLINICIAN, Role.REVIEWER} <= caller.roles


async def test_an_expired_token_lets_nobody_in(database: Database) -> None:
    async with a_clinic(database) as world:
        command = IssueToken(person=world.people[CLINICIAN], days=1)
        issued = await issue_token(world.owner, world.service, command)
        world.clock.forward(days=1)

        assert await caller_of(world.owner, digest(issued.token)) is None


async def test_a_revoked_token_lets_nobody_in(database: Database) -> None:
    async with a_clinic(database) as world:
        command = IssueToken(person=world.people[CLINICIAN], days=1)
        issued = await issue_token(world.owner, world.service, command)

        await revoke_token(world.owner, world.service, RevokeToken(token=issued.id))

        assert await caller_of(world.owner, digest(issued.token)) is None


async def test_a_disabled_placers_token_lets_nobody_in(database: Database) -> None:
    async with a_clinic(database) as world:
        placer = await connect_placer(world.owner, world.service, ConnectPlacer(name="Northside"))
        issued = await issue_token(world.owner, world.service, IssueToken(placer=placer.id, days=1))

        await disable_placer(world.owner, world.service, DisablePlacer(placer=placer.id))

        assert await caller_of(world.owner, digest(issued.token)) is None


async def test_a_disabled_placer_gets_no_new_token(database: Database) -> None:
    async with a_clinic(database) as world:
        placer = await connect_placer(world.owner, world.service, ConnectPlacer(name="Northside"))
        await disable_placer(world.owner, world.service, DisablePlacer(placer=placer.id))

        with pytest.raises(Refused) as refused:
            await issue_token(world.owner, world.service, IssueToken(placer=placer.id, days=1))

    assert refused.value.problems[0].code is Code.NOT_FOUND


@pytest.mark.parametrize(
    "base", ["ftp://ehr.example/fhir", "ehr.example", "https://e.example/?a=1"]
)
async def test_a_base_that_is_no_address_is_refused(database: Database, base: str) -> None:
    async with a_clinic(database) as world:
        with pytest.raises(Refused) as refused:
            await connect_placer(
                world.owner, world.service, ConnectPlacer(name="Northside", base=base)
            )

    assert refused.value.problems[0].expression == "base"


async def test_web_and_worker_may_not_let_anybody_in(database: Database) -> None:
    async with a_clinic(database) as world, database.as_owner() as conn:
        del world
        grants = await conn.fetch(
            "SELECT grantee FROM information_schema.role_table_grants"
            " WHERE table_name IN ('access_token', 'person', 'placer', 'tenant')"
            " AND privilege_type IN ('INSERT', 'DELETE')"
        )

    assert {row["grantee"] for row in grants} == {"tpi_owner"}
