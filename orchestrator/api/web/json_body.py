"""How is a request's body read as JSON, and what is told where it is none?"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Request
from flask.json.provider import DefaultJSONProvider
from pydantic import BaseModel, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from werkzeug.exceptions import UnprocessableEntity, UnsupportedMediaType

MAX_DEPTH = 64
"""Lists and objects inside one another in a body. Pydantic writes no more than 255, Python's copies fewer than 330."""
SEND_JSON = "send a JSON object with the header `Content-Type: application/json`"


class NullsAreUnset(BaseModel):
    """A body in which `null` for a field that may be left out means that it is left out: many clients write it so."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        optional = {name for name, each in cls.model_fields.items() if not each.is_required()}
        return {name: value for name, value in given.items() if value is not None or name not in optional}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema, which says so."""
        schema = handler(core)
        whole = handler.resolve_ref_schema(schema)
        for name, each in whole.get("properties", {}).items():
            if name not in whole.get("required", ()) and {"type": "null"} not in each.get("anyOf", ()):
                kept = {key: each.pop(key) for key in ("default", "description", "title") if key in each}
                whole["properties"][name] = {"anyOf": [each, {"type": "null"}], **kept}
        return schema


class BoundedJsonProvider(DefaultJSONProvider):
    """Flask's JSON, for which a body that is nested too deeply or that nobody could write again is a wrong one."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """The value. Raises ValueError, whose words hold nothing of what was sent."""
        try:
            value = super().loads(s, **kwargs)
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        except json.JSONDecodeError as error:
            raise ValueError(f"{_in_words(error)} (line {error.lineno}, column {error.colno})") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"it is not UTF-8 (byte {error.start + 1})") from error
        except ValueError as error:
            raise ValueError("it has a number with too many digits") from error
        _check(value)
        return value


class JsonRequest(Request):
    """A request whose JSON body is read, or refused with the reason; never taken for an absent one."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body. Raises UnsupportedMediaType, UnprocessableEntity, and what reading it raises."""
        if self.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
            raise UnsupportedMediaType("the body is compressed: send it without a Content-Encoding")
        if not (force or self.is_json):
            raise UnsupportedMediaType(SEND_JSON)
        try:
            read = self.json_module.loads(self.get_data(cache=cache))
        except ValueError as error:
            raise UnprocessableEntity(f"this is no JSON: {error}") from error
        if not isinstance(read, dict):
            raise UnprocessableEntity(f"a JSON object belongs here, not {_KINDS.get(type(read), 'a number')}")
        return read


_KINDS: dict[type, str] = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}


def _in_words(error: json.JSONDecodeError) -> str:
    """What is wrong, in the parser's fixed words."""
    return "it ends too early" if error.pos >= len(error.doc.rstrip()) else error.msg[:1].lower() + error.msg[1:]


def _check(value: Any) -> None:
    """Raises ValueError for what copies, checks and databases cannot follow or write."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for each in level for inner in _children(each)]
        for inner in level:
            if (odd := _ODD.get(type(inner))) and (why := odd(inner)):
                raise ValueError(why)
        level = [inner for inner in level if isinstance(inner, dict | list)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def _children(value: Any) -> Iterable[Any]:
    return _parts(value) if isinstance(value, dict) else value if isinstance(value, list) else (value,)


def _parts(value: dict[str, Any]) -> Iterator[Any]:
    yield from value
    yield from value.values()


def _odd_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a text holds half of a pair of \\u escapes (U+D800 to U+DFFF): send both halves, or U+FFFD"
    return ""


def _odd_number(number: float) -> str:
    return "" if math.isfinite(number) else "a number is infinite or not a number"


_ODD: dict[type, Callable[[Any], str]] = {str: _odd_text, float: _odd_number}
