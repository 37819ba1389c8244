"""Quantities, durations and ages (FHIR R4 Quantity, Duration, Age; UCUM units of time)."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from math import ceil
from types import MappingProxyType
from typing import Final

import msgspec

from fhir_mappings.model.fact import Value
from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.when import Dated, Days, later
from fhir_mappings.parse.concepts import Naming, words

_MONTHS: Final = 12
_MAGNITUDE: Final = 15
"""The power of ten up to which a number is one that somebody measured."""

_DAYS_OF: Final[Mapping[str, Decimal]] = MappingProxyType(
    {
        "s": Decimal(1) / 86400,
        "min": Decimal(1) / 1440,
        "h": Decimal(1) / 24,
        "d": Decimal(1),
        "wk": Decimal(7),
        "mo": Decimal(31),
        "a": Decimal(366),
    }
)
"""Days of a UCUM unit of time, rounded up where the calendar decides: a supply lasts at most."""

_SPELLED: Final[Mapping[str, str]] = MappingProxyType(
    {"day": "d", "week": "wk", "month": "mo", "year": "a", "hour": "h", "minute": "min"}
)


def number(value: Json) -> Decimal | None:
    """Return a JSON number as a decimal, None for anything else.

    A boolean is no number, nor is what nobody measures: not finite, or of absurd magnitude.
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        return None
    held = Decimal(value)
    return held if held.is_finite() and held.adjusted() <= _MAGNITUDE else None


def time_unit(quantity: Json) -> str:
    """Return the UCUM unit of time of a quantity, days where none is told."""
    unit = (text(quantity, "code") or text(quantity, "unit") or "d").strip()
    return _SPELLED.get(unit.lower().removesuffix("s"), unit)


def days_of(duration: Json) -> int | None:
    """Return the whole days that a Duration or a supply in days lasts at most."""
    amount = number(members(duration).get("value"))
    factor = _DAYS_OF.get(time_unit(duration))
    return ceil(amount * factor) if amount is not None and factor is not None else None


def at_age(age: Json, born: Days | None) -> Dated | None:
    """Return the days on which somebody born on these days had this Age."""
    amount = number(members(age).get("value"))
    unit = time_unit(age)
    if amount is None or born is None or unit not in _DAYS_OF:
        return None
    return Dated(
        days=Days(
            first=_grown(born.first, int(amount), unit),
            last=later(_grown(born.last, int(amount) + 1, unit), -1),
        ),
        words=f"{amount} {unit}",
    )


def _grown(born: date, amount: int, unit: str) -> date:
    if unit not in {"a", "mo"}:
        return later(born, ceil(amount * _DAYS_OF[unit]))
    months = born.year * _MONTHS + born.month - 1 + amount * (_MONTHS if unit == "a" else 1)
    try:
        return date(months // _MONTHS, months % _MONTHS + 1, born.day)
    except (ValueError, OverflowError):  # 29 February, or beyond the calendar
        return _first_after(months)


def _first_after(months: int) -> date:
    """Return the first day of the month after, or the end of the calendar on that side."""
    try:
        return date((months + 1) // _MONTHS, (months + 1) % _MONTHS + 1, 1)
    except (ValueError, OverflowError):
        return date.max if months > 0 else date.min


def value_of(tree: Tree, path: str, naming: Naming) -> Value | None:
    """Read `value[x]` of an Observation or component, and its interpretation where no code is.

    None where it has neither. An interpretation alone is a value that no rule can compare.
    """
    element = next((name for name in tree if name.startswith("value")), None)
    judged = _interpreted(tree, path, naming)
    if element is None:
        return judged
    value = _value(element, tree[element], f"{path}.value", naming)
    if judged is None or value.codings:
        return value
    return msgspec.structs.replace(value, codings=judged.codings)


def _interpreted(tree: Tree, path: str, naming: Naming) -> Value | None:
    """Read what the laboratory made of a result: high, low, positive, negative."""
    held = items(tree.get("interpretation"))
    codings = tuple(coding for one in held for coding in naming.codings(one))
    told = tuple(word for one in held for word in words(one))
    if not codings and not told:
        return None
    shown = next(iter(told), next((one.display or one.code for one in codings), ""))
    return Value(path=f"{path}.interpretation", shown=shown, codings=codings, words=told)


def _value(element: str, held: Json, path: str, naming: Naming) -> Value:
    match element:
        case "valueQuantity":
            return _quantity(held, path)
        case "valueInteger":
            return Value(path=path, shown=str(held), number=number(held))
        case "valueBoolean":
            return Value(path=path, shown=str(held).lower(), flag=held is True)
        case "valueCodeableConcept":
            return _coded(held, path, naming)
        case _:
            told = held if isinstance(held, str) else ""
            return Value(path=path, shown=told, words=(told,) if told else ())


def _quantity(held: Json, path: str) -> Value:
    amount = number(members(held).get("value"))
    comparator, unit = text(held, "comparator"), text(held, "unit")
    code = text(held, "code")
    return Value(
        path=path,
        shown=f"{comparator}{'' if amount is None else amount} {unit or code}".strip(),
        number=amount,
        comparator=comparator,
        unit_code=code,
        unit=unit,
    )


def _coded(held: Json, path: str, naming: Naming) -> Value:
    codings = naming.codings(held)
    told = words(held) + tuple(one.display for one in codings if one.display)
    return Value(
        path=path,
        shown=next(iter(told), next((one.code for one in codings), "")),
        codings=codings,
        words=told,
    )


def repeats(dispense_request: Json) -> int:
    """Return how often a prescription may be dispensed in all."""
    allowed = number(members(dispense_request).get("numberOfRepeatsAllowed"))
    return 1 + int(allowed or 0)
