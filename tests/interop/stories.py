"""The loop with a placer that we did not write, and one whole run of the stories in it."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.cli.scene import Ehr, Scene, scene
from service.loop import run
from service.loop.cast import Telling
from service.settings import Settings
from service.store.embedded import Running
from tests.interop.harvest import Seen, harvest
from tests.interop.rig import Placer


@dataclass(frozen=True)
class Told:
    """A whole run: its titles, its tellings, and all that our service emitted meanwhile."""

    titles: list[str]
    tellings: list[Telling]
    emitted: list[Seen]


@contextmanager
def a_loop(
    postgres: Running, placer: Placer, folder: Path, *, patience: float = 30.0
) -> Generator[Scene]:
    settings = Settings.model_validate({"database_url": postgres.url("postgres")})
    ehr = Ehr(base=placer.base, token=placer.token)
    with scene(
        settings, name=f"interop_{os.getpid()}", folder=folder, ehr=ehr, patience_seconds=patience
    ) as stands:
        yield stands


def tell_all(stands: Scene, placer: Placer) -> Told:
    titles: list[str] = []
    since = len(placer.exchanges())
    tellings = run.tell_all(stands.cast, begin=titles.append, hear=lambda _: None)
    emitted = list(harvest(stands, placer, since=since))
    return Told(titles=titles, tellings=tellings, emitted=emitted)
