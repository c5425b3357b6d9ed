"""The node's table of sealed channels: which are open, and how does one begin without a stranger filling it?

A hello costs a new key and no memory. Only a request that its device's key has sealed makes a row. Times are monotonic
seconds of this process: no clock is compared with another.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from mobile_bridge.key_exchange import ExchangeKey, NotSealed, key_fingerprint, read_point, seal, unseal
from mobile_bridge.replay_window import ReplayWindow
from mobile_bridge.sealed_channel import (
    DEVICE_BYTES,
    HELLO,
    HELLO_BYTES,
    ChannelKeys,
    Handshake,
    MalformedMessage,
    SealedRequest,
    node_channel,
    open_request,
    read_request,
)
from mobile_bridge.wire_encoding import encode_base64

COOKIE_SECONDS = 60.0
"""How long after its hello a channel may begin."""
CHANNEL_SECONDS = 3600.0
"""How long a channel lasts: then the keys that could open what was recorded are gone on both sides."""
DEVICE_CHANNELS = 8
"""Channels of one device; the oldest gives way. A tab has one."""
DEVICE_BEGINNINGS = 64
"""Channels that one device begins while a cookie counts: none of them keeps others from beginning theirs."""
MAX_CHANNELS = 512
COOKIE_NONCE_BYTES = 12


class ChannelOver(Exception):
    """The channel is not open: never begun, too old, made way, or of another start of this node. Say hello again."""


class ReplayedRequest(Exception):
    """A request with this number was taken already."""


@dataclass(kw_only=True)
class _OpenChannel:
    device: str
    keys: ChannelKeys
    begun: float
    window: ReplayWindow = field(default_factory=ReplayWindow)


@dataclass(frozen=True, kw_only=True)
class OpenedRequest:
    """A request that a device has sealed, and that came for the first time."""

    device: str
    keys: ChannelKeys
    raw: bytes
    data: bytes


class ChannelTable:
    """The channels of one process. Every method may be called from any thread."""

    def __init__(
        self,
        *,
        key: ExchangeKey,
        public_key: Callable[[str], bytes | None],
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        """`public_key` is a device's that may come in now; None for any other."""
        self.key, self._public_key, self._clock, self._random = key, public_key, clock, random
        self.fingerprint = key_fingerprint(key.public)
        self._cookie_key = random(32)
        self._open: OrderedDict[bytes, _OpenChannel] = OrderedDict()
        self._begun: OrderedDict[bytes, tuple[float, str]] = OrderedDict()
        """When channels began whose cookie still counts, and whose they are: none begins twice."""
        self._lock = threading.Lock()

    def welcome(self, hello: bytes) -> bytes:
        """The answer to a hello, the same for devices that are known and for others. Raises MalformedMessage."""
        if len(hello) != HELLO_BYTES or hello[0] != HELLO:
            raise MalformedMessage("this is no hello of a sealed channel that is spoken here")
        device, device_new = hello[1 : 1 + DEVICE_BYTES], hello[1 + DEVICE_BYTES :]
        try:
            read_point(device_new)
        except ValueError as error:
            raise MalformedMessage(str(error)) from error
        new, nonce = ExchangeKey.create(), self._random(COOKIE_NONCE_BYTES)
        said = int(self._clock() * 1000).to_bytes(8, "big") + device + device_new + new.scalar
        cookie = nonce + seal(self._cookie_key, int.from_bytes(nonce, "big"), said, b"cookie")
        return bytes([HELLO]) + self.key.public + new.public + cookie

    def open(self, message: bytes) -> OpenedRequest:
        """What a device asks. Raises MalformedMessage, ChannelOver, ReplayedRequest, NotSealed, WrongFrame."""
        request = read_request(message)
        with self._lock:
            self._forget_old()
            channel = self._open.get(request.channel)
        if channel is None:
            channel = self._begin(request)
        elif self._public_key(channel.device) is None:
            raise ChannelOver
        data = open_request(channel.keys, request)
        with self._lock:
            if request.channel not in self._open:
                self._keep(request.channel, channel)
            if not self._open[request.channel].window.take(request.number):
                raise ReplayedRequest
        return OpenedRequest(device=channel.device, keys=channel.keys, raw=message, data=data)

    def _begin(self, request: SealedRequest) -> _OpenChannel:
        """The channel that a cookie says. Raises ChannelOver, NotSealed."""
        nonce, sealed = request.cookie[:COOKIE_NONCE_BYTES], request.cookie[COOKIE_NONCE_BYTES:]
        try:
            said = unseal(self._cookie_key, int.from_bytes(nonce, "big"), sealed, b"cookie")
        except NotSealed as error:
            raise ChannelOver from error
        now = self._clock()
        begun = int.from_bytes(said[:8], "big") / 1000
        device, device_new, scalar = said[8:24], said[24:-32], said[-32:]
        name = encode_base64(device)
        device_key = self._public_key(name)
        if device_key is None or now - begun > COOKIE_SECONDS:
            raise ChannelOver
        new = ExchangeKey.from_scalar(scalar)
        hand = Handshake(
            device=device,
            device_key=device_key,
            node_key=self.key.public,
            device_new=device_new,
            node_new=new.public,
        )
        return _OpenChannel(device=name, keys=node_channel(hand, key=self.key, new=new), begun=now)

    def _keep(self, number: bytes, channel: _OpenChannel) -> None:
        """Takes a channel in that its device has proven. With the lock held. Raises ChannelOver."""
        if number in self._begun or len(self._begun) >= MAX_CHANNELS * 2:
            raise ChannelOver  # it made way meanwhile; its cookie would let what was recorded in once more
        if sum(device == channel.device for _, device in self._begun.values()) >= DEVICE_BEGINNINGS:
            raise ChannelOver
        mine = [each for each, other in self._open.items() if other.device == channel.device]
        for each in mine[: max(0, len(mine) - DEVICE_CHANNELS + 1)]:
            del self._open[each]
        while len(self._open) >= MAX_CHANNELS:
            self._open.popitem(last=False)
        self._open[number] = channel
        self._begun[number] = (channel.begun, channel.device)

    def _forget_old(self) -> None:
        now = self._clock()
        for number in [each for each, one in self._open.items() if now - one.begun > CHANNEL_SECONDS]:
            del self._open[number]
        while self._begun and now - next(iter(self._begun.values()))[0] > COOKIE_SECONDS:
            self._begun.popitem(last=False)
