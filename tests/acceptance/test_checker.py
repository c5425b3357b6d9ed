"""Does the checker see what it must see? A good history passes; each bad one breaks exactly the rule it should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from missions.lease import Claim, ClaimState
from tests.acceptance.torture.checker import check
from tests.acceptance.torture.history import (
    CLAIM,
    LOG,
    Attempt,
    BranchCommit,
    ClaimCommit,
    Hang,
    History,
    LogCommit,
    Move,
    Page,
    Push,
    Work,
)
from tests.journals import entry, log

MAIN = "refs/heads/main"
QUEUED = Page(path="missions/m.md", status="queued", essence="do it")
FIRST = Claim(mission="m", blob="b", node="north", boot="1", epoch=1, attempt=1, nonce="n")
SECOND = replace(FIRST, node="south", epoch=2, attempt=2)
DONE = Page(
    path="missions/archive/2026-11/m.md",
    status="done",
    epoch=2,
    attempts=(Attempt(number=2, state="done", node="south"),),
    essence="do it",
)


@dataclass
class Story:
    """A history in the making. Object names are numbers in the order in which they were told."""

    refs: dict[str, str] = field(default_factory=dict)
    pushes: list[Push] = field(default_factory=list)
    claims: dict[str, ClaimCommit] = field(default_factory=dict)
    logs: dict[str, LogCommit] = field(default_factory=dict)
    commits: dict[str, BranchCommit] = field(default_factory=dict)
    works: list[Work] = field(default_factory=list)
    hung: list[Hang] = field(default_factory=list)
    nodes: tuple[str, ...] = ()
    objects: int = 0

    def push(self, moves: dict[str, str | None], *, attack: bool = False) -> None:
        """One push of new values, as the server takes it in."""
        made = tuple(Move(ref=ref, old=self.refs.get(ref), new=new) for ref, new in moves.items())
        self.pushes.append(Push(at=float(len(self.pushes)), moves=made, attack=attack))
        for ref, new in moves.items():
            self.refs.pop(ref, None)
            self.refs.update({ref: new} if new else {})

    def name(self) -> str:
        """A new object's name."""
        self.objects += 1
        return f"{self.objects:040x}"

    def claimed(self, claim: Claim, *, onto: str | None = None) -> str:
        """A commit on the claim's ref."""
        oid = self.name()
        self.claims[oid] = ClaimCommit(claim=claim, parents=(onto,) if onto else ())
        return oid

    def record(self, node: str, epoch: int) -> str:
        """A commit on a node's log."""
        oid, parent = self.name(), self.refs.get(LOG + node)
        self.logs[oid] = LogCommit(mission="m", epoch=epoch, parents=(parent,) if parent else ())
        return oid

    def commit(
        self,
        page: Page | None,
        *,
        by_node: bool = True,
        journal: str = "# Log\n",
        older: str = "",
        twins: tuple[Page, ...] = (),
        **others: str,
    ) -> str:
        """A commit on the branch, with one mission on it."""
        oid, parent = self.name(), self.refs.get(MAIN)
        pages = {"m": page} if page else {}
        files = {"fleet.toml": "1"} | others
        self.commits[oid] = BranchCommit(
            parents=(parent,) if parent else (),
            by_node=by_node,
            pages=pages,
            journal=journal,
            older=older,
            others=files,
            twins={"m": twins} if twins else {},
        )
        return oid

    def filed(self) -> Story:
        """A person files the mission."""
        self.push({MAIN: self.commit(QUEUED, by_node=False)})
        return self

    def taken(self) -> Story:
        """North claims it and falls silent; south takes it over."""
        self.push({CLAIM + "m": self.claimed(FIRST)})
        self.push({CLAIM + "m": self.claimed(SECOND, onto=self.refs[CLAIM + "m"])})
        return self

    def ended(self, claim: Claim = SECOND, *, state: ClaimState = ClaimState.DONE, attack: bool = False) -> Story:
        """The claim is closed together with its result."""
        log = self.record(claim.node, claim.epoch)
        closed = self.claimed(replace(claim, state=state, log=log, nonce="end"), onto=self.refs[CLAIM + "m"])
        self.push({CLAIM + "m": closed, LOG + claim.node: log}, attack=attack)
        return self

    def folded(self, page: Page = DONE) -> Story:
        """The result is written into the branch, and the claim goes."""
        self.push({MAIN: self.commit(page), CLAIM + "m": None})
        return self

    def history(self) -> History:
        """As the checker gets it."""
        return History(
            pushes=self.pushes,
            claims=self.claims,
            logs=self.logs,
            commits=self.commits,
            works=tuple(self.works),
            hung=tuple(self.hung),
            nodes=self.nodes,
        )


