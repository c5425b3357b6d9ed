"""Under which key does a caller send the same order twice? The idempotency of a request, as its header says it."""

from __future__ import annotations

import re

from flask import request

from orchestrator.core.errors import WrongSetting

_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def idempotency_key() -> str:
    """The key of this request; empty where it has none. Raises WrongSetting: a key that were cut would be another's."""
    key = request.headers.get("Idempotency-Key", "")
    if key and not _KEY.fullmatch(key):
        raise WrongSetting("Idempotency-Key", "1 to 200 printable characters of ASCII, such as a UUID")
    return key
