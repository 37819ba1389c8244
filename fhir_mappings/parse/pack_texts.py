"""The patterns and word lists of a pack: the object of texts → `Texts`."""

from collections.abc import Mapping

import msgspec

from fhir_mappings.model.json import Tree, encode
from fhir_mappings.model.texts import HintRow, HintWords, PatternList, Texts, TopicalForms
from fhir_mappings.parse.pack_files import fault
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.terms.packs import TEXTS


class _Object(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The patterns' object; the sets' own members are read later, by name."""

    schema_version: str
    note: str
    negation_hints: dict[str, msgspec.Raw]
    patterns: dict[str, PatternList]
    topical_forms: TopicalForms
    regions: dict[str, tuple[str, ...]]
    benign_words: dict[str, tuple[str, ...] | str]
    familiar_words: dict[str, tuple[str, ...] | str]


class _HintRest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What the hints say beside their word lists."""

    window_tokens: int
    scope: str
    effect: dict[str, str]
    breakers: dict[str, tuple[str, ...] | str]
    readings: tuple[HintRow, ...]
    sentence_end: str
    clause_end: str


def texts_of(tree: Tree) -> Texts:
    """Read the texts.

    Raises:
        Refused: `pack`, with the member that is unknown or has another form.
    """
    try:
        whole = msgspec.json.decode(encode(tree), type=_Object)
        return Texts(
            patterns=whole.patterns,
            hints=_hints(whole.negation_hints),
            topical=whole.topical_forms,
            regions=whole.regions,
            benign=_words(whole.benign_words),
            familiar=_words(whole.familiar_words),
        )
    except msgspec.DecodeError as reason:
        raise Refused(fault(str(reason), TEXTS)) from None


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


def _words(held: Mapping[str, tuple[str, ...] | str]) -> frozenset[str]:
    return frozenset(word for one in _lists(held).values() for word in one)


def _lists(held: Mapping[str, tuple[str, ...] | str]) -> dict[str, tuple[str, ...]]:
    """Leave out the notes that stand beside lists of words."""
    return {name: one for name, one in held.items() if isinstance(one, tuple)}
