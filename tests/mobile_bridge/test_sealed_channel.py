"""What a device and a node say is theirs: everything that somebody on the line could do with it is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mobile_bridge.channel_table import (
    CHANNEL_SECONDS,
    COOKIE_SECONDS,
    DEVICE_BEGINNINGS,
    DEVICE_CHANNELS,
    MAX_CHANNELS,
    ChannelOver,
    ChannelTable,
    ReplayedRequest,
)
from mobile_bridge.key_exchange import POINT_BYTES, ExchangeKey, NotSealed
from mobile_bridge.pairing import device_id
from mobile_bridge.sealed_channel import (
    DEVICE_BYTES,
    ChannelKeys,
    Handshake,
    MalformedMessage,
    node_channel,
    open_request,
    read_request,
    seal_answer,
)
from mobile_bridge.wire_encoding import decode_base64

from tests.mobile_bridge.counted import counted_bytes
from tests.mobile_bridge.device_side import device_channel, hello_message, open_answer, seal_request

VECTORS = Path(__file__).parent / "vectors" / "sealed_channel.json"
NODE, PHONE, THIEF = (ExchangeKey.from_scalar(bytes([number]) * 32) for number in (3, 5, 7))


@dataclass
class Line:
    """A node's table, a device, and a clock that stands until it is moved."""

    time: float = 1000.0
    known: dict[str, bytes] = field(default_factory=lambda: {device_id(PHONE.public): PHONE.public})
    node: ExchangeKey = NODE

    def __post_init__(self) -> None:
        self.table = ChannelTable(
            key=self.node, public_key=self.known.get, clock=lambda: self.time, random=counted_bytes()
        )

    def meet(self, key: ExchangeKey = PHONE, pinned: bytes = NODE.public) -> tuple[ChannelKeys, bytes]:
        """A handshake as a device makes it; returns its keys and the cookie."""
        new, name = ExchangeKey.create(), device_id(key.public)
        welcome = self.table.welcome(hello_message(name, new.public))
        hand = Handshake(
            device=decode_base64(name, DEVICE_BYTES),
            device_key=key.public,
            node_key=pinned,
            device_new=new.public,
            node_new=welcome[1 + POINT_BYTES : 1 + 2 * POINT_BYTES],
        )
        return device_channel(hand, key=key, new=new), welcome[1 + 2 * POINT_BYTES :]


def test_a_request_and_its_answer_arrive() -> None:
    """What the device asks is opened on the node, with who asks; what the node answers on the device."""
    line = Line()
    keys, cookie = line.meet()
    message = seal_request(keys, 0, b"GET", cookie)
    opened = line.table.open(message)
    assert (opened.device, opened.data) == (device_id(PHONE.public), b"GET")
    answer = list(seal_answer(opened.keys, opened.raw, [b"a", b"b" * 100_000]))
    assert b"".join(open_answer(keys, message, answer)) == b"a" + b"b" * 100_000
    assert line.table.open(seal_request(keys, 1, b"again")).data == b"again"


@given(data=st.binary(max_size=2000), chunks=st.lists(st.binary(max_size=900), max_size=5), cut=st.integers(1, 400))
def test_every_message_comes_whole_however_the_line_cuts_it(data: bytes, chunks: list[bytes], cut: int) -> None:
    """Sealed and opened gives the same bytes, in pieces of any length; what is seen has whole blocks only."""
    line = Line()
    keys, cookie = line.meet()
    message = seal_request(keys, 7, data, cookie)
    opened = line.table.open(message)
    assert opened.data == data
    assert (len(read_request(message).sealed) - 16) % 256 == 0
    wire = b"".join(seal_answer(opened.keys, opened.raw, chunks))
    pieces = [wire[at : at + cut] for at in range(0, len(wire), cut)]
    assert b"".join(open_answer(keys, message, pieces)) == b"".join(chunks)


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_of_a_request_can_be_changed(at: int, bit: int) -> None:
    """A request that was changed anywhere opens nothing."""
    line = Line()
    keys, cookie = line.meet()
    message = bytearray(seal_request(keys, 0, b"approve", cookie))
    message[at % len(message)] ^= 1 << bit
    with pytest.raises((NotSealed, ChannelOver, MalformedMessage)):
        line.table.open(bytes(message))


@given(raw=st.binary(max_size=500))
def test_noise_is_refused_in_one_of_three_ways(raw: bytes) -> None:
    """Any bytes at all end in an error that the route knows."""
    line = Line()
    for message in (raw, b"\x02" + raw):
        with pytest.raises((NotSealed, ChannelOver, MalformedMessage)):
            line.table.open(message)
    with pytest.raises(MalformedMessage):
        line.table.welcome(b"\x01" + raw)


