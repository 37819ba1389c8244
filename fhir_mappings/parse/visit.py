"""Procedure and MedicationAdministrations of one visit → Visit, or every fault at once.

The resources passed the guard and the schema; here stands what a visit of ours asks beyond base
R4. Source: PROTOCOL §2.3 (Visit) and §6 (Procedure).
"""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime
from typing import Final
from uuid import UUID

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.visit import Lot, Visit, VisitState
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.parse.dates import dated
from fhir_mappings.parse.references import references, rewritten
from fhir_mappings.parse.sameness import fingerprint
from fhir_mappings.problems import Code, Problem, refuse_any
from fhir_mappings.terms.systems import EXT_APPOINTMENT, NOT_PERFORMED_REASON, SID_VISIT

_STATES: Final = {
    "completed": VisitState.PERFORMED,
    "stopped": VisitState.PARTLY,
    "not-done": VisitState.NOT_PERFORMED,
}
_TRY_AGAIN: Final = "try-again"


def visit(first: Entry, others: tuple[Entry, ...], *, base: str) -> Visit:
    """Read one visit.

    Args:
        first: The entry of the Procedure; its doses name it by its fullUrl.
        others: The entries of its MedicationAdministrations, in the order sent.
        base: Our own public base: an absolute reference below it is one of the space.

    Raises:
        Refused: `visit-form` for each member that is missing or says something else than a
            visit of ours, with its place.
    """
    procedure = _local(first.tree, base)
    doses = tuple(_local(one.tree, base) for one in others)
    faults = [f"{first.at}.{one}" for one in _faults(procedure)]
    for entry, dose in zip(others, doses, strict=True):
        faults += [f"{entry.at}.{one}" for one in _dose_faults(procedure, dose, first.full_url)]
    refuse_any(Problem(Code.VISIT_FORM, place) for place in faults)
    start, end = _performed(procedure)
    return Visit(
        id=_visit_id(procedure),
        state=_state(procedure),
        order_rid=_only(procedure.get("basedOn"), "ServiceRequest"),
        patient_rid=_rid(procedure.get("subject"), "Patient"),
        appointment_rid=_appointment(procedure),
        start=start,
        end=end,
        performers=_actors(procedure),
        locations=tuple(filter(None, (_rid(procedure.get("location"), "Location"),))),
        lots=tuple(_lots(doses)),
        procedure=procedure,
        doses=doses,
        places=(first.at, *(one.at for one in others)),
    )


def content(visit: Visit, procedure_url: str) -> bytes:
    """Return the digest of what was recorded: the same visit sent again has the same one.

    The Procedure's address within its Bundle is made anew for each sending and does not count.
    """

    def settled(reference: str) -> str:
        return "Procedure" if reference == procedure_url else reference

    said = [fingerprint(one, settled) for one in (visit.procedure, *visit.doses)]
    return hashlib.sha256(b"".join(said)).digest()


def _faults(procedure: Tree) -> Iterator[str]:
    """Yield the place of each member that a visit needs and this Procedure lacks."""
    state = _STATES.get(text(procedure, "status"))
    performed = state in {VisitState.PERFORMED, VisitState.PARTLY}
    start, end = _performed(procedure)
    needs = {
        "status": state is not None,
        "statusReason": text(procedure, "status") == "completed"
        or bool(members(procedure.get("statusReason"))),
        "basedOn": bool(_only(procedure.get("basedOn"), "ServiceRequest")),
        "subject": bool(_rid(procedure.get("subject"), "Patient")),
        f"extension.where(url='{EXT_APPOINTMENT}')": bool(_appointment(procedure)),
        "identifier": _identifier_is_a_uuid(procedure),
        "performed": _timed(start, end) if performed else start is None or _timed(start, end),
        "performer.actor": bool(_actors(procedure)),
        "bodySite": not performed or bool(items(procedure.get("bodySite"))),
        "code": bool(members(procedure.get("code"))),
    }
    yield from (place for place, there in needs.items() if not there)


