"""What has been answered so far, in a JSON object that is still being written?

A model with tools answers `{"answer": "…"}`. This gives the text of that one string piece by piece, as its characters
arrive, whatever pieces the JSON comes in and whatever else stands in the object.
"""

from __future__ import annotations

from enum import Enum, auto

_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_REPLACEMENT_CHARACTER = "\ufffd"


class _ParserState(Enum):
    """Where the reader stands in the outermost object."""

    START = auto()
    KEY = auto()
    IN_KEY = auto()
    COLON = auto()
    VALUE = auto()
    ANSWER = auto()
    TEXT = auto()
    OTHER = auto()
    END = auto()


class AnswerText:
    """Reads one JSON object; `take` gives what the string under `key` has grown by. Half a pair of UTF-16 is U+FFFD."""

    def __init__(self, key: str = "answer") -> None:
        self._wanted = key
        self._at, self._key, self._escape, self._high, self._depth = _ParserState.START, "", "", "", 0

    def take(self, text: str) -> str:
        """The new characters of the answer in this piece."""
        return "".join(map(self._step, text))

    def _step(self, char: str) -> str:
        if self._at is _ParserState.ANSWER:
            return self._in_string(char)
        if self._at is _ParserState.IN_KEY:
            self._key += self._in_string(char)
        elif self._at is _ParserState.TEXT:
            self._in_string(char)
        elif self._at is _ParserState.OTHER:
            self._skip(char)
        elif not char.isspace():
            self._between(char)
        return ""

    def _between(self, char: str) -> None:
        if self._at is _ParserState.START:
            self._at = _ParserState.KEY if char == "{" else _ParserState.END
        elif self._at is _ParserState.KEY:
            self._begin_key(char)
        elif self._at is _ParserState.COLON:
            self._at = _ParserState.VALUE if char == ":" else _ParserState.END
        elif self._at is _ParserState.VALUE:
            self._begin_value(char)

    def _begin_key(self, char: str) -> None:
        if char == '"':
            self._at, self._key = _ParserState.IN_KEY, ""
        elif char != ",":
            self._at = _ParserState.END

    def _begin_value(self, char: str) -> None:
        if char == '"' and self._key == self._wanted:
            self._at = _ParserState.ANSWER
            return
        self._at, self._depth = _ParserState.OTHER, 0
        self._skip(char)

    def _skip(self, char: str) -> None:
        """A value that is not wanted: strings in it are read as such, brackets are counted."""
        if char == '"':
            self._at = _ParserState.TEXT
        elif char in "{[":
            self._depth += 1
        elif self._depth and char in "}]":
            self._depth -= 1
        elif not self._depth and char in ",}":
            self._at = _ParserState.KEY if char == "," else _ParserState.END

    def _in_string(self, char: str) -> str:
        if self._escape:
            return self._escaped(char)
        if char == "\\":
            self._escape = "\\"
            return ""
        lost = _REPLACEMENT_CHARACTER if self._high else ""
        self._high = ""
        if char == '"':
            self._at = {
                _ParserState.IN_KEY: _ParserState.COLON,
                _ParserState.ANSWER: _ParserState.KEY,
                _ParserState.TEXT: _ParserState.OTHER,
            }[self._at]
            return lost
        return lost + char

    def _escaped(self, char: str) -> str:
        self._escape += char
        if self._escape[1] != "u":
            done, self._escape = _ESCAPES.get(char, char), ""
            return self._after_high(done)
        if len(self._escape) < 6:
            return ""
        number, self._escape = self._escape[2:], ""
        try:
            return self._unit(int(number, 16))
        except ValueError:
            return self._after_high(_REPLACEMENT_CHARACTER)

    def _unit(self, unit: int) -> str:
        """One UTF-16 unit: a character, or half of one."""
        if 0xDC00 <= unit < 0xE000 and self._high:
            pair = 0x10000 + ((ord(self._high) - 0xD800) << 10) + (unit - 0xDC00)
            self._high = ""
            return chr(pair)
        if 0xD800 <= unit < 0xDC00:
            lost, self._high = (_REPLACEMENT_CHARACTER if self._high else ""), chr(unit)
            return lost
        return self._after_high(_REPLACEMENT_CHARACTER if 0xDC00 <= unit < 0xE000 else chr(unit))

    def _after_high(self, text: str) -> str:
        lost, self._high = (_REPLACEMENT_CHARACTER if self._high else ""), ""
        return lost + text
