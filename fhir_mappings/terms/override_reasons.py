"""Why a finding is overridden: the codes of `{tpi}/CodeSystem/override-reason` (PROTOCOL §10)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

DISPLAY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "treated": "Treated meanwhile",
        "risk-accepted": "Risk weighed and accepted",
        "data-outdated": "The data are out of date",
        "data-wrong": "The data are wrong",
        "specialist-advice": "A specialist advised so",
        "other": "Another reason",
    }
)
