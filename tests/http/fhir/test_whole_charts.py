"""A whole chart comes as one referral: taken whole, judged, again a repeat, served as it came."""

import json
from typing import Any

import pytest

from tests.kit.door import JSON, Door
from tests.kit.synthea import patients, referral

CHARTS = patients()


def order_of(answer: dict[str, Any]) -> dict[str, Any]:
    (found,) = [one["response"] for one in answer["entry"] if "outcome" in one["response"]]
    return found


@pytest.mark.parametrize("name", CHARTS)
async def test_a_synthea_chart_is_taken_whole_and_screened(door: Door, name: str) -> None:
    body = json.dumps(referral(CHARTS[name], "S-1")).encode()

    async with door.client("placer", **JSON) as client:
        first = await client.post("/fhir", content=body)
        again = await client.post("/fhir", content=body)

    assert first.status_code == 200, first.text
    assert all(
        one["response"]["status"].startswith(("200", "201")) for one in first.json()["entry"]
    )
    said = json.dumps(order_of(first.json())["outcome"])
    assert "Outcome review" in said  # no chart says "no known allergies"
    assert '"repeated"' in json.dumps(order_of(again.json())["outcome"])
    assert [one["response"]["location"] for one in again.json()["entry"]] == [
        one["response"]["location"] for one in first.json()["entry"]
    ]
