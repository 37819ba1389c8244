"""The scene of the loop: databases, a clinic, a placer, tokens, and processes that run.

The demo plays in it with our sandbox as the referring EHR, `make interop` with a server that we
did not write. It is built by the flows of an operator; what happens in it happens over HTTP.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fhir_mappings.model.caller import Role, service_caller
from fhir_mappings.model.json import Tree, encode
from fhir_mappings.model.placer import Systems, Tells
from service.cli.migrate import bring_up
from service.cli.processes import Process, answers, free_port, held_signals
from service.clients.server import Exchange, Server
from service.deps import Deps, new_id, open_owner_deps, utc_now
from service.flows.apply_clinic import ApplyClinic, apply_clinic
from service.flows.connect_placer import ConnectPlacer, connect_placer
from service.flows.issue_token import IssueToken, issue_token
from service.loop.cast import PATIENCE_SECONDS, Cast
from service.loop.look import resources, said
from service.loop.payloads import payload
from service.settings import Settings
from service.store import clinics, databases
from service.store.embedded import Urls
from service.store.transaction import EVERY_PLACER, transaction

LOOPBACK: Final = "127.0.0.1"
EHR_NAME: Final = "Northside EHR"
EHR_SYSTEMS: Final = Systems(
    order=("https://ehr.northside.example/order",),
    patient=("https://ehr.northside.example/mrn",),
    practitioner=("http://hl7.org/fhir/sid/us-npi",),
    organization=("https://ehr.northside.example/org",),
)
"""What the payloads of `service.loop` carry."""

_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, kw_only=True)
class Ehr:
    """The server of the referring organisation: its FHIR base, and the bearer it wants."""

    base: str
    token: str


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What opens the clinic's doors in this scene."""

    placer: str
    clinician: str
    scheduler: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A scene that stands: who plays, how they get in, and what runs."""

    cast: Cast
    tokens: Tokens
    ehr: Ehr
    processes: tuple[Process, ...]


@contextmanager
def scene(
    settings: Settings,
    *,
    name: str,
    folder: Path,
    ehr: Ehr | None = None,
    worker: bool = True,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Generator[Scene]:
    """Build the scene in databases of its own, lend it, and stop what was started.

    `ehr` is the referring organisation's server, none: our sandbox is started for it. Without a
    `worker` nothing that was decided reaches anybody: a test shows that the loop notices.

    Raises:
        NotStarted: a process did not come up; the text names its log.
        EmbeddedError: the databases cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        (urls,) = stack.enter_context(databases.lent(settings, f"tpi_{name}", fresh=True))
        processes: list[Process] = []
        ours = ehr is None
        if ehr is None:  # it starts while we set up, and is waited for at the end
            ehr = _sandbox(stack, settings, name, folder, processes)
        clinic = payload("clinic", utc_now().date())
        tokens = asyncio.run(set_up(settings, urls, ehr, clinic, folder))
        port = free_port()
        base = f"http://{LOOPBACK}:{port}"
        environment = _environment(urls, base, port)
        door = _started(stack, "serve", ["serve"], environment, folder)
        processes.append(door)
        if worker:
            processes.append(_started(stack, "worker", ["worker"], environment, folder))
        door.wait_until(answers(f"{base}/fhir"))
        if ours:  # another's server is up already, and may take long to say what it can do
            processes[0].wait_until(answers(ehr.base))
        cast = _cast(stack, f"{base}/fhir", tokens, ehr, clinic, patience_seconds)
        yield Scene(cast=cast, tokens=tokens, ehr=ehr, processes=tuple(processes))


def _sandbox(
    stack: ExitStack, settings: Settings, name: str, folder: Path, processes: list[Process]
) -> Ehr:
    port, token = free_port(), secrets.token_urlsafe(_TOKEN_BYTES)
    told = folder / "sandbox.token"
    keep_secret(told, token)
    arguments = ["sandbox", "--fresh", "--port", str(port), "--token-file", str(told)]
    arguments += ["--database", f"tpi_{name}_ehr"]
    owner = settings.owner_url()
    environment = {"DATABASE_URL": owner} if owner else {}
    processes.append(_started(stack, "sandbox", arguments, environment, folder))
    return Ehr(base=f"http://{LOOPBACK}:{port}/fhir", token=token)


