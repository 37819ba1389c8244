"""A write, or a whole transaction, → exactly one flow.

A row of `FLOWS` says what a type's writes mean. One that would need two flows is refused; a batch
is run entry by entry. An interaction that no flow carries out yet is in no row, and so not in
`served` either: it is refused by name, never half done.
"""

from collections.abc import Sequence

from fhir_mappings.parse.bundle import Entry, Method
from fhir_mappings.problems import Code, Problem, Refused
from service.deps import Deps
from service.flows.store_resources import Done, StoreResources, store_resources
from service.http.exchange import Ask
from service.http.fhir.served import SERVED, Interaction

INTERACTION = {
    Method.POST: Interaction.CREATE,
    Method.PUT: Interaction.UPDATE,
    Method.DELETE: Interaction.DELETE,
    Method.PATCH: Interaction.PATCH,
}


async def write(deps: Deps, ask: Ask, entry: Entry) -> Done:
    """Carry out one write that came by itself.

    Raises:
        Refused: what the flow refuses; expressions are those of the resource, not of a Bundle.
    """
    try:
        (done,) = await transaction(deps, ask, (entry,))
    except Refused as refused:
        raise Refused(*(_alone(one, entry) for one in refused.problems)) from refused
    return done


async def transaction(deps: Deps, ask: Ask, entries: Sequence[Entry]) -> tuple[Done, ...]:
    """Carry out entries that stand or fall together.

    Raises:
        Refused: `not-supported` for each entry that is not offered; what the flow refuses.
    """
    problems = [
        Problem(Code.NOT_SUPPORTED, one.at, one.rtype) for one in entries if not _offered(one)
    ]
    if problems:
        raise Refused(*problems)
    return await store_resources(deps, ask.caller, StoreResources(entries=tuple(entries)))


def _offered(entry: Entry) -> bool:
    row = SERVED.get(entry.rtype)
    interaction = INTERACTION.get(entry.method)
    return row is not None and interaction in row.placer


def _alone(problem: Problem, entry: Entry) -> Problem:
    """Let an expression begin with the type, as it does for a resource that came by itself."""
    if not problem.expression.startswith("Bundle.entry[0]"):
        return problem
    rest = problem.expression.removeprefix(entry.at)
    expression = f"{entry.rtype}{rest}" if problem.expression.startswith(entry.at) else ""
    return Problem(problem.code, expression, problem.context)
