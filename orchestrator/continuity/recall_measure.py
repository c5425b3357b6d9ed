"""How much of the evidence for a question does the journal's search find? Measured on conversations of others.

No model is asked. A question's recall at k is the share of its evidence among the k best entries; beside it stands that
with the entries around them, as the product recalls them.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from statistics import fmean, median

from handoff import recall
from orchestrator.continuity.recall_data import EvidenceQuestion, RecallConversation

DEPTHS = (5, 10)
ALL_KINDS = "all"


@dataclass(frozen=True, kw_only=True)
class RecallMeasures:
    """Questions of one kind. `found` and `around` are mean shares by depth, without and with neighbours; `low` and
    `high` are the 95 % interval over conversations of `found` at the first depth; `milliseconds` the median search."""

    kind: str
    questions: int
    found: dict[int, float]
    around: dict[int, float]
    low: float
    high: float
    milliseconds: float


@dataclass(frozen=True, kw_only=True)
class _SearchedQuestion:
    conversation: str
    kind: str
    found: dict[int, float]
    around: dict[int, float]
    milliseconds: float


def measure_recall(conversations: Iterable[RecallConversation], clock: Callable[[], float]) -> list[RecallMeasures]:
    """All questions, then each kind by its name; `clock` is seconds that only go forwards."""
    searched = [each for one in conversations for each in _searched(one, clock)]
    by_kind: dict[str, list[_SearchedQuestion]] = defaultdict(list)
    for each in searched:
        by_kind[each.kind].append(each)
    kinds = [(ALL_KINDS, searched), *sorted(by_kind.items())]
    return [_measures(kind, ones) for kind, ones in kinds if ones]


def _searched(conversation: RecallConversation, clock: Callable[[], float]) -> Iterator[_SearchedQuestion]:
    with closing(sqlite3.connect(":memory:")) as conn:
        recall.rebuild(conn, conversation.entries)
        for question in conversation.questions:
            began = clock()
            hits = recall.search(conn, question.asked, max(DEPTHS))
            took = (clock() - began) * 1000
            found, around = zip(*(_shares(hits, question, depth) for depth in DEPTHS), strict=True)
            yield _SearchedQuestion(
                conversation=conversation.name,
                kind=question.kind,
                found=dict(zip(DEPTHS, found, strict=True)),
                around=dict(zip(DEPTHS, around, strict=True)),
                milliseconds=took,
            )


def _shares(hits: Sequence[recall.Hit], question: EvidenceQuestion, depth: int) -> tuple[float, float]:
    """Of the evidence: what the best entries have, and what they have with those around them."""
    best: dict[str, None] = {}
    near: set[str] = set()
    for hit in hits:
        if hit.neighbour:
            near.add(hit.entry_id)
            continue
        if hit.entry_id not in best and len(best) == depth:
            break
        best[hit.entry_id] = None
    wanted = question.evidence
    return len(wanted & {*best}) / len(wanted), len(wanted & ({*best} | near)) / len(wanted)


def _measures(kind: str, ones: Sequence[_SearchedQuestion]) -> RecallMeasures:
    from orchestrator.continuity.statistics.cluster_bootstrap import cluster_interval

    clusters: dict[str, list[float]] = defaultdict(list)
    for one in ones:
        clusters[one.conversation].append(one.found[DEPTHS[0]])
    interval = cluster_interval([*clusters.values()], seed=1)
    return RecallMeasures(
        kind=kind,
        questions=len(ones),
        found={depth: fmean(one.found[depth] for one in ones) for depth in DEPTHS},
        around={depth: fmean(one.around[depth] for one in ones) for depth in DEPTHS},
        low=max(0.0, interval.low),
        high=interval.high,
        milliseconds=median(one.milliseconds for one in ones),
    )
