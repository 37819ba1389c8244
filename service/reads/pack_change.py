"""What would another content pack change in the open referrals? Nothing is stored."""

from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.pack_diff import Difference, difference
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.finding import Outcome
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.referral import Case
from service.deps import Deps
from service.store import charts, days, packs, proposals, screenings
from service.store.days import Days, clinic_day
from service.store.pool import Conn
from service.store.screenings import Judged
from service.store.transaction import transaction


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """One referral of which the other pack says something else.

    `open_before` and `open_after` are the worst findings that wait for a decision, those that
    stand taken into account; `fallen` are the rules of which a decision would not stand.
    """

    referral: UUID
    stage: str
    difference: Difference
    open_before: Outcome
    open_after: Outcome
    fallen: tuple[str, ...]


class PackChange(msgspec.Struct, frozen=True, kw_only=True):
    """How many referrals are open, and those that would change."""

    looked: int
    changed: tuple[Changed, ...]


async def pack_change(deps: Deps, caller: Caller, pack: Pack) -> PackChange:
    """Screen each open referral of a clinic by the pack in force and by another one.

    Each is screened as it would be now: for the day of its Appointment where it has one.

    Raises:
        Refused: `role`.
    """
    allow(caller, Verb.CHANGE_CLINIC)
    found: list[Changed] = []
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        cases = await packs.open_referrals(conn, caller.tenant)
        for case in cases:
            one = await _changed(conn, deps, caller, case, pack)
            if one is not None:
                found.append(one)
    return PackChange(looked=len(cases), changed=tuple(found))


async def _changed(
    conn: Conn, deps: Deps, caller: Caller, case: Case, pack: Pack
) -> Changed | None:
    today = clinic_day(deps.now(), caller.zone)
    booked = await proposals.living(conn, case)
    planned = days.clinic_day(booked.start, caller.zone) if booked else None
    chart, said = await charts.chart_of(conn, case), await screenings.reviews(conn, case)
    old, new = (Days(case, chart, said, one, today).judged(planned) for one in (deps.pack, pack))
    told, fallen = difference(old.screening, new.screening), _fallen(old, new)
    if told.same and not fallen:
        return None
    return Changed(
        referral=case.id,
        stage=case.stage.value,
        difference=told,
        open_before=old.outcome,
        open_after=new.outcome,
        fallen=fallen,
    )


def _fallen(old: Judged, new: Judged) -> tuple[str, ...]:
    """Name the rules whose finding has a decision now and would have none then."""
    stands = {one.key for one in new.screening.findings}
    held = {one.key for one in old.screening.findings}
    return tuple(
        sorted(
            {
                one.rule
                for one in old.reviews
                if one.finding_key in held and one.finding_key not in stands
            }
        )
    )
