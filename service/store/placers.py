"""The rows of `placer`: referring organisations, written by the owner, read by everybody."""

from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from fhir_mappings.model.placer import Placer, Systems, Tells
from fhir_mappings.problems import Code, Problem, Refused
from service.store.pool import Conn
from service.store.statements import sql


async def find(conn: Conn, tenant: UUID, placer: UUID) -> Placer:
    """Return one placer, also a disabled one.

    Raises:
        Refused: `not-found` where the caller sees none of this id.
    """
    row = await conn.fetchrow(sql("find_placer"), tenant, placer)
    if row is None:
        raise Refused(Problem(Code.NOT_FOUND))
    return _placer(row)


class Parties(msgspec.Struct, frozen=True, kw_only=True):
    """Between whom a referral is made: the placer, and the clinic that fulfils it.

    `clinic` is its name, `organization` the id of its Organization in its own space.
    """

    placer: Placer
    clinic: str
    organization: str


async def parties(conn: Conn, tenant: UUID, placer: UUID) -> Parties:
    """Return a placer and its clinic.

    Raises:
        Refused: `not-found` where the caller sees no placer of this id.
    """
    row = await conn.fetchrow(sql("find_parties"), tenant, placer)
    if row is None:
        raise Refused(Problem(Code.NOT_FOUND))
    return Parties(placer=_placer(row), clinic=row["clinic"], organization=row["organization"])


async def every(conn: Conn, tenant: UUID) -> list[Placer]:
    """Return the placers of a clinic by name, disabled ones too."""
    return [_placer(row) for row in await conn.fetch(sql("list_placers"), tenant)]


async def add(conn: Conn, placer: Placer, *, at: datetime) -> None:
    """Register a placer.

    Raises:
        Refused: `placer-known` where the clinic has one of this name.
    """
    await conn.execute(
        sql("add_placer"),
        placer.tenant,
        placer.id,
        placer.name,
        placer.client,
        placer.base,
        placer.internal,
        list(placer.keeps),
        placer.tells.value,
        msgspec.json.encode(placer.systems).decode(),
        placer.token_file,
        placer.rate,
        placer.active,
        at,
    )


async def let_poll(conn: Conn, tenant: UUID, placer: UUID) -> None:
    """Note that a placer's server takes no Task: from now on it reads ours."""
    await conn.execute(sql("placer_polls"), tenant, placer)


async def disable(conn: Conn, tenant: UUID, placer: UUID) -> bool:
    """Shut a placer out at once: no token of its client opens anything; say whether it changed."""
    done: str = await conn.execute(sql("disable_placer"), tenant, placer)
    return done.endswith(" 1")


def _placer(row: Record) -> Placer:
    return Placer(
        id=row["id"],
        tenant=row["tenant"],
        name=row["name"],
        client=row["client"],
        base=row["base"],
        internal=row["internal"],
        keeps=tuple(row["keeps"]),
        tells=Tells(row["tells"]),
        systems=msgspec.json.decode(row["systems"], type=Systems),
        token_file=row["token_file"],
        rate=row["rate"],
        active=row["active"],
    )
