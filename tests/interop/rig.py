"""The placers that `make interop` refers from, as a test holds them."""

from dataclasses import dataclass
from typing import Any, ClassVar, cast

from fhir_mappings.model.json import Tree
from service.clients.server import Exchange, Server
from service.loop.look import each


@dataclass(frozen=True)
class Placer:
    """A running placer: its FHIR base, its token, and the rig's own doors."""

    name: ClassVar[str]
    at_rest: ClassVar[dict[str, object]]

    base: str
    token: str

    def server(self, log: list[Exchange] | None = None) -> Server:
        return Server(self.base, self.token, who=self.name, log=[] if log is None else log)

    def set(self, **settings: object) -> None:
        """Plant faults; the rig's source says which there are."""
        with self.server() as server:
            told = cast("Any", {**self.at_rest, **settings})
            assert server.post(f"{self._rig}/settings", told).status == 200

    def rest(self) -> None:
        """Take all planted faults back."""
        self.set()

    def exchanges(self) -> list[Tree]:
        """Every request that came here: method, url below the base, status (0: lost), body."""
        with self.server() as server:
            return each(server.get(f"{self._rig}/log").tree, "exchanges")

    @property
    def _rig(self) -> str:
        return self.base.removesuffix("/fhir") + "/_rig"


class Medplum(Placer):
    """Medplum's router: faults `transactions`, `drop`, `refuse` (server.mjs)."""

    name = "Medplum"
    at_rest: ClassVar[dict[str, object]] = {"drop": [], "refuse": [], "transactions": True}


class Hapi(Placer):
    """HAPI's JPA server: faults `echo`, `lose` of POSTs that hold the text `about` (Wire.java)."""

    name = "HAPI"
    at_rest: ClassVar[dict[str, object]] = {"about": "", "echo": 0, "lose": 0}
