"""The closed list of metrics of a process, and how Prometheus reads them.

Labels come from closed sets: a route's template, a method we know, a status, a rule of the content
pack. An address, an id or
a client is never one (SECURITY §5; the number of series stays small).
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Request(msgspec.Struct, frozen=True, order=True):
    """What is told of requests apart: route, method, status."""

    route: str
    method: str
    status: int


requests: Final[Counter[Request]] = Counter()
"""How many requests were answered since the process began."""
microseconds: Final[Counter[Request]] = Counter()
"""How long they took together."""

rule_failures: Final[Counter[str]] = Counter()
"""How often each rule of the content pack could not be carried out."""


def answered(*, route: str, method: str, status: int, seconds: float) -> None:
    """Count one request."""
    key = Request(route, method if method in METHODS else "other", status)
    requests[key] += 1
    microseconds[key] += round(seconds * 1_000_000)


def exposition() -> str:
    """Write all metrics in Prometheus' text format 0.0.4."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield "# TYPE tpi_requests_total counter"
    for key in sorted(requests):
        yield f"tpi_requests_total{_labels(key)} {requests[key]}"
    yield "# TYPE tpi_request_seconds_total counter"
    for key in sorted(microseconds):
        yield f"tpi_request_seconds_total{_labels(key)} {microseconds[key] / 1_000_000:.6f}"
    yield "# TYPE tpi_rule_failures_total counter"
    for rule in sorted(rule_failures):
        yield f'tpi_rule_failures_total{{rule="{rule}"}} {rule_failures[rule]}'


def _labels(key: Request) -> str:
    return f'{{route="{key.route}",method="{key.method}",status="{key.status}"}}'
