"""The looks that `tpi doctor` takes; each yields what it found and what to do."""

from collections.abc import AsyncGenerator, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import service
from fhir_mappings.decide.pack_check import PackFacts, check_pack
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.placer import Placer
from fhir_mappings.problems import Refused
from service.cli.owner import owner_deps
from service.cli.placers import placer_named
from service.clients.server import Server, Unreachable
from service.content.signature import KeyUnusable
from service.deps import pack_in_force, utc_now
from service.loop.look import each, said
from service.settings import Settings
from service.store import condition, migrate, packs
from service.store.embedded import Urls
from service.store.pool import connect
from service.store.roles import Direct

OLDEST_POSTGRES: Final = 15
CLOCK_SKEW: Final = timedelta(seconds=30)
"""L14."""
LATE: Final = timedelta(minutes=10)
"""A job that is due for so long is not being worked on, or its placer is away."""

WRITTEN_BACK: Final = ("Procedure", "MedicationAdministration")


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(NamedTuple):
    """One finding; the repair is empty where there is nothing to do."""

    level: Level
    name: str
    finding: str
    repair: str = ""


def program() -> Iterator[Check]:
    """Look whether the packages that run are ours."""
    beside = Path(service.__file__).parent.parent / "fhir_mappings"
    if beside.is_dir():
        yield Check(Level.OK, "program", "both packages stand side by side")
    else:
        yield Check(
            Level.FAIL,
            "program",
            "another package named `service` shadows ours",
            "Install tpi-intake in an environment of its own.",
        )


def content(settings: Settings) -> Iterator[Check]:
    """Look at the content pack, and say what no source gives (DECISIONS 9)."""
    try:
        pack = pack_in_force(settings)
    except KeyUnusable as fault:
        yield Check(Level.FAIL, "pack", str(fault), "Correct TPI_PACK_REVIEWERS.")
        return
    except Refused as refused:
        places = ", ".join(one.expression for one in refused.problems)
        yield Check(Level.FAIL, "pack", f"cannot be carried out: {places}", "Run `tpi pack check`.")
        return
    rules = f"{pack.name} {pack.version}, {len(pack.content.rules)} rules"
    yield Check(Level.OK, "pack", rules)
    if pack.partial:
        named = ", ".join(pack.partial)
        yield Check(Level.WARN, "pack", f"stand partly in words only: {named}", "Read them.")
    facts = check_pack(pack)
    if facts.dangling:
        named = ", ".join(facts.dangling)
        yield Check(Level.WARN, "pack", f"value sets never match: {named}", "Run `tpi pack check`.")
    yield _reviewed(pack, facts)


def _reviewed(pack: Pack, facts: PackFacts) -> Check:
    """Tell whose signature counts, or why none does (DECISIONS 9)."""
    if pack.reviewed_by:
        when = pack.signature.at[:10] if pack.signature else ""
        return Check(Level.OK, "pack", f"signed by {pack.reviewed_by} on {when}")
    unsourced = f"{len(facts.unsourced)} thresholds without a source"
    void = f"; a signature does not count: {pack.signature.why_not}" if pack.signature else ""
    return Check(
        Level.WARN,
        "pack",
        f"not clinically reviewed; {unsourced}{void}",
        "Let the clinic's reviewer read `tpi pack check` and `tpi pack sign` it.",
    )


async def installation(settings: Settings, urls: Urls) -> AsyncGenerator[Check]:
    """Look at the server, the schema and, where that is ours, the work in it."""
    conn = await connect(urls.owner)
    try:
        found = await condition.condition(conn, private=urls.private)
        for one in _server(settings, urls, found, utc_now()):
            yield one
        schema = _schema(await migrate.status(conn))
        yield schema
        if schema.level is Level.OK:
            for one in await _work(conn):
                yield one
            yield await _adopted(conn, settings)
    finally:
        await conn.close()


def _server(
    settings: Settings, urls: Urls, found: condition.Condition, now: datetime
) -> Iterator[Check]:
    whose = "private" if urls.private else "DATABASE_URL"
    old = found.version < OLDEST_POSTGRES
    yield Check(
        Level.FAIL if old else Level.OK,
        "database",
        f"PostgreSQL {found.version}, {whose}",
        f"Use PostgreSQL {OLDEST_POSTGRES} or newer." if old else "",
    )
    if found.lacks:
        yield Check(
            Level.FAIL,
            "roles",
            f"{len(found.lacks)} statements missing",
            "Run `tpi migrate roles`.",
        )
    if not urls.private and not (settings.web_database_url and settings.worker_database_url):
        yield Check(
            Level.WARN,
            "roles",
            "web and worker connect with the owner's login and step down from it",
            "Set TPI_WEB_DATABASE_URL and TPI_WORKER_DATABASE_URL to logins of their own.",
        )
    late = abs(found.clock - now) > CLOCK_SKEW
    yield Check(
        Level.FAIL if late else Level.OK,
        "clock",
        f"differs from the database's by {abs(found.clock - now).total_seconds():.1f} s",
        "Set both by the same time service." if late else "",
    )


