"""How is a change published on a branch that others push to as well?

Fetch, apply the change to what is there now, push; when somebody was faster, do all of it again. The change is a
function of the newest state, so a lost race costs a recomputation and never an edit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from sync.backoff import Backoff
from sync.errors import PushUncertain, TooManyRaces
from sync.remote import LedgerRemote, Oid, PushVerdict, Refs, RefUpdate

Plan = Callable[[Refs], Sequence[RefUpdate]]
"""Looks at the remote's refs and says what to move; nothing to move ends the publishing."""


Descends = Callable[[Oid, Oid], bool]
"""Whether the first commit is the second one, or has it in its history (`ObjectStore.descends`)."""
BRANCHES = "refs/heads/"
"""Where a ref only goes forward, whoever moves it: a commit of ours stays in what comes after it."""


def push_and_resolve(
    remote: LedgerRemote, updates: Sequence[RefUpdate], *, atomic: bool = False, descends: Descends | None = None
) -> Mapping[str, PushVerdict]:
    """Pushes, and when no verdict comes back finds out by fetching what was taken.

    Sound because every object we push is ours alone (nonces, timestamps): a ref that shows it was moved by us. With
    `descends` a branch on which others have gone on since shows it, too, and with it all that was pushed with `atomic`.
    Raises what `fetch` raises while it stays unknown.
    """
    try:
        return remote.push(updates, atomic=atomic)
    except PushUncertain:
        refs = remote.fetch()
        if atomic and descends is not None and any(_went_on(refs, update, descends) for update in updates):
            return {update.ref: PushVerdict.ACCEPTED for update in updates}
        return {u.ref: PushVerdict.ACCEPTED if refs.get(u.ref) == u.new else PushVerdict.STALE for u in updates}


def _went_on(refs: Refs, update: RefUpdate, descends: Descends) -> bool:
    """Whether the branch has what was pushed to it, under what others have pushed since."""
    there = refs.get(update.ref)
    known = there is not None and update.new is not None and update.ref.startswith(BRANCHES)
    return known and descends(str(there), str(update.new))


def publish(
    remote: LedgerRemote,
    plan: Plan,
    *,
    tries: int = 30,
    pause: float = 0.05,
    sleep: Callable[[float], None] = time.sleep,
    descends: Descends | None = None,
) -> Sequence[RefUpdate]:
    """Carries a plan out, all or nothing, against the newest state. Returns what was moved (empty: nothing to do).

    Without `descends` a change is made once more whose answer was lost, and on which others had gone on by the time
    that it was looked for: give it where doing it twice does any harm. Waits a random, growing time after each lost
    race. Raises TooManyRaces after `tries`, and what the remote raises.
    """
    backoff = Backoff(first=pause, limit=32 * pause, jitter=(0, 1))
    for lost in range(1, tries + 1):
        updates = plan(remote.fetch())
        if not updates:
            return ()
        verdicts = push_and_resolve(remote, updates, atomic=True, descends=descends)
        if all(verdict is not PushVerdict.STALE for verdict in verdicts.values()):
            return updates
        sleep(backoff.spread(backoff.after(lost)))
    raise TooManyRaces(tries)
