"""What has the remote taken from this clone that no fetch has seen there yet? Refs of this clone say so.

A server that is restored from a backup in between has lost it, and nobody else ever had it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sync.errors import PushUncertain
from sync.refs.packed_refs import create_refs, many_new
from sync.refs.ref_writer import RefWriter
from sync.remote import Oid, RefUpdate

PUSHED_PREFIX = "refs/pushed/"
PUSHED_REMOTE = "shiftbook-pushed"
"""The remote that a push names for the notes' sake; `push_settings` say what it is."""
BEATS = "refs/shiftbook/beat/"
"""A beat says nothing that could be lost: it is not noted."""


class PushedRefs:
    """One clone's notes on the ledger at `url`."""

    def __init__(self, refs: RefWriter, *, url: str, branch: str) -> None:
        self._refs, self._url, self._head = refs, url, f"refs/heads/{branch}"

    def push_settings(self, updates: Iterable[RefUpdate]) -> tuple[str, ...]:
        """With these `git push` itself notes what is taken of the updates, in the same process.

        Each ref is named: a pattern that leaves some out (`^`) is not heeded by `git push`, up to 2.39 at least.
        """
        noted = (update.ref for update in updates if self._is_noted(update.ref))
        fetch = (word for ref in noted for word in ("-c", f"remote.{PUSHED_REMOTE}.fetch=+{ref}:{_note(ref)}"))
        return ("-c", f"remote.{PUSHED_REMOTE}.url={self._url}", *fetch)

    def note(self, updates: Iterable[RefUpdate]) -> None:
        """Notes what was taken without `git push`. As there, nothing fails because it could not be noted."""
        noted = [update for update in updates if self._is_noted(update.ref)]
        if self._created({_note(ref): oid for ref, oid in many_new(noted).items()}):
            return
        self._apply(f"update {_note(u.ref)} {u.new}\n" if u.new else f"delete {_note(u.ref)}\n" for u in noted)

    def forget(self, notes: Mapping[str, Oid]) -> None:
        """Forgets these notes after a fetch that nothing was missing from.

        One that was pushed again meanwhile has moved: then all stay until the next fetch.
        """
        self._apply(f"delete {ref} {oid}\n" for ref, oid in notes.items())

    def _is_noted(self, ref: str) -> bool:
        return ref == self._head or (ref.startswith("refs/shiftbook/") and not ref.startswith(BEATS))

    def _created(self, notes: Mapping[str, Oid]) -> bool:
        try:
            return bool(notes) and create_refs(self._refs.folder, notes, durable=False)
        except (OSError, PushUncertain):  # git may find room for them, or finds them there
            return False

    def _apply(self, lines: Iterable[str]) -> None:
        found = list(lines)
        if found:
            self._refs.note(found)


def noted_ref(note: str) -> str:
    """The remote's ref on which a note is."""
    return f"refs/{note.removeprefix(PUSHED_PREFIX)}"


def _note(ref: str) -> str:
    return f"{PUSHED_PREFIX}{ref.removeprefix('refs/')}"
