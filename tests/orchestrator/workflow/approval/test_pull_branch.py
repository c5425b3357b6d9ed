"""Does a line that breaks, or somebody who is faster, take an approval back? Only the server's own refusal does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.errors import Refused, WorkspaceFailed
from orchestrator.core.ports.agent import Project
from orchestrator.execution.workspace.project_server import ProjectServer
from orchestrator.workflow.approval.delivery_words import is_unanswered
from orchestrator.workflow.approval.project_repository import DeliveryOrder, ProjectRepository
from sync.errors import GitError
from tests.orchestrator.repositories import Server, git

BRANCH = "approved/m"


@dataclass(frozen=True, kw_only=True)
class BreakingServer(ProjectServer):
    """A real server on a line that breaks once: before a push, or after it."""

    before: list[Callable[[], object]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def push(self, folder: Path, commit: str, branch: str, **how: Any) -> None:
        """Pushes, or says that it did not."""
        while self.before:
            self.before.pop()()
        if self.said:
            raise GitError(("push",), 128, self.said.pop())
        super().push(folder, commit, branch, **how)
        if self.after:
            raise GitError(("push",), 128, self.after.pop())


@dataclass(frozen=True)
class Place:
    """A project's server, and a commit that was approved."""

    server: Server
    line: BreakingServer
    cache: Path
    commit: str

    def publish(self, *, pull: bool = True) -> str:
        """What an approval does with it."""
        order = DeliveryOrder(
            mission="m",
            title="M",
            project=self.line.project,
            branch="shiftbook/m/1",
            commit=self.commit,
            by="anna",
            node="n1",
        )
        with ProjectRepository.open(self.cache, self.line) as repository:
            repository.fetch(order.branch, "refs/shiftbook/branch")
            return repository.publish_pull(order, "") if pull else repository.publish(order)

    @property
    def tip(self) -> str:
        """What is on the branch."""
        return self.server.refs().get(BRANCH, "")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """One with a branch of an attempt."""
    server = Server.make(tmp_path)
    server.push({"a.md": "a\n"}, branch="shiftbook/m/1")
    commit = git(server.folder, "rev-parse", "refs/heads/shiftbook/m/1")
    line = BreakingServer(project=Project(name="shop", url=str(server.folder), branch="main"))
    return Place(server, line, tmp_path / "cache", commit)


@pytest.mark.parametrize("pull", [True, False])
def test_a_push_whose_answer_was_lost_is_done(place: Place, pull: bool) -> None:
    """The branch is looked at again before anything is said."""
    place.line.after.append("fatal: the remote end hung up unexpectedly")
    assert place.publish(pull=pull) == place.commit == place.tip


def test_another_node_that_was_faster_did_the_same(place: Place) -> None:
    """What is there brings the commit."""
    place.line.before.append(lambda: git(place.server.folder, "update-ref", f"refs/heads/{BRANCH}", place.commit))
    assert place.publish() == place.commit


@pytest.mark.parametrize("pull", [True, False])
@pytest.mark.parametrize(
    "said",
    [
        "fatal: unable to access 'https://x/': Could not resolve host: x",
        "fatal: unable to access 'https://x/': The requested URL returned error: 503",
        "ssh: connect to host x port 22: Connection refused\nfatal: Could not read from remote repository.",
        "error: RPC failed; curl 56 Recv failure: Connection reset by peer",
    ],
)
def test_a_line_that_breaks_is_no_refusal(place: Place, said: str, pull: bool) -> None:
    """It stays approved, and is pushed at the next turn."""
    place.line.said.append(said)
    with pytest.raises(WorkspaceFailed):
        place.publish(pull=pull)
    assert place.publish(pull=pull) == place.tip == place.commit


@pytest.mark.parametrize(
    "said",
    [
        "remote: GH006: Protected branch update failed\n ! [remote rejected] x -> approved/m (protected branch)",
        "fatal: unable to access 'https://x/': The requested URL returned error: 403",
        " ! [remote rejected] x -> approved/m (hook declined: connection timed out)",
    ],
)
def test_the_servers_own_refusal_goes_to_a_person(place: Place, said: str) -> None:
    """Trying again says the same."""
    assert not is_unanswered(said)
    place.line.said.append(said)
    with pytest.raises(Refused, match="does not take approved/m"):
        place.publish()


def test_somebody_elses_push_at_the_same_moment_is_looked_at_at_the_next_turn(place: Place) -> None:
    """Then it is told to a person, with what is there."""
    other = git(place.server.folder, "rev-parse", "refs/heads/main")
    place.line.before.append(lambda: git(place.server.folder, "update-ref", f"refs/heads/{BRANCH}", other))
    with pytest.raises(WorkspaceFailed, match="moved while it was pushed to"):
        place.publish()
    with pytest.raises(Refused, match="somebody else has pushed"):
        place.publish()
