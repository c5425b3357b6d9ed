"""Which of several preregistered tests still hold when all of them are looked at? Holm's step-down correction.

Ours, because scipy has none, and statsmodels, which has it, brings eight packages and 150 MB.
"""

from __future__ import annotations

from collections.abc import Mapping


def holm_adjusted(p_values: Mapping[str, float]) -> dict[str, float]:
    """The p-value of each test, by name, corrected so that any false alarm at all has at most the stated chance."""
    adjusted: dict[str, float] = {}
    floor = 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda pair: pair[1])):
        floor = max(floor, min(1.0, p * (len(p_values) - place)))
        adjusted[name] = floor
    return {name: adjusted[name] for name in p_values}
