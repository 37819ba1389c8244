"""What an EHR asks at the moment of ordering, and what it says of our cards (CDS Hooks 2.0)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.model.finding import Screening
from fhir_mappings.model.json import Held, Identity
from fhir_mappings.model.stage import Stage


class Hook(StrEnum):
    """The moments we are called at; each has one service, whose id is `tpi-` and its name."""

    ORDER_SELECT = "order-select"
    ORDER_SIGN = "order-sign"
    APPOINTMENT_BOOK = "appointment-book"
    PATIENT_VIEW = "patient-view"

    @property
    def service(self) -> str:
        """Return the id of its service."""
        return f"tpi-{self.value}"


PREFETCH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "patient": "Patient",
        "conditions": "Condition",
        "medications": "MedicationRequest",
        "statements": "MedicationStatement",
        "allergies": "AllergyIntolerance",
        "observations": "Observation",
    }
)
"""The keys of our prefetch and the type that each asks for."""


class Given(StrEnum):
    """How much of a prefetch key arrived.

    `NONE` is null: the EHR looked and has none. `FAILED` is an OperationOutcome, or nothing that
    can be read; `PART` has a further page, a warning beside it, or fewer entries than its total.
    """

    ABSENT = "absent"
    NONE = "none"
    FAILED = "failed"
    PART = "part"
    WHOLE = "whole"


class HookCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a hook.

    References inside `held` are relative to the EHR and its patient is `Patient/{patient}`.
    `orders` are the drafts to be judged: selected ones, or all that are signed; `strangers` those
    among them that name another patient. `visits` are the
    appointments to be judged, each as an order for what it books. `given` has every key of
    `PREFETCH`. `server` and `token` are what the EHR lends for looking up more, empty for none.
    """

    hook: Hook
    patient: str
    held: tuple[Held, ...]
    orders: tuple[Identity, ...]
    strangers: frozenset[Identity]
    visits: tuple["Visit", ...]
    given: Mapping[str, Given]
    server: str
    token: str


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """An appointment that is being booked.

    `order` is what it books in the words of the appointment itself; `based_on` are ids of orders
    that it names; `start` is None where no time is chosen yet.
    """

    order: Held
    based_on: tuple[str, ...]
    start: datetime | None


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """One order with its screening."""

    order: Identity
    screening: Screening


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """An open referral of the patient whose stage changed lately."""

    stage: Stage
    since: datetime


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say; all empty where nothing concerns us.

    `unjudged` counts further orders of ours for which there was no time. `gaps` are the keys of
    `PREFETCH` that were not, or not wholly, read. `invalid` counts resources that are not FHIR R4.
    `here` is false where what stands in our own records could not
    be read in time.
    """

    judged: tuple[Judged, ...] = ()
    unjudged: int = 0
    gaps: Mapping[str, Given] = {}
    invalid: int = 0
    here: bool = True
    moved: tuple[Moved, ...] = ()


class Reaction(StrEnum):
    """What a clinician did with a card."""

    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"


OWN_REASON: Final = "own"
"""A reason that the EHR offers beside ours."""


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """One reaction to a card, which is an id of ours or of nobody.

    `reason` is a code of our override reasons, `OWN_REASON`, or empty. A clinician's comment is
    not kept: it may name the patient.
    """

    card: UUID
    reaction: Reaction
    reason: str
    at: datetime
