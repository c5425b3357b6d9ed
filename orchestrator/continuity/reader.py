"""Who answers in a study: what is a reader given, and how does a model become one?

A reader chooses. So every answer can be judged by what it is, no judge is needed, and nothing that a model says is run
or kept beyond which choice it was. Only a goal of its own is in its own words: one line, which is counted and quoted.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from missions.plain_data import read_json
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.ports.model import Model, Prompt, PromptMessage

MAX_ANSWER_TOKENS, TEMPERATURE = 96, 0.7
"""Of an answer, where a plan does not say otherwise; each plan states both."""
Choices = Mapping[str, Sequence[str]]
"""What is to be chosen, by name, and the words to choose from; none where it is in the reader's own words."""
MAX_OWN_CHARS = 160
"""Of what a reader says in its own words, as one line."""
ROLE = "You take over a project from others. Use what the documents say, and nothing else. Answer in JSON."


class Reader(Protocol):
    """A fresh instance: it knows what it is given in this one call."""

    @property
    def name(self) -> str:
        """What it is called; a study is of one reader."""

    def choose(self, context: str, request: str, choices: Choices, seed: int) -> Mapping[str, str]:
        """Its choices by name; what it did not choose, or what is none of them, is left out.

        Raises ModelUnavailable and ContextTooLong: then the trial has not taken place, and is made again.
        """


@dataclass(frozen=True, kw_only=True)
class ModelReader:
    """A model of any backend, asked anew each time."""

    model: Model
    temperature: float = TEMPERATURE
    max_tokens: int = MAX_ANSWER_TOKENS

    @property
    def name(self) -> str:
        """Backend and model."""
        return f"{self.model.backend}/{self.model.name}"

    def choose(self, context: str, request: str, choices: Choices, seed: int) -> Mapping[str, str]:
        """One call without a conversation, whose answer must be one of the choices."""
        properties = {name: {"type": "string"} | _shape(words) for name, words in choices.items()}
        schema = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
        prompt = Prompt(
            messages=(
                PromptMessage(role="system", content=ROLE),
                PromptMessage(role="user", content=f"{context}\n{request}\n\n{_listed(choices)}"),
            ),
            max_tokens=self.max_tokens,
            schema=schema,
            temperature=self.temperature,
            seed=seed,
        )
        made = self.model.generate(prompt, on_text=lambda piece: None, stop=threading.Event())
        if made.notes:
            raise ModelUnavailable("another model than the study's answered: {}", "; ".join(made.notes))
        return chosen(made.text, choices)


def chosen(said: str, choices: Choices) -> dict[str, str]:
    """Those of an answer's words that are choices."""
    try:
        read = read_json(said)
    except ValueError:
        return {}
    if not isinstance(read, dict):
        return {}
    texts: dict[str, str] = {name: read[name] for name in choices if isinstance(read.get(name), str)}
    own = {name: " ".join(text.split())[:MAX_OWN_CHARS] for name, text in texts.items() if not choices[name]}
    return {name: text for name, text in texts.items() if text in choices[name]} | own


def _shape(words: Sequence[str]) -> dict[str, object]:
    return {"enum": list(words)} if words else {"maxLength": MAX_OWN_CHARS}


def _listed(choices: Choices) -> str:
    """The choices as the reader sees them, and the shape of its answer."""
    lines = [
        f"{name}: one of {', '.join(map(json.dumps, words))}" if words else f"{name}: one short sentence"
        for name, words in choices.items()
    ]
    shape = json.dumps(dict.fromkeys(choices, "..."))
    return "\n".join([*lines, f"Answer as {shape}"])
