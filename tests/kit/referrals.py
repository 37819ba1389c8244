"""Referrals as messages: the payloads, re-made or changed, taken as a client of the placer."""

import copy
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from fhir_mappings.model.caller import Caller
from fhir_mappings.model.referral import Channel
from fhir_mappings.parse import guard
from fhir_mappings.parse.bundle import Entry, Method, entries
from fhir_mappings.terms.r4_names import RESOURCE_TYPES
from service.deps import Deps
from service.flows.receive_referral import Received, ReceiveReferral, receive_referral

PAYLOADS = Path("tests/data/payloads/tpi")
Bundle = dict[str, Any]


def a_payload(name: str) -> Bundle:
    """A payload by its name: "clean", "anticoagulated" or "active-infection"."""
    bundle: Bundle = json.loads((PAYLOADS / f"{name}-referral.json").read_text())
    return bundle


def resource_of(bundle: Bundle, rtype: str) -> Bundle:
    """The first resource of a type, to look at or change in place."""
    found: Bundle = next(
        one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == rtype
    )
    return found


def without(bundle: Bundle, keep: Callable[[Bundle], bool]) -> Bundle:
    """The same Bundle with only the entries whose resource is kept."""
    changed = copy.deepcopy(bundle)
    changed["entry"] = [one for one in changed["entry"] if keep(one["resource"])]
    return changed


def numbered(bundle: Bundle, number: str) -> Bundle:
    """The same referral for another patient under another order number."""
    text = json.dumps(bundle)
    order = resource_of(bundle, "ServiceRequest")["identifier"][0]["value"]
    patient = resource_of(bundle, "Patient")["identifier"][0]["value"]
    renamed: Bundle = json.loads(
        text.replace(order, f"ORD-{number}")
        .replace(f'"{patient}"', f'"MRN-{number}"')
        .replace(f"|{patient}", f"|MRN-{number}")
    )
    return renamed


def replaced(bundle: Bundle, old: str, new: str) -> Bundle:
    """The same Bundle with one text in place of another, wherever it stands."""
    changed: Bundle = json.loads(json.dumps(bundle).replace(old, new))
    return changed


def put(bundle: Bundle, rtype: str, rid: str) -> Bundle:
    """The same Bundle with the resource of a type sent under the placer's own id."""
    changed = copy.deepcopy(bundle)
    entry = next(one for one in changed["entry"] if one["resource"]["resourceType"] == rtype)
    entry["resource"]["id"] = rid
    entry["request"] = {"method": "PUT", "url": f"{rtype}/{rid}"}
    return changed


def posted(resource: Bundle) -> Entry:
    """A resource that is posted by itself."""
    return Entry(
        place=0,
        full_url="",
        method=Method.POST,
        rtype=resource["resourceType"],
        rid="",
        condition="",
        if_match="",
        tree=resource,
        raw=json.dumps(resource).encode(),
    )


def remade(bundle: Bundle, seed: int) -> Bundle:
    """The same referral as another export writes it: new urns, other order, other narrative."""
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    text = json.dumps(bundle)
    for entry in bundle["entry"]:
        text = text.replace(
            entry["fullUrl"], f"urn:uuid:{UUID(int=chance.getrandbits(128), version=4)}"
        )
    again: Bundle = json.loads(text)
    chance.shuffle(again["entry"])
    for entry in again["entry"]:
        members = list(entry["resource"].items())
        chance.shuffle(members)
        entry["resource"] = dict(members)
        entry["resource"]["text"] = {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">export {seed}</div>',
        }
    return again


def written(bundle: Bundle, seed: int = 0) -> bytes:
    """The bytes of a Bundle, with other white space for another seed."""
    return json.dumps(bundle, indent=seed % 3 or None).encode()


def message(body: bytes) -> ReceiveReferral:
    """What the door gives the flow."""
    tree = guard.read(body)
    return ReceiveReferral(
        entries=entries(tree, guard.slices(body), types=RESOURCE_TYPES),
        channel=Channel.TRANSACTION,
        digest=hashlib.sha256(body).digest(),
        size=len(body),
    )


async def taken(deps: Deps, caller: Caller, bundle: Bundle, seed: int = 0) -> Received:
    """Take a Bundle with one order as the placer's client."""
    (received,) = await receive_referral(deps, caller, message(written(bundle, seed)))
    return received
