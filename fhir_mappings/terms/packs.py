"""How a content pack is told in FHIR: its addresses, codes and the members that have elements."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fhir_mappings.terms.systems import BASE

LANGUAGE: Final = "application/vnd.tpi-intake.rule+json"
"""The language of an action's condition: the rule object, less what stands in elements."""

EXPRESSION_LANGUAGE: Final = f"{BASE}/StructureDefinition/expression-language"
SIGN_OFF: Final = f"{BASE}/StructureDefinition/sign-off"
WITHDRAWN: Final = f"{BASE}/StructureDefinition/withdrawn-rule"
PLAN_TYPE: Final = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
LIBRARY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/library-type"

TABLES: Final = "tables.json"
TEXTS: Final = "text-patterns.json"

LOCAL: Final = "local-default"
"""The word with which an origin says that no source was read for a number."""
UNSIGNED: Final = "local default, needs clinical sign-off"

PRIORITIES: Final[Mapping[str, str]] = MappingProxyType(
    {"block": "stat", "review": "urgent", "info": "routine"}
)

IN_ELEMENTS: Final = frozenset(
    {"id", "title", "action", "message", "rationale", "sources", "signoff"}
)
"""Members of a rule that stand in elements of its action."""
