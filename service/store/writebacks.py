"""The rows of `writeback`: one visit on one rung, from pending to proven."""

from datetime import datetime
from uuid import UUID

import msgspec

from fhir_mappings.model.referral import Case
from fhir_mappings.model.writeback import Proof, Rung, Way, WriteBack, WriteBackState
from fhir_mappings.problems import Code, Problem, Refused
from service.store.pool import Conn
from service.store.statements import sql


async def add(conn: Conn, case: Case, visit: UUID, *, at: datetime, new_id: UUID) -> None:
    """Begin the write-back of a visit on the first rung."""
    await conn.execute(
        sql("add_writeback"),
        case.tenant,
        new_id,
        case.placer_id,
        case.id,
        visit,
        Rung.PROCEDURE.value,
        Way.TRANSACTION.value,
        at,
    )


async def of_visit(conn: Conn, case: Case, visit: UUID) -> WriteBack:
    """Return the write-back of a visit.

    Raises:
        Refused: `not-found` where the visit has none.
    """
    row = await conn.fetchrow(sql("writeback_of_referral"), case.tenant, case.id, visit)
    if row is None:
        raise Refused(Problem(Code.NOT_FOUND))
    return WriteBack(
        id=row["id"],
        visit=row["visit"],
        rung=Rung(row["rung"]),
        way=Way(row["way"]),
        state=WriteBackState(row["state"]),
        claimed=msgspec.json.decode(row["claimed"], type=dict[str, str]),
        sent_at=row["sent_at"],
        claimed_at=row["claimed_at"],
    )


async def proven(conn: Conn, case: Case) -> dict[str, str]:
    """Return the proven Procedures of a referral: our id to the placer's reference."""
    rows = await conn.fetch(sql("proven_writebacks"), case.tenant, case.id)
    return {row["procedure_rid"]: row["reference"] for row in rows}


async def note(
    conn: Conn, tenant: UUID, writeback: WriteBack, *, code: str = "", at: datetime
) -> None:
    """Write down how far it came; `code` names why it waits, from a closed set."""
    await conn.execute(
        sql("note_writeback"),
        tenant,
        writeback.id,
        writeback.way.value,
        writeback.state.value,
        writeback.sent_at,
        _json(writeback.claimed),
        writeback.claimed_at,
        code,
        at,
    )


async def prove(
    conn: Conn, tenant: UUID, writeback: WriteBack, proof: Proof, *, code: str = ""
) -> None:
    """Write down the proof: reference, version and digest of what was read back, and when."""
    first = proof.stood[0]
    await conn.execute(
        sql("prove_writeback"),
        tenant,
        writeback.id,
        _json(writeback.claimed),
        first.reference,
        first.version,
        bytes.fromhex(first.digest),
        proof.at,
        code,
    )


def _json(claimed: dict[str, str]) -> str:
    return msgspec.json.encode(claimed).decode()
