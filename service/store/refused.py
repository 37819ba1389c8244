"""What PostgreSQL's refusals mean: by SQLSTATE and the constraint's name, never by its text.

Known ones become `Refused`, those that a second run of the flow heals `Again`; every other error
is a fault of ours and goes on as it is (a 500 without detail).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import asyncpg

from fhir_mappings.problems import Code, Problem, Refused

CONSTRAINTS: Final[Mapping[str, Code]] = MappingProxyType(
    {
        "hold_no_overlap_practitioner": Code.WINDOW_TAKEN,
        "hold_no_overlap_location": Code.WINDOW_TAKEN,
        "hold_no_overlap_patient": Code.PATIENT_BOOKED,
        "open_window_no_overlap": Code.SCHEDULE_OVERLAP,
        "placer_name": Code.PLACER_KNOWN,
        "cds_client_issuer": Code.ISSUER_KNOWN,
    }
)
"""Name of a constraint → what it keeps."""

AGAIN_CONSTRAINTS: Final = ("resource_key", "referral_order")
"""Another flow wrote the same key first: the flow reads it when it runs again."""

_AGAIN: Final = frozenset({"40001", "40P01"})  # serialization, deadlock
_BUSY: Final = frozenset({"55P03", "57014"})  # lock and statement time-out
_AWAY: Final = frozenset(
    {
        "25006",  # read-only: a fail-over led us to a standby
        "53000",
        "53100",  # disk full: the statement is lost, the server stands
        "53200",
        "53300",  # out of connections
        "57P01",
        "57P02",
        "57P03",
        "57P05",
    }
)
_CONNECTION_CLASS: Final = "08"

FAULTS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,  # TimeoutError is one
)
"""What a call to the database may raise; a killed server shows as several of them."""


class Again(Refused):
    """A refusal that goes when the whole flow runs again; 503 where nobody runs it again."""

    def __init__(self) -> None:
        super().__init__(Problem(Code.BUSY))


def translated(fault: Exception, *, closed: bool) -> Exception:
    """Say what a database fault is to the caller; an unknown one comes back as it is.

    `closed` is whether the connection is gone: asyncpg tells the second call on a lost one with
    the same InterfaceError as a misuse.
    """
    if isinstance(fault, asyncpg.PostgresError):
        return _of_state(fault)
    if closed or isinstance(fault, (OSError, asyncpg.InternalClientError)):
        return Refused(Problem(Code.DATABASE_AWAY))
    return fault


def lost(fault: Exception, *, closed: bool) -> Exception:
    """Say what a fault of COMMIT is: unless the server refused it in words, nobody knows."""
    unknown = Refused(Problem(Code.CONFIRMATION_LOST))
    told = translated(fault, closed=closed)
    if not isinstance(fault, asyncpg.PostgresError):
        return unknown
    return unknown if _state(fault)[:2] in {"57", _CONNECTION_CLASS} else told


def _of_state(fault: asyncpg.PostgresError) -> Exception:
    state, name = _state(fault), fault.constraint_name or ""
    if state in _AGAIN or (state == "23505" and name in AGAIN_CONSTRAINTS):
        return Again()
    if state in _BUSY:
        return Refused(Problem(Code.BUSY))
    if state in _AWAY or state.startswith(_CONNECTION_CLASS):
        return Refused(Problem(Code.DATABASE_AWAY))
    kept = CONSTRAINTS.get(name)
    return Refused(Problem(kept)) if kept else fault


def _state(fault: asyncpg.PostgresError) -> str:
    return fault.sqlstate or ""
