"""The patient as screening sees a person: age, sex, languages, extensions."""

from fhir_mappings.model.fact import Extension, Language, Person
from fhir_mappings.model.json import Held, Tree, items, members, text
from fhir_mappings.parse.dates import dated
from fhir_mappings.parse.facts.source import numbered


def person(held: Held, marks: dict[str, frozenset[str]]) -> Person:
    """Read the patient; a missing sex is the administrative "unknown" of FHIR."""
    return Person(
        reference=str(held.identity),
        version=held.version,
        sex=text(held.tree, "gender") or "unknown",
        born=dated(held.tree.get("birthDate")),
        marks=marks,
        preferred=_preferred(held.tree),
        extensions=_extensions(held.tree),
    )


def _preferred(tree: Tree) -> tuple[Language, ...]:
    found: list[Language] = []
    for path, one in numbered("Patient.communication", tree.get("communication")):
        held = members(one)
        language = members(held.get("language"))
        codes = [code for item in items(language.get("coding")) if (code := text(item, "code"))]
        if held.get("preferred") is True:
            found.append(Language(path=path, code=next(iter(codes), text(language, "text"))))
    return tuple(found)


def _extensions(tree: Tree) -> tuple[Extension, ...]:
    return tuple(
        Extension(path=path, url=text(one, "url"), denied=members(one).get("valueBoolean") is False)
        for path, one in numbered("Patient.extension", tree.get("extension"))
    )
