"""The rows of `writeback`: one visit on one rung, from pending to proven."""

import hashlib
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


async def settle(
    conn: Conn,
    case: Case,
    writeback: WriteBack,
    *,
    reference: str,
    code: str,
    said: str,
    person: UUID,
    at: datetime,
) -> None:
    """Call a write-back proven on a person's word; the digest is that of the word, not of bytes."""
    word = "\x1f".join([str(person), reference, said])
    await conn.execute(
        sql("settle_writeback"),
        case.tenant,
        writeback.id,
        reference,
        hashlib.sha256(word.encode()).digest(),
        at,
        code,
        said,
    )


async def search_again(conn: Conn, case: Case, writeback: WriteBack, *, at: datetime) -> None:
    """Forget what the placer claimed: the next run looks for it before anything is sent.

    A send whose outcome is not known stays known: it keeps its wait. What was claimed counts as
    one: it may stand there without our identifier.
    """
    await conn.execute(sql("search_writeback_again"), case.tenant, writeback.id, at)


async def settled_as(conn: Conn, case: Case) -> str:
    """Return by which code the newest write-back was settled, empty where it is not proven."""
    row = await conn.fetchrow(sql("latest_writeback"), case.tenant, case.id)
    return str(row["code"]) if row and row["state"] == WriteBackState.PROVEN.value else ""
