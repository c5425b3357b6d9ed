"""Is there one pull request a mission, whatever is lost on the way, and does what ends it end the mission?"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from missions.mission import Status
from orchestrator.core.errors import Refused
from orchestrator.core.ports.forge import ForgeFailed
from orchestrator.workflow.forges.pull_delivery import pull_number
from tests.forge_stand_in.state import Refusal
from tests.orchestrator.repositories import git
from tests.orchestrator.workflow.forges.forge_scene import ForgeScene


def test_an_approved_result_becomes_a_pull_request(scene: ForgeScene) -> None:
    """With what was approved as its branch, and its address in the mission; the default branch is untouched."""
    main = scene.scene.main()
    pull = scene.opened()
    mission = scene.scene.mission()
    assert (pull.head, pull.base, pull.commit) == ("approved/m", "main", mission.commit)
    assert mission.pull_request == f"{scene.server.project}/pull/{pull.number}"
    assert (mission.status, mission.pull_state, mission.pull_head) == (Status.DONE, "open", mission.commit)
    assert scene.scene.main() == main
    assert f"### Pull request opened: {mission.pull_request}" in scene.scene.text()
    assert scene.step() is None


def test_a_merged_one_ends_the_mission(scene: ForgeScene) -> None:
    """Archived, with the commit that brought it in; who approved it stands there still."""
    merged = scene.server.state.merge(scene.opened().number)
    step = scene.step()
    mission = scene.scene.mission()
    assert step is not None
    assert (mission.status, mission.merged, mission.pull_state) == (Status.DONE, merged, "merged")
    assert (mission.decision, mission.decided_by) == ("approved", "anna")
    assert "m" not in scene.scene.peer("anna").ledger().open
    assert scene.step() is None


def test_a_closed_one_ends_the_mission_unmerged(scene: ForgeScene) -> None:
    """It is called off, with the reason: what waits for it does not begin."""
    scene.server.state.close(scene.opened().number)
    scene.step()
    mission = scene.scene.mission()
    assert (mission.status, mission.pull_state, mission.merged) == (Status.CANCELLED, "closed", None)
    assert mission.reason == "its pull request was closed without a merge"
    assert scene.scene.peer("anna").ledger().archived("m") is not None


class Killed(BaseException):
    """What a signal does: nothing catches it."""


def die() -> None:
    """The process ends here."""
    raise Killed


def lose_post(scene: ForgeScene) -> None:
    """The forge opens it, and nobody hears."""
    scene.server.lose.append("POST ")


def refuse_all(scene: ForgeScene) -> None:
    """The branch is pushed, and the forge is away."""
    scene.server.answers.append(("GET ", Refusal(503, {})))


def lose_record(scene: ForgeScene) -> None:
    """It is there, and the ledger's line is cut before it is recorded."""
    scene.scene.peer("n1").line.before_push.append(die)


@pytest.mark.parametrize("breaks", [lose_post, refuse_all, lose_record])
def test_there_is_one_whatever_is_lost(scene: ForgeScene, breaks: Callable[[ForgeScene], None]) -> None:
    """Whoever is stopped between push, forge and record: the next look, by another node, finds what is there."""
    scene.scene.hand_in()
    scene.scene.door("anna", merges=False).approve("m")
    breaks(scene)
    with suppress(ForgeFailed, Killed):  # what a node would tell and try again, and what nobody tells
        scene.step()
    scene.step(node="n2")
    assert scene.scene.mission().pull_request == f"{scene.server.project}/pull/{scene.pull.number}"
    assert scene.scene.mission().pull_state == "open"


def test_two_nodes_at_once_open_one(scene: ForgeScene) -> None:
    """The second finds the first one's, and the ledger keeps one record."""
    scene.scene.hand_in()
    scene.scene.door("anna", merges=False).approve("m")
    server, second = scene.server, scene.pulls("n2")
    answer = server.answer
    busy: list[bool] = []

    def meanwhile(method: str, target: str, headers: dict[str, str], body: object) -> object:
        if method == "POST" and not busy:
            busy.append(True)
            second.step("m")
        return answer(method, target, headers, body)

    server.answer = meanwhile  # type: ignore[method-assign,assignment]  # the stand-in does something meanwhile
    assert scene.step() is None
    assert busy
    assert scene.pull.state == "open"
    assert scene.scene.text().count("### Pull request opened") == 1


