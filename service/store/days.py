"""One referral screened for the days of windows: each day once, nothing stored.

Source: DECISIONS 29: every offered window is screened for its own day before it is held, booking
screens again. A wash-out of three days makes the fourth day another answer than the second.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from fhir_mappings.decide.clearing import with_lifts
from fhir_mappings.decide.course import Stretch, course_of
from fhir_mappings.decide.review import open_findings
from fhir_mappings.model.chart import Chart
from fhir_mappings.model.finding import Finding, Screening
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
        self._chart = chart
        self._said = said
        self._course = course_of(
            facts.read(chart, pack), pack, day=today, variant=case.variant or None
        )

    def judged(self, day: date | None) -> Judged:
        """Screen for a clinic day, with the decisions that stand; None: the order's own day."""
        return screenings.judged(self._course.screening(day), self._said)

    async def told(self, day: date | None) -> Screening:
        """Return the screening for that day as it is kept: with what would lift its findings."""
        return await charts.work_on(
            self._chart, lambda: with_lifts(self._course, self._course.screening(day))
        )

    def clear(self, day: date) -> bool:
        """Tell whether nothing waits for a decision on that day."""
        return not self.judged(day).open

    def clear_from(self, first: date) -> date | None:
        """Return the first clinic day from `first` on with nothing open, None in the year ahead.

        Nothing is open for it today, nor will be on the day itself if no data come.
        """
        stretches = self._course.stretches(first)
        return next((one.first for one in stretches if not self._open(one)), None)

    def inputs(self, day: date | None) -> bytes:
        """Return the digest of what the screening for that day was made from."""
        made = self.judged(day).screening
        return charts.inputs(self._chart, variant=made.variant, planned=made.planned, day=made.day)

    def problem(self, window: UUID, day: date) -> Problem:
        """Say why a window is not offered: the rules that its day leaves open."""
        told = _told(day, self.judged(day).open)
        return Problem(Code.FINDING_OPEN, context=f"Slot/{window}, {told}")

    def not_before(self, first: date) -> Iterator[Problem]:
        """Say why no window is offered on `first`, and from which later day on one can be."""
        gated = self._open(next(self._course.stretches(first)))
        if not gated:
            return
        yield Problem(Code.FINDING_OPEN, context=_told(first, gated))
        ready = self.clear_from(first)
        if ready:
            yield Problem(Code.CLEAR_FROM, context=f"{ready}")

    def _open(self, stretch: Stretch) -> tuple[Finding, ...]:
        now = open_findings(stretch.now, self._said)
        return now if stretch.then is stretch.now else now + open_findings(stretch.then, self._said)


def _told(day: date, gated: Iterable[Finding]) -> str:
    return f"{day}: {', '.join(sorted({one.rule for one in gated}))}"


def clinic_day(at: datetime, zone: str) -> date:
    """Return the day by the clinic's calendar."""
    return at.astimezone(ZoneInfo(zone)).date()


async def of_case(conn: Conn, case: Case, pack: Pack, *, today: date) -> Days:
    """Read what a referral is judged by; its patient's data must be locked to rely on it later."""
    chart = await charts.chart_of(conn, case)
    said = await screenings.reviews(conn, case)
    return await charts.work_on(chart, lambda: Days(case, chart, said, pack, today))
