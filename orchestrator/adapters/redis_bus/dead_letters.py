"""How are dead letters looked at, put back and dropped on a Redis server?"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from missions.plain_data import read_json
from orchestrator.adapters.redis_bus.bus import RedisBus
from orchestrator.adapters.redis_bus.connection import told_as_unavailable
from orchestrator.adapters.redis_bus.scripts import compile_script
from orchestrator.adapters.redis_bus.sealed_entry import seal_entry
from orchestrator.core.ports.bus_care import DeadLetter, LetterKind, PutBack
from orchestrator.core.ports.mission_bus import DEFAULT_ATTEMPTS, LEDGER, MAX_ENVELOPE_BYTES, priority_class

PAGE = 20
"""Letters that are read at once: each may be as long as an envelope."""
MAX_REASON, MAX_NAME = 2000, 200
"""Characters."""
LATEST = 253_402_128_000
"""Seconds: two days before the year 10000, which no calendar here knows in any time zone."""
BYTES = 4
"""Of a character at most: the server cuts bytes, maybe within one, and what it cuts is cut once more here."""

LETTERS = """
-- As Python has it: null, "", 0, and an empty table say nothing.
local function says(value)
  return value and value ~= cjson.null and value ~= '' and value ~= 0 and (type(value) ~= 'table' or next(value) ~= nil)
end
-- KEYS: dead letters. ARGV: before which, how many, bytes of a reason, of a name. Without the envelopes.
local out = {}
for _, entry in ipairs(redis.call('XREVRANGE', KEYS[1], ARGV[1], '-', 'COUNT', ARGV[2])) do
  local t = {}
  for i = 1, #entry[2], 2 do t[entry[2][i]] = entry[2][i + 1] end
  local text, job, kind = t.envelope or '', '', 'unreadable'
  local ok, read = pcall(cjson.decode, #text <= LIMIT and text or '')
  if ok and type(read) == 'table' and type(read.job_id) == 'string' then
    job = string.sub(read.job_id, 1, ARGV[4])
    kind = says(read.status) and 'result' or says(read.payload) and 'mission' or kind
  end
  out[#out + 1] = {entry[1], job, kind, string.sub(t.reason or '', 1, ARGV[3]), #text}
end
return out
"""

PUT_BACK = """
-- KEYS: dead letters, job, stream, results. ARGV: letter, envelope, seal, publication, group of the ledger. The result
-- that said that it failed is taken back, read or not: whoever records would take it for the first of the mission.
if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then return 'gone' end
local state, failure = unpack(redis.call('HMGET', KEYS[2], 'state', 'failure'))
if state and state ~= 'dead' then return 'lives' end
local id = ARGV[3] == '' and redis.call('XADD', KEYS[3], '*', 'envelope', ARGV[2])
  or redis.call('XADD', KEYS[3], '*', 'envelope', ARGV[2], 'seal', ARGV[3])
redis.call('HSET', KEYS[2], 'publication', ARGV[4], 'state', 'queued', 'entry', id, 'stream', KEYS[3], 'token', '')
redis.call('HDEL', KEYS[2], 'attempt', 'answered', 'ended', 'filed', 'failure')
redis.call('EXPIRE', KEYS[2], TTL)
redis.call('XDEL', KEYS[1], ARGV[1])
if failure then
  redis.call('HSET', KEYS[2], 'taken_back', failure)
  redis.call('XACK', KEYS[4], ARGV[5], failure)
  redis.call('XDEL', KEYS[4], failure)
end
return 'queued'
"""


@dataclass(frozen=True)
class RedisDeadLetters:
    """The port DeadLetterBox on the server of a bus."""

    bus: RedisBus

    def letters(self, count: int) -> list[DeadLetter]:
        """The newest, page by page."""
        found: list[DeadLetter] = []
        before = "+"
        while len(found) < count:
            page = min(PAGE, count - len(found))
            rows = self._run(LETTERS, [self.bus.names.dead], [before, page, MAX_REASON * BYTES, MAX_NAME * BYTES])
            found += [_letter(*row) for row in rows]
            if len(rows) < page:
                break
            before = f"({rows[-1][0]}"
        return found

    def letter(self, letter_id: str) -> DeadLetter | None:
        """One whole."""
        with told_as_unavailable(self.bus.address.place):
            rows: Any = self.bus.client.xrange(self.bus.names.dead, letter_id, letter_id)
        if not rows:
            return None
        entry, fields = rows[0]
        text = fields.get("envelope", "")
        job, kind = _read(text)
        return _letter(entry, job, kind, fields.get("reason", ""), len(_encoded(text)), text)

    def put_back(self, letter: DeadLetter) -> PutBack:
        """Queues a dead mission again."""
        names = self.bus.names
        entry = seal_entry(letter.envelope)
        said = read_json(letter.envelope).get("priority")
        place = priority_class(said if isinstance(said, int) else 1)
        keys = [names.dead, names.job(entry.job), names.missions(place), names.results]
        words = [letter.id, letter.envelope, entry.seal, os.urandom(12).hex(), names.ledger]
        return PutBack(self._run(PUT_BACK, keys, words))

    def drop(self, letter_id: str) -> bool:
        """Takes a letter away for good."""
        with told_as_unavailable(self.bus.address.place):
            return bool(self.bus.client.xdel(self.bus.names.dead, letter_id))

    def _run(self, body: str, keys: list[str], words: list[Any]) -> Any:
        text = compile_script(
            body,
            ttl_seconds=self.bus.remembered_seconds,
            attempts=DEFAULT_ATTEMPTS,
            limit=MAX_ENVELOPE_BYTES,
            ledger=LEDGER,
        )
        with told_as_unavailable(self.bus.address.place):
            return self.bus.client.eval(text, len(keys), *keys, *words)


def _read(text: str) -> tuple[str, str]:
    """The name and the kind of what was in a letter."""
    try:
        found = read_json(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("job_id"), str):
        return "", LetterKind.NOTHING
    kind = LetterKind.RESULT if found.get("status") else LetterKind.MISSION if found.get("payload") else None
    return found["job_id"], kind or LetterKind.NOTHING


def _letter(entry: str, job: str, kind: str, reason: str, size: int, envelope: str = "") -> DeadLetter:
    return DeadLetter(
        id=entry,
        when=_when(entry),
        kind=LetterKind(kind),
        job_id=_readable(job)[:MAX_NAME],
        reason=_readable(reason)[:MAX_REASON],
        size=size,
        envelope=envelope,
    )


def _encoded(text: str) -> bytes:
    """As it lies on the server."""
    return text.encode("utf-8", "surrogateescape")


def _readable(text: str) -> str:
    """Whole characters: what is none, as where the server cut one, cannot be printed."""
    return _encoded(text).decode("utf-8", "replace")


def _when(entry: str) -> datetime:
    """When an entry was added, as its id says; anybody may have put it there under any number."""
    return datetime.fromtimestamp(min(int(entry.partition("-")[0]) / 1000, LATEST), UTC)
