"""What every adapter of the port of forges keeps, whatever its forge calls things and whatever gets lost on the way.

No current GitHub, GitLab or Forgejo server can be had from a package registry, so the other side is a stand-in of ours
with real git behind it. The same suite runs against a real server, on a repository that is there for it alone:

    SHIFTBOOK_TEST_FORGE_KIND=forgejo SHIFTBOOK_TEST_FORGE_URL=https://git.example.org/me/scratch \\
    SHIFTBOOK_TEST_FORGE_TOKEN=… python -m pytest tests/contracts/test_forge.py
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from orchestrator.adapters.forges.forge_http import ForgeHttp
from orchestrator.adapters.forges.forgejo import Forgejo, forgejo_headers
from orchestrator.adapters.forges.github import GitHub, github_headers
from orchestrator.adapters.forges.gitlab import GitLab, gitlab_headers
from orchestrator.core.ports.forge import Forge, ForgeFailed, ForgeKind, ForgeRepository, IssueSearch, PullWanted
from tests.forge_descriptions.catalogue import faults
from tests.forge_stand_in.server import APIS, ForgeServer, forge_server
from tests.forge_stand_in.state import BOT, NAME, OWNER, TOKEN, Refusal
from tests.orchestrator.repositories import Server, git

REAL = {name: os.environ.get(f"SHIFTBOOK_TEST_FORGE_{name}", "") for name in ("KIND", "URL", "TOKEN")}
MARKER = "<!-- shiftbook:m -->"
MAKERS: dict[str, tuple[Callable[..., Forge], Callable[[str], dict[str, str]]]] = {
    "github": (GitHub, github_headers),
    "gitlab": (GitLab, gitlab_headers),
    "forgejo": (Forgejo, forgejo_headers),
}


def adapter(kind: str, api: str, owner: str = OWNER, name: str = NAME, token: str = TOKEN) -> Forge:
    """One adapter, as the product puts it together."""
    made, headers = MAKERS[kind]
    known: ForgeKind = next(each for each in get_args(ForgeKind) if each == kind)
    place = ForgeRepository(kind=known, api=api, owner=owner, name=name)
    return made(http=ForgeHttp(api=api, auth=headers(token)), repository=place)


@dataclass
class World:
    """A forge and a clone of its project. `server` is None where it is a real one."""

    kind: str
    forge: Forge
    clone: Path
    server: ForgeServer | None = None

    @property
    def stand_in(self) -> ForgeServer:
        """The stand-in, for what only it can be made to do."""
        if self.server is None:
            pytest.skip("a real server cannot be told to fail")
        return self.server

    def branch(self, text: str = "new\n", file: str = "docs/new.md") -> PullWanted:
        """A branch of a new name with one commit, and the pull request that is wanted of it."""
        name = f"approved/t{uuid.uuid4().hex[:10]}"
        git(self.clone, "checkout", "--quiet", "-B", name, "origin/main")
        (self.clone / file).parent.mkdir(parents=True, exist_ok=True)
        (self.clone / file).write_text(text)
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "--quiet", "-m", "work")
        git(self.clone, "push", "--quiet", "origin", name)
        commit = git(self.clone, "rev-parse", "HEAD")
        return PullWanted(head=name, base="main", commit=commit, title="A title", body=f"Words.\n\n{MARKER}\n")


@pytest.fixture(params=list(MAKERS))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A forge of each kind; where a real one is named, that one."""
    kind = str(request.param)
    if REAL["URL"]:
        if kind != REAL["KIND"]:
            pytest.skip("another kind of server is named")
        yield real_world(tmp_path)
        return
    project = Server.make(tmp_path)
    with forge_server(project.folder) as server:
        yield World(kind, adapter(kind, server.url + APIS[kind]), project.person, server)
    assert faults(server.exchanges) == []


def real_world(tmp: Path) -> World:
    """A clone of the named repository, whose token may push."""
    root, owner, name = REAL["URL"].rstrip("/").rsplit("/", 2)
    apis = {"github": "https://api.github.com" if root == "https://github.com" else f"{root}/api/v3"}
    apis |= {"gitlab": f"{root}/api/v4", "forgejo": f"{root}/api/v1"}
    git(tmp, "clone", "--quiet", REAL["URL"].replace("://", f"://oauth2:{REAL['TOKEN']}@"), "clone")
    return World(REAL["KIND"], adapter(REAL["KIND"], apis[REAL["KIND"]], owner, name, REAL["TOKEN"]), tmp / "clone")


