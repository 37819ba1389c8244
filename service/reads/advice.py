"""What is there to say to a clinician who orders, books, or opens a chart?

CDS Hooks, PROTOCOL §8. The screening is that of the intake, over what the EHR gave, what it lets
us look up, and what its patient has here. It answers in half a second with what is known by then
(SECURITY L28).
"""

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.clearing import screen_with_lifts
from fhir_mappings.decide.scope import is_ours, observed
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.chart import chart
from fhir_mappings.model.finding import Screening
from fhir_mappings.model.hooks import Advice, Given, Hook, HookCall, Judged
from fhir_mappings.model.json import Held, Identity
from fhir_mappings.parse import cds_data, facts
from fhir_mappings.parse.resource import judge
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import charts, days
from service.store import desk as records
from service.store.desk import Here
from service.store.transaction import transaction

T = TypeVar("T")

_READ: Final = frozenset({Given.WHOLE, Given.NONE})


class _Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An order of ours, and the day that it is planned for where one is known.

    `brought` is the order as the call has it, None where it stands in our own records.
    """

    order: Identity
    brought: Held | None
    planned: date | None


async def advice(deps: Deps, caller: Caller, call: HookCall, *, until: float) -> Advice:
    """Screen what concerns us; nothing does, as a rule: then nothing is read either.

    `until` is a moment of the event loop's clock: what is not read by then is told as not read.

    Raises:
        Refused: `role` for anyone but a placer's client; `other-patients-data` for an order of
            ours that names another patient than the context.
    """
    allow(caller, Verb.PRECHECK)
    if caller.placer is None:
        raise Refused(Problem(Code.ROLE, context=Verb.PRECHECK.value))
    work = _Work(deps, caller, caller.placer, call, until)
    drafts = work.drafts()
    if any(one.order in call.strangers for one in drafts):
        raise Refused(Problem(Code.OTHER_PATIENTS_DATA, "context.draftOrders"))
    if not drafts and not call.visits and call.hook is not Hook.PATIENT_VIEW:
        return Advice()
    here = await work.in_time(work.look())
    if call.hook is Hook.PATIENT_VIEW:
        return await work.in_time(work.view(here)) or Advice()
    wanted = [*drafts, *work.visits(here)]
    return await work.judged(wanted, here) if wanted else Advice()


class _Work:
    """One call while it runs, and the moment at which it answers."""

    def __init__(
        self, deps: Deps, caller: Caller, space: UUID, call: HookCall, until: float
    ) -> None:
        self._deps = deps
        self._caller = caller
        self._space = space
        self._call = call
        self._now = deps.now()
        self._day = days.clinic_day(self._now, caller.zone)
        self._until = until

    async def in_time(self, work: Awaitable[T]) -> T | None:
        """Wait as long as there is time; None where there was too little."""
        try:
            async with asyncio.timeout_at(self._until):
                return await work
        except TimeoutError:
            return None

    def drafts(self) -> list[_Candidate]:
        """Find the drafts that ask for a service of ours."""
        known = {one.identity: one for one in self._call.held}
        return [
            _Candidate(order=one, brought=known[one], planned=None)
            for one in self._call.orders
            if self._is_ours(known[one])
        ]

    def visits(self, here: Here | None) -> Iterator[_Candidate]:
        """Find the appointments for an order that stands here, or for a service of ours."""
        orders = (
            [one for one in here.about if one.identity.rtype == "ServiceRequest"] if here else []
        )
        for one in self._call.visits:
            planned = days.clinic_day(one.start, self._caller.zone) if one.start else None
            held = [
                order.identity
                for order in orders
                if {order.identity.rid, order.address.rpartition("/")[2]} & set(one.based_on)
            ]
            for order in held:
                yield _Candidate(order=order, brought=None, planned=planned)
            if not held and self._is_ours(one.order):
                yield _Candidate(order=one.order.identity, brought=one.order, planned=planned)

    async def look(self) -> Here:
        """Read what the placer's space holds of the patient."""
        tenant = self._caller.tenant
        async with transaction(self._deps.pool, tenant=tenant, placer=self._caller.reach) as conn:
            return await records.look(conn, tenant, self._space, self._call)

    async def view(self, here: Here | None) -> Advice:
        """Tell which open referrals of the patient moved lately."""
        if here is None or not here.patient_rid:
            return Advice()
        since = self._now - timedelta(hours=self._deps.settings.cds_changed_hours)
        tenant = self._caller.tenant
        async with transaction(self._deps.pool, tenant=tenant, placer=self._caller.reach) as conn:
            return Advice(moved=await records.moved(conn, here, since=since))

    async def judged(self, wanted: Sequence[_Candidate], here: Here | None) -> Advice:
        """Look up what was not given, and screen the orders, the first of them in any case."""
        given, found = await self._given(here)
        held = (*self._call.held, *found)
        judged: list[Judged] = []
        for one in wanted:
            if judged and asyncio.get_running_loop().time() > self._until:
                break
            judged.append(Judged(order=one.order, screening=self._screened(one, held, here)))
            await asyncio.sleep(0)  # others wait too (SECURITY T61)
        return Advice(
            judged=tuple(judged),
            unjudged=len(wanted) - len(judged),
            gaps={key: one for key, one in given.items() if one not in _READ},
            invalid=sum(1 for one in held if self._is_invalid(one)),
            here=here is not None,
        )

    async def _given(self, here: Here | None) -> tuple[Mapping[str, Given], list[Held]]:
        """Say how much of each key is known after looking up, and return what was found."""
        given, found = dict(self._call.given), list[Held]()
        if here is None:
            return given, found
        codes = observed(self._deps.pack)
        looked_up = await self._deps.desk.look_up(here.placer, self._call, codes, until=self._until)
        for key, (how, held) in looked_up.items():
            given[key] = how
            found += held
        if here.patient_rid and given["patient"] is Given.ABSENT:
            given["patient"] = Given.WHOLE  # we hold this patient
        return given, found

    def _screened(self, one: _Candidate, held: Sequence[Held], here: Here | None) -> Screening:
        """Screen one order over our own records and, newer, what the EHR says."""
        rid = (here.patient_rid if here else "") or self._call.patient
        every = {stored.identity: stored.held for stored in here.about} if here else {}
        for brought in (*held, *((one.brought,) if one.brought else ())):
            ours = cds_data.renamed(brought, self._call.patient, rid)
            every[ours.identity] = ours
        read = charts.assemble(every.values(), order=one.order, patient_rid=rid)
        pack = self._deps.pack
        return screen_with_lifts(
            facts.read(read, pack), pack, day=self._day, planned=one.planned, variant=None
        )

    def _is_ours(self, order: Held) -> bool:
        pack = self._deps.pack
        return is_ours(facts.read(chart(order, None, ()), pack), pack, self._day)

    def _is_invalid(self, one: Held) -> bool:
        read = one.identity.rtype in self._deps.pack.reads
        return read and bool(judge(dict(one.tree), self._deps.shape))
