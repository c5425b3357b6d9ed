"""What are the streams, groups and consumers of a prefix called?"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.core.ports.mission_bus import PriorityClass

CLASSES = (PriorityClass.HIGH, PriorityClass.NORMAL, PriorityClass.LOW)


@dataclass(frozen=True, kw_only=True)
class StreamNames:
    """What the streams and groups of a prefix are called."""

    prefix: str

    def missions(self, place: PriorityClass) -> str:
        """The stream of a class; the normal one has the plain name, for whoever knows no classes."""
        plain = f"{self.prefix}:missions:delegation"
        return plain if place is PriorityClass.NORMAL else f"{plain}:{place.value}"

    @property
    def delegation(self) -> list[str]:
        """The streams of missions, the highest class first."""
        return [self.missions(place) for place in CLASSES]

    @property
    def root(self) -> str:
        """What all names begin with."""
        return f"{self.prefix}:missions:"

    @property
    def results(self) -> str:
        """The stream of results."""
        return f"{self.root}results"

    @property
    def dead(self) -> str:
        """The stream of dead letters."""
        return f"{self.root}dlq"

    @property
    def workers(self) -> str:
        """The workers' group."""
        return f"{self.prefix}_workers"

    @property
    def ledger(self) -> str:
        """The group of whoever files and records."""
        return f"{self.prefix}_ledger"

    def job(self, digest: str) -> str:
        """The hash of a mission."""
        return f"{self.root}job:{digest}"


def consumer(worker: str) -> str:
    """What a node is called in the workers' group."""
    return f"worker_{worker}"
