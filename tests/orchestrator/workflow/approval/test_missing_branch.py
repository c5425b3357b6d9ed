"""Facts about results whose branch could not be pushed when they were made."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from missions.lease import ClaimState
from missions.mission import Status
from orchestrator.core.errors import AlreadyDone, Refused
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs, AttemptLabel
from orchestrator.workflow.approval.worker import RETRY, DeliveryWorker
from tests.orchestrator.repositories import git
from tests.orchestrator.workflow.approval.scene import AUTO, Scene
from tests.waiting import until

BRANCH = "shiftbook/m/1"


def kept(scene: Scene, commit: str) -> AttemptDirs:
    """What the node n1 keeps of the newest clone."""
    folders = AttemptDirs(scene.folder / "work")
    folder, _ = folders.open(AttemptLabel(mission="m", epoch=1, attempt=1))
    shutil.copytree(scene.clone / ".git", folder / "git")
    git(folder / "git", "update-ref", f"refs/heads/{BRANCH}", commit)
    folders.ended("m", 1, ClaimState.DONE, unpushed=True, when=datetime.now(UTC))
    return folders


def protect(scene: Scene, line: str = "echo 'ask in channel 7' >&2; exit 1") -> None:
    """Gives the project's server a rule."""
    hook = scene.server.folder / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{line}\n")
    hook.chmod(0o755)


def test_no_rule_lets_it_pass(scenes: Callable[..., Scene]) -> None:
    """The commit is known, its branch is nowhere: a person looks, though policy would let it pass on the server."""
    scene = scenes(policy=AUTO)
    commit = scene.hand_in({"docs/a.md": "hello\n"}, push=False)
    assert (scene.mission().status, scene.mission().commit, scene.mission().branch) == (Status.REVIEW, commit, None)
    assert "not on the project's server" in (scene.mission().reason or "")


def test_approving_makes_it_anew_from_its_diff(scene: Scene) -> None:
    """On a machine that keeps nothing: the same files on the same base, once."""
    commit = scene.hand_in({"docs/a.md": "hello\n", "bin": "\0\1"}, push=False)
    decided = scene.door("anna").approve("m")
    assert decided.then is not None
    assert decided.then.refused == ""
    assert git(scene.server.folder, "show", "main:docs/a.md") == "hello"
    made = scene.server.refs()[BRANCH]
    assert made != commit
    assert git(scene.server.folder, "rev-parse", f"{made}^{{tree}}") == git(
        scene.clone, "rev-parse", f"{commit}^{{tree}}"
    )
    assert scene.mission().status is Status.DONE


def test_a_diff_that_does_not_give_the_files_is_not_merged(scene: Scene) -> None:
    """A secret was taken out of it: only its node has the work."""
    key = "ghp_" + "0aB1" * 9
    commit = scene.hand_in({"docs/a.md": f"token = {key}\n"}, push=False)
    decided = scene.door("anna").approve("m")
    assert decided.then is not None
    assert "n1 keeps it and tries again" in decided.then.refused
    assert scene.mission().status is Status.REVIEW
    git(scene.clone, "push", "--quiet", "origin", f"{commit}:refs/heads/{BRANCH}")
    scene.door("anna").approve("m")
    assert scene.mission().merged == scene.main()


def test_the_node_tries_again_with_the_very_commit(scene: Scene) -> None:
    """Ever more seldom while the server refuses; then the branch is there, and approving is what it always was."""
    commit = scene.hand_in(push=False)
    folders = kept(scene, commit)
    protect(scene)
    told: list[str] = []
    at = [0.0]
    completion = scene.completion("n1", folders)
    one = DeliveryWorker(completion=completion, tell=lambda _, words, **_more: told.append(words), clock=lambda: at[0])

    def rounds() -> None:
        while one.step(scene.peer("n2").ledger()):
            pass

    rounds()
    assert len(told) == 1
    assert "ask in channel 7" in told[0]
    (scene.server.folder / "hooks/pre-receive").unlink()
    rounds()
    assert BRANCH not in scene.server.refs()
    at[0] += RETRY.first + 1
    rounds()
    assert scene.server.refs()[BRANCH] == commit
    assert not completion.undelivered(scene.peer("n2").ledger())
    scene.door("anna").approve("m")
    assert scene.mission().merged == scene.main()


def test_a_node_rests_where_there_is_nothing_to_deliver(scene: Scene) -> None:
    """A project that left the fleet is tried no more. What somebody else was faster with is not looked for at once
    again: a node that `--once` keeps going while it does something would never end."""
    completion = scene.completion("n1", kept(scene, scene.hand_in(push=False)))
    before = scene.peer("n2").ledger()
    assert completion.undelivered(before)
    without = re.sub(r"(?s)\n\[projects\.shop\].*?(?=\n\[|$)", "\n", scene.text_of_fleet())
    scene.peer("anna").push({"fleet.toml": without})
    one = DeliveryWorker(completion=completion, tell=lambda *_words, **_more: None, clock=lambda: 0.0)
    assert not one.step(scene.peer("n2").ledger())
    assert one.step(before)
    until(lambda: not one.step(before), "it rests", seconds=20)


def test_a_person_delivers_it_now(scene: Scene) -> None:
    """With the server's words where it refuses; once it is there, that is said."""
    scene.hand_in(push=False)
    protect(scene)
    with pytest.raises(Refused, match="ask in channel 7"):
        scene.door("anna").deliver("m")
    (scene.server.folder / "hooks/pre-receive").unlink()
    done = scene.door("anna").deliver("m")
    assert scene.server.refs()[BRANCH] == done.oid
    assert scene.door("ben").deliver("m").oid == done.oid
    scene.door("ben").approve("m")
    assert scene.mission().status is Status.DONE


def test_what_was_pushed_needs_no_delivery(scene: Scene) -> None:
    """Its branch is there."""
    scene.hand_in()
    with pytest.raises(AlreadyDone, match="is on the project's server"):
        scene.door("anna").deliver("m")


def test_another_branch_of_that_name_is_left_alone(scene: Scene) -> None:
    """Nothing is forced."""
    scene.hand_in(push=False)
    git(scene.clone, "push", "--quiet", "origin", f"HEAD^:refs/heads/{BRANCH}")
    with pytest.raises(Refused, match="another branch"):
        scene.door("anna").deliver("m")
