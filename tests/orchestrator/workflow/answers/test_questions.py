"""Are forty questions answered rightly, each with its place, or else not at all?"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from handoff.answers.admission import added_words, own_answer
from handoff.answers.extraction import SILENT
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.answers.answer_sources import SourceFinder
from tests.ledgers import Town
from tests.orchestrator.workflow.answers.questions import DOCUMENTS, EVERY, FLEET, FLEET_FILES, NOW, Case

ROOT = Path(__file__).parents[4]
MIN_ANSWERED = 30
"""Of the forty, so many have an answer: who never says anything is never wrong."""


@cache
def ledger(of: str) -> LedgerSnapshot:
    """This repository's documents as a ledger, or the fleet that is made up."""
    names = {
        "PORTFOLIO_CONTEXT.md": "PORTFOLIO_CONTEXT.md",
        "README.md": "projects/shiftbook/PROJECT_CONTEXT.md",
        "SESSION_LOG.md": "projects/shiftbook/SESSION_LOG.md",
    }
    own = {path: (ROOT / name).read_text(encoding="utf-8") for name, path in names.items()}
    return Town(own if of == "documents" else FLEET_FILES).peer("ada").ledger()


def answered(
    case: Case, tmp_path: Path, words: Callable[[str], str] | None = None, *, documents: bool | None = None
) -> str:
    """The answer of a machine whose model is a toy; `words` is what the toy says."""
    own = case in DOCUMENTS if documents is None else documents
    finder = SourceFinder(now=lambda: NOW, sightings=LastSeenStore(tmp_path / "seen.json"))
    sources = finder(ledger("documents" if own else "fleet"), case.project, case.asked)
    plain = own_answer(case.asked, sources)
    if words is None or plain.whole:
        return plain.text
    return "\n\n".join(filter(None, (plain.text, added_words(plain.text, words(case.asked), sources, "the toy"))))


def wrong(case: Case, answer: str) -> str:
    """What is wrong with an answer; empty where it is right, or owns that it does not know."""
    if answer == SILENT:
        return ""
    if not case.says:
        return f"answered, though nothing says so: {answer}"
    missing = [pattern for pattern in (*case.says, re.escape(case.cites)) if not re.search(pattern, answer)]
    return f"lacks {missing}: {answer}" if missing else ""


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.asked)
def test_none_is_answered_wrongly(case: Case, tmp_path: Path) -> None:
    """What is said is right and says where it stands; what nobody wrote down is not said."""
    assert not wrong(case, answered(case, tmp_path))


@pytest.mark.parametrize(
    "asked",
    [
        "How many nodes can a fleet have?",
        "What should the next instance do?",
        "Why are commits signed?",
        "How do nodes claim a mission?",
        "Who maintains Shiftbook?",
        "How fast is Shiftbook?",
        "What is the password?",
        "Does Shiftbook support Windows?",
    ],
)
def test_words_in_common_are_no_answer(asked: str, tmp_path: Path) -> None:
    """There are lines with the same words, which say something else."""
    told = answered(Case(asked=asked, project="shiftbook"), tmp_path, documents=True)
    assert told == SILENT or "compare-and-swap" in told


def test_most_are_answered(tmp_path: Path) -> None:
    """It is not by silence that nothing is wrong: of the fleet's own facts none is left out."""
    assert len(EVERY) == 40
    silent = [case.asked for case in EVERY if case.says and answered(case, tmp_path) == SILENT]
    assert len(EVERY) - len(silent) >= MIN_ANSWERED, silent
    assert not [case.asked for case in FLEET if case.asked in silent]


def test_what_a_toy_wrote_long_ago_is_no_source(tmp_path: Path) -> None:
    """An entry in the log that such a model wrote before anybody checked is never cited."""
    case = Case(asked="Is the shop a blockchain platform for the ship's crew?", project="shop")
    finder = SourceFinder(now=lambda: NOW)
    assert own_answer(case.asked, finder(ledger("fleet"), "shop", case.asked)).text == SILENT


@pytest.mark.parametrize("said", ["The shop is a spaceship called Marauder's Revenge.", "Prices are kept in euros."])
def test_a_toy_cannot_add_what_nobody_wrote(said: str, tmp_path: Path) -> None:
    """Whatever it says beside the lines, only what a line says is left of it."""
    asked = next(case for case in FLEET if case.asked == "Which port does the shop use?")
    answer = answered(asked, tmp_path, lambda _: f"{said} The shop listens on port 8080.")
    assert said not in answer
    assert "8080" in answer


@pytest.mark.model
@pytest.mark.parametrize("case", [FLEET[11]], ids=lambda case: case.asked)
def test_the_embedded_model_adds_nothing_wrong(case: Case, embedded: XLlamaCpp, tmp_path: Path) -> None:
    """With the toy's own words, too; `make nightly` gives it more of the handoff and lets it say more."""
    assert not wrong(case, answered(case, tmp_path, lambda asked: ask(embedded, case, asked, budget=200, tokens=30)))


@pytest.mark.model
@pytest.mark.nightly
@pytest.mark.parametrize("run", range(3))
def test_all_with_the_embedded_model(run: int, embedded: XLlamaCpp, tmp_path: Path) -> None:
    """All forty, three times over."""
    found = [
        wrong(case, answered(case, tmp_path, lambda asked, case=case: ask(embedded, case, asked))) for case in EVERY
    ]  # type: ignore[misc]
    assert not [each for each in found if each]


def ask(model: XLlamaCpp, case: Case, asked: str, budget: int = 700, tokens: int = 60) -> str:
    """What the model says of itself, from the handoff as it is given it."""
    import threading

    from orchestrator.core.ports.model import Prompt, PromptMessage
    from orchestrator.workflow.journal import context

    of = ledger("documents" if case in DOCUMENTS else "fleet")
    given = context.assemble_context(of, case.project, asked, now=NOW, budget=budget, count=model.count)
    messages = PromptMessage(role="system", content=given.head + given.log), PromptMessage(role="user", content=asked)
    prompt = Prompt(messages=messages, max_tokens=tokens)
    return model.generate(prompt, on_text=lambda _: None, stop=threading.Event()).text
