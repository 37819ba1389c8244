"""The advisory locks of writing resources: each thing that two messages may bring at once.

Taken sorted, before the statement whose snapshot must see the winner's rows (STORAGE §4). Without
them eight parallel conditional creates of one Practitioner made two.
"""

from collections.abc import Iterable
from uuid import UUID

from fhir_mappings.model.json import Identity
from service.store.pool import Conn
from service.store.transaction import lock_key


def of_token(tenant: UUID, space: UUID, token: str) -> int:
    """Return the lock of what one index token names: an identifier, as a rule.

    A conditional create and a person that comes without a condition take the same lock.
    """
    return lock_key("token", str(tenant), str(space), token)


def of_identity(tenant: UUID, space: UUID, identity: Identity) -> int:
    """Return the lock of one id that a PUT names."""
    return lock_key("identity", str(tenant), str(space), str(identity))


def of_patient(tenant: UUID, space: UUID, patient_rid: str) -> int:
    """Return the lock of a patient's data: a screening reads all of it, a write adds to it."""
    return lock_key("patient", str(tenant), str(space), patient_rid)


async def take(conn: Conn, keys: Iterable[int]) -> None:
    """Take locks in this transaction, in the one order that everybody uses."""
    wanted = sorted(set(keys))
    if wanted:
        await conn.execute("; ".join(f"SELECT pg_advisory_xact_lock({int(key)})" for key in wanted))
