"""Are approved results of a real project merged one after the other, tested together, and sent back when they break?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from missions.mission import Status
from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.model import Stop
from orchestrator.execution.project_trial import ProjectTrial, TrialResult
from orchestrator.execution.workspace.attempt_dir import AttemptDir
from orchestrator.workflow.inbox import queue_items
from orchestrator.workflow.merge_queue.queue_work import QueueWork
from orchestrator.workflow.mission_view import find_view
from orchestrator.workflow.orders import Orders
from orchestrator.workflow.queue_hold.queue_record import QUEUE_FILE, begun
from sync.remote import RefUpdate
from tests.orchestrator.repositories import git
from tests.orchestrator.workflow.approval.scene import Scene
from tests.orchestrator.workflow.merge_queue.queues import CHECK, Queue, queue_toml

Scenes = Callable[..., Scene]
FIVE = ("a", "b", "c", "d", "e")


def test_five_results_of_which_two_break_together(scenes: Scenes) -> None:
    """One test fails for the batch; what is before the culprit lands, it comes back with the names, the rest lands."""
    queue = Queue.of(scenes(missions=FIVE, policy=queue_toml()), *FIVE)
    assert queue.waiting() == list(FIVE)
    report = queue.round()
    assert report is not None
    assert [(done.mission, bool(done.refused)) for done in report.settled] == [
        ("a", False),
        ("b", False),
        ("c", False),
        ("d", True),
    ]
    back = queue.mission("d")
    assert (back.status, back.decision) == (Status.REVIEW, None)
    assert back.reason is not None
    assert back.reason.startswith("the project's tests do not pass with it on main at ")
    assert " with a, b, c, and pass without it: `sh check.sh` ended with exit code 1: b and d: 1 failed;" in back.reason
    assert queue.waiting() == ["e"]
    queue.round()
    assert queue.trailers() == ["a", "b", "c", "e"]
    merged = queue.mission("c").merged
    assert git(queue.scene.server.folder, "log", "-1", "--format=%s%n%b", str(merged)).splitlines()[1:] == [
        "Shiftbook-Mission: c",
        "Approved-By: ben",
    ]
    assert queue.record()[0].node == ""
    assert not (queue.scene.folder / "scratch-n1").exists()


def test_an_approval_merges_nothing_by_itself(scenes: Scenes) -> None:
    """Neither the command nor a node's deliveries do what is the queue's; `--push` is not."""
    scene = scenes(missions=("a", "p"), policy=queue_toml())
    queue = Queue.of(scene, "a")
    before = scene.main()
    assert scene.finish("a") is None
    assert scene.completion("n1").due(scene.peer("n1").ledger()) == []
    assert scene.main() == before
    scene.hand_in({"p.txt": "p\n"}, name="p")
    assert not scene.door("ben").approve("p", how="push").queued
    assert queue.waiting() == ["a"]


def test_two_nodes_at_once(scenes: Scenes) -> None:
    """Who finds the record moved leaves it; and one that was taken for dead stops at its next step."""
    queue = Queue.of(scenes(missions=("a",), policy=queue_toml()), "a")
    record, oid = queue.record()
    first = queue.work("n1").run("shop", record, oid, threading.Event())
    assert first is not None
    assert queue.work("n2").run("shop", record, oid, threading.Event()) is None
    assert queue.trailers() == ["a"]


class Interrupted(Exception):
    """The node was killed here."""


def interrupted(work: QueueWork, act: Callable[[], object]) -> QueueWork:
    """The same work, with something that happens before each of its tests."""
    delivery = work.delivery
    trial = work.trial

    def tried(folder: Path) -> object:
        act()
        return trial(folder)

    return QueueWork(delivery=delivery, trial=tried, scratch=work.scratch)  # type: ignore[arg-type]


def test_a_node_that_dies_while_it_tests_is_followed_by_another(scenes: Scenes) -> None:
    """Its record stands; the next one takes the very same queue over, and each result is merged once."""
    queue = Queue.of(scenes(missions=("a", "c"), policy=queue_toml()), "a", "c")

    def dies() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        queue.round(work=interrupted(queue.work("n1"), dies))
    assert (queue.record()[0].node, queue.record()[0].testing) == ("n1", ("a", "c"))
    assert queue.waiting() == ["a", "c"]
    assert queue.round("n2") is not None
    assert queue.trailers() == ["a", "c"]


def test_where_it_tests_is_closed_to_other_users(scenes: Scenes) -> None:
    """What runs there may leave files that would run as their owner, who may be root."""
    queue = Queue.of(scenes(missions=("a",), policy=queue_toml()), "a")
    modes = list[int]()
    work = queue.work("n1")
    work.scratch = work.scratch / "queue"
    queue.round(work=interrupted(work, lambda: modes.append(work.scratch.stat().st_mode & 0o777)))
    assert modes == [0o700]


def test_what_was_pushed_and_not_told_is_found_on_the_branch(scenes: Scenes) -> None:
    """A node that died after its push: the next one tells the ledger, tests nothing and merges nothing again."""
    scene = scenes(missions=("a",), policy=queue_toml(test="exit 1"))
    queue = Queue.of(scene, "a")
    order = queue.mission("a")
    scene.server.push({"x.txt": "x\n"})
    git(scene.server.person, "fetch", "--quiet", "origin", str(order.branch))
    git(scene.server.person, "merge", "--quiet", "--no-ff", "-m", "by hand", str(order.commit))
    git(scene.server.person, "push", "--quiet", "origin", "HEAD:main")
    report = queue.round()
    assert report is not None
    assert report.trouble == ""
    assert queue.mission("a").merged == scene.main()


def test_a_person_who_pushes_meanwhile(scenes: Scenes) -> None:
    """Nothing lands on a branch that was not tested, nobody is blamed, and the next round takes the push in."""
    scene = scenes(missions=("a",), policy=queue_toml())
    queue = Queue.of(scene, "a")
    pushed = list[str]()

    def push() -> None:
        if not pushed:
            pushed.append(scene.server.push({"person.txt": "hello\n"}))

    work = interrupted(queue.work("n1"), push)
    report = queue.round(work=work)
    assert report is not None
    assert (report.settled, scene.main(), queue.waiting()) == ((), pushed[0], ["a"])
    queue.round(work=work)
    assert queue.mission("a").merged == scene.main()
    assert git(scene.server.folder, "rev-parse", "main^1") == pushed[0]


@dataclass(frozen=True)
class Afterwards:
    """A trial after whose tests something happens."""

    trial: ProjectTrial
    act: Callable[[], object]

    def check_out(self, project: Project, stop: Stop) -> AttemptDir:
        """As it does."""
        return self.trial.check_out(project, stop)

    def run(self, project: Project, site: AttemptDir, stop: Stop) -> TrialResult:
        """As it does, and then that."""
        found = self.trial.run(project, site, stop)
        self.act()
        return found


def test_a_person_who_pushes_between_the_tests_and_the_merge(scenes: Scenes) -> None:
    """What was tested green on another commit does not land, nor is what was tested red there blamed."""
    for check in (CHECK, "[ -e a.txt ] && exit 1\nexit 0\n"):
        scene = scenes(missions=("a",), policy=queue_toml())
        queue = Queue.of(scene, "a", check=check)
        count = [0]

        def push(scene: Scene = scene, count: list[int] = count) -> None:
            count[0] += 1
            scene.server.push({"person.txt": f"{count[0]}\n"})

        work = queue.work("n1")
        made = work.trial

        def tried(folder: Path, made: Callable[[Path], ProjectTrial] = made, act: Callable[[], None] = push) -> object:
            return Afterwards(made(folder), act)

        moved = QueueWork(delivery=work.delivery, trial=tried, scratch=work.scratch)  # type: ignore[arg-type]
        report = queue.round(work=moved)
        assert report is not None
        assert (report.settled, queue.waiting(), queue.trailers()) == ((), ["a"], [])
        assert git(scene.server.folder, "log", "-1", "--format=%s", "main") == "a person's commit"


def _cancelled(scene: Scene) -> None:
    ben = scene.peer("ben")
    Orders(bus=ben.bus, reader=ben.reader, trust=ben.trust).cancel("a")


def _deleted(scene: Scene) -> None:
    scene.peer("anna").push({"missions/a.md": None})


def _back_in_review(scene: Scene) -> None:
    text = scene.text("a").replace("status: done", "status: review")
    scene.peer("anna").push({"missions/a.md": text})


def _no_queue(scene: Scene) -> None:
    scene.peer("anna").push({"fleet.toml": scene.text_of_fleet().replace("merge_queue = true\n", "")})


@pytest.mark.parametrize("take_back", [_cancelled, _deleted, _back_in_review, _no_queue])
def test_what_is_taken_back_while_it_is_tested_does_not_land(
    scenes: Scenes, take_back: Callable[[Scene], None]
) -> None:
    """Tests take minutes, and a person's last word counts: the batch is stacked anew without that result."""
    scene = scenes(missions=("a", "c"), policy=queue_toml())
    queue = Queue.of(scene, "a", "c")
    before = scene.main()
    done = list[None]()

    def act() -> None:
        if not done:
            done.append(take_back(scene))

    work = interrupted(queue.work("n1"), act)
    report = queue.round(work=work)
    assert report is not None
    assert (report.settled, report.trouble, scene.main()) == ((), "", before)
    if take_back is not _no_queue:
        queue.round(work=work)
        assert queue.trailers() == ["c"]


