"""The parser of feeds, as a process of its own: it reads bytes from standard input and prints entries as JSON.

What a feed holds is anybody's. feedparser falls back from XML to a lenient reader that a hostile document can keep busy
for hours, so it runs with limits of the kernel on time and memory, and whoever started it ends it.
"""

from __future__ import annotations

import calendar
import io
import json
import re
import resource
import sys
from datetime import UTC, datetime
from typing import Any

MAX_ENTRIES, MAX_TITLE, MAX_LINK, MAX_IDENT, MAX_SUMMARY = 500, 300, 2000, 500, 4000
"""Entries that are read, and characters of each part."""
CPU_SECONDS, MEMORY_BYTES = 15, 1024**3
_TAG = re.compile(r"<[^<>]{0,2000}>")


def main() -> int:
    """The process. 0: entries were printed; 1: it is no feed."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    found = read_entries(sys.stdin.buffer.read())
    if found is None:
        return 1
    sys.stdout.write(json.dumps(found))
    return 0


def read_entries(body: bytes) -> list[dict[str, Any]] | None:
    """The entries of a feed; None for what is none."""
    import feedparser

    # A file object, for of a text feedparser takes what looks like an address or a path and opens it.
    read = feedparser.parse(io.BytesIO(body), sanitize_html=True, resolve_relative_uris=False)
    if not read.get("version") and not read.entries:
        return None
    return [_entry(each) for each in read.entries[:MAX_ENTRIES]]


def _entry(found: Any) -> dict[str, Any]:
    title, link = _words(found.get("title"), MAX_TITLE), str(found.get("link") or "")[:MAX_LINK]
    when = found.get("published_parsed") or found.get("updated_parsed")
    return {
        "ident": str(found.get("id") or link or title)[:MAX_IDENT],
        "title": title,
        "link": link if link.startswith(("http://", "https://")) else "",
        "summary": _words(found.get("summary"), MAX_SUMMARY),
        "published": _time(when),
    }


def _words(text: object, limit: int) -> str:
    """Words without markup."""
    plain = _TAG.sub(" ", str(text or "")[: 8 * limit])
    return " ".join(plain.split())[:limit]


def _time(found: Any) -> str | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(found), UTC).isoformat() if found else None
    except (ValueError, OverflowError, TypeError, OSError):
        return None


if __name__ == "__main__":
    sys.exit(main())
