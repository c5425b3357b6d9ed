"""Did the fleet keep its promises? Reads a history and names every promise that was broken, with the evidence.

Pure: the same function judges real processes over a real server and simulated ones in memory. Each rule is a function
of its own; tests/acceptance/test_checker.py shows a good and a bad history for every one of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from handoff.entry import parse_log
from missions.lease import Claim, ClaimState
from tests.acceptance.torture.history import CLAIM, BranchCommit, History, Move, Page, Push, Work
from tests.acceptance.torture.results import Result, results

TOLERANCE = 1.0
"""Seconds by which two machines' work may seem to overlap: records tell whole seconds only."""

LONGEST_ROUND = 300.0
"""Seconds after which a node whose loop completes no round stops beating (`node/rounds/loop_progress`)."""
GRACE = 120.0
"""Seconds: two leases of the world, for one to run out and for somebody who is cut off to come back."""

OF_NODES = ("heartbeats/", "memos/", "log/", "knowledge/", "conflicts/", "missions/archive/")
"""Where a node may write without being asked; besides the journal and the missions' own pages."""
ADDED = "continuity/"
"""Where a node adds a page for each month, and changes none."""

OVER = {"done", "cancelled"}


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One broken promise."""

    rule: str
    what: str
    at: float = 0.0

    def __str__(self) -> str:
        return f"{self.rule}: {self.what} (at {self.at:.3f})"


def check(history: History, *, tolerance: float = TOLERANCE) -> list[Violation]:
    """Every violation in a history; none means that it kept every promise."""
    rules = (forward, linear, once, unfenced, told, kept, cancelled, paused, started, lost, stuck)
    found = [violation for rule in rules for violation in rule(history)]
    return found + list(overlap(history, tolerance))


def forward(history: History) -> Iterator[Violation]:
    """The branch only moves forward."""
    for push, move in history.moves(history.main):
        if push.attack or (move.old is None and move.new is not None):
            continue
        if move.new is None or history.between(move.old, move.new) is None:
            yield Violation(rule="forward", what=f"the branch went from {move.old} to {move.new}", at=push.at)


def linear(history: History) -> Iterator[Violation]:
    """A claim is created as a root, grows by children of what was there, and goes only when the branch is past it."""
    pages: dict[str, Page] = {}
    working = {(work.mission, work.epoch, work.node) for work in history.works}
    for push in history.pushes:
        pages |= _told_by(history, push)
        for move in push.moves:
            if push.attack or not move.ref.startswith(CLAIM):
                continue
            name = move.ref.removeprefix(CLAIM)
            page = pages.get(name)
            over = page is not None and page.archived
            why = _bent(history, move, page.epoch if page else 0, over, working)
            if why:
                yield Violation(rule="linear", what=f"the claim on {name} {why}", at=push.at)


def _told_by(history: History, push: Push) -> Mapping[str, Page]:
    """What the branch says of each mission after this push; nothing if the push did not move it."""
    move = push.move(history.main)
    return history.commits[move.new].pages if move is not None and move.new is not None else {}


def _bent(history: History, move: Move, folded: int, over: bool, working: set[tuple[str, int, str]]) -> str | None:
    """What is wrong with one move of a claim's ref, in words."""
    new = history.claims.get(move.new) if move.new else None
    old = history.claims.get(move.old) if move.old else None
    if move.new is None:
        claim = old.claim if old else None
        if claim is None or claim.epoch <= folded or (over and not claim.closed):
            return None
        if claim.closed:
            return f"was deleted before its epoch {claim.epoch} was folded"
        started = (claim.mission, claim.epoch, claim.node) in working
        return f"was withdrawn by {claim.node}, which works on it" if started else None
    if new is None or new.claim is None:
        return f"cannot be read ({move.new})"
    if move.old is None:
        return None if not new.parents else "was created with a parent"
    if old is None or old.claim is None:
        return f"followed one that cannot be read ({move.old})"
    if new.parents != (move.old,):
        return f"was rewritten: {new.claim.node}'s epoch {new.claim.epoch} is no child of what was there"
    return _not_next(old.claim, new.claim)


