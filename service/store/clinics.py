"""The rows of `tenant` and `person`: the clinic that fulfils, and its people."""

from datetime import datetime
from uuid import UUID

import msgspec

from fhir_mappings.model.clinic import Person
from service.store.pool import Conn
from service.store.statements import sql


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    """One clinic: its IANA zone, and the id of its Organization in its own space."""

    id: UUID
    name: str
    zone: str
    organization: str


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    """One person of a clinic, by the id of their Practitioner there."""

    id: UUID
    practitioner: str
    name: str
    roles: tuple[str, ...]
    active: bool


async def every(conn: Conn) -> list[Tenant]:
    """Return the clinics of this database, oldest first: only its owner sees them all."""
    return [
        Tenant(
            id=row["tenant"],
            name=row["name"],
            zone=row["zone"],
            organization=row["organization"],
        )
        for row in await conn.fetch(sql("list_tenants"))
    ]


async def people(conn: Conn, tenant: UUID) -> list[Staff]:
    """Return the people of a clinic, those who left too."""
    return [
        Staff(
            id=row["id"],
            practitioner=row["practitioner"],
            name=row["name"],
            roles=tuple(row["roles"]),
            active=row["active"],
        )
        for row in await conn.fetch(sql("list_people"), tenant)
    ]


async def of_organization(conn: Conn, organization: str) -> Tenant | None:
    """Return the clinic whose Organization has this id, or None: only the owner may ask."""
    row = await conn.fetchrow(sql("find_tenant_of"), organization)
    if row is None:
        return None
    return Tenant(
        id=row["tenant"],
        name=row["name"],
        zone=row["zone"],
        organization=row["organization"],
    )


async def write(conn: Conn, tenant: Tenant, *, at: datetime) -> None:
    """Keep a clinic's name and zone as they are now; only the owner may."""
    await conn.execute(
        sql("write_tenant"), tenant.id, tenant.name, tenant.zone, tenant.organization, at
    )


async def write_person(
    conn: Conn, tenant: UUID, person: Person, *, at: datetime, new_id: UUID
) -> bool:
    """Keep a person and their roles as they are now, and say whether that changed anything.

    Rights come from here alone: only the owner may write it (PROTOCOL §2.3).
    """
    done: str = await conn.execute(
        sql("write_person"),
        tenant,
        new_id,
        person.practitioner,
        person.name,
        sorted(role.value for role in person.roles),
        person.active,
        at,
    )
    return done.endswith(" 1")
