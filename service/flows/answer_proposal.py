"""Take an answer to a proposal: it books, releases or asks for another time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.proposals import Effect, effect, expiry
from fhir_mappings.decide.stages import admits, advance
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.json import Identity
from fhir_mappings.model.proposal import Answered, Proposal, ProposalState
from fhir_mappings.model.referral import Case
from fhir_mappings.model.stage import Event, Standing
from fhir_mappings.parse import appointment_response
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import acts, bookings, days, offers, proposals, referrals, resources, windows
from service.store.days import clinic_day
from service.store.pool import Conn
from service.store.resources import Stored
from service.store.screenings import Judged
from service.store.transaction import retried, transaction

_BY_PLACER = "the placer"


class AnswerProposal(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered.

    `response` is the AppointmentResponse as it came, to be kept where it says something new;
    without it the answer came as the Appointment's new status.
    """

    answered: Answered
    response: Entry | None = None


class ProposalAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """Where the referral stands now, the answer as kept, and whether it was said before."""

    case: Case
    response: Stored | None
    repeated: bool


@retried
async def answer_proposal(deps: Deps, caller: Caller, command: AnswerProposal) -> ProposalAnswered:
    """Do what an answer says: accepted books and frees its siblings in the same transaction.

    The window's day is screened again before it is booked. An equal answer again changes nothing.

    Raises:
        Refused: `role`; `not-found`; `reason-needed` where staff do not say who answered;
            `answer-form` for another patient's answer; `window-taken`, `bad-window` with the
            next free ones; `stage`; `patient-booked`; `finding-open` where the day is not clear:
            then the referral waits for a person.
    """
    allow(caller, Verb.ANSWER_PROPOSAL)
    if caller.is_staff and command.response and not command.answered.comment:
        raise Refused(Problem(Code.REASON_NEEDED, "AppointmentResponse.comment"))
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        act = await _begin(deps, caller, conn, command)
        done = await act.carry_out()
    deps.wake()
    if act.stopped:
        raise Refused(*act.stopped)
    return done