def test_a_pull_request_is_opened_once_however_often_it_is_wanted(world: World) -> None:
    """The second time it is found, by its branch."""
    wanted = world.branch()
    first, second = (world.forge.pull_request(wanted) for _ in range(2))
    assert first.number == second.number
    assert (first.state, first.head, first.base, first.commit) == ("open", wanted.head, "main", wanted.commit)
    assert first.url.startswith("http")


def test_a_pull_request_says_what_it_is_wanted_to_say(world: World) -> None:
    """Other words change the one that is there; the same words write nothing."""
    wanted = world.branch()
    number = world.forge.pull_request(wanted).number
    later = PullWanted(**vars(wanted) | {"title": "Another title", "body": f"Other words.\n\n{MARKER}"})
    changed = world.forge.pull_request(later)
    assert (changed.number, changed.title) == (number, "Another title")
    assert "Other words." in changed.body
    if world.server:
        before = len(world.server.writes)
        world.forge.pull_request(later)
        assert len(world.server.writes) == before


def test_what_a_lost_answer_made_is_found(world: World) -> None:
    """The forge opened it, and nobody heard: it is looked up, and there is one."""
    wanted, server = world.branch(), world.stand_in
    server.lose.append("POST ")
    made = world.forge.pull_request(wanted)
    assert made.commit == wanted.commit
    assert len(server.state.pulls) == 1
    assert len(server.writes) == 1


@pytest.mark.parametrize("status", [409, 422, 502])
def test_a_refusal_that_may_mean_that_it_is_there_is_looked_into(world: World, status: int) -> None:
    """Somebody was faster, between the look and the wish."""
    wanted, server = world.branch(), world.stand_in
    server.answers.append(("POST ", Refusal(status, {"message": "already exists"})))
    with pytest.raises(ForgeFailed, match="already exists"):
        world.forge.pull_request(wanted)
    server.state.open_pull(wanted.head, "main", wanted.title, wanted.body)
    assert world.forge.pull_request(wanted).state == "open"
    assert len(server.state.pulls) == 1


def test_one_that_ended_with_this_commit_is_not_opened_again(world: World) -> None:
    """Closed between push and record: that is told, and no second one is opened."""
    wanted, server = world.branch(), world.stand_in
    number = world.forge.pull_request(wanted).number
    server.state.close(number)
    assert (world.forge.pull_request(wanted).number, len(server.state.pulls)) == (number, 1)


def test_one_of_an_earlier_mission_with_this_name_is_another(world: World) -> None:
    """The branch's name is the same, the commit is not: that is no answer to this wish."""
    wanted, server = world.branch(), world.stand_in
    old = server.state.open_pull(wanted.head, "main", "old", "old")
    old.state, old.commit = "merged", "a" * 40
    assert world.forge.pull_request(wanted).number != old.number


@pytest.mark.parametrize("fork", [2, 0])
def test_a_forks_pull_request_is_never_taken_for_ours(world: World, fork: int) -> None:
    """Anybody may call a branch as ours is called, and even have our commit on it; it is neither taken nor edited."""
    wanted, server = world.branch(), world.stand_in
    theirs = server.state.open_fork(wanted.head, "main", "b" * 40, fork=fork)
    same = server.state.open_fork(wanted.head, "main", wanted.commit, fork=fork)
    made = world.forge.pull_request(wanted)
    assert made.number not in {theirs.number, same.number}
    assert made.commit == wanted.commit
    assert {(each.title, each.body) for each in (theirs, same)} == {("theirs", "their words")}
    assert world.forge.read(theirs.number).foreign
    assert not world.forge.read(made.number).foreign
    same.state = "closed"
    assert world.forge.pull_request(wanted).number == made.number


def test_one_that_shows_another_commit_is_not_edited(world: World) -> None:
    """Somebody pushed there meanwhile, or the forge has not seen our push yet."""
    wanted, server = world.branch(), world.stand_in
    number = world.forge.pull_request(wanted).number
    later = PullWanted(**vars(wanted) | {"commit": "c" * 40, "title": "Other"})
    for each in (later, PullWanted(**vars(later) | {"number": number})):
        with pytest.raises(ForgeFailed, match=f"{number} shows {wanted.commit[:10]}, not cccccccccc"):
            world.forge.pull_request(each)
    assert server.state.pull(number).title == "A title"


