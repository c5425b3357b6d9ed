"""Does a check tell a model that can from one that cannot, and is what it found kept and believed?"""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.adapters.models.model_check import ANSWER_TASKS, TOOL_TASKS, CheckBook, check_model
from orchestrator.adapters.models.router import Router
from orchestrator.core.model_competence import GoodFor
from orchestrator.core.ports.model import Prompt
from orchestrator.core.ports.model_backend import BackendCandidate, ListedModel, competence_of
from tests.orchestrator.chat.conftest import ScriptedModel

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
RIGHT = {asked: json.dumps({"tool": tool, "arguments": {"path": word}}) for asked, tool, word in TOOL_TASKS}
RIGHT |= dict(
    zip((asked for asked, _ in ANSWER_TASKS), ("Four.", "Thursday", "The harbour office.", "At 21:40."), strict=True)
)


def says(prompt: Prompt) -> str:
    """What a good model would."""
    return RIGHT.get(prompt.messages[-1].content, "The text does not say.")


def measured(model: ScriptedModel, folder: Path) -> CheckBook:
    """The book after one check."""
    book, ticks = CheckBook(folder / "home" / "model-checks.json"), itertools.count()
    book.put(f"{model.backend}/{model.name}", check_model(model, now=lambda: NOON, clock=lambda: float(next(ticks))))
    return book


class Lists:
    """A backend that offers one model."""

    backend = "stand-in"

    def __init__(self, model: ScriptedModel, parameters: str = "") -> None:
        self.model, self.parameters = model, parameters

    def models(self) -> tuple[ListedModel, ...]:
        """That one."""
        name, tokens = self.model.name, self.model.context_tokens
        return (ListedModel(name=name, backend="stand-in", context_tokens=tokens, parameters=self.parameters),)

    def open(self, name: str) -> ScriptedModel:
        """That one."""
        return self.model


def good_for(model: ScriptedModel, book: CheckBook, parameters: str = "") -> GoodFor:
    """What the router says of it."""
    candidate = BackendCandidate(backend=Lists(model, parameters), why="the only one")
    return Router([candidate], clock=lambda: 0.0, checks=book.read).choose().competence.good_for


def test_a_model_of_unknown_size_is_what_its_check_says(tmp_path: Path) -> None:
    """Measured once, kept in a file, and believed by whoever chooses a model after that."""
    able = ScriptedModel(says=says, name="able", context_tokens=32_768)
    assert good_for(able, CheckBook(tmp_path / "none.json")) is GoodFor.UNKNOWN
    book = measured(able, tmp_path)
    check = CheckBook(book.path).read()["stand-in/able"]
    assert (check.tools, check.answers, check.silence, check.when) == ((4, 4), (4, 4), (4, 4), NOON)
    assert check.seconds == 1.0
    assert good_for(able, book) is GoodFor.CODING
    assert good_for(able, book, "135M") is GoodFor.TOY


def test_a_model_that_invents_is_a_toy_whatever_its_size(tmp_path: Path) -> None:
    """It answers what nobody told it."""
    liar = ScriptedModel(says="It was founded in 1889 by the ship's crew.", name="liar-70b", context_tokens=32_768)
    assert good_for(liar, CheckBook(tmp_path / "none.json")) is GoodFor.CODING
    assert good_for(liar, measured(liar, tmp_path)) is GoodFor.TOY


def test_a_damaged_book_is_an_empty_one(tmp_path: Path) -> None:
    """A check can be made again."""
    path = tmp_path / "model-checks.json"
    for text in ("", "[]", '{"a": 1}', '{"a": {"tools": [1]}}'):
        path.write_text(text, encoding="utf-8")
        assert CheckBook(path).read() == {}


def test_a_model_that_nobody_judged_is_judged_by_its_name() -> None:
    """As far as it tells."""
    assert competence_of(ScriptedModel(name="tiny-135m")).is_toy
    assert competence_of(ScriptedModel(name="scripted")).good_for is GoodFor.UNKNOWN
