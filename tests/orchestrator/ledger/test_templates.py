"""Are a ledger's templates read to an end, whatever stands in their folder's place?"""

from __future__ import annotations

from orchestrator.ledger.templates import TemplateReader
from sync.memory_remote import MemoryStore
from sync.objects import FILE, FOLDER, MAX_TREE_BYTES, TreeEntry, print_tree
from sync.remote import Oid

TEMPLATE = b'---\nevery: "0 3 * * *"\n---\nLook.\n'


def _tree(store: MemoryStore, templates: TreeEntry) -> Oid:
    missions = store.put("tree", print_tree({"templates": templates}))
    return store.put("tree", print_tree({"missions": TreeEntry(FOLDER, missions)}))


def test_a_folder_has_templates() -> None:
    """As it should be."""
    store = MemoryStore()
    folder = store.put("tree", print_tree({"nightly.md": TreeEntry(FILE, store.put("blob", TEMPLATE))}))
    found = TemplateReader(store).read(_tree(store, TreeEntry(FOLDER, folder)))
    assert (list(found.known), found.quarantined) == (["nightly"], ())


def test_what_is_called_a_folder_and_is_none_has_none() -> None:
    """A blob, which a person's tool or a stranger can write there."""
    store = MemoryStore()
    found = TemplateReader(store).read(_tree(store, TreeEntry(FOLDER, store.put("blob", b"no folder\n"))))
    assert (dict(found.known), found.quarantined) == ({}, ())


def test_a_folder_that_is_too_large_is_told() -> None:
    """And not followed; a smaller one after it is."""
    store = MemoryStore()
    entry = b"100644 %07d.md\0" + bytes(20)
    large = b"".join(entry % number for number in range(MAX_TREE_BYTES // len(entry % 0) + 1))
    reader = TemplateReader(store)
    (told,) = reader.read(_tree(store, TreeEntry(FOLDER, store.put("tree", large)))).quarantined
    assert (told.path, "at most" in told.reason) == ("missions/templates", True)
    assert reader.read(_tree(store, TreeEntry(FOLDER, store.put("tree", b"")))).quarantined == ()
