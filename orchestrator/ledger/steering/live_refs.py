"""How is a running attempt shown to another machine? By a ref of its node's own, written only while somebody watches.

Whoever watches moves `refs/shiftbook/watch/<mission>` every now and then; the node that works sees it move, on its own
clock, and puts its live view at `refs/shiftbook/live/<mission>` for a while. Both are commits without parents: what a
view replaces is nobody's history, and the server's garbage collection takes it.
"""

from __future__ import annotations

from collections.abc import Container

from missions.errors import BadLiveView
from missions.live_view import MAX_VIEW_BYTES, LiveView, read_live_view
from orchestrator.ledger.transport import LIVE, WATCH, Transport
from sync.errors import SyncError
from sync.objects import find, load_commit
from sync.remote import ObjectStore, Oid, Refs

VIEW_FILE, REQUEST_FILE = "live.json", "watch.txt"
REQUEST_SECONDS = 120.0
"""Seconds for which a node shows an attempt after it saw the request move; on the node's own clock."""
RENEW_SECONDS = 40.0
"""Seconds after which whoever still watches moves the request again."""


def watch_commit(bus: Transport, mission: str) -> Oid:
    """A request to show an attempt, as a signed commit that nobody else has made; not yet pushed."""
    return bus.commit({REQUEST_FILE: f"{bus.nonce()}\n".encode()}, f"{mission}: is watched", onto=None, tree=None)


def live_commit(bus: Transport, view: LiveView) -> Oid:
    """A live view as a signed commit, made and not yet pushed. Its text must be redacted already."""
    return bus.commit({VIEW_FILE: view.print()}, f"{view.mission}: as it is now", onto=None, tree=None)


def watched_missions(refs: Refs) -> dict[str, Oid]:
    """Where the requests stand, by mission."""
    return {ref.removeprefix(WATCH): oid for ref, oid in refs.items() if ref.startswith(WATCH)}


def idle_refs(refs: Refs, held: Container[str]) -> dict[str, Oid]:
    """Requests and views, by ref, of missions that nobody holds."""
    named = ((ref, ref.removeprefix(WATCH).removeprefix(LIVE)) for ref in refs if ref.startswith((WATCH, LIVE)))
    return {ref: refs[ref] for ref, mission in named if mission not in held}


def read_view(store: ObjectStore, refs: Refs, mission: str) -> LiveView | None:
    """What is shown of a mission; None where nothing is, or nothing that can be read. Anybody may have written it."""
    oid = refs.get(LIVE + mission)
    if oid is None:
        return None
    try:
        entry = find(store, load_commit(store, oid).tree, VIEW_FILE)
        view = read_live_view(store.get(entry.oid, MAX_VIEW_BYTES)) if entry else None
    except (BadLiveView, SyncError, LookupError, ValueError):
        return None
    return view if view is not None and view.mission == mission else None
