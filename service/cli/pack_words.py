"""Words for what became of a rule, as a clinician reads them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_NOT_FOR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "variants": "not for this kind of injection",
        "siteValueSets": "not for this site",
        "notSiteValueSets": "not for this site, or the site is not known",
        "sex": "not for this sex",
        "ageMinYears": "not for somebody so young",
        "ageMaxYears": "not for somebody so old",
        "onlyWhen": "its condition on order or patient is not met",
        "preconditions": "what it presupposes is not recorded",
    }
)
_KEPT_OUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "status": "recorded, but not in a state that counts",
        "withinDays": "recorded, but too long ago",
        "olderThanDays": "recorded, but not long enough ago",
        "needsDate": "recorded, but without a date",
        "minCount": "recorded, but not often enough",
        "criticality": "recorded, but not of that criticality",
        "hints": "named in words that deny it or speak of another",
        "onlyWhen": "recorded, but the condition beside it is not met",
        "value": "measured, but not beyond the limit",
        "several": "recorded, but for more than one reason it does not count",
        "givesWayTo": "counted, but another rule tells of it, or it is too weak alone",
        "all": "there, but what must stand beside it is not",
        "none": "there: the rule asks whether it is missing",
    }
)
NOTHING: Final = "nothing of it is recorded"


def not_for(member: str) -> str:
    """Say why a rule is not for this order."""
    return _NOT_FOR.get(member, member)


def kept_out(member: str) -> str:
    """Say why what is recorded did not make a rule fire."""
    return _KEPT_OUT.get(member, member)
