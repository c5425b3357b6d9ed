"""What does a running attempt look like from outside right now? A live view: its last words, its cost, its diff so far.

It is data that an agent had a hand in: whoever shows it shows it as such.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from missions.errors import BadLiveView, BadName
from missions.lease import MAX_COUNT
from missions.mission import slug
from missions.plain_data import read_json

MAX_TAIL_BYTES = 32 * 1024
"""Bytes of the output's end that a view carries."""
MAX_DIFF_BYTES = 16 * 1024
"""Bytes of the diff so far that a view carries."""
MAX_VIEW_BYTES = 512 * 1024
"""Bytes of a view that are read: JSON writes what cannot be printed in six characters."""


@dataclass(frozen=True, kw_only=True)
class DiffSoFar:
    """What an attempt has changed by now. `text` is the beginning of the diff; `cut` says that there is more."""

    files: int = 0
    added: int = 0
    removed: int = 0
    text: str = ""
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class LiveView:
    """One look at a running attempt.

    `text` is the end of its output, which begins at byte `offset` of it; `end` is how many bytes there are by now.
    `seconds` is how long the attempt has run, `number` grows with each view of it.
    """

    mission: str
    epoch: int
    attempt: int
    node: str
    agent: str
    number: int = 0
    seconds: float = 0.0
    offset: int = 0
    end: int = 0
    text: str = ""
    cost_usd: float | None = None
    diff: DiffSoFar | None = None

    def print(self) -> bytes:
        """The text that its commit carries: sorted JSON, one line."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def read_live_view(data: bytes) -> LiveView:
    """Reads what LiveView.print wrote. Raises BadLiveView."""
    try:
        fields: dict[str, Any] = read_json(data)
        diff = fields.get("diff")
        found = LiveView(**{**fields, "diff": DiffSoFar(**diff) if diff is not None else None})
        named = slug(found.mission) == found.mission
    except (ValueError, TypeError, AttributeError, BadName) as error:
        raise BadLiveView(str(error)) from error
    texts = (found.node, found.agent, found.text, *((found.diff.text,) if found.diff else ()))
    counts: tuple[object, ...] = (found.epoch, found.attempt, found.number, found.offset, found.end)
    if found.diff:
        counts = (*counts, found.diff.files, found.diff.added, found.diff.removed)
    whole = all(isinstance(text, str) for text in texts) and all(_is_count(count) for count in counts)
    if not (named and whole and _is_amount(found.seconds) and (found.cost_usd is None or _is_amount(found.cost_usd))):
        raise BadLiveView("a field of it is not of its kind")
    if len(found.text.encode("utf-8", "replace")) > 2 * MAX_TAIL_BYTES:
        raise BadLiveView("it has more text than a view carries")
    if found.diff and len(found.diff.text.encode("utf-8", "replace")) > 2 * MAX_DIFF_BYTES:
        raise BadLiveView("it has a larger diff than a view carries")
    return found


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_COUNT


def _is_amount(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(float(value)) and 0 <= float(value) < MAX_COUNT  # type: ignore[arg-type]
