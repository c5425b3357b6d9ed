"""Each row of the recovery table in docs/operating.md, on real repositories."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from missions.lease import ClaimState
from missions.mission import Status
from orchestrator.app import setup, wiring
from orchestrator.app.doctor import check_result, ledger_checks
from orchestrator.app.ledger_recovery import plan_recovery, recover
from orchestrator.cli import cli
from orchestrator.core.environment import load_settings
from orchestrator.ledger import claims
from orchestrator.ledger.transport import CLAIM, LOG
from sync.errors import HistoryRewritten, RemoteUnreachable
from sync.git import Git
from sync.git_remote import GitRemote
from sync.refs.broken_refs import SET_ASIDE
from sync.remote import RefUpdate
from tests.ledgers import Peer, Town

MAIN = "refs/heads/main"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A small ledger on a real bare repository."""
    made = Town({f"missions/{name}.md": "do it\n" for name in "abc"}, folder=tmp_path / "town")
    yield made
    made.close()


def link(peer: Peer) -> GitRemote:
    """A peer's own line to the server."""
    remote = peer.line.remote
    assert isinstance(remote, GitRemote)
    return remote


def refs(town: Town) -> dict[str, str]:
    """What the server has."""
    return Git(town.bare).refs()


def lose(town: Town, oid: str) -> None:
    """The server loses one object; what small pushes bring lies there as a file of its own."""
    (town.bare / "objects" / oid[:2] / oid[2:]).unlink()


def restored(town: Town, before: Path) -> None:
    """The server becomes what it was."""
    shutil.rmtree(town.bare)
    shutil.copytree(before, town.bare)


def all_done(remote: GitRemote) -> list[str]:
    """The refs that a recovery put right."""
    steps = list(recover(remote, plan_recovery(remote)))
    assert [step.failed for step in steps if step.failed] == []
    return [step.ref for step in steps]


def an_hour(town: Town) -> tuple[Peer, Path, dict[str, str]]:
    """A node's work after the server's last backup: one mission done, one ended and not folded, one running."""
    before = town.bare.with_name("backup.git")
    shutil.copytree(town.bare, before)
    node = town.peer("n1")
    node.attempt("a")
    node.fold()
    node.attempt("b")
    node.hold("c")
    node.ledger()
    return node, before, refs(town)


def test_a_server_restored_from_an_older_backup_gets_the_lost_hour_back(town: Town) -> None:
    """What the node has seen last: the branch, its log, its claims. The node's next look is a usual one."""
    node, before, was = an_hour(town)
    restored(town, before)
    for _ in range(2):  # a node that looks, and stops, forgets nothing by it
        with pytest.raises(HistoryRewritten, match="ledger recover"):
            node.bus.remote.fetch()
    assert [step.ref for step in plan_recovery(link(node))] == [MAIN, f"{CLAIM}b", f"{CLAIM}c", f"{LOG}n1"]
    assert refs(town) == Git(before).refs()  # a plan changes nothing
    assert all_done(link(node)) == [MAIN, f"{CLAIM}b", f"{CLAIM}c", f"{LOG}n1"]
    assert refs(town) == was
    assert node.fold().missions == {"b": Status.DONE}
    assert plan_recovery(link(node)) == []


def test_what_a_node_had_pushed_and_not_looked_at_since_comes_back_too(town: Town) -> None:
    """The server took a result, and was restored before the node's next look: nobody else ever saw it. Without it the
    mission would be paid for and done a second time."""
    before = town.bare.with_name("backup.git")
    node = town.peer("n1")
    held = node.hold("a")
    shutil.copytree(town.bare, before)
    node.push({"HEARTBEAT.md": "look\n"})
    node.ledger()
    assert node.end(held).accepted
    was = refs(town)
    restored(town, before)
    for _ in range(2):
        with pytest.raises(HistoryRewritten):
            node.bus.remote.fetch()
    assert all_done(link(node)) == [MAIN, f"{CLAIM}a", f"{LOG}n1"]
    assert refs(town) == was
    assert node.fold().missions == {"a": Status.DONE}


