"""What is the context that a fresh instance is given, and what did not fit?

A model server reuses the longest part of a prompt that is the same as last time, so the parts stand in the order of how
rarely they change: the head (role, project documents, tiers 1 to 3) holds no clock, counter or task and depends on
nothing that follows it; the log grows at its end and is trimmed at its beginning in blocks; what is new each time comes
last. Whatever is left out is listed in `Assembly.cut`: a silent cut is how the newest rules get lost. What a model
proposed and nobody has confirmed is given as a pointer, without its words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from handoff.budget_fit import (
    TIER_NAMES,
    CountTokens,
    Cut,
    FittedText,
    PromptDocument,
    PromptPart,
    block,
    fit_document,
    fit_log,
    fit_recalled,
)
from handoff.entry import ParsedLog, parse_log
from handoff.mined.document_index import given_document
from handoff.tiers import DOCUMENTS_SHARE, SHARES, TASK_SHARE, Tier


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """The prompt in its three parts, from the one that changes least to the one that is always new."""

    head: str
    log: str
    tail: str
    tokens: int
    budget: int
    parts: tuple[PromptPart, ...]
    cut: tuple[Cut, ...]

    @property
    def text(self) -> str:
        """All of it, as the model is given it."""
        return self.head + self.log + self.tail

    @property
    def over_budget(self) -> bool:
        """Whether what may never be cut (role, standing rules, task) was already too much."""
        return self.tokens > self.budget


def assemble(
    *,
    role: str,
    tiers: Mapping[Tier, str],
    task: str,
    now: str,
    budget: int,
    count: CountTokens,
    recalled: Sequence[str] = (),
    project_docs: Mapping[str, str] | None = None,
    log: ParsedLog | str | None = None,
) -> Assembly:
    """The handoff in at most `budget` tokens as `count` counts them, or reported as over budget.

    `log` goes before `tiers[Tier.LOG]`; hand over one that is already parsed to spare parsing it every time. `now` is
    text for the model. `role` is trusted and stands as it is; nothing else can pass for another part.
    """
    head = _head(role, tiers, project_docs or {}, budget, count)
    left = budget - count(head.text)
    goal = block("task", f"Now: {now}\n\n{task}")
    source = tiers.get(Tier.LOG, "") if log is None else log
    journal = parse_log(source) if isinstance(source, str) else source
    newest = fit_log(journal, _log_budget(left, budget, goal, count), count)
    left -= count(newest.text) + count(goal)
    memory = fit_recalled(recalled, newest.text, left, count)
    return Assembly(
        head=head.text,
        log=newest.text,
        tail=memory.text + goal,
        tokens=budget - left + count(memory.text),
        budget=budget,
        parts=(*head.parts, *newest.parts, *memory.parts, _uncut_part("task", goal, count)),
        cut=head.cut + newest.cut + memory.cut,
    )


def memoised(count: CountTokens, texts: int = 2048) -> CountTokens:
    """The counter, with the counts of that many texts remembered: keep it for as long as the tokenizer is the same."""
    return lru_cache(maxsize=texts)(count)


def _head(
    role: str, tiers: Mapping[Tier, str], project_docs: Mapping[str, str], budget: int, count: CountTokens
) -> FittedText:
    """The part that stays the same, byte for byte, until a document in it changes."""
    opening = role.rstrip() + "\n\n" if role.strip() else ""
    documents = [
        PromptDocument(name="document", tier=None, text=text, share=DOCUMENTS_SHARE / len(project_docs), label=name)
        for name, text in sorted(project_docs.items())
    ]
    for tier in (Tier.PORTFOLIO, Tier.PROJECT, Tier.BRIEFING):
        text = given_document(tiers.get(tier, ""))
        documents.append(PromptDocument(name=TIER_NAMES[tier], tier=tier, text=text, share=SHARES[tier]))
    documents = [document for document in documents if document.text.strip()]
    rooms = _token_budgets(documents, budget - count(opening), count)
    built = [fit_document(document, room, count) for document, room in zip(documents, rooms, strict=True)]
    return FittedText(
        text=opening + "".join(one.text for one in built),
        parts=(_uncut_part("role", opening, count), *(part for one in built for part in one.parts)),
        cut=tuple(cut for one in built for cut in one.cut),
    )


def _token_budgets(documents: Sequence[PromptDocument], budget: int, count: CountTokens) -> list[int]:
    """How many tokens each document may take: its share, and then what others leave, first for the later tiers."""
    needed = [count(block(document.name, document.text, document.label)) for document in documents]
    shares = [int(budget * document.share) for document in documents]
    rooms = [min(pair) for pair in zip(needed, shares, strict=True)]
    head = int(budget * (1 - SHARES[Tier.LOG] - TASK_SHARE))
    for place in reversed(range(len(documents))):
        rooms[place] += max(0, min(needed[place] - rooms[place], head - sum(rooms)))
    return rooms


def _log_budget(left: int, budget: int, goal: str, count: CountTokens) -> int:
    """What the log may take: it gives way to a long task in steps, so that other tasks do not move its beginning."""
    step = max(1, int(budget * TASK_SHARE))
    return left - step * max(1, -(-count(goal) // step))


def _uncut_part(name: str, text: str, count: CountTokens) -> PromptPart:
    """A part that is never cut."""
    return PromptPart(name=name, tier=None, tokens=count(text), kept=int(bool(text)), cut=0)
