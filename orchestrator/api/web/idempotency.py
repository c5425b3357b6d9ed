"""Under which key does a caller send the same order twice? The idempotency of a request, as its header says it."""

from __future__ import annotations

import re

from flask import request

from orchestrator.core.errors import WrongSetting
from orchestrator.workflow.intents.order_mark import asked_with_key

_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def idempotency_key() -> str:
    """The key of this request; empty where it has none. Raises WrongSetting: a key that were cut would be another's."""
    key = request.headers.get("Idempotency-Key", "")
    if key and not _KEY.fullmatch(key):
        raise WrongSetting("Idempotency-Key", "1 to 200 printable characters of ASCII, such as a UUID")
    return key


def asked_by(name: str) -> str:
    """Who asks, as the commit of their order tells it: with the mark of the request's key, so that the same order does
    nothing when a device says it again by sync. Raises WrongSetting."""
    return asked_with_key(name, idempotency_key())
