"""What one screening reads: an order, its patient, and every living resource of that patient."""

from collections.abc import Mapping

import msgspec

from fhir_mappings.model.json import Held


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """The order, the patient and the clinical resources of one referral.

    References inside the trees are already those of the space (`Type/id`); one that leads
    nowhere stands as it was written. `entries` hold neither the order nor the patient, may hold
    Medications, PractitionerRoles and other neighbours, and come in no particular order.
    `patient` is None where the order's subject could not be found. `lookup` leads from a
    relative reference to the resource, for the order, the patient and all entries.
    """

    order: Held
    patient: Held | None
    entries: tuple[Held, ...]
    lookup: Mapping[str, Held]


def chart(order: Held, patient: Held | None, entries: tuple[Held, ...]) -> Chart:
    """Build the chart with its lookup."""
    known = [order, *([patient] if patient else []), *entries]
    return Chart(
        order=order,
        patient=patient,
        entries=entries,
        lookup={str(one.identity): one for one in known},
    )
