"""A placer's order is taken: stored exactly once, screened, answered entry by entry.

One transaction: what the message meets is looked up, the patient's data are locked, screened with
what came, and all of it is written by one statement. The same order again is a repeat; with other
content it amends the referral. Source: PROTOCOL §4.2; DECISIONS 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.clearing import screen_with_lifts
from fhir_mappings.decide.review import open_findings
from fhir_mappings.decide.stages import admits
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.chart import Chart
from fhir_mappings.model.finding import Finding, Screening
from fhir_mappings.model.json import Identity
from fhir_mappings.model.placer import Placer
from fhir_mappings.model.referral import Case, Channel
from fhir_mappings.model.stage import DEAD, DONE, Event, Stage
from fhir_mappings.parse import facts, referral, taking
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.parse.identities import Known
from fhir_mappings.parse.referral import Asked
from fhir_mappings.parse.taking import Read
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.render.transaction_response import Done
from service.deps import Deps
from service.store import (
    alarms,
    audit,
    charts,
    entries,
    intake,
    judging,
    locks,
    newcomers,
    outbox,
    placers,
    proposals,
    recognition,
    referrals,
    resources,
    tasks,
)
from service.store.intake import Message
from service.store.judging import Bench
from service.store.placers import Parties
from service.store.pool import Conn
from service.store.refused import Again
from service.store.resources import Stored
from service.store.transaction import retried, transaction


@dataclass(frozen=True, kw_only=True)
class ReceiveReferral:
    """A message that brings an order: its entries, the road, and the digest of its bytes."""

    entries: tuple[Entry, ...]
    channel: Channel
    digest: bytes
    size: int


@dataclass(frozen=True, kw_only=True)
class Received:
    """What became of one order of a message.

    `done` tells of the order and what came along with it; `done_places` are their entries.
    """

    verdict: str  # "accepted", "duplicate", "amended" or "differs"
    referral: UUID
    task_rid: str
    stage: Stage
    order_place: int
    done: tuple[Done, ...]
    done_places: tuple[int, ...]
    screening: Screening | None
    open: tuple[Finding, ...]
    places: Mapping[str, int]  # relative reference to the entry that brought it
    unread: tuple[str, ...] = ()  # where it names what stands neither in it nor here


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One taking of a message: who, what, when, and the world it happens in."""

    deps: Deps
    caller: Caller
    command: ReceiveReferral
    parties: Parties
    known: Known
    now: datetime

    @property
    def tenant(self) -> UUID:
        return self.caller.tenant

    @property
    def placer(self) -> Placer:
        return self.parties.placer

    @property
    def space(self) -> UUID:
        return self.placer.id

    @property
    def bench(self) -> Bench:
        return Bench(
            pack=self.deps.pack, zone=self.caller.zone, at=self.now, new_id=self.deps.new_id
        )

    def read(self, asked: Asked, standing: Mapping[int, Identity]) -> Read:
        return taking.read(
            self.command.entries,
            asked,
            self.known,
            self.placer,
            base=f"{self.deps.settings.public_url}/fhir",
            new_rid=lambda: str(self.deps.new_id()),
            standing=standing,
        )

    def message(self) -> Message:
        command = self.command
        return Message(
            id=self.deps.new_id(),
            channel=command.channel,
            digest=command.digest,
            size=command.size,
        )


@retried
async def receive_referral(
    deps: Deps, caller: Caller, command: ReceiveReferral
) -> tuple[Received, ...]:
    """Take a placer's orders and everything that came with them, exactly once.

    A message has one order as a rule; more of the same subject are one referral each, in the
    order of the entries, and all of them or none are taken.

    Raises:
        Refused: every fault of the message at once; `other-subject`, `older`, `too-late` against
            a standing referral; `reserved` for an id that we made.
    """
    allow(caller, Verb.RECEIVE_REFERRAL)
    orders = referral.orders(command.entries)
    now = deps.now()
    received: list[Received] = []
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        parties = await placers.parties(conn, caller.tenant, _space(caller))
        placer = parties.placer
        known = await intake.look(conn, caller.tenant, placer.id, command.entries, placer.systems)
        work = _Work(
            deps=deps, caller=caller, command=command, parties=parties, known=known, now=now
        )
        brought: dict[int, Identity] = {}
        for asked in orders:
            read = work.read(asked, brought)
            received.append(await _receive(conn, work, read))
            brought |= read.identities
    deps.wake()
    return tuple(received)


