"""How much of a person's past is there on this machine: how many sessions of which programs, in how many projects?

For the first minute: no transcript is read further than to where it names its folder, and only so many.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.core.ports.transcripts import TranscriptRef, TranscriptSource

MAX_LOOKED = 200
"""Transcripts of a program, the newest, that are looked into for their folder."""
MAX_EVENTS = 20


@dataclass(frozen=True, kw_only=True)
class PastOverview:
    """What was found."""

    sessions: int
    programs: tuple[str, ...]
    folders: int
    whole: bool
    """Whether all were looked into: else there may be more folders."""

    @property
    def sentence(self) -> str:
        """It as a line, with the next step; empty where nothing was found."""
        if not self.sessions:
            return ""
        programs = " and ".join(filter(None, (", ".join(self.programs[:-1]), self.programs[-1])))
        count = f"{self.sessions:,} session{'s' * (self.sessions != 1)} of {programs}"
        more = "" if self.whole else " or more"
        where = f" in {self.folders:,}{more} project{'s' * (self.folders != 1)}" if self.folders else ""
        return f"{count}{where}: shiftbook log search --all WORDS"


def past_overview(sources: Iterable[TranscriptSource]) -> PastOverview:
    """What there is. Reads a little of each."""
    sessions, programs, folders, whole = 0, list[str](), set[str](), True
    for source in sources:
        refs = [ref for ref in source.find().refs if not ref.part_of]
        if not refs:
            continue
        sessions += len(refs)
        programs.append(source.name)
        newest = sorted(refs, key=lambda ref: ref.changed, reverse=True)
        whole = whole and len(refs) <= MAX_LOOKED
        folders |= {ref.folder or _folder(source, ref) for ref in newest[:MAX_LOOKED]}
    found = folders - {""}
    return PastOverview(sessions=sessions, programs=tuple(programs), folders=len(found), whole=whole)


def _folder(source: TranscriptSource, ref: TranscriptRef) -> str:
    """The folder that a session names at its beginning."""
    try:
        for place, event in enumerate(source.read(ref, lambda line, why: None)):
            if event.folder or place > MAX_EVENTS:
                return event.folder
    except OSError:
        return ""
    return ""
