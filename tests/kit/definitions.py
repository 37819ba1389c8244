"""The definitions of R4 as the service ships them, walked: members, types, choices, and examples.

What is required, bound, repeated or a choice is read from `service/content/r4/schema.json`; where
a definition stands in a resource is said as FHIRPath, by these definitions and not by our parser.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias, cast

from fhir_mappings.terms.r4_names import READ_TYPES

Value: TypeAlias = Any
"""JSON of any kind."""
Resource = dict[str, Any]
Path = tuple[str | int, ...]

SAMPLES: Final = MappingProxyType[str, Any](
    {
        "boolean": True,
        "decimal": 1,
        "integer": 1,
        "unsignedInt": 1,
        "positiveInt": 1,
        "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
        "oid": "urn:oid:1.2.3",
        "uuid": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
        "base64Binary": "YQ==",
        "date": "2026-11-01",
        "dateTime": "2026-11-01",
        "instant": "2026-11-01T10:00:00Z",
        "time": "10:00:00",
    }
)
"""A value of each primitive type that is no plain text."""

_LEAST: Final = MappingProxyType[str, Any](
    {
        "Ratio": {"numerator": {"value": 1}, "denominator": {"value": 2}},
        "Quantity": {"value": 1},
        "Age": {"value": 1, "code": "a", "system": "http://unitsofmeasure.org"},
        "Count": {"value": 1, "code": "1", "system": "http://unitsofmeasure.org"},
        "Distance": {"value": 1, "code": "m", "system": "http://unitsofmeasure.org"},
        "Duration": {"value": 1, "code": "h", "system": "http://unitsofmeasure.org"},
        "Expression": {"language": "text/cql", "expression": "x"},
        "Identifier": {"value": "x"},
        "Reference": {"display": "x"},
        "CodeableConcept": {"text": "x"},
        "Timing.repeat": {"count": 1},
        "Extension": {"url": "urn:x", "valueString": "x"},
        "Attachment": {"title": "x"},
        "ContactPoint": {"system": "phone", "value": "1"},
        "Organization": {"resourceType": "Organization", "name": "x"},
        "Bundle": {"resourceType": "Bundle", "type": "collection"},
        "Bundle.entry": {"fullUrl": "urn:x", "resource": {"resourceType": "Basic"}},
        "Composition.section": {"text": {"status": "generated", "div": "<div>x</div>"}},
        "Appointment.participant": {"actor": {"display": "x"}, "status": "accepted"},
        "Appointment": {
            "resourceType": "Appointment",
            "status": "booked",
            "start": "2026-12-01T09:00:00Z",
            "end": "2026-12-01T09:30:00Z",
            "participant": [{"actor": {"display": "x"}, "status": "accepted"}],
        },
        "AppointmentResponse": {
            "resourceType": "AppointmentResponse",
            "appointment": {"reference": "Appointment/1"},
            "participantStatus": "accepted",
            "actor": {"display": "x"},
        },
        "AllergyIntolerance": {
            "resourceType": "AllergyIntolerance",
            "patient": {"reference": "Patient/1"},
            "clinicalStatus": {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem"
                        "/allergyintolerance-clinical",
                        "code": "active",
                    }
                ]
            },
        },
    }
)
"""The smallest instance of types whose invariants ask for more than their cardinalities."""


_NOT_TOGETHER: Final = frozenset(
    {
        ("Appointment", "cancelationReason"),
        *(("Condition", f"abatement{kind}") for kind in ("Age", "Period", "Range")),
        ("FamilyMemberHistory", "bornPeriod"),
        ("Bundle.entry", "response"),
        ("Bundle.entry", "request"),
        ("Bundle.entry", "search"),
        ("Composition.section", "emptyReason"),
        ("List", "emptyReason"),
        ("Observation", "dataAbsentReason"),
        ("Parameters.parameter", "part"),
        ("QuestionnaireResponse.item", "item"),
    }
)
"""Members that an invariant forbids beside others that `rich` gives."""


class Member(NamedTuple):
    """One JSON member of a definition: array or not, its type, its required set, its targets."""

    name: str
    many: bool
    type: str
    value_set: str
    codes: tuple[str, ...]
    targets: tuple[str, ...]


class Need(NamedTuple):
    """An element that must be there: its name, and the JSON members that can be it."""

    name: str
    members: tuple[str, ...]


class Site(NamedTuple):
    """Where a definition stands in a resource."""

    path: Path
    definition: str
    place: str


class Definitions:
    """Every definition of the shipped schema, by name."""

    def __init__(self, schema: Resource) -> None:
        self._found: Resource = schema["$defs"]
        self.complex = tuple(name for name in self._found if "properties" in self._found[name])
        self._members = {name: dict(self._of(name)) for name in self.complex}

    def members(self, name: str) -> dict[str, Member]:
        return self._members[name]

    def schema(self, name: str) -> Resource:
        found: Resource = self._found[name]
        return found

    def notes(self, name: str, note: str) -> list[Resource]:
        return [one for one in self._found[name].get("allOf", ()) if note in one]

    def required(self, name: str) -> list[Need]:
        """The elements that must be there, a choice by the members of each of its types."""
        needed = [Need(one, (one,)) for one in self._found[name].get("required", ())]
        for one in self.notes(name, "element"):
            holds = one["if"]
            ways = holds.get("anyOf", [holds])
            needed.append(Need(one["element"], tuple(way["required"][0] for way in ways)))
        return needed

    def choices(self, name: str) -> dict[str, tuple[str, ...]]:
        """Each element of several types, with its JSON members (not their twins)."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self.notes(name, "choice"):
            ways = one["if"]["oneOf"][1:]
            firsts = [way.get("required") or way["anyOf"][0]["required"] for way in ways]
            found[one["choice"]] = tuple(each[0] for each in firsts)
        return found

    def is_primitive(self, name: str) -> bool:
        return name not in self._members and name != "Resource"

    def element(self, definition: str, member: str) -> str:
        """The element that a JSON member is: `valueQuantity` is `value`, `_status` is `status`."""
        bare = member.removeprefix("_")
        return next(
            (name for name, kinds in self.choices(definition).items() if bare in kinds), bare
        )

    def place(self, site: Site, member: str) -> str:
        return f"{site.place}.{self.element(site.definition, member)}"

    def sample(self, member: Member) -> Value:
        """A value that the member may have, in an array where it is one."""
        one = member.codes[0] if member.codes else self.least(member.type)
        return [one] if member.many else one

    def least(self, name: str) -> Value:
        """The smallest instance of a type."""
        kind = name.removesuffix("?")
        if kind == "Resource":
            return {"resourceType": "Basic", "code": {"text": "x"}}
        if self.is_primitive(name):
            return SAMPLES.get(kind, "x")
        if kind in _LEAST:
            return dict(_LEAST[kind])
        return self._demanded(name) or self._any(name)

    def rich(self, name: str, *, depth: int = 0) -> Resource:
        """An instance with every member of a complex type, backbones within backbones."""
        found: Resource = self.least(name)
        taken = {self.element(name, one) for one in found}
        for one in self._members[name].values():
            inner = "." in one.type and depth < 3  # R4 nests no deeper
            if self.is_primitive(one.type) or one.name.startswith("_") or one.type == "Resource":
                continue
            if one.value_set or (name, one.name) in _NOT_TOGETHER:
                continue
            if one.name not in found and self.element(name, one.name) not in taken:
                value = self.rich(one.type, depth=depth + 1) if inner else self.least(one.type)
                found[one.name] = [value] if one.many else value
                taken.add(self.element(name, one.name))
        return found

    def sites(self, tree: Resource) -> Iterator[Site]:
        """Every object of a resource with its definition, those of resources inside it too."""
        rtype = tree["resourceType"]
        if rtype in READ_TYPES:
            yield from self._sites(tree, Site((), rtype, rtype))

    def _sites(self, tree: Resource, site: Site) -> Iterator[Site]:
        yield site
        for name, value in tree.items():
            member = self._members[site.definition].get(name)
            if member is None or self.is_primitive(member.type):
                continue
            place = self.place(site, name)
            for index, each in enumerate(value if member.many else [value]):
                if type(each) is not dict:  # a twin's null keeps a place free
                    continue
                inside = cast("Resource", each)
                kind = inside.get("resourceType", "") if member.type == "Resource" else member.type
                if kind in self._members:
                    at = f"{place}[{index}]" if member.many else place
                    path = (*site.path, name, index) if member.many else (*site.path, name)
                    yield from self._sites(inside, Site(path, kind, at))

    def _demanded(self, name: str) -> Resource:
        found: Resource = {"resourceType": name} if name in READ_TYPES else {}
        for need in self.required(name):
            member = self._members[name][need.members[0]]
            found[member.name] = self.sample(member)
        return found

    def _any(self, name: str) -> Resource:
        """A single member, a primitive where there is one: an object must not be empty."""
        own = [
            one
            for one in self._members[name].values()
            if one.name not in {"id", "extension", "modifierExtension"} and one.name[0] != "_"
        ]
        first = next((one for one in own if self.is_primitive(one.type)), own[0] if own else None)
        return {first.name: self.sample(first)} if first else {"id": "x"}

    def _of(self, name: str) -> Iterator[tuple[str, Member]]:
        for member, schema in self._found[name]["properties"].items():
            if schema is True:  # resourceType
                continue
            many = schema.get("type") == "array"
            one = schema["items"] if many else schema
            kind = one.get("$ref", "#/$defs/Resource").rpartition("/")[2]
            inner = self._found.get(kind, {})
            target = one.get("properties", {}).get("reference", {}).get("$ref", "")
            value_set = inner.get("set", "") or next(
                (each["set"] for each in one.get("allOf", ()) if "set" in each), ""
            )
            yield (
                member,
                Member(
                    name=member,
                    many=many,
                    type=kind,
                    value_set=value_set,
                    codes=tuple(code for code in inner.get("enum", ()) if code),
                    targets=self._targets(target),
                ),
            )

    def _targets(self, address: str) -> tuple[str, ...]:
        said = self._found.get(address.rpartition("/")[2], {}).get("targets", "")
        return tuple(said.split(", ")) if said else ()


@cache
def definitions() -> Definitions:
    """The definitions, read once per test process."""
    text = files("service.content.r4").joinpath("schema.json").read_text(encoding="utf-8")
    return Definitions(json.loads(text))
