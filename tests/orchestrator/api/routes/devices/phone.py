"""A phone as the client's code is one, over a Flask test client: it pairs, and it seals what it sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from mobile_bridge.key_exchange import ExchangeKey, key_fingerprint
from mobile_bridge.pairing import PairingClaim, PairingTicket, commit_nonce, device_id, pairing_key
from mobile_bridge.sealed_channel import ChannelKeys, Handshake
from mobile_bridge.sealed_frames import InnerRequest
from mobile_bridge.wire_encoding import decode_base64, encode_base64
from werkzeug.test import TestResponse

from tests.mobile_bridge.device_side import device_channel, hello_message, open_answer, seal_request

APP_ORIGIN = "https://hq.example"
"""Where the phone's page came from: another origin than the node's."""


@dataclass(kw_only=True)
class Reply:
    """What came out of a seal."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        import json

        return json.loads(self.body)


@dataclass
class Phone:
    """One phone with its key."""

    client: FlaskClient
    name: str = "Phone"
    key: ExchangeKey = field(default_factory=ExchangeKey.create)
    nonce: bytes = b"n" * 16
    node_key: bytes = b""
    code: str = ""
    number: int = 0
    keys: ChannelKeys | None = None
    cookie: bytes = b""

    @property
    def id(self) -> str:
        return device_id(self.key.public)

    def post(self, path: str, **given: Any) -> TestResponse:
        return self.client.post(path, headers={"Origin": APP_ORIGIN}, **given)

    def claim_of(self, ticket: PairingTicket) -> PairingClaim:
        return PairingClaim(
            pairing=ticket.pairing,
            fleet=ticket.fleet,
            node_fingerprint=ticket.fingerprint,
            public_key=self.key.public,
            name=self.name,
            commitment=commit_nonce(self.nonce, self.key.public),
        )

    def claim(self, ticket: PairingTicket, **changed: str) -> TestResponse:
        """The claim, and with a good answer the code."""
        claim, key = self.claim_of(ticket), pairing_key(ticket.secret)
        body = {
            "fleet": claim.fleet,
            "public_key": encode_base64(claim.public_key),
            "name": claim.name,
            "commitment": encode_base64(claim.commitment),
            "proof": encode_base64(claim.proof(key)),
        }
        answer = self.post(f"/api/v1/pairings/{ticket.pairing}/claim", json=body | changed)
        if answer.status_code == 201:
            self.node_key, nonce = (decode_base64(answer.json[name]) for name in ("node_key", "node_nonce"))
            assert key_fingerprint(self.node_key) == ticket.fingerprint
            assert decode_base64(answer.json["proof"]) == claim.node_proof(key, self.node_key, nonce)
            self.code = claim.code(key, node_key=self.node_key, node_nonce=nonce, device_nonce=self.nonce)
        return answer

    def reveal(self, ticket: PairingTicket, nonce: bytes | None = None) -> TestResponse:
        body = {"nonce": encode_base64(self.nonce if nonce is None else nonce)}
        return self.client.put(f"/api/v1/pairings/{ticket.pairing}/nonce", json=body, headers={"Origin": APP_ORIGIN})

    def hello(self) -> None:
        new = ExchangeKey.create()
        welcome = self.post("/sealed", data=hello_message(self.id, new.public))
        assert welcome.status_code == 200, welcome.text
        assert welcome.data[1:66] == self.node_key, "this is not the node that was paired"
        hand = Handshake(
            device=decode_base64(self.id),
            device_key=self.key.public,
            node_key=self.node_key,
            device_new=new.public,
            node_new=welcome.data[66:131],
        )
        self.keys, self.cookie, self.number = device_channel(hand, key=self.key, new=new), welcome.data[131:], 0

    def seal(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        if self.keys is None:
            self.hello()
        assert self.keys is not None
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        inner = InnerRequest(method=method, path=path, headers=said, body=body)
        message = seal_request(self.keys, self.number, inner.encode(), self.cookie)
        self.number += 1
        return message

    def opened(self, message: bytes, answer: TestResponse) -> Iterator[bytes]:
        assert self.keys is not None
        return open_answer(self.keys, message, answer.iter_encoded())

    def call(self, method: str, path: str, json: Any = None, **headers: str) -> Reply:
        """One sealed call."""
        import json as codec

        if json is not None:
            headers["content_type"] = "application/json"
        message = self.seal(method, path, b"" if json is None else codec.dumps(json).encode(), **headers)
        answer = self.post("/sealed", data=message)
        assert answer.status_code == 200, answer.text
        whole = b"".join(self.opened(message, answer))
        answer.close()
        size = int.from_bytes(whole[:4], "big")
        head = codec.loads(whole[4 : 4 + size])
        return Reply(status=head["status"], headers=head["headers"], body=whole[4 + size :])
