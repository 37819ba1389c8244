"""`metadata`: what works here, told from the same rows as the routes. Public (TRAPS §3)."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

from fhir_mappings.model.json import encode
from fhir_mappings.render.capability import About, Served, capability
from fhir_mappings.terms.search_parameters import TABLE
from service.deps import Deps
from service.http.exchange import BASE_PATH, Answer, Open
from service.http.fhir.served import SERVED, SYSTEM, Interaction, Row
from service.http.smart.discovery import token_endpoint

COMMON: Final = (("_id", "token"), ("_lastUpdated", "date"))


class Metadata:
    """Answers `metadata`; a base's statement is made once and kept, for it does not change."""

    def __init__(self) -> None:
        """Start without a statement: it needs the public base."""
        self._of: dict[str, bytes] = {}

    async def __call__(self, deps: Deps) -> Answer:
        """Answer the CapabilityStatement."""
        base = deps.settings.fhir_base
        if base not in self._of:
            about = About(
                base=base,
                token_endpoint=token_endpoint(deps.settings.public_url),
                version=version("tpi-intake"),
                at=deps.now(),
            )
            self._of[base] = encode(capability(rows(), [one.value for one in SYSTEM], about))
        return Answer(status=200, body=self._of[base])


def rows() -> Iterator[Served]:
    """Yield the table of serving as the renderer reads it."""
    for rtype, row in SERVED.items():
        yield Served(
            rtype=rtype,
            interactions=tuple(one.value for one in Interaction if one in row.interactions),
            conditional=row.conditional,
            update_creates=Interaction.UPDATE in row.placer,
            versioned_update=row.versioned_update,
            parameters=tuple(_parameters(rtype, row)),
        )


def _parameters(rtype: str, row: Row) -> Iterator[tuple[str, str]]:
    if Interaction.SEARCH in row.interactions:
        yield from COMMON
        yield from ((name, one.kind.declared) for name, one in TABLE.get(rtype, {}).items())


OPEN: Final = (Open(f"{BASE_PATH}/metadata", Metadata()),)
