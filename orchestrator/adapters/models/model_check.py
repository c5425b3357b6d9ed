"""What does a model do in a short check: call the right tool, answer from a text, say what a text does not say?"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from missions.plain_data import read_json
from orchestrator.core.errors import ContextTooLong, WrongPrompt
from orchestrator.core.model_competence import ModelCheck
from orchestrator.core.ports.model import Model, Prompt, PromptMessage
from sync import files

MAX_ANSWER_TOKENS = 60
TOOL_PROMPT = (
    'Answer with one JSON object {"tool": NAME, "arguments": {…}}. '
    "Tools: read (path), write (path, content), run (line)."
)
ANSWER_PROMPT = (
    "Answer in one short sentence from the text only. If the text does not say it, answer: The text does not say.\n\n"
)
TEXT = (
    "The depot has four bays. Bay 2 is closed until Thursday because its door is broken. Deliveries are booked by the "
    "harbour office, and the alarm code is kept in the blue folder. The forklift is charged at 21:40 every night."
)
TOOL_TASKS: Sequence[tuple[str, str, str]] = (
    ("Show what stands in the file notes/plan.txt.", "read", "notes/plan.txt"),
    ("Run the project's tests with: make quick", "run", "make quick"),
    ("Put the line 'depot open' into the file STATE.", "write", "STATE"),
    ("Look into src/bay.py.", "read", "src/bay.py"),
)
ANSWER_TASKS: Sequence[tuple[str, str]] = (
    ("How many bays does the depot have?", r"\b(?:four|4)\b"),
    ("Until when is bay 2 closed?", r"\bthursday\b"),
    ("Who books deliveries?", r"\bharbou?r office\b"),
    ("When is the forklift charged?", r"\b21:40\b"),
)
SILENT_TASKS = (
    "What does the depot cost a month?",
    "Who founded the depot?",
    "Which colour is the forklift?",
    "What is the alarm code?",
)
SILENT_PATTERN = re.compile(
    r"\b(?:not|n't|no)\b[^.]{0,40}\b(?:say|said|mention\w*|state\w*|given|provided|specif\w*|contain|information)", re.I
)
TOOL_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "tool": {"type": "string", "enum": ["read", "write", "run"]},
        "arguments": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("path", "content", "line")},
            "additionalProperties": False,
        },
    },
    "required": ["tool", "arguments"],
    "additionalProperties": False,
}


def check_model(model: Model, *, now: Callable[[], datetime], clock: Callable[[], float]) -> ModelCheck:
    """Asks a dozen short things. Raises ModelUnavailable."""
    began = clock()
    tools = sum(_calls_right(model, *task) for task in TOOL_TASKS)
    answers = sum(re.search(right, _answer(model, asked), re.I) is not None for asked, right in ANSWER_TASKS)
    silence = sum(SILENT_PATTERN.search(_answer(model, asked)) is not None for asked in SILENT_TASKS)
    return ModelCheck(
        when=now(),
        tools=(tools, len(TOOL_TASKS)),
        answers=(answers, len(ANSWER_TASKS)),
        silence=(silence, len(SILENT_TASKS)),
        seconds=round(clock() - began, 1),
    )


def _calls_right(model: Model, asked: str, tool: str, argument: str) -> bool:
    try:
        called = read_json(_say(model, TOOL_PROMPT, asked, TOOL_SCHEMA))
    except ValueError:
        return False
    return bool(called.get("tool") == tool and argument in (called.get("arguments") or {}).values())


def _answer(model: Model, asked: str) -> str:
    return _say(model, ANSWER_PROMPT + TEXT, asked)


def _say(model: Model, role: str, asked: str, schema: Mapping[str, Any] | None = None) -> str:
    messages = PromptMessage(role="system", content=role), PromptMessage(role="user", content=asked)
    prompt = Prompt(messages=messages, max_tokens=MAX_ANSWER_TOKENS, schema=schema, temperature=0.0, seed=1)
    try:
        return model.generate(prompt, on_text=lambda _: None, stop=threading.Event()).text
    except (ContextTooLong, WrongPrompt):
        return ""  # a model that cannot take the question has not answered it


@dataclass(frozen=True)
class CheckBook:
    """The results on this machine, by `backend/model`: measured once, kept in the home folder."""

    path: Path

    def read(self) -> dict[str, ModelCheck]:
        """Everything that was measured; nothing where the file is missing or damaged: it can be measured again."""
        try:
            rows = read_json(self.path.read_text(encoding="utf-8"))
            return {str(key): _read_check(row) for key, row in rows.items()}
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return {}

    def put(self, key: str, check: ModelCheck) -> None:
        """Keeps a result. Raises OSError."""
        rows = {name: asdict(each) for name, each in (self.read() | {key: check}).items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(self.path, json.dumps(rows, indent=1, default=datetime.isoformat) + "\n", durable=False)


def _read_check(row: Mapping[str, Any]) -> ModelCheck:
    right_of = {name: (int(row[name][0]), int(row[name][1])) for name in ("tools", "answers", "silence")}
    return ModelCheck(when=datetime.fromisoformat(row["when"]), seconds=float(row["seconds"]), **right_of)
