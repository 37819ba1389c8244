"""The answer to `$tpi-propose`: a Bundle of Appointments, and why others were not offered."""

from collections.abc import Sequence

import msgspec

from fhir_mappings.model.json import Tree, encode
from fhir_mappings.problems import Problem
from fhir_mappings.render.outcome import refusal


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One Appointment: its absolute address and the text that is served."""

    full_url: str
    text: str


def proposed(appointments: Sequence[Shown], not_offered: Sequence[Problem]) -> bytes:
    """Write the collection; the OperationOutcome stands last, where there is anything to say."""
    entries: list[object] = [
        {"fullUrl": one.full_url, "resource": msgspec.Raw(one.text.encode())}
        for one in appointments
    ]
    if not_offered:
        entries.append({"resource": _warned(refusal(not_offered))})
    bundle: dict[str, object] = {"resourceType": "Bundle", "type": "collection"}
    if entries:
        bundle["entry"] = entries
    return encode(bundle)


def _warned(outcome: Tree) -> Tree:
    """Tell as warnings what refused a window and not the request; what helps stays as it is."""
    issues = outcome["issue"]
    warned = [
        {**one, "severity": "warning" if one["severity"] == "error" else one["severity"]}
        for one in (issues if isinstance(issues, list) else [])
        if isinstance(one, dict)
    ]
    return {**outcome, "issue": [*warned]}
