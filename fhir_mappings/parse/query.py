"""Search parameters → Asked: an allow-list; whatever is not offered is refused (SECURITY T30).

Source: FHIR R4 search.html; PROTOCOL §2.1 (strict unless lenient is asked), §9 (parameters,
paging); SECURITY L09. No received name or value is told back: a name may hold a patient's.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from fhir_mappings.model.query import Asked, Order, Position, Query, When
from fhir_mappings.parse.index import reference_token, relative, token
from fhir_mappings.parse.instants import interval
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.terms.search_parameters import SHARED, TABLE, Kind, Parameter

Pairs = Sequence[tuple[str, str]]

PARAMETERS_MOST: Final = 12  # L09
VALUES_MOST: Final = 20  # L09
PREFIXES: Final = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
ORDERS: Final[Mapping[str, Order]] = {
    "-_lastUpdated": Order.NEWEST,
    "_lastUpdated": Order.OLDEST,
    "_id": Order.ID,
    "-_id": Order.ID_DOWN,
}
CURSOR: Final = "_cursor"
IGNORED: Final = frozenset({"_format", "_pretty"})
TOTALS: Final[Mapping[str, bool]] = {
    "none": False,
    "estimate": False,
    "accurate": True,
    "count": True,
}
"""`_total`; fhirpy asks `_totalMethod=count` (TRAPS §3)."""

CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
"""What no value may hold: the database refuses U+0000, and U+001F joins lists on the way to it."""

_RID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_UNESCAPED_COMMA: Final = re.compile(r"(?<!\\)(?:\\\\)*,")
_BLANK_OFFSET: Final = re.compile(r"(?<=[0-9]) (?=[0-9]{2}:[0-9]{2}$)")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a page holds: where none is asked, and at most (SECURITY L09)."""

    usual: int = 20
    most: int = 100


class _Draft(msgspec.Struct):
    """A search while it is read."""

    each: list[str] = []
    any_of: list[tuple[str, ...]] = []
    narrow: bool = False
    ids: set[str] | None = None
    when: list[When] = []
    targets: list[str] = []
    order: Order = Order.NEWEST
    after: Position | None = None
    count: int | None = None
    total: bool = False
    control: set[str] = set()
    applied: list[tuple[str, str]] = []
    problems: list[Problem] = []
    dropped: int = 0


