"""`tpi placers`: the organisations that refer to a clinic."""

from pathlib import Path
from typing import Annotated

import typer

from fhir_mappings.model.placer import Placer, Systems, Tells
from service.cli.carry import Unusable, carry_out, settings_or_fail
from service.cli.output import AsJson, Output, Plain
from service.cli.owner import ClinicName, operator_of, owner_deps
from service.deps import Deps
from service.flows.connect_placer import ConnectPlacer, connect_placer
from service.flows.disable_placer import DisablePlacer, disable_placer
from service.flows.issue_token import Issued, IssueToken, issue_token
from service.flows.trust_client import TrustClient, trust_client
from service.store import placers
from service.store.transaction import transaction

app = typer.Typer(
    help='Register referring organisations.\n\n    tpi placers add "Northside EHR"'
    " --base https://ehr.northside.example/fhir --tells task",
    no_args_is_help=True,
    add_completion=False,
)

Codes = Annotated[list[str], typer.Option(help="An identifier system; give it again for more.")]


@app.command()
def add(  # noqa: PLR0913 - one option per member of a placer
    name: Annotated[str, typer.Argument(help="As the clinic's people know it.")],
    *,
    base: Annotated[str, typer.Option(help="The FHIR base of its server.")] = "",
    internal: Annotated[bool, typer.Option(help="Allow a private or loopback base.")] = False,
    tells: Annotated[
        Tells, typer.Option(help="task: we keep the Task at its server; poll: it reads ours.")
    ] = Tells.POLL,
    order_system: Codes | None = None,
    patient_system: Codes | None = None,
    practitioner_system: Codes | None = None,
    organization_system: Codes | None = None,
    token_file: Annotated[
        Path | None,
        typer.Option(help="A file with the bearer for its server; only its path is kept."),
    ] = None,
    rate: Annotated[int, typer.Option(help="Requests a second; 0 for the default.")] = 0,
    days: Annotated[int | None, typer.Option(help="Life of its first token.")] = None,
    clinic: ClinicName = "",
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Register a placer; prints its client id, a token (shown once) and a first curl."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)
    command = ConnectPlacer(
        name=name,
        base=base,
        internal=internal,
        tells=tells,
        systems=Systems(
            order=tuple(order_system or ()),
            patient=tuple(patient_system or ()),
            practitioner=tuple(practitioner_system or ()),
            organization=tuple(organization_system or ()),
        ),
        token_file=str(token_file.absolute()) if token_file else "",
        rate=rate,
    )

    async def work() -> tuple[Placer, Issued]:
        async with owner_deps(settings) as deps:
            caller = await operator_of(deps, clinic)
            placer = await connect_placer(deps, caller, command)
            told = IssueToken(placer=placer.id, days=days or settings.token_days)
            return placer, await issue_token(deps, caller, told)

    placer, issued = carry_out(output, work)
    output.result(
        "placer", client=placer.client, name=placer.name, token=issued.token, token_id=issued.id,
        expires=issued.expires_at.isoformat(timespec="seconds"),
    )  # fmt: skip
    output.say("The token is shown this once. A first look:")
    output.say(f"  curl -H 'Authorization: Bearer {issued.token}' {settings.public_url}/fhir/Task")


@app.command("list")
def list_placers(*, clinic: ClinicName = "", as_json: AsJson = False, plain: Plain = False) -> None:
    """List the placers of a clinic."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> list[Placer]:
        async with owner_deps(settings) as deps:
            return await _all(deps, clinic)

    for one in carry_out(output, work):
        output.result(
            "placer", client=one.client, name=one.name, active=one.active, tells=one.tells.value,
            base=one.base,
        )  # fmt: skip


@app.command()
def disable(
    name: Annotated[str, typer.Argument(help="Its name or client id.")],
    *,
    clinic: ClinicName = "",
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Shut a placer out within seconds; its referrals and records stay."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> Placer:
        async with owner_deps(settings) as deps:
            caller = await operator_of(deps, clinic)
            one = await placer_named(deps, clinic, name)
            return await disable_placer(deps, caller, DisablePlacer(placer=one.id))

    done = carry_out(output, work)
    output.result("placer", client=done.client, name=done.name, active=done.active)


@app.command()
def trust(
    name: Annotated[str, typer.Argument(help="Its name or client id.")],
    *,
    issuer: Annotated[str, typer.Option(help="The iss of the tokens that its EHR signs.")],
    jku: Annotated[str, typer.Option(help="Where its JWK Set is published.")] = "",
    jwks: Annotated[Path | None, typer.Option(help="A file with its JWK Set instead.")] = None,
    clinic: ClinicName = "",
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Let a placer's EHR prove itself at /cds-services by tokens that it signs (CDS Hooks)."""
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)

    async def work() -> Placer:
        keys = _read(jwks) if jwks else ""
        async with owner_deps(settings) as deps:
            caller = await operator_of(deps, clinic)
            one = await placer_named(deps, clinic, name)
            told = TrustClient(placer=one.id, issuer=issuer, jku=jku, keys=keys)
            await trust_client(deps, caller, told)
            return one

    done = carry_out(output, work)
    output.result("client", client=done.client, name=done.name, issuer=issuer)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Unusable(f'"{file}" cannot be read.', "Give a file with a JWK Set.") from None


async def placer_named(deps: Deps, clinic: str, name: str) -> Placer:
    """Return the placer of a name or client id.

    Raises:
        Unusable: there is none.
    """
    found = [one for one in await _all(deps, clinic) if name in {one.name, one.client}]
    if not found:
        raise Unusable(f'No placer is called "{name}".', "`tpi placers list` shows them.")
    return found[0]


async def _all(deps: Deps, clinic: str) -> list[Placer]:
    caller = await operator_of(deps, clinic)
    async with transaction(deps.pool, tenant=caller.tenant, placer=caller.reach) as conn:
        return await placers.every(conn, caller.tenant)
