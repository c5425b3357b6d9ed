"""The device's side of the sealed channel and of pairing: a stand-in for the page's, which is written in TypeScript."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mobile_bridge.key_exchange import ExchangeKey, NotSealed, seal, unseal
from mobile_bridge.sealed_channel import (
    DEVICE_BYTES,
    HELLO,
    NUMBER_BYTES,
    REQUEST,
    ChannelKeys,
    Handshake,
    answer_key,
    channel_keys,
)
from mobile_bridge.sealed_frames import LENGTH_BYTES, MAX_SEALED_FRAME, decode_frame, encode_frame
from mobile_bridge.wire_encoding import decode_base64


def device_channel(hand: Handshake, *, key: ExchangeKey, new: ExchangeKey) -> ChannelKeys:
    """The same keys, on the device."""
    return channel_keys(hand, new.agree(hand.node_new), new.agree(hand.node_key), key.agree(hand.node_new))


def hello_message(device: str, new_key: bytes) -> bytes:
    """The first message of a device."""
    return bytes([HELLO]) + decode_base64(device, DEVICE_BYTES) + new_key


def seal_request(keys: ChannelKeys, number: int, data: bytes, cookie: bytes = b"") -> bytes:
    """A request, on the device. A number is used once."""
    bound = bytes([REQUEST]) + keys.channel + number.to_bytes(NUMBER_BYTES, "big") + len(cookie).to_bytes(2, "big")
    bound += cookie
    return bound + seal(keys.request, number, encode_frame(data, last=True), bound)


def open_answer(keys: ChannelKeys, request: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What a node answers, on the device, as it comes.

    Raises NotSealed for what is not the answer to this request, was put into another order, was cut off or goes on.
    """
    key, rest, number, over = answer_key(keys, request), b"", 0, False
    for piece in pieces:
        rest += piece
        while len(rest) >= LENGTH_BYTES:
            size = int.from_bytes(rest[:LENGTH_BYTES], "big")
            if over or size > MAX_SEALED_FRAME:
                raise NotSealed
            if len(rest) < LENGTH_BYTES + size:
                break
            frame, rest = rest[LENGTH_BYTES : LENGTH_BYTES + size], rest[LENGTH_BYTES + size :]
            data, over = decode_frame(unseal(key, number, frame, keys.channel))
            number += 1
            yield data
    if not over or rest:
        raise NotSealed
