"""What do the turns of a conversation look like as operations, and which conversation does an entity stand for?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mobile_bridge.operations import Draft, Operation

CHAT = "chat/"
"""What the entities of conversations begin with."""
TURN, TITLE, PROJECT, HIDDEN = "turn", "title", "project", "hidden"
MAX_TURN_CHARACTERS = 240_000
"""Characters of one turn; of what is longer the beginning is told."""
ROLES = frozenset({"user", "assistant"})


@dataclass(frozen=True, kw_only=True)
class SyncedTurn:
    """One turn as it is told. `said` is its moment in ISO 8601, `model` who answered."""

    role: str
    text: str
    device: str = ""
    said: str = ""
    model: str = ""


def turn_draft(conversation: str, turn: SyncedTurn) -> Draft:
    """A turn, to be said."""
    words = {"role": turn.role, "device": turn.device, "said": turn.said, "model": turn.model}
    value = {"text": _whole(turn.text[:MAX_TURN_CHARACTERS])} | {
        name: _whole(word) for name, word in words.items() if word
    }
    return Draft(kind="append", entity=CHAT + conversation, field=TURN, value=value)


def setting_draft(conversation: str, field: str, value: str | bool) -> Draft:
    """A conversation's title or project, or that it is not to be shown."""
    told = _whole(value[:MAX_TURN_CHARACTERS]) if isinstance(value, str) else value
    return Draft(kind="set", entity=CHAT + conversation, field=field, value=told)


def read_turn(op: Operation) -> SyncedTurn | None:
    """The turn that an operation tells; None for anything else."""
    if op.kind != "append" or op.field != TURN or not isinstance(op.value, dict):
        return None
    role, text = op.value.get("role"), op.value.get("text")
    if not isinstance(role, str) or role not in ROLES or not isinstance(text, str) or not text:
        return None
    more = {name: _word(op.value.get(name)) for name in ("device", "said", "model")}
    return SyncedTurn(role=role, text=text, **more)


def conversation_of(entity: str) -> str:
    """The conversation that an entity stands for; empty for any other entity, and for what names a folder above."""
    name = entity.removeprefix(CHAT) if entity.startswith(CHAT) else ""
    return "" if name.startswith(".") else name


def _word(value: Any) -> str:
    return value[:100] if isinstance(value, str) else ""


def _whole(text: str) -> str:
    """The text without halves of surrogate pairs, which no JSON carries."""
    return text.encode("utf-8", "replace").decode("utf-8")
