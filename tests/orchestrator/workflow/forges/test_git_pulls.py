"""Is there one pull request a mission where pushes alone make them, and does git's own word end the mission?

On a real repository whose hooks stand in for what Forgejo and GitLab do with such a push.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from missions.mission import Status
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.ledger.config.forge_place import repository_on_forge
from orchestrator.policy.forge_feedback import Feedback
from orchestrator.workflow.forges.git_pulls import told_number
from orchestrator.workflow.forges.pull_delivery import PullStep
from orchestrator.workflow.inbox import read_inbox
from orchestrator.workflow.mission_view import find_view, mission_views
from tests.forge_stand_in.git_doors import open_door, pulls
from tests.ledgers import Keys
from tests.orchestrator.repositories import git
from tests.orchestrator.workflow.forges.forge_scene import ForgeScene, forge_scene
from tests.orchestrator.workflow.forges.test_pull_delivery import Killed, die

PAGE = {"forgejo": "pulls", "gitlab": "-/merge_requests"}
SHOWN = {"forgejo": "refs/pull/1/head", "gitlab": "refs/merge-requests/1/head"}


@dataclass
class Door:
    """A fleet whose project's forge is spoken to by git alone."""

    kind: str
    at: ForgeScene

    @property
    def bare(self) -> Path:
        """The repository on the forge."""
        return self.at.server.state.repository

    @property
    def url(self) -> str:
        """The page of the one pull request."""
        return f"{self.at.server.project}/{PAGE[self.kind]}/1"

    @property
    def shown(self) -> str:
        """The commit that it shows, where there is one alone."""
        ((ref, commit),) = pulls(self.bare).items()
        assert ref == SHOWN[self.kind]
        return commit

    def approved(self, files: dict[str, str] | None = None) -> None:
        """A result waits to become a pull request."""
        self.at.scene.hand_in(files)
        self.at.scene.door("anna", merges=False).approve("m")

    def step(self, node: str = "n1") -> PullStep | None:
        """A node looks at it, which speaks to no API."""
        looks = self.at.pulls(node)
        looks.by_git_alone = True
        return looks.step("m")

    def squash(self) -> str:
        """A person merges it as one commit of another author's, after somebody else's."""
        clone = self.at.scene.server.person
        git(clone, "fetch", "--quiet", "origin", f"{SHOWN[self.kind]}:shown", "+main:refs/remotes/origin/main")
        git(clone, "checkout", "--quiet", "-B", "main", "origin/main")
        (clone / "else.txt").write_text("else\n")
        git(clone, "add", "--all")
        git(clone, "commit", "--quiet", "-m", "something else")
        git(clone, "merge", "--quiet", "--squash", "shown")
        git(clone, "commit", "--quiet", "-m", "what it does (#1)")
        git(clone, "push", "--quiet", "origin", "main")
        return git(clone, "rev-parse", "HEAD")


@contextmanager
def opened(tmp: Path, keys: Keys, kind: str, *, told: bool = True) -> Iterator[Door]:
    """One whose server tells addresses, or none."""
    with forge_scene(tmp, keys, more='forge_by = "git"') as at:
        anna = at.scene.peer("anna")
        toml = at.scene.text_of_fleet().replace('forge = "forgejo"', f'forge = "{kind}"')
        anna.push({"fleet.toml": toml.replace(str(at.server.state.repository), f"{at.server.project}.git")})
        door = Door(kind, at)
        open_door(door.bare, kind, at.server.project)
        if not told:
            (door.bare / "silent").touch()
        yield door


@pytest.fixture(params=["forgejo", "gitlab"])
def door(request: pytest.FixtureRequest, tmp_path: Path, keys: Keys) -> Iterator[Door]:
    """One of each kind."""
    with opened(tmp_path, keys, str(request.param)) as made:
        yield made


def test_an_approved_result_is_pushed_as_a_pull_request(door: Door) -> None:
    """With its address in the mission, and no request to any API; the default branch is untouched."""
    main = door.at.scene.main()
    door.approved()
    assert door.step() is not None
    mission = door.at.scene.mission()
    assert (mission.pull_request, mission.pull_state, mission.pull_head) == (door.url, "open", mission.commit)
    assert (door.shown, door.at.scene.main()) == (mission.commit, main)
    said = (door.bare / "pulls.log").read_text()
    assert "Mission `m`, attempt 1" in said
    assert "approved/m" in said or door.kind == "gitlab"
    assert door.step() is None
    assert door.at.server.asked == []


