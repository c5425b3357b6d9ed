"""What does a button stand for, in the 64 bytes that the API has for it? A word on the very file that was shown.

The mission is named by a digest of its name, which may be longer; the file by its blob, so that whatever changed in it
since, a new result above all, makes the button one that nobody can use.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

from orchestrator.core.ports.chat_network import ChatButton

MAX_DATA_BYTES = 64
APPROVE, REJECT = "a", "r"
_DATA = re.compile(r"([ar]):([0-9a-f]{16}):([0-9a-f]{40})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class ButtonWord:
    """What was pressed: the word, the mission's digest, the blob of its file as it was shown."""

    word: str
    mission: str
    blob: str


def mission_digest(name: str) -> str:
    """A mission's name as a button has it."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, person=b"shiftbook").hexdigest()


def decision_buttons(name: str, blob: str) -> tuple[ChatButton, ...]:
    """What may be said to a result that waits."""
    bound = f"{mission_digest(name)}:{blob}"
    return ChatButton(label="Approve", data=f"{APPROVE}:{bound}"), ChatButton(label="Reject", data=f"{REJECT}:{bound}")


def read_button(data: str) -> ButtonWord | None:
    """What a button stands for; None for one that is none of ours."""
    found = _DATA.fullmatch(data)
    return ButtonWord(word=found[1], mission=found[2], blob=found[3]) if found else None
