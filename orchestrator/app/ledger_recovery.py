"""What does this machine's clone have of the ledger that its server has lost, and how does the server get it back?

A server that was restored from an older backup lacks an hour of everybody's work, which the nodes' clones still have.
Every ref moves only from where it was seen a moment ago, and only forward: nothing that the server has is taken back.
What cannot go forward gets a name of its own beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.ledger.claim_reader import ClaimReader
from orchestrator.ledger.transport import BEAT, CLAIM, LOG
from sync.errors import PushRefused
from sync.git_remote import RECOVERED_PREFIX, GitRemote
from sync.refs.broken_refs import SET_ASIDE
from sync.remote import Oid, PushVerdict, Refs, RefUpdate


@dataclass(frozen=True, kw_only=True)
class RecoveryStep:
    """One ref that is put right. `says` is what it is about; `failed` is why it was not done, empty when it was."""

    ref: str
    says: str
    update: RefUpdate | None
    """None for a ref that names objects which the server has lost: it is sent again, or set aside."""
    failed: str = ""


def plan_recovery(link: GitRemote) -> list[RecoveryStep]:
    """What there is to do, in the order in which it is done; nothing is changed. Raises RemoteUnreachable."""
    mine, there = link.held(), link.survey()
    broken = [
        RecoveryStep(ref=ref, says=f"names {oid[:12]}, whose objects the server has lost", update=None)
        for ref, oid in link.broken.found.items()
    ]
    branch = f"refs/heads/{link.branch}"
    if branch not in mine:
        return broken
    now = there.get(branch)
    lost = now is None or not link.store.descends(now, mine[branch])
    wanted = sorted((ref for ref in mine if lost or ref.startswith(LOG)), key=lambda ref: (ref != branch, ref))
    folded = _folded_claims(link, mine, there) if lost else frozenset()
    steps = list(broken)
    for ref in wanted:
        if ref.startswith((BEAT, SET_ASIDE)) or ref in link.broken.found:
            continue
        if ref in folded:
            steps += _in_its_place(ref, mine[ref], there[ref])
        elif (step := _step(link, ref, mine[ref], there.get(ref))) and there.get(step.ref) != mine[ref]:
            steps.append(step)
    return steps


def _folded_claims(link: GitRemote, mine: Refs, there: Refs) -> frozenset[str]:
    """The refs whose claim at the server was folded in what comes back, and that hold a later one here: a claim of a
    later epoch that does not go on from the one before, as a takeover does, is made only after that was folded. Where
    the branches have gone apart nobody knows that."""
    branch = f"refs/heads/{link.branch}"
    if branch in there and not link.store.descends(mine[branch], there[branch]):
        return frozenset()
    reader = ClaimReader(store=link.store)
    (here, _), (old, _) = reader.read(mine), reader.read(there)
    later = (name for name in here.keys() & old.keys() if here[name].claim.epoch > old[name].claim.epoch)
    changed = (f"{CLAIM}{name}" for name in later)
    return frozenset(ref for ref in changed if not link.store.descends(mine[ref], there[ref]))


def _in_its_place(ref: str, here: Oid, there: Oid) -> list[RecoveryStep]:
    """How a later claim takes the place of one that was folded: as at any time, only after that has gone."""
    says = (
        f"the server's claim ({there[:12]}) is folded in what comes back, and a later one ({here[:12]}) was there since"
    )
    return [
        RecoveryStep(ref=ref, says=says, update=RefUpdate(ref=ref, expect=there, new=None)),
        RecoveryStep(ref=ref, says=f"{ref} is at {here[:12]} again", update=RefUpdate(ref=ref, expect=None, new=here)),
    ]


def _step(link: GitRemote, ref: str, here: Oid, there: Oid | None) -> RecoveryStep | None:
    """How one ref goes on to what is here; None where the server has all of it."""
    if there is None:
        says = f"the server has none; here it is at {here[:12]}"
        return RecoveryStep(ref=ref, says=says, update=RefUpdate(ref=ref, expect=None, new=here))
    if link.store.descends(there, here):
        return None
    if link.store.descends(here, there):
        count = len(link.store.between(here, there))
        says = f"the server is {count} commit{'s' * (count != 1)} behind: {there[:12]} → {here[:12]}"
        return RecoveryStep(ref=ref, says=says, update=RefUpdate(ref=ref, expect=there, new=here))
    beside = _beside(ref, here)
    says = f"what is here ({here[:12]}) and what the server has ({there[:12]}) have gone apart since; kept beside {ref}"
    return RecoveryStep(ref=beside, says=says, update=RefUpdate(ref=beside, expect=None, new=here))


def _beside(ref: str, oid: Oid) -> str:
    """A name of its own for what cannot go forward."""
    if ref.startswith("refs/heads/"):
        return f"{RECOVERED_PREFIX}{oid[:10]}"
    return f"{SET_ASIDE}{ref.removeprefix('refs/shiftbook/')}-{oid[:10]}"


def recover(link: GitRemote, steps: Sequence[RecoveryStep]) -> Iterator[RecoveryStep]:
    """Does what was planned; each step is told when it is done. Raises RemoteUnreachable."""
    link.broken.grace = 0.0
    told: list[str] = []
    link.broken.notice = told.append
    for step in steps:
        if step.update is None:
            link.broken.mend()
            said = next((line for line in told if line.startswith(f"{step.ref} ")), "")
            yield replace(step, says=said or step.says, failed=said if step.ref in link.broken.found else "")
            continue
        try:
            verdict = link.push([step.update])[step.ref]
        except PushRefused as error:
            yield replace(step, failed=error.why)
            continue
        moved = verdict is not PushVerdict.STALE
        yield replace(step, failed="" if moved else "somebody else moved it meanwhile: run this again")
