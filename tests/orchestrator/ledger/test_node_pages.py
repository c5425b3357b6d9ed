"""Is a node's page read once, whatever it says, and never more of it than a page has?"""

from __future__ import annotations

import pytest

from orchestrator.ledger import node_pages
from orchestrator.ledger.node_pages import MAX_FIELD_CHARS, announced_nodes, has_full_disk
from tests.fuzzing.counted_work import CountingStore, counted
from tests.ledgers import Peer, Town

PAGES = {
    "n1": "---\nrole: HEADQUARTERS\nagents: builtin, command\nslots: 3\ndisk_full: yes\n---\nx",
    "n2": "---\nrole: [\n---\nx",
    "n3": f"---\nload: {'x' * 5000}\n---\nx",
    "n4": "x" * (node_pages.MAX_PAGE_BYTES + 1),
}


@pytest.fixture
def node() -> Peer:
    """A node of a ledger with sound and odd pages, whose reads are counted."""
    node_pages._KNOWN_PAGES.clear()
    town = Town({f"heartbeats/{name}.md": text for name, text in PAGES.items()})
    town.server.store = CountingStore(objects=town.server.store.objects)
    return town.peer("n1")


def test_a_page_is_read_once(node: Peer) -> None:
    """A second look reads the folder and no page, also none of those that say nothing."""
    ledger = node.ledger()
    first = announced_nodes(ledger)
    assert (first["n1"].slots, first["n1"].agents, first["n1"].disk_full) == (3, ("builtin", "command"), True)
    assert (first["n2"].role, first["n4"].role, len(first["n3"].load)) == ("", "", MAX_FIELD_CHARS)
    assert isinstance(node.bus.store, CountingStore)
    with counted(node.bus.store) as done:
        assert announced_nodes(ledger) == first
        assert has_full_disk(ledger, "n1")
    assert done().parsed == 0
    assert done().objects == 4  # folders only: on the way to that of the pages, and to one page


def test_a_changed_page_says_something_else(node: Peer) -> None:
    """What is remembered is of the bytes, not of the name."""
    assert has_full_disk(node.ledger(), "n1")
    node.push({"heartbeats/n1.md": "---\nrole: HEADQUARTERS\n---\nx", "heartbeats/n9.md": PAGES["n1"]})
    ledger = node.ledger()
    assert (has_full_disk(ledger, "n1"), has_full_disk(ledger, "n9")) == (False, True)


def test_pages_do_not_fill_the_memory(node: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may push can make as many as they like."""
    monkeypatch.setattr(node_pages, "MAX_KNOWN_PAGES", 3)
    node.push({f"heartbeats/made-up-{number}.md": f"---\nrole: r{number}\n---\n" for number in range(20)})
    assert announced_nodes(node.ledger())["made-up-7"].role == "r7"
    assert len(node_pages._KNOWN_PAGES) <= 3
