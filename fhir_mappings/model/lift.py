"""What would lift a finding: a datum, a decision, time alone, or a drug that is stopped."""

from datetime import date
from enum import StrEnum
from typing import TypeAlias

import msgspec

from fhir_mappings.model.caller import Role


class Wanted(StrEnum):
    """What kind of datum is wanted."""

    ENTRY = "entry"  # the list is empty: an entry, or the word that there is none
    ELEMENT = "element"  # an element of the order or the patient that is absent
    NAMED = "named"  # something in which one of the sets is named
    CODE = "code"  # a code or words that can be understood
    STATUS = "status"  # whether it is still so
    VALUE = "value"  # a number with a known unit, and its date
    RESULT = "result"  # a new result beside those that are there
    RESOURCE = "resource"  # what a reference names
    BIRTH_DATE = "birth-date"  # the whole birth date
    TEXT = "text"  # the same in fewer words


class _Lift(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """One thing that would lift a finding."""


class Datum(_Lift, frozen=True, kw_only=True, tag="datum"):
    """A datum that is missing or cannot be read; all of a finding's together lift it.

    `reference` names the resource to mend, empty where something is absent. `path` is a FHIRPath
    from the resource type. `sets` are the pack's value sets of which one is wanted, if any;
    `within_days` says how old it may be on the planned day, None: any age.
    """

    reference: str
    path: str
    wanted: Wanted
    sets: tuple[str, ...] = ()
    within_days: int | None = None


class Decision(_Lift, frozen=True, kw_only=True, tag="decision"):
    """A person's word lifts it: who, and whether an approval is enough or a reason is needed."""

    roles: tuple[Role, ...]
    by_approval: bool


class Instead(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that gates on the day named and does not today."""

    rule: str
    title: str


class _Dated(_Lift, frozen=True, kw_only=True):
    """Something that holds from a day on.

    On `first` the finding no longer fires, or (`eased`) asks for less than before; the day
    before it still does. `last` is the last day of that, None: no end within the days looked at.
    `instead` gates on `first` although it does not now.
    """

    first: date
    last: date | None
    eased: bool
    instead: tuple[Instead, ...] = ()


class Time(_Dated, frozen=True, kw_only=True, tag="time"):
    """Time alone does it, while nothing else changes.

    `known` says that it can be told today: a screening of today for that day says so already,
    and a window of that day can be offered. Otherwise only a screening on that day will.
    """

    known: bool


class Stopped(_Dated, frozen=True, kw_only=True, tag="stopped"):
    """It lifts if the drugs of its evidence are last taken on a day.

    `what` are the words of the drugs, `on` the last day of use that is supposed, `told` whether
    the record itself names that day as the end.
    """

    what: tuple[str, ...]
    on: date
    told: bool


Lift: TypeAlias = Datum | Decision | Time | Stopped
