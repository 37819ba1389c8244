"""A clinic without a licence leaves a code system out; no rule falls silent (decision 17)."""

from pathlib import Path

import pytest

from fhir_mappings.decide.pack_check import check_pack
from fhir_mappings.model.finding import Outcome
from fhir_mappings.model.pack import Pack
from service.content import load
from service.content.packs.build import build
from tests.kit.charts import EXAMPLES, findings, screened_case, the_pack

PACKS = Path(load.__file__).parent / "packs"
SNOMED, DMD, ATC, CPT = (
    "http://snomed.info/sct",
    "https://dmd.nhs.uk",
    "http://www.whocc.no/atc",
    "http://www.ama-assn.org/go/cpt",
)


def a_pack_without(folder: Path, *systems: str) -> Pack:
    values = PACKS / "tpi-core"
    build(PACKS / "source", folder, values=values, without=frozenset(systems))
    return load.load_pack(folder)


def test_the_worked_examples_hold_without_the_codes_of_snomed(tmp_path: Path) -> None:
    pack = a_pack_without(tmp_path, SNOMED, DMD)

    assert SNOMED not in pack.codes
    assert pack.version != the_pack().version
    for case in EXAMPLES["cases"]:
        assert findings(screened_case(case, pack)) == case["findings"], case["name"]


@pytest.mark.parametrize(
    "systems", [(SNOMED, DMD), (ATC,), (CPT,), (SNOMED, DMD, ATC, CPT)], ids=len
)
def test_every_set_that_a_rule_looks_for_keeps_codes_or_words(
    tmp_path: Path, systems: tuple[str, ...]
) -> None:
    facts = check_pack(a_pack_without(tmp_path, *systems))

    assert facts.dangling == ()
    assert facts.rules == check_pack(the_pack()).rules
    notice = (tmp_path / "NOTICE").read_text()
    assert all(f"Left out of this build: {one}" in notice for one in systems)


def test_a_code_of_a_left_out_system_is_read_by_its_display_and_never_passed(
    tmp_path: Path,
) -> None:
    pack = a_pack_without(tmp_path, ATC)
    case = next(one for one in EXAMPLES["cases"] if "contained reference" in one["name"])
    bare = case["add"][0]
    coding = bare["contained"][0]["code"]["coding"][0]
    display = the_pack().codes[ATC][coding["code"]].display
    spoken = {"text": display, "coding": [{**coding, "display": display}]}
    named = {**bare, "contained": [{**bare["contained"][0], "code": spoken}]}

    unread = findings(screened_case({"add": [bare]}, pack))
    read_ = findings(screened_case({"add": [named]}, pack))

    assert unread.keys() - case["findings"].keys()
    assert Outcome.REVIEW in unread.values()
    assert read_ == case["findings"]
