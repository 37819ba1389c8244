"""A stored window as a Slot; its status is worked out at each read (PROTOCOL §6)."""

from fhir_mappings.model.json import Tree
from fhir_mappings.model.moment import clinic_time
from fhir_mappings.model.window import SlotStatus, Window
from fhir_mappings.render.checked import checked
from fhir_mappings.render.clock import instant_text


def slot(window: Window, status: SlotStatus, *, service: str, zone: str) -> Tree:
    """Build the Slot of a window with the id it has for life.

    No `meta`: the status is no version, so a Slot has neither ETag nor history.
    """
    return checked(
        {
            "resourceType": "Slot",
            "id": str(window.id),
            "serviceType": [{"text": service}],
            "schedule": {"reference": f"Schedule/{window.schedule}"},
            "status": status.value,
            "start": instant_text(window.start),
            "end": instant_text(window.end),
            "comment": f"{clinic_time(window.start, zone)}.",
        }
    )
