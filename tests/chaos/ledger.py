"""What was asked and what was promised: the side of the story that the checker holds us to."""

from dataclasses import dataclass, field
from typing import Any

Tree = dict[str, Any]


@dataclass
class Order:
    """One order on its way: each field is set when a 2xx answer had come for it.

    `stuck` names the step that was refused or never answered, empty where all went well.
    """

    number: str
    mrn: str
    family: str
    bundle: Tree = field(default_factory=dict[str, Any])
    sent: bool = False
    taken: str = ""
    """The id of the ServiceRequest at the clinic."""
    task: str = ""
    reviewed: tuple[str, ...] = ()
    """The DetectedIssues that were approved."""
    booked: str = ""
    arrived: str = ""
    visit: str = ""
    form: Tree = field(default_factory=dict[str, Any])
    performed: bool = False
    stuck: str = ""


@dataclass
class Ledger:
    """Every order of a run, and what the careful client met on its way."""

    orders: list[Order] = field(default_factory=list[Order])
    repeated: int = 0
    """Requests that were sent again because no answer came, or one that asks for it."""
    broken: list[str] = field(default_factory=list[str])
    """Answers of 500 and their like: a fault of ours, whatever came of the repeat."""
