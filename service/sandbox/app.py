"""The sandbox as an application: its doors, what it says it can, and who may come in."""

from importlib.metadata import version
from typing import Final
from uuid import UUID

from litestar import Litestar

from fhir_mappings.model.json import encode
from fhir_mappings.model.placer import Placer, Systems, Tells
from fhir_mappings.render.capability import About, Served, capability
from fhir_mappings.terms.search_parameters import TABLE
from service.deps import Deps
from service.http.app import make_app
from service.http.exchange import BASE_PATH, Answer, Open
from service.http.fhir.capability import COMMON
from service.http.fhir.served import SERVED
from service.http.ops import OPEN as OPS
from service.http.smart.discovery import authorize_endpoint, token_endpoint
from service.sandbox.doors import ROUTES
from service.store import clinics, placers, tokens
from service.store.clinics import Tenant
from service.store.tokens import NewToken
from service.store.transaction import EVERY_PLACER, transaction

HOME: Final = UUID(int=1)
"""Tenant and placer of a sandbox's database: there is one of each."""

RATE: Final = 200
"""Requests a second: nobody is kept waiting by a server that only plays."""

INTERACTIONS: Final = (
    "read",
    "vread",
    "update",
    "delete",
    "history-instance",
    "create",
    "search-type",
)


def make_sandbox(deps: Deps) -> Litestar:
    """Build the sandbox over a database whose `stand_up` was done."""
    return make_app(deps, routes=ROUTES, open_routes=(*OPS, _metadata(deps)))


async def stand_up(deps: Deps, token: str) -> None:
    """Make the one caller of this database, with this token, unless it stands.

    `deps` is the owner's: the doors themselves cannot let anybody in.
    """
    now = deps.now()
    async with transaction(deps.pool, tenant=HOME, placer=EVERY_PLACER) as conn:
        if not await clinics.every(conn):
            home = Tenant(id=HOME, name="sandbox", zone="UTC", organization="none")
            await clinics.write(conn, home, at=now)
            await placers.add(conn, _itself(), at=now)
        if await tokens.known(conn, tokens.digest(token)):
            return
        kept = NewToken(
            id=deps.new_id(),
            tenant=HOME,
            sha256=tokens.digest(token),
            placer=HOME,
            expires_at=now.replace(year=now.year + 1),
        )
        await tokens.add(conn, kept, at=now)


def _itself() -> Placer:
    return Placer(
        id=HOME,
        tenant=HOME,
        name="sandbox",
        client="sandbox",
        base="",
        internal=False,
        keeps=(),
        tells=Tells.POLL,
        systems=Systems(),
        token_file="",
        rate=RATE,
        active=True,
    )


def _metadata(deps: Deps) -> Open:
    about = About(
        base=deps.settings.fhir_base,
        authorize_endpoint=authorize_endpoint(deps.settings.public_url),
        token_endpoint=token_endpoint(deps.settings.public_url),
        version=version("tpi-intake"),
        at=deps.now(),
    )
    body = encode(capability(_served(), ["transaction"], about))

    async def metadata(_: Deps) -> Answer:
        """Answer the CapabilityStatement."""
        return Answer(status=200, body=body)

    return Open(f"{BASE_PATH}/metadata", metadata)


def _served() -> list[Served]:
    return [
        Served(
            rtype=rtype,
            interactions=INTERACTIONS,
            conditional=True,
            update_creates=True,
            versioned_update=False,
            parameters=(
                *COMMON,
                *((name, one.kind.declared) for name, one in TABLE.get(rtype, {}).items()),
            ),
        )
        for rtype in SERVED
    ]
