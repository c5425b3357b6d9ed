"""How does a node win a mission, keep it, and hand it back, when others may try the same at any moment?

Each step is one compare-and-swap on the mission's claim ref. Traps A to D are described in ARCHITECTURE.md; the line
that guards each one is marked here, and tests/orchestrator/ledger/test_traps.py fails when it is taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from missions import lease
from missions.evidence.bundle import NO_EVIDENCE
from missions.lease import Claim, ClaimState
from missions.mission import Mission
from orchestrator.core.events import Tell
from orchestrator.ledger.file_history.file_versions import FileVersions
from orchestrator.ledger.result_record import ResultRecord, read_record
from orchestrator.ledger.snapshot import CLAIM_FILE, HeldClaim, LedgerSnapshot, MissionFile
from orchestrator.ledger.transport import CLAIM, LOG, RESULTS, Transport, late_ref
from sync.errors import HistoryRewritten, ObjectMissing, PushRefused, TooManyRaces
from sync.gathered_objects import GatheredObjects
from sync.objects import load_commit
from sync.publish import push_and_resolve
from sync.remote import Oid, PushVerdict, Refs, RefUpdate

MAX_SEARCHED = 500
"""Commits between two looks that are searched for the moment in which a claim was withdrawn."""


def claim_missions(bus: Transport, wanted: Sequence[MissionFile]) -> list[HeldClaim]:
    """Tries to claim missions, all in one push, each judged on its own. Returns those that this node won."""
    return push_claims(bus, prepare_claims(bus, wanted))


def prepare_claims(
    bus: Transport, wanted: Sequence[MissionFile], departed: Callable[[Mission], int] = lambda mission: 0
) -> list[HeldClaim]:
    """First claims on missions, made and not yet pushed. `departed` tells the last epoch of the missions that had
    its name before one (`LedgerSnapshot.departed_epoch`)."""
    asked = [
        lease.grant(
            f.mission,
            blob=f.blob,
            node=bus.name,
            boot=bus.boot,
            nonce=bus.nonce(),
            after=departed(f.mission),
        )
        for f in wanted
    ]
    gathered = GatheredObjects(bus.store)
    together = replace(bus, store=gathered)
    held = [HeldClaim(claim=c, oid=_commit(together, c, onto=None)) for c in asked]
    gathered.write()
    return held


def push_claims(bus: Transport, asked: Sequence[HeldClaim]) -> list[HeldClaim]:
    """Pushes first claims. Returns those that won; after SyncError, and after a time-out, others may still arrive."""
    if not asked:
        return []
    verdicts = push_and_resolve(
        bus.remote, [RefUpdate(ref=CLAIM + h.claim.mission, expect=None, new=h.oid) for h in asked]
    )
    # Trap A: only a ref that this push moved is a win. An exit code of 0 proves nothing.
    return [h for h in asked if verdicts[CLAIM + h.claim.mission] is PushVerdict.ACCEPTED]


def confirm(bus: Transport, held: Iterable[HeldClaim], now: LedgerSnapshot) -> list[HeldClaim]:
    """Those of this node's fresh claims that may start, judged on a fetch made *after* they were won (trap D).

    Once a mission is folded its claim ref is gone, so a node with an old view can win it again. Such a claim is
    withdrawn.
    """
    good = []
    for mine in held:
        filed = now.open.get(mine.claim.mission)
        if filed is not None and filed.mission.epoch < mine.claim.epoch:
            good.append(mine)
        else:
            push_and_resolve(bus.remote, [RefUpdate(ref=CLAIM + mine.claim.mission, expect=mine.oid, new=None)])
    return good


def take_over(bus: Transport, old: HeldClaim, *, blob: Oid) -> HeldClaim | None:
    """The next epoch of a claim whose holder is silent, or was this node before a restart. None: another was faster.

    `blob` is the mission's text as it is now.
    """
    mine = prepare_takeover(bus, old, blob=blob)
    return mine if push_takeover(bus, old, mine) else None


def prepare_takeover(bus: Transport, old: HeldClaim, *, blob: Oid) -> HeldClaim:
    """The next epoch of a claim, made and not yet pushed."""
    new = lease.take_over(old.claim, blob=blob, node=bus.name, boot=bus.boot, nonce=bus.nonce())
    return HeldClaim(claim=new, oid=_commit(bus, new, onto=old.oid))


def push_takeover(bus: Transport, old: HeldClaim, mine: HeldClaim) -> bool:
    """Pushes the next epoch over the old one. Returns whether it stands; after a time-out it may still arrive."""
    ref = CLAIM + mine.claim.mission
    return push_and_resolve(bus.remote, [RefUpdate(ref=ref, expect=old.oid, new=mine.oid)])[ref] is PushVerdict.ACCEPTED


@dataclass(frozen=True, kw_only=True)
class CompletionResult:
    """What became of an attempt's record: accepted, or kept as late work under `late`."""

    accepted: bool
    late: str | None = None


