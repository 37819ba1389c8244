"""The transition table is PROTOCOL §3.3, pair by pair, and every other pair is refused."""

import re
from itertools import product
from pathlib import Path

import pytest

from fhir_mappings.decide.stages import advance, back, taken
from fhir_mappings.model.finding import Outcome
from fhir_mappings.model.stage import DEAD, DONE, Event, Stage, Standing
from fhir_mappings.problems import Code, Refused
from fhir_mappings.terms.workflow import BY_STAGE

DATA = Path("tests/data/protocol")


def rows(name: str) -> list[list[str]]:
    lines = (DATA / name).read_text().splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")]


LISTED = {
    (Event(event), Stage(stage)): to
    for event, stages, to in rows("transitions.tsv")
    for stage in stages.split()
}
STANDINGS = [
    Standing(),
    Standing(proposals=True),
    Standing(booked=True),
    Standing(arrived=True),
    Standing(review=True),
    Standing(block=True, review=True),
]


def expected(to: str, stage: Stage, standing: Standing) -> Stage:
    if to == "stay":
        return stage
    if to == "by screening" and standing.block:
        return Stage.CONTRAINDICATED
    if to == "by screening" and standing.review:
        return Stage.IN_REVIEW
    if to in {"back", "by screening"}:
        return back(standing)
    return Stage(to)


@pytest.mark.parametrize(
    "pair", list(product(Event, Stage)), ids=lambda pair: f"{pair[0]}-{pair[1]}"
)
def test_every_pair_does_what_the_protocol_says(pair: tuple[Event, Stage]) -> None:
    event, stage = pair

    for standing in STANDINGS:
        if pair in LISTED:
            assert advance(stage, event, standing) is expected(LISTED[pair], stage, standing)
        else:
            with pytest.raises(Refused) as refused:
                advance(stage, event, standing)
            code = Code.TOO_LATE if stage in DEAD | DONE else Code.STAGE
            assert refused.value.problems[0].code is code


def test_back_leads_to_what_lives() -> None:
    assert back(Standing()) is Stage.CLEARED
    assert back(Standing(proposals=True)) is Stage.PROPOSED
    assert back(Standing(proposals=True, booked=True)) is Stage.BOOKED
    assert back(Standing(arrived=True)) is Stage.ARRIVED


@pytest.mark.parametrize(
    ("outcome", "stage"),
    [
        (Outcome.CLEAR, Stage.CLEARED),
        (Outcome.REVIEW, Stage.IN_REVIEW),
        (Outcome.BLOCK, Stage.CONTRAINDICATED),
    ],
)
def test_a_new_referral_begins_by_its_screening_or_deferred(outcome: Outcome, stage: Stage) -> None:
    assert taken(outcome, on_hold=False) is stage
    assert taken(outcome, on_hold=True) is Stage.DEFERRED


def test_stages_are_the_same_in_code_database_and_protocol() -> None:
    migration = Path("service/store/migrations/0001_base.sql").read_text()
    check = re.search(r"referral_stage CHECK \(stage IN \(([^)]+)\)", migration)

    in_protocol = [row[0] for row in rows("stages.tsv")]

    assert check is not None
    assert re.findall(r"'([^']+)'", check[1]) == in_protocol
    assert [one.value for one in Stage] == in_protocol
    assert list(BY_STAGE) == in_protocol


@pytest.mark.parametrize("row", rows("stages.tsv"), ids=lambda row: row[0])
def test_each_stage_has_the_task_status_of_its_phase(row: list[str]) -> None:
    stage, *phases, business = row
    found = BY_STAGE[stage]

    for said, want in zip((found.never, found.accepted, found.booked), phases, strict=True):
        assert want in {said, "-"}
    assert found.business == business
