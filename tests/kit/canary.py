"""A canary in every text that a patient could be known by, and where it must never sing."""

import copy
import io
import json
import re
from dataclasses import dataclass, field
from typing import Final, cast

import httpx2

from service import telemetry
from tests.kit.database import Database, work_rows
from tests.kit.definitions import Resource, Value
from tests.kit.door import Door
from tests.kit.left_behind import addresses

CANARY: Final = "QxCanary7"
"""Letters and digits alone: it passes wherever an id, a name or a code does."""
MIRRORED: Final = "x-correlation-id"
"""Goes back to whoever sent it, and nowhere else."""
_NAMES: Final = frozenset(
    {
        *("reference", "url", "system", "fullUrl", "method", "ifNoneExist", "resourceType", "code"),
        *("status", "intent", "priority", "gender", "use", "type", "unit", "div", "profile", "id"),
    }
)
"""Members whose text is a code, an address or a form: a canary would only make them wrong."""
_DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}(T.*)?")


def with_canaries(bundle: Resource) -> Resource:
    """The same referral with a canary in every name, identifier, text, display and narrative."""
    changed: Resource = _sung(copy.deepcopy(bundle))
    for number, entry in enumerate(changed["entry"]):
        resource = entry["resource"]
        resource["text"] = {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{CANARY}n{number}</div>',
        }
        resource["extension"] = [
            {"url": "https://ehr.example/anything", "valueString": f"{CANARY}e{number}"}
        ]
        if resource["resourceType"] == "Patient":
            resource |= _PERSON
        for one in resource.get("identifier", ()):
            _renamed(entry, one["value"])
            one["value"] = f"{one['value']}-{CANARY}"
    return changed


_PERSON: Final[Resource] = {
    "birthDate": "1979-04-12",
    "telecom": [{"system": "email", "value": f"{CANARY}@mail.example"}],
    "address": [{"line": [f"{CANARY} street"], "city": CANARY, "postalCode": f"{CANARY}1"}],
    "contact": [{"name": {"family": CANARY}, "telecom": [{"system": "phone", "value": CANARY}]}],
    "photo": [{"contentType": "text/plain", "title": CANARY, "data": "YQ=="}],
}


def _renamed(entry: Resource, value: str) -> None:
    unless = entry["request"].get("ifNoneExist", "")
    if unless.endswith(value):
        entry["request"]["ifNoneExist"] = f"{unless}-{CANARY}"


def _sung(node: Value, name: str = "") -> Value:
    if type(node) is dict:
        tree = cast("Resource", node)
        return {
            key: value if key == "identifier" else _sung(value, key) for key, value in tree.items()
        }
    if type(node) is list:
        return [_sung(one, name) for one in cast("list[Value]", node)]
    if type(node) is not str or name in _NAMES or _DATE.fullmatch(node):
        return node
    return f"{node} {CANARY}"


@dataclass
class Traces:
    """What a program leaves behind, by the place where it lies."""

    log: io.BytesIO
    found: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def add(self, place: str, text: str | bytes) -> None:
        told = text.encode() if isinstance(text, str) else text
        self.found[place] = self.found.get(place, b"") + told + b"\n"

    async def collect(self, answer: httpx2.Response) -> None:
        """Keep what of an answer must be silent: all of a refusal, the addresses of any."""
        await answer.aread()
        said = [f"{name}: {value}" for name, value in answer.headers.items() if name != MIRRORED]
        self.add("headers", "\n".join(said))
        if answer.status_code >= httpx2.codes.BAD_REQUEST:
            self.add("error bodies", answer.content)
        elif answer.content:
            self.add("addresses", "\n".join(addresses(answer.json())))

    async def read_tables(self, database: Database) -> None:
        """Keep the rows of what is kept about work and who did it: codes, never words."""
        async with database.as_owner() as owner:
            for table, rows in (await work_rows(owner)).items():
                self.add(f"table {table}", rows)
            rows = await owner.fetch(
                "SELECT query FROM pg_stat_activity WHERE datname = current_database()"
            )
            self.add("pg_stat_activity", "\n".join(row[0] for row in rows))

    def read_logs(self, database: Database, since: int) -> None:
        self.add("log", self.log.getvalue())
        with database.server_log().open("rb") as lines:
            lines.seek(since)
            self.add("server log", lines.read())
        self.add("metrics", telemetry.exposition())

    def hits(self, canary: str = CANARY) -> list[str]:
        """Every line in which the canary sings, with its place."""
        return [
            f"{place}: {line.decode(errors='replace')[:300]}"
            for place, text in self.found.items()
            for line in text.splitlines()
            if canary.lower().encode() in line.lower()
        ]

    def __str__(self) -> str:
        sizes = {place: len(text) for place, text in self.found.items()}
        return f"{sum(sizes.values())} bytes searched: {json.dumps(sizes)}"


class WatchedDoor(Door):
    """A door whose every answer is kept for the search."""

    traces: Traces

    def client(self, who: str | None, **headers: str) -> httpx2.AsyncClient:
        client = super().client(who, **headers)
        client.event_hooks = {"response": [self.traces.collect]}
        return client


def watched(door: Door, traces: Traces) -> WatchedDoor:
    found = WatchedDoor(**vars(door))
    found.traces = traces
    return found
