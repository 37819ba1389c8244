"""Conditions of `onlyWhen` and `adjust.when`, told apart by their kind."""

from decimal import Decimal
from typing import Literal, TypeAlias

from fhir_mappings.model.finding import Action
from fhir_mappings.model.member import Answer, Comparator, Member, Reading, RuleId, SetId, Sex


class _Condition(Member, frozen=True, kw_only=True, tag_field="kind"):
    """A condition, told apart by its kind."""


class AllOf(_Condition, frozen=True, kw_only=True, tag="all"):
    """Every part holds."""

    of: tuple["Condition", ...]


class AnyOf(_Condition, frozen=True, kw_only=True, tag="any"):
    """One part holds."""

    of: tuple["Condition", ...]


class NoneOf(_Condition, frozen=True, kw_only=True, tag="not"):
    """No part holds."""

    of: tuple["Condition", ...]


class ElementIs(_Condition, frozen=True, kw_only=True, tag="element"):
    """An element is there, or is not, or has one of the values."""

    on: Literal["entry", "order", "patient"]
    elements: tuple[str, ...]
    exists: bool | None = None
    values: tuple[str, ...] | None = None


class VariantIs(_Condition, frozen=True, kw_only=True, tag="variant"):
    """The order's variant is one of these."""

    values: frozenset[str]


class SexIs(_Condition, frozen=True, kw_only=True, tag="sex"):
    """The patient's administrative sex is one of these; missing is unknown."""

    values: frozenset[Sex]


class HintIs(_Condition, frozen=True, kw_only=True, tag="hint"):
    """The match was read in one of these ways."""

    values: frozenset[Reading]


class OlderThan(_Condition, frozen=True, kw_only=True, tag="olderThan"):
    """The entry's latest possible day lies more than so many days before the planned day."""

    days: int
    resource_types: tuple[str, ...] | None = None


class Words(_Condition, frozen=True, kw_only=True, tag="words"):
    """The pattern is found in the displays and texts of the input's element."""

    pattern: str


class NumberIs(_Condition, frozen=True, kw_only=True, tag="number"):
    """Every number found there meets the comparison, and there is one."""

    pattern: str
    comparator: Comparator
    quantity: Decimal


class OtherClass(_Condition, frozen=True, kw_only=True, tag="otherClass"):
    """The order names exactly one class, the entry only others."""

    classes: tuple[SetId, ...]


class OtherRegion(_Condition, frozen=True, kw_only=True, tag="otherRegion"):
    """Entry and order name regions of the body and share none."""


class NewestValue(_Condition, frozen=True, kw_only=True, tag="newestValue"):
    """The newest readable values meet the comparison and are not older than the entry."""

    value_sets: tuple[SetId, ...]
    within_days: int
    comparator: Comparator
    quantity: Decimal
    unit: str
    not_before: Literal["entry"]
    resource_types: tuple[str, ...] | None = None


class NewerAnswer(_Condition, frozen=True, kw_only=True, tag="newerAnswer"):
    """An Observation dated wholly after the entry gives this answer."""

    value_sets: tuple[SetId, ...]
    answer: Answer


class Fired(_Condition, frozen=True, kw_only=True, tag="fired"):
    """A finding of these rules (None: of any) has one of the actions."""

    rules: tuple[RuleId, ...] | None
    actions: frozenset[Action]
    variant_dependent: bool


Condition: TypeAlias = (
    AllOf
    | AnyOf
    | NoneOf
    | ElementIs
    | VariantIs
    | SexIs
    | HintIs
    | OlderThan
    | Words
    | NumberIs
    | OtherClass
    | OtherRegion
    | NewestValue
    | NewerAnswer
    | Fired
)
