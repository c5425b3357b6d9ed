"""What is the result of one measurement, and on which machine was it measured?"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One number beside its promise. `ratio` is value / baseline; both are None where there is nothing to compare."""

    name: str
    value: float
    unit: str
    bar: str
    """The promise in words, for example "<= 20 ms"."""
    met: bool
    baseline: float | None = None
    ratio: float | None = None


def at_most(name: str, value: float, unit: str, roof: float) -> Measurement:
    """A number that must not be above `roof`."""
    return Measurement(name=name, value=round(value, 3), unit=unit, bar=f"<= {roof:g} {unit}", met=value <= roof)


def milliseconds(
    work: Callable[[], object], *, runs: int, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """How long each of `runs` calls took, by a clock of seconds; `time.thread_time` counts the processor's alone."""
    took = []
    for _ in range(runs):
        began = clock()
        work()
        took.append((clock() - began) * 1000)
    return took


def median(numbers: list[float]) -> float:
    """The middle of them."""
    return statistics.median(numbers)


def machine() -> dict[str, object]:
    """What the numbers depend on."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 1024**3, 1),
        "python": platform.python_version(),
    }
