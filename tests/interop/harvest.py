"""Gather what our service emits around a whole run: said in the stories, sent, read, refused."""

from collections.abc import Iterator
from typing import Final

from fhir_mappings.model.json import Json, Tree, members
from service.cli.scene import Scene
from service.clients.server import Answer, Server
from service.loop.look import each, resources, said
from tests.interop.rig import Placer

Seen = tuple[str, Tree]

KNOCKS: Final[tuple[tuple[str, str, Json], ...]] = (
    ("GET", "Nonsense", None),
    ("GET", "Observation/nobody", None),
    ("GET", "Task/nobody", None),
    ("GET", "Task?nonsense=1", None),
    ("GET", "Task?_lastUpdated=yesterday", None),
    ("DELETE", "Task/nobody", None),
    ("POST", "", {"resourceType": "Bundle", "type": "collection"}),
    ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": {}}]}),
    ("POST", "Patient", {"resourceType": "Patient", "gender": "bogus", "unknown": 1, "name": []}),
    ("POST", "Patient", {"resourceType": "Task"}),
    ("PUT", "Patient/one", {"resourceType": "Patient", "id": "other"}),
    ("PUT", "Task/nobody", {"resourceType": "Task", "id": "nobody"}),
    ("POST", "AppointmentResponse", {"resourceType": "AppointmentResponse"}),
    ("POST", "Task/nobody/$tpi-review", {"resourceType": "Parameters"}),
    ("POST", "Appointment/nobody/$tpi-arrive", {"resourceType": "Parameters"}),
)
"""Requests that are refused, each for a reason of its own: method, path, body."""


def harvest(stands: Scene, placer: Placer, *, since: int) -> Iterator[Seen]:
    """Yield (where it was seen, resource) of everything that carries a resourceType.

    `since` is how many requests had come to the placer before the run.
    """
    for where, body in _everything(stands, placer, since):
        if "resourceType" in body:
            yield where, body


def _everything(stands: Scene, placer: Placer, since: int) -> Iterator[Seen]:
    cast = stands.cast
    for one in list(cast.log):
        if one.url.startswith(cast.placer.base):
            yield f"{one.status} {one.method} {one.url}", members(one.received)
    for one in placer.exchanges()[since:]:
        yield f"to {placer.name}: {one['method']} {one['url']}", members(one["body"])
    statement = cast.placer.get("metadata").tree
    yield "metadata", statement
    for server in (cast.placer, cast.clinician, cast.scheduler):
        for row in each(statement, "rest", 0, "resource"):
            yield from _read_back(server, said(row, "type"))
        for method, path, body in KNOCKS:
            yield _named(f"{server.who}: {method} {path}", server.send(method, path, body))
    with Server(cast.placer.base, "", who="a stranger", log=[]) as stranger:
        yield _named("a stranger: GET Task", stranger.get("Task"))


def _read_back(server: Server, rtype: str) -> Iterator[Seen]:
    """Search a type, then read the first few by their own address, and as they once were."""
    found = server.get(f"{rtype}?_count=20").tree
    yield f"{server.who}: search {rtype}", found
    for one in resources(found)[:3]:
        path = f"{rtype}/{said(one, 'id')}"
        yield _named(f"{server.who}: read {path}", server.get(path))
        yield _named(f"{server.who}: vread {path}", server.get(f"{path}/_history/1"))
        yield _named(f"{server.who}: history {path}", server.get(f"{path}/_history"))


def _named(where: str, answer: Answer) -> Seen:
    return f"{answer.status} {where}", answer.tree