def test_one_that_was_merged_before_it_was_recorded_is_not_opened_again(scene: ForgeScene) -> None:
    """A person was quick: the same pull request is found by its commit, and ends the mission."""
    scene.scene.hand_in()
    scene.scene.door("anna", merges=False).approve("m")
    lose_record(scene)
    with pytest.raises(Killed):
        scene.step()
    scene.server.state.merge(scene.pull.number)
    git(scene.server.state.repository, "update-ref", "-d", "refs/heads/approved/m")
    scene.step()
    scene.step()
    assert scene.scene.mission().pull_state == "merged"
    assert len(scene.server.state.pulls) == 1


def test_a_later_attempt_comes_to_the_same_one(scene: ForgeScene) -> None:
    """Its files are on the branch, nothing is forced, and the earlier commits stay in its history."""
    pull = scene.opened({"docs/a.md": "one\n"})
    first = pull.commit
    scene.server.state.say(pull, "anna", "say two")
    scene.step()
    scene.again({"docs/a.md": "two\n"})
    assert scene.step() is not None
    tip = scene.pull.commit
    mission = scene.scene.mission()
    assert scene.scene.server.show(f"{tip}:docs/a.md") == "two"
    assert git(scene.server.state.repository, "rev-list", "--parents", "-1", tip) == f"{tip} {first} {mission.commit}"
    assert (mission.pull_head, mission.pull_state, scene.pull.number) == (tip, "open", pull.number)
    assert "rounds of feedback taken in: 1" in scene.pull.body


def test_a_later_attempt_that_was_pushed_and_not_recorded_is_pushed_once(scene: ForgeScene) -> None:
    """The join has a time and so a name of its own: it is known by what it brings."""
    pull = scene.opened({"docs/a.md": "one\n"})
    scene.server.state.say(pull, "anna", "say two")
    scene.step()
    scene.again({"docs/a.md": "two\n"})
    scene.server.answers.append(("PATCH ", Refusal(503, {})))
    with pytest.raises(ForgeFailed):
        scene.step()
    tip = scene.pull.commit
    scene.step(node="n2")
    assert (scene.scene.mission().pull_head, scene.pull.commit) == (tip, tip)


def test_what_somebody_else_pushed_there_is_left_alone(scene: ForgeScene) -> None:
    """A later attempt does not write over it: a person decides."""
    pull = scene.opened({"docs/a.md": "one\n"})
    scene.server.state.say(pull, "anna", "say two")
    scene.step()
    scene.again({"docs/a.md": "two\n"})
    person = scene.scene.server.person
    git(person, "fetch", "--quiet", "origin", "approved/m")
    git(person, "checkout", "--quiet", "-B", "theirs", "FETCH_HEAD")
    (person / "own.md").write_text("mine\n")
    git(person, "add", "--all")
    git(person, "commit", "--quiet", "-m", "a person's own")
    git(person, "push", "--quiet", "origin", "HEAD:approved/m")
    theirs = git(person, "rev-parse", "HEAD")
    scene.step()
    mission = scene.scene.mission()
    assert mission.status is Status.REVIEW
    assert f"somebody else has pushed {theirs[:10]} to approved/m" in str(mission.reason)
    assert f"merge the pull request as it is, or move the branch back to {str(mission.pull_head)[:10]}" in str(
        mission.reason
    )
    assert scene.pull.commit == theirs