def _schema(found: migrate.Status) -> Check:
    if found.changed or found.unknown:
        names = ", ".join(found.changed + found.unknown)
        return Check(
            Level.FAIL, "migrations", f"not ours: {names}", "Use the program it was made by."
        )
    if found.pending:
        names = ", ".join(one.name for one in found.pending)
        return Check(Level.FAIL, "migrations", f"pending: {names}", "Run `tpi migrate up`.")
    return Check(Level.OK, "migrations", f"{len(found.applied)} applied")


async def _work(conn: Direct) -> list[Check]:
    now, queue = utc_now(), await condition.queue(conn)
    tokens = await condition.open_tokens(conn, now)
    late = queue.oldest is not None and now - queue.oldest > LATE
    return [
        Check(
            Level.OK if tokens else Level.WARN,
            "keys",
            f"{tokens} tokens open a door",
            "" if tokens else "Run `tpi placers add` and `tpi keys token`.",
        ),
        Check(
            Level.WARN if late else Level.OK,
            "queue",
            f"{queue.waiting} wait"
            + (f", the oldest since {queue.oldest:%H:%M} UTC" if late else ""),
            "Is `tpi worker` running? Its log names the placer that is away." if late else "",
        ),
        Check(
            Level.WARN if queue.needs_person else Level.OK,
            "deliveries",
            f"{queue.needs_person} need a person",
            "Settle each by `Task/{id}/$tpi-settle`." if queue.needs_person else "",
        ),
    ]


async def _adopted(conn: Direct, settings: Settings) -> Check:
    """Look whether every clinic adopted the pack that judges here, where it adopted one."""
    try:
        others = await packs.other_than(conn, pack_in_force(settings))
    except (Refused, KeyUnusable):
        return Check(Level.FAIL, "adopted", "the pack cannot be loaded", "Run `tpi pack check`.")
    if not others:
        return Check(Level.OK, "adopted", "no clinic adopted another pack than this one")
    return Check(
        Level.FAIL,
        "adopted",
        f"another pack was adopted by {', '.join(others)}",
        "Set TPI_PACK to the adopted pack, or run `tpi pack adopt` with this one.",
    )


async def server_of(settings: Settings, clinic: str, name: str) -> list[Check]:
    """Look at a placer's own server: what it says it can, and what it answers."""
    async with owner_deps(settings) as deps:
        placer = await placer_named(deps, clinic, name)
    if not placer.base:
        return [Check(Level.OK, "placer", f"{placer.name} has no server: it polls ours")]
    try:
        return list(_answers_of(placer))
    except Unreachable as away:
        return [Check(Level.FAIL, "placer", str(away), "Check its base and that it runs.")]
    except OSError:
        file = f"{placer.token_file} cannot be read"
        return [Check(Level.FAIL, "placer", file, "Put the bearer of its server there.")]


def _answers_of(placer: Placer) -> Iterator[Check]:
    token = Path(placer.token_file).read_text(encoding="utf-8").strip() if placer.token_file else ""
    with Server(placer.base, token, who=placer.name, log=[]) as server:
        metadata = server.get("metadata")
        yield _yes(
            said(metadata.tree, "fhirVersion").startswith("4.0"),
            f"speaks FHIR {said(metadata.tree, 'fhirVersion') or 'nothing we can read'}",
            "Its base must be a FHIR R4 server.",
        )
        rows = {said(row, "type"): row for row in each(metadata.tree, "rest", 0, "resource")}
        for rtype in WRITTEN_BACK:
            can = {said(one, "code") for one in each(rows.get(rtype), "interaction")}
            yield _yes(
                {"create", "search-type", "read"} <= can,
                f"{rtype}: {', '.join(sorted(can)) or 'not offered'}",
                "A visit's record needs create, read and search there; a person settles else.",
            )
        found = server.get("Patient?identifier=urn:tpi-intake:doctor%7Cnobody")
        yield _yes(
            found.status == 200,  # noqa: PLR2004 - OK
            f"a search by identifier answers {found.status}",
            "Check the token in --token-file and what it may read.",
        )


def _yes(right: bool, finding: str, repair: str) -> Check:  # noqa: FBT001 - the one question
    return Check(Level.OK if right else Level.FAIL, "placer", finding, "" if right else repair)
