"""How does a feed come over HTTP? By a conditional GET, from public addresses, within bounds of size and time.

The address stands in fleet.toml, and where it leads is for others to say: each name on the way is looked up once, what
is asked is what was checked, and a redirect is a new address. Packed bodies are refused: they may grow a thousandfold.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from missions.plain_data import read_json
from orchestrator.core.ports.suppliers.feeds import FeedEntry, FeedFailed, FetchedFeed
from orchestrator.core.public_address import Resolve, is_public, resolve

if TYPE_CHECKING:
    import httpx  # loaded where it is used: a fleet without feeds saves its 7 MiB

MAX_BODY_BYTES = 2 * 1024 * 1024
STEP_SECONDS, WHOLE_SECONDS, PARSE_SECONDS = 10.0, 30.0, 20.0
"""Seconds for each step of a fetch, for all of it, and for reading what came."""
MAX_REDIRECTS = 5
MAX_LATER_SECONDS = 86_400.0
MAX_VALIDATOR_CHARS = 300
ACCEPTED = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.8, */*;q=0.1"


@dataclass(frozen=True, kw_only=True)
class HttpFeedReader:
    """ports.FeedReader. `private`: feeds may have private addresses, for one that a person runs at home."""

    agent: str
    private: bool = False
    resolve: Resolve = resolve
    clock: Callable[[], float] = time.monotonic

    def fetch(self, url: str, *, etag: str = "", modified: str = "") -> FetchedFeed:
        """What the feed has.

        In a thread that is left alone when its time is over: a head may come byte by byte for days, and each byte is a
        sign of life to whoever waits for the next one.
        """
        made: list[FetchedFeed | FeedFailed] = []

        def run() -> None:
            try:
                made.append(self._fetch(url, etag, modified))
            except FeedFailed as error:
                made.append(error)
            except Exception as error:  # of a library that met what it was not made for: the feed has failed
                made.append(FeedFailed(f"reading it failed ({type(error).__name__})"))

        thread = threading.Thread(target=run, name="feed", daemon=True)
        thread.start()
        thread.join(WHOLE_SECONDS + PARSE_SECONDS)
        result = made[0] if made else FeedFailed(f"it took longer than {WHOLE_SECONDS + PARSE_SECONDS:g} s")
        if isinstance(result, FeedFailed):
            raise result
        return result

    def _fetch(self, url: str, etag: str, modified: str) -> FetchedFeed:
        headers = {"Accept": ACCEPTED, "Accept-Encoding": "identity", "User-Agent": self.agent}
        headers |= {"If-None-Match": etag} if etag else {}
        headers |= {"If-Modified-Since": modified} if modified else {}
        over = self.clock() + WHOLE_SECONDS
        for _ in range(MAX_REDIRECTS + 1):
            with self._asked(url, headers) as answer:
                if answer.has_redirect_location:
                    url = urljoin(url, answer.headers["Location"])
                    continue
                if answer.status_code == 304:
                    return FetchedFeed(entries=None, etag=etag, modified=modified)
                _refuse(answer)
                body = self._body(answer, over)
                kept = {name: answer.headers.get(name, "") for name in ("ETag", "Last-Modified")}
            etag, modified = (value if len(value) <= MAX_VALIDATOR_CHARS else "" for value in kept.values())
            return FetchedFeed(entries=_parsed(body), etag=etag, modified=modified)
        raise FeedFailed(f"it leads from one address to the next, more than {MAX_REDIRECTS} times")

    @contextmanager
    def _asked(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        import httpx

        parts, address = urlsplit(url), self._address(url)
        try:
            where = httpx.URL(url).copy_with(host=address)
            extensions: dict[str, Any] = {"sni_hostname": parts.hostname} if parts.scheme == "https" else {}
            with (
                httpx.Client(timeout=STEP_SECONDS, follow_redirects=False, trust_env=False) as client,
                client.stream("GET", where, headers={**headers, "Host": parts.netloc}, extensions=extensions) as answer,
            ):
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise FeedFailed(f"{parts.hostname} does not answer ({type(error).__name__})") from error

    def _address(self, url: str) -> str:
        """The address that a feed is asked at. Raises FeedFailed."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise FeedFailed("it leads to what is no address") from error
        if parts.scheme not in {"http", "https"} or not host or parts.username or parts.password:
            raise FeedFailed("a feed has an http or https address without a user and a password")
        try:
            found = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise FeedFailed(f"the name {host} leads nowhere") from error
        if not found:
            raise FeedFailed(f"the name {host} leads nowhere")
        if not self.private and not all(map(is_public, found)):
            raise FeedFailed(f"{host} has a private address: set SHIFTBOOK_FEEDS_PRIVATE=1 on this node if it is yours")
        return found[0]

    def _body(self, answer: httpx.Response, over: float) -> bytes:
        if answer.headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}:
            raise FeedFailed("its server packs what nobody asked to be packed")
        body = b""
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise FeedFailed(f"it has more than {MAX_BODY_BYTES // 1024**2} MiB")
            if self.clock() > over:
                raise FeedFailed(f"it took longer than {WHOLE_SECONDS:g} s")
        return body


def _refuse(answer: httpx.Response) -> None:
    """Raises FeedFailed for an answer that brings no feed."""
    if answer.status_code == 200:
        return
    gone = answer.status_code == 410
    later = _seconds(answer.headers.get("Retry-After", "")) if answer.status_code in {429, 503} else None
    raise FeedFailed(f"its server answers {answer.status_code}", seconds=later, gone=gone)


def _seconds(wait: str) -> float | None:
    """What `Retry-After` says, within reason: seconds, or a date."""
    if wait.isascii() and wait.isdigit():
        return min(MAX_LATER_SECONDS, float(wait[:9]))
    try:
        when = parsedate_to_datetime(wait)
        left = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(MAX_LATER_SECONDS, max(0.0, left))


def _parsed(body: bytes) -> tuple[FeedEntry, ...]:
    """The entries, read by a process with limits. Raises FeedFailed."""
    if b"<!entity" in body.lower():
        raise FeedFailed("it declares entities, which no feed needs")
    argv = [sys.executable, "-P", "-m", "orchestrator.adapters.feeds.feed_parser"]
    try:
        done = subprocess.run(argv, input=body, capture_output=True, timeout=PARSE_SECONDS, check=False, env={})
    except subprocess.TimeoutExpired as error:
        raise FeedFailed(f"reading it took longer than {PARSE_SECONDS:g} s") from error
    if done.returncode:
        raise FeedFailed("what came is no feed" if done.returncode == 1 else "reading it took too much of this machine")
    return tuple(
        FeedEntry(**each | {"published": datetime.fromisoformat(each["published"]) if each["published"] else None})
        for each in read_json(done.stdout)
    )
