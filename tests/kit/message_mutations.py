"""Whole referral Bundles, wrong in one way with a known answer, and changed where none may be told.

Built from the payloads of the protocol. What is asked of the database (does this patient stand
here?) is not of these: the HTTP tests have those.
"""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from fhir_mappings.model.placer import Placer
from fhir_mappings.parse import guard, taking
from fhir_mappings.parse.bundle import entries
from fhir_mappings.parse.identities import Known
from fhir_mappings.parse.referral import orders
from fhir_mappings.parse.resource import judge_bundle
from fhir_mappings.problems import Code, refuse_any
from fhir_mappings.terms.r4_names import RESOURCE_TYPES
from service.deps import new_id
from tests.kit.definitions import Resource, Value
from tests.kit.mutations import CANARY, Case
from tests.kit.r4 import shape
from tests.kit.referrals import a_payload, remade

NAMES: Final = ("clean", "anticoagulated", "active-infection")
NOWHERE: Final = "urn:uuid:00000000-0000-4000-8000-00000000dead"
ELSEWHERE: Final = "https://elsewhere.example/fhir"


def read_message(body: bytes, placer: Placer, base: str) -> None:
    """Read a referral as far as it can be read without the database.

    Raises:
        Refused: every fault.
    """
    tree = guard.read(body)
    refuse_any(judge_bundle(tree, shape()))
    found = entries(tree, guard.slices(body), types=RESOURCE_TYPES)
    for asked in orders(found):
        taking.read(
            found,
            asked,
            Known(met={}, persons={}),
            placer,
            base=base,
            new_rid=lambda: str(new_id()),
            standing={},
        )


def messages(seed: int) -> Iterator[Case]:
    """Yield every mutation of every payload."""
    for name in NAMES:
        for make in (*WRONG, *RIGHT):
            chance = random.Random(f"{seed} {name} {make.__name__}")  # noqa: S311 - a test's dice
            yield from make(a_payload(name), chance)


Make = Callable[[Resource, random.Random], Iterator[Case]]


def _case(kind: str, what: str, bundle: Resource, *codes: Code, place: str = "") -> Case:
    return Case(
        kind=f"message: {kind}",
        what=what,
        rtype="Bundle",
        body=json.dumps(bundle).encode(),
        codes=frozenset(codes),
        place=place,
    )


def _resources(bundle: Resource, *types: str) -> Iterator[tuple[int, Resource]]:
    for at, entry in enumerate(bundle["entry"]):
        if not types or entry["resource"]["resourceType"] in types:
            yield at, entry["resource"]


def _order(bundle: Resource) -> tuple[int, Resource]:
    return next(_resources(bundle, "ServiceRequest"))


def _references(node: Value, place: str) -> Iterator[tuple[Resource, str]]:
    """Every object with a reference, with its FHIRPath."""
    if type(node) is dict:
        tree = cast("Resource", node)
        if isinstance(tree.get("reference"), str):
            yield tree, place
        for name, value in tree.items():
            yield from _references(value, f"{place}.{name}")
    elif type(node) is list:
        values = cast("list[Value]", node)
        for at, value in enumerate(values):
            yield from _references(value, f"{place}[{at}]")


def _each_reference(bundle: Resource) -> Iterator[tuple[Resource, Resource, str]]:
    """For each reference a copy of the message, the object to change in it, and its FHIRPath."""
    count = sum(1 for _ in _all_references(bundle))
    for number in range(count):
        changed = copy.deepcopy(bundle)
        node, place = list(_all_references(changed))[number]
        yield changed, node, place


def _all_references(bundle: Resource) -> Iterator[tuple[Resource, str]]:
    for at, resource in _resources(bundle):
        yield from _references(resource, f"Bundle.entry[{at}].resource")


# ------------------------------------------------------------------ what must be refused


def broken_urn(bundle: Resource, _: random.Random) -> Iterator[Case]:
    for changed, node, place in _each_reference(bundle):
        for value in (NOWHERE, "urn:oid:1.2.3.4", f"{node['reference']}0"):
            node["reference"] = value
            code = Code.REFERENCE_NOT_FOUND
            yield _case("broken urn", place, changed, code, place=f"{place}.reference")


def broken_contained(bundle: Resource, _: random.Random) -> Iterator[Case]:
    for changed, node, place in _each_reference(bundle):
        node["reference"] = f"#{CANARY}"
        yield _case(
            "broken contained reference", place, changed, Code.CONTAINED_NOT_FOUND, place=place
        )