def work(epoch: int, node: str, start: float, end: float | None) -> Work:
    """Somebody's work on the mission."""
    return Work(mission="m", epoch=epoch, node=node, start=start, end=end)


def good() -> Story:
    """Claim, takeover, result, fold; the first holder had stopped before the second began."""
    story = Story().filed().taken().ended().folded()
    story.works += [work(1, "north", 1.0, 1.5), work(2, "south", 2.0, 3.0)]
    return story


def test_a_good_history_breaks_no_promise() -> None:
    """A mission that was taken over, done and folded is as it should be."""
    assert check(good().history()) == []


def rewound(story: Story) -> None:
    """The branch goes back to where it was."""
    story.push({MAIN: next(iter(story.commits))})


def unrelated(story: Story) -> None:
    """A claim is replaced by one that is no child of it."""
    story.filed().taken()
    story.push({CLAIM + "m": story.claimed(replace(SECOND, epoch=3, attempt=3))})


def deleted_unfolded(story: Story) -> None:
    """A closed claim goes before its result is on the branch."""
    story.filed().taken().ended()
    story.push({CLAIM + "m": None})


def deleted_in_use(story: Story) -> None:
    """A running claim is withdrawn by somebody who works on it."""
    story.filed().taken().works.append(work(2, "south", 2.0, 3.0))
    story.push({CLAIM + "m": None})


def skipped_epoch(story: Story) -> None:
    """A takeover skips an epoch."""
    story.filed().push({CLAIM + "m": story.claimed(FIRST)})
    story.push({CLAIM + "m": story.claimed(replace(SECOND, epoch=3), onto=story.refs[CLAIM + "m"])})


def closed_by_another(story: Story) -> None:
    """A claim is closed in the name of somebody who did not hold it."""
    story.filed().taken().ended(replace(SECOND, node="west"))


def done_twice(story: Story) -> None:
    """After the fold an old claim is made again, and its result is accepted."""
    story.filed().taken().ended().folded()
    story.push({CLAIM + "m": story.claimed(FIRST)})
    story.ended(FIRST)


def restored(story: Story) -> None:
    """The server is as it was when the branch had its first commit: what it took in since is gone from its refs."""
    gone: dict[str, str | None] = {ref: None for ref in story.refs if ref != MAIN}
    story.push({MAIN: next(iter(story.commits)), **gone}, attack=True)


def done_again_after_a_restore(story: Story) -> None:
    """A backup is restored and nobody recovers: what was done already is done a second time."""
    story.filed().taken().ended().folded()
    restored(story)
    story.taken().ended().folded()


def lost_by_a_restore(story: Story) -> None:
    """A mission that was filed after the backup comes back from no clone."""
    story.push({MAIN: story.commit(None, by_node=False)})
    story.push({MAIN: story.commit(QUEUED, by_node=False)})
    restored(story)


def claim_left_by_a_recovery(story: Story) -> None:
    """A recovery brings a claim back whose end is told, and it stays for ever."""
    good_claim = story.filed().taken().ended().refs[CLAIM + "m"]
    story.folded()
    story.push({CLAIM + "m": good_claim}, attack=True)


def respelled_by_a_node(story: Story) -> None:
    """A node gives the file another spelling, and what it told is gone with the first."""
    story.filed().taken().ended().folded()
    story.push({MAIN: story.commit(replace(DONE, path="missions/archive/2026-11/M.md", attempts=()))})


def held_by_a_hung_loop(story: Story) -> None:
    """A node's loop stands still while its beats go on, and nobody takes its mission over."""
    story.filed().push({CLAIM + "m": story.claimed(FIRST)})
    story.hung.append(Hang(node="north", start=1.0, end=1000.0))


def unmoved(story: Story) -> None:
    """A result comes without its claim."""
    story.filed().taken()
    story.push({LOG + "south": story.record("south", 2)})


def fenced(story: Story) -> None:
    """A result of epoch 1 comes after epoch 2 was granted."""
    story.filed().taken()
    story.push({LOG + "north": story.record("north", 1)})


def fenced_by_force(story: Story) -> None:
    """A stale holder forces its claim back, and the branch takes its result in."""
    story.filed().taken()
    story.push({CLAIM + "m": next(iter(story.claims))}, attack=True)
    story.ended(FIRST, attack=True)
    page = replace(DONE, epoch=1, attempts=(Attempt(number=1, state="done", node="north"),))
    story.folded(page)


def untold(story: Story) -> None:
    """An accepted result does not reach the branch."""
    story.filed().taken().ended().folded(replace(DONE, attempts=()))


def told_twice(story: Story) -> None:
    """The branch tells one result twice."""
    story.filed().taken().ended().folded(replace(DONE, attempts=DONE.attempts * 2))


