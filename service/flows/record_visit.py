"""A clinician records a visit: performed, partly, or not; its record starts on its way back.

One transaction: the Procedure and its MedicationAdministrations stand in the placer's space, the
Appointment is fulfilled, the referral moves, the write-back waits in the outbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.stages import advance, screened
from fhir_mappings.decide.visiting import PERFORMED, event, fulfils, misfits
from fhir_mappings.model.caller import NIL_SPACE, Caller, Verb
from fhir_mappings.model.json import Identity, Tree
from fhir_mappings.model.proposal import Proposal, ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.visit import Visit, VisitState
from fhir_mappings.parse import visit as reading
from fhir_mappings.parse.bundle import Entry, Method
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.render import procedure
from fhir_mappings.render.transaction_response import Done
from service.deps import Deps
from service.store import (
    acts,
    days,
    outbox,
    proposals,
    referrals,
    resources,
    screenings,
    visits,
    writebacks,
)
from service.store.pool import Conn
from service.store.screenings import Judged
from service.store.transaction import retried, transaction
from service.store.visits import Recorded

_DOSE = "MedicationAdministration"


class RecordVisit(msgspec.Struct, frozen=True, kw_only=True):
    """One Procedure and its doses, as entries of a transaction or a Procedure alone.

    Each was judged as R4 before; the doses name the Procedure by its fullUrl.
    """

    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class _Work:
    """What one run knows before it meets the database."""

    deps: Deps
    caller: Caller
    visit: Visit
    content: bytes
    now: datetime

    @property
    def happened(self) -> datetime:
        """Return when it happened; a visit that was not done happens when it is recorded."""
        return self.visit.start or self.now


@retried
async def record_visit(deps: Deps, caller: Caller, command: RecordVisit) -> tuple[Done, ...]:
    """Record a visit; the same again gives the first locations and changes nothing.

    The answers come in the order of the entries. An open finding of the day sends the referral
    to review and refuses the visit: both are told.

    Raises:
        Refused: `role`, `visit-form`, `not-found`, `not-supported` for what is no plain create
            (corrections have a verb of their own); `bad-date` in the future or before the
            booking; `expired-lot`; `finding-open`; `stage` where the Appointment does not live
            or another visit stands on it; `too-late`.
    """
    allow(caller, Verb.RECORD_VISIT)
    first, doses = _sorted(command.entries)
    visit = reading.visit(first, doses, base=deps.settings.fhir_base)
    content = reading.content(visit, first.full_url)
    work = _Work(deps=deps, caller=caller, visit=visit, content=content, now=deps.now())
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        found = await proposals.find(conn, caller.tenant, _appointment(visit))
        case = await referrals.lock(conn, caller.tenant, referral=found.referral)
        standing = await visits.of_appointment(conn, caller.tenant, found.id)
        if standing is not None:
            return _in_order(command, await _again(conn, work, case, standing))
        appointment = await proposals.find(conn, caller.tenant, found.id)
        await _check(conn, work, case, appointment)
        judged = await _screened(conn, work, case) if visit.state in PERFORMED else None
        if judged is None or not judged.open:
            done = await _record(conn, work, case, appointment, judged)
            refused = None
        else:
            done = ()
            refused = await _to_review(conn, work, case, judged)
    deps.wake()
    if refused is not None:
        raise refused
    return _in_order(command, done)


async def _again(conn: Conn, work: _Work, case: Case, standing: Recorded) -> tuple[Done, ...]:
    """Answer a repeat with what stands; another visit on the same Appointment is refused."""
    if standing.content != work.content:
        raise Refused(Problem(Code.STAGE, work.visit.places[0], standing.state.value))
    rows = await visits.resources_of(conn, case, standing)
    return tuple(
        Done(
            identity=one.identity,
            version=1,
            at=one.updated_at,
            created=False,
            resource=one.text,
        )
        for one in rows
    )


async def _check(conn: Conn, work: _Work, case: Case, appointment: Proposal) -> None:
    visit, tenant, at = work.visit, work.caller.tenant, work.visit.places[0]
    if appointment.state not in proposals.LIVING:
        raise Refused(Problem(Code.STAGE, context=appointment.state.value))
    problems = list(
        misfits(
            visit,
            case,
            booked_at=await visits.booked_at(conn, case, appointment),
            now=work.now,
            day=days.clinic_day(work.happened, work.caller.zone),
        )
    )
    ours = [
        *(Identity(rtype="Practitioner", rid=one) for one in visit.performers),
        *(Identity(rtype="Location", rid=one) for one in visit.locations),
    ]
    known = await resources.find_many(conn, tenant, NIL_SPACE, ours)
    strangers = {one.rtype for one in ours if one not in known}
    if "Practitioner" in strangers:
        problems.append(Problem(Code.VISIT_FORM, f"{at}.performer.actor"))
    if "Location" in strangers:
        problems.append(Problem(Code.VISIT_FORM, f"{at}.location"))
    if visit.id and await visits.find(conn, tenant, visit.id):
        problems.append(Problem(Code.STAGE, f"{at}.identifier"))
    refuse_any(problems)


async def _screened(conn: Conn, work: _Work, case: Case) -> Judged:
    """Screen for the day it happened (DECISIONS 29) and keep the screening."""
    day = days.clinic_day(work.happened, work.caller.zone)
    judging = await days.of_case(conn, case, work.deps.pack, today=day)
    return await screenings.record(
        conn,
        case,
        await judging.told(day),
        inputs=judging.inputs(day),
        at=work.now,
        new_id=work.deps.new_id(),
    )


async def _to_review(conn: Conn, work: _Work, case: Case, judged: Judged) -> Refused:
    """Move the referral to whoever must decide; the refusal is raised after the commit."""
    living = await proposals.standing(conn, case)
    stage = advance(case.stage, screened(judged.outcome), judged.standing(living))
    case = await referrals.move(conn, case, stage, at=work.now, outcome=judged.screening.outcome)
    await acts.leave(
        conn,
        work.caller,
        case,
        Verb.RESCREEN,
        judged=judged,
        at=work.now,
        new_id=work.deps.new_id,
    )
    at = work.visit.places[0]
    return Refused(*(Problem(Code.FINDING_OPEN, at, one.rule) for one in judged.open))


async def _record(
    conn: Conn, work: _Work, case: Case, appointment: Proposal, judged: Judged | None
) -> tuple[Done, ...]:
    deps, now, visit = work.deps, work.now, work.visit
    stage = case.stage
    if judged is not None:
        living = await proposals.standing(conn, case)
        stage = advance(stage, screened(judged.outcome), judged.standing(living))
    stage = advance(stage, event(visit), await proposals.standing(conn, case))
    visit_id = visit.id or deps.new_id()
    done = await _written(conn, work, case, visit_id)
    recorded = Recorded(
        id=visit_id,
        appointment=appointment.id,
        state=visit.state,
        procedure_rid=done[0].identity.rid,
        content=work.content,
    )
    await _end_appointment(conn, work, case, appointment)
    await visits.add(conn, case, recorded, person=_person(work.caller), at=now)
    await writebacks.add(conn, case, visit_id, at=now, new_id=deps.new_id())
    case = await referrals.move(conn, case, stage, at=now, partly=visit.state is VisitState.PARTLY)
    await outbox.add(
        conn,
        case,
        outbox.JobKind.WRITE_BACK,
        f"write-back:{visit_id}",
        at=now,
        new_id=deps.new_id(),
    )
    await acts.leave(
        conn,
        work.caller,
        case,
        Verb.RECORD_VISIT,
        targets=[str(one.identity) for one in done],
        judged=judged,
        at=now,
        new_id=deps.new_id,
    )
    return done


async def _written(conn: Conn, work: _Work, case: Case, visit_id: UUID) -> tuple[Done, ...]:
    """Store the Procedure and its doses under ids and identifiers of ours."""
    trees = procedure.identified(work.visit.procedure, work.visit.doses, visit_id)
    first = Identity(rtype="Procedure", rid=str(work.deps.new_id()))
    named: list[tuple[Identity, Tree]] = [(first, trees[0])]
    for dose in trees[1:]:
        dose["partOf"] = [{"reference": str(first)}]
        named.append((Identity(rtype=_DOSE, rid=str(work.deps.new_id())), dose))
    writes = await resources.make(
        conn, case.tenant, case.placer_id, named, at=work.now, referral=case.id
    )
    return tuple(
        Done(
            identity=one.identity,
            version=one.version,
            at=work.now,
            created=True,
            resource=one.text,
        )
        for one in writes
    )


async def _end_appointment(conn: Conn, work: _Work, case: Case, appointment: Proposal) -> None:
    state = fulfils(work.visit, appointment)
    await proposals.turn(conn, case, appointment, state, at=work.now)
    if state is ProposalState.FULFILLED:
        await visits.give_time_back(conn, case, appointment)


def _sorted(entries: Sequence[Entry]) -> tuple[Entry, tuple[Entry, ...]]:
    """Return the one Procedure, and the doses in the order they came."""
    refuse_any(
        Problem(Code.NOT_SUPPORTED, one.at, one.rtype)
        for one in entries
        if one.method is not Method.POST or one.condition
    )
    first = [one for one in entries if one.rtype == "Procedure"]
    doses = tuple(one for one in entries if one.rtype == _DOSE)
    if len(first) != 1 or 1 + len(doses) != len(entries):
        raise Refused(Problem(Code.VISIT_FORM, "Bundle.entry"))
    return first[0], doses


def _in_order(command: RecordVisit, done: Sequence[Done]) -> tuple[Done, ...]:
    """Put the answers, Procedure first, into the order of the entries."""
    first, *doses = done
    rest = iter(doses)
    return tuple(first if one.rtype == "Procedure" else next(rest) for one in command.entries)


def _appointment(visit: Visit) -> UUID:
    try:
        return UUID(visit.appointment_rid)
    except ValueError:
        raise Refused(Problem(Code.NOT_FOUND, context="Appointment")) from None


def _person(caller: Caller) -> UUID:
    if caller.person is None:
        raise Refused(Problem(Code.ROLE, context=Verb.RECORD_VISIT.value))
    return caller.person
