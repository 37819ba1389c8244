"""Charts for screening tests: from resources, and from the Bundle of a referral."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from fhir_mappings.model.chart import Chart, chart
from fhir_mappings.model.json import Held, Identity, encode
from fhir_mappings.model.pack import Pack
from service.content.load import load_pack

DATA = Path(__file__).parents[1] / "data"

Resource = Mapping[str, Any]


@cache
def the_pack() -> Pack:
    """The pack we ship, loaded once for all tests."""
    return load_pack()


def read_json(path: Path) -> dict[str, Any]:
    """Read JSON as the service does: numbers with a point are decimals."""
    found: dict[str, Any] = json.loads(path.read_text(), parse_float=Decimal)
    return found


def held(resource: Resource, *, version: int = 1) -> Held:
    """Hold a resource under its own type and id."""
    identity = Identity(rtype=resource["resourceType"], rid=resource["id"])
    return Held(identity=identity, version=version, tree=dict(resource))


def a_chart(order: Resource, patient: Resource | None, entries: Iterable[Resource]) -> Chart:
    """Build a chart from resources that refer to each other by type and id."""
    return chart(held(order), held(patient) if patient else None, tuple(map(held, entries)))


def of_bundle(bundle: Mapping[str, Any]) -> Chart:
    """Build the chart of a transaction Bundle: every urn becomes the reference of its entry."""
    text = encode(bundle).decode()
    for index, entry in enumerate(bundle["entry"]):
        text = text.replace(entry["fullUrl"], f"{entry['resource']['resourceType']}/e{index}")
    resources = [one["resource"] for one in json.loads(text, parse_float=Decimal)["entry"]]
    for index, resource in enumerate(resources):
        resource["id"] = f"e{index}"
    order = next(one for one in resources if one["resourceType"] == "ServiceRequest")
    patient = next(one for one in resources if one["resourceType"] == "Patient")
    rest = [one for one in resources if one is not order and one is not patient]
    return a_chart(order, patient, rest)
