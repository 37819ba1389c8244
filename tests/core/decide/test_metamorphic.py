"""What may change about a chart and must not change, or never lower, what is said of it.

Each relation is tried on charts drawn from the worked cases: few times in `make test`, a thousand
times each with `--rounds 1000`. Charts are put together by hypothesis, so a failure is shrunk.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_mappings.decide.screening import screen
from fhir_mappings.model.finding import FindingKind, Outcome, Screening
from fhir_mappings.model.json import Tree, items, members, text
from fhir_mappings.parse.facts import read
from tests.kit.charts import EXAMPLES, a_chart, findings, the_pack
from tests.kit.drawn_charts import ADDED, Entries, Resource, over, parsed, some_entries, written

pytestmark = pytest.mark.timeout(240)

Relation = Callable[[Entries, st.DataObject], None]

BASE = EXAMPLES["base"]
DANGER = next(case for case in EXAMPLES["cases"] if case["name"].startswith("1 "))["add"][0]
WEIGHT = list(Outcome)
DAY, PLANNED = date(2026, 11, 23), date(2026, 12, 1)
SIBLINGS = {
    ("http://www.nlm.nih.gov/research/umls/rxnorm", "1364430"): (
        "http://www.whocc.no/atc",
        "B01AF02",
    ),
    ("http://hl7.org/fhir/sid/icd-10-cm", "L03.116"): ("http://hl7.org/fhir/sid/icd-10", "L03.1"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "D66"): ("http://hl7.org/fhir/sid/icd-10", "D66"),
}
"""Codes of another system that say the same."""
WORDS = (
    "no known problems",
    "see attached",
    "denies blood thinners",
    "not on warfarin",
    "stopped last year",
    "family history of haemophilia",
    "on Eliquis",
    "resolved",
    "cream",
)
"""Words beside a fact: some say something themselves, some seem to take it back."""
DATES = re.compile(r"(?<!\d)\d{4}-\d\d-\d\d(?!\d)")
PARTIAL = re.compile(r'"\d{4}(-\d\d)?"')


def screened(entries: Entries, *, order: Resource | None = None, days: int = 0) -> Screening:
    """Screen these beside the base; with `days` on other days."""
    chart = a_chart(order or BASE["order"], BASE["patient"], [*BASE["entries"], *entries])
    later = timedelta(days=days)
    pack = the_pack()
    return screen(read(chart, pack), pack, day=DAY + later, planned=PLANNED + later, variant=None)


def outcome(screening: Screening) -> int:
    return WEIGHT.index(screening.outcome)


def same(one: Screening, other: Screening) -> None:
    assert findings(one) == findings(other)


def not_lower(before: Screening, after: Screening) -> None:
    """No finding of before is weaker or gone, data findings of what is now told apart."""
    assert outcome(after) >= outcome(before)


# ---------------------------------------------------------------- the relations


def order_of_entries(entries: Entries, data: st.DataObject) -> None:
    same(screened(entries), screened(data.draw(st.permutations(entries))))


def order_of_members(entries: Entries, data: st.DataObject) -> None:
    turned = [dict(data.draw(st.permutations(list(one.items())))) for one in entries]
    same(screened(entries), screened(turned))


def other_ids(entries: Entries, data: st.DataObject) -> None:
    start = data.draw(st.integers(100, 999))
    whole = written(entries)
    for number, one in enumerate(entries):
        rtype, old, new = one["resourceType"], one["id"], f"r{start + number}"
        whole = whole.replace(f'{rtype}/{old}"', f'{rtype}/{new}"')
        whole = whole.replace(f'"id":"{old}"', f'"id":"{new}"')
    same(screened(entries), screened(parsed(whole)))


def contained_or_referenced(entries: Entries, _: st.DataObject) -> None:
    """A medication's concept said inline, contained, or by a neighbour is the same."""
    beside: Entries = []
    for number, one in enumerate(entries):
        rest = {name: held for name, held in one.items() if name != "medicationCodeableConcept"}
        if len(rest) < len(one):
            code = one["medicationCodeableConcept"]
            drug = {"resourceType": "Medication", "id": f"drug{number}", "code": code}
            inside = number % 2 == 0
            rest |= {"contained": [*one.get("contained", ()), drug]} if inside else {}
            where = "#" if inside else "Medication/"
            rest["medicationReference"] = {"reference": f"{where}drug{number}"}
            beside += [] if inside else [drug]
        beside.append(rest)
    same(screened(entries), screened(beside))


