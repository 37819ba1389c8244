"""A placer's FHIR server: create, read, search, update, transact.

Everything returned is bytes and a status: a claim, not yet a proof.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from fhir_mappings.model.json import Identity, Tree, encode
from fhir_mappings.model.writeback import Reply
from service.clients.egress import Door, Egress, Request

_FRESH: Final[Mapping[str, str]] = {"Cache-Control": "no-cache"}
"""HAPI reuses a search result for a minute unless told not to (INTEROP §3)."""


class FhirServer:
    """One placer's server, called with that placer's token and no other (SECURITY T35)."""

    def __init__(self, egress: Egress, door: Door) -> None:
        self._egress = egress
        self._door = door

    @property
    def base(self) -> str:
        """Return the registered base, without a trailing slash."""
        return self._door.base.rstrip("/")

    async def read(self, identity: Identity) -> Reply:
        """Read one resource."""
        return await self._call("GET", (identity.rtype, identity.rid), headers=_FRESH)

    async def search(self, rtype: str, *parameters: tuple[str, str]) -> Reply:
        """Search by a form, not in the address (T42), past the server's own cache of results."""
        request = Request(
            method="POST",
            path=(rtype, "_search"),
            headers=_FRESH,
            body=urlencode(parameters).encode(),
            kind="application/x-www-form-urlencoded",
        )
        return await self._egress.call(self._door, request)

    async def create(self, tree: Tree, *, unless: str) -> Reply:
        """Create one resource unless `unless` (a search) finds it: a belt, not the guard (F24)."""
        return await self._call(
            "POST",
            (str(tree["resourceType"]),),
            headers={"If-None-Exist": unless, "Prefer": "return=representation"},
            body=tree,
        )

    async def update(self, identity: Identity, tree: Tree, *, version: str) -> Reply:
        """Replace one resource if it still is of that version."""
        headers = {"If-Match": f'W/"{version}"'} if version else {}
        return await self._call("PUT", (identity.rtype, identity.rid), headers=headers, body=tree)

    async def transact(self, bundle: Tree) -> Reply:
        """Send a transaction: all of it or nothing."""
        return await self._call("POST", (), body=bundle)

    async def _call(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        headers: Mapping[str, str] = {},
        body: Tree | None = None,
    ) -> Reply:
        request = Request(
            method=method,
            path=path,
            headers=headers,
            body=None if body is None else encode(body),
        )
        return await self._egress.call(self._door, request)
