"""The rows of `tenant` and `person`: the clinic that fulfils, and its people."""

from uuid import UUID

import msgspec

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
