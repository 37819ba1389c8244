"""Paths as FHIRPath, told with no name but R4's own."""

import pytest

from fhir_mappings.model.json import Tree
from fhir_mappings.parse.places import Fault, Path, expression, problems
from fhir_mappings.problems import Code


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ((), "Device"),
        (("name", 0, "given", 1), "Device.name[0].given[1]"),
        (("valueQuantity", "value"), "Device.value.value"),
        (("_status", "extension", 0, "url"), "Device.status.extension[0].url"),
        (("_onsetDateTime",), "Device.onset"),
        (("property", 0, "valueQuantity"), "Device.property[0].valueQuantity"),
        (("doseQuantity",), "Device.doseQuantity"),
        (("contained", 0, "doseQuantity"), "Device.contained[0].doseQuantity"),
        (("dosage", 0, "doseAndRate", 0, "doseQuantity"), "Device.dosage[0].doseAndRate[0].dose"),
        (("name", 0, "Jane Roe", "given"), "Device.name[0]"),
        (("", "id"), "Device"),
    ],
)
def test_path_is_said_as_fhirpath(path: Path, said: str) -> None:
    assert expression(path, "Device") == said


def test_faults_are_told_once_and_in_the_order_of_the_document() -> None:
    tree: Tree = {
        "resourceType": "Patient",
        "name": [{"use": "x"}, {"use": "y"}],
        "active": 1,
        "id": "",
    }
    faults = [
        Fault(("id",), Code.EMPTY_VALUE),
        Fault(("active",), Code.VALUE_TYPE),
        Fault(("name", 1, "use"), Code.REQUIRED_BINDING),
        Fault(("name", 0, "use"), Code.REQUIRED_BINDING),
        Fault(("name", 0, "given"), Code.REQUIRED),
        Fault(("name", 0, "use"), Code.REQUIRED_BINDING),
        Fault(("gender",), Code.REQUIRED),
    ]

    told = problems(tree, "", faults)

    assert [one.expression for one in told] == [
        "Patient.gender",
        "Patient.name[0].given",
        "Patient.name[0].use",
        "Patient.name[1].use",
        "Patient.active",
        "Patient.id",
    ]