async def _receive(conn: Conn, work: _Work, read: Read) -> Received:
    """Take one order, or answer for the one that is held."""
    case = await referrals.by_key(conn, work.tenant, work.space, read.key)
    await locks.take(conn, _locks(work, read, case))
    if case is None:
        return await _take(conn, work, read)
    return await _again(conn, work, read, await referrals.lock(conn, work.tenant, referral=case.id))


def _locks(work: _Work, read: Read, case: Case | None) -> list[int]:
    """Name what this message reads and may replace: the patient's data, ids it PUTs, persons."""
    tenant, space = work.tenant, work.space
    keys = [locks.of_identity(tenant, space, one) for one in entries.named(read, work.known)]
    if case or not entries.is_new(read, work.known, read.patient):
        patient_rid = case.patient_rid if case else read.patient.rid
        keys.append(locks.of_patient(tenant, space, patient_rid))
    return keys


def _space(caller: Caller) -> UUID:
    if caller.placer is None:
        raise Refused(Problem(Code.ROLE, context=Verb.RECEIVE_REFERRAL))
    return caller.placer


# ---------------------------------------------------------------- a new order


async def _take(conn: Conn, work: _Work, read: Read) -> Received:
    """Screen the message with what the patient has here, and write all of it at once."""
    standing = await entries.standing(conn, work.tenant, work.space, read, work.known)
    about: list[Stored] = []
    if not entries.is_new(read, work.known, read.patient):
        about = await resources.of_patient(conn, work.tenant, work.space, read.patient.rid)
    if read.brings_patient is None and read.patient not in {one.identity for one in about}:
        raise Refused(Problem(Code.SUBJECT_NOT_FOUND, f"{read.asked.order.at}.subject"))
    case_id = work.deps.new_id()
    writes, done = entries.writes(
        read, work.known, standing, space=work.space, referral=case_id, at=work.now
    )
    held = {one.identity: one.held for one in (*about, *standing.values()) if not one.deleted}
    held |= {
        read.identities[entry.place]: read.held(entry, one.version)
        for entry, one in zip(read.entries, done, strict=True)
        if one.created or read.identities[entry.place] in {w.identity for w in writes}
    }
    chart = charts.assemble(held.values(), order=read.order, patient_rid=read.patient.rid)
    screening = await charts.work_on(chart, lambda: _screened(chart, work.bench))
    case = newcomers.case_of(
        read, screening, case_id, tenant=work.tenant, placer=work.space, at=work.now
    )
    written = await intake.add_referral(
        conn,
        case,
        message=work.message(),
        writes=[*writes, *newcomers.ours(read, case, screening, work.parties, at=work.now)],
        screening=screening,
        inputs=charts.inputs(
            chart, variant=screening.variant, planned=screening.planned, day=screening.day
        ),
        ids=(work.deps.new_id(), work.deps.new_id(), work.deps.new_id()),
        actor=audit.actor(work.caller),
        at=work.now,
    )
    if not written:
        raise Again
    alarms.rules_failed(screening, case_id)
    if about:
        await _rescreen_others(conn, work, case)
    unread = await entries.unread(conn, work.tenant, work.space, read)
    return replace(_received("accepted", case, read, done, screening), unread=unread)


def _screened(chart: Chart, bench: Bench) -> Screening:
    said = facts.read(chart, bench.pack)
    return screen_with_lifts(said, bench.pack, day=bench.day, planned=None, variant=None)


async def _rescreen_others(conn: Conn, work: _Work, case: Case) -> None:
    """Ask for a new screening of the patient's other referrals: what came counts there too."""
    others = await referrals.living_of_patient(conn, work.tenant, work.space, case.patient_rid)
    for other in sorted(set(others) - {case.id}):
        standing = await referrals.lock(conn, work.tenant, referral=other)
        await outbox.rescreen(conn, standing, at=work.now, new_id=work.deps.new_id())


# ---------------------------------------------------------------- the order is held already


