"""Orders and their Tasks: a referral is taken, or withdrawn."""

import hashlib
from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from fhir_mappings.model.json import Identity, Tree, items, members, text
from fhir_mappings.model.referral import Channel
from fhir_mappings.parse.bundle import Entry
from fhir_mappings.parse.index import relative
from fhir_mappings.problems import Code, Problem, Refused, refuse_any
from fhir_mappings.render.notices import Taken, notices
from fhir_mappings.render.outcome import outcome
from fhir_mappings.render.transaction_response import Done
from fhir_mappings.terms import systems
from service.deps import Deps
from service.flows.receive_referral import Received, ReceiveReferral, receive_referral
from service.flows.withdraw_referral import WithdrawReferral, withdraw_referral
from service.http.exchange import Ask
from service.http.fhir.conditional import expected
from service.http.fhir.kept import Kept, of_stored
from service.reads.instance import Stored, instance
from service.reads.referral_of import of_order, of_task

ENDED = frozenset({"revoked", "entered-in-error"})
TASK_ASIDE = frozenset({"id", "meta", "status", "statusReason", "lastModified", "text"})


async def receive(deps: Deps, ask: Ask, entries: Sequence[Entry]) -> list[Kept]:
    """Take an order with what came along."""
    command = ReceiveReferral(
        entries=tuple(entries),
        channel=Channel.TRANSACTION if len(entries) > 1 else Channel.CREATE,
        digest=hashlib.sha256(ask.body).digest(),
        size=len(ask.body),
    )
    kept: dict[int, Kept] = {}
    for received in await receive_referral(deps, ask.caller, command):
        for place, one in zip(received.done_places, received.done, strict=True):
            kept.setdefault(place, _kept(one))
        kept[received.order_place] = _told(ask, received, kept[received.order_place])
    return [kept[one.place] for one in entries]


def _kept(done: Done) -> Kept:
    return Kept(
        status=HTTPStatus.CREATED if done.created else HTTPStatus.OK,
        identity=done.identity,
        version=done.version,
        at=done.at,
    )


def _told(ask: Ask, received: Received, order: Kept) -> Kept:
    """Let an order's entry carry the notices, and lead to its coordination Task."""
    task = f"{ask.base}/Task/{received.task_rid}"
    said = outcome(notices(_taken(received, task)))
    return msgspec.structs.replace(order, outcome=said, link=task)


async def end_order(deps: Deps, ask: Ask, entry: Entry) -> list[Kept]:
    """Withdraw by the order's own status: revoked, or entered in error."""
    command = WithdrawReferral(
        referral=await of_order(deps, ask.caller, entry.rid),
        void=text(entry.tree, "status") == "entered-in-error",
        said=entry,
        said_rid=entry.rid,
    )
    await withdraw_referral(deps, ask.caller, command)
    identity = Identity(rtype=entry.rtype, rid=entry.rid)
    return [of_stored(HTTPStatus.OK, await instance(deps, ask.caller, identity))]


async def abort(deps: Deps, ask: Ask, entry: Entry) -> list[Kept]:
    """Withdraw by a Task that asks to abort; its focus is our Task, or the order."""
    focus = relative(text(entry.tree, "focus", "reference").removeprefix(f"{ask.base}/"))
    rtype, _, rid = focus.partition("/")
    if rtype == "Task":
        referral = await of_task(deps, ask.caller, rid)
    elif rtype == "ServiceRequest":
        referral = await of_order(deps, ask.caller, rid)
    else:
        raise Refused(Problem(Code.FOCUS_NOT_FOUND, f"{entry.at}.focus"))
    identity = Identity(rtype="Task", rid=str(deps.new_id()))
    command = WithdrawReferral(
        referral=referral,
        reason=text(entry.tree, "reasonCode", "text"),
        said=entry,
        said_rid=identity.rid,
    )
    await withdraw_referral(deps, ask.caller, command)
    return [of_stored(HTTPStatus.CREATED, await instance(deps, ask.caller, identity))]


def asks_to_abort(entry: Entry) -> bool:
    """Say whether a Task asks to end another [COW]."""
    codings = items(members(entry.tree.get("code")).get("coding"))
    return any(
        text(one, "system") == systems.TASK_CODE and text(one, "code") == "abort" for one in codings
    )


async def put_task(deps: Deps, ask: Ask, entry: Entry) -> list[Kept]:
    """Read a PUT of the coordination Task: cancelled withdraws, anything else is not theirs."""
    identity = Identity(rtype="Task", rid=entry.rid)
    standing = await instance(deps, ask.caller, identity)
    needed(standing, entry)
    tree = standing.tree
    refuse_any(
        Problem(Code.FIELD_NOT_YOURS, f"{entry.at}.{name}")
        for name in sorted({*tree, *entry.tree} - TASK_ASIDE)
        if tree.get(name) != entry.tree.get(name)
    )
    if text(entry.tree, "status") == text(tree, "status"):
        return [of_stored(HTTPStatus.OK, standing)]
    return [await _cancel(deps, ask, identity, entry.tree, f"{entry.at}.status")]


async def patch_task(deps: Deps, ask: Ask, rid: str) -> Kept:
    """Read a PATCH of the coordination Task: cancelled withdraws (PROTOCOL §3.4)."""
    identity = Identity(rtype="Task", rid=rid)
    standing = await instance(deps, ask.caller, identity)
    version = expected(ask)
    if version is not None and version != standing.version:
        raise Refused(Problem(Code.STALE))
    said = _patched(ask)
    return await _cancel(deps, ask, identity, said, "Task.status")


def needed(standing: Stored, entry: Entry) -> None:
    """Let an update pass that names the version it changes (PROTOCOL §2.1).

    Raises:
        Refused: `version-needed`, `version-form`, `stale`.
    """
    said = entry.if_match or text(entry.tree, "meta", "versionId")
    if not said:
        raise Refused(Problem(Code.VERSION_NEEDED, f"{entry.at}.meta.versionId"))
    if (
        said != str(standing.version)
        and said != f'W/"{standing.version}"'
        and (said.strip('"') != str(standing.version))
    ):
        raise Refused(Problem(Code.STALE, entry.at))


async def _cancel(deps: Deps, ask: Ask, identity: Identity, tree: Tree, at: str) -> Kept:
    if text(tree, "status") not in {"cancelled", "entered-in-error"}:
        raise Refused(Problem(Code.FIELD_NOT_YOURS, at))
    referral = await of_task(deps, ask.caller, identity.rid)
    reason = text(members(tree.get("statusReason")), "text")
    void = text(tree, "status") == "entered-in-error"
    command = WithdrawReferral(referral=referral, reason=reason, void=void)
    await withdraw_referral(deps, ask.caller, command)
    return of_stored(HTTPStatus.OK, await instance(deps, ask.caller, identity))


def _patched(ask: Ask) -> Tree:
    """Read the members that a JSON Patch sets; only status and statusReason are theirs.

    Raises:
        Refused: `field-not-yours` for each operation on another path.
    """
    operations = ask.operations
    refuse_any(
        Problem(Code.FIELD_NOT_YOURS, f"$[{place}].path")
        for place, one in enumerate(operations)
        if text(one, "op") not in {"add", "replace"}
        or text(one, "path") not in {"/status", "/statusReason"}
    )
    return {text(one, "path").removeprefix("/"): members(one).get("value") for one in operations}


def _taken(received: Received, task: str) -> Taken:
    return Taken(
        verdict=received.verdict,
        task=task,
        stage=received.stage,
        screening=received.screening,
        open=received.open,
        places=received.places,
        unread=received.unread,
    )
