"""Schedule with its role, room and service → what windows are cut from.

Source: PROTOCOL §6 "Slots"; FHIR R4 schedule.html, practitionerrole.html, healthcareservice.html.
"""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fhir_mappings.model.json import Json, Tree, items, members, text
from fhir_mappings.model.window import Availability, Days, Hours, Schedule, Span
from fhir_mappings.problems import Code, Problem, Refused
from fhir_mappings.terms.systems import EXT_BUFFER_MINUTES, EXT_TIMEZONE, EXT_VISIT_MINUTES

_WEEK: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_HORIZON: Final = timedelta(days=731)
_LONGEST_VISIT: Final = 480
_OPEN_FROM, _OPEN_TO = date(1000, 1, 1), date(9998, 12, 31)  # an absence without start or end
_DAY_FORM, _MONTH_FORM, _YEAR_FORM = 10, 7, 4  # characters of a FHIR dateTime by precision
_WORKING: Final[Mapping[str, str]] = {
    "PractitionerRole": "active",
    "HealthcareService": "active",
    "Practitioner": "active",
}


def schedules(known: Mapping[str, Tree]) -> tuple[Schedule, ...]:
    """Read every Schedule among the clinic's resources (`Type/id` → tree), in order of id.

    Raises:
        Refused: `clinic-form` for each fault of any of them.
    """
    read: list[Schedule] = []
    faults: list[Problem] = []
    for name in sorted(one for one in known if one.startswith("Schedule/")):
        try:
            read.append(_schedule(name, known))
        except Refused as refusal:
            faults += refusal.problems
    if faults:
        raise Refused(*faults)
    return tuple(read)


def _schedule(name: str, known: Mapping[str, Tree]) -> Schedule:
    tree = known[name]
    actors = {
        rtype: _actor(tree, rtype, known)
        for rtype in ("Practitioner", "PractitionerRole", "Location", "HealthcareService")
    }
    resources = {rtype: known[reference] for rtype, reference in actors.items()}
    if text(resources["PractitionerRole"], "practitioner", "reference") != actors["Practitioner"]:
        raise _fault("Schedule.actor", "PractitionerRole of this Practitioner")
    return Schedule(
        rid=_rid(name),
        practitioner=_rid(actors["Practitioner"]),
        location=_rid(actors["Location"]),
        service=_rid(actors["HealthcareService"]),
        words=_words(tree, resources["HealthcareService"]),
        active=_works(tree, resources),
        availability=_availability(tree, resources),
    )


def _actor(schedule: Tree, rtype: str, known: Mapping[str, Tree]) -> str:
    named = [text(one, "reference") for one in items(schedule.get("actor"))]
    of_type = [one for one in named if one.startswith(f"{rtype}/")]
    if len(of_type) != 1 or of_type[0] not in known:
        raise _fault("Schedule.actor", f"one {rtype} of the clinic")
    return of_type[0]


def _words(schedule: Tree, service: Tree) -> str:
    for concept in items(schedule.get("serviceType")):
        if text(concept, "text"):
            return text(concept, "text")
    return text(service, "name")


def _works(schedule: Tree, resources: Mapping[str, Tree]) -> bool:
    return (
        schedule.get("active") is not False
        and text(resources["Location"], "status") in {"", "active"}
        and all(resources[rtype].get(flag) is not False for rtype, flag in _WORKING.items())
    )


def _availability(schedule: Tree, resources: Mapping[str, Tree]) -> Availability:
    role, service = resources["PractitionerRole"], resources["HealthcareService"]
    zone = _zone(schedule, resources["Location"])
    first, last = _horizon(schedule, zone)
    return Availability(
        zone=zone,
        first=first,
        last=last,
        visit_minutes=_minutes(service, EXT_VISIT_MINUTES, least=1, default=None),
        buffer_minutes=_minutes(service, EXT_BUFFER_MINUTES, least=0, default=0),
        hours=tuple(_hours(role)),
        closed=tuple(_closed(role, "PractitionerRole"))
        + tuple(_closed(service, "HealthcareService")),
    )


def _zone(schedule: Tree, location: Tree) -> str:
    for tree in (schedule, location):
        for extension in _extensions(tree, EXT_TIMEZONE):
            zone = text(extension, "valueCode")
            try:
                ZoneInfo(zone)
            except (ZoneInfoNotFoundError, ValueError):
                raise _fault("Schedule.extension", "IANA zone") from None
            return zone
    raise _fault("Schedule.extension", EXT_TIMEZONE)


