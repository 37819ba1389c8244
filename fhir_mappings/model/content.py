"""The rule object of a pack: tables that hold for every rule, and the rules."""

from decimal import Decimal
from typing import Literal

import msgspec

from fhir_mappings.model.finding import Action
from fhir_mappings.model.member import FactKind, ListName, Member, Reading, SetId, State
from fhir_mappings.model.rule import Rule


class Limits(Member, frozen=True, kw_only=True):
    """How much text is read: of one text, and of all texts of a referral, in bytes of UTF-8."""

    text: str
    text_bytes: int
    referral_text_bytes: int


class StatusFilter(Member, frozen=True, kw_only=True):
    """Which states match, and which are asked about instead."""

    text: str
    keeps: frozenset[State]
    asks_for: frozenset[State]
    free_text_past: bool


class MissingStatus(Member, frozen=True, kw_only=True):
    """What a missing status means for rules of these actions without a date in the days before."""

    actions: frozenset[Action]
    within_days: int
    state: State


class EntryState(Member, frozen=True, kw_only=True):
    """How to tell the state of an entry of these types."""

    resource_types: tuple[str, ...]
    element: Literal["clinicalStatus", "status"]
    current: frozenset[str]
    ended: frozenset[str]
    ended_by: Literal["abatement", "endOfUse"] | None
    past_words: State
    missing_status: MissingStatus | None
    dispense_days: int | None

    def ends(self, status: frozenset[str]) -> bool:
        """Say whether a status ends an entry: one of several codings that is current keeps it."""
        return not status.isdisjoint(self.ended) and status.isdisjoint(self.current)


class Excluded(Member, frozen=True, kw_only=True):
    """Entries that are never read."""

    text: str
    resource_types: tuple[str, ...] | None
    element: str
    values: tuple[str | bool, ...]


class Downgrade(Member, frozen=True, kw_only=True):
    """Evidence too weak for the strongest action."""

    text: str
    weakened: Action = msgspec.field(name="from")
    to: Action
    verification_status: frozenset[str]
    observation_status: frozenset[str]
    text_evidence: bool


class Washout(Member, frozen=True, kw_only=True):
    """How long a drug group acts after its last use, and how long a prescription may last."""

    days: int
    note: str
    source: str
    signoff: str
    sets: tuple[SetId, ...]
    names: str | None
    default: bool
    supply_days: int


class ListCodes(Member, frozen=True, kw_only=True):
    """Codes of List resources by what they list."""

    medications: frozenset[str]
    problems: frozenset[str]
    allergies: frozenset[str]

    def of(self, name: ListName) -> frozenset[str]:
        """Return the codes of this list."""
        match name:
            case ListName.MEDICATIONS:
                return self.medications
            case ListName.PROBLEMS:
                return self.problems
            case ListName.ALLERGIES:
                return self.allergies


class ExplicitNone(Member, frozen=True, kw_only=True):
    """What says that a list is empty: codes as `system|code`, words, codes of List resources."""

    allergies: tuple[str, ...]
    medications: tuple[str, ...]
    problems: tuple[str, ...]
    partial: tuple[str, ...]
    no_information: tuple[str, ...]
    text: tuple[str, ...]
    empty_reasons: frozenset[str]
    list_codes: ListCodes

    def of(self, name: ListName) -> tuple[str, ...]:
        """Return the codes that say this list is empty."""
        match name:
            case ListName.MEDICATIONS:
                return self.medications
            case ListName.PROBLEMS:
                return self.problems
            case ListName.ALLERGIES:
                return self.allergies


class CarrierRow(Member, frozen=True, kw_only=True):
    """A place beside the inputs where the same fact may stand."""

    resource_types: tuple[str, ...]
    element: str
    facts: frozenset[FactKind]
    free_text: bool
    states: frozenset[State] | None


class Carriers(Member, frozen=True, kw_only=True):
    """All such places."""

    text: str
    rows: tuple[CarrierRow, ...]


class FreeText(Member, frozen=True, kw_only=True):
    """The most that a text at a carrier can do."""

    text: str
    max_action: Action


class Hints(Member, frozen=True, kw_only=True):
    """Which readings count, and which of several in one text counts first."""

    text: str
    counts: frozenset[Reading]
    order: tuple[Reading, ...]
    as_positive: frozenset[Reading]
    allergy_carriers: frozenset[Reading]


class Answers(Member, frozen=True, kw_only=True):
    """Codes and words of yes and no."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]
    negative_text: tuple[str, ...]
    positive_text: tuple[str, ...]


class Accepted(Member, frozen=True, kw_only=True):
    """Units and how they become the set's unit: (value - minus) x times / over + plus."""

    units: frozenset[str]
    minus: Decimal
    times: Decimal
    over: Decimal
    plus: Decimal


class QuantityForm(Member, frozen=True, kw_only=True):
    """In which unit values of a set are compared, and what is no value."""

    unit: str
    unit_optional: bool
    range: tuple[Decimal, Decimal] | None
    accepts: tuple[Accepted, ...]


class VariantName(Member, frozen=True, kw_only=True):
    """A variant and the sets whose naming makes it."""

    variant: str
    names: tuple[SetId, ...]


class VariantForm(Member, frozen=True, kw_only=True):
    """How the variant is read from the order."""

    elements: tuple[str, ...]
    hints: frozenset[Reading]
    first: tuple[VariantName, ...]


class SiteForm(Member, frozen=True, kw_only=True):
    """How the site is read from the order."""

    element: str
    hints: frozenset[Reading]
    understood_sets: tuple[SetId, ...]
    settling_sets: tuple[SetId, ...]


class OrderForm(Member, frozen=True, kw_only=True):
    """How the order is read."""

    text: str
    services: tuple[SetId, ...]
    variant: VariantForm
    site: SiteForm


class Content(Member, frozen=True, kw_only=True):
    """The rule object: everything that acts, beside the sets and the patterns."""

    schema_version: Literal["2.0"]
    content_version: str
    clinically_reviewed: bool
    limits: Limits
    status_filters: dict[str, StatusFilter]
    entry_states: tuple[EntryState, ...]
    always_excluded: tuple[Excluded, ...]
    downgrade: Downgrade
    washouts: dict[str, Washout]
    system_aliases: dict[str, str]
    complete_systems: dict[str, str]
    prefix_systems: tuple[str, ...]
    known_systems: dict[str, str]
    explicit_none: ExplicitNone
    includes: dict[SetId, tuple[SetId, ...]]
    carriers: Carriers
    free_text: FreeText
    hints: Hints
    answers: Answers
    quantities: dict[SetId, QuantityForm]
    order: OrderForm
    sources: dict[str, str]
    rules: tuple[Rule, ...]
