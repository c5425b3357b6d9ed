"""Which attempts failed in a way that the journal had told of before they began? Repeated failures, by exact words.

Two failures are the same if they name the same line of an error or the same command, as `handoff.warnings` reads both;
where neither is named, if their first lines are word for word the same. A short line (“exit code 1”) counts within its
mission alone, because it says nothing about another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from handoff.entry import Entry
from handoff.evidence_check import stems
from handoff.statements import own_words
from handoff.warnings.action_warnings import SubjectKind, WarningSubject, subjects_of, warnings_of
from missions.mission import Mission
from orchestrator.core.time_text import format_utc
from orchestrator.workflow.continuity.recent_entries import JournalEntry

MIN_TELLING_WORDS = 5
"""Words with a meaning that a line without error and command needs to be known again in another mission."""
MAX_BLOCKER_CHARS = 4_000
"""Characters of what an attempt failed with that are looked at."""
_EXACT = frozenset({SubjectKind.COMMAND, SubjectKind.ERROR})


def has_failed(entry: Entry) -> bool:
    """Whether a node wrote it of an attempt that failed."""
    return entry.is_attempt and bool(entry.section("Blockers").strip())


def failures_of(entry: Entry) -> Iterator[str]:
    """What an attempt failed with, as keys that are the same for the same failure; nothing for one that did not."""
    text = own_words(entry.section("Blockers"))[:MAX_BLOCKER_CHARS] if has_failed(entry) else ""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    exact = [_key(one) for line in lines for one in subjects_of(line) if one.kind in _EXACT]
    if exact or not lines:
        yield from dict.fromkeys(exact)
        return
    own = "" if len(stems(lines[0])) >= MIN_TELLING_WORDS else f"{entry.mission}: "
    yield f"{own}{lines[0]}"


def repeated_failures(entries: Iterable[JournalEntry], missions: Mapping[str, Mission]) -> set[str]:
    """The ids of the attempts that repeated one; entries come oldest first.

    When an attempt began is known of a mission's last one (`started`), which `missions` holds; of another one its end
    counts. Only a statistic rests on comparing the clocks of two nodes here.
    """
    told: dict[tuple[str, str], str] = {}
    found: set[str] = set()
    for one in entries:
        entry = one.entry
        mine = list(failures_of(entry))
        began = attempt_began(entry, missions.get(entry.mission))
        if any(told.get((log, key), began) < began for key in mine for log in {one.project, ""}):
            found.add(entry.entry_id)
        for key in (*mine, *_warned_of(entry)):
            told.setdefault((one.project, key), entry.when)
    return found


def attempt_began(entry: Entry, mission: Mission | None) -> str:
    """When an attempt began, as UTC text, as far as it is known."""
    last = mission is not None and entry.entry_id == f"{mission.name}-{mission.epoch}"
    return format_utc(mission.started) if last and mission is not None and mission.started else entry.when


def _warned_of(entry: Entry) -> Iterator[str]:
    return (_key(one) for line in warnings_of(entry) for one in line.subjects if one.kind in _EXACT)


def _key(subject: WarningSubject) -> str:
    return f"{subject.kind}: {' '.join(subject.words)}"
