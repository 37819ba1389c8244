"""Charts that others made, each with a clean order of ours: what fires there is not our doing.

Synthea's patients are whole Bundles; those of US Core and SDOH Clinical Care are the examples of
one folder that name the same Patient. A list that a chart has none of is said to be empty, since
the question is what is said of the entries that there are.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fhir_mappings.model.chart import Chart
from tests.kit.charts import Resource, a_chart
from tests.kit.corpus import public

Held = dict[str, Any]
ORDER: Held = {
    "resourceType": "ServiceRequest",
    "id": "order",
    "status": "active",
    "intent": "order",
    "code": {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "20552"}]},
    "reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "M79.18"}]}],
    "bodySite": [{"text": "Left upper trapezius"}],
    "orderDetail": [{"text": "lidocaine 1 %"}],
    "note": [{"text": "Physiotherapy for eight weeks."}],
}
ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
NONE_KNOWN = {
    "AllergyIntolerance": ("code", "no-known-allergies"),
    "MedicationStatement": ("medicationCodeableConcept", "no-known-medications"),
    "Condition": ("code", "no-known-problems"),
}
SHARED = {"Medication", "Device", "Location"}
"""Neighbours that may name no patient themselves."""


def real_charts() -> Iterator[tuple[str, Chart]]:
    """Each patient's chart by a name."""
    for name, resources in (*_bundles(), *_folders()):
        yield name, with_an_order(resources)


def with_an_order(resources: list[Held]) -> Chart:
    """The chart of the one patient among these, who has a clean order of ours and none beside."""
    (patient,) = (one for one in resources if one["resourceType"] == "Patient")
    subject = {"reference": f"Patient/{patient['id']}"}
    entries = [
        one for one in resources if one is not patient and one["resourceType"] != "ServiceRequest"
    ]
    return a_chart({**ORDER, "subject": subject}, patient, [*entries, *_none(entries)])


def _none(entries: list[Held]) -> Iterator[Resource]:
    types = {one["resourceType"] for one in entries}
    types |= {"MedicationStatement"} if "MedicationRequest" in types else set()
    for rtype, (element, code) in NONE_KNOWN.items():
        if rtype not in types:
            concept = {"coding": [{"system": ABSENT, "code": code}]}
            yield {"resourceType": rtype, "id": f"none-{rtype}", element: concept}


def _bundles() -> Iterator[tuple[str, list[Held]]]:
    for one in public():
        if one.file.startswith("synthea/") and _patient(json.loads(one.body)):
            yield one.file, of_synthea(one.body.decode())


def of_synthea(text: str) -> list[Held]:
    """The resources of a Bundle, each under an id of its place, references by type and id."""
    for index, entry in enumerate(json.loads(text)["entry"]):
        text = text.replace(entry["fullUrl"], f"{entry['resource']['resourceType']}/e{index}")
    entries = json.loads(text, parse_float=Decimal)["entry"]
    return [{**each["resource"], "id": f"e{n}"} for n, each in enumerate(entries)]


def _patient(bundle: Held) -> bool:
    return any(one["resource"]["resourceType"] == "Patient" for one in bundle["entry"])


def _folders() -> Iterator[tuple[str, list[Held]]]:
    folders: dict[str, list[Held]] = defaultdict(list)
    for one in public():
        if one.file.startswith(("us-core", "sdoh-cc")):
            resource = json.loads(one.body, parse_float=Decimal)
            if "id" in resource and resource["resourceType"] != "Bundle":
                folders[one.file.rpartition("/")[0]].append(resource)
    for folder, held in sorted(folders.items()):
        shared = [one for one in held if one["resourceType"] in SHARED and not _about(one)]
        for patient in (one for one in held if one["resourceType"] == "Patient"):
            mine = [one for one in held if _about(one) == f"Patient/{patient['id']}"]
            if mine:
                yield f"{folder}/{patient['id']}", [patient, *mine, *shared]


def _about(resource: Held) -> str:
    reference: Held = resource.get("subject") or resource.get("patient") or {}
    return str(reference.get("reference", ""))