def in_a_bundle(entries: Entries, _: st.DataObject) -> None:
    """What a Bundle brings counts as much as what stands beside it."""
    inner = [{"fullUrl": f"urn:x:{one['id']}", "resource": one} for one in entries]
    bundle = {"resourceType": "Bundle", "id": "box", "type": "collection", "entry": inner}
    same(screened(entries), screened([bundle]))


def refuted_added(entries: Entries, data: st.DataObject) -> None:
    more = _marked(data, "Condition", "verificationStatus", "refuted")
    same(screened(entries), screened([*entries, more]))


def error_added(entries: Entries, data: st.DataObject) -> None:
    more = {**data.draw(st.sampled_from(ADDED)), "id": "more", "status": "entered-in-error"}
    if more["resourceType"] in {"Condition", "AllergyIntolerance", "Bundle"}:
        return
    same(screened(entries), screened([*entries, {**more, "contained": []}]))


def other_patient_added(entries: Entries, data: st.DataObject) -> None:
    """Another person's entry is named, and nothing of it is used."""
    other = {"resourceType": "Patient", "id": "other"}
    more = {**data.draw(st.sampled_from(ADDED)), "id": "more"}
    member = "patient" if "patient" in more else "subject"
    if more["resourceType"] in {"Medication", "Device", "Bundle"}:
        return
    after = screened([*entries, other, {**more, member: {"reference": "Patient/other"}}])
    before = findings(screened(entries))
    kinds = {one.rule: one.kind for one in after.findings}
    fresh = findings(after).items() - before.items()
    assert all(kinds[rule] is FindingKind.DATA for rule, _ in fresh)
    not_lower(screened(entries), after)


def danger_added(entries: Entries, _: st.DataObject) -> None:
    after = screened([*entries, {**DANGER, "id": "danger"}])
    assert outcome(after) >= max(outcome(screened(entries)), WEIGHT.index(Outcome.REVIEW))


def entry_added(entries: Entries, data: st.DataObject) -> None:
    """Nothing that is added, but what an answer or a value says of another entry, lowers."""
    more = {**data.draw(st.sampled_from(ADDED)), "id": "more"}
    if more["resourceType"] not in {"Observation", "Procedure"}:
        not_lower(screened(entries), screened([*entries, more]))


def medications_removed(entries: Entries, _: st.DataObject) -> None:
    """Without any medication, and nobody who says that there is none, it is never clear."""
    kept = [one for one in entries if not one["resourceType"].startswith("Medication")]
    kept = [one for one in kept if one["resourceType"] not in {"List", "Composition", "Bundle"}]
    base = [one for one in BASE["entries"] if not one["resourceType"].startswith("Medication")]
    chart = a_chart(BASE["order"], BASE["patient"], [*base, *kept])
    found = screen(read(chart, the_pack()), the_pack(), day=DAY, planned=PLANNED, variant=None)
    assert found.outcome is not Outcome.CLEAR


def sibling_codes(entries: Entries, _: st.DataObject) -> None:
    """A code of another system that says the same gives the same."""

    whole = written(entries)
    for (system, code), (other, its) in SIBLINGS.items():
        whole = whole.replace(_coding(system, code), _coding(other, its))
    same(screened(entries), screened(parsed(whole)))


def _coding(system: str, code: str) -> str:
    return f'"system":"{system}","code":"{code}"'


def second_coding(entries: Entries, data: st.DataObject) -> None:
    """A coding more, of a local system, changes nothing and never lowers."""
    place = data.draw(st.integers(0, 1))

    def more(tree: Tree) -> Tree:
        held = items(tree.get("coding"))
        if not held or "system" not in members(held[0]):
            return tree
        local: Tree = {"system": "http://example.org/local", "code": "17"}
        return {**tree, "coding": [*held[:place], local, *held[place:]]}

    changed = [over(one, more) for one in entries]
    not_lower(screened(entries), screened(changed))


