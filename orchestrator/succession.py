"""Which keys count after an admin has changed `allowed_signers`, whatever it was made on top of?

A change is taken for what it did, not for what it was made on top of: below it, and beside it on the other sides of
merges, may lie lines that nobody with the right has ever signed.
"""

from __future__ import annotations

from collections.abc import Sequence

from sync.signatures import read_signers


def changed(text: str, before: Sequence[str], after: str) -> str:
    """The keys in force, which were `text`, once a change from `before` to `after` is followed.

    `before` has a text for each parent of the commit. The cases, by key:

    1 made on top of exactly what is in force: what it says, byte for byte
    2 a line that no parent has: added; where its key is in force, in that one's place
    3 a line for a key that a parent has and that is out of force by now: not added; an edit revives nobody
    4 a key that every parent has and it has not: out, whatever its line says by now
    5 everything else stays as it is
    """
    now, then, sides = by_key(text), by_key(after), [by_key(side) for side in before] or [{}]
    if sides == [now]:
        return after
    known = {line for side in sides for line in side.values()}
    had = {key for side in sides for key in side}
    gone = {key for key in had if key not in then and all(key in side for side in sides)}
    kept = {key: line for key, line in now.items() if key not in gone}
    new = {key: line for key, line in then.items() if line not in known and (key in kept or key not in had)}
    return "".join(f"{line}\n" for line in (kept | new).values())


def by_key(text: str) -> dict[str, str]:
    """The lines that name somebody, by key. Comments and lines that grant nothing are left out."""
    return {key: line for line in text.splitlines() for key in read_signers(line)}
