"""Answers of a QuestionnaireResponse at any depth."""

from collections.abc import Iterator

from fhir_mappings.model.fact import Said
from fhir_mappings.model.json import Json, members, text
from fhir_mappings.parse.facts.source import Source, numbered


def coded(source: Source) -> tuple[Said, ...]:
    """Read every coded answer."""
    return tuple(
        Said(path=path, place=path, codings=(source.naming.coding(answer["valueCoding"]),))
        for path, answer in _answers(source.root, source.tree.get("item"))
        if "valueCoding" in answer
    )


def worded(source: Source) -> tuple[Said, ...]:
    """Read every answer in words."""
    return tuple(
        Said(path=path, place=path, texts=(told,))
        for path, answer in _answers(source.root, source.tree.get("item"))
        if (told := text(answer, "valueString").strip())
    )


def _answers(path: str, held: Json) -> Iterator[tuple[str, dict[str, Json]]]:
    for where, one in numbered(f"{path}.item", held):
        item = members(one)
        for place, answer in numbered(f"{where}.answer", item.get("answer")):
            yield place, members(answer)
            yield from _answers(place, members(answer).get("item"))
        yield from _answers(where, item.get("item"))