def complete(
    bus: Transport,
    held: HeldClaim,
    record: ResultRecord,
    *,
    state: ClaimState,
    reason: str = "",
    past: bool = False,
    tries: int = 20,
    branch: ResultsBranch | None = None,
) -> CompletionResult:
    """Ends an attempt: ONE atomic push moves the claim and this node's log, so that a fenced holder is refused whole.

    Trap B: the claim moves in the same push; git never sends an unchanged ref, so an unmoved one would guard nothing.
    `past`: the branch tells a later end of the mission, and yet the claim stands there: somebody recovered a server
    from a clone that had seen no more. The fold would drop such a result, so it is late work. `branch` moves along.
    Raises RemoteUnreachable; calling it again with the same arguments is safe.
    """
    name = CLAIM + held.claim.mission
    for _ in range(tries):
        refs = bus.remote.fetch()
        if past or refs.get(name) != held.oid:
            return _accepted_or_late(bus, held, record, refs)
        parent = refs.get(LOG + bus.name)
        log = bus.commit(record.files(), f"{held.claim.mission}: {state}", onto=parent, tree=None)
        closed = lease.close(held.claim, state=state, nonce=bus.nonce(), log=log, reason=reason)
        moves = [
            RefUpdate(ref=name, expect=held.oid, new=_commit(bus, closed, onto=held.oid)),
            RefUpdate(ref=LOG + bus.name, expect=parent, new=log),
        ]
        verdicts = _push_with(bus, moves, branch, log)
        if verdicts[name] is PushVerdict.ACCEPTED:
            return CompletionResult(accepted=True)
    raise TooManyRaces(tries)


@dataclass
class ResultsBranch:
    """A branch of a node's that goes where its log goes, for hosts whose webhooks ring for branches alone.

    A push to `refs/shiftbook/*` fires none there, so results waited for headquarters' next look. With
    `bus.results_branch` (`wanted`) the push that hands a result back moves this branch, too: not one push and not one
    object more. Nobody reads it: what counts are the claim and the log. A host that does not let it move is asked
    without it from then on, so that it holds up no result.
    """

    bus: Transport
    tell: Tell
    wanted: bool = False
    _refused: bool = False
    _stands: Oid | None = None
    _known: bool = False
    """Whether it stands at `_stands`: where not, the remote is asked."""

    @property
    def ref(self) -> str:
        """Its full name."""
        return RESULTS + self.bus.name

    def moves(self, log: Oid) -> list[RefUpdate]:
        """What belongs into the push that moves this node's log there; nothing where it is not wanted.

        Raises RemoteUnreachable.
        """
        if not self.wanted or self._refused:
            return []
        if not self._known:
            self._stands, self._known = self.bus.remote.heads(self.ref).get(self.ref), True
        return [RefUpdate(ref=self.ref, expect=self._stands, new=log)] if self._stands != log else []

    def moved(self, log: Oid) -> None:
        """The push went through."""
        self._stands, self._known = log, True

    def forget(self) -> None:
        """It did not, or nobody knows: the remote is asked the next time."""
        self._known = False

    def refuse(self, why: str) -> None:
        """The host took the same push without it."""
        self._refused = True
        words = (
            f"the host does not let {self.ref} move ({why}): results wait for headquarters' next look; see its rules"
        )
        self.tell("alarm", f"{words} for branches, or take bus.results_branch out of fleet.toml", once=True)


