"""Names that no list of ours holds: brands, substances and diagnoses of seven languages, misspelt.

Each is said in words, as the display of a local code, and as the display of a code of a known
system outside the sets. It is found by its rule, or a data finding names its entry: never clear.
The table of docs/reference/screening.md is what is measured here. Names were put in two halves by
their digest; only the first was looked at while patterns were improved.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fhir_mappings.model.finding import Action, FindingKind
from tests.kit.charts import DATA, screened_case

PAGE = Path("docs/reference/screening.md")
SNOMED, RXNORM = "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm"
ACTIVE = {"coding": [{"code": "active"}]}
ALLERGENS = {"local-anaesthetic"}
WOMAN = {"gender": "female", "birthDate": "1990-02-03"}


class Name(NamedTuple):
    """A name, what it is a name of, and where it comes from."""

    words: str
    kind: str
    language: str
    of_drug: bool

    @property
    def half(self) -> str:
        """Say which half it belongs to."""
        return "second" if hashlib.sha256(self.words.encode()).digest()[0] % 2 else "first"


def read(file: str, *, of_drug: bool) -> Iterator[Name]:
    with (DATA / "clinical" / file).open(encoding="utf-8") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        yield from (Name(row[0], row[1], row[2], of_drug) for row in rows)


NAMES = [*read("products.tsv", of_drug=True), *read("problems.tsv", of_drug=False)]


def spoken(name: Name) -> list[dict[str, Any]]:
    """Say it in each of the ways."""
    known = RXNORM if name.of_drug else SNOMED
    displayed = (("http://example.org/local", "1"), (known, "99999999"), (SNOMED, "999999999"))
    return [
        {"text": name.words},
        *({"coding": [{"system": s, "code": c, "display": name.words}]} for s, c in displayed),
    ]


def entry(name: Name, concept: dict[str, Any]) -> dict[str, Any]:
    if name.kind in ALLERGENS:
        allergy = {"patient": {"reference": "Patient/p"}, "clinicalStatus": ACTIVE, "code": concept}
        return {"resourceType": "AllergyIntolerance", "id": "named", **allergy}
    one = {"id": "named", "subject": {"reference": "Patient/p"}}
    if name.of_drug:
        taken = {"status": "active", "medicationCodeableConcept": concept}
        return {"resourceType": "MedicationStatement", **one, **taken}
    return {"resourceType": "Condition", **one, "clinicalStatus": ACTIVE, "code": concept}


def told(name: Name, concept: dict[str, Any]) -> str:
    """Say how the entry is told: by a rule, by a data finding, or not at all."""
    case = {"add": [entry(name, concept)], "variant": "mix", "patient": WOMAN}
    about = [
        one
        for one in screened_case(case).findings
        if any(evidence.reference.endswith("/named") for evidence in one.evidence)
    ]
    if any(one.kind is FindingKind.CLINICAL for one in about):
        return "rule"
    asked = any(one.kind is FindingKind.DATA and one.action is not Action.INFO for one in about)
    return "data" if asked else "clear"


@pytest.mark.parametrize("kind", sorted({one.kind for one in NAMES}))
def test_a_name_that_no_list_holds_is_found_or_asked_for_and_never_clear(kind: str) -> None:
    names = [one for one in NAMES if one.kind == kind]

    ways = {
        (one.words, number): told(one, said)
        for one in names
        for number, said in enumerate(spoken(one))
    }

    assert [one for one, how in ways.items() if how == "clear"] == []
    for half in ("first", "second"):
        held = [one for one in names if one.half == half]
        found = Counter(ways[one.words, 0] for one in held)
        row = f"| {kind} | {half} | {len(held)} | {found['rule']} | {found['data']} | 0 |"
        assert row in PAGE.read_text()


def test_enough_names_are_tried() -> None:
    assert len([one for one in NAMES if one.of_drug]) >= 500
    assert {"de", "fr", "it", "es", "nl", "pt", "misspelt"} <= {one.language for one in NAMES}
