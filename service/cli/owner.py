"""What an operator's command works with: the owner's connection, and which clinic is meant."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from fhir_mappings.model.caller import NIL_SPACE, Caller, service_caller
from service.cli.carry import Unusable
from service.deps import Deps, open_owner_deps
from service.settings import Settings
from service.store import clinics
from service.store.clinics import Tenant
from service.store.embedded import database
from service.store.migrate import expect_schema
from service.store.pool import connect
from service.store.transaction import transaction

ClinicName = Annotated[
    str, typer.Option("--clinic", help="Which clinic, where this database has several.")
]


@asynccontextmanager
async def owner_deps(settings: Settings) -> AsyncGenerator[Deps]:
    """Open the owner's world on a database whose schema is ours.

    Raises:
        SchemaError: it is not; the text has the repair.
    """
    with database(settings) as urls:
        conn = await connect(urls.owner)
        try:
            await expect_schema(conn)
        finally:
            await conn.close()
        async with open_owner_deps(settings, url=urls.owner) as deps:
            yield deps


async def operator_of(deps: Deps, clinic: str) -> Caller:
    """Return the caller that an operator's command acts as: the service, for one clinic.

    Raises:
        Unusable: there is none, none of that name, or several and none is named.
    """
    every = await tenants(deps)
    found = [one for one in every if clinic in {"", one.name}]
    if not every:
        raise Unusable("No clinic is set up in this database.", "Run `tpi clinic apply FILE`.")
    if len(found) != 1:
        names = ", ".join(f'"{one.name}"' for one in every)
        raise Unusable("Which clinic is meant?", f"Give --clinic with one of {names}.")
    return service_caller(found[0].id, found[0].zone)


async def tenants(deps: Deps) -> list[Tenant]:
    """Return the clinics of this database."""
    async with transaction(deps.pool, tenant=NIL_SPACE, placer="*") as conn:
        return await clinics.every(conn)
