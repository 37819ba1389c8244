"""The clinic's own resources → people, schedules and what windows are cut from.

Source: PROTOCOL §2.3 ("the clinic"), §6 "Slots"; FHIR R4 practitionerrole.html, schedule.html.
The trees were judged by the schema before: here stands only what R4 leaves open.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from fhir_mappings.model.caller import Role
from fhir_mappings.model.clinic import Clinic, Part, Person
from fhir_mappings.model.json import Identity, Json, Tree, items, members, text
from fhir_mappings.parse.schedule import schedules
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.terms.systems import ROLE

TYPES: Final = frozenset(
    {
        "Organization",
        "Location",
        "HealthcareService",
        "Practitioner",
        "PractitionerRole",
        "Schedule",
    }
)
"""What a clinic's file may hold."""

_SCHEDULERS: Final = frozenset(
    {"id", "meta", "text", "availableTime", "notAvailable", "location", "healthcareService"}
)
"""Members of a PractitionerRole that a scheduler may change."""

_ROLES: Final = frozenset(role.value for role in Role)


def clinic(bundle: Tree) -> Clinic:
    """Read the transaction Bundle that describes a clinic.

    Every entry is a PUT of a resource under its own id, so that applying twice is applying once.

    Raises:
        Refused: `bundle-type`, or `clinic-form` for each fault, with where it stands.
    """
    if text(bundle, "resourceType") != "Bundle" or text(bundle, "type") != "transaction":
        raise Refused(Problem(Code.BUNDLE_TYPE, "Bundle.type"))
    entries = items(bundle.get("entry"))
    refuse_any(fault for at, entry in enumerate(entries) for fault in _entry_faults(at, entry))
    parts = tuple(_part(members(entry)) for entry in entries)
    known = {str(one.identity): one.tree for one in parts}
    organization = _organization(parts)
    read = schedules(known)
    refuse_any(_people_faults(known))
    if not read:
        raise Refused(Problem(Code.CLINIC_FORM, "Bundle.entry.where(resource is Schedule)"))
    return Clinic(
        organization=organization.identity.rid,
        name=text(organization.tree, "name"),
        zone=read[0].availability.zone,
        parts=parts,
        people=people(known),
        schedules=read,
    )


def people(known: Mapping[str, Tree]) -> tuple[Person, ...]:
    """Say who works here, with the roles of all their active PractitionerRoles."""
    roles: dict[str, set[Role]] = {
        name: set() for name in known if name.startswith("Practitioner/")
    }
    for name, tree in known.items():
        if name.startswith("PractitionerRole/") and tree.get("active") is not False:
            held = roles.get(text(tree, "practitioner", "reference"))
            if held is not None:
                held.update(Role(code) for code in _codes(tree) if code in _ROLES)
    return tuple(
        Person(
            practitioner=name.partition("/")[2],
            name=_name(known[name]),
            roles=frozenset(held),
            active=bool(held) and known[name].get("active") is not False,
        )
        for name, held in roles.items()
    )


def rights_touched(before: Tree | None, after: Tree) -> list[Problem]:
    """Name what a write of a PractitionerRole changes that only the owner's file may change.

    Source: PROTOCOL §2.3: rights come from the `person` row; a role's `code` or `practitioner`
    changed by a PUT is forbidden, and a new role brings no right.
    """
    if text(after, "resourceType") != "PractitionerRole":
        return []
    return [
        Problem(Code.ROLE, f"PractitionerRole.{name}")
        for name in ("code", "practitioner")
        if (before.get(name) != after.get(name) if before else name == "code" and name in after)
    ]


def beyond_scheduler(before: Tree | None, after: Tree) -> list[Problem]:
    """Name what a scheduler may not write: all but Schedules, and the times and places of a role.

    Source: PROTOCOL §2.3, the row of the clinic's resources.
    """
    rtype = text(after, "resourceType")
    if rtype == "Schedule":
        return []
    if rtype != "PractitionerRole" or before is None:
        return [Problem(Code.ROLE, rtype)]
    return [
        Problem(Code.ROLE, f"{rtype}.{name}")
        for name in sorted({*before, *after} - _SCHEDULERS)
        if before.get(name) != after.get(name)
    ]


def _entry_faults(at: int, entry: Json) -> Iterator[Problem]:
    where = f"Bundle.entry[{at}]"
    resource = members(members(entry).get("resource"))
    rtype, rid = text(resource, "resourceType"), text(resource, "id")
    if rtype not in TYPES:
        yield Problem(Code.CLINIC_FORM, f"{where}.resource")
    if not rid:
        yield Problem(Code.CLINIC_FORM, f"{where}.resource.id")
    if text(entry, "request", "method") != "PUT":
        yield Problem(Code.CLINIC_FORM, f"{where}.request.method", "PUT")
    if text(entry, "request", "url") != f"{rtype}/{rid}":
        yield Problem(Code.CLINIC_FORM, f"{where}.request.url", "Type/id")


def _part(entry: Tree) -> Part:
    resource = members(entry.get("resource"))
    identity = Identity(rtype=text(resource, "resourceType"), rid=text(resource, "id"))
    tree = {name: value for name, value in resource.items() if name not in {"id", "meta"}}
    return Part(identity=identity, tree=tree)


def _organization(parts: tuple[Part, ...]) -> Part:
    whole = [
        one for one in parts if one.identity.rtype == "Organization" and "partOf" not in one.tree
    ]
    if len(whole) != 1 or not text(whole[0].tree, "name"):
        raise Refused(
            Problem(Code.CLINIC_FORM, "Bundle.entry.where(resource is Organization)", "one, named")
        )
    return whole[0]


def _people_faults(known: Mapping[str, Tree]) -> Iterator[Problem]:
    for name, tree in known.items():
        if not name.startswith("PractitionerRole/"):
            continue
        if text(tree, "practitioner", "reference") not in known:
            yield Problem(Code.CLINIC_FORM, "PractitionerRole.practitioner")
        if any(code not in _ROLES for code in _codes(tree)):
            yield Problem(Code.CLINIC_FORM, "PractitionerRole.code", ", ".join(sorted(_ROLES)))


def _codes(role: Tree) -> Iterator[str]:
    for concept in items(role.get("code")):
        for coding in items(members(concept).get("coding")):
            if text(coding, "system") == ROLE:
                yield text(coding, "code")


def _name(practitioner: Tree) -> str:
    for name in items(practitioner.get("name")):
        given = [one for one in items(members(name).get("given")) if isinstance(one, str)]
        said = text(name, "text") or " ".join([*given, text(name, "family")]).strip()
        if said:
            return said
    return ""
