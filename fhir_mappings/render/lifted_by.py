"""What would lift a finding, in words for people and as extensions for programs.

Source: PROTOCOL §10, DetectedIssue; the extension is ours (docs/decisions/0018).
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from fhir_mappings.model.finding import Finding
from fhir_mappings.model.json import Json
from fhir_mappings.model.lift import Datum, Decision, Lift, Stopped, Time, Wanted
from fhir_mappings.terms import systems

_WANTED: Final = {
    Wanted.ENTRY: "Wanted: {path}, or the word that there is none.",
    Wanted.ELEMENT: "Wanted: {path}.",
    Wanted.NAMED: "Wanted: {path} that names one of {sets}{age}.",
    Wanted.CODE: "Wanted: a code or words that can be understood at {path}{at}.",
    Wanted.STATUS: "Wanted: {path}{at}, to say whether it is still so.",
    Wanted.VALUE: "Wanted: a number with its unit and its date at {path}{at}.",
    Wanted.RESULT: "Wanted: a new result of one of {sets}{age}.",
    Wanted.RESOURCE: "Wanted: what {path}{at} refers to.",
    Wanted.BIRTH_DATE: "Wanted: the whole birth date.",
    Wanted.TEXT: "Wanted: the texts of {path}{at} in fewer words.",
}


def for_scheduler(finding: Finding) -> str:
    """Say what a scheduler reads of it: until when to wait, and whose word ends the waiting."""
    told = [one for one in finding.lifts if not isinstance(one, Datum)]
    return " ".join([finding.scheduler, *map(sentence, told)])


def for_referrer(finding: Finding) -> str:
    """Say what a referrer reads of it: what to send, and what a day would change."""
    return " ".join([finding.referrer, *without_us(finding)])


def without_us(finding: Finding) -> Iterator[str]:
    """Yield a sentence for each way to lift a finding that needs no word of the clinic."""
    yield from (sentence(one) for one in finding.lifts if not isinstance(one, Decision))


def sentence(lift: Lift) -> str:
    """Say one thing that would lift a finding."""
    match lift:
        case Datum():
            return _datum(lift)
        case Decision():
            return _decision(lift)
        case Time():
            return _time(lift)
        case Stopped():
            return _stopped(lift)


def lifted_by(lifts: Iterable[Lift]) -> list[Json]:
    """Return an extension for each thing that would lift a finding."""
    return [
        {"url": systems.EXT_LIFTED_BY, "extension": [*_parts(one), _text("text", sentence(one))]}
        for one in lifts
    ]


def _datum(datum: Datum) -> str:
    age = "" if datum.within_days is None else f", at most {datum.within_days} days old"
    return _WANTED[datum.wanted].format(
        path=datum.path,
        at=f" ({datum.reference})" if datum.reference else "",
        sets=" or ".join(datum.sets),
        age=f"{age} on the planned day" if age else "",
    )


def _decision(decision: Decision) -> str:
    who = " or a ".join(decision.roles)
    if decision.by_approval:
        return f"A {who} may approve it."
    return f"Only a {who} may override it, with a reason."


def _time(time: Time) -> str:
    what = "an approval is enough" if time.eased else "it no longer stands"
    if time.known:
        return f"From {_day(time.first)} {what}, by time alone{_but(time)}."
    return f"Screened on {_day(time.first)} or later, {what} if nothing else changes{_but(time)}."


def _stopped(stopped: Stopped) -> str:
    drugs = " and ".join(stopped.what) or "The drug"
    so = "as recorded, last taken" if stopped.told else "if last taken"
    what = ", an approval is then enough" if stopped.eased else ""
    return f"{drugs}, {so} on {_day(stopped.on)}: from {_day(stopped.first)}{what}{_but(stopped)}."


def _but(lift: Time | Stopped) -> str:
    until = f", until {_day(lift.last)}" if lift.last else ""
    titles = ", ".join(one.title for one in lift.instead)
    return f"{until}; what stands that day instead: {titles}" if titles else until


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _parts(lift: Lift) -> Iterator[Json]:
    """Yield the same for a program."""
    match lift:
        case Datum():
            yield _code("kind", "datum")
            yield _code("wanted", lift.wanted.value)
            yield _text("path", lift.path)
            if lift.reference:
                yield {"url": "resource", "valueReference": {"reference": lift.reference}}
            yield from (_text("value-set", one) for one in lift.sets)
            if lift.within_days is not None:
                yield {"url": "within-days", "valueInteger": lift.within_days}
        case Decision():
            yield _code("kind", "approval" if lift.by_approval else "override")
            yield from (_code("role", one.value) for one in lift.roles)
        case Time():
            yield _code("kind", "time")
            yield {"url": "known-today", "valueBoolean": lift.known}
            yield from _dated(lift)
        case Stopped():
            yield _code("kind", "stopped")
            yield {"url": "last-taken", "valueDate": f"{lift.on}"}
            yield {"url": "recorded", "valueBoolean": lift.told}
            yield from _dated(lift)


def _dated(lift: Time | Stopped) -> Iterator[Json]:
    yield {"url": "from", "valueDate": f"{lift.first}"}
    if lift.last:
        yield {"url": "until", "valueDate": f"{lift.last}"}
    yield {"url": "eased", "valueBoolean": lift.eased}
    yield from (_code("instead", one.rule) for one in lift.instead)


def _code(name: str, code: str) -> Json:
    return {"url": name, "valueCode": code}


def _text(name: str, words: str) -> Json:
    return {"url": name, "valueString": words}