@dataclass(kw_only=True)
class _Act:
    """One answer to one proposal of a locked referral."""

    deps: Deps
    caller: Caller
    conn: Conn
    command: AnswerProposal
    case: Case
    proposal: Proposal
    kept: Stored | None
    now: datetime
    stopped: tuple[Problem, ...] = ()

    async def carry_out(self) -> ProposalAnswered:
        """Do what the answer says."""
        match self._effect():
            case Effect.REPEAT:
                return self._done(self.kept, repeated=True)
            case Effect.AGREE:
                return await self._agree()
            case Effect.BOOK:
                return await self._book()
            case Effect.RELEASE:
                return await self._release()
            case Effect.COUNTER:
                return await self._counter()
            case Effect.LATE:
                raise await self._without(Code.WINDOW_TAKEN)
            case Effect.NO_TIME:
                raise await self._without(Code.BAD_WINDOW)

    def _effect(self) -> Effect:
        kept = self.kept
        base = self.deps.settings.fhir_base
        return effect(
            self.proposal,
            self.command.answered,
            standing=appointment_response.answered(kept.tree, base) if kept else None,
            bookable=admits(self.case.stage, Event.BOOK),
            now=self.now,
        )

    async def _agree(self) -> ProposalAnswered:
        stored = await self._keep()
        if stored:
            await proposals.keep_answer(self.conn, self.case, self.proposal, stored.identity.rid)
        return self._done(stored, repeated=stored is None)

    async def _book(self) -> ProposalAnswered:
        zone = self.caller.zone
        judged = await days.of_case(
            self.conn, self.case, self.deps.pack, today=clinic_day(self.now, zone)
        )
        day = clinic_day(self.proposal.start, zone)
        if not judged.clear(day):
            return await self._stop(judged, day)
        stored = await self._keep()
        self.case, said = await bookings.book(
            self.conn,
            self.case,
            self.proposal,
            judged,
            at=self.now,
            zone=zone,
            by=self._by,
            new_id=self.deps.new_id,
            answer_rid=stored.identity.rid if stored else "",
        )
        await self._leave(said)
        return self._done(stored)

    async def _stop(self, judged: days.Days, day: date) -> ProposalAnswered:
        """Commit what the day's screening found; the answer is refused after the commit."""
        self.case, said = await bookings.gate(
            self.conn,
            self.case,
            self.proposal,
            judged,
            at=self.now,
            zone=self.caller.zone,
            new_id=self.deps.new_id,
        )
        await self._leave(said)
        self.stopped = (judged.problem(self.proposal.window, day),)
        return self._done(None)

    async def _release(self) -> ProposalAnswered:
        stored = await self._keep()
        self.case = await bookings.release(
            self.conn,
            self.case,
            [self.proposal],
            ProposalState.DECLINED,
            at=self.now,
            new_id=self.deps.new_id,
            by=self._by,
            answer_rid=stored.identity.rid if stored else "",
        )
        await self._leave()
        return self._done(stored)

    async def _counter(self) -> ProposalAnswered:
        await self._offer_instead()
        stored = await self._keep()
        await proposals.turn(
            self.conn,
            self.case,
            self.proposal,
            ProposalState.COUNTERED,
            at=self.now,
            by=self._by,
            answer_rid=stored.identity.rid if stored else "",
        )
        stage = advance(self.case.stage, Event.PROPOSE, Standing())
        self.case = await referrals.move(self.conn, self.case, stage, at=self.now)
        await self._leave()
        return self._done(stored)

    async def _offer_instead(self) -> None:
        """Propose the window of exactly the time asked for, where it is free and its day clear."""
        span, zone = self.command.answered.span, self.caller.zone
        if span is None:
            raise await self._without(Code.BAD_WINDOW)
        found = await windows.of_span(
            self.conn,
            self.case.tenant,
            span,
            self.proposal.practitioner,
        )
        judged = await days.of_case(
            self.conn, self.case, self.deps.pack, today=clinic_day(self.now, zone)
        )
        said = await offers.terms(
            self.conn, self.case, at=self.now, zone=zone, round_=self.proposal.round
        )
        settings = self.deps.settings
        expires = expiry(
            span.start,
            self.now,
            hold=timedelta(hours=settings.hold_hours),
            lead=timedelta(hours=settings.hold_lead_hours),
            wanted=None,
        )
        day = clinic_day(span.start, zone)
        for window in found if judged.clear(day) else []:
            if await offers.offer(
                self.conn, self.case, window, said, expires=expires, new_id=self.deps.new_id
            ):
                return
        why = [judged.problem(one.id, day) for one in found if not judged.clear(day)][:1]
        raise await self._without(Code.WINDOW_TAKEN, *why)

    async def _keep(self) -> Stored | None:
        """Store the answer as it came, in the placer's space."""
        if self.command.response is None:
            return None
        return await proposals.keep_response(
            self.conn,
            self.case,
            self.command.response,
            rid=str(self.deps.new_id()),
            base=self.deps.settings.fhir_base,
            at=self.now,
        )

    async def _without(self, code: Code, *why: Problem) -> Refused:
        ahead = await windows.next_free(self.conn, at=self.now, zone=self.caller.zone)
        return Refused(Problem(code, "AppointmentResponse.start"), *why, *ahead)

    async def _leave(self, judged: Judged | None = None) -> None:
        await acts.leave(
            self.conn,
            self.caller,
            self.case,
            Verb.ANSWER_PROPOSAL,
            targets=[f"Appointment/{self.proposal.id}"],
            reason=self.command.answered.comment,
            judged=judged,
            at=self.now,
            new_id=self.deps.new_id,
        )

    @property
    def _by(self) -> str:
        return self.command.answered.comment if self.caller.is_staff else _BY_PLACER

    def _done(self, response: Stored | None, *, repeated: bool = False) -> ProposalAnswered:
        return ProposalAnswered(case=self.case, response=response, repeated=repeated)


async def _begin(deps: Deps, caller: Caller, conn: Conn, command: AnswerProposal) -> _Act:
    """Lock the referral of the proposal that is answered, and read what stands."""
    appointment = _uuid(command.answered.appointment)
    seen = await proposals.find(conn, caller.tenant, appointment)
    case = await referrals.lock(conn, caller.tenant, referral=seen.referral)
    actor = command.answered.actor
    if actor.startswith("Patient/") and actor != f"Patient/{case.patient_rid}":
        raise Refused(Problem(Code.ANSWER_FORM, "AppointmentResponse.actor"))
    proposal = await proposals.find(conn, caller.tenant, appointment)
    return _Act(
        deps=deps,
        caller=caller,
        conn=conn,
        command=command,
        case=case,
        proposal=proposal,
        kept=await _kept(conn, case, proposal),
        now=deps.now(),
    )


async def _kept(conn: Conn, case: Case, proposal: Proposal) -> Stored | None:
    if not proposal.answer_rid:
        return None
    identity = Identity(rtype="AppointmentResponse", rid=proposal.answer_rid)
    return await resources.find(conn, case.tenant, case.placer_id, identity)


def _uuid(rid: str) -> UUID:
    try:
        return UUID(rid)
    except ValueError:
        raise Refused(Problem(Code.NOT_FOUND, context="Appointment")) from None