def narrative_added(entries: Entries, data: st.DataObject) -> None:
    told = {"status": "generated", "div": f"<div>{data.draw(st.sampled_from(WORDS))}</div>"}
    same(screened(entries), screened([{**one, "text": told} for one in entries]))


def display_changed(entries: Entries, data: st.DataObject) -> None:
    """Whatever the display of a code in the sets is, the code decides."""
    word = data.draw(st.sampled_from(WORDS))

    def said(tree: Tree) -> Tree:
        listed = the_pack().codes.get(text(tree, "system"), {})
        known = text(tree, "code") in listed and "display" in tree
        return {**tree, "display": f"{tree['display']} {word}"} if known else tree

    changed = [over(one, said) for one in entries]
    not_lower(screened(entries), screened(changed))


def note_added(entries: Entries, data: st.DataObject) -> None:
    """A note may raise, never lower."""
    word = data.draw(st.sampled_from(WORDS))
    order = {**BASE["order"], "note": [{"text": word}]}
    not_lower(screened(entries), screened(entries, order=order))


def all_dates_moved(entries: Entries, data: st.DataObject) -> None:
    """Everything moved by whole weeks, the days of the screening too, gives the same."""
    days = 7 * data.draw(st.integers(1, 20))
    whole = written([*BASE["entries"], *entries])
    for found in sorted(set(DATES.findall(whole))):
        moved = (date.fromisoformat(found) + timedelta(days=days)).isoformat()
        whole = whole.replace(found, f"@{moved}@")
    if PARTIAL.search(whole):
        return
    moved_all = parsed(whole.replace("@", ""))
    chart = a_chart(BASE["order"], BASE["patient"], moved_all)
    later = timedelta(days=days)
    pack = the_pack()
    after = screen(read(chart, pack), pack, day=DAY + later, planned=PLANNED + later, variant=None)
    same(screened(entries), after)


def told_twice(entries: Entries, _: st.DataObject) -> None:
    """The same entry sent twice never lowers."""
    again = [{**one, "id": f"{one['id']}again"} for one in entries]
    not_lower(screened(entries), screened([*entries, *again]))


def status_removed(entries: Entries, _: st.DataObject) -> None:
    """A status that is not told counts no less than an active one, but a block may be asked.

    An abatement in words ends an entry whose status does not say otherwise: such are left out.
    """
    held = [one for one in entries if not any(name.startswith("abatement") for name in one)]
    active = {"coding": [{"code": "active"}]}
    told = [{**one, "clinicalStatus": active} if "clinicalStatus" in one else one for one in held]
    bare = [{n: v for n, v in one.items() if n != "clinicalStatus"} for one in held]
    before, after = screened(told), screened(bare)
    assert outcome(after) >= min(outcome(before), WEIGHT.index(Outcome.REVIEW))


def _marked(data: st.DataObject, rtype: str, element: str, code: str) -> Resource:
    some = [one for one in ADDED if one["resourceType"] == rtype]
    return {**data.draw(st.sampled_from(some)), "id": "more", element: {"coding": [{"code": code}]}}


RELATIONS: list[Relation] = [
    order_of_entries,
    order_of_members,
    other_ids,
    contained_or_referenced,
    in_a_bundle,
    refuted_added,
    error_added,
    other_patient_added,
    danger_added,
    entry_added,
    medications_removed,
    sibling_codes,
    second_coding,
    narrative_added,
    display_changed,
    note_added,
    all_dates_moved,
    told_twice,
    status_removed,
]


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda one: one.__name__)
def test_a_relation_holds(relation: Relation, rounds: int) -> None:
    @settings(
        max_examples=rounds,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(entries=some_entries, data=st.data())
    def holds(entries: Entries, data: st.DataObject) -> None:
        relation(entries, data)

    holds()


def test_there_are_enough_relations() -> None:
    assert len(RELATIONS) >= 12
