"""Ages: what a birth date, sharp or not, allows on the planned day.

Source: rules.md of the content pack, Members (`value` of Patient.birthDate), Rule (ages).
"""

from collections.abc import Iterator
from decimal import Decimal

from fhir_mappings.decide.rules.found import Match
from fhir_mappings.decide.rules.quantities import compare
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.model.fact import Person
from fhir_mappings.model.rule import Input


def years(scene: Scene, wanted: Input) -> Iterator[Match]:
    """Match the patient when every age that the birth date allows passes."""
    person, allowed = scene.facts.person, scene.ages
    if person is None or allowed is None or wanted.value is None:
        return
    test = wanted.value
    if all(compare(Decimal(one), test.comparator, test.quantity) for one in allowed):
        yield of_person(person, f"Patient.{wanted.element}")


def of_person(person: Person, path: str, shown: str = "") -> Match:
    """Tell of the patient; what is shown is the birth date where nothing else is given."""
    told = person.born.words if person.born else ""
    return Match(entry=None, path=path, place=path, how="value", shown=shown or told, person=person)
