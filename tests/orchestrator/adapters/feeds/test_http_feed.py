"""Does a feed come over real HTTP as it is, and can nothing that it answers with harm the node that asked?"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from orchestrator.adapters.feeds import http_feed
from orchestrator.adapters.feeds.feed_parser import MAX_ENTRIES, read_entries
from orchestrator.adapters.feeds.http_feed import MAX_BODY_BYTES, MAX_REDIRECTS, HttpFeedReader
from orchestrator.core.ports.suppliers.feeds import FeedFailed
from tests.feeds import FeedServer, feed_server, rss, titles

ATOM = b"""<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>News</title>
<entry><id>tag:a,1</id><title type="html">A &lt;b&gt;bold&lt;/b&gt; title</title><link href="javascript:alert(1)"/>
<updated>2026-11-20T08:00:00Z</updated><summary>one
two</summary></entry></feed>"""
READER = HttpFeedReader(agent="test/1", private=True)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A feed on loopback."""
    with feed_server() as found:
        yield found


def failed(server: FeedServer, reader: HttpFeedReader = READER, url: str = "") -> FeedFailed:
    """Why a feed is not read."""
    with pytest.raises(FeedFailed) as told:
        reader.fetch(url or server.url)
    return told.value


def test_a_feed_is_read_and_asked_for_only_what_changed(server: FeedServer) -> None:
    """By its ETag or its date; unpacked, and saying who asks."""
    server.serves(rss("two", "one"), ETag='"v1"', Last_Modified="Sat, 21 Nov 2026 10:00:00 GMT")
    first = READER.fetch(server.url)
    assert titles(first.entries) == ["two", "one"]
    assert (first.etag, first.modified) == ('"v1"', "Sat, 21 Nov 2026 10:00:00 GMT")
    again = READER.fetch(server.url, etag=first.etag, modified=first.modified)
    assert (again.entries, again.etag, again.modified) == (None, first.etag, first.modified)
    asked = server.asked[-1]
    assert (asked["If-None-Match"], asked["If-Modified-Since"]) == (first.etag, first.modified)
    assert (asked["User-Agent"], asked["Accept-Encoding"]) == ("test/1", "identity")
    server.serves(rss("three"), ETag="x" * 1000)
    assert READER.fetch(server.url, etag=first.etag).etag == ""


def test_entries_are_plain_words(server: FeedServer) -> None:
    """Markup goes, a link is one of the web, times are UTC."""
    server.serves(ATOM)
    (entry,) = READER.fetch(server.url).entries or ()
    assert (entry.ident, entry.title, entry.link, entry.summary) == ("tag:a,1", "A bold title", "", "one two")
    assert entry.published == datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "headers", "seconds", "gone"),
    [
        (404, {}, None, False),
        (410, {}, None, True),
        (429, {"Retry_After": "120"}, 120.0, False),
        (503, {"Retry_After": "99999999"}, 86_400.0, False),
        (503, {"Retry_After": "soon"}, None, False),
        (500, {"Retry_After": "120"}, None, False),
        (204, {}, None, False),
    ],
)
def test_a_refusal_says_when_to_come_again(
    server: FeedServer, status: int, headers: dict[str, str], seconds: float | None, gone: bool
) -> None:
    """As its server asks for, within a day; what is gone is gone."""
    server.serves(b"", status, **headers)
    error = failed(server)
    assert (str(error), error.seconds, error.gone) == (f"its server answers {status}", seconds, gone)


def test_private_addresses_are_not_asked(server: FeedServer) -> None:
    """Nor by a name, a mapped address, a redirect, or a name of which one address is private: no request arrives."""
    server.serves(rss("secret"))
    port = server.server.server_address[1]
    for address in (
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "fd00::1",
        "64:ff9b::7f00:1",
    ):
        guarded = HttpFeedReader(agent="t", resolve=lambda _host, _port, to=address: ["93.184.215.14", to])
        assert "has a private address" in str(failed(server, guarded, f"http://news.example:{port}/"))
    assert "has a private address" in str(failed(server, HttpFeedReader(agent="t")))
    assert server.asked == []
    moves = HttpFeedReader(
        agent="t", resolve=lambda host, _port: ["127.0.0.1"] if host == "127.0.0.1" else ["10.0.0.1"], private=True
    )
    server.serves(b"", 302, Location="http://inner.example/")
    guarded = HttpFeedReader(agent="t", resolve=moves.resolve)
    assert "private address" in str(failed(server, guarded))


def test_a_redirect_is_a_new_address(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is looked up and judged anew; to a file or round and round it leads nowhere."""
    asked: list[str] = []

    def resolves(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    public = {"127.0.0.1": True}
    monkeypatch.setattr(http_feed, "is_public", lambda address: public[address])
    reader = HttpFeedReader(agent="t", resolve=resolves)
    port = server.server.server_address[1]
    server.serves(b"", 301, Location=f"http://second.example:{port}/b")
    error = failed(server, reader, f"http://first.example:{port}/a")
    assert f"more than {MAX_REDIRECTS} times" in str(error)
    assert asked[:2] == ["first.example", "second.example"]
    assert server.asked[0]["Host"] == f"first.example:{port}"
    for place in ("file:///etc/passwd", "http://user:word@second.example/", "ftp://x/", "http://[::bad/"):
        server.serves(b"", 302, Location=place)
        assert failed(server, reader, f"http://first.example:{port}/a").seconds is None


def test_what_is_too_large_packed_or_slow_is_left(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb is not unpacked, a body is cut off at its limit, a drip ends with the deadline."""
    server.serves(gzip.compress(b"\0" * 10_000_000), Content_Encoding="gzip")
    assert "packs what nobody asked" in str(failed(server))
    server.serves(b" " * (MAX_BODY_BYTES + 100_000))
    assert "more than 2 MiB" in str(failed(server))
    monkeypatch.setattr(http_feed, "WHOLE_SECONDS", 0.3)
    server.serves(rss("one", summary="x" * 100_000))  # whole after a quarter of an hour
    server.drip = 0.01
    assert "longer than 0.3 s" in str(failed(server))
    monkeypatch.setattr(http_feed, "PARSE_SECONDS", 0.1)
    server.endless_head = True
    assert "longer than 0.4 s" in str(failed(server))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html><body>Not found</body></html>", "no feed"),
        (b"", "no feed"),
        (b"\x00\x01\x02" * 1000, "no feed"),
        (b'<!DOCTYPE rss [<!ENTITY a "aaaa">]>' + rss("&a;"), "declares entities"),
        (b'<!doctype rss [<!EnTiTy x SYSTEM "file:///etc/passwd">]>' + rss("&x;"), "declares entities"),
    ],
)
def test_what_is_no_feed_says_so(server: FeedServer, body: bytes, why: str) -> None:
    """Pages, nothing, bytes, and documents that would have a file read or grow."""
    server.serves(body)
    assert why in str(failed(server))


def test_a_document_that_keeps_the_reader_busy_is_ended(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is killed; the node waits no longer than that."""
    monkeypatch.setattr(http_feed, "PARSE_SECONDS", 0.05)
    server.serves(rss(*map(str, range(400)), summary="&lt;b " * 600))
    assert "reading it took longer" in str(failed(server))


def test_entries_are_bounded() -> None:
    """In number and length, whatever is in them."""
    found = read_entries(rss(*map(str, range(MAX_ENTRIES + 50)), summary="x" * 9000)) or []
    assert len(found) == MAX_ENTRIES
    assert len(found[0]["summary"]) == 4000
    assert read_entries(b"not a feed") is None
