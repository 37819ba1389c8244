"""What a flow is given: the pool of its role, the clock, ids, the pack and the definitions.

Built once per process by `open_deps`; tests build their own. This is the one place that reads the
clock and makes ids.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import SystemRandom
from uuid import UUID

from uuid_utils.compat import uuid7  # noqa: TID251 - the shell's one source of ids

from fhir_mappings.model.pack import Pack
from fhir_mappings.parse.shape import Shape
from service.clients.desk import Desk
from service.clients.desk import limits as desk_limits
from service.clients.egress import Deadlines, Egress
from service.clients.keys import LIMITS, Keys
from service.clients.placers import Placers
from service.content.definitions import load_shape
from service.content.load import load_pack
from service.settings import Role, Settings
from service.store import packs
from service.store.owner import make_owner_pool
from service.store.pool import Pool, make_pool
from service.turns import Turns

Clock = Callable[[], datetime]
NewId = Callable[[], UUID]
Chance = Callable[[], float]


def _no_settings() -> Placers:
    """Call placers within the default limits: what a test gets that does not say otherwise."""
    return Placers(Egress(Deadlines()))


def _no_keys() -> Keys:
    return Keys(Egress(LIMITS))


def _chance() -> Chance:
    return SystemRandom().random


@dataclass(frozen=True, kw_only=True)
class Deps:
    """Everything a flow needs from outside.

    `now` gives an aware UTC moment; a flow asks once. `new_id` gives a UUIDv7. `wake` hints to a
    worker of the same process that work was committed; polling is the truth (DECISIONS 14).
    `placers` are the servers of other people. `keys` are the public keys of clients that sign
    their tokens, `desk` is the way to an EHR that asks for advice. `chance` gives a number in
    [0, 1): the jitter of waits. `turns` says whose message is worked on.
    """

    pool: Pool
    settings: Settings
    pack: Pack
    shape: Shape
    now: Clock
    new_id: NewId
    wake: Callable[[], None]
    desk: Desk
    turns: Turns
    placers: Placers = field(default_factory=_no_settings)
    keys: Keys = field(default_factory=_no_keys)
    chance: Chance = field(default_factory=_chance)


def utc_now() -> datetime:
    """Return the moment."""
    return datetime.now(UTC)  # noqa: TID251 - the shell's one clock


def new_id() -> UUID:
    """Return a UUIDv7: it tells its millisecond, never a count (DECISIONS 13)."""
    return uuid7()


def no_hint() -> None:
    """Hint to nobody: the workers are another process."""


def pack_in_force(settings: Settings) -> Pack:
    """Load the pack that this installation judges by.

    Raises:
        Refused: `pack`, it cannot be carried out.
        KeyUnusable: the file of reviewers' keys cannot be read.
    """
    return load_pack(settings.pack, base=settings.pack_base, reviewers=settings.pack_reviewers)


@asynccontextmanager
async def open_deps(
    settings: Settings, role: Role, *, url: str, wake: Callable[[], None] = no_hint
) -> AsyncGenerator[Deps]:
    """Open what a process of this role needs, in the loop that uses it.

    `url` is the role's database: `settings.url_of(role)`, or that of the private server.

    Raises:
        Refused: `pack`; `pack-not-adopted`, a clinic adopted another pack than this one.
    """
    most = settings.pool_web if role == "web" else settings.pool_worker
    placers = Placers(Egress(Deadlines.of(settings)))
    keys, desk = Keys(Egress(LIMITS)), Desk(Egress(desk_limits(settings)))
    async with (
        make_pool(url, role=role, most=most) as pool,
        aclosing(placers),
        aclosing(keys),
        aclosing(desk),
    ):
        pack = pack_in_force(settings)
        await packs.expect_everywhere(pool, pack)
        yield Deps(
            pool=pool,
            settings=settings,
            pack=pack,
            shape=load_shape(),
            now=utc_now,
            new_id=new_id,
            wake=wake,
            placers=placers,
            keys=keys,
            desk=desk,
            turns=Turns(settings.messages_at_once),
        )


@asynccontextmanager
async def open_owner_deps(settings: Settings, *, url: str) -> AsyncGenerator[Deps]:
    """Open what a command of the operator needs: the owner's URL changes clinic and placers."""
    async with make_owner_pool(url) as pool:
        yield Deps(
            pool=pool,
            settings=settings,
            pack=pack_in_force(settings),
            shape=load_shape(),
            now=utc_now,
            new_id=new_id,
            wake=no_hint,
            desk=Desk(Egress(desk_limits(settings))),
            turns=Turns(settings.messages_at_once),
        )