def reference_to_another_entry(bundle: Resource, _: random.Random) -> Iterator[Case]:
    """A subject that is a practice, a practice that is a patient."""
    people = {
        resource["resourceType"]: bundle["entry"][at]["fullUrl"]
        for at, resource in _resources(bundle)
    }
    for changed, node, place in _each_reference(bundle):
        member = place.rpartition(".")[2]
        if member in {"subject", "patient", "practitioner", "organization"}:
            wrong = "Organization" if member != "organization" else "Patient"
            node["reference"] = people[wrong]
            kind = "reference to an entry of another type"
            yield _case(kind, place, changed, Code.REFERENCE_TYPE, place=place)


def subject_elsewhere(bundle: Resource, _: random.Random) -> Iterator[Case]:
    at, order = _order(bundle)
    order["subject"] = {"reference": f"{ELSEWHERE}/Patient/1"}
    place = f"Bundle.entry[{at}].resource.subject"
    yield _case("subject elsewhere", place, bundle, Code.SUBJECT_NOT_FOUND, place=place)


def second_patient(bundle: Resource, _: random.Random) -> Iterator[Case]:
    """One resource of another patient among the others, brought along or known by its address."""
    other = copy.deepcopy(bundle["entry"][0])
    assert other["resource"]["resourceType"] == "Patient"
    other["fullUrl"] = "urn:uuid:00000000-0000-4000-8000-0000000000aa"
    other["resource"]["identifier"][0]["value"] = CANARY
    other["request"].pop("ifNoneExist", None)
    for at, resource in _resources(bundle):
        member = next((one for one in ("subject", "patient") if one in resource), "")
        if not member or resource["resourceType"] == "ServiceRequest":
            continue
        for reference, extra in ((other["fullUrl"], [other]), (f"Patient/{CANARY}", [])):
            changed = copy.deepcopy(bundle)
            changed["entry"] += extra
            changed["entry"][at]["resource"][member] = {"reference": reference}
            place = f"Bundle.entry[{at}].resource.{member}"
            code = Code.OTHER_PATIENTS_DATA
            yield _case("second patient's resource", place, changed, code, place=place)


def second_order(bundle: Resource, _chance: random.Random) -> Iterator[Case]:
    at, _ = _order(bundle)
    entry = copy.deepcopy(bundle["entry"][at])
    entry["fullUrl"] = "urn:uuid:00000000-0000-4000-8000-0000000000bb"
    entry["resource"]["subject"] = {"reference": f"Patient/{CANARY}"}
    bundle["entry"].append(entry)
    place = f"Bundle.entry[{len(bundle['entry']) - 1}].resource.subject"
    yield _case("order of a second patient", place, bundle, Code.TWO_SUBJECTS, place=place)


def order_not_taken(bundle: Resource, _chance: random.Random) -> Iterator[Case]:
    extension = [{"url": f"https://ehr.example/{CANARY}", "valueBoolean": True}]
    changes: list[tuple[str, Any, Code]] = [
        *(("status", one, Code.ORDER_STATUS) for one in ("draft", "completed", "revoked")),
        ("status", "entered-in-error", Code.ORDER_STATUS),
        *(("intent", one, Code.ORDER_INTENT) for one in ("proposal", "plan", "option")),
        ("doNotPerform", True, Code.ORDER_NOT_TO_PERFORM),
        ("modifierExtension", extension, Code.MODIFIER_EXTENSION),
        ("implicitRules", f"https://ehr.example/{CANARY}", Code.IMPLICIT_RULES),
        ("status", CANARY, Code.REQUIRED_BINDING),
        ("subject", None, Code.EMPTY_VALUE),
        ("authoredOn", "2026-02-30", Code.NOT_A_DATE),
        ("resourceType", CANARY, Code.UNKNOWN_TYPE),
    ]
    at, _ = _order(bundle)
    for member, value, code in changes:
        changed = copy.deepcopy(bundle)
        changed["entry"][at]["resource"][member] = value
        place = f"Bundle.entry[{at}].resource"
        place = place if member == "resourceType" else f"{place}.{member}"
        yield _case("order that is not taken", member, changed, code, place=place)