def test_the_push_itself_expects_what_was_tested(scenes: Scenes) -> None:
    """Somebody who pushes after the last look keeps their commit: nothing is forced."""
    scene = scenes(missions=("a",), policy=queue_toml())
    Queue.of(scene, "a")
    delivery, ledger = scene.completion("n1"), scene.peer("n1").ledger()
    with delivery.opened(ledger, ledger.open["a"], "ben") as (repository, order):
        repository.reviewed(order.branch, order.commit)
        tip = repository.tip
        commit = repository.stacked(order, tip)
        pushed = scene.server.push({"person.txt": "1\n"})
        assert not repository.advance(commit, tip, order)
    assert scene.main() == pushed


def test_a_hook_that_refuses_one_result(scenes: Scenes) -> None:
    """A batch that the server refuses is tried one by one; only what it does not take comes back, in its words."""
    scene = scenes(missions=("a", "c", "e"), policy=queue_toml(more="trust_hooks = true\n"))
    queue = Queue.of(scene, "a", "c", "e")
    hook = scene.server.folder / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\nwhile read -r old new ref; do\n"
        '  git ls-tree -r --name-only "$new" | grep -qx c.txt && echo "no c here" >&2 && exit 1\ndone\nexit 0\n'
    )
    hook.chmod(0o755)
    work = queue.work("n1")
    for _ in range(5):  # refused, a alone, refused, c alone, e
        queue.round(work=work)
    assert queue.trailers() == ["a", "e"]
    assert "no c here" in str(queue.mission("c").reason)
    assert queue.waiting() == []


