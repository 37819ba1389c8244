"""Resources inside a CDS Hooks call, or in what an EHR answers when more is looked up.

Source: CDS Hooks 2.0, Prefetch Template: a key that is absent was not given, null means that the
EHR has none, an OperationOutcome that it could not look. FHIR R4 bundle.html for searchsets.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from fhir_mappings.model.hooks import PREFETCH, Given
from fhir_mappings.model.json import Held, Identity, Json, Tree, items, members, text
from fhir_mappings.parse.references import about, references, rewritten

ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
PLACE: Final = re.compile(
    r"(?:.*/)?(?P<rtype>[A-Z][A-Za-z]+)/(?P<rid>[A-Za-z0-9\-.]{1,64})(?:/_history/.+)?"
)
_NOBODY: Final = "none"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of the call, with its place in it."""

    at: str
    full_url: str
    identity: Identity
    tree: Tree


def answered(key: str, value: Json) -> Given:
    """Say how much of a key an answer brings: a prefetch, or what we looked up ourselves."""
    if value is None:
        return Given.NONE
    if text(value, "resourceType") == PREFETCH[key]:
        return Given.WHOLE
    if text(value, "resourceType") != "Bundle":
        return Given.FAILED
    return Given.PART if _is_cut(members(value)) else Given.WHOLE


def held(key: str, value: Json, patient: str) -> tuple[Held, ...]:
    """Return the resources of an answer, with references relative to the EHR."""
    return Known(patient, _answer(key, value)).held()


def prefetched(tree: Tree, key: str) -> tuple[Given, list[Found]]:
    """Read one key of a call's prefetch; a `patient` who is another one counts as not read."""
    prefetch = members(tree.get("prefetch"))
    if key not in prefetch:
        return Given.ABSENT, []
    value = prefetch[key]
    found = _answer(key, value)
    if key == "patient" and not _is_the_patient(found, text(tree, "context", "patientId")):
        return (Given.NONE if value is None else Given.FAILED), []
    return answered(key, value), found


def _is_the_patient(found: Sequence[Found], patient: str) -> bool:
    return any(one.identity == Identity(rtype="Patient", rid=patient) for one in found)


def _answer(key: str, value: Json) -> list[Found]:
    at = f"prefetch.{key}"
    if text(value, "resourceType") == "Bundle":
        found = resources(entries(value), f"{at}.entry", named=key)
    else:
        found = resources([{"resource": value}], at, named=key)
    return [one for one in found if one.identity.rtype != "OperationOutcome"]


def _is_cut(bundle: Tree) -> bool:
    """Tell a searchset that has more pages, a fault in it, or fewer matches than it counts."""
    listed = items(bundle.get("entry"))
    if any(text(one, "resource", "resourceType") == "OperationOutcome" for one in listed):
        return True
    if any(text(one, "relation") == "next" for one in items(bundle.get("link"))):
        return True
    matches = [one for one in listed if text(one, "search", "mode") in {"", "match"}]
    total = bundle.get("total")
    return isinstance(total, int) and total > len(matches)


def entries(bundle: Json) -> list[Json]:
    """Return the entries of a Bundle, none for anything else."""
    return items(members(bundle).get("entry"))


def resources(listed: Iterable[Json], at: str, *, named: str = _NOBODY) -> list[Found]:
    """Read the resources of entries; one without an id gets one that leads nowhere else."""
    found: list[Found] = []
    for place, one in enumerate(listed):
        tree = members(members(one).get("resource"))
        rtype, rid = text(tree, "resourceType"), text(tree, "id")
        if rtype:
            own = rid if ID.fullmatch(rid) else f"{named}-{place}"
            found.append(
                Found(
                    at=f"{at}[{place}].resource",
                    full_url=text(one, "fullUrl"),
                    identity=Identity(rtype=rtype, rid=own),
                    tree=tree,
                )
            )
    return found


class Known:
    """The resources of a call, which name each other as the EHR does: by any of its addresses."""

    def __init__(self, patient: str, found: Sequence[Found]) -> None:
        self.patient = patient
        self._found = found
        self._strangers = {
            match["rid"]
            for one in found
            if (match := PLACE.fullmatch(about(one.tree)))
            and match["rtype"] == "Patient"
            and match["rid"] != patient
        }
        self._here = {
            f"Patient/{patient}",
            *(f"Patient/{rid}" for rid in self._strangers),
            *(str(one.identity) for one in found),
        }
        self._by_url = {one.full_url: str(one.identity) for one in found if one.full_url}

    def held(self) -> tuple[Held, ...]:
        """Return each with its references as `Type/id`; what is not here stays as written.

        Another patient whom one is about stands among them by the id alone: so the screening
        knows whose it is, and names it as unread (DECISIONS 22).
        """
        named = [(one.identity, self._tree(one)) for one in self._found]
        known = {identity for identity, _ in named}
        for rid in sorted(self._strangers):
            identity = Identity(rtype="Patient", rid=rid)
            if identity not in known:
                named.append((identity, {"resourceType": "Patient", "id": rid}))
        return tuple(Held(identity=identity, version=1, tree=tree) for identity, tree in named)

    def _tree(self, one: Found) -> Tree:
        written = {reference for reference, _ in references(one.tree, "")}
        reading = {reference: self._target(reference) for reference in written}
        tree = members(rewritten(one.tree, reading))
        if one.identity.rtype == "ServiceRequest" and not is_of_another(tree, self.patient):
            # a draft may not say yet whom it is for, the context does
            return {**tree, "subject": {"reference": f"Patient/{self.patient}"}}
        return tree

    def _target(self, reference: str) -> str:
        if reference in self._by_url:
            return self._by_url[reference]
        here = short(reference)
        return here if here in self._here else reference


def renamed(one: Held, old: str, new: str) -> Held:
    """Return a resource of the EHR's patient `old` as one of `new`, the id it has here."""
    if old == new:
        return one
    tree = members(rewritten(one.tree, {f"Patient/{old}": f"Patient/{new}"}))
    if one.identity != Identity(rtype="Patient", rid=old):
        return Held(identity=one.identity, version=one.version, tree=tree)
    identity = Identity(rtype="Patient", rid=new)
    return Held(identity=identity, version=one.version, tree={**tree, "id": new})


def is_of_another(order: Tree, patient: str) -> bool:
    """Tell an order that names another patient than the context."""
    match = PLACE.fullmatch(text(order, "subject", "reference"))
    return match is not None and match["rtype"] == "Patient" and match["rid"] != patient


def short(reference: str) -> str:
    """Return the `Type/id` that a reference ends in, or itself where it has none."""
    match = PLACE.fullmatch(reference)
    return f"{match['rtype']}/{match['rid']}" if match else reference