def request_of_an_entry(bundle: Resource, _: random.Random) -> Iterator[Case]:
    form = Code.REQUEST_FORM
    changes: list[tuple[str, Any, Code, str]] = [
        ("method", CANARY, Code.REQUIRED_BINDING, ".request.method"),
        ("method", "post", Code.REQUIRED_BINDING, ".request.method"),
        ("url", CANARY.lower(), form, ".request"),
        ("url", "", Code.EMPTY_VALUE, ".request.url"),
        ("url", "../Patient", form, ".request"),
        ("url", "https://elsewhere.example/fhir/Patient", form, ".request"),
        ("url", "Nothing", Code.UNKNOWN_TYPE, ".request.url"),
        ("url", "Basic", Code.WRONG_TYPE, ".resource"),
    ]
    for at, resource in _resources(bundle):
        here = f"Bundle.entry[{at}]"
        for member, value, code, rest in changes:
            changed = copy.deepcopy(bundle)
            changed["entry"][at]["request"][member] = value
            what = f"{member} of {resource['resourceType']}"
            yield _case("request of an entry", what, changed, code, place=f"{here}{rest}")


def addressed_wrongly(bundle: Resource, _: random.Random) -> Iterator[Case]:
    for at, resource in _resources(bundle):
        here, rtype = f"Bundle.entry[{at}]", resource["resourceType"]
        for method, url, code, rest in (
            ("POST", f"{rtype}/1", Code.REQUEST_FORM, ".request.url"),
            ("PUT", rtype, Code.REQUEST_FORM, ".request.url"),
            ("PUT", f"{rtype}/1", Code.ID_DIFFERS, ".resource.id"),
        ):
            changed = copy.deepcopy(bundle)
            changed["entry"][at]["request"] = {"method": method, "url": url}
            yield _case("address of an entry", f"{method} {url}", changed, code, place=here + rest)


def entry_broken(bundle: Resource, _: random.Random) -> Iterator[Case]:
    for at, resource in _resources(bundle):
        here = f"Bundle.entry[{at}]"
        broken: list[tuple[Value, Code]] = [
            (None, Code.EMPTY_VALUE),
            ({}, Code.EMPTY_VALUE),
            (CANARY, Code.VALUE_TYPE),
            ([resource], Code.CARDINALITY),
            (5, Code.VALUE_TYPE),
        ]
        for value, code in broken:
            changed = copy.deepcopy(bundle)
            changed["entry"][at]["resource"] = value
            yield _case("resource of an entry", here, changed, code, place=f"{here}.resource")
        changed = copy.deepcopy(bundle)
        del changed["entry"][at]["request"]
        yield _case("entry without a request", here, changed, Code.INVARIANT, place=here)


def entry_twice(bundle: Resource, _: random.Random) -> Iterator[Case]:
    bundle["entry"].append(copy.deepcopy(bundle["entry"][0]))
    last = f"Bundle.entry[{len(bundle['entry']) - 1}]"
    yield _case("fullUrl twice", last, bundle, Code.INVARIANT, place=f"{last}.fullUrl")
    changed = copy.deepcopy(bundle)
    for entry, url in ((changed["entry"][0], "urn:uuid:1"), (changed["entry"][-1], "urn:uuid:2")):
        entry["fullUrl"] = url
        entry["request"] = {"method": "PUT", "url": "Patient/1"}
        entry["resource"]["id"] = "1"
    place = "Bundle.entry[0].request.url"
    yield _case("identity twice", last, changed, Code.DUPLICATE_IDENTITY, place=place)


def bundle_type(bundle: Resource, _: random.Random) -> Iterator[Case]:
    for kind in ("collection", "searchset", "document", "message", "batch-response"):
        changed = {**bundle, "type": kind}
        place = "Bundle.entry[0]"
        yield _case("Bundle of another type", kind, changed, Code.INVARIANT, place=place)
    changed = {**bundle, "type": CANARY}
    yield _case("Bundle of another type", "x", changed, Code.REQUIRED_BINDING, place="Bundle.type")


