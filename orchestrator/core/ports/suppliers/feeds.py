"""The port of feeds: what does an RSS or Atom feed have now?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orchestrator.core.errors import OrchestratorError


class FeedFailed(OrchestratorError):
    """A feed was not read. `seconds`: when its server wants to be asked again, if it said; `gone`: never."""

    def __init__(self, words: str, *, seconds: float | None = None, gone: bool = False) -> None:
        self.seconds, self.gone = seconds, gone
        super().__init__(words)


@dataclass(frozen=True, kw_only=True)
class FeedEntry:
    """One entry, as plain words. `ident` tells it from the feed's others; `published` is None where it does not say."""

    ident: str
    title: str
    link: str
    summary: str
    published: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class FetchedFeed:
    """What came. `entries` is None where nothing changed; `etag` and `modified` are what to ask with the next time."""

    entries: tuple[FeedEntry, ...] | None
    etag: str = ""
    modified: str = ""


class FeedReader(Protocol):
    """Reads feeds of whoever, within bounds of its own."""

    def fetch(self, url: str, *, etag: str = "", modified: str = "") -> FetchedFeed:
        """What the feed has. Raises FeedFailed."""