def _push_with(
    bus: Transport, moves: Sequence[RefUpdate], branch: ResultsBranch | None, log: Oid
) -> Mapping[str, PushVerdict]:
    """One atomic push of the moves and of the branch that goes along; without it where the host refuses it."""
    beside = branch.moves(log) if branch is not None else []
    if branch is None or not beside:
        return push_and_resolve(bus.remote, moves, atomic=True)
    branch.forget()
    try:
        verdicts = push_and_resolve(bus.remote, [*moves, *beside], atomic=True)
    except PushRefused as error:
        verdicts = push_and_resolve(bus.remote, moves, atomic=True)  # raises the same where it was not the branch
        branch.refuse(str(error))
        return verdicts
    if verdicts[branch.ref] is PushVerdict.ACCEPTED:
        branch.moved(log)
    return verdicts


@dataclass(frozen=True, kw_only=True)
class ForeignEnding:
    """How a mission that nobody holds has ended elsewhere: `claim` makes of a fresh claim the one that is recorded.

    `departed`: the last epoch of the missions that had its name before it.
    """

    filed: MissionFile
    state: ClaimState
    claim: Callable[[Claim], Claim]
    record: Callable[[Claim], ResultRecord]
    departed: int = 0


def close_unclaimed(bus: Transport, endings: Callable[[Refs], Sequence[ForeignEnding]]) -> list[str]:
    """Claims and ends missions that were done elsewhere, all in ONE atomic push: the batch is recorded, or none of it.

    `endings` looks at the newest refs and says what is to be recorded: only what has no claim there. Each claim ref is
    created as closed, so a mission that somebody else claims meanwhile refuses the push, and it is looked at again.
    Returns the missions' names. Raises what the remote raises, and TooManyRaces.
    """
    named: list[str] = []

    def plan(refs: Refs) -> list[RefUpdate]:
        named.clear()
        updates: list[RefUpdate] = []
        before = log = refs.get(LOG + bus.name)
        for one in endings(refs):
            mission = one.filed.mission
            fresh = lease.grant(
                mission, blob=one.filed.blob, node=bus.name, boot=bus.boot, nonce=bus.nonce(), after=one.departed
            )
            held = one.claim(fresh)
            opened = _commit(bus, held, onto=None)
            log = bus.commit(one.record(held).files(), f"{mission.name}: {one.state}", onto=log, tree=None)
            closed = lease.close(held, state=one.state, nonce=bus.nonce(), log=log)
            updates.append(RefUpdate(ref=CLAIM + mission.name, expect=None, new=_commit(bus, closed, onto=opened)))
            named.append(mission.name)
        return [*updates, RefUpdate(ref=LOG + bus.name, expect=before, new=log)] if updates else []

    bus.publish(plan)
    return named


def _accepted_or_late(bus: Transport, held: HeldClaim, record: ResultRecord, refs: Refs) -> CompletionResult:
    """The claim is not ours as we hold it: either our own earlier push went through, or we were fenced."""
    if _log_has_record(bus, refs.get(LOG + bus.name), record):
        return CompletionResult(accepted=True)
    return CompletionResult(accepted=False, late=keep_late(bus, held.claim, record))


def _log_has_record(bus: Transport, tip: Oid | None, record: ResultRecord, roof: int = 200) -> bool:
    """Whether this node's log holds this record. It moves only together with the claim, so that proves acceptance."""
    for _ in range(roof):
        if tip is None:
            return False
        if _commit_has_record(bus, tip, record):
            return True
        tip = next(iter(load_commit(bus.store, tip).parents), None)
    return False


