"""Checks: inputs that match when something is missing, unreadable or undecided.

Source: rules.md of the content pack, Checks.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import assert_never

from fhir_mappings.decide.rules.dates import within
from fhir_mappings.decide.rules.found import Match, absent, first_element, whole
from fhir_mappings.decide.rules.looking import ORDER, hits
from fhir_mappings.decide.rules.people import of_person
from fhir_mappings.decide.rules.quantities import compare, readable
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.decide.rules.status import own_state
from fhir_mappings.decide.rules.understood import denies, understood, usable
from fhir_mappings.model.check import (
    Check,
    HasExtension,
    Illegible,
    ListMissing,
    Missing,
    NotUnderstood,
    OtherLanguage,
    RuleFailed,
    SiteUnknown,
    StatusUnknown,
    TextCut,
    Undecided,
    UnresolvedReference,
    ValueUnreadable,
)
from fhir_mappings.model.fact import Entry, Said
from fhir_mappings.model.finding import Action
from fhir_mappings.model.rule import Input


def checked(scene: Scene, wanted: Input) -> Iterator[Match]:  # noqa: C901, PLR0912 - one arm for each kind of check
    """Yield what a check finds; states and failures are told where they arise, not here."""
    check: Check | None = wanted.check
    match check:
        case ListMissing():
            yield from _list_missing(scene, wanted, check)
        case NotUnderstood():
            yield from _not_understood(scene, wanted, check)
        case Illegible():
            yield from _illegible(scene, wanted)
        case TextCut():
            yield from _text_cut(scene, wanted)
        case UnresolvedReference():
            yield from _unresolved(scene, wanted)
        case ValueUnreadable():
            yield from _value_unreadable(scene, wanted)
        case Missing():
            yield from _missing(scene, wanted)
        case SiteUnknown():
            yield from _site_unknown(scene)
        case Undecided():
            yield from _undecided(scene, wanted)
        case OtherLanguage():
            yield from _other_language(scene, check)
        case HasExtension():
            yield from _extension(scene, check)
        case RuleFailed() | StatusUnknown() | None:
            pass
        case _:
            assert_never(check)


def _entries(scene: Scene, wanted: Input) -> Iterator[Entry]:
    for rtype in wanted.resource_types:
        yield from scene.of_type(rtype)


def _list_missing(scene: Scene, wanted: Input, check: ListMissing) -> Iterator[Match]:
    """Nothing usable, and nobody says that there is nothing."""
    for entry in _entries(scene, wanted):
        said = tuple(scene.said(entry, wanted.element))
        if any(usable(scene, one) for one in said) or _left(entry, wanted.element):
            return
    if not _denied(scene, wanted, check):
        yield absent(f"{wanted.resource_types[0]}.{first_element(wanted)}")


def _denied(scene: Scene, wanted: Input, check: ListMissing) -> bool:
    """An explicit none counts whatever the status beside it, unless it was an error."""
    codes = scene.content.explicit_none.list_codes.of(check.list)
    reasons = scene.content.explicit_none.empty_reasons
    if any(
        not one.codes.isdisjoint(codes) and not one.reasons.isdisjoint(reasons)
        for one in scene.lists
    ):
        return True
    return any(
        denies(scene, said, check.list)
        for entry in scene.facts.entries
        if entry.rtype in wanted.resource_types and entry.key not in scene.retracted
        for one in wanted.element.split("+")
        for said in entry.said.get(one, ())
    )


def _not_understood(scene: Scene, wanted: Input, check: NotUnderstood) -> Iterator[Match]:
    keeps = scene.content.status_filters[wanted.status].keeps
    for entry in _entries(scene, wanted):
        if own_state(scene, entry, Action.REVIEW) not in keeps:
            continue
        if wanted.criticality and wanted.criticality not in entry.marks.get("criticality", ()):
            continue
        said = tuple(scene.said(entry, wanted.element))
        left = _left(entry, wanted.element)
        if not left and not understood(scene, said, check):
            yield whole(entry, f"{entry.root}.{first_element(wanted)}", _shown(said))


def _left(entry: Entry, element: str) -> bool:
    """Say whether a reference of the element leads nowhere: another check tells of that."""
    return any(one.element.startswith(element) for one in entry.loose)


def _shown(said: tuple[Said, ...]) -> str:
    texts = (text for one in said for text in one.texts)
    codes = (coding.display or coding.code for one in said for coding in one.codings)
    return next(texts, next(codes, ""))


def _illegible(scene: Scene, wanted: Input) -> Iterator[Match]:
    """No text, no display, no code of a known system."""
    for entry in _entries(scene, wanted):
        said = tuple(scene.said(entry, wanted.element))
        if not any(_legible(scene, one) for one in said):
            yield whole(entry, f"{entry.root}.{first_element(wanted)}", _shown(said))


def _legible(scene: Scene, said: Said) -> bool:
    codes = scene.plan.codes
    named = (one.display or codes.known(one) or codes.settles(one) for one in said.codings)
    return bool(said.texts) or any(named)


def _text_cut(scene: Scene, wanted: Input) -> Iterator[Match]:
    for entry in _entries(scene, wanted):
        if entry.key in scene.cut.keys:
            yield whole(entry, entry.root)


def _unresolved(scene: Scene, wanted: Input) -> Iterator[Match]:
    elements = wanted.element.split("|")
    for entry in _entries(scene, wanted):
        for one in entry.loose:
            if one.element in elements:
                yield whole(entry, one.path, one.shown)


def _value_unreadable(scene: Scene, wanted: Input) -> Iterator[Match]:
    """A value that is there but cannot be compared, or has no date."""
    for entry, hit in (
        one for rtype in wanted.resource_types for one in hits(scene, wanted, rtype)
    ):
        day = entry.dated.days.last if entry.dated else None
        value = hit.said.value
        if value is None or not within(scene, day, wanted.within_days):
            continue
        if day is None or readable(scene, sorted(hit.sets), value) is None:
            yield whole(entry, value.path, value.shown)


def _missing(scene: Scene, wanted: Input) -> Iterator[Match]:
    of_order = ORDER in wanted.resource_types
    held = scene.order if of_order else scene.facts.person
    if held is None or wanted.element not in held.marks:
        yield absent(f"{wanted.resource_types[0]}.{first_element(wanted)}")


def _site_unknown(scene: Scene) -> Iterator[Match]:
    if scene.site.given and not scene.site.known:
        element = scene.content.order.site.element
        said = tuple(scene.said(scene.order, element))
        yield whole(scene.order, f"{ORDER}.{element}", _shown(said))


def _undecided(scene: Scene, wanted: Input) -> Iterator[Match]:
    """The birth date is missing, or allows ages on both sides."""
    allowed, test = scene.ages, wanted.value
    path = f"{wanted.resource_types[0]}.{wanted.element}"
    if allowed is None or test is None:
        yield absent(path)
        return
    answers = {compare(Decimal(one), test.comparator, test.quantity) for one in allowed}
    if len(answers) > 1 and scene.facts.person is not None:
        yield of_person(scene.facts.person, path)


def _other_language(scene: Scene, check: OtherLanguage) -> Iterator[Match]:
    person = scene.facts.person
    for one in person.preferred if person else ():
        if person and not one.code.lower().startswith(check.languages):
            yield of_person(person, one.path, one.code)


def _extension(scene: Scene, check: HasExtension) -> Iterator[Match]:
    person = scene.facts.person
    for one in person.extensions if person else ():
        if person and check.url_contains in one.url and not one.denied:
            yield of_person(person, one.path, one.url)
