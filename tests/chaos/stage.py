"""Everything that a run needs: databases, processes, what stands between them, and who plays."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

from fhir_mappings.model.json import Tree, text
from service.cli.processes import Process, answers, free_port
from service.cli.scene import EHR_NAME, LOOPBACK, Ehr, Tokens, keep_secret, set_up
from service.clients.server import Exchange
from service.deps import new_id, utc_now
from service.loop.cast import Cast
from service.loop.look import resources
from service.loop.payloads import payload
from service.settings import Settings
from service.store import embedded
from service.store.embedded import Running, Urls
from service.store.pool import connect
from tests.chaos.crew import NAMES, Crew
from tests.chaos.ledger import Ledger
from tests.chaos.placer import Placer
from tests.chaos.referrals import Careful
from tests.chaos.wire import Wire

ZONE: Final = "America/New_York"
LEASE_SECONDS: Final = 6
SHORT: Final = {
    "TPI_LEASE_SECONDS": str(LEASE_SECONDS),
    "TPI_PLACER_CONNECT_SECONDS": "1",
    "TPI_PLACER_READ_SECONDS": "1.5",
    "TPI_PLACER_TOTAL_SECONDS": "2",
    "TPI_RETRY_FIRST_SECONDS": "0.5",
    "TPI_RETRY_MOST_SECONDS": "4",
    "TPI_POLL_IDLE_SECONDS": "0.4",
    "TPI_REQUEST_SECONDS": "8",
}
"""Settings of an operator, shorter than the defaults: a run has minutes. A lease is still three
times a call's deadline (L16)."""
_ALWAYS: Final = {
    "daysOfWeek": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
    "availableStartTime": "07:00:00",
    "availableEndTime": "19:00:00",
}
_MINUTES: Final = {"visit-minutes": 20, "buffer-minutes": 10}


@dataclass(kw_only=True)
class Stage:
    """A clinic and a placer that stand, with a hand on everything between them.

    `database` is the superuser's address of the clinic's data, past every wire.
    """

    crew: Crew
    wires: dict[str, Wire]
    placer: Placer
    sandbox: Ehr
    database: str
    tokens: Tokens
    base: str
    clinic: Tree
    token_file: Path
    clients: ExitStack

    def cast(self, ledger: Ledger, seed: str) -> Cast:
        """Return who plays in one lane of referrals."""
        log: list[Exchange] = []
        tokens, fhir = self.tokens, f"{self.base}/fhir"

        def careful(base: str, token: str, who: str) -> Careful:
            dice = f"{seed} {who}"
            client = Careful(base, token, who=who, log=log, ledger=ledger, seed=dice)
            return self.clients.enter_context(client)

        return Cast(
            placer=careful(fhir, tokens.placer, EHR_NAME),
            reviewer=careful(fhir, tokens.clinician, "the reviewer"),
            clinician=careful(fhir, tokens.clinician, "the clinician"),
            scheduler=careful(fhir, tokens.scheduler, "the scheduler"),
            ehr=careful(self.sandbox.base, self.sandbox.token, f"{EHR_NAME}'s own server"),
            log=log,
            now=utc_now,
            new_id=new_id,
            run=new_id().hex[-8:],
            zone=ZONE,
            practitioner=_id_of(self.clinic, "Practitioner"),
            location=_id_of(self.clinic, "Location"),
        )

    def want_another_token(self) -> str:
        """Let the placer want another bearer from now on; return it for the token's file."""
        self.placer.bearer = secrets.token_urlsafe(32)
        return self.placer.bearer

    def keep_token(self, token: str) -> None:
        """Write the bearer where the workers read it, as an operator does."""
        keep_secret(self.token_file, token)


