"""The answer to a transaction: every entry in request order (PROTOCOL §4.2, ex 01, ex 02)."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from fhir_mappings.model.json import Identity, Json, Tree
from fhir_mappings.model.moment import instant


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one entry: which resource, at which version, made now or standing."""

    identity: Identity
    version: int
    at: datetime
    created: bool
    outcome: Tree | None = None
    resource: str = ""

    @property
    def location(self) -> str:
        """Return the address of this version, relative to the base."""
        return f"{self.identity}/_history/{self.version}"


def transaction_response(done: Sequence[Done], *, base: str) -> Tree:
    """Return the transaction-response Bundle; resources are not carried."""
    return {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [_entry(one, base) for one in done],
    }


def _entry(one: Done, base: str) -> Json:
    response: Tree = {
        "status": "201 Created" if one.created else "200 OK",
        "location": one.location,
        "etag": f'W/"{one.version}"',
        "lastModified": instant(one.at),
    }
    if one.outcome is not None:
        response["outcome"] = one.outcome
    return {"fullUrl": f"{base}/{one.identity}", "response": response}
