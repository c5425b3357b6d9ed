"""How is a node's poller of feeds put together: what reads feeds, and what takes their entries in?"""

from __future__ import annotations

from importlib.util import find_spec

from orchestrator import __version__
from orchestrator.app import wiring
from orchestrator.core.own_installation import extra_command
from orchestrator.core.ports.stores import Stores
from orchestrator.core.ports.suppliers.feeds import FeedFailed, FeedReader, FetchedFeed
from orchestrator.core.settings import Settings
from orchestrator.ledger.config.supplier_tables import SupplierPart
from orchestrator.workflow.feeds.feed_poller import FeedPoller
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.mission_filing import supplier_filing
from orchestrator.workflow.signals.intake import SignalIntake

MISSING = "what reads feeds is not installed"


class MissingFeedReader:
    """Where the extra for feeds is not installed: each feed says so."""

    def fetch(self, url: str, *, etag: str = "", modified: str = "") -> FetchedFeed:
        """Reads nothing."""
        raise FeedFailed(f"{MISSING}: {extra_command('feeds')}")


def feed_reader(settings: Settings) -> FeedReader:
    """What reads feeds on this machine."""
    if find_spec("feedparser") is None:
        return MissingFeedReader()
    from orchestrator.adapters.feeds.http_feed import HttpFeedReader

    return HttpFeedReader(agent=f"shiftbook/{__version__}", private=settings.feeds_private)


def build_feed_poller(settings: Settings, stores: Stores) -> FeedPoller:
    """The poller of this machine's node; what it files is signed as what suppliers send is."""
    opened: list[Fleet] = []

    def fleet() -> Fleet:
        if not opened:
            opened.append(wiring.fleet(settings))
        return opened[0]

    def intake(supplier: str, part: SupplierPart) -> SignalIntake:
        file = supplier_filing(supplier, fleet, stores.marks)
        return SignalIntake(supplier=supplier, part=part, signals=stores.signals, file=file, now=wiring.now)

    def release() -> None:
        while opened:
            opened.pop().bus.remote.close()

    return FeedPoller(reader=feed_reader(settings), marks=stores.marks, intake=intake, now=wiring.now, release=release)
