"""A content pack's files (FHIR Library and ValueSet, JSON) → Pack.

The Library carries the rule object and the text patterns as attachments; each ValueSet file
lists one set's codes of one code system and is named `set.system`. Every member of the rule
object must be known: an unknown one refuses the pack by its name.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from fhir_mappings.model.check import Missing
from fhir_mappings.model.condition import OtherRegion
from fhir_mappings.model.content import Content
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.rule import Input, Rule
from fhir_mappings.model.texts import HintRow, HintWords, PatternList, Texts, TopicalForms
from fhir_mappings.parse.concepts import Naming
from fhir_mappings.parse.facts.elements import SAYING
from fhir_mappings.parse.pack_faults import conditions_of, faults, inputs_of
from fhir_mappings.parse.thresholds import spoken_only
from fhir_mappings.parse.value_sets import ValueSet, codes_of, set_of
from fhir_mappings.problems import Code, Problem, Refused, refuse_any

RULES: Final = "rules.json"
TEXTS: Final = "text-patterns.json"

_UNKNOWN: Final = re.compile(r"unknown field `(?P<name>[^`]*)`")
_PLACE: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")


class _Attachment(msgspec.Struct, frozen=True):
    title: str
    data: bytes


class _Library(msgspec.Struct, frozen=True, tag_field="resourceType", tag="Library"):
    id: str
    version: str
    content: tuple[_Attachment, ...]


class _Object(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The patterns' object; the sets' own members are read later, by name."""

    schema_version: str
    note: str
    negation_hints: dict[str, msgspec.Raw]
    patterns: dict[str, PatternList]
    topical_forms: TopicalForms
    regions: dict[str, tuple[str, ...]]
    benign_words: dict[str, tuple[str, ...] | str]


class _HintRest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What the hints say beside their word lists."""

    window_tokens: int
    scope: str
    effect: dict[str, str]
    breakers: dict[str, tuple[str, ...] | str]
    readings: tuple[HintRow, ...]
    sentence_end: str
    clause_end: str


def read_pack(files: Mapping[str, bytes], *, digest: str) -> Pack:
    """Read a pack's files by their names.

    Raises:
        Refused: `pack`, with every fault found; `context` names the member, set or rule.
    """
    library, sets = _resources(files)
    held = {one.title: one.data for one in library.content}
    content, raw_rules = _content(held.get(RULES, b""))
    texts = _texts(held.get(TEXTS, b""))
    naming = Naming(aliases=content.system_aliases, hierarchical=frozenset(content.prefix_systems))
    codes = codes_of(sets, content.includes, naming)
    refuse_any(faults(content, texts, frozenset(_set_names(sets, texts))))
    return Pack(
        name=library.id,
        version=library.version,
        digest=digest,
        content=content,
        texts=texts,
        codes=codes,
        reads=_reads(content),
        marked=_marked(content),
        partial=spoken_only(content, raw_rules),
    )


def _resources(files: Mapping[str, bytes]) -> tuple[_Library, tuple[ValueSet, ...]]:
    decoder = msgspec.json.Decoder(_Library | ValueSet)
    found = [_decoded(decoder, name, files[name]) for name in sorted(files)]
    libraries = [one for one in found if isinstance(one, _Library)]
    if len(libraries) != 1:
        raise Refused(Problem(Code.PACK, "Library", "exactly one Library"))
    return libraries[0], tuple(one for one in found if isinstance(one, ValueSet))


def _decoded(
    decoder: msgspec.json.Decoder[_Library | ValueSet], name: str, data: bytes
) -> _Library | ValueSet:
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as reason:
        raise Refused(_fault(str(reason), name)) from None


def _fault(reason: str, inside: str) -> Problem:
    """Turn msgspec's sentence into a problem that names the member and its place."""
    named, placed = _UNKNOWN.search(reason), _PLACE.search(reason)
    place = f"{inside}{placed['path'] if placed else ''}"
    member = named["name"] if named else _PLACE.sub("", reason)
    return Problem(Code.PACK, place, member)


class _Whole(msgspec.Struct, frozen=True):
    rules: tuple[msgspec.Raw, ...]


def _content(data: bytes) -> tuple[Content, tuple[bytes, ...]]:
    """Decode the rule object; each rule by itself, so that every unknown member is named."""
    try:
        raw = tuple(bytes(one) for one in msgspec.json.decode(data, type=_Whole).rules)
    except msgspec.DecodeError as reason:
        raise Refused(_fault(str(reason), RULES)) from None
    refuse_any(_rule_faults(raw))
    try:
        return msgspec.json.decode(data, type=Content), raw
    except msgspec.DecodeError as reason:
        raise Refused(_fault(str(reason), RULES)) from None


def _rule_faults(raw: tuple[bytes, ...]) -> Iterator[Problem]:
    decoder = msgspec.json.Decoder(Rule)
    for index, one in enumerate(raw):
        try:
            decoder.decode(one)
        except msgspec.DecodeError as reason:
            yield _fault(str(reason), f"rules[{index}]")


def _texts(data: bytes) -> Texts:
    try:
        whole = msgspec.json.decode(data, type=_Object)
        return Texts(
            patterns=whole.patterns,
            hints=_hints(whole.negation_hints),
            topical=whole.topical_forms,
            regions=whole.regions,
            benign=frozenset(word for one in _lists(whole.benign_words).values() for word in one),
        )
    except msgspec.DecodeError as reason:
        raise Refused(_fault(str(reason), TEXTS)) from None


def _hints(held: dict[str, msgspec.Raw]) -> HintWords:
    """Read the hints: word lists under the names that the readings use, and nothing unknown."""
    own = frozenset(_HintRest.__struct_encode_fields__)
    rest = {name: held[name] for name in held if name in own}
    fixed = msgspec.json.decode(msgspec.json.encode(rest), type=_HintRest)
    named = {
        name
        for row in fixed.readings
        for name in (row.before, row.after, row.unless)
        if name is not None
    }
    refuse_any(
        Problem(Code.PACK, f"{TEXTS}.negationHints", name)
        for name in sorted(named ^ (held.keys() - rest.keys()))
    )
    words = {name: msgspec.json.decode(held[name], type=tuple[str, ...]) for name in named}
    return HintWords(
        words=words,
        breakers=_lists(fixed.breakers),
        window_tokens=fixed.window_tokens,
        readings=fixed.readings,
        sentence_end=fixed.sentence_end,
        clause_end=fixed.clause_end,
    )


def _lists(held: Mapping[str, tuple[str, ...] | str]) -> dict[str, tuple[str, ...]]:
    """Leave out the notes that stand beside lists of words."""
    return {name: one for name, one in held.items() if isinstance(one, tuple)}


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