def test_one_whose_number_is_known_is_changed_whatever_its_base_is(world: World) -> None:
    """The project's branch was renamed since: there is no second one."""
    wanted, server = world.branch(), world.stand_in
    number = world.forge.pull_request(wanted).number
    git(world.clone, "push", "--quiet", "origin", "origin/main:refs/heads/next")
    later = PullWanted(**vars(wanted) | {"base": "next", "title": "Another title", "number": number})
    assert world.forge.pull_request(later).number == number
    assert (server.state.pull(number).title, len(server.state.pulls)) == ("Another title", 1)


def test_a_pull_request_without_an_address_is_not_taken(world: World) -> None:
    """Nobody could open it, and it could not be found again."""
    server = world.stand_in
    server.dialects[world.kind].url = "javascript:x"
    with pytest.raises(ForgeFailed, match="has no address of the pull request 1"):
        world.forge.pull_request(world.branch())


def test_it_is_read_as_it_stands(world: World) -> None:
    """Open, then merged by a person, with the commit that brought it in."""
    wanted, server = world.branch(), world.stand_in
    number = world.forge.pull_request(wanted).number
    assert world.forge.read(number).conflicts is False
    merged = server.state.merge(number)
    found = world.forge.read(number)
    assert (found.state, found.merged_as) == ("merged", merged)


def test_a_closed_one_is_read_as_closed(world: World) -> None:
    """Also where its branch is gone."""
    wanted, server = world.branch(), world.stand_in
    number = world.forge.pull_request(wanted).number
    git(server.state.repository, "update-ref", "-d", f"refs/heads/{wanted.head}")
    assert world.forge.read(number).state == "closed"
    assert world.forge.pull_request(wanted).number == number


def test_a_conflict_is_told(world: World) -> None:
    """The default branch has other words in the same place by now."""
    server = world.stand_in
    number = world.forge.pull_request(world.branch(text="mine\n", file="README.md")).number
    git(world.clone, "checkout", "--quiet", "-B", "main", "origin/main")
    (world.clone / "README.md").write_text("theirs\n")
    git(world.clone, "commit", "--quiet", "-am", "theirs")
    git(world.clone, "push", "--quiet", "origin", "main")
    assert server.state.tip("main")
    assert world.forge.read(number).conflicts is True


def test_checks_are_the_newest_of_each_name(world: World) -> None:
    """A run that was red and is green by now is green; no checks at all are none, and not green."""
    wanted, server = world.branch(), world.stand_in
    number = world.forge.pull_request(wanted).number
    assert world.forge.read(number).checks == ()
    for name, state, says in (("build", "failure", "boom"), ("lint", "pending", ""), ("build", "success", "ok")):
        server.state.check(wanted.commit, name, state, says)
    found = {each.name: each.state for each in world.forge.read(number).checks}
    assert found == {"build": "green", "lint": "running"}
    server.state.check(wanted.commit, "build", "failure", "1 test failed")
    red = [each for each in world.forge.read(number).checks if each.state == "red"]
    assert [(each.name, each.says) for each in red] == [("build", "1 test failed")]


def test_a_check_on_the_second_page_is_seen(world: World) -> None:
    """A matrix of jobs: the red one is not behind the others."""
    wanted, server = world.branch(), world.stand_in
    number = world.forge.pull_request(wanted).number
    kinds = ["run", "status"] if world.kind == "github" else ["status"]
    for kind in kinds:
        for place in range(130):
            red = place in {0, 129}
            server.state.check(wanted.commit, f"{kind} {place}", "failure" if red else "success", "says", kind=kind)
    found = world.forge.read(number).checks
    assert len(found) == 130 * len(kinds)
    assert sorted(each.name for each in found if each.state == "red") == [
        f"{kind} {place}" for kind in kinds for place in (0, 129)
    ]