def test_anothers_pull_request_ends_nothing(scene: ForgeScene) -> None:
    """A node may write any address into the mission: one of another branch, or of a fork, is refused."""
    scene.opened()
    state = scene.server.state
    state.open_fork("approved/m", "main", "b" * 40).state = "merged"
    other = state.open_pull("feature", "main", "theirs", "")
    other.commit, other.state = "d" * 40, "closed"
    for foreign in state.pulls[1:]:
        node = scene.scene.peer("n1")
        text = scene.scene.text().replace("pull/1\n", f"pull/{foreign.number}\n").replace("pull/2\n", "pull/3\n")
        node.push({"missions/m.md": text})
        scene.step()
        assert scene.scene.mission().status is Status.REVIEW
        assert "is no pull request of m" in str(scene.scene.mission().reason)
        scene.scene.door("anna", merges=False).approve("m")


def test_a_later_attempt_comes_to_the_same_one_although_the_branch_was_renamed(scene: ForgeScene) -> None:
    """fleet.toml names another default branch by now; there is no second pull request."""
    pull = scene.opened({"docs/a.md": "one\n"})
    scene.server.state.say(pull, "anna", "say two")
    scene.step()
    scene.again({"docs/a.md": "two\n"})
    git(scene.server.state.repository, "update-ref", "refs/heads/next", scene.server.state.tip("main"))
    anna = scene.scene.peer("anna")
    anna.push(
        {"fleet.toml": scene.scene.text_of_fleet().replace("[projects.shop]\n", '[projects.shop]\nbranch = "next"\n')}
    )
    scene.step()
    assert (scene.scene.mission().pull_state, scene.pull.number) == ("open", pull.number)


def test_a_branch_of_an_earlier_mission_of_that_name_is_not_taken(scene: ForgeScene) -> None:
    """Its commit is none of this mission's."""
    scene.scene.server.push({"old.md": "old\n"}, branch="approved/m")
    scene.scene.hand_in()
    scene.scene.door("anna", merges=False).approve("m")
    scene.step()
    assert scene.scene.mission().status is Status.REVIEW
    assert scene.server.state.pulls == []


def test_a_branch_that_was_moved_after_the_look_goes_nowhere(scene: ForgeScene) -> None:
    """What was not looked at is not shown to the world either."""
    commit = scene.scene.hand_in()
    scene.scene.door("anna", merges=False).approve("m")
    other = scene.scene.work({"docs/a.md": "evil\n"})
    git(scene.scene.clone, "push", "--quiet", "--force", "origin", f"{other}:refs/heads/shiftbook/m/1")
    scene.step()
    assert other != commit
    assert scene.scene.mission().status is Status.REVIEW
    assert "moved after it was looked at" in str(scene.scene.mission().reason)
    assert scene.server.state.pulls == []


def test_nobody_but_who_may_decide_has_one_opened(scene: ForgeScene) -> None:
    """A node that writes `status: done` itself is found out by its signature."""
    scene.scene.hand_in()
    node = scene.scene.peer("n1")
    text = scene.scene.text().replace("status: review", "status: done\ndecision: approved\ndecided_by: anna")
    node.push({"missions/m.md": text})
    scene.step()
    assert scene.server.state.pulls == []
    assert scene.scene.mission().status is Status.REVIEW


@pytest.mark.parametrize(
    "branch", ["main", "approved/other", "shiftbook/other/1", "--upload-pack=touch x", "refs/pull/1/head"]
)
def test_a_branch_that_a_node_made_up_goes_nowhere(scene: ForgeScene, branch: str) -> None:
    """The node that works says which branch it pushed; only one of this mission's attempts is believed."""
    scene.scene.hand_in()
    node = scene.scene.peer("n1")
    node.push({"missions/m.md": scene.scene.text().replace("branch: shiftbook/m/1", f'branch: "{branch}"')})
    scene.scene.door("anna", merges=False).approve("m")
    scene.step()
    assert (scene.scene.mission().status, scene.server.state.pulls) == (Status.REVIEW, [])
    assert "approved/m" not in scene.scene.server.refs()


