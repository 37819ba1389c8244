"""`tpi demo`: the loop in processes of their own, told over HTTP, ending by itself."""

import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import msgspec
import typer

from fhir_mappings.model.json import encode
from fhir_mappings.problems import Refused
from service.cli.carry import settings_or_fail
from service.cli.output import AsJson, Exit, Output, Plain
from service.cli.processes import NotStarted
from service.cli.scene import Scene, keep_secret, scene
from service.clients.server import Unreachable
from service.deps import utc_now
from service.loop.cast import PATIENCE_SECONDS, NotAsTold, Step, Telling
from service.loop.payloads import payload
from service.loop.report import write_story
from service.loop.run import tell_all
from service.store.embedded import EmbeddedError, PostgresMissing

FOLDER = Path("build/demo")
TO_TRY = ("clean-referral", "anticoagulated-referral", "unreadable-medication-referral")


def demo(
    *,
    stay: Annotated[bool, typer.Option("--stay", help="Stay up after the stories.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the story is left.")] = FOLDER,
    name: Annotated[str, typer.Option(help="Names the databases.")] = "demo",
    worker: Annotated[bool, typer.Option(hidden=True)] = True,
    patience: Annotated[float, typer.Option(hidden=True)] = PATIENCE_SECONDS,
    as_json: AsJson = False,
    plain: Plain = False,
) -> None:
    """Tell one referral's way through the whole loop, on real parts.

    tpi demo            ends by itself
    tpi demo --stay     stays up for you to try
    """
    output = Output(as_json=as_json, plain=plain)
    settings = settings_or_fail(output)
    _stop_in_order()
    output.say("Starting the clinic's doors, its worker, and a referring EHR …")
    try:
        with scene(
            settings, name=name, folder=folder, worker=worker, patience_seconds=patience
        ) as stands:
            _play(stands, folder, output)
            if stay:
                _stay(stands, folder, output)
    except (NotStarted, EmbeddedError, PostgresMissing) as fault:
        output.fail(str(fault), "Run `tpi doctor` for what is missing.", Exit.UNKNOWN)
    except Refused as refused:
        codes = ", ".join(one.code.value for one in refused.problems)
        output.fail(f"The scene could not be set up: {codes}.", "Run `tpi doctor`.")


def _play(stands: Scene, folder: Path, output: Output) -> None:
    told: list[Telling] = []

    def begin(title: str) -> None:
        output.line("story", f"\n{title}", title=title)

    def hear(step: Step) -> None:
        seconds = round(step.seconds, 3)
        output.line("step", f"  ✓ {step.sentence}", sentence=step.sentence, seconds=seconds)

    try:
        told = tell_all(stands.cast, begin=begin, hear=hear)
    except (NotAsTold, Unreachable) as fault:
        logs = ", ".join(str(one.log) for one in stands.processes)
        output.fail(f"  ✗ Not as told. {fault}", f"Look into {logs}.")
    made = f"Told on {utc_now():%d %B %Y at %H:%M} UTC by `tpi demo`, over HTTP alone."
    page = write_story(folder, told, made=made)
    steps = sum(len(one.steps) for one in told)
    output.say(
        f"\nAll {steps} steps of {len(told)} stories are as told. Read them with every exchange:"
        f" {page}"
    )
    output.say("Next: `tpi demo --stay` (or make dev) stays up and shows a first curl.")


def _stay(stands: Scene, folder: Path, output: Output) -> None:
    cast, tokens = stands.cast, stands.tokens
    output.result("address", what="clinic", base=cast.placer.base)
    output.result("address", what="ehr", base=stands.ehr.base)
    output.result("token", who=cast.placer.who, token=tokens.placer)
    output.result("token", who="clinician and reviewer", token=tokens.clinician)
    output.result("token", who="scheduler", token=tokens.scheduler)
    output.result("token", who=cast.ehr.who, token=stands.ehr.token)
    environment = leave_to_try(stands, folder)
    output.say(
        f"\nIn another terminal:\n\n. {environment}\n"
        'curl -sS "$CLINIC" -H "Authorization: Bearer $PLACER" \\\n'
        f"  -H 'Content-Type: application/fhir+json' -d @{folder}/try/clean-referral.json\n"
        "\nCtrl-C stops everything."
    )
    with suppress(KeyboardInterrupt):
        signal.pause()
    output.say("Stopping.")


def leave_to_try(stands: Scene, folder: Path) -> Path:
    """Leave referrals of today that nobody has sent, and the addresses and tokens for a shell."""
    cast, tokens, tried = stands.cast, stands.tokens, folder / "try"
    tried.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(TO_TRY, start=1):
        values = {
            "mrn": f"MRN-{cast.run}-try-{number}",
            "order": f"ORD-{cast.run}-try-{number}",
            "family": f"Muster-Try-{number}",
        }
        bundle = payload(name, cast.now().date(), values)
        (tried / f"{name}.json").write_bytes(msgspec.json.format(encode(bundle), indent=1))
    visit = payload(
        "visit",
        cast.now().date(),
        {"practitioner": cast.practitioner, "location": cast.location},
    )
    (tried / "visit.json").write_bytes(msgspec.json.format(encode(visit), indent=1))
    environment = folder / "env"
    keep_secret(
        environment,
        f"export CLINIC={cast.placer.base} PLACER={tokens.placer} CLINICIAN={tokens.clinician}"
        f" SCHEDULER={tokens.scheduler} EHR={stands.ehr.base} EHR_TOKEN={stands.ehr.token}\n",
    )
    return environment


def _stop_in_order() -> None:
    """Let SIGTERM end the command as Ctrl-C does, so that what was started is stopped."""

    def asked(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, asked)
