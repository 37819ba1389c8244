"""`tpi keys`: bearer tokens of clients and people; only their hash is kept."""

from typing import Annotated
from uuid import UUID

import typer

from service.cli.carry import Unusable, carry_out, settings_or_fail
from service.cli.output import AsJson, Exit, Output, Plain
from service.cli.owner import ClinicName, operator_of, owner_deps
from service.cli.placers import placer_named
from service.deps import Deps
from service.flows.issue_token import Issued, IssueToken, issue_token
from service.flows.revoke_token import RevokeToken, revoke_token
from service.store import clinics
from service.store.transaction import transaction

app = typer.Typer(
    help="Let clients and people in, and shut them out.\n\n"
    "    tpi keys token --person c1; tpi keys revoke TOKEN-ID",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def token(
    *,
    client: Annotated[str, typer.Option(help="A placer's name or client id.")] = "",
    person: Annotated[str, typer.Option(help="A person's name or Practitioner id.")] = "",
    days: Annotated[int | None, typer.Option(help="Life; 366 at most.")] = None,
    clinic: ClinicName = "",
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Issue a token; it is shown this once."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)
    if bool(client) == bool(person):
        output.fail("A token has one holder.", "Give --client or --person.", Exit.USAGE)

    async def work() -> Issued:
        async with owner_deps(settings) as deps:
            caller = await operator_of(deps, clinic)
            command = IssueToken(
                placer=(await placer_named(deps, clinic, client)).id if client else None,
                person=await _person(deps, clinic, person) if person else None,
                days=days or settings.token_days,
            )
            return await issue_token(deps, caller, command)

    issued = carry_out(output, work)
    output.result(
        "token", id=issued.id, token=issued.token,
        expires=issued.expires_at.isoformat(timespec="seconds"),
    )  # fmt: skip


@app.command()
def revoke(
    token_id: Annotated[UUID, typer.Argument(help="The id that `token` told.")],
    *,
    clinic: ClinicName = "",
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Take a token back: within seconds it opens nothing."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> None:
        async with owner_deps(settings) as deps:
            caller = await operator_of(deps, clinic)
            await revoke_token(deps, caller, RevokeToken(token=token_id))

    carry_out(output, work)
    output.result("token", id=token_id, state="revoked")


async def _person(deps: Deps, clinic: str, named: str) -> UUID:
    caller = await operator_of(deps, clinic)
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        staff = await clinics.people(conn, caller.tenant)
    found = [one.id for one in staff if named in {one.name, one.practitioner, str(one.id)}]
    if len(found) != 1:
        names = ", ".join(f"{one.name} ({one.practitioner})" for one in staff)
        raise Unusable("Which person is meant?", f"Give --person with one of: {names}.")
    return found[0]
