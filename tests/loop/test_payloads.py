"""The stories' payloads: their days move together, and a remade referral says the same."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from fhir_mappings.model.json import Tree, encode
from service.loop.days import WRITTEN_FOR, moved
from service.loop.look import each, resources, said
from service.loop.payloads import payload
from service.loop.steps import remade
from service.reads.explain import explained
from tests.kit.clinic import the_pack, the_shape

TODAY = date(2027, 3, 1)
REFERRALS = (
    "clean-referral",
    "anticoagulated-referral",
    "active-infection-referral",
    "unreadable-medication-referral",
)


def a_bundle() -> Tree:
    return payload("clean-referral", TODAY, {"mrn": "MRN-1", "order": "ORD-1", "family": "One"})


@pytest.mark.parametrize(
    ("written", "later"),
    [
        ("2026-11-20", "2026-11-30"),
        ("2026-11-25", "2026-12-05"),
        ("2026-12-30T23:30:00-05:00", "2027-01-09T23:30:00-05:00"),
        ("2026-03", "2026-03"),
        ("ORD-2026-11-20", "ORD-2026-11-20"),
        ("Paracetamol since 2026-11-20", "Paracetamol since 2026-11-20"),
        ("09:30:00", "09:30:00"),
    ],
)
def test_a_date_moves_and_nothing_else_does(written: str, later: str) -> None:
    assert moved({"at": [written]}, 10) == {"at": [later]}


def test_on_the_day_that_they_are_written_for_nothing_moves() -> None:
    text = (Path("service/loop/payloads") / "clinic.json").read_text()

    assert payload("clinic", WRITTEN_FOR) == json.loads(text)


@pytest.mark.parametrize("name", REFERRALS)
def test_every_name_of_a_payload_is_filled_in(name: str) -> None:
    bundle = payload(name, TODAY, {"mrn": "MRN-1", "order": "ORD-1", "family": "One"})

    assert "{mrn}" not in str(bundle)
    assert "{order}" not in str(bundle)
    assert "{family}" not in str(bundle)


def test_a_remade_referral_has_other_urns_and_another_order() -> None:
    bundle = a_bundle()

    again = remade(bundle)

    first = [said(entry, "fullUrl") for entry in each(bundle, "entry")]
    second = [said(entry, "fullUrl") for entry in each(again, "entry")]
    assert not set(first) & set(second)
    assert [said(one, "resourceType") for one in resources(again)] == [
        said(one, "resourceType") for one in reversed(resources(bundle))
    ]


def test_a_remade_referral_keeps_what_its_references_lead_to() -> None:
    again = remade(a_bundle())

    urns = {
        said(entry, "fullUrl"): said(entry, "resource", "resourceType")
        for entry in each(again, "entry")
    }
    order = next(one for one in resources(again) if said(one, "resourceType") == "ServiceRequest")
    assert urns[said(order, "subject", "reference")] == "Patient"
    assert urns[said(order, "requester", "reference")] == "PractitionerRole"


@pytest.mark.parametrize("weeks", [0, 1, 5, 14, 27, 53, 110])
@pytest.mark.parametrize(
    ("name", "outcome"), list(zip(REFERRALS, ("clear", "review", "block", "review"), strict=True))
)
def test_a_referral_is_judged_alike_on_whatever_day_it_is_told(
    name: str, outcome: str, weeks: int
) -> None:
    today = WRITTEN_FOR + timedelta(weeks=weeks, days=weeks % 7)
    body = encode(payload(name, today, {"mrn": "MRN-1", "order": "ORD-1", "family": "One"}))

    said_today = explained(body, the_pack(), the_shape(), day=today)
    said_for_later = explained(
        body, the_pack(), the_shape(), day=today, planned=today + timedelta(days=30)
    )

    assert said_today.screening.outcome == outcome
    assert said_for_later.screening.outcome == outcome
