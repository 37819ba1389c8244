"""What cannot be carried out, and what was never sent, is asked about: no crash, never clear."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from msgspec.structs import replace

from fhir_mappings.decide.screening import screen
from fhir_mappings.model.fact import Entry, Facts, Said
from fhir_mappings.model.finding import FindingKind, Outcome, Screening
from fhir_mappings.parse.facts import read
from service import telemetry
from service.store import alarms
from tests.kit.charts import EXAMPLES, a_chart, findings, the_pack
from tests.kit.drawn_charts import ADDED, Entries

BASE = EXAMPLES["base"]
DAY = date(2026, 11, 23)
NONE_KNOWN = {
    "resourceType": "MedicationStatement",
    "id": "none",
    "status": "active",
    "medicationCodeableConcept": {
        "coding": [
            {
                "system": "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips",
                "code": "no-known-medications",
            }
        ]
    },
}


def screened(facts: Facts) -> Screening:
    return screen(facts, the_pack(), day=DAY, planned=DAY, variant="anaesthetic")


def facts_of(entries: Entries) -> Facts:
    return read(a_chart(BASE["order"], BASE["patient"], entries), the_pack())


def spoilt(facts: Facts) -> Facts:
    """The facts with numbers that no comparison survives: no door lets one in."""

    def said(one: Said) -> Said:
        return replace(one, value=one.value and replace(one.value, number=Decimal("sNaN")))

    def entry(one: Entry) -> Entry:
        held = {name: tuple(map(said, several)) for name, several in one.said.items()}
        return replace(one, said=held)

    return replace(facts, entries=tuple(map(entry, facts.entries)))


def test_rules_that_stumble_are_findings_and_alarms_and_the_others_still_speak() -> None:
    value = next(one for one in ADDED if "valueQuantity" in one)
    facts = facts_of([*BASE["entries"], {**value, "id": "value"}])

    sound, failing = screened(facts), screened(spoilt(facts))

    telemetry.rule_failures.clear()
    alarms.rules_failed(failing, UUID(int=1))
    told = {
        evidence.value
        for one in failing.findings
        if one.kind is FindingKind.DATA
        for evidence in one.evidence
    }
    assert sound.failed == ()
    assert failing.failed
    assert set(failing.failed) <= told
    assert failing.outcome is Outcome.REVIEW
    assert findings(sound).keys() - set(failing.failed) <= findings(failing).keys()
    assert dict(telemetry.rule_failures) == dict.fromkeys(failing.failed, 1)
    assert f'tpi_rule_failures_total{{rule="{failing.failed[0]}"}} 1' in telemetry.exposition()


def test_no_medications_at_all_is_not_that_none_are_known() -> None:
    without = [one for one in BASE["entries"] if one["resourceType"] != "MedicationStatement"]

    silent, denied = screened(facts_of(without)), screened(facts_of([*without, NONE_KNOWN]))

    assert silent.outcome is Outcome.REVIEW
    assert denied.outcome is Outcome.CLEAR
    (missing,) = (one for one in silent.findings if one.kind is FindingKind.DATA)
    assert {one.how for one in missing.evidence} == {"missing"}
