"""What an EHR could not give is said and never taken for "there is none"."""

import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from fhir_mappings.model.hooks import PREFETCH
from service.clients.desk import Desk, limits
from service.clients.egress import Egress
from service.http.app import make_app
from tests.kit.door import Door
from tests.kit.ehr import (
    Ehr,
    a_call,
    an_ehr,
    as_the_ehr_has_it,
    asked,
    drafts,
    order_of,
    order_sign,
    plain,
    prefetched,
    searchset,
    topics,
    unchecked,
)
from tests.kit.lying_placer import Lie
from tests.kit.referrals import resource_of

Resource = dict[str, Any]

NEXT = {"link": [{"relation": "next", "url": "https://ehr.example/fhir/next"}]}
FAILED = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "timeout"}],
}
WORDS = {
    "patient": "the patient's own record",
    "conditions": "conditions",
    "medications": "prescriptions",
    "statements": "medicines taken",
    "allergies": "allergies",
    "observations": "laboratory values and vital signs",
}
FORMS: dict[str, tuple[Callable[[Resource], Any], str]] = {
    "whole": (lambda whole: whole, ""),
    "null": (lambda _: None, ""),
    "absent": (lambda _: ..., "not given"),
    "an outcome": (lambda _: FAILED, "could not be read"),
    "a text": (lambda _: "123", "could not be read"),
    "a next link": (lambda whole: {**whole, **NEXT}, "only in part"),
    "an outcome among entries": (
        lambda whole: {**whole, "entry": [*whole.get("entry", []), {"resource": FAILED}]},
        "only in part",
    ),
    "fewer than its total": (lambda whole: {**whole, "total": 1_000}, "only in part"),
}
"""How a key of the prefetch may arrive, and what a card then says of it."""


def with_forms(call: Resource, forms: dict[str, str]) -> Resource:
    given = {key: FORMS[forms.get(key, "whole")][0](one) for key, one in call["prefetch"].items()}
    return {**call, "prefetch": {key: one for key, one in given.items() if one is not ...}}


def told(forms: dict[str, str]) -> set[str]:
    """The lines that a card of this call must have."""
    return {f"- {WORDS[key]}: {FORMS[form][1]}" for key, form in forms.items() if FORMS[form][1]}


def lines(words: str) -> set[str]:
    return {one.removesuffix(": there is more") for one in words.split("\n") if one}


@pytest.mark.parametrize(("medications", "statements"), list(itertools.product(FORMS, FORMS)))
async def test_medicines_are_checked_as_far_as_they_arrived(
    shared: Door, medications: str, statements: str
) -> None:
    forms = {"medications": medications, "statements": statements}
    call = with_forms(order_sign(plain("anticoagulated")), forms)

    answer = await asked(shared, call)

    drug = resource_of(plain("anticoagulated"), "MedicationStatement")
    word = drug["medicationCodeableConcept"]["coding"][0]["display"]
    arrived = statements in {
        "whole",
        "a next link",
        "an outcome among entries",
        "fewer than its total",
    }
    assert lines(unchecked(answer)) == told(forms)
    assert (word in answer.text) is arrived
    assert "warning" in topics(answer).values()  # with no medicine at all, that is the finding


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", ["conditions", "allergies", "observations"])
async def test_every_other_key_is_told_alike(shared: Door, key: str, form: str) -> None:
    call = with_forms(order_sign(plain("clean")), {key: form})

    answer = await asked(shared, call)

    assert lines(unchecked(answer)) == told({key: form})


async def test_nothing_given_is_answered_with_what_was_not_checked(shared: Door) -> None:
    order = order_of(as_the_ehr_has_it(plain("clean")))

    answer = await asked(shared, a_call("order-sign", draftOrders=drafts(order)))

    assert answer.status_code == 200
    assert lines(unchecked(answer)) == {f"- {one}: not given" for one in WORDS.values()}


async def test_what_is_no_fhir_is_said_and_read_as_far_as_it_goes(shared: Door) -> None:
    call = order_sign(plain("active-infection"))
    wanted = topics(await asked(shared, call))
    for entry in call["prefetch"]["conditions"]["entry"]:
        entry["resource"]["surprise"] = True

    answer = await asked(shared, call)

    assert "no valid FHIR R4" in unchecked(answer)
    assert wanted.items() <= topics(answer).items()


# ---------------------------------------------------------------- looking up


@asynccontextmanager
async def a_desk(door: Door, ehr: Ehr, *, seconds: float = 5.0) -> AsyncGenerator[Door]:
    """The door, with the placer's server registered and the time of an answer set."""
    await door.world.owner.pool.execute(
        "UPDATE placer SET base = $2, internal = true WHERE id = $1", door.placer, ehr.base
    )
    settings = door.deps.settings.model_copy(update={"cds_seconds": seconds})
    desk = Desk(Egress(limits(settings)))
    deps = replace(door.deps, settings=settings, desk=desk)
    try:
        yield replace(door, deps=deps, app=make_app(deps))
    finally:
        await desk.aclose()


