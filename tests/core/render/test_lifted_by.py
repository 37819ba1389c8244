"""What would lift a finding, as people read it and as programs do."""

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from fhir_mappings.model.caller import Role
from fhir_mappings.model.json import items, members, text
from fhir_mappings.model.lift import Datum, Decision, Instead, Lift, Stopped, Time, Wanted
from fhir_mappings.model.stage import Stage
from fhir_mappings.render.checked import checked
from fhir_mappings.render.detected_issue import detected_issue
from fhir_mappings.render.lifted_by import for_referrer, for_scheduler, lifted_by, sentence
from fhir_mappings.terms import systems
from tests.kit.cases import a_case
from tests.kit.charts import EXAMPLES, screened_case, screened_with_lifts

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = date(2026, 12, 5)
ALONE = Time(first=DAY, last=None, eased=False, known=True)
STOPPED = Stopped(
    first=DAY, last=None, eased=False, what=("a drug 5 mg",), on=date(2026, 12, 1), told=False
)
THEN = (Instead(rule="R", title="Another thing"),)
APPROVAL = Decision(roles=(Role.REVIEWER, Role.CLINICIAN), by_approval=True)
STATUS = Datum(reference="Condition/1", path="Condition.clinicalStatus", wanted=Wanted.STATUS)


@pytest.mark.parametrize(
    ("lift", "words"),
    [
        (ALONE, "From 5 December 2026 it no longer stands, by time alone."),
        (
            replace(ALONE, eased=True, last=date(2026, 12, 31), instead=THEN),
            (
                "From 5 December 2026 an approval is enough, by time alone, until 31 December 2026;"
                " what stands that day instead: Another thing."
            ),
        ),
        (
            replace(ALONE, known=False),
            "Screened on 5 December 2026 or later, it no longer stands if nothing else changes.",
        ),
        (STOPPED, "a drug 5 mg, if last taken on 1 December 2026: from 5 December 2026."),
        (
            replace(STOPPED, told=True, eased=True),
            (
                "a drug 5 mg, as recorded, last taken on 1 December 2026: from 5 December 2026,"
                " an approval is then enough."
            ),
        ),
        (APPROVAL, "A reviewer or a clinician may approve it."),
        (
            Decision(roles=(Role.CLINICIAN,), by_approval=False),
            "Only a clinician may override it, with a reason.",
        ),
        (
            STATUS,
            "Wanted: Condition.clinicalStatus (Condition/1), to say whether it is still so.",
        ),
        (
            Datum(
                reference="",
                path="Observation.code",
                wanted=Wanted.RESULT,
                sets=("lab-a", "lab-b"),
                within_days=14,
            ),
            (
                "Wanted: a new result of one of lab-a or lab-b, at most 14 days old on the planned"
                " day."
            ),
        ),
    ],
)
def test_each_is_one_plain_sentence(lift: Lift, words: str) -> None:
    assert sentence(lift) == words


@pytest.mark.parametrize("wanted", Wanted)
def test_every_kind_of_datum_has_its_sentence(wanted: Wanted) -> None:
    datum = Datum(reference="Condition/1", path="Condition.code", wanted=wanted)

    assert sentence(datum).startswith("Wanted: ")


def test_a_referrer_reads_of_data_and_a_scheduler_whose_word_is_needed() -> None:
    screening = screened_case(EXAMPLES["cases"][0])
    finding = replace(screening.findings[0], lifts=(STATUS, ALONE, APPROVAL))

    assert for_referrer(finding) == " ".join([finding.referrer, sentence(STATUS), sentence(ALONE)])
    assert for_scheduler(finding) == " ".join(
        [finding.scheduler, sentence(ALONE), sentence(APPROVAL)]
    )


def parts(lift: Lift) -> list[tuple[str, object]]:
    """The parts of an extension: name and value."""
    (tree,) = lifted_by([lift])
    return [
        (text(one, "url"), value)
        for one in items(members(tree)["extension"])
        for name, value in members(one).items()
        if name != "url"
    ]


def test_a_program_reads_days() -> None:
    told = dict(parts(replace(STOPPED, instead=THEN, last=date(2026, 12, 31))))

    assert told == {
        "kind": "stopped",
        "last-taken": "2026-12-01",
        "recorded": False,
        "from": "2026-12-05",
        "until": "2026-12-31",
        "eased": False,
        "instead": "R",
        "text": told["text"],
    }


def test_a_program_reads_roles() -> None:
    told = parts(APPROVAL)

    assert told[:3] == [("kind", "approval"), ("role", "reviewer"), ("role", "clinician")]


def test_a_program_reads_where_a_datum_is_wanted() -> None:
    told = dict(parts(STATUS))

    assert told["path"] == "Condition.clinicalStatus"
    assert told["resource"] == {"reference": "Condition/1"}
    assert told["wanted"] == "status"


def test_every_finding_of_the_examples_with_what_lifts_it_passes_the_gate() -> None:
    case = a_case(Stage.IN_REVIEW)
    screenings = map(screened_with_lifts, EXAMPLES["cases"])

    trees = [
        checked(detected_issue(case, screening, finding, at=AT, reviews=()))
        for screening in screenings
        for finding in screening.findings
    ]

    gating = [one for one in trees if one["severity"] != "low"]
    assert gating
    for tree in trees:
        urls = {text(one, "url") for one in items(tree.get("extension"))}
        assert urls == ({systems.EXT_LIFTED_BY} if tree in gating else set())
