"""What would a screening say of this Bundle, and why? Nothing is stored, no database is asked."""

from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.decide.clearing import screen_with_lifts
from fhir_mappings.decide.pack_diff import Difference, difference
from fhir_mappings.decide.screening import Verdict, explain, screen
from fhir_mappings.model.chart import Chart
from fhir_mappings.model.finding import Screening
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.placer import Placer, Systems, Tells
from fhir_mappings.parse import facts, guard, referral, taking
from fhir_mappings.parse.bundle import entries
from fhir_mappings.parse.identities import Known
from fhir_mappings.parse.resource import judge_bundle
from fhir_mappings.parse.shape import Shape
from fhir_mappings.problems import refuse_any
from fhir_mappings.terms.r4_names import RESOURCE_TYPES
from service.store import charts

_NOBODY: Final = Placer(
    id=UUID(int=0),
    tenant=UUID(int=0),
    name="",
    client="",
    base="",
    internal=False,
    keeps=(),
    tells=Tells.POLL,
    systems=Systems(),
    token_file="",
    rate=0,
    active=True,
)


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """The screening of a Bundle alone, and what became of every rule."""

    screening: Screening
    verdicts: tuple[Verdict, ...]


def explained(
    body: bytes,
    pack: Pack,
    shape: Shape,
    *,
    day: date,
    planned: date | None = None,
    variant: str | None = None,
) -> Explained:
    """Screen one referral as it stands in its Bundle: its first order.

    `day` is the day of the screening, `planned` that of the injection; see `decide.screening`.

    Raises:
        Refused: every fault for which the door would refuse the Bundle.
    """
    known = facts.read(_chart(body, shape), pack)
    return Explained(
        screening=screen_with_lifts(known, pack, day=day, planned=planned, variant=variant),
        verdicts=explain(known, pack, day=day, planned=planned, variant=variant),
    )


def compared(body: bytes, before: Pack, after: Pack, shape: Shape, *, day: date) -> Difference:
    """Say what another pack makes of one referral, screened on this day for the order's own.

    Raises:
        Refused: every fault for which the door would refuse the Bundle.
    """
    chart = _chart(body, shape)
    old, new = (
        screen(facts.read(chart, pack), pack, day=day, planned=None, variant=None)
        for pack in (before, after)
    )
    return difference(old, new)


def _chart(body: bytes, shape: Shape) -> Chart:
    """Read a referral as its Bundle brings it: its first order, and all that comes with it."""
    tree = guard.read(body)
    refuse_any(judge_bundle(tree, shape))
    found = entries(tree, guard.slices(body), types=RESOURCE_TYPES)
    numbers = iter(range(1, len(found) + 1))
    read = taking.read(
        found,
        referral.orders(found)[0],
        Known(met={}, persons={}),
        _NOBODY,
        base="",
        new_rid=lambda: str(next(numbers)),
        standing={},
    )
    held = [read.held(entry, 1) for entry in read.entries]
    return charts.assemble(held, order=read.order, patient_rid=read.patient.rid)
