"""Values: in one unit, compared in decimals, the newest readable one first.

Source: rules.md of the content pack, Members (`value`, `quantities`), Time, filter `final`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from operator import ge, gt, le, lt
from types import MappingProxyType
from typing import Final

import msgspec

from fhir_mappings.decide.rules.dates import within
from fhir_mappings.decide.rules.scene import Hit, Scene
from fhir_mappings.model.content import QuantityForm
from fhir_mappings.model.fact import Entry, Value
from fhir_mappings.model.member import Comparator

_COMPARE: Final[Mapping[Comparator, Callable[[Decimal, Decimal], bool]]] = MappingProxyType(
    {"<": lt, "<=": le, ">": gt, ">=": ge}
)


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A readable, dated value in the unit of its set."""

    entry: Entry
    hit: Hit
    value: Value
    number: Decimal
    comparator: str
    day: date
    instant: datetime | None


def compare(number: Decimal, comparator: Comparator, limit: Decimal) -> bool:
    """Compare two numbers."""
    return _COMPARE[comparator](number, limit)


def numbers(found: Iterable[str]) -> tuple[Decimal, ...]:
    """Read numbers found in words."""
    return tuple(Decimal(one) for one in found)


def in_unit(form: QuantityForm, value: Value) -> Decimal | None:
    """Return the value in the form's unit, None with an unknown unit or outside its range."""
    if value.number is None:
        return None
    unit = _plain(value.unit_code or value.unit)
    if not unit and not form.unit_optional:
        return None
    for accepted in form.accepts:
        if unit in accepted.units:
            number = (
                value.number - accepted.minus
            ) * accepted.times / accepted.over + accepted.plus
            return number if _in_range(form, number) else None
    return None


def _plain(unit: str) -> str:
    return unit.strip().lower().replace("\u00b5", "u").replace("\u03bc", "u")


def _in_range(form: QuantityForm, number: Decimal) -> bool:
    return form.range is None or form.range[0] <= number <= form.range[1]


def settled(comparator: str, number: Decimal, test: Comparator, limit: Decimal) -> bool | None:
    """Compare a value that may carry a comparator; None when it leaves the answer open.

    A value "> 4.5" lies above every number up to 4.5, a value "< 20" below every one from 20.
    """
    if comparator not in _COMPARE:
        return compare(number, test, limit) if not comparator else None
    above = comparator in {">", ">="}
    edge = compare(number, test, limit)
    beyond = test in {">", ">="} if above else test in {"<", "<="}
    strict = comparator in {">", "<"}
    if beyond:  # everything further out passes too, once the edge does
        reached = edge or (strict and number == limit)
        return True if reached else None
    fails = not edge or (strict and number == limit)
    return False if fails else None


def readable(scene: Scene, names: Iterable[str], value: Value) -> Decimal | None:
    """Return the number when unit and range are known and no limit of the sets is left open."""
    for name in names:
        form = scene.content.quantities.get(name)
        number = in_unit(form, value) if form else None
        if number is None:
            continue
        limits = scene.plan.limits.get(name, ())
        answers = (
            settled(value.comparator, number, one.comparator, one.quantity) for one in limits
        )
        if all(one is not None for one in answers):
            return number
    return None


def newest(held: Iterable[Measured]) -> tuple[Measured, ...]:
    """Return the values of the newest day: the latest of them if all have a time, else all."""
    found = list(held)
    last = max((one.day for one in found), default=None)
    same = [one for one in found if one.day == last]
    times = [one.instant for one in same if one.instant is not None]
    if len(times) < len(same):
        return tuple(same)
    return tuple(one for one in same if one.instant == max(times))


def measured(
    scene: Scene, found: Iterable[tuple[Entry, Hit]], within_days: int | None
) -> Iterator[Measured]:
    """Yield the readable, dated values inside a window."""
    for entry, hit in found:
        value, dated = hit.said.value, entry.dated
        if value is None or dated is None or not within(scene, dated.days.last, within_days):
            continue
        number = readable(scene, sorted(hit.sets), value)
        if number is not None:
            yield Measured(
                entry=entry,
                hit=hit,
                value=value,
                number=number,
                comparator=value.comparator,
                day=dated.days.last,
                instant=dated.instant,
            )


def meets(found: Measured, test: Comparator, limit: Decimal) -> bool:
    """Say whether a readable value certainly passes a comparison."""
    return settled(found.comparator, found.number, test, limit) is True