async def _again(conn: Conn, work: _Work, first: Read, case: Case) -> Received:
    """Answer a repeat, or amend: nothing is left out silently, omission never clears."""
    stand = await recognition.recognised(conn, case, first, work.placer.systems)
    read = work.read(first.asked, {**first.brought, **stand})
    await recognition.same_patient(conn, case, read)
    if read.content == case.content:
        return await _repeat(conn, work, read, case)
    _may_amend(read, case)
    return await _amend(conn, work, read, case)


def _may_amend(read: Read, case: Case) -> None:
    at = read.asked.order.at
    if case.stage in DEAD | DONE:
        raise Refused(Problem(Code.TOO_LATE, at, case.stage.value))
    if read.stamp and case.stamp and read.stamp < case.stamp:
        raise Refused(Problem(Code.OLDER, at))


async def _repeat(conn: Conn, work: _Work, read: Read, case: Case) -> Received:
    standing = await entries.standing(conn, work.tenant, work.space, read, work.known)
    done = tuple(entries.done_standing(read, entry, standing) for entry in read.entries)
    await intake.add_message(
        conn,
        work.tenant,
        work.space,
        work.message(),
        verdict="duplicate",
        referral=case.id,
        at=work.now,
    )
    verdict = "differs" if _differs(read, standing) else "duplicate"
    return _received(verdict, case, read, done, None)


async def _amend(conn: Conn, work: _Work, read: Read, case: Case) -> Received:
    standing = await entries.standing(conn, work.tenant, work.space, read, work.known)
    writes, done = entries.writes(
        read, work.known, standing, space=work.space, referral=case.id, at=work.now
    )
    writes = [one for one in writes if one.identity.rtype != "Task"]
    await resources.write(conn, work.tenant, work.space, writes, at=work.now)
    judged = await judging.judge(conn, case, work.bench)
    event = _event(read, case)
    if event is Event.DEFER:
        await proposals.cancel_living(conn, case, at=work.now, by=audit.actor(work.caller))
    moved = await judging.settle(conn, case, judged, work.bench, event=event)
    moved = await referrals.move(
        conn,
        moved,
        moved.stage,
        at=work.now,
        content=read.content,
        stamp=read.stamp or case.stamp,
        priority=read.priority,
    )
    await tasks.tell(conn, moved, at=work.now, new_id=work.deps.new_id(), judged=judged)
    await intake.add_message(
        conn,
        work.tenant,
        work.space,
        work.message(),
        verdict="amended",
        referral=case.id,
        at=work.now,
    )
    await audit.add(
        conn,
        work.caller,
        Verb.AMEND_REFERRAL,
        placer=work.space,
        referral=case.id,
        what=moved.stage.value,
        at=work.now,
        new_id=work.deps.new_id(),
    )
    await _rescreen_others(conn, work, case)
    verdict = "differs" if _differs(read, standing) else "amended"
    unread = await entries.unread(conn, work.tenant, work.space, read)
    return replace(_received(verdict, moved, read, done, judged.screening), unread=unread)


# ---------------------------------------------------------------- the answer


def _event(read: Read, case: Case) -> Event | None:
    """Say what the order's own status asks: on hold defers, active again ends that deferral.

    A deferral by a reviewer has a day (`due_at`) and is not ended by the placer.
    """
    if read.on_hold and admits(case.stage, Event.DEFER):
        return Event.DEFER
    by_placer = case.stage is Stage.DEFERRED and case.due_at is None
    return Event.DUE if by_placer and not read.on_hold else None


def _differs(read: Read, standing: Mapping[Identity, Stored]) -> bool:
    """Tell whether an order that was sent to exist only differs from the one held."""
    order = read.asked.order
    held = standing.get(read.order)
    return (
        bool(order.condition) and held is not None and (held.fingerprint != read.said[order.place])
    )


def _received(
    verdict: str,
    case: Case,
    read: Read,
    done: tuple[Done, ...],
    screening: Screening | None,
) -> Received:
    return Received(
        verdict=verdict,
        referral=case.id,
        task_rid=case.task_rid,
        stage=case.stage,
        order_place=read.asked.order.place,
        done=done,
        done_places=tuple(one.place for one in read.entries),
        screening=screening,
        open=open_findings(screening, ()) if screening else (),
        places={str(read.identities[one.place]): one.place for one in read.entries},
    )