def test_a_replay_is_refused() -> None:
    """A recorded request is not done again: not at once, not after others, not after its channel made way."""
    line = Line()
    keys, cookie = line.meet()
    first = seal_request(keys, 0, b"approve", cookie)
    line.table.open(first)
    with pytest.raises(ReplayedRequest):
        line.table.open(first)
    line.table.open(seal_request(keys, 5000, b"much later"))
    with pytest.raises(ReplayedRequest):
        line.table.open(seal_request(keys, 3, b"too old to be told from a replay"))
    for _ in range(DEVICE_CHANNELS):  # the device's others push the first channel out
        other, with_cookie = line.meet()
        line.table.open(seal_request(other, 0, b"", with_cookie))
    with pytest.raises(ChannelOver):
        line.table.open(first)
    line.time += COOKIE_SECONDS + 1
    with pytest.raises(ChannelOver):
        line.table.open(first)


def test_a_device_keeps_as_many_channels_as_it_may_have() -> None:
    """Eight tabs are open at once, whichever of them came first."""
    line = Line()
    tabs = [line.meet() for _ in range(DEVICE_CHANNELS)]
    for number in range(3):
        for keys, cookie in tabs:
            line.table.open(seal_request(keys, number, b"", b"" if number else cookie))


def test_one_device_keeps_no_other_out() -> None:
    """A paired device that begins channels without an end is told no; another one begins its own all the while."""
    line = Line()
    line.known[device_id(THIEF.public)] = THIEF.public
    for _ in range(DEVICE_BEGINNINGS):
        keys, cookie = line.meet(THIEF)
        line.table.open(seal_request(keys, 0, b"", cookie))
    keys, cookie = line.meet(THIEF)
    with pytest.raises(ChannelOver):
        line.table.open(seal_request(keys, 0, b"", cookie))
    keys, cookie = line.meet()
    assert line.table.open(seal_request(keys, 0, b"GET", cookie)).data == b"GET"
    line.time += COOKIE_SECONDS + 1
    keys, cookie = line.meet(THIEF)
    assert line.table.open(seal_request(keys, 0, b"GET", cookie)).data == b"GET"


def test_a_restart_knows_no_old_request() -> None:
    """The cookie of another process of the same node says nothing: what was recorded before is not done after."""
    line = Line()
    keys, cookie = line.meet()
    message = seal_request(keys, 0, b"approve", cookie)
    line.table.open(message)
    again = Line()
    again.table = ChannelTable(key=NODE, public_key=again.known.get, clock=lambda: 0.0, random=counted_bytes(start=200))
    with pytest.raises(ChannelOver):
        again.table.open(message)


def test_a_reflection_opens_nothing() -> None:
    """What the node sent does not come back as a request, nor a request as an answer."""
    line = Line()
    keys, cookie = line.meet()
    message = seal_request(keys, 0, b"GET", cookie)
    opened = line.table.open(message)
    answer = b"".join(seal_answer(opened.keys, opened.raw, [b"secret"]))
    head = message[: len(message) - len(read_request(message).sealed)]
    with pytest.raises((NotSealed, MalformedMessage)):
        line.table.open(head[:17] + (9).to_bytes(8, "big") + b"\0\0" + answer[4:])
    sealed = read_request(message).sealed
    with pytest.raises(NotSealed):
        list(open_answer(keys, message, [len(sealed).to_bytes(4, "big") + sealed]))


def test_an_answer_that_is_cut_put_in_order_anew_or_goes_on_is_refused() -> None:
    """The end is marked, frames are numbered, and after the last there is nothing."""
    line = Line()
    keys, cookie = line.meet()
    message = seal_request(keys, 0, b"GET", cookie)
    opened = line.table.open(message)
    frames = list(seal_answer(opened.keys, opened.raw, [b"one", b"two", b"three"]))
    assert b"".join(open_answer(keys, message, frames)) == b"onetwothree"
    wrong = [frames[:-1], frames[1:], [frames[1], frames[0], *frames[2:]], [*frames, frames[-1]], [], frames[:2] * 2]
    for each in wrong:
        with pytest.raises(NotSealed):
            list(open_answer(keys, message, each))
    with pytest.raises(NotSealed):
        list(open_answer(keys, message, [b"".join(frames)[:-1]]))


def test_an_answer_belongs_to_its_request() -> None:
    """The answer to one request, or of another channel, is none to another: not even to the same question."""
    line = Line()
    keys, cookie = line.meet()
    one, two = seal_request(keys, 0, b"GET", cookie), seal_request(keys, 1, b"GET", cookie)
    opened = line.table.open(one)
    line.table.open(two)
    answer = list(seal_answer(opened.keys, opened.raw, [b"of one"]))
    with pytest.raises(NotSealed):
        list(open_answer(keys, two, answer))
    other, _ = line.meet()
    with pytest.raises(NotSealed):
        list(open_answer(other, one, answer))


def test_only_the_devices_key_opens_a_channel() -> None:
    """Somebody who knows a device's id and everything public makes no request in its name."""
    line = Line()
    new = ExchangeKey.create()
    name = device_id(PHONE.public)
    welcome = line.table.welcome(hello_message(name, new.public))
    hand = Handshake(
        device=decode_base64(name),
        device_key=PHONE.public,
        node_key=NODE.public,
        device_new=new.public,
        node_new=welcome[66:131],
    )
    keys = device_channel(hand, key=THIEF, new=new)
    forged = seal_request(keys, 0, b"approve", welcome[131:])
    with pytest.raises(NotSealed):
        line.table.open(forged)
    with pytest.raises(ChannelOver):
        line.table.open(seal_request(*_of_stranger(line)))


