"""One visit as a clinician recorded it, and how it is carried to the placer's server."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from fhir_mappings.model.json import Identity, Tree


class VisitState(StrEnum):
    """What came of a visit; the database's CHECK on `visit` holds the same words."""

    PERFORMED = "performed"
    PARTLY = "partly"
    NOT_PERFORMED = "not-performed"
    TRY_AGAIN = "try-again"
    RETRACTED = "retracted"


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """The lot of one dose and the last day on which it may be used.

    `last_day` is the end of the interval that a partial date can mean ("2027-05" is good until
    31 May), None where no expiry was recorded.
    """

    number: str
    last_day: date | None


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded visit, read from its Procedure and MedicationAdministrations.

    `id` is the recorder's own visit id, None where the service is to make it. Ids are those of
    the placer's space; `performers` and `locations` those of the clinic's. `start` and `end` are
    aware; both None only where nothing was done. `doses` stand in the order they were sent;
    `places` are the FHIRPaths of the Procedure and of each dose in what was sent.
    """

    id: UUID | None
    state: VisitState
    order_rid: str
    patient_rid: str
    appointment_rid: str
    start: datetime | None
    end: datetime | None
    performers: tuple[str, ...]
    locations: tuple[str, ...]
    lots: tuple[Lot, ...]
    procedure: Tree
    doses: tuple[Tree, ...]
    places: tuple[str, ...]


class There(msgspec.Struct, frozen=True, kw_only=True):
    """How a placer's server knows what a visit refers to.

    `subject` is a relative reference there. `order` is one too, or empty: then the order is
    named by `order_identifier` (system, value) alone. `named` leads from our own references to
    what stands in for them: identifier and display, never an address of ours (HAPI refuses
    foreign addresses).
    """

    subject: str
    order: str
    order_identifier: tuple[str, str]
    named: dict[str, Tree]


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of the placer as our space holds it, to be found at its own server.

    `address` is where its message said that it stands there, empty where it did not say;
    `systems` are the identifier systems that the placer registered for its type.
    """

    identity: Identity
    tree: Tree
    address: str
    systems: tuple[str, ...]
