"""The sealed channel: how does what a device and a node say stay theirs, on a line that anybody may read and change?

A handshake with a key of the device, one of the node and a new one of each (ECDH on P-256, as in Noise's KK), so that

- only this device can have sent a request, and only this node can open or answer it;
- what was recorded stays closed when a key is stolen later (the new keys are forgotten);
- a request is taken once (its number), an answer belongs to its request (its key is made of all of the request), and
  its frames come whole and in order (their numbers, and the mark of the last one).

Messages, in bytes:

    hello    1 | device 16 | the device's new key 65
    welcome  1 | the node's key 65 | the node's new key 65 | cookie
    request  2 | channel 16 | number 8 | length 2 of the cookie | cookie | sealed frame
    answer   for each frame: length 4 | sealed frame

The node keeps nothing of a hello: what it needs is sealed in the cookie, which the first requests bring back. The
device's side is the page's (`mobile-bridge/app`); `tests/mobile_bridge/device_side.py` is one that tests can read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mobile_bridge.key_exchange import POINT_BYTES, ExchangeKey, NotSealed, derive_key, seal, unseal
from mobile_bridge.sealed_frames import LENGTH_BYTES, cut_frames, decode_frame
from mobile_bridge.wire_encoding import join_parts

HELLO, REQUEST = 1, 2
DEVICE_BYTES = CHANNEL_BYTES = 16
HELLO_BYTES = 1 + DEVICE_BYTES + POINT_BYTES
NUMBER_BYTES = 8
REQUEST_HEAD = 1 + CHANNEL_BYTES + NUMBER_BYTES + 2


class MalformedMessage(ValueError):
    """It is no message of a sealed channel, or one of a version that is not spoken here."""


@dataclass(frozen=True, kw_only=True)
class Handshake:
    """Everything public that a channel is made of."""

    device: bytes
    """The device's id, 16 bytes."""
    device_key: bytes
    node_key: bytes
    device_new: bytes
    node_new: bytes


@dataclass(frozen=True, kw_only=True)
class ChannelKeys:
    """The keys of one channel, the same on both sides."""

    channel: bytes
    request: bytes
    answer: bytes


def node_channel(hand: Handshake, *, key: ExchangeKey, new: ExchangeKey) -> ChannelKeys:
    """The channel's keys, on the node. Raises ValueError for a key that is none."""
    return channel_keys(hand, new.agree(hand.device_new), key.agree(hand.device_new), new.agree(hand.device_key))


def channel_keys(hand: Handshake, both_new: bytes, of_node: bytes, of_device: bytes) -> ChannelKeys:
    """The keys of what both sides agreed on: from both new keys, from the node's own, from the device's own."""
    said = join_parts("shiftbook sealed 1", hand.device, hand.device_key, hand.node_key, hand.device_new, hand.node_new)
    made = derive_key(both_new + of_node + of_device, hashlib.sha256(said).digest(), "shiftbook sealed 1", 80)
    return ChannelKeys(request=made[:32], answer=made[32:64], channel=made[64:])


@dataclass(frozen=True, kw_only=True)
class SealedRequest:
    """A request as it came, not opened yet."""

    channel: bytes
    number: int
    cookie: bytes
    bound: bytes
    """Everything before what is sealed."""
    sealed: bytes

    @property
    def raw(self) -> bytes:
        """The whole message."""
        return self.bound + self.sealed


def read_request(message: bytes) -> SealedRequest:
    """The parts of a request. Raises MalformedMessage."""
    if len(message) < REQUEST_HEAD or message[0] != REQUEST:
        raise MalformedMessage("this is no request of a sealed channel that is spoken here")
    at = 1 + CHANNEL_BYTES
    size = int.from_bytes(message[at + NUMBER_BYTES : REQUEST_HEAD], "big")
    end = REQUEST_HEAD + size
    if len(message) <= end:
        raise MalformedMessage("the request ends too early")
    return SealedRequest(
        channel=message[1:at],
        number=int.from_bytes(message[at : at + NUMBER_BYTES], "big"),
        cookie=message[REQUEST_HEAD:end],
        bound=message[:end],
        sealed=message[end:],
    )


def open_request(keys: ChannelKeys, request: SealedRequest) -> bytes:
    """What a device asks, on the node. Raises NotSealed, WrongFrame. Whether it came before is not known here."""
    data, last = decode_frame(unseal(keys.request, request.number, request.sealed, request.bound))
    if not last or request.channel != keys.channel:
        raise NotSealed
    return data


def answer_key(keys: ChannelKeys, request: bytes) -> bytes:
    """The key of the answer to this very request (the whole message)."""
    return derive_key(keys.answer, hashlib.sha256(request).digest(), "shiftbook answer 1", 32)


def seal_answer(keys: ChannelKeys, request: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The answer to a request, on the node: a piece for the line as soon as there is a chunk."""
    key = answer_key(keys, request)
    for number, plain in enumerate(cut_frames(chunks)):
        sealed = seal(key, number, plain, keys.channel)
        yield len(sealed).to_bytes(LENGTH_BYTES, "big") + sealed
