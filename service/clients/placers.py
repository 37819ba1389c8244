"""The servers of our placers, each with its own token and its own way out."""

from pathlib import Path

from fhir_mappings.model.placer import Placer
from service.clients.breaker import Breaker
from service.clients.egress import Door, Egress
from service.clients.fhir import FhirServer


class Placers:
    """Hands out the client of a placer's server; built once per process.

    A token stands in a file that the placer's registration names. It is read once and kept, and
    read again when the server does not let us in: an operator who changes it restarts nothing.
    """

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self.breaker = Breaker()
        self._tokens: dict[str, str] = {}

    def server(self, placer: Placer) -> FhirServer:
        """Return the client of one placer's server, bound to that placer's origin and token."""
        door = Door(
            placer=placer.id,
            base=placer.base,
            internal=placer.internal,
            token=self._token(placer.token_file),
        )
        return FhirServer(self._egress, door)

    def renew(self, placer: Placer) -> bool:
        """Read the token again after a 401 or 403; True when it is another one (F20)."""
        before = self._tokens.pop(placer.token_file, "")
        return self._token(placer.token_file) != before

    async def aclose(self) -> None:
        """Close every connection."""
        await self._egress.aclose()

    def _token(self, file: str) -> str:
        if not file:
            return ""
        if file not in self._tokens:
            try:
                self._tokens[file] = Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                return ""  # the server says 401, and that is what an operator is told
        return self._tokens[file]
