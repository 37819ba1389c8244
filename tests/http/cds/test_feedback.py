"""What clinicians did with our cards is kept once and told rule by rule."""

import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from service.reads.feedback import feedback
from tests.kit.canary import CANARY
from tests.kit.door import Door
from tests.kit.ehr import JSON, asked, cards_of, order_sign, plain

Resource = dict[str, Any]

AT = "2026-11-23T12:05:31Z"
OURS = "https://tpi-intake.example/fhir/CodeSystem/override-reason"
UNKNOWN = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
SUGGESTION = "e56e1945-20b3-4393-8503-a1a20fd73152"


async def told(
    door: Door, *said: Resource, who: str = "placer", service: str = "tpi-order-sign"
) -> httpx2.Response:
    async with door.client(who) as client:
        return await client.post(
            f"/cds-services/{service}/feedback",
            content=json.dumps({"feedback": list(said)}),
            headers=JSON,
        )


def overridden(card: str, *, code: str = "", system: str = OURS, at: str = AT) -> Resource:
    reason = {"overrideReason": {"reason": {"code": code, "system": system}}} if code else {}
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": at, **reason}


async def shown(door: Door) -> dict[str, str]:
    """The cards of an order with an infection: what each is about, and its uuid."""
    found = cards_of(await asked(door, order_sign(plain("active-infection"))))
    return {one["source"].get("topic", {}).get("code", "notes"): one["uuid"] for one in found}


async def figures(door: Door) -> dict[str, tuple[int, int, int, dict[str, int]]]:
    since = door.world.clock.at - timedelta(days=1)
    found = await feedback(door.world.owner, door.world.service, since=since)
    return {one.rule: (one.shown, one.accepted, one.overridden, one.reasons) for one in found}


async def test_reactions_are_counted_for_each_rule(door: Door) -> None:
    first, second = await shown(door), await shown(door)
    rule = next(one for one in first if one not in {"notes", "not-checked"})

    answers = [
        await told(door, overridden(first[rule], code="treated"), overridden(first["notes"])),
        await told(door, overridden(second[rule], code="d7ecf885", system="https://ehr.example")),
    ]

    assert [(one.status_code, one.json()) for one in answers] == [(200, {}), (200, {})]
    found = await figures(door)
    assert found[rule] == (2, 0, 2, {"own": 1, "treated": 1})
    assert {one[:3] for name, one in found.items() if name not in first} == {(2, 0, 1)}


async def test_the_examples_of_the_specification_are_taken(door: Door) -> None:
    cards = await shown(door)
    rule = next(iter(cards))
    accepted = {
        "card": cards[rule],
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": SUGGESTION}],
        "outcomeTimestamp": "2021-12-11T10:05:31Z",
    }
    with_words = {
        "card": cards[rule],
        "outcome": "overridden",
        "overrideReason": {
            "reason": {"code": "d7ecf885", "system": "https://example.com/override-reason-system"},
            "userComment": f"A comment entered by the clinician about {CANARY}.",
        },
        "outcomeTimestamp": "2020-12-11T00:00:00Z",
    }

    answers = [
        await told(door, accepted),
        await told(door, overridden(cards[rule], at="2020-12-11T00:00:00Z")),
        await told(door, with_words),
    ]

    kept = await door.world.owner.pool.fetch("SELECT f::text AS row FROM cds_feedback f")
    assert {one.status_code for one in answers} == {200}
    assert (await figures(door))[rule][:3] == (1, 1, 1)
    assert not any(CANARY in row["row"] for row in kept)


async def test_the_same_reaction_again_counts_once(door: Door) -> None:
    cards = await shown(door)
    rule = next(iter(cards))

    for _ in range(3):
        answer = await told(door, overridden(cards[rule], code="other"))
        assert answer.status_code == 200

    assert (await figures(door))[rule] == (1, 0, 1, {"other": 1})


async def test_a_card_that_was_not_shown_there_is_named_and_harms_no_other(door: Door) -> None:
    cards = await shown(door)
    rule = next(iter(cards))

    answer = await told(door, overridden(UNKNOWN), overridden(cards[rule]), overridden("no uuid"))
    of_another = await told(door, overridden(cards[rule]), who="other")
    of_another_service = await told(door, overridden(cards[rule]), service="tpi-order-select")

    places = [one["expression"] for one in answer.json()["issue"]]
    assert answer.status_code == 200
    assert places == [["feedback[0].card"], ["feedback[2].card"]]
    assert of_another.json()["issue"][0]["expression"] == ["feedback[0].card"]
    assert of_another_service.json()["issue"][0]["expression"] == ["feedback[0].card"]
    assert (await figures(door))[rule][:3] == (1, 0, 1)


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, {"feedback": "required"}),
        ({"feedback": {}}, {"feedback": "value-type"}),
        (
            {"feedback": [{"outcome": "ignored", "outcomeTimestamp": "yesterday"}]},
            {
                "feedback[0].card": "required",
                "feedback[0].outcome": "value-format",
                "feedback[0].outcomeTimestamp": "not-a-date",
            },
        ),
        (
            {"feedback": [{"card": UNKNOWN}, "nothing"]},
            {
                "feedback[0].outcome": "required",
                "feedback[0].outcomeTimestamp": "required",
                "feedback[1].card": "required",
                "feedback[1].outcome": "required",
                "feedback[1].outcomeTimestamp": "required",
            },
        ),
    ],
)
async def test_feedback_without_its_form_is_refused_with_every_fault(
    shared: Door, body: Resource, places: dict[str, str]
) -> None:
    async with shared.client("placer") as client:
        answer = await client.post(
            "/cds-services/tpi-order-sign/feedback", content=json.dumps(body), headers=JSON
        )

    assert answer.status_code == 400
    assert {
        one["expression"][0]: one["details"]["coding"][0]["code"] for one in answer.json()["issue"]
    } == places


async def test_figures_are_for_those_who_answer_for_the_rules(shared: Door) -> None:
    tenant_of = shared.world.service
    client = shared.world.client(shared.placer)

    assert await feedback(shared.world.owner, tenant_of, since=shared.world.clock.at) == []
    with pytest.raises(Exception, match="role"):
        await feedback(shared.deps, client, since=shared.world.clock.at)
