"""A day that is asked what lies before it, and that knows until when its answers hold.

Every comparison of a date with the day of screening or the planned day is asked here. So a
screening knows of itself until which later day it would come out the same: nothing else reckons
with the day counts of a pack to say when a finding ends (docs/decisions/0018).
"""

import calendar
from datetime import date


class Day:
    """One day, and the last day on which everything answered so far would be answered the same."""

    __slots__ = ("at", "holds")

    def __init__(self, on: date) -> None:
        """Begin with nothing asked: that holds for ever."""
        self.at = on
        self.holds = date.max

    def after(self, other: date) -> bool:
        """Say whether this day lies after another: once it does, every later day does too."""
        if self.at > other:
            return True
        self.hold_to(other)
        return False

    def forget(self) -> date:
        """Begin to note anew, and return until when what was answered before holds."""
        holds, self.holds = self.holds, date.max
        return holds

    def hold_to(self, last: date) -> None:
        """Note that something that was answered on this day holds until another."""
        if last < self.holds:  # noqa: PLR1730 - min() costs twice as much, hundreds of times a screening
            self.holds = last

    def age(self, born: date) -> int:
        """Return the age in whole years; born on 29 February, the birthday may be 1 March."""
        had = (self.at.month, self.at.day) >= (born.month, born.day)
        following = _birthday(born, self.at.year + had)
        if following is not None:
            self.after(date.fromordinal(following.toordinal() - 1))
        return self.at.year - born.year - (not had)


def _birthday(born: date, year: int) -> date | None:
    """Return the birthday in a year, None beyond the end of the calendar."""
    if year > date.max.year:
        return None
    if (born.month, born.day) == (2, 29) and not calendar.isleap(year):
        return date(year, 3, 1)
    return date(year, born.month, born.day)