def test_a_conflict_goes_back_only_if_it_is_one_with_the_branch(scenes: Scenes) -> None:
    """What conflicts with a result before it waits until that one landed; then it comes back with the files."""
    scene = scenes(missions=("a", "f", "c"), policy=queue_toml())
    scene.server.push({"check.sh": "exit 0\n"})
    scene.hand_in({"same.txt": "one\n"}, name="a")
    scene.hand_in({"same.txt": "two\n"}, name="f")
    scene.hand_in({"c.txt": "c\n"}, name="c")
    queue = Queue(scene)
    queue.approve("a", "f", "c")
    queue.round()
    assert (queue.trailers(), queue.waiting()) == (["a", "c"], ["f"])
    queue.round()
    assert queue.mission("f").status is Status.REVIEW
    assert str(queue.mission("f").reason).startswith("merge conflict with main at ")


def test_a_branch_that_was_moved_after_the_approval(scenes: Scenes) -> None:
    """Only the commit that was looked at gets in; the others are not held up."""
    scene = scenes(missions=("a", "c"), policy=queue_toml())
    queue = Queue.of(scene, "a", "c")
    evil = scene.work({"evil.txt": "x\n"})
    git(scene.clone, "push", "--quiet", "--force", "origin", f"{evil}:refs/heads/{queue.mission('a').branch}")
    queue.round()
    assert "was moved after it was looked at" in str(queue.mission("a").reason)
    assert queue.trailers() == ["c"]