def a_second_claim(town: Town) -> tuple[Peer, Path]:
    """The backup has a mission's first claim, under way; that was given back and folded, and the next one was done."""
    before = town.bare.with_name("backup.git")
    node = town.peer("n1")
    held = node.hold("a")
    shutil.copytree(town.bare, before)
    assert node.end(held, ClaimState.RELEASED).accepted
    assert node.fold().missions == {"a": Status.QUEUED}
    node.attempt("a")
    return node, before


def test_a_result_comes_back_where_the_backup_has_the_claim_before_it(town: Town) -> None:
    """That claim was folded in the lost hour. If the result were kept aside, the node would take the mission for work
    that it had left, and do it a second time."""
    node, before = a_second_claim(town)
    was = refs(town)
    restored(town, before)
    steps = plan_recovery(link(node))
    assert any("is folded in what comes back" in step.says for step in steps)
    assert all_done(link(node)) == [MAIN, f"{CLAIM}a", f"{CLAIM}a", f"{LOG}n1"]
    assert refs(town) == was
    assert all_done(link(node)) == []
    assert node.fold().missions == {"a": Status.DONE}


def test_a_takeover_goes_on_from_the_claim_that_the_backup_has(town: Town) -> None:
    """In one step: between two of them, the claim would be gone, and another node could take the mission."""
    before, node, other = town.bare.with_name("backup.git"), town.peer("n1"), town.peer("n2")
    held = node.hold("a")
    shutil.copytree(town.bare, before)
    other.ledger()
    assert claims.take_over(other.bus, held, blob=held.claim.blob) is not None
    other.push({"HEARTBEAT.md": "look\n"})
    other.ledger()
    was = refs(town)
    restored(town, before)
    assert all_done(link(other)) == [MAIN, f"{CLAIM}a"]
    assert refs(town) == was


def test_two_machines_bring_a_later_claim_back_in_any_order(town: Town) -> None:
    """The one that has seen the first claim alone takes nothing back."""
    before = town.bare.with_name("backup.git")
    node, early = town.peer("n1"), town.peer("n2")
    held = node.hold("a")
    shutil.copytree(town.bare, before)
    early.ledger()
    assert node.end(held, ClaimState.RELEASED).accepted
    node.fold()
    node.attempt("a")
    was = refs(town)
    for order in ((early, node), (node, early)):
        restored(town, before)
        for peer in order:
            all_done(link(peer))
        assert refs(town) == was


def test_a_later_claim_is_kept_aside_where_the_branches_have_gone_apart(town: Town) -> None:
    """There the server's claim may be somebody's work now."""
    node, before = a_second_claim(town)
    restored(town, before)
    town.peer("n2").push({"HEARTBEAT.md": "since\n"})
    standing = refs(town)[f"{CLAIM}a"]
    assert any(ref.startswith(f"{SET_ASIDE}claim/a-") for ref in all_done(link(node)))
    assert refs(town)[f"{CLAIM}a"] == standing


def test_a_branch_that_loses_what_was_pushed_from_here_is_missed_though_it_was_never_seen(town: Town) -> None:
    """The first look after a push finds it gone. What a look has found there is forgotten as pushed, and nothing of
    this clone is left to clean up."""
    node, before = town.peer("n1"), town.bare.with_name("backup.git")
    node.ledger()
    shutil.copytree(town.bare, before)
    pushed = node.push({"HEARTBEAT.md": "look\n"})
    restored(town, before)
    with pytest.raises(HistoryRewritten):
        node.bus.remote.fetch()
    assert all_done(link(node)) == [MAIN]
    assert node.bus.remote.fetch()[MAIN] == pushed
    assert Git(link(node).store._git.folder).refs("refs/pushed/") == {}


def test_two_machines_give_back_what_each_has(town: Town) -> None:
    """In any order, again and again: the one that has seen less takes nothing back."""
    node, before, _ = an_hour(town)
    early = town.peer("n2")
    early.ledger()
    node.fold()
    node.ledger()
    was = refs(town)
    restored(town, before)
    assert MAIN in all_done(link(early))
    assert MAIN in all_done(link(node))
    assert all_done(link(early)) == []
    assert refs(town)[MAIN] == was[MAIN]
    assert refs(town)[f"{LOG}n1"] == was[f"{LOG}n1"]


