"""A proposed window as an Appointment, and the same Appointment as it moves on.

Source: PROTOCOL §6 "Proposal"; ex 06; FHIR R4 appointment.html (app-1 to app-4).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.moment import clinic_time
from fhir_mappings.model.proposal import Proposal, ProposalState
from fhir_mappings.render.checked import checked
from fhir_mappings.render.clock import instant_text, until_words
from fhir_mappings.terms.systems import EXT_HOLD_EXPIRES, PARTICIPATION, SID_PROPOSAL

_HELD: Final = " Held until "

STATUS: Final[Mapping[ProposalState, str]] = MappingProxyType(
    {
        ProposalState.OPEN: "proposed",
        ProposalState.ACCEPTED: "booked",
        ProposalState.ARRIVED: "arrived",
        ProposalState.NO_SHOW: "noshow",
        ProposalState.FULFILLED: "fulfilled",
        ProposalState.DECLINED: "cancelled",
        ProposalState.COUNTERED: "cancelled",
        ProposalState.WITHDRAWN: "cancelled",
        ProposalState.EXPIRED: "cancelled",
        ProposalState.CANCELLED: "cancelled",
    }
)
"""Appointment.status of each state of its proposal."""

_WHY: Final[Mapping[ProposalState, str]] = MappingProxyType(
    {
        ProposalState.DECLINED: "Declined by the patient's side",
        ProposalState.COUNTERED: "Another time was asked for",
        ProposalState.WITHDRAWN: "No longer offered by the clinic",
        ProposalState.EXPIRED: "Not answered in time",
        ProposalState.CANCELLED: "Cancelled",
    }
)

_PATIENT: Final[Mapping[ProposalState, str]] = MappingProxyType(
    {
        ProposalState.OPEN: "needs-action",
        ProposalState.DECLINED: "declined",
        ProposalState.COUNTERED: "tentative",
        ProposalState.WITHDRAWN: "needs-action",
        ProposalState.EXPIRED: "needs-action",
        ProposalState.CANCELLED: "declined",
    }
)


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What an Appointment says beside its proposal.

    `service` is the service in words, `description` what is to be done as the order says it;
    `order_rid` and `patient_rid` are ids in the placer's space.
    """

    proposal: Proposal
    zone: str
    service: str
    description: str
    order_rid: str
    patient_rid: str


def appointment(offer: Offer) -> Tree:
    """Build the Appointment of a new proposal, status proposed; it has no id and no meta."""
    proposal = offer.proposal
    minutes = int((proposal.end - proposal.start).total_seconds()) // 60
    tree: Tree = {
        "resourceType": "Appointment",
        "extension": [
            {"url": EXT_HOLD_EXPIRES, "valueInstant": instant_text(proposal.expires)},
        ],
        "identifier": [{"system": SID_PROPOSAL, "value": str(proposal.id)}],
        "status": STATUS[ProposalState.OPEN],
        "serviceType": [{"text": offer.service}],
        "description": offer.description,
    }
    if proposal.replaces:
        tree["supportingInformation"] = [{"reference": f"Appointment/{proposal.replaces}"}]
    tree |= {
        "start": instant_text(proposal.start),
        "end": instant_text(proposal.end),
        "minutesDuration": minutes,
        "slot": [{"reference": f"Slot/{proposal.window}"}],
        "created": instant_text(proposal.made_at),
        "comment": _comment(offer),
        "basedOn": [{"reference": f"ServiceRequest/{offer.order_rid}"}],
        "participant": _participants(offer),
    }
    return checked(tree)


def moved(standing: Tree, state: ProposalState, *, reason: str = "") -> Tree:
    """Return the Appointment as its proposal moves on; `reason` replaces the usual words.

    A reason stands only in a cancelled one (app-4; the code `noshow` is not what it tests).
    """
    tree = {
        name: value
        for name, value in standing.items()
        if name not in {"id", "meta", "cancelationReason"}
    }
    tree["status"] = STATUS[state]
    if state is not ProposalState.OPEN:
        tree = _unheld(tree)
    if STATUS[state] == "cancelled":
        tree["cancelationReason"] = {"text": reason or _WHY[state]}
    tree["participant"] = [_moved_participant(one, state) for one in items(tree["participant"])]
    return checked(tree)


def described(order: Tree, service: str) -> str:
    """Say what an order asks for, in its own words: the procedure (else the service) and where."""
    what = _concept(order.get("code")) or service
    where = [words for one in items(order.get("bodySite")) if (words := _concept(one))]
    return ", ".join([what, *where])


def _concept(concept: Json) -> str:
    said = [text(one, "display") for one in items(members(concept).get("coding"))]
    return text(concept, "text") or next((one for one in said if one), "")


def _unheld(tree: Tree) -> Tree:
    kept = [one for one in items(tree.get("extension")) if text(one, "url") != EXT_HOLD_EXPIRES]
    tree = {name: value for name, value in tree.items() if name != "extension"}
    if kept:
        tree["extension"] = kept
    tree["comment"] = text(tree, "comment").partition(_HELD)[0]
    return tree


def _comment(offer: Offer) -> str:
    said = clinic_time(offer.proposal.start, offer.zone)
    return f"{said}.{_HELD}{until_words(offer.proposal.expires, offer.zone)}."


def _participants(offer: Offer) -> list[Json]:
    return [
        {
            "type": [_type("SBJ", "subject")],
            "actor": {"reference": f"Patient/{offer.patient_rid}"},
            "required": "required",
            "status": _PATIENT[ProposalState.OPEN],
        },
        {
            "type": [_type("PPRF", "primary performer")],
            "actor": {"reference": f"Practitioner/{offer.proposal.practitioner}"},
            "required": "required",
            "status": "accepted",
        },
        {
            "actor": {"reference": f"Location/{offer.proposal.location}"},
            "required": "required",
            "status": "accepted",
        },
    ]


def _type(code: str, display: str) -> Json:
    return {"coding": [{"system": PARTICIPATION, "code": code, "display": display}]}


def _moved_participant(participant: Json, state: ProposalState) -> Json:
    if not text(participant, "actor", "reference").startswith("Patient/"):
        return participant
    return members(participant) | {"status": _PATIENT.get(state, "accepted")}
