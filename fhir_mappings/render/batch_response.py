"""The answer to a batch, or to a transaction of plain resources: one part per entry, in order.

Source: FHIR R4 http.html#transaction-response. The answer to a referral is `transaction_response`.
"""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Literal

import msgspec

from fhir_mappings.model.json import Identity, Tree, encode
from fhir_mappings.model.moment import instant


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one entry is answered.

    `identity`, `version` and `at` name the version that stands, where there is one; `text` is the
    resource or Bundle to carry, empty for none.
    """

    status: int
    identity: Identity | None = None
    version: int = 0
    at: datetime | None = None
    outcome: Tree | None = None
    text: str = ""


def batch_response(
    kind: Literal["batch-response", "transaction-response"], parts: Sequence[Part], *, base: str
) -> bytes:
    """Write the Bundle; `base` is our public FHIR base."""
    entries = [_entry(one, base) for one in parts]
    seen: set[tuple[str, int]] = set()
    for part, entry in zip(parts, entries, strict=True):
        # bdl-7: a version has its fullUrl once; `location` names it each time
        key = str(part.identity), part.version if part.text else 0
        if key in seen:
            entry.pop("fullUrl", None)
        seen.add(key)
    return encode({"resourceType": "Bundle", "type": kind, "entry": entries})


def _entry(part: Part, base: str) -> dict[str, object]:
    response: dict[str, object] = {"status": f"{part.status} {HTTPStatus(part.status).phrase}"}
    entry: dict[str, object] = {}
    if part.identity is not None and part.version:
        entry["fullUrl"] = f"{base}/{part.identity}"
        response["location"] = f"{part.identity}/_history/{part.version}"
        response["etag"] = f'W/"{part.version}"'
    if part.at is not None:
        response["lastModified"] = instant(part.at)
    if part.outcome is not None:
        response["outcome"] = part.outcome
    if part.text:
        entry["resource"] = msgspec.Raw(part.text.encode())
    return {**entry, "response": response}
