"""What was promised, held against what the placer's own server says."""

from collections.abc import Iterator
from typing import Final

from tests.chaos.faults import (
    Fault,
    Verdict,
    differing,
    of_visit,
    target,
    values,
    visit_value,
    waits,
)
from tests.chaos.ledger import Ledger, Order
from tests.chaos.sides import Clinic, Row, There, Tree

BUSINESS: Final = "https://tpi-intake.example/fhir/CodeSystem/business-status"


def faults(ledger: Ledger, clinic: Clinic, there: There) -> Iterator[Fault]:
    """Return every promise that the placer's server breaks."""
    for order in ledger.orders:
        yield from _record(order, clinic, there)
        yield from _task(order, clinic, there)
    yield from _strangers(clinic, there)


def _record(order: Order, clinic: Clinic, there: There) -> Iterator[Fault]:
    """A visit stands at the placer once and is proven, or a person is asked."""
    visit = next((one for one in clinic.visits if str(one["id"]) == order.visit), None)
    if visit is None:
        return
    found = of_visit(there.of("Procedure"), order.visit)
    doses = [one for one in there.of("MedicationAdministration") if _belongs(one, order, found)]
    if len(found) > 1 or len(doses) > 1:
        yield Fault(
            Verdict.DOUBLED,
            f"{order.number}: {len(found)} Procedures, {len(doses)} doses at the placer",
        )
    rows = [one for one in clinic.writebacks if one["visit"] == visit["id"]]
    if not any(one["state"] == "proven" for one in rows):
        if not waits(clinic, visit["referral"], "write-back"):
            yield Fault(Verdict.UNASKED, f"{order.number}: its record at the placer")
        return
    if not found or not doses:
        yield Fault(Verdict.LOST, f"{order.number}: proven, and not at the placer")
        return
    yield from _as_performed(order, rows[0], found[0], doses[0], there)


def _as_performed(order: Order, row: Row, found: Tree, dose: Tree, there: There) -> Iterator[Fault]:
    first, second = (one["resource"] for one in order.form["entry"])
    wrong = [*differing(first, found), *differing(second, dose)]
    if row["reference"] != f"Procedure/{found['id']}" or order.visit not in values(found):
        wrong.append("its name")
    if target(dose["partOf"][0]) != found["id"]:
        wrong.append("the Procedure of its dose")
    for one in (found, dose):
        subject = there.kept["Patient"].get(target(one["subject"]), {})
        if order.mrn not in values(subject):
            wrong.append("its patient")
    named = found["basedOn"][0]
    by_name: Tree = {"identifier": [named.get("identifier", {})]}
    asked = there.kept["ServiceRequest"].get(target(named), by_name)
    if order.number not in values(asked):
        wrong.append("its order")
    for member in wrong:
        yield Fault(Verdict.WRONG, f"{order.number}: {member} at the placer, though proven")


def _belongs(dose: Tree, order: Order, found: list[Tree]) -> bool:
    """Say whether a dose is of the visit: by its identifier, or by the Procedure that it names."""
    named = {target(one) for one in dose.get("partOf", ())}
    return visit_value(dose) == order.visit or not named.isdisjoint(one["id"] for one in found)


def _task(order: Order, clinic: Clinic, there: There) -> Iterator[Fault]:
    """The Task is completed by a proof alone; the placer's copy is one, and says the same."""
    ours = clinic.kept.get("Task", {}).get(order.task)
    if ours is None:
        return
    referral = next((one["id"] for one in clinic.referrals if one["task_rid"] == order.task), None)
    proven = any(
        (one["state"], one["referral"]) == ("proven", referral) for one in clinic.writebacks
    )
    if (ours["status"] == "completed") != proven:
        yield Fault(Verdict.WRONG, f"{order.number}: its Task is {ours['status']}")
    copies = [one for one in there.of("Task") if order.task in values(one)]
    if len(copies) > 1:
        yield Fault(Verdict.DOUBLED, f"{order.number}: {len(copies)} Tasks at the placer")
    if waits(clinic, referral, "task-update"):
        return
    if not copies:
        yield Fault(Verdict.LOST, f"{order.number}: its Task at the placer")
    elif (copies[0]["status"], _business(copies[0])) != (ours["status"], _business(ours)):
        yield Fault(Verdict.WRONG, f"{order.number}: its Task at the placer says otherwise")


def _strangers(clinic: Clinic, there: There) -> Iterator[Fault]:
    """Nothing of ours stands at the placer that no visit here knows."""
    known = {str(one["id"]) for one in clinic.visits}
    for one in there.of("Procedure"):
        value = visit_value(one)
        if value and value not in known:
            yield Fault(Verdict.LOST, f"Procedure/{one['id']} at the placer: its visit")


def _business(task: Tree) -> str:
    codings = task.get("businessStatus", {}).get("coding", ())
    return next((one["code"] for one in codings if one.get("system") == BUSINESS), "")
