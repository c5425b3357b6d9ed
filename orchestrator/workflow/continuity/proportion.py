"""How many of how many, and how sure is that proportion? Counts of real missions, told with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z_95 = 1.959963984540054
"""The normal distribution's point for an interval of 95 %."""


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """`count` of `of`; nothing can be said where `of` is 0."""

    count: int
    of: int

    @property
    def share(self) -> float | None:
        """From 0 to 1."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's interval of 95 %, which holds also for few and for shares near 0 and 1 (Wilson 1927).

        It takes the cases as independent, which missions of one project are not quite: it is rather too narrow. Written
        out here because a node's page must be the same whether or not it has scipy.
        """
        if not self.of:
            return None
        n, p, z2 = self.of, self.count / self.of, Z_95 * Z_95
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = Z_95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return max(0.0, middle - half), min(1.0, middle + half)
