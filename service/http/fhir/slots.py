"""One Slot: its status is worked out at each read, so it has neither ETag nor versions."""

from http import HTTPStatus
from typing import Final
from uuid import UUID

from fhir_mappings.model.json import text
from fhir_mappings.parse.resource import judge
from fhir_mappings.parse.slot import wanted
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from service.deps import Deps
from service.flows.change_slot import ChangeSlot, change_slot
from service.http.exchange import BASE_PATH, Answer, Ask, Route
from service.reads.slots import slot


async def read(deps: Deps, ask: Ask) -> Answer:
    """Show a Slot as it is now."""
    shown = await slot(deps, ask.caller, ask.part("rid"))
    return Answer(status=HTTPStatus.OK, body=shown.text.encode())


async def create(deps: Deps, ask: Ask) -> Answer:
    """Open a window by hand."""
    changed = await _changed(deps, ask, None)
    shown = await slot(deps, ask.caller, str(changed))
    headers = {"location": f"{ask.base}/{shown.identity}"}
    return Answer(status=HTTPStatus.CREATED, body=shown.text.encode(), headers=headers)


async def update(deps: Deps, ask: Ask) -> Answer:
    """Close or open a window, or move one that nothing lives on."""
    rid = ask.part("rid")
    if text(ask.tree, "id") != rid:
        raise Refused(Problem(Code.ID_DIFFERS, "Slot.id"))
    await _changed(deps, ask, _uuid(rid))
    return await read(deps, ask)


async def delete(deps: Deps, ask: Ask) -> Answer:
    """Take a window off for good."""
    command = ChangeSlot(slot=_uuid(ask.part("rid")), wanted=None)
    await change_slot(deps, ask.caller, command)
    return Answer(status=HTTPStatus.NO_CONTENT)


async def _changed(deps: Deps, ask: Ask, rid: UUID | None) -> UUID:
    refuse_any(judge(ask.tree, deps.shape, expect_type="Slot"))
    command = ChangeSlot(slot=rid, wanted=wanted(ask.tree, base=ask.base))
    return await change_slot(deps, ask.caller, command)


def _uuid(rid: str) -> UUID:
    try:
        return UUID(rid)
    except ValueError:
        raise Refused(Problem(Code.NOT_FOUND, context="Slot")) from None


_ONE: Final = f"{BASE_PATH}/Slot/{{rid}}"
ROUTES: Final = (
    Route("GET", _ONE, read),
    Route("POST", f"{BASE_PATH}/Slot", create),
    Route("PUT", _ONE, update),
    Route("DELETE", _ONE, delete),
)