def _not_next(old: Claim, new: Claim) -> str | None:
    """Why a claim cannot follow another."""
    if old.closed:
        return f"moved on from {old.state}"
    if new.closed:
        same = (old.mission, old.node, old.boot, old.epoch, old.attempt)
        return None if same == (new.mission, new.node, new.boot, new.epoch, new.attempt) else "was closed by another"
    if (new.epoch, new.attempt) != (old.epoch + 1, old.attempt + 1):
        return f"went from epoch {old.epoch} to {new.epoch}, from attempt {old.attempt} to {new.attempt}"
    return None


def once(history: History) -> Iterator[Violation]:
    """At most one accepted result for each epoch of a mission, epochs in order, and one success in all."""
    last: dict[str, int] = {}
    done: Counter[str] = Counter()
    for result in results(history):
        if result.push.attack:
            continue
        name = result.mission
        if result.epoch <= last.get(name, 0):
            what = f"{result.node}'s result of {name}, epoch {result.epoch}, was accepted after epoch {last[name]}'s"
            yield Violation(rule="once", what=what, at=result.push.at)
        last[name] = max(result.epoch, last.get(name, 0))
        done[name] += result.closing is not None and result.closing.state is ClaimState.DONE
        if done[name] == 2:
            yield Violation(rule="once", what=f"{name} was done twice", at=result.push.at)


def unfenced(history: History) -> Iterator[Violation]:
    """A result is accepted only with its claim, and only while no later epoch was granted: also on the branch."""
    granted: dict[str, int] = defaultdict(int)
    beaten: set[tuple[str, int]] = set()
    accepted: set[str] = set()
    by_push: dict[int, list[Result]] = defaultdict(list)
    for result in results(history):
        by_push[id(result.push)].append(result)
    for push in history.pushes:
        for result in by_push[id(push)]:
            name, epoch = result.mission, result.epoch
            if result.log in accepted:
                continue  # a log that a restore sets back, or a recovery brings back, brings nothing anew
            if result.closing is None and not push.attack:
                what = f"{result.node}'s result of {name}, epoch {epoch}, did not move its claim"
                yield Violation(rule="unfenced", what=what, at=push.at)
            if epoch >= granted[name]:
                accepted.add(result.log)
            else:
                beaten.add((name, epoch))
                if not push.attack:
                    what = f"{result.node}'s result of {name}, epoch {epoch}, came after epoch {granted[name]}"
                    yield Violation(rule="unfenced", what=what, at=push.at)
        for move in push.moves:
            commit = history.claims.get(move.new or "") if move.ref.startswith(CLAIM) else None
            if commit and commit.claim:
                granted[commit.claim.mission] = max(granted[commit.claim.mission], commit.claim.epoch)
        yield from _fenced_on_branch(history, push, beaten)


def _fenced_on_branch(history: History, push: Push, beaten: set[tuple[str, int]]) -> Iterator[Violation]:
    for old, new in _steps(history, push):
        for name, page in new.pages.items():
            before = old.pages.get(name)
            if new.by_node and (name, page.epoch) in beaten and (before is None or before.epoch != page.epoch):
                what = f"the branch took in {name}, epoch {page.epoch}, which had been fenced"
                yield Violation(rule="unfenced", what=what, at=push.at)


def _steps(history: History, push: Push) -> Iterator[tuple[BranchCommit, BranchCommit]]:
    """Each commit that one push brought to the branch, with the one before it."""
    move = push.move(history.main)
    if move is None or move.old is None or move.new is None:
        return
    chain = history.between(move.old, move.new) or []
    for old, new in zip([move.old, *chain], chain, strict=False):
        yield history.commits[old], history.commits[new]


def told(history: History) -> Iterator[Violation]:
    """The branch tells each accepted result exactly once, and the epoch in a mission's page only grows."""
    accepted: dict[str, list[Result]] = defaultdict(list)
    for result in {each.log: each for each in reversed(results(history))}.values():
        # once each: a log that a restore sets back, or a recovery brings back, accepts nothing anew
        accepted[result.mission].append(result)
    for push in history.pushes:
        for old, new in _steps(history, push):
            for name, page in new.pages.items():
                before = old.pages.get(name)
                if new.by_node and before is not None and page.epoch < before.epoch:
                    what = f"{name} went back from epoch {before.epoch} to {page.epoch}"
                    yield Violation(rule="told", what=what, at=push.at)
    final = history.final()
    replaced = _replaced(history)  # a person deleted it with all that its page told; what is left is another file
    for name, page in (final.pages if final and history.settled else {}).items():
        yield from (
            ()
            if name in replaced
            else _unlike(name, [_line(r) for r in accepted[name]], [_said(a) for a in page.attempts])
        )


