"""In which condition is the Redis server that carries missions? A watch that looks at it when it is asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis
from redis.exceptions import NoPermissionError, ResponseError

from orchestrator.adapters.redis_bus.connection import RedisAddress, told_as_unavailable
from orchestrator.adapters.redis_bus.stream_names import StreamNames
from orchestrator.core.errors import BusUnavailable
from orchestrator.core.ports.bus_care import BusCondition

LOOK_SECONDS = 2.0
"""Seconds that an answer may take: somebody waits for the whole."""
COUNTED = 100
"""So many entries are counted where the server does not know how many a group has not read."""

QUEUES = """
-- KEYS: streams. ARGV: the group of each, how many are counted. Answers for each what its group has not read, what it
-- has read and not acknowledged, and the oldest of both; then the server's time.
local function stand(stream, name)
  if redis.call('EXISTS', stream) == 0 then return {0, 0, ''} end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local t = {}
    for i = 1, #group, 2 do t[group[i]] = group[i + 1] end
    if t.name == name then
      local after = '(' .. t['last-delivered-id']
      local first = redis.call('XRANGE', stream, after, '+', 'COUNT', 1)
      local oldest = t.pending > 0 and redis.call('XPENDING', stream, name)[2] or (first[1] and first[1][1] or '')
      return {t.lag or #redis.call('XRANGE', stream, after, '+', 'COUNT', ARGV[#ARGV]), t.pending, oldest}
    end
  end
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)
  return {redis.call('XLEN', stream), 0, first[1] and first[1][1] or ''}
end
local out = {}
for i, stream in ipairs(KEYS) do out[i] = stand(stream, ARGV[i]) end
return {out, redis.call('TIME')}
"""


@dataclass(frozen=True, kw_only=True)
class RedisWatch:
    """The port BusWatch for one server. `now` is this machine's clock. Each look has a connection of its own."""

    address: RedisAddress
    names: StreamNames
    now: Callable[[], datetime]

    def condition(self) -> BusCondition:
        """As it is now; at most a few times LOOK_SECONDS."""
        plain = self.address.is_plain
        try:
            with self._client() as client, told_as_unavailable(self.address.place):
                return self._look(client)
        except BusUnavailable as error:
            return BusCondition(place=self.address.place, trouble=error.why.rstrip("."), plain_line=plain)

    @contextmanager
    def _client(self) -> Iterator[redis.Redis]:
        client = self.address.open(answer_seconds=LOOK_SECONDS)
        try:
            yield client
        finally:
            client.close()

    def _look(self, client: redis.Redis) -> BusCondition:
        info: Any = client.info("server", "persistence", "memory")
        names = self.names
        streams = [*names.delegation, *names.delegation, names.results]
        groups = [names.workers] * 3 + [names.ledger] * 4
        asked, now = self.now().timestamp(), 0.0
        stands, (seconds, micros) = client.eval(QUEUES, len(streams), *streams, *groups, COUNTED)
        now = int(seconds) + int(micros) / 1e6
        begun = [int(stand[2].partition("-")[0]) / 1000 for stand in stands[:3] if stand[2]]
        fsync, rights = _reach(client)
        return BusCondition(
            place=self.address.place,
            version=str(info.get("redis_version", "")),
            waiting=sum(int(stand[0]) for stand in stands[:3]),
            pending=sum(int(stand[1]) for stand in stands[:3]),
            oldest_seconds=max(0.0, now - min(begun)) if begun else None,
            unfiled=sum(int(stand[0]) + int(stand[1]) for stand in stands[3:6]),
            unrecorded=int(stands[6][0]) + int(stands[6][1]),
            dead_letters=int(client.xlen(names.dead)),
            append_only=bool(info.get("aof_enabled")),
            fsync=fsync,
            not_saved=_not_saved(info),
            eviction=str(info.get("maxmemory_policy", "")),
            memory_bytes=int(info.get("used_memory", 0)),
            memory_limit=int(info.get("maxmemory", 0)),
            clock_ahead_seconds=now - (asked + self.now().timestamp()) / 2,
            plain_line=self.address.is_plain,
            rights=rights,
        )


def _reach(client: redis.Redis) -> tuple[str, tuple[str, ...]]:
    """When the server writes its log to disk, as far as this user may ask; and what it may do beyond its streams."""
    rights: list[str] = []
    fsync = ""
    try:
        told: Any = client.config_get("appendfsync")
        fsync = str(told.get("appendfsync", ""))
        rights.append("change the server's settings")
    except (NoPermissionError, ResponseError):
        pass  # as it should be
    try:
        client.exists(f"{os.urandom(8).hex()}:nothing")
        rights.append("read and write what others keep there")
    except NoPermissionError:
        pass  # as it should be
    return fsync, tuple(rights)


def _not_saved(info: dict[str, Any]) -> str:
    if info.get("loading"):
        return "it is reading its disk"
    if info.get("aof_enabled") and info.get("aof_last_write_status", "ok") != "ok":
        return "the last write of its log failed"
    if not info.get("aof_enabled") and info.get("rdb_last_bgsave_status", "ok") != "ok":
        return "its last snapshot failed"
    return ""