def test_a_result_that_changes_what_is_tested(scenes: Scenes) -> None:
    """The command is that of fleet.toml: a script of the result's own is what the project runs, a Makefile is not."""
    scene = scenes(missions=("a", "c"), policy=queue_toml(test="grep -q hello README.md"))
    scene.server.push({"check.sh": "exit 0\n"})
    scene.hand_in({"README.md": "gone\n", "check.sh": "exit 0\n", "fleet.toml": 'test = "true"\n'}, name="a")
    queue = Queue(scene)
    queue.approve("a")
    queue.round()
    assert "`grep -q hello README.md` ended with exit code 1" in str(queue.mission("a").reason)


def test_what_tests_print_is_redacted_whole(scenes: Scenes) -> None:
    """A key of many lines whose beginning is not among the last ones, and what moves a cursor."""
    pem = "\n".join(["-----BEGIN PRIVATE KEY-----", *["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ"] * 9])
    scene = scenes(missions=("a",), policy=queue_toml())
    script = (
        f"[ -e a.txt ] || exit 0\ncat <<'E'\n{pem}\n-----END PRIVATE KEY-----\nE\nprintf '\\033[2Jgone\\n'; exit 1\n"
    )
    queue = Queue.of(scene, "a", check=script)
    queue.round()
    assert "MIIEvQ" not in scene.text("a")
    assert "\x1b" not in scene.text("a")
    assert "gone" in str(queue.mission("a").reason)


def test_a_result_comes_back_with_the_words_of_the_tests(scenes: Scenes) -> None:
    """And not with what a service said behind them, mostly that it was ended, nor with lines that only draw."""
    more = """[projects.shop.services.db]\ncommand = "echo ready; touch $SHIFTBOOK_DATA/up; exec sleep 600"\n"""
    more += """health = "test -e $SHIFTBOOK_DATA/up"\n"""
    scene = scenes(missions=("a",), policy=queue_toml(more=more))
    queue = Queue.of(scene, "a", check="[ -e a.txt ] || exit 0\necho 'b is missing'; echo ------; exit 1\n")
    queue.round()
    assert "ended with exit code 1: b is missing; have it" in str(queue.mission("a").reason)


def test_a_red_default_branch_blames_nobody(scenes: Scenes) -> None:
    """It is told once in the record, and goes on when a person has mended it."""
    scene = scenes(missions=("a",), policy=queue_toml())
    queue = Queue.of(scene, "a", check="echo 3 failed; exit 1\n")
    report = queue.round()
    assert report is not None
    assert report.trouble.startswith("main is red by itself at ")
    assert "`sh check.sh` ended with exit code 1: 3 failed; mend main" in report.trouble
    assert (queue.waiting(), queue.record()[0].trouble) == (["a"], report.trouble)
    anna = scene.peer("anna")
    assert [(one.kind, one.name, one.says) for one in queue_items(anna.ledger(), anna.trust)] == [
        ("merge queue", "shop", report.trouble)
    ]
    scene.server.push({"check.sh": "exit 0\n"})
    queue.round()
    assert (queue.trailers(), queue.record()[0].trouble) == (["a"], "")


@pytest.mark.parametrize(
    ("more", "sandbox", "says"),
    [
        ("setup = 'exit 3'\n", Bubblewrap(), "the set-up of shop ended with exit code 3"),
        ("", Bubblewrap(program="no-such-bwrap"), "bubblewrap is not installed"),
        (
            "[projects.shop.test_files]\n'.env.test' = '~/absent.env'\n",
            Bubblewrap(),
            "~/absent.env is not on this node",
        ),
    ],
)
def test_what_cannot_be_tested_here_moves_nothing(scenes: Scenes, more: str, sandbox: Bubblewrap, says: str) -> None:
    """Nothing lands, nobody is blamed, and why is in the record for people and other nodes."""
    scene = scenes(missions=("a",), policy=queue_toml(more=more))
    queue = Queue.of(scene, "a")
    before = scene.main()
    report = queue.round(work=queue.work("n1", sandbox))
    assert report is not None
    assert says in report.trouble
    assert (queue.waiting(), scene.main(), queue.record()[0].node) == (["a"], before, "")
    assert says in queue.record()[0].trouble