def _of_stranger(line: Line) -> tuple[ChannelKeys, int, bytes, bytes]:
    keys, cookie = line.meet(THIEF)
    return keys, 0, b"approve", cookie


def test_only_the_pinned_node_can_read_a_request() -> None:
    """A node with another key that answers a hello as if it were the pinned one opens nothing and answers nothing."""
    spoofed = Line(node=THIEF)
    keys, cookie = spoofed.meet(pinned=NODE.public)
    message = seal_request(keys, 0, b"approve", cookie)
    with pytest.raises(NotSealed):
        spoofed.table.open(message)


def test_a_revoked_device_is_out_at_its_next_request() -> None:
    """An open channel does not outlive its device's row."""
    line = Line()
    keys, cookie = line.meet()
    line.table.open(seal_request(keys, 0, b"", cookie))
    line.known.clear()
    with pytest.raises(ChannelOver):
        line.table.open(seal_request(keys, 1, b""))


def test_a_channel_ends_by_itself() -> None:
    """After an hour its keys are forgotten, whoever still has them."""
    line = Line()
    keys, cookie = line.meet()
    line.table.open(seal_request(keys, 0, b"", cookie))
    line.time += CHANNEL_SECONDS + 1
    with pytest.raises(ChannelOver):
        line.table.open(seal_request(keys, 1, b""))


def test_strangers_fill_nothing() -> None:
    """A thousand hellos, and as many requests of keys that nobody knows, leave the table empty."""
    line = Line()
    for _ in range(MAX_CHANNELS // 8):
        keys, cookie = line.meet(THIEF)
        with pytest.raises(ChannelOver):
            line.table.open(seal_request(keys, 0, b"", cookie))
    assert not line.table._open
    assert not line.table._begun


@pytest.mark.parametrize("version", [0, 3, 4, 255])
def test_another_version_is_not_spoken(version: int) -> None:
    """There is no older form to fall back to."""
    line = Line()
    keys, cookie = line.meet()
    message = seal_request(keys, 0, b"", cookie)
    with pytest.raises(MalformedMessage):
        line.table.open(bytes([version]) + message[1:])
    with pytest.raises(MalformedMessage):
        line.table.welcome(bytes([version]) + hello_message(device_id(PHONE.public), PHONE.public)[1:])


def test_a_hello_with_no_point_of_the_curve_is_refused() -> None:
    """Points that lie on another curve, or nowhere, are no keys."""
    line = Line()
    for point in (b"\x04" + bytes(64), b"\x04" + b"\xff" * 64, b"\x02" + bytes(64)):
        with pytest.raises(MalformedMessage):
            line.table.welcome(hello_message(device_id(PHONE.public), point))


def vectors() -> dict[str, object]:
    """The protocol with fixed keys, as both languages must have it."""
    device_new, node_new = (ExchangeKey.from_scalar(bytes([number]) * 32) for number in (11, 13))
    name = device_id(PHONE.public)
    hand = Handshake(
        device=decode_base64(name),
        device_key=PHONE.public,
        node_key=NODE.public,
        device_new=device_new.public,
        node_new=node_new.public,
    )
    keys = node_channel(hand, key=NODE, new=node_new)
    assert keys == device_channel(hand, key=PHONE, new=device_new)
    requests = []
    for number, cookie, data, chunks in (
        (0, b"cookie", b"", [b""]),
        (1, b"", b"GET /api/v1/me", [b"{}"]),
        (1023, b"", b"x" * 251, [b"one", b"", b"two" * 100]),
        (2**33, b"", b"y" * 252, [b"z" * 600]),
    ):
        message = seal_request(keys, number, data, cookie)
        requests.append(
            {
                "number": number,
                "cookie": cookie.hex(),
                "data": data.hex(),
                "message": message.hex(),
                "chunks": [each.hex() for each in chunks],
                "answer": b"".join(seal_answer(keys, message, chunks)).hex(),
            }
        )
    scalars = {"node": NODE, "device": PHONE, "device_new": device_new, "node_new": node_new}
    return {
        "device": name,
        "scalars": {who: key.scalar.hex() for who, key in scalars.items()},
        "points": {who: key.public.hex() for who, key in scalars.items()},
        "hello": hello_message(name, device_new.public).hex(),
        "keys": {"channel": keys.channel.hex(), "request": keys.request.hex(), "answer": keys.answer.hex()},
        "requests": requests,
    }


def test_the_vectors_are_what_this_side_makes() -> None:
    """The file that the client's tests read says what the node does."""
    assert json.loads(VECTORS.read_text(encoding="utf-8")) == vectors()


def test_a_request_is_opened_with_its_own_channels_keys_only() -> None:
    """A channel's name that was exchanged for another opens nothing: it is bound to what is sealed."""
    line = Line()
    keys, cookie = line.meet()
    message = seal_request(replace(keys, channel=bytes(16)), 0, b"", cookie)
    with pytest.raises(NotSealed):
        line.table.open(message)
    with pytest.raises(NotSealed):
        open_request(keys, read_request(message))
