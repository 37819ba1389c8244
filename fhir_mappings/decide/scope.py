"""What concerns us at an EHR's desk: which orders are ours, which observations the rules read."""

from datetime import date

from fhir_mappings.decide.rules.order import names
from fhir_mappings.decide.rules.plan import plan_of
from fhir_mappings.decide.rules.scene import Scene
from fhir_mappings.model.fact import Facts
from fhir_mappings.model.pack import Pack

_CODE = ("code",)


def is_ours(facts: Facts, pack: Pack, day: date) -> bool:
    """Tell whether the order asks for a service of the pack, by code or by words."""
    form = pack.content.order
    scene = Scene(plan_of(pack), facts, day=day, planned=day)
    return bool(names(scene, _CODE, form.services, form.variant.hints))


def observed(pack: Pack) -> tuple[str, ...]:
    """Return the codes of observations that rules look at, as `system|code`, sorted."""
    wanted = {
        name
        for rule in pack.content.rules
        for one in (*rule.inputs, *rule.applies_when.preconditions)
        if "Observation" in one.resource_types
        for name in one.value_sets
    }
    return tuple(
        sorted(
            f"{system}|{code}"
            for system, codes in pack.codes.items()
            for code, listed in codes.items()
            if not listed.sets.isdisjoint(wanted)
        )
    )