def test_a_lack_of_rights_is_told_and_nothing_is_lost(scene: ForgeScene) -> None:
    """The mission stays approved, and is tried again."""
    scene.scene.hand_in()
    scene.scene.door("anna", merges=False).approve("m")
    scene.server.state.lacks.add("write")
    with pytest.raises(ForgeFailed, match="lacks a right"):
        scene.step()
    mission = scene.scene.mission()
    assert mission.decision == "approved"
    assert str(mission.reason).startswith("its pull request needs you: 127.0.0.1:")
    assert "lacks a right" in str(mission.reason)
    scene.server.state.lacks.clear()
    assert scene.step() is not None
    assert scene.scene.mission().reason is None


@pytest.mark.parametrize("status", [301, 401, 403, 404, 423])
def test_a_pull_request_that_cannot_be_read_any_more_is_told_to_a_person(scene: ForgeScene, status: int) -> None:
    """The repository was moved or deleted, or the token's right was taken: until it answers again; written once."""
    scene.opened()
    for _ in range(2):
        scene.server.answers.append(("GET ", Refusal(status, {}, {"Location": "https://x/y"})))
        with pytest.raises(ForgeFailed):
            scene.step()
    mission = scene.scene.mission()
    assert (mission.status, mission.pull_state) == (Status.DONE, "open")
    assert str(mission.reason).startswith("its pull request needs you: 127.0.0.1:")
    assert scene.scene.text().count("### Waits for you") == 1
    assert scene.step() is None
    assert scene.scene.mission().reason is None


def test_a_second_limit_of_rate_is_nobodys_to_mend(scene: ForgeScene) -> None:
    """A 403 whose words alone say so: it is over in a minute, and no person is called."""
    scene.opened()
    slow = {"message": "You have exceeded a secondary rate limit."}
    scene.server.answers.append(("GET ", Refusal(403, slow)))
    with pytest.raises(ForgeFailed, match="again in 60 s"):
        scene.step()
    assert scene.scene.mission().reason is None


def test_what_may_go_better_later_is_not_told_to_a_person(scene: ForgeScene) -> None:
    """A forge that is down or asked too often."""
    scene.opened()
    later = {"Retry-After": "5"}
    for refusal in (Refusal(500), Refusal(502), Refusal(429, {}, later), Refusal(403, {}, later)):
        scene.server.answers.append(("GET ", refusal))
        with pytest.raises(ForgeFailed):
            scene.step()
    assert scene.scene.mission().reason is None


def test_what_was_merged_by_hand_before_it_had_a_pull_request_has_ended(scene: ForgeScene) -> None:
    """GitHub says that there are no commits between the branches."""
    scene.scene.hand_in()
    scene.scene.door("anna", merges=False).approve("m")
    commit = str(scene.scene.mission().commit)
    git(scene.server.state.repository, "update-ref", "refs/heads/main", commit)
    none = Refusal(422, {"message": "Validation Failed", "errors": [{"message": "No commits between main and it"}]})
    scene.server.answers.append(("POST ", none))
    scene.step()
    mission = scene.scene.mission()
    assert (mission.status, mission.merged, mission.decided_by) == (Status.DONE, commit, "anna")
    assert "m" not in scene.scene.peer("anna").ledger().open


def test_a_person_may_merge_it_by_hand_all_the_same(scene: ForgeScene) -> None:
    """`approve --merge` of a later result goes before the pull request."""
    pull = scene.opened({"docs/a.md": "one\n"})
    scene.server.state.say(pull, "anna", "say two")
    scene.step()
    scene.scene.hand_in({"docs/a.md": "two\n"})
    decided = scene.scene.door("anna").approve("m", how="merge")
    assert decided.then is not None
    assert scene.scene.mission().merged == scene.scene.main()


def test_an_address_that_is_none_goes_back_to_a_person(scene: ForgeScene) -> None:
    """A hostile node may have written it."""
    mission = scene.scene.mission()
    for bad in (None, "", "https://x/pull/", "https://x/pull/1x", "https://x/pull/²", f"https://x/{'9' * 40}"):
        with pytest.raises(Refused):
            pull_number(replace(mission, pull_request=bad))
