"""What every part of a pack's rule object is built from: strict members and closed words.

The structs mirror the rule object member for member and refuse any other, so a member that the
interpreter does not know can never be skipped. What each member means stands in the pack's own
page of rules; here stands only its form.
"""

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

SetId: TypeAlias = str


RuleId: TypeAlias = str


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A part of the rule object: unknown members are refused."""


class State(StrEnum):
    """Where an entry stands between use and past."""

    CURRENT = "current"
    IN_WASHOUT = "inWashout"
    ENDED = "ended"
    UNKNOWN = "unknown"


class Reading(StrEnum):
    """How a text speaks of what was matched in it."""

    POSITIVE = "positive"
    UNCERTAIN = "uncertain"
    STOPPED = "stopped"
    PAST = "past"
    FAMILY = "family"
    ALLERGY = "allergy"
    FUTURE = "future"
    NEGATED = "negated"


class FactKind(StrEnum):
    """What a carrier can tell of."""

    CONDITION = "condition"
    MEDICATION = "medication"
    ALLERGY = "allergy"


class ListName(StrEnum):
    """The lists that a referral should bring."""

    MEDICATIONS = "medications"
    PROBLEMS = "problems"
    ALLERGIES = "allergies"


Comparator: TypeAlias = Literal["<", "<=", ">", ">="]


Answer: TypeAlias = Literal["positive", "negative"]


Sex: TypeAlias = Literal["female", "male", "other", "unknown"]
