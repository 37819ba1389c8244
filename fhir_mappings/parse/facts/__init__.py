"""Read a chart into facts: every entry of the patient, nothing judged, nothing dropped silently."""

from typing import Final

from fhir_mappings.model.chart import Chart
from fhir_mappings.model.fact import EmptyList, Entry, Facts, Loose, Person, Unread
from fhir_mappings.model.json import Held, Tree, items, members, text
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.when import Days
from fhir_mappings.parse.concepts import Naming, first_codes
from fhir_mappings.parse.dates import either
from fhir_mappings.parse.facts import medications
from fhir_mappings.parse.facts.elements import order_loose, said
from fhir_mappings.parse.facts.people import person
from fhir_mappings.parse.facts.source import Source
from fhir_mappings.parse.facts.times import abated, date_of, noted
from fhir_mappings.parse.facts.unread import forbidden
from fhir_mappings.parse.facts.whose import Whose, whose

_NOT_ENTRIES: Final = frozenset({"Patient", "ServiceRequest"})


def read(chart: Chart, pack: Pack) -> Facts:
    """Read everything of the chart that the pack looks at.

    References in the trees are relative ones of the space; `#id` leads inside its resource;
    anything else that the chart does not hold leads nowhere and is told as such. Entries of
    another person, and resources with a modifier extension or implicit rules, are named as
    unread (decisions 21 and 22). Contained resources are read like neighbours.
    """
    naming = Naming(
        aliases=pack.content.system_aliases, hierarchical=frozenset(pack.content.prefix_systems)
    )
    reading = _Reading(chart, pack, naming)
    for held in sorted(chart.entries, key=lambda one: one.identity):
        reading.take(held)
    return reading.facts()


class _Reading:
    """One pass over the chart, gathering what it finds."""

    def __init__(self, chart: Chart, pack: Pack, naming: Naming) -> None:
        self._chart, self._pack, self._naming = chart, pack, naming
        self._entries: list[Entry] = []
        self._unread: list[Unread] = []
        self._lists: list[EmptyList] = []
        patient = chart.patient
        self._person: Person | None = (
            person(patient, self._marks(patient.tree)) if patient else None
        )
        born = self._person.born if self._person else None
        self._born: Days | None = born.days if born else None

    def take(self, held: Held) -> None:
        """Read one resource, or say why not."""
        rtype = held.identity.rtype
        holds = bool(held.tree.get("contained"))
        if rtype in _NOT_ENTRIES or not (holds or rtype == "List" or rtype in self._pack.reads):
            return
        source = self._source(held)
        owner, loose = whose(source)
        if owner is Whose.OTHER:
            self._bar(held, "subject" if "subject" in held.tree else "patient")
        elif forbidden(held.tree):
            self._bar(held, forbidden(held.tree))
        else:
            self._keep(held, source, (loose,) if loose else ())
            self._take_contained(held)

    def _keep(self, held: Held, source: Source, loose: tuple[Loose, ...]) -> None:
        if source.rtype == "List":
            reference = str(held.identity)
            self._lists.append(_empty_list(reference, held.tree, self._marks(held.tree)))
        elif source.rtype in self._pack.reads:
            self._entries.append(self._entry(held, source, loose))

    def _bar(self, held: Held, element: str) -> None:
        path = f"{held.identity.rtype}.{element}"
        one = Unread(reference=str(held.identity), version=held.version, path=path)
        self._unread.append(one)

    def _take_contained(self, held: Held) -> None:
        """Read what a resource contains like a neighbour: its holder is its evidence."""
        for one in items(held.tree.get("contained")):
            tree = members(one)
            rtype, rid = text(tree, "resourceType"), text(tree, "id")
            if rtype in self._pack.reads and rtype not in _NOT_ENTRIES | {"Medication"}:
                root = f"{held.identity.rtype}.contained.where(id = '{rid}')"
                source = self._source(held, tree=tree, rtype=rtype, root=root)
                owner, loose = whose(source)
                if owner is not Whose.OTHER:
                    self._entries.append(self._entry(held, source, (loose,) if loose else ()))

    def facts(self) -> Facts:
        """Return what was found, with the order."""
        chart = self._chart
        source = self._source(chart.order)
        _, loose = whose(source)
        order = self._entry(chart.order, source, ((loose,) if loose else ()) + order_loose(source))
        self._take_contained(chart.order)
        for one in (chart.order, chart.patient):
            if one and forbidden(one.tree):
                self._bar(one, forbidden(one.tree))
        wished = either(chart.order.tree, "occurrence")
        return Facts(
            order=order,
            occurs=wished.days if wished else None,
            person=self._person,
            entries=tuple(sorted(self._entries, key=lambda one: one.key)),
            unread=tuple(self._unread),
            lists=tuple(self._lists),
        )

    def _source(
        self, held: Held, *, tree: Tree | None = None, rtype: str = "", root: str = ""
    ) -> Source:
        return Source(
            chart=self._chart,
            naming=self._naming,
            rtype=rtype or held.identity.rtype,
            tree=held.tree if tree is None else tree,
            root=root or held.identity.rtype,
            holder=held.tree,
        )

    def _marks(self, tree: Tree) -> dict[str, frozenset[str]]:
        return {one: first_codes(tree[one]) for one in self._pack.marked if one in tree}

    def _entry(self, held: Held, source: Source, loose: tuple[Loose, ...]) -> Entry:
        rtype, tree, reference = source.rtype, source.tree, str(held.identity)
        end, undated = abated(tree, self._born)
        taken = rtype in _MEDICATIONS
        return Entry(
            key=reference if tree is held.tree else f"{reference}#{text(tree, 'id')}",
            reference=reference,
            version=held.version,
            rtype=rtype,
            root=source.root,
            said=said(source, self._pack.reads[rtype]),
            marks=self._marks(tree),
            dated=date_of(rtype, tree, self._born),
            noted=noted(tree, self._born),
            abated=end,
            abated_undated=undated,
            use=medications.use(source) if taken else None,
            loose=loose + (medications.loose(source) if taken else ()),
        )


_MEDICATIONS: Final = frozenset(
    {
        *("MedicationStatement", "MedicationRequest"),
        *("MedicationAdministration", "MedicationDispense"),
    }
)


def _empty_list(reference: str, tree: Tree, marks: dict[str, frozenset[str]]) -> EmptyList:
    return EmptyList(
        reference=reference,
        rtype="List",
        marks=marks,
        codes=_all_codes(tree, "code"),
        reasons=_all_codes(tree, "emptyReason"),
    )


def _all_codes(tree: Tree, element: str) -> frozenset[str]:
    codings = items(members(tree.get(element)).get("coding"))
    return frozenset(code for one in codings if (code := text(one, "code")))
