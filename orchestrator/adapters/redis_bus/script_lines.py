"""How is a script run on the server with as little as possible around it? On a line of its own, by its digest.

What the client does around each command (counting lines, times and errors for whoever observes it) takes as long as
the command; none of it is wanted here. A line that is taken up again is looked at first, as the client's pool does: one
that was closed meanwhile, or on which something came that nobody asked for, is opened anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
from redis.exceptions import NoScriptError, RedisError


@dataclass(kw_only=True)
class ScriptLines:
    """The scripts of one client, by name. Any thread may run one: each takes a line that nobody else has."""

    client: redis.Redis
    scripts: Mapping[str, str]
    _digests: dict[str, str] = field(init=False)
    _free: list[Any] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._digests = {
            name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for name, text in self.scripts.items()
        }

    def run(self, name: str, keys: Sequence[str], words: Sequence[Any]) -> Any:
        """What it answers; sent once, unless the server does not know it yet. Raises what the client raises."""
        line = self._take()
        try:
            line.send_command("EVALSHA", self._digests[name], len(keys), *keys, *words)
            try:
                return line.read_response()
            except NoScriptError:
                line.send_command("EVAL", self.scripts[name], len(keys), *keys, *words)
                return line.read_response()
        finally:
            self._free.append(line)

    def _take(self) -> Any:
        try:
            line = self._free.pop()
        except IndexError:
            return self.client.connection_pool.get_connection()
        if line.is_connected and _is_spoilt(line):
            line.disconnect()
        return line


def _is_spoilt(line: Any) -> bool:
    try:
        return bool(line.can_read(0))
    except (RedisError, OSError):
        return True
