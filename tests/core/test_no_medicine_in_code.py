"""No medicine stands in Python: no code, drug, title or rule of the pack in a string constant."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.kit.charts import the_pack

ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("fhir_mappings/**/*.py"), *ROOT.glob("service/**/*.py")])

DRUG_SYSTEMS = ("atc", "rxnorm")
NUMBERED = re.compile(r"\bRFC \d+")  # numbers of standards, which are also numbers of products


@cache
def codes() -> frozenset[str]:
    """Codes of at least four characters, in capitals."""
    listed = (code for held in the_pack().codes.values() for code in held)
    return frozenset(code.upper() for code in listed if len(code) >= 4)


@cache
def drugs() -> frozenset[str]:
    """Names of substances: displays of one word in the systems of drugs."""
    return frozenset(
        one.display.casefold()
        for system, held in the_pack().codes.items()
        if system.rpartition("/")[2] in DRUG_SYSTEMS
        for one in held.values()
        if one.display.isalpha() and len(one.display) >= 5
    )


@cache
def titles() -> re.Pattern[str]:
    """Match whole titles of rules, and their ids."""
    rules = the_pack().content.rules
    names = sorted(name.casefold() for rule in rules for name in (rule.title, rule.id))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)")


@cache
def sets() -> frozenset[str]:
    """Names of value sets."""
    names = {
        name for held in the_pack().codes.values() for one in held.values() for name in one.sets
    }
    return frozenset(names | the_pack().texts.patterns.keys())


def strings(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def medicine(text: str) -> set[str]:
    """Return what of the pack a text names."""
    text = NUMBERED.sub("", text)
    folded = text.casefold()
    tokens = set(re.findall(r"[A-Z0-9][A-Z0-9.\-]*[A-Z0-9]", text.upper()))
    words = set(re.findall(r"[^\W\d_]+", folded))
    phrases = set(titles().findall(folded))
    return (tokens & codes()) | (words & drugs()) | phrases | ({text} & sets())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_medicine_stands_in_a_string_of_python(path: Path) -> None:
    found = [(line, name) for line, text in strings(path) for name in sorted(medicine(text))]

    assert found == []


def test_no_magic_number_is_excused_where_rules_are_carried_out() -> None:
    rooms = ("fhir_mappings/decide/rules", "fhir_mappings/parse/facts")
    held = [path for room in rooms for path in (ROOT / room).glob("*.py")]

    excused = [path.name for path in held if "PLR2004" in path.read_text()]

    assert excused == []
    assert len(held) > 20


def test_the_search_would_find_medicine() -> None:
    code, drug = min(codes(), key=len), min(drugs())
    rule = the_pack().content.rules[0]

    assert medicine(f"see {code}, please") == {code}
    assert drug in medicine(f"Takes {drug.upper()} daily")
    assert rule.id.casefold() in medicine(f"unless {rule.id} fired")
    assert len(codes()) > 30_000
    assert len(drugs()) > 500
    assert len(FILES) > 50
