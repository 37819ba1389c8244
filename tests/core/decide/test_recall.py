"""Every listed code is found at every place where the pack says that its fact may stand.

`make test` tries every code where its rule looks first, and some of each set at every other
place; with `--rounds 1000` every code everywhere. Words are tried wherever words are read.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from fhir_mappings.decide.rules.plan import plan_of
from fhir_mappings.decide.screening import screen
from fhir_mappings.model.fact import Coding
from fhir_mappings.model.finding import Screening
from fhir_mappings.model.member import Reading
from fhir_mappings.parse.facts import read
from tests.kit.carriers import (
    LISTS,
    WORDED,
    Carrier,
    Cell,
    Resource,
    Told,
    cells,
    concept,
    holding,
    ordering,
)
from tests.kit.charts import EXAMPLES, a_chart, the_pack

PAGE = Path("docs/reference/screening.md")
DAY = date(2026, 11, 23)
WOMAN = {"gender": "female", "birthDate": "1990-02-03"}
FIRST = {"Condition.code", "MedicationStatement.medication (inline)", "Observation.code"}
EVERY_CODE = 1_000
MOST = 800
"""Entries of one chart: the cost of a screening grows with their number."""

CELLS = cells(the_pack())
SETS = sorted({one.name for one in CELLS})
OF_ORDER = "ServiceRequest"
pytestmark = pytest.mark.timeout(240)
COUNTED = {"recent-injection-procedures", "service-tpi-injection"}
"""Sets of which a rule wants several days; `test_every_input_fires` gives it those."""


@cache
def codes() -> dict[str, list[Coding]]:
    found: dict[str, list[Coding]] = defaultdict(list)
    for system, listed in the_pack().codes.items():
        for code, one in listed.items():
            for name in one.sets:
                found[name].append(Coding(system=system, code=code, display=one.display))
    return found


@cache
def words(name: str) -> tuple[str, ...]:
    """Displays of a set that its own patterns read: the shortest of each system."""
    patterns = plan_of(the_pack()).patterns
    found: dict[str, str] = {}
    for one in sorted(codes()[name], key=lambda each: len(each.display)):
        if one.system not in found and not patterns.topical(name, one.display):
            told = readings(name, one.display)
            found |= {one.system: one.display} if told == {Reading.POSITIVE} else {}
    return tuple(found.values())


def readings(name: str, told: str) -> set[Reading]:
    """How the words name the set."""
    patterns = plan_of(the_pack()).patterns
    lists = patterns.lists_of(name)
    return {one.reading for inner in lists for one in patterns.named(told, inner)}


def screened(entries: Iterable[Resource], changes: Resource | None = None) -> Screening:
    base = EXAMPLES["base"]
    order = {**base["order"], "orderDetail": [{"text": "with epinephrine"}], **(changes or {})}
    chart = a_chart(order, {**base["patient"], **WOMAN}, [*base["entries"], *entries])
    facts = read(chart, the_pack())
    return screen(facts, the_pack(), day=DAY, planned=DAY, variant="mix")


def missed(cell: Cell, held: list[Told]) -> list[Told]:
    """Put each on a chart at the cell's place, many to a chart, and return those not told of."""
    lost: list[Told] = []
    for begin in range(0, len(held), MOST):
        part = held[begin : begin + MOST]
        made = [holding(cell, one, number) for number, one in enumerate(part)]
        screening = screened(each for several in made for each in several)
        told = {
            evidence.reference
            for one in screening.findings
            if one.rule in cell.rules
            for evidence in one.evidence
        }
        for one, (evidence, *_) in zip(part, made, strict=True):
            if f"{evidence['resourceType']}/{evidence['id']}" not in told:
                lost.append(one)
    return lost


def missed_in_order(cell: Cell, held: list[Told]) -> list[Told]:
    """Say each in the order, many at once where the element repeats."""
    most = MOST if cell.carrier.element in LISTS else 1
    lost: list[Told] = []
    for begin in range(0, len(held), most):
        part = held[begin : begin + most]
        screening = screened((), ordering(cell, part))
        told = [
            evidence.path
            for one in screening.findings
            if one.rule in cell.rules
            for evidence in one.evidence
            if evidence.reference.startswith(OF_ORDER)
        ]
        root = f"{OF_ORDER}.{cell.carrier.element.partition('.')[0]}"
        for at, one in enumerate(part):
            place = f"{root}[{at}]" if len(part) > 1 else root
            if not any(path == place or path.startswith(f"{place}.") for path in told):
                lost.append(one)
    return lost


def some(found: list[Coding], most: int) -> list[Coding]:
    """Return so many of the codes, spread over the whole list."""
    return found[:: max(1, len(found) // most)]


def coded(name: str) -> list[Cell]:
    return [one for one in CELLS if one.name == name and not one.carrier.words_only]


def seek(cell: Cell, held: list[Told]) -> list[Told]:
    """Try the places of an order in it, all others beside it."""
    if cell.carrier.rtype == OF_ORDER:
        return missed_in_order(cell, held)
    return missed(cell, held)


def asked_for_a_value(carrier: Carrier) -> bool:
    return carrier.rtype == "Observation" and carrier.element == "code"


def rows() -> list[str]:
    """The lines of the page's table: a place, how many sets and codes are tried there."""
    tried: dict[str, Counter[str]] = defaultdict(Counter)
    for one in CELLS:
        if not (one.carrier.words_only or asked_for_a_value(one.carrier) or one.name in COUNTED):
            tried[f"{one.carrier.rtype} {one.carrier.element}"][one.name] = len(codes()[one.name])
    return [f"| {at} | {len(sets)} | {sets.total()} |" for at, sets in sorted(tried.items())]


def test_the_page_tells_what_is_tried() -> None:
    page = PAGE.read_text()

    assert [one for one in rows() if one not in page] == []


@pytest.mark.parametrize("name", SETS)
def test_every_listed_code_is_found_at_every_carrier(name: str, rounds: int) -> None:
    listed = codes()[name]
    lost: dict[str, list[Coding]] = {}

    for cell in coded(name) if name not in COUNTED else ():
        every = rounds >= EVERY_CODE or str(cell.carrier) in FIRST
        tried = listed if every else some(listed, rounds // 3)
        by_concept = {str(concept(one)): one for one in tried}
        left = (
            () if asked_for_a_value(cell.carrier) else seek(cell, [concept(one) for one in tried])
        )
        if left:
            lost[str(cell.carrier)] = [by_concept[str(one)] for one in left]

    assert lost == {}


@pytest.mark.parametrize("name", SETS)
def test_words_of_a_set_are_found_at_every_carrier(name: str) -> None:
    lost: dict[str, list[Told]] = {}

    for cell in CELLS if name not in COUNTED else ():
        if cell.name == name and not asked_for_a_value(cell.carrier):
            left = seek(cell, [held for one in words(name) if (held := spoken(cell, one))])
            if left:
                lost[str(cell.carrier)] = left

    assert lost == {}


def spoken(cell: Cell, word: str) -> Told | None:
    """Say it as text where an element holds words, else as the display of an unknown code."""
    told = word
    if cell.allergy and (cell.carrier.words_only or cell.carrier.rtype != "AllergyIntolerance"):
        told = f"Allergic to {word}"
        if readings(cell.name, told) != {Reading.ALLERGY}:  # "Allergic to current use of ..."
            return None
    if cell.carrier.element in WORDED:
        return told
    return {"coding": [{"system": "http://example.org/local", "code": "1", "display": told}]}
