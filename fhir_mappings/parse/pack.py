"""A content pack's layers → Pack.

Every member of the rule object must be known: an unknown one refuses the pack by its name, and so
does a name that leads nowhere.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from fhir_mappings.model.check import Missing
from fhir_mappings.model.condition import OtherRegion
from fhir_mappings.model.content import Content
from fhir_mappings.model.json import Tree, encode, members
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.rule import Input, Rule
from fhir_mappings.model.texts import Texts
from fhir_mappings.parse.concepts import Naming
from fhir_mappings.parse.facts.elements import SAYING
from fhir_mappings.parse.pack_faults import conditions_of, faults, inputs_of
from fhir_mappings.parse.pack_files import fault
from fhir_mappings.parse.pack_layers import Layer
from fhir_mappings.parse.pack_texts import texts_of
from fhir_mappings.parse.thresholds import spoken_only
from fhir_mappings.parse.value_sets import ValueSet, codes_of, set_of
from fhir_mappings.problems import Problem, Refused, refuse_any
from fhir_mappings.terms.packs import TABLES

_SAID: Final = frozenset(
    {"title", "message", "rationale", "sources", "signoff", "note", "doesNotFire", "thresholds"}
)
"""Members of a rule that people read; a threshold's number acts where it points to."""


def read_pack(layer: Layer, *, digest: str) -> Pack:
    """Read a whole pack: one that stands alone, or a clinic's own laid over its base.

    Raises:
        Refused: `pack`, with every fault found; `context` names the member, set or rule.
    """
    rules = list(layer.rules.values())
    content = _content(layer, rules)
    texts = texts_of(layer.texts)
    naming = Naming(aliases=content.system_aliases, hierarchical=frozenset(content.prefix_systems))
    refuse_any(faults(content, texts, frozenset(_set_names(layer.sets, texts))))
    head, base = layer.head, layer.head.base
    return Pack(
        name=head.name,
        version=head.version,
        base=f"{base.url}|{base.version}" if base else "",
        digest=digest,
        content=content,
        texts=texts,
        codes=codes_of(layer.sets, content.includes, naming),
        reads=_reads(content),
        marked=_marked(content),
        partial=spoken_only(content, map(encode, rules)),
        acts={name: _acts(tree, layer) for name, tree in layer.written.items()},
    )


def _content(layer: Layer, rules: list[Tree]) -> Content:
    """Decode the rule object; each rule by itself, so that every unknown member is named."""
    refuse_any(_rule_faults(layer.rules))
    whole = {
        **layer.tables,
        "contentVersion": layer.head.version,
        "includes": {name: one for name, one in layer.includes.items() if one},
        "sources": layer.sources,
        "rules": rules,
    }
    try:
        return msgspec.json.decode(encode(whole), type=Content)
    except msgspec.DecodeError as reason:
        raise Refused(fault(str(reason), TABLES)) from None


def _rule_faults(rules: Mapping[str, Tree]) -> Iterator[Problem]:
    decoder = msgspec.json.Decoder(Rule)
    for name, one in rules.items():
        try:
            decoder.decode(encode(one))
        except msgspec.DecodeError as reason:
            yield fault(str(reason), f"rules[{name}]")


def _acts(rule: Tree, layer: Layer) -> str:
    """Digest what decides whether the rule fires; another sentence or source changes nothing.

    Nor does a variant that is like another one: it is another order's.
    """
    held = {name: one for name, one in rule.items() if name not in _SAID}
    inputs = msgspec.json.encode(held, order="sorted")
    if b'"washout"' in inputs:
        inputs += msgspec.json.encode(members(layer.tables.get("washouts")), order="sorted")
    return hashlib.sha256(inputs).hexdigest()


def _set_names(sets: tuple[ValueSet, ...], texts: Texts) -> Iterator[str]:
    yield from (set_of(one) for one in sets)
    yield from texts.patterns


def _reads(content: Content) -> dict[str, tuple[str, ...]]:
    """Return the elements to read of each type: of inputs, carriers, order, and adjustments."""
    found: dict[str, set[str]] = {}
    for one in inputs_of(content):
        regional = any(isinstance(step.when, OtherRegion) for step in one.adjust)
        for rtype in one.resource_types:
            found.setdefault(rtype, set()).update(_read_of(one), _REGIONAL if regional else ())
    for row in content.carriers.rows:
        for rtype in row.resource_types:
            found.setdefault(rtype, set()).update(row.element.split("+"))
    order = content.order
    found.setdefault("ServiceRequest", set()).update(order.variant.elements, [order.site.element])
    return {rtype: tuple(sorted(elements & SAYING)) for rtype, elements in sorted(found.items())}


_REGIONAL: Final = frozenset({"code", "type", "bodySite"})
"""Elements that tell a region of the body beside the words that matched."""


def _read_of(one: Input) -> list[str]:
    plain = one.element.replace("|", "+").split("+")
    return plain if one.value_sets or one.text or one.check else []


def _marked(content: Content) -> frozenset[str]:
    """Return the plain elements that exclusions, states and conditions ask for."""
    found = {one.element for one in content.always_excluded}
    found |= {row.element for row in content.entry_states}
    found |= {"status", "clinicalStatus", "verificationStatus", "criticality"}
    for condition in conditions_of(content):
        found.update(getattr(condition, "elements", ()))
    found |= {one.element for one in inputs_of(content) if isinstance(one.check, Missing)}
    return frozenset(found)