@pytest.mark.parametrize("world", ["github"], indirect=True)
def test_two_workflows_may_have_a_job_of_one_name(world: World) -> None:
    """GitHub alone has check runs: the newest of each suite counts, and a status of that name is a third."""
    wanted, server = world.branch(), world.stand_in
    number = world.forge.pull_request(wanted).number
    for suite, state in ((1, "failure"), (2, "success"), (1, "failure"), (2, "failure"), (2, "success")):
        server.state.check(wanted.commit, "build", state, "says", kind="run", suite=suite)
    server.state.check(wanted.commit, "build", "success", "says")
    assert sorted(each.state for each in world.forge.read(number).checks) == ["green", "green", "red"]


def test_checks_that_a_token_may_not_read_are_unknown(world: World) -> None:
    """And not green: the pull request is read all the same."""
    server = world.stand_in
    number = world.forge.pull_request(world.branch()).number
    server.state.lacks.add("checks")
    if world.kind == "forgejo":
        server.answers.append(("GET /repos/me/shop/commits", Refusal(403, {"message": "no"})))
    assert world.forge.read(number).checks_known is False


def test_talk_is_everything_that_people_wrote(world: World) -> None:
    """Comments, reviews, comments on lines; each with a name that stays and a time that changes with an edit."""
    server = world.stand_in
    number = world.forge.pull_request(world.branch()).number
    pull = server.state.pull(number)
    server.state.say(pull, "anna", "please rename it")
    server.state.say(pull, "ben", "not like this", kind="review")
    said = server.state.say(pull, "anna", "here", kind="line", path="docs/new.md", line=1)
    server.state.say(pull, "dependa[bot]", "bump", bot=True)
    server.state.say(pull, "anna", "added 1 commit", kind="system") if world.kind == "gitlab" else None
    found = world.forge.comments(number)
    assert [(each.author, each.body) for each in found[:3]] == [
        ("anna", "please rename it"),
        ("ben", "not like this"),
        ("anna", "here"),
    ]
    assert len({each.ident for each in found}) == 4
    assert (found[2].path, found[2].line) == ("docs/new.md", 1)
    assert world.kind == "forgejo" or found[3].bot
    said |= {"body": "there", "updated": server.state.time()}
    again = next(each for each in world.forge.comments(number) if each.ident == found[2].ident)
    assert (again.body, again.updated != found[2].updated) == ("there", True)


def test_talk_has_more_than_one_page(world: World) -> None:
    """What was said last is not lost behind what was said before."""
    server = world.stand_in
    number = world.forge.pull_request(world.branch()).number
    for place in range(130):
        server.state.say(server.state.pull(number), "anna", f"word {place}")
    assert world.forge.comments(number)[-1].body == "word 129"


@pytest.mark.parametrize("world", ["gitlab"], indirect=True)
def test_a_page_that_is_not_full_is_not_taken_for_the_last(world: World) -> None:
    """GitLab leaves out what the token may not see, after it has counted."""
    server = world.stand_in
    number = world.forge.pull_request(world.branch()).number
    for place in range(130):
        server.state.say(server.state.pull(number), "anna", f"word {place}", kind="hidden" if place < 10 else "comment")
    assert [each.body for each in world.forge.comments(number)] == [f"word {place}" for place in range(10, 130)]


def test_a_server_may_give_fewer_rows_than_are_asked_for(world: World) -> None:
    """Whoever runs it has said so: the red check is behind four pages."""
    wanted, server = world.branch(), world.stand_in
    number = world.forge.pull_request(wanted).number
    for place in range(70):
        server.state.check(wanted.commit, f"check {place}", "failure" if place in {0, 69} else "success", "says")
    server.dialects[world.kind].cap = 20
    assert sorted(each.name for each in world.forge.read(number).checks if each.state == "red") == [
        "check 0",
        "check 69",
    ]


def test_issues_are_those_with_the_label_and_no_pull_requests(world: World) -> None:
    """Open ones alone; unchanged ones cost an answer without a body where the forge has ETags."""
    server = world.stand_in
    world.forge.pull_request(world.branch())
    wanted = server.state.open_issue("It is broken", "when I click", labels=("shiftbook",))
    server.state.open_issue("Other", "", labels=("else",))
    server.state.open_issue("Over", "", labels=("shiftbook",), state="closed")
    page = world.forge.issues(IssueSearch(label="shiftbook"))
    assert page.issues is not None
    assert [(each.number, each.title, each.body, each.author) for each in page.issues] == [
        (wanted.number, "It is broken", "when I click", "anna")
    ]
    again = world.forge.issues(IssueSearch(label="shiftbook"), etag=page.etag)
    assert (again.issues is None) == bool(page.etag)


