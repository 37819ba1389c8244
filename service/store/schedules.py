"""The rows of `schedule`: whose time windows are cut from, as the clinic's resources say."""

from uuid import UUID

import msgspec

from fhir_mappings.model.window import Schedule
from service.store.pool import Conn
from service.store.statements import sql


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What a Schedule serves, in a reader's words, and its IANA zone."""

    words: str
    zone: str


async def write(conn: Conn, tenant: UUID, schedule: Schedule) -> None:
    """Keep a Schedule as it is now."""
    await conn.execute(
        sql("write_schedule"),
        tenant,
        schedule.rid,
        schedule.practitioner,
        schedule.location,
        schedule.service,
        schedule.words,
        schedule.availability.zone,
        schedule.availability.visit_minutes,
        schedule.availability.buffer_minutes,
        schedule.active,
    )


async def services(conn: Conn, tenant: UUID) -> dict[str, Service]:
    """Return what each Schedule of the clinic serves, by the Schedule's id."""
    rows = await conn.fetch(sql("services_of_schedules"), tenant)
    return {row["rid"]: Service(words=row["words"], zone=row["zone"]) for row in rows}
