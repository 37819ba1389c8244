"""A pack is carried out whole or refused by name."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec
import pytest

from fhir_mappings.decide.pack_check import check_pack
from fhir_mappings.decide.rules.plan import plan_of
from fhir_mappings.decide.rules.text import compiled
from fhir_mappings.parse.pack import read_pack
from fhir_mappings.parse.pack_examples import FILE as EXAMPLES
from fhir_mappings.parse.pack_files import read_layer
from fhir_mappings.parse.patterns import outside_subset
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.checked import checked
from service.content import load
from service.content.packs.build import build, resources
from service.content.packs.files import SUMS, ValueSetFile, write
from tests.kit.charts import the_pack

Tree: TypeAlias = dict[str, Any]
Steps: TypeAlias = tuple[str | int, ...]

SHIPPED = Path(load.__file__).parent / "packs" / "tpi-core"
SOURCE = SHIPPED.parent / "source"
PLAN = "PlanDefinition-tpi-core.json"
RULES = "rules.json"
TEXTS = "text-patterns.json"
INPUT = ("rules", 0, "inputs", 0)
MAPS = {
    *("statusFilters", "washouts", "systemAliases", "completeSystems", "knownSystems"),
    *("includes", "quantities", "sources"),
}


def shipped() -> dict[str, bytes]:
    files = {path.name: path.read_bytes() for path in SHIPPED.glob("*.json")}
    return {name: data for name, data in files.items() if name != EXAMPLES}


def put(tree: Tree, path: Steps, value: object) -> None:
    """Set one member of a tree."""
    node: Any = tree
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value


def library_with(title: str, change: Callable[[Tree], None]) -> dict[str, bytes]:
    """Return PlanDefinition and Library of a changed rule object or changed texts."""
    held: dict[str, Tree] = {
        name: json.loads((SOURCE / name).read_bytes(), parse_float=Decimal)
        for name in (RULES, TEXTS)
    }
    change(held[title])
    return resources(held[RULES], held[TEXTS], list(shipped_sets()))


@cache
def shipped_sets() -> tuple[ValueSetFile, ...]:
    found = (path.read_bytes() for path in sorted(SHIPPED.glob("*.json")))
    return tuple(
        msgspec.json.decode(data, type=ValueSetFile) for data in found if b'"ValueSet"' in data
    )


def rules_with(path: Steps, value: object) -> dict[str, bytes]:
    return library_with(RULES, lambda content: put(content, path, value))


def texts_with(path: Steps, value: object) -> dict[str, bytes]:
    return library_with(TEXTS, lambda texts: put(texts, path, value))


def refusal(files: dict[str, bytes]) -> tuple[Problem, ...]:
    with pytest.raises(Refused) as refused:
        read_pack(read_layer(files), digest="")
    assert {one.code for one in refused.value.problems} == {Code.PACK}
    return refused.value.problems


def objects(tree: object, path: Steps = ()) -> Iterator[Steps]:
    """Yield the path of every object."""
    if isinstance(tree, dict):
        yield path
        for name, one in cast("Tree", tree).items():
            yield from objects(one, (*path, name))
    elif isinstance(tree, list):
        for index, one in enumerate(cast("list[object]", tree)):
            yield from objects(one, (*path, index))


def shapes() -> list[Steps]:
    """Return the path of the first object of each shape of the rule object."""
    content: Tree = json.loads((SOURCE / "rules.json").read_bytes())
    found: dict[Steps, Steps] = {}
    for path in objects(content):
        if path and ((path[0] in MAPS and len(path) == 1) or path[-1] == "message"):
            continue  # a map's names are its own; a message stands in elements of its action
        node: Any = content
        for step in path:
            node = node[step]
        shape = tuple("*" if isinstance(step, int) else step for step in path)
        found.setdefault((*shape, str(node.get("kind", ""))), path)
    return list(found.values())


@pytest.mark.parametrize("path", shapes(), ids=str)
def test_an_unknown_member_refuses_the_pack_by_its_name(path: Steps) -> None:
    problems = refusal(rules_with((*path, "onlyOnSundays"), value=True))

    assert "onlyOnSundays" in {one.context for one in problems}


def test_every_unknown_member_of_every_rule_is_named_at_once() -> None:
    def change(content: Tree) -> None:
        content["rules"][3]["colour"] = "red"
        content["rules"][5]["inputs"][0]["onlyOnSundays"] = True

    problems = refusal(library_with(RULES, change))

    ids = [rule.id for rule in the_pack().content.rules]
    assert [(one.expression, one.context) for one in problems] == [
        (f"rules[{ids[3]}]", "colour"),
        (f"rules[{ids[5]}].inputs[0]", "onlyOnSundays"),
    ]


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ((*INPUT, "element"), "cod", "cod"),
        ((*INPUT, "valueSets"), ["no-such-set"], "no-such-set"),
        ((*INPUT, "resourceTypes"), ["Basic"], "Basic"),
        ((*INPUT, "status"), "someday", "someday"),
        ((*INPUT, "washout"), "no-group", "no-group"),
        ((*INPUT, "givesWayTo"), [], "givesWayTo"),
        (("carriers", "rows", 0, "element"), "colour", "colour"),
        (("quantities", "lab-inr", "accepts", 0, "over"), 0, "lab-inr"),
        (("knownSystems", "urn:x"), "(a+)+", "nested repeat"),
    ],
)
def test_a_name_that_leads_nowhere_refuses_the_pack(path: Steps, value: object, named: str) -> None:
    problems = refusal(rules_with(path, value))

    assert named in {one.context for one in problems}


@pytest.mark.parametrize(("member", "kind"), [("onlyWhen", "fullMoon"), ("check", "tarot")])
def test_an_unknown_condition_or_check_refuses_the_pack(member: str, kind: str) -> None:
    problems = refusal(rules_with((*INPUT, member), {"kind": kind}))

    assert kind in problems[0].context


@pytest.mark.parametrize(
    ("member", "value"), [("input", []), ("code", []), ("cardinalityBehavior", "multiple")]
)
def test_an_action_that_tells_another_rule_than_acts_is_refused(
    tmp_path: Path, member: str, value: object
) -> None:
    problems = refused_plan(tmp_path, lambda action: action.update({member: value}))

    assert [one.context for one in problems] == [member]


def test_an_expression_does_not_say_what_elements_say(tmp_path: Path) -> None:
    def change(action: Tree) -> None:
        spoken = action["condition"][0]["expression"]
        spoken["expression"] = json.dumps({**json.loads(spoken["expression"]), "action": "info"})

    problems = refused_plan(tmp_path, change)

    assert [one.context for one in problems] == ["condition"]


@pytest.mark.parametrize(
    ("file", "element", "value"),
    [
        ("PlanDefinition-tpi-core.json", "goal", []),
        ("Library-tpi-core.json", "modifierExtension", []),
        ("lab-inr.loinc.json", "immutable", True),
    ],
)
def test_an_element_that_is_not_read_refuses_the_pack(
    file: str, element: str, value: object
) -> None:
    tree: Tree = json.loads(shipped()[file])

    problems = refusal(shipped() | {file: json.dumps({**tree, element: value}).encode()})

    assert element in {one.context for one in problems}


@pytest.mark.parametrize("told", ["exclude", "inactive"])
def test_a_set_that_is_told_in_another_way_is_not_read_as_empty(told: str) -> None:
    tree: Tree = json.loads(shipped()["anticoagulants.json"])
    tree["compose"][told] = []

    problems = refusal(shipped() | {"anticoagulants.json": json.dumps(tree).encode()})

    assert told in {one.context for one in problems}


def refused_plan(folder: Path, change: Callable[[Tree], None]) -> tuple[Problem, ...]:
    files = {path.name: path.read_bytes() for path in SHIPPED.iterdir() if path.name != SUMS}
    plan: Tree = json.loads(files[PLAN])
    change(plan["action"][0])
    write(folder, files | {PLAN: json.dumps(plan).encode()})
    with pytest.raises(Refused) as refused:
        load.load_pack(folder)
    return refused.value.problems


def test_a_pack_that_could_not_tell_of_a_failed_rule_is_refused() -> None:
    def change(content: Tree) -> None:
        for rule in content["rules"]:
            inputs = [one for one in rule["inputs"] if one.get("check") != {"kind": "ruleFailed"}]
            rule["inputs"] = inputs

    problems = refusal(library_with(RULES, change))

    assert "no rule with check ruleFailed" in {one.context for one in problems}


def test_a_pack_needs_a_wash_out_for_a_drug_that_cannot_be_told() -> None:
    problems = refusal(library_with(RULES, lambda held: held["washouts"].pop("unknown")))

    assert "unknown" in {one.context for one in problems}


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("negationHints",),
        ("negationHints", "readings", 0),
        ("patterns", "anticoagulants"),
        ("topicalForms",),
    ],
)
def test_an_unknown_member_of_the_patterns_refuses_the_pack(path: Steps) -> None:
    problems = refusal(texts_with((*path, "onlyOnSundays"), ["x"]))

    assert "onlyOnSundays" in {one.context for one in problems}


@pytest.mark.parametrize(
    "pattern",
    [
        *("(a+)+", r"(\w+ ?)*x", r"(a)\1", "(?P<n>a)", "(?i)a", "(?=a+)b", "(a|b", "a)", "a**"),
        *("[a", "(?<=a|bc)d", "a{", "*a", r"\Aa", "(?#c)"),
    ],
)
def test_a_pattern_outside_the_subset_is_refused(pattern: str) -> None:
    problems = refusal(texts_with(("patterns", "fever", "ignoreCase"), [pattern]))

    assert outside_subset(pattern) in {one.context for one in problems}


@pytest.mark.parametrize(
    "pattern",
    [r"\ba(b|c+)?\b", r"x( \w+){0,3} y", r"[^\]a-z]{2,}\(", "a.b", "(?<!ab)c", "[]a]+", "a{2}?"],
)
def test_a_pattern_inside_the_subset_is_taken(pattern: str) -> None:
    assert outside_subset(pattern) == ""


def test_a_number_that_acts_nowhere_makes_its_rule_partial() -> None:
    def change(content: Tree) -> None:
        rule = next(one for one in content["rules"] if one["thresholds"])
        rule["thresholds"][0]["at"] = ["/inputs/99/withinDays"]

    pack = read_pack(read_layer(shipped() | library_with(RULES, change)), digest="")

    assert len(pack.partial) == 1
    assert the_pack().partial == ()


def test_a_changed_a_missing_and_an_unnamed_file_refuse_the_pack(tmp_path: Path) -> None:
    for path in SHIPPED.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    name = "lab-inr.loinc.json"
    original = (tmp_path / name).read_bytes()
    whole = load.load_pack(tmp_path)

    (tmp_path / name).write_bytes(original.replace(b"INR", b"inr"))
    with pytest.raises(Refused) as changed:
        load.load_pack(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(Refused) as missing:
        load.load_pack(tmp_path)
    (tmp_path / name).write_bytes(original)
    (tmp_path / "more.json").write_bytes(b"{}")
    with pytest.raises(Refused) as unnamed:
        load.load_pack(tmp_path)

    assert whole.digest == the_pack().digest
    told = [one.value.problems[0] for one in (changed, missing, unnamed)]
    assert [one.expression for one in told] == [name, name, "more.json"]


def test_the_same_source_builds_the_same_bytes(tmp_path: Path) -> None:
    build(SOURCE, tmp_path, values=SHIPPED, without=frozenset())

    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert built == {path.name: path.read_bytes() for path in SHIPPED.iterdir()}


def test_no_file_of_the_pack_is_larger_than_a_megabyte() -> None:
    assert max(path.stat().st_size for path in SHIPPED.iterdir()) <= 1_000_000


def test_the_digest_stands_for_every_byte() -> None:
    sums = (SHIPPED / "SHA256SUMS").read_bytes()

    assert the_pack().digest == hashlib.sha256(sums).hexdigest()


def test_the_shipped_pack_tells_what_no_source_backs() -> None:
    facts = check_pack(the_pack())

    assert facts.rules == sum(facts.by_action.values()) == sum(facts.by_kind.values()) >= 84
    assert facts.signed is False
    assert facts.partial == ()
    assert facts.dangling == ()
    assert len(facts.unsourced) >= 54
    assert sum(facts.codes.values()) > 40_000


def test_loading_is_fast() -> None:
    begun = time.perf_counter()
    load.load_pack()

    assert time.perf_counter() - begun < 1.5


def test_every_pattern_compiles() -> None:
    lists = list(the_pack().texts.patterns.values())

    found = [pattern for one in lists for pattern in compiled(one)]

    assert len(found) == sum(len(one.ignore_case) + len(one.case_sensitive) for one in lists)


def test_no_pattern_matches_a_text_in_which_none_of_its_stems_stands() -> None:
    """The pack promises that stems change no result: tried on displays of codes."""
    pack = the_pack()
    displays = sorted({one.display for held in pack.codes.values() for one in held.values()})
    patterns = plan_of(pack).patterns
    lists = {name: compiled(one) for name, one in pack.texts.patterns.items()}

    missed = [
        (name, text)
        for text in displays[::40]
        for name in lists.keys() - patterns.candidates(text)
        if any(one.search(text) for one in lists[name])
    ]

    assert missed == []
    assert len(displays[::40]) > 500


@pytest.mark.parametrize("name", ["PlanDefinition-tpi-core", "Library-tpi-core", "anticoagulants"])
def test_a_resource_of_the_pack_is_one_of_r4(name: str) -> None:
    tree: Tree = json.loads((SHIPPED / f"{name}.json").read_bytes(), parse_float=Decimal)

    assert checked(tree) == tree


def test_every_set_that_a_rule_needs_has_a_value_set_at_its_address() -> None:
    addresses = {one.url for one in shipped_sets()}

    plan: Tree = json.loads((SHIPPED / PLAN).read_bytes())
    needed = {
        one["codeFilter"][0]["valueSet"]
        for action in plan["action"]
        for one in action.get("input", ())
        if "codeFilter" in one
    }

    assert len(needed) > 50
    assert needed <= addresses
