"""Charts for screening tests: from resources, and from the Bundle of a referral."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from fhir_mappings.decide.clearing import screen_with_lifts
from fhir_mappings.decide.screening import screen
from fhir_mappings.model.chart import Chart, chart
from fhir_mappings.model.fact import Entry, Facts, Said
from fhir_mappings.model.finding import Screening
from fhir_mappings.model.json import Held, Identity, encode
from fhir_mappings.model.pack import Pack
from fhir_mappings.parse.facts import read
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


EXAMPLES = read_json(DATA / "clinical" / "examples.json")
"""The worked examples: a base that gives nothing but what every order gives, and changes to it."""


def chart_of(case: Mapping[str, Any]) -> Chart:
    """Build the chart of a case: the base, changed; a member given as null is left out."""
    base = EXAMPLES["base"]
    dropped = case.get("drop", ())
    entries = [one for one in base["entries"] if one["id"] not in dropped]
    order = _with(base["order"], case.get("order", {}))
    patient = _with(base["patient"], case.get("patient", {}))
    return a_chart(order, patient, [*entries, *case.get("add", ())])


def _with(resource: Resource, changes: Resource) -> Resource:
    return {name: one for name, one in {**resource, **changes}.items() if one is not None}


def screened_case(case: Mapping[str, Any], pack: Pack | None = None) -> Screening:
    """Screen a case on its days, or those of the examples."""
    return _screened(case, pack or the_pack(), screen)


def screened_with_lifts(case: Mapping[str, Any]) -> Screening:
    """Screen a case, and ask what would lift its findings."""
    return _screened(case, the_pack(), screen_with_lifts)


def _screened(
    case: Mapping[str, Any], used: Pack, screening: Callable[..., Screening]
) -> Screening:
    return screening(
        read(chart_of(case), used),
        used,
        day=date.fromisoformat(case.get("day", EXAMPLES["day"])),
        planned=date.fromisoformat(case.get("planned", EXAMPLES["planned"])),
        variant=case.get("variant", EXAMPLES["variant"]),
    )


def with_numbers(facts: Facts, number: Decimal) -> Facts:
    """Make every value of the facts one that no comparison survives."""

    def spoil(said: Said) -> Said:
        value = said.value and replace(said.value, number=number)
        return replace(said, value=value)

    def in_entry(entry: Entry) -> Entry:
        held = {name: tuple(map(spoil, several)) for name, several in entry.said.items()}
        return replace(entry, said=held)

    return replace(facts, entries=tuple(map(in_entry, facts.entries)))


def findings(screening: Screening) -> dict[str, str]:
    """Return the rules that fired with their actions."""
    return {one.rule: str(one.action) for one in screening.findings}
