"""An EHR at the moment of ordering: its hook calls, its server, and the tokens that it signs."""

import copy
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from fhir_mappings.model.hooks import PREFETCH
from fhir_mappings.model.json import encode
from fhir_mappings.parse.references import about
from tests.kit.door import BASE, Door
from tests.kit.lying_placer import Asked, LyingPlacer, Reply, serving
from tests.kit.referrals import a_payload, resource_of, without

Resource = dict[str, Any]
Call = dict[str, Any]

PATIENT = "p1"
JSON = {"content-type": "application/json"}
ISSUER = "https://ehr.northside.example/"
GIVEN = frozenset(PREFETCH.values()) - {"Patient"}
"""What our prefetch asks for beside the patient."""


def plain(name: str) -> Resource:
    """A payload with only what our prefetch asks for, its order naming nothing else."""
    bundle = without(
        a_payload(name), lambda one: one["resourceType"] in GIVEN | {"Patient", "ServiceRequest"}
    )
    for member in ("supportingInfo", "requester", "performer"):
        resource_of(bundle, "ServiceRequest").pop(member, None)
    return bundle


def as_the_ehr_has_it(bundle: Resource) -> list[Resource]:
    """The resources of a referral under ids of the EHR, which name each other by them."""
    text = json.dumps(bundle)
    ids: list[str] = []
    for place, entry in enumerate(bundle["entry"]):
        rtype = entry["resource"]["resourceType"]
        ids.append(PATIENT if rtype == "Patient" else f"e{place}")
        text = text.replace(entry["fullUrl"], f"{rtype}/{ids[-1]}")
    resources = [one["resource"] for one in json.loads(text)["entry"]]
    return [{**one, "id": rid} for one, rid in zip(resources, ids, strict=True)]


def searchset(*resources: Resource, **members: object) -> Resource:
    """What a search answers; empty arrays are left out, as FHIR has it."""
    entries = [{"resource": one, "search": {"mode": "match"}} for one in resources]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(resources)}
    return {**bundle, **({"entry": entries} if entries else {}), **members}


def prefetched(resources: list[Resource]) -> Resource:
    """Every key of our prefetch, as an EHR answers that honours all of them."""
    found: Resource = {
        key: searchset(*(one for one in resources if one["resourceType"] == rtype))
        for key, rtype in PREFETCH.items()
    }
    found["patient"] = next(one for one in resources if one["resourceType"] == "Patient")
    return found


def order_of(resources: list[Resource]) -> Resource:
    """The order of a referral as a draft."""
    order = next(one for one in resources if one["resourceType"] == "ServiceRequest")
    return {**copy.deepcopy(order), "status": "draft"}


def drafts(*orders: Resource) -> Resource:
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": one} for one in orders],
    }


def a_call(hook: str, *, prefetch: object = None, **context: object) -> Call:
    """One call of a hook; members of its context by name, `prefetch` None for none."""
    call: Call = {
        "hook": hook,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/u1", "patientId": PATIENT, **context},
    }
    return call if prefetch is None else {**call, "prefetch": prefetch}


def order_sign(bundle: Resource) -> Call:
    """The signing of a referral's order, with all that the EHR has of the patient."""
    resources = as_the_ehr_has_it(bundle)
    return a_call(
        "order-sign", prefetch=prefetched(resources), draftOrders=drafts(order_of(resources))
    )


async def asked(door: Door, call: Mapping[str, Any], who: str = "placer") -> httpx2.Response:
    """What the service of the call's hook answers."""
    async with door.client(who) as client:
        path = f"/cds-services/tpi-{call['hook']}"
        return await client.post(path, content=encode(call), headers=JSON)


def cards_of(answer: httpx2.Response) -> list[Resource]:
    assert answer.status_code == 200, answer.text
    found: list[Resource] = answer.json()["cards"]
    return found


def topics(answer: httpx2.Response) -> dict[str, str]:
    """What each card is about, but for the notes, with its indicator."""
    return {
        one["source"]["topic"]["code"]: one["indicator"]
        for one in cards_of(answer)
        if "topic" in one["source"]
    }


def unchecked(answer: httpx2.Response) -> str:
    """The words of the card that says what was not checked, empty where there is none."""
    return next(
        (
            str(one["detail"])
            for one in cards_of(answer)
            if one["source"].get("topic", {}).get("code") == "not-checked"
        ),
        "",
    )


class Ehr(LyingPlacer):
    """A FHIR server that is searched by patient; `says` are fixed answers of paths below it."""

    def __init__(self) -> None:
        super().__init__()
        self.says: dict[str, object] = {}

    def _truth(self, asked: Asked) -> Reply:
        said = self.says.get(asked.path.strip("/"))
        return super()._truth(asked) if said is None else Reply(200, said)

    def _search(self, rtype: str, form: dict[str, str]) -> Reply:
        patient = f"Patient/{form.get('patient')}"
        return Reply(200, searchset(*(one for one in self.of_type(rtype) if about(one) == patient)))


@asynccontextmanager
async def an_ehr() -> AsyncGenerator[Ehr]:
    """Let one answer on a free port of loopback."""
    ehr = Ehr()
    async with serving(ehr):
        yield ehr


def a_key(kid: str = "k1") -> ECKey:
    return ECKey.generate_key("P-384", {"kid": kid})


def public(*keys: ECKey | RSAKey) -> Resource:
    """The JWK Set that an EHR publishes."""
    return {"keys": [{**one.as_dict(private=False), "use": "sig"} for one in keys]}


def token(
    key: ECKey | RSAKey,
    at: datetime,
    *,
    path: str = "/cds-services",
    header: Mapping[str, Any] | None = None,
    **claims: object,
) -> str:
    """A token as CDS Hooks wants it, for one address of ours; `None` leaves a claim out."""
    now = int(at.timestamp())
    algorithm = "ES384" if isinstance(key, ECKey) else "RS384"
    head = {"typ": "JWT", "alg": algorithm, "kid": str(key.kid), **(header or {})}
    body: dict[str, Any] = {
        "iss": ISSUER,
        "aud": f"{BASE}{path}",
        "iat": now,
        "exp": now + 240,
        "jti": "0f4b1c1e-0001",
        **claims,
    }
    said = {name: value for name, value in body.items() if value is not None}
    kept = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(kept, said, key, algorithms=[str(kept.get("alg", algorithm))])