def _dose_faults(procedure: Tree, dose: Tree, url: str) -> Iterator[str]:
    """Yield the place of each member of a dose; where nothing was done there is none to give."""
    needs = {
        "partOf": _part_of(dose, url),
        "subject": text(dose, "subject", "reference") == text(procedure, "subject", "reference"),
        "status": text(dose, "status") in {"completed", "stopped"}
        and text(procedure, "status") != "not-done",
        "effective": _effective(dose),
        "medication": bool(_medication(dose)) or "medicationCodeableConcept" in dose,
        "dosage.dose": "value" in members(members(dose.get("dosage")).get("dose")),
        "dosage.site": bool(members(members(dose.get("dosage")).get("site"))),
    }
    yield from (place for place, there in needs.items() if not there)


def _local(tree: Tree, base: str) -> Tree:
    """Make absolute references below our own base relative, as the space has them."""
    named = {one for one, _ in references(tree, "") if one.startswith(f"{base}/")}
    return members(rewritten(tree, {one: one.removeprefix(f"{base}/") for one in named}))


def _state(procedure: Tree) -> VisitState:
    state = _STATES[text(procedure, "status")]
    codings = items(members(procedure.get("statusReason")).get("coding"))
    again = any(
        text(one, "system") == NOT_PERFORMED_REASON and text(one, "code") == _TRY_AGAIN
        for one in codings
    )
    return VisitState.TRY_AGAIN if state is VisitState.NOT_PERFORMED and again else state


def _visit_id(procedure: Tree) -> UUID | None:
    values = _visit_values(procedure)
    return UUID(values[0]) if values else None


def _visit_values(procedure: Tree) -> list[str]:
    return [
        text(one, "value")
        for one in items(procedure.get("identifier"))
        if text(one, "system") == SID_VISIT
    ]


def _identifier_is_a_uuid(procedure: Tree) -> bool:
    """Accept none, or one in the canonical form: it is compared as text at the placer."""
    values = _visit_values(procedure)
    if len(values) != 1:
        return not values
    try:
        return str(UUID(values[0])) == values[0]
    except ValueError:
        return False


def _performed(procedure: Tree) -> tuple[datetime | None, datetime | None]:
    """Read the period; each side only where it is an instant with an offset."""
    period = members(procedure.get("performedPeriod"))
    return _instant(period.get("start")), _instant(period.get("end"))


def _timed(start: datetime | None, end: datetime | None) -> bool:
    return start is not None and end is not None and start <= end


def _instant(value: Json) -> datetime | None:
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _effective(dose: Tree) -> bool:
    period = members(dose.get("effectivePeriod"))
    return _instant(dose.get("effectiveDateTime") or period.get("start")) is not None


def _appointment(procedure: Tree) -> str:
    found = [
        _rid(members(one).get("valueReference"), "Appointment")
        for one in items(procedure.get("extension"))
        if text(one, "url") == EXT_APPOINTMENT
    ]
    return found[0] if len(found) == 1 else ""


def _actors(procedure: Tree) -> tuple[str, ...]:
    found = [
        _rid(members(one).get("actor"), "Practitioner") for one in items(procedure.get("performer"))
    ]
    return tuple(found) if all(found) else ()


def _part_of(dose: Tree, url: str) -> bool:
    named = [text(one, "reference") for one in items(dose.get("partOf"))]
    return bool(url) and named == [url]


def _medication(dose: Tree) -> Tree:
    wanted = text(dose, "medicationReference", "reference").removeprefix("#")
    found = [members(one) for one in items(dose.get("contained")) if text(one, "id") == wanted]
    return found[0] if found and wanted else {}


def _lots(doses: tuple[Tree, ...]) -> Iterator[Lot]:
    """Yield the lot of each dose; one without a batch has no number and no last day."""
    for dose in doses:
        batch = members(_medication(dose).get("batch"))
        yield Lot(number=text(batch, "lotNumber"), last_day=_last_day(batch))


def _last_day(batch: Tree) -> date | None:
    expiry = dated(batch.get("expirationDate"))
    return expiry.days.last if expiry else None


def _only(references: Json, rtype: str) -> str:
    found = items(references)
    return _rid(found[0], rtype) if len(found) == 1 else ""


def _rid(reference: Json, rtype: str) -> str:
    """Take the id of a relative reference to one type, with or without a version."""
    named, _, rest = text(reference, "reference").partition("/")
    rid, _, version = rest.partition("/_history/")
    return rid if named == rtype and "/" not in rid and "/" not in version else ""
