"""What do the real missions of one month say about continuity? The measures, a pure function of the ledger.

They are counts of what happened, not of an experiment: nothing was drawn by chance, and months differ in their work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from handoff.evidence_check import coverage, stems
from handoff.statements import own_words
from handoff.warnings.heard_warnings import WarningVerdict, heard_in
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.continuity.ended_missions import EndedMission, MissionEnd, ended_missions
from orchestrator.workflow.continuity.proportion import Proportion
from orchestrator.workflow.continuity.recent_entries import JournalEntry, RecentEntries, recent_entries
from orchestrator.workflow.continuity.repeated_failures import has_failed, repeated_failures

MIN_ANSWER_WORDS = 3
"""Words with a meaning that a question needs to be looked up, and"""
MIN_ANSWER_SHARE = 0.6
"""the share of them that one line of the journal has to have."""
MAX_LOOKED_UP = 100
"""Questions of a month that are looked up."""


class MonthMeasure(StrEnum):
    """What is counted, by the words that stand on the page."""

    ACCEPTED = "missions accepted, of those decided: accepted, rejected or failed"
    FIRST_ATTEMPT = "accepted with the first attempt, of those decided"
    REPEATED = "failures that an earlier entry told of, of attempts that failed"
    HELPED = "warnings at the action that helped, of those heard"
    HURT = "warnings at the action that hurt, of those heard"
    ANSWERED = "questions whose words an entry had, of those asked of a person"
    STEPPED_IN = "missions a person had to step into, of those that ended"
    OWN = "agents' own missions accepted, of those decided"


@dataclass(frozen=True, kw_only=True)
class MonthMeasures:
    """One month (`2026-11`). `cost_usd` is of the attempts that ended missions, of which `unpriced` have no known cost;
    `cut`: older entries than could be looked at count as not there."""

    month: str
    missions: int
    attempts: int
    failed_attempts: int
    withdrawn: int
    waiting: int
    cost_usd: float
    unpriced: int
    proportions: Mapping[MonthMeasure, Proportion]
    cut: bool = False


def measure_month(ledger: LedgerSnapshot, month: str) -> MonthMeasures:
    """The measures of a month, as the ledger stands."""
    every = ended_missions(ledger, month)
    journal = recent_entries(ledger, month)
    ended = [one for one in every if one.end is not MissionEnd.WAITING]
    attempts = [one for one in journal.entries if one.entry.when.startswith(month) and one.entry.is_attempt]
    costs = [one.mission.cost_usd for one in ended]
    return MonthMeasures(
        month=month,
        missions=len(ended),
        attempts=len(attempts),
        failed_attempts=sum(has_failed(one.entry) for one in attempts),
        withdrawn=sum(one.end is MissionEnd.WITHDRAWN for one in ended),
        waiting=len(every) - len(ended),
        cost_usd=round(sum(cost for cost in costs if cost is not None), 6),
        unpriced=costs.count(None),
        proportions=_of_missions(ended) | _of_attempts(every, attempts, journal) | _of_questions(every, journal),
        cut=journal.cut,
    )


def _of_missions(ended: Sequence[EndedMission]) -> dict[MonthMeasure, Proportion]:
    decided = [one for one in ended if one.decided]
    accepted = [one for one in decided if one.end is MissionEnd.ACCEPTED]
    own = [one for one in decided if one.mission.parent]
    first = sum(one.mission.attempt <= 1 and not one.mission.rejections for one in accepted)
    return {
        MonthMeasure.ACCEPTED: Proportion(count=len(accepted), of=len(decided)),
        MonthMeasure.FIRST_ATTEMPT: Proportion(count=first, of=len(decided)),
        MonthMeasure.STEPPED_IN: Proportion(count=sum(one.stepped_in for one in ended), of=len(ended)),
        MonthMeasure.OWN: Proportion(count=sum(one.end is MissionEnd.ACCEPTED for one in own), of=len(own)),
    }


def _of_attempts(
    every: Sequence[EndedMission], attempts: Sequence[JournalEntry], journal: RecentEntries
) -> dict[MonthMeasure, Proportion]:
    failed = {one.entry.entry_id for one in attempts if has_failed(one.entry)}
    again = repeated_failures(journal.entries, {one.mission.name: one.mission for one in every})
    heard = Counter(warning.verdict for one in attempts for warning in heard_in(one.entry))
    return {
        MonthMeasure.REPEATED: Proportion(count=len(failed & again), of=len(failed)),
        MonthMeasure.HELPED: Proportion(count=heard[WarningVerdict.HELPED], of=heard.total()),
        MonthMeasure.HURT: Proportion(count=heard[WarningVerdict.HURT], of=heard.total()),
    }


def _of_questions(every: Sequence[EndedMission], journal: RecentEntries) -> dict[MonthMeasure, Proportion]:
    asked = [(one, question) for one in every for question in one.questions][:MAX_LOOKED_UP]
    lines = list(_lines(journal)) if asked else []
    answered = 0
    for one, question in asked:
        words, mission = stems(question), one.mission
        began = format_utc(mission.started) if mission.started else ""
        logs = {mission.about or "", ""}
        answered += len(words) >= MIN_ANSWER_WORDS and any(
            when < began and log in logs and of != mission.name and coverage(words, said) >= MIN_ANSWER_SHARE
            for when, log, of, said in lines
        )
    return {MonthMeasure.ANSWERED: Proportion(count=answered, of=len(asked))}


def _lines(journal: RecentEntries) -> list[tuple[str, str, str, frozenset[str]]]:
    """Every line that an entry says itself: when, in whose log, of which mission, and its words."""
    return [
        (one.entry.when, one.project, one.entry.mission, stems(line))
        for one in journal.entries
        for heading, body in one.entry.sections
        if heading != "Starting Context"
        for line in own_words(body).splitlines()
        if line.strip()
    ]
