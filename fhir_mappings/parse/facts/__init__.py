"""Read a chart into facts: every entry of the patient, nothing judged, nothing dropped silently."""

from collections.abc import Iterator
from typing import Final

from fhir_mappings.model.chart import Chart
from fhir_mappings.model.fact import EmptyList, Entry, Facts, Loose, Person, Unread
from fhir_mappings.model.json import Held, Tree, items, members, text
from fhir_mappings.model.pack import Pack
from fhir_mappings.model.when import Days
from fhir_mappings.parse.concepts import Naming, plain_codes
from fhir_mappings.parse.dates import either
from fhir_mappings.parse.facts import medications, references
from fhir_mappings.parse.facts.elements import said
from fhir_mappings.parse.facts.inside import inside
from fhir_mappings.parse.facts.people import person
from fhir_mappings.parse.facts.source import Source, sections
from fhir_mappings.parse.facts.times import abated, date_of, noted
from fhir_mappings.parse.facts.unread import forbidden
from fhir_mappings.parse.facts.whose import Whose, whose
from fhir_mappings.parse.nested import BOXES

_NOT_ENTRIES: Final = frozenset({"Patient", "ServiceRequest"})


def read(chart: Chart, pack: Pack) -> Facts:
    """Read everything of the chart that the pack looks at.

    References in the trees are relative ones of the space; `#id` leads inside its resource;
    anything else that the chart does not hold leads nowhere and is told as such. Entries of
    another person, and resources with a modifier extension or implicit rules, are named as
    unread (decisions 21 and 22). Contained resources and those of a Bundle that came as an entry
    are read like neighbours.
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
        """Read one resource and what it holds, or say why not."""
        rtype = held.identity.rtype
        if rtype in BOXES:
            self._take_inside(held)
            return
        holds = bool(held.tree.get("contained"))
        if rtype in _NOT_ENTRIES or not (holds or rtype == "List" or rtype in self._pack.reads):
            return
        source = self._source(held)
        owner, loose = whose(source)
        if owner is Whose.OTHER:
            self._bar(held, f"{rtype}.{'subject' if 'subject' in held.tree else 'patient'}")
        elif forbidden(held.tree):
            self._bar(held, f"{rtype}.{forbidden(held.tree)}")
        else:
            self._keep(held, source, (loose,) if loose else ())
            self._take_inside(held)

    def _keep(self, held: Held, source: Source, loose: tuple[Loose, ...]) -> None:
        self._lists += _lists_of(source, str(held.identity), self._marks(source.tree))
        if source.rtype in self._pack.reads:
            self._entries.append(self._entry(held, source, loose))

    def _bar(self, held: Held, path: str) -> None:
        one = Unread(reference=str(held.identity), version=held.version, path=path)
        self._unread.append(one)

    def _take_inside(self, held: Held) -> None:
        """Read what a resource contains, or a Bundle holds, like neighbours.

        Their holder is their evidence. What is another person's, or must not be read as it
        stands, is named as unread.
        """
        for inner in inside(held, self._source(held)):
            medication = inner.rtype == "Medication" and held.identity.rtype not in BOXES
            if inner.rtype in _NOT_ENTRIES or medication:
                continue
            owner, loose = whose(inner)
            if owner is Whose.OTHER:
                self._bar(held, inner.root)
            elif forbidden(inner.tree):
                self._bar(held, f"{inner.root}.{forbidden(inner.tree)}")
            else:
                self._keep(held, inner, (loose,) if loose else ())

    def facts(self) -> Facts:
        """Return what was found, with the order."""
        chart = self._chart
        source = self._source(chart.order)
        _, loose = whose(source)
        order = self._entry(chart.order, source, (loose,) if loose else ())
        self._take_inside(chart.order)
        for one in (chart.order, chart.patient):
            if one and forbidden(one.tree):
                self._bar(one, f"{one.identity.rtype}.{forbidden(one.tree)}")
        wished = either(chart.order.tree, "occurrence")
        return Facts(
            order=order,
            occurs=wished.days if wished else None,
            person=self._person,
            entries=tuple(sorted(self._entries, key=lambda one: one.key)),
            unread=tuple(self._unread),
            lists=tuple(self._lists),
        )

    def _source(self, held: Held) -> Source:
        rtype = held.identity.rtype
        return Source(
            chart=self._chart,
            naming=self._naming,
            rtype=rtype,
            tree=held.tree,
            root=rtype,
            holder=held.tree,
        )

    def _marks(self, tree: Tree) -> dict[str, frozenset[str]]:
        return {one: plain_codes(tree[one]) for one in self._pack.marked if one in tree}

    def _entry(self, held: Held, source: Source, loose: tuple[Loose, ...]) -> Entry:
        rtype, tree, reference = source.rtype, source.tree, str(held.identity)
        end, undated = abated(tree, self._born)
        taken = rtype in _MEDICATIONS
        return Entry(
            key=reference if tree is held.tree else f"{reference}#{source.root}",
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
            loose=loose + (medications.loose(source) if taken else references.loose(source)),
        )


_MEDICATIONS: Final = frozenset(
    {
        *("MedicationStatement", "MedicationRequest"),
        *("MedicationAdministration", "MedicationDispense"),
    }
)


def _lists_of(
    source: Source, reference: str, marks: dict[str, frozenset[str]]
) -> Iterator[EmptyList]:
    """Yield what may say that a list is empty: a List, and the sections of a Composition."""
    held = [source.tree] if source.rtype == "List" else []
    if source.rtype == "Composition":
        held = [section for _, section in sections(source)]
    for one in held:
        yield EmptyList(
            reference=reference,
            rtype=source.rtype,
            marks=marks,
            codes=_all_codes(one, "code"),
            reasons=_all_codes(one, "emptyReason"),
        )


def _all_codes(tree: Tree, element: str) -> frozenset[str]:
    codings = items(members(tree.get(element)).get("coding"))
    return frozenset(code for one in codings if (code := text(one, "code")))
