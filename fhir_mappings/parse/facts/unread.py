"""Resources that FHIR forbids to read past: modifier extensions and implicit rules unknown to us.

Source: FHIR R4 extensibility, "modifier extensions": who does not understand one must not process
the element; we understand none, so the resource counts as unreadable.
"""

from fhir_mappings.model.json import Json, Tree


def forbidden(tree: Tree) -> str:
    """Return the member that forbids reading this resource, or the empty string."""
    if "implicitRules" in tree:
        return "implicitRules"
    return "modifierExtension" if _modified(tree) else ""


def _modified(value: Json) -> bool:
    if isinstance(value, dict):
        return "modifierExtension" in value or any(map(_modified, value.values()))
    return isinstance(value, list) and any(map(_modified, value))