def test_what_others_pushed_since_stays_and_the_lost_hour_stands_beside_it(town: Town, tmp_path: Path) -> None:
    """Nothing is rewound: the lost commits are a branch that a person merges, after which nodes go on."""
    node, before, was = an_hour(town)
    restored(town, before)
    town.peer("n2").push({"missions/d.md": "do it\n"})
    now = refs(town)[MAIN]
    lost = f"refs/heads/recovered-{was[MAIN][:10]}"
    assert all_done(link(node))[0] == lost
    assert (refs(town)[MAIN], refs(town)[lost]) == (now, was[MAIN])
    assert all_done(link(node)) == []
    Git(tmp_path).run("clone", "--quiet", str(town.bare), "clone")
    person = Git(tmp_path / "clone")
    person.config({"user.name": "ann", "user.email": "ann@shiftbook.invalid"})
    person.run("merge", "--quiet", "-m", "the lost hour", lost.replace("heads", "remotes/origin"))
    person.run("push", "--quiet", "origin", "main", f":{lost}")
    assert node.fold().missions == {"b": Status.DONE}
    assert set(node.ledger().open) == {"c", "d"}


def test_a_server_that_is_gone_is_filled_from_a_clone(town: Town) -> None:
    """An empty repository in its place is enough."""
    node, _, was = an_hour(town)
    shutil.rmtree(town.bare)
    town.bare.mkdir()
    Git(town.bare).run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    all_done(link(node))
    assert refs(town) == was


def test_what_the_server_took_away_by_the_rules_does_not_come_back(town: Town) -> None:
    """A claim that others folded is no loss."""
    node, _, _ = an_hour(town)
    other = town.peer("n2")
    other.fold()
    was = refs(town)
    assert plan_recovery(link(node)) == []
    assert refs(town) == was


@pytest.mark.parametrize("part", ["commit", "tree", "blob"])
def test_a_ref_whose_objects_are_lost_is_sent_again_by_whoever_has_them(town: Town, part: str) -> None:
    """Its own node does so at once, also when it only pushes; nobody else's work stops meanwhile."""
    node, _, was = an_hour(town)
    claim = was[f"{CLAIM}c"]
    names = {"commit": claim, "tree": f"{claim}^{{tree}}", "blob": f"{claim}:claim.json"}
    lose(town, Git(town.bare).text("rev-parse", names[part]))
    other = town.peer("n2")
    told: list[str] = []
    link(other).mends, link(other).broken.notice = True, told.append
    ledger = other.ledger()
    assert list(ledger.unreadable_claims) == ["c"]
    assert f"{CLAIM}c at {town.bare} names {claim[:12]}" in told[0]
    assert set(ledger.claims) == {"b"}
    link(node).mends = True
    Git(town.bare).config({"receive.fsckObjects": "false"})  # by git push, as to a server elsewhere
    node.bus.remote.push([RefUpdate(ref=f"{LOG}n1", expect=was[f"{LOG}n1"], new=was[MAIN])])
    if part != "commit":  # a push is refused only where the very commit is gone; the doctor and a recovery see it
        all_done(link(node))
    assert refs(town)[f"{CLAIM}c"] == claim
    other.ledger()  # a claim that cannot be read rests for a round
    assert set(other.ledger().claims) == {"b", "c"}


def test_a_ref_whose_commit_is_lost_on_this_disk_is_sent_again_by_the_next_look(town: Town) -> None:
    """The short way to a local ledger sees that the commit is gone, and leaves the rest to git."""
    node, _, was = an_hour(town)
    link(node).mends = True
    node.ledger()
    lose(town, was[f"{CLAIM}c"])
    node.ledger()
    assert Git(town.bare).text("cat-file", "-t", was[f"{CLAIM}c"]) == "commit"