def _replaced(history: History) -> set[str]:
    """Missions whose file a person deleted while another spelling of the name stood beside it."""
    return {
        name
        for push in history.pushes
        for old, new in _steps(history, push)
        for name in old.pages.keys() & new.pages.keys()
        if not new.by_node and old.pages[name].path != new.pages[name].path
    }


def _line(result: Result) -> str:
    claim = result.closing
    return f"attempt {claim.attempt} · {claim.state} · {claim.node}" if claim else f"epoch {result.epoch}"


def _said(attempt: object) -> str:
    return "attempt {number} · {state} · {node}".format(**vars(attempt))


def _unlike(name: str, accepted: list[str], page: list[str]) -> Iterator[Violation]:
    missing, extra = Counter(accepted) - Counter(page), Counter(page) - Counter(accepted)
    for line, count in missing.items():
        yield Violation(rule="told", what=f"{name}: {line} was accepted, and {count} of it are not on its page")
    for line in extra:
        yield Violation(rule="told", what=f"{name}: its page tells {line}, which nobody accepted (or not twice)")


def kept(history: History) -> Iterator[Violation]:
    """What people wrote stays: nodes write their own fields and their own places, and add to the journal."""
    for push in history.pushes:
        for old, new in _steps(history, push) if not push.attack else ():
            if new.by_node:
                for what in _reverted(old, new):
                    yield Violation(rule="kept", what=what, at=push.at)


def _reverted(old: BranchCommit, new: BranchCommit) -> Iterator[str]:
    for name, page in old.pages.items():
        now = new.pages.get(name)
        if now is None:
            yield f"a node took {name} away"
        elif now.essence != page.essence and page.essence is not None and not _twin_ended(old, new, name):
            yield f"a node changed what a person asks for in {name}"
    for path in sorted(old.others.keys() | new.others.keys()):
        new_page = path.startswith(ADDED) and path not in old.others
        if old.others.get(path) != new.others.get(path) and not path.startswith(OF_NODES) and not new_page:
            yield f"a node changed {path}"
    if not new.journal.startswith(old.journal.rstrip("\n")) and not _moved_months(old, new):
        yield "a node took something out of the journal"


def _twin_ended(old: BranchCommit, new: BranchCommit, name: str) -> bool:
    """Whether a node ended the mission's other file, as a person wrote it, and left the one that counted as it was."""
    asked = {twin.essence for twin in old.twins.get(name, ())}
    return new.pages[name].essence in asked and old.pages[name] in new.twins.get(name, ())


def _moved_months(old: BranchCommit, new: BranchCommit) -> bool:
    """Whether entries only went from the running log into the files of their months."""
    before, now = parse_log(old.journal), parse_log(new.journal)
    there = {entry.raw.strip() for log in (now, parse_log(new.older)) for entry in log.entries}
    same_head = before.preamble.strip() == now.preamble.strip()
    return old.older != new.older and same_head and all(entry.raw.strip() in there for entry in before.entries)


def cancelled(history: History) -> Iterator[Violation]:
    """A mission that a person cancelled is not put back to work by a node."""
    stopped: set[str] = set()
    for push in history.pushes:
        stopped &= _still(history, push, "cancelled", stopped)
        for old, new in _steps(history, push):
            for name, page in new.pages.items():
                before = old.pages.get(name)
                if not new.by_node and page.status == "cancelled":
                    stopped.add(name)
                elif not new.by_node and before is not None and before.status != page.status:
                    stopped.discard(name)
                elif name in stopped and page.status not in OVER:
                    what = f"{name} was cancelled by a person and is {page.status} again"
                    yield Violation(rule="cancelled", what=what, at=push.at)
                    stopped.discard(name)


def _still(history: History, push: Push, status: str, before: set[str]) -> set[str]:
    """Of these missions those that a person's word still reaches: a server that was restored from a backup has lost
    what was said since, until the person brings it back."""
    move = push.move(history.main)
    if not push.attack or move is None or move.new is None:
        return before
    pages = history.commits[move.new].pages
    return {name for name in before if name in pages and pages[name].status == status}


