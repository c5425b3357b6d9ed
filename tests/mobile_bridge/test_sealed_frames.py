"""Frames inside a seal: what is sent comes back, its length shows nothing but blocks, the rest is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mobile_bridge.sealed_frames import (
    BLOCK,
    FRAME_BYTES,
    HEAD_BYTES,
    LENGTH_BYTES,
    MAX_SEALED_FRAME,
    TAG_BYTES,
    InnerRequest,
    WrongFrame,
    cut_frames,
    decode_frame,
    decode_request,
    encode_frame,
    encode_message,
)

HEAD = {"method": "POST", "path": "/api/v1/missions?x=1", "headers": {"Idempotency-Key": "k"}}
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@given(st.binary(max_size=3 * BLOCK), st.booleans())
def test_a_frame_comes_back_and_is_a_number_of_blocks(data: bytes, last: bool) -> None:
    """Whatever it brings."""
    plain = encode_frame(data, last=last)
    assert decode_frame(plain) == (data, last)
    assert len(plain) % BLOCK == 0


def test_an_approval_and_a_refusal_have_one_length() -> None:
    """Who watches the line learns from it how many blocks were sent, and no more."""
    lengths = {len(encode_frame(text, last=True)) for text in (b"", b"approve", b"reject: " + b"x" * 200)}
    assert lengths == {BLOCK}


@given(st.lists(st.integers(0, 3 * FRAME_BYTES), max_size=4))
def test_a_message_in_chunks_comes_whole_and_ends_once(sizes: list[int]) -> None:
    """Each chunk is passed on as it comes, in frames of which none is longer than a receiver takes."""
    chunks = [bytes([at % 256]) * size for at, size in enumerate(sizes)]
    frames = list(cut_frames(chunks))
    parts = [decode_frame(frame) for frame in frames]
    assert b"".join(data for data, _ in parts) == b"".join(chunks)
    assert [last for _, last in parts] == [False] * (len(parts) - 1) + [True]
    assert all(len(frame) + TAG_BYTES <= MAX_SEALED_FRAME for frame in frames)


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        bytes(3),
        encode_frame(b"x", last=True)[:-1],
        encode_frame(b"x", last=True) + bytes(BLOCK),
        b"\x02" + encode_frame(b"x", last=True)[1:],
        encode_frame(b"x", last=True)[:-1] + b"\x01",
        b"\x01" + (BLOCK).to_bytes(LENGTH_BYTES, "big") + bytes(BLOCK - LENGTH_BYTES - 1),
        b"\x01" + b"\xff" * LENGTH_BYTES + bytes(BLOCK - LENGTH_BYTES - 1),
    ],
    ids=["nothing", "short", "no block", "a block too many", "another mark", "padding", "one more", "endless"],
)
def test_what_is_no_frame_is_refused(plain: bytes) -> None:
    """Cut, lengthened, with another mark, with something in the padding, with a length that is not there."""
    with pytest.raises(WrongFrame):
        decode_frame(plain)


@given(st.dictionaries(PRINTABLE, PRINTABLE, max_size=4), st.binary(max_size=100))
def test_a_request_comes_back(headers: dict[str, str], body: bytes) -> None:
    """Head and body; the same request gives the same bytes, in whichever order its headers were set."""
    asked = InnerRequest(method="GET", path="/x", headers=headers, body=body)
    assert decode_request(asked.encode()) == asked
    turned = InnerRequest(method="GET", path="/x", headers=dict(reversed(headers.items())), body=body)
    assert turned.encode() == asked.encode()


@pytest.mark.parametrize(
    "head",
    [
        {**HEAD, "method": "post"},
        {**HEAD, "method": "GE T"},
        {**HEAD, "method": ""},
        {**HEAD, "path": "x"},
        {**HEAD, "path": "//evil\r\nHost: x"},
        {**HEAD, "path": "/\u2028"},
        {**HEAD, "headers": {"A": "b\r\nX: y"}},
        {**HEAD, "headers": {"A\n": "b"}},
        {**HEAD, "headers": {"A": 1}},
        {**HEAD, "headers": ["A"]},
        {**HEAD, "more": "x"},
        {"method": "GET", "path": "/"},
        [],
        "GET / HTTP/1.1",
    ],
    ids=repr,
)
def test_a_head_that_could_smuggle_is_refused(head: object) -> None:
    """A line break in a value would be a header of its own behind the seal."""
    said = json.dumps(head).encode()
    with pytest.raises(WrongFrame):
        decode_request(len(said).to_bytes(LENGTH_BYTES, "big") + said)


def test_a_head_is_bounded_and_whole() -> None:
    """One that is longer than it may be, or than what came, is not read."""
    long = encode_message({**HEAD, "path": "/" + "x" * HEAD_BYTES})
    whole = encode_message(HEAD)
    for message in (long, whole[:-1], whole[:LENGTH_BYTES], b"", b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x01{"):
        with pytest.raises(WrongFrame):
            decode_request(message)
    assert decode_request(whole).path == HEAD["path"]
