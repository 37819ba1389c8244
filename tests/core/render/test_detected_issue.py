"""Every finding that the worked examples know is a DetectedIssue that a FHIR library reads."""

from datetime import UTC, datetime
from uuid import UUID

from fhir_mappings.model.json import items, text
from fhir_mappings.model.review import Review, Verdict
from fhir_mappings.model.stage import Stage
from fhir_mappings.render.checked import checked
from fhir_mappings.render.detected_issue import detected_issue, finding_rid, gone
from tests.kit.cases import a_case
from tests.kit.charts import EXAMPLES, screened_case

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
CASE = a_case(Stage.IN_REVIEW)


def test_every_finding_of_the_examples_passes_the_gate() -> None:
    screenings = [screened_case(one) for one in EXAMPLES["cases"]]

    trees = [
        checked(detected_issue(CASE, screening, finding, at=AT, reviews=()))
        for screening in screenings
        for finding in screening.findings
    ]

    assert len(trees) > len(screenings)
    assert {text(one, "severity") for one in trees} == {"high", "moderate", "low"}


def test_a_decision_stands_in_it_and_a_finding_that_is_gone_is_cancelled() -> None:
    screening = next(
        one for case in EXAMPLES["cases"] if (one := screened_case(case)).outcome == "review"
    )
    finding = next(one for one in screening.findings if one.action == "review")
    review = Review(
        id=UUID(int=1),
        finding_key=finding.key,
        finding_rid=finding_rid(CASE.id, finding),
        rule=finding.rule,
        verdict=Verdict.APPROVE,
        reason_code="",
        reason="",
        mitigation_code="approved",
        mitigation="A fine needle.",
        until=None,
        practitioner="p",
        person=UUID(int=2),
        at=AT,
    )

    tree = checked(detected_issue(CASE, screening, finding, at=AT, reviews=[review]))

    (mitigation,) = items(tree["mitigation"])
    assert text(mitigation, "action", "text") == "A fine needle."
    assert text(mitigation, "author", "reference") == "Practitioner/p"
    assert gone({**tree, "id": "x"})["status"] == "cancelled"
