"""The definitions that the mutations walk are those of R4, as others wrote them down too.

A hole in the shipped schema would be a hole in what is generated from it; fhir.resources has the
same definitions by another hand.
"""

from collections.abc import Mapping
from typing import Any, cast

from fhir.resources.R4B import get_fhir_model_class

from tests.kit.definitions import Member, definitions

R4 = definitions()
NOT_BOTH = {"valueCodeableReference", "valueRatioRange", "valueMeta"}
"""Values of extensions in which R4 and R4B, the library's version, differ."""
ABBREVIATED = {"+", "etc."}
"""What the library's lists of codes end with where they name only some."""
LEAST = 100
LEAST_LISTS = 50
COMPLEX = [name for name in R4.complex if name != "Element?"]


def fields_of(name: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    """The library's members of a type: the field and its notes, by JSON name."""
    first, *rest = name.split(".")
    model = get_fhir_model_class(first + "".join(one[0].upper() + one[1:] for one in rest))
    fields = cast("Mapping[str, Any]", model.model_fields)
    found = {field.alias or key: field for key, field in fields.items()}
    return {
        one: (field, field.json_schema_extra or {})
        for one, field in found.items()
        if one not in {"resourceType", "fhir_comments", *NOT_BOTH} and one[0] != "_"
    }


def own(name: str) -> dict[str, Member]:
    return {
        one: member
        for one, member in R4.members(name).items()
        if one[0] != "_" and one not in NOT_BOTH
    }


def test_members_and_cardinalities_are_those_of_the_second_library() -> None:
    theirs = {
        name: {one: "List" in str(field.annotation) for one, (field, _) in fields_of(name).items()}
        for name in COMPLEX
    }

    ours = {name: {one: each.many for one, each in own(name).items()} for name in COMPLEX}

    assert len(COMPLEX) > LEAST
    assert ours == theirs


def test_choices_of_types_are_those_of_the_second_library() -> None:
    theirs = {
        name: {
            one: notes["one_of_many"]
            for one, (_, notes) in fields_of(name).items()
            if "one_of_many" in notes
        }
        for name in COMPLEX
    }

    ours = {
        name: {
            one: element
            for element, members in R4.choices(name).items()
            for one in members
            if one not in NOT_BOTH
        }
        for name in COMPLEX
    }

    assert ours == theirs


def test_required_elements_are_those_of_the_second_library() -> None:
    theirs = {
        name: {
            notes.get("one_of_many", one)
            for one, (field, notes) in fields_of(name).items()
            if field.is_required()
            or notes.get("element_required")
            or notes.get("one_of_many_required")
        }
        for name in COMPLEX
    }

    ours = {name: {one.name for one in R4.required(name)} for name in COMPLEX}

    assert ours == theirs


def test_required_codes_are_those_of_the_second_library() -> None:
    theirs = {
        (name, one): set(notes["enum_values"])
        for name in COMPLEX
        for one, (_, notes) in fields_of(name).items()
        if notes.get("enum_values") and not ABBREVIATED & set(notes["enum_values"])
    }

    ours = {(name, one): set(R4.members(name)[one].codes) for name, one in theirs}

    assert len(theirs) > LEAST_LISTS
    assert ours == theirs
