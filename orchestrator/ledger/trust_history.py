"""Which changes of the rules are news to a machine, who signed them, and in which order are they judged?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from sync.objects import Commit
from sync.remote import Oid
from sync.signatures import Verifier, read_signers, signing_key


def apply_signers_change(text: str, before: Sequence[str], after: str) -> str:
    """The keys in force, which were `text`, once a change from `before` to `after` is followed.

    `before` has a text for each parent of the commit. The cases, by key:

    1 made on top of exactly what is in force: what it says, byte for byte
    2 a line that no parent has: added; where its key is in force, in that one's place
    3 a line for a key that a parent has and that is out of force by now: not added; an edit revives nobody
    4 a key that every parent has and it has not: out, whatever its line says by now
    5 everything else stays as it is
    """
    now, then, sides = (
        signer_lines_by_key(text),
        signer_lines_by_key(after),
        [signer_lines_by_key(side) for side in before] or [{}],
    )
    if sides == [now]:
        return after
    known = {line for side in sides for line in side.values()}
    had = {key for side in sides for key in side}
    gone = {key for key in had if key not in then and all(key in side for side in sides)}
    kept = {key: line for key, line in now.items() if key not in gone}
    new = {key: line for key, line in then.items() if line not in known and (key in kept or key not in had)}
    return "".join(f"{line}\n" for line in (kept | new).values())


def signer_lines_by_key(text: str) -> dict[str, str]:
    """The lines that name somebody, by key. Comments and lines that grant nothing are left out."""
    return {key: line for line in text.splitlines() for key in read_signers(line)}


def foreign_commits(between: dict[Oid, tuple[Oid, ...]]) -> set[Oid]:
    """The commits that come from another history: below them are only roots that this ledger does not have.

    An admin's signature on a commit of another ledger says nothing about this one.
    """
    found: set[Oid] = set()
    for commit, parents in reversed(between.items()):
        if all(parent in found for parent in parents):
            found.add(commit)
    return found


def signed_by_admins(commits: Mapping[Oid, Commit], signers: str, said: Callable[[Oid], str]) -> dict[Oid, str]:
    """The key that signed each commit, for those signed by somebody who is or becomes an admin by one of them.

    `said` gives the signers' list in a commit. Everything else, which anybody can push by the thousand, costs nothing
    more than this look. Whether the key counts is another question, asked when the commit's turn comes.
    """
    claimed = {commit: signing_key(read.signature or "") for commit, read in commits.items()}
    lines, found = _admin_lines(signers), dict[Oid, str]()
    fresh = set(lines)
    while fresh:
        keys, fresh = fresh, set()
        for commit in [commit for commit, key in claimed.items() if key in keys and commit not in found]:
            key = claimed[commit] or ""
            read = commits[commit]
            if Verifier(lines[key]).signer(read.payload, read.signature) is not None:
                found[commit] = key
                more = {k: line for k, line in _admin_lines(said(commit)).items() if k not in lines}
                lines |= more
                fresh |= set(more)
    return found


def _admin_lines(signers: str) -> dict[str, str]:
    people = read_signers(signers)
    return {key: line for key, line in signer_lines_by_key(signers).items() if "admin" in people[key].roles}


def in_judging_order(
    between: dict[Oid, tuple[Oid, ...]], wanted: Collection[Oid], seniority: Callable[[Oid], int]
) -> Iterator[Oid]:
    """The wanted commits, each after those of them that it builds on; beside each other, the more senior signer first.

    So what a senior built on is judged before what a junior did beside it, however many commits lie below. `between`
    has every commit after its children. The next one is chosen when the one before is judged: seniority may change.
    """
    number = {commit: n for n, commit in enumerate(c for c in reversed(between) if c in wanted)}
    below: dict[Oid, int] = {}  # as bits: most commits have none of the wanted ones below them
    for commit, parents in reversed(between.items()):
        below[commit] = 0
        for parent in parents:
            below[commit] |= below.get(parent, 0) | (1 << number[parent] if parent in number else 0)
    waiting = set(number)
    while waiting:
        best = min(waiting, key=lambda c: (seniority(c), below[c].bit_count(), number[c]))
        first = sorted((c for c in waiting if below[best] >> number[c] & 1), key=number.__getitem__)
        for commit in (*first, best):
            waiting.discard(commit)
            yield commit
