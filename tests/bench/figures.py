"""What was measured: one figure with its value in each repetition, its goal, and the table."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Bound = Literal["least", "most"]


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a figure is held to: at least, or at most, so much."""

    bound: Bound
    limit: float

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.bound == "least" else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.bound == 'least' else '≤'} {self.limit:g}"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table; `unit` is empty for a ratio."""

    what: str
    values: tuple[float, ...]
    unit: str = ""
    goal: Goal | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def holds(self) -> bool | None:
        """Whether the median keeps the goal; None where there is none."""
        return self.goal.holds(self.median) if self.goal else None

    def cells(self) -> tuple[str, str, str, str, str]:
        """Name, median, spread, goal, verdict."""
        unit = f" {self.unit}" if self.unit else ""
        low, high = _short(min(self.values)), _short(max(self.values))
        spread = f"{low} to {high}" if low != high else ""
        verdict = "" if self.holds is None else "yes" if self.holds else "**no**"
        return (
            self.what,
            f"{_short(self.median)}{unit}",
            spread,
            str(self.goal) if self.goal else "",
            verdict,
        )


def at_least(limit: float) -> Goal:
    return Goal(bound="least", limit=limit)


def at_most(limit: float) -> Goal:
    return Goal(bound="most", limit=limit)


def table(figures: Sequence[Figure]) -> str:
    """Write the figures as a table of Markdown."""
    head = ("what", "median", "spread", "goal", "holds")
    rows = [head, ("---", "---:", "---", "---", "---"), *(one.cells() for one in figures)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _short(value: float) -> str:
    """Write three digits that count."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
