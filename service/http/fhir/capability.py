"""`metadata`: what works here, told from the same rows as the routes. Public (TRAPS §3)."""

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Final

from fhir_mappings.model.json import encode
from fhir_mappings.render.capability import About, Served, capability
from fhir_mappings.terms.search_parameters import TABLE
from service.deps import Deps
from service.http.exchange import BASE_PATH, Answer, Open, Route
from service.http.fhir.served import SERVED, SYSTEM, Interaction, Row
from service.http.smart.discovery import authorize_endpoint, token_endpoint

OPERATION: Final = re.compile(r"/([A-Za-z]+)(?:/\{rid\})?/\$([a-z-]+)$")
"""An operation on one resource or on a type: the type and its name."""

COMMON: Final = (("_id", "token"), ("_lastUpdated", "date"))


class Metadata:
    """Answers `metadata`; a base's statement is made once and kept, for it does not change."""

    def __init__(self, operations: Sequence[Route]) -> None:
        """Start without a statement, which needs the public base; `operations` are its routes."""
        self._operations = operations
        self._of: dict[str, bytes] = {}

    async def __call__(self, deps: Deps) -> Answer:
        """Answer the CapabilityStatement."""
        base = deps.settings.fhir_base
        if base not in self._of:
            about = About(
                base=base,
                authorize_endpoint=authorize_endpoint(deps.settings.public_url),
                token_endpoint=token_endpoint(deps.settings.public_url),
                version=version("tpi-intake"),
                at=deps.now(),
            )
            self._of[base] = encode(
                capability(rows(self._operations), [one.value for one in SYSTEM], about)
            )
        return Answer(status=200, body=self._of[base])


def rows(operations: Sequence[Route]) -> Iterator[Served]:
    """Yield the table of serving, and each type's operations, as the renderer reads it."""
    for rtype, row in SERVED.items():
        yield Served(
            rtype=rtype,
            interactions=tuple(one.value for one in Interaction if one in row.interactions),
            conditional=row.conditional,
            update_creates=Interaction.UPDATE in row.placer,
            versioned_update=row.versioned_update,
            parameters=tuple(_parameters(rtype, row)),
            operations=tuple(
                (name, name)
                for one in operations
                for of, name in OPERATION.findall(one.path)
                if of == rtype
            ),
        )


def _parameters(rtype: str, row: Row) -> Iterator[tuple[str, str]]:
    if Interaction.SEARCH in row.interactions:
        yield from COMMON
        yield from ((name, one.kind.declared) for name, one in TABLE.get(rtype, {}).items())


def metadata(operations: Sequence[Route]) -> Open:
    """Return the public door; `operations` are the routes that end in `$name`."""
    return Open(f"{BASE_PATH}/metadata", Metadata(operations))
