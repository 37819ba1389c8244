"""Take a bearer token back: within seconds it opens nothing."""

from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import audit, tokens
from service.store.transaction import retried, transaction


class RevokeToken(msgspec.Struct, frozen=True, kw_only=True):
    """Which token, by the id that was told when it was issued."""

    token: UUID


@retried
async def revoke_token(deps: Deps, caller: Caller, command: RevokeToken) -> None:
    """Revoke an open token.

    Raises:
        Refused: `role`; `not-found` where no open token has this id.
    """
    allow(caller, Verb.CHANGE_CLINIC)
    now = deps.now()
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        if not await tokens.revoke(conn, caller.tenant, command.token, at=now):
            raise Refused(Problem(Code.NOT_FOUND))
        await audit.add(
            conn,
            caller,
            Verb.CHANGE_CLINIC,
            placer=None,
            referral=None,
            what=f"token revoked {command.token}",
            at=now,
            new_id=deps.new_id(),
        )