def reworded(story: Story) -> None:
    """A node changes what the person asks for."""
    story.filed().taken().ended().folded(replace(DONE, essence="do something else"))


EDITED = replace(QUEUED, essence="do something else")
TWIN = replace(QUEUED, path="missions/M.md")


def dropped_for_a_twin(story: Story) -> None:
    """A node ends the second spelling of a mission, and with it goes the file that counted and that a person edited."""
    story.push({MAIN: story.commit(EDITED, by_node=False, twins=(TWIN,))})
    story.taken().ended().folded()


def meddled(story: Story) -> None:
    """A node changes a file that is a person's."""
    story.filed()
    story.push({MAIN: story.commit(QUEUED, **{"PORTFOLIO_CONTEXT.md": "2"})})


def rewritten_month(story: Story) -> None:
    """A node changes the page of a month that is there."""
    story.filed()
    story.push({MAIN: story.commit(QUEUED, **{"continuity/2026-11.md": "1"})})
    story.push({MAIN: story.commit(QUEUED, **{"continuity/2026-11.md": "2"})})


def forgetful(story: Story) -> None:
    """A node takes something out of the journal."""
    story.filed()
    story.push({MAIN: story.commit(QUEUED, journal="# L")})


def moved_and_lost(story: Story) -> None:
    """A node moves an older month into a file of its own, without one of the entries."""
    story.filed()
    story.push({MAIN: story.commit(QUEUED, by_node=False, journal=log(entry("a", "2026-10-01T08:00:00Z"), entry("b")))})
    story.push({MAIN: story.commit(QUEUED, journal=log(entry("b")), older=log(entry("c", "2026-10-01T08:00:00Z")))})


def put_back(story: Story) -> None:
    """A node queues a mission again that a person has cancelled."""
    story.filed()
    story.push({MAIN: story.commit(replace(QUEUED, status="cancelled"), by_node=False)})
    story.push({MAIN: story.commit(replace(QUEUED, status="failed"))})


def woken(story: Story) -> None:
    """A node queues a mission again that a person has paused."""
    story.filed()
    story.push({MAIN: story.commit(replace(QUEUED, status="parked"), by_node=False)})
    story.push({MAIN: story.commit(replace(QUEUED, status="queued"))})


def started_twice(story: Story) -> None:
    """Two work on one epoch."""
    story.filed().taken().ended().folded().works.extend([work(2, "south", 2.0, 2.5), work(2, "west", 3.0, 4.0)])


def side_by_side(story: Story) -> None:
    """A holder works on while the next one has begun."""
    story.filed().taken().ended().folded().works.extend([work(1, "north", 1.0, 9.0), work(2, "south", 3.0, 5.0)])


def never_finished(story: Story) -> None:
    """A mission stays open for ever."""
    story.filed()


def gone(story: Story) -> None:
    """A mission vanishes, and no person deleted it."""
    story.filed()
    story.push({MAIN: story.commit(None)})


@pytest.mark.parametrize(
    ("tell", "rule"),
    [
        (unrelated, "linear"),
        (deleted_unfolded, "linear"),
        (deleted_in_use, "linear"),
        (skipped_epoch, "linear"),
        (closed_by_another, "linear"),
        (done_twice, "once"),
        (done_again_after_a_restore, "once"),
        (lost_by_a_restore, "lost"),
        (claim_left_by_a_recovery, "lost"),
        (respelled_by_a_node, "told"),
        (held_by_a_hung_loop, "stuck"),
        (unmoved, "unfenced"),
        (fenced, "unfenced"),
        (fenced_by_force, "unfenced"),
        (untold, "told"),
        (told_twice, "told"),
        (reworded, "kept"),
        (dropped_for_a_twin, "kept"),
        (meddled, "kept"),
        (rewritten_month, "kept"),
        (forgetful, "kept"),
        (moved_and_lost, "kept"),
        (put_back, "cancelled"),
        (woken, "paused"),
        (started_twice, "started"),
        (side_by_side, "overlap"),
        (never_finished, "lost"),
        (gone, "lost"),
    ],
)
def test_a_bad_history_is_found_out(tell: Callable[[Story], None], rule: str) -> None:
    """Each broken promise is named by the rule that it breaks."""
    story = Story()
    tell(story)
    assert rule in {violation.rule for violation in check(story.history())}


def test_a_twin_that_is_ended_beside_a_file_that_stays_is_no_loss() -> None:
    """Its claim was made while it was the only one; what a person has put beside it since is there as they wrote it."""
    story = Story()
    story.push({MAIN: story.commit(EDITED, by_node=False, twins=(TWIN,))})
    story.taken().ended()
    story.push({MAIN: story.commit(DONE, twins=(EDITED,)), CLAIM + "m": None})
    assert check(story.history()) == []


