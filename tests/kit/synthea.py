"""Whole charts as referrals: a Synthea patient with an order of ours put to it.

Synthea's Bundles are transactions of 61 to 111 entries that name practitioners and hospitals of
two further Bundles by `urn:uuid`; a referral has them along, as a placer would send it.
"""

import json
from typing import Any

from tests.kit.corpus import public

Bundle = dict[str, Any]
ORDER = "urn:uuid:7d1e8a54-4a9e-4a0e-8a5a-9c1d00000001"


def patients() -> dict[str, Bundle]:
    """Each Synthea patient's transaction by the name of its file."""
    found = {one.file: json.loads(one.body) for one in public() if one.file.startswith("synthea/")}
    return {name: bundle for name, bundle in found.items() if _of(bundle, "Patient")}


def referral(bundle: Bundle, number: str) -> Bundle:
    """The same chart with an order for its patient; what Synthea keeps elsewhere comes along."""
    (patient,) = _of(bundle, "Patient")
    order = {
        "resourceType": "ServiceRequest",
        "identifier": [{"system": "https://ehr.northside.example/order", "value": number}],
        "status": "active",
        "intent": "order",
        "code": {"text": "Trigger point injection"},
        "subject": {"reference": patient["fullUrl"]},
        "bodySite": [{"text": "Left upper trapezius"}],
    }
    here = {one["fullUrl"] for one in bundle["entry"]}
    neighbours = [one for one in _elsewhere() if one["fullUrl"] not in here]
    entries = [
        *_named(neighbours, bundle),
        *bundle["entry"],
        {
            "fullUrl": ORDER,
            "resource": order,
            "request": {"method": "POST", "url": "ServiceRequest"},
        },
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _elsewhere() -> list[Bundle]:
    """The entries of the Bundles of hospitals and practitioners."""
    found = [json.loads(one.body) for one in public() if one.file.startswith("synthea/")]
    return [entry for bundle in found if not _of(bundle, "Patient") for entry in bundle["entry"]]


def _named(neighbours: list[Bundle], bundle: Bundle) -> list[Bundle]:
    text = json.dumps(bundle)
    return [one for one in neighbours if one["fullUrl"] in text]


def _of(bundle: Bundle, rtype: str) -> list[Bundle]:
    return [one for one in bundle["entry"] if one["resource"]["resourceType"] == rtype]
