"""After a run: is what was promised there, once, and right, on both sides?

Expectations are written from the promises alone (`Ledger`) and from what a FHIR server says; the
ways of the service's own code are not known here.
"""

from collections import Counter
from dataclasses import dataclass, field

from tests.chaos import at_clinic, at_placer
from tests.chaos.faults import Fault, Verdict
from tests.chaos.ledger import Ledger
from tests.chaos.sides import Clinic, There


@dataclass(kw_only=True)
class Judged:
    """What a run came to; `asked` counts what waits for a person, by why."""

    faults: list[Fault] = field(default_factory=list[Fault])
    orders: int = 0
    bookings: int = 0
    visits: int = 0
    proven: int = 0
    asked: Counter[str] = field(default_factory=Counter[str])

    def count(self, verdict: Verdict) -> int:
        """Count the faults of one kind."""
        return sum(one.verdict is verdict for one in self.faults)


def judge(ledger: Ledger, clinic: Clinic, there: There) -> Judged:
    """Hold both sides against what was promised."""
    found = [*at_clinic.faults(ledger, clinic), *at_placer.faults(ledger, clinic, there)]
    return Judged(
        faults=sorted(found),
        orders=sum(bool(one.taken) for one in ledger.orders),
        bookings=sum(bool(one.booked) for one in ledger.orders),
        visits=len(clinic.visits),
        proven=sum(one["state"] == "proven" for one in clinic.writebacks),
        asked=Counter(one["code"] for one in clinic.jobs if one["state"] == "needs-person"),
    )
