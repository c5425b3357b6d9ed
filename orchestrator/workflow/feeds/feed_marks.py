"""Under which mark is a feed's state kept, and by what is an entry of it known?"""

from __future__ import annotations

import hashlib

from orchestrator.core.ports.suppliers.feeds import FeedEntry

PREFIX = "feed "


def entry_key(entry: FeedEntry) -> str:
    """Tells an entry from the feed's others."""
    return hashlib.sha256(entry.ident.encode("utf-8", "replace")).hexdigest()[:32]
