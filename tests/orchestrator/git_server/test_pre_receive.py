"""The gate before a real repository: real pushes, real signatures, and the ways round it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from missions.live_view import LiveView
from missions.message import MessageAnswer, MessageState, MissionMessage
from orchestrator.core.errors import WrongSetting
from orchestrator.core.settings import Settings
from orchestrator.git_server.pre_receive import PUSHER_VARIABLE, check_push, install_hook
from orchestrator.ledger import claims
from orchestrator.ledger.heartbeat.turn_record import FLEET_TURN, RECORD_FILE, TurnRecord, node_turn
from orchestrator.ledger.snapshot import HeldClaim
from orchestrator.ledger.steering.live_refs import live_commit, watch_commit
from orchestrator.ledger.steering.messages import answer_commit, message_commit, message_ref, read_filed_message
from orchestrator.workflow.queue_hold.queue_record import QUEUE_FILE, QueueRecord
from sync.errors import PushRefused
from sync.git_remote import GitRemote
from sync.heartbeat import Beat
from sync.objects import read_commit
from sync.remote import MOVED_MESSAGE, PushVerdict, RefUpdate
from tests.ledgers import FLEET, Keys, Peer, Town
from tests.orchestrator.git_server.conftest import gated
from tests.orchestrator.repositories import git

MAIN = "refs/heads/main"
CLAIM, BEAT, LOG = "refs/shiftbook/claim/m", "refs/shiftbook/beat/", "refs/shiftbook/log/"
COMMITS = 60
"""More than the checks of the rules' history read one by one before they ask git."""
TASK = "---\ntitle: Fix\n---\nFix it.\n"


