"""What would the screening say if this were sent? Nothing is stored."""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.clearing import screen_with_lifts
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.chart import Chart
from fhir_mappings.model.finding import Screening
from fhir_mappings.model.json import Identity
from fhir_mappings.model.placer import Placer
from fhir_mappings.parse import facts, referral, taking
from fhir_mappings.parse.identities import Known
from fhir_mappings.parse.prechecking import Question
from fhir_mappings.parse.referral import Asked
from fhir_mappings.parse.taking import Read
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import charts, days, entries, intake, placers, trial
from service.store.pool import Conn
from service.store.transaction import transaction


class Prechecked(msgspec.Struct, frozen=True, kw_only=True):
    """One screening for each order, and how the sender knows what the findings name.

    `known_as` leads from a reference as it is here to the fullUrl or id that the Bundle gives the
    resource, `places` to its entry. `unread` is where it names what stands neither in it nor here.
    """

    screenings: tuple[Screening, ...]
    known_as: Mapping[str, str]
    places: Mapping[str, int]
    unread: tuple[str, ...]


async def precheck(
    deps: Deps, caller: Caller, question: Question, *, placer: UUID | None = None
) -> Prechecked:
    """Screen each order of a Bundle with what its patient has here, as an intake would.

    Staff name the placer whose patient it is.

    Raises:
        Refused: what an intake refuses, but for drafts and proposals; `no-order`; `which-placer`
            where staff name none; `parameter-value` for a variant that the pack does not know.
    """
    allow(caller, Verb.PRECHECK)
    space = caller.placer or placer
    if space is None:
        raise Refused(Problem(Code.WHICH_PLACER))
    orders = referral.orders(question.entries, drafts=True)
    if not orders:
        raise Refused(Problem(Code.NO_ORDER, "Bundle.entry"))
    day = days.clinic_day(deps.now(), caller.zone)
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        whose = await placers.find(conn, caller.tenant, space)
        known = await intake.glance(conn, space, question.entries, whose.systems)
        reads = await _reads(conn, deps, whose, question, orders, known)
        found = [await trial.chart(conn, whose, one, known) for one in reads]
        unread = [
            at for one in reads for at in await entries.unread(conn, caller.tenant, space, one)
        ]

    def screened(one: Chart) -> Screening:
        return screen_with_lifts(
            facts.read(one, deps.pack),
            deps.pack,
            day=day,
            planned=question.planned,
            variant=question.variant,
        )

    return Prechecked(
        screenings=tuple([await charts.work_on(one, partial(screened, one)) for one in found]),
        known_as=_known_as(question, reads[0]),
        places={str(one): place for place, one in reads[0].identities.items()},
        unread=tuple(dict.fromkeys(unread)),
    )


async def _reads(
    conn: Conn,
    deps: Deps,
    placer: Placer,
    question: Question,
    orders: tuple[Asked, ...],
    known: Known,
) -> list[Read]:
    """Read the Bundle once for each of its orders, under the same identities."""
    brought: Mapping[int, Identity] = {}
    if not question.asks:
        brought = await trial.recognised(conn, placer, question.entries)
    found: list[Read] = []
    for asked in orders:
        read = taking.read(
            question.entries,
            asked,
            known,
            placer,
            base=deps.settings.fhir_base,
            new_rid=lambda: str(deps.new_id()),
            standing=brought,
            others_too=not question.asks,
        )
        brought = read.identities
        found.append(read)
    return found


def _known_as(question: Question, read: Read) -> dict[str, str]:
    return {
        str(read.identities[one.place]): one.full_url or f"{one.rtype}/{one.rid}"
        for one in question.entries
    }
