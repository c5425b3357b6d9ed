"""How a model becomes a reader: a fresh call each time, and only a choice counts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.continuity.reader import MAX_OWN_CHARS, ModelReader, chosen
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.ports.model import Generation, Prompt
from tests.orchestrator.chat.conftest import ScriptedModel

CHOICES = {"value": ("11", "12"), "mode": ("serial", "parallel")}


def test_each_call_is_a_fresh_instance_with_its_own_seed() -> None:
    """No conversation, no turn before; the context before the question; only the choices are allowed."""
    model = ScriptedModel(says='{"value": "12", "mode": "serial"}')
    reader = ModelReader(model=model)
    assert reader.choose("The documents.", "Which?", CHOICES, 5) == {"value": "12", "mode": "serial"}
    reader.choose("", "Which?", CHOICES, 6)
    first, second = model.prompts
    assert (first.seed, second.seed, first.conversation, second.conversation) == (5, 6, "", "")
    assert [len(one.messages) for one in model.prompts] == [2, 2]
    asked = first.messages[1].content
    assert asked.index("The documents.") < asked.index("Which?") < asked.index('"serial"')
    assert first.schema is not None
    assert first.schema["properties"]["value"]["enum"] == ["11", "12"]
    assert first.schema["required"] == ["value", "mode"]
    assert reader.name == "stand-in/scripted"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ('{"value": "13", "mode": "serial"}', {"mode": "serial"}),
        ('{"value": ["11"], "mode": null}', {}),
        ('{"value": 11, "other": "x"}', {}),
        ("It is 11.", {}),
        ('["11"]', {}),
        ("", {}),
        ('{"value": "11", "mode": "serial; rm -rf /"}', {"value": "11"}),
    ],
)
def test_what_is_no_choice_is_no_answer(said: str, found: dict[str, str]) -> None:
    """Whatever else a model says."""
    assert chosen(said, CHOICES) == found


@given(said=st.one_of(st.text(), st.recursive(st.text(), st.lists).map(json.dumps)))
def test_any_words_come_to_choices_only(said: str) -> None:
    """No text raises, and nothing but a choice comes out."""
    assert all(word in CHOICES[name] for name, word in chosen(said, CHOICES).items())


def test_what_is_asked_without_choices_is_answered_in_one_line_of_its_own() -> None:
    """Within bounds, whatever it is; what is no text is no answer."""
    model = ScriptedModel(says=json.dumps({"goal": "Tidy\nup " + "x" * 400}))
    found = ModelReader(model=model).choose("", "What first?", {"goal": ()}, 5)
    assert found["goal"].startswith("Tidy up xx")
    assert len(found["goal"]) == MAX_OWN_CHARS
    asked = model.prompts[0]
    assert "goal: one short sentence" in asked.messages[1].content
    assert asked.schema is not None
    assert asked.schema["properties"]["goal"] == {"type": "string", "maxLength": MAX_OWN_CHARS}
    assert chosen('{"goal": ["x"]}', {"goal": ()}) == {}


class Replaced(ScriptedModel):
    """A backend that answered for another one."""

    def generate(self, prompt: Prompt, **given_: Any) -> Generation:
        """As the port says."""
        return replace(super().generate(prompt, **given_), notes=("answered by another one",))


def test_another_models_answer_is_none_of_the_study() -> None:
    """A fallback is an error here: the trial is made again when the model is back."""
    with pytest.raises(ModelUnavailable, match="another model than the study's answered"):
        ModelReader(model=Replaced(says="{}")).choose("", "Which?", CHOICES, 1)
