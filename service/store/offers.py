"""Offering one window: it is held, and the proposal is shown, or another has that time.

Who offers holds the referral's row lock.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from fhir_mappings.model.json import Identity, Tree
from fhir_mappings.model.proposal import Policy, Proposal, ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.window import Window
from fhir_mappings.render.appointment import Offer, described
from service.store import proposals, resources, schedules, windows
from service.store.pool import Conn
from service.store.schedules import Service
from service.store.statements import sql


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How the last proposal of a referral chose its windows: what the policy does again.

    `first` and `last` are clinic days as FHIR writes them, empty where none was said.
    """

    policy: Policy = Policy.EARLIEST
    first: str = ""
    last: str = ""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What all windows of one offer share: whose moment it is, and the words it is shown in.

    `round` counts from 1; `replaces` is the Appointment that a rebooking moves.
    """

    at: datetime
    zone: str
    services: Mapping[str, Service]
    order: Tree
    round: int
    replaces: UUID | None = None


async def terms(
    conn: Conn, case: Case, *, at: datetime, zone: str, round_: int, replaces: UUID | None = None
) -> Terms:
    """Read what an offer to this referral is shown in."""
    identity = Identity(rtype="ServiceRequest", rid=case.order_rid)
    order = await resources.find(conn, case.tenant, case.placer_id, identity)
    return Terms(
        at=at,
        zone=zone,
        services=await schedules.services(conn, case.tenant),
        order=order.tree if order else {},
        round=round_,
        replaces=replaces,
    )


async def offer(
    conn: Conn,
    case: Case,
    window: Window,
    said: Terms,
    *,
    expires: datetime,
    new_id: Callable[[], UUID],
    named: bool = True,
) -> Proposal | None:
    """Hold a window and propose it; None where another has that time."""
    held = new_id()
    if not await windows.hold(
        conn, window, case, hold=held, at=said.at, expires=expires, named=named
    ):
        return None
    proposal = Proposal(
        id=new_id(),
        referral=case.id,
        hold=held,
        window=window.id,
        practitioner=window.practitioner,
        location=window.location,
        start=window.start,
        end=window.end,
        round=said.round,
        state=ProposalState.OPEN,
        expires=expires,
        made_at=said.at,
        replaces=said.replaces,
    )
    service = said.services[window.schedule].words
    shown = Offer(
        proposal=proposal,
        zone=said.zone,
        service=service,
        description=described(said.order, service),
        order_rid=case.order_rid,
        patient_rid=case.patient_rid,
    )
    await proposals.add(conn, case, shown)
    return proposal


async def wish(conn: Conn, case: Case) -> Wish:
    """Return how the last proposal chose."""
    kept: str = await conn.fetchval(sql("find_policy"), case.tenant, case.id)
    return msgspec.json.decode(kept, type=Wish)


async def keep_wish(conn: Conn, case: Case, chosen: Wish) -> None:
    """Keep how a proposal chose, for the next round."""
    await conn.execute(
        sql("keep_policy"), case.tenant, case.id, msgspec.json.encode(chosen).decode()
    )
