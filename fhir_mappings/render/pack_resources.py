"""A content pack as FHIR: a PlanDefinition with an action for each rule, and a Library.

What a rule says to people and asks of the data stands in elements of FHIR. How it weighs them has
no element: it travels in the action's condition as an expression in a language of our own, the
rule object of the pack's page of rules (docs/decisions/0019). What can be told in both ways is
rendered from the rule object, so the two never differ.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from fhir_mappings.model.json import Json, Tree, encode, items, members, text
from fhir_mappings.model.pack_head import PackHead
from fhir_mappings.terms import packs, systems

_DATED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Condition": "onset",
        "Immunization": "occurrence",
        "MedicationAdministration": "effective",
        "MedicationDispense": "whenHandedOver",
        "MedicationRequest": "authoredOn",
        "MedicationStatement": "effective",
        "Observation": "effective",
        "Procedure": "performed",
    }
)
"""Where the clinical date of a type stands first; the rule object's page says which follow."""


_LANGUAGE: Final[Tree] = {"url": packs.EXPRESSION_LANGUAGE, "valueCode": packs.LANGUAGE}
"""The value set of languages has no code for ours, and HAPI's validator takes no other."""


def plan_definition(
    head: PackHead,
    rules: Iterable[Tree],
    *,
    sources: Mapping[str, str],
    withdrawn: Mapping[str, str],
    canonicals: Mapping[str, str],
) -> Tree:
    """Return the PlanDefinition of a pack's rules.

    `sources` are citations by their short names, `withdrawn` the rules of the base that do not
    act any more, with the reason; `canonicals` lead from a set to the address of its ValueSet.
    """
    tree: Tree = {
        **_head(head, "PlanDefinition"),
        "type": _coded(packs.PLAN_TYPE, "eca-rule"),
        "library": [f"{head.library}|{head.version}"],
    }
    if withdrawn:
        tree["extension"] = [_withdrawn(rule, why) for rule, why in sorted(withdrawn.items())]
    if sources:
        cited = sorted(sources.items())
        tree["relatedArtifact"] = [
            {"type": "citation", "label": name, "citation": told} for name, told in cited
        ]
    if actions := [action(rule, canonicals) for rule in rules]:
        tree["action"] = [*actions]
    return tree


def library(head: PackHead, attachments: Mapping[str, Tree], sets: Iterable[str]) -> Tree:
    """Return the Library that holds a pack together: its tables, and what it is composed of."""
    composed = [f"{head.url}/PlanDefinition/{head.name}", *sets]
    related: list[Json] = [{"type": "composed-of", "resource": one} for one in composed]
    if head.base is not None:
        on = f"{head.base.url}|{head.base.version}"
        related = [{"type": "depends-on", "resource": on}, *related]
    return {
        **_head(head, "Library"),
        "type": _coded(packs.LIBRARY_TYPE, "asset-collection"),
        "relatedArtifact": related,
        "content": [
            {"contentType": "application/json", "title": title, "data": _encoded(held)}
            for title, held in attachments.items()
        ],
    }


def action(rule: Tree, canonicals: Mapping[str, str]) -> Tree:
    """Return the action of one rule."""
    message = members(rule.get("message"))
    rest = {name: one for name, one in rule.items() if name not in packs.IN_ELEMENTS}
    tree: Tree = {
        "id": text(rule, "id"),
        "extension": [{"url": packs.SIGN_OFF, "valueCode": text(rule, "signoff")}],
        "title": text(rule, "title"),
        "description": text(message, "scheduler"),
        "textEquivalent": text(message, "referrer"),
        "priority": packs.PRIORITIES[text(rule, "action")],
        "code": [{"coding": [{"system": systems.FINDING, "code": text(rule, "id")}]}],
        "documentation": list(_documentation(rule)),
        "condition": [
            {
                "kind": "applicability",
                "expression": {
                    "_language": {"extension": [_LANGUAGE]},
                    "expression": encode(rest).decode(),
                },
            }
        ],
    }
    if needed := list(_needed(rule, canonicals)):
        tree["input"] = needed
    return tree


def _head(head: PackHead, rtype: str) -> Tree:
    return {
        "resourceType": rtype,
        "id": head.name,
        "language": head.language,
        "url": f"{head.url}/{rtype}/{head.name}",
        "version": head.version,
        "name": "".join(part.capitalize() for part in head.name.split("-")),
        "title": head.title,
        "status": "draft",
        "experimental": True,
        "date": head.date,
        "copyright": head.copyright,
    }


def _encoded(tree: Tree) -> str:
    return b64encode(encode(tree)).decode()


def _coded(system: str, code: str) -> Tree:
    return {"coding": [{"system": system, "code": code}]}


def _withdrawn(rule: str, why: str) -> Tree:
    return {
        "url": packs.WITHDRAWN,
        "extension": [
            {"url": "rule", "valueCode": rule},
            {"url": "reason", "valueString": why},
        ],
    }


def _documentation(rule: Tree) -> Iterator[Json]:
    """Tell why there is such a rule, by which sources, and which of its numbers have none."""
    yield {"type": "justification", "display": text(rule, "rationale")}
    for source in items(rule.get("sources")):
        yield {"type": "citation", "label": source}
    for one in items(rule.get("thresholds")):
        if packs.LOCAL in text(one, "origin"):
            yield {"type": "documentation", "label": packs.UNSIGNED, "display": text(one, "what")}


def _needed(rule: Tree, canonicals: Mapping[str, str]) -> Iterator[Json]:
    """Yield each kind of data that a rule looks at, once."""
    applies = members(rule.get("appliesWhen"))
    held = [*items(rule.get("inputs")), *items(applies.get("preconditions"))]
    told: list[Json] = []
    for one in held:
        for requirement in _requirements(members(one), canonicals):
            if requirement not in told:
                told.append(requirement)
                yield requirement


def _requirements(wanted: Tree, canonicals: Mapping[str, str]) -> Iterator[Tree]:
    """Yield the DataRequirements of an input: filters of one are all of them, sets are any."""
    elements = text(wanted, "element").replace("|", "+").split("+")
    for rtype in items(wanted.get("resourceTypes")):
        dated = _recent(str(rtype), wanted.get("withinDays"))
        named: list[Json] = [
            {"path": element, "valueSet": canonicals.get(str(name), str(name))}
            for element in elements
            for name in sorted(map(str, items(wanted.get("valueSets"))))
        ]
        filters: list[Tree] = [{"codeFilter": [one]} for one in named] or [{}]
        yield from ({"type": rtype, **one, **dated} for one in filters)


def _recent(rtype: str, days: Json) -> Tree:
    if rtype not in _DATED or days is None:
        return {}
    lasting: Tree = {"value": days, "unit": "d", "system": systems.UCUM, "code": "d"}
    return {"dateFilter": [{"path": _DATED[rtype], "valueDuration": lasting}]}