def test_a_label_that_nobody_made_finds_nothing(world: World) -> None:
    """Forgejo leaves out a label that the repository does not have, and shows every issue."""
    world.stand_in.state.open_issue("Other", "", labels=("else",))
    assert world.forge.issues(IssueSearch(label="shiftbook")).issues == ()
    assert world.forge.issues(IssueSearch(assignee=BOT)).issues == ()


def test_what_was_written_by_an_account_that_is_gone_is_read(world: World) -> None:
    """Forges have null in its place: it is nobody's word, and stands in nobody's way."""
    server = world.stand_in
    number = world.forge.pull_request(world.branch()).number
    server.state.say(server.state.pull(number), "", "long ago")
    assert [(each.author, each.body) for each in world.forge.comments(number)] == [("", "long ago")]
    issue = server.state.open_issue("Old", "", author="", labels=("shiftbook",))
    (found,) = world.forge.issues(IssueSearch(label="shiftbook")).issues or ()
    assert (found.number, found.author) == (issue.number, "")
    server.state.say(issue, "", f"{MARKER}\nwho was this")
    world.forge.say(issue.number, MARKER, "words")
    assert [each["body"] for each in issue.talk if each["author"] == BOT] == [f"{MARKER}\nwords"]


def test_issues_are_found_by_who_they_are_assigned_to(world: World) -> None:
    """For those who give the bot its work like a colleague."""
    server = world.stand_in
    server.state.open_issue("Mine", "", assignee="anna")
    wanted = server.state.open_issue("Yours", "", assignee=BOT)
    page = world.forge.issues(IssueSearch(assignee=BOT))
    assert [each.number for each in page.issues or ()] == [wanted.number]


def test_one_comment_is_made_and_then_edited(world: World) -> None:
    """Also where the answer to the first was lost; what a stranger wrote under our marker is left alone."""
    server = world.stand_in
    issue = server.state.open_issue("It is broken", "")
    server.state.say(issue, "eve", f"{MARKER}\nI am the bot")
    server.lose.append("POST ")
    for words in ("working", "working", "done"):
        world.forge.say(issue.number, MARKER, words)
    said = [each for each in issue.talk if each["author"] == BOT]
    assert [each["body"] for each in said] == [f"{MARKER}\ndone"]
    assert [each["body"] for each in issue.talk if each["author"] == "eve"] == [f"{MARKER}\nI am the bot"]


def test_rights_that_lack_are_told(world: World) -> None:
    """Before a night of missions finds out."""
    assert world.forge.rights().missing == ()
    world.stand_in.state.archived = True
    assert world.forge.rights().missing == ("write at all, as it is archived there",)
    world.stand_in.state.archived = False
    world.stand_in.state.lacks.add("write")
    lacking = world.forge.rights()
    assert lacking.user == BOT
    assert len(lacking.missing) == 1
    with pytest.raises(ForgeFailed) as failed:
        world.forge.pull_request(world.branch())
    assert failed.value.right


def test_too_many_requests_are_put_off_and_not_taken_for_a_lack_of_rights(world: World) -> None:
    """429, and GitHub's 403 with Retry-After: in how many seconds, and nothing about tokens."""
    server = world.stand_in
    for status, headers in ((429, {"Retry-After": "17"}), (403, {"Retry-After": "17"})):
        server.answers.append(("GET ", Refusal(status, {"message": "slow down"}, headers)))
        with pytest.raises(ForgeFailed, match="asked too often: again in 17 s") as failed:
            world.forge.read(1)
        assert (failed.value.seconds, failed.value.right) == (17.0, False)


def test_a_wrong_token_is_told_by_its_setting(world: World) -> None:
    """One line that says which; the token is not in it."""
    wrong = adapter(world.kind, world.stand_in.url + APIS[world.kind], token="wrong-token-of-somebody")
    with pytest.raises(ForgeFailed, match="SHIFTBOOK_FORGE_TOKENS") as failed:
        wrong.read(1)
    assert failed.value.right
    assert "wrong-token" not in str(failed.value)
