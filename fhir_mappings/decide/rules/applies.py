"""Whether a rule is for this order and this patient at all.

Source: rules.md of the content pack, Rule (`appliesWhen`).
"""

from fhir_mappings.decide.rules.conditions import holds, sex
from fhir_mappings.decide.rules.match import matches
from fhir_mappings.decide.rules.scene import Scene, Site
from fhir_mappings.model.rule import AppliesWhen, Rule


def why_not(scene: Scene, rule: Rule) -> str:
    """Name the member of `appliesWhen` that keeps the rule from being evaluated, "" if none."""
    form = rule.applies_when
    if scene.variant not in form.variants:
        return "variants"
    return _site_not(scene.site, form) or _person_not(scene, form) or _rest_not(scene, rule)


def _site_not(site: Site, form: AppliesWhen) -> str:
    """An unknown site may be any: it matches `siteValueSets` and never `notSiteValueSets`."""
    away = site.known and site.names.isdisjoint(form.site_value_sets)
    if form.site_value_sets and away:
        return "siteValueSets"
    elsewhere = site.known and site.names.isdisjoint(form.not_site_value_sets)
    return "notSiteValueSets" if form.not_site_value_sets and not elsewhere else ""


def _person_not(scene: Scene, form: AppliesWhen) -> str:
    """A birth date that is missing or not sharp keeps a rule in when any age it allows does."""
    if form.sex and sex(scene) not in form.sex:
        return "sex"
    if form.age_min_years is None and form.age_max_years is None:
        return ""
    allowed = scene.ages
    if allowed is None:
        return ""
    youngest, oldest = allowed
    if form.age_min_years is not None and oldest < form.age_min_years:
        return "ageMinYears"
    if form.age_max_years is not None and youngest > form.age_max_years:
        return "ageMaxYears"
    return ""


def _rest_not(scene: Scene, rule: Rule) -> str:
    form = rule.applies_when
    if form.only_when is not None and not holds(scene, form.only_when):
        return "onlyWhen"
    met = (bool(matches(scene, one, rule.action).kept) for one in form.preconditions)
    return "" if all(met) else "preconditions"