@asynccontextmanager
async def standing(
    running: Running, folder: Path, *, sandbox: dict[str, str], name: str = "tpi_chaos"
) -> AsyncGenerator[Stage]:
    """Build the stage on a PostgreSQL that runs, lend it, and stop what was started.

    `sandbox` says in which PostgreSQL the placer's server keeps its data; `name` names both
    databases.
    """
    port, token, door = free_port(), secrets.token_urlsafe(32), free_port()
    sockets = Path(tempfile.mkdtemp(prefix="tpi-chaos-"))
    base = f"http://{LOOPBACK}:{door}"
    wires = {one: Wire(running.socket_dir, sockets / one) for one in NAMES}
    crew = Crew(
        {one: _told(_behind(running, sockets / one), name, base, door) for one in NAMES}, folder
    )
    placer = Placer(port, token, crew.pids)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, sockets)
        process = stack.enter_context(_sandbox(port, token, name, sandbox, folder))
        for one in (placer, *wires.values()):
            stack.callback((await one.listen()).close)
        urls = await _fresh(running, name)
        clinic = an_open_clinic()
        seen = Ehr(base=f"http://{LOOPBACK}:{placer.port}/fhir", token=token)
        tokens = await set_up(Settings(), urls, seen, clinic, folder)
        crew.start()
        stack.push_async_callback(crew.stop)
        supervising = asyncio.create_task(crew.supervise())
        stack.callback(supervising.cancel)
        await crew.up(*NAMES)
        ehr = Ehr(base=f"http://{LOOPBACK}:{port}/fhir", token=token)
        await asyncio.to_thread(process.wait_until, answers(ehr.base))
        yield Stage(
            crew=crew,
            wires=wires,
            placer=placer,
            sandbox=ehr,
            database=urls.owner,
            tokens=tokens,
            base=base,
            clinic=clinic,
            token_file=(folder / "ehr.token").absolute(),
            clients=stack.enter_context(ExitStack()),
        )


def an_open_clinic() -> Tree:
    """Return the clinic of the stories, open every day for as many visits as a long run needs."""
    clinic = cast("Any", payload("clinic", utc_now().date()))
    for entry in clinic["entry"]:
        resource = entry["resource"]
        resource.pop("notAvailable", None)
        if "availableTime" in resource:
            resource["availableTime"] = [_ALWAYS]
        for extension in resource.get("extension", ()):
            minutes = _MINUTES.get(extension["url"].rpartition("/")[2])
            if minutes is not None:
                extension["valueUnsignedInt"] = minutes
    return cast("Tree", clinic)


def _sandbox(
    port: int, token: str, name: str, environment: dict[str, str], folder: Path
) -> Process:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "sandbox.token"
    keep_secret(file, token)
    arguments = ["sandbox", "--fresh", "--port", str(port), "--token-file", str(file)]
    arguments += ["--database", f"{name}_ehr"]
    return Process("sandbox", arguments, environment=environment, folder=folder)


def _behind(running: Running, sockets: Path) -> Running:
    """Return the same server as it is reached by a wire."""
    return replace(running, socket_dir=sockets)


def _told(wired: Running, name: str, base: str, door: int) -> dict[str, str]:
    """Return what a process is told."""
    urls = embedded.urls(wired, name)
    return {
        **SHORT,
        "DATABASE_URL": urls.owner,
        "TPI_WEB_DATABASE_URL": urls.web,
        "TPI_WORKER_DATABASE_URL": urls.worker,
        "TPI_PUBLIC_URL": base,
        "TPI_HOST": LOOPBACK,
        "TPI_PORT": str(door),
    }


async def _fresh(running: Running, name: str) -> Urls:
    """Make the clinic's database anew; the last run's stays until then, to be looked at."""
    conn = await connect(running.url("postgres"))
    try:
        await conn.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await conn.execute(f'CREATE DATABASE "{name}"')
    finally:
        await conn.close()
    return embedded.urls(running, name)


def _id_of(clinic: Tree, rtype: str) -> str:
    """Return the id of the clinic's first resource of a type."""
    return next(text(one, "id") for one in resources(clinic) if text(one, "resourceType") == rtype)
