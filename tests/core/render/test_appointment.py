"""A proposal leaves as the Appointment of example 06, and moves on without breaking app-1 to 4."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from fhir_mappings.model.json import Tree, items, text
from fhir_mappings.model.moment import clinic_time
from fhir_mappings.model.proposal import Proposal, ProposalState
from fhir_mappings.model.window import Opening, SlotStatus, Window
from fhir_mappings.render.appointment import Offer, appointment, described, moved
from fhir_mappings.render.slot import slot

EXAMPLE = Path("tests/data/payloads/examples/06-appointment-proposed.json")


def an_offer(replaces: UUID | None = None) -> Offer:
    proposal = Proposal(
        id=UUID("0199a1d3-77aa-7b02-8a01-6b1f0d2c3a01"),
        referral=UUID(int=1),
        hold=UUID(int=2),
        window=UUID("0199a1d3-77aa-7b02-8a01-6b1f0d2c3a02"),
        practitioner="0199a0aa-1111-7222-8333-44445555a001",
        location="0199a0aa-1111-7222-8333-44445555b001",
        start=datetime(2026, 12, 3, 14, 30, tzinfo=UTC),
        end=datetime(2026, 12, 3, 15, 0, tzinfo=UTC),
        round=1,
        state=ProposalState.OPEN,
        expires=datetime(2026, 11, 28, 17, 0, tzinfo=UTC),
        made_at=datetime(2026, 11, 25, 10, 2, tzinfo=UTC),
        replaces=replaces,
    )
    return Offer(
        proposal=proposal,
        zone="America/New_York",
        service="Trigger point injection",
        description="Trigger point injection, left upper trapezius",
        order_rid="0199a1c0-5b1e-7c3a-9f10-3a5f0c7d2e13",
        patient_rid="0199a1c0-5b1e-7c3a-9f10-3a5f0c7d2e11",
    )


def patient_status(tree: Tree) -> str:
    return text(items(tree["participant"])[0], "status")


def test_a_new_proposal_is_the_appointment_of_example_06() -> None:
    example: Tree = json.loads(EXAMPLE.read_text())

    tree = appointment(an_offer())

    assert tree == {name: value for name, value in example.items() if name not in {"id", "meta"}}


def test_a_rebooked_appointment_names_the_one_it_replaces() -> None:
    tree = appointment(an_offer(replaces=UUID(int=9)))

    assert tree["supportingInformation"] == [{"reference": f"Appointment/{UUID(int=9)}"}]


def test_a_booked_appointment_is_held_until_nothing() -> None:
    tree = moved(appointment(an_offer()), ProposalState.ACCEPTED)

    assert tree["status"] == "booked"
    assert "extension" not in tree
    assert tree["comment"] == "09:30 on 3 December 2026, clinic time (America/New_York)."
    assert patient_status(tree) == "accepted"


@pytest.mark.parametrize("state", ProposalState)
def test_a_reason_stands_exactly_in_a_cancelled_appointment(state: ProposalState) -> None:
    stored: Tree = {**appointment(an_offer()), "id": "1", "meta": {"versionId": "1"}}

    tree = moved(stored, state)

    assert ("cancelationReason" in tree) == (tree["status"] == "cancelled")
    assert "id" not in tree
    assert "meta" not in tree


def test_an_appointment_that_lives_again_loses_its_reason() -> None:
    cancelled = moved(appointment(an_offer()), ProposalState.CANCELLED, reason="Mistake")

    tree = moved(cancelled, ProposalState.ACCEPTED)

    assert text(cancelled, "cancelationReason", "text") == "Mistake"
    assert "cancelationReason" not in tree


def test_a_declined_proposal_says_so_for_the_patient() -> None:
    tree = moved(appointment(an_offer()), ProposalState.DECLINED)

    assert patient_status(tree) == "declined"


def test_an_order_is_described_in_its_own_words() -> None:
    order: Tree = {
        "code": {"coding": [{"display": "Injection"}]},
        "bodySite": [{"text": "left shoulder"}, {"coding": [{"display": "neck"}]}],
    }

    assert described(order, "the service") == "Injection, left shoulder, neck"
    assert described({}, "the service") == "the service"


def test_a_slot_says_its_worked_out_status_and_its_local_time() -> None:
    start = datetime(2026, 7, 3, 13, 30, tzinfo=UTC)
    window = Window(
        id=UUID(int=7),
        schedule="s1",
        practitioner="p1",
        location="l1",
        start=start,
        end=datetime(2026, 7, 3, 14, 0, tzinfo=UTC),
        busy_until=datetime(2026, 7, 3, 14, 10, tzinfo=UTC),
        opening=Opening.OPEN,
    )

    tree = slot(window, SlotStatus.HELD, service="The service", zone="America/New_York")

    assert tree["status"] == "busy-tentative"
    assert tree["comment"] == "09:30 on 3 July 2026, clinic time (America/New_York)."
    assert "meta" not in tree


def test_local_words_follow_the_clock_of_the_day() -> None:
    summer = clinic_time(datetime(2026, 7, 1, 12, 0, tzinfo=UTC), "Europe/London")
    winter = clinic_time(datetime(2026, 12, 1, 12, 0, tzinfo=UTC), "Europe/London")

    assert summer.startswith("13:00 on 1 July 2026")
    assert winter.startswith("12:00 on 1 December 2026")
