"""Our coordination Task → the copy that a placer keeps at its own server.

Source: PROTOCOL §3.1 (outputs by our identifier, local time and absolute address), §6 (references).
"""

from collections.abc import Iterator
from typing import Final

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.visit import There
from fhir_mappings.render.checked import checked
from fhir_mappings.render.elsewhere import order, plain
from fhir_mappings.terms.systems import SID_REFERRAL, TASK_OUTPUT
from fhir_mappings.terms.workflow import OUTPUT_APPOINTMENT, OUTPUT_PROPOSAL

_OURS: Final = ("status", "businessStatus", "statusReason", "output")
"""Members of a Task that the fulfiller keeps; everything else is the placer's, once it stands."""

_BY_ADDRESS: Final = frozenset({OUTPUT_PROPOSAL, OUTPUT_APPOINTMENT})


def there(task: Tree, place: There, *, base: str) -> Tree:
    """Return the Task as that server can hold it; `base` is our own public FHIR base."""
    tree = plain(task, place.named)
    tree["focus"] = order(place)
    tree["basedOn"] = [order(place)]
    tree["for"] = {"reference": place.subject}
    outputs = list(_outputs(task, tree, base))
    if outputs:
        tree["output"] = outputs
    return checked(tree)


def merged(theirs: Tree, ours: Tree) -> Tree:
    """Return their copy with the members that are ours to say, and our identifier.

    What was ours to say and is said no longer is taken away.
    """
    kept: Tree = {name: value for name, value in theirs.items() if name not in _OURS}
    said: Tree = {name: ours[name] for name in _OURS if name in ours}
    mine = [one for one in items(ours.get("identifier")) if text(one, "system") == SID_REFERRAL]
    others = [one for one in items(theirs.get("identifier")) if one not in mine]
    return {**kept, **said, "identifier": [*others, *mine], "lastModified": ours["lastModified"]}


def says_the_same(theirs: Tree, ours: Tree) -> bool:
    """Tell whether their copy says already what we would write into it."""
    return all(theirs.get(name) == ours.get(name) for name in _OURS)


def unless(task: Tree) -> tuple[str, str]:
    """Return system and value of the identifier under which the Task is one."""
    for one in items(task.get("identifier")):
        if text(one, "system") == SID_REFERRAL:
            return SID_REFERRAL, text(one, "value")
    return SID_REFERRAL, ""


def _outputs(task: Tree, placed: Tree, base: str) -> Iterator[Json]:
    """Keep each output; a proposal or appointment is followed by its absolute address."""
    pairs = zip(items(task.get("output")), items(placed.get("output")), strict=True)
    for stored, output in pairs:
        yield output
        address = text(stored, "valueReference", "reference")
        if _code(stored) in _BY_ADDRESS and address:
            yield {"type": members(output)["type"], "valueUrl": f"{base}/{address}"}


def _code(output: Json) -> str:
    codings = items(members(members(output).get("type")).get("coding"))
    ours = [text(one, "code") for one in codings if text(one, "system") == TASK_OUTPUT]
    return ours[0] if ours else ""
