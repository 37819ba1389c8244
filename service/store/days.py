"""One referral screened for the days of windows: each day once, nothing stored.

Source: DECISIONS 29: every offered window is screened for its own day before it is held, booking
screens again. A wash-out of three days makes the fourth day another answer than the second.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from fhir_mappings.decide.screening import screen
from fhir_mappings.model.chart import Chart
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.referral import Case
from fhir_mappings.model.review import Review
from fhir_mappings.parse import facts
from fhir_mappings.problems import Code, Problem
from service.store import charts, screenings
from service.store.pool import Conn
from service.store.screenings import Judged


class Days:
    """What stands against an injection of one referral on this day or that."""

    def __init__(
        self, case: Case, chart: Chart, said: Sequence[Review], pack: Pack, today: date
    ) -> None:
        self._case = case
        self._chart = chart
        self._said = said
        self._pack = pack
        self._today = today
        self._facts = facts.read(chart, pack)
        self._known: dict[date | None, Judged] = {}

    def judged(self, day: date | None) -> Judged:
        """Screen for a clinic day, with the decisions that stand; None: the order's own day."""
        if day not in self._known:
            screening = screen(
                self._facts,
                self._pack,
                day=self._today,
                planned=day,
                variant=self._case.variant or None,
            )
            self._known[day] = screenings.judged(screening, self._said)
        return self._known[day]

    def clear(self, day: date) -> bool:
        """Tell whether nothing waits for a decision on that day."""
        return not self.judged(day).open

    def inputs(self, day: date | None) -> bytes:
        """Return the digest of what the screening for that day was made from."""
        made = self.judged(day).screening
        return charts.inputs(self._chart, variant=made.variant, planned=made.planned, day=made.day)

    def problem(self, window: UUID, day: date) -> Problem:
        """Say why a window is not offered: the rules that its day leaves open."""
        rules = sorted({one.rule for one in self.judged(day).open})
        return Problem(Code.FINDING_OPEN, context=f"Slot/{window}, {day}: {', '.join(rules)}")


def clinic_day(at: datetime, zone: str) -> date:
    """Return the day by the clinic's calendar."""
    return at.astimezone(ZoneInfo(zone)).date()


async def of_case(conn: Conn, case: Case, pack: Pack, *, today: date) -> Days:
    """Read what a referral is judged by; its patient's data must be locked to rely on it later."""
    chart = await charts.chart_of(conn, case)
    return Days(case, chart, await screenings.reviews(conn, case), pack, today)
