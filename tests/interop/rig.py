"""The placer that `make interop` refers from, as a test holds it."""

from dataclasses import dataclass
from typing import Any, cast

from service.clients.server import Exchange, Server


@dataclass(frozen=True)
class Medplum:
    """The running placer: its FHIR base, its token, and the rig's own doors."""

    base: str
    token: str

    def server(self, log: list[Exchange] | None = None) -> Server:
        return Server(self.base, self.token, who="Medplum", log=[] if log is None else log)

    def set(self, **settings: object) -> None:
        """Switch `transactions`, `drop` or `refuse` (see server.mjs)."""
        with self.server() as server:
            rig = self.base.removesuffix("/fhir")
            assert server.post(f"{rig}/_rig/settings", cast("Any", settings)).status == 200
