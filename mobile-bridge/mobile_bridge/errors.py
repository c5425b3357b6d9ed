"""Which errors can an operation end with, before anything of it is stored?"""

from __future__ import annotations

from typing import Literal

RefusalKind = Literal["malformed", "ahead", "gap", "order", "forked", "foreign", "relayed", "quota", "full"]
"""Why operations are not taken: what is written wrong; a clock that is ahead; numbers that are missing before; stamps
that do not rise with the numbers; a number that says something else here; another device's; not for devices to say;
more than a day takes; more than is kept of one device."""


class OperationRefused(Exception):
    """Nothing of a push is stored. `where` is the first operation's place or name, `held` the last number held here."""

    def __init__(self, kind: RefusalKind, says: str, *, where: str = "", held: int | None = None) -> None:
        self.kind, self.says, self.where, self.held = kind, says, where, held
        super().__init__(f"{where}: {says}" if where else says)


class BadSubscription(Exception):
    """What a browser says of where it listens is nothing that can be rung."""
