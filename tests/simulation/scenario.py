"""What is simulated? The fleet, its work, its troubles, its settings and the host that all of them share."""

from __future__ import annotations

from dataclasses import dataclass

HOUR, DAY = 3600.0, 86_400.0


@dataclass(frozen=True, kw_only=True)
class Host:
    """A Git server. The defaults were measured with git daemon on two cores; a hosted one has a limit besides."""

    cores: int = 2
    fetch_ms: float = 60.0
    """A fetch that brings nothing new, from a repository with few refs."""
    fetch_ms_per_ref: float = 0.025
    push_ms: float = 90.0
    pushes_a_minute: float = 0.0
    """What the host allows one repository: the next push waits for its turn. 0 for no limit."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One simulated fleet. Times are virtual seconds."""

    nodes: int = 100
    missions: int = 2000
    seconds: float = DAY
    """In this time the missions are filed, at random moments."""
    projects: int = 20
    """Each has a session log of its own."""
    work_seconds: float = 300.0
    """The median of how long a mission takes; it varies log-normally, as durations do."""
    fail: float = 0.02
    """The part of the attempts that fail and are tried again."""
    crash_days: float = 5.0
    """Days between two power cuts of a node, on average; 0: none."""
    down_seconds: float = 1800.0
    cut_days: float = 5.0
    """Days between two moments at which a node loses its line to the host, and goes on working; 0: none."""
    cut_seconds: float = 900.0
    slots: int = 1
    beat_seconds: float = 60.0
    lease_beats: float = 3.0
    fetch_seconds: tuple[float, float] = (5.0, 30.0)
    """`poll_seconds` of `fleet.toml`."""
    hq_on_host: bool = True
    """The repository lies on HQ's own disk, so HQ learns at once that a ref has moved (`sync.disk.watch`)."""
    told: bool = True
    """Whether `fleet.toml` says what the host allows."""
    webhooks: bool = False
    """A hosted repository rings headquarters when a branch has moved, and for no other ref."""
    results_branch: bool = False
    """`bus.results_branch` of `fleet.toml`: a branch moves with each result."""
    host: Host = Host()
    seed: int = 1

    @property
    def charter(self) -> str:
        """This fleet's `fleet.toml`."""
        low, high = self.fetch_seconds
        bus = f"beat_seconds = {self.beat_seconds}\nlease_beats = {self.lease_beats}\npoll_seconds = [{low}, {high}]\n"
        bus += f"pushes_a_minute = {self.host.pushes_a_minute}\n" if self.told and self.host.pushes_a_minute else ""
        bus += "results_branch = true\n" if self.results_branch else ""
        projects = "".join(f'[projects.{self.project(number)}]\nurl = "none"\n' for number in range(self.projects))
        return f'[bus]\n{bus}[trust]\nmissions = "remote"\nsandbox = "optional"\n{projects}'

    def project(self, number: int) -> str:
        """The project to which the mission of that number belongs; empty where there are none."""
        return f"p{number % self.projects:03d}" if self.projects else ""

    @property
    def lease(self) -> float:
        """Seconds of silence after which a mission may be taken over."""
        return self.beat_seconds * self.lease_beats
