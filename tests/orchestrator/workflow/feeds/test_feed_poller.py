"""Is each entry of a feed an event once, by the same rules as others, with a pause that grows where nothing comes?"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.adapters.database.factory import open_stores
from orchestrator.core.ports.stores import Stores
from orchestrator.core.ports.suppliers.feeds import FeedEntry, FeedFailed, FetchedFeed
from orchestrator.ledger.config import fleet_toml
from orchestrator.ledger.config.supplier_tables import SupplierPart
from orchestrator.workflow.feeds.feed_marks import PREFIX, entry_key
from orchestrator.workflow.feeds.feed_overview import supplier_rows
from orchestrator.workflow.feeds.feed_poller import FeedPoller, feed_event
from orchestrator.workflow.feeds.feed_state import MAX_KNOWN, FeedState, read_state
from orchestrator.workflow.signals.intake import SignalIntake
from tests.ledgers import Clock

FLEET = """
[suppliers.news]
feed = "https://news.example/feed.xml"
every_minutes = 60
missions_per_day = 3
per_minute = 5
words = { security = 0.9, "zero-day" = 1.0, sports = 0.1 }

[[suppliers.news.rules]]
type = "feed.entry"
min_confidence = 0.5
prompt = "Say whether this matters to us."
"""


def entry(title: str, *, summary: str = "", days: float | None = None) -> FeedEntry:
    """An entry, published so many days before noon."""
    published = None if days is None else Clock().at - timedelta(days=days)
    link = f"https://news.example/{title}"
    return FeedEntry(ident=f"id-{title}", title=title, link=link, summary=summary, published=published)


@dataclass
class Scripted:
    """A reader that answers what the test says."""

    entries: list[FeedEntry] | None = field(default_factory=list)
    error: FeedFailed | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def fetch(self, url: str, *, etag: str = "", modified: str = "") -> FetchedFeed:
        """Answers."""
        self.asked.append((etag, modified))
        if self.error is not None:
            raise self.error
        if self.entries is None:
            return FetchedFeed(entries=None, etag=etag, modified=modified)
        return FetchedFeed(entries=tuple(self.entries), etag=f"e{len(self.asked)}", modified="")


@dataclass
class Desk:
    """A node with its poller; `filed` are missions by name."""

    stores: Stores
    reader: Scripted = field(default_factory=Scripted)
    clock: Clock = field(default_factory=Clock)
    part: SupplierPart = field(default_factory=lambda: fleet_toml.read(FLEET.encode()).suppliers["news"])
    filed: dict[str, str] = field(default_factory=dict)
    breaks: int = 0
    released: int = 0

    def poller(self) -> FeedPoller:
        """As after a restart."""
        return FeedPoller(
            reader=self.reader, marks=self.stores.marks, intake=self.intake, now=self.clock, release=self.release
        )

    def release(self) -> None:
        self.released += 1

    def intake(self, supplier: str, part: SupplierPart) -> SignalIntake:
        def file(text: str, name: str, _key: str) -> str:
            if self.breaks:
                self.breaks -= 1
                raise OSError("the ledger is away")
            self.filed[name] = text
            return name

        return SignalIntake(supplier=supplier, part=part, signals=self.stores.signals, file=file, now=self.clock)

    def poll(self, *entries: FeedEntry, minutes: float = 60) -> list[str]:
        """The verdicts of one poll that finds these."""
        self.reader.entries = list(entries)
        verdicts = [each.verdict for each in self.poller().poll("news", self.part).results]
        self.clock.forward(minutes * 60)
        return verdicts


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A node with a database on disk, which has polled an empty feed once."""
    ids = itertools.count()
    found = Desk(stores=open_stores(f"sqlite:///{tmp_path / 'db'}", now=Clock(), new_id=lambda: f"i{next(ids)}"))
    found.poll()
    yield found
    found.stores.close()


def test_what_the_first_poll_finds_is_no_news(tmp_path: Path, desk: Desk) -> None:
    """Also of another address under the same name; what comes afterwards is."""
    desk.part = desk.part.model_copy(update={"feed": "https://other.example/"})
    assert desk.poll(entry("old")) == []
    assert desk.poll(entry("new"), entry("old")) == ["filed"]
    (text,) = desk.filed.values()
    assert "Say whether this matters to us." in text
    assert "approve: always" in text
    assert '"link": "https://news.example/new"' in text


def test_an_entry_counts_once_by_its_id(desk: Desk) -> None:
    """However often it is there, changed, gone for a while, or after a restart."""
    assert desk.poll(entry("a")) == ["filed"]
    assert desk.poll(entry("a", summary="changed")) == []
    assert desk.poll() == []
    assert desk.poll(entry("a"), minutes=10 * 24 * 60) == []
    assert desk.poll(entry("a")) == []
    assert len(desk.filed) == 1


def test_words_make_an_entry_sure_and_the_threshold_judges(desk: Desk) -> None:
    """The surest word in it, in title or summary, in whatever case; else the feed's own."""
    assert desk.poll(entry("Sports today"), entry("A Zero-Day in SPORTS"), entry("x", summary="on Security")) == [
        "filed",
        "filed",
        "below",
    ]
    sure = feed_event(desk.part, entry("x", summary="security and sports"), desk.clock())["data"]["confidence"]
    assert (sure, feed_event(desk.part, entry("y"), desk.clock())["data"]["confidence"]) == (0.9, 0.5)


