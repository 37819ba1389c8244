"""One Slot: its status is worked out at each read, so it has neither ETag nor versions."""

from http import HTTPStatus

from service.deps import Deps
from service.http.exchange import Answer, Ask
from service.reads.slots import slot


async def read(deps: Deps, ask: Ask) -> Answer:
    """Show a Slot as it is now."""
    shown = await slot(deps, ask.caller, ask.part("rid"))
    return Answer(status=HTTPStatus.OK, body=shown.text.encode())
