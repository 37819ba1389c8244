"""Screen a referral as its patient's data stand now, and move it by what is open.

The one way that new data, another day, an arrival or a person's decision reaches the stage.
"""

from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID

import msgspec

from fhir_mappings.decide.stages import advance, screened
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event, Stage
from service.store import alarms, days, proposals, referrals, screenings
from service.store.pool import Conn
from service.store.screenings import Judged

_GATED = frozenset({Stage.IN_REVIEW, Stage.CONTRAINDICATED, Stage.ASKED, Stage.DEFERRED})


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """What every judgement needs: the pack, the clinic's zone, the moment, and ids."""

    pack: Pack
    zone: str
    at: datetime
    new_id: Callable[[], UUID]

    @property
    def day(self) -> date:
        """Return the day of screening, in the clinic's zone."""
        return days.clinic_day(self.at, self.zone)


async def judge(conn: Conn, case: Case, bench: Bench) -> Judged:
    """Screen the chart, store the screening and its DetectedIssues; decisions that stand count.

    A booked referral is screened for the day of its Appointment, another for the day that the
    order wishes, else for today.
    """
    booked = await proposals.living(conn, case)
    planned = days.clinic_day(booked.start, bench.zone) if booked else None
    found = await days.of_case(conn, case, bench.pack, today=bench.day)
    screening = await found.told(planned)
    alarms.rules_failed(screening, case.id)
    return await screenings.record(
        conn,
        case,
        screening,
        inputs=found.inputs(planned),
        at=bench.at,
        new_id=bench.new_id(),
    )


async def settle(
    conn: Conn, case: Case, judged: Judged, bench: Bench, *, event: Event | None = None
) -> Case:
    """Move a referral by what a screening left open, or by an event that goes on by screening.

    Raises:
        Refused: `stage` or `too-late` where the stage does not admit `event`.
    """
    living = await proposals.standing(conn, case)
    stage = advance(case.stage, event or screened(judged.outcome), judged.standing(living))
    if stage in _GATED:
        await proposals.withdraw_open(conn, case, at=bench.at)
    return await referrals.move(conn, case, stage, at=bench.at, outcome=judged.screening.outcome)