def test_rates_hold_for_feeds_as_for_others(desk: Desk) -> None:
    """Five a minute: the rest is taken in by the next poll, whole; three missions a day."""
    flood = [entry(f"n{n}") for n in range(8)]
    assert desk.poll(*flood) == ["filed", "filed", "filed", "capped", "capped", "deferred"]
    assert desk.reader.asked[-1][0] == "e1"
    assert desk.poll(*flood) == ["capped", "capped", "capped"]
    assert desk.reader.asked[-1] == ("", "")  # what was left is asked for again, whatever the validators say
    desk.reader.entries = None
    desk.poller().poll("news", desk.part)
    assert desk.reader.asked[-1][0] == "e3"
    assert len(desk.filed) == 3


def test_what_was_put_off_and_is_gone_is_waited_for_no_longer(desk: Desk) -> None:
    """A feed shows its newest entries only: one that fell out of it before its turn keeps no poll from being short."""
    flood = [entry(f"n{n}") for n in range(8)]
    assert desk.poll(*flood)[-1] == "deferred"
    assert desk.poll(entry("new"), flood[-1]) == ["capped"]
    assert desk.reader.asked[-1] == ("", "")
    desk.reader.entries = None
    for _ in range(2):
        desk.poller().poll("news", desk.part)
        assert desk.reader.asked[-1][0] == "e3"
    assert desk.poll(*flood[:3], entry("new")) == ["capped"] * 3  # it may come back all the same


def test_what_is_old_when_it_comes_is_no_news(desk: Desk) -> None:
    """It costs no event, so a feed that shows its archive is not taken for a liar."""
    assert desk.poll(*(entry(f"o{n}", days=30) for n in range(40)), entry("new", days=0.5), entry("soon", days=-3)) == [
        "filed",
        "filed",
    ]
    (row,) = supplier_rows({"news": desk.part}, {}, desk.stores.signals, desk.stores.marks, desk.clock())
    assert (row["refused_today"], row["events_today"], row["missions_today"]) == (0, 2, 2)


def test_a_filing_that_breaks_is_tried_again_as_the_same_event(desk: Desk) -> None:
    """The next poll files it, once; what was taken in before stays done."""
    desk.breaks = 1
    with pytest.raises(OSError, match="the ledger is away"):
        desk.poll(entry("a"), entry("b"))
    assert desk.released == 2
    desk.clock.forward(3600)
    assert desk.poll(entry("a"), entry("b")) == ["filed", "filed"]
    assert desk.poll(entry("a"), entry("b")) == []


def test_the_pause_grows_where_nothing_comes(desk: Desk) -> None:
    """Doubling up to a day, as its server asks, for a day where it is gone; the first success ends it."""
    desk.reader.error = FeedFailed("its server answers 500")
    pauses = []
    for _ in range(7):
        polled = desk.poller().poll("news", desk.part)
        pauses.append((polled.due - desk.clock()).total_seconds() / 3600)
        assert desk.poller().due({"news": desk.part}) == []
        desk.clock.forward((polled.due - desk.clock()).total_seconds())
        assert desk.poller().due({"news": desk.part}) == ["news"]
    assert pauses == [2, 4, 8, 16, 24, 24, 24]
    desk.reader.error = FeedFailed("later", seconds=7200)
    assert desk.poller().poll("news", desk.part).due - desk.clock() == timedelta(hours=2)
    desk.reader.error = FeedFailed("later", seconds=1)
    assert desk.poller().poll("news", desk.part).due - desk.clock() == timedelta(hours=1)
    desk.reader.error = FeedFailed("gone", gone=True)
    assert desk.poller().poll("news", desk.part).due - desk.clock() == timedelta(days=1)
    desk.reader.error = None
    assert desk.poll(entry("a")) == ["filed"]
    assert desk.poller().state("news", desk.part).failures == 0


def test_a_supplier_without_a_feed_is_not_polled(desk: Desk) -> None:
    """Only those with one, and each by its own time."""
    parts = {"plain": SupplierPart(), "news": desk.part, "more": desk.part}
    assert desk.poller().due(parts) == ["more", "news"]
    desk.clock.forward(-1800)
    assert desk.poller().due(parts) == ["more"]


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"known": 3}', json.dumps({"url": "https://x/", "failures": -1})])
def test_a_state_that_cannot_be_read_begins_anew(kept: str) -> None:
    """As one of another address."""
    assert read_state(kept, "https://x/") == FeedState(url="https://x/")


def test_what_is_remembered_is_bounded(desk: Desk) -> None:
    """Two thousand entries, and those of a month."""
    state = FeedState(url="u").came([], desk.clock())
    for round_ in range(10):
        state = state.came([entry_key(entry(f"{round_}-{n}")) for n in range(500)], desk.clock())
    assert len(state.known) == MAX_KNOWN
    later = desk.clock() + timedelta(days=31)
    assert len(state.came(["one"], later).known) == 1
    desk.stores.marks.put(PREFIX + "news", state.model_copy(update={"url": desk.part.feed}).model_dump_json())
    assert len(desk.poller().state("news", desk.part).known) == MAX_KNOWN


@pytest.mark.parametrize(
    "wrong",
    [
        'feed = "file:///etc/passwd"',
        'feed = "https://user:word@news.example/"',
        'feed = "news.example"',
        'feed = "https://news.example/\\u0007"',
        "every_minutes = 1",
        "words = { a = 2.0 }",
        "confidence = -1",
    ],
)
def test_a_wrong_feed_is_refused_with_its_line(wrong: str) -> None:
    """When fleet.toml is read, not when it is polled."""
    with pytest.raises(Exception, match=r"fleet\.toml, line 2"):
        fleet_toml.read(f"[suppliers.news]\n{wrong}\n".encode())
