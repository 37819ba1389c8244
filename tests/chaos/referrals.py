"""Whole referrals, from the order to the visit, by a client that is careful and does not give up.

A careful client repeats the same bytes until it has an answer that says something. Half of its
requests carry an Idempotency-Key; the other half trust that the same act again changes nothing.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from random import Random
from typing import Final

from fhir_mappings.model.json import Json, Tree, text
from fhir_mappings.terms import systems
from service.clients.server import Answer, Exchange, Server, Unreachable
from service.loop import steps
from service.loop.cast import Cast, NotAsTold, Telling, expect
from service.loop.look import code_of, each, said
from service.loop.payloads import payload
from service.loop.run import visit_form
from service.loop.steps import Referred
from tests.chaos.ledger import Ledger, Order

STORIES: Final = ("clean-referral", "anticoagulated-referral")
LATER: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
PATIENCE_SECONDS: Final = 300.0
STAYS_BOOKED: Final = 0.2
"""The share of patients who are not yet here when the run ends: their windows stay taken."""
_REST_SECONDS: Final = 0.3
STEP_SECONDS: Final = 3.0
"""The longest time between two steps: eight lanes then bring a visit every two seconds, which two
workers can deliver at ten calls a second each (L10)."""


class Careful(Server):
    """A caller that repeats a request, byte for byte, until the answer says something."""

    def __init__(
        self, base: str, token: str, *, who: str, log: list[Exchange], ledger: Ledger, seed: str
    ) -> None:
        super().__init__(base, token, who=who, log=log)
        self._ledger = ledger
        self._chance = Random(seed)  # noqa: S311 - the same dice in every run

    def send(
        self,
        method: str,
        path: str,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Exchange one request for one answer that is not "later".

        Raises:
            Unreachable: patience is over.
        """
        keyed = method != "GET" and self._chance.random() < 0.5
        key = {"Idempotency-Key": f"{self._chance.getrandbits(64):x}"} if keyed else {}
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = super().send(method, path, body, {**(headers or {}), **key})
            except Unreachable:
                if time.monotonic() > until:
                    raise
            else:
                broken = answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
                if broken:
                    self._ledger.broken.append(f"{method} {path.partition('?')[0]}")
                if not (broken or _later(answer)) or time.monotonic() > until:
                    return answer
            self._ledger.repeated += 1
            time.sleep(_REST_SECONDS * (0.5 + self._chance.random()))


def _later(answer: Answer) -> bool:
    codes = {code_of(issue.get("details"), systems.PROBLEM) for issue in each(answer.tree, "issue")}
    return answer.status in LATER or "key-running" in codes


class Lane:
    """One referral after the other; `rest_seconds` is the longest time between two steps."""

    def __init__(
        self, cast: Cast, ledger: Ledger, seed: str, *, rest_seconds: float = STEP_SECONDS
    ) -> None:
        self._cast = cast
        self._ledger = ledger
        self._rest_seconds = rest_seconds
        self._chance = Random(seed)  # noqa: S311 - the same dice in every run
        self._number = 0

    async def run(self, going: Callable[[], bool]) -> None:
        """Carry referrals in a thread, until no more are wanted and the last is through."""
        await asyncio.to_thread(self._run, going)

    def _run(self, going: Callable[[], bool]) -> None:
        while going():
            visits = self._chance.random() >= STAYS_BOOKED
            self.carry(self._chance.choice(STORIES), visits=visits)
            self._wait()

    def carry(self, story: str, *, visits: bool) -> Order:
        """Carry one referral to its booking, or on to its visit."""
        self._number += 1
        mark = f"{self._cast.run}-{self._number}"
        order = Order(number=f"ORD-{mark}", mrn=f"MRN-{mark}", family=f"Muster-{mark}")
        self._ledger.orders.append(order)
        try:
            self._travel(order, story, visits=visits)
        except (NotAsTold, Unreachable) as stuck:
            order.stuck = str(stuck)
        self._cast.log.clear()
        return order

    def _travel(self, order: Order, story: str, *, visits: bool) -> None:
        cast = self._cast
        values = {"mrn": order.mrn, "order": order.number, "family": order.family}
        order.bundle = payload(story, cast.now().date(), values)
        steps.hold_at_placer(cast, order.bundle)
        order.sent = True
        referred = steps.refer(cast, order.bundle)
        order.taken, order.task = referred.order, referred.task
        self._wait()
        self._review(order, referred)
        appointment = self._book(order, referred)
        if not visits:
            return
        self._wait()
        expect("the patient arrives", steps.arrive(cast, appointment), 200)
        order.arrived = order.booked
        self._wait()
        self._review(order, referred)  # the day of the visit may have findings of its own
        self._perform(order, referred, appointment)

    def _review(self, order: Order, referred: Referred) -> None:
        findings = steps.open_findings(self._cast, referred)
        if findings:
            approve = payload("approve", self._cast.now().date())
            answer = steps.review(self._cast, referred, approve, findings)
            expect("the findings are approved", answer, 200)
            order.reviewed += tuple(text(one, "id") for one in findings)
            self._wait()

    def _book(self, order: Order, referred: Referred) -> Tree:
        chosen = self._chance.choice(steps.propose(self._cast, referred))
        self._wait()
        response: Tree = {
            "resourceType": "AppointmentResponse",
            "appointment": {"reference": f"Appointment/{text(chosen, 'id')}"},
            "actor": {"reference": f"Patient/{referred.patient}"},
            "participantStatus": "accepted",
        }
        answer = self._cast.placer.post("AppointmentResponse", response)
        expect("the proposal is accepted", answer, 200, 201)
        order.booked = text(chosen, "id")
        return chosen

    def _perform(self, order: Order, referred: Referred, appointment: Tree) -> None:
        telling = Telling(title=order.number, cast=self._cast, hear=lambda _: None)
        visit = str(self._cast.new_id())
        order.form = visit_form(telling, referred, appointment, visit)
        order.visit = said(order.form, "entry", 0, "resource", "identifier", 0, "value")
        expect("the visit is recorded", steps.perform(self._cast, order.form), 200)
        order.performed = True

    def _wait(self) -> None:
        """Let some time go by, so that strikes meet referrals at every step."""
        time.sleep(self._chance.random() * self._rest_seconds)
