"""Does another backend go on where one fails, and is it said how each call went?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from orchestrator.chat.failover import MAX_ATTEMPTS, Failover
from orchestrator.core.errors import ContextTooLong, ModelUnavailable
from orchestrator.core.ports.model import Generation, Prompt, PromptMessage
from orchestrator.core.ports.model_backend import BackendChoice
from tests.orchestrator.chat.conftest import ScriptedModel

HELLO = Prompt(messages=(PromptMessage(role="user", content="Say hello."),), max_tokens=8)


def failing(backend: str, *, after: int = 0) -> ScriptedModel:
    """A model that breaks down after so many pieces."""
    pieces = iter(range(after))

    def break_down() -> None:
        if next(pieces, None) is None:
            raise ModelUnavailable("no route")

    return ScriptedModel(backend=backend, meanwhile=break_down)


@dataclass
class InTurn:
    """Chooses one model after the other, and keeps what is reported of each call."""

    models: Iterator[ScriptedModel]
    reports: list[str] = field(default_factory=list)

    def choose(self, wanted: str = "", *, peers: bool = True) -> BackendChoice:
        """The next one."""
        model = next(self.models)
        return BackendChoice(
            model=model, why="its turn", report=lambda error: self.reports.append(f"{model.backend}: {error}")
        )

    def answer(self, prompt: Prompt = HELLO, stop: threading.Event | None = None) -> tuple[Generation, Failover, str]:
        """An answer, who gave it, and what was heard."""
        failover, heard = Failover(chooser=self, choice=self.choose()), list[str]()
        made = failover.generate(prompt, on_text=heard.append, stop=stop or threading.Event())
        return made, failover, "".join(heard)


def test_the_next_one_answers_and_both_are_reported() -> None:
    """Who failed and who answered is said to whoever chose them, and the answer names what was tried."""
    turns = InTurn(iter([failing("one"), ScriptedModel(backend="two")]))
    made, failover, heard = turns.answer()
    assert made.text == heard == "It is so."
    assert turns.reports == ["one: no route", "two: None"]
    assert (failover.model.backend, failover.tried) == ("two", ("one: no route",))


def test_half_an_answer_is_not_begun_again() -> None:
    """After the first word a failure is raised; the next backend is not asked."""
    turns = InTurn(iter([failing("one", after=1)]))
    with pytest.raises(ModelUnavailable, match="no route"):
        turns.answer()
    assert turns.reports == ["one: no route"]


def test_a_prompt_that_is_too_long_is_no_failure_of_the_backend() -> None:
    """It answered, if with a refusal: it works."""
    turns = InTurn(iter([ScriptedModel(backend="one")]))
    long = Prompt(messages=(PromptMessage(role="user", content="word " * 100_000),), max_tokens=8)
    with pytest.raises(ContextTooLong):
        turns.answer(long)
    assert turns.reports == ["one: None"]


def test_a_stop_before_the_first_word_says_nothing_of_the_backend() -> None:
    """Nobody knows whether it would have answered."""
    stop = threading.Event()
    stop.set()
    turns = InTurn(iter([ScriptedModel(backend="one")]))
    assert turns.answer(stop=stop)[0].finish == "cancelled"
    assert turns.reports == []


def test_it_gives_up_where_every_call_fails() -> None:
    """A chooser that never runs out of backends is not asked for ever; each reason is told."""
    turns = InTurn(failing(f"b{number}") for number in range(1000))
    with pytest.raises(ModelUnavailable, match=f"b0: no route; .*b{MAX_ATTEMPTS - 1}: no route$"):
        turns.answer()
    assert len(turns.reports) == MAX_ATTEMPTS
