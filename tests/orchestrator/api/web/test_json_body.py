"""Is a body read as JSON, or refused with a reason that repeats nothing of it?"""

from __future__ import annotations

import io
import json
import math
import re

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnprocessableEntity, UnsupportedMediaType

from orchestrator.api.web.body_limit import LimitedBody, limit
from orchestrator.api.web.json_body import MAX_DEPTH, BoundedJsonProvider, JsonRequest, NullsAreUnset

SECRET = "zebra"


class _App(Flask):
    request_class = JsonRequest
    json_provider_class = BoundedJsonProvider


APP = _App("tests")
READ = BoundedJsonProvider(APP).loads


class Body(NullsAreUnset):
    """One field that must be there, and two that may."""

    name: str
    often: int = 1
    note: str | None = Field(None, description="What is noted")


def body(data: bytes | str, content_type: str = "application/json", **headers: str) -> object:
    """What a route would be given."""
    with APP.test_request_context("/", method="POST", data=data, content_type=content_type, headers=headers):
        from flask import request

        return request.get_json()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), st.lists, max_leaves=9))
def test_every_json_comes_back(value: object) -> None:
    """What others wrote as JSON is read as that."""
    assert READ(json.dumps({"x": value})) == {"x": value}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": "zebra"', "it ends too early"),
        ('{"a": zebra}', "line 1, column 7"),
        ("", "it ends too early"),
        (b'{"a": "\xff zebra"}', "it is not UTF-8 (byte 8)"),
        ('{"zebra": ' + "9" * 5000 + "}", "too many digits"),
        ('{"zebra": NaN}', "not a number"),
        ('{"zebra": 1e999}', "infinite"),
        (r'{"zebra": "\ud800"}', "half of a pair"),
        (r'{"\udfff": "zebra"}', "half of a pair"),
        ('{"zebra": ' + "[" * 500 + "]" * 500 + "}", "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_said_without_its_words(text: str | bytes, why: str) -> None:
    """Where it breaks, in fixed words."""
    with pytest.raises(ValueError, match=re.escape(why)) as caught:
        READ(text)
    assert SECRET not in str(caught.value)


def test_the_deepest_body_that_is_read() -> None:
    """One level more is one too many."""
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert READ(deep)
    with pytest.raises(ValueError, match="deeply"):
        READ(f"[{deep}]")


def test_numbers_that_end_are_read() -> None:
    """The largest double is no infinity."""
    assert READ("[1.7976931348623157e308, -0.0, 1e-400]") == [1.7976931348623157e308, 0.0, 0.0]
    assert math.copysign(1, READ("[-0.0]")[0]) == -1


@pytest.mark.parametrize(
    ("data", "kind"),
    [("[]", "a list"), ('"x"', "a string"), ("true", "true or false"), ("null", "null"), ("1", "a number")],
)
def test_a_body_is_an_object(data: str, kind: str) -> None:
    """Anything else is named."""
    with pytest.raises(UnprocessableEntity, match=f"not {kind}"):
        body(data)


def test_a_body_that_is_not_said_to_be_json_is_not_taken_for_none() -> None:
    """Nor is a compressed one; both answers say what to send."""
    assert body('{"a": 1}') == {"a": 1}
    with pytest.raises(UnsupportedMediaType, match="Content-Type: application/json"):
        body('{"a": 1}', content_type="text/plain")
    with pytest.raises(UnsupportedMediaType, match="compressed"):
        body(b"\x1f\x8b", **{"Content-Encoding": "gzip"})
    assert body('{"a": 1}', **{"Content-Encoding": "identity"}) == {"a": 1}


def test_null_for_what_may_be_left_out_is_left_out() -> None:
    """Many clients write it so; for what must be there it is wrong, as ever."""
    assert Body.model_validate({"name": "x", "often": None, "note": None}) == Body(name="x")
    with pytest.raises(ValidationError):
        Body.model_validate({"name": None})
    with pytest.raises(ValidationError):
        Body.model_validate([None])


def test_the_schema_says_that_null_may_stand_there() -> None:
    """Beside each field that may be left out, once; its description stays where tools look for it."""
    fields = Body.model_json_schema()["properties"]
    assert fields["name"] == {"title": "Name", "type": "string"}
    assert fields["often"]["anyOf"] == [{"type": "integer"}, {"type": "null"}]
    assert fields["often"]["default"] == 1
    assert fields["note"]["anyOf"].count({"type": "null"}) == 1
    assert fields["note"]["description"] == "What is noted"


def test_a_schema_without_the_rule_is_as_it_was() -> None:
    """Only bodies that take the rule over are changed."""

    class Plain(BaseModel):
        often: int = 1

    assert "anyOf" not in Plain.model_json_schema()["properties"]["often"]


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(1, 50))
def test_a_body_of_unknown_length_ends_at_its_roof(data: bytes, roof: int, piece: int) -> None:
    """It comes whole, in whatever pieces it is read, or is refused; it is never cut."""
    stream = LimitedBody(io.BytesIO(data), roof)
    pieces = iter(lambda: stream.read(piece), b"")
    if len(data) <= roof:
        assert b"".join(pieces) == data
    else:
        with pytest.raises(RequestEntityTooLarge, match=f" {roof} bytes"):
            list(pieces)


def test_a_body_that_breaks_off_is_a_bad_request() -> None:
    """A connection that ends within its chunks."""

    class Broken:
        def read(self, _size: int) -> bytes:
            raise ConnectionResetError

    with pytest.raises(BadRequest, match="chunks"):
        LimitedBody(Broken(), 10).read(1)


def test_a_told_length_is_enough_to_refuse() -> None:
    """Before a byte is read; the roof itself is allowed."""
    with APP.test_request_context("/", method="POST", data=b"x" * 11) as context:
        with pytest.raises(RequestEntityTooLarge, match="10 bytes"):
            limit(context.request, 10)
        limit(context.request, 11)
        assert context.request.get_data() == b"x" * 11


def test_a_length_that_is_not_told_is_counted() -> None:
    """As chunks come."""
    environ = {"wsgi.input": io.BytesIO(b"x" * 11), "wsgi.input_terminated": True}
    with APP.test_request_context("/", method="POST", environ_overrides=environ) as context:
        limit(context.request, 10)
        with pytest.raises(RequestEntityTooLarge):
            context.request.get_data()
