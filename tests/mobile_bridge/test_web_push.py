"""Is a push encrypted as the standard says, byte for byte, and does nothing else pass for a subscription?"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from mobile_bridge.errors import BadSubscription
from mobile_bridge.web_push import (
    MAX_PAYLOAD_BYTES,
    RECORD_BYTES,
    encrypt,
    public_point,
    push_topic,
    read_push_keys,
    signature_headers,
    unpadded,
    unpadded_bytes,
)

from tests.push_service import Browser

# The example of RFC 8291, section 5 and appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
SENDER_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SENDER_PUBLIC = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
RECEIVER_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH, SALT = "BTBZMqHH6r4Tts7J_aSIgg", "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
ENDPOINT = "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"


def test_the_example_of_the_standard() -> None:
    """The same keys, salt and words give the very bytes of RFC 8291's example."""
    own = ec.derive_private_key(int.from_bytes(unpadded_bytes(SENDER_PRIVATE), "big"), ec.SECP256R1())
    assert unpadded(public_point(own)) == SENDER_PUBLIC
    to = read_push_keys(ENDPOINT, RECEIVER_PUBLIC, AUTH)
    assert unpadded(encrypt(PLAIN, to, salt=unpadded_bytes(SALT), own=own)) == BODY


@settings(max_examples=20)
@given(st.binary(max_size=MAX_PAYLOAD_BYTES))
def test_only_that_browser_reads_it(words: bytes) -> None:
    """A browser of the test's own, written apart, reads it; another one, and a changed byte, give nothing."""
    browser = Browser()
    to = read_push_keys(ENDPOINT, **browser.keys())
    body = encrypt(words, to, salt=os.urandom(16), own=ec.generate_private_key(ec.SECP256R1()))
    assert browser.decrypt(body) == words
    assert len(body) <= RECORD_BYTES
    with pytest.raises(InvalidTag):
        Browser().decrypt(body)
    with pytest.raises(InvalidTag):
        browser.decrypt(body[:-1] + bytes([body[-1] ^ 1]))


def test_what_is_too_long_is_refused() -> None:
    """It would be two records, which a push service may refuse."""
    to = read_push_keys(ENDPOINT, **Browser().keys())
    with pytest.raises(ValueError, match="3,993"):
        encrypt(b"a" * (MAX_PAYLOAD_BYTES + 1), to, salt=os.urandom(16), own=ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "javascript:alert(1)"},
        {"endpoint": "ftp://push.example.net/x"},
        {"endpoint": "https://user:secret@push.example.net/x"},
        {"endpoint": "https://push.example.net:99999/x"},
        {"endpoint": "https://push.example.net/x#y"},
        {"endpoint": "https://push.example.net/\r\nHost: evil"},
        {"endpoint": "https://" + "a" * 1000},
        {"endpoint": "https://[::1"},
        {"endpoint": ""},
        {"endpoint": None},
        {"p256dh": "AAAA"},
        {"p256dh": unpadded(b"\x04" + b"\x01" * 64)},
        {"p256dh": "not base64!"},
        {"auth": unpadded(b"1" * 15)},
        {"auth": 7},
    ],
)
def test_what_is_no_subscription_is_refused(wrong: dict[str, object]) -> None:
    """By one error; a point that is not on the curve would give the key away."""
    given = {"endpoint": ENDPOINT, **Browser().keys(), **wrong}
    with pytest.raises(BadSubscription):
        read_push_keys(given["endpoint"], given["p256dh"], given["auth"])


def test_a_signature_is_for_one_service_and_some_hours() -> None:
    """Each service gets its own `aud`, and the key that checks it."""
    own, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    for endpoint, audience in (
        (ENDPOINT, "https://push.example.net"),
        ("https://b.example:8443/x", "https://b.example:8443"),
    ):
        header = signature_headers(endpoint, own, contact="mailto:a@example.org", now=now)["Authorization"]
        token = header.split("t=")[1].split(",")[0]
        claims = jwt.decode(token, own.public_key(), algorithms=["ES256"], audience=audience)
        assert claims["sub"] == "mailto:a@example.org"
        assert 0 < claims["exp"] - now.timestamp() <= 24 * 3600
        assert header.endswith(f"k={unpadded(public_point(own))}")


def test_a_topic_is_short_and_of_one_thing() -> None:
    """32 characters of base64url at most (RFC 8030)."""
    assert push_topic("/missions/a") == push_topic("/missions/a") != push_topic("/missions/b")
    assert len(push_topic("x" * 1000)) <= 32
