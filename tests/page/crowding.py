"""How much less of a core has this test than on an idle machine? Bars of speed are told for an idle one."""

from __future__ import annotations

import time

SPIN_SECONDS = 0.5


def crowding() -> float:
    """How many times as long work takes now as its processor's time: about 1 where nothing else runs."""
    wall, own = time.perf_counter(), time.thread_time()
    while time.perf_counter() - wall < SPIN_SECONDS:
        pass
    return max(1.0, (time.perf_counter() - wall) / (time.thread_time() - own))