def test_nobody_but_a_node_says_who_tests(scenes: Scenes) -> None:
    """A record that a person or a stranger wrote stops no queue."""
    scene = scenes(missions=("a",), policy=queue_toml())
    queue = Queue.of(scene, "a")
    queue.round(work=interrupted(queue.work("n1"), lambda: None))
    eve = scene.peer("eve")
    forged = eve.bus.commit({QUEUE_FILE: begun("n2", "", (), eve.bus.now()).print()}, "x", onto=None, tree=None)
    there = queue.record()[1]
    eve.bus.remote.push([RefUpdate(ref="refs/shiftbook/queue/shop", expect=there, new=forged)])
    record, oid = queue.record()
    assert (record.node, oid) == ("", forged)


def test_where_a_result_stands_is_told_in_its_row(scenes: Scenes) -> None:
    """As `mission list` and `show` have it: the place, who tests it with what, and why nothing moves."""
    scene = scenes(missions=("a", "c"), policy=queue_toml())
    queue = Queue.of(scene, "a", "c")
    anna, rows = scene.peer("anna"), list[str]()

    def row(name: str) -> str:
        view = find_view(anna.ledger(), anna.trust, name, anna.bus.now())
        return str((view and view.reason) or "")

    def look() -> None:
        rows.append(row("a"))

    alone = "no node is up: `shiftbook node run` on a machine of the fleet starts one"
    assert row("c") == f"approved by ben; place 2 of 2 in the merge queue of shop; {alone}"
    queue.beat("n1")
    assert row("c") == "approved by ben; place 2 of 2 in the merge queue of shop; it waits for a node"
    queue.round(work=interrupted(queue.work("n1"), look))
    assert rows == ["approved by ben; place 1 of 2 in the merge queue of shop; n1 tests it now, with c"]
    assert row("a") == ""


def test_the_order_is_that_of_the_decisions(scenes: Scenes) -> None:
    """Not that of the names, nor of the clocks of those who decided."""
    scene = scenes(missions=FIVE, policy=queue_toml())
    scene.server.push({"check.sh": CHECK})
    for name in FIVE:
        scene.hand_in({f"{name}.txt": f"{name}\n"}, name=name)
    queue = Queue(scene)
    queue.approve("d", "a", "e")
    assert queue.waiting() == ["d", "a", "e"]
    scene.door("ben").reject("b", "no")
    scene.door("anna").approve("c")
    assert queue.waiting() == ["d", "a", "e", "c"]


def test_a_result_with_which_no_service_comes_up_is_named(scenes: Scenes) -> None:
    """What is before it lands, it is not blamed by its tests, and the record says who waits for whom."""
    line = "test ! -s broken.txt && touch $SHIFTBOOK_DATA/up && sleep 600"
    service = f"[projects.shop.services.db]\ncommand = '{line}'\nhealth = 'test -e $SHIFTBOOK_DATA/up'\n"
    scene = scenes(missions=("a", "c", "e"), policy=queue_toml(more=service))
    scene.server.push({"check.sh": "exit 0\n"})
    scene.hand_in({"a.txt": "a\n"}, name="a")
    scene.hand_in({"broken.txt": "the schema is broken\n"}, name="c")
    scene.hand_in({"e.txt": "e\n"}, name="e")
    queue = Queue(scene)
    queue.approve("a", "c", "e")
    report = queue.round()
    assert report is not None
    assert (queue.trailers(), queue.waiting()) == (["a"], ["c", "e"])
    assert report.trouble.startswith("c waits, for with it the tests cannot be run on n1: shop: the service db ended")
    assert queue.record()[0].trouble == report.trouble
