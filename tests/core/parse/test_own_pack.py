"""A clinic changes the pack without Python: numbers, texts, variants, rules, codes and words."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings.decide.pack_check import check_pack, overlaps
from fhir_mappings.model.rule import Rule
from fhir_mappings.parse.pack_files import read_layer
from fhir_mappings.parse.pack_layers import laid
from fhir_mappings.problems import Code, Refused
from fhir_mappings.render.checked import checked
from service.content import load
from service.content.packs.build import build
from service.content.packs.files import write
from service.content.packs.own import own_files
from tests.kit.charts import EXAMPLES, findings, screened_case, the_pack
from tests.kit.own_packs import a_source, files_of, own_pack, plain, the_base


def rule_of(source: dict[str, Any], name: str) -> Rule:
    return next(one for one in own_pack(source).content.rules if one.id == name)


def refused(source: dict[str, Any]) -> set[str]:
    with pytest.raises(Refused) as caught:
        own_pack(source)
    assert {one.code for one in caught.value.problems} == {Code.PACK}
    return {one.context for one in caught.value.problems}


def a_number(**changes: object) -> dict[str, Any]:
    """Another number for the first threshold of the pack that acts in its own rule."""
    rule, one = next(
        (rule, one)
        for rule in the_pack().content.rules
        for one in rule.thresholds
        if not one.at[0].startswith("#")
    )
    was = int(one.value or 0)
    now = {"rule": rule.id, "what": one.what, "was": was, "now": was + 7, "origin": "ours"}
    return {**now, **changes}


def test_a_number_acts_wherever_its_rule_says_and_says_whose_it_is() -> None:
    number = a_number()

    pack = own_pack(plain(numbers=[number]))

    rule = next(one for one in pack.content.rules if one.id == number["rule"])
    told = next(one for one in rule.thresholds if one.what == number["what"])
    assert (told.value, told.origin) == (number["now"], "ours")
    assert pack.partial == ()


def test_a_number_of_a_table_stands_in_every_rule_that_tells_of_it() -> None:
    told = [
        (rule.id, one)
        for rule in the_pack().content.rules
        for one in rule.thresholds
        if one.at[0].startswith("#") and one.value is not None
    ]
    name, threshold = told[0]
    changed = {"rule": name, "what": threshold.what, "was": int(threshold.value or 0), "now": 33}

    pack = own_pack(plain(numbers=[{**changed, "origin": "ours"}]))

    _, group, _ = threshold.at[0].lstrip("#/").split("/")
    assert pack.content.washouts[group].days == 33
    assert pack.partial == ()


def test_a_wash_out_is_changed_alone_in_its_table() -> None:
    held = the_pack().content.washouts
    group = next(name for name, one in held.items() if one.days > 1)

    pack = own_pack(plain(tables={"washouts": {group: {"days": 1}}}))

    assert pack.content.washouts[group].days == 1
    rest = {name: one for name, one in pack.content.washouts.items() if name != group}
    assert rest == {name: one for name, one in held.items() if name != group}


@pytest.mark.parametrize("change", [{"was": 1}, {"what": "no such"}, {"rule": "NO-01"}])
def test_a_number_that_the_base_does_not_have_is_refused(change: dict[str, object]) -> None:
    number = a_number(**change)

    assert number["what"] in refused(plain(numbers=[number]))


def test_other_sentences_change_nothing_that_acts() -> None:
    source = a_source(numbers=[], variants=[], words={}, codes={})
    name = next(one for one in source["rules"] if one in the_base().rules)
    source["rules"] = {name: source["rules"][name]}

    pack = own_pack(source)

    rule, before = rule_of(source, name), the_base().rules[name]
    assert rule.title == source["rules"][name]["title"] != before["title"]
    assert rule.message.scheduler == source["rules"][name]["message"]["scheduler"]
    assert pack.acts == the_pack().acts


def test_a_new_variant_changes_nothing_for_the_orders_of_others() -> None:
    source = a_source(numbers=[], codes={}, rules={})

    pack = own_pack(source)

    assert source["variants"]
    assert pack.acts == the_pack().acts


def test_what_acts_in_a_changed_rule_has_another_digest() -> None:
    number = a_number()

    pack = own_pack(plain(numbers=[number]))

    differs = {name for name, one in pack.acts.items() if one != the_pack().acts[name]}
    assert differs == {number["rule"]}


def test_an_added_rule_fires_on_its_code_and_on_its_word() -> None:
    source = a_source()
    (name,) = source["codes"]
    ((system, codes),) = source["codes"][name].items()
    (word,) = source["words"][name]
    (added,) = (one for one in source["rules"] if one not in the_base().rules)
    entry = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}}
    spoken = [{"coding": [{"system": system, "code": code}]} for code in codes] + [{"text": word}]

    found = [
        findings(screened_case({"add": [{**entry, "code": one}]}, own_pack(source)))
        for one in spoken
    ]

    assert len(found) == 2
    assert all(one[added] == source["rules"][added]["action"] for one in found)


def test_a_new_variant_is_read_from_the_order_and_judged_like_another() -> None:
    source = a_source()
    (row,) = source["variants"]
    words = source["words"][row["names"][0]]
    pack = own_pack(source)

    named = [
        screened_case({"variant": None, "order": {"note": [{"text": word}]}}, pack).variant
        for word in words
    ]

    assert set(named) == {row["variant"]}
    for rule in pack.content.rules:
        variants = rule.applies_when.variants
        assert (row["variant"] in variants) == (row["like"] in variants)


def test_a_withdrawn_rule_is_gone_and_its_reason_stands_in_the_pack() -> None:
    name = next(
        rule.id
        for rule in reversed(the_pack().content.rules)
        if rule.action == "info" and not _named_by_others(rule.id)
    )

    pack = own_pack(plain(withdrawn={name: "Not shown at Muster."}))

    assert name not in {rule.id for rule in pack.content.rules}
    assert (
        "Not shown at Muster."
        in files_of(plain(withdrawn={name: "Not shown at Muster."}))[
            "PlanDefinition-muster-clinic.json"
        ].decode()
    )


def _named_by_others(name: str) -> bool:
    return any(f'"{name}"' in json.dumps(one) for key, one in _plain_rules() if key != name)


def _plain_rules() -> list[tuple[str, object]]:
    return [
        (name, json.loads(json.dumps(one, default=str))) for name, one in the_base().rules.items()
    ]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"name": "../elsewhere"}, "../elsewhere"),
        ({"name": "tpi-core"}, "tpi-core"),
        ({"words": {"a.b": ["x"]}}, "a.b"),
        ({"withdrawn": {"NO-01": "never was"}}, "NO-01"),
        ({"variants": [{"variant": "x", "names": ["y"], "like": "never"}]}, "never"),
        ({"tables": {"onlyOnSundays": True}}, "onlyOnSundays"),
        ({"texts": {"regions": {"moon": ["(a+)+"]}}}, "nested repeat"),
    ],
)
def test_what_no_base_knows_is_refused_by_its_name(change: dict[str, object], named: str) -> None:
    assert named in refused(plain(**change))


@pytest.mark.parametrize(
    ("member", "value", "named"),
    [
        ("onlyOnSundays", True, "onlyOnSundays"),
        ("sources", ["NOBODY"], "NOBODY"),
        ("givesWayTo", [{"rules": ["NO-01"], "within": "place"}], "NO-01"),
    ],
)
def test_a_rule_that_could_not_be_carried_out_is_refused(
    member: str, value: object, named: str
) -> None:
    source = a_source()
    (added,) = (one for one in source["rules"] if one not in the_base().rules)
    source["rules"][added][member] = value

    assert named in refused(source)


def test_a_rule_that_looks_for_a_set_that_is_nowhere_is_refused() -> None:
    source = a_source()
    source["codes"], source["words"] = {}, {}
    source["variants"] = []

    (added,) = (one for one in source["rules"] if one not in the_base().rules)
    assert set(source["rules"][added]["inputs"][0]["valueSets"]) <= refused(source)


def test_a_pack_for_another_version_of_its_base_is_refused(tmp_path: Path) -> None:
    files = files_of(plain())
    library = files["Library-muster-clinic.json"].decode()
    other = library.replace(f"|{the_base().head.version}", "|0.0.1").encode()
    write(tmp_path, files | {"Library-muster-clinic.json": other})

    with pytest.raises(Refused) as caught:
        load.load_pack(tmp_path)

    assert caught.value.problems[0].context == f"base {the_base().head.version}"


def test_a_set_of_the_base_is_not_told_anew() -> None:
    files = files_of(plain())
    name = next(one for one, held in the_base().includes.items() if len(held) > 1)
    whole = {"resourceType": "ValueSet", "id": name, "url": f"https://x.example/ValueSet/{name}"}

    with pytest.raises(Refused) as caught:
        laid(the_base(), read_layer(files | {"whole.json": json.dumps(whole).encode()}))

    assert [one.context for one in caught.value.problems] == [name]


def test_a_source_for_another_version_of_its_base_is_refused() -> None:
    source = plain(base={**a_source()["base"], "version": "0.0.1"})

    assert f"base {the_base().head.version}" in refused(source)


def test_the_worked_examples_hold_under_other_sentences() -> None:
    source = a_source(numbers=[], variants=[])

    pack = own_pack(source)

    for case in EXAMPLES["cases"]:
        assert findings(screened_case(case, pack)) == case["findings"], case["name"]


def test_the_files_of_a_clinics_pack_are_resources_of_r4() -> None:
    files = files_of(a_source())

    for data in files.values():
        tree = json.loads(data, parse_float=Decimal)
        assert checked(tree) == tree
    assert sum(map(len, files.values())) < 60_000


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ageMinYears": 60, "ageMaxYears": 50}, "nobody is of its ages"),
        ({"variants": ["never-ordered"]}, "no order has one of its variants"),
    ],
)
def test_a_rule_that_can_never_fire_is_told(change: dict[str, object], why: str) -> None:
    source = a_source()
    (added,) = (one for one in source["rules"] if one not in the_base().rules)
    source["rules"][added]["appliesWhen"] = change

    facts = check_pack(own_pack(source))

    assert [(one.rule, one.why) for one in facts.unreachable] == [(added, why)]
    assert check_pack(the_pack()).unreachable == ()


def test_sets_that_share_codes_are_told_but_not_unions() -> None:
    pack = the_pack()

    told = overlaps(pack)

    assert told
    for one in told:
        system, _, code = one.example.partition("|")
        assert set(one.sets) <= pack.codes[system][code].sets
        assert not set(one.sets) & pack.content.includes.keys()


def test_a_clinics_pack_lies_over_a_build_that_leaves_a_system_out(tmp_path: Path) -> None:
    packs = Path(load.__file__).parent / "packs"
    snomed = frozenset({"http://snomed.info/sct", "https://dmd.nhs.uk"})  # one number space
    build(packs / "source", tmp_path / "core", values=packs / load.SHIPPED, without=snomed)
    (core,) = load.open_folders(tmp_path / "core")
    on = {"url": core.layer.head.library, "version": core.layer.head.version}
    write(tmp_path / "own", own_files(json.dumps(a_source(base=on)).encode(), core.layer))

    pack = load.load_pack(tmp_path / "own", base=tmp_path / "core")

    assert snomed.isdisjoint(pack.codes)
    with pytest.raises(Refused):
        load.load_pack(tmp_path / "own")
