"""A content pack as the core sees it: rules, patterns, and which set lists which code."""

from collections.abc import Mapping

import msgspec

from fhir_mappings.model.content import Content
from fhir_mappings.model.member import RuleId, SetId
from fhir_mappings.model.texts import Texts


class Listed(msgspec.Struct, frozen=True, gc=False):
    """A code's place in the sets: all that list it (unions too), and its display."""

    sets: frozenset[SetId]
    display: str


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """A reviewer's word that a pack was read: who, when, and whether it counts for these bytes.

    `at` is a UTC instant as it was signed. `why_not` is empty where it counts.
    """

    reviewer: str
    role: str
    at: str
    why_not: str

    @property
    def counts(self) -> bool:
        """Tell whether it holds for the pack as it is."""
        return not self.why_not


class Pack(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A content pack, ready to be carried out.

    `codes` leads from system and code (both in the pack's normal form) to the sets. `reads` says
    which elements to read of which resource type, `marked` which plain elements decide about an
    entry. `digest` is the SHA-256 over all files of the pack. `partial` names rules of which
    something stands only in words. `base` is the pack that this one changes, as `address|version`,
    empty for one that stands alone. `acts` is a digest of what decides whether a rule fires: a
    decision on its finding stands while it does. `signature` is None where nobody signed. Compared
    by identity: plans are kept per pack.
    """

    name: str
    version: str
    base: str
    digest: str
    content: Content
    texts: Texts
    codes: Mapping[str, Mapping[str, Listed]]
    reads: Mapping[str, tuple[str, ...]]
    marked: frozenset[str]
    partial: tuple[RuleId, ...]
    acts: Mapping[RuleId, str]
    signature: Signature | None = None

    @property
    def reviewed_by(self) -> str:
        """Say whose signature counts: name and role; empty where none does."""
        one = self.signature
        return f"{one.reviewer}, {one.role}" if one is not None and one.counts else ""
