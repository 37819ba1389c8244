"""What an EHR reads to know our CDS services (CDS Hooks 2.0, Discovery)."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from fhir_mappings.model.hooks import PREFETCH, Hook
from fhir_mappings.model.json import Json, Tree

_PATIENT: Final = "{{context.patientId}}"
_SAID: Final[Mapping[Hook, tuple[str, str]]] = MappingProxyType(
    {
        Hook.ORDER_SELECT: (
            "Trigger point treatment: while choosing",
            "Screens a selected order for trigger point treatment; silent on every other.",
        ),
        Hook.ORDER_SIGN: (
            "Trigger point treatment: before signing",
            "Screens such orders as the clinic will when they arrive; silent on every other.",
        ),
        Hook.APPOINTMENT_BOOK: (
            "Trigger point treatment: while booking",
            "Screens for the day of such an appointment; silent on every other.",
        ),
        Hook.PATIENT_VIEW: (
            "Trigger point treatment: open referrals",
            "Tells when an open referral of the patient has lately moved; silent else.",
        ),
    }
)
_USAGE: Final = (
    "What is not prefetched is looked up where the EHR lends a token for its registered server;"
    " what is neither is named on a card as not checked."
)


def discovery(codes: Sequence[str]) -> Tree:
    """Return the services; `codes` are those of the observations to prefetch, `system|code`."""
    return {"services": [_service(hook, codes) for hook in Hook]}


def _service(hook: Hook, codes: Sequence[str]) -> Json:
    title, description = _SAID[hook]
    tree: Tree = {
        "hook": hook.value,
        "id": hook.service,
        "title": title,
        "description": description,
    }
    if hook is Hook.PATIENT_VIEW:
        return {**tree, "prefetch": {"patient": f"Patient/{_PATIENT}"}}
    return {**tree, "usageRequirements": _USAGE, "prefetch": dict(_prefetch(codes))}


def _prefetch(codes: Sequence[str]) -> Iterator[tuple[str, Json]]:
    """Yield the templates, within the subset that the specification recommends."""
    for key, rtype in PREFETCH.items():
        if rtype == "Patient":
            yield key, f"Patient/{_PATIENT}"
        elif rtype == "Observation":
            yield key, f"Observation?patient={_PATIENT}&code={','.join(codes)}&_sort=-date"
        else:
            yield key, f"{rtype}?patient={_PATIENT}"
