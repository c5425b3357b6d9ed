"""What is a probe? One cheap look at something, that finds what a person should know; a plug-in may bring more.

A plug-in is a package with an entry point in the group `shiftbook.probes`: its name is what `probe NAME` in the
checklist says, its value a function like those of `ledger_probes`. It runs in the node's process, as whoever installed
it wanted; a line of the checklist gives it words, which it must take for somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from orchestrator.core.errors import OrchestratorError
from orchestrator.ledger.heartbeat.probe_phrases import Request
from orchestrator.ledger.snapshot import LedgerSnapshot, MissionFile

PROBE_GROUP = "shiftbook.probes"


class ProbeFailed(OrchestratorError):
    """A probe could not look; the words say why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a person should know. `subject` stays the same for as long as it is the same thing.

    So a number that changes belongs into `says` alone: people are told once of each subject.
    """

    subject: str
    says: str


@dataclass(frozen=True, kw_only=True)
class ProbeScene:
    """What a probe may look at."""

    node: str
    home: Path
    """The node's own folder, whose disk it fills."""
    ledger: LedgerSnapshot
    now: datetime
    silent: Mapping[str, float] = field(default_factory=dict)
    """For how many seconds each node's beat was seen to stand still."""
    clones: Mapping[str, Path] = field(default_factory=dict)
    """Work trees on this machine, by what they are called."""
    commands: Mapping[str, Path] = field(default_factory=dict)
    """The programs that this machine's owner allows lines to name."""
    trusted: Callable[[MissionFile], bool] = lambda _filed: True
    """Whether a mission may run, by whose word it stands on."""


class Probe(Protocol):
    """One look."""

    def __call__(self, scene: ProbeScene, request: Request) -> Iterable[Finding]:
        """What it found; nothing where all is well. Changes nothing. Raises ProbeFailed."""
