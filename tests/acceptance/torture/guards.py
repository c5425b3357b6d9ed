"""What happens without a guard? Each guard of the protocol, the world in which it matters, and how it is taken out.

Nothing in the product can switch a guard off: here its function is replaced while one exploration runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from missions.lease import Claim
from orchestrator.ledger import claims as claims
from orchestrator.ledger.claims import RewriteDetector
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import Transport
from orchestrator.node import heartbeat
from orchestrator.node.rounds.loop_progress import LoopProgress
from orchestrator.node.scheduler import Assignment, Scheduler
from sync.publish import push_and_resolve
from sync.remote import LedgerRemote, Oid, PushVerdict, RefUpdate
from tests.acceptance.torture.exploration import Exploration
from tests.acceptance.torture.world import World


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One guard. `removed` is what stands in its place, `broken` the rules of which one must be broken without it.

    `seed` is known to break one, as the code was when it was noted.
    """

    name: str
    world: World
    removed: tuple[tuple[object, str, object], ...]
    broken: frozenset[str]
    seed: int = 0


def _same_nonce(_exploration: Exploration) -> str:
    return "always the same"


def _exit_code_counts(
    remote: LedgerRemote, updates: Sequence[RefUpdate], *, atomic: bool = False
) -> Mapping[str, PushVerdict]:
    found = push_and_resolve(remote, updates, atomic=atomic)
    return {
        ref: PushVerdict.ACCEPTED if verdict is PushVerdict.UNCHANGED else verdict for ref, verdict in found.items()
    }


_commit = claims._commit


def _unmoved(bus: Transport, claim: Claim, *, onto: Oid | None) -> Oid:
    """A result leaves the claim where it is, as git would let it: it does not even send a ref that stays the same."""
    return onto if claim.closed and onto else _commit(bus, claim, onto=onto)


def _no_look(_witness: RewriteDetector, _ledger: LedgerSnapshot) -> None:
    return None


def _no_second_look(intake: Scheduler, ledger: LedgerSnapshot, free: int) -> list[Assignment]:
    """Starts on the word of the push alone."""
    wanted = intake._eligible(ledger, free) if free > 0 else []
    won = claims.claim_missions(intake.bus, wanted)
    return [Assignment(held=held, mission=ledger.open[held.claim.mission].mission, ledger=ledger) for held in won]


def _never_fenced(_accepted: float | None, *, lease: float, margin: float, now: float) -> bool:
    return False


BUSY = World(
    length=(0.05, 1.0), slow=0.1, late_push=0.04, kills=0.0, cuts=0.0, freezes=0.1, missions=20, trouble=60, rest=600
)
LONG = World(length=(20, 120), kills=0.0, freezes=0.0, cuts=0.03, trouble=120, rest=1500, edits=False)
CLONED = World(
    nodes=("west", "east"),
    twins=True,
    missions=20,
    length=(0.1, 2),
    lost_push=0.35,
    lost_answer=0.35,
    slow=0.0,
    kills=0,
    cuts=0,
    freezes=0,
    trouble=30,
    rest=0,
    edits=False,
)
FORCED = World(attack=True, length=(1, 60), kills=0, cuts=0.03, freezes=0.02, trouble=240, rest=0, edits=False)

HUNG = World(kills=0, cuts=0.01, freezes=0, hangs=0.01, falls=0.02, rest=2400)
WORLDS = {
    "loops that hang and clocks that fall": HUNG,
    "two nodes with one name": World(namesakes=True, kills=0, length=(0.2, 8)),
    "second spellings of names": World(copies=True, falls=0.01),
    "nodes that lie about being alive": World(liars=4, falls=0.01),
    "a host that allows few pushes": World(pushes_a_minute=18, kills=0.01, rest=2400),
}
"""Explored like the plain one: no guard is taken out."""

GUARDS = (
    Guard(
        name="nonce",
        world=CLONED,
        removed=((Exploration, "nonce", _same_nonce),),
        broken=frozenset({"started", "once"}),
        seed=46,
    ),
    Guard(
        name="moved claim ref",
        world=replace(LONG, rest=0),
        removed=((claims, "_commit", _unmoved), (claims, "push_and_resolve", _exit_code_counts)),
        broken=frozenset({"once", "unfenced"}),
    ),
    Guard(
        name="descent check",
        world=FORCED,
        removed=((RewriteDetector, "check", _no_look),),
        broken=frozenset({"unfenced"}),
        seed=3,
    ),
    Guard(
        name="fetch after the claim",
        world=BUSY,
        removed=((Scheduler, "claim", _no_second_look),),
        broken=frozenset({"started", "once"}),
    ),
    Guard(
        name="beats of moving loops alone",
        world=HUNG,
        removed=((LoopProgress, "stalled", False),),
        broken=frozenset({"stuck"}),
        seed=3,
    ),
    Guard(
        name="self-fencing",
        world=LONG,
        removed=((heartbeat, "fenced", _never_fenced),),
        broken=frozenset({"overlap"}),
        seed=5,
    ),
)