class Reader:
    """Reads searches of one type for callers who see certain spaces.

    `spaces` are those whose references a value may mean, empty for all (staff); `base` is our
    public FHIR base, under which an absolute reference is one of ours.
    """

    def __init__(self, rtype: str, *, spaces: Sequence[UUID], base: str) -> None:
        """Keep what every value needs."""
        self._rtype = rtype
        self._spaces = spaces
        self._base = base.rstrip("/") + "/"
        self._table = TABLE.get(rtype, {})

    def read(self, pairs: Pairs, page: Page, *, lenient: bool) -> Asked:
        """Read a search.

        Raises:
            Refused: `unknown-parameter`, `parameter-value`: each once per place, all together.
        """
        draft = _Draft()
        wanted = [pair for pair in pairs if pair[0] not in IGNORED]
        if len(wanted) > PARAMETERS_MOST:
            raise Refused(Problem(Code.PARAMETER_VALUE, context=f"at most {PARAMETERS_MOST}"))
        for name, value in wanted:
            self._take(draft, name, value, lenient=lenient)
        if draft.problems:
            raise Refused(*draft.problems)
        count = page.usual if draft.count is None else min(draft.count, page.most)
        return Asked(
            query=self._query(draft),
            count=count,
            total=draft.total or draft.count == 0,
            applied=tuple(self._applied(draft, count)),
            dropped=draft.dropped,
        )

    def _take(self, draft: _Draft, name: str, value: str, *, lenient: bool) -> None:
        try:
            if name in CONTROLS:
                _control(draft, name, value)
            else:
                self._criterion(draft, name, value)
        except Refused as refused:
            unknown = all(one.code is Code.UNKNOWN_PARAMETER for one in refused.problems)
            if lenient and unknown:
                draft.dropped += 1
            else:
                draft.problems.extend(refused.problems)
        else:
            draft.applied.append((name, value))

    def _criterion(self, draft: _Draft, name: str, value: str) -> None:
        bare, _, modifier = name.partition(":")
        values = _values(value)
        if bare == "_id" and not modifier:
            found = {one for one in values if _RID.fullmatch(one)}
            draft.ids = found if draft.ids is None else draft.ids & found
        elif bare == "_lastUpdated" and not modifier:
            draft.when.extend(_when("updated", draft, bare, values))
        elif bare in self._table:
            self._parameter(draft, bare, self._table[bare], modifier, values)
        else:
            raise Refused(Problem(Code.UNKNOWN_PARAMETER))

    def _parameter(
        self, draft: _Draft, name: str, row: Parameter, modifier: str, values: list[str]
    ) -> None:
        if modifier and not (row.kind is Kind.REFERENCE and modifier in row.targets):
            raise Refused(Problem(Code.UNKNOWN_PARAMETER, context=name))
        if row.kind is Kind.DATE:
            draft.when.extend(_when("at", draft, name, values))
            return
        group = tuple(
            found
            for value in values
            for found in (
                self._references(draft, name, row, modifier, value)
                if row.kind is Kind.REFERENCE
                else [self._token(name, row, value)]
            )
        )
        narrow = self._names_one(row, values)
        draft.narrow = draft.narrow or narrow
        if len(group) == 1:
            draft.each.append(group[0])
        else:
            draft.any_of.insert(0 if narrow else len(draft.any_of), group)

    def _names_one(self, row: Parameter, values: list[str]) -> bool:
        """Tell whether each value names one thing: an identifier, a patient, an order.

        Who owns or performs is one of few: many resources name it.
        """
        if row.kind is Kind.IDENTIFIER:
            return not any(one.endswith("|") for one in values)  # every number of a system
        if row.kind is not Kind.REFERENCE:
            return False
        types = [relative(_unescaped(one).removeprefix(self._base)) for one in values]
        return all(
            SHARED.isdisjoint([found.partition("/")[0]] if found else row.targets)
            for found in types
        )

    def _token(self, name: str, row: Parameter, value: str) -> str:
        system, bar, code = _split_bar(value)
        if bar and not system and not code:
            raise Refused(Problem(Code.PARAMETER_VALUE, context=name))
        exact = row.kind is Kind.IDENTIFIER
        if not bar:
            return token(self._rtype, name, None, system, exact=exact)
        return token(self._rtype, name, system, code, exact=exact)

    def _references(
        self, draft: _Draft, name: str, row: Parameter, modifier: str, value: str
    ) -> list[str]:
        written = _unescaped(value)
        target = relative(written.removeprefix(self._base))
        if target:
            targets = [target]
        elif _RID.fullmatch(written):
            targets = [f"{one}/{written}" for one in ([modifier] if modifier else row.targets)]
        elif "://" in written or written.startswith("urn:"):
            return [reference_token(self._rtype, name, None, written)]
        else:
            raise Refused(Problem(Code.PARAMETER_VALUE, context=name))
        draft.targets.extend(targets)
        spaces: Sequence[UUID | None] = self._spaces or [None]
        return [
            reference_token(self._rtype, name, space, one) for one in targets for space in spaces
        ]

    def _query(self, draft: _Draft) -> Query:
        return Query(
            rtype=self._rtype,
            each=tuple(dict.fromkeys(draft.each)),
            any_of=tuple(draft.any_of),
            narrow=draft.narrow,
            ids=None if draft.ids is None else tuple(sorted(draft.ids)),
            when=tuple(draft.when),
            targets=tuple(dict.fromkeys(draft.targets)),
            order=draft.order,
            after=draft.after,
        )

    def _applied(self, draft: _Draft, count: int) -> Iterable[tuple[str, str]]:
        """Yield the parameters as they count: a page size above the most is told as it is."""
        for name, value in draft.applied:
            yield (name, str(count)) if name == "_count" else (name, value)