def lent(ehr: Ehr, call: Resource, server: str | None = None) -> Resource:
    """The call, with the EHR's server and a token for it."""
    authorization = {
        "access_token": "lent-for-this-call",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/*.rs",
        "subject": "tpi",
    }
    return {**call, "fhirServer": server or ehr.base, "fhirAuthorization": authorization}


def a_bare_call(name: str) -> Resource:
    order = order_of(as_the_ehr_has_it(plain(name)))
    return a_call("order-sign", draftOrders=drafts(order))


async def test_what_was_not_given_is_looked_up_at_the_registered_server(door: Door) -> None:
    call = a_bare_call("anticoagulated")
    async with an_ehr() as ehr, a_desk(door, ehr) as desk:
        ehr.holds(*as_the_ehr_has_it(plain("anticoagulated")))

        answer = await asked(desk, lent(ehr, call))

    whole = await asked(door, order_sign(plain("anticoagulated")))
    assert unchecked(answer) == ""
    assert topics(answer) == topics(whole)
    assert len(ehr.asked) == len(PREFETCH)
    assert {one.headers["authorization"] for one in ehr.asked} == {"Bearer lent-for-this-call"}


async def test_what_was_given_is_not_looked_up_again(door: Door) -> None:
    forms = {"conditions": "null", "medications": "an outcome", "statements": "a next link"}
    call = with_forms(order_sign(plain("clean")), forms)
    async with an_ehr() as ehr, a_desk(door, ehr) as desk:
        answer = await asked(desk, lent(ehr, call))

    assert ehr.asked == []
    assert lines(unchecked(answer)) == told(forms)


@pytest.mark.parametrize(
    "server",
    [
        "{base}.evil.example",
        "{base}/..",
        "http://user@127.0.0.1/fhir",
        "https://elsewhere.example/fhir",
        "http://169.254.169.254/fhir",
    ],
)
async def test_another_server_than_the_registered_one_is_never_asked(
    door: Door, server: str
) -> None:
    call = a_bare_call("clean")
    async with an_ehr() as ehr, a_desk(door, ehr) as desk:
        answer = await asked(desk, lent(ehr, call, server.format(base=ehr.base)))

    assert ehr.asked == []
    assert lines(unchecked(answer)) == {f"- {one}: not given" for one in WORDS.values()}


async def test_an_order_that_is_not_ours_asks_nobody(door: Door) -> None:
    call = a_bare_call("clean")
    call["context"]["draftOrders"]["entry"][0]["resource"]["code"] = {"text": "Chest film"}
    async with an_ehr() as ehr, a_desk(door, ehr) as desk:
        answer = await asked(desk, lent(ehr, call))

    assert answer.json() == {"cards": []}
    assert ehr.asked == []


@pytest.mark.parametrize("lie", ["hang", "drip", "status", "html", "cut"])
async def test_a_server_that_does_not_answer_leaves_what_is_known(door: Door, lie: str) -> None:
    call = order_sign(plain("active-infection"))
    wanted = topics(await asked(door, call))
    del call["prefetch"]["observations"]
    async with an_ehr() as ehr, a_desk(door, ehr, seconds=0.4) as desk:
        ehr.lies.append(Lie(lie, path="Observation"))

        answer = await asked(desk, lent(ehr, call))

    assert lines(unchecked(answer)) == {f"- {WORDS['observations']}: could not be read"}
    assert wanted.items() <= topics(answer).items()


async def test_without_time_the_clinics_own_records_are_told_as_not_read(door: Door) -> None:
    call = order_sign(plain("active-infection"))
    wanted = topics(await asked(door, call))
    async with an_ehr() as ehr, a_desk(door, ehr, seconds=1e-9) as desk:
        answer = await asked(desk, call)

    assert "what the clinic holds of this patient: not read in time" in unchecked(answer)
    assert wanted.items() <= topics(answer).items()


async def test_without_time_the_first_order_is_screened_and_the_others_are_told(
    door: Door,
) -> None:
    resources = as_the_ehr_has_it(plain("active-infection"))
    order = order_of(resources)
    orders = [{**order, "id": f"o{number}"} for number in range(4)]
    call = a_call("order-sign", prefetch=prefetched(resources), draftOrders=drafts(*orders))
    async with an_ehr() as ehr, a_desk(door, ehr, seconds=1e-9) as desk:
        answer = await asked(desk, call)

    assert "critical" in topics(answer).values()
    assert "- 3 further orders: not screened in time" in unchecked(answer)


async def test_looked_up_data_of_another_patient_are_not_used(door: Door) -> None:
    resources = as_the_ehr_has_it(plain("active-infection"))
    stranger = [
        {**one, "subject": {"reference": "Patient/p2"}} if "subject" in one else one
        for one in resources
        if one["resourceType"] == "Condition"
    ]
    call = order_sign(plain("clean"))
    call["prefetch"]["conditions"] = searchset(*stranger)

    answer = await asked(door, call)

    assert "critical" not in topics(answer).values()
    assert "warning" in topics(answer).values()  # named as unread, not passed over


async def test_the_prefetch_is_the_same_as_looking_up(door: Door) -> None:
    resources = as_the_ehr_has_it(plain("anticoagulated"))
    given = await asked(
        door,
        a_call(
            "order-sign",
            prefetch=prefetched(resources),
            draftOrders=drafts(order_of(resources)),
        ),
    )
    async with an_ehr() as ehr, a_desk(door, ehr) as desk:
        ehr.holds(*resources)
        looked_up = await asked(desk, lent(ehr, a_bare_call("anticoagulated")))

    assert [one["detail"] for one in looked_up.json()["cards"]] == [
        one["detail"] for one in given.json()["cards"]
    ]
