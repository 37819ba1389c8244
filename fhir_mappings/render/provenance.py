"""Who did it: a Provenance for each act of a person (PROTOCOL §2.3)."""

from collections.abc import Iterable
from datetime import datetime

from fhir_mappings.model.json import Tree
from fhir_mappings.model.moment import instant
from fhir_mappings.render.checked import checked


def provenance(
    targets: Iterable[str], *, activity: str, practitioner: str, at: datetime, reason: str = ""
) -> Tree:
    """Return the Provenance of an act of a person of the clinic.

    `targets` are relative references of what the act made or changed, `activity` is the verb.
    """
    tree: Tree = {
        "resourceType": "Provenance",
        "target": [{"reference": one} for one in targets],
        "recorded": instant(at),
        "activity": {"text": activity},
        "agent": [{"who": {"reference": f"Practitioner/{practitioner}"}}],
    }
    if reason:
        tree["reason"] = [{"text": reason}]
    return checked(tree)
