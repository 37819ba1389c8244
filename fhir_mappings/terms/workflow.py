"""Task status and business status of a referral's stage, and our Task outputs.

Sources: PROTOCOL §3.2 (status by phase) and §10 (further codings of COW and BSeR).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Status(NamedTuple):
    """Task.status of one stage in each phase, and its business status.

    `never`: not accepted yet; `accepted`: cleared once; `booked`: booked once.
    `cow` and `bser` are further codings of the same meaning, empty where there is none.
    """

    never: str
    accepted: str
    booked: str
    business: str
    display: str
    cow: str = ""
    bser: str = ""


BY_STAGE: Final[Mapping[str, Status]] = MappingProxyType(
    {
        "received": Status(
            "received", "received", "received", "awaiting-data", "Awaiting data", "", "2.0"
        ),
        "in-review": Status("received", "on-hold", "on-hold", "in-review", "In review", "", "2.0"),
        "contraindicated": Status(
            "received", "on-hold", "on-hold", "contraindicated", "Contraindicated", "", "2.0"
        ),
        "asked": Status(
            "received",
            "on-hold",
            "on-hold",
            "information-requested",
            "Information requested",
            "awaiting-information",
            "2.0",
        ),
        "deferred": Status("received", "on-hold", "on-hold", "deferred", "Deferred", "", "2.0"),
        "cleared": Status("accepted", "accepted", "in-progress", "cleared", "Cleared", "", "3.0"),
        "proposed": Status(
            "accepted", "accepted", "in-progress", "proposed", "Times proposed", "", "3.0"
        ),
        "booked": Status(
            "in-progress",
            "in-progress",
            "in-progress",
            "booked",
            "Booked",
            "visit-scheduled",
            "5.1.1",
        ),
        "arrived": Status("in-progress", "in-progress", "in-progress", "arrived", "Arrived"),
        "no-show": Status(
            "in-progress", "in-progress", "in-progress", "no-show", "Did not come", "", "5.1.2"
        ),
        "performed": Status(
            "in-progress",
            "in-progress",
            "in-progress",
            "performed",
            "Performed",
            "visit-complete",
            "5.1.4",
        ),
        "written-back": Status(
            "completed", "completed", "completed", "written-back", "Written back", "", "7.0"
        ),
        "closed": Status("completed", "completed", "completed", "closed", "Closed", "", "7.0"),
        "declined": Status("rejected", "rejected", "failed", "declined", "Declined", "", "4.0"),
        "withdrawn": Status(
            "cancelled", "cancelled", "cancelled", "withdrawn", "Withdrawn", "", "6.0"
        ),
        "expired": Status("rejected", "failed", "failed", "expired", "Expired"),
        "not-performed": Status(
            "failed", "failed", "failed", "not-performed", "Not performed", "", "6.0"
        ),
        "void": Status("entered-in-error", "entered-in-error", "entered-in-error", "", ""),
    }
)

PARTLY_PERFORMED: Final = "partly-performed"
"""Business status of a performed visit whose Procedure was stopped."""

OUTPUT_SCREENING: Final = "screening-outcome"
OUTPUT_FINDING: Final = "finding"
OUTPUT_QUESTION: Final = "question"
OUTPUT_PROPOSAL: Final = "proposal"
OUTPUT_APPOINTMENT: Final = "appointment"
OUTPUT_PROCEDURE: Final = "procedure"
OUTPUT_PROOF: Final = "delivery-proof"