def _commit_has_record(bus: Transport, commit: Oid, record: ResultRecord) -> bool:
    """By its words, not by mission and epoch alone: a person who reverts a fold sets the epoch back.

    As files, for not all that a record holds can be read back: half a letter, a proposal without a word.
    """
    try:
        found = read_record(bus.store, commit)
    except (ObjectMissing, KeyError, ValueError):
        return False
    return _bare(found).files() == _bare(record).files()


def _bare(record: ResultRecord) -> ResultRecord:
    return replace(record, artifacts={}, evidence=NO_EVIDENCE)


def keep_late(bus: Transport, claim: Claim, record: ResultRecord) -> str:
    """Keeps what a fenced holder did, for a person to look at. Returns the ref's name. Keeping it twice is no error."""
    name = late_ref(claim.mission, claim.epoch, claim.node)
    log = bus.commit(record.files(), f"{claim.mission}: late work of epoch {claim.epoch}", onto=None, tree=None)
    for ref in (name, f"{name}-{log[:10]}"):  # the name may be another work's: `a-1-b` of epoch 2 is `a` of epoch 1-b-2
        if push_and_resolve(bus.remote, [RefUpdate(ref=ref, expect=None, new=log)])[ref] is PushVerdict.ACCEPTED:
            return ref
        there = bus.remote.fetch().get(ref)
        if there is not None and _commit_has_record(bus, there, record):
            return ref
    raise TooManyRaces(2)


@dataclass
class RewriteDetector:
    """Remembers each claim as last seen and raises the alarm when a ref moves as no honest node moves it (trap C)."""

    bus: Transport
    _seen: Mapping[str, HeldClaim] = field(default_factory=dict)
    _tip: Oid = ""
    _paths: Mapping[str, str] = field(default_factory=dict)
    """Where the file of each claimed mission stood that was open at the last look."""

    def check(self, ledger: LedgerSnapshot) -> None:
        """Takes in one fetch. Raises HistoryRewritten."""
        for name, now in ledger.claims.items():
            old = self._seen.get(name)
            if old is None or old.oid == now.oid or self.bus.store.descends(now.oid, old.oid):
                continue
            filed = ledger.open.get(name) or ledger.archived(name)
            epoch = filed.mission.epoch if filed else None
            valid = lease.is_valid_replacement(old.claim, now.claim, folded_epoch=epoch)
            if not valid and not self._withdrawn(old, now, ledger):
                raise HistoryRewritten(CLAIM + name, old.oid, now.oid)
        self._seen, self._tip = dict(ledger.claims), ledger.tip
        self._paths = {name: filed.path for name in self._seen if (filed := ledger.open.get(name))}

    def _withdrawn(self, old: HeldClaim, now: HeldClaim, ledger: LedgerSnapshot) -> bool:
        """Whether the holder of a fresh claim may have withdrawn it since (`confirm`), so that the ref was free again.

        It does so only where the branch has, at some moment, no open mission of an earlier epoch: no readable file, or
        one whose fold was reverted since. A stale holder's epoch is lower than what was seen, and stays an alarm.
        """
        fresh = old.claim.state is ClaimState.RUNNING and not load_commit(self.bus.store, old.oid).parents
        if not fresh or now.claim.epoch < old.claim.epoch:
            return False
        path = self._paths.get(old.claim.mission)
        if path is None:
            return True
        versions = FileVersions(self.bus.store)
        commits = islice(self.bus.store.between(ledger.tip, self._tip), MAX_SEARCHED)
        found = (versions.mission(path, commit) for commit in commits)
        return any(mission is None or mission.epoch >= old.claim.epoch for mission in found)


def _commit(bus: Transport, claim: Claim, *, onto: Oid | None) -> Oid:
    message = f"{claim.mission}: {claim.state} by {claim.node}, epoch {claim.epoch}"
    return bus.commit({CLAIM_FILE: claim.print()}, message, onto=onto, tree=None)
