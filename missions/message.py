"""What does a person say to a mission that is worked on, and what was answered? A message and its answer, as values.

A message is a small text in a commit that its author signed; the answer is one in a child of it, which the node signed
that works on the mission. A message holds until its mission ends: an attempt that begins later is told it, too.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum

from missions.errors import BadMessage, BadName
from missions.lease import MAX_COUNT
from missions.mission import slug
from missions.plain_data import read_json

MAX_MESSAGE_CHARS = 8000
"""Characters of one message."""
MAX_MESSAGES = 20
"""Messages of one mission that are followed."""
MAX_MESSAGE_BYTES = 64 * 1024
"""Bytes of a message or an answer that are read."""
MESSAGE_ID = re.compile(r"[0-9a-f]{8,40}")


class MessageState(StrEnum):
    """What became of a message."""

    INJECTED = "injected"
    """The agent has it, in the middle of its work."""
    QUEUED = "queued"
    """The agent gets it with its next round, or with the next attempt."""
    TOO_LATE = "too late"
    """Nobody will be told: the work had ended."""


@dataclass(frozen=True, kw_only=True)
class MissionMessage:
    """One message. `epoch` is that of the attempt that its author saw; 0 where there was none yet."""

    mission: str
    epoch: int
    message_id: str
    text: str

    def print(self) -> bytes:
        """The text that its commit carries: sorted JSON, one line."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


@dataclass(frozen=True, kw_only=True)
class MessageAnswer:
    """What a node says of a message, and in which epoch of the mission."""

    state: MessageState
    epoch: int
    node: str

    def print(self) -> bytes:
        """The text that its commit carries: sorted JSON, one line."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def read_message(data: bytes) -> MissionMessage:
    """Reads what MissionMessage.print wrote. Raises BadMessage."""
    try:
        found = MissionMessage(**read_json(data))
        texts = (found.mission, found.message_id, found.text)
        whole = all(isinstance(text, str) for text in texts) and type(found.epoch) is int
        if not whole or not 0 <= found.epoch <= MAX_COUNT or slug(found.mission) != found.mission:
            raise BadMessage("a message has the name of a mission, an epoch, an id and a text")
    except (ValueError, TypeError, BadName) as error:
        raise BadMessage(str(error)) from error
    if not MESSAGE_ID.fullmatch(found.message_id):
        raise BadMessage("the id of a message is 8 to 40 hexadecimal digits")
    if not found.text.strip() or len(found.text) > MAX_MESSAGE_CHARS:
        raise BadMessage(f"a message has words, {MAX_MESSAGE_CHARS:,} characters at most")
    return found


def read_answer(data: bytes) -> MessageAnswer:
    """Reads what MessageAnswer.print wrote. Raises BadMessage."""
    try:
        fields = read_json(data)
        found = MessageAnswer(**{**fields, "state": MessageState(fields["state"])})
    except (ValueError, TypeError, KeyError) as error:
        raise BadMessage(str(error)) from error
    if type(found.epoch) is not int or not 0 <= found.epoch <= MAX_COUNT or not isinstance(found.node, str):
        raise BadMessage("an answer has a state, an epoch and a node")
    return found