def bytes_broken(bundle: Resource, chance: random.Random) -> Iterator[Case]:
    body = json.dumps(bundle, ensure_ascii=False).encode()
    middle = chance.randrange(len(body))
    broken: list[tuple[str, bytes, Code]] = [
        ("cut", body[:middle], Code.NOT_JSON),
        ("two", body + body, Code.NOT_JSON),
        ("trailing", body + b"x", Code.NOT_JSON),
        ("array", b"[" + body + b"]", Code.NOT_JSON),
        ("text", json.dumps(CANARY).encode(), Code.NOT_JSON),
        ("nothing", b"", Code.NOT_JSON),
        ("comment", b"/* */" + body, Code.NOT_JSON),
        ("comma", body[:-1] + b",}", Code.NOT_JSON),
        ("quotes", body.replace(b'"', b"'"), Code.NOT_JSON),
        ("bare control", body.replace(b"Synthetic", b"Synth\x01etic"), Code.NOT_JSON),
        ("mark", b"\xef\xbb\xbf" + body, Code.NOT_UTF8),
        ("utf-16", body.decode().encode("utf-16"), Code.NOT_UTF8),
        ("latin-1", body.replace(b"Synthetic", b"Synth\xe9tic"), Code.NOT_UTF8),
        ("surrogate", body.replace(b"Synthetic", b"\xed\xa0\x80"), Code.NOT_UTF8),
        ("deep", b'{"resourceType":' + b"[" * 19_000 + b"]" * 19_000 + b"}", Code.TOO_DEEP),
        ("brackets", b"[" * 100_000, Code.TOO_COSTLY),
        ("commas", b"[" + b"1," * 50_001 + b"1]", Code.TOO_COSTLY),
        ("large", body[:-1] + b" " * 2_200_000 + b"}", Code.BODY_TOO_LARGE),
    ]
    for what, each, code in broken:
        yield Case(
            kind="message: bytes",
            what=what,
            rtype="Bundle",
            body=each,
            codes=frozenset({code}),
            place="",
        )
    many = {**bundle, "entry": bundle["entry"] * 60}
    codes = (Code.TOO_MANY_ENTRIES,)
    yield _case("too many entries", "entry", many, *codes, place="Bundle.entry")


WRONG: Final[tuple[Make, ...]] = (
    broken_urn,
    broken_contained,
    reference_to_another_entry,
    subject_elsewhere,
    second_patient,
    second_order,
    order_not_taken,
    request_of_an_entry,
    addressed_wrongly,
    entry_broken,
    entry_twice,
    bundle_type,
    bytes_broken,
)


# ------------------------------------------------------------------ what must be taken


def written_otherwise(bundle: Resource, _: random.Random) -> Iterator[Case]:
    for seed in range(6):
        changed = remade(bundle, seed)
        yield _case("written otherwise", f"{seed}", changed)


def led_elsewhere(bundle: Resource, _: random.Random) -> Iterator[Case]:
    """References out of the message that screening must tell, and the door must take."""
    for changed, node, place in _each_reference(bundle):
        if place.rpartition(".")[2] in {"subject", "patient"}:
            continue
        rtype = "PractitionerRole" if ".requester" in place else "Observation"
        named = {"practitioner": "Practitioner", "organization": "Organization"}
        rtype = named.get(place.rpartition(".")[2], rtype)
        rtype = "Condition" if ".reasonReference" in place else rtype
        node["reference"] = f"{ELSEWHERE}/{rtype}/1"
        yield _case("reference that leads elsewhere", place, changed)


def odd_and_legal(bundle: Resource, _: random.Random) -> Iterator[Case]:
    extension = [{"url": "https://ehr.example/odd", "valueBoolean": True}]
    for at, resource in _resources(bundle):
        changed = copy.deepcopy(bundle)
        changed["entry"][at]["resource"]["extension"] = extension
        yield _case("extension on a resource", resource["resourceType"], changed)
        if resource["resourceType"] in {"Condition", "MedicationStatement", "AllergyIntolerance"}:
            changed = copy.deepcopy(bundle)
            changed["entry"][at]["resource"]["modifierExtension"] = extension
            kind = "modifierExtension on a clinical resource"
            yield _case(kind, resource["resourceType"], changed)
    unread = {"resourceType": "Encounter", "nothing": ["that", {"we": "read"}]}
    request = {"method": "POST", "url": "Encounter"}
    changed = copy.deepcopy(bundle)
    changed["entry"].append({"fullUrl": "urn:uuid:1", "resource": unread, "request": request})
    yield _case("resource of a type that is not read", "Encounter", changed)


RIGHT: Final[tuple[Make, ...]] = (written_otherwise, led_elsewhere, odd_and_legal)
