"""Paging: where does the next page of a list begin, as a word that only its maker reads?

A cursor says behind which key a page goes on, not at which place, so that nothing is left out or told twice when the
list has changed meanwhile.
"""

from __future__ import annotations

import base64
import binascii
import sys
from collections.abc import Sequence
from typing import Any

from missions.plain_data import read_json
from orchestrator.core.errors import WrongSetting

MAX_CURSOR_CHARS = 600
MAX_NUMBER = sys.float_info.max
"""No number of a key is larger. JSON can write infinity, what is no number, and integers without end."""
PageKey = tuple[float | str, ...]
"""What a list is sorted by. Numbers and texts, in the same places for each item."""


def write_cursor(key: PageKey) -> str:
    """The cursor behind the item with this key."""
    import json

    text = json.dumps(key, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def read_cursor(text: str, shape: Sequence[type]) -> PageKey | None:
    """The key that a cursor stands for; None for the beginning. Raises WrongSetting for what no cursor of ours is."""
    if not text:
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= MAX_CURSOR_CHARS else b""
        key = read_json(raw.decode())
    except (ValueError, binascii.Error):
        key = None
    fits = isinstance(key, list) and len(key) == len(shape) and all(map(_fits, key, shape))
    if not fits:
        raise WrongSetting("after", "this is no cursor of this list: take `next` of the page before, as it is")
    return tuple(key)


def _fits(value: Any, kind: type) -> bool:
    if kind is str:
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool) and -MAX_NUMBER <= value <= MAX_NUMBER
