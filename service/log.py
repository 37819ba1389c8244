"""One JSON line per event, with keys from a closed list: no patient ever stands in a log.

SECURITY §5 is the rule and the list. An event is named `noun.verb`; a key that is not on the list
is dropped and counted, and in the tests a drop fails the run. What libraries log is not ours to
trust: their messages hold URLs with queries, arguments and parser texts, so only the library, the
level and an exception's class and frames come through. uvicorn is run with `log_config=None`.
"""

import logging
import re
import sys
import traceback
from collections import Counter
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, BinaryIO, Final, TypeAlias
from uuid import UUID

import msgspec
import stamina.instrumentation
import structlog
from structlog.typing import FilteringBoundLogger

KEYS: Final = frozenset(
    {
        "event",
        "level",
        "ts",
        "service",
        "version",
        "request_id",
        "trace_id",
        "route",
        "method",
        "status",
        "duration_ms",
        "tenant",
        "client",
        "actor_role",
        "referral_id",
        "task_id",
        "job_id",
        "attempt",
        "stage",
        "from",
        "to",
        "rule_id",
        "pack",
        "problem",
        "count",
        "size",
        "placer",
    }
)
"""SECURITY §5.1, literally. A new key is added there first."""

dropped: Final[Counter[str]] = Counter()
"""How often each key that is not on the list was given; empty in a healthy program."""

_Event: TypeAlias = MutableMapping[str, Any]
_Raised: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]

_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
_UNNAMED: Final = "event.unnamed"
_LONGEST: Final = 400
_ENCODE: Final = msgspec.json.Encoder().encode
_MUTED: Final = ("httpx2", "httpcore2", "asyncpg", "litestar", "asyncio", "uvicorn")
_SILENT: Final = ("uvicorn.access",)


def configure(*, service: str, version: str, stream: BinaryIO | None = None) -> None:
    """Set up logging for this process: structlog, the libraries', stamina's hook."""
    out: BinaryIO = stream or sys.stdout.buffer
    structlog.contextvars.clear_contextvars()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _Named(service, version),
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            _exception,
            _listed,
            _line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(file=out),
    )
    stamina.instrumentation.set_on_retry_hooks([_retry])
    _listen_to_libraries()


def logger() -> FilteringBoundLogger:
    """Return the logger of a module; what is bound per request or job comes by contextvars."""
    found: FilteringBoundLogger = structlog.get_logger()
    return found


def told(fault: BaseException) -> str:
    """Say an exception by its class and frames: no text, no locals, no values."""
    frames = traceback.extract_tb(fault.__traceback__)
    places = [f"{one.filename.rsplit('/', 2)[-1]}:{one.lineno} {one.name}" for one in frames]
    return " < ".join([type(fault).__qualname__, *reversed(places)])[:_LONGEST]


class _Named:
    """Says in each line which program speaks."""

    def __init__(self, service: str, version: str) -> None:
        self._of = {"service": service, "version": version}

    def __call__(self, _logger: object, _method: str, event: _Event) -> _Event:
        event.update(self._of)
        return event


def _exception(_logger: object, _method: str, event: _Event) -> _Event:
    """Turn `exc_info` into the class and the frames, beside our own code where there is one."""
    raised = event.pop("exc_info", None)
    fault = _fault(raised)
    if fault is not None:
        event["problem"] = f"{event.get('problem', '')} {told(fault)}".strip()
    return event


def _fault(raised: BaseException | _Raised | bool | None) -> BaseException | None:  # noqa: FBT001 - logging's own argument
    if isinstance(raised, BaseException):
        return raised
    if isinstance(raised, tuple):
        return raised[1]
    return sys.exc_info()[1] if raised else None


def _listed(_logger: object, _method: str, event: _Event) -> _Event:
    """Keep the listed keys; count the others away. An event that is no name loses its text."""
    strange = event.keys() - KEYS
    dropped.update(strange)
    kept = {key: _plain(value) for key, value in event.items() if key not in strange}
    if not _NAME.fullmatch(str(kept.get("event", ""))):
        dropped["event"] += 1
        kept["event"] = _UNNAMED
    return kept


def _plain(value: object) -> str | int | float | bool | None:
    """Let numbers and short texts through; of anything else the type."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (str, UUID)):
        return str(value)[:_LONGEST]
    return type(value).__name__


def _line(_logger: object, _method: str, event: _Event) -> bytes:
    return _ENCODE(event)


def _retry(details: stamina.instrumentation.RetryDetails) -> None:
    """Say that a flow runs again. stamina's own hook logs every argument and the error's text."""
    logger().warning(
        "flow.retried", attempt=details.retry_num, problem=type(details.caused_by).__qualname__
    )


class _Libraries(logging.Handler):
    """Says that a library said something: which one, how loud, what was raised."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on the record without its message."""
        logger().log(
            record.levelno,
            f"library.{record.name.split('.', 1)[0].lower()}",
            exc_info=record.exc_info,
        )


def _listen_to_libraries() -> None:
    root = logging.getLogger()
    for standing in [one for one in root.handlers if isinstance(one, _Libraries)]:
        root.removeHandler(standing)
    root.addHandler(_Libraries())
    root.setLevel(logging.WARNING)
    for name in _MUTED:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _SILENT:
        logging.getLogger(name).disabled = True
