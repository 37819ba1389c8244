"""Bundles that HAPI's validator refused once: what it found stays found."""

import json
from typing import Any

from fhir_mappings.model.json import Identity
from fhir_mappings.render.batch_response import Part, batch_response
from fhir_mappings.render.outcome import notice, outcome
from fhir_mappings.render.searchset import searchset

BASE = "http://clinic.example/fhir"


def test_a_version_carried_twice_has_its_full_url_once() -> None:
    read = Part(
        status=200,
        identity=Identity(rtype="Condition", rid="c"),
        version=1,
        text='{"resourceType":"Condition","id":"c","meta":{"versionId":"1"}}',
    )

    entries: list[dict[str, Any]] = json.loads(
        batch_response("batch-response", [read, read], base=BASE)
    )["entry"]

    assert [one.get("fullUrl") for one in entries] == [f"{BASE}/Condition/c", None]
    assert {one["response"]["location"] for one in entries} == {"Condition/c/_history/1"}


def test_what_a_search_says_beside_its_matches_has_a_full_url_too() -> None:
    said = outcome([notice("dropped", "onset-age is not known and was left out.")])

    page = json.loads(searchset([], total=0, links=[], outcome=said))

    assert page["entry"][0]["fullUrl"].startswith("urn:uuid:")
    assert page["entry"][0]["search"] == {"mode": "outcome"}