def _started(
    stack: ExitStack,
    name: str,
    arguments: Sequence[str],
    environment: dict[str, str],
    folder: Path,
) -> Process:
    with held_signals():  # whoever stops us stops this one too, from its first moment
        return stack.enter_context(Process(name, arguments, environment=environment, folder=folder))


def keep_secret(file: Path, token: str) -> None:
    """Write a file that only this account may read; who sees it sees it whole."""
    part = file.with_name(f".{file.name}.part")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    part.touch(mode=0o600)
    part.write_text(token, encoding="utf-8")
    part.replace(file)


def _environment(urls: Urls, base: str, port: int) -> dict[str, str]:
    return {
        "DATABASE_URL": urls.owner,
        "TPI_WEB_DATABASE_URL": urls.web,
        "TPI_WORKER_DATABASE_URL": urls.worker,
        "TPI_PUBLIC_URL": base,
        "TPI_HOST": LOOPBACK,
        "TPI_PORT": str(port),
        "TPI_OPS_PORT": "0",
    }


async def set_up(settings: Settings, urls: Urls, ehr: Ehr, clinic: Tree, folder: Path) -> Tokens:
    """Migrate, then set clinic, placer and tokens up as an operator would."""
    await bring_up(urls)
    told = (folder / "ehr.token").absolute()
    keep_secret(told, ehr.token)
    async with open_owner_deps(settings, url=urls.owner) as deps:
        tenant = (await apply_clinic(deps, ApplyClinic(body=encode(clinic)))).tenant
        caller = service_caller(tenant.id, tenant.zone)
        connect = ConnectPlacer(
            name=EHR_NAME,
            base=ehr.base,
            internal=True,
            tells=Tells.TASK,
            systems=EHR_SYSTEMS,
            token_file=str(told),
        )
        placer = await connect_placer(deps, caller, connect)
        client = await issue_token(deps, caller, IssueToken(placer=placer.id, days=1))
        async with transaction(deps.pool, tenant=tenant.id, placer=EVERY_PLACER) as conn:
            staff = await clinics.people(conn, tenant.id)
        people = {
            role: await _token_of(deps, tenant, next(one for one in staff if role in one.roles))
            for role in (Role.CLINICIAN.value, Role.SCHEDULER.value)
        }
    return Tokens(placer=client.token, **people)


async def _token_of(deps: Deps, tenant: clinics.Tenant, person: clinics.Staff) -> str:
    caller = service_caller(tenant.id, tenant.zone)
    return (await issue_token(deps, caller, IssueToken(person=person.id, days=1))).token


def _cast(
    stack: ExitStack, base: str, tokens: Tokens, ehr: Ehr, clinic: Tree, patience_seconds: float
) -> Cast:
    log: list[Exchange] = []

    def server(at: str, token: str, who: str) -> Server:
        return stack.enter_context(Server(at, token, who=who, log=log))

    schedule = next(one for one in resources(clinic) if said(one, "resourceType") == "Schedule")
    actors = [said(schedule, "actor", index, "reference").split("/") for index in range(4)]
    ids = {actor[0]: actor[-1] for actor in actors}
    return Cast(
        placer=server(base, tokens.placer, EHR_NAME),
        reviewer=server(base, tokens.clinician, "the reviewer"),
        clinician=server(base, tokens.clinician, "the clinician"),
        scheduler=server(base, tokens.scheduler, "the scheduler"),
        ehr=server(ehr.base, ehr.token, f"{EHR_NAME}'s own server"),
        log=log,
        now=utc_now,
        new_id=new_id,
        run=new_id().hex[-8:],
        zone=said(schedule, "extension", 0, "valueCode"),
        practitioner=ids["Practitioner"],
        location=ids["Location"],
        patience_seconds=patience_seconds,
    )
