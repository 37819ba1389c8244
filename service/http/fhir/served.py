"""THE table of serving (PROTOCOL §9): which types, which interactions, for whom.

Routes and CapabilityStatement are made from these rows; an interaction whose flow does not exist
yet is left out of the row, so that nothing is promised that is not done.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec


class Interaction(StrEnum):
    """What can be done with a type, in the words of CapabilityStatement."""

    READ = "read"
    VREAD = "vread"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    HISTORY = "history-instance"
    CREATE = "create"
    SEARCH = "search-type"


class SystemInteraction(StrEnum):
    """What can be done with the base itself."""

    TRANSACTION = "transaction"
    BATCH = "batch"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One type: what a placer may do with it, and what staff may write."""

    placer: frozenset[Interaction]
    staff: frozenset[Interaction] = frozenset()
    conditional: bool = False
    versioned_update: bool = False

    @property
    def interactions(self) -> frozenset[Interaction]:
        """Return everything that any caller may ask for."""
        return self.placer | self.staff


_I = Interaction
_LETTERS: Final[Mapping[str, frozenset[Interaction]]] = MappingProxyType(
    {
        "r": frozenset({_I.READ, _I.VREAD}),
        "h": frozenset({_I.HISTORY}),
        "s": frozenset({_I.SEARCH}),
        "c": frozenset({_I.CREATE}),
        "u": frozenset({_I.UPDATE}),
        "p": frozenset({_I.PATCH}),
        "d": frozenset({_I.DELETE}),
    }
)


def _row(placer: str, staff: str = "", *, versioned_update: bool = False) -> Row:
    """Read the letters of PROTOCOL §9; `x` is conditional create and update.

    All roles of staff but the operator read, search and see the history of every type.
    """
    return Row(
        placer=_offered(placer),
        staff=_offered(staff) | _STAFF_READS,
        conditional="x" in placer + staff,
        versioned_update=versioned_update,
    )


_READ_AND_SEARCH: Final = frozenset({_I.READ, _I.SEARCH})


def _offered(letters: str) -> frozenset[Interaction]:
    return frozenset(one for letter in letters if letter != "x" for one in _LETTERS[letter])


_STAFF_READS: Final = _LETTERS["r"] | _LETTERS["h"] | _LETTERS["s"]

PEOPLE_AND_PLACES: Final = (
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
)
CLINICAL: Final = (
    "Condition",
    "Observation",
    "DiagnosticReport",
    "AllergyIntolerance",
    "Medication",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationDispense",
    "Immunization",
    "FamilyMemberHistory",
    "Flag",
    "List",
    "Device",
    "QuestionnaireResponse",
    "DocumentReference",
    "Composition",
    "Communication",
)
RECORDED: Final = ("Procedure", "MedicationAdministration")

SERVED: Final[Mapping[str, Row]] = MappingProxyType(
    {
        **dict.fromkeys(PEOPLE_AND_PLACES, _row("rhscux", "cu")),
        "Patient": _row("rhscux"),
        **dict.fromkeys(CLINICAL, _row("rhscuxd")),
        **dict.fromkeys(RECORDED, _row("rhscuxd", "c")),
        "ServiceRequest": _row("rhscux"),
        "Task": _row("rhscup", versioned_update=True),
        "Appointment": _row("rhsup", "up", versioned_update=True),
        "AppointmentResponse": _row("rhsc", "c"),
        "DetectedIssue": _row("rhs"),
        **dict.fromkeys(("HealthcareService", "Schedule"), _row("rs", "cu")),
        # its status is worked out at each read: no version, so no vread and no history
        "Slot": Row(
            placer=_READ_AND_SEARCH,
            staff=_READ_AND_SEARCH | {_I.CREATE, _I.UPDATE, _I.DELETE},
        ),
        "Provenance": _row("rs"),
    }
)

INSIDE_ONLY: Final = frozenset({"Bundle", "Parameters", "MessageHeader", "OperationOutcome"})
"""Types that are carried and never stored by themselves."""

SYSTEM: Final = (SystemInteraction.TRANSACTION, SystemInteraction.BATCH)
"""What the base itself takes."""
