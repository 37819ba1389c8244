"""Patterns and word lists of a pack: everything that reads words."""

from typing import Literal

import msgspec

from fhir_mappings.model.member import Member, Reading, SetId


def folded(text: str) -> str:
    """Fold case as stems are: dotted and dotless i become i first."""
    return text.replace("\u0130", "i").replace("\u0131", "i").casefold()


class PatternList(Member, frozen=True, kw_only=True):
    """Patterns of one set, and literals of which one stands in every text they match.

    `stems` is tried on the folded text, `case_sensitive_stems` on the text as it is; None means
    that no literal can be told and the patterns are always tried.
    """

    ignore_case: tuple[str, ...]
    case_sensitive: tuple[str, ...]
    stems: tuple[str, ...] | None
    case_sensitive_stems: tuple[str, ...] | None


class HintRow(Member, frozen=True, kw_only=True):
    """One reading: the word lists before and after a match, and how far they reach."""

    reading: Reading
    before: str | None
    reach: Literal["comma", "sentence"]
    after: str | None
    unless: str | None
    otherwise: Reading | None


class HintWords(msgspec.Struct, frozen=True, kw_only=True):
    """The words that make a reading, by the name of their list, and what holds them up."""

    words: dict[str, tuple[str, ...]]
    breakers: dict[str, tuple[str, ...]]
    window_tokens: int
    readings: tuple[HintRow, ...]
    sentence_end: str
    clause_end: str


class TopicalForms(Member, frozen=True, kw_only=True):
    """Words of forms in which a drug does not work in the whole body, and for which sets."""

    note: str
    words: tuple[str, ...]
    sets: frozenset[SetId]


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that reads words.

    `benign` are words that bear on no rule, `familiar` those of the language that the sets use.
    """

    patterns: dict[SetId, PatternList]
    hints: HintWords
    topical: TopicalForms
    regions: dict[str, tuple[str, ...]]
    benign: frozenset[str]
    familiar: frozenset[str]
