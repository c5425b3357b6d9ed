"""What does an entry carry beside its envelope, so that the server need not read JSON to give it to a worker?

A seal: the digest of the very text that it was made for, the attempts and the idempotency key. A text that somebody
changed, and one that came without a seal, is read on the server instead, so that both come to the same.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

from missions.plain_data import read_json
from orchestrator.core.ports.mission_bus import DEFAULT_ATTEMPTS, MAX_ENVELOPE_BYTES

MAX_SEALED_KEY = 512
"""Characters; a mission under a longer key goes without a seal, which would hold it a second time."""
MAX_ATTEMPTS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class SealedEntry:
    """A mission as it is put on a stream. `job` is the digest of its key; `seal` is empty where there is none."""

    job: str
    seal: str


def seal_entry(envelope: str) -> SealedEntry:
    """Raises ValueError for what is no envelope."""
    read = _read(envelope)
    key = read_key(read)
    if not key:
        raise ValueError("an envelope is JSON with a job_id")
    seal = ""
    if len(key) <= MAX_SEALED_KEY:
        seal = f"{digest_of(envelope)}{_attempts(read.get('max_retries'))}:{key}"
    return SealedEntry(job=digest_of(key), seal=seal)


def digest_of(text: str) -> str:
    """As the server's `redis.sha1hex` says it."""
    return hashlib.sha1(_encoded(text), usedforsecurity=False).hexdigest()


def read_key(read: dict[str, Any]) -> str:
    """An envelope's idempotency key, else its job_id; empty for what is no envelope."""
    job = read.get("job_id")
    if not isinstance(job, str) or not job:
        return ""
    key = read.get("idempotency_key")
    return key if isinstance(key, str) and key else job


def _read(envelope: str) -> dict[str, Any]:
    if len(_encoded(envelope)) > MAX_ENVELOPE_BYTES:
        return {}
    found = read_json(envelope)
    return found if isinstance(found, dict) else {}


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _attempts(said: Any) -> int:
    is_number = isinstance(said, int | float) and not isinstance(said, bool)
    if not is_number or (isinstance(said, float) and math.isnan(said)):
        return DEFAULT_ATTEMPTS
    return int(max(1, min(said, MAX_ATTEMPTS)))
