"""Checks: inputs that match when something is missing, unreadable or undecided."""

from typing import Literal, TypeAlias

from fhir_mappings.model.finding import Action
from fhir_mappings.model.member import ListName, Member


class _Check(Member, frozen=True, kw_only=True, tag_field="kind"):
    """A check: the input matches when something is missing, unreadable or undecided."""


class ListMissing(_Check, frozen=True, kw_only=True, tag="listMissing"):
    """No usable entry of the types and no explicit none."""

    list: ListName


class NotUnderstood(_Check, frozen=True, kw_only=True, tag="notUnderstood"):
    """An entry in use that is not understood.

    `known_code_needs` says what a code of a known system outside the sets wants beside it: words
    that are understood themselves, or words of a language that the sets use.
    """

    words_of: tuple[str, ...]
    none: ListName | None
    known_code_needs: Literal["understoodWords", "familiarWords"]


class Illegible(_Check, frozen=True, kw_only=True, tag="illegible"):
    """An entry with no text, no display and no code of a known system."""


class TextCut(_Check, frozen=True, kw_only=True, tag="textCut"):
    """A text beyond the limits."""


class UnresolvedReference(_Check, frozen=True, kw_only=True, tag="unresolvedReference"):
    """A reference that leads nowhere."""


class RuleFailed(_Check, frozen=True, kw_only=True, tag="ruleFailed"):
    """A rule that could not be evaluated, or a resource that could not be read."""


class StatusUnknown(_Check, frozen=True, kw_only=True, tag="statusUnknown"):
    """A match whose state is asked for."""

    actions: frozenset[Action]


class ValueUnreadable(_Check, frozen=True, kw_only=True, tag="valueUnreadable"):
    """A value that cannot be compared."""


class Missing(_Check, frozen=True, kw_only=True, tag="missing"):
    """An element of the order or patient is absent."""


class SiteUnknown(_Check, frozen=True, kw_only=True, tag="siteUnknown"):
    """A site is given and not known."""


class Undecided(_Check, frozen=True, kw_only=True, tag="undecided"):
    """The birth date is missing or allows ages on both sides of the value."""


class OtherLanguage(_Check, frozen=True, kw_only=True, tag="otherLanguage"):
    """A preferred language of the patient begins with none of these."""

    languages: tuple[str, ...]


class HasExtension(_Check, frozen=True, kw_only=True, tag="extension"):
    """An extension of the patient whose address holds these characters, unless it says no."""

    url_contains: str


Check: TypeAlias = (
    ListMissing
    | NotUnderstood
    | Illegible
    | TextCut
    | UnresolvedReference
    | RuleFailed
    | StatusUnknown
    | ValueUnreadable
    | Missing
    | SiteUnknown
    | Undecided
    | OtherLanguage
    | HasExtension
)
