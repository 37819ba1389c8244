"""Rows of what is served → CapabilityStatement: exactly what works and nothing more.

Source: FHIR R4 capabilitystatement.html; the `oauth-uris` extension of SMART App Launch 2.2, which
fhirclient (Python) reads to learn that a server is not open (TRAPS §3).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from fhir_mappings.model.json import Json, Tree
from fhir_mappings.model.moment import instant
from fhir_mappings.render.checked import checked
from fhir_mappings.terms import systems

OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
SECURITY_SERVICE: Final = "http://terminology.hl7.org/CodeSystem/restful-security-service"


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """One type: its interactions in the statement's own words, and its search parameters.

    `parameters` are name and type; `operations` name and canonical address.
    """

    rtype: str
    interactions: tuple[str, ...]
    conditional: bool
    update_creates: bool
    versioned_update: bool
    parameters: tuple[tuple[str, str], ...]
    operations: tuple[tuple[str, str], ...] = ()


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks: the public base, the release and when this process learnt what it serves."""

    base: str
    authorize_endpoint: str
    token_endpoint: str
    version: str
    at: datetime


def capability(served: Iterable[Served], system: Sequence[str], about: About) -> Tree:
    """Return the statement; `system` are the interactions on the base itself."""
    return checked(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": instant(about.at),
            "kind": "instance",
            "software": {"name": "tpi-intake", "version": about.version},
            "implementation": {
                "description": "Referral intake for trigger point injections",
                "url": about.base,
            },
            "fhirVersion": "4.0.1",
            "format": ["json", "application/fhir+json"],
            "patchFormat": ["application/json-patch+json"],
            "rest": [
                {
                    "mode": "server",
                    "security": _security(about),
                    "resource": [_resource(one) for one in served],
                    "interaction": [{"code": code} for code in system],
                }
            ],
        }
    )


def _security(about: About) -> Json:
    return {
        "extension": [
            {
                "url": OAUTH_URIS,
                "extension": [  # R4's definition of it wants both, whatever grants there are
                    {"url": "authorize", "valueUri": about.authorize_endpoint},
                    {"url": "token", "valueUri": about.token_endpoint},
                ],
            }
        ],
        "service": [{"coding": [{"system": SECURITY_SERVICE, "code": "SMART-on-FHIR"}]}],
        "description": "Bearer tokens in the Authorization header, issued by the clinic.",
    }


def _resource(one: Served) -> Json:
    tree: Tree = {
        "type": one.rtype,
        "interaction": [{"code": code} for code in one.interactions],
        "versioning": "versioned-update" if one.versioned_update else "versioned",
        "readHistory": "vread" in one.interactions,
        "updateCreate": one.update_creates,
        "conditionalCreate": one.conditional and "create" in one.interactions,
        "conditionalRead": "full-support",
        "conditionalUpdate": one.conditional and "update" in one.interactions,
        "conditionalDelete": "not-supported",
    }
    if one.parameters:
        tree["searchParam"] = [{"name": name, "type": kind} for name, kind in one.parameters]
    if one.operations:
        tree["operation"] = [
            {"name": name, "definition": f"{systems.BASE}/OperationDefinition/{definition}"}
            for name, definition in one.operations
        ]
    return tree
