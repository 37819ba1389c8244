"""What was promised, held against the clinic's own rows."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Final
from uuid import UUID

from tests.chaos.faults import Fault, Verdict, at, differing, of_visit, target, values, visit_value
from tests.chaos.ledger import Ledger, Order
from tests.chaos.sides import Clinic, Row, Tree

LIVING: Final = ("accepted", "arrived", "fulfilled")
SHARED: Final = frozenset({"Organization", "Practitioner", "PractitionerRole"})
"""Types of a referral's Bundle that belong to no patient."""


def faults(ledger: Ledger, clinic: Clinic) -> Iterator[Fault]:
    """Return every promise that the clinic's rows break."""
    for order in ledger.orders:
        yield from _order(order, clinic)
        yield from _decisions(order, clinic)
        yield from _booking(order, clinic)
        yield from _visit(order, clinic)
    yield from _overlaps(clinic)
    yield from _jobs(clinic)
    yield from _audit(clinic)


def _order(order: Order, clinic: Clinic) -> Iterator[Fault]:
    """One referral per order, with each resource of its Bundle once, about its own patient."""
    if order.stuck:
        yield Fault(Verdict.UNKNOWN, f"{order.number}: {order.stuck}")
    rows = [one for one in clinic.referrals if one["order_value"] == order.number]
    if len(rows) > 1:
        yield Fault(Verdict.DOUBLED, f"{order.number}: {len(rows)} referrals")
    if not order.taken:
        return
    if not rows:
        yield Fault(Verdict.LOST, f"{order.number}: no referral")
        return
    request = clinic.kept.get("ServiceRequest", {}).get(order.taken)
    if request is None:
        yield Fault(Verdict.LOST, f"{order.number}: no ServiceRequest")
        return
    patient = target(request.get("subject"))
    if order.number not in values(request) or order.mrn not in values(
        clinic.kept.get("Patient", {}).get(patient, {})
    ):
        yield Fault(Verdict.WRONG, f"{order.number}: another order or another patient")
    if rows[0]["task_rid"] != order.task or order.task not in clinic.kept.get("Task", {}):
        yield Fault(Verdict.LOST, f"{order.number}: its Task")
    yield from _contents(order, patient, clinic)


def _contents(order: Order, patient: str, clinic: Clinic) -> Iterator[Fault]:
    sent = [one["resource"] for one in order.bundle["entry"]]
    wanted = Counter(_key(one) for one in sent if one["resourceType"] not in SHARED)
    types = {rtype for rtype, _ in wanted}
    found = Counter(
        _key(one)
        for rtype in types
        for rid, one in clinic.kept.get(rtype, {}).items()
        if patient in {target(one.get("subject")), target(one.get("patient"))}
        or (rtype, rid) == ("Patient", patient)
        if not visit_value(one)
    )
    for rtype, words in wanted - found:
        yield Fault(Verdict.LOST, f"{order.number}: {rtype} {words}")
    for rtype, words in found - wanted:
        yield Fault(Verdict.DOUBLED, f"{order.number}: {rtype} {words}")


def _decisions(order: Order, clinic: Clinic) -> Iterator[Fault]:
    """Each approval that was acknowledged stands as often as it was given."""
    words = Counter(one["finding_rid"] for one in clinic.reviews)
    for finding, times in Counter(order.reviewed).items():
        if not words[finding]:
            yield Fault(Verdict.LOST, f"{order.number}: the decision on {finding}")
        if words[finding] > times:
            yield Fault(Verdict.DOUBLED, f"{order.number}: the decision on {finding}")


def _booking(order: Order, clinic: Clinic) -> Iterator[Fault]:
    """One window is booked, the one that was accepted, and the arrival is on it."""
    if not order.booked:
        return
    mine = next((one for one in clinic.proposals if str(one["id"]) == order.booked), None)
    if mine is None or mine["state"] not in LIVING:
        yield Fault(Verdict.LOST, f"{order.number}: its booking")
        return
    living = [one for one in _of(clinic.proposals, mine) if one["state"] in LIVING]
    holds = _of(clinic.holds, mine)
    if len(living) > 1 or len(holds) > 1:
        yield Fault(Verdict.DOUBLED, f"{order.number}: {len(living)} bookings")
    if not holds and mine["state"] != "fulfilled":
        yield Fault(Verdict.LOST, f"{order.number}: its window")
    if order.arrived and mine["state"] == "accepted":
        yield Fault(Verdict.LOST, f"{order.number}: its arrival")


def _overlaps(clinic: Clinic) -> Iterator[Fault]:
    """No clinician, room or patient is booked twice at one time."""
    for one, other in combinations(sorted(clinic.holds, key=lambda row: row["starts"]), 2):
        until = one["busy_until"]
        if other["starts"] < until and _same(one, other, "practitioner", "location"):
            yield Fault(Verdict.DOUBLED, f"windows {one['id']} and {other['id']} overlap")


def _visit(order: Order, clinic: Clinic) -> Iterator[Fault]:
    """One row and one Procedure per visit, as it was recorded."""
    if not order.performed:
        return
    rows = [one for one in clinic.visits if str(one["id"]) == order.visit]
    kept = of_visit(clinic.kept.get("Procedure", {}).values(), order.visit)
    if not rows or not kept:
        yield Fault(Verdict.LOST, f"{order.number}: its visit")
    if len(rows) > 1 or len(kept) > 1:
        yield Fault(Verdict.DOUBLED, f"{order.number}: its visit")
    for one in kept[:1]:
        for member in differing(order.form["entry"][0]["resource"], one):
            yield Fault(Verdict.WRONG, f"{order.number}: {member} of its visit")


def _jobs(clinic: Clinic) -> Iterator[Fault]:
    """Nothing is left that neither runs nor waits for a person."""
    for one in clinic.jobs:
        if one["state"] != "needs-person":
            yield Fault(Verdict.UNASKED, f"{one['kind']} {one['id']} is {one['state']}")


def _audit(clinic: Clinic) -> Iterator[Fault]:
    """Each referral's audit is one unbroken chain, from its first row to the head it names."""
    chains: dict[UUID, dict[bytes, Row]] = {}
    for one in clinic.audits:
        if one["referral"] is None:
            continue
        chain = chains.setdefault(one["referral"], {})
        if one["previous"] in chain:
            yield Fault(Verdict.WRONG, f"the audit of {one['referral']} forks")
        chain[one["previous"]] = one
    for referral in clinic.referrals:
        chain, head, length = chains.get(referral["id"], {}), b"", 0
        while head in chain:
            row = chain[head]
            if row["hash"] != _hash(row):
                yield Fault(Verdict.WRONG, f"the audit of {referral['id']}: a row was changed")
            head, length = row["hash"], length + 1
        if length != len(chain) or head != referral["audit_head"]:
            yield Fault(Verdict.LOST, f"the audit of {referral['id']}: a row")


def _hash(row: Row) -> bytes:
    words = (row["id"], row["referral"], row["actor"], row["verb"], row["what"], row["micros"])
    return hashlib.sha256(row["previous"] + "\x1f".join(map(str, words)).encode()).digest()


def _of(rows: list[Row], mine: Row) -> list[Row]:
    """Return the rows of the same referral."""
    return [one for one in rows if one["referral"] == mine["referral"]]


def _key(tree: Tree) -> tuple[str, str]:
    """Name a resource of a Bundle by its type and what it says in words."""
    words = at(tree, "code", "text") or at(tree, "medicationCodeableConcept", "text")
    return str(tree["resourceType"]), str(words or "")


def _same(one: Row, other: Row, *names: str) -> bool:
    return any(one[name] == other[name] for name in names)
