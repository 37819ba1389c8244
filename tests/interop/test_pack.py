"""HAPI's R4 validator over content packs: ours, and one that a clinic built."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from fhir_mappings.model.json import Tree, text
from fhir_mappings.parse.pack_examples import FILE
from service.content import load
from tests.interop.judge import Judge
from tests.interop.test_validity import without_error_or_news
from tests.kit.own_packs import a_source, files_of

SHIPPED: Final = Path(load.__file__).parent / "packs" / load.SHIPPED
MOST_BYTES: Final = 20_000
"""Larger sets differ from smaller ones in how many codes they list."""

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]


def resources() -> Iterator[tuple[str, Tree]]:
    """Yield PlanDefinition, Library and the ValueSets of both packs."""
    files = {one.name: one.read_bytes() for one in SHIPPED.glob("*.json") if one.name != FILE}
    for name, data in {**files, **files_of(a_source())}.items():
        tree: Tree = json.loads(data, parse_float=Decimal)
        if text(tree, "resourceType") != "ValueSet" or len(data) < MOST_BYTES:
            yield name, tree


def test_the_resources_of_a_pack_are_valid(judge: Judge) -> None:
    judgement = judge.judge(resources())

    assert judgement.judged > 200
    without_error_or_news(judgement)