def _horizon(schedule: Tree, zone: str) -> tuple[date, date]:
    horizon = schedule.get("planningHorizon")
    first = _day(text(horizon, "start"), zone)
    last = _day(text(horizon, "end"), zone)
    if first is None or last is None or last < first or last - first > _LONGEST_HORIZON:
        raise _fault("Schedule.planningHorizon", "start and end, at most two years")
    return first, last


def _day(value: str, zone: str) -> date | None:
    if len(value) == _DAY_FORM:
        return date.fromisoformat(value)
    if len(value) > _DAY_FORM:
        return datetime.fromisoformat(value).astimezone(ZoneInfo(zone)).date()
    return None


def _minutes(service: Tree, url: str, *, least: int, default: int | None) -> int:
    for extension in _extensions(service, url):
        value = extension.get("valueUnsignedInt")
        if isinstance(value, int) and least <= value <= _LONGEST_VISIT:
            return value
        raise _fault("HealthcareService.extension", url)
    if default is None:
        raise _fault("HealthcareService.extension", url)
    return default


def _hours(role: Tree) -> Iterator[Hours]:
    for at, block in enumerate(items(role.get("availableTime"))):
        where = f"PractitionerRole.availableTime[{at}]"
        days = [one for one in items(members(block).get("daysOfWeek")) if isinstance(one, str)]
        if not days:
            raise _fault(f"{where}.daysOfWeek", "the days meant")
        opens, closes = _of_day(block, where)
        yield Hours(
            weekdays=frozenset(_WEEK.index(one) for one in days), opens=opens, closes=closes
        )


def _of_day(block: Json, where: str) -> tuple[timedelta, timedelta]:
    if members(block).get("allDay") is True:
        return timedelta(), timedelta(days=1)
    opens, closes = text(block, "availableStartTime"), text(block, "availableEndTime")
    if not opens or not closes or closes <= opens:  # times of one form order as text
        raise _fault(f"{where}.availableEndTime", "a start, and an end after it on the same day")
    return _since_midnight(opens), _since_midnight(closes)


def _since_midnight(value: str) -> timedelta:
    hours, minutes, seconds = (int(one) for one in value[:8].split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _closed(tree: Tree, rtype: str) -> Iterator[Span | Days]:
    for at, absence in enumerate(items(tree.get("notAvailable"))):
        where = f"{rtype}.notAvailable[{at}].during"
        start, end = text(absence, "during", "start"), text(absence, "during", "end")
        if not start and not end:  # away, but nobody knows when: unknown is never free
            raise _fault(where, "a start or an end")
        yield _absence(start, end, where)


def _absence(start: str, end: str, where: str) -> Span | Days:
    """Read an absence by days or by instants; a day's end is that day, included."""
    if len(start) > _DAY_FORM and len(end) > _DAY_FORM:
        span = Span(start=_instant(start), end=_instant(end))
        if span.end > span.start:
            return span
    elif len(start) <= _DAY_FORM and len(end) <= _DAY_FORM:
        days = Days(
            first=_first_day(start) if start else _OPEN_FROM,
            last=_last_day(end) if end else _OPEN_TO,
        )
        if days.last >= days.first:
            return days
    raise _fault(where, "both as days or both as instants, the end after the start")


def _instant(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)


def _first_day(value: str) -> date:
    missing = {_DAY_FORM: "", _MONTH_FORM: "-01", _YEAR_FORM: "-01-01"}
    return date.fromisoformat(value + missing[len(value)])


def _last_day(value: str) -> date:
    if len(value) == _DAY_FORM:
        return date.fromisoformat(value)
    first = _first_day(value if len(value) == _MONTH_FORM else f"{value}-12")
    return first.replace(day=monthrange(first.year, first.month)[1])


def _extensions(tree: Tree, url: str) -> Iterator[Tree]:
    for extension in items(tree.get("extension")):
        if text(extension, "url") == url:
            yield members(extension)


def _rid(reference: str) -> str:
    return reference.partition("/")[2]


def _fault(expression: str, context: str) -> Refused:
    return Refused(Problem(Code.CLINIC_FORM, expression, context))
