"""What is true of a made-up project after its sessions, and which entries say so? Its history, beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from handoff.briefing import apply
from handoff.entry import Entry
from handoff.log import append_many
from handoff.review import review


@dataclass(frozen=True, kw_only=True)
class SettingHistory:
    """One setting: what it was set to, one after the other, and whether it was withdrawn in the end."""

    name: str
    values: tuple[str, ...] = ()
    withdrawn: bool = False
    cites: tuple[str, ...] = ()
    """The entries that set, changed or withdrew it, oldest first."""

    @property
    def current(self) -> str:
        """What counts now; "" for what was withdrawn or never set."""
        return self.values[-1] if self.values and not self.withdrawn else ""

    @property
    def superseded(self) -> tuple[str, ...]:
        """What counted before and does not now."""
        return self.values if self.withdrawn else self.values[:-1]

    @property
    def key(self) -> str:
        """As it stands in a file of settings."""
        return self.name.casefold().replace(" ", "_")


@dataclass(frozen=True, kw_only=True)
class BuildTraps:
    """Which ways of building fail, with the error of each, and which one works; the journal says both."""

    errors: tuple[tuple[str, str], ...]
    """Mode and the line that it fails with."""
    works: str
    cites: tuple[str, ...]

    @property
    def modes(self) -> tuple[str, ...]:
        """All of them, in the alphabet's order, which says nothing."""
        return tuple(sorted([*(mode for mode, _ in self.errors), self.works]))


@dataclass(frozen=True, kw_only=True)
class ProjectHistory:
    """A project: its journal, its standing documents, and what is true of it."""

    name: str
    entries: tuple[Entry, ...]
    project_context: str
    settings: tuple[SettingHistory, ...]
    traps: BuildTraps
    separator: str
    """How its standing rule has settings written: a first word of `vocabulary.SEPARATORS`."""

    @property
    def journal(self) -> str:
        """The log as the product writes it."""
        return append_many("", self.entries)

    def briefing(self, generation: int) -> str:
        """The briefing after so many reviews, which read the journal in equal parts; "" before the first.

        They are the product's own reviews, without a model: each changes what the one before it left.
        """
        return _reviewed(self.entries, generation) if generation else ""


@lru_cache(maxsize=1024)  # of a study's projects; each of its arms asks for the same
def _reviewed(entries: Sequence[Entry], generation: int) -> str:
    text = "# Briefing\n"
    for part in _parts(entries, generation):
        text = apply(text, review(part, text, known_paths=()).deltas)
    return text


def _parts(entries: Sequence[Entry], count: int) -> list[Sequence[Entry]]:
    edges = [len(entries) * number // count for number in range(count + 1)] if count else []
    return [entries[start:end] for start, end in pairwise(edges) if start < end]