def _control(draft: _Draft, name: str, value: str) -> None:
    shared = "_total" if name == "_totalMethod" else name
    if shared in draft.control:
        raise Refused(Problem(Code.PARAMETER_VALUE, context=name))
    draft.control.add(shared)
    CONTROLS[name](draft, name, value)


def _count(draft: _Draft, name: str, value: str) -> None:
    if not (value.isascii() and value.isdigit() and len(value) <= 9):  # noqa: PLR2004 - fits int4
        raise Refused(Problem(Code.PARAMETER_VALUE, context=name))
    draft.count = int(value)


def _sort(draft: _Draft, name: str, value: str) -> None:
    if value not in ORDERS:
        raise Refused(Problem(Code.PARAMETER_VALUE, context=name))
    draft.order = ORDERS[value]


def _total(draft: _Draft, name: str, value: str) -> None:
    if value not in TOTALS:
        raise Refused(Problem(Code.PARAMETER_VALUE, context=name))
    draft.total = TOTALS[value]


def _summary(draft: _Draft, name: str, value: str) -> None:
    if value == "count":
        draft.count = 0
    elif value != "false":
        # a part of a resource is not offered; to answer another part would be a lie
        raise Refused(Problem(Code.UNKNOWN_PARAMETER, context=name))


def _elements(_draft: _Draft, name: str, _value: str) -> None:
    raise Refused(Problem(Code.UNKNOWN_PARAMETER, context=name))


def _cursor(draft: _Draft, name: str, value: str) -> None:
    draft.after = position(value)
    if draft.after is None:
        raise Refused(Problem(Code.PARAMETER_VALUE, context=name))


CONTROLS: Final = {
    "_count": _count,
    "_sort": _sort,
    "_total": _total,
    "_totalMethod": _total,
    "_summary": _summary,
    "_elements": _elements,
    CURSOR: _cursor,
}
"""What concerns the answer and not what is found; each at most once."""


def cursor(place: Position) -> str:
    """Write a place as the text of a `next` link."""
    said = f"{place.at.isoformat()} {place.space} {place.rid}"
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def position(text: str) -> Position | None:
    """Read a place back; None where the text is not one of ours."""
    try:
        said = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        at, space, rid = said.decode("ascii").split(" ")
        moment = datetime.fromisoformat(at)
        place = Position(at=moment, space=UUID(space), rid=rid)
    except (binascii.Error, ValueError):
        return None
    return place if moment.tzinfo and _RID.fullmatch(rid) else None


def _when(what: str, draft: _Draft, name: str, values: list[str]) -> list[When]:
    group = len({one.group for one in draft.when})
    found: list[When] = []
    for value in values:
        prefixed = value[:2] in PREFIXES
        prefix, text = (value[:2], value[2:]) if prefixed else ("eq", value)
        meant = interval(_BLANK_OFFSET.sub("+", text))
        if meant is None:
            raise Refused(Problem(Code.PARAMETER_VALUE, context=name))
        found.append(When(what=what, group=group, prefix=prefix, start=meant[0], end=meant[1]))
    return found


def _values(value: str) -> list[str]:
    """Split at commas that are not escaped: of these one must match."""
    found, start = list[str](), 0
    for match in _UNESCAPED_COMMA.finditer(value):
        found.append(value[start : match.end() - 1])
        start = match.end()
    found.append(value[start:])
    if "" in found or len(found) > VALUES_MOST or CONTROL.search(value):
        raise Refused(Problem(Code.PARAMETER_VALUE))
    return found


def _split_bar(value: str) -> tuple[str, str, str]:
    """Split system and code at the first bar that is not escaped."""
    at = 0
    while at < len(value):
        if value[at] == "\\":
            at += 1
        elif value[at] == "|":
            return _unescaped(value[:at]), "|", _unescaped(value[at + 1 :])
        at += 1
    return _unescaped(value), "", ""


def _unescaped(value: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", value)
