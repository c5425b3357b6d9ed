"""Hostile pushes to a served ledger: what somebody with a token and no key of the fleet's tries at its gate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.git_server.pre_receive import PUSHER_VARIABLE
from sync.remote import RefUpdate
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.orchestrator.git_server.conftest import gated
from tests.orchestrator.git_server.test_pre_receive import BEAT, CLAIM, LOG, MAIN, TASK, commit_on_tip, refused


@pytest.fixture
def town(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A ledger behind its gate."""
    signers = keys.signers(ada=("admin", "author"), vps=("node",), desk=("node",))
    files = {"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers, "missions/m.md": TASK}
    monkeypatch.delenv(PUSHER_VARIABLE, raising=False)
    with gated(files, tmp_path) as town:
        yield town


REFS = (
    *("refs/heads/topic", "refs/heads/shiftbook/m/1", "refs/heads/recovered-0123456789", "refs/tags/v1"),
    *("refs/notes/commits", "refs/shiftbook/late/m-1-mallory", "refs/shiftbook/late/m-1-vps"),
    *("refs/shiftbook/set-aside/claim/m-0123456789", "refs/shiftbook/other", "refs/remotes/origin/main", "refs/stash"),
)


@pytest.mark.parametrize("ref", [*REFS, f"refs/replace/{'0' * 40}", f"{LOG}mallory", f"{LOG}vps", f"{BEAT}vps"])
def test_a_stranger_makes_no_ref(peer: Callable[..., Peer], ref: str) -> None:
    """Neither a branch nor a tag, nor anything by which git or a node reads something else."""
    mallory = peer("mallory", by="mallory")
    commit = mallory.commit({"x": "y"}, onto=None, tree=None)
    refused(mallory, RefUpdate(ref=ref, expect=None, new=commit))


def test_a_stranger_puts_no_old_claim_back(peer: Callable[..., Peer]) -> None:
    """A claim that a node signed once, and let go of, would hold the mission in its name for a lease or for ever."""
    vps = peer("vps", by="vps")
    held = vps.hold("m")
    mallory = peer("mallory", by="mallory")
    mallory.line.fetch()
    vps = peer("vps", by="vps")
    assert vps.line.push([RefUpdate(ref=CLAIM, expect=held.oid, new=None)])
    peer("mallory", by="mallory")  # from here on it is his token again
    refused(mallory, RefUpdate(ref=CLAIM, expect=None, new=held.oid))
    refused(mallory, RefUpdate(ref="refs/shiftbook/claim/other", expect=None, new=held.oid))


def test_a_stranger_moves_no_nodes_claim_on(peer: Callable[..., Peer]) -> None:
    """Not even by the child that its node has made and not yet pushed, nor away."""
    held = peer("vps", by="vps").hold("m")
    mallory = peer("mallory", by="mallory")
    refused(mallory, RefUpdate(ref=CLAIM, expect=held.oid, new=None))
    child = mallory.commit({"x": "y"}, onto=held.oid, tree=None)
    refused(mallory, RefUpdate(ref=CLAIM, expect=held.oid, new=child))


def test_a_stranger_replays_no_log(peer: Callable[..., Peer]) -> None:
    """A record that a node has signed is pushed by that node."""
    vps = peer("vps", by="vps")
    vps.attempt("m")
    log = vps.line.fetch()[f"{LOG}vps"]
    refused(peer("mallory", by="mallory"), RefUpdate(ref=f"{LOG}desk", expect=None, new=log))


ODD = (
    *("missions/x.txt", "missions/sub/x.md", "missions/README.md", "missions/.md", "missions/../x.md", "MISSIONS/x.md"),
    *("missions/archive/2026-11/x.md", "missions/archive/x.md", "heartbeats/vps.md", "memos/x.md", "log/2026-11.md"),
    *("SESSION_LOG.md", "PORTFOLIO_CONTEXT.md", "fleet.toml", "allowed_signers", ".gitattributes", ".gitmodules"),
    *("knowledge/x.md", "conflicts/x.md", ".github/workflows/x.yml", "AGENTS.md", "CLAUDE.md"),
)


@pytest.mark.parametrize("path", [path for path in ODD if ".." not in path])
def test_a_stranger_writes_missions_only(peer: Callable[..., Peer], path: str) -> None:
    """No document that people or agents read, no rules, no archive, nothing that git or a host acts on."""
    mallory = peer("mallory", by="mallory")
    refused(mallory, commit_on_tip(mallory, {path: "do it"}))


@pytest.mark.parametrize("name", ["ｍ", "M", "m.", "m ", "-m", "m-", "_m_", "ḿ"])
def test_no_other_script_or_dot_makes_a_name_new(peer: Callable[..., Peer], name: str) -> None:
    """What would be read as the same mission is refused; what is another one waits as untrusted."""
    mallory = peer("mallory", by="mallory")
    assert "already" in refused(mallory, commit_on_tip(mallory, {f"missions/{name}.md": "do it"}))
    ledger = mallory.ledger()
    assert ledger.open["m"].path == "missions/m.md"


def test_a_stranger_merges_nothing(peer: Callable[..., Peer]) -> None:
    """By a merge a commit that an admin signed elsewhere would come in."""
    ada = peer("ada", by="mallory")
    ledger = ada.ledger()
    side = ada.commit({"fleet.toml": FLEET.format(trust="remote")}, onto=ledger.tip, tree=ledger.tree)
    git = ada.line.remote.store._git  # type: ignore[attr-defined]
    who = {f"GIT_{role}_{what}": "mallory" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    words = ("commit-tree", "-p", ledger.tip, "-p", side, "-m", "merge", f"{side}^{{tree}}")
    merge = git.run(*words, env=who).decode().strip()
    refused(ada, RefUpdate(ref=MAIN, expect=ledger.tip, new=merge))


def test_an_orphan_is_no_way_forward(peer: Callable[..., Peer]) -> None:
    """A branch that begins anew, or ends, is refused to everybody."""
    for name in ("mallory", "ada"):
        who = peer(name, by=name)
        tip = who.ledger().tip
        refused(who, RefUpdate(ref=MAIN, expect=tip, new=who.commit({"x": "y"}, onto=None, tree=None)))
        refused(who, RefUpdate(ref=MAIN, expect=tip, new=None))


def test_a_flood_of_missions_is_judged_in_a_moment(peer: Callable[..., Peer]) -> None:
    """Hundreds in one push are looked at against one reading of the ledger, not against one for each of them."""
    mallory = peer("mallory", by="mallory")
    update = commit_on_tip(mallory, {f"missions/flood{n:03d}.md": f"do {n}" for n in range(400)})
    began = time.process_time()
    mallory.line.push([update])
    assert len(mallory.ledger().open) + len(mallory.ledger().quarantined) >= 400
    assert time.process_time() - began < 60
