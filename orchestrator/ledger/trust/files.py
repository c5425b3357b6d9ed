"""What are the two files of rules in a commit, and which of their versions can be used?"""

from __future__ import annotations

from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config import fleet_toml
from sync.objects import EXECUTABLE, FILE, MAX_TREE_BYTES, load_commit, read_tree
from sync.remote import ObjectStore, Oid
from sync.signatures import read_signers

SIGNERS_PATH = "allowed_signers"
PATHS = (SIGNERS_PATH, fleet_toml.PATH)
MAX_BYTES = 1024 * 1024
"""Bytes of the largest version that is read; a larger one counts as none."""


def versions(store: ObjectStore, commit: Oid) -> dict[str, Oid | None]:
    """The files' blobs in a commit; None for what is not one plain file. Of two with one name Git shows either."""
    tree = store.get(load_commit(store, commit).tree, MAX_TREE_BYTES)
    entries = read_tree(tree)
    plain = [path for path in PATHS if path in entries and entries[path].mode in (FILE, EXECUTABLE)]
    once = {path: entries[path].oid for path in plain if tree.count(f" {path}\0".encode()) == 1}
    return {path: once.get(path) for path in PATHS}


def read_text(store: ObjectStore, blob: Oid | None) -> str:
    """A version's text; empty where there is none."""
    data = store.get(blob, MAX_BYTES) if blob and store.size(blob) <= MAX_BYTES else b""
    return data.decode("utf-8", "surrogateescape")


def unusable_reason(path: str, text: str) -> str | None:
    """Why a text cannot come into force; None when it can."""
    if path == SIGNERS_PATH:
        return None if admin_lines(text) else "it names no admin"
    try:
        fleet_toml.read(text.encode("utf-8", "surrogateescape") if text else None)
    except BrokenLedger as error:
        return str(error)
    return None


def admin_lines(signers: str) -> dict[str, str]:
    """The lines that make somebody an admin, by key, in their order."""
    people = read_signers(signers)
    lines = {key: line for line in signers.splitlines() for key in read_signers(line)}
    return {key: line for key, line in lines.items() if "admin" in people[key].roles}
