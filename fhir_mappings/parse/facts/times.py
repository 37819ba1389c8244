"""The date of each kind of entry, and what says that a condition has ended.

Source: rules.md of the content pack, Time; FHIR R4 for the elements.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from fhir_mappings.model.json import Tree, members
from fhir_mappings.model.when import Dated, Days
from fhir_mappings.parse.dates import dated, earliest, either, period
from fhir_mappings.parse.facts.medications import started
from fhir_mappings.parse.quantities import at_age

Reader = Callable[[Tree, Days | None], Dated | None]


def date_of(rtype: str, tree: Tree, born: Days | None) -> Dated | None:
    """Return the date that windows are tested by; ages count from the birth date."""
    reader = _DATES.get(rtype)
    return reader(tree, born) if reader else None


def noted(tree: Tree, born: Days | None) -> tuple[Days, ...]:
    """Return every day on which a condition is known to have begun or been recorded."""
    found = (_onset(tree, born), dated(tree.get("recordedDate")))
    return tuple(one.days for one in found if one)


def abated(tree: Tree, born: Days | None) -> tuple[Days | None, bool]:
    """Return the days of an abatement, and whether one is told without a day."""
    end = either(tree, "abatement") or at_age(tree.get("abatementAge"), born)
    told = any(name.startswith("abatement") for name in tree)
    return (end.days if end else None), told and end is None


def _onset(tree: Tree, born: Days | None) -> Dated | None:
    return either(tree, "onset") or at_age(tree.get("onsetAge"), born)


def _problem(tree: Tree, born: Days | None) -> Dated | None:
    return earliest(_onset(tree, born), dated(tree.get("recordedDate")))


def _reaction(tree: Tree, born: Days | None) -> Dated | None:
    return earliest(_problem(tree, born), dated(tree.get("lastOccurrence")))


def _observed(tree: Tree, _: Days | None) -> Dated | None:
    span = tree.get("effectivePeriod")
    return earliest(
        dated(tree.get("effectiveDateTime")),
        dated(tree.get("effectiveInstant")),
        dated(members(span).get("end")) or period(span),
        dated(tree.get("issued")),
    )


def _performed(tree: Tree, born: Days | None) -> Dated | None:
    return either(tree, "performed") or at_age(tree.get("performedAge"), born)


def _at(element: str) -> Reader:
    def read(tree: Tree, _: Days | None) -> Dated | None:
        return dated(tree.get(element))

    return read


def _use(tree: Tree, _: Days | None) -> Dated | None:
    return started(tree)


def _in_force(tree: Tree, _: Days | None) -> Dated | None:
    return period(tree.get("period"))


def _worn(tree: Tree, _: Days | None) -> Dated | None:
    return either(tree, "timing") or dated(tree.get("recordedOn"))


def _assessed(tree: Tree, _: Days | None) -> Dated | None:
    return either(tree, "effective") or dated(tree.get("date"))


def _said_on(tree: Tree, _: Days | None) -> Dated | None:
    return earliest(dated(tree.get("sent")), dated(tree.get("received")))


_DATES: Final[Mapping[str, Reader]] = MappingProxyType(
    {
        "Condition": _problem,
        "AllergyIntolerance": _reaction,
        "Observation": _observed,
        "Procedure": _performed,
        "Immunization": _at("occurrenceDateTime"),
        "FamilyMemberHistory": _at("date"),
        "Flag": _in_force,
        "QuestionnaireResponse": _at("authored"),
        "Composition": _at("date"),
        "List": _at("date"),
        "DocumentReference": _at("date"),
        "AdverseEvent": _at("date"),
        "CarePlan": _in_force,
        "Encounter": _in_force,
        "ClinicalImpression": _assessed,
        "Communication": _said_on,
        "DeviceUseStatement": _worn,
        "DiagnosticReport": _observed,
        "ServiceRequest": _at("authoredOn"),
        "MedicationStatement": _use,
        "MedicationRequest": _use,
        "MedicationAdministration": _use,
        "MedicationDispense": _use,
    }
)
