"""The checker can fail: one small run without a strike, then one doctored row after the other."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from service.store.embedded import Running
from tests.chaos.checker import Judged, judge
from tests.chaos.faults import VISIT, Verdict
from tests.chaos.ledger import Ledger, Order
from tests.chaos.referrals import STORIES, Lane
from tests.chaos.report import Log
from tests.chaos.settle import settle
from tests.chaos.sides import ask, read_clinic, read_there
from tests.chaos.stage import Stage, standing

pytestmark = pytest.mark.timeout(240)

Tree = dict[str, Any]
STAY_BOOKED = 2
GONE, DOUBLED, CHANGED, STRANGE, LOST, UNPROVEN = VISITS = (
    "gone",
    "doubled",
    "changed",
    "strange",
    "lost",
    "unproven",
)
"""One order each, by what is done to it; two more stay booked."""


@dataclass
class Run:
    """One run, judged as it was and as it was doctored."""

    before: Judged
    orders: dict[str, Order]
    after: Judged = field(default_factory=Judged)

    def named(self, doctored: str) -> set[tuple[Verdict, str]]:
        """What the checker says of the order that this was done to."""
        number = self.orders[doctored].number
        return {
            (one.verdict, one.what.removeprefix(f"{number}: "))
            for one in self.after.faults
            if one.what.startswith(f"{number}: ")
        }


@pytest.fixture(scope="module")
def run(postgres: Running, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return asyncio.run(_run(postgres, tmp_path_factory.mktemp("chaos")))


async def _run(postgres: Running, folder: Path) -> Run:
    sandbox = {"DATABASE_URL": postgres.url("postgres")}
    name = f"t_{os.getpid()}_chaos"
    ledger = Ledger()
    async with standing(postgres, folder, sandbox=sandbox, name=name) as stage:
        wanted = ["booked"] * STAY_BOOKED + list(VISITS)
        carried = await asyncio.gather(
            *(_carry(stage, ledger, lane, one) for lane, one in enumerate(wanted))
        )
        orders = dict(zip(wanted, carried, strict=True))
        await settle(stage, Log(folder / "log"))
        found = Run(before=await _judged(stage, ledger), orders=orders)
        await _doctor_rows(stage, orders, ledger)
        await asyncio.to_thread(_doctor_placer, stage, orders)
        found.after = await _judged(stage, ledger)
    return found


async def _carry(stage: Stage, ledger: Ledger, number: int, doctored: str) -> Order:
    seed = f"test {number}"
    lane = Lane(stage.cast(ledger, seed), ledger, seed, rest_seconds=0)
    story, visits = STORIES[doctored == CHANGED], doctored != "booked"
    return await asyncio.to_thread(lane.carry, story, visits=visits)


async def _judged(stage: Stage, ledger: Ledger) -> Judged:
    there = await asyncio.to_thread(read_there, stage.sandbox.base, stage.sandbox.token)
    return judge(ledger, await read_clinic(stage.database), there)


async def _doctor_rows(stage: Stage, orders: dict[str, Order], ledger: Ledger) -> None:
    conn = await asyncpg.connect(stage.database)
    try:
        await conn.execute("SET session_replication_role = replica")  # no key keeps us from it
        for statement, value in (
            ("DELETE FROM referral WHERE order_value = $1", orders[GONE].number),
            (_DOUBLE_A_MEDICATION, orders[DOUBLED].number),
            ("DELETE FROM review WHERE finding_rid = $1", orders[CHANGED].reviewed[0]),
            (_CANCEL, orders[CHANGED].booked),
            (_TAKE_PROOF_BACK, orders[UNPROVEN].visit),
            (_CHANGE_AUDIT, orders[STRANGE].number),
        ):
            assert await conn.execute(statement, value) != "UPDATE 0", statement
        for constraint in ("hold_no_overlap_practitioner", "hold_no_overlap_location"):
            await conn.execute(f"ALTER TABLE hold DROP CONSTRAINT {constraint}")
        booked = [one.booked for one in ledger.orders if not one.visit]
        await conn.execute(_OVERLAP, booked)
    finally:
        await conn.close()


_DOUBLE_A_MEDICATION = """
INSERT INTO resource (tenant, space, rtype, rid, vid, origin, body, digest, fingerprint, tokens,
                      refs, patient_rid, referral, updated_at)