def paused(history: History) -> Iterator[Violation]:
    """A mission that a person lets rest is not put back into the queue by a node; only its end goes before that."""
    resting: set[str] = set()
    for push in history.pushes:
        resting &= _still(history, push, "parked", resting)
        for old, new in _steps(history, push):
            for name, page in new.pages.items():
                before = old.pages.get(name)
                if not new.by_node and before is not None and before.status != page.status:
                    (resting.add if page.status == "parked" else resting.discard)(name)
                elif new.by_node and name in resting and page.status in {"queued", "failed", "running"}:
                    yield Violation(rule="paused", what=f"{name} was paused and is {page.status} again", at=push.at)
                    resting.discard(name)


def started(history: History) -> Iterator[Violation]:
    """Nobody starts an epoch that somebody started already."""
    first: dict[tuple[str, int], Work] = {}
    for work in history.works:
        other = first.setdefault((work.mission, work.epoch), work)
        if other is not work:
            what = f"{work.mission}, epoch {work.epoch}, was started by {other.node} and again by {work.node}"
            yield Violation(rule="started", what=what, at=work.start)


def overlap(history: History, tolerance: float) -> Iterator[Violation]:
    """Two never work on one mission at the same time, unless one of them stood still and could not know."""
    by_mission: dict[str, list[Work]] = defaultdict(list)
    for work in history.works:
        if not work.excused and work.end is not None:
            by_mission[work.mission].append(work)
    for name, works in by_mission.items():
        for one, other in combinations(sorted(works, key=lambda w: (w.start, w.epoch)), 2):
            over = min(one.end or 0.0, other.end or 0.0) - other.start
            if one.epoch != other.epoch and over > tolerance:
                what = f"{name}: {one.node} (epoch {one.epoch}) worked on for {over:.2f} s beside {other.node}"
                yield Violation(rule="overlap", what=what, at=other.start)


def lost(history: History) -> Iterator[Violation]:
    """In the end every mission that was filed is over, or waits for a person who must look at it, or was deleted."""
    final = history.final()
    if not history.settled or final is None:
        return
    filed, deleted = _of_people(history)
    for name in sorted(filed):
        page = final.pages.get(name)
        if page is None and name not in deleted:
            yield Violation(rule="lost", what=f"{name} is gone from the branch")
        elif page is not None and page.status != "dead" and not (page.archived and page.status in OVER):
            yield Violation(rule="lost", what=f"{name} was never finished: it is {page.status} at {page.path}")
    for ref in history.left_over(CLAIM):
        yield Violation(rule="lost", what=f"{ref} was never folded")


def stuck(history: History) -> Iterator[Violation]:
    """What a node holds whose loop stands still is somebody else's a lease after it must have stopped beating."""
    for hang in history.hung:
        due = hang.start + LONGEST_ROUND + GRACE
        if hang.end < due or _nobody_moves(history, due):
            continue
        held: dict[str, Claim] = {}
        for push in history.pushes:
            if push.at > due:
                break
            for move in push.moves if push.at <= hang.start else ():
                commit = history.claims.get(move.new or "") if move.ref.startswith(CLAIM) else None
                if move.ref.startswith(CLAIM):
                    held.pop(move.ref, None)
                if commit and commit.claim and commit.claim.node == hang.node and not commit.claim.closed:
                    held[move.ref] = commit.claim
            for move in push.moves if push.at > hang.start else ():
                held.pop(move.ref, None)
        for ref, claim in held.items():
            what = f"{ref}, epoch {claim.epoch}, was {hang.node}'s for {due - hang.start:.0f} s after its loop hung"
            yield Violation(rule="stuck", what=what, at=due)


def _nobody_moves(history: History, due: float) -> bool:
    """Whether every node's loop stood still for half of the grace before `due`: then nobody could take over in time."""
    shares = ((hang.node, min(hang.end, due) - max(hang.start, due - GRACE)) for hang in history.hung)
    still = {node for node, share in shares if share >= GRACE / 2}
    return bool(history.nodes) and still.issuperset(history.nodes)


def _of_people(history: History) -> tuple[set[str], set[str]]:
    """The missions that were ever on the branch, and those whose file a person deleted."""
    filed = {name for commit in history.commits.values() for name in commit.pages}
    deleted = {
        name
        for push in history.pushes
        for old, new in _steps(history, push)
        if not new.by_node
        for name in old.pages.keys() - new.pages.keys()
    }
    return filed, deleted
