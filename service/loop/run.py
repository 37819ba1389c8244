"""The six stories of the loop, each told as a clinician would and checked as it is told."""

from collections.abc import Callable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from fhir_mappings.model.json import Tree, text
from fhir_mappings.terms import systems
from service.loop import steps
from service.loop.cast import Cast, Step, Telling, expect, hold, told
from service.loop.look import at, each, said
from service.loop.payloads import payload
from service.loop.steps import Referred

Story = Callable[[Telling], None]


def tell_all(
    cast: Cast, *, begin: Callable[[str], None], hear: Callable[[Step], None]
) -> list[Telling]:
    """Tell the six stories in order.

    `begin` hears each title, `hear` each step as it comes true.

    Raises:
        NotAsTold: at the first step that is not as the story says.
    """
    first = clean_referral(_opened("A clean referral", cast, begin, hear))
    tellings = [first.telling]
    for title, story in STORIES.items():
        telling = _opened(title, cast, begin, hear)
        story(telling)
        tellings.append(telling)
    again = _opened("The same referral again", cast, begin, hear)
    the_same_again(again, first.referred)
    return [*tellings, again]


class Finished:
    """The first story and the referral that a later one sends again."""

    def __init__(self, telling: Telling, referred: Referred) -> None:
        self.telling = telling
        self.referred = referred


def clean_referral(telling: Telling) -> Finished:
    """Refer, propose, book, perform, and read the Procedure back at the placer's own server."""
    cast = telling.cast
    referred = _referred(telling, "clean-referral", "One")
    _stands(telling, referred, "accepted", "cleared")
    appointment = _booked(telling, referred)
    expect("the patient arrives", steps.arrive(cast, appointment), 200)
    hold("arrived", seen=steps.progress(cast, referred).business, wanted="arrived")
    telling.say("The patient is early and is welcome: arrived, screened again for the day.")
    visit = _performed(telling, referred, appointment, str(cast.new_id()))
    _proven(telling, referred, visit)
    return Finished(telling, referred)


def on_a_blood_thinner(telling: Telling) -> None:
    """Refer a patient who takes an anticoagulant: a person decides before anything is offered."""
    cast = telling.cast
    referred = _referred(telling, "anticoagulated-referral", "Two")
    _stands(telling, referred, "received", "in-review")
    findings = _findings(telling, referred)
    approve = payload("approve", cast.now().date())
    expect("the finding is approved", steps.review(cast, referred, approve, findings), 200)
    _stands(
        telling,
        referred,
        "accepted",
        "cleared",
        who="The reviewer approves, with what is done about it. ",
    )
    _booked(telling, referred)
    there = steps.wait_at_placer(cast, referred, "booked")
    telling.say(f"The Task at the EHR's own server says: {there.words}")


def infected(telling: Telling) -> None:
    """Refer a patient with an active infection: contraindicated, declined, and told why."""
    cast = telling.cast
    referred = _referred(telling, "active-infection-referral", "Three")
    _stands(telling, referred, "received", "contraindicated")
    _findings(telling, referred)
    decline = payload("decline", cast.now().date())
    reason = _reason_of(decline)
    expect("the referral is declined", steps.review(cast, referred, decline, []), 200)
    there = steps.wait_at_placer(cast, referred, "declined")
    hold("the Task at the EHR", seen=there.status, wanted="rejected")
    hold("the reason stands there", seen=reason in there.reason, wanted=True)
    telling.say(f"The reviewer declines. The EHR's own Task is rejected and says: {there.reason}")


def not_readable(telling: Telling) -> None:
    """Refer with a medicine that nobody can read: unknown is never clear."""
    referred = _referred(telling, "unreadable-medication-referral", "Four")
    _stands(telling, referred, "received", "in-review")
    _findings(telling, referred)


def started_after_booking(telling: Telling) -> None:
    """Book a patient, who then starts an anticoagulant: the visit waits for a person."""
    cast = telling.cast
    referred, appointment = booked_referral(telling, "clean-referral", "Five")
    started = payload("anticoagulant-started", cast.now().date(), {"patient": referred.patient})
    answer = cast.placer.post(text(started, "resourceType"), started)
    expect("the new medicine is taken in", answer, 201)
    telling.say("After the booking the EHR sends a new medicine of this patient.")
    here = steps.wait_here(cast, referred, "in-review", "the new medicine stops it")
    hold("paused", seen=here.status, wanted="on-hold")
    hold("the booking stays", seen=steps.status_of(cast, appointment), wanted="booked")
    telling.say(f"Back to review, the booking kept: {here.words}")
    refused = steps.perform(cast, visit_form(telling, referred, appointment, str(cast.new_id())))
    expect("no injection meanwhile", refused, 409)
    telling.say(f"Nobody can record an injection meanwhile: {told(refused)}")


def the_same_again(telling: Telling, first: Referred) -> None:
    """Send the first referral again, made anew: one referral, the same places."""
    again = steps.refer(telling.cast, steps.remade(first.bundle))
    hold("the same places", seen=set(again.locations), wanted=set(first.locations))
    hold("the same Task", seen=again.task, wanted=first.task)
    hold("said to be a repeat", seen="repeated" in again.notices, wanted=True)
    telling.say(
        "Sent again with new urns, in another order: the same places, the same Task, "
        "nothing done twice."
    )


STORIES: Final[dict[str, Story]] = {
    "A patient on a blood thinner": on_a_blood_thinner,
    "An active infection": infected,
    "A medicine that cannot be read": not_readable,
    "A blood thinner started after the booking": started_after_booking,
}


