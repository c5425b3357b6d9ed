"""Is a forge's webhook what it says: signed with our secret, and not one that came before?

Each forge has a header of its own. What a hook says is not read: it makes this node look sooner, no more. GitLab's
signed form has a time in it and is refused when it is old; of the others the id is remembered, which is not signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

MAX_AGE_SECONDS = 300.0
MAX_ID_CHARS = 200
_PREFIX = "whsec_"


@dataclass(frozen=True, kw_only=True)
class HookDelivery:
    """A webhook whose signature is right. `key` tells it from others; a recorded one has the same."""

    kind: str
    key: str


def read_delivery(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> HookDelivery | None:
    """The delivery, if the secret's holder sent it; None for any other. `headers` are looked up in any case.

    A forge that sends its own header is judged by that alone: Gitea and Forgejo send GitHub's, too.
    """
    named = {name.lower(): value for name, value in headers.items()}
    for reads in (_standard, _forgejo, _gitea, _github, _gitlab):
        found = reads(named, body, secret, now)
        if found is not None:
            return found if found.key else None
    return None


_WRONG = HookDelivery(kind="", key="")


def _standard(named: Mapping[str, str], body: bytes, secret: str, now: datetime) -> HookDelivery | None:
    """GitLab's signed form: `v1,` and a signature of id, time and body (Standard Webhooks)."""
    if "webhook-signature" not in named:
        return None
    ident, when = named.get("webhook-id", ""), named.get("webhook-timestamp", "")
    if not (when.isascii() and when.isdigit()) or len(when) > 12 or not ident or len(ident) > MAX_ID_CHARS:
        return _WRONG
    if abs(now.timestamp() - int(when)) > MAX_AGE_SECONDS:
        return _WRONG
    made = hmac.new(_standard_key(secret), f"{ident}.{when}.".encode() + body, hashlib.sha256).digest()
    good = f"v1,{base64.b64encode(made).decode()}"
    right = any(_same(each, good) for each in named["webhook-signature"].split(" ")[:10])
    return HookDelivery(kind="gitlab", key=_key("gitlab", ident)) if right else _WRONG


def _standard_key(secret: str) -> bytes:
    """A secret as Standard Webhooks write it is base64 after `whsec_`."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()


def _forgejo(named: Mapping[str, str], body: bytes, secret: str, now: datetime) -> HookDelivery | None:
    return _hex(named, "x-forgejo-signature", "x-forgejo-delivery", "forgejo", body, secret)


def _gitea(named: Mapping[str, str], body: bytes, secret: str, now: datetime) -> HookDelivery | None:
    return _hex(named, "x-gitea-signature", "x-gitea-delivery", "forgejo", body, secret)


def _github(named: Mapping[str, str], body: bytes, secret: str, now: datetime) -> HookDelivery | None:
    return _hex(named, "x-hub-signature-256", "x-github-delivery", "github", body, secret, before="sha256=")


def _gitlab(named: Mapping[str, str], body: bytes, secret: str, now: datetime) -> HookDelivery | None:
    """GitLab's older form shows the secret itself."""
    if "x-gitlab-token" not in named:
        return None
    ident = named.get("webhook-id") or named.get("idempotency-key") or named.get("x-gitlab-event-uuid", "")
    return _judged(_same(named["x-gitlab-token"], secret), "gitlab", ident, body)


def _hex(
    named: Mapping[str, str], signature: str, delivery: str, kind: str, body: bytes, secret: str, before: str = ""
) -> HookDelivery | None:
    if signature not in named:
        return None
    made = before + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return _judged(_same(named[signature], made), kind, named.get(delivery, ""), body)


def _judged(right: bool, kind: str, ident: str, body: bytes) -> HookDelivery:
    """Without an id the body is the id: a recorded one is the same again."""
    if not right or len(ident) > MAX_ID_CHARS:
        return _WRONG
    return HookDelivery(kind=kind, key=_key(kind, ident or hashlib.sha256(body).hexdigest()))


def _key(kind: str, ident: str) -> str:
    return hashlib.sha256(f"{kind}\0{ident}".encode("utf-8", "replace")).hexdigest()[:32]


def _same(shown: str, good: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "replace"), good.encode("utf-8", "replace"))
