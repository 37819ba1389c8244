"""The advisory locks of writing resources: each thing that two messages may bring at once.

Taken sorted, before the statement whose snapshot must see the winner's rows (STORAGE §4). Without
them eight parallel conditional creates of one Practitioner made two.
"""

from collections.abc import Iterable
from uuid import UUID

from fhir_mappings.model.json import Identity
from fhir_mappings.parse.references import Condition
from service.store.pool import Conn
from service.store.transaction import lock_key


def of_condition(tenant: UUID, space: UUID, condition: Condition) -> int:
    """Return the lock of a conditional create or update: the same query, the same lock."""
    return lock_key("condition", str(tenant), str(space), condition.rtype, condition.query)


def of_person(tenant: UUID, space: UUID, rtype: str, system: str, value: str) -> int:
    """Return the lock of a person or body by one of its identifiers."""
    return lock_key("person", str(tenant), str(space), rtype, system, value)


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
