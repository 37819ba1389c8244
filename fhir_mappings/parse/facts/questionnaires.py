"""Answers of a QuestionnaireResponse at any depth, alone and with their questions."""

from collections.abc import Iterator

from fhir_mappings.model.fact import Said
from fhir_mappings.model.json import Json, Tree, members, text
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


def asked(source: Source) -> tuple[Said, ...]:
    """Read every answered question with its answer: "Blood thinners: yes".

    The question tells what an answer is about ("Allergic to: ..."), and a bare yes tells nothing
    without it. A question answered false says nothing of the patient.
    """
    return tuple(
        Said(path=path, place=path, texts=(f"{question}: {answer}",))
        for path, question, held in _questions(source.root, source.tree.get("item"))
        if (answer := _answer(held))
    )


def _questions(path: str, held: Json) -> Iterator[tuple[str, str, Tree]]:
    for where, one in numbered(f"{path}.item", held):
        item = members(one)
        question = text(item, "text").strip().rstrip("?:").strip()
        for place, answer in numbered(f"{where}.answer", item.get("answer")):
            if question:
                yield place, question, members(answer)
            yield from _questions(place, members(answer).get("item"))
        yield from _questions(where, item.get("item"))


def _answer(held: Tree) -> str:
    """Return the answer in words, empty where it denies or is no word."""
    if "valueBoolean" in held:
        return "yes" if held["valueBoolean"] is True else ""
    coded = members(held.get("valueCoding"))
    return text(held, "valueString") or text(coded, "display") or text(coded, "code")


def _answers(path: str, held: Json) -> Iterator[tuple[str, dict[str, Json]]]:
    for where, one in numbered(f"{path}.item", held):
        item = members(one)
        for place, answer in numbered(f"{where}.answer", item.get("answer")):
            yield place, members(answer)
            yield from _answers(place, members(answer).get("item"))
        yield from _answers(where, item.get("item"))
