"""A reviewer's word on the whole referral: ask the placer, defer until a day, or decline."""

from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.stages import advance
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.referral import Case
from fhir_mappings.model.review import Review, Verdict
from fhir_mappings.model.stage import Event, Stage, Standing
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import acts, days, proposals, referrals, screenings, tasks
from service.store.pool import Conn
from service.store.transaction import retried, transaction

_EVENTS = {
    Verdict.ASK: (Event.ASK, Verb.ASK, Stage.ASKED),
    Verdict.DEFER: (Event.DEFER, Verb.DEFER, Stage.DEFERRED),
    Verdict.DECLINE: (Event.DECLINE, Verb.DECLINE, Stage.DECLINED),
}


@dataclass(frozen=True, kw_only=True)
class DecideReferral:
    """The word, with its reason as the placer reads it; of `ask` it is the question.

    `until` is a day of the clinic: deferred until, or answer wanted by.
    """

    referral: UUID
    verdict: Verdict
    reason: str
    reason_code: str = ""
    until: date | None = None
    version: int | None = None


@retried
async def decide_referral(deps: Deps, caller: Caller, command: DecideReferral) -> Case:
    """Record the word, move the referral, release what it held, and tell the placer.

    The same word of the same person again changes nothing.

    Raises:
        Refused: `role`; `not-found`; `stale`; `reason-needed`; `bad-date` for a deferral without
            a day to come; `stage`, `too-late`.
    """
    event, verb, stage = _EVENTS[command.verdict]
    allow(caller, verb)
    now = deps.now()
    _check(command, days.clinic_day(now, caller.zone))
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        case = await referrals.lock(conn, caller.tenant, referral=command.referral)
        said = await screenings.reviews(conn, case)
        if case.stage is stage and any(_same(one, caller, command) for one in said):
            return case
        await tasks.expect(conn, case, version=command.version)
        stage = advance(case.stage, event, Standing())
        await screenings.add_review(conn, case, _word(deps, caller, command, now))
        await _release(conn, caller, case, command, now)
        case = await referrals.move(
            conn,
            case,
            stage,
            at=now,
            question=command.reason if command.verdict is Verdict.ASK else case.question,
            reason=command.reason,
            due_at=_due(command, caller.zone),
        )
        await acts.leave(
            conn, caller, case, verb, reason=command.reason, at=now, new_id=deps.new_id
        )
    deps.wake()
    return case


def _check(command: DecideReferral, today: date) -> None:
    if not command.reason.strip():
        raise Refused(Problem(Code.REASON_NEEDED, "Parameters.parameter.where(name='reason')"))
    late = command.until is not None and command.until <= today
    missing = command.until is None and command.verdict is Verdict.DEFER
    if late or missing:
        raise Refused(Problem(Code.BAD_DATE, "Parameters.parameter.where(name='until')"))


def _same(one: Review, caller: Caller, command: DecideReferral) -> bool:
    return (one.verdict, one.person, one.reason, one.until) == (
        command.verdict,
        caller.person,
        command.reason,
        command.until,
    )


async def _release(
    conn: Conn, caller: Caller, case: Case, command: DecideReferral, now: datetime
) -> None:
    """Withdraw open proposals; a deferral or decline also releases the booking."""
    await proposals.withdraw_open(conn, case, at=now, reason=command.reason)
    if command.verdict is not Verdict.ASK:
        await proposals.cancel_living(
            conn, case, at=now, by=f"person:{caller.person}", reason=command.reason
        )


def _due(command: DecideReferral, zone: str) -> datetime | None:
    """Return when a deferral ends: the beginning of its day in the clinic's zone."""
    if command.verdict is not Verdict.DEFER or command.until is None:
        return None
    return datetime.combine(command.until, time.min, tzinfo=ZoneInfo(zone))


def _word(deps: Deps, caller: Caller, command: DecideReferral, now: datetime) -> Review:
    if caller.person is None:
        raise Refused(Problem(Code.ROLE))
    return Review(
        id=deps.new_id(),
        finding_key="",
        finding_rid="",
        rule="",
        verdict=command.verdict,
        reason_code=command.reason_code,
        reason=command.reason,
        mitigation_code="",
        mitigation="",
        until=command.until,
        practitioner=caller.practitioner,
        person=caller.person,
        at=now,
    )
