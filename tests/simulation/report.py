"""What came of a simulation, in figures?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tests.simulation import check
from tests.simulation.run import Simulation
from tests.simulation.scenario import DAY, HOUR

Spread = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of one run. Times are virtual seconds; growth is what the server holds before `git gc`."""

    nodes: int
    missions: int
    days: float
    """Virtual days, up to the end of the last mission."""
    beat_seconds: float
    fetch_seconds: tuple[float, float]
    pushes_allowed: float
    """The host's limit on pushes a minute; 0: none."""
    problems: int
    """Missions that were lost, were not finished, or have not exactly one accepted result."""
    unclaimed: int
    claimed: Spread
    """From the moment in which a person pushes until the claim stands."""
    folded: Spread
    """From a result's push until it stands on the branch."""
    pushes: int
    pushes_a_minute: float
    beats_a_minute: float
    refused: int
    """Pushes that lost a race."""
    throttled: int
    """Pushes that the host's limit made wait."""
    pushes_by_kind: Mapping[str, int]
    fetches_a_second: float
    host_busy: float
    """The part of the server's time that was used; at 1 everything waits."""
    takeovers: int
    late_results: int
    done_hours: float
    wasted_hours: Mapping[str, float]
    """Work that was done again: lost in a power cut, stopped by the fence, or late; and attempts that failed."""
    growth_mib: float
    kib_a_mission: float

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def waits(run: Simulation) -> tuple[list[float], list[float]]:
    """How long each mission waited for its claim, and each result for the branch, shortest first."""
    claimed = sorted(run.server.claimed[name] - at for name, at in run.filed.items() if name in run.server.claimed)
    return claimed, sorted(seconds for each in run.server.folded.values() for seconds in each)


def figures(run: Simulation, wrong: Sequence[str] | None = None) -> Figures:
    """The figures of a run that is over. `wrong` is what `check.problems` says of it, where that was asked before: it
    reads every mission."""
    claimed, folded = waits(run)
    plan, counts, minutes = run.plan, run.counts, run.now / 60
    kinds = {name.removesuffix(" pushes"): n for name, n in sorted(counts.items()) if name.endswith(" pushes")}
    hours = {name: round(seconds / HOUR, 2) for name, seconds in run.hours.items()}
    growth = run.store.packed / 2**20
    return Figures(
        nodes=plan.nodes,
        missions=len(run.filed),
        days=round(run.now / DAY, 2),
        beat_seconds=plan.beat_seconds,
        fetch_seconds=plan.fetch_seconds,
        pushes_allowed=plan.host.pushes_a_minute,
        problems=len(check.problems(run) if wrong is None else wrong),
        unclaimed=len(run.filed) - len(claimed),
        claimed=spread(claimed),
        folded=spread(folded),
        pushes=sum(kinds.values()),
        pushes_a_minute=round(sum(kinds.values()) / minutes, 2),
        beats_a_minute=round(counts["beat pushes"] / minutes, 2),
        refused=counts["refused"],
        throttled=run.queue.throttled,
        pushes_by_kind=kinds,
        fetches_a_second=round(counts["fetches"] / run.now, 3),
        host_busy=round(min(1.0, run.queue.busy / plan.host.cores / run.now), 3),
        takeovers=counts["took over"],
        late_results=counts["late"],
        done_hours=hours.pop("done", 0.0),
        wasted_hours={word: hours.get(word, 0.0) for word in ("lost", "released", "late", "failed")},
        growth_mib=round(growth, 1),
        kib_a_mission=round(growth * 1024 / max(1, len(run.filed)), 1),
    )


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum of sorted numbers."""
    if not seconds:
        return {}
    at = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: round(seconds[min(len(seconds) - 1, int(part * len(seconds)))], 2) for name, part in at.items()}
