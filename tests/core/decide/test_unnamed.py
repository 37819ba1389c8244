"""What of ours stands at a placer without our identifier is known by what it says."""

from fhir_mappings.decide.unnamed import doses, procedures
from fhir_mappings.model.json import Tree

VISIT = "0199a0aa-1111-7222-8333-444455556666"


def a_procedure(rid: str, note: str) -> Tree:
    return {"resourceType": "Procedure", "id": rid, "note": [{"text": note}]}


def a_dose(site: str, *, rid: str = "", part_of: str = "Procedure/p1") -> Tree:
    return {
        "resourceType": "MedicationAdministration",
        "id": rid,
        "partOf": [{"reference": part_of}],
        "medicationCodeableConcept": {"text": "Lidocaine 1 %"},
        "dosage": {"dose": {"value": 2, "unit": "mL"}, "site": {"text": site}},
    }


def test_a_procedure_is_known_by_the_visit_in_its_note_and_the_oldest_is_taken() -> None:
    there = [
        a_procedure("other", "Physiotherapy"),
        a_procedure("first", f"Given. tpi-intake visit {VISIT}"),
        a_procedure("second", f"Given. tpi-intake visit {VISIT}"),
    ]

    found = procedures({VISIT: {}}, there)

    assert (found.places, found.twins) == ({VISIT: "Procedure/first"}, True)


def test_doses_of_one_agent_are_told_apart_by_their_site() -> None:
    wanted = {"v.1": a_dose("left"), "v.2": a_dose("right")}
    there = [a_dose("right", rid="r"), a_dose("left", rid="l")]

    found = doses(wanted, there)

    assert found.certain
    assert found.places == {
        "v.1": "MedicationAdministration/l",
        "v.2": "MedicationAdministration/r",
    }


def test_a_dose_of_another_visit_is_none_of_ours_and_leaves_no_doubt() -> None:
    there = [a_dose("left", rid="l", part_of="Procedure/p2")]

    found = doses({"v.1": a_dose("left")}, there)

    assert (found.places, found.certain) == ({}, True)


def test_a_dose_of_our_procedure_that_says_otherwise_leaves_a_doubt() -> None:
    there = [a_dose("elsewhere", rid="e")]

    found = doses({"v.1": a_dose("left")}, there)

    assert (found.places, found.certain) == ({}, False)
