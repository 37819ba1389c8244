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
from fhir_mappings.parse.dates import dated
from fhir_mappings.parse.sameness import fingerprint
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.terms.systems import EXT_APPOINTMENT, NOT_PERFORMED_REASON, SID_VISIT

_STATES: Final = {
    "completed": VisitState.PERFORMED,
    "stopped": VisitState.PARTLY,
    "not-done": VisitState.NOT_PERFORMED,
}
_TRY_AGAIN: Final = "try-again"
_UNDONE: Final = frozenset({VisitState.NOT_PERFORMED, VisitState.TRY_AGAIN})


def visit(procedure: Tree, doses: tuple[Tree, ...], *, procedure_url: str = "") -> Visit:
    """Read one visit.

    Args:
        procedure: The Procedure.
        doses: Its MedicationAdministrations, in the order sent.
        procedure_url: The fullUrl of the Procedure's entry, by which doses name it.

    Raises:
        Refused: `visit-form` for each member that is missing or says something else than a
            visit of ours, with its place.
    """
    faults = [*_faults(procedure), *_dose_faults(procedure, doses, procedure_url)]
    if faults:
        raise Refused(*(Problem(Code.VISIT_FORM, place) for place in faults))
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
        f"extension('{EXT_APPOINTMENT}')": bool(_appointment(procedure)),
        "identifier": _identifier_is_a_uuid(procedure),
        "performed": _timed(start, end) if performed else start is None or _timed(start, end),
        "performer.actor": bool(_actors(procedure)),
        "bodySite": not performed or bool(items(procedure.get("bodySite"))),
        "code": bool(members(procedure.get("code"))),
    }
    yield from (f"Procedure.{place}" for place, there in needs.items() if not there)


def _dose_faults(procedure: Tree, doses: tuple[Tree, ...], url: str) -> Iterator[str]:
    if doses and text(procedure, "status") == "not-done":
        yield "MedicationAdministration"
    for dose in doses:
        needs = {
            "partOf": _part_of(dose, url),
            "subject": text(dose, "subject", "reference")
            == text(procedure, "subject", "reference"),
            "status": text(dose, "status") in {"completed", "stopped"},
            "effective": _effective(dose),
            "medication": bool(_medication(dose)) or "medicationCodeableConcept" in dose,
            "dosage.dose": "value" in members(members(dose.get("dosage")).get("dose")),
            "dosage.site": bool(members(members(dose.get("dosage")).get("site"))),
        }
        yield from (f"MedicationAdministration.{place}" for place, ok in needs.items() if not ok)


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
    for dose in doses:
        batch = members(_medication(dose).get("batch"))
        if batch:
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