def booked_referral(telling: Telling, name: str, which: str) -> tuple[Referred, Tree]:
    """Refer a patient for whom nothing stands in the way, and book the first time offered."""
    referred = _referred(telling, name, which)
    return referred, _booked(telling, referred)


def _opened(
    title: str, cast: Cast, begin: Callable[[str], None], hear: Callable[[Step], None]
) -> Telling:
    begin(title)
    return Telling(title=title, cast=cast, hear=hear)


def _referred(telling: Telling, name: str, which: str) -> Referred:
    cast = telling.cast
    values = {
        "mrn": f"MRN-{cast.run}-{which}",
        "order": f"ORD-{cast.run}-{which}",
        "family": f"Muster-{which}",
    }
    bundle = payload(name, cast.now().date(), values)
    steps.hold_at_placer(cast, bundle)
    referred = steps.refer(cast, bundle)
    entries = len(each(bundle, "entry"))
    telling.say(
        f"{cast.placer.who} refers Muster-{which} for {_asked_for(bundle)}:"
        f" {entries} resources taken at once, Task {referred.task}."
    )
    return referred


def _asked_for(bundle: Tree) -> str:
    for entry in each(bundle, "entry"):
        if said(entry, "resource", "resourceType") == "ServiceRequest":
            words = said(entry, "resource", "code", "text")
            return words[:1].lower() + words[1:]
    return ""


def _stands(
    telling: Telling, referred: Referred, status: str, business: str, who: str = ""
) -> None:
    here = steps.progress(telling.cast, referred)
    hold("the stage", seen=(here.status, here.business), wanted=(status, business))
    telling.say(f"{who}Stage {business}: {here.words}")


def _findings(telling: Telling, referred: Referred) -> list[Tree]:
    findings = steps.open_findings(telling.cast, referred)
    hold("something waits for a decision", seen=bool(findings), wanted=True)
    for one in findings:
        why = "; ".join(said(row, "code", 0, "text") for row in each(one, "evidence"))
        telling.say(f"Finding: {said(one, 'code', 'text')} ({why}). {text(one, 'detail')}")
    return findings


def _booked(telling: Telling, referred: Referred) -> Tree:
    cast = telling.cast
    offered = steps.propose(cast, referred)
    telling.say(f"The scheduler proposes {', '.join(_when(one, cast.zone) for one in offered)}.")
    chosen = offered[0]
    steps.accept(cast, referred, chosen)
    hold("the Appointment", seen=steps.status_of(cast, chosen), wanted="booked")
    for other in offered[1:]:
        hold("the others are released", seen=steps.status_of(cast, other), wanted="cancelled")
    here = steps.progress(cast, referred)
    hold("the stage", seen=(here.status, here.business), wanted=("in-progress", "booked"))
    telling.say(f"The patient takes the first; the others are free again. {here.words}")
    return chosen


def _when(appointment: Tree, zone: str) -> str:
    """Say when an Appointment begins, by the clinic's clock."""
    start = datetime.fromisoformat(said(appointment, "start"))
    return f"{start.astimezone(ZoneInfo(zone)):%A %d %B %H:%M}"


def visit_form(telling: Telling, referred: Referred, appointment: Tree, visit: str) -> Tree:
    """Fill in the visit form: it begins and ends now, in the clinic's own offset."""
    cast = telling.cast
    now = cast.now().astimezone(ZoneInfo(cast.zone)).isoformat(timespec="milliseconds")
    return payload(
        "visit",
        cast.now().date(),
        {
            "appointment": text(appointment, "id"),
            "visit": visit,
            "order": referred.order,
            "patient": referred.patient,
            "practitioner": cast.practitioner,
            "location": cast.location,
            "start": now,
            "end": now,
        },
    )


def _performed(telling: Telling, referred: Referred, appointment: Tree, visit: str) -> str:
    cast = telling.cast
    form = visit_form(telling, referred, appointment, visit)
    expect("the visit is recorded", steps.perform(cast, form), 200)
    dose = each(form, "entry")[1]
    site = said(form, "entry", 0, "resource", "bodySite", 0, "text")
    amount = at(dose, "resource", "dosage", "dose", "value")
    unit = said(dose, "resource", "dosage", "dose", "unit")
    agent = said(dose, "resource", "contained", 0, "code", "text")
    lot = said(dose, "resource", "contained", 0, "batch", "lotNumber")
    telling.say(f"The clinician injects {site}: {agent}, {amount} {unit}, lot {lot}.")
    return visit


def _proven(telling: Telling, referred: Referred, visit: str) -> None:
    """Read at the placer's own server what the worker says it wrote there."""
    cast = telling.cast
    steps.wait_here(cast, referred, "written-back", "the write-back is proven")
    found = steps.at_placer(cast, "Procedure", systems.SID_VISIT, visit)
    hold("one Procedure at the EHR", seen=len(found), wanted=1)
    hold("its status", seen=text(found[0], "status"), wanted="completed")
    doses = steps.at_placer(cast, "MedicationAdministration", systems.SID_VISIT_DOSE, f"{visit}.1")
    hold("one dose at the EHR", seen=len(doses), wanted=1)
    telling.say(
        f"Written back and read back: Procedure/{text(found[0], 'id')} stands at"
        f" {cast.ehr.base}, with its dose. The Task is completed only now."
    )
    there = steps.wait_at_placer(cast, referred, "written-back")
    hold("the Task at the EHR", seen=there.status, wanted="completed")
    telling.say(f"The EHR's own Task is completed: {there.words}")


def _reason_of(decision: Tree) -> str:
    return next(
        said(one, "valueCodeableConcept", "text")
        for one in each(decision, "parameter")
        if said(one, "name") == "reason"
    )