def test_a_machine_without_a_token_leaves_the_api_alone(scene: ForgeScene) -> None:
    """What another project's token is for is not even looked at from there."""
    scene.scene.hand_in()
    scene.scene.door("anna", merges=False).approve("m")
    looks = scene.pulls()
    assert [filed.mission.name for filed in looks.due(looks.ledger())] == ["m"]
    looks.by_git_alone = True
    assert looks.due(looks.ledger()) == []


def test_what_does_not_come_back_is_said(door: Door) -> None:
    """Where a person looks at the mission."""
    door.approved()
    door.step()
    anna = door.at.scene.peer("anna")
    view = find_view(anna.ledger(), anna.trust, "m", anna.bus.now())
    assert view is not None
    assert "what people and CI say there does not come back; closed there, cancel it here" in str(view.reason)


def test_there_is_one_whatever_is_lost(door: Door) -> None:
    """The push was taken, and the ledger never heard of it: another node finds what git shows."""
    door.approved()
    door.at.scene.peer("n1").line.before_push.append(die)
    with suppress(Killed):
        door.step()
    assert door.at.scene.mission().pull_request is None
    assert door.shown
    assert door.step("n2") is not None
    assert (door.at.scene.mission().pull_request, len(pulls(door.bare))) == (door.url, 1)


def test_its_address_is_found_although_the_server_says_nothing(tmp_path: Path, keys: Keys) -> None:
    """By the ref under which forges show a pull request."""
    with opened(tmp_path, keys, "forgejo", told=False) as door:
        door.approved()
        door.step()
        assert door.at.scene.mission().pull_request == door.url


def changing(door: Door) -> None:
    """The mission was sent back while its project was spoken to by the API."""
    looks = door.at.pulls()
    filed = looks.ledger().open["m"]
    assert looks._taken_in(filed, Feedback(text="rename it", marks=("a",))) is not None


def test_a_later_attempt_comes_to_the_same_one(door: Door) -> None:
    """As a child of what is shown, so that nothing is forced; also if its answer is lost."""
    door.approved({"docs/a.md": "one\n"})
    door.step()
    first = door.shown
    changing(door)
    assert door.step() is None
    door.at.again({"docs/a.md": "two\n"})
    door.at.scene.peer("n1").line.before_push.append(die)
    with suppress(Killed):
        door.step()
    door.step("n2")
    mission = door.at.scene.mission()
    assert (mission.pull_request, mission.pull_state, mission.pull_head) == (door.url, "open", door.shown)
    assert git(door.bare, "show", f"{door.shown}:docs/a.md") == "two"
    assert git(door.bare, "merge-base", "--is-ancestor", first, door.shown) == ""


def test_a_push_of_somebody_else_is_left_alone(door: Door) -> None:
    """What they brought there stays, and the later result goes back to a person."""
    door.approved({"docs/a.md": "one\n"})
    door.step()
    changing(door)
    theirs = git(door.bare, "commit-tree", f"{door.shown}^{{tree}}", "-p", door.shown, "-m", "theirs")
    refs = [SHOWN[door.kind], *(["refs/heads/approved/m"] if door.kind == "gitlab" else [])]
    for ref in refs:
        git(door.bare, "update-ref", ref, theirs)
    door.at.again({"docs/a.md": "two\n"})
    door.step()
    mission = door.at.scene.mission()
    assert (mission.status, door.shown) == (Status.REVIEW, theirs)
    assert "which is left alone" in str(mission.reason)


def test_one_of_a_branch_is_carried_on_by_its_branch(tmp_path: Path, keys: Keys) -> None:
    """Where the API had opened it before: a topic would be a second one."""
    with opened(tmp_path, keys, "forgejo") as door:
        door.approved({"docs/a.md": "one\n"})
        door.step()
        git(door.bare, "update-ref", "refs/heads/approved/m", door.shown)
        changing(door)
        door.at.again({"docs/a.md": "two\n"})
        door.step()
        assert len(pulls(door.bare)) == 1
        assert git(door.bare, "show", "approved/m:docs/a.md") == "two"


def test_a_merge_ends_the_mission(door: Door) -> None:
    """Git says so: the commit is on the default branch."""
    door.approved()
    door.step()
    clone = door.at.scene.server.person
    git(clone, "fetch", "--quiet", "origin", f"{SHOWN[door.kind]}:shown")
    git(clone, "checkout", "--quiet", "-B", "main", "origin/main")
    git(clone, "merge", "--quiet", "--no-ff", "-m", "merged", "shown")
    git(clone, "push", "--quiet", "origin", "main")
    assert door.step() is not None
    mission = door.at.scene.mission()
    assert (mission.status, mission.merged, mission.pull_state) == (Status.DONE, door.at.scene.main(), "merged")
    assert "m" not in door.at.scene.peer("anna").ledger().open


