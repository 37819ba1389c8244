"""What the stories send: Bundles of synthetic people, with `{names}` where a run fills in."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import cast

from fhir_mappings.model.json import Json, Tree, members
from service.loop.days import WRITTEN_FOR, moved


def payload(name: str, today: date, values: Mapping[str, str] | None = None) -> Tree:
    """Read one payload, move its days to `today` and fill in the values."""
    text = (files("service.loop.payloads") / f"{name}.json").read_text(encoding="utf-8")
    tree = cast("Json", json.loads(text, parse_float=Decimal))
    return members(_filled(moved(tree, (today - WRITTEN_FOR).days), values or {}))


def _filled(tree: Json, values: Mapping[str, str]) -> Json:
    if isinstance(tree, dict):
        return {name: _filled(value, values) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_filled(one, values) for one in tree]
    if isinstance(tree, str):
        for name, value in values.items():
            tree = tree.replace(f"{{{name}}}", value)
    return tree
