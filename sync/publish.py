"""How is a change published on a branch that others push to as well?

Fetch, apply the change to what is there now, push; when somebody was faster, do all of it again. The change is a
function of the newest state, so a lost race costs a recomputation and never an edit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from sync.backoff import Backoff
from sync.errors import PushUncertain, TooManyRaces
from sync.remote import LedgerRemote, PushVerdict, Refs, RefUpdate

Plan = Callable[[Refs], Sequence[RefUpdate]]
"""Looks at the remote's refs and says what to move; nothing to move ends the publishing."""


def push_and_resolve(
    remote: LedgerRemote, updates: Sequence[RefUpdate], *, atomic: bool = False
) -> Mapping[str, PushVerdict]:
    """Pushes, and when no verdict comes back finds out by fetching what was taken.

    Sound because every object we push is ours alone (nonces, timestamps): a ref that shows it was moved by us.
    Raises what `fetch` raises while it stays unknown.
    """
    try:
        return remote.push(updates, atomic=atomic)
    except PushUncertain:
        refs = remote.fetch()
        return {u.ref: PushVerdict.ACCEPTED if refs.get(u.ref) == u.new else PushVerdict.STALE for u in updates}


def publish(
    remote: LedgerRemote,
    plan: Plan,
    *,
    tries: int = 30,
    pause: float = 0.05,
    sleep: Callable[[float], None] = time.sleep,
) -> Sequence[RefUpdate]:
    """Carries a plan out, all or nothing, against the newest state. Returns what was moved (empty: nothing to do).

    Waits a random, growing time after each lost race. Raises TooManyRaces after `tries`, and what the remote raises.
    """
    backoff = Backoff(first=pause, limit=32 * pause, jitter=(0, 1))
    for lost in range(1, tries + 1):
        updates = plan(remote.fetch())
        if not updates:
            return ()
        verdicts = push_and_resolve(remote, updates, atomic=True)
        if all(verdict is not PushVerdict.STALE for verdict in verdicts.values()):
            return updates
        sleep(backoff.spread(backoff.after(lost)))
    raise TooManyRaces(tries)
