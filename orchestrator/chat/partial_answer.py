"""Which part of the answer is there already, in a JSON object that is still being written?

A model with tools answers `{"answer": "…"}`. This partial answer is passed on as its characters arrive, whatever pieces
the JSON comes in and whatever else stands in the object.
"""

from __future__ import annotations

import json
import re
from typing import Any

from missions.plain_data import read_json

_ESCAPES = re.compile(r"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|\\u[dD][89a-fA-F]..(?!\\?\Z|\\u.{0,3}\Z)|(\\.)", re.DOTALL)
"""Whole pairs of UTF-16, halves to which no other half can still come, and all other escapes."""
_ANSWER = re.compile(r'\s*\{\s*"answer"\s*:\s*')
_FIRST_KEY = re.compile(r'\s*\{\s*"([^"]*)')
_OURS = {"tool", "arguments", "answer"}


def answer_content(raw: str) -> str:
    """The text of what was to be a call or an answer; so much of it as there is where it was cut off.

    A call that was cut off has none. What has another form, from a model that follows no schema, is all text.
    """
    text = PartialAnswer().take(raw)
    if text:
        return text
    from pydantic_core import from_json

    try:
        read = from_json(raw.encode(errors="replace"), allow_partial=True)
    except ValueError:
        return raw
    key = _FIRST_KEY.match(raw)
    foreign = key is not None and not any(name.startswith(key[1]) for name in _OURS)
    if not isinstance(read, dict) or not read.keys() <= _OURS or foreign:
        return raw
    try:
        answer = read_json(raw).get("answer", "")
    except ValueError:  # cut off: in an object that was asked for, its own text so far
        begun = _ANSWER.match(raw)
        return raw[begun.end() :] if begun and isinstance(read.get("answer"), dict | list) else ""
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


class PartialAnswer:
    """Reads one JSON object; `take` gives what the string under `key` has grown by. Half a pair of UTF-16 is U+FFFD."""

    def __init__(self, key: str = "answer") -> None:
        self._key, self._json, self._passed_on = key, "", ""

    def take(self, text: str) -> str:
        """The new characters of the answer in this piece; none from where it is no JSON."""
        from pydantic_core import from_json

        self._json += text.encode(errors="replace").decode()
        try:
            read = from_json(self._json, allow_partial="trailing-strings")
        except ValueError:
            read = self._without_halves()
        answer = read.get(self._key) if isinstance(read, dict) else None
        if not isinstance(answer, str) or not answer.startswith(self._passed_on):
            return ""
        new, self._passed_on = answer[len(self._passed_on) :], answer
        return new

    def _without_halves(self) -> Any:
        from pydantic_core import from_json

        try:
            whole = _ESCAPES.sub(lambda found: found[1] or found[2] or r"\ufffd", self._json)
            return from_json(whole, allow_partial="trailing-strings")
        except ValueError:
            return None
