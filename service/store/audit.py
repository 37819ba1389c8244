"""Who did what to which referral: append-only, one hash chain per referral."""

from datetime import datetime
from uuid import UUID

from fhir_mappings.model.caller import Caller, Verb
from service.store.pool import Conn
from service.store.statements import sql


def actor(caller: Caller) -> str:
    """Name the caller by kind and id: never by a person's name."""
    if caller.placer:
        return f"placer:{caller.placer}"
    return f"person:{caller.person}" if caller.person else "service:tpi-intake"


async def add(
    conn: Conn,
    caller: Caller,
    verb: Verb,
    *,
    placer: UUID | None,
    referral: UUID | None,
    what: str,
    at: datetime,
    new_id: UUID,
) -> None:
    """Append one row to the chain of its referral; `what` holds ids of ours and closed words.

    The referral's row must be locked by the flow, or new in this transaction.
    """
    await conn.execute(
        sql("add_audit"),
        caller.tenant,
        new_id,
        placer,
        referral,
        actor(caller),
        verb.value,
        what,
        at,
    )
