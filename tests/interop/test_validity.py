"""HAPI's R4 validator over everything that we emit (INTEROP §4): no error, no new kind of warning.

A server that refuses what we send cannot be asked to relax; what it would say stands here first.
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from fhir_mappings.model.json import Tree
from fhir_mappings.model.lift import Datum, Decision, Stopped, Time
from fhir_mappings.model.stage import Stage
from fhir_mappings.render.detected_issue import detected_issue
from tests.interop.judge import Judge, Judgement
from tests.interop.stories import Told
from tests.kit.cases import AT, a_case
from tests.kit.charts import EXAMPLES, screened_with_lifts
from tests.kit.emitted import Emitted

PAYLOADS: Final = Path(__file__).parents[1] / "data" / "payloads"
KNOWN: Final = Path(__file__).parent / "known-warnings.txt"

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]


def payload(name: str) -> Tree:
    tree: Tree = json.loads((PAYLOADS / name).read_bytes(), parse_float=Decimal)
    return tree


def known_warnings() -> set[str]:
    lines = KNOWN.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def without_error_or_news(judgement: Judgement) -> None:
    """Print what was counted (`-rP` shows it), and hold it to what is known."""
    print(f"{judgement.judged} judged, {len(judgement.errors)} errors; warnings by kind:")  # noqa: T201 - the figures are asked for
    for kind, count in judgement.warnings.most_common():
        print(f"  {count:5} {kind}")  # noqa: T201 - see above
    assert judgement.errors == []
    assert set(judgement.warnings) - known_warnings() == set()


@pytest.mark.parametrize(
    "change",
    [
        {"status": "bogus"},
        {"end": None},
        {"cancelationReason": {"text": "Not needed any more"}},
    ],
    ids=["a status that is none", "a start without an end", "a reason to cancel what is proposed"],
)
def test_the_rig_sees_a_broken_appointment(judge: Judge, change: Tree) -> None:
    sound = payload("examples/06-appointment-proposed.json")
    broken: Tree = {name: told for name, told in {**sound, **change}.items() if told is not None}

    assert judge.errors(sound) == []
    assert judge.errors(broken) != []


def test_the_protocols_examples_and_payloads_are_valid(judge: Judge) -> None:
    files = sorted(PAYLOADS.rglob("*.json"))

    judgement = judge.judge((file.name, payload(str(file.relative_to(PAYLOADS)))) for file in files)

    assert judgement.judged >= 22
    without_error_or_news(judgement)


def test_every_way_to_lift_a_finding_is_valid(judge: Judge) -> None:
    issues = {
        tuple(type(lift) for lift in finding.lifts): detected_issue(
            a_case(Stage.IN_REVIEW), screening, finding, at=AT, reviews=()
        )
        for screening in map(screened_with_lifts, EXAMPLES["cases"])
        for finding in screening.findings
    }

    judgement = judge.judge((str(ways), {**tree, "id": "x"}) for ways, tree in issues.items())

    assert {way for ways in issues for way in ways} == {Datum, Decision, Stopped, Time}
    without_error_or_news(judgement)


def test_what_a_whole_run_of_the_stories_emits_is_valid(judge: Judge, told: Told) -> None:
    judgement = judge.judge(told.emitted)

    assert judgement.judged > 100
    without_error_or_news(judgement)


def test_what_our_service_emits_in_tests_and_in_the_demo_is_valid(
    judge: Judge, pytestconfig: pytest.Config
) -> None:
    folder: str | None = pytestconfig.getoption("--emitted")
    if folder is None:
        pytest.skip("SKIPPED emitted: give --emitted what tests kept, as `make interop` does")

    judgement = judge.judge(Emitted(Path(folder)))

    assert judgement.judged > 100
    without_error_or_news(judgement)