SELECT tenant, space, rtype, 'doubled', vid, origin, body, digest, fingerprint, tokens,
       refs, patient_rid, referral, updated_at
  FROM resource
 WHERE rtype = 'MedicationStatement'
   AND patient_rid = (SELECT patient_rid FROM referral WHERE order_value = $1)
 LIMIT 1
"""
_CANCEL = "UPDATE proposal SET state = 'cancelled' WHERE id = $1::text::uuid"
_TAKE_PROOF_BACK = "UPDATE writeback SET state = 'uncertain' WHERE visit = $1::text::uuid"
_CHANGE_AUDIT = """
UPDATE audit SET what = 'nothing'
 WHERE referral = (SELECT id FROM referral WHERE order_value = $1)
"""
_OVERLAP = """
UPDATE hold SET starts = now(), ends = now() + interval '20 minutes',
                busy_until = now() + interval '30 minutes'
 WHERE id IN (SELECT hold_id FROM proposal WHERE id = ANY ($1::text[]::uuid[]))
"""


def _doctor_placer(stage: Stage, orders: dict[str, Order]) -> None:
    def there(method: str, path: str, body: Tree | None = None) -> Tree:
        return ask(stage.sandbox.base, stage.sandbox.token, method, path, body)

    def record(doctored: str) -> Tree:
        found = there("GET", f"Procedure?identifier={VISIT}%7C{orders[doctored].visit}")
        resource: Tree = found["entry"][0]["resource"]
        return resource

    def changed(doctored: str, change: Callable[[Tree], object]) -> None:
        tree = record(doctored)
        change(tree)
        there("PUT", f"Procedure/{tree['id']}", tree)

    nameless = record(DOUBLED)
    del nameless["identifier"], nameless["id"]
    there("POST", "Procedure", nameless)
    another = record(CHANGED)["subject"]
    changed(CHANGED, lambda tree: tree["bodySite"][0]["coding"][0].update(code="1"))
    changed(STRANGE, lambda tree: tree.update(subject=another))
    there("DELETE", f"Procedure/{record(LOST)['id']}")
    (copy,) = [
        one["resource"]
        for one in there("GET", "Task?_count=100")["entry"]
        if orders[DOUBLED].task in str(one["resource"]["identifier"])
    ]
    del copy["id"]
    there("POST", "Task", copy)


def test_a_run_without_a_strike_has_no_fault(run: Run) -> None:
    assert run.before.faults == []
    assert (run.before.orders, run.before.visits) == (len(run.orders) + 1, len(VISITS))
    assert run.before.proven == len(VISITS)


@pytest.mark.parametrize(
    ("doctored", "verdict", "what"),
    [
        (GONE, Verdict.LOST, "no referral"),
        (DOUBLED, Verdict.DOUBLED, "MedicationStatement"),
        (DOUBLED, Verdict.DOUBLED, "2 Procedures"),
        (DOUBLED, Verdict.DOUBLED, "2 Tasks at the placer"),
        (CHANGED, Verdict.LOST, "the decision on"),
        (CHANGED, Verdict.LOST, "its booking"),
        (CHANGED, Verdict.WRONG, "site at the placer"),
        (STRANGE, Verdict.WRONG, "its patient at the placer"),
        (LOST, Verdict.LOST, "proven, and not at the placer"),
        (UNPROVEN, Verdict.UNASKED, "its record at the placer"),
        (UNPROVEN, Verdict.WRONG, "its Task is completed"),
    ],
)
def test_what_is_doctored_is_named(run: Run, doctored: str, verdict: Verdict, what: str) -> None:
    named = run.named(doctored)

    assert any(one is verdict and said.startswith(what) for one, said in named), named


def test_a_changed_audit_and_two_bookings_at_one_time_are_named(run: Run) -> None:
    said = {(one.verdict, one.what.split(" ")[-1]) for one in run.after.faults}

    assert {(Verdict.WRONG, "changed"), (Verdict.DOUBLED, "overlap")} <= said


def test_nothing_is_named_but_what_was_doctored(run: Run) -> None:
    numbers = {order.number for order in run.orders.values()}
    others = [
        one
        for one in run.after.faults
        if not one.what.startswith(tuple(numbers)) and "audit" not in one.what
    ]

    assert [one.what.split(" ")[0] for one in others] == ["windows"]
