"""`Appointment/{id}/$tpi-arrive`, `$tpi-no-show`, `$tpi-undo` (PROTOCOL §2.3)."""

from datetime import datetime
from typing import Final
from uuid import UUID

from fhir_mappings.model.json import Identity
from fhir_mappings.parse.resource import judge
from fhir_mappings.parse.settling import moment
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from service.deps import Deps
from service.flows.record_arrival import RecordArrival, record_arrival
from service.flows.record_no_show import RecordNoShow, record_no_show
from service.flows.undo_arrival import UndoArrival, undo_arrival
from service.http.exchange import BASE_PATH, Answer, Ask, Route
from service.http.fhir.conditional import expected
from service.http.fhir.represent import shown
from service.reads.instance import instance


async def arrive(deps: Deps, ask: Ask) -> Answer:
    """Record an arrival and answer with the Appointment."""
    command = RecordArrival(
        appointment=_appointment(ask), at=_moment(deps, ask), version=expected(ask)
    )
    done = await record_arrival(deps, ask.caller, command)
    return await _shown(deps, ask, done.appointment, done.placer)


async def no_show(deps: Deps, ask: Ask) -> Answer:
    """Record that nobody came and answer with the Appointment."""
    command = RecordNoShow(
        appointment=_appointment(ask), at=_moment(deps, ask), version=expected(ask)
    )
    done = await record_no_show(deps, ask.caller, command)
    return await _shown(deps, ask, done.appointment, done.placer)


async def undo(deps: Deps, ask: Ask) -> Answer:
    """Take either back and answer with the Appointment."""
    command = UndoArrival(appointment=_appointment(ask), version=expected(ask))
    done = await undo_arrival(deps, ask.caller, command)
    return await _shown(deps, ask, done.appointment, done.placer)


def _moment(deps: Deps, ask: Ask) -> datetime | None:
    """Read `at`; a call without a body means now."""
    if not ask.body:
        return None
    refuse_any(judge(ask.tree, deps.shape, expect_type="Parameters"))
    return moment(ask.tree)


def _appointment(ask: Ask) -> UUID:
    try:
        return UUID(ask.part("rid"))
    except ValueError:
        raise Refused(Problem(Code.NOT_FOUND, context="Appointment")) from None


async def _shown(deps: Deps, ask: Ask, appointment: UUID, placer: UUID) -> Answer:
    identity = Identity(rtype="Appointment", rid=str(appointment))
    return shown(ask, await instance(deps, ask.caller, identity, placer=placer))


_BASE: Final = f"{BASE_PATH}/Appointment/{{rid}}"
ROUTES: Final = (
    Route("POST", f"{_BASE}/$tpi-arrive", arrive),
    Route("POST", f"{_BASE}/$tpi-no-show", no_show),
    Route("POST", f"{_BASE}/$tpi-undo", undo),
)