def test_a_squash_ends_the_mission(door: Door) -> None:
    """Its commit is nowhere, but one that changes the same."""
    door.approved()
    door.step()
    made = door.squash()
    assert door.step() is not None
    mission = door.at.scene.mission()
    assert (mission.status, mission.merged, mission.decided_by) == (Status.DONE, made, "anna")


def test_another_change_of_the_same_file_does_not_end_it(door: Door) -> None:
    """What somebody else did there is not what was asked to be merged."""
    door.approved({"docs/new.md": "mine\n"})
    door.step()
    clone = door.at.scene.server.person
    git(clone, "checkout", "--quiet", "-B", "main", "origin/main")
    (clone / "docs").mkdir(exist_ok=True)
    (clone / "docs" / "new.md").write_text("theirs\n")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", "theirs")
    git(clone, "push", "--quiet", "origin", "main")
    assert door.step() is None
    assert door.at.scene.mission().pull_state == "open"


def test_the_same_words_with_other_spaces_do_not_end_it(door: Door) -> None:
    """In Python, a Makefile or YAML an indent is what the program does; git's own patch ids pass over it."""
    door.approved({"run.py": "if ready:\n    begin()\n    stop()\n"})
    door.step()
    clone = door.at.scene.server.person
    git(clone, "checkout", "--quiet", "-B", "main", "origin/main")
    (clone / "run.py").write_text("if ready:\n    begin()\nstop()\n")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "-m", "theirs")
    git(clone, "push", "--quiet", "origin", "main")
    assert door.step() is None
    assert door.at.scene.mission().pull_state == "open"


def test_a_server_without_push_options_is_told_in_one_line(door: Door) -> None:
    """Back in review, with what mends it; nothing was pushed."""
    git(door.bare, "config", "receive.advertisePushOptions", "false")
    door.approved()
    door.step()
    mission = door.at.scene.mission()
    assert mission.status is Status.REVIEW
    assert "takes no push options: let whoever runs it set `receive.advertisePushOptions`" in str(mission.reason)
    assert pulls(door.bare) == {}


def test_a_push_that_made_none_is_told_once_and_found_later(tmp_path: Path, keys: Keys) -> None:
    """GitLab took the branch and had trouble with the rest: a person opens it, and it is the mission's."""
    with opened(tmp_path, keys, "gitlab") as door:
        (door.bare / "broken").touch()
        door.approved()
        assert door.step() is not None
        assert "no pull request of it is seen" in str(door.at.scene.mission().reason)
        anna = door.at.scene.peer("anna")
        (item,) = read_inbox(
            anna.ledger(), mission_views(anna.ledger(), anna.trust, anna.bus.now(), archived=False)
        ).items
        assert (item.kind, item.step) == ("pull request", "mend that, then it goes on by itself")
        assert door.step() is None
        git(door.bare, "update-ref", SHOWN["gitlab"], str(door.at.scene.mission().commit))
        door.step()
        mission = door.at.scene.mission()
        assert (mission.pull_request, mission.pull_state, mission.reason) == (door.url, "open", None)


def test_a_server_that_does_not_answer_is_asked_again(door: Door) -> None:
    """Nothing is decided by that."""
    door.approved()
    (door.bare / "hooks").rename(door.bare / "hooks.away")
    git(door.bare, "config", "http.receivepack", "false")
    with suppress(WorkspaceFailed):
        door.step()
    assert door.at.scene.mission().pull_request is None


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("remote: \nremote:   https://git.example.org/me/shop/pulls/12        \n", 12),
        ("remote: http://git.example.org:3000/Me/Shop/pulls/12", 12),
        ("remote: https://evil.example/me/shop/pulls/12", 0),
        ("remote: http://[broken/pulls/3 https://git.example.org/me/shop/pulls/12", 12),
        ("remote: https://git.example.org/me/other/pulls/12", 0),
        ("remote: https://git.example.org.evil.example/me/shop/pulls/12", 0),
        ("remote: https://git.example.org/me/shop/pulls/12/files", 0),
        ("remote: https://git.example.org/me/shop/pulls/123456789012", 0),
        ("remote: https://evil.example/x " * 30 + "https://git.example.org/me/shop/pulls/12", 0),
    ],
)
def test_a_number_is_read_from_the_projects_own_address_alone(said: str, number: int) -> None:
    """What a server says beside a push is somebody's words."""
    place = repository_on_forge("forgejo", "git@git.example.org:me/shop.git")
    assert told_number(said, place) == number
