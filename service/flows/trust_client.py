"""Register an EHR that signs its own tokens: its issuer, and where its public keys are."""

from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.problems import Code, Problem, Refused
from service.clients.egress import origin_of
from service.clients.keys import KeySetFault, key_set
from service.deps import Deps
from service.store import audit, cds_clients, placers
from service.store.transaction import retried, transaction


class TrustClient(msgspec.Struct, frozen=True, kw_only=True):
    """Whose client it is; exactly one of `jku`, an address, and `keys`, a JWK Set, is given."""

    placer: UUID
    issuer: str
    jku: str = ""
    keys: str = ""


@retried
async def trust_client(deps: Deps, caller: Caller, command: TrustClient) -> None:
    """Trust what this issuer signs, or take its keys anew.

    Raises:
        Refused: `role`; `not-found` for an unknown placer; `issuer-known` where it signs for
            another; `value-format` for an issuer in blanks, an address that is not https (http
            for an internal placer) or has a query, and a set without a usable key.
    """
    allow(caller, Verb.CHANGE_CLINIC)
    _check(command)
    now = deps.now()
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        placer = await placers.find(conn, caller.tenant, command.placer)
        if command.jku.startswith("http:") and not placer.internal:
            raise Refused(Problem(Code.VALUE_FORMAT, "jku"))
        await cds_clients.trust(
            conn,
            caller.tenant,
            placer.id,
            issuer=command.issuer,
            jku=command.jku,
            keys=command.keys,
            at=now,
        )
        await audit.add(
            conn,
            caller,
            Verb.CHANGE_CLINIC,
            placer=placer.id,
            referral=None,
            what="client trusted",
            at=now,
            new_id=deps.new_id(),
        )


def _check(command: TrustClient) -> None:
    if not command.issuer.isprintable() or not command.issuer.strip() or " " in command.issuer:
        raise Refused(Problem(Code.VALUE_FORMAT, "issuer"))
    if bool(command.jku) == bool(command.keys):
        raise Refused(Problem(Code.VALUE_FORMAT, "jku"))
    if command.jku:
        parts = urlsplit(command.jku)
        if origin_of(command.jku) is None or parts.query or parts.fragment:
            raise Refused(Problem(Code.VALUE_FORMAT, "jku"))
        return
    try:
        key_set(command.keys.encode())
    except KeySetFault:
        raise Refused(Problem(Code.VALUE_FORMAT, "keys")) from None
