"""The chart of a referral: every living resource of its patient in the placer's space.

Source: DECISIONS 5 (a screening reads all of it, not only the message).
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from datetime import date
from typing import Final, TypeVar

from fhir_mappings.model.chart import Chart, chart
from fhir_mappings.model.json import Held, Identity
from fhir_mappings.model.referral import Case
from fhir_mappings.problems import Code, Problem, Refused
from service.store import resources
from service.store.pool import Conn

_OURS: Final = frozenset(
    {"Task", "DetectedIssue", "Appointment", "AppointmentResponse", "Provenance", "AuditEvent"}
)
"""Types that carry the work on a referral, not facts about the patient."""


LARGE: Final = 100
"""Entries beyond which judging a chart leaves the event loop to others: 10 ms, at worst 1 s."""

T = TypeVar("T")


async def work_on(chart: Chart, work: Callable[[], T]) -> T:
    """Judge a chart, a large one in a thread: whoever asks for little is answered meanwhile."""
    return await asyncio.to_thread(work) if len(chart.entries) > LARGE else work()


async def chart_of(conn: Conn, case: Case) -> Chart:
    """Read the chart of a referral.

    Raises:
        Refused: `not-found` where the order itself is gone.
    """
    stored = await resources.of_patient(conn, case.tenant, case.placer_id, case.patient_rid)
    return assemble(
        [one.held for one in stored if one.identity.rtype not in _OURS],
        order=Identity(rtype="ServiceRequest", rid=case.order_rid),
        patient_rid=case.patient_rid,
    )


def assemble(held: Iterable[Held], *, order: Identity, patient_rid: str) -> Chart:
    """Sort resources into order, patient and the rest; other orders are not facts of this one.

    Raises:
        Refused: `not-found` where the order is not among them.
    """
    by_identity = {one.identity: one for one in held if one.identity.rtype not in _OURS}
    patient = Identity(rtype="Patient", rid=patient_rid)
    if order not in by_identity:
        raise Refused(Problem(Code.NOT_FOUND, context=order.rtype))
    return chart(
        by_identity[order],
        by_identity.get(patient),
        tuple(
            one
            for identity, one in by_identity.items()
            if identity != patient and identity.rtype != "ServiceRequest"
        ),
    )


def inputs(chart: Chart, *, variant: str, planned: date, day: date) -> bytes:
    """Return the digest of what a screening was made from (DECISIONS 29)."""
    held = [chart.order, *([chart.patient] if chart.patient else []), *chart.entries]
    said = sorted(f"{one.identity}/{one.version}" for one in held)
    return hashlib.sha256("\x1f".join([*said, variant, f"{planned}", f"{day}"]).encode()).digest()
