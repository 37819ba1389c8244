"""Register a referring organisation: where its server is and what it can carry."""

from urllib.parse import urlsplit

import msgspec

from fhir_mappings.decide.access import allow
from fhir_mappings.decide.proof import unknown_members
from fhir_mappings.model.caller import Caller, Verb
from fhir_mappings.model.placer import Placer, Systems, Tells
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.store import audit, placers
from service.store.transaction import retried, transaction


class ConnectPlacer(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator says of a placer; see `Placer` for the members."""

    name: str
    base: str = ""
    internal: bool = False
    tells: Tells = Tells.POLL
    systems: Systems = Systems()
    token_file: str = ""
    rate: int = 0
    keeps: tuple[str, ...] = ()


@retried
async def connect_placer(deps: Deps, caller: Caller, command: ConnectPlacer) -> Placer:
    """Register a placer with a client id of its own; a token for it is a verb of its own.

    Raises:
        Refused: `role`; `value-format` for a base that is no address, is in the clear though the
            placer is not internal, or is missing where Tasks are to be kept there, and for `keeps`
            that names no must-keep member; `placer-known` where the name is taken.
    """
    allow(caller, Verb.CHANGE_CLINIC)
    _check(command)
    now, placer_id = deps.now(), deps.new_id()
    placer = Placer(
        id=placer_id,
        tenant=caller.tenant,
        name=command.name,
        client=str(placer_id),
        base=command.base.rstrip("/"),
        internal=command.internal,
        keeps=command.keeps,
        tells=command.tells,
        systems=command.systems,
        token_file=command.token_file,
        rate=command.rate,
        active=True,
    )
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        await placers.add(conn, placer, at=now)
        await audit.add(
            conn,
            caller,
            Verb.CHANGE_CLINIC,
            placer=placer_id,
            referral=None,
            what="placer connected",
            at=now,
            new_id=deps.new_id(),
        )
    return placer


def _check(command: ConnectPlacer) -> None:
    parts = urlsplit(command.base)
    open_road = parts.scheme == "https" or (parts.scheme == "http" and command.internal)
    known = open_road and bool(parts.hostname) and not parts.query
    if (command.base and not known) or (command.tells is Tells.TASK and not command.base):
        raise Refused(Problem(Code.VALUE_FORMAT, expression="base"))
    if unknown_members(command.keeps):
        raise Refused(Problem(Code.VALUE_FORMAT, expression="keeps"))