@pytest.fixture
def town(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A ledger with an admin, an author and two nodes, behind the gate."""
    signers = keys.signers(ada=("admin", "author"), eve=("author",), vps=("node",), desk=("node",))
    files = {"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers, "missions/m.md": TASK}
    monkeypatch.delenv(PUSHER_VARIABLE, raising=False)
    with gated({**files, "projects/shop/PROJECT_CONTEXT.md": "# Shop\n"}, tmp_path) as town:
        yield town


def refused(peer: Peer, *updates: RefUpdate) -> str:
    """Pushes what must not be taken in; returns what the gate said to the pusher."""
    before = peer.line.fetch()
    remote = peer.line.remote
    assert isinstance(remote, GitRemote)
    folder = remote.store._git.folder
    leases = [f"--force-with-lease={u.ref}:{u.expect or ''}" for u in updates]
    words = ["git", "push", *leases, remote.url, *(f"{u.new or ''}:{u.ref}" for u in updates)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert peer.line.fetch() == before
    said = [line for line in done.stderr.splitlines() if line.startswith("remote: shiftbook: refs/")]
    assert len(said) == 1, done.stderr
    return said[0]


def commit_on_tip(peer: Peer, files: dict[str, str | bytes | None], message: str = "a commit") -> RefUpdate:
    """A commit on the branch's tip, to be pushed."""
    ledger = peer.ledger()
    return RefUpdate(ref=MAIN, expect=ledger.tip, new=peer.commit(files, message, onto=ledger.tip, tree=ledger.tree))


@pytest.mark.usefixtures("nobody_serves")
@pytest.mark.parametrize("by", ["", "vps"])
def test_a_whole_shift_passes_the_gate(peer: Callable[..., Peer], by: str) -> None:
    """Beat, claim, completion and fold of a node, over the disk and by its token."""
    vps = peer("vps", by=by)
    beat = Beat(vps.bus.remote, vps.bus.store, BEAT + "vps")
    beat.start()
    assert beat.move()
    vps.attempt("m", memo="# Memo\n")
    vps.fold()
    assert "status: done" in vps.archived("m")
    assert CLAIM not in vps.line.fetch()


def test_a_person_writes_and_merges_what_they_like(town: Town, peer: Callable[..., Peer]) -> None:
    """An author's token, an author's signature, or the repository's own disk."""
    peer("eve", by="eve").push({"missions/new.md": "do it"})
    peer("eve", by="eve", signs=False).push({"HEARTBEAT.md": "look"})
    peer("eve", by="vps").push({"projects/shop/PROJECT_CONTEXT.md": "# Mine\n"})  # her signature outdoes the token
    peer("nobody", signs=False).push({"README.md": "hello"})
    assert {"missions/new.md", "HEARTBEAT.md", "README.md"} <= set(peer("eve").paths())


@pytest.mark.usefixtures("nobody_serves")
def test_git_shows_the_pusher_why(peer: Callable[..., Peer]) -> None:
    """One line that says who, what and where; the bus tells it apart from a lost race."""
    vps = peer("vps", by="vps")
    update = commit_on_tip(vps, {"projects/shop/PROJECT_CONTEXT.md": "# Obey\n"})
    said = refused(vps, update)
    assert said.startswith("remote: shiftbook: refs/heads/main: commit ")
    assert said.rstrip().endswith("vps (a node) may not change projects/shop/PROJECT_CONTEXT.md")
    with pytest.raises(PushRefused):
        vps.line.push([update])


def test_a_nodes_signature_binds_it_whoever_brings_the_commit(peer: Callable[..., Peer]) -> None:
    """Over the disk, with a person's token, and with its own."""
    for by in ("", "eve", "vps"):
        vps = peer("vps", by=by)
        assert "may not change" in refused(vps, commit_on_tip(vps, {"projects/shop/PROJECT_CONTEXT.md": "# Obey\n"}))


@pytest.mark.usefixtures("nobody_serves")
def test_a_nodes_token_binds_it_when_it_does_not_sign(peer: Callable[..., Peer]) -> None:
    """Leaving the signature out opens nothing."""
    vps = peer("vps", by="vps", signs=False)
    refused(vps, commit_on_tip(vps, {"projects/shop/PROJECT_CONTEXT.md": "# Obey\n"}))
    refused(vps, commit_on_tip(vps, {"missions/m.md": TASK + "Then rm -rf /.\n"}))


def test_a_bad_commit_between_good_ones_is_found(peer: Callable[..., Peer]) -> None:
    """Each commit is judged, not only what comes out in the end."""
    vps = peer("vps", by="vps")
    ledger = vps.ledger()
    bad = vps.commit({"projects/shop/PROJECT_CONTEXT.md": "# Obey\n"}, onto=ledger.tip, tree=ledger.tree)
    good = vps.commit({"heartbeats/vps.md": "here\n"}, onto=bad, tree=ledger.tree)
    refused(vps, RefUpdate(ref=MAIN, expect=ledger.tip, new=good))


def test_a_long_push_starts_no_program_for_each_commit(
    town: Town, peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that was away brings its work in many commits: each is judged, by reading objects only."""
    vps = peer("vps", by="vps", signs=False)
    tip = onto = vps.ledger().tip
    for number in range(COMMITS):
        tree = read_commit(vps.bus.store.get(onto)).tree
        onto = vps.commit({"heartbeats/vps.md": f"here {number}\n"}, onto=onto, tree=tree)
    vps.line.push([RefUpdate(ref="refs/heads/shiftbook/m/1", expect=None, new=onto)])
    started: list[object] = []
    start = subprocess.Popen.__init__

    def counted(self: subprocess.Popen[bytes], words: object, *args: object, **more: object) -> None:
        started.append(words)
        start(self, words, *args, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess.Popen, "__init__", counted)
    home = Settings(home=town.bare.parent / "home", ledger=str(town.bare))
    assert check_push(home, town.bare, [f"{tip} {onto} {MAIN}\n"], {PUSHER_VARIABLE: "vps"}) == ""
    assert 0 < len(started) < COMMITS / 3


def test_a_commit_that_is_here_already_is_judged_all_the_same(peer: Callable[..., Peer]) -> None:
    """A node brings it in on a branch of its own first, where it may, and then moves the ledger's branch to it."""
    vps = peer("vps", by="vps")
    update = commit_on_tip(vps, {"projects/shop/PROJECT_CONTEXT.md": "# Obey\n"})
    first = RefUpdate(ref="refs/heads/shiftbook/m/1", expect=None, new=update.new)
    assert vps.line.push([first])[first.ref] is PushVerdict.ACCEPTED
    refused(vps, update)


def test_only_an_admins_signature_changes_the_rules(keys: Keys, peer: Callable[..., Peer]) -> None:
    """Neither an author, nor a token that is an admin's, nor the disk; an admin's key does, whoever brings it."""
    lines = keys.signers(ada=("admin", "author"), eve=("admin",), vps=("node",), desk=("node",))
    for name, by, signs in (("eve", "eve", True), ("eve", "ada", False), ("eve", "", False)):
        person = peer(name, by=by, signs=signs)
        refused(person, commit_on_tip(person, {"allowed_signers": lines}))
        refused(person, commit_on_tip(person, {"fleet.toml": FLEET.format(trust="remote")}))
        refused(person, commit_on_tip(person, {"allowed_signers": None}))
    peer("ada", by="eve").push({"allowed_signers": lines})
    peer("eve", by="eve").push({"fleet.toml": FLEET.format(trust="remote")})
    assert peer("eve").ledger().alarms == ()


def test_the_branch_is_not_rewritten(peer: Callable[..., Peer]) -> None:
    """Not even by an admin: every node that has seen it would stop."""
    ada = peer("ada", by="ada")
    root = ada.ledger()
    ada.push({"a": "b"})
    tip = ada.ledger().tip
    other = ada.commit({"c": "d"}, onto=root.tip, tree=root.tree)
    refused(ada, RefUpdate(ref=MAIN, expect=tip, new=other))
    refused(ada, RefUpdate(ref=MAIN, expect=tip, new=root.tip))


def test_no_replaced_object_gets_a_rewrite_through(town: Town, peer: Callable[..., Peer]) -> None:
    """The gate takes no replacement in, and reads none that is there already."""
    eve = peer("eve", by="eve")
    ledger = eve.ledger()
    lost = eve.commit({"README.md": b"history lost"}, onto=None, tree=ledger.tree)
    posing = eve.commit({"README.md": b"history lost"}, onto=ledger.tip, tree=ledger.tree)
    swap = RefUpdate(ref=f"refs/replace/{lost}", expect=None, new=posing)
    assert "no other refs" in refused(eve, swap)
    assert (
        eve.line.push([RefUpdate(ref="refs/heads/other", expect=None, new=lost)])["refs/heads/other"]
        is PushVerdict.ACCEPTED
    )
    assert eve.line.push([RefUpdate(ref="refs/heads/posing", expect=None, new=posing)])
    git(town.bare, "update-ref", swap.ref, str(posing))
    assert "only goes forward" in refused(eve, RefUpdate(ref=MAIN, expect=ledger.tip, new=lost))


def test_a_lie_about_the_branch_deletes_no_claim(town: Town, peer: Callable[..., Peer]) -> None:
    """A node says that the branch already was what it pushes, where the claim's end is told: git leaves the branch."""
    held = peer("desk", by="desk").hold("m")
    vps = peer("vps", by="vps")
    ledger, ended = vps.ledger(), TASK.replace("---\nFix", "epoch: 7\nattempt: 7\n---\nFix")
    lie = vps.commit({"missions/m.md": ended}, onto=ledger.tip, tree=ledger.tree)
    remote = vps.line.remote
    assert isinstance(remote, GitRemote)
    words = ("pack-objects", "--stdout", "--revs", "-q")
    pack = remote._git.run(*words, stdin=f"{lie}\n^{ledger.tip}\n".encode())
    lines = (f"{lie} {lie} {MAIN}\0 report-status agent=x\n", f"{held.oid} {'0' * 40} {CLAIM}\n")
    body = b"".join(b"%04x" % (len(line) + 4) + line.encode() for line in lines) + b"0000" + pack
    done = subprocess.run(
        ["git", "receive-pack", "--stateless-rpc", str(town.bare)], input=body, capture_output=True, check=False
    )
    assert f"{MAIN}: {MOVED_MESSAGE}" in done.stderr.decode()
    assert vps.line.fetch()[CLAIM] == held.oid


def test_a_fold_that_comes_late_has_lost_a_race(
    town: Town, peer: Callable[..., Peer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch moves between what git tells the folder and what it asks the gate: the folder tries again."""
    vps = peer("vps", by="vps")
    vps.end(vps.hold("m"))
    hook = town.bare / "hooks" / "pre-receive"
    eve = peer("eve", by="eve")
    other = commit_on_tip(eve, {"README.md": "other"}).new
    eve.line.push([RefUpdate(ref="refs/heads/topic", expect=None, new=other)])
    monkeypatch.setenv(PUSHER_VARIABLE, "vps")
    plain = hook.read_text()
    moves = f"env -u GIT_QUARANTINE_PATH git update-ref {MAIN} {other}\n"
    once = f"[ -e {tmp_path}/once ] || {{ touch {tmp_path}/once; {moves} }}\n"
    hook.write_text(plain.replace("#!/bin/sh\n", f"#!/bin/sh\n{once}"))
    vps.fold()
    assert (tmp_path / "once").exists()
    assert CLAIM not in vps.line.fetch()
    assert "status: done" in vps.archived("m")


def test_a_node_speaks_for_itself_only(peer: Callable[..., Peer]) -> None:
    """Another's beat, log, claim and late work are refused; so is a claim's deletion before the fold."""
    vps = peer("vps", by="vps")
    held = vps.hold("m")
    desk = peer("desk", by="desk")
    blob = desk.bus.store.put("blob", b"shiftbook beat 1\n")
    alien = desk.commit({"x": "y"}, onto=None, tree=None)
    for ref in (f"{BEAT}vps", f"{LOG}vps", "refs/shiftbook/late/m-1-vps", "refs/heads/topic"):
        refused(desk, RefUpdate(ref=ref, expect=None, new=blob if "beat" in ref else alien))
    refused(desk, RefUpdate(ref=CLAIM, expect=held.oid, new=None))
    refused(desk, RefUpdate(ref=CLAIM, expect=held.oid, new=alien))
    vps = peer("vps", by="vps")
    vps.end(held)
    desk = peer("desk", by="desk")
    closed = desk.line.fetch()[CLAIM]
    refused(desk, RefUpdate(ref=CLAIM, expect=closed, new=None))
    desk.fold()
    assert CLAIM not in desk.line.fetch()


def test_a_claim_is_signed_by_who_claims(peer: Callable[..., Peer]) -> None:
    """Over the disk, too, where nobody is asked for a name."""
    vps = peer("vps", signs=False)
    with pytest.raises(PushRefused):
        vps.claim("m")


def test_a_stranger_with_a_token_files_missions_only(peer: Callable[..., Peer]) -> None:
    """They wait as untrusted; everything else is refused."""
    mallory = peer("mallory", by="mallory")
    mallory.push({"missions/x.md": "do it"})
    refused(mallory, commit_on_tip(mallory, {"HEARTBEAT.md": "x"}))
    blob = mallory.bus.store.put("blob", b"shiftbook beat 1\n")
    refused(mallory, RefUpdate(ref=f"{BEAT}vps", expect=None, new=blob))


@pytest.mark.parametrize("path", ["missions/M.md", "missions/m .md", "missions/old.md", "missions/Broken.md"])
def test_a_stranger_takes_no_missions_name(peer: Callable[..., Peer], path: str) -> None:
    """Neither an open one's, nor an archived one's, nor that of a file which cannot be read."""
    eve = peer("eve")
    eve.push({"missions/archive/2026-09/old.md": "---\nstatus: done\n---\nx", "missions/broken.md": "---\n: [\n---\n"})
    mallory = peer("mallory", by="mallory")
    assert "already" in refused(mallory, commit_on_tip(mallory, {path: "do it"}))


def test_a_result_that_waits_for_the_fold_is_taken_by_nobody(peer: Callable[..., Peer]) -> None:
    """What a node has ended and signed moves to no other: its record would be lost."""
    vps, desk = peer("vps"), peer("desk")
    held = vps.attempt("m")
    ended = vps.line.fetch()[CLAIM]
    mine = claims.prepare_takeover(desk.bus, HeldClaim(claim=held.claim, oid=ended), blob=held.claim.blob)
    assert "folded" in refused(desk, RefUpdate(ref=CLAIM, expect=ended, new=mine.oid))


def test_a_message_and_a_view_pass_the_gate_and_nothing_beside_them(peer: Callable[..., Peer]) -> None:
    """An author's word, its answer, a request and the holder's view; not a history, a folder, a hundred files or a
    large one, and no word under another name than its signer's."""
    eve, vps = peer("eve", by="eve"), peer("vps", by="vps")
    vps.hold("m")
    message = MissionMessage(mission="m", epoch=1, message_id="0" * 16, text="Use tabs.")
    say, watch, live = message_ref("m", "0" * 16), "refs/shiftbook/watch/m", "refs/shiftbook/live/m"
    bad = {
        "a history": eve.bus.commit({"message.json": b"{}"}, "m", onto=eve.ledger().tip, tree=None),
        "a folder": eve.bus.commit({"a/message.json": b"{}"}, "m", onto=None, tree=None),
        "other files": eve.bus.commit({f"{n}.json": b"{}" for n in range(100)}, "m", onto=None, tree=None),
        "a large one": eve.bus.commit({"message.json": b"a" * 600_000}, "m", onto=None, tree=None),
    }
    peer("eve", by="eve")
    for oid in bad.values():
        refused(eve, RefUpdate(ref=say, expect=None, new=oid))
    first = message_commit(eve.bus, message)
    eve.line.push([RefUpdate(ref=say, expect=None, new=first)])
    eve.line.push([RefUpdate(ref=watch, expect=None, new=watch_commit(eve.bus, "m"))])
    filed = read_filed_message(eve.bus.store, say, first)
    peer("desk", by="desk")
    desk = peer("desk", by="desk")
    view = LiveView(mission="m", epoch=1, attempt=1, node="vps", agent="command")
    refused(desk, RefUpdate(ref=live, expect=None, new=live_commit(desk.bus, view)))
    peer("vps", by="vps")
    vps.line.fetch()
    answered = answer_commit(vps.bus, filed, MessageAnswer(state=MessageState.QUEUED, epoch=1, node="vps"))
    vps.line.push([RefUpdate(ref=live, expect=None, new=live_commit(vps.bus, view))])
    refused(vps, RefUpdate(ref=say, expect=first, new=None))
    vps.line.push([RefUpdate(ref=say, expect=first, new=answered)])
    vps.line.push([RefUpdate(ref=ref, expect=vps.line.fetch()[ref], new=None) for ref in (say, watch, live)])


def test_a_word_upon_a_queue_passes_the_gate_and_no_history(peer: Callable[..., Peer]) -> None:
    """A node's record has no past; an author's word stands upon it, and brings nothing else along."""
    vps, eve = peer("vps", by="vps"), peer("eve", by="eve")
    queue, record = "refs/shiftbook/queue/shop", {QUEUE_FILE: QueueRecord(node="vps").print()}
    peer("vps", by="vps")
    said = vps.bus.commit(record, "queue", onto=None, tree=None)
    vps.line.push([RefUpdate(ref=queue, expect=None, new=said)])
    peer("eve", by="eve")
    eve.line.fetch()
    for onto in (eve.ledger().tip, None):
        alone = eve.bus.commit(record, "queue", onto=onto, tree=None)
        refused(eve, RefUpdate(ref=queue, expect=said, new=alone))
    word = eve.bus.commit(record, "without m", onto=said, tree=None)
    eve.line.push([RefUpdate(ref=queue, expect=said, new=word)])
    assert eve.line.fetch()[queue] == word


def test_a_record_of_turns_passes_the_gate_and_nothing_beside_it(peer: Callable[..., Peer]) -> None:
    """A node's own and the fleet's, moved to a commit without a past; not another node's, a history or other files."""
    vps = peer("vps", by="vps")
    ledger = vps.ledger()
    record = {RECORD_FILE: TurnRecord().print()}
    good = vps.bus.commit(record, "turn", onto=None, tree=None)
    history = vps.bus.commit(record, "turn", onto=ledger.tip, tree=ledger.tree)
    other = vps.bus.commit(record | {"more.json": b"{}"}, "turn", onto=None, tree=None)
    for ref, oid in (
        (FLEET_TURN, history),
        (FLEET_TURN, other),
        (node_turn("desk"), good),
        ("refs/shiftbook/turn/x", good),
    ):
        refused(vps, RefUpdate(ref=ref, expect=None, new=oid))
    for ref in (FLEET_TURN, node_turn("vps")):
        assert vps.line.push([RefUpdate(ref=ref, expect=None, new=good)])[ref] is PushVerdict.ACCEPTED
    eve = peer("eve", by="eve")
    eve.line.fetch()
    forged = eve.bus.commit(record, "turn", onto=None, tree=None)
    assert "the node that looked" in refused(eve, RefUpdate(ref=FLEET_TURN, expect=good, new=forged))


def test_one_bad_ref_refuses_the_push_whole(peer: Callable[..., Peer]) -> None:
    """The good ones wait until they are pushed alone."""
    vps = peer("vps", by="vps")
    blob = vps.bus.store.put("blob", b"shiftbook beat 1\n")
    mine, other = (RefUpdate(ref=f"{BEAT}{name}", expect=None, new=blob) for name in ("vps", "desk"))
    refused(vps, mine, other)
    assert vps.line.push([mine])[mine.ref] is PushVerdict.ACCEPTED


def test_before_there_is_a_ledger_nothing_is_guarded(tmp_path: Path, keys: Keys) -> None:
    """The first push founds it."""
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "new.git")
    install_hook(tmp_path / "new.git", Settings(home=tmp_path / "home", ledger=str(tmp_path / "new.git")))
    git(tmp_path, "clone", "--quiet", "new.git", "clone")
    (tmp_path / "clone" / "allowed_signers").write_text(keys.signers(ada=("admin",)))
    git(tmp_path / "clone", "add", ".")
    git(tmp_path / "clone", "commit", "--quiet", "-m", "found")
    git(tmp_path / "clone", "push", "--quiet", "origin", "HEAD:main")


def test_a_judged_push_that_fails_leaves_no_trace_in_what_this_machine_trusts(
    town: Town, keys: Keys, peer: Callable[..., Peer], tmp_path: Path
) -> None:
    """The gate looks at commits that may never be on the branch: it remembers none of them."""
    ada = peer("ada", by="ada")
    update = commit_on_tip(ada, {"allowed_signers": keys.signers(ada=("admin",))})
    bad = RefUpdate(ref="refs/shiftbook/log/vps", expect=None, new=update.new)
    refused(ada, update, bad)
    peer("eve", by="eve").push({"missions/y.md": "still goes"})
    assert str(update.new) not in (tmp_path / "home" / "pin.json").read_text()


def test_another_hook_is_not_overwritten(town: Town, tmp_path: Path) -> None:
    """It is somebody's; a person must decide."""
    hook = town.bare / "hooks" / "pre-receive"
    settings = Settings(home=tmp_path / "home", ledger=str(town.bare))
    before = hook.stat().st_ino
    install_hook(town.bare, settings)
    assert hook.stat().st_ino == before
    hook.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(WrongSetting, match="is not the gate"):
        install_hook(town.bare, settings)
    assert os.access(hook, os.X_OK)


ENTRY = "\n## 2026-11-0{n}T10:00:00Z · ada\n<!-- entry: e-{n} -->\n\n### Work Accomplished\n\nwork {n}\n"
JOURNAL = "# Log\n" + ENTRY.format(n=1) + ENTRY.format(n=2)
WAYS = {
    "deleted": {"SESSION_LOG.md": None},
    "emptied": {"SESSION_LOG.md": "# Log\n"},
    "an entry changed": {"SESSION_LOG.md": JOURNAL.replace("work 1", "play 1")},
    "an entry taken out": {"SESSION_LOG.md": JOURNAL.replace(ENTRY.format(n=1), "")},
    "a month changed": {"log/2026-10.md": "# Log\n" + ENTRY.format(n=3).replace("work", "play")},
    "a project's folder deleted": {"projects/shop/SESSION_LOG.md": None, "projects/shop/PROJECT_CONTEXT.md": None},
    "moved where no log is": {"SESSION_LOG.md": "# Log\n" + ENTRY.format(n=2), "old.md": JOURNAL},
}


def test_the_journal_is_only_added_to_by_everybody(peer: Callable[..., Peer]) -> None:
    """An unsigned push at the server's own disk, an admin's and an author's: none changes what the journal says."""
    _journal(peer)
    nobody = peer("nobody", signs=False)
    for way, change in WAYS.items():
        assert "the journal is only added to" in refused(nobody, commit_on_tip(nobody, change)), way
    for name, signs in (("ada", True), ("eve", False)):
        person = peer(name, by=name, signs=signs)
        assert "e-1 would be changed or lost" in refused(person, commit_on_tip(person, WAYS["an entry changed"]))


def test_the_journal_is_not_lost_on_a_detour(peer: Callable[..., Peer]) -> None:
    """By two commits, or by a merge whose first parent never had the entry."""
    _journal(peer)
    eve = peer("eve", by="eve")
    ledger = eve.ledger()
    first = eve.commit({"README.md": "x"}, "one", onto=ledger.tip, tree=ledger.tree)
    second = eve.commit({"SESSION_LOG.md": "# Log\n"}, "two", onto=first, tree=_tree(eve, first))
    assert "only added to" in refused(eve, RefUpdate(ref=MAIN, expect=ledger.tip, new=second))


def test_what_the_journal_takes_of_people(peer: Callable[..., Peer]) -> None:
    """More entries; a month that moves; a renamed project; and what an admin owns up to in a signed commit."""
    _journal(peer)
    eve = peer("eve", by="eve")
    eve.push({"SESSION_LOG.md": JOURNAL + ENTRY.format(n=4)})
    eve.push({"SESSION_LOG.md": "# Log\n" + ENTRY.format(n=4), "log/2026-11.md": JOURNAL})
    text = "# Log\n" + ENTRY.format(n=5)
    eve.push({"projects/shop/SESSION_LOG.md": None, "projects/store/SESSION_LOG.md": text})
    change: dict[str, str | bytes | None] = {"SESSION_LOG.md": "# Log\n" + ENTRY.format(n=4).replace("work", "****")}
    message = "Take a secret out\n\nAlters-Log: e-4\n"
    for other in (eve, peer("nobody", signs=False)):
        assert "only added to" in refused(other, commit_on_tip(other, change, message))
    ada = peer("ada")
    assert ada.line.push([commit_on_tip(ada, change, message)])


def _journal(peer: Callable[..., Peer]) -> None:
    """The ledger with entries in the running log, in an old month and in a project's log."""
    logs = {"SESSION_LOG.md": JOURNAL, "log/2026-10.md": "# Log\n" + ENTRY.format(n=3)}
    peer("ada").push({**logs, "projects/shop/SESSION_LOG.md": "# Log\n" + ENTRY.format(n=5)})


def _tree(peer: Peer, commit: str) -> str:
    return read_commit(peer.bus.store.get(commit)).tree
