"""Whether the process lives and is ready (DECISIONS 7: on the public port too)."""

from service.deps import Deps
from service.http.exchange import Answer, Open, answer
from service.reads.health import ready
from service.telemetry import exposition

JSON = {"content-type": "application/json", "cache-control": "no-store"}


PROMETHEUS = {"content-type": "text/plain; version=0.0.4", "cache-control": "no-store"}


async def livez(_: Deps) -> Answer:
    """Say that the loop turns."""
    return answer(200, {"status": "live"}, JSON)


async def readyz(deps: Deps) -> Answer:
    """Say whether the database answers; 503 where it does not."""
    if await ready(deps):
        return answer(200, {"status": "ready"}, JSON)
    return answer(503, {"status": "database away"}, {**JSON, "retry-after": "5"})


async def metrics(_: Deps) -> Answer:
    """Tell the metrics of this process."""
    return Answer(status=200, body=exposition().encode(), headers=PROMETHEUS)


OPEN = (Open("/livez", livez), Open("/readyz", readyz))
"""What the public port answers too."""

OPEN_INSIDE = (*OPEN, Open("/metrics", metrics))
"""What the port for operators answers: figures are nobody else's business."""
