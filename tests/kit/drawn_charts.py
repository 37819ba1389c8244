"""Charts drawn from the worked cases, for laws over all of them."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from fhir_mappings.model.json import Json, Tree, encode
from tests.kit.charts import DATA, EXAMPLES, read_json

Resource = dict[str, Any]
Entries = list[Resource]

FILES = ("members.json", "carriers.json")
CASES = [*EXAMPLES["cases"], *(c for f in FILES for c in read_json(DATA / "clinical" / f)["cases"])]
ADDED: Entries = [
    one
    for case in CASES
    for one in case["add"]
    if len(one) > len(("resourceType", "id", "subject"))
    and not {"modifierExtension", "implicitRules"} & one.keys()
]
"""Entries of the cases, but those that nobody may read past: they are told whatever they say."""


def written(entries: Entries) -> str:
    """The entries as JSON: numbers keep their form."""
    return encode(entries).decode()


def parsed(text: str) -> Entries:
    found: Entries = json.loads(text, parse_float=Decimal)
    return found


def over(tree: Resource, change: Callable[[Tree], Tree]) -> Resource:
    """Change every object of a tree, the inner ones first."""
    return change({name: _over(one, change) for name, one in tree.items()})


def _over(value: Json, change: Callable[[Tree], Tree]) -> Json:
    if isinstance(value, dict):
        return over(value, change)
    return [_over(one, change) for one in value] if isinstance(value, list) else value


def renumbered(entries: Entries) -> Entries:
    """Give an id of its own to every entry that no other one names: they stand on one chart."""
    text = written(entries)
    return [
        one if f'/{one["id"]}"' in text else {**one, "id": f"n{index}"}
        for index, one in enumerate(entries)
    ]


some_entries = st.lists(st.sampled_from(ADDED), max_size=6, unique_by=lambda one: one["id"]).map(
    renumbered
)