def test_a_branch_that_goes_back_is_found_out() -> None:
    """A branch that loses commits is a violation, unless the nemesis itself did it."""
    story = good()
    rewound(story)
    assert "forward" in {violation.rule for violation in check(story.history())}


def test_a_holder_that_stood_still_is_not_blamed_for_what_it_could_not_know() -> None:
    """A machine that was asleep finds out when it wakes; its result is refused all the same."""
    story = Story()
    side_by_side(story)
    story.works[0] = replace(story.works[0], excused="it stood still")
    assert check(story.history()) == []


def test_a_hung_loop_that_loses_its_work_in_time_is_as_it_should_be() -> None:
    """Somebody takes the mission over within the time in which it must have stopped beating, and a lease."""
    story = good()
    story.hung.append(Hang(node="north", start=1.0, end=1000.0))
    assert check(story.history()) == []


def test_who_notices_at_once_did_not_work_beside_another() -> None:
    """One that was held up before it began sees that it must not, and ends; a second later it would be a fault."""
    for seconds, broken in ((0.1, False), (5.0, True)):
        story = good()
        begun = story.works[-1].start + 1.0
        story.works[-1] = replace(story.works[-1], end=begun + 20.0)
        story.works.append(work(1, "north", begun, begun + seconds))
        assert ("overlap" in {violation.rule for violation in check(story.history(), tolerance=1.0)}) is broken


def test_where_every_loop_hangs_nobody_can_take_over() -> None:
    """That is no broken promise; with one node whose loop moves it is."""
    story = Story(nodes=("north", "south"))
    held_by_a_hung_loop(story)
    assert "stuck" in {violation.rule for violation in check(story.history())}
    story.hung.append(Hang(node="south", start=300.0, end=1000.0))
    assert "stuck" not in {violation.rule for violation in check(story.history())}


def test_a_restore_that_is_recovered_breaks_no_promise() -> None:
    """The nemesis sets the branch and the claims back; a clone brings the branch and its log to where they were."""
    story = good()
    there = {ref: oid for ref, oid in story.refs.items() if not ref.startswith(CLAIM)}
    restored(story)
    story.push(dict(there), attack=True)
    assert check(story.history()) == []


def test_what_a_restore_sets_back_has_not_been_fenced() -> None:
    """Between the end of the first epoch and its fold; the branch that is brought back takes that end in once more."""
    story = Story().filed()
    story.push({CLAIM + "m": story.claimed(FIRST)})
    story.ended(FIRST, state=ClaimState.RELEASED)
    backup = dict(story.refs)
    released = Attempt(number=1, state="released", node="north")
    story.folded(replace(QUEUED, epoch=1, attempts=(released,)))
    second = replace(FIRST, epoch=2, nonce="x")
    story.push({CLAIM + "m": story.claimed(second)})
    done = Attempt(number=1, state="done", node="north")
    story.ended(second).folded(replace(DONE, attempts=(released, done)))
    later = dict(story.refs)
    story.push(dict(backup), attack=True)
    story.push({ref: later[ref] for ref in (MAIN, LOG + "north")})
    story.push({CLAIM + "m": None})
    assert "unfenced" not in {violation.rule for violation in check(story.history())}


def test_a_claim_that_was_put_back_is_no_result() -> None:
    """A node that stops puts its claim back; the next one begins the next epoch, and that is the one result."""
    story = Story().filed()
    story.push({CLAIM + "m": story.claimed(FIRST)})
    released = Attempt(number=1, state="released", node="north")
    story.ended(FIRST, state=ClaimState.RELEASED).folded(replace(QUEUED, epoch=1, attempts=(released,)))
    story.push({CLAIM + "m": story.claimed(replace(FIRST, node="south", epoch=2, nonce="x"))})
    done = Attempt(number=1, state="done", node="south")
    story.ended(replace(FIRST, node="south", epoch=2, nonce="x")).folded(replace(DONE, attempts=(released, done)))
    assert check(story.history()) == []


def test_a_page_for_a_month_may_be_added() -> None:
    """By a node: what it says is its own."""
    story = good()
    story.push({MAIN: story.commit(DONE, **{"continuity/2026-11.md": "1"})})
    assert check(story.history()) == []


def test_a_month_that_moves_into_a_file_of_its_own_is_kept() -> None:
    """A node moves the entries of a month that is over; none is lost by it."""
    story, old, new = good(), entry("a", "2026-10-01T08:00:00Z"), entry("b")
    story.push({MAIN: story.commit(DONE, by_node=False, journal=log(old, new))})
    story.push({MAIN: story.commit(DONE, journal=log(new), older=log(old))})
    assert check(story.history()) == []
