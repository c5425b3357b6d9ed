"""Which beat and fetch intervals should a fleet of this size use on this host? Tried out, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tests.simulation.report import Figures, figures
from tests.simulation.run import Simulation
from tests.simulation.scenario import HOUR, Scenario

BEATS = (60.0, 180.0, 600.0, 1800.0, 3600.0)
FETCHES = ((5.0, 30.0), (15.0, 60.0), (60.0, 180.0), (300.0, 600.0))
SAMPLE = 200
"""Missions with which one setting is tried, at the rate at which the scenario files them."""
SHARE = 0.5
"""Of the host's limit the beats may use so much: the rest is for work."""
NEAR, ENOUGH = 1.5, 10.0
"""Waits of up to so many times the shortest, or so many seconds, count as about as short."""
BUSY = 0.6
"""Above this part of its time a server's queues grow too long for bursts."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One setting: what came of it, or why it was not tried."""

    beat_seconds: float
    fetch_seconds: tuple[float, float]
    figures: Figures | None = None
    why_not: str = ""


@dataclass(frozen=True, kw_only=True)
class Advice:
    """All trials, the best of them (None: none will do), and the reason in words."""

    trials: Sequence[Trial]
    best: Trial | None
    reason: str


def advise(plan: Scenario, say: Callable[[str], None] = lambda _line: None) -> Advice:
    """Tries settings for this fleet. Of those with which missions wait about as little as they can, it takes the one
    with the shortest beat, because a dead node is noticed sooner."""
    trials = []
    for beat, fetch in _settings():
        why = _hopeless(plan, beat, fetch)
        say(f"beat {beat:g} s, fetch {fetch[0]:g} to {fetch[1]:g} s" + (f": {why}" if why else ""))
        trials.append(Trial(beat_seconds=beat, fetch_seconds=fetch, why_not=why) if why else _tried(plan, beat, fetch))
    good = [trial for trial in trials if trial.figures is not None and not trial.why_not]
    best = _best(good)
    return Advice(trials=trials, best=best, reason=_reason(plan, best))


def _settings() -> Iterator[tuple[float, tuple[float, float]]]:
    for beat in BEATS:
        for fetch in FETCHES:
            if fetch[1] <= beat:  # while anything is claimed a node looks once a beat at least
                yield beat, fetch


def _hopeless(plan: Scenario, beat: float, fetch: tuple[float, float]) -> str:
    """What arithmetic says against a setting before it is tried; empty when nothing."""
    beats, host = 60 * plan.nodes / beat, plan.host
    if host.pushes_a_minute and beats > SHARE * host.pushes_a_minute:
        return f"{beats:,.0f} beats a minute are more than {SHARE:.0%} of the {host.pushes_a_minute:g} allowed"
    a_fetch = (host.fetch_ms + host.fetch_ms_per_ref * 2 * plan.nodes) / 1000
    busy = plan.nodes * (a_fetch / fetch[1] + host.push_ms / 1000 / beat) / host.cores
    return f"looking and beating alone would use {busy:.0%} of the server" if busy > BUSY else ""


def _tried(plan: Scenario, beat: float, fetch: tuple[float, float]) -> Trial:
    sample = max(SAMPLE, 2)
    seconds = max(HOUR / 2, plan.seconds * sample / max(1, plan.missions))
    small = replace(plan, beat_seconds=beat, fetch_seconds=fetch, missions=sample, seconds=seconds, told=False)
    run = Simulation(plan=small, patience=6 * small.lease + 8 * HOUR)
    run.run()
    found = figures(run)
    why = "the fleet does not keep up" if found.problems else ""
    return Trial(beat_seconds=beat, fetch_seconds=fetch, figures=found, why_not=why)


def _best(good: Sequence[Trial]) -> Trial | None:
    roof = NEAR * min((_wait(trial) for trial in good), default=0.0)
    near = [trial for trial in good if _wait(trial) <= max(roof, ENOUGH)]
    return min(near, key=lambda trial: (trial.beat_seconds, _wait(trial)), default=None)


def _wait(trial: Trial) -> float:
    """Seconds that 95 of 100 missions and their results wait at most."""
    assert trial.figures is not None
    return trial.figures.claimed["p95"] + trial.figures.folded["p95"]


def _reason(plan: Scenario, best: Trial | None) -> str:
    limit = f"{plan.host.pushes_a_minute:g} pushes a minute" if plan.host.pushes_a_minute else "no limit on pushes"
    fleet = f"{plan.nodes:,} nodes and {limit}"
    if best is None or best.figures is None:
        return f"No setting will do for {fleet}: Git polling is not enough here."
    low, high = best.fetch_seconds
    found = best.figures
    return (
        f"For {fleet}: beat_seconds = {best.beat_seconds:g}, poll_seconds = [{low:g}, {high:g}]. 95 of 100 missions "
        f"are claimed within {found.claimed['p95']:g} s and their results stand on the branch within "
        f"{found.folded['p95']:g} s; {found.pushes_a_minute:g} pushes a minute, of which {found.beats_a_minute:g} are "
        f"beats, and {found.host_busy:.0%} of the server's time. Of the settings that are about as quick, none notices "
        f"a dead node sooner: its missions are taken over after {best.beat_seconds * plan.lease_beats:g} s."
    )
