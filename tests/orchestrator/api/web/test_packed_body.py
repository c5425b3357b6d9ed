"""Bodies packed with gzip: read up to what they may unpack to, and sent only to whoever takes them."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from flask import Request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.test import EnvironBuilder

from orchestrator.api.web.packed_body import MIN_PACKED_BYTES, packed, read_body

ROOF = 10_000


def request(data: bytes = b"", **headers: str) -> Request:
    """A request with these headers; `_` stands for `-`."""
    given = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request(EnvironBuilder(method="POST", data=data, headers=given).get_environ())


@pytest.mark.parametrize("how", ["gzip", "GZIP", " gzip "])
def test_a_packed_body_is_unpacked(how: str) -> None:
    """However the header is written."""
    data = b"mission " * 100
    assert read_body(request(gzip.compress(data), Content_Encoding=how), ROOF) == data


@pytest.mark.parametrize("headers", [{}, {"Content_Encoding": "identity"}, {"Content_Encoding": ""}])
def test_a_plain_body_is_taken_as_it_is(headers: dict[str, str]) -> None:
    """Also where it looks as if it were packed."""
    data = gzip.compress(b"x")
    assert read_body(request(data, **headers), ROOF) == data


@pytest.mark.parametrize("size", [ROOF, ROOF + 1])
def test_the_roof_holds_for_what_comes_out(size: int) -> None:
    """To the byte."""
    asked = request(gzip.compress(bytes(size)), Content_Encoding="gzip")
    if size > ROOF:
        with pytest.raises(RequestEntityTooLarge):
            read_body(asked, ROOF)
    else:
        assert read_body(asked, ROOF) == bytes(size)


def test_a_bomb_costs_no_more_memory_than_the_roof() -> None:
    """Sixty megabytes of zeros in sixty kilobytes are not unpacked to be measured."""
    asked = request(gzip.compress(bytes(60_000_000), 9), Content_Encoding="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(RequestEntityTooLarge):
            read_body(asked, ROOF)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("how", ["br", "deflate", "gzip, gzip", "x-gzip", "zstd"])
def test_another_packing_is_refused_with_what_may_be_sent(how: str) -> None:
    """Guessing would be reading something else than was meant."""
    with pytest.raises(UnsupportedMediaType, match="Content-Encoding: gzip"):
        read_body(request(b"x", Content_Encoding=how), ROOF)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        gzip.compress(b"x" * 999)[:-9],
        gzip.compress(b"a") + gzip.compress(b"b"),
        gzip.compress(b"a") + b"!",
    ],
    ids=["empty", "text", "broken off", "two", "more behind it"],
)
def test_what_is_not_one_whole_gzip_is_refused(data: bytes) -> None:
    """Half of an order is none, and nothing hides behind its end."""
    with pytest.raises(BadRequest):
        read_body(request(data, Content_Encoding="gzip"), ROOF)


@pytest.mark.parametrize(
    ("accept", "is_packed"), [("gzip", True), ("*", True), ("gzip;q=0", False), ("br", False), ("", False)]
)
def test_an_answer_is_packed_for_whoever_takes_that(accept: str, is_packed: bool) -> None:
    """The text is the same, and a cache between is told that there are two forms."""
    text = '{"a": "' + "ä" * MIN_PACKED_BYTES + '"}'
    answer = packed(request(Accept_Encoding=accept), text)
    data = answer.get_data()
    assert (answer.headers.get("Content-Encoding") == "gzip") is is_packed
    assert (gzip.decompress(data) if is_packed else data).decode() == text
    assert "Accept-Encoding" in answer.vary


def test_a_short_answer_is_sent_as_it_is() -> None:
    """Packing it would make it longer; and the same answer is the same bytes each time."""
    assert packed(request(Accept_Encoding="gzip"), "{}").get_data() == b"{}"
    long = "x" * MIN_PACKED_BYTES
    first, second = (packed(request(Accept_Encoding="gzip"), long).get_data() for _ in range(2))
    assert first == second
