"""The rows of `cds_card` and `cds_feedback`: what an EHR was shown, and what became of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from fhir_mappings.model.hooks import Feedback
from service.store.pool import Conn
from service.store.statements import sql

_UNIT = "\x1f"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One card as it went out, and the rules that speak in it."""

    id: UUID
    rules: tuple[str, ...]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the cards of one rule; `reasons` lead from a code to how many gave it."""

    rule: str
    shown: int
    accepted: int
    overridden: int
    reasons: dict[str, int]


async def add(
    conn: Conn,
    tenant: UUID,
    placer: UUID,
    cards: Sequence[Shown],
    *,
    service: str,
    pack_version: str,
    at: datetime,
) -> None:
    """Note the cards of one answer."""
    await conn.execute(
        sql("add_cards"),
        tenant,
        placer,
        service,
        pack_version,
        at,
        [one.id for one in cards],
        [_UNIT.join(one.rules) for one in cards],
    )


async def known(
    conn: Conn, tenant: UUID, placer: UUID, service: str, ids: Iterable[UUID]
) -> frozenset[UUID]:
    """Return those of the ids that are cards of this service, shown to this placer."""
    rows = await conn.fetch(sql("find_cards"), tenant, placer, service, list(ids))
    return frozenset(row["id"] for row in rows)


async def add_feedback(
    conn: Conn, tenant: UUID, placer: UUID, feedback: Sequence[Feedback]
) -> None:
    """Keep reactions; one that is told again is kept once."""
    await conn.execute(
        sql("add_feedback"),
        tenant,
        placer,
        [one.card for one in feedback],
        [one.reaction.value for one in feedback],
        [one.reason for one in feedback],
        [one.at for one in feedback],
    )


async def by_rule(conn: Conn, tenant: UUID, *, since: datetime) -> list[Figures]:
    """Return what became of the cards shown since then, rule by rule."""
    given: dict[str, dict[str, int]] = {}
    for row in await conn.fetch(sql("reasons_by_rule"), tenant, since):
        given.setdefault(row["rule"], {})[row["reason"]] = row["cards"]
    return [
        Figures(
            rule=row["rule"],
            shown=row["shown"],
            accepted=row["accepted"],
            overridden=row["overridden"],
            reasons=given.get(row["rule"], {}),
        )
        for row in await conn.fetch(sql("feedback_by_rule"), tenant, since)
    ]