def test_a_ref_whose_objects_nobody_has_is_set_aside_under_a_name_of_its_own(town: Town) -> None:
    """After a while by any node, and at once by a recovery: the mission is free again, and what was lost is told."""
    lost = town.peer("n1").commit({"claim.json": b"{}"}, "lost", onto=None, tree=None)
    other = town.peer("n2")
    (town.bare / "refs/shiftbook/claim").mkdir(parents=True)
    (town.bare / "refs/shiftbook/claim/a").write_text(lost + "\n")
    link(other).mends, link(other).broken.grace = True, 0.0
    other.ledger()
    assert f"{CLAIM}a" not in refs(town)
    assert [ref for ref in refs(town) if ref.startswith(SET_ASIDE)] == [f"{SET_ASIDE}claim/a-{lost[:10]}"]
    other.attempt("a")
    assert other.fold().missions == {"a": Status.DONE}


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "pushed by a full disk"])
def test_the_branchs_own_objects_come_back_from_any_clone(town: Town, noted: bool) -> None:
    """Until then a fetch says which objects are missing, and the line of the table brings them: also what no ref of the
    clone names, because its disk was full when it had pushed.
    """
    node, _, was = an_hour(town)
    lose(town, Git(town.bare).text("rev-parse", f"{was[MAIN]}:fleet.toml"))
    fresh = town.peer("n2")
    with pytest.raises(RemoteUnreachable, match="objects of refs/heads/main are missing"):
        fresh.bus.remote.fetch()
    clone = link(node).store._git.folder
    if not noted:
        Git(clone).run(
            "update-ref", "--stdin", stdin="".join(f"delete {ref}\n" for ref in Git(clone).refs("refs/")).encode()
        )
    pack = "pack-objects --all --keep-unreachable --pack-loose-unreachable --stdout -q < /dev/null"
    assert f"{pack} | " in Path("docs/operating.md").read_text(encoding="utf-8")
    line = f"git -C {clone} {pack} | git -C {town.bare} unpack-objects -q -r"
    subprocess.run(line, shell=True, check=True)
    assert set(fresh.ledger().claims) == {"b", "c"}


def test_a_clone_that_is_damaged_is_fetched_again(town: Town) -> None:
    """Nothing but what it alone had is in it: `ledger recover` first, if the server lacks something."""
    node, _, was = an_hour(town)
    folder = link(node).store._git.folder
    node.bus.remote.close()
    shutil.rmtree(folder)
    again = GitRemote(str(town.bare), folder)
    assert again.fetch()[MAIN] == was[MAIN]
    again.close()


def test_a_branch_that_was_rewritten_on_purpose_is_followed_by_a_fresh_clone(town: Town) -> None:
    """The old one is kept under another name until nothing is missed."""
    node, _, was = an_hour(town)
    folder = link(node).store._git.folder
    Git(town.bare).run("update-ref", MAIN, town.root)
    with pytest.raises(HistoryRewritten):
        node.bus.remote.fetch()
    node.bus.remote.close()
    folder.rename(folder.with_name("old.git"))
    again = GitRemote(str(town.bare), folder)
    assert again.fetch()[MAIN] == town.root
    again.close()
    assert Git(folder.with_name("old.git")).refs("refs/seen/heads/main") == {"refs/seen/heads/main": was[MAIN]}


def test_the_command_says_what_it_will_do_before_it_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a yes nothing changes; the doctor says what the server lacks; a second time there is nothing to do."""
    monkeypatch.setenv("SHIFTBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    server = Path(setup.init(tmp_path / "fleet", load_settings()).remote)
    shutil.copytree(server, tmp_path / "backup.git")
    person = Git(tmp_path / "fleet")
    (tmp_path / "fleet" / "missions" / "a.md").write_text("do it\n")
    person.run("add", "--all")
    person.run("commit", "--quiet", "-S", "-m", "a")
    person.run("push", "--quiet")
    door = wiring.fleet(load_settings())
    door.ledger()
    shutil.rmtree(server)
    shutil.copytree(tmp_path / "backup.git", server)
    before = Git(server).refs()
    asked = CliRunner().invoke(cli, ["ledger", "recover"])
    assert "refs/heads/main: the server is 1 commit behind" in asked.output
    assert "--yes" in asked.output
    assert Git(server).refs() == before
    assert [found.health for found in ledger_checks.check_server(load_settings())] == [check_result.CheckStatus.BROKEN]
    done = CliRunner().invoke(cli, ["ledger", "recover", "--yes", "--json"])
    assert [(step["ref"], step["failed"]) for step in json.loads(done.output)] == [(MAIN, "")]
    assert Git(server).text("rev-parse", MAIN) == person.text("rev-parse", "HEAD")
    assert "nothing to do" in CliRunner().invoke(cli, ["ledger", "recover"]).output
    assert list(ledger_checks.check_server(load_settings())) == []
