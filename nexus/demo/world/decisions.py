"""What a customer decides, week by week, given how content they are: the hazards of the demo company.

Belongs here: probabilities and their numbers. What a decision leads to is told in billing.
"""

from __future__ import annotations

import math

import numpy as np

from nexus.demo.options import DAY, WEEK
from nexus.demo.rand import Floats

REASONS = (
    "too_expensive",
    "missing_features",
    "switched_service",
    "unused",
    "customer_service",
    "too_complex",
    "other",
)
DECLINES = (
    ("card_declined", "insufficient_funds"),
    ("card_declined", "insufficient_funds"),
    ("card_declined", "generic_decline"),
    ("card_declined", "do_not_honor"),
    ("processing_error", "processing_error"),
    ("authentication_required", "authentication_required"),
)
RETRY_DAYS = (3, 5, 7)


class Mind:
    """The decisions of one account. Draws come from its own generator, so accounts do not disturb each other."""

    def __init__(self, rng: np.random.Generator, health: Floats, start: int) -> None:
        self.rng = rng
        self._sums: list[float] = [0.0, *np.cumsum(health).tolist()]
        self._start = start

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def between(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high))

    def health(self, at: int, lag: int = 0, span: int = 4) -> float:
        """Mean of `span` weeks, the last of them `lag` weeks ago; by default the last four."""
        week = max(0, min((at - self._start) // WEEK - lag, len(self._sums) - 2))
        low = max(0, week - span + 1)
        return (self._sums[week + 1] - self._sums[low]) / (week + 1 - low)

    def converts(self, at: int) -> bool:
        return self.chance(1 / (1 + math.exp(-(0.75 + 1.1 * self.health(at)))))

    def leaves(self, at: int, tenure_days: float, trouble: float) -> bool:
        """Whether they decide to leave this week; `trouble` counts recent failed payments.

        Patience is long: what counts is how the last two months were, so use falls well before they go.
        """
        young = 0.35 if tenure_days < 90 else 0.0
        return self.chance(min(0.35, 0.0017 * math.exp(-2.9 * self.health(at, lag=2, span=8) + young + 0.4 * trouble)))

    def grows(self, at: int) -> bool:
        return self.chance(min(0.1, 0.011 * math.exp(0.9 * self.health(at))))

    def shrinks(self, at: int) -> bool:
        return self.chance(min(0.3, 0.022 * math.exp(-0.9 * self.health(at))))

    def reason(self, at: int) -> str:
        return "unused" if self.health(at) < -1.2 and self.chance(0.4) else REASONS[self.between(0, len(REASONS))]

    def moment(self, week_start: int, utc_offset: int) -> int:
        """A moment on a working day and hour of the week."""
        second = int(min(max(self.rng.normal(13.5, 2.4), 7), 21) * 3600) + self.between(0, 60)
        return week_start + self.between(0, 5) * DAY + (second - utc_offset * 3600) % DAY

    def weeks(self, after: int, before: int, utc_offset: int) -> list[int]:
        """Moments of decision strictly between, one a week."""
        first = self._start + (after - self._start) // WEEK * WEEK
        moments = [self.moment(week, utc_offset) for week in range(first, before, WEEK)]
        return [m for m in moments if after < m < before]
