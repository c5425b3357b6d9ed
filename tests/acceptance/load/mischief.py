"""What do clients of a load run do wrong, out of carelessness or on purpose?"""

from __future__ import annotations

import json
from typing import Any

from tests.acceptance.load import devices
from tests.acceptance.load.client import Act, Client
from tests.acceptance.load.wire import GONE, Reply

BODY_BYTES = 256 * 1024
"""The largest body of this run's node."""
WRONG = {400, 404, 409, 411, 413, 415, 422}
POSTS = ("/chat", "/chat/stream", "/v1/chat/completions", "/device/state", "/sync/push")


def malformed(client: Client) -> None:
    """No JSON, or not all of it, or not in UTF-8."""
    name = client.mark()
    body = client.chance.choice([f'{{"message": "{name}', name, "", "\xff\xfe", f'{{"{name}": NaN, }}', "[]", "null"])
    kind = client.chance.choice(["application/json", "text/plain", "application/x-www-form-urlencoded"])
    reply = client.ask("POST", client.chance.choice(POSTS), body.encode("latin-1"), headers={"Content-Type": kind})
    client.told("malformed", reply, WRONG)


def wrong_types(client: Client) -> None:
    """JSON that is not what the route takes."""
    wrong: Any = client.chance.choice([None, 7, [], {}, "", True, client.mark(), {client.mark(): 1}])
    good: dict[str, Any] = {"message": "hello", "device_id": client.name, "messages": [{"role": "user"}], "ops": []}
    field = client.chance.choice(["message", "device_id", "messages", "ops"])
    body = client.chance.choice([{**good, field: wrong}, {**good, client.mark(): wrong}, {field: wrong}])
    path = client.chance.choice(["/chat", "/chat/stream", "/device/state", "/sync/push"])
    client.told("wrong types", client.ask("POST", path, body), WRONG)


def nested(client: Client) -> None:
    """So deep that a parser would run out of stack."""
    depth = client.chance.choice([500, 5_000, 100_000])
    opens, closes = client.chance.choice([("[", "]"), ('{"a":', "}")])
    body = f'{{"device_id": "{client.name}-nest", "state": {{"x": {opens * depth}1{closes * depth}}}}}'[:BODY_BYTES]
    reply = client.ask("POST", client.chance.choice(POSTS), body.encode())
    client.told("nested", reply, {*WRONG, 201})


def oversize(client: Client) -> None:
    """More than fits, and said so. Who goes on sending may be cut off before the answer is read."""
    body = {"message": client.mark() * 30_000, "device_id": client.name}
    _refused(client, "oversize", client.ask("POST", client.chance.choice(POSTS), body))


def oversize_chunked(client: Client) -> None:
    """More than fits, and it is not said how much."""
    part = (client.mark() * 500).encode()
    parts = (part for _ in range(2 * BODY_BYTES // len(part)))
    reply = client.ask("POST", "/sync/push", parts)
    _refused(client, "oversize chunked", reply)


def chunked(client: Client) -> None:
    """A good body in pieces; a bad one."""
    if client.chance.random() < 0.5:
        ops = devices.operations(client)
        whole = json.dumps({"ops": ops}).encode()
        parts = (whole[at : at + 40] for at in range(0, len(whole), 40))
        if client.told("chunked", client.ask("POST", "/sync/push", parts)):
            client.book.pushed |= {devices.key(op): op for op in ops}
        return
    wrong = client.chance.choice([b"zz\r\nhello\r\n0\r\n\r\n", b"5\r\nhel\r\n0\r\n\r\n", b"-1\r\n\r\n"])
    reply = client.wire.raw([_head(client, "/sync/push", "Transfer-Encoding: chunked"), wrong])
    client.told("chunked", reply, {400, 422, GONE})


def slow_sender(client: Client) -> None:
    """A good request, a few bytes at a time."""
    op = devices.operations(client)[0]
    body = json.dumps({"ops": [op]}).encode()
    head = _head(client, "/sync/push", f"Content-Length: {len(body)}")
    whole, step = head + body, client.chance.randrange(40, 90)
    parts = [whole[at : at + step] for at in range(0, len(whole), step)]
    reply = client.wire.raw(parts, pause=client.chance.uniform(0.01, 0.2))
    if client.told("slow sender", reply):
        client.book.pushed[devices.key(op)] = op


def half_sent(client: Client) -> None:
    """Half a request, and gone."""
    body = json.dumps({"device_id": client.name, "state": {"note": client.mark()}}).encode()
    whole = _head(client, "/device/state", f"Content-Length: {len(body)}") + body
    part = whole[: client.chance.randrange(1, len(whole) - 1)]
    reply = client.wire.raw([part], pause=client.chance.uniform(0, 0.5), listen=False)
    client.told("half sent", reply, {GONE})


def wrong_token(client: Client) -> None:
    """None, one that was never made, an expired one, a revoked one, or what is no token at all."""
    token = client.chance.choice(["", "sbk_" + "x" * 43, "a.b.c", *client.tokens.bad])
    path = client.chance.choice(["/sync/pull", "/chat/conversations", "/v1/models"])
    reply = client.ask("GET", path, token=token)
    client.told("wrong token", reply, {401})


def wrong_scope(client: Client) -> None:
    """A token for something else."""
    reply = client.ask("POST", "/chat", {"message": client.mark(), "device_id": "x"}, token=client.tokens.sync)
    client.told("wrong scope", reply, {403})


def wrong_method(client: Client) -> None:
    """As it is not meant."""
    method, path = client.chance.choice([("GET", "/chat"), ("PUT", "/sync/push"), ("DELETE", "/health")])
    client.told("wrong method", client.ask(method, path), {405})


def unknown_route(client: Client) -> None:
    """Nothing is there."""
    path = client.chance.choice(["/{}", "/chat/{}", "/v1/{}", "/../{}", "/health/{}", "//{}", "/device/{}/%2e%2e"])
    reply = client.ask("GET", path.format(client.mark()))
    client.told("unknown route", reply, {404})


def not_http(client: Client) -> None:
    """Noise."""
    name = client.mark().encode()
    noise = (
        name + b"\r\n\r\n",
        b"GET /" + name + b" HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: " + name + b".example\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + name + b" x: y\r\n\r\n",
        b"GET /" + name * 500 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + name,
    )
    sent = client.chance.choice(noise)
    tls = sent.startswith(b"\x16")
    reply = client.wire.raw([sent], listen=not tls)
    client.told("not HTTP", reply, {GONE} if tls else {400, 414, 421, 431})


def _refused(client: Client, kind: str, reply: Reply) -> None:
    client.told(kind, reply, {413, GONE})


def _head(client: Client, path: str, length: str) -> bytes:
    words = (f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {client.tokens.full}")
    return "\r\n".join([*words, "Content-Type: application/json", length, "", ""]).encode()


ACTS: dict[str, Act] = {
    "malformed": malformed,
    "wrong types": wrong_types,
    "nested": nested,
    "oversize": oversize,
    "oversize chunked": oversize_chunked,
    "chunked": chunked,
    "slow sender": slow_sender,
    "half sent": half_sent,
    "wrong token": wrong_token,
    "wrong scope": wrong_scope,
    "wrong method": wrong_method,
    "unknown route": unknown_route,
    "not HTTP": not_http,
}
