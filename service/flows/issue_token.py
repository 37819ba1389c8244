"""Give a client or a person a bearer token (DECISIONS 24)."""

import secrets
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import audit, clinics, placers, tokens
from service.store.pool import Conn
from service.store.transaction import retried, transaction

_BYTES: Final = 32
"""256 bits: nobody guesses one, so its SHA-256 needs no salt and no slow hash."""

_MOST_DAYS: Final = 366
"""L27: a year at most."""


class IssueToken(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the token (exactly one of the two) and for how many days it opens."""

    placer: UUID | None = None
    person: UUID | None = None
    days: int


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """The token itself, shown once and kept nowhere, and what is kept of it."""

    id: UUID
    token: str
    expires_at: datetime


@retried
async def issue_token(deps: Deps, caller: Caller, command: IssueToken) -> Issued:
    """Make a random token and keep its SHA-256.

    Raises:
        Refused: `role`; `not-found` for a holder who is unknown or no longer active;
            `value-format` for days beyond a year.
    """
    allow(caller, Verb.CHANGE_CLINIC)
    if not 1 <= command.days <= _MOST_DAYS:
        raise Refused(Problem(Code.VALUE_FORMAT, expression="days"))
    now, token = deps.now(), f"tpi_{secrets.token_urlsafe(_BYTES)}"
    kept = tokens.NewToken(
        id=deps.new_id(),
        tenant=caller.tenant,
        sha256=tokens.digest(token),
        placer=command.placer,
        person=command.person,
        expires_at=now + timedelta(days=command.days),
    )
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        await _check_holder(conn, caller.tenant, command)
        await tokens.add(conn, kept, at=now)
        await audit.add(
            conn,
            caller,
            Verb.CHANGE_CLINIC,
            placer=command.placer,
            referral=None,
            what=f"token issued {kept.id}",
            at=now,
            new_id=deps.new_id(),
        )
    return Issued(id=kept.id, token=token, expires_at=kept.expires_at)


async def _check_holder(conn: Conn, tenant: UUID, command: IssueToken) -> None:
    if (command.placer is None) == (command.person is None):
        raise Refused(Problem(Code.VALUE_FORMAT, expression="holder"))
    if command.placer is not None:
        known = (await placers.find(conn, tenant, command.placer)).active
    else:
        staff = await clinics.people(conn, tenant)
        known = any(one.id == command.person and one.active for one in staff)
    if not known:
        raise Refused(Problem(Code.NOT_FOUND))
