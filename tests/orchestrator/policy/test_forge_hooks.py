"""Does a webhook count that its forge did not send, or that was recorded?"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.policy.forge_hooks import HookDelivery, read_delivery

SECRET, BODY, NOW = "a secret of some length", b'{"action": "closed"}', datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def hexed(body: bytes = BODY, secret: str = SECRET) -> str:
    """How three of the forges sign."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard(
    body: bytes = BODY, key: bytes = SECRET.encode(), at: datetime = NOW, ident: str = "msg_1"
) -> dict[str, str]:
    """GitLab's signed form."""
    when = str(int(at.timestamp()))
    made = hmac.new(key, f"{ident}.{when}.".encode() + body, hashlib.sha256).digest()
    signed = f"v1,{base64.b64encode(made).decode()}"
    return {"webhook-id": ident, "webhook-timestamp": when, "webhook-signature": signed}


def read(headers: dict[str, str], body: bytes = BODY, secret: str = SECRET) -> HookDelivery | None:
    """What it is taken for."""
    return read_delivery(headers, body, secret, NOW)


GOOD = {
    "github": {"X-Hub-Signature-256": f"sha256={hexed()}", "X-GitHub-Delivery": "d-1"},
    "gitea": {"X-Gitea-Signature": hexed(), "X-Hub-Signature-256": f"sha256={hexed()}", "X-Gitea-Delivery": "d-1"},
    "forgejo": {"X-Forgejo-Signature": hexed(), "X-Gitea-Signature": hexed(), "X-Forgejo-Delivery": "d-1"},
    "gitlab": {"X-Gitlab-Token": SECRET, "X-Gitlab-Event-UUID": "d-1"},
    "gitlab signed": standard(),
}


@pytest.mark.parametrize("kind", GOOD)
def test_each_forges_way_of_signing_is_taken(kind: str) -> None:
    """In whatever case its headers come; the same one again has the same key, another one another."""
    found = read({name.upper(): value for name, value in GOOD[kind].items()})
    assert found is not None
    assert found == read(GOOD[kind])
    assert len(found.key) == 32


@pytest.mark.parametrize("kind", GOOD)
def test_another_body_or_secret_is_refused(kind: str) -> None:
    """A signature is of these bytes."""
    if kind != "gitlab":  # which signs nothing: it shows the secret
        assert read(GOOD[kind], body=BODY + b" ") is None
    assert read(GOOD[kind], secret="another secret of some length") is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": hexed()},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature": f"sha1={hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()}"},
        {"X-Forgejo-Signature": "0" * 64, "X-Hub-Signature-256": f"sha256={hexed()}"},
        {"X-Gitea-Signature": "0" * 64, "X-Gitlab-Token": SECRET},
        {"X-Gitlab-Token": SECRET + " "},
        {"X-Gitlab-Token": "é"},
        {"webhook-signature": standard()["webhook-signature"]},
        {**standard(), "webhook-id": "msg_2"},
        {**standard(), "webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {**standard(), "webhook-timestamp": "²"},
        {**standard(), "webhook-signature": "v2," + standard()["webhook-signature"][3:]},
        {**standard(at=NOW - timedelta(minutes=6))},
        {**standard(at=NOW + timedelta(minutes=6))},
        {"webhook-signature": "v1,x", "X-Gitlab-Token": SECRET},
    ],
)
def test_what_is_not_signed_is_refused(headers: dict[str, str]) -> None:
    """A forge's own header decides alone, so that a weaker one beside it opens nothing."""
    assert read(headers) is None


def test_a_recorded_one_has_the_same_key() -> None:
    """Also without an id of its own: then its bytes are the id."""
    bare = {"X-Hub-Signature-256": f"sha256={hexed()}"}
    first, second = read(bare), read(bare)
    assert first is not None
    assert first == second
    other = b'{"action": "opened"}'
    assert read({"X-Hub-Signature-256": f"sha256={hexed(other)}"}, body=other) != first


def test_one_signature_of_several_is_enough() -> None:
    """While a secret is renewed GitLab signs with both; and a secret may be written as base64."""
    headers = standard()
    assert read({**headers, "webhook-signature": f"v1,AAAA {headers['webhook-signature']}"}) is not None
    key = b"thirty-two bytes of a random key"
    secret = f"whsec_{base64.b64encode(key).decode()}"
    assert read(standard(key=key), secret=secret) is not None
    assert read(standard(key=b"whsec_%%%"), secret="whsec_%%%") is not None


def test_an_id_without_end_is_refused() -> None:
    """It would be kept."""
    assert read({**GOOD["github"], "X-GitHub-Delivery": "x" * 5000}) is None
    assert read(standard(ident="x" * 5000)) is None
