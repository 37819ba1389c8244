"""One rule of a pack, with what it looks at and what it says."""

from decimal import Decimal
from typing import Literal

from fhir_mappings.model.check import Check
from fhir_mappings.model.condition import Condition
from fhir_mappings.model.finding import Action, FindingKind
from fhir_mappings.model.member import (
    Answer,
    Comparator,
    FactKind,
    Member,
    Reading,
    RuleId,
    SetId,
    Sex,
)


class ValueIs(Member, frozen=True, kw_only=True):
    """The comparison of an input, in the unit of the set's quantity form, or years of age."""

    comparator: Comparator
    quantity: Decimal
    unit: str


class Lifelong(Member, frozen=True, kw_only=True):
    """Sets whose ended entries count as current, but for these clinical statuses."""

    value_sets: tuple[SetId, ...]
    ended_by: frozenset[str]


class Adjust(Member, frozen=True, kw_only=True):
    """What a condition makes of a match: a lower action, or another rule with this action."""

    when: Condition
    action: Literal["none", "info", "review"]
    rule: RuleId | None


class Input(Member, frozen=True, kw_only=True):
    """What a rule looks at."""

    resource_types: tuple[str, ...]
    element: str
    value_sets: frozenset[SetId]
    text: bool
    status: str
    within_days: int | None
    older_than_days: int | None = None
    needs_date: bool = False
    min_count: int | None = None
    value: ValueIs | None = None
    value_means: Answer | None = None
    means_sets: frozenset[SetId] = frozenset()
    washout: str | None = None
    criticality: str | None = None
    hints: frozenset[Reading] | None = None
    lifelong: Lifelong | None = None
    carriers: FactKind | None = None
    free_text: bool = False
    check: Check | None = None
    only_when: Condition | None = None
    action: Action | None = None
    adjust: tuple[Adjust, ...] = ()


class AppliesWhen(Member, frozen=True, kw_only=True):
    """For which orders and patients a rule is evaluated; ages at the planned day, in years."""

    variants: frozenset[str]
    site_value_sets: tuple[SetId, ...]
    not_site_value_sets: tuple[SetId, ...]
    preconditions: tuple[Input, ...]
    sex: frozenset[Sex]
    age_min_years: int | None
    age_max_years: int | None
    only_when: Condition | None


class GivesWay(Member, frozen=True, kw_only=True):
    """Evidence that one of these rules has too is dropped."""

    rules: tuple[RuleId, ...]
    within: Literal["place", "entry"]


class Threshold(Member, frozen=True, kw_only=True):
    """A number of a rule, where it acts (JSON pointers) and where it comes from."""

    what: str
    value: Decimal | None
    unit: str
    value_sets: tuple[SetId, ...]
    at: tuple[str, ...]
    origin: str


class Message(Member, frozen=True, kw_only=True):
    """The words of a finding for each reader."""

    scheduler: str
    referrer: str


class Rule(Member, frozen=True, kw_only=True):
    """One rule of the pack."""

    id: RuleId
    title: str
    action: Action
    kind: FindingKind
    category: str
    applies_when: AppliesWhen
    match: Literal["any", "all", "none", "firstWithoutRest"]
    inputs: tuple[Input, ...]
    gives_way_to: tuple[GivesWay, ...]
    thresholds: tuple[Threshold, ...]
    does_not_fire: str
    message: Message
    rationale: str
    sources: tuple[str, ...]
    signoff: str
    note: str | None
